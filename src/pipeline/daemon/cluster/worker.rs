//! A worker's engine thread: the only one that touches the branches, and the one that writes their transactions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use crossbeam_channel::{Receiver, RecvError, never, select};

use super::super::cadence::Cadence;
use super::super::figures::was_read;
use super::super::intake::{ContextDecoder, Decoders, Window};
use super::super::life::{Setup, reading};
use super::super::quarantine::Quarantine;
use super::super::status::{Phase, Status};
use super::super::worker::{Command, lost};
use super::aside::SetAside;
use super::counts::Counts;
use super::held::Held;
use super::lessons::{Hearers, Lessons};
use super::notices::Notices;
use super::takeover::{Arrivals, Takeover};
use super::transact::{Write, write_all};
use super::wire::Said;
use crate::config::{Config, policy_hash};
use crate::engine::{Branches, Brought};
use crate::model::time::{MINUTE, SECOND, Timestamp};
use crate::pipeline::clock;
use crate::sink::kafka_context::Publishing;
use crate::sink::kafka_transactions::WriteError;
use crate::source::kafka::{
    CatchUp, Cluster, Connection, ContextReader, KafkaEvent, KafkaSource, Position, RecordBatch, TopicPartition,
};
use crate::telemetry::{Health, Journal, Stream};

/// The longest wait for something to happen.
const TURN: Duration = Duration::from_millis(50);

/// The group takes a partition away from a worker that is not its owner any more within this time, in microseconds.
const PATIENCE: i64 = 2 * MINUTE;

/// Everything that the engine thread of a worker owns.
struct Worker<'w> {
    branches: Branches,
    /// By the number of the partition, which is that of the branch.
    held: BTreeMap<i32, Held>,
    /// Partitions that another worker writes for by now, and since when.
    lost: BTreeMap<i32, i64>,
    lessons: Lessons,
    notices: Notices,
    arrivals: Arrivals,
    decoders: Decoders,
    quarantine: Quarantine,
    cadence: Cadence,
    config: Config,
    policy: String,
    hearers: Hearers<'w>,
    status: &'w Status,
    /// Told already that facts among the accesses are not used.
    has_warned: bool,
    counts: Counts,
}

/// Works until told to stop.
///
/// # Errors
/// A fatal error of Kafka, or state that cannot be read.
pub(super) fn run(
    setup: Setup,
    (journal, health, status): (&Arc<Journal>, &Health, &Status),
    commands: &Receiver<Command>,
) -> Result<()> {
    let Setup { config, connection, publishing, mode: _, copies, reporter, crosswalk } = setup;
    journal.started("worker", &reporter.run.policy_hash);
    let hearers = Hearers { journal, health, commands };
    let zone = &reporter.facility.zone;
    let decoder = ContextDecoder::new(zone, config.kafka.context_event_topics.clone(), crosswalk.clone());
    let mut worker = Worker {
        branches: Branches::new(&config.policy).map_err(|errors| anyhow!(errors.join("; ")))?,
        held: BTreeMap::new(),
        lost: BTreeMap::new(),
        lessons: Lessons::new(context(&config, &connection)?, Cluster::connect(&connection)?, decoder),
        notices: Notices::default(),
        arrivals: Arrivals::default(),
        decoders: Decoders::new(zone, crosswalk),
        quarantine: Quarantine::new(copies),
        cadence: Cadence::new(clock::elapsed()),
        policy: policy_hash(&config.policy),
        config,
        hearers,
        status,
        has_warned: false,
        counts: Counts::new(clock::elapsed()),
    };
    let topics = [worker.config.cluster.notices_topic.clone()];
    let register = ContextReader::start(&connection, &topics, &reading(), |_, _| None)?;
    let outcome = worker.prepare(&register).and_then(|is_ready| match is_ready {
        true => worker.work(&connection, publishing, &register),
        false => Ok(()),
    });
    worker.lessons.stop();
    register.stop();
    outcome
}

fn context(config: &Config, connection: &Connection) -> Result<Option<ContextReader>> {
    let topics: Vec<String> =
        config.kafka.context_topics.iter().chain(&config.kafka.context_event_topics).cloned().collect();
    if topics.is_empty() {
        return Ok(None);
    }
    Ok(Some(ContextReader::start(connection, &topics, &reading(), |_, _| None)?))
}

