//! The daemon: Kafka in, incidents into the store, alerts out.
//!
//! ```text
//!  reader threads --batches--> engine thread: decode (all cores) -> Engine -> one Store::commit
//!                                                                                |
//!  tokio: HTTP, figures, one driver for each sink <------ bell, outbox -----------+
//!  register thread: handoffs -> cases, reminders <------- bell, handoffs ---------'
//! ```
//!
//! One thread owns the engine and the store. It reads the context to where it ended at the start before
//! the first access, then takes in accesses and facts as they come, brings event time to the watermark
//! ([`lanes`]) and commits results, state and positions together ([`cadence`]).

mod cadence;
mod clerk;
pub mod cluster;
mod copies;
pub mod demo;
mod figures;
mod intake;
mod lanes;
mod life;
mod mode;
mod outcome;
mod outlets;
mod patience;
mod quarantine;
mod reload;
mod settings;
mod spool;
mod startup;
mod status;
mod watch;
mod web;
mod worker;

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use anyhow::{Context as _, Result, anyhow};
use crossbeam_channel::{Sender, unbounded};
use tokio::runtime::{Handle, Runtime};
use tokio_util::sync::CancellationToken;

pub use mode::Mode;
pub use reload::{Asked, Read};
pub use settings::{
    connection, endpoint, facility, hostname, publishing, sinks as sink_settings, store as store_options,
};
pub use spool::TOPIC as SYSLOG_TOPIC;
pub use status::{Phase, Status};
pub use web::tls as http_tls;

use crate::config::{Config, Secrets};
use crate::model::span::Span;
use crate::model::time::Timestamp;
use crate::pipeline::clock;
use crate::source::kafka::Cluster;
use crate::source::syslog::Listeners;
use crate::store::{Spool, Store, StoreHandle};
use crate::telemetry::{Health, Journal, Metrics, Supervisor};
use clerk::Clerk;
use life::{Parts, Setup, reading};
use outlets::{Outlets, random};
use reload::Standing;
use spool::Feed;
use watch::Watch;
use worker::Command;

/// The pipeline counts as stalled after this long without a turn of its loop.
const STALLED: Span = Span::minutes(2);

/// A running daemon.
pub struct Daemon {
    runtime: Runtime,
    engine: thread::JoinHandle<Result<()>>,
    commands: Sender<Command>,
    status: Arc<Status>,
    store: StoreHandle,
    journal: Arc<Journal>,
    health: Arc<Health>,
    /// Whatever has started this process and watches it.
    supervisor: Option<Arc<Supervisor>>,
    http: Option<SocketAddr>,
    outlets: Outlets,
    clerk: Option<Clerk>,
    /// Takes syslog messages in, where any source is configured.
    listeners: Option<Listeners>,
    spool: Option<thread::JoinHandle<()>>,
    /// The configuration that holds.
    standing: Arc<Standing>,
    /// The engine thread has ended.
    ended: CancellationToken,
    /// Sinks and the HTTP server are to end.
    stop: CancellationToken,
}

impl Daemon {
    /// Opens the store, checks that the topics are there, and starts.
    ///
    /// # Errors
    /// Whatever keeps it from starting, in a sentence.
    pub fn start(config: &Config, secrets: &Secrets, mode: Mode) -> Result<Self> {
        settings::check(config)?;
        let connection = settings::connection(config, secrets);
        let mut store = Store::open(&settings::store(config, secrets))?;
        store.limit_quarantine(config.store.quarantine_bytes());
        let sinks = outlets::ready(config, secrets, &[])?;
        let (partitions, topics) = match mode.hears_workers {
            true => (cluster::prepare_topics(config, &connection)?, vec![config.cluster.findings_topic.clone()]),
            false => {
                let topics = config.kafka.access_topics.clone();
                (Cluster::connect(&connection)?.partitions(&topics)?, topics)
            }
        };

        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("chartsentry-io")
            .enable_all()
            .build()
            .context("cannot start the threads for input and output")?;
        let (ended, stop) = (CancellationToken::new(), CancellationToken::new());
        let journal = Arc::new(Journal::new(Arc::new(Metrics::new().context("cannot set up the metrics")?)));
        // How long the last turn is ago, whatever happens to the wall clock.
        let health = Arc::new(Health::new(STALLED, || Timestamp(clock::elapsed())));
        let status = Arc::new(Status::default());
        let handle = store.handle();
        let http = match mode.serves_http {
            true => Some(web::listen(&runtime, config, secrets, &journal, &health, &stop)?),
            false => None,
        };
        let mut outlets = Outlets::new(runtime.handle(), &handle, &journal, &health, &stop);
        outlets.set(sinks);
        let wakers = outlets.bells();
        let watch = Watch {
            connection,
            topics,
            is_shared: false,
            sinks: wakers.clone(),
            store: Some((handle.clone(), config.store.path.clone())),
            status: Arc::clone(&status),
            health: Arc::clone(&health),
            journal: Arc::clone(&journal),
        };
        runtime.spawn(watch.run(stop.clone()));

        let run_id = format!("{:016x}{:016x}", random(), random());
        let setup = Setup::new(config, secrets, mode, run_id.clone())?;
        let crosswalk = setup.crosswalk.clone();
        let standing = Standing { config: config.clone(), secrets: secrets.clone(), crosswalk, mode, run_id };
        let clerk = match mode.keeps_register {
            true => {
                let register = store.register(&settings::store(config, secrets))?;
                Some(Clerk::start(config, register, Arc::clone(&journal), Arc::clone(&health), wakers.clone())?)
            }
            false => None,
        };
        // Last, so that nothing is taken in by a daemon that cannot start.
        let intake = listeners(config, secrets, &store, runtime.handle(), &journal, &health)?;
        let (listeners, feed, spool) = match intake {
            Some((listeners, feed, spool)) => (Some(listeners), Some(feed), Some(spool)),
            None => (None, None, None),
        };
        let (commands, obeyed) = unbounded();
        let parts = Parts {
            partitions,
            journal: Arc::clone(&journal),
            health: Arc::clone(&health),
            status: Arc::clone(&status),
            wakers,
            bell: clerk.as_ref().map(Clerk::bell),
            feed,
            figures: None,
            policy_hash: None,
        };
        let (told_end, told) = (ended.clone(), Arc::clone(&journal));
        let engine = thread::Builder::new()
            .name("chartsentry-engine".to_owned())
            .spawn(move || {
                // Also when the engine panics.
                let _ended = told_end.drop_guard();
                let health = Arc::clone(&parts.health);
                let outcome = match mode.hears_workers {
                    true => cluster::run_register(parts, setup, store, &obeyed),
                    false => parts.run(setup, store, &obeyed),
                };
                if let Err(error) = &outcome {
                    health.fail(format!("{error:#}"));
                    told.failed(&format!("{error:#}"));
                }
                outcome
            })
            .context("cannot start the engine's thread")?;
        Ok(Self {
            runtime,
            engine,
            commands,
            status,
            store: handle,
            journal,
            health,
            supervisor: None,
            http,
            outlets,
            clerk,
            listeners,
            spool,
            standing: Arc::new(standing),
            ended,
            stop,
        })
    }

