//! Figures that no event goes with, measured beside the engine's thread: also while that one is busy or stuck.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::outlets::Bells;
use super::status::Status;
use crate::model::reject::RejectCode;
use crate::model::time::Timestamp;
use crate::pipeline::clock::{self, Setbacks};
use crate::source::kafka::{Cluster, Connection};
use crate::store::{self, StoreError, StoreHandle};
use crate::telemetry::{DiskState, Health, Journal, OutboxState, Usage};

/// How often figures are measured.
const EVERY: Duration = Duration::from_secs(2);
/// What walks a whole table is measured only every so many times.
const SELDOM: u32 = 30;

/// What is watched.
pub(super) struct Watch {
    pub(super) connection: Connection,
    pub(super) topics: Vec<String>,
    /// Other daemons read some partitions of them, and tell of those.
    pub(super) is_shared: bool,
    pub(super) sinks: Bells,
    /// The store and its file, where one is kept.
    pub(super) store: Option<(StoreHandle, PathBuf)>,
    pub(super) status: Arc<Status>,
    pub(super) health: Arc<Health>,
    pub(super) journal: Arc<Journal>,
}

/// What was told before.
struct Past {
    started: Timestamp,
    turn: u32,
    setbacks: Setbacks,
}

impl Watch {
    /// Measures until `stop`.
    pub(super) async fn run(self, stop: CancellationToken) {
        let watch = Arc::new(self);
        let cluster = Cluster::connect(&watch.connection).ok().map(Arc::new);
        let mut past = Past { started: clock::now(), turn: 0, setbacks: Setbacks::default() };
        loop {
            let (watching, cluster) = (Arc::clone(&watch), cluster.clone());
            let work = tokio::task::spawn_blocking(move || {
                watching.measure(&mut past);
                // Last: a broker that is away keeps it waiting.
                cluster.iter().for_each(|cluster| watching.lag(cluster));
                past
            });
            match work.await {
                Ok(measured) => past = measured,
                Err(error) => {
                    // At the end of the process what has not begun is called off.
                    if error.is_panic() {
                        tracing::error!("figures are measured no more, and /metrics stands still: {error}");
                    }
                    return;
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    fn measure(&self, past: &mut Past) {
        let (metrics, now) = (self.journal.metrics(), clock::now());
        metrics.uptime(past.started, now);
        metrics.usage(Usage::now());
        metrics.health(self.health.live().is_ok(), self.health.ready().is_ok());
        if let Some(watermark) = self.status.clock() {
            metrics.watermark(watermark, now);
        }
        self.clock(past, now);
        let Some((store, path)) = &self.store else { return };
        store::file_sizes(path).iter().for_each(|(file, bytes)| metrics.store_bytes(file, *bytes));
        if let Some(disk) = store::disk_of(path) {
            metrics.disk(DiskState { free: disk.free, size: disk.size });
        }
        let is_seldom = past.turn.is_multiple_of(SELDOM);
        past.turn = past.turn.wrapping_add(1);
        if self.outbox(store, now).and_then(|()| if is_seldom { self.quarantine(store) } else { Ok(()) }).is_err() {
            metrics.figures_failed();
        }
    }

    fn clock(&self, past: &mut Past, now: Timestamp) {
        let setbacks = clock::setbacks();
        if setbacks.count > past.setbacks.count {
            self.journal.clock_set_back(setbacks.count - past.setbacks.count, setbacks.last, now);
        }
        self.journal.metrics().clock_held(setbacks.held);
        past.setbacks = setbacks;
    }

    fn outbox(&self, store: &StoreHandle, now: Timestamp) -> Result<(), StoreError> {
        let depths = store.outbox_depths()?;
        for sink in &self.sinks.sinks() {
            let depth = depths.iter().find(|depth| depth.sink == *sink);
            let count = |of: fn(&store::OutboxDepth) -> u32| depth.map_or(0, |depth| u64::from(of(depth)));
            let (pending, dead) = (count(|depth| depth.pending), count(|depth| depth.dead));
            let oldest = depth.and_then(|depth| depth.oldest);
            self.journal.metrics().outbox(OutboxState { sink, pending, dead, oldest }, now);
        }
        Ok(())
    }

    fn quarantine(&self, store: &StoreHandle) -> Result<(), StoreError> {
        let counts: BTreeMap<String, u64> = store.quarantine_counts()?.into_iter().collect();
        for reason in RejectCode::ALL {
            self.journal.metrics().quarantined(reason, counts.get(reason.name()).copied().unwrap_or(0));
        }
        Ok(())
    }

    fn lag(&self, cluster: &Cluster) {
        let Ok(ends) = cluster.end_offsets(&self.topics) else { return };
        let read = self.status.committed_positions().into_iter().map(|at| (at.partition, at.offset));
        let read: BTreeMap<_, _> = read.collect();
        for end in ends.into_iter().filter(|end| !self.is_shared || read.contains_key(&end.partition)) {
            let lag = end.offset - read.get(&end.partition).copied().unwrap_or(0);
            let lag = u64::try_from(lag).unwrap_or(0);
            self.journal.metrics().lag(&end.partition.topic, end.partition.partition, lag);
        }
        self.journal.metrics().lag_measured(clock::now());
    }
}
