//! Thousands of records in one buffer.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::event::{Position, TopicPartition};
use crate::model::reject::{Place, RejectCode};

/// When a record came to be, as Kafka says, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordTime {
    /// The broker appended it then (`message.timestamp.type=LogAppendTime`).
    Appended(i64),
    /// Its producer says that it was made then; when it was appended is not known.
    Created(i64),
    /// Kafka has no time for it.
    Unknown,
}

/// A part of the batch's buffer.
#[derive(Clone, Copy, Debug)]
struct Slice {
    start: u32,
    /// [`Slice::NULL`] tells a null from an empty one.
    len: u32,
}

impl Slice {
    const NULL: u32 = u32::MAX;

    fn of(self, bytes: &[u8]) -> Option<&[u8]> {
        if self.len == Self::NULL {
            return None;
        }
        bytes.get(self.start as usize..self.start as usize + self.len as usize)
    }
}

/// One record: where it stood and where its bytes are in its batch.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    pub offset: i64,
    pub time: RecordTime,
    pub partition: i32,
    /// Why its value is not whole; Kafka's are.
    pub fault: Option<RejectCode>,
    topic: u32,
    key: Slice,
    value: Slice,
}

/// Records read together. Their bytes stand in one buffer, so a batch costs a few allocations
/// however many records it has.
pub struct RecordBatch {
    bytes: Vec<u8>,
    records: Vec<Record>,
    topics: Arc<[Arc<str>]>,
    positions: Vec<Position>,
}

impl RecordBatch {
    /// The records, each partition's in order of their offsets.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// How many bytes of keys and values the batch holds.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.bytes.len()
    }

    /// A record's key; none where it has none.
    #[must_use]
    pub fn key(&self, record: &Record) -> Option<&[u8]> {
        record.key.of(&self.bytes)
    }

    /// A record's value; none is a tombstone, which is not the same as empty.
    #[must_use]
    pub fn value(&self, record: &Record) -> Option<&[u8]> {
        record.value.of(&self.bytes)
    }

    /// The name of a record's topic.
    #[must_use]
    pub fn topic(&self, record: &Record) -> &Arc<str> {
        &self.topics[record.topic as usize]
    }

    /// Where a record stood, for messages and the quarantine.
    #[must_use]
    pub fn place(&self, record: &Record) -> Place {
        Place::Kafka { topic: Arc::clone(self.topic(record)), partition: record.partition, offset: record.offset }
    }

    /// Where to read on after this batch, for every partition in it, sorted.
    #[must_use]
    pub fn positions(&self) -> &[Position] {
        &self.positions
    }
}

/// Records are patients' data: only their number is shown.
impl fmt::Debug for RecordBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordBatch")
            .field("records", &self.records.len())
            .field("bytes", &self.bytes.len())
            .field("positions", &self.positions)
            .finish()
    }
}

/// Gathers records until there are enough.
pub struct BatchBuilder {
    topics: Arc<[Arc<str>]>,
    most_records: usize,
    most_bytes: usize,
    bytes: Vec<u8>,
    records: Vec<Record>,
}

impl BatchBuilder {
    /// `most_bytes` ends a batch, but one larger record still goes in: librdkafka allows none over
    /// 1 GB, so with [`BatchBuilder::LIMIT`] every place fits in 32 bits.
    #[must_use]
    pub fn new(topics: Arc<[Arc<str>]>, most_records: usize, most_bytes: usize) -> Self {
        let most_bytes = most_bytes.min(Self::LIMIT);
        Self { topics, most_records, most_bytes, bytes: Vec::new(), records: Vec::new() }
    }

    const LIMIT: usize = 1 << 30;

    /// Takes a record; `topic` counts from 0 in the list of topics.
    pub fn push(
        &mut self,
        topic: u32,
        partition: i32,
        offset: i64,
        time: RecordTime,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) {
        let key = self.keep(key);
        let value = self.keep(value);
        self.records.push(Record { offset, time, partition, fault: None, topic, key, value });
    }

    /// Says that the last record's value is not whole.
    pub fn mark(&mut self, fault: Option<RejectCode>) {
        if let Some(record) = self.records.last_mut() {
            record.fault = fault;
        }
    }

