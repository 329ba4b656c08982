//! From batches of records to rows for the engine and facts for its context.

use std::sync::Arc;

use rayon::prelude::*;

use crate::decode::crosswalk::Crosswalk;
use crate::decode::{At, DecodeSink, Decoder, Format, reject};
use crate::engine::dictionary::Dictionary;
use crate::engine::{Arrival, Branches, Engine, Intake};
use crate::model::access::AccessEvent;
use crate::model::context::ContextUpdate;
use crate::model::reject::{Place, Reject, RejectCode};
use crate::model::time::{DAY, Timestamp, Zone};
use crate::source::kafka::{Record, RecordBatch, RecordTime, TopicPartition};

/// Fewer records than this are not worth a thread of their own.
const LEAST: usize = 1024;

/// Of so many rejects of one record the text is kept.
const KEPT: usize = 8;

/// Which times of accesses are believed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    refuses_future: bool,
}

impl Window {
    /// Accesses more than a day after the present are rejects, and event time never runs ahead of the clock.
    pub(super) const LIVE: Self = Self { refuses_future: true };
    /// A log of any time.
    pub(super) const ANY: Self = Self { refuses_future: false };
}

/// A record that could not be used, and its place in the batch.
pub(super) struct Rejected {
    pub(super) record: usize,
    pub(super) reject: Reject,
}

/// Records of one partition that stood together.
pub(super) struct Run {
    pub(super) partition: TopicPartition,
    /// `MIN` when no access was among them.
    pub(super) newest: Timestamp,
    pub(super) events: u64,
}

/// What a part of a batch came to.
pub(super) struct Decoded {
    pub(super) intake: Intake,
    pub(super) runs: Vec<Run>,
    pub(super) rejects: Vec<Rejected>,
    /// Context facts that stood among the accesses.
    pub(super) facts: Vec<ContextUpdate>,
}

/// Where accesses go.
pub(super) trait Rooms {
    /// An empty intake.
    fn intake(&mut self) -> Intake;
    /// What numbers ids.
    fn dictionary(&self) -> &Dictionary;
    /// The branch that accesses of a partition belong to.
    fn branch_of(partition: i32) -> u32;
}

impl Rooms for Engine {
    fn intake(&mut self) -> Intake {
        Self::intake(self)
    }

    fn dictionary(&self) -> &Dictionary {
        &self.context().dictionary
    }

    fn branch_of(_: i32) -> u32 {
        0
    }
}

impl Rooms for Branches {
    fn intake(&mut self) -> Intake {
        Self::intake(self)
    }

    fn dictionary(&self) -> &Dictionary {
        &self.context().dictionary
    }

    fn branch_of(partition: i32) -> u32 {
        u32::try_from(partition).unwrap_or(u32::MAX)
    }
}

/// Decodes accesses on all threads, each with a decoder of its own.
pub(super) struct Decoders {
    decoders: Vec<Decoder>,
}

impl Decoders {
    pub(super) fn new(zone: &Zone, crosswalk: Option<Arc<Crosswalk>>) -> Self {
        let decoder = Decoder::new(zone.clone()).with_crosswalk(crosswalk);
        Self { decoders: vec![decoder; rayon::current_num_threads().max(1)] }
    }

    /// Decodes a batch that was received at `now`, in parts that stand in the order of the batch.
    pub(super) fn decode<R: Rooms>(
        &mut self,
        batch: &RecordBatch,
        rooms: &mut R,
        now: Timestamp,
        window: Window,
    ) -> Vec<Decoded> {
        let size = batch.records().len().div_ceil(self.decoders.len()).max(LEAST);
        let parts: Vec<(usize, &[Record])> = batch.records().chunks(size).enumerate().collect();
        let intakes: Vec<Intake> = parts.iter().map(|_| rooms.intake()).collect();
        let dictionary = rooms.dictionary();
        let work = parts.into_par_iter().zip(self.decoders.par_iter_mut()).zip(intakes);
        work.map(|(((number, records), decoder), intake)| {
            let part = Part { batch, first: number * size, records, now, window, branch_of: R::branch_of };
            part.decode(decoder, dictionary, intake)
        })
        .collect()
    }
}