impl Worker<'_> {
    /// Hears what the register has said so far, and learns the context; false = told to stop meanwhile.
    fn prepare(&mut self, register: &ContextReader) -> Result<bool> {
        let mut catch_up = CatchUp::until(register.ends());
        while !catch_up.is_done() {
            self.hearers.health.tick();
            if let Ok(event) = register.events().recv_timeout(TURN) {
                catch_up.observe(&event);
                self.notice_event(Ok(event))?;
            }
        }
        let is_ready = self.lessons.catch_up(&mut self.branches, self.hearers)?;
        self.hearers.health.set_context_loaded(is_ready);
        Ok(is_ready)
    }

    fn work(&mut self, connection: &Connection, publishing: Publishing, register: &ContextReader) -> Result<()> {
        let ends = Arc::new(AtomicBool::new(false));
        let source = self.subscribe(connection, publishing, &ends)?;
        self.status.set_phase(Phase::Reading);
        let worked = self.turn_until_stopped(&source, register);
        let committed = worked.and_then(|()| self.commit());
        ends.store(true, Ordering::Release);
        if committed.is_ok() {
            self.advise(&source);
        }
        source.stop();
        committed
    }

    fn subscribe(
        &self,
        connection: &Connection,
        publishing: Publishing,
        ends: &Arc<AtomicBool>,
    ) -> Result<KafkaSource> {
        let mut shared = connection.clone();
        let strategy = "partition.assignment.strategy";
        if shared.properties.iter().all(|(key, _)| key != strategy) {
            // Partitions that stay where they are go on meanwhile.
            shared.properties.push((strategy.to_owned(), "cooperative-sticky".to_owned()));
        }
        let takeover = Takeover {
            connection: connection.clone(),
            publishing,
            state_topic: self.config.cluster.state_topic.clone(),
            reading: reading(),
            arrivals: self.arrivals.clone(),
            journal: Arc::clone(self.hearers.journal),
            ends: Arc::clone(ends),
        };
        let start_at = move |topic: &str, partition: i32| takeover.start_at(topic, partition);
        Ok(KafkaSource::subscribe(&shared, &self.config.kafka.access_topics, &reading(), start_at)?)
    }

    fn turn_until_stopped(&mut self, source: &KafkaSource, register: &ContextReader) -> Result<()> {
        let no_context = never();
        let mut advised_at = clock::elapsed();
        loop {
            self.hearers.health.tick();
            let context = self.lessons.events().unwrap_or(&no_context).clone();
            select! {
                recv(self.hearers.commands) -> command => match command {
                    Ok(Command::End(_) | Command::Reload(_)) => {}
                    Ok(Command::Stop) | Err(RecvError) => return Ok(()),
                },
                recv(context) -> event => {
                    let event = event.map_err(|_| anyhow!("the reader of the context topics has stopped"))?;
                    self.lessons.take(event, &mut self.branches, self.hearers)?;
                }
                recv(register.events()) -> event => self.notice_event(event)?,
                recv(source.events()) -> event => {
                    // What was known before an access is learned before it.
                    self.lessons.learn_ready(&mut self.branches, self.hearers)?;
                    self.access_event(event)?;
                }
                default(TURN) => {}
            }
            self.advance();
            self.check_lost()?;
            if self.cadence.is_due(clock::elapsed()) {
                self.commit()?;
                if clock::elapsed() - advised_at >= SECOND {
                    advised_at = clock::elapsed();
                    self.advise(source);
                }
            }
            self.counts.tell(&self.branches, self.hearers.journal, clock::elapsed());
        }
    }

    /// Tells Kafka how far this worker is, for people who watch the group's lag.
    fn advise(&self, source: &KafkaSource) {
        source.control().commit(self.status.committed_positions());
    }

    fn notice_event(&mut self, event: Result<KafkaEvent, RecvError>) -> Result<()> {
        match event.map_err(|_| anyhow!("the reader of the notices has stopped"))? {
            KafkaEvent::Batch(batch) => {
                let heard = self.notices.take(&batch);
                for (partition, groups) in heard.groups {
                    self.branches.heed(number_of(partition), groups);
                    self.collect(partition);
                }
                for (partition, desk) in heard.hours {
                    self.branches.bury(number_of(partition), desk);
                }
                if let Some((clock, context)) = self.notices.floor() {
                    let marks = self.lessons.marks(context);
                    self.branches.forget(clock, &marks);
                }
            }
            event => self.other_event(event)?,
        }
        Ok(())
    }

    fn access_event(&mut self, event: Result<KafkaEvent, RecvError>) -> Result<()> {
        match event.map_err(|_| anyhow!("the reader of the access topic has stopped"))? {
            KafkaEvent::Batch(batch) => self.take(&batch),
            KafkaEvent::Assigned(partitions) => {
                for partition in partitions {
                    self.open(partition)?;
                }
                self.tell_partitions();
                self.hearers.journal.partitions_assigned(self.held.len());
            }
            KafkaEvent::Revoked { partitions, release } => {
                self.commit()?;
                for gone in &partitions {
                    self.let_go(gone.partition);
                    self.lost.remove(&gone.partition);
                }
                self.tell_partitions();
                self.hearers.journal.partitions_revoked(partitions.iter().map(|gone| (&*gone.topic, gone.partition)));
                drop(release);
            }
            KafkaEvent::EndOfPartition { partition, .. } => {
                let held = self.held.get_mut(&partition.partition);
                held.into_iter().for_each(|held| held.ended(clock::elapsed()));
            }
            event => self.other_event(event)?,
        }
        Ok(())
    }

    fn other_event(&self, event: KafkaEvent) -> Result<()> {
        let now = clock::now();
        match event {
            KafkaEvent::Error { fatal: true, message, .. } => return Err(anyhow!(message)),
            KafkaEvent::Error { message, .. } => self.hearers.journal.broker_error(&message, now),
            KafkaEvent::Gap { partition, from, to } => {
                self.hearers.journal.records_lost(&lost(&partition, from, to));
            }
            _ => {}
        }
        Ok(())
    }

    fn tell_partitions(&self) {
        self.hearers.health.set_partitions(self.held.len());
    }

    /// Takes a partition that has come to this worker.
    fn open(&mut self, name: TopicPartition) -> Result<()> {
        let partition = name.partition;
        let mut restored = self.arrivals.take(partition)?;
        let place = restored.place.clone();
        let known = place.as_ref().map(|place| place.context.clone()).unwrap_or_default();
        let all = known.len();
        let known = self.lessons.still(known, self.hearers.journal);
        if !self.lessons.wait_for(&known, &mut self.branches, self.hearers)? {
            return Ok(());
        }
        let marks = self.lessons.marks(&known);
        let is_other_policy = place.as_ref().is_some_and(|place| place.policy != self.policy);
        let decides_again = is_other_policy || known.len() < all;
        let opened = self.branches.open(number_of(partition), restored.saved.take(), &marks, decides_again);
        opened.with_context(|| format!("cannot go on with {name}"))?;
        self.branches.heed(number_of(partition), self.notices.groups_of(partition));
        let next = place.and_then(|place| place.position(&name));
        self.status.has_committed(&[next.unwrap_or_else(|| Position::at(name.clone(), 0))]);
        let lateness = self.config.policy.engine.allowed_lateness.micros();
        let findings = self.config.cluster.findings_topic.clone();
        self.held.insert(partition, Held::new(name, findings, restored, lateness));
        self.collect(partition);
        self.cadence.changed(0);
        Ok(())
    }

    /// A partition is decided elsewhere from now on.
    fn let_go(&mut self, partition: i32) {
        self.branches.close(number_of(partition));
        if let Some(held) = self.held.remove(&partition) {
            self.status.forget(held.name());
            self.hearers.journal.metrics().lag(&held.name().topic, partition, 0);
        }
    }

    fn take(&mut self, batch: &RecordBatch) {
        let now = clock::now();
        was_read(batch, Stream::Access, self.hearers.journal, now);
        let mut rejects = Vec::new();
        for part in self.decoders.decode(batch, &mut self.branches, now, Window::LIVE) {
            for run in part.runs {
                let held = self.held.get_mut(&run.partition.partition);
                held.into_iter().for_each(|held| held.read(run.newest, run.events));
            }
            if !part.facts.is_empty() && !std::mem::replace(&mut self.has_warned, true) {
                tracing::warn!(
                    "the access topic holds context facts: they are not used, because other workers do not see them; \
                     send them to a topic of kafka.context_topics"
                );
            }
            self.cadence.changed((part.intake.len() + part.rejects.len()) as u64);
            self.branches.push(part.intake);
            rejects.extend(part.rejects);
        }
        self.quarantine.take(batch, rejects, self.hearers.journal, now);
        for position in batch.positions() {
            if let Some(held) = self.held.get_mut(&position.partition.partition) {
                held.next = Some(position.clone());
            }
        }
    }

    /// A partition that the group leaves here although another process writes for it would be decided by nobody.
    fn check_lost(&self) -> Result<()> {
        let now = clock::elapsed();
        let kept = self.lost.iter().find(|(_, since)| now - **since >= PATIENCE);
        kept.map_or(Ok(()), |(partition, _)| {
            Err(anyhow!(
                "another process writes for partition {partition}, although the group gave it to this worker: make \
                 sure that no other cluster uses the same kafka.group_id, and start the worker again"
            ))
        })
    }

    /// Brings every partition to where it may go, and those that have late facts to act on once more to where they are.
    fn advance(&mut self) {
        let (now, input) = (clock::elapsed(), self.notices.input());
        let late: Vec<u32> = self.branches.behind_facts().collect();
        let mut due: BTreeMap<u32, Timestamp> = BTreeMap::new();
        for (partition, held) in &mut self.held {
            let (number, until) = (number_of(*partition), held.until(now, input));
            let clock = self.branches.clock(number);
            if until > clock || late.contains(&number) {
                due.insert(number, until.max(clock));
                held.moved();
            }
            if held.is_changed() {
                self.cadence.changed(0);
            }
        }
        if due.is_empty() {
            return;
        }
        self.branches.advance(&due);
        let partitions: Vec<i32> = self.held.keys().copied().collect();
        let moved = partitions.into_iter().filter(|partition| due.contains_key(&number_of(*partition)));
        moved.for_each(|partition| self.collect(partition));
        let slowest = self.held.keys().map(|partition| self.branches.clock(number_of(*partition))).min();
        self.status.set_clock(slowest.unwrap_or(Timestamp::MIN));
        self.hearers.journal.metrics().watermark(slowest.unwrap_or(Timestamp::MIN), clock::now());
    }

    /// Takes what a branch found.
    fn collect(&mut self, partition: i32) {
        let Some(held) = self.held.get_mut(&partition) else { return };
        let Brought { findings, output } = self.branches.brought(number_of(partition));
        let now = clock::now();
        let mut detections: BTreeMap<&str, u64> = BTreeMap::new();
        for detection in &output.detections {
            *detections.entry(detection.detector_id).or_default() += 1;
        }
        detections.into_iter().for_each(|(id, count)| self.hearers.journal.metrics().detections(id, count));
        if !findings.is_empty() {
            self.cadence.urgent();
        }
        findings.into_iter().for_each(|finding| held.say(Said::Found(now, finding.into())));
    }

    /// Writes a transaction for each partition of which something changed, side by side.
    fn commit(&mut self) -> Result<()> {
        // State must not say that facts are known which nothing has acted on.
        self.advance();
        for (partition, one) in SetAside::all(self.quarantine.drain(self.hearers.journal, clock::now())) {
            if let Some(held) = self.held.get_mut(&partition) {
                held.say(Said::SetAside(one));
            }
        }
        let started = clock::elapsed();
        let context = self.lessons.reached();
        let mut writes: Vec<Write> = Vec::new();
        for (partition, held) in self.held.iter_mut().filter(|(_, held)| held.is_changed()) {
            let entries = held.entries(&mut self.branches, &self.policy, &context);
            writes.push(Write { partition: *partition, writer: held.writer(), entries });
        }
        for (partition, outcome) in write_all(writes) {
            match outcome {
                Ok(()) => self.has_written(partition),
                Err(WriteError::Fenced(_)) => {
                    tracing::warn!(partition, "another worker decides this partition by now");
                    self.let_go(partition);
                    self.lost.insert(partition, clock::elapsed());
                    self.tell_partitions();
                }
                Err(error) => return Err(error).context("a worker's results are not kept"),
            }
        }
        let ended = clock::elapsed();
        let events = self.cadence.committed(ended);
        self.hearers.journal.committed(events, (ended - started) as f64 / 1e6, clock::now());
        Ok(())
    }

    fn has_written(&self, partition: i32) {
        let Some(held) = self.held.get(&partition) else { return };
        let Some(position) = held.next.clone() else { return };
        self.status.has_read(std::slice::from_ref(&position));
        self.status.has_committed(&[position]);
    }
}

/// The branch of a partition.
fn number_of(partition: i32) -> u32 {
    u32::try_from(partition).unwrap_or(u32::MAX)
}
