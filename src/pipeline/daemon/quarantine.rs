//! What could not be used: kept in the store, and copied to a topic where one is named.

use std::time::Duration;

use super::intake::Rejected;
use super::spool;
use crate::model::reject::Reject;
use crate::model::time::Timestamp;
use crate::sink::kafka_records::RecordPublisher;
use crate::source::kafka::{Record, RecordBatch};
use crate::store::QuarantineRecord;
use crate::telemetry::Journal;

/// How long a commit waits for the copies.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where copies go.
pub(super) struct Copies {
    pub(super) topic: String,
    pub(super) publisher: RecordPublisher,
}

/// Takes rejected records.
pub(super) struct Quarantine {
    copies: Option<Copies>,
    waiting: Vec<QuarantineRecord>,
    has_copies: bool,
}

impl Quarantine {
    pub(super) const fn new(copies: Option<Copies>) -> Self {
        Self { copies, waiting: Vec::new(), has_copies: false }
    }

    /// Takes what a batch holds. The store keeps the record as it came, cut like everywhere else; the
    /// copy is whole. Of several rejects of one record all are counted, and the first is kept.
    pub(super) fn take(&mut self, batch: &RecordBatch, rejected: Vec<Rejected>, journal: &Journal, now: Timestamp) {
        let mut kept = None;
        for Rejected { record, mut reject } in rejected {
            let is_first = kept.replace(record) != Some(record);
            if let Some(source) = batch.records().get(record).and_then(|record| source_of(batch, record)) {
                reject.sentence = format!("{} (source \"{source}\")", reject.sentence).into();
            }
            journal.rejected(&reject, now);
            if !is_first {
                continue;
            }
            let Some(record) = batch.records().get(record) else { continue };
            let value = batch.value(record).unwrap_or_default();
            let topic = batch.topic(record);
            if let Some(copies) = &self.copies {
                let (partition, offset) = (record.partition.to_string(), record.offset.to_string());
                let headers = [
                    ("topic", &**topic),
                    ("partition", partition.as_str()),
                    ("offset", offset.as_str()),
                    ("reason", reject.reason.name()),
                    ("sentence", &*reject.sentence),
                ];
                self.has_copies = true;
                if let Err(error) = copies.publisher.publish(&copies.topic, batch.key(record), value, &headers) {
                    journal.delivery_failed("quarantine", &error, now);
                }
            }
            self.waiting.push(QuarantineRecord {
                topic: topic.to_string(),
                partition: record.partition,
                offset: record.offset,
                reason: reject.reason.name().to_owned(),
                sentence: reject.sentence.into_owned(),
                record: value[..value.len().min(Reject::KEPT_BYTES)].to_vec(),
            });
        }
    }

    /// What to commit. Waits for the copies first, so that a crash loses none; when the broker does not
    /// take them, the store still has them.
    pub(super) fn drain(&mut self, journal: &Journal, now: Timestamp) -> Vec<QuarantineRecord> {
        if let Some(copies) = self.copies.as_ref().filter(|_| self.has_copies)
            && let Err(error) = copies.publisher.flush(PATIENCE)
        {
            journal.delivery_failed("quarantine", &error, now);
        }
        self.has_copies = false;
        std::mem::take(&mut self.waiting)
    }
}

/// Which source took a syslog message in.
fn source_of<'b>(batch: &'b RecordBatch, record: &Record) -> Option<&'b str> {
    let is_syslog = **batch.topic(record) == *spool::TOPIC;
    batch.key(record).filter(|_| is_syslog).and_then(|key| std::str::from_utf8(key).ok())
}
