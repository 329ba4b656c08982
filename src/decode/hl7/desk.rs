//! The desk that reads HL7 messages one after another and remembers what they said.
//!
//! A message says what changed, not what holds; so the desk keeps each visit, patient and
//! appointment, and tells only what a message changed. A message that comes twice changes nothing.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::message::{Message, Segment};
use super::visit::{Change, Facts, News, Visit};
use super::{appointment, fields, patient, staff, time};
use crate::decode::Fault;
use crate::decode::time::LocalClock;
use crate::model::context::{ContextRecord, ContextUpdate, Patient, Recorded, RelatedPerson};
use crate::model::reject::RejectCode;
use crate::model::time::Timestamp;

/// When a message was sent, when its event happened, who entered it.
#[derive(Clone, Debug)]
pub(super) struct Heading {
    /// MSH-7, else EVN-2; where neither tells it, the event's own time.
    pub heard_at: Timestamp,
    /// Whether MSH-7 or EVN-2 tells when it was sent.
    is_dated: bool,
    /// EVN-6, else EVN-2, else MSH-7. Of a day only, MSH-7 held within it.
    pub at: Timestamp,
    /// The day of the event as it was written.
    pub date: Option<Date>,
    /// EVN-5, SCH-20 or ORC-10.
    pub author: Option<String>,
}

impl Heading {
    fn read(message: &Message<'_>, clock: &mut LocalClock) -> Result<Self, Fault> {
        let text = |segment, number| message.field(segment, number).value();
        let (sent, entered, occurred) = (text("MSH", 7), text("EVN", 2), text("EVN", 6));
        let (admitted, booked) = (text("PV1", 44), message.field("SCH", 11).part(4).value());
        let mut first = |texts: [&Option<String>; 3]| {
            texts.into_iter().flatten().find_map(|text| Some((time::instant(text, clock)?, time::date(text))))
        };
        let stated = first([&sent, &entered, &None]);
        let Some((heard_at, day)) = stated.or_else(|| first([&occurred, &admitted, &booked])) else {
            return Err(match (&sent, &entered) {
                (None, None) => Fault::missing("MSH-7 (when the message was sent)"),
                _ => Fault::invalid("MSH-7", "a time such as 20260601070003"),
            });
        };
        let event = [&occurred, &entered].into_iter().flatten().find_map(|text| {
            let (start, end) = time::period(text, clock)?;
            Some((heard_at.max(start).min(end), time::date(text)))
        });
        let (at, date) = event.unwrap_or((heard_at, day));
        let mut people = [("EVN", 5), ("SCH", 20), ("ORC", 10)].into_iter();
        let author = people.find_map(|(segment, number)| message.field(segment, number).part(1).value());
        Ok(Self { heard_at, is_dated: stated.is_some(), at, date, author })
    }

    /// Recorded at `at`; known from the start where the message has no time of its own.
    pub(super) fn recorded(&self, at: Timestamp) -> Recorded {
        Recorded { at: self.is_dated.then_some(at), withdrawn_at: None }
    }
}

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Visit(Change),
    /// A person, whether here or not (A28, A31).
    Person,
    Merge,
    Booking,
    Cancellation,
    Order,
    Staff,
}

impl Kind {
    fn of(message: &Message<'_>) -> Option<Self> {
        let (code, event) = message.kind();
        let has = |name| message.segment(name).is_some();
        match (code.as_str(), event.as_str()) {
            ("ADT", event) => Self::of_adt(event),
            ("SIU", "S12" | "S13" | "S14" | "S18" | "S19" | "S26") => Some(Self::Booking),
            ("SIU", "S15" | "S16" | "S17") => Some(Self::Cancellation),
            ("ORM" | "OMG" | "OML" | "OMI" | "OMP" | "OMB" | "OMD" | "OMS" | "OMN" | "RDE", _)
                if has("ORC") || has("OBR") =>
            {
                Some(Self::Order)
            }
            ("MFN" | "PMU", _) if has("STF") => Some(Self::Staff),
            _ => None,
        }
    }