/// A part of a batch.
struct Part<'b> {
    batch: &'b RecordBatch,
    first: usize,
    records: &'b [Record],
    now: Timestamp,
    window: Window,
    branch_of: fn(i32) -> u32,
}

impl Part<'_> {
    fn decode(&self, decoder: &mut Decoder, dictionary: &Dictionary, intake: Intake) -> Decoded {
        let mut taking = Taking {
            dictionary,
            limit: if self.window.refuses_future { self.now.plus(DAY) } else { Timestamp::MAX },
            reach: Timestamp::MAX,
            kept: 0,
            arrival: Arrival::UNTOLD,
            newest: Timestamp::MIN,
            is_future: None,
            intake,
            rejects: Vec::new(),
            facts: Vec::new(),
        };
        let mut decoded = Vec::new();
        let mut rejects = Vec::new();
        let mut number = self.first;
        let is_together = |one: &Record, other: &Record| {
            one.partition == other.partition && self.batch.topic(one) == self.batch.topic(other)
        };
        for run in self.records.chunk_by(is_together) {
            let partition = TopicPartition::new(self.batch.topic(&run[0]).clone(), run[0].partition);
            // A partition that is decided elsewhere by now is read there again.
            if !taking.intake.select((self.branch_of)(partition.partition)) {
                number += run.len();
                continue;
            }
            let before = taking.intake.len();
            taking.newest = Timestamp::MIN;
            let mut place = self.batch.place(&run[0]);
            for record in run {
                if let Place::Kafka { offset, .. } = &mut place {
                    *offset = record.offset;
                }
                self.record(record, &place, decoder, &mut taking);
                rejects.extend(taking.rejects.drain(..).map(|reject| Rejected { record: number, reject }));
                number += 1;
            }
            let events = (taking.intake.len() - before) as u64;
            decoded.push(Run { partition, newest: taking.newest, events });
        }
        Decoded { intake: taking.intake, runs: decoded, rejects, facts: taking.facts }
    }

    fn record(&self, record: &Record, place: &Place, decoder: &mut Decoder, taking: &mut Taking<'_>) {
        let available_at = match record.time {
            RecordTime::Appended(millis) => Timestamp(millis.saturating_mul(1_000)),
            RecordTime::Created(_) | RecordTime::Unknown => Timestamp::MIN,
        };
        taking.arrival = Arrival { available_at, ingested_at: self.now };
        taking.reach = match available_at {
            _ if !self.window.refuses_future => Timestamp::MAX,
            Timestamp::MIN => self.now,
            available_at => available_at.min(self.now),
        };
        taking.kept = 0;
        match (self.batch.value(record), record.fault) {
            (Some(value), Some(fault)) => {
                decoder.source_reject(
                    reject(place.clone(), fault, not_whole(fault), value),
                    Format::AtnaSyslog,
                    taking,
                );
            }
            (Some(value), None) => decoder.access_message(value, At { place, line: 0 }, taking),
            (None, _) => taking.rejects.push(without_value(place.clone())),
        }
        if let Some(record) = taking.is_future.take() {
            taking.rejects.push(from_the_future(place.clone(), record));
        }
    }
}

fn without_value(place: Place) -> Reject {
    Reject {
        place,
        reason: RejectCode::MissingField,
        sentence: "a message without a value: only a topic of context records withdraws something so".into(),
        record: String::new(),
    }
}

/// What is wrong with a message that its source could not take whole.
const fn not_whole(fault: RejectCode) -> &'static str {
    match fault {
        RejectCode::TooLong => "the message is longer than 1 MiB: only its beginning was kept",
        RejectCode::InvalidValue => "what stands where an octet count should: the counts before it do not fit",
        _ => "the connection ended within the message",
    }
}

