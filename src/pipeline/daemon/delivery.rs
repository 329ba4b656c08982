//! One driver for each sink.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use anyhow::{Result, anyhow};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::settings;
use crate::config::{Config, Secrets};
use crate::pipeline::clock;
use crate::sink::backoff::{Backoff, seeded};
use crate::sink::driver::{Clock, Driver, Pass};
use crate::sink::open::{AnyTransport, Sink, open};
use crate::store::{StoreError, StoreHandle};
use crate::telemetry::{Health, Journal};

/// Unpredictable bits, for names of runs and for waits that differ between daemons.
pub(super) fn random() -> u64 {
    std::hash::RandomState::new().build_hasher().finish()
}

/// Readies every sink; nothing is connected yet.
///
/// # Errors
/// The first one that cannot be readied.
pub(super) fn sinks(config: &Config, secrets: &Secrets) -> Result<Vec<Sink<AnyTransport>>> {
    let publishing = settings::publishing(config, secrets);
    let hostname = settings::hostname();
    let settings = settings::sinks(config);
    let opened = settings.iter().map(|sink| {
        let key = secrets.pseudonym_keys.get(&sink.name).map(|key| key.expose());
        open(sink, key, &publishing, &hostname).map_err(|error| anyhow!(error))
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
        journal.metrics().expect_sink(&sink.name);
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
