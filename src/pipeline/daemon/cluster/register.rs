//! The register's engine thread: the desk of groups over the findings of all workers, and the store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use crossbeam_channel::{Receiver, RecvError, never, select};

use super::super::cadence::Cadence;
use super::super::clerk::Bell;
use super::super::figures::{Figures, was_read};
use super::super::intake::ContextDecoder;
use super::super::life::{Parts, Setup, reading};
use super::super::outcome::{Records, Reporter};
use super::super::outlets::Bells;
use super::super::patience;
use super::super::quarantine::{Aside, Quarantine};
use super::super::status::{Phase, Status};
use super::super::worker::{Command, lost, stored};
use super::hours::{Hours, SavedHours};
use super::wire::{HOUR_KEY, Pieces, Said, episode_key};
use crate::breach::case::event::EvidenceSource;
use crate::config::{Config, policy_hash};
use crate::engine::output::Tally;
use crate::engine::{Decided, GroupDesk, Membership, Witness};
use crate::model::time::Timestamp;
use crate::pipeline::clock;
use crate::sink::kafka_transactions::{Entry, TransactionalWriter};
use crate::source::kafka::{Connection, ContextReader, KafkaEvent, Position, RecordBatch, TopicPartition};
use crate::store::{Commit, EvidenceRow, StateRow, StateRows, Store};
use crate::telemetry::{Health, Journal, Stream};

/// The longest wait for something to happen.
const TURN: Duration = Duration::from_millis(50);
/// The state rows of the register's own: the policy, and how far the partitions have come.
const POLICY_KEY: &[u8] = b"p";
const HOURS_KEY: &[u8] = b"r";

/// Everything that the register's engine thread owns.
struct Register {
    desk: GroupDesk,
    store: Store,
    hours: Hours,
    pieces: BTreeMap<i32, Pieces>,
    /// Where the next finding of each partition stands.
    next: BTreeMap<i32, Position>,
    findings_topic: String,
    notices_topic: String,
    writer: TransactionalWriter,
    reporter: Reporter,
    records: Records,
    /// What workers have set aside.
    aside: Aside,
    quarantine: Quarantine,
    own_rows: Vec<StateRow>,
    /// Positions in the context topics since the last commit.
    positions: BTreeMap<TopicPartition, Position>,
    /// Where the context stood when the store was written last.
    known: BTreeMap<TopicPartition, Position>,
    context_decoder: ContextDecoder,
    figures: Figures,
    cadence: Cadence,
    journal: Arc<Journal>,
    health: Arc<Health>,
    status: Arc<Status>,
    wakers: Bells,
    bell: Option<Bell>,
}

/// What the store remembers.
struct Remembered {
    desk: GroupDesk,
    hours: Option<SavedHours>,
    /// The row to write when the policy is another one.
    policy_row: Option<StateRow>,
    /// Where the findings and the context are read on.
    offsets: BTreeMap<TopicPartition, Position>,
}

fn remember(store: &Store, config: &Config) -> Result<Remembered> {
    let mut desk = GroupDesk::new(&config.policy).map_err(|errors| anyhow!(errors.join("; ")))?;
    let rows = store.load_state()?;
    if rows.iter().any(|(key, _)| key == b"m") {
        bail!(
            "the store holds the state of a daemon that runs alone, and workers begin anew: name a new file in \
             store.path, and keep the old one with its cases"
        );
    }
    let (own, rows): (StateRows, StateRows) =
        rows.into_iter().partition(|(key, _)| key == POLICY_KEY || key == HOURS_KEY);
    desk.resume(rows)?;
    let own: BTreeMap<Vec<u8>, Vec<u8>> = own.into_iter().collect();
    let hash = policy_hash(&config.policy).into_bytes();
    let has_policy = own.get(POLICY_KEY).is_some_and(|value| *value == hash);
    let hours = own.get(HOURS_KEY).map(|value| serde_json::from_slice(value)).transpose();
    let positions = store.positions()?.into_iter();
    Ok(Remembered {
        desk,
        hours: hours.context("the store's row about the partitions is damaged: restore it from a backup")?,
        policy_row: (!has_policy).then(|| row(POLICY_KEY, hash)),
        offsets: positions
            .map(|at| {
                let partition = TopicPartition::new(at.topic, at.partition);
                let last = at.last_record.map(i64::cast_unsigned);
                (partition.clone(), Position { partition, offset: at.next_offset, last })
            })
            .collect(),
    })
}