    fn keep(&mut self, part: Option<&[u8]>) -> Slice {
        let start = self.bytes.len() as u32;
        let Some(part) = part else {
            return Slice { start, len: Slice::NULL };
        };
        self.bytes.extend_from_slice(part);
        Slice { start, len: part.len() as u32 }
    }

    /// Whether nothing was taken since the last batch.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Whether the batch has as much as it should.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.records.len() >= self.most_records || self.bytes.len() >= self.most_bytes
    }

    /// The batch, unless it is empty. The next one starts with room for as much as this one held.
    pub fn finish(&mut self) -> Option<RecordBatch> {
        if self.records.is_empty() {
            return None;
        }
        let bytes = Vec::with_capacity(self.bytes.len().min(self.most_bytes));
        let records = Vec::with_capacity(self.records.len());
        let mut batch = RecordBatch {
            bytes: std::mem::replace(&mut self.bytes, bytes),
            records: std::mem::replace(&mut self.records, records),
            topics: Arc::clone(&self.topics),
            positions: Vec::new(),
        };
        batch.positions = positions(&batch);
        Some(batch)
    }
}

/// Records of one partition stand in runs, so the map is touched once for each run.
fn positions(batch: &RecordBatch) -> Vec<Position> {
    let mut last = BTreeMap::new();
    for run in batch.records.chunk_by(|a, b| a.topic == b.topic && a.partition == b.partition) {
        if let Some(record) = run.last() {
            let partition = TopicPartition { topic: Arc::clone(batch.topic(record)), partition: record.partition };
            last.insert(partition, record);
        }
    }
    let position = |(partition, record): (TopicPartition, &Record)| Position {
        partition,
        offset: record.offset + 1,
        last: Some(print(record.time, batch.key(record), batch.value(record))),
    };
    last.into_iter().map(position).collect()
}

/// By what a record is known again: the beginning of a digest over its time, key and value.
#[must_use]
pub fn print(time: RecordTime, key: Option<&[u8]>, value: Option<&[u8]>) -> u64 {
    let (kind, millis) = match time {
        RecordTime::Appended(millis) => (0, millis),
        RecordTime::Created(millis) => (1, millis),
        RecordTime::Unknown => (2, 0),
    };
    let mut digest = Sha256::new_with_prefix([kind]);
    digest.update(millis.to_be_bytes());
    for part in [key, value] {
        digest.update(part.map_or(-1, |part| part.len() as i64).to_be_bytes());
        digest.update(part.unwrap_or_default());
    }
    digest.finalize().iter().take(8).fold(0, |print, byte| print << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn builder() -> BatchBuilder {
        BatchBuilder::new(vec![Arc::from("a"), Arc::from("b")].into(), 3, 100)
    }

    #[test]
    fn null_and_empty_values_are_told_apart_and_bytes_come_back_as_they_were() {
        let mut builder = builder();
        builder.push(0, 0, 5, RecordTime::Appended(1), Some(b"key"), None);
        builder.push(1, 2, 6, RecordTime::Created(2), None, Some(b""));
        builder.push(0, 0, 9, RecordTime::Unknown, Some(b""), Some(b"\xff\x00\n"));
        assert!(builder.is_full());
        let batch = builder.finish().unwrap();
        let parts: Vec<_> = batch.records().iter().map(|r| (batch.key(r), batch.value(r))).collect();
        assert_eq!(
            parts,
            [(Some(&b"key"[..]), None), (None, Some(&b""[..])), (Some(&b""[..]), Some(&b"\xff\x00\n"[..]))]
        );
        assert_eq!(batch.place(&batch.records()[1]).to_string(), "b[2]@6");
        let positions: Vec<_> = batch.positions().iter().map(|p| (p.partition.to_string(), p.offset)).collect();
        assert_eq!(positions, [("a[0]".to_owned(), 10), ("b[2]".to_owned(), 7)]);
        assert!(builder.finish().is_none());
    }

    #[test]
    fn a_batch_is_full_by_bytes_too_and_its_debug_output_shows_no_record() {
        let mut builder = builder();
        builder.push(0, 0, 0, RecordTime::Unknown, None, Some(&[b'x'; 200]));
        assert!(builder.is_full());
        let batch = builder.finish().unwrap();
        assert_eq!(batch.byte_len(), 200);
        assert!(!format!("{batch:?}").contains("120"), "{batch:?}");
    }
}
