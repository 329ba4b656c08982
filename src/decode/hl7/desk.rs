//! The desk that reads HL7 messages one after another and remembers what they said.
//!
//! A message says what changed, not what holds; so the desk keeps each visit, patient and
//! appointment, and tells only what a message changed. A message that comes twice changes nothing.

mod merge;

use std::collections::BTreeMap;

use super::heading::Heading;
use super::message::{Message, Segment};
use super::visit::{Change, Facts, News, Visit};
use super::{appointment, fields, patient, staff, time};
use crate::decode::Fault;
use crate::decode::time::LocalClock;
use crate::model::context::{ContextRecord, ContextUpdate, Patient, RelatedPerson};
use crate::model::reject::RejectCode;
use crate::model::time::Timestamp;

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Visit(Change),
    /// A person, whether here or not (A28, A31).
    Person,
    Merge,
    /// A visit or account goes on under another number, or belongs to another patient.
    Move,
    /// A person is deleted.
    Removal,
    Booking,
    Cancellation,
    /// An appointment is over before its end.
    Discontinuation,
    Order,
    Staff,
}

impl Kind {
    fn of(message: &Message<'_>) -> Option<Self> {
        let (code, event) = message.kind();
        let has = |name| message.segment(name).is_some();
        match (code.as_str(), event.as_str()) {
            ("ADT", event) => Self::of_adt(event),
            ("SIU", "S15" | "S17") => Some(Self::Cancellation),
            ("SIU", "S16") => Some(Self::Discontinuation),
            ("SIU", "S12" | "S13" | "S14" | "S18" | "S19" | "S20" | "S21" | "S22" | "S26") => {
                Some(if appointment::is_called_off(message) { Self::Cancellation } else { Self::Booking })
            }
            ("ORM" | "OMG" | "OML" | "OMI" | "OMP" | "OMB" | "OMD" | "OMS" | "OMN" | "RDE", _)
                if has("ORC") || has("OBR") =>
            {
                Some(Self::Order)
            }
            ("MFN" | "PMU", _) if has("STF") || staff::is_of_staff(message) => Some(Self::Staff),
            _ => None,
        }
    }

    fn of_adt(event: &str) -> Option<Self> {
        Some(match event {
            "A01" | "A04" => Self::Visit(Change::Admit),
            "A05" | "A14" => Self::Visit(Change::Expect),
            "A02" | "A06" | "A07" => Self::Visit(Change::Transfer),
            "A03" => Self::Visit(Change::Discharge),
            "A08" | "A10" | "A21" | "A22" | "A54" | "A55" | "A61" | "A62" => Self::Visit(Change::Update),
            "A11" | "A23" | "A27" | "A38" => Self::Visit(Change::Cancel),
            "A12" => Self::Visit(Change::CancelTransfer),
            "A13" => Self::Visit(Change::CancelDischarge),
            // Accounts of one patient that become one (A35, A41) say nothing of care.
            "A28" | "A31" | "A35" | "A41" => Self::Person,
            "A18" | "A30" | "A34" | "A36" | "A39" | "A40" | "A46" | "A47" => Self::Merge,
            "A44" | "A45" | "A49" | "A50" => Self::Move,
            "A29" => Self::Removal,
            _ => return None,
        })
    }
}

/// A patient as known so far.
#[derive(Clone, Debug)]
struct Chart {
    /// `recorded` is left blank.
    patient: Patient,
    contacts: BTreeMap<String, RelatedPerson>,
    heard_at: Timestamp,
}

#[derive(Clone, Debug)]
struct Appointment {
    facts: Facts,
    heard_at: Timestamp,
}

/// What all messages so far said, by visit, patient and appointment.
#[derive(Clone, Debug, Default)]
pub struct Desk {
    visits: BTreeMap<String, Visit>,
    charts: BTreeMap<String, Chart>,
    appointments: BTreeMap<String, Appointment>,
    /// When the message before was sent.
    last_heard: Option<Timestamp>,
}

