//! Starts and stops readers.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};

use super::admin::Cluster;
use super::callbacks::Callbacks;
use super::connection::Connection;
use super::error::{KafkaError, words};
use super::event::{KafkaEvent, Position, TopicPartition};
use super::reader::{Command, Reader, StartAt};

/// How long readers that were told to stop are waited for. With a broker that does not answer librdkafka would wait for
/// ever for the answer to offsets that were sent last; nothing rests on them.
const FAREWELL: Duration = Duration::from_secs(3);

/// How records are gathered into batches.
#[derive(Clone, Debug)]
pub struct Reading {
    /// A batch is handed over when it has so many records ...
    pub batch_records: usize,
    /// ... or so many bytes ...
    pub batch_bytes: usize,
    /// ... or when its first record has waited so long.
    pub linger: Duration,
    /// Events that wait for the pipeline. When it falls behind by so many, reading stops until it has
    /// caught up, so memory stays bounded: this many batches, one being filled, and 16 MB that
    /// librdkafka fetches ahead of each partition (`queued.max.messages.kbytes`).
    pub waiting_events: usize,
}

impl Default for Reading {
    fn default() -> Self {
        Self { batch_records: 8192, batch_bytes: 4 << 20, linger: Duration::from_millis(50), waiting_events: 4 }
    }
}

/// Steers a reader from any thread. Does nothing once the reader has stopped.
#[derive(Clone)]
pub struct Control {
    commands: Sender<Command>,
    reader: Thread,
}

impl Control {
    /// Tells Kafka how far this group has come, without waiting. Only advice: a start takes its
    /// positions from the caller.
    pub fn commit(&self, positions: Vec<Position>) {
        self.send(Command::Commit(positions));
    }

    /// Stops handing over records of these partitions. What is in the open batch still comes; a
    /// partition that is assigned anew is no longer paused.
    pub fn pause(&self, partitions: Vec<TopicPartition>) {
        self.send(Command::Pause(partitions));
    }

    /// Hands over records of these partitions again.
    pub fn resume(&self, partitions: Vec<TopicPartition>) {
        self.send(Command::Resume(partitions));
    }

    fn send(&self, command: Command) {
        // A reader that has stopped needs no command.
        if self.commands.send(command).is_ok() {
            self.reader.unpark();
        }
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").finish_non_exhaustive()
    }
}

/// The thread of a reader with both ends of its channels.
struct Running {
    events: Receiver<KafkaEvent>,
    control: Control,
    thread: JoinHandle<()>,
    /// Disconnected when the thread is at its end.
    ended: Receiver<()>,
}

impl Running {
    fn start(
        connection: &Connection,
        topics: &[String],
        fixed: Option<Vec<TopicPartition>>,
        reading: &Reading,
        start_at: StartAt,
    ) -> Result<Self, KafkaError> {
        let consumer: BaseConsumer<Callbacks> = BaseConsumer::from_config_and_context(
            &connection.consumer_config(),
            Callbacks::new(connection.token.clone()),
        )
        .map_err(|error| KafkaError::starting(&connection.brokers, error))?;
        let named: BTreeSet<&str> = topics.iter().map(String::as_str).collect();
        if fixed.is_none() {
            let subscribed: Vec<&str> = named.iter().copied().collect();
            consumer.subscribe(&subscribed).map_err(|error| KafkaError::Topic {
                topic: subscribed.join(", "),
                brokers: connection.brokers.clone(),
                reason: words(&error),
            })?;
        }
        let (events, received) = bounded(reading.waiting_events);
        let (commands, obeyed) = unbounded();
        let reader = Reader {
            consumer: Arc::new(consumer),
            brokers: connection.brokers.clone(),
            topics: named.into_iter().map(Arc::from).collect(),
            fixed,
            start_at,
            commands: obeyed,
            events,
        };
        let reading = reading.clone();
        let (alive, ended) = bounded(0);
        let thread = thread::Builder::new().name("kafka-reader".to_owned()).spawn(move || {
            // Dropped last, also when the reader panics.
            let _alive: Sender<()> = alive;
            reader.run(&reading);
        })?;
        let control = Control { commands, reader: thread.thread().clone() };
        Ok(Self { events: received, control, thread, ended })
    }

    /// Tells the reader to end.
    fn dismiss(self) -> Leaving {
        let Self { events, control, thread, ended } = self;
        // Without a listener the reader cannot be stuck in handing over.
        drop(events);
        control.send(Command::Stop);
        Leaving { thread, ended }
    }
}