/// Reads the findings from where the store stands, and all of the context.
fn readers(
    config: &Config,
    connection: &Connection,
    offsets: &BTreeMap<TopicPartition, Position>,
) -> Result<(ContextReader, Option<ContextReader>)> {
    let (topics, asked) = ([config.cluster.findings_topic.clone()], offsets.clone());
    let start_at = move |topic: &str, number: i32| asked.get(&TopicPartition::new(topic, number)).cloned();
    let findings = ContextReader::start(connection, &topics, &reading(), start_at)?;
    let kafka = &config.kafka;
    let topics: Vec<String> = kafka.context_topics.iter().chain(&kafka.context_event_topics).cloned().collect();
    let context = match topics.is_empty() {
        true => None,
        false => Some(ContextReader::start(connection, &topics, &reading(), |_, _| None)?),
    };
    Ok((findings, context))
}

/// Works until told to stop. Everything that was decided is committed then.
///
/// # Errors
/// A fatal error of Kafka, a store that cannot be written or belongs to a daemon that runs alone, or another register.
pub(in crate::pipeline::daemon) fn run(
    parts: Parts,
    setup: Setup,
    store: Store,
    commands: &Receiver<Command>,
) -> Result<()> {
    let Parts { partitions, journal, health, status, wakers, bell, feed: _, figures: _, policy_hash: _ } = parts;
    let Setup { config, connection, publishing, mode: _, copies, reporter, crosswalk } = setup;
    journal.started("register", &reporter.run.policy_hash);
    // Another register that still runs ends at its next commit.
    let writer = TransactionalWriter::open(&publishing, &format!("{}.register", connection.group_id))?;
    let Remembered { desk, hours, policy_row, offsets } = remember(&store, &config)?;
    status.has_committed(&offsets.values().cloned().collect::<Vec<_>>());
    let (findings, context) = readers(&config, &connection, &offsets)?;
    let (zone, elapsed) = (reporter.facility.zone.clone(), clock::elapsed());
    let Config { kafka, cluster, .. } = config;
    let is_finding = |at: &TopicPartition| *at.topic == *cluster.findings_topic;
    let mut register = Register {
        hours: Hours::new(partitions.len(), hours),
        pieces: BTreeMap::new(),
        next: offsets.iter().filter(|(at, _)| is_finding(at)).map(|(at, next)| (at.partition, next.clone())).collect(),
        figures: Figures::new(zone.clone(), &store.handle().incidents()?, Tally::default(), journal.metrics(), elapsed),
        context_decoder: ContextDecoder::new(&zone, kafka.context_event_topics, crosswalk),
        own_rows: policy_row.into_iter().collect(),
        notices_topic: cluster.notices_topic,
        findings_topic: cluster.findings_topic,
        records: Records::default(),
        aside: Aside::default(),
        quarantine: Quarantine::new(copies),
        positions: BTreeMap::new(),
        known: offsets,
        cadence: Cadence::new(elapsed),
        desk,
        store,
        writer,
        reporter,
        journal,
        health,
        status,
        wakers,
        bell,
    };
    register.health.set_context_loaded(true);
    register.health.set_partitions(partitions.len());
    register.status.set_phase(Phase::Reading);
    let worked = register.work(&findings, context.as_ref(), commands);
    let committed = worked.and_then(|()| register.commit());
    findings.stop();
    context.into_iter().for_each(ContextReader::stop);
    committed
}

fn row(key: &[u8], value: Vec<u8>) -> StateRow {
    StateRow { key: key.to_vec(), value: Some(value) }
}

impl Register {
    fn work(
        &mut self,
        findings: &ContextReader,
        context: Option<&ContextReader>,
        commands: &Receiver<Command>,
    ) -> Result<()> {
        let no_context = never();
        let context = context.map_or(&no_context, ContextReader::events);
        loop {
            self.health.tick();
            if let Some(why) = self.health.failure() {
                bail!(why);
            }
            select! {
                recv(commands) -> command => match command {
                    Ok(Command::End(_) | Command::Reload(_)) => {}
                    Ok(Command::Stop) | Err(RecvError) => return Ok(()),
                },
                recv(context) -> event => self.context_event(event)?,
                recv(findings.events()) -> event => {
                    match event.map_err(|_| anyhow!("the reader of the findings has stopped"))? {
                        KafkaEvent::Batch(batch) => self.take(&batch)?,
                        event => self.other_event(event)?,
                    }
                }
                default(TURN) => {}
            }
            self.live()?;
            if self.cadence.is_due(clock::elapsed()) {
                self.commit()?;
            }
        }
    }