impl Desk {
    /// Takes one message and tells what it changes.
    ///
    /// # Errors
    /// `NotApplicable` for a message about something else, `MissingField` or `InvalidValue` where it
    /// lacks what identifies it. A message with an error changes nothing.
    pub fn take(&mut self, message: &Message<'_>, clock: &mut LocalClock) -> Result<Vec<ContextUpdate>, Fault> {
        let Some(kind) = Kind::of(message) else {
            let sentence = "an HL7 message of a kind that says nothing about care relationships";
            return Err(Fault::new(RejectCode::NotApplicable, sentence));
        };
        let heading = Heading::read(message, self.last_heard, clock)?;
        if heading.is_dated {
            self.last_heard = Some(heading.heard_at);
        }
        let mut updates = Vec::new();
        match kind {
            Kind::Merge => self.merge(message, &heading, &mut updates)?,
            Kind::Staff => updates = staff::updates(message, &heading)?,
            _ => self.take_of_patient(message, kind, &heading, clock, &mut updates)?,
        }
        Ok(updates)
    }

    /// Takes a message about the patient whom its first PID names.
    fn take_of_patient(
        &mut self,
        message: &Message<'_>,
        kind: Kind,
        heading: &Heading,
        clock: &mut LocalClock,
        updates: &mut Vec<ContextUpdate>,
    ) -> Result<(), Fault> {
        let pid = message.segment("PID").ok_or_else(no_patient)?;
        let id = fields::patient_id(pid).ok_or_else(no_patient)?;
        match kind {
            Kind::Booking | Kind::Cancellation | Kind::Discontinuation => {
                self.appointment(message, &id, kind, heading, clock, updates)?;
                self.patient(message, pid, &id, heading, false, updates);
            }
            Kind::Order => {
                let facts = appointment::ordered(message, &id, heading, clock);
                changes(&Facts::new(), facts, heading.heard_at, heading, updates);
                self.patient(message, pid, &id, heading, false, updates);
                if message.segment("PV1").is_some() && fields::visit_number(message).is_some() {
                    self.visit(message, &id, Change::Update, heading, clock, updates);
                }
            }
            Kind::Visit(change) => {
                self.patient(message, pid, &id, heading, true, updates);
                self.visit(message, &id, change, heading, clock, updates);
            }
            Kind::Move => {
                self.patient(message, pid, &id, heading, true, updates);
                self.relocate(message, &id, heading, updates);
            }
            Kind::Removal => self.remove(&id, heading, updates),
            Kind::Person | Kind::Merge | Kind::Staff => {
                self.patient(message, pid, &id, heading, true, updates);
                self.visit(message, &id, Change::Update, heading, clock, updates);
            }
        }
        Ok(())
    }

    /// Patient and contacts. Only ADT keeps them current; other messages introduce a patient.
    fn patient(
        &mut self,
        message: &Message<'_>,
        pid: Segment<'_>,
        id: &str,
        heading: &Heading,
        is_current: bool,
        updates: &mut Vec<ContextUpdate>,
    ) {
        let known = self.charts.get(id);
        if known.is_some_and(|chart| !is_current || heading.heard_at < chart.heard_at) {
            return;
        }
        let mut patient = known.map_or_else(|| blank(id), |chart| chart.patient.clone());
        patient::demographics(&mut patient, pid, heading.date);
        patient::flags(&mut patient, message);
        let contacts = patient::contacts(message, &patient);
        self.keep(patient, heading, updates);
        if is_current {
            fields::other_numbers(pid, id).iter().for_each(|other| self.end(other, id, heading, updates));
        }
        let Some(chart) = self.charts.get_mut(id) else { return };
        let retired = if is_current { patient::retired(&contacts, &chart.contacts) } else { Vec::new() };
        let contacts = contacts.into_iter().chain(retired.into_iter().map(|id| (id, None)));
        for (id, contact) in contacts {
            let key = format!("hl7/contact/{id}");
            match contact {
                Some(contact) if chart.contacts.get(&id) != Some(&contact) => {
                    let told = RelatedPerson { recorded: heading.recorded(heading.heard_at), ..contact.clone() };
                    tell(updates, key, ContextRecord::RelatedPerson(told));
                    chart.contacts.insert(id, contact);
                }
                Some(_) => {}
                None => {
                    chart.contacts.remove(&id);
                    updates.push(ContextUpdate { key, record: None, withdrawn_at: heading.heard_at });
                }
            }
        }
    }

