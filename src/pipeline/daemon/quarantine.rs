//! What could not be used: kept in the store, and copied to a topic where one is named.

use super::copies::{Copies, Draft, Place};
use super::intake::Rejected;
use super::spool;
use crate::model::reject::Reject;
use crate::model::time::Timestamp;
use crate::source::kafka::{Record, RecordBatch};
use crate::store::{Overflow, QuarantineRecord, RecordId};
use crate::telemetry::Journal;

/// What may wait for a commit, in bytes; while the context is read at a start, nothing is committed.
const WAITING: usize = 64 << 20;

/// Takes rejected records.
pub(super) struct Quarantine {
    copies: Option<Copies>,
    waiting: Aside,
    /// What the waiting records take, in bytes.
    held: usize,
}

/// What is to be committed.
#[derive(Default)]
pub(super) struct Aside {
    pub(super) records: Vec<QuarantineRecord>,
    /// Records for which there was no room in memory.
    pub(super) only_counted: Overflow,
    /// Whole copies of records of earlier commits.
    pub(super) copies: Vec<(RecordId, Place)>,
}

impl Quarantine {
    pub(super) fn new(copies: Option<Copies>) -> Self {
        Self { copies, waiting: Aside::default(), held: 0 }
    }

    /// Takes what a batch holds. The store keeps the record as it came, cut like everywhere else; the
    /// copy is whole where it fits. Of several rejects of one record all are counted, and the first is kept.
    pub(super) fn take(&mut self, batch: &RecordBatch, rejected: Vec<Rejected>, journal: &Journal, now: Timestamp) {
        let mut drafts = Vec::new();
        let mut last = None;
        for Rejected { record: number, mut reject } in rejected {
            let is_first = last.replace(number) != Some(number);
            let record = batch.records().get(number);
            if let Some(source) = record.and_then(|record| source_of(batch, record)) {
                reject.sentence = format!("{} (source \"{source}\")", reject.sentence).into();
            }
            journal.rejected(&reject, now);
            if let Some(record) = record.filter(|_| is_first) {
                drafts.push(draft(batch, record, reject));
            }
        }
        if drafts.is_empty() {
            return;
        }
        let places = self.copies.as_mut().map(|copies| copies.copy(&drafts, journal, now)).unwrap_or_default();
        let places = places.into_iter().chain(std::iter::repeat(None));
        drafts.into_iter().zip(places).for_each(|(draft, place)| self.keep(draft, place, now));
    }

    /// Counts copies that are still on their way; the store has their records.
    pub(super) fn close(&mut self, journal: &Journal, now: Timestamp) {
        self.copies.iter_mut().for_each(|copies| copies.close(journal, now));
    }

    fn keep(&mut self, draft: Draft<'_>, copy: Option<Place>, now: Timestamp) {
        let bytes = draft.bytes();
        let kept = bytes.get(..Reject::KEPT_BYTES).unwrap_or(bytes);
        let key = draft.kept_key().map(<[u8]>::to_vec);
        let mut record = QuarantineRecord {
            is_whole: kept.len() == bytes.len() && key.as_deref() == draft.key && !draft.is_faulty,
            topic: draft.id.topic,
            partition: draft.id.partition,
            offset: draft.id.offset,
            reason: draft.reason.to_owned(),
            sentence: draft.sentence,
            record: Vec::new(),
            key,
            size: Some(bytes.len() as u64).filter(|_| !draft.is_faulty),
            kept_at: Some(now),
            copy,
        };
        let cost = record.cost() + kept.len();
        if self.held + cost > WAITING {
            return self.waiting.only_counted.add(&record);
        }
        self.held += cost;
        record.record = kept.to_vec();
        self.waiting.records.push(record);
    }

    /// What to commit.
    pub(super) fn drain(&mut self, journal: &Journal, now: Timestamp) -> Aside {
        if let Some(copies) = &mut self.copies {
            self.waiting.copies = copies.late(journal, now);
        }
        self.held = 0;
        std::mem::take(&mut self.waiting)
    }
}

fn draft<'b>(batch: &'b RecordBatch, record: &Record, reject: Reject) -> Draft<'b> {
    Draft {
        id: RecordId { topic: batch.topic(record).to_string(), partition: record.partition, offset: record.offset },
        key: batch.key(record),
        value: batch.value(record),
        reason: reject.reason.name(),
        sentence: reject.sentence.into_owned(),
        is_faulty: record.fault.is_some(),
    }
}

/// Which source took a syslog message in.
fn source_of<'b>(batch: &'b RecordBatch, record: &Record) -> Option<&'b str> {
    let is_syslog = **batch.topic(record) == *spool::TOPIC;
    batch.key(record).filter(|_| is_syslog).and_then(|key| std::str::from_utf8(key).ok())
}
