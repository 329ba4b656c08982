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
mod copies;
mod delivery;
pub mod demo;
mod figures;
mod intake;
mod lanes;
mod outcome;
mod patience;
mod quarantine;
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
use crossbeam_channel::{Receiver, Sender, unbounded};
use tokio::runtime::{Handle, Runtime};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use settings::{
    connection, endpoint, facility, hostname, publishing, sinks as sink_settings, store as store_options,
};
pub use spool::TOPIC as SYSLOG_TOPIC;
pub use status::{Phase, Status};
pub use web::tls as http_tls;

use crate::breach::handoff::{RunIdentity, RunKind};
use crate::config::{Config, Secrets, policy_hash};
use crate::decode::crosswalk::Crosswalk;
use crate::engine::Engine;
use crate::model::span::Span;
use crate::model::time::Timestamp;
use crate::pipeline::{clock, identity};
use crate::source::kafka::{Cluster, Connection, ContextReader, KafkaSource, Reading, TopicPartition};
use crate::source::syslog::Listeners;
use crate::store::{Spool, Store, StoreHandle};
use crate::telemetry::{Health, Journal, Metrics, Supervisor};
use cadence::Cadence;
use clerk::{Bell, Clerk};
use copies::Copies;
use figures::Figures;
use intake::{ContextDecoder, Decoders};
use lanes::Lanes;
use outcome::{Records, Reporter};
use quarantine::Quarantine;
use spool::Feed;
use startup::Watchers;
use watch::Watch;
use worker::{Command, Worker};

/// The pipeline counts as stalled after this long without a turn of its loop.
const STALLED: Span = Span::minutes(2);

/// How a daemon runs, apart from its configuration.
#[derive(Clone, Copy, Debug)]
pub struct Mode {
    pub run_kind: RunKind,
    /// Answer on `[http] listen`.
    pub serves_http: bool,
    /// Open cases of what is handed over.
    pub keeps_register: bool,
    /// Refuse accesses more than a day after the present.
    pub refuses_future: bool,
}