    /// Keeps a patient, and tells of what is new.
    fn keep(&mut self, patient: Patient, heading: &Heading, updates: &mut Vec<ContextUpdate>) {
        let known = self.charts.get_mut(&patient.patient_id);
        let heard_at = known.as_ref().map_or(heading.heard_at, |chart| chart.heard_at.max(heading.heard_at));
        if known.as_ref().is_none_or(|chart| chart.patient != patient) {
            let recorded = heading.recorded(heard_at);
            let key = format!("hl7/patient/{}", patient.patient_id);
            tell(updates, key, ContextRecord::Patient(Patient { recorded, ..patient.clone() }));
        }
        match known {
            Some(chart) => (chart.patient, chart.heard_at) = (patient, heard_at),
            None => {
                let chart = Chart { patient: patient.clone(), contacts: BTreeMap::new(), heard_at };
                self.charts.insert(patient.patient_id, chart);
            }
        }
    }

    /// The visit that a message speaks of. An update without one may name a patient's physicians.
    fn visit(
        &mut self,
        message: &Message<'_>,
        patient: &str,
        change: Change,
        heading: &Heading,
        clock: &mut LocalClock,
        updates: &mut Vec<ContextUpdate>,
    ) {
        let mut news = news(message, patient, change, heading, clock);
        let number = fields::visit_number(message);
        let is_about_visit = message.segment("PV1").is_some() && !is_person(message);
        let own = match fields::visit_key(message) {
            Some(name) => Some(name).filter(|name| is_about_visit || self.visits.contains_key(name)),
            None if is_about_visit => self.unnumbered(&news),
            None => None,
        };
        let (name, number) = match own {
            Some(name) => (name, number),
            None if change == Change::Update && !(news.roles.is_empty() && news.ties.is_empty()) => {
                (news.admitted, news.discharged, news.place) = (None, None, None);
                (format!("patient/{patient}"), None)
            }
            None => return,
        };
        let (visit, before) = match self.visits.get_mut(&name) {
            Some(visit) => {
                let before = visit.facts(&name);
                (visit, before)
            }
            None => {
                let mut visit = Visit::new(number, &news);
                let mut before = Facts::new();
                if change == Change::Cancel {
                    // An earlier run may have told of it.
                    visit.hear(&News { change: Change::Admit, ..news.clone() });
                    before = visit.facts(&name);
                }
                (self.visits.entry(name.clone()).or_insert(visit), before)
            }
        };
        visit.hear(&news);
        // A late message adds to what newer ones said, so it is a version after theirs.
        changes(&before, visit.facts(&name), visit.heard_at, heading, updates);
    }

    /// The name of a visit without a number: the patient's open one, else one that the message fits,
    /// else a new one from the event on.
    fn unnumbered(&self, news: &News) -> Option<String> {
        let prefix = format!("{}/", news.patient);
        let name = format!("{prefix}{}", news.admitted.unwrap_or(news.at));
        if self.visits.contains_key(&name) {
            return Some(name);
        }
        let all = self.visits.range(prefix.clone()..).take_while(|(name, _)| name.starts_with(&prefix));
        let all: Vec<(&String, &Visit)> = all.filter(|(_, visit)| visit.is_unnumbered()).collect();
        let fitting = |fits: fn(&Visit, &News) -> bool| {
            all.iter().rev().find(|(_, visit)| fits(visit, news)).map(|(name, _)| (*name).clone())
        };
        let known = fitting(Visit::is_open_for).or_else(|| fitting(Visit::covers)).or_else(|| fitting(Visit::precedes));
        known.or_else(|| (news.admitted.is_some() || news.place.is_some()).then_some(name))
    }

