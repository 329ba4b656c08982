//! One partition that is being read.

use std::time::Duration;

use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::KafkaError as ClientError;
use rdkafka::message::{BorrowedMessage, Message, Timestamp};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::batch::{BatchBuilder, RecordTime, print};
use super::callbacks::Callbacks;
use super::event::{Position, TopicPartition};

/// Records taken from one partition before the next one has its turn.
const TURN: usize = 512;

/// Whether the end of a partition was reached since its last record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Ahead,
    Reached,
    Told,
}

/// What librdkafka gave.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Given {
    /// A record, which is in the batch or was there before.
    Record,
    /// A record that stands where another one was read: this is another topic of the same name.
    Stranger,
    /// The end of the partition, before what was read last was seen again.
    EndTooSoon,
    End,
    Nothing,
}

/// How far a partition has been read.
pub(super) struct Reached {
    /// The next record's offset, once known.
    pub(super) next: Option<i64>,
    pub(super) end: End,
    /// By what the record before the next one is known, until it was seen again. It is read once more after each
    /// start, since offsets alone do not tell a topic from one that was created anew.
    awaited: Option<u64>,
    /// The end of the newest batch.
    batched: Option<Position>,
}

impl Reached {
    fn new(start: Option<Position>) -> Self {
        let next = start.as_ref().map(|start| start.offset.max(0));
        let mut reached = Self { next, end: End::Ahead, awaited: None, batched: start };
        reached.doubt();
        reached
    }

    /// Where librdkafka shall read on.
    pub(super) fn offset(&self) -> Offset {
        let before = i64::from(self.awaited.is_some());
        self.next.map_or(Offset::Beginning, |next| Offset::Offset(next - before))
    }

    /// A batch has ended here.
    pub(super) fn has_batched(&mut self, position: &Position) {
        self.batched = Some(position.clone());
    }

    /// The record that was read last has to be seen again before anything else is believed.
    pub(super) fn doubt(&mut self) {
        let known = self.batched.as_ref().filter(|batched| self.next == Some(batched.offset) && batched.offset > 0);
        self.awaited = known.and_then(|batched| batched.last);
    }

    /// Reads on at `next`, whatever stands before it. Gives where it stood.
    pub(super) fn move_to(&mut self, next: i64) -> i64 {
        self.awaited = None;
        self.next.replace(next).unwrap_or(0)
    }

    /// Puts a record of this partition into the batch.
    fn take(&mut self, batch: &mut BatchBuilder, topic: u32, message: &BorrowedMessage<'_>) -> Given {
        let time = match message.timestamp() {
            Timestamp::LogAppendTime(at) => RecordTime::Appended(at),
            Timestamp::CreateTime(at) => RecordTime::Created(at),
            Timestamp::NotAvailable => RecordTime::Unknown,
        };
        if let Some(awaited) = self.awaited.take()
            && self.next.is_some_and(|next| message.offset() < next)
        {
            let is_known = print(time, message.key(), message.payload()) == awaited;
            return if is_known { Given::Record } else { Given::Stranger };
        }
        batch.push(topic, message.partition(), message.offset(), time, message.key(), message.payload());
        self.next = Some(message.offset() + 1);
        self.end = End::Ahead;
        Given::Record
    }
}

/// Why a partition cannot be read on where it stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// The broker does not hold the next record.
    Place,
    /// The broker does not know the topic; it may come back as another one of that name.
    Topic,
    /// Another record stands where the last one was.
    Another,
}

pub(super) struct Partition {
    pub(super) name: TopicPartition,
    /// The topic's place in the batches' list of topics.
    pub(super) topic: u32,
    pub(super) reached: Reached,
    pub(super) paused: bool,
    pub(super) lost: Option<Lost>,
    queue: PartitionQueue<Callbacks>,
}

impl Partition {
    pub(super) fn new(
        name: TopicPartition,
        topic: u32,
        queue: PartitionQueue<Callbacks>,
        start: Option<Position>,
    ) -> Self {
        Self { name, topic, reached: Reached::new(start), paused: false, lost: None, queue }
    }

    /// Takes up to one turn of what librdkafka has fetched; false = nothing was there.
    pub(super) fn read(&mut self, batch: &mut BatchBuilder) -> Result<bool, ClientError> {
        for taken in 0..TURN {
            if batch.is_full() {
                return Ok(true);
            }
            let given = match self.queue.poll(Duration::ZERO) {
                None => Given::Nothing,
                Some(Ok(message)) => self.reached.take(batch, self.topic, &message),
                Some(Err(ClientError::PartitionEOF(_))) if self.reached.awaited.is_some() => Given::EndTooSoon,
                Some(Err(ClientError::PartitionEOF(_))) => Given::End,
                Some(Err(error)) => return Err(error),
            };
            match given {
                Given::Nothing => return Ok(taken > 0),
                Given::End => self.reached.end = End::Reached,
                given => {
                    if !self.note(given) {
                        return Ok(true);
                    }
                }
            }
        }
        Ok(true)
    }

    /// Finds the place to read on at, now that the broker says from where to where it holds records. Gives what was
    /// lost: from which offset on, and where reading goes on.
    pub(super) fn find_again(&mut self, lost: Lost, low: i64, high: i64) -> Option<(i64, i64)> {
        self.lost = None;
        let next = self.reached.next.unwrap_or(0);
        if lost == Lost::Another || !(low..=high).contains(&next) {
            return Some((self.reached.move_to(low), low));
        }
        self.reached.move_to(next);
        if lost == Lost::Topic {
            self.reached.doubt();
        }
        None
    }

    /// Takes a record that came by another way.
    pub(super) fn take_stray(&mut self, batch: &mut BatchBuilder, message: &BorrowedMessage<'_>) {
        let given = self.reached.take(batch, self.topic, message);
        self.note(given);
    }

    /// Whether the partition can be read on.
    const fn note(&mut self, given: Given) -> bool {
        match given {
            Given::Stranger => self.lost = Some(Lost::Another),
            Given::EndTooSoon => self.lost = Some(Lost::Place),
            Given::Record | Given::End | Given::Nothing => {}
        }
        self.lost.is_none()
    }
}

/// Adds a partition with an offset. librdkafka refuses only negative ones that mean nothing, and no
/// [`Reached`] holds one.
pub(super) fn add(list: &mut TopicPartitionList, name: &TopicPartition, offset: Offset) {
    if let Err(error) = list.add_partition_offset(&name.topic, name.partition, offset) {
        tracing::error!("librdkafka refused the offset of {name}: {error}");
    }
}
