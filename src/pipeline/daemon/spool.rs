//! What syslog senders say: on disk first, then to the engine, and off the disk once its effects are stored.
//!
//! ```text
//!  listeners --Received--> this thread: Spool::append --> Spool::visit --KafkaEvent--> engine thread
//!                               ^--------------------- release ------------------------'
//! ```
//!
//! To the engine the spool is a partition like any other: [`TOPIC`], with the messages' numbers as offsets.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded, never, select, unbounded};

use crate::pipeline::clock;
use crate::source::kafka::{BatchBuilder, KafkaEvent, Reading, RecordBatch, RecordTime, TopicPartition};
use crate::source::syslog::Received;
use crate::store::{Spool, Spooled, StoreError, StoreOptions};
use crate::telemetry::{Health, Journal};

/// The spool's name among topics. No topic of Kafka can have it.
pub const TOPIC: &str = "(syslog)";

/// The part of the daemon's health that this thread speaks for.
const SPOOL: &str = "spool";
/// What is written to disk at once.
const MOST_MESSAGES: usize = 4_096;
/// Above this the senders wait: what the disk may hold for an engine that does not come after, in bytes.
const FULL: u64 = 4 << 30;
/// The longest wait for something to happen, and the wait after an error of the disk.
const TURN: Duration = Duration::from_millis(50);
const PAUSE: Duration = Duration::from_secs(1);
/// How often the disk is asked to take what came last.
const TRIES: usize = 5;

/// The spool's only partition.
pub(super) fn partition() -> TopicPartition {
    TopicPartition::new(TOPIC, 0)
}

/// The engine's end: messages as they come, and word of those that are stored.
pub(super) struct Feed {
    events: Receiver<KafkaEvent>,
    words: Sender<Word>,
}

/// What the engine tells the spool.
enum Word {
    /// The effects of every message before this one are on disk.
    Stored(i64),
    /// Tell again when everything was handed over.
    TellEnd,
}

impl Feed {
    pub(super) const fn events(&self) -> &Receiver<KafkaEvent> {
        &self.events
    }

    /// The effects of every message before this one are on disk.
    pub(super) fn release(&self, until: i64) {
        // A spool that has ended will be told at the next start.
        let _ = self.words.send(Word::Stored(until));
    }

    /// Asks to be told again when everything was handed over: a new engine has not heard it.
    pub(super) fn ask_for_end(&self) {
        // A spool that has ended hands nothing over any more.
        let _ = self.words.send(Word::TellEnd);
    }
}

/// Opens the spool of a store that expects message `resume` next, and starts its thread. Gives the way in for messages
/// and the engine's end. The thread ends when nobody holds either.
///
/// # Errors
/// When the spool cannot be opened.
pub(super) fn start(
    store: &StoreOptions,
    resume: i64,
    reading: Reading,
    journal: Arc<Journal>,
    health: Arc<Health>,
) -> Result<(Sender<Received>, Feed, JoinHandle<()>)> {
    let is_new = !Spool::is_there(store);
    let (spool, released) = Spool::open(store, resume)?;
    if is_new && resume > 0 {
        let what = "the spool of syslog messages is gone, and a new one was made: what was taken in and not yet decided is lost";
        journal.records_lost(&what);
    }
    let (received, incoming) = unbounded();
    let (words, heard) = unbounded();
    let (sender, events) = bounded(reading.waiting_events);
    let builder = BatchBuilder::new([Arc::from(TOPIC)].into(), reading.batch_records, reading.batch_bytes);
    let mut first = vec![KafkaEvent::Assigned(vec![partition()])];
    if released > resume {
        first.push(KafkaEvent::Gap { partition: partition(), from: resume, to: released });
    }
    let keeper = Keeper {
        cursor: resume.max(released),
        spool,
        incoming,
        words: heard,
        events: sender,
        builder,
        ready: first.into(),
        unsaved: Vec::new(),
        has_told_end: false,
        done: resume,
        released: resume,
        is_failing: false,
        journal,
        health,
    };
    let thread = thread::Builder::new()
        .name("chartsentry-spool".to_owned())
        .spawn(move || keeper.run())
        .context("cannot start the thread that keeps syslog messages")?;
    Ok((received, Feed { events, words }, thread))
}

/// What the thread owns.
struct Keeper {
    spool: Spool,
    incoming: Receiver<Received>,
    words: Receiver<Word>,
    events: Sender<KafkaEvent>,
    builder: BatchBuilder,
    /// The number of the next message for the engine.
    cursor: i64,
    /// What the engine is told as soon as it has room.
    ready: VecDeque<KafkaEvent>,
    /// Messages that the disk has not taken.
    unsaved: Vec<Received>,
    has_told_end: bool,
    /// Messages before it are part of the store.
    done: i64,
    /// Messages before it are gone from the spool.
    released: i64,
    /// The disk did not take or give something since the last turn.
    is_failing: bool,
    journal: Arc<Journal>,
    health: Arc<Health>,
}