    fn appointment(
        &mut self,
        message: &Message<'_>,
        patient: &str,
        kind: Kind,
        heading: &Heading,
        clock: &mut LocalClock,
        updates: &mut Vec<ContextUpdate>,
    ) -> Result<(), Fault> {
        let id = appointment::id(message)?;
        let known = self.appointments.get(&id);
        if known.is_some_and(|known| heading.heard_at < known.heard_at) {
            return Ok(());
        }
        let is_booking = kind == Kind::Booking;
        let (before, facts) = match known {
            Some(known) if kind == Kind::Discontinuation => {
                (known.facts.clone(), appointment::stopped(&known.facts, heading.at))
            }
            Some(known) if !is_booking => (known.facts.clone(), Facts::new()),
            Some(known) => (known.facts.clone(), appointment::booked(message, &id, patient, clock)?),
            None if is_booking => (Facts::new(), appointment::booked(message, &id, patient, clock)?),
            // An earlier run may have told of it.
            None => (appointment::booked(message, &id, patient, clock).unwrap_or_default(), Facts::new()),
        };
        changes(&before, facts.clone(), heading.heard_at, heading, updates);
        self.appointments.insert(id, Appointment { facts, heard_at: heading.heard_at });
        Ok(())
    }
}

/// What a message says of a visit.
fn news(message: &Message<'_>, patient: &str, change: Change, heading: &Heading, clock: &mut LocalClock) -> News {
    let text = |segment, number| message.field(segment, number).value();
    let expected = text("PV2", 8).filter(|_| change == Change::Expect);
    let admitted = expected.into_iter().chain(text("PV1", 44)).find_map(|text| time::instant(&text, clock));
    let discharged = text("PV1", 45).and_then(|text| time::period(&text, clock));
    News {
        change,
        at: heading.at,
        heard_at: heading.heard_at,
        patient: patient.to_owned(),
        admitted,
        // Of a day only, the event tells when.
        discharged: discharged.map(|(start, end)| heading.at.max(start).min(end)),
        place: fields::place(message.field("PV1", 3)),
        earlier_place: fields::place(message.field("PV1", 6)),
        roles: fields::roles(message),
        ties: fields::ties(message, clock),
    }
}

/// Whether a message is about a person rather than a visit; its PV1 is then a formality.
fn is_person(message: &Message<'_>) -> bool {
    Kind::of(message) == Some(Kind::Person)
}

fn blank(id: &str) -> Patient {
    Patient { patient_id: id.to_owned(), ..Patient::default() }
}

fn no_patient() -> Fault {
    Fault::missing("PID-3 (the patient's id)")
}

fn tell(updates: &mut Vec<ContextUpdate>, key: String, record: ContextRecord) {
    updates.push(ContextUpdate { key, record: Some(record), withdrawn_at: Timestamp::MAX });
}

/// Tells what is new or different, and takes back what is no more.
fn changes(before: &Facts, after: Facts, known_at: Timestamp, heading: &Heading, updates: &mut Vec<ContextUpdate>) {
    let gone = before.keys().filter(|key| !after.contains_key(*key));
    updates.extend(gone.map(|key| ContextUpdate { key: key.clone(), record: None, withdrawn_at: known_at }));
    for (key, mut fact) in after {
        if before.get(&key) != Some(&fact) {
            fact.recorded_by.clone_from(&heading.author);
            fact.recorded = heading.recorded(known_at);
            tell(updates, key, ContextRecord::Relationship(fact));
        }
    }
}