    /// The workforce is for the case register; what cannot be used is kept.
    fn context_event(&mut self, event: Result<KafkaEvent, RecvError>) -> Result<()> {
        match event.map_err(|_| anyhow!("the reader of the context topics has stopped"))? {
            KafkaEvent::Batch(batch) => {
                let now = clock::now();
                was_read(&batch, Stream::Context, &self.journal, now);
                let mut found = self.context_decoder.facts(&batch, now);
                self.journal.metrics().context_updates(found.updates.len() as u64);
                self.bell.iter().for_each(|bell| bell.tell(found.updates.iter().map(|(_, update)| update)));
                let is_known = |number: usize| {
                    let record = batch.records().get(number);
                    record.is_some_and(|record| {
                        let at = TopicPartition::new(batch.topic(record).clone(), record.partition);
                        self.known.get(&at).is_some_and(|next| record.offset < next.offset)
                    })
                };
                found.rejects.retain(|rejected| !is_known(rejected.record));
                self.quarantine.take(&batch, found.rejects, &self.journal, now);
                self.positions.extend(batch.positions().iter().map(|at| (at.partition.clone(), at.clone())));
                self.cadence.changed(0);
            }
            event => self.other_event(event)?,
        }
        Ok(())
    }

    fn other_event(&self, event: KafkaEvent) -> Result<()> {
        match event {
            KafkaEvent::Error { fatal: true, message, .. } => return Err(anyhow!(message)),
            KafkaEvent::Error { message, .. } => self.journal.broker_error(&message, clock::now()),
            KafkaEvent::Gap { partition, from, to } if *partition.topic != *self.findings_topic => {
                self.journal.records_lost(&lost(&partition, from, to));
            }
            KafkaEvent::Gap { partition, from, to } if to < from => bail!(
                "{partition} is not the topic that was read up to offset {from}: it was deleted and created anew, or its \
                 end was lost; start with a new store and another kafka.group_id, and the log is decided again from its \
                 beginning"
            ),
            KafkaEvent::Gap { partition, from, to } => bail!(
                "the broker no longer holds what workers found from offset {from} to {to} of {partition}, because the \
                 register was away for longer than the topic keeps it: start with a new store and another \
                 kafka.group_id, and the log is decided again from its beginning"
            ),
            _ => {}
        }
        Ok(())
    }

    fn take(&mut self, batch: &RecordBatch) -> Result<()> {
        for record in batch.records() {
            let value = batch.value(record).unwrap_or_default();
            let pieces = self.pieces.entry(record.partition).or_default();
            let Some((from, said)) = pieces.take(record.offset, value) else { continue };
            let said = said.with_context(|| format!("a finding at {} cannot be read", batch.place(record)))?;
            self.hear(record.partition, from, said);
        }
        self.next.extend(batch.positions().iter().map(|at| (at.partition.partition, at.clone())));
        self.status.has_read(batch.positions());
        self.cadence.changed(batch.records().len() as u64);
        Ok(())
    }

    fn hear(&mut self, partition: i32, from: i64, said: Said) {
        match said {
            Said::Found(at, finding) => {
                if let Some(incident) = finding.incident_id() {
                    let found = self.records.found.entry(incident.to_owned()).or_insert(at);
                    *found = at.min(*found);
                }
                self.desk.take(u32::try_from(partition).unwrap_or(u32::MAX), from, *finding);
            }
            Said::SetAside(set_aside) => set_aside.put(&mut self.aside),
            Said::Came(came) => self.hours.note(partition, came),
        }
    }

    /// Brings the desk to where every partition has come.
    fn live(&mut self) -> Result<()> {
        let Some(until) = self.hours.take_due() else { return Ok(()) };
        let Decided { output, behind } = self.desk.live(until);
        let now = clock::now();
        self.status.set_clock(until);
        self.journal.metrics().watermark(until, now);
        self.figures.output(&output, &self.journal, now);
        self.figures.incidents(self.journal.metrics());
        self.reporter.report(&output, now, &self.store, &mut self.records)?;
        self.records.evidence.extend(behind.into_iter().map(evidence));
        if !output.handoffs.is_empty() || !output.incidents.is_empty() {
            self.cadence.urgent();
        }
        Ok(())
    }

