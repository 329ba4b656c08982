//! The loop around librdkafka's blocking client, on a thread of its own.
//!
//! Every partition has a queue of its own instead of one queue for all. So the end of a partition is
//! known with its topic, a paused partition keeps what was fetched ahead, and a long backlog in one
//! partition does not keep the others waiting.
//!
//! The reader stops taking records from those queues while the channel to the pipeline is full, which
//! makes librdkafka stop fetching once its own bounded queues are full. It goes on serving the group
//! meanwhile, so a slow pipeline is not taken for a dead member.

mod recovery;

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, SendTimeoutError, Sender, TryRecvError, bounded};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, RebalanceProtocol};
use rdkafka::error::{KafkaError as ClientError, KafkaResult};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::batch::BatchBuilder;
use super::callbacks::{Callbacks, Rebalance, give_up};
use super::error::{code, words};
use super::event::{KafkaEvent, Position, Release, TopicPartition};
use super::partition::{End, Partition, add};
use super::source::Reading;

/// Longest sleep while nothing happens; arriving records and commands end it.
const IDLE: Duration = Duration::from_millis(100);
/// How often a released partition is looked for while the pipeline stores its results.
const RELEASE_POLL: Duration = Duration::from_millis(5);

/// What librdkafka may say at once before records have their turn again.
const MOST_SAYINGS: usize = 1000;

/// Where to start reading a partition, if not at its beginning.
pub(super) type StartAt = Box<dyn FnMut(&str, i32) -> Option<Position> + Send>;

pub(super) enum Command {
    Commit(Vec<Position>),
    Pause(Vec<TopicPartition>),
    Resume(Vec<TopicPartition>),
    Stop,
}

pub(super) struct Reader {
    pub(super) consumer: Arc<BaseConsumer<Callbacks>>,
    pub(super) brokers: String,
    pub(super) topics: Arc<[Arc<str>]>,
    /// Partitions to read without a group; none when the group assigns them.
    pub(super) fixed: Option<Vec<TopicPartition>>,
    pub(super) start_at: StartAt,
    pub(super) commands: Receiver<Command>,
    pub(super) events: Sender<KafkaEvent>,
}

impl Reader {
    /// Reads until told to stop, until nobody listens or until a fatal error.
    pub(super) fn run(mut self, reading: &Reading) {
        let waker = thread::current();
        if let Some(consumer) = Arc::get_mut(&mut self.consumer) {
            consumer.set_nonempty_callback(move || waker.unpark());
        }
        let batch = BatchBuilder::new(Arc::clone(&self.topics), reading.batch_records, reading.batch_bytes);
        let mut session = Session {
            linger: reading.linger,
            batch,
            opened_at: None,
            outbox: VecDeque::new(),
            partitions: Vec::new(),
            first: 0,
            release: None,
            retry_at: None,
            look_at: self.fixed.as_ref().map(|_| now() + recovery::LOOK_FOR_PARTITIONS),
            failed: false,
            reader: self,
        };
        if let Some(fixed) = session.reader.fixed.take() {
            session.take_over(fixed);
        }
        while session.step() {}
        session.close();
    }
}

/// Revoked partitions until the pipeline lets them go.
struct Held {
    /// Disconnected when the event's [`Release`] is dropped.
    released: Receiver<()>,
    partitions: Vec<(String, i32)>,
}

/// A reader at work.
struct Session {
    reader: Reader,
    linger: Duration,
    batch: BatchBuilder,
    /// When the first record of the open batch came.
    opened_at: Option<Instant>,
    /// Events that wait for room in the channel. Nothing is read while there are any.
    outbox: VecDeque<KafkaEvent>,
    partitions: Vec<Partition>,
    /// The partition whose turn comes first.
    first: usize,
    /// Revoked partitions that the pipeline still holds.
    release: Option<Held>,
    /// When to ask again where lost records resume.
    retry_at: Option<Instant>,
    /// When to look for new partitions; only without a group.
    look_at: Option<Instant>,
    failed: bool,
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a batch lingers and when to retry is wall time, never event time"
)]
fn now() -> Instant {
    Instant::now()
}

impl Session {
    /// One round; false = stop.
    fn step(&mut self) -> bool {
        if !self.obey() {
            return false;
        }
        self.serve_client();
        self.finish_release();
        self.recover();
        self.look_for_partitions();
        let free = self.outbox.is_empty() && self.release.is_none() && !self.failed;
        let read = free && self.read();
        self.close_batch_if_due();
        if !self.deliver() || (self.failed && self.outbox.is_empty()) {
            return false;
        }
        if !read && self.outbox.is_empty() {
            thread::park_timeout(self.patience());
        }
        true
    }

