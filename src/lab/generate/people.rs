//! Who lives where, who is whose relative, who works here and who is a patient.

use super::dice::Dice;
use super::hospital::{Department, Role};
use super::name_lists::{DIRECTIONS, STREET_KINDS, STREETS};
use super::names::{Names, Surname};

/// A day, counted from 1970-01-01.
pub(super) type Day = i32;

/// What a record says about a person.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) given: &'static str,
    pub(super) female: bool,
    pub(super) family: Surname,
    pub(super) former: Option<Surname>,
    pub(super) born: Day,
    /// Index into [`People::homes`].
    pub(super) home: u32,
    /// Seven digits.
    pub(super) phone: u32,
}

/// An address; `unit` 0 = none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Home {
    pub(super) street: u16,
    pub(super) number: u16,
    pub(super) unit: u16,
}

#[derive(Debug)]
pub(super) struct Patient {
    pub(super) person: Person,
    pub(super) is_vip: bool,
    pub(super) is_restricted: bool,
    pub(super) is_decoy: bool,
    pub(super) deceased_on: Option<Day>,
    pub(super) merged_into: Option<u32>,
}

impl Patient {
    fn of(person: Person) -> Self {
        Self { person, is_vip: false, is_restricted: false, is_decoy: false, deceased_on: None, merged_into: None }
    }

    /// Whether this record can stand for somebody who comes to be treated.
    pub(super) const fn can_be_treated(&self) -> bool {
        !self.is_decoy && self.deceased_on.is_none() && self.merged_into.is_none()
    }
}

#[derive(Debug)]
pub(super) struct Staff {
    pub(super) person: Person,
    pub(super) department: u16,
    pub(super) role: u8,
    pub(super) patient: Option<u32>,
    pub(super) manager: Option<u32>,
    pub(super) hired_on: Day,
    pub(super) ended_on: Option<Day>,
    /// Where in its weekly and daily cycle the person's roster stands.
    pub(super) turn: u8,
}

impl Staff {
    /// Whether the person is employed on that day.
    pub(super) fn works_here_on(&self, day: Day) -> bool {
        self.hired_on <= day && self.ended_on.is_none_or(|last| day <= last)
    }
}

/// What ties a member of staff to a patient outside work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tie {
    Household,
    Relative,
    FormerPartner,
}

/// Whom a patient named as a contact.
#[derive(Debug)]
pub(super) enum Contact {
    Patient(u32),
    Staff(u32),
    Stranger(Box<Person>),
}

/// The population around one hospital.
pub(super) struct People {
    pub(super) homes: Vec<Home>,
    pub(super) patients: Vec<Patient>,
    pub(super) staff: Vec<Staff>,
    /// (staff, patient, tie), sorted.
    pub(super) ties: Vec<(u32, u32, Tie)>,
    /// (patient, relation, contact), sorted by patient.
    pub(super) contacts: Vec<(u32, &'static str, Contact)>,
}

impl People {
    /// The role of a member of staff.
    pub(super) fn role<'a>(&self, departments: &'a [Department], user: u32) -> &'a Role {
        let staff = &self.staff[user as usize];
        &departments[usize::from(staff.department)].roles[usize::from(staff.role)]
    }
}

/// What the population is made from.
pub(super) struct Census<'a> {
    pub(super) patients: u32,
    pub(super) departments: &'a [Department],
    pub(super) first_day: Day,
    pub(super) days: u32,
    pub(super) hard: bool,
}

/// Makes the population.
pub(super) fn populate(census: &Census<'_>, dice: &mut Dice) -> People {
    let staff: u32 = census.departments.iter().map(|department| department.size).sum();
    let streets =
        ((census.patients + staff) / 40).clamp(6, (STREETS.len() * STREET_KINDS.len() * DIRECTIONS.len()) as u32);
    let mut town = Town {
        names: Names::new(census.patients + staff, census.hard),
        dice,
        census,
        last_home: vec![Home { street: 0, number: 0, unit: 0 }; streets as usize],
        people: People {
            homes: Vec::new(),
            patients: Vec::new(),
            staff: Vec::new(),
            ties: Vec::new(),
            contacts: Vec::new(),
        },
    };
    town.hire();
    town.add_families_of_staff();
    town.add_public();
    town.mark_records();
    town.number_records();
    town.people
}

