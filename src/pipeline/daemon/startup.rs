//! From a store and the context topics to an engine that stands where it stood.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::clerk::Bell;
use super::figures::was_read;
use super::intake::ContextDecoder;
use super::life::GiveWay;
use super::quarantine::Quarantine;
use super::status::Status;
use super::worker::Command;
use crate::config::policy_hash;
use crate::engine::Engine;
use crate::engine::settings::Policy;
use crate::engine::snapshot::Saved;
use crate::model::context::ContextUpdate;
use crate::model::time::Timestamp;
use crate::pipeline::clock;
use crate::source::kafka::{CatchUp, ContextReader, KafkaEvent, Position, Record, RecordBatch, TopicPartition, print};
use crate::store::{StateRow, Store};
use crate::telemetry::{Health, Journal, Stream};

/// The state row that names the policy under which the state was made.
const POLICY_KEY: &[u8] = b"p";
/// Facts handed to the engine at once.
const FACTS: usize = 100_000;
const TURN: Duration = Duration::from_millis(200);

/// What the store remembers.
pub(super) struct Remembered {
    pub(super) saved: Option<Saved>,
    pub(super) is_other_policy: bool,
    /// The row to write when the policy is another one.
    pub(super) policy_row: Option<StateRow>,
    pub(super) offsets: Vec<Position>,
    /// Newest event of each partition.
    pub(super) reached: BTreeMap<TopicPartition, Timestamp>,
}

/// Reads what the store remembers.
///
/// # Errors
/// When it cannot be read.
pub(super) fn remember(store: &Store, policy: &Policy) -> Result<Remembered> {
    let hash = policy_hash(policy).into_bytes();
    let (own, rows): (Vec<_>, Vec<_>) = store.load_state()?.into_iter().partition(|(key, _)| key == POLICY_KEY);
    let is_other_policy = own.first().is_some_and(|(_, value)| *value != hash);
    let is_written = own.first().is_some_and(|(_, value)| *value == hash);
    let mut offsets = Vec::new();
    let mut reached = BTreeMap::new();
    for position in store.positions()? {
        let partition = TopicPartition::new(position.topic, position.partition);
        reached.insert(partition.clone(), Timestamp(position.watermark));
        let last = position.last_record.map(i64::cast_unsigned);
        offsets.push(Position { partition, offset: position.next_offset, last });
    }
    Ok(Remembered {
        saved: Saved::read(rows)?,
        is_other_policy,
        policy_row: (!is_written).then(|| StateRow { key: POLICY_KEY.to_vec(), value: Some(hash) }),
        offsets,
        reached,
    })
}

/// Who hears of what happens while the context is read.
pub(super) struct Watchers<'w> {
    pub(super) journal: &'w Journal,
    pub(super) health: &'w Health,
    pub(super) status: &'w Status,
    pub(super) bell: Option<&'w Bell>,
    pub(super) commands: &'w Receiver<Command>,
}

/// Facts on their way into the engine: those that saved decisions rest on, and those that came later.
struct Loading<'e> {
    engine: &'e mut Engine,
    is_resumed: bool,
    known: Vec<ContextUpdate>,
    later: Vec<ContextUpdate>,
    count: u64,
}

impl Loading<'_> {
    fn take(&mut self, update: ContextUpdate, is_known: bool) {
        self.count += 1;
        let list = if is_known { &mut self.known } else { &mut self.later };
        list.push(update);
        if self.known.len() >= FACTS {
            self.engine.recall(std::mem::take(&mut self.known));
        }
        // Without saved state there is nothing that must be restored first.
        if !self.is_resumed && self.later.len() >= FACTS {
            self.engine.learn(std::mem::take(&mut self.later));
        }
    }
}

/// What was told meanwhile; waits for it as long as `patience`.
pub(super) fn interruption(commands: &Receiver<Command>, patience: Duration) -> ControlFlow<GiveWay> {
    match commands.recv_timeout(patience) {
        Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => ControlFlow::Break(None),
        Ok(Command::Reload(next)) => ControlFlow::Break(Some(next)),
        // Nothing has been read that could end.
        Ok(Command::End(_)) | Err(RecvTimeoutError::Timeout) => ControlFlow::Continue(()),
    }
}

