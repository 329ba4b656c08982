//! The life of the engine's thread: from the store and the context to work, and after a reload the same again.
//!
//! A reload is a start inside the process: what was taken in is committed, the engine is made anew from the store and the
//! context, and every episode is decided again where the policy is another one. So the same holds after it as after a
//! restart. Sinks, sources, metrics and the clerk go on meanwhile.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow};
use crossbeam_channel::Receiver;
use tokio::sync::oneshot;

use super::cadence::Cadence;
use super::clerk::Bell;
use super::copies::Copies;
use super::figures::Figures;
use super::intake::{ContextDecoder, Decoders};
use super::lanes::Lanes;
use super::outcome::{Records, Reporter};
use super::outlets::Bells;
use super::quarantine::Quarantine;
use super::spool::{self, Feed};
use super::startup::{self, Remembered, Watchers};
use super::worker::{Command, Worker};
use super::{Mode, Phase, Status, settings};
use crate::breach::handoff::{RunIdentity, RunKind};
use crate::config::{Config, Secrets, policy_hash};
use crate::decode::crosswalk::Crosswalk;
use crate::engine::Engine;
use crate::model::time::Timestamp;
use crate::pipeline::{clock, identity};
use crate::sink::kafka_context::Publishing;
use crate::source::kafka::{Connection, ContextReader, KafkaSource, Position, Reading, TopicPartition};
use crate::store::Store;
use crate::telemetry::{Health, Journal};

/// How long after a broker did not answer a reload asks again.
const AGAIN: Duration = Duration::from_secs(2);

/// What the engine thread needs of the configuration.
pub(super) struct Setup {
    pub(super) config: Config,
    pub(super) connection: Connection,
    pub(super) publishing: Publishing,
    pub(super) mode: Mode,
    pub(super) copies: Option<Copies>,
    pub(super) reporter: Reporter,
    /// Which ids mean one person; read once for each setup.
    pub(super) crosswalk: Option<Arc<Crosswalk>>,
}

impl Setup {
    /// Reads and readies everything that can fail without the broker. `run_id` names the run in handoffs.
    ///
    /// # Errors
    /// The first thing that cannot be readied.
    pub(super) fn new(config: &Config, secrets: &Secrets, mode: Mode, run_id: String) -> Result<Self> {
        let publishing = settings::publishing(config, secrets);
        let copies = match &config.kafka.quarantine_topic {
            None => None,
            Some(topic) => Some(Copies::new(topic, &publishing)?),
        };
        let run = RunIdentity {
            policy_hash: policy_hash(&config.policy),
            run_id,
            run_kind: mode.run_kind,
            clock_fixed: false,
        };
        let routes = settings::routes(&settings::sinks(config));
        let reporter = Reporter { run, facility: settings::facility(config)?, routes };
        let crosswalk = identity::load(config.identity.crosswalk.as_deref())?;
        if let Some([users, patients]) = crosswalk.as_deref().map(Crosswalk::aliases) {
            tracing::info!(users, patients, "so many aliases stand in the identity crosswalk");
        }
        let connection = settings::connection(config, secrets);
        Ok(Self { config: config.clone(), connection, publishing, mode, copies, reporter, crosswalk })
    }

    /// Every topic of the context, those of messages last.
    pub(super) fn context_topics(&self) -> Vec<String> {
        let kafka = &self.config.kafka;
        kafka.context_topics.iter().chain(&kafka.context_event_topics).cloned().collect()
    }
}

/// Another configuration to go on with.
pub(super) struct Next {
    pub(super) setup: Setup,
    /// Whether the engine has to be made anew for it.
    pub(super) rebuilds: bool,
    /// Is told when it is taken.
    pub(super) taken: oneshot::Sender<()>,
}

impl Next {
    /// Takes it: from here on nothing of it is refused any more.
    pub(super) fn accept(self) -> Setup {
        // Whoever asked may have gone to end the daemon.
        let _ = self.taken.send(());
        self.setup
    }
}

/// What tells a start to give way: to another configuration, or to the end where there is none.
pub(super) type GiveWay = Option<Box<Next>>;

