//! The context directory: who works here, who the patients are, who cares for whom, who is on shift.

use std::fmt::Write;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use anyhow::{Context, Result};

use super::super::dice::Dice;
use super::super::hospital::Department;
use super::super::name_lists::{CITIES, DIRECTIONS, STREET_KINDS, STREETS};
use super::super::names::Surname;
use super::super::people::{Contact, Day, People, Person};
use super::super::text::{Instants, date_of, push_encounter, push_patient, push_user};
use crate::model::context::RelationshipKind;

type Table = csv::Writer<BufWriter<File>>;

fn table(dir: &Path, name: &str, header: &[&str]) -> Result<Table> {
    let path = dir.join(format!("{name}.csv"));
    let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    let mut table = csv::Writer::from_writer(BufWriter::with_capacity(256 * 1024, file));
    table.write_record(header)?;
    Ok(table)
}

fn user_text(user: u32) -> String {
    let mut text = String::new();
    push_user(&mut text, user);
    text
}

fn patient_text(patient: u32) -> String {
    let mut text = String::new();
    push_patient(&mut text, patient);
    text
}

fn surname_text(name: Option<Surname>) -> String {
    let mut text = String::new();
    if let Some(name) = name {
        name.write(&mut text);
    }
    text
}

fn date_text(day: Option<Day>) -> String {
    day.map_or_else(String::new, |day| date_of(day).to_string())
}

const fn flag(is_set: bool) -> &'static str {
    if is_set { "true" } else { "false" }
}

/// Writes people the way records hold them: the same address and phone in several spellings.
struct Spelling<'a> {
    people: &'a People,
    hard: bool,
    dice: &'a mut Dice,
}

impl Spelling<'_> {
    /// Street, city and postal code.
    fn address(&mut self, person: &Person) -> [String; 3] {
        let home = self.people.homes[person.home as usize];
        let street = usize::from(home.street);
        let (short, long) = STREET_KINDS[street / STREETS.len() % STREET_KINDS.len()];
        let direction = DIRECTIONS[street / (STREETS.len() * STREET_KINDS.len()) % DIRECTIONS.len()];
        let style = if self.hard { self.dice.below(6) } else { 0 };
        let kind = if style == 1 || style == 3 { long } else { short };
        let mut text = format!("{} {direction}{} {kind}", home.number, STREETS[street % STREETS.len()]);
        if style == 2 {
            text.push('.');
        }
        if home.unit > 0 {
            let _ = match style {
                1 => write!(text, " #{}", home.unit),
                2 => write!(text, ", Unit {}", home.unit),
                _ => write!(text, " Apt {}", home.unit),
            };
        }
        if style >= 3 && self.dice.chance(0.4) {
            text.make_ascii_uppercase();
        }
        let mut postal = format!("90{:03}", street % 90 + 100);
        if self.hard && self.dice.chance(0.15) {
            let _ = write!(postal, "-{:04}", 1_000 + home.number);
        }
        [text, CITIES[street % 90 % CITIES.len()].to_owned(), postal]
    }

    fn phone(&mut self, person: &Person) -> String {
        let (exchange, line) = (person.phone / 10_000, person.phone % 10_000);
        match if self.hard { self.dice.below(4) } else { 0 } {
            1 => format!("(555) {exchange:03}-{line:04}"),
            2 => format!("555{exchange:03}{line:04}"),
            3 => format!("+1 555 {exchange:03} {line:04}"),
            _ => format!("555-{exchange:03}-{line:04}"),
        }
    }
}

/// Writes workforce, patients and related_persons.
pub(in super::super) fn write_people(
    dir: &Path,
    people: &People,
    departments: &[Department],
    hard: bool,
    dice: &mut Dice,
) -> Result<()> {
    let mut spelling = Spelling { people, hard, dice };
    write_workforce(dir, departments, &mut spelling)?;
    write_patients(dir, &mut spelling)?;
    write_contacts(dir, &mut spelling)
}

fn write_workforce(dir: &Path, departments: &[Department], spelling: &mut Spelling<'_>) -> Result<()> {
    let header = "user_id given_name family_name previous_family_names role department manager_id patient_id street \
                  city postal_code phone hired_on ended_on birth_date";
    let mut table = table(dir, "workforce", &header.split_whitespace().collect::<Vec<_>>())?;
    for (user, staff) in spelling.people.staff.iter().enumerate() {
        let user = user as u32;
        let [street, city, postal] = spelling.address(&staff.person);
        table.write_record([
            user_text(user).as_str(),
            staff.person.given,
            &surname_text(Some(staff.person.family)),
            &surname_text(staff.person.former),
            spelling.people.role(departments, user).title,
            &departments[usize::from(staff.department)].name,
            &staff.manager.map_or_else(String::new, user_text),
            &staff.patient.map_or_else(String::new, patient_text),
            &street,
            &city,
            &postal,
            &spelling.phone(&staff.person),
            &date_text(Some(staff.hired_on)),
            &date_text(staff.ended_on),
            &date_text(Some(staff.person.born)),
        ])?;
    }
    Ok(table.flush()?)
}

