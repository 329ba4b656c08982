//! The context topics, as a worker learns them: wholly, and every fact with the place where it stood.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use crossbeam_channel::{Receiver, RecvTimeoutError, TryRecvError};

use super::super::figures::was_read;
use super::super::intake::ContextDecoder;
use super::super::startup::anew;
use super::super::worker::{Command, lost};
use super::wire::Reached;
use crate::engine::{Branches, Mark};
use crate::model::context::ContextUpdate;
use crate::model::time::SECOND;
use crate::pipeline::clock;
use crate::source::kafka::{CatchUp, Cluster, ContextReader, KafkaEvent, Position, RecordBatch, TopicPartition};
use crate::telemetry::{Health, Journal, Stream};

const TURN: Duration = Duration::from_millis(200);
/// After so long without a record everything that is there was read, in microseconds. Markers of transactions count as
/// offsets, but nobody sees them.
const SILENCE: i64 = 10 * SECOND;

/// Who hears of what happens while the context is read.
#[derive(Clone, Copy)]
pub(super) struct Hearers<'h> {
    pub(super) journal: &'h Arc<Journal>,
    pub(super) health: &'h Health,
    pub(super) commands: &'h Receiver<Command>,
}

/// The context as far as it was learned.
pub(super) struct Lessons {
    reader: Option<ContextReader>,
    cluster: Cluster,
    decoder: ContextDecoder,
    /// The engine knows each by its place here.
    sources: Vec<TopicPartition>,
    reached: BTreeMap<u32, i64>,
    learned: u64,
}

impl Lessons {
    /// Nothing is learned yet. Without a reader there is no context.
    pub(super) const fn new(reader: Option<ContextReader>, cluster: Cluster, decoder: ContextDecoder) -> Self {
        Self { reader, cluster, decoder, sources: Vec::new(), reached: BTreeMap::new(), learned: 0 }
    }

    /// What happens in the context topics.
    pub(super) fn events(&self) -> Option<&Receiver<KafkaEvent>> {
        self.reader.as_ref().map(ContextReader::events)
    }

    /// Ends reading.
    pub(super) fn stop(&mut self) {
        self.reader.take().into_iter().for_each(ContextReader::stop);
    }

