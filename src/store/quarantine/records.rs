//! What the quarantine keeps, in the words of its users.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::str::FromStr;

use crate::model::time::Timestamp;

/// Names a record of the quarantine by where it stood: `topic/partition/offset`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordId {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.topic, self.partition, self.offset)
    }
}

impl FromStr for RecordId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let complaint = || "expected TOPIC/PARTITION/OFFSET as \"quarantine list\" prints it".to_owned();
        let mut parts = text.trim().rsplitn(3, '/');
        let (Some(offset), Some(partition), Some(topic)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(complaint());
        };
        match (partition.parse(), offset.parse()) {
            (Ok(partition), Ok(offset)) if !topic.is_empty() => Ok(Self { topic: topic.to_owned(), partition, offset }),
            _ => Err(complaint()),
        }
    }
}

/// An input record that could not be used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuarantineRecord {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    /// The reason's code.
    pub reason: String,
    /// What was wrong and what was expected; holds no value of the record.
    pub sentence: String,
    /// The record as it came, perhaps only its beginning.
    pub record: Vec<u8>,
    /// Its key, where it has one that is kept.
    pub key: Option<Vec<u8>>,
    /// How many bytes the whole record has; `None` where that is not known.
    pub size: Option<u64>,
    /// `record` and `key` are all of it.
    pub is_whole: bool,
    /// When it was set aside.
    pub kept_at: Option<Timestamp>,
    /// Partition and offset of a whole copy in the quarantine topic.
    pub copy: Option<(i32, i64)>,
}

impl QuarantineRecord {
    /// What the record needs besides its own bytes, all in all.
    const FRAME: usize = 512;

    /// Its name.
    #[must_use]
    pub fn id(&self) -> RecordId {
        RecordId { topic: self.topic.clone(), partition: self.partition, offset: self.offset }
    }

    /// What it counts against the bound of the quarantine, in bytes. The table's triggers count the same.
    #[must_use]
    pub fn cost(&self) -> usize {
        self.record.len() + self.key.as_ref().map_or(0, Vec::len) + Self::FRAME
    }
}

/// Records of one partition and reason that were counted and not kept, because the quarantine was full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnlyCounted {
    pub topic: String,
    pub partition: i32,
    pub reason: String,
    pub records: u64,
    /// The lowest and the highest of their offsets.
    pub offsets: (i64, i64),
    /// When the first and the last of them came.
    pub between: (Option<Timestamp>, Option<Timestamp>),
}

/// What there was no room for, by partition and reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overflow(BTreeMap<(String, i32, String), OnlyCounted>);

impl Overflow {
    /// Counts a record. Those of a partition come in the order of their offsets.
    pub fn add(&mut self, record: &QuarantineRecord) {
        let key = (record.topic.clone(), record.partition, record.reason.clone());
        let entry = self.0.entry(key).or_insert_with(|| OnlyCounted {
            topic: record.topic.clone(),
            partition: record.partition,
            reason: record.reason.clone(),
            records: 0,
            offsets: (record.offset, record.offset),
            between: (record.kept_at, record.kept_at),
        });
        entry.records += 1;
        entry.offsets.1 = record.offset;
        entry.between.1 = record.kept_at;
    }

    /// Adds records that were counted elsewhere, and later.
    pub fn join(&mut self, other: OnlyCounted) {
        let key = (other.topic.clone(), other.partition, other.reason.clone());
        match self.0.entry(key) {
            Entry::Vacant(vacant) => drop(vacant.insert(other)),
            Entry::Occupied(mut occupied) => {
                let entry = occupied.get_mut();
                entry.records += other.records;
                entry.offsets.1 = other.offsets.1;
                entry.between.1 = other.between.1;
            }
        }
    }

    /// What was counted, by topic, partition and reason.
    pub fn iter(&self) -> impl Iterator<Item = &OnlyCounted> {
        self.0.values()
    }

    /// How many records were counted.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.iter().map(|counted| counted.records).sum()
    }
}

/// What people did with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing so far.
    Waiting,
    /// It was published again.
    Refed,
    /// Somebody decided that it is not needed.
    Dropped,
}

impl Standing {
    /// Every standing, in the order of the numbers that the table has for them.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Refed, Self::Dropped];

    /// The name in lists.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Refed => "re-fed",
            Self::Dropped => "dropped",
        }
    }

    /// The number in the table.
    pub(super) const fn number(self) -> i64 {
        match self {
            Self::Waiting => 0,
            Self::Refed => 1,
            Self::Dropped => 2,
        }
    }
}

/// Who did something with a record, when, and why where that was said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handled {
    pub at: Option<Timestamp>,
    pub by: String,
    pub why: Option<String>,
}

/// A record of the quarantine with what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    pub record: QuarantineRecord,
    pub standing: Standing,
    /// Who brought it there; `None` while it waits.
    pub handled: Option<Handled>,
    /// Where it was published again, the last time.
    pub refed_to: Option<RecordId>,
    /// The record that was published again as this one.
    pub former: Option<RecordId>,
}

/// Which records are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub reason: Option<String>,
    pub topic: Option<String>,
    /// Set aside at or after this instant.
    pub since: Option<Timestamp>,
    pub standing: Option<Standing>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_also_where_the_topic_is_a_path_and_others_are_refused() {
        for topic in ["ehr.audit", "(syslog)", "out/handoffs.ndjson"] {
            let id = RecordId { topic: topic.to_owned(), partition: -1, offset: 17 };
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        for text in ["", "7", "a/1", "/1/2", "a/x/2", "a/1/"] {
            assert!(text.parse::<RecordId>().unwrap_err().contains("TOPIC/PARTITION/OFFSET"), "{text}");
        }
    }

    #[test]
    fn standings_have_the_numbers_of_the_table() {
        let numbers: Vec<i64> = Standing::ALL.into_iter().map(Standing::number).collect();
        assert_eq!(numbers, [0, 1, 2]);
    }
}
