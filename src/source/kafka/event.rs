//! What a reader tells the pipeline.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crossbeam_channel::Sender;

use super::batch::RecordBatch;

/// One partition of one topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    pub topic: Arc<str>,
    pub partition: i32,
}

impl TopicPartition {
    /// Names a partition.
    #[must_use]
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.topic, self.partition)
    }
}

/// Where to read on: the offset of the next record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    pub partition: TopicPartition,
    pub offset: i64,
    /// By what the record before it is known again, see [`super::print`]; none where it is not known. Offsets alone
    /// do not tell a topic from one that was created anew under its name.
    pub last: Option<u64>,
}

impl Position {
    /// A position of which only the offset is known.
    #[must_use]
    pub const fn at(partition: TopicPartition, offset: i64) -> Self {
        Self { partition, offset, last: None }
    }
}

/// One thing that happened at a Kafka source. Events of one partition come in the order in which they
/// happened.
#[derive(Debug)]
pub enum KafkaEvent {
    /// From now on these partitions are read here.
    Assigned(Vec<TopicPartition>),
    /// Records, each partition's in order of their offsets.
    Batch(RecordBatch),
    /// Everything that was in this partition has been handed over. Told again each time that the
    /// partition was caught up with.
    EndOfPartition {
        partition: TopicPartition,
        /// The next record's offset; none when nothing was read yet and no position was given.
        next_offset: Option<i64>,
    },
    /// The group takes these partitions away; no batch of theirs follows. They are given up when
    /// `release` is dropped, so that the next owner starts after what was stored here.
    Revoked { partitions: Vec<TopicPartition>, release: Release },
    /// The broker no longer holds the records from `from` on; reading goes on at `to`. A `to` below
    /// `from` means that the topic was deleted and created anew.
    Gap { partition: TopicPartition, from: i64, to: i64 },
    /// Something is wrong. Unless `fatal`, the client goes on trying by itself; after a fatal error
    /// the channel closes.
    Error {
        /// From a closed set.
        code: String,
        fatal: bool,
        /// A sentence that names brokers, topic and partition, and holds nothing of any record.
        message: String,
    },
}

/// Holds revoked partitions until it is dropped.
#[derive(Debug)]
pub struct Release {
    /// The reader waits for the other end to be disconnected.
    pub(super) _held: Sender<()>,
}

/// Tells when a source has been read up to the end offsets that were seen at some moment.
#[derive(Clone, Debug)]
pub struct CatchUp {
    waiting: BTreeMap<TopicPartition, i64>,
}

impl CatchUp {
    /// Waits for each partition to be read up to, but not including, the given offset.
    #[must_use]
    pub fn until(ends: &[Position]) -> Self {
        let waiting = ends.iter().filter(|end| end.offset > 0);
        Self { waiting: waiting.map(|end| (end.partition.clone(), end.offset)).collect() }
    }

    /// Takes note of an event. The end of a partition counts even where its last record stands before
    /// the end offset: compaction and transactions leave offsets that hold no record.
    pub fn observe(&mut self, event: &KafkaEvent) {
        match event {
            KafkaEvent::Batch(batch) => {
                for position in batch.positions() {
                    if self.waiting.get(&position.partition).is_some_and(|end| position.offset >= *end) {
                        self.waiting.remove(&position.partition);
                    }
                }
            }
            KafkaEvent::EndOfPartition { partition, .. } => {
                self.waiting.remove(partition);
            }
            KafkaEvent::Assigned(_)
            | KafkaEvent::Revoked { .. }
            | KafkaEvent::Gap { .. }
            | KafkaEvent::Error { .. } => {}
        }
    }

    /// Whether every partition has been read so far.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The partitions that have not been read so far.
    pub fn waiting(&self) -> impl Iterator<Item = &TopicPartition> {
        self.waiting.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::kafka::batch::{BatchBuilder, RecordTime};

    fn batch(topic: &str, partition: i32, offset: i64) -> KafkaEvent {
        let mut builder = BatchBuilder::new(vec![Arc::from(topic)].into(), 10, 1000);
        builder.push(0, partition, offset, RecordTime::Unknown, None, None);
        KafkaEvent::Batch(builder.finish().unwrap())
    }

    #[test]
    fn catching_up_needs_the_last_offset_or_the_end_of_every_partition() {
        let end = |partition, offset| Position::at(TopicPartition::new("facts", partition), offset);
        let mut catch_up = CatchUp::until(&[end(0, 10), end(1, 5), end(2, 0)]);
        catch_up.observe(&batch("facts", 0, 8));
        catch_up.observe(&batch("others", 1, 99));
        assert_eq!(catch_up.waiting().count(), 2);
        catch_up.observe(&batch("facts", 0, 9));
        assert_eq!(catch_up.waiting().map(|waiting| waiting.partition).collect::<Vec<_>>(), [1]);
        catch_up
            .observe(&KafkaEvent::EndOfPartition { partition: TopicPartition::new("facts", 1), next_offset: Some(3) });
        assert!(catch_up.is_done());
    }
}