fn write_patients(dir: &Path, spelling: &mut Spelling<'_>) -> Result<()> {
    let header = "patient_id given_name family_name previous_family_names birth_date street city postal_code phone \
                  is_vip is_restricted deceased_on is_decoy merged_into";
    let mut table = table(dir, "patients", &header.split_whitespace().collect::<Vec<_>>())?;
    for (index, patient) in spelling.people.patients.iter().enumerate() {
        let [street, city, postal] = spelling.address(&patient.person);
        table.write_record([
            patient_text(index as u32).as_str(),
            patient.person.given,
            &surname_text(Some(patient.person.family)),
            &surname_text(patient.person.former),
            &date_text(Some(patient.person.born)),
            &street,
            &city,
            &postal,
            &spelling.phone(&patient.person),
            flag(patient.is_vip),
            flag(patient.is_restricted),
            &date_text(patient.deceased_on),
            flag(patient.is_decoy),
            &patient.merged_into.map_or_else(String::new, patient_text),
        ])?;
    }
    Ok(table.flush()?)
}

fn write_contacts(dir: &Path, spelling: &mut Spelling<'_>) -> Result<()> {
    let header = "related_person_id patient_id relation given_name family_name phone related_patient_id";
    let mut table = table(dir, "related_persons", &header.split_whitespace().collect::<Vec<_>>())?;
    let people = spelling.people;
    for (number, (patient, relation, contact)) in people.contacts.iter().enumerate() {
        let (person, own) = match contact {
            Contact::Patient(other) => (&people.patients[*other as usize].person, Some(*other)),
            Contact::Staff(user) => (&people.staff[*user as usize].person, people.staff[*user as usize].patient),
            Contact::Stranger(person) => (person.as_ref(), None),
        };
        let own = own.filter(|_| spelling.dice.chance(0.6));
        table.write_record([
            format!("c{number:06}").as_str(),
            &patient_text(*patient),
            relation,
            person.given,
            &surname_text(Some(person.family)),
            &spelling.phone(person),
            &own.map_or_else(String::new, patient_text),
        ])?;
    }
    Ok(table.flush()?)
}

/// Who a relationship names.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Holder {
    User(u32),
    Department(u16),
}

/// A documented reason to use a chart. Instants are microseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Relation {
    pub(in super::super) kind: RelationshipKind,
    pub(in super::super) patient: u32,
    pub(in super::super) holder: Holder,
    pub(in super::super) from: i64,
    /// `None` = open.
    pub(in super::super) until: Option<i64>,
    pub(in super::super) recorded: i64,
    pub(in super::super) by: Option<u32>,
    /// 0 = none.
    pub(in super::super) encounter: u32,
}

/// A rostered shift, or one version of it.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct ShiftRow {
    pub(in super::super) number: u32,
    pub(in super::super) user: u32,
    pub(in super::super) department: u16,
    pub(in super::super) from: i64,
    pub(in super::super) until: i64,
    pub(in super::super) recorded: i64,
}

/// Writes relationships and shifts while the simulation makes them.
pub(in super::super) struct Facts {
    relationships: Table,
    shifts: Table,
    departments: Vec<String>,
    instants: Instants,
    /// How many rows have been written.
    pub(in super::super) relationship_count: u64,
    pub(in super::super) shift_count: u64,
}

impl Facts {
    pub(in super::super) fn create(dir: &Path, departments: &[Department]) -> Result<Self> {
        let relationships = "relationship_id kind patient_id user_id department starts_at ends_at recorded_at \
                             recorded_by encounter_id";
        let shifts = "shift_id user_id department starts_at ends_at recorded_at";
        Ok(Self {
            relationships: table(dir, "relationships", &relationships.split_whitespace().collect::<Vec<_>>())?,
            shifts: table(dir, "shifts", &shifts.split_whitespace().collect::<Vec<_>>())?,
            departments: departments.iter().map(|department| department.name.clone()).collect(),
            instants: Instants::default(),
            relationship_count: 0,
            shift_count: 0,
        })
    }

    fn instant(&mut self, micros: i64) -> String {
        let mut text = String::with_capacity(27);
        self.instants.push(&mut text, micros);
        text
    }

    pub(in super::super) fn relationship(&mut self, relation: &Relation) -> Result<()> {
        self.relationship_count += 1;
        let (user, department) = match relation.holder {
            Holder::User(user) => (user_text(user), ""),
            Holder::Department(department) => (String::new(), self.departments[usize::from(department)].as_str()),
        };
        let mut id = String::with_capacity(9);
        let _ = write!(id, "r{:07}", self.relationship_count);
        let mut encounter = String::new();
        if relation.encounter > 0 {
            push_encounter(&mut encounter, relation.encounter);
        }
        self.relationships.write_field(&id)?;
        self.relationships.write_field(relation.kind.name())?;
        self.relationships.write_field(patient_text(relation.patient))?;
        self.relationships.write_field(&user)?;
        self.relationships.write_field(department)?;
        for instant in [Some(relation.from), relation.until, Some(relation.recorded)] {
            let text = instant.map_or_else(String::new, |micros| self.instant(micros));
            self.relationships.write_field(text)?;
        }
        self.relationships.write_field(relation.by.map_or_else(String::new, user_text))?;
        self.relationships.write_field(&encounter)?;
        Ok(self.relationships.write_record(None::<&[u8]>)?)
    }

    pub(in super::super) fn shift(&mut self, shift: &ShiftRow) -> Result<()> {
        self.shift_count += 1;
        let instants = [shift.from, shift.until, shift.recorded].map(|micros| self.instant(micros));
        let department = &self.departments[usize::from(shift.department)];
        let [from, until, recorded] = &instants;
        let (id, user) = (format!("s{:07}", shift.number), user_text(shift.user));
        Ok(self.shifts.write_record([&id, &user, department, from, until, recorded])?)
    }

    pub(in super::super) fn finish(mut self) -> Result<(u64, u64)> {
        self.relationships.flush()?;
        self.shifts.flush()?;
        Ok((self.relationship_count, self.shift_count))
    }
}
