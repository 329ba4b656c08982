//! The engine thread: the only one that touches the engine and writes results to the store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use crossbeam_channel::{Receiver, RecvError, never, select};

use super::cadence::Cadence;
use super::clerk::Bell;
use super::figures::{Figures, Moment, was_read};
use super::intake::{ContextDecoder, Decoders, Window};
use super::lanes::{Due, Lanes};
use super::life::{Next, Setup};
use super::outcome::{Records, Reporter};
use super::outlets::Bells;
use super::patience::{self, Hearers};
use super::quarantine::Quarantine;
use super::spool::{self, Feed};
use super::status::{Phase, Status};
use crate::engine::Engine;
use crate::engine::output::Output;
use crate::model::time::{SECOND, Timestamp};
use crate::pipeline::clock;
use crate::pipeline::register::evidence;
use crate::source::kafka::{ContextReader, KafkaEvent, KafkaSource, Position, RecordBatch, TopicPartition};
use crate::store::{self, Commit, StateRow, Store};
use crate::telemetry::{Health, Journal, Stream};

/// The longest wait for something to happen: commits and idle partitions are looked at so often.
const TURN: Duration = Duration::from_millis(50);

/// What the engine thread is told from outside.
pub(super) enum Command {
    /// Commit what is there and end.
    Stop,
    /// The log is over: live through the time up to this instant.
    End(Timestamp),
    /// Commit what is there and go on with this configuration.
    Reload(Box<Next>),
}

/// Everything that the engine thread owns.
pub(super) struct Worker {
    pub(super) engine: Engine,
    pub(super) store: Store,
    pub(super) lanes: Lanes,
    pub(super) cadence: Cadence,
    pub(super) decoders: Decoders,
    pub(super) context_decoder: ContextDecoder,
    pub(super) reporter: Reporter,
    pub(super) quarantine: Quarantine,
    pub(super) figures: Figures,
    pub(super) journal: Arc<Journal>,
    pub(super) health: Arc<Health>,
    pub(super) status: Arc<Status>,
    /// Rung when the outbox has something new.
    pub(super) wakers: Bells,
    /// The way to the case register, where one is kept.
    pub(super) bell: Option<Bell>,
    /// What syslog senders say, where any are listened to.
    pub(super) feed: Option<Feed>,
    /// The spool runs ahead of Kafka's partitions; its messages wait on disk.
    pub(super) spool_waits: bool,
    /// Whether accesses more than a day after the present are rejects.
    pub(super) refuses_future: bool,
    pub(super) records: Records,
    /// State rows of the shell's own that are not written yet.
    pub(super) own_rows: Vec<StateRow>,
    /// Next offset and newest event of the partitions read since the last commit.
    pub(super) positions: BTreeMap<TopicPartition, (Position, Timestamp)>,
    /// Newest event of each partition, as the store has it.
    pub(super) reached: BTreeMap<TopicPartition, Timestamp>,
    /// Facts were learned that no advance has acted on yet.
    pub(super) has_learned: bool,
}

impl Worker {
    /// Works until told to stop, or to go on with a configuration for which the engine has to be made anew. Everything
    /// that was taken in is committed then.
    ///
    /// # Errors
    /// A fatal error of Kafka, or a store that cannot be written.
    pub(super) fn run(
        &mut self,
        context: Option<ContextReader>,
        source: KafkaSource,
        commands: &Receiver<Command>,
    ) -> Result<Option<Box<Setup>>> {
        if !self.positions.is_empty() {
            // What was loaded is known from now on, also if nothing else happens.
            self.cadence.changed(0);
        }
        let worked = self.work(context.as_ref(), &source, commands);
        let committed = worked.and_then(|next| self.commit().map(|()| next));
        if committed.is_ok() {
            self.advise(&source);
        }
        source.stop_with(context);
        self.quarantine.close(&self.journal, clock::now());
        let moment = self.moment(true);
        self.figures.measure(&self.engine, &self.journal, moment);
        committed
    }