struct Town<'a> {
    names: Names,
    dice: &'a mut Dice,
    census: &'a Census<'a>,
    /// The newest home of each street.
    last_home: Vec<Home>,
    people: People,
}

impl Town<'_> {
    fn new_home(&mut self) -> u32 {
        let street = self.dice.index(self.last_home.len());
        let mut home = self.last_home[street];
        home.street = street as u16;
        if home.number > 0 && self.dice.chance(0.12) {
            home.unit += 1;
        } else {
            home.number += 1 + self.dice.below(5) as u16;
            home.unit = u16::from(self.dice.chance(0.1));
        }
        self.last_home[street] = home;
        self.people.homes.push(home);
        self.people.homes.len() as u32 - 1
    }

    fn person(&mut self, family: Surname, home: u32, age: i64) -> Person {
        let female = self.dice.chance(0.52);
        self.person_of(female, family, home, age)
    }

    fn person_of(&mut self, female: bool, family: Surname, home: u32, age: i64) -> Person {
        let born = i64::from(self.census.first_day) - age.max(0) * 365 - self.dice.between(1, 365);
        Person {
            given: self.names.given(female, family, self.dice),
            female,
            family: self.names.respelt(family, !female, self.dice),
            former: None,
            born: born as Day,
            home,
            phone: self.dice.below(10_000_000),
        }
    }

    fn age_of(&self, person: &Person) -> i64 {
        i64::from(self.census.first_day - person.born) / 365
    }

    /// Somebody who lives with `adult` as a partner.
    fn partner_of(&mut self, adult: &Person) -> Person {
        let age = (self.age_of(adult) + self.dice.between(-6, 6)).max(19);
        let own = self.names.surname(self.dice);
        let mut partner = self.person_of(!adult.female, own, adult.home, age);
        if self.dice.chance(0.65) {
            partner.former = (partner.female && self.dice.chance(0.5)).then_some(partner.family);
            partner.family = self.names.respelt(adult.family, !partner.female, self.dice);
        } else if self.dice.chance(0.2) {
            partner.family = partner.family.hyphenated_with(adult.family);
        }
        partner
    }

    /// The people at `adult`'s home beside `adult`.
    fn others_at_home(&mut self, adult: &Person, most: u32) -> Vec<Person> {
        let age = self.age_of(adult);
        let mut others = Vec::new();
        if self.dice.chance(0.7) {
            others.push(self.partner_of(adult));
        }
        let children = if (24..62).contains(&age) { self.dice.run(0.55, 4) } else { 0 };
        for _ in 0..children {
            let of_partner = others.first().filter(|_| self.dice.chance(0.1)).map(|partner| partner.family);
            let child_age = (age - self.dice.between(20, 38)).clamp(0, 22);
            others.push(self.person(of_partner.unwrap_or(adult.family), adult.home, child_age));
        }
        let landline = adult.phone;
        for other in &mut others {
            if self.dice.chance(0.35) {
                other.phone = landline;
            }
        }
        others.truncate(most as usize);
        others
    }

    fn hire(&mut self) {
        let mut managers = Vec::new();
        for (index, department) in self.census.departments.iter().enumerate() {
            managers.push(self.people.staff.len() as u32);
            for number in 0..department.size {
                let home = self.new_home();
                let family = self.names.surname(self.dice);
                let age = self.dice.between(22, 66);
                let mut person = self.person(family, home, age);
                if person.female && self.dice.chance(0.3) {
                    person.former = Some(self.names.surname(self.dice));
                }
                let hired = i64::from(self.census.first_day) - self.dice.between(60, 200 + (age - 22) * 250);
                let leaves = self.dice.chance(0.01);
                let last = i64::from(self.census.first_day) + self.dice.between(-30, i64::from(self.census.days));
                self.people.staff.push(Staff {
                    person,
                    department: index as u16,
                    role: department.role_of(number),
                    patient: None,
                    manager: if number == 0 { managers.first().copied() } else { managers.last().copied() },
                    hired_on: hired as Day,
                    ended_on: leaves.then_some(last as Day),
                    turn: self.dice.below(210) as u8,
                });
            }
        }
        if let Some(head) = self.people.staff.first_mut() {
            head.manager = None;
        }
    }

    fn add_patient(&mut self, person: Person) -> u32 {
        self.people.patients.push(Patient::of(person));
        self.people.patients.len() as u32 - 1
    }

    fn tie(&mut self, user: u32, person: Person, tie: Tie, relation: &'static str, listed: f64) {
        let patient = self.add_patient(person);
        self.people.ties.push((user, patient, tie));
        if self.dice.chance(listed) {
            self.people.contacts.push((patient, relation, Contact::Staff(user)));
        }
    }

    fn add_families_of_staff(&mut self) {
        let most = self.census.patients as usize * 3 / 5;
        for user in 0..self.people.staff.len() as u32 {
            if self.people.patients.len() + 8 > most {
                return;
            }
            let person = self.people.staff[user as usize].person.clone();
            if self.dice.chance(0.35) {
                let own = self.add_patient(person.clone());
                self.people.staff[user as usize].patient = Some(own);
            }
            if self.dice.chance(0.45) {
                for other in self.others_at_home(&person, 3) {
                    let relation = if self.age_of(&other) < 23 { "parent" } else { "spouse" };
                    self.tie(user, other, Tie::Household, relation, 0.5);
                }
            }
            if self.dice.chance(0.35) {
                self.add_kin(user, &person);
            }
            if self.dice.chance(0.08) {
                self.add_former_partner(user, &person);
            }
        }
    }

    fn add_kin(&mut self, user: u32, person: &Person) {
        let home = self.new_home();
        let maiden = person.former.filter(|_| self.dice.chance(0.8)).unwrap_or(person.family);
        for _ in 0..1 + self.dice.run(0.4, 2) {
            let is_parent = self.dice.chance(0.4);
            let years = if is_parent { self.dice.between(20, 36) } else { self.dice.between(-10, 10) };
            let mut kin = self.person(maiden, home, (self.age_of(person) + years).clamp(1, 97));
            if kin.female && !is_parent && self.dice.chance(0.35) {
                kin.former = Some(kin.family);
                kin.family = self.names.surname(self.dice);
            }
            self.tie(user, kin, Tie::Relative, if is_parent { "child" } else { "sibling" }, 0.35);
        }
    }

    fn add_former_partner(&mut self, user: u32, person: &Person) {
        let home = self.new_home();
        let mut former = self.partner_of(person);
        former.home = home;
        self.tie(user, former, Tie::FormerPartner, "former spouse", 1.0);
    }

    fn add_public(&mut self) {
        let target = self.census.patients as usize;
        let nursing_home = self.new_home();
        while self.people.patients.len() < target {
            let home = self.new_home();
            let family = self.names.surname(self.dice);
            let age = self.dice.between(19, 92);
            let mut adult = self.person(family, home, age);
            let first = self.people.patients.len() as u32;
            if age >= 76 && self.dice.chance(0.2) {
                adult.home = nursing_home;
                self.add_patient(adult);
            } else {
                let others = if self.dice.chance(0.6) { self.others_at_home(&adult, 5) } else { Vec::new() };
                self.add_patient(adult);
                for other in others {
                    self.add_patient(other);
                }
            }
            self.people.patients.truncate(target);
            self.add_contacts(first);
            if self.people.patients.len() < target && self.dice.chance(0.004) {
                let copy = Patient::of(self.people.patients[first as usize].person.clone());
                self.people.patients.push(Patient { merged_into: Some(first), ..copy });
            }
        }
    }

    /// Contacts of the household whose first record is `first`.
    fn add_contacts(&mut self, first: u32) {
        let end = self.people.patients.len() as u32;
        for patient in first..end {
            if !self.dice.chance(0.45) {
                continue;
            }
            if end - first > 1 {
                let other = first + (patient - first + 1) % (end - first);
                let age = self.age_of(&self.people.patients[patient as usize].person);
                let relation = if age < 20 { "parent" } else { "spouse" };
                self.people.contacts.push((patient, relation, Contact::Patient(other)));
            } else {
                let family = self.names.surname(self.dice);
                let stranger = self.person(family, 0, 40);
                self.people.contacts.push((patient, "friend", Contact::Stranger(Box::new(stranger))));
            }
        }
    }

    /// Marks well-known, restricted, deceased and decoy records, none of them tied to staff.
    fn mark_records(&mut self) {
        let mut tied: Vec<bool> = vec![false; self.people.patients.len()];
        for tie in &self.people.ties {
            tied[tie.1 as usize] = true;
        }
        for own in self.people.staff.iter().filter_map(|staff| staff.patient) {
            tied[own as usize] = true;
        }
        let mut free: Vec<u32> = (0..tied.len() as u32).filter(|&patient| !tied[patient as usize]).collect();
        self.dice.shuffle(&mut free);
        let count = self.people.patients.len();
        let marks = [(1 + count / 700, 0), (1 + count / 250, 1), (count / 1_500, 2), (count / 70, 3)];
        let mut free = free.into_iter().filter(|&patient| self.people.patients[patient as usize].merged_into.is_none());
        let marked: Vec<(u32, usize)> = marks
            .iter()
            .flat_map(|&(number, mark)| {
                free.by_ref().take(number).map(move |patient| (patient, mark)).collect::<Vec<_>>()
            })
            .collect();
        for (patient, mark) in marked {
            let died = self.census.first_day - self.dice.between(2, 700) as Day;
            let record = &mut self.people.patients[patient as usize];
            match mark {
                0 => record.is_vip = true,
                1 => record.is_restricted = true,
                2 => record.is_decoy = true,
                _ => record.deceased_on = Some(died),
            }
        }
    }

    /// Gives records their numbers in random order, so that no household is numbered in a row.
    fn number_records(&mut self) {
        let people = &mut self.people;
        let mut order: Vec<u32> = (0..people.patients.len() as u32).collect();
        self.dice.shuffle(&mut order);
        let mut slots: Vec<Option<Patient>> = Vec::new();
        slots.resize_with(order.len(), || None);
        for (old, patient) in people.patients.drain(..).enumerate() {
            slots[order[old] as usize] = Some(patient);
        }
        people.patients = slots.into_iter().flatten().collect();
        let renumbered = |old: u32| order[old as usize];
        for patient in &mut people.patients {
            patient.merged_into = patient.merged_into.map(renumbered);
        }
        for staff in &mut people.staff {
            staff.patient = staff.patient.map(renumbered);
        }
        for tie in &mut people.ties {
            tie.1 = renumbered(tie.1);
        }
        for contact in &mut people.contacts {
            contact.0 = renumbered(contact.0);
            if let Contact::Patient(other) = &mut contact.2 {
                *other = renumbered(*other);
            }
        }
        people.ties.sort_unstable();
        people.contacts.sort_by_key(|contact| contact.0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::hospital::departments;
    use super::*;

    fn population(patients: u32, staff: u32) -> People {
        let departments = departments(staff);
        let census = Census { patients, departments: &departments, first_day: 20_605, days: 7, hard: false };
        populate(&census, &mut Dice::new(1, 0))
    }

    #[test]
    fn a_population_has_the_size_asked_for() {
        for (patients, staff) in [(1, 1), (50, 10), (2_000, 150)] {
            let people = population(patients, staff);
            assert_eq!((people.patients.len() as u32, people.staff.len() as u32), (patients, staff));
        }
    }

    #[test]
    fn ties_are_what_they_say() {
        let people = population(2_000, 150);
        let same_home = |user: u32, patient: u32| {
            people.staff[user as usize].person.home == people.patients[patient as usize].person.home
        };
        for &(user, patient, tie) in &people.ties {
            assert_eq!(same_home(user, patient), tie == Tie::Household);
        }
        for tie in [Tie::Household, Tie::Relative, Tie::FormerPartner] {
            assert!(people.ties.iter().any(|t| t.2 == tie));
        }
        assert!(people.ties.iter().any(|&(user, patient, tie)| {
            let (user, patient) = (&people.staff[user as usize].person, &people.patients[patient as usize].person);
            tie == Tie::Household && user.family.root() != patient.family.root()
        }));
    }

    #[test]
    fn marked_records_exist_and_are_nobodys_relatives() {
        let people = population(2_000, 150);
        let tied: Vec<u32> = people.ties.iter().map(|tie| tie.1).collect();
        let mut marked = people.patients.iter().enumerate().filter(|(_, p)| p.is_vip || !p.can_be_treated());
        assert!(people.patients.iter().any(|p| p.is_vip) && people.patients.iter().any(|p| p.is_decoy));
        assert!(people.patients.iter().any(|p| p.merged_into.is_some()));
        assert!(marked.all(|(index, _)| !tied.contains(&(index as u32))));
    }
}