    /// Tells workers which episodes count in groups, then writes results, state and positions together, then tells how
    /// far the desk is. A crash in between only tells something twice.
    fn commit(&mut self) -> Result<()> {
        if !self.cadence.has_changed() {
            return Ok(());
        }
        let started = clock::elapsed();
        self.tell_groups()?;
        let positions = self.positions_of_now();
        let commit = self.commit_of_now(&positions);
        let hearers = patience::Hearers { journal: &self.journal, health: &self.health, status: &self.status };
        let receipt = patience::commit(&mut self.store, &commit, self.cadence.events(), hearers)?;
        self.journal.set_aside(receipt.quarantined as u64, receipt.only_counted, receipt.cleared as u64, clock::now());
        if receipt.handoffs > 0 {
            self.bell.iter().for_each(Bell::ring);
        }
        if receipt.outbox > 0 {
            self.wakers.ring();
        }
        self.status.has_committed(&positions);
        self.tell_hour()?;
        let ended = clock::elapsed();
        let events = self.cadence.committed(ended);
        self.journal.committed(events, (ended - started) as f64 / 1e6, clock::now());
        Ok(())
    }

    fn commit_of_now(&mut self, positions: &[Position]) -> Commit {
        let mut records = std::mem::take(&mut self.records);
        // What waits for its time was found when it was found.
        self.records.found = std::mem::take(&mut records.found);
        for record in &records.incidents {
            self.records.found.remove(&record.incident.incident_id);
        }
        let mut state = std::mem::take(&mut self.own_rows);
        state.extend(self.desk.save().into_iter().map(|row| StateRow { key: row.key, value: row.value }));
        state.extend(serde_json::to_vec(self.hours.saved()).ok().map(|value| row(HOURS_KEY, value)));
        let mut aside = std::mem::take(&mut self.aside);
        let own = self.quarantine.drain(&self.journal, clock::now());
        aside.records.extend(own.records);
        own.only_counted.iter().for_each(|counted| aside.only_counted.join(counted.clone()));
        aside.copies.extend(own.copies);
        Commit {
            state,
            positions: positions.iter().map(|at| stored(at, Timestamp::MIN)).collect(),
            incidents: records.incidents,
            handoffs: records.handoffs,
            outbox: records.outbox,
            evidence: records.evidence,
            quarantine: aside.records,
            only_counted: aside.only_counted,
            copies: aside.copies,
        }
    }

    /// Where the context and the findings are read on: findings that wait for their time are read again.
    fn positions_of_now(&mut self) -> Vec<Position> {
        let mut positions: Vec<Position> = std::mem::take(&mut self.positions).into_values().collect();
        positions.extend(self.next.iter().map(|(partition, next)| {
            let pieces = self.pieces.get(partition).and_then(Pieces::from);
            let waits = self.desk.waits_from(u32::try_from(*partition).unwrap_or(u32::MAX));
            let from = [pieces, waits].into_iter().flatten().min();
            from.map_or_else(|| next.clone(), |from| Position::at(next.partition.clone(), from))
        }));
        positions
    }

    fn tell_groups(&mut self) -> Result<()> {
        let notices: Vec<Entry> = self
            .desk
            .memberships()
            .into_iter()
            .map(|Membership { branch, episode, group }| Entry {
                topic: self.notices_topic.clone(),
                partition: i32::try_from(branch).unwrap_or(i32::MAX),
                key: episode_key(episode),
                value: group.map(|group| group.into_string().into_bytes()),
            })
            .collect();
        self.write(&notices)
    }

    fn tell_hour(&mut self) -> Result<()> {
        let Some(hour) = self.hours.news(self.desk.clock()) else { return Ok(()) };
        let value = serde_json::to_vec(&hour)?;
        let entries: Vec<Entry> = (0..i32::try_from(self.hours.partitions()).unwrap_or(i32::MAX))
            .map(|partition| Entry {
                topic: self.notices_topic.clone(),
                partition,
                key: HOUR_KEY.to_vec(),
                value: Some(value.clone()),
            })
            .collect();
        self.write(&entries)
    }

    fn write(&self, entries: &[Entry]) -> Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        self.writer.write(entries).context("the workers cannot be told what the register decided")
    }
}

fn evidence(witness: Witness) -> EvidenceRow {
    let Witness { event_id, user_id, patient_id, occurred_at, json } = witness;
    EvidenceRow { source: EvidenceSource::Engine, event_id, user_id, patient_id, occurred_at, json }
}
