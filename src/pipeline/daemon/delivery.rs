//! One driver for each sink, and the figures that no event goes with.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::settings;
use super::status::Status;
use crate::config::{Config, Secrets};
use crate::pipeline::clock;
use crate::sink::backoff::{Backoff, seeded};
use crate::sink::driver::{Clock, Driver, Pass};
use crate::sink::open::{AnyTransport, Sink, open};
use crate::source::kafka::{Cluster, Connection};
use crate::store::{StoreError, StoreHandle};
use crate::telemetry::{Health, Journal, OutboxState};

/// How often lag and outbox are measured.
const MEASURE: Duration = Duration::from_secs(2);

/// Unpredictable bits, for names of runs and for waits that differ between daemons.
pub(super) fn random() -> u64 {
    std::hash::RandomState::new().build_hasher().finish()
}

/// Readies every sink; nothing is connected yet.
///
/// # Errors
/// The first one that cannot be readied.
pub(super) fn sinks(config: &Config, secrets: &Secrets) -> Result<Vec<Sink<AnyTransport>>> {
    let properties = settings::producer_properties(config, secrets);
    let hostname = settings::hostname();
    let settings = settings::sinks(config);
    let opened = settings.iter().map(|sink| {
        let key = secrets.pseudonym_keys.get(&sink.name).map(|key| key.expose());
        open(sink, key, &properties, &hostname).map_err(|error| anyhow!(error))
    });
    opened.collect()
}

/// Starts a driver for each sink. Each has a bell that is rung when something new waits.
pub(super) fn start(
    sinks: Vec<Sink<AnyTransport>>,
    runtime: &Handle,
    store: &StoreHandle,
    journal: &Arc<Journal>,
    health: &Arc<Health>,
    stop: &CancellationToken,
) -> (Vec<JoinHandle<()>>, Vec<Arc<Notify>>) {
    let clock: Clock = Arc::new(clock::now);
    let started = sinks.into_iter().map(|sink| {
        let driver = Driver::new(sink, store.clone(), true, Backoff::default(), seeded(random()));
        let (bell, journal, health) = (Arc::new(Notify::new()), Arc::clone(journal), Arc::clone(health));
        let report = move |sink: &str, pass: Result<&Pass, &StoreError>| match pass {
            Ok(pass) => {
                if pass.delivered > 0 {
                    journal.delivered(sink, pass.delivered as u64);
                }
                if let Some(error) = &pass.error {
                    journal.delivery_failed(sink, error, clock::now());
                }
            }
            Err(error) if error.is_damage() => health.fail(error.to_string()),
            Err(error) => journal.outbox_failed(sink, error, clock::now()),
        };
        let task = runtime.spawn(driver.run(Arc::clone(&clock), Arc::clone(&bell), stop.clone(), report));
        (task, bell)
    });
    started.unzip()
}

/// Measures what waits in front of the daemon and behind it, until `stop`.
pub(super) async fn measure(
    connection: Connection,
    topics: Vec<String>,
    sinks: Vec<String>,
    store: StoreHandle,
    status: Arc<Status>,
    journal: Arc<Journal>,
    stop: CancellationToken,
) {
    let started = clock::now();
    let cluster = Cluster::connect(&connection).ok().map(Arc::new);
    loop {
        let (cluster, topics, sinks, store) = (cluster.clone(), topics.clone(), sinks.clone(), store.clone());
        let (status, journal) = (Arc::clone(&status), Arc::clone(&journal));
        let work = tokio::task::spawn_blocking(move || {
            journal.metrics().uptime(started, clock::now());
            measure_outbox(&store, &sinks, &journal);
            cluster.iter().for_each(|cluster| measure_lag(cluster, &topics, &status, &journal));
        });
        // What went wrong is told by whoever needs it; figures only miss a turn.
        let _ = work.await;
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(MEASURE) => {}
        }
    }
}

fn measure_outbox(store: &StoreHandle, sinks: &[String], journal: &Journal) {
    let Ok(depths) = store.outbox_depths() else { return };
    for sink in sinks {
        let depth = depths.iter().find(|depth| depth.sink == *sink);
        let pending = depth.map_or(0, |depth| u64::from(depth.pending));
        let oldest = depth.and_then(|depth| depth.oldest);
        journal.metrics().outbox(OutboxState { sink, pending, oldest }, clock::now());
    }
}

fn measure_lag(cluster: &Cluster, topics: &[String], status: &Status, journal: &Journal) {
    let Ok(ends) = cluster.end_offsets(topics) else { return };
    let read = status.committed_positions().into_iter().map(|position| (position.partition, position.offset));
    let read: BTreeMap<_, _> = read.collect();
    for end in ends {
        let lag = end.offset - read.get(&end.partition).copied().unwrap_or(0);
        let lag = u64::try_from(lag).unwrap_or(0);
        journal.metrics().lag(&end.partition.topic, end.partition.partition, lag);
    }
}