/// A reader that was told to end.
struct Leaving {
    thread: JoinHandle<()>,
    ended: Receiver<()>,
}

/// Waits for all of them at once.
fn wait(leaving: impl IntoIterator<Item = Leaving>) {
    let mut patience = FAREWELL;
    for Leaving { thread, ended } in leaving {
        if ended.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
            patience = Duration::ZERO;
            tracing::warn!("Kafka does not answer: its group is left without a word, and will notice by itself");
        } else if thread.join().is_err() {
            tracing::error!("the thread that reads Kafka has panicked");
        }
    }
}

/// Reads topics as a member of a consumer group.
pub struct KafkaSource {
    running: Running,
}

impl KafkaSource {
    /// Joins the group. Each time that a partition is assigned, `start_at` is asked where to
    /// read on; without an answer reading starts at the partition's beginning.
    ///
    /// # Errors
    ///
    /// When librdkafka refuses a property or a topic's name. A broker that does not answer is no
    /// error here: it is told as a [`KafkaEvent::Error`], and reading starts once it answers.
    pub fn subscribe(
        connection: &Connection,
        topics: &[String],
        reading: &Reading,
        start_at: impl FnMut(&str, i32) -> Option<Position> + Send + 'static,
    ) -> Result<Self, KafkaError> {
        let running = Running::start(connection, topics, None, reading, Box::new(start_at))?;
        Ok(Self { running })
    }

    /// What happens, in order. The channel closes after a fatal error.
    #[must_use]
    pub fn events(&self) -> &Receiver<KafkaEvent> {
        &self.running.events
    }

    /// Commits, pauses and resumes.
    #[must_use]
    pub fn control(&self) -> &Control {
        &self.running.control
    }

    /// Leaves the group and waits until that is done, or for three seconds. Store what was handed over before: the
    /// partitions go to other members at once.
    pub fn stop(self) {
        self.stop_with(None);
    }

    /// As [`Self::stop`], for two readers at once.
    pub fn stop_with(self, context: Option<ContextReader>) {
        let readers = [Some(self.running), context.map(|context| context.running)];
        let leaving: Vec<Leaving> = readers.into_iter().flatten().map(Running::dismiss).collect();
        wait(leaving);
    }
}

/// Reads every partition of some topics, whoever else reads them: each daemon needs the whole
/// context. Finds partitions that are added later within a minute.
pub struct ContextReader {
    running: Running,
    ends: Vec<Position>,
}

impl ContextReader {
    /// Takes note of the topics' end offsets and starts reading. `start_at` as for
    /// [`KafkaSource::subscribe`]; a compacted topic is read from its beginning.
    ///
    /// # Errors
    ///
    /// When librdkafka refuses a property, no broker answers, or a topic is missing.
    pub fn start(
        connection: &Connection,
        topics: &[String],
        reading: &Reading,
        start_at: impl FnMut(&str, i32) -> Option<Position> + Send + 'static,
    ) -> Result<Self, KafkaError> {
        let ends = Cluster::connect(connection)?.end_offsets(topics)?;
        let fixed = ends.iter().map(|end| end.partition.clone()).collect();
        let running = Running::start(connection, topics, Some(fixed), reading, Box::new(start_at))?;
        Ok(Self { running, ends })
    }

    /// Like [`ContextReader::start`], for one partition.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn start_one(
        connection: &Connection,
        partition: &TopicPartition,
        reading: &Reading,
        start_at: Option<Position>,
    ) -> Result<Self, KafkaError> {
        let topics = [partition.topic.to_string()];
        let mut ends = Cluster::connect(connection)?.end_offsets(&topics)?;
        ends.retain(|end| end.partition == *partition);
        let fixed = Some(vec![partition.clone()]);
        let running = Running::start(connection, &topics, fixed, reading, Box::new(move |_, _| start_at.clone()))?;
        Ok(Self { running, ends })
    }

    /// What happens, in order. Never a revocation.
    #[must_use]
    pub fn events(&self) -> &Receiver<KafkaEvent> {
        &self.running.events
    }

    /// Pauses and resumes.
    #[must_use]
    pub fn control(&self) -> &Control {
        &self.running.control
    }

    /// The end offsets seen at the start; [`super::CatchUp`] tells when they are reached.
    #[must_use]
    pub fn ends(&self) -> &[Position] {
        &self.ends
    }

    /// Stops reading and waits until that is done.
    pub fn stop(self) {
        wait([self.running.dismiss()]);
    }
}
