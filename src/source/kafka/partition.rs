//! One partition that is being read.

use std::time::Duration;

use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::KafkaError as ClientError;
use rdkafka::message::{BorrowedMessage, Message, Timestamp};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::batch::{BatchBuilder, RecordTime};
use super::callbacks::Callbacks;
use super::event::TopicPartition;

/// Records taken from one partition before the next one has its turn.
const TURN: usize = 512;

/// Whether the end of a partition was reached since its last record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Ahead,
    Reached,
    Told,
}

/// How far a partition has been read.
pub(super) struct Reached {
    /// The next record's offset, once known.
    pub(super) next: Option<i64>,
    pub(super) end: End,
}

impl Reached {
    /// Where librdkafka shall read on.
    pub(super) fn offset(&self) -> Offset {
        self.next.map_or(Offset::Beginning, Offset::Offset)
    }

    /// Puts a record of this partition into the batch.
    pub(super) fn take(&mut self, batch: &mut BatchBuilder, topic: u32, message: &BorrowedMessage<'_>) {
        let time = match message.timestamp() {
            Timestamp::LogAppendTime(at) => RecordTime::Appended(at),
            Timestamp::CreateTime(at) => RecordTime::Created(at),
            Timestamp::NotAvailable => RecordTime::Unknown,
        };
        batch.push(topic, message.partition(), message.offset(), time, message.key(), message.payload());
        self.next = Some(message.offset() + 1);
        self.end = End::Ahead;
    }
}

pub(super) struct Partition {
    pub(super) name: TopicPartition,
    /// The topic's place in the batches' list of topics.
    pub(super) topic: u32,
    pub(super) reached: Reached,
    pub(super) paused: bool,
    /// The broker no longer holds the next record.
    pub(super) lost: bool,
    queue: PartitionQueue<Callbacks>,
}

impl Partition {
    pub(super) fn new(name: TopicPartition, topic: u32, queue: PartitionQueue<Callbacks>, next: Option<i64>) -> Self {
        let reached = Reached { next: next.map(|offset| offset.max(0)), end: End::Ahead };
        Self { name, topic, reached, paused: false, lost: false, queue }
    }

    /// Takes up to one turn of what librdkafka has fetched; false = nothing was there.
    pub(super) fn read(&mut self, batch: &mut BatchBuilder) -> Result<bool, ClientError> {
        for taken in 0..TURN {
            if batch.is_full() {
                return Ok(true);
            }
            match self.queue.poll(Duration::ZERO) {
                None => return Ok(taken > 0),
                Some(Ok(message)) => self.reached.take(batch, self.topic, &message),
                Some(Err(ClientError::PartitionEOF(_))) => self.reached.end = End::Reached,
                Some(Err(error)) => return Err(error),
            }
        }
        Ok(true)
    }
}

/// Adds a partition with an offset. librdkafka refuses only negative ones that mean nothing, and no
/// [`Reached`] holds one.
pub(super) fn add(list: &mut TopicPartitionList, name: &TopicPartition, offset: Offset) {
    if let Err(error) = list.add_partition_offset(&name.topic, name.partition, offset) {
        tracing::error!("librdkafka refused the offset of {name}: {error}");
    }
}
