//! The clerk: a thread of its own that makes cases of what the engine's thread handed over.
//!
//! Handoffs wait in the store until they are taken, so nothing is lost when the clerk is behind, fails or was killed:
//! taking them and marking them taken is one transaction. Detection never waits for the register.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};

use super::outlets::Bells;
use super::settings;
use crate::breach::case::FacilityFacts;
use crate::breach::case::intake::REGISTER;
use crate::breach::case::outlook::Alarm;
use crate::breach::case::staff::Member;
use crate::config::Config;
use crate::model::context::{ContextRecord, ContextUpdate};
use crate::model::time::MINUTE;
use crate::pipeline::clock;
use crate::pipeline::register::people::full_name;
use crate::pipeline::register::{Channel, Due, Office};
use crate::store::{Register, StoreError};
use crate::telemetry::{Health, Journal};

/// How often the clerk looks by itself.
const TURN: Duration = Duration::from_secs(1);
/// How often reminders are looked for.
const REMINDERS: i64 = MINUTE;

/// What the clerk is told.
#[derive(Debug)]
enum News {
    /// Handoffs wait.
    Handoffs,
    /// Members of the workforce, as the context topics tell them.
    Members(Vec<Member>),
    /// The configuration is another one.
    Terms(Box<Terms>),
    Stop,
}

/// What the clerk takes from the configuration.
#[derive(Debug)]
pub(super) struct Terms {
    facility: FacilityFacts,
    unopened_after: i64,
    escalate_to: Vec<String>,
    /// Sinks that hear of reminders and checkpoints.
    sinks: Vec<String>,
    checkpoint_every: i64,
}

impl Terms {
    /// Those of a configuration.
    ///
    /// # Errors
    /// When the time zone is not in the built-in database.
    pub(super) fn of(config: &Config) -> Result<Self> {
        Ok(Self {
            facility: FacilityFacts::of(&settings::facility(config)?),
            unopened_after: config.register.unopened_after.micros(),
            escalate_to: config.register.escalate_to.clone(),
            sinks: settings::bulletin_sinks(config),
            checkpoint_every: config.register.checkpoint_every.micros(),
        })
    }
}

/// The way to the clerk; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Bell(Sender<News>);

impl Bell {
    /// Handoffs were committed.
    pub(super) fn ring(&self) {
        // A clerk that has ended left its reason in the log; the handoffs wait for the next start.
        let _ = self.0.send(News::Handoffs);
    }

    /// Tells the workforce that these facts name.
    pub(super) fn tell<'u>(&self, updates: impl IntoIterator<Item = &'u ContextUpdate>) {
        let members: Vec<Member> = updates.into_iter().filter_map(member).collect();
        if !members.is_empty() {
            let _ = self.0.send(News::Members(members));
        }
    }
}

fn member(update: &ContextUpdate) -> Option<Member> {
    let Some(ContextRecord::Workforce(member)) = &update.record else { return None };
    Some(Member {
        user_id: member.user_id.clone(),
        name: full_name(member.given_name.as_deref(), member.family_name.as_deref()),
        manager_id: member.manager_id.clone(),
    })
}

/// The running clerk.
#[derive(Debug)]
pub(super) struct Clerk {
    bell: Bell,
    thread: thread::JoinHandle<()>,
}

impl Clerk {
    /// Starts with the register of the engine's store.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(super) fn start(
        config: &Config,
        register: Register,
        journal: Arc<Journal>,
        health: Arc<Health>,
        wakers: Bells,
    ) -> Result<Self> {
        // So that every alarm has its series before its first reminder.
        Alarm::ALL.iter().for_each(|alarm| journal.metrics().attention(alarm.name(), 0));
        let now = clock::elapsed();
        let desk = Desk {
            office: Office::of(register, config)?,
            sinks: settings::bulletin_sinks(config),
            checkpoint_every: config.register.checkpoint_every.micros(),
            journal,
            health,
            members: Vec::new(),
            wakers,
            reminded_at: now,
            checkpoint_at: now,
        };
        let (sender, news) = unbounded();
        let thread = thread::Builder::new()
            .name("chartsentry-register".to_owned())
            .spawn(move || desk.work(&news))
            .context("cannot start the register's thread")?;
        Ok(Self { bell: Bell(sender), thread })
    }

    /// The way to it.
    pub(super) fn bell(&self) -> Bell {
        self.bell.clone()
    }

    /// From now on works by another configuration.
    pub(super) fn adopt(&self, terms: Terms) {
        // A clerk that has ended left its reason in the log.
        let _ = self.bell.0.send(News::Terms(Box::new(terms)));
    }

    /// Takes what still waits, and ends.
    pub(super) fn stop(self) {
        let _ = self.bell.0.send(News::Stop);
        // A clerk that panicked left its handoffs waiting.
        let _ = self.thread.join();
    }
}

