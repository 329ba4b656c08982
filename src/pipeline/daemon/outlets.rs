//! The sinks at work: a driver each, which a reload replaces one by one.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Result, anyhow};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::settings;
use crate::config::{Config, Secret, Secrets};
use crate::pipeline::clock;
use crate::sink::backoff::{Backoff, seeded};
use crate::sink::driver::{Clock, Driver, Pass};
use crate::sink::open::{AnyTransport, Sink, open};
use crate::sink::settings::SinkSettings;
use crate::store::{StoreError, StoreHandle};
use crate::telemetry::{Health, Journal};

/// Unpredictable bits, for names of runs and for waits that differ between daemons.
pub(super) fn random() -> u64 {
    std::hash::RandomState::new().build_hasher().finish()
}

/// What wakes the sinks' drivers, by the sink's name; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Bells(Arc<Mutex<BTreeMap<String, Arc<Notify>>>>);

impl Bells {
    fn bells(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The outbox has something new.
    pub(super) fn ring(&self) {
        self.bells().values().for_each(|bell| bell.notify_one());
    }

    /// The names of the sinks.
    pub(super) fn sinks(&self) -> Vec<String> {
        self.bells().keys().cloned().collect()
    }
}

/// Everything that makes a sink what it is.
#[derive(PartialEq)]
pub(super) struct Plan {
    settings: SinkSettings,
    pseudonym_key: Option<Secret>,
}

/// A sink of a configuration: opened, or none where one of the same plan is at work already.
pub(super) struct Ready {
    plan: Plan,
    sink: Option<Sink<AnyTransport>>,
}

/// Every sink of a configuration.
pub(super) fn plans(config: &Config, secrets: &Secrets) -> Vec<Plan> {
    let plan = |settings: SinkSettings| {
        let pseudonym_key = secrets.pseudonym_keys.get(&settings.name).cloned();
        Plan { settings, pseudonym_key }
    };
    settings::sinks(config).into_iter().map(plan).collect()
}

/// Readies every sink of a configuration but those `at_work`; nothing is connected yet.
///
/// # Errors
/// The first one that cannot be readied.
pub(super) fn ready(config: &Config, secrets: &Secrets, at_work: &[Plan]) -> Result<Vec<Ready>> {
    let publishing = settings::publishing(config, secrets);
    let hostname = settings::hostname();
    let readied = plans(config, secrets).into_iter().map(|plan| {
        if at_work.contains(&plan) {
            return Ok(Ready { plan, sink: None });
        }
        let key = plan.pseudonym_key.as_ref().map(Secret::expose);
        let sink = open(&plan.settings, key, &publishing, &hostname).map_err(|error| anyhow!(error))?;
        Ok(Ready { plan, sink: Some(sink) })
    });
    readied.collect()
}

/// A driver at work.
struct Outlet {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Outlet {
    /// Lets it empty what it can within a few seconds.
    fn dismiss(self) -> JoinHandle<()> {
        self.stop.cancel();
        self.task
    }
}

/// The drivers of all sinks.
pub(super) struct Outlets {
    at_work: BTreeMap<String, Outlet>,
    /// Drivers of sinks that the configuration no longer names.
    leaving: Vec<JoinHandle<()>>,
    bells: Bells,
    runtime: Handle,
    store: StoreHandle,
    journal: Arc<Journal>,
    health: Arc<Health>,
    stop: CancellationToken,
}

impl Outlets {
    /// No sink yet. All end with `stop`.
    pub(super) fn new(
        runtime: &Handle,
        store: &StoreHandle,
        journal: &Arc<Journal>,
        health: &Arc<Health>,
        stop: &CancellationToken,
    ) -> Self {
        Self {
            at_work: BTreeMap::new(),
            leaving: Vec::new(),
            bells: Bells::default(),
            runtime: runtime.clone(),
            store: store.clone(),
            journal: Arc::clone(journal),
            health: Arc::clone(health),
            stop: stop.clone(),
        }
    }

    /// What wakes them.
    pub(super) fn bells(&self) -> Bells {
        self.bells.clone()
    }

    /// From now on these are the sinks. One that is another under its old name begins when the old one has ended, so that
    /// nothing is sent by both. What waits for a sink that is gone goes on waiting in the store.
    pub(super) fn set(&mut self, sinks: Vec<Ready>) {
        let mut before = std::mem::take(&mut self.at_work);
        self.leaving.retain(|task| !task.is_finished());
        for Ready { plan, sink } in sinks {
            let name = plan.settings.name;
            let old = before.remove(&name);
            let outlet = match sink {
                Some(sink) => Some(self.launch(sink, &name, old.map(Outlet::dismiss))),
                None => old,
            };
            self.at_work.extend(outlet.map(|outlet| (name, outlet)));
        }
        for (name, outlet) in before {
            self.bells.bells().remove(&name);
            self.journal.metrics().forget_sink(&name);
            self.leaving.push(outlet.dismiss());
        }
    }

    fn launch(&self, sink: Sink<AnyTransport>, name: &str, before: Option<JoinHandle<()>>) -> Outlet {
        self.journal.metrics().expect_sink(name);
        let driver = Driver::new(sink, self.store.clone(), true, Backoff::default(), seeded(random()));
        let bell = Arc::clone(self.bells.bells().entry(name.to_owned()).or_default());
        let (journal, health) = (Arc::clone(&self.journal), Arc::clone(&self.health));
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
        let clock: Clock = Arc::new(clock::now);
        let stop = self.stop.child_token();
        let work = driver.run(clock, bell, stop.clone(), report);
        let task = self.runtime.spawn(async move {
            if let Some(before) = before {
                // A driver that panicked leaves its messages in the outbox.
                let _ = before.await;
            }
            work.await;
        });
        Outlet { stop, task }
    }

    /// Waits until all have ended, which they do soon after `stop`.
    pub(super) async fn ended(self) {
        let at_work = self.at_work.into_values().map(|outlet| outlet.task);
        for task in at_work.chain(self.leaving) {
            // A driver that panicked leaves its messages in the outbox.
            let _ = task.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(more: &str) -> Config {
        let text = format!(
            "[[sinks]]\nname = \"a\"\nkind = \"file\"\naddress = \"a.log\"\npatient_identifiers = \"plain\"\n{more}"
        );
        Config::parse("test.toml", &text).unwrap()
    }

    #[test]
    fn only_sinks_that_are_new_or_changed_are_opened() {
        let other = "[[sinks]]\nname = \"b\"\nkind = \"file\"\naddress = \"b.log\"\npatient_identifiers = \"plain\"\n";
        let at_work = plans(&config(""), &Secrets::default());
        let opened = |more: &str| -> Vec<(String, bool)> {
            let ready = ready(&config(more), &Secrets::default(), &at_work).unwrap();
            ready.into_iter().map(|ready| (ready.plan.settings.name, ready.sink.is_some())).collect()
        };
        assert_eq!(opened(""), [("a".to_owned(), false)]);
        assert_eq!(opened("min_severity = \"low\"\n"), [("a".to_owned(), true)]);
        assert_eq!(opened(other), [("a".to_owned(), false), ("b".to_owned(), true)]);
    }
}