    /// When figures are asked for. Of a log of some other time nobody can say that it is silent now.
    fn moment(&self, at_once: bool) -> Moment {
        let elapsed = clock::elapsed();
        Moment { elapsed, now: clock::now(), is_idle: self.refuses_future && self.lanes.are_idle(elapsed), at_once }
    }

    /// Tells Kafka how far the store is, for people who watch the group's lag.
    fn advise(&self, source: &KafkaSource) {
        source.control().commit(self.status.committed_positions());
    }

    /// Pauses partitions that run ahead, resumes those that the others have caught up with.
    fn steer(&mut self, source: &KafkaSource) {
        let (mut pause, mut resume) = self.lanes.steer(self.engine.clock());
        let is_spool = |partition: &TopicPartition| &*partition.topic == spool::TOPIC;
        self.spool_waits = (self.spool_waits || pause.iter().any(is_spool)) && !resume.iter().any(is_spool);
        pause.retain(|partition| !is_spool(partition));
        resume.retain(|partition| !is_spool(partition));
        if !pause.is_empty() {
            source.control().pause(pause);
        }
        if !resume.is_empty() {
            source.control().resume(resume);
        }
    }

    fn work(
        &mut self,
        context: Option<&ContextReader>,
        source: &KafkaSource,
        commands: &Receiver<Command>,
    ) -> Result<Option<Box<Setup>>> {
        let (no_context, no_message) = (never(), never());
        let spooled = self.feed.as_ref().map_or_else(never, |feed| feed.events().clone());
        let context = context.map_or(&no_context, ContextReader::events);
        let mut advised_at = clock::elapsed();
        loop {
            self.health.tick();
            if let Some(why) = self.health.failure() {
                bail!(why);
            }
            select! {
                recv(commands) -> command => match command {
                    Ok(Command::End(at)) => self.end(at)?,
                    Ok(Command::Reload(next)) => {
                        if let Some(setup) = self.reload(*next)? {
                            return Ok(Some(setup));
                        }
                    }
                    Ok(Command::Stop) | Err(RecvError) => return Ok(None),
                },
                recv(context) -> event => self.context_event(event)?,
                recv(source.events()) -> event => {
                    // What was known before an access is learned before it.
                    while let Ok(event) = context.try_recv() {
                        self.context_event(Ok(event))?;
                    }
                    self.access_event(event)?;
                }
                recv(if self.spool_waits { &no_message } else { &spooled }) -> event => self.spool_event(event)?,
                default(TURN) => {}
            }
            self.advance()?;
            self.steer(source);
            if self.cadence.is_due(clock::elapsed()) {
                self.commit()?;
                if clock::elapsed() - advised_at >= SECOND {
                    advised_at = clock::elapsed();
                    self.advise(source);
                }
            }
            let moment = self.moment(false);
            self.figures.measure(&self.engine, &self.journal, moment);
        }
    }

    fn context_event(&mut self, event: Result<KafkaEvent, RecvError>) -> Result<()> {
        match event.map_err(|_| anyhow!("the reader of the context topics has stopped"))? {
            KafkaEvent::Batch(batch) => self.learn(&batch),
            event => self.other_event(event)?,
        }
        Ok(())
    }

    fn learn(&mut self, batch: &RecordBatch) {
        let now = clock::now();
        was_read(batch, Stream::Context, &self.journal, now);
        let found = self.context_decoder.facts(batch, now);
        self.journal.metrics().context_updates(found.updates.len() as u64);
        self.bell.iter().for_each(|bell| bell.tell(found.updates.iter().map(|(_, update)| update)));
        self.engine.learn(found.updates.into_iter().map(|(_, update)| update));
        self.cadence.changed(found.rejects.len() as u64);
        self.quarantine.take(batch, found.rejects, &self.journal, now);
        self.has_learned = true;
        self.note_positions(batch.positions());
    }