    fn number_of(&mut self, partition: TopicPartition) -> u32 {
        let place = self.sources.iter().position(|known| *known == partition).unwrap_or_else(|| {
            self.sources.push(partition);
            self.sources.len() - 1
        });
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    /// How far the context has come.
    pub(super) fn reached(&self) -> Reached {
        let named = self.sources.iter().zip(0..).filter_map(|(source, number)| {
            Some((source.topic.to_string(), source.partition, *self.reached.get(&number)?))
        });
        named.collect()
    }

    /// The same positions as the engine knows them.
    pub(super) fn marks(&mut self, reached: &Reached) -> BTreeMap<u32, i64> {
        let named = reached.iter().map(|(topic, partition, offset)| {
            (self.number_of(TopicPartition::new(topic.as_str(), *partition)), *offset)
        });
        named.collect()
    }

    /// Learns what one batch holds.
    pub(super) fn learn(&mut self, batch: &RecordBatch, branches: &mut Branches, journal: &Journal) {
        was_read(batch, Stream::Context, journal, clock::now());
        // What cannot be used is kept by the register, which reads the same topics.
        let found = self.decoder.facts(batch, clock::now());
        let marked: Vec<(Mark, ContextUpdate)> = found
            .updates
            .into_iter()
            .filter_map(|(record, update)| {
                let record = batch.records().get(record)?;
                let source = TopicPartition::new(batch.topic(record).clone(), record.partition);
                Some(((self.number_of(source), record.offset), update))
            })
            .collect();
        self.learned += marked.len() as u64;
        journal.metrics().context_updates(marked.len() as u64);
        branches.learn(marked);
        for Position { partition, offset, .. } in batch.positions() {
            let number = self.number_of(partition.clone());
            self.reached.insert(number, *offset);
        }
    }

    /// Learns what is there already.
    pub(super) fn learn_ready(&mut self, branches: &mut Branches, hearers: Hearers<'_>) -> Result<()> {
        loop {
            let event = match self.events().map(Receiver::try_recv) {
                None | Some(Err(TryRecvError::Empty)) => return Ok(()),
                Some(Err(TryRecvError::Disconnected)) => return Err(gone()),
                Some(Ok(event)) => event,
            };
            self.take(event, branches, hearers)?;
        }
    }

    /// Takes an event of the context topics.
    ///
    /// # Errors
    /// A fatal error of Kafka.
    pub(super) fn take(&mut self, event: KafkaEvent, branches: &mut Branches, hearers: Hearers<'_>) -> Result<()> {
        match event {
            KafkaEvent::Batch(batch) => self.learn(&batch, branches, hearers.journal),
            KafkaEvent::Error { fatal: true, message, .. } => return Err(anyhow!(message)),
            KafkaEvent::Error { message, .. } => hearers.journal.broker_error(&message, clock::now()),
            KafkaEvent::Gap { partition, from, to } => hearers.journal.records_lost(&lost(&partition, from, to)),
            _ => {}
        }
        Ok(())
    }

    /// Learns everything up to where the topics ended at the start; false = told to stop meanwhile.
    ///
    /// # Errors
    /// A fatal error of Kafka.
    pub(super) fn catch_up(&mut self, branches: &mut Branches, hearers: Hearers<'_>) -> Result<bool> {
        let ends = self.reader.as_ref().map(|reader| reader.ends().to_vec()).unwrap_or_default();
        let mut catch_up = CatchUp::until(&ends);
        let is_done = self.learn_until(branches, hearers, i64::MAX, |_, event| {
            event.into_iter().for_each(|event| catch_up.observe(event));
            catch_up.is_done()
        })?;
        // Compaction may have taken the last records away: the end is reached all the same.
        for Position { partition, offset, .. } in ends {
            let number = self.number_of(partition);
            let reached = self.reached.entry(number).or_insert(offset);
            *reached = (*reached).max(offset);
        }
        hearers.journal.context_loaded(self.learned);
        Ok(is_done)
    }

    /// Learns at least as much as a partition rests on that comes from elsewhere; false = told to stop meanwhile.
    ///
    /// # Errors
    /// A fatal error of Kafka.
    pub(super) fn wait_for(&mut self, known: &Reached, branches: &mut Branches, hearers: Hearers<'_>) -> Result<bool> {
        let mut wanted = self.marks(known);
        // A topic that is read no more is waited for in vain.
        wanted.retain(|number, _| self.reached.contains_key(number));
        let has = |lessons: &Self| {
            wanted.iter().all(|(number, offset)| lessons.reached.get(number).is_some_and(|reached| reached >= offset))
        };
        self.learn_until(branches, hearers, SILENCE, |lessons, _| has(lessons))
    }

    /// What of this still holds: a topic that ends before was deleted and created anew, and all of it is news. This is
    /// told.
    pub(super) fn still(&self, known: Reached, journal: &Journal) -> Reached {
        let is_here = |topic: &str, partition: i32, offset: i64| {
            let number = self.sources.iter().position(|at| *at.topic == *topic && at.partition == partition);
            let reached = number.and_then(|number| self.reached.get(&u32::try_from(number).ok()?));
            reached.is_none_or(|reached| *reached >= offset)
        };
        let (mut holds, doubtful): (Reached, Reached) =
            known.into_iter().partition(|(topic, partition, offset)| is_here(topic, *partition, *offset));
        for (topic, partition, offset) in doubtful {
            let name = TopicPartition::new(topic.as_str(), partition);
            match self.cluster.end_offsets(std::slice::from_ref(&topic)) {
                Ok(ends) if ends.iter().any(|end| end.partition == name && end.offset < offset) => {
                    journal.records_lost(&anew(&name));
                    continue;
                }
                Ok(_) => {}
                Err(error) => journal.broker_error(&error, clock::now()),
            }
            holds.push((topic, partition, offset));
        }
        holds
    }

    fn learn_until(
        &mut self,
        branches: &mut Branches,
        hearers: Hearers<'_>,
        silence: i64,
        mut is_enough: impl FnMut(&Self, Option<&KafkaEvent>) -> bool,
    ) -> Result<bool> {
        let mut is_done = is_enough(self, None);
        let mut heard_at = clock::elapsed();
        while !is_done {
            hearers.health.tick();
            if hearers.commands.try_recv().is_ok_and(|command| matches!(command, Command::Stop)) {
                return Ok(false);
            }
            let Some(received) = self.events().map(|events| events.recv_timeout(TURN)) else { return Ok(true) };
            let event = match received {
                Ok(event) => event,
                Err(RecvTimeoutError::Timeout) if clock::elapsed() - heard_at >= silence => return Ok(true),
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return Err(gone()),
            };
            heard_at = clock::elapsed();
            let sees_end = is_enough(self, Some(&event));
            self.take(event, branches, hearers)?;
            is_done = sees_end || is_enough(self, None);
        }
        Ok(true)
    }
}

fn gone() -> anyhow::Error {
    anyhow!("the context topics can be read no more")
}