    fn patience(&self) -> Duration {
        if self.release.is_some() {
            return RELEASE_POLL;
        }
        self.opened_at.map_or(IDLE, |opened| (opened + self.linger).saturating_duration_since(now()).min(IDLE))
    }

    fn obey(&mut self) -> bool {
        loop {
            match self.reader.commands.try_recv() {
                Ok(Command::Commit(positions)) => self.commit(&positions),
                Ok(Command::Pause(names)) => self.set_paused(&names, true),
                Ok(Command::Resume(names)) => self.set_paused(&names, false),
                Ok(Command::Stop) | Err(TryRecvError::Disconnected) => return false,
                Err(TryRecvError::Empty) => return true,
            }
        }
    }

    fn set_paused(&mut self, names: &[TopicPartition], paused: bool) {
        for partition in &mut self.partitions {
            if names.contains(&partition.name) {
                partition.paused = paused;
            }
        }
    }

    /// Offsets of partitions that went to another member meanwhile are left out.
    fn commit(&self, positions: &[Position]) {
        let mut list = TopicPartitionList::new();
        for position in positions {
            if self.partitions.iter().any(|partition| partition.name == position.partition) {
                add(&mut list, &position.partition, Offset::Offset(position.offset));
            }
        }
        if list.count() > 0
            && let Err(error) = self.reader.consumer.commit(&list, CommitMode::Async)
        {
            tracing::warn!("Kafka did not take the offsets, which are only advice to it: {error}");
        }
    }

    /// Lets librdkafka say what concerns no single partition: one thing at a time, until it is silent.
    fn serve_client(&mut self) {
        let consumer = Arc::clone(&self.reader.consumer);
        for _ in 0..MOST_SAYINGS {
            let calls = consumer.context().calls();
            match consumer.poll(Duration::ZERO) {
                Some(Err(error)) => self.complain(None, &error),
                Some(Ok(message)) => self.take_stray(&message),
                None if consumer.context().calls() == calls => return,
                None => {}
            }
            match consumer.context().next_rebalance() {
                Some(Rebalance::Assign(list)) => {
                    let named = list.into_iter().map(|(topic, partition)| TopicPartition::new(topic, partition));
                    self.take_over(named.collect());
                }
                Some(Rebalance::Revoke(list)) => self.revoke(list),
                None => {}
            }
        }
    }

    /// A record that did not come through its partition's queue is kept all the same.
    fn take_stray(&mut self, message: &BorrowedMessage<'_>) {
        let mine = |partition: &&mut Partition| {
            partition.name.partition == message.partition() && &*partition.name.topic == message.topic()
        };
        if let Some(partition) = self.partitions.iter_mut().find(mine) {
            partition.take_stray(&mut self.batch, message);
            self.opened_at.get_or_insert_with(now);
        }
    }

