//! Who will look without a reason at whom, and on which day: decided before the first day.

use rustc_hash::{FxHashMap, FxHashSet};

use super::dice::Dice;
use super::people::{People, Tie};
use super::sim::World;
use super::snoop::Kind;

/// Looks along one street.
const LOOKS: usize = 6;

/// One person's looks without a reason.
#[derive(Clone, Debug)]
pub(super) struct Episode {
    pub(super) kind: Kind,
    pub(super) user: u32,
    pub(super) patients: Vec<u32>,
    /// First day on which it may happen.
    pub(super) day: i32,
}

/// What will be done without a reason, and what therefore must not look like work.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) episodes: Vec<Episode>,
    pairs: FxHashSet<(u32, u32)>,
    users: FxHashSet<u32>,
    departments: FxHashMap<u32, Vec<u16>>,
    /// (day, patient), sorted.
    visits: Vec<(i32, u32)>,
    visit_patients: Vec<u32>,
}

impl Plan {
    /// Whether this person's accesses to this patient are labelled.
    pub(super) fn bars(&self, user: u32, patient: u32) -> bool {
        self.pairs.contains(&(user, patient))
    }

    /// Whether a record of this patient in this department would explain a labelled access.
    pub(super) fn bars_department(&self, patient: u32, department: u16) -> bool {
        self.departments.get(&patient).is_some_and(|departments| departments.contains(&department))
    }

    /// Whether the person snoops at all.
    pub(super) fn involves(&self, user: u32) -> bool {
        self.users.contains(&user)
    }

    /// Patients who come on that day so that there is something to look at.
    pub(super) fn visits_on(&self, day: i32) -> &[u32] {
        let from = self.visits.partition_point(|visit| visit.0 < day);
        let until = self.visits.partition_point(|visit| visit.0 <= day);
        &self.visit_patients[from..until]
    }

    fn add(&mut self, people: &People, episode: Episode, visit: bool) {
        let department = people.staff[episode.user as usize].department;
        for &patient in &episode.patients {
            self.pairs.insert((episode.user, patient));
            self.departments.entry(patient).or_default().push(department);
        }
        self.users.insert(episode.user);
        if visit && !self.visits.iter().any(|&(_, patient)| patient == episode.patients[0]) {
            self.visits.push((episode.day, episode.patients[0]));
        }
        self.episodes.push(episode);
    }
}

/// How much snooping there is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Amount {
    /// So many episodes of each kind.
    Each(u32),
    /// So many episodes for a thousand days of one employee; at least one of each kind.
    Rate(f64),
}

impl Amount {
    fn of(self, kind: Kind, world: &World) -> u32 {
        match self {
            Self::Each(count) => count,
            Self::Rate(rate) if rate <= 0.0 => 0,
            Self::Rate(rate) => {
                let days = world.people.staff.len() as f64 * f64::from(world.days);
                ((rate * days / 1_000.0 * kind.share()).round() as u32).max(1)
            }
        }
    }
}

/// Plans every episode.
pub(super) fn plan(world: &World, amount: Amount, dice: &mut Dice) -> Plan {
    let mut planner = Planner { world, dice, plan: Plan::default(), tried: FxHashSet::default() };
    for kind in Kind::ALL {
        for _ in 0..amount.of(kind, world) {
            match kind {
                Kind::Curiosity => planner.curiosity(),
                Kind::Harvesting => planner.harvesting(),
                Kind::Street => planner.street(),
                Kind::Leaver => planner.leaver(),
                _ => planner.pair(kind),
            }
        }
    }
    let mut plan = planner.plan;
    plan.episodes.sort_by_key(|episode| (episode.day, episode.user));
    plan.visits.sort_unstable();
    plan.visit_patients = plan.visits.iter().map(|visit| visit.1).collect();
    plan
}

struct Planner<'a> {
    world: &'a World,
    dice: &'a mut Dice,
    plan: Plan,
    tried: FxHashSet<(u32, u32)>,
}