/// Reads the context to where it ended at the start and restores the engine's state. Gives the positions
/// reached, or what it was told to give way to.
///
/// # Errors
/// A fatal error of Kafka, or damaged state.
pub(super) fn load(
    engine: &mut Engine,
    remembered: &mut Remembered,
    reader: Option<&ContextReader>,
    decoder: &mut ContextDecoder,
    quarantine: &mut Quarantine,
    watchers: &Watchers<'_>,
) -> Result<ControlFlow<GiveWay, Vec<Position>>> {
    let saved = remembered.saved.take();
    if let Some(saved) = &saved {
        engine.resume_clock(saved);
    }
    let mut loading = Loading { engine, is_resumed: saved.is_some(), known: Vec::new(), later: Vec::new(), count: 0 };
    let mut reached: BTreeMap<TopicPartition, Position> = BTreeMap::new();
    let mut strangers = BTreeSet::new();
    if let Some(reader) = reader {
        let mut stored: BTreeMap<&TopicPartition, &Position> =
            remembered.offsets.iter().map(|position| (&position.partition, position)).collect();
        for end in reader.ends() {
            if stored.get(&end.partition).is_some_and(|read| end.offset < read.offset) {
                strangers.insert(end.partition.clone());
            }
        }
        let mut catch_up = CatchUp::until(reader.ends());
        while !catch_up.is_done() {
            watchers.health.tick();
            if let ControlFlow::Break(next) = interruption(watchers.commands, Duration::ZERO) {
                return Ok(ControlFlow::Break(next));
            }
            let event = match reader.events().recv_timeout(TURN) {
                Ok(event) => event,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return Err(anyhow!("the context topics can be read no more")),
            };
            catch_up.observe(&event);
            match event {
                KafkaEvent::Batch(batch) => {
                    strangers.extend(strangers_in(&batch, &stored));
                    stored.retain(|partition, _| !strangers.contains(partition));
                    let now = clock::now();
                    was_read(&batch, Stream::Context, watchers.journal, now);
                    let mut found = decoder.facts(&batch, now);
                    watchers
                        .bell
                        .into_iter()
                        .for_each(|bell| bell.tell(found.updates.iter().map(|(_, update)| update)));
                    let is_known = |number: usize| {
                        let record = &batch.records()[number];
                        let partition = TopicPartition::new(batch.topic(record).clone(), record.partition);
                        stored.get(&partition).is_some_and(|read| record.offset < read.offset)
                    };
                    for (number, update) in found.updates {
                        loading.take(update, is_known(number));
                    }
                    found.rejects.retain(|rejected| !is_known(rejected.record));
                    quarantine.take(&batch, found.rejects, watchers.journal, now);
                    watchers.status.has_read(batch.positions());
                    reached.extend(batch.positions().iter().map(|at| (at.partition.clone(), at.clone())));
                }
                KafkaEvent::Error { fatal: true, message, .. } => return Err(anyhow!(message)),
                KafkaEvent::Error { message, .. } => watchers.journal.broker_error(&message, clock::now()),
                _ => {}
            }
        }
    }
    let Loading { engine, known, later, count, .. } = loading;
    engine.recall(known);
    for partition in &strangers {
        watchers.journal.records_lost(&anew(partition));
    }
    if let Some(saved) = saved {
        let decides_again = remembered.is_other_policy || !strangers.is_empty();
        engine.resume(saved, decides_again).context("cannot go on from the store")?;
    }
    engine.learn(later);
    watchers.journal.metrics().context_updates(count);
    watchers.journal.context_loaded(count);
    Ok(ControlFlow::Continue(reached.into_values().collect()))
}

/// Partitions of which the record that was read last is another one now.
fn strangers_in(batch: &RecordBatch, stored: &BTreeMap<&TopicPartition, &Position>) -> Vec<TopicPartition> {
    let is_another = |read: &&Position| {
        let last = batch.records().iter().find(|record| {
            record.offset + 1 == read.offset
                && record.partition == read.partition.partition
                && *batch.topic(record) == read.partition.topic
        });
        let print_of = |record: &Record| print(record.time, batch.key(record), batch.value(record));
        last.zip(read.last).is_some_and(|(record, known)| print_of(record) != known)
    };
    stored.values().copied().filter(is_another).map(|read| read.partition.clone()).collect()
}

pub(super) fn anew(partition: &TopicPartition) -> String {
    format!(
        "{partition} is not the context topic that was read before: it was deleted and created anew. What it holds now is \
         known from now on, and every incident is decided again by it"
    )
}