/// What the clerk's thread owns.
struct Desk {
    office: Office,
    /// Sinks that hear of reminders and checkpoints.
    sinks: Vec<String>,
    checkpoint_every: i64,
    journal: Arc<Journal>,
    health: Arc<Health>,
    /// Members of the workforce that the store does not have yet.
    members: Vec<Member>,
    /// Rung when the outbox has something new.
    wakers: Bells,
    /// Microseconds of the monotonic clock: a wall clock that is set back delays no reminder.
    reminded_at: i64,
    checkpoint_at: i64,
}

impl Desk {
    fn work(mut self, news: &Receiver<News>) {
        loop {
            let is_last = match news.recv_timeout(TURN) {
                Ok(News::Members(members)) => {
                    self.members.extend(members);
                    self.keep_members();
                    continue;
                }
                Ok(News::Terms(terms)) => {
                    self.adopt(*terms);
                    continue;
                }
                Ok(News::Handoffs) | Err(RecvTimeoutError::Timeout) => false,
                Ok(News::Stop) | Err(RecvTimeoutError::Disconnected) => true,
            };
            self.keep_members();
            let taken = self.take();
            self.complain(taken);
            if clock::elapsed() - self.reminded_at >= REMINDERS {
                self.reminded_at = clock::elapsed();
                let reminded = self.remind();
                self.complain(reminded);
            }
            if clock::elapsed() - self.checkpoint_at >= self.checkpoint_every || is_last {
                self.checkpoint_at = clock::elapsed();
                let told = self.checkpoint();
                self.complain(told);
            }
            if is_last {
                return;
            }
        }
    }

    /// What the disk does not take is kept for the next turn.
    fn keep_members(&mut self) {
        if self.members.is_empty() {
            return;
        }
        match self.office.register.write(|pen| pen.add_staff(&self.members)) {
            Ok(()) => self.members.clear(),
            Err(error) => self.complain(Err(error.into())),
        }
    }

    fn adopt(&mut self, terms: Terms) {
        let Terms { facility, unopened_after, escalate_to, sinks, checkpoint_every } = terms;
        self.office.facility = facility;
        self.office.unopened_after = unopened_after;
        self.office.escalate_to = escalate_to;
        self.sinks = sinks;
        self.checkpoint_every = checkpoint_every;
    }

    /// Everything that waits, some at a time.
    fn take(&mut self) -> Result<()> {
        loop {
            let now = clock::now();
            let taken = self.office.take_waiting(now)?;
            if taken.handoffs == 0 {
                return Ok(());
            }
            self.journal.cases(taken.opened.len(), taken.widened.len());
            for why in &taken.refused {
                self.journal.handoff_refused(why, now);
            }
        }
    }

    fn remind(&mut self) -> Result<()> {
        let now = clock::now();
        let all = self.office.attention(now, Channel::Sinks)?;
        for alarm in Alarm::ALL {
            let count = all.iter().filter(|(one, _)| one.attention.alarm == alarm).count();
            self.journal.metrics().attention(alarm.name(), count as u64);
        }
        let due: Vec<Due> = all.into_iter().filter(|(_, is_new)| *is_new).map(|(one, _)| one).collect();
        for one in &due {
            self.journal.reminder(&one.case_id, one.attention.alarm.name(), &one.attention.text, now);
        }
        if !due.is_empty() {
            self.office.reminded(&due, REGISTER, now, Channel::Sinks, &self.sinks)?;
            self.wakers.ring();
        }
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<()> {
        if let Some(head) = self.office.tell_checkpoint(clock::now(), &self.sinks)? {
            self.journal.checkpoint(head.sequence, &head.hash);
            self.wakers.ring();
        }
        Ok(())
    }

    /// Says what went wrong. A broken file is the end of the daemon: it would be found broken again each second.
    fn complain(&self, outcome: Result<()>) {
        let Err(error) = outcome else { return };
        if error.chain().filter_map(|cause| cause.downcast_ref::<StoreError>()).any(StoreError::is_damage) {
            self.health.fail(format!("{error:#}"));
        }
        self.journal.register_failed(&format!("{error:#}"), clock::now());
    }
}
