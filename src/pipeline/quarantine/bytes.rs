//! The whole bytes of a record: from the store where it has them, else from the record's own topic, else from its copy.
//!
//! What a topic has at an offset is believed only where it begins with what the store kept and is as long as it was: a
//! topic that was made anew has other records at the same offsets.

use anyhow::Result;

use crate::pipeline::daemon::SYSLOG_TOPIC;
use crate::source::kafka::{Connection, Fetched, Fetcher, TopicPartition};
use crate::store::{QuarantineRecord, Quarantined};

/// Where whole bytes came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Store,
    /// The topic in which the record stood.
    Topic,
    /// The quarantine topic.
    Copy,
}

/// A record as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    pub key: Option<Vec<u8>>,
    /// Empty also where the value was null.
    pub value: Vec<u8>,
    pub origin: Origin,
}

/// Finds whole bytes; asks Kafka only where the store does not have them.
pub struct Wholes {
    connection: Connection,
    quarantine_topic: Option<String>,
    fetcher: Option<Fetcher>,
}

impl Wholes {
    /// Nothing is connected yet.
    pub(super) const fn new(connection: Connection, quarantine_topic: Option<String>) -> Self {
        Self { connection, quarantine_topic, fetcher: None }
    }

    /// All of a record; nothing where nobody has it any more.
    ///
    /// # Errors
    /// When Kafka does not answer.
    pub fn find(&mut self, kept: &Quarantined) -> Result<Option<Whole>> {
        let record = &kept.record;
        if record.is_whole {
            let (key, value) = (record.key.clone(), record.record.clone());
            return Ok(Some(Whole { key, value, origin: Origin::Store }));
        }
        // A row that is no record of a partition (a line of a file) has none to be read from.
        if record.topic != SYSLOG_TOPIC && record.partition >= 0 {
            let place = TopicPartition::new(record.topic.as_str(), record.partition);
            if let Some(found) = self.fetch(record, &place, record.offset, Origin::Topic)? {
                return Ok(Some(found));
            }
        }
        let (Some(topic), Some((partition, offset))) = (&self.quarantine_topic, record.copy) else {
            return Ok(None);
        };
        let place = TopicPartition::new(topic.as_str(), partition);
        self.fetch(record, &place, offset, Origin::Copy)
    }

    fn fetch(
        &mut self,
        record: &QuarantineRecord,
        place: &TopicPartition,
        offset: i64,
        origin: Origin,
    ) -> Result<Option<Whole>> {
        let fetcher = match &mut self.fetcher {
            Some(fetcher) => fetcher,
            none => none.insert(Fetcher::connect(&self.connection)?),
        };
        let found = fetcher.fetch(place, offset)?;
        Ok(found.filter(|found| is_same(record, found)).map(|Fetched { key, value }| Whole {
            key,
            value: value.unwrap_or_default(),
            origin,
        }))
    }
}

/// Whether a record is the one that was kept, as far as that tells.
fn is_same(record: &QuarantineRecord, found: &Fetched) -> bool {
    let value = found.value.as_deref().unwrap_or_default();
    let is_as_long = record.size.is_none_or(|size| size == value.len() as u64);
    let is_same_key = record.key.is_none() || record.key == found.key;
    value.starts_with(&record.record) && is_as_long && is_same_key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetched(key: Option<&str>, value: &str) -> Fetched {
        Fetched { key: key.map(Into::into), value: Some(value.into()) }
    }

    #[test]
    fn another_record_at_the_same_offset_is_not_believed() {
        let record = QuarantineRecord {
            record: b"{\"a\":".to_vec(),
            key: Some(b"u1".to_vec()),
            size: Some(7),
            ..QuarantineRecord::default()
        };
        assert!(is_same(&record, &fetched(Some("u1"), "{\"a\":1}")));
        assert!(!is_same(&record, &fetched(Some("u1"), "{\"b\":1}")), "another beginning");
        assert!(!is_same(&record, &fetched(Some("u1"), "{\"a\":12}")), "another length");
        assert!(!is_same(&record, &fetched(Some("u2"), "{\"a\":1}")), "another key");
        let older = QuarantineRecord { key: None, size: None, ..record };
        assert!(is_same(&older, &fetched(Some("u2"), "{\"a\":12}")), "an older version kept neither key nor size");
    }
}
