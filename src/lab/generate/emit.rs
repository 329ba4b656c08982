//! Collects events, puts them in order of time, numbers them and hands them to the writers.

use std::path::Path;

use anyhow::Result;

use super::dice::Dice;
use super::event::{Event, NOBODY};
use super::hospital::Department;
use super::text::EventText;
use super::write::{self, AccessWriter, Row};
use crate::model::access::{Action, Outcome, SearchTextKind};
use crate::model::time::SECOND;

/// What was written.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventCounts {
    /// Rows of the log, copies included.
    pub events: u64,
    /// Rows without a patient.
    pub without_patient: u64,
    /// Rows whose outcome is denied or error.
    pub not_successful: u64,
    /// Rows delivered a second time.
    pub copies: u64,
}

/// An event with its number and its place in the file.
struct Numbered {
    place: i64,
    number: u64,
    recorded: i64,
    event: Event,
}

/// The way from the simulation to the files.
pub(super) struct Emitter {
    pending: Vec<Event>,
    ready: Vec<Numbered>,
    next: u64,
    /// First and last instant of the log; what falls outside is not written.
    span: (i64, i64),
    hard: bool,
    dice: Dice,
    departments: Vec<String>,
    writers: Vec<Box<dyn AccessWriter>>,
    text: EventText,
    pub(super) counts: EventCounts,
}

const MESSY_PLACE: f64 = 0.03;
const COPIES: f64 = 0.005;
/// An event of a messy feed arrives at most this much later than its time says.
const MOST_DELAY: i64 = 240 * SECOND;

impl Emitter {
    /// Opens the log of every format in `dir`.
    pub(super) fn open(
        dir: &Path,
        formats: &[String],
        departments: &[Department],
        span: (i64, i64),
        hard: bool,
        dice: Dice,
    ) -> Result<Self> {
        Ok(Self {
            pending: Vec::new(),
            ready: Vec::new(),
            next: 1,
            span,
            hard,
            dice,
            departments: departments.iter().map(|department| department.name.clone()).collect(),
            writers: formats.iter().map(|format| write::open(dir, format)).collect::<Result<_>>()?,
            text: EventText::default(),
            counts: EventCounts::default(),
        })
    }

    pub(super) fn push(&mut self, event: Event) {
        if (self.span.0..self.span.1).contains(&event.at) {
            self.pending.push(event);
        }
    }

    /// Writes what happened before `limit`; nothing earlier may be pushed afterwards.
    pub(super) fn flush_before(&mut self, limit: i64) -> Result<()> {
        self.pending.sort_by_key(|event| event.at);
        let later = self.pending.split_off(self.pending.partition_point(|event| event.at < limit));
        for event in std::mem::replace(&mut self.pending, later) {
            self.number(event);
        }
        self.ready.sort_by_key(|numbered| numbered.place);
        let count = self.ready.partition_point(|numbered| numbered.place < limit);
        let later = self.ready.split_off(count);
        for numbered in std::mem::replace(&mut self.ready, later) {
            self.write(&numbered)?;
        }
        Ok(())
    }

    /// Gives an event its number, its place in the file and, in a messy feed, a copy.
    fn number(&mut self, event: Event) {
        let mut recorded = event.at + self.dice.between(SECOND, 9 * SECOND);
        if self.hard && self.dice.chance(0.02) {
            recorded += self.dice.between(60 * SECOND, 1_200 * SECOND);
        }
        let moved = self.hard && self.dice.chance(MESSY_PLACE);
        let place = if moved { event.at + self.dice.between(0, MOST_DELAY) } else { event.at };
        self.ready.push(Numbered { place, number: self.next, recorded, event });
        if self.hard && self.dice.chance(COPIES) {
            let place = event.at + self.dice.between(5 * SECOND, MOST_DELAY);
            self.ready.push(Numbered { place, number: self.next, recorded, event });
            self.counts.copies += 1;
        }
        self.next += 1;
    }

    fn write(&mut self, numbered: &Numbered) -> Result<()> {
        let event = &numbered.event;
        self.counts.events += 1;
        self.counts.without_patient += u64::from(event.patient == NOBODY);
        self.counts.not_successful += u64::from(event.outcome != Outcome::Success);
        self.text.set(numbered.number, event, numbered.recorded);
        let row = Row {
            event_id: &self.text.event_id,
            occurred_at: &self.text.occurred_at,
            recorded_at: &self.text.recorded_at,
            user_id: &self.text.user_id,
            patient_id: &self.text.patient_id,
            action: Action::name(event.action),
            resource: event.part.name(),
            department: &self.departments[usize::from(event.department)],
            workstation: &self.text.workstation,
            source_ip: &self.text.source_ip,
            encounter_id: &self.text.encounter_id,
            purpose: event.purpose.code(),
            break_glass_reason: EventText::reason(event),
            outcome: event.outcome.name(),
            search_text_kind: event.search.map_or("", SearchTextKind::name),
            occurred_micros: event.at,
            recorded_micros: numbered.recorded,
        };
        for writer in &mut self.writers {
            writer.write(&row)?;
        }
        Ok(())
    }

    /// Writes the rest and completes the files.
    pub(super) fn finish(mut self) -> Result<EventCounts> {
        self.flush_before(i64::MAX)?;
        for writer in self.writers {
            writer.finish()?;
        }
        Ok(self.counts)
    }
}