/// What the engine thread goes on with, whatever the configuration.
pub(super) struct Parts {
    /// The partitions of the access topics at the start.
    pub(super) partitions: Vec<TopicPartition>,
    pub(super) journal: Arc<Journal>,
    pub(super) health: Arc<Health>,
    pub(super) status: Arc<Status>,
    pub(super) wakers: Bells,
    /// The way to the case register.
    pub(super) bell: Option<Bell>,
    /// What syslog senders say.
    pub(super) feed: Option<Feed>,
    /// What was told of the feeds; none at the start.
    pub(super) figures: Option<Figures>,
    /// The hash of the policy that holds; none at the start.
    pub(super) policy_hash: Option<String>,
}

/// What a worker begins with.
struct Ready {
    engine: Engine,
    decoder: ContextDecoder,
    quarantine: Quarantine,
    remembered: Remembered,
    /// How far the context was read.
    context: Vec<Position>,
}

impl Parts {
    /// Works until told to stop, under one configuration after the other.
    ///
    /// # Errors
    /// A fatal error of Kafka, or a store that cannot be read or written.
    pub(super) fn run(mut self, setup: Setup, store: Store, commands: &Receiver<Command>) -> Result<()> {
        let mut standing = Some((setup, store));
        while let Some((setup, store)) = standing {
            standing = self.live(setup, store, commands)?;
        }
        Ok(())
    }

    /// Works under one configuration. Gives the next one, or nothing when told to stop.
    fn live(&mut self, mut setup: Setup, store: Store, commands: &Receiver<Command>) -> Result<Option<(Setup, Store)>> {
        let hash_before = self.begin(&setup);
        let context = match self.context(&setup, hash_before.is_some(), commands)? {
            ControlFlow::Continue(context) => context,
            ControlFlow::Break(next) => return Ok(next.map(|next| (next.accept(), store))),
        };
        let ready = match self.load(&mut setup, &store, context.as_ref(), commands)? {
            ControlFlow::Continue(ready) => ready,
            ControlFlow::Break(next) => return Ok(next.map(|next| (next.accept(), store))),
        };
        let hash = setup.reporter.run.policy_hash.clone();
        if let Some(before) = &hash_before {
            self.journal.reloaded(before, &hash);
        }
        self.policy_hash = Some(hash);
        self.health.set_context_loaded(true);
        self.health.set_reloading(false);
        self.status.set_phase(Phase::Reading);
        let asked = Arc::clone(&self.status);
        let topics = &setup.config.kafka.access_topics;
        let source = KafkaSource::subscribe(&setup.connection, topics, &reading(), move |topic, number| {
            asked.read_on(&TopicPartition::new(topic, number))
        })?;
        let mut worker = self.worker(setup, store, ready, hash_before.is_some())?;
        let next = worker.run(context, source, commands)?;
        let Worker { store, feed, figures, .. } = worker;
        (self.feed, self.figures) = (feed, Some(figures));
        Ok(next.map(|setup| (*setup, store)))
    }

    /// Says what begins. At a reload gives the hash of the policy that held until now.
    fn begin(&mut self, setup: &Setup) -> Option<String> {
        if let Some(before) = &self.policy_hash {
            self.health.set_reloading(true);
            self.health.set_partitions(0);
            self.status.set_phase(Phase::Loading);
            return Some(before.clone());
        }
        let run_kind = if setup.mode.run_kind == RunKind::Demo { "demo" } else { "live" };
        let hash = &setup.reporter.run.policy_hash;
        self.journal.started(run_kind, hash);
        self.policy_hash = Some(hash.clone());
        None
    }

    /// Starts reading the context, where there is any. A broker that does not answer keeps a daemon from starting, but
    /// does not end one that was at work.
    fn context(
        &self,
        setup: &Setup,
        is_reload: bool,
        commands: &Receiver<Command>,
    ) -> Result<ControlFlow<GiveWay, Option<ContextReader>>> {
        let topics = setup.context_topics();
        if topics.is_empty() {
            return Ok(ControlFlow::Continue(None));
        }
        loop {
            match ContextReader::start(&setup.connection, &topics, &reading(), |_, _| None) {
                Ok(reader) => return Ok(ControlFlow::Continue(Some(reader))),
                Err(error) if is_reload => self.journal.broker_error(&error, clock::now()),
                Err(error) => return Err(error.into()),
            }
            self.health.tick();
            if let ControlFlow::Break(next) = startup::interruption(commands, AGAIN) {
                return Ok(ControlFlow::Break(next));
            }
        }
    }