    fn of_adt(event: &str) -> Option<Self> {
        Some(match event {
            "A01" | "A04" => Self::Visit(Change::Admit),
            "A05" => Self::Visit(Change::Expect),
            "A02" | "A06" | "A07" => Self::Visit(Change::Transfer),
            "A03" => Self::Visit(Change::Discharge),
            "A08" | "A10" | "A21" | "A22" | "A54" | "A61" => Self::Visit(Change::Update),
            "A11" | "A23" | "A38" => Self::Visit(Change::Cancel),
            "A12" => Self::Visit(Change::CancelTransfer),
            "A13" => Self::Visit(Change::CancelDischarge),
            "A28" | "A31" => Self::Person,
            "A18" | "A30" | "A34" | "A35" | "A36" | "A39" | "A40" => Self::Merge,
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
        let heading = Heading::read(message, clock)?;
        let mut updates = Vec::new();
        match kind {
            Kind::Merge => {
                self.merge(message, &heading, &mut updates)?;
                return Ok(updates);
            }
            Kind::Staff => {
                for member in staff::members(message, &heading)? {
                    let key = format!("hl7/staff/{}", member.user_id);
                    tell(&mut updates, key, ContextRecord::Workforce(member));
                }
                return Ok(updates);
            }
            _ => {}
        }
        let pid = message.segment("PID").ok_or_else(no_patient)?;
        let id = fields::patient_id(pid).ok_or_else(no_patient)?;
        match kind {
            Kind::Booking | Kind::Cancellation => {
                self.appointment(message, &id, kind, &heading, clock, &mut updates)?;
                self.patient(message, pid, &id, &heading, false, &mut updates);
            }
            Kind::Order => {
                let facts = appointment::ordered(message, &id, &heading, clock);
                changes(&Facts::new(), facts, heading.heard_at, &heading, &mut updates);
                self.patient(message, pid, &id, &heading, false, &mut updates);
                if message.segment("PV1").is_some() && fields::visit_number(message).is_some() {
                    self.visit(message, &id, Change::Update, &heading, clock, &mut updates);
                }
            }
            Kind::Visit(change) => {
                self.patient(message, pid, &id, &heading, true, &mut updates);
                self.visit(message, &id, change, &heading, clock, &mut updates);
            }
            Kind::Person | Kind::Merge | Kind::Staff => {
                self.patient(message, pid, &id, &heading, true, &mut updates);
                self.visit(message, &id, Change::Update, &heading, clock, &mut updates);
            }
        }
        Ok(updates)
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
        let Some(chart) = self.charts.get_mut(id) else { return };
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

    /// Every MRG segment ends an id in favour of the PID before it.
    fn merge(
        &mut self,
        message: &Message<'_>,
        heading: &Heading,
        updates: &mut Vec<ContextUpdate>,
    ) -> Result<(), Fault> {
        let mut survivor = None;
        let mut pairs = Vec::new();
        for segment in message.segments() {
            if segment.is("PID") {
                survivor = Some((segment, fields::patient_id(segment).ok_or_else(no_patient)?));
            } else if segment.is("MRG") {
                let (pid, new) = survivor.clone().ok_or_else(no_patient)?;
                let old = fields::best_id(segment.field(1)).or_else(|| fields::best_id(segment.field(4)));
                let old = old.or_else(|| fields::any_id(segment.field(1)));
                pairs.push((pid, new, old.ok_or_else(|| Fault::missing("MRG-1 (the id that ends)"))?));
            }
        }
        if pairs.is_empty() {
            return Err(Fault::missing("MRG-1 (the id that ends)"));
        }
        for (pid, new, old) in pairs {
            let known = self.charts.get(&new);
            if known.is_none_or(|chart| chart.heard_at <= heading.heard_at) {
                let mut patient = known.map_or_else(|| blank(&new), |chart| chart.patient.clone());
                patient::demographics(&mut patient, pid, heading.date);
                patient.merged_into = None;
                self.keep(patient, heading, updates);
            }
            // A late message does not turn round what a newer one merged.
            let is_undone = self.charts.get(&new).is_some_and(|chart| chart.patient.merged_into.as_ref() == Some(&old));
            if old != new && !is_undone {
                let known = self.charts.get(&old);
                let mut patient = known.map_or_else(|| blank(&old), |chart| chart.patient.clone());
                patient.merged_into = Some(new);
                self.keep(patient, heading, updates);
            }
        }
        Ok(())
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