fn from_the_future(place: Place, record: String) -> Reject {
    Reject {
        place,
        reason: RejectCode::Future,
        sentence: "occurred_at lies more than a day after the present: check the source's clock".into(),
        record,
    }
}

/// Collects what one part holds.
struct Taking<'d> {
    dictionary: &'d Dictionary,
    /// Accesses after it are rejects.
    limit: Timestamp,
    /// Later than this the source's event time cannot be: a wrong clock of one sender would make all others late.
    reach: Timestamp,
    /// Rejects of the current record whose text is kept.
    kept: usize,
    arrival: Arrival,
    newest: Timestamp,
    /// The access of the current record that lies in the future.
    is_future: Option<String>,
    intake: Intake,
    rejects: Vec<Reject>,
    facts: Vec<ContextUpdate>,
}

impl DecodeSink for Taking<'_> {
    fn access(&mut self, event: &AccessEvent<'_>, _: u64) {
        if event.occurred_at > self.limit {
            self.is_future = serde_json::to_string(event).ok();
            return;
        }
        self.newest = self.newest.max(event.occurred_at.min(self.reach));
        self.intake.push(self.dictionary, event, self.arrival);
    }

    fn context(&mut self, update: ContextUpdate, _: u64) {
        self.facts.push(update);
    }

    fn reject(&mut self, reject: Reject) {
        self.kept += 1;
        // One record may hold a great many messages.
        let record = if self.kept <= KEPT { reject.record } else { String::new() };
        self.rejects.push(Reject { record, ..reject });
    }
}

/// Facts of one batch of a context topic, each with its record's place in the batch.
#[derive(Default)]
pub(super) struct Facts {
    pub(super) updates: Vec<(usize, ContextUpdate)>,
    pub(super) rejects: Vec<Rejected>,
}

/// Decodes the context: records of compacted topics, and the messages of feeds, which refer to those before them.
pub(super) struct ContextDecoder {
    decoder: Decoder,
    /// Topics of HL7 v2 and FHIR messages.
    feeds: Vec<String>,
}

impl ContextDecoder {
    pub(super) fn new(zone: &Zone, feeds: Vec<String>, crosswalk: Option<Arc<Crosswalk>>) -> Self {
        Self { decoder: Decoder::new(zone.clone()).with_crosswalk(crosswalk), feeds }
    }

    /// Decodes a batch that was received at `now`.
    pub(super) fn facts(&mut self, batch: &RecordBatch, now: Timestamp) -> Facts {
        let mut facts = Facts::default();
        for (number, record) in batch.records().iter().enumerate() {
            let mut sink = FactSink { record: number, facts: &mut facts };
            self.record(batch, record, now, &mut sink);
        }
        facts
    }

    fn record(&mut self, batch: &RecordBatch, record: &Record, now: Timestamp, sink: &mut FactSink<'_>) {
        let place = batch.place(record);
        let at = At { place: &place, line: 0 };
        if self.feeds.iter().any(|feed| **feed == **batch.topic(record)) {
            return match batch.value(record) {
                Some(value) => self.decoder.feed_message(value, at, sink),
                None => sink.reject(without_value(place)),
            };
        }
        let timestamp = match record.time {
            RecordTime::Appended(millis) | RecordTime::Created(millis) => Timestamp(millis.saturating_mul(1_000)),
            RecordTime::Unknown => now,
        };
        self.decoder.context_message(batch.key(record), batch.value(record), timestamp, at, sink);
    }
}

struct FactSink<'f> {
    record: usize,
    facts: &'f mut Facts,
}

impl DecodeSink for FactSink<'_> {
    fn access(&mut self, _: &AccessEvent<'_>, _: u64) {}

    fn context(&mut self, update: ContextUpdate, _: u64) {
        self.facts.updates.push((self.record, update));
    }

    fn reject(&mut self, reject: Reject) {
        self.facts.rejects.push(Rejected { record: self.record, reject });
    }
}