    /// How far it is.
    #[must_use]
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// A way into its store.
    #[must_use]
    pub const fn store(&self) -> &StoreHandle {
        &self.store
    }

    /// Where `/metrics`, `/healthz` and `/readyz` answer.
    #[must_use]
    pub const fn http(&self) -> Option<SocketAddr> {
        self.http
    }

    /// Where syslog messages are taken in, in the order of the configuration.
    #[must_use]
    pub fn syslog(&self) -> &[SocketAddr] {
        self.listeners.as_ref().map_or(&[], Listeners::addresses)
    }

    /// Whether the engine's thread has ended; then [`Self::stop`] says why.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Tells `supervisor` how it is from now on.
    pub fn report_to(&mut self, supervisor: Supervisor) {
        let supervisor = Arc::new(supervisor);
        let (told, health, stop) = (Arc::clone(&supervisor), Arc::clone(&self.health), self.stop.clone());
        self.runtime.spawn(async move { told.report(&health, stop.cancelled()).await });
        self.supervisor = Some(supervisor);
    }

    /// The log is over: brings event time to `at`.
    pub fn end(&self, at: Timestamp) {
        // A daemon that has ended is told nothing.
        let _ = self.commands.send(Command::End(at));
    }

    /// Stops reading, commits, lets the sinks empty what they can within a few seconds, and ends. Nothing that hangs
    /// outside keeps it for more than 20 seconds: senders 4, copies of rejects 3, Kafka 3, sinks 5.
    ///
    /// # Errors
    /// What went wrong while it ran or while it stopped.
    pub fn stop(self) -> Result<()> {
        self.supervisor.iter().for_each(|supervisor| supervisor.stopping());
        if let Some(listeners) = self.listeners {
            self.runtime.block_on(listeners.stop());
        }
        self.status.stop();
        // A daemon that has ended is told nothing.
        let _ = self.commands.send(Command::Stop);
        let outcome = self.engine.join().unwrap_or_else(|_| Err(anyhow!("the engine's thread has panicked")));
        self.spool.into_iter().for_each(spool::join);
        // What the last commit handed over becomes cases before the end.
        self.clerk.into_iter().for_each(Clerk::stop);
        self.stop.cancel();
        self.runtime.block_on(self.outlets.ended());
        self.status.set_phase(Phase::Stopped);
        self.runtime.shutdown_background();
        outcome
    }
}

/// Listens to syslog senders, where any source is configured.
fn listeners(
    config: &Config,
    secrets: &Secrets,
    store: &Store,
    runtime: &Handle,
    journal: &Arc<Journal>,
    health: &Arc<Health>,
) -> Result<Option<(Listeners, Feed, thread::JoinHandle<()>)>> {
    let options = settings::store(config, secrets);
    let positions = store.positions()?;
    let resume = positions.iter().find(|position| position.topic == spool::TOPIC);
    let resume = resume.map_or(0, |position| position.next_offset);
    // What was taken in before a source was taken out of the configuration is still decided.
    if config.sources.is_empty() && !Spool::is_there(&options) {
        return Ok(None);
    }
    let (received, feed, thread) = spool::start(&options, resume, reading(), Arc::clone(journal), Arc::clone(health))?;
    let endpoints = settings::endpoints(config, secrets)?;
    let listeners = Listeners::start(&endpoints, runtime, &received, journal, clock::now)?;
    Ok(Some((listeners, feed, thread)))
}