    /// Starts reading partitions.
    fn take_over(&mut self, names: Vec<TopicPartition>) {
        let waker = thread::current();
        for name in &names {
            let topic = self.reader.topics.iter().position(|topic| *topic == name.topic);
            // The queue must be split off before the partition is assigned, or records slip past it.
            let queue = self.reader.consumer.split_partition_queue(&name.topic, name.partition);
            let (Some(topic), Some(mut queue)) = (topic, queue) else {
                self.fail(format!("librdkafka assigned {name}, which cannot be read; restart chartsentry"));
                return;
            };
            let waker = waker.clone();
            queue.set_nonempty_callback(move || waker.unpark());
            let next = (self.reader.start_at)(&name.topic, name.partition);
            self.partitions.push(Partition::new(name.clone(), topic as u32, queue, next));
        }
        self.outbox.push_back(KafkaEvent::Assigned(names.clone()));
        let answer = match self.reader.consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => {
                let list = self.list(|partition| names.contains(&partition.name));
                self.reader.consumer.incremental_assign(&list)
            }
            RebalanceProtocol::Eager | RebalanceProtocol::None => self.reader.consumer.assign(&self.list(|_| true)),
        };
        self.check(answer, "take over partitions");
    }

    /// Partitions with the offsets at which to read on.
    fn list(&self, chosen: impl Fn(&Partition) -> bool) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for partition in self.partitions.iter().filter(|partition| chosen(partition)) {
            add(&mut list, &partition.name, partition.reached.offset());
        }
        list
    }

    /// Hands over what was read and waits for the pipeline to store it; see [`Self::finish_release`].
    fn revoke(&mut self, list: Vec<(String, i32)>) {
        self.close_batch();
        let (held, released) = bounded(0);
        let named = list.iter().map(|(topic, partition)| TopicPartition::new(topic.as_str(), *partition)).collect();
        self.outbox.push_back(KafkaEvent::Revoked { partitions: named, release: Release { _held: held } });
        self.release = Some(Held { released, partitions: list });
    }

    fn finish_release(&mut self) {
        let Some(Held { released, partitions: list }) = &self.release else { return };
        if released.try_recv() == Err(TryRecvError::Empty) {
            return;
        }
        let mut given_up = TopicPartitionList::new();
        for (topic, partition) in list {
            given_up.add_partition(topic, *partition);
        }
        self.partitions
            .retain(|p| !list.iter().any(|(topic, number)| *p.name.topic == **topic && p.name.partition == *number));
        self.release = None;
        let answer = give_up(&self.reader.consumer, &given_up);
        self.check(answer, "give up partitions");
    }

    /// Takes what librdkafka has fetched, partition by partition in turn; false = nothing was there.
    fn read(&mut self) -> bool {
        let mut faults = Vec::new();
        let Self { partitions, batch, first, .. } = self;
        let was_empty = batch.is_empty();
        let mut read = false;
        let count = partitions.len();
        for turn in 0..count {
            let place = (*first + turn) % count;
            let partition = &mut partitions[place];
            if partition.paused || partition.lost.is_some() {
                continue;
            }
            if batch.is_full() {
                *first = place;
                break;
            }
            match partition.read(batch) {
                Ok(some) => read |= some,
                Err(error) => faults.push((place, error)),
            }
        }
        if was_empty && !batch.is_empty() {
            self.opened_at = Some(now());
        }
        for (place, error) in faults {
            self.fault(place, &error);
        }
        read
    }

    fn close_batch_if_due(&mut self) {
        let due = self.opened_at.is_none_or(|opened| now() >= opened + self.linger);
        if due || self.batch.is_full() {
            self.close_batch();
        }
    }

    /// Hands over the open batch, then the ends that were reached.
    fn close_batch(&mut self) {
        self.opened_at = None;
        if let Some(batch) = self.batch.finish() {
            for position in batch.positions() {
                let mut partitions = self.partitions.iter_mut();
                let found = partitions.find(|partition| partition.name == position.partition);
                found.into_iter().for_each(|partition| partition.reached.has_batched(position));
            }
            self.outbox.push_back(KafkaEvent::Batch(batch));
        }
        for partition in &mut self.partitions {
            if partition.reached.end == End::Reached {
                partition.reached.end = End::Told;
                self.outbox.push_back(KafkaEvent::EndOfPartition {
                    partition: partition.name.clone(),
                    next_offset: partition.reached.next,
                });
            }
        }
    }

    /// Sends what there is room for; false = nobody listens.
    fn deliver(&mut self) -> bool {
        while let Some(event) = self.outbox.pop_front() {
            match self.reader.events.send_timeout(event, IDLE) {
                Ok(()) => {}
                Err(SendTimeoutError::Timeout(event)) => {
                    self.outbox.push_front(event);
                    return true;
                }
                Err(SendTimeoutError::Disconnected(_)) => return false,
            }
        }
        true
    }

    fn check(&mut self, answer: KafkaResult<()>, what: &str) {
        if let Err(error) = answer {
            let reason = words(&error);
            self.fail(format!("cannot {what} of Kafka at {}: {reason}", self.reader.brokers));
        }
    }

    fn fail(&mut self, message: String) {
        self.failed = true;
        self.outbox.push_back(KafkaEvent::Error { code: "Client".to_owned(), fatal: true, message });
    }

    fn complain(&mut self, partition: Option<&TopicPartition>, error: &ClientError) {
        let reason = self.reader.consumer.context().take_reason().unwrap_or_else(|| words(error));
        let brokers = &self.reader.brokers;
        let message = match partition {
            Some(partition) => format!("cannot read {partition} from Kafka at {brokers}: {reason}"),
            None => format!("Kafka at {brokers}: {reason}"),
        };
        let fatal = matches!(error, ClientError::MessageConsumptionFatal(_));
        self.failed |= fatal;
        self.outbox.push_back(KafkaEvent::Error { code: code(error), fatal, message });
    }

    /// Leaves the group. The open batch is dropped: it was never handed over, so it is read again.
    fn close(mut self) {
        self.partitions.clear();
        self.reader.consumer.context().close();
        let unanswered = self.release.is_some() || self.reader.consumer.context().next_rebalance().is_some();
        if unanswered && let Err(error) = self.reader.consumer.unassign() {
            tracing::warn!("cannot give up partitions while closing: {error}");
        }
    }
}