    /// Makes the engine as the store and the context have it.
    fn load(
        &self,
        setup: &mut Setup,
        store: &Store,
        context: Option<&ContextReader>,
        commands: &Receiver<Command>,
    ) -> Result<ControlFlow<GiveWay, Ready>> {
        let policy = &setup.config.policy;
        let shards = thread::available_parallelism().map_or(1, usize::from);
        let mut engine = Engine::new(policy, shards).map_err(|errors| anyhow!(errors.join("; ")))?;
        engine.keep_journal();
        let mut remembered = startup::remember(store, policy)?;
        self.status.has_committed(&remembered.offsets);
        let feeds = setup.config.kafka.context_event_topics.clone();
        let mut decoder = ContextDecoder::new(&setup.reporter.facility.zone, feeds, setup.crosswalk.clone());
        let mut quarantine = Quarantine::new(setup.copies.take());
        let watchers = Watchers {
            journal: &self.journal,
            health: &self.health,
            status: &self.status,
            bell: self.bell.as_ref(),
            commands,
        };
        let read = startup::load(&mut engine, &mut remembered, context, &mut decoder, &mut quarantine, &watchers)?;
        Ok(match read {
            ControlFlow::Break(next) => ControlFlow::Break(next),
            ControlFlow::Continue(context) => {
                ControlFlow::Continue(Ready { engine, decoder, quarantine, remembered, context })
            }
        })
    }

    fn worker(&mut self, setup: Setup, store: Store, ready: Ready, is_reload: bool) -> Result<Worker> {
        let Setup { config, mode, reporter, crosswalk, .. } = setup;
        let Ready { engine, decoder, quarantine, remembered, context } = ready;
        let elapsed = clock::elapsed();
        let zone = reporter.facility.zone.clone();
        let mut lanes = Lanes::new(config.policy.engine.allowed_lateness.micros(), self.partitions.clone());
        // The spool says only once that its partition is read here, and of an end only when it comes to one.
        if let Some(feed) = self.feed.as_ref().filter(|_| is_reload) {
            let reached = remembered.reached.get(&spool::partition()).copied().unwrap_or(Timestamp::MIN);
            lanes.assign(spool::partition(), reached);
            feed.ask_for_end();
        }
        let standing = store.handle().incidents()?;
        let figures = Figures::new(zone.clone(), &standing, engine.tally(), self.journal.metrics(), elapsed);
        Ok(Worker {
            lanes,
            cadence: Cadence::new(elapsed),
            decoders: Decoders::new(&zone, crosswalk),
            context_decoder: decoder,
            figures: figures.going_on_from(self.figures.take()),
            reporter,
            quarantine,
            journal: Arc::clone(&self.journal),
            health: Arc::clone(&self.health),
            status: Arc::clone(&self.status),
            wakers: self.wakers.clone(),
            bell: self.bell.clone(),
            feed: self.feed.take(),
            spool_waits: false,
            refuses_future: mode.refuses_future,
            records: Records::default(),
            own_rows: remembered.policy_row.into_iter().collect(),
            positions: context.into_iter().map(|at| (at.partition.clone(), (at, Timestamp::MIN))).collect(),
            reached: remembered.reached,
            has_learned: true,
            engine,
            store,
        })
    }
}

impl Worker {
    /// Goes on with another configuration, or gives it back where the engine has to be made anew for it. The store then
    /// has everything that was taken in.
    ///
    /// # Errors
    /// A store that cannot be written.
    pub(super) fn reload(&mut self, next: Next) -> Result<Option<Box<Setup>>> {
        self.commit()?;
        let rebuilds = next.rebuilds;
        let setup = next.accept();
        if rebuilds {
            return Ok(Some(Box::new(setup)));
        }
        let hash = &setup.reporter.run.policy_hash;
        self.journal.reloaded(hash, hash);
        self.reporter = setup.reporter;
        Ok(None)
    }
}

/// Large batches while there is much, small ones while there is little.
pub(super) fn reading() -> Reading {
    Reading { batch_records: 16_384, batch_bytes: 8 << 20, linger: Duration::from_millis(10), waiting_events: 4 }
}