    fn spool_event(&mut self, event: Result<KafkaEvent, RecvError>) -> Result<()> {
        match event {
            Ok(KafkaEvent::Assigned(partitions)) => self.assign(partitions),
            Ok(KafkaEvent::Gap { from, to, .. }) => {
                let what = format!(
                    "the store is older than the syslog messages that it was told of: those from {from} to {to} were decided by a \
                     newer one; replay that time from the senders' own logs"
                );
                self.journal.records_lost(&what);
            }
            event => self.access_event(event)?,
        }
        Ok(())
    }

    fn assign(&mut self, partitions: Vec<TopicPartition>) {
        for partition in partitions {
            let reached = self.reached.get(&partition).copied().unwrap_or(Timestamp::MIN);
            self.lanes.assign(partition, reached);
        }
        self.health.set_partitions(self.partitions());
    }

    /// How many partitions of Kafka are read here.
    fn partitions(&self) -> usize {
        self.lanes.len().saturating_sub(usize::from(self.feed.is_some()))
    }

    fn access_event(&mut self, event: Result<KafkaEvent, RecvError>) -> Result<()> {
        match event.map_err(|_| anyhow!("the reader of the access topics has stopped"))? {
            KafkaEvent::Batch(batch) => self.take(&batch),
            KafkaEvent::Assigned(partitions) => {
                self.assign(partitions);
                self.journal.partitions_assigned(self.partitions());
            }
            KafkaEvent::Revoked { partitions, release } => {
                self.commit()?;
                partitions.iter().for_each(|partition| self.lanes.revoke(partition));
                self.health.set_partitions(self.partitions());
                self.journal.partitions_revoked(partitions.iter().map(|gone| (&*gone.topic, gone.partition)));
                drop(release);
            }
            KafkaEvent::EndOfPartition { partition, .. } => self.lanes.ended(&partition, clock::elapsed()),
            event => self.other_event(event)?,
        }
        Ok(())
    }

    fn other_event(&mut self, event: KafkaEvent) -> Result<()> {
        match event {
            KafkaEvent::Error { fatal: true, message, .. } => return Err(anyhow!(message)),
            KafkaEvent::Error { message, .. } => self.journal.broker_error(&message, clock::now()),
            KafkaEvent::Gap { partition, from, to } => {
                self.journal.records_lost(&lost(&partition, from, to));
            }
            _ => {}
        }
        Ok(())
    }

    fn take(&mut self, batch: &RecordBatch) {
        let now = clock::now();
        was_read(batch, Stream::Access, &self.journal, now);
        let window = if self.refuses_future { Window::LIVE } else { Window::ANY };
        let mut rejects = Vec::new();
        for part in self.decoders.decode(batch, &mut self.engine, now, window) {
            for run in part.runs {
                self.lanes.read(&run.partition, run.newest, run.events);
            }
            if !part.facts.is_empty() {
                self.journal.metrics().context_updates(part.facts.len() as u64);
                self.bell.iter().for_each(|bell| bell.tell(&part.facts));
                self.engine.learn(part.facts);
                self.has_learned = true;
            }
            // What is set aside waits in memory, too.
            self.cadence.changed((part.intake.len() + part.rejects.len()) as u64);
            self.engine.push(part.intake);
            rejects.extend(part.rejects);
        }
        self.quarantine.take(batch, rejects, &self.journal, now);
        self.note_positions(batch.positions());
    }

    fn note_positions(&mut self, positions: &[Position]) {
        for position in positions {
            let newest = self.lanes.newest(&position.partition);
            self.reached.insert(position.partition.clone(), newest);
            self.positions.insert(position.partition.clone(), (position.clone(), newest));
        }
        self.status.has_read(positions);
    }

    /// Brings event time to where it may go.
    fn advance(&mut self) -> Result<()> {
        let until = match self.lanes.due(clock::elapsed()) {
            Due::Unknown => Timestamp::MIN,
            Due::Until(watermark) => watermark,
        };
        self.advance_to(until.max(self.engine.clock()))
    }

    fn advance_to(&mut self, until: Timestamp) -> Result<()> {
        if until <= self.engine.clock() && !self.has_learned && !self.cadence.has_changed() {
            return Ok(());
        }
        if until == Timestamp::MIN {
            return Ok(());
        }
        let before = self.engine.clock();
        let output = self.engine.advance(until);
        self.has_learned = false;
        if until > before {
            self.cadence.changed(0);
        }
        self.absorb(&output)
    }