impl Mode {
    /// A hospital's daemon.
    pub const LIVE: Self =
        Self { run_kind: RunKind::Live, serves_http: true, keeps_register: true, refuses_future: true };
    /// A log of some other time, shown once.
    pub const DEMO: Self =
        Self { run_kind: RunKind::Demo, serves_http: false, keeps_register: false, refuses_future: false };
}

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
    drivers: Vec<JoinHandle<()>>,
    clerk: Option<Clerk>,
    /// Takes syslog messages in, where any source is configured.
    listeners: Option<Listeners>,
    spool: Option<thread::JoinHandle<()>>,
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
        let sinks = delivery::sinks(config, secrets)?;
        let partitions = Cluster::connect(&connection)?.partitions(&config.kafka.access_topics)?;

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
        let (drivers, wakers) = delivery::start(sinks, runtime.handle(), &handle, &journal, &health, &stop);
        let watch = Watch {
            connection: connection.clone(),
            topics: config.kafka.access_topics.clone(),
            sinks: settings::sinks(config).into_iter().map(|sink| sink.name).collect(),
            store: handle.clone(),
            path: config.store.path.clone(),
            status: Arc::clone(&status),
            health: Arc::clone(&health),
            journal: Arc::clone(&journal),
        };
        runtime.spawn(watch.run(stop.clone()));

        let setup = Setup::new(config, secrets, mode, connection)?;
        let clerk = match mode.keeps_register {
            true => Some(Clerk::start(config, secrets, Arc::clone(&journal), Arc::clone(&health), wakers.clone())?),
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
            setup,
            partitions,
            journal: Arc::clone(&journal),
            health: Arc::clone(&health),
            status: Arc::clone(&status),
            wakers,
            bell: clerk.as_ref().map(Clerk::bell),
            feed,
        };
        let (told_end, told) = (ended.clone(), Arc::clone(&journal));
        let engine = thread::Builder::new()
            .name("chartsentry-engine".to_owned())
            .spawn(move || {
                // Also when the engine panics.
                let _ended = told_end.drop_guard();
                let health = Arc::clone(&parts.health);
                let outcome = parts.run(store, &obeyed);
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
            drivers,
            clerk,
            listeners,
            spool,
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

    /// Waits until `signal` comes or the daemon cannot go on, then stops it.
    ///
    /// # Errors
    /// As for [`Self::stop`].
    pub fn run_until(self, signal: impl Future<Output = &'static str>) -> Result<()> {
        let why = self.runtime.block_on(async {
            tokio::select! {
                why = signal => why,
                () = self.ended.cancelled() => "the pipeline ended",
            }
        });
        self.journal.stopped(why);
        self.stop()
    }

    /// Stops reading, commits, lets the sinks empty what they can within a few seconds, and ends.
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
        self.runtime.block_on(async {
            for driver in self.drivers {
                // A driver that panicked leaves its messages in the outbox.
                let _ = driver.await;
            }
        });
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

/// What the engine thread needs of the configuration.
struct Setup {
    config: Config,
    connection: Connection,
    mode: Mode,
    copies: Option<Copies>,
    reporter: Reporter,
    /// Which ids mean one person; read once, at the start.
    crosswalk: Option<Arc<Crosswalk>>,
}

impl Setup {
    fn new(config: &Config, secrets: &Secrets, mode: Mode, connection: Connection) -> Result<Self> {
        let copies = match &config.kafka.quarantine_topic {
            None => None,
            Some(topic) => {
                Some(Copies::new(topic, &settings::publishing(config, secrets))?)
            }
        };
        let run = RunIdentity {
            policy_hash: policy_hash(&config.policy),
            run_id: format!("{:016x}{:016x}", delivery::random(), delivery::random()),
            run_kind: mode.run_kind,
            clock_fixed: false,
        };
        let routes = settings::routes(&settings::sinks(config));
        let reporter = Reporter { run, facility: settings::facility(config)?, routes };
        let crosswalk = identity::load(config.identity.crosswalk.as_deref())?;
        if let Some([users, patients]) = crosswalk.as_deref().map(Crosswalk::aliases) {
            tracing::info!(users, patients, "so many aliases stand in the identity crosswalk");
        }
        Ok(Self { config: config.clone(), connection, mode, copies, reporter, crosswalk })
    }
}

/// What the engine thread starts with.
struct Parts {
    setup: Setup,
    /// The partitions of the access topics at the start.
    partitions: Vec<TopicPartition>,
    journal: Arc<Journal>,
    health: Arc<Health>,
    status: Arc<Status>,
    wakers: Vec<Arc<tokio::sync::Notify>>,
    /// The way to the case register.
    bell: Option<Bell>,
    /// What syslog senders say.
    feed: Option<Feed>,
}

impl Parts {
    fn run(self, store: Store, commands: &Receiver<Command>) -> Result<()> {
        let Self { setup, partitions, journal, health, status, wakers, bell, feed } = self;
        let Setup { config, connection, mode, copies, reporter, crosswalk } = setup;
        let run_kind = if mode.run_kind == RunKind::Demo { "demo" } else { "live" };
        journal.started(run_kind, &reporter.run.policy_hash);
        let shards = thread::available_parallelism().map_or(1, usize::from);
        let mut engine = Engine::new(&config.policy, shards).map_err(|errors| anyhow!(errors.join("; ")))?;
        engine.keep_journal();
        let mut remembered = startup::remember(&store, &config.policy)?;
        status.has_committed(&remembered.offsets);
        let reading = reading();
        let feeds = config.kafka.context_event_topics.clone();
        let topics: Vec<String> = config.kafka.context_topics.iter().chain(&feeds).cloned().collect();
        let context = if topics.is_empty() {
            None
        } else {
            Some(ContextReader::start(&connection, &topics, &reading, |_, _| None)?)
        };
        let zone = &reporter.facility.zone;
        let mut decoder = ContextDecoder::new(zone, feeds, crosswalk.clone());
        let mut quarantine = Quarantine::new(copies);
        let watchers = Watchers { journal: &journal, health: &health, status: &status, bell: bell.as_ref(), commands };
        let loaded =
            startup::load(&mut engine, &mut remembered, context.as_ref(), &mut decoder, &mut quarantine, &watchers)?;
        let Some(loaded) = loaded else { return Ok(()) };
        health.set_context_loaded(true);
        status.set_phase(Phase::Reading);
        let asked = Arc::clone(&status);
        let source =
            KafkaSource::subscribe(&connection, &config.kafka.access_topics, &reading, move |topic, number| {
                asked.read_on(&TopicPartition::new(topic, number))
            })?;
        let elapsed = clock::elapsed();
        let mut worker = Worker {
            lanes: Lanes::new(config.policy.engine.allowed_lateness.micros(), partitions),
            cadence: Cadence::new(elapsed),
            decoders: Decoders::new(zone, crosswalk),
            context_decoder: decoder,
            figures: Figures::new(zone.clone(), &store.handle().incidents()?, &engine, journal.metrics(), elapsed),
            reporter,
            quarantine,
            journal,
            health,
            status,
            wakers,
            bell,
            feed,
            spool_waits: false,
            refuses_future: mode.refuses_future,
            records: Records::default(),
            own_rows: remembered.policy_row.into_iter().collect(),
            positions: loaded.into_iter().map(|at| (at.partition.clone(), (at, Timestamp::MIN))).collect(),
            reached: remembered.reached,
            has_learned: true,
            engine,
            store,
        };
        worker.run(context, source, commands)
    }
}

/// Large batches while there is much, small ones while there is little.
fn reading() -> Reading {
    Reading {
        batch_records: 16_384,
        batch_bytes: 8 << 20,
        linger: std::time::Duration::from_millis(10),
        waiting_events: 4,
    }
}
