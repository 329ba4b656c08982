//! Several daemons that share the work, with Kafka between them.
//!
//! ```text
//!  access topic --partitions--> worker: Branches --one transaction--> state topic (compacted), findings topic
//!                                  ^                                                            |
//!                                  '--------- notices topic (compacted) <-- register: GroupDesk, store, sinks
//! ```
//!
//! Each partition of the access topic is a branch of the engine with a clock of its own. What becomes of it stands in the
//! same partition of the other topics: its rows and the position to read on at in the state topic, what it found in
//! the findings topic. One transaction holds both, so they never disagree. A worker that is given a partition
//! first ends whoever wrote for it before ([`takeover`]), and then reads the rows.
//!
//! The register takes findings in the order of event time, as far as every partition has come, and keeps what
//! follows in its store as a daemon that runs alone does.

mod aside;
mod changelog;
mod counts;
mod held;
mod hours;
mod lessons;
mod notices;
mod register;
mod takeover;
mod topics;
mod transact;
mod wire;
mod worker;

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use anyhow::{Context as _, Result, anyhow};
use crossbeam_channel::{Sender, unbounded};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

use super::life::Setup;
use super::outlets::{Bells, random};
use super::reload::Asked;
use super::status::{Phase, Status};
use super::watch::Watch;
use super::worker::Command;
use super::{Mode, STALLED, settings, web};
use crate::config::{Config, Secrets};
use crate::model::time::Timestamp;
use crate::pipeline::clock;
use crate::telemetry::{Health, Journal, Metrics, Supervisor};
pub(super) use register::run as run_register;
pub(super) use topics::prepare as prepare_topics;

/// Why another configuration does not hold at once.
pub(super) const NO_RELOAD: &str = "a worker and the register take another configuration only at a restart, because all \
    of a cluster work by the same one: restart the register, and then one worker after the other";

/// A running worker: it decides the accesses of some partitions, and keeps nothing on this machine.
pub struct Member {
    runtime: Runtime,
    engine: thread::JoinHandle<Result<()>>,
    commands: Sender<Command>,
    status: Arc<Status>,
    journal: Arc<Journal>,
    health: Arc<Health>,
    /// Whatever has started this process and watches it.
    supervisor: Option<Arc<Supervisor>>,
    http: SocketAddr,
    ended: CancellationToken,
    stop: CancellationToken,
}

impl Member {
    /// Prepares the topics and starts.
    ///
    /// # Errors
    /// Whatever keeps it from starting, in a sentence.
    pub fn start(config: &Config, secrets: &Secrets, mode: Mode) -> Result<Self> {
        let connection = settings::connection(config, secrets);
        topics::prepare(config, &connection)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("chartsentry-io")
            .enable_all()
            .build()
            .context("cannot start the threads for input and output")?;
        let (ended, stop) = (CancellationToken::new(), CancellationToken::new());
        let journal = Arc::new(Journal::new(Arc::new(Metrics::new().context("cannot set up the metrics")?)));
        let health = Arc::new(Health::new(STALLED, || Timestamp(clock::elapsed())));
        let status = Arc::new(Status::default());
        let http = web::listen(&runtime, config, secrets, &journal, &health, &stop)?;
        let watch = Watch {
            connection,
            topics: config.kafka.access_topics.clone(),
            is_shared: true,
            sinks: Bells::default(),
            store: None,
            status: Arc::clone(&status),
            health: Arc::clone(&health),
            journal: Arc::clone(&journal),
        };
        runtime.spawn(watch.run(stop.clone()));
        let setup = Setup::new(config, secrets, mode, format!("{:016x}{:016x}", random(), random()))?;
        let (commands, obeyed) = unbounded();
        let (told_end, told, seen) = (ended.clone(), Arc::clone(&journal), Arc::clone(&status));
        let shown = Arc::clone(&health);
        let engine = thread::Builder::new()
            .name("chartsentry-engine".to_owned())
            .spawn(move || {
                // Also when the engine panics.
                let _ended = told_end.drop_guard();
                let outcome = worker::run(setup, (&told, &shown, &seen), &obeyed);
                if let Err(error) = &outcome {
                    shown.fail(format!("{error:#}"));
                    told.failed(&format!("{error:#}"));
                }
                outcome
            })
            .context("cannot start the engine's thread")?;
        Ok(Self { runtime, engine, commands, status, journal, health, supervisor: None, http, ended, stop })
    }

    /// How far it is.
    #[must_use]
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// Where `/metrics`, `/healthz` and `/readyz` answer.
    #[must_use]
    pub const fn http(&self) -> SocketAddr {
        self.http
    }

    /// Tells `supervisor` how it is from now on.
    pub fn report_to(&mut self, supervisor: Supervisor) {
        let supervisor = Arc::new(supervisor);
        let (told, health, stop) = (Arc::clone(&supervisor), Arc::clone(&self.health), self.stop.clone());
        self.runtime.spawn(async move { told.report(&health, stop.cancelled()).await });
        self.supervisor = Some(supervisor);
    }

    /// Works until told to stop or unable to go on.
    ///
    /// # Errors
    /// As for [`Self::stop`].
    pub fn run(self, mut asked: UnboundedReceiver<Asked>) -> Result<()> {
        let why = self.runtime.block_on(async {
            loop {
                tokio::select! {
                    word = asked.recv() => match word {
                        Some(Asked::Stop(why)) => return why,
                        Some(Asked::Reload) => self.journal.reload_refused(&[NO_RELOAD.to_owned()]),
                        None => return "nobody can ask it to stop",
                    },
                    () = self.ended.cancelled() => return "the pipeline ended",
                }
            }
        });
        self.journal.stopped(why);
        self.stop()
    }

    /// Commits what is decided, gives its partitions back, and ends.
    ///
    /// # Errors
    /// What went wrong while it ran or while it stopped.
    pub fn stop(self) -> Result<()> {
        self.supervisor.iter().for_each(|supervisor| supervisor.stopping());
        self.status.stop();
        // A worker that has ended is told nothing.
        let _ = self.commands.send(Command::Stop);
        let outcome = self.engine.join().unwrap_or_else(|_| Err(anyhow!("the engine's thread has panicked")));
        self.stop.cancel();
        self.status.set_phase(Phase::Stopped);
        self.runtime.shutdown_background();
        outcome
    }
}