    fn absorb(&mut self, output: &Output) -> Result<()> {
        let now = clock::now();
        self.status.set_clock(self.engine.clock());
        self.journal.metrics().watermark(self.engine.clock(), now);
        self.figures.output(output, &self.journal, now);
        if !output.handoffs.is_empty() || !output.incidents.is_empty() {
            self.reporter.report(output, now, &self.store, &mut self.records)?;
            for unit in output.handoffs.iter().flat_map(|change| &change.units) {
                self.records.evidence.extend(evidence::of_engine(unit, &self.engine.behind(unit)));
            }
            self.cadence.urgent();
        }
        Ok(())
    }

    /// The log is over.
    fn end(&mut self, at: Timestamp) -> Result<()> {
        let output = self.engine.finish(at);
        self.absorb(&output)?;
        self.cadence.urgent();
        self.commit()?;
        self.status.set_tally(self.engine.tally());
        self.status.set_phase(Phase::Ended);
        Ok(())
    }

    /// Writes results, state and positions together.
    pub(super) fn commit(&mut self) -> Result<()> {
        if !self.cadence.has_changed() {
            return Ok(());
        }
        // State must not say that facts are known which nothing has acted on.
        self.advance_to(self.engine.clock())?;
        let started = clock::elapsed();
        let records = std::mem::take(&mut self.records);
        let mut state: Vec<StateRow> = std::mem::take(&mut self.own_rows);
        state.extend(self.engine.save().into_iter().map(|row| StateRow { key: row.key, value: row.value }));
        let positions = std::mem::take(&mut self.positions);
        let aside = self.quarantine.drain(&self.journal, clock::now());
        let commit = Commit {
            state,
            positions: positions.values().map(|(position, newest)| stored(position, *newest)).collect(),
            incidents: records.incidents,
            handoffs: records.handoffs,
            outbox: records.outbox,
            evidence: records.evidence,
            quarantine: aside.records,
            only_counted: aside.only_counted,
            copies: aside.copies,
        };
        let hearers = Hearers { journal: &self.journal, health: &self.health, status: &self.status };
        let receipt = patience::commit(&mut self.store, &commit, self.cadence.events(), hearers)?;
        self.journal.set_aside(receipt.quarantined as u64, receipt.only_counted, receipt.cleared as u64, clock::now());
        if receipt.handoffs > 0 {
            self.bell.iter().for_each(Bell::ring);
        }
        if receipt.outbox > 0 {
            self.wakers.ring();
        }
        let positions: Vec<Position> = positions.into_values().map(|(position, _)| position).collect();
        self.status.has_committed(&positions);
        let spooled = positions.iter().find(|position| position.partition == spool::partition());
        if let (Some(feed), Some(position)) = (&self.feed, spooled) {
            feed.release(position.offset);
        }
        let ended = clock::elapsed();
        let events = self.cadence.committed(ended);
        self.journal.committed(events, (ended - started) as f64 / 1e6, clock::now());
        Ok(())
    }
}

pub(super) fn stored(position: &Position, newest: Timestamp) -> store::Position {
    let Position { partition, offset, last } = position;
    store::Position {
        topic: partition.topic.to_string(),
        partition: partition.partition,
        next_offset: *offset,
        watermark: newest.0,
        last_record: last.map(u64::cast_signed),
    }
}

/// What a gap in a partition means.
pub(super) fn lost(partition: &TopicPartition, from: i64, to: i64) -> String {
    if to < from {
        format!(
            "{partition} is not the one that was read up to offset {from}: its topic was deleted and created anew, or its \
             end was lost. It is read from its beginning, at {to}; what the old one held beyond that offset was never read: \
             replay that time from the source's own log"
        )
    } else {
        format!(
            "the broker no longer holds the records of {partition} from offset {from} to {to}: replay that time from the \
             source's own log"
        )
    }
}
