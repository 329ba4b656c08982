//! A partition comes to this process: whoever wrote for it is ended, then its rows are read.
//!
//! This happens where the group hands partitions out, before their first record is asked for, because the rows say
//! which record that is. Once a writer of the partition's name is open, no other writes a row of it any more, so what
//! the topic then holds is all there is.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use crossbeam_channel::RecvTimeoutError;
use serde::{Deserialize, Serialize};

use super::changelog::{Changelog, Gathered};
use super::wire::Reached;
use crate::engine::snapshot::{Saved, StateRow};
use crate::pipeline::clock;
use crate::sink::kafka_context::Publishing;
use crate::sink::kafka_transactions::TransactionalWriter;
use crate::source::kafka::{CatchUp, Connection, ContextReader, KafkaEvent, Position, Reading, TopicPartition};
use crate::telemetry::Journal;

/// The row that says where a partition stands.
const PLACE_KEY: &[u8] = b"p";
const TURN: Duration = Duration::from_millis(200);
const PAUSE: Duration = Duration::from_secs(2);

/// Where a partition stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Place {
    /// Hash of the policy under which its rows were made.
    pub(super) policy: String,
    /// The offset of the first access that is not part of the rows; none before the first.
    pub(super) next: Option<i64>,
    /// By what the record before it is known again.
    #[serde(default)]
    pub(super) last: Option<u64>,
    /// Its newest access, in microseconds.
    pub(super) newest: i64,
    /// The facts that the rows rest on.
    pub(super) context: Reached,
}

impl Place {
    /// The row that keeps it.
    pub(super) fn row(&self) -> StateRow {
        StateRow { key: PLACE_KEY.to_vec(), value: serde_json::to_vec(self).ok() }
    }

    /// Where its partition is read on.
    pub(super) fn position(&self, partition: &TopicPartition) -> Option<Position> {
        self.next.map(|offset| Position { partition: partition.clone(), offset, last: self.last })
    }
}

/// A partition as it was when its last owner ended.
pub(super) struct Restored {
    pub(super) writer: Arc<TransactionalWriter>,
    pub(super) changelog: Changelog,
    pub(super) saved: Option<Saved>,
    pub(super) place: Option<Place>,
}

/// Partitions that have come and that the engine's thread has not taken yet.
#[derive(Clone, Default)]
pub(super) struct Arrivals(Arc<Mutex<BTreeMap<i32, Result<Restored>>>>);

impl Arrivals {
    /// Takes a partition that has come.
    ///
    /// # Errors
    /// Why it could not come.
    pub(super) fn take(&self, partition: i32) -> Result<Restored> {
        let arrived = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&partition);
        arrived.unwrap_or_else(|| Err(anyhow!("partition {partition} was assigned while the worker was ending")))
    }

    fn put(&self, partition: i32, arrived: Result<Restored>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(partition, arrived);
    }
}

/// Takes partitions over.
pub(super) struct Takeover {
    pub(super) connection: Connection,
    pub(super) publishing: Publishing,
    pub(super) state_topic: String,
    pub(super) reading: Reading,
    pub(super) arrivals: Arrivals,
    pub(super) journal: Arc<Journal>,
    /// The worker is about to end.
    pub(super) ends: Arc<AtomicBool>,
}

impl Takeover {
    /// Takes a partition of the access topic over and tells where to read it on. Tries until it succeeds; gives up
    /// only on rows that cannot be understood, or when the worker ends.
    pub(super) fn start_at(&self, topic: &str, partition: i32) -> Option<Position> {
        loop {
            let failed = match self.take_over(topic, partition) {
                Ok(restored) => {
                    let place = restored.as_ref().ok().and_then(|restored| restored.place.as_ref());
                    let next = place.and_then(|place| place.position(&TopicPartition::new(topic, partition)));
                    self.arrivals.put(partition, restored);
                    return next;
                }
                Err(error) => error,
            };
            self.journal.broker_error(&format!("cannot take partition {partition} over yet: {failed:#}"), clock::now());
            if self.ends.load(Ordering::Acquire) {
                return None;
            }
            thread::sleep(PAUSE);
        }
    }

    /// The inner error is one that no second attempt mends.
    fn take_over(&self, topic: &str, partition: i32) -> Result<Result<Restored>> {
        let name = format!("{}.{topic}.{partition}", self.connection.group_id);
        let writer = Arc::new(TransactionalWriter::open(&self.publishing, &name)?);
        let gathered = self.read(partition)?;
        let (rows, changelog) = gathered.finish(&self.state_topic, partition);
        let (own, rows): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(key, _)| key == PLACE_KEY);
        let place = own.first().map(|(_, value)| serde_json::from_slice(value)).transpose();
        let saved = Saved::read(rows);
        let understood = place.context("it cannot be read where the partition stands").and_then(|place| {
            let saved = saved.context("the partition's rows cannot be read")?;
            Ok(Restored { writer, changelog, saved, place })
        });
        Ok(understood.with_context(|| format!("cannot go on with partition {partition} of {}", self.state_topic)))
    }

    fn read(&self, partition: i32) -> Result<Gathered> {
        let name = TopicPartition::new(self.state_topic.as_str(), partition);
        let reader = ContextReader::start_one(&self.connection, &name, &self.reading, None)?;
        let mut gathered = Gathered::default();
        let mut catch_up = CatchUp::until(reader.ends());
        let mut outcome = Ok(());
        while !catch_up.is_done() && outcome.is_ok() {
            match reader.events().recv_timeout(TURN) {
                Ok(event) => {
                    catch_up.observe(&event);
                    outcome = keep(event, &mut gathered);
                }
                Err(RecvTimeoutError::Timeout) if self.ends.load(Ordering::Acquire) => outcome = Err(anyhow!("ending")),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => outcome = Err(anyhow!("{name} can be read no more")),
            }
        }
        reader.stop();
        outcome.map(|()| gathered)
    }
}

fn keep(event: KafkaEvent, gathered: &mut Gathered) -> Result<()> {
    match event {
        KafkaEvent::Batch(batch) => {
            for record in batch.records() {
                gathered.take(batch.key(record).unwrap_or_default(), batch.value(record));
            }
            Ok(())
        }
        KafkaEvent::Error { fatal: true, message, .. } => Err(anyhow!(message)),
        _ => Ok(()),
    }
}