impl Planner<'_> {
    fn start_day(&mut self) -> i32 {
        self.dice.below(self.world.days.saturating_sub(2).max(1)) as i32
    }

    fn user(&mut self) -> u32 {
        self.dice.index(self.world.people.staff.len()) as u32
    }

    fn free_user(&mut self) -> Option<u32> {
        for _ in 0..50 {
            let user = self.user();
            if self.is_free(user) {
                return Some(user);
            }
        }
        None
    }

    fn is_free(&self, user: u32) -> bool {
        let staff = &self.world.people.staff[user as usize];
        staff.ended_on.is_none() && !self.plan.involves(user)
    }

    fn pair(&mut self, kind: Kind) {
        for _ in 0..400 {
            let Some((user, patient)) = self.candidate(kind) else { continue };
            if !self.is_free(user) || !self.tried.insert((user, patient)) {
                continue;
            }
            let is_real = kind != Kind::Decoy;
            if is_real && !self.world.people.patients[patient as usize].can_be_treated() {
                continue;
            }
            let day = self.start_day();
            let visit = is_real && kind != Kind::Own && self.dice.chance(0.6);
            self.plan.add(&self.world.people, Episode { kind, user, patients: vec![patient], day }, visit);
            return;
        }
    }

    fn candidate(&mut self, kind: Kind) -> Option<(u32, u32)> {
        let people = &self.world.people;
        let tied = |tie| people.ties.iter().filter(move |t| t.2 == tie).collect::<Vec<_>>();
        match kind {
            Kind::Household => self.dice.pick(&tied(Tie::Household)).map(|tie| (tie.0, tie.1)),
            Kind::ExPartner => self.dice.pick(&tied(Tie::FormerPartner)).map(|tie| (tie.0, tie.1)),
            Kind::SurnameRelative => {
                let tie = *self.dice.pick(&tied(Tie::Relative))?;
                share_a_name(people, tie.0, tie.1).then_some((tie.0, tie.1))
            }
            Kind::Neighbor => self.neighbor(),
            Kind::Vip | Kind::Decoy => {
                let is_decoy = kind == Kind::Decoy;
                let is_marked = |patient: &u32| {
                    let record = &people.patients[*patient as usize];
                    if is_decoy { record.is_decoy } else { record.is_vip }
                };
                let marked: Vec<u32> = (0..people.patients.len() as u32).filter(is_marked).collect();
                Some((self.user(), self.dice.pick(&marked).copied()?))
            }
            Kind::Coworker => {
                let (user, step) = (self.user(), self.dice.between(1, 40) as usize);
                let other = people.staff.get(user as usize + step)?;
                let same = other.department == people.staff[user as usize].department;
                other.patient.filter(|_| same).map(|patient| (user, patient))
            }
            _ => {
                let user = self.user();
                people.staff[user as usize].patient.map(|patient| (user, patient))
            }
        }
    }

    /// Patients who live in the same street as an employee, so many numbers apart.
    fn along_the_street(&self, user: u32, distance: std::ops::RangeInclusive<u32>) -> Vec<u32> {
        let people = &self.world.people;
        let own = people.homes[people.staff[user as usize].person.home as usize];
        let near = people.patients.iter().enumerate().filter(|(_, patient)| {
            let home = people.homes[patient.person.home as usize];
            home.street == own.street && distance.contains(&u32::from(home.number.abs_diff(own.number)))
        });
        near.map(|(patient, _)| patient as u32).collect()
    }

    fn neighbor(&mut self) -> Option<(u32, u32)> {
        let people = &self.world.people;
        let user = self.user();
        let near = self.along_the_street(user, 1..=12);
        let patient = self.dice.pick(&near).copied()?;
        let is_tied = people.ties.iter().any(|tie| (tie.0, tie.1) == (user, patient));
        (!is_tied).then_some((user, patient))
    }

    /// A patient with no mark and no tie.
    fn stranger(&mut self) -> Option<u32> {
        let patients = self.world.people.patients.len();
        (0..50).find_map(|_| Some(self.dice.index(patients) as u32).filter(|&patient| self.is_stranger(patient)))
    }

    fn is_stranger(&self, patient: u32) -> bool {
        let people = &self.world.people;
        let record = &people.patients[patient as usize];
        record.can_be_treated() && !record.is_vip && !people.ties.iter().any(|tie| tie.1 == patient)
    }

    /// As many strangers, whose record numbers follow each other.
    fn one_number_after_the_other(&self, patients: &mut Vec<u32>) {
        let all = self.world.people.patients.len() as u32;
        let first = patients.first().copied().unwrap_or(0).min(all / 2);
        let wanted = patients.len();
        *patients = (first..all).filter(|&patient| self.is_stranger(patient)).take(wanted).collect();
    }

    /// Somebody who has left, or leaves before the log ends, uses the account once more.
    fn leaver(&mut self) {
        let (first, last) = (self.world.first_day, self.world.first_day + self.world.days as i32 - 3);
        let staff = self.world.people.staff.iter().enumerate();
        let gone = staff.filter(|(_, staff)| staff.ended_on.is_some_and(|end| end < last));
        let gone: Vec<(u32, i32)> = gone.filter_map(|(user, staff)| Some((user as u32, staff.ended_on?))).collect();
        let free: Vec<(u32, i32)> = gone.into_iter().filter(|(user, _)| !self.plan.involves(*user)).collect();
        let Some(&(user, end)) = self.dice.pick(&free) else { return };
        let Some(patient) = self.stranger() else { return };
        let day = (end + 2 - first).max(0) + self.dice.below(2) as i32;
        let episode = Episode { kind: Kind::Leaver, user, patients: vec![patient], day };
        self.plan.add(&self.world.people, episode, false);
    }

    fn curiosity(&mut self) {
        let Some(patient) = self.stranger() else { return };
        let day = self.start_day();
        let most = (self.world.people.staff.len() / 8).min(12) as u32;
        let wanted = if most > 5 { 5 + self.dice.below(most - 4) } else { most };
        for _ in 0..wanted {
            let Some(user) = self.free_user() else { return };
            let episode = Episode { kind: Kind::Curiosity, user, patients: vec![patient], day };
            self.plan.add(&self.world.people, episode, true);
        }
    }

    /// A few people of the street, too far away for one look to say much.
    fn street(&mut self) {
        let people = &self.world.people;
        for _ in 0..200 {
            let Some(user) = self.free_user() else { return };
            let is_stranger = |patient: &u32| self.is_stranger(*patient);
            let mut near: Vec<u32> = self.along_the_street(user, 18..=34).into_iter().filter(is_stranger).collect();
            if near.len() < LOOKS {
                continue;
            }
            self.dice.shuffle(&mut near);
            let gap = (self.world.days / LOOKS as u32).max(1);
            for (day, patient) in (0..).step_by(gap as usize).zip(near.into_iter().take(LOOKS)) {
                let episode = Episode { kind: Kind::Street, user, patients: vec![patient], day };
                self.plan.add(people, episode, false);
            }
            return;
        }
    }

    fn harvesting(&mut self) {
        let Some(user) = self.free_user() else { return };
        let most = (self.world.people.patients.len() / 20).min(90) as u32;
        let wanted = if most > 30 { 30 + self.dice.below(most - 29) } else { most };
        let mut patients: Vec<u32> = (0..wanted).filter_map(|_| self.stranger()).collect();
        patients.sort_unstable();
        patients.dedup();
        if user % 2 == 1 {
            self.one_number_after_the_other(&mut patients);
        }
        if !patients.is_empty() {
            let day = self.start_day();
            self.plan.add(&self.world.people, Episode { kind: Kind::Harvesting, user, patients, day }, false);
        }
    }
}

/// Whether any of the two people's names, former ones included, have a root in common.
fn share_a_name(people: &People, user: u32, patient: u32) -> bool {
    let names = |person: &super::people::Person| [Some(person.family.root()), person.former.map(|name| name.root())];
    let own = names(&people.staff[user as usize].person);
    names(&people.patients[patient as usize].person).iter().flatten().any(|root| own.contains(&Some(*root)))
}