impl Keeper {
    fn run(mut self) {
        let (mut is_open, mut is_used) = (true, true);
        while is_used {
            let no_message = never();
            let takes = is_open && self.unsaved.is_empty() && self.spool.backlog().bytes < FULL;
            select! {
                recv(if takes { &self.incoming } else { &no_message }) -> message => match message {
                    Ok(message) => self.take(message),
                    Err(_) => is_open = false,
                },
                recv(self.words) -> word => match word {
                    Ok(word) => self.heed(word),
                    Err(_) => is_used = false,
                },
                default(TURN) => {}
            }
            let was_failing = std::mem::take(&mut self.is_failing);
            self.save();
            self.release();
            self.feed();
            if was_failing && !self.is_failing {
                self.health.works(SPOOL);
            }
        }
        self.finish();
    }

    /// The engine has ended: what was taken in still goes to disk, as far as the disk takes it.
    fn finish(mut self) {
        self.release();
        for _ in 0..TRIES {
            self.unsaved.extend(self.incoming.try_iter());
            if self.unsaved.is_empty() {
                match self.incoming.recv_timeout(PAUSE) {
                    Ok(message) => self.unsaved.push(message),
                    Err(RecvTimeoutError::Disconnected) => return,
                    Err(RecvTimeoutError::Timeout) => continue,
                }
            }
            self.save();
        }
        let lost = self.unsaved.len() + self.incoming.len();
        if lost > 0 {
            let lost = format!("{lost} syslog messages are lost: the disk did not take them before the end");
            self.journal.records_lost(&lost);
        }
    }

    /// Takes a message and those that wait behind it.
    fn take(&mut self, message: Received) {
        self.unsaved.push(message);
        self.unsaved.extend(self.incoming.try_iter().take(MOST_MESSAGES - 1));
    }

    fn save(&mut self) {
        if self.unsaved.is_empty() {
            return;
        }
        let messages = self.unsaved.iter().map(|message| Spooled {
            source: &message.source,
            received_at: message.received_at,
            fault: message.fault,
            body: &message.body,
        });
        if let Err(error) = self.spool.append(messages) {
            return self.fail(&error);
        }
        let mut counts: BTreeMap<Arc<str>, u64> = BTreeMap::new();
        for message in self.unsaved.drain(..) {
            *counts.entry(message.source).or_default() += 1;
        }
        counts.iter().for_each(|(source, count)| self.journal.syslog_kept(source, *count));
        self.measure();
    }

    /// Says what is wrong and gives the disk time.
    fn fail(&mut self, error: &StoreError) {
        self.is_failing = true;
        if error.is_damage() {
            self.health.fail(error.to_string());
        }
        self.health.trouble(SPOOL, error.to_string());
        self.journal.spool_failed(error, clock::now());
        thread::sleep(PAUSE);
    }

    fn heed(&mut self, word: Word) {
        match word {
            Word::Stored(until) => self.done = self.done.max(until),
            Word::TellEnd => self.has_told_end = false,
        }
    }

    /// Drops what is part of the store; tried again until the disk lets it.
    fn release(&mut self) {
        while let Ok(word) = self.words.try_recv() {
            self.heed(word);
        }
        if self.done <= self.released {
            return;
        }
        match self.spool.release(self.done) {
            Ok(()) => self.released = self.done,
            Err(error) => self.fail(&error),
        }
        self.measure();
    }

    fn measure(&self) {
        let backlog = self.spool.backlog();
        self.journal.metrics().spool(backlog.messages, backlog.bytes);
    }

    /// Hands the engine what it has room for.
    fn feed(&mut self) {
        loop {
            if self.ready.is_empty() && !self.prepare() {
                return;
            }
            let Some(event) = self.ready.pop_front() else { return };
            match self.events.try_send(event) {
                Ok(()) => {}
                Err(TrySendError::Full(event)) => return self.ready.push_front(event),
                // The engine has ended; what is on disk waits for the next start.
                Err(TrySendError::Disconnected(_)) => return,
            }
        }
    }

    /// Readies the next batch, or the word that there is none; whether anything was readied.
    fn prepare(&mut self) -> bool {
        if self.cursor >= self.spool.next() {
            let is_news = !std::mem::replace(&mut self.has_told_end, true);
            if is_news {
                let next_offset = Some(self.cursor);
                self.ready.push_back(KafkaEvent::EndOfPartition { partition: partition(), next_offset });
            }
            return is_news;
        }
        match self.batch() {
            Ok(batch) => {
                self.has_told_end = false;
                self.ready.extend(batch.map(KafkaEvent::Batch));
                true
            }
            Err(error) => {
                self.fail(&error);
                false
            }
        }
    }

    fn batch(&mut self) -> Result<Option<RecordBatch>, StoreError> {
        let (builder, mut cursor) = (&mut self.builder, self.cursor);
        let read = self.spool.visit(self.cursor, &mut |sequence, message| {
            let time = RecordTime::Appended(message.received_at.0.div_euclid(1_000));
            builder.push(0, 0, sequence, time, Some(message.source.as_bytes()), Some(message.body));
            builder.mark(message.fault);
            cursor = sequence + 1;
            !builder.is_full()
        });
        let batch = builder.finish();
        read?;
        // Numbers below the next one that no message has are not waited for.
        self.cursor = if batch.is_some() { cursor } else { self.spool.next() };
        Ok(batch)
    }
}

/// Waits for the spool's thread, which ends when nobody talks to it any more.
pub(super) fn join(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!(
            "the thread that keeps syslog messages has panicked; those on disk will be decided after a start"
        );
    }
}
