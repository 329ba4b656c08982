//! Empties one sink's outbox.
//!
//! A [`Driver`] takes a bounded batch of what is due, encodes it, hands it to the transport and marks
//! what became of each message. While a receiver takes nothing, the whole sink waits (exponential, full
//! jitter, for ever); a message that is refused for good becomes a dead letter and holds nobody up. One
//! driver per sink, so that a slow one never holds another.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::backoff::{Backoff, Jitter};
use super::encode::Encoder;
use super::open::Sink;
use super::{Message, Outcome, Transport};
use crate::model::time::{SECOND, Timestamp};
use crate::store::{OutboxEntry, OutboxMarks, StoreError, StoreHandle};

/// Messages in one batch.
const BATCH: usize = 100;
/// How long an idle driver sleeps when nobody wakes it.
const IDLE: i64 = SECOND;
/// How long a driver that is told to stop may go on emptying its outbox; the rest waits on disk.
const FLUSH: Duration = Duration::from_secs(5);

/// Tells the time; the shell's clock, or a test's.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Sends what waits for one sink.
pub struct Driver<T> {
    name: String,
    encoder: Encoder,
    transport: T,
    store: StoreHandle,
    surfaces: bool,
    backoff: Backoff,
    jitter: Jitter,
    /// Passes in a row in which the receiver took nothing.
    failures: u32,
    /// Until then the sink is left alone.
    resting_until: Timestamp,
    /// What became of the last batch, while the store has not taken that. Nothing is sent meanwhile: it would be sent
    /// again and again.
    unmarked: Option<OutboxMarks>,
}

/// What one pass did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    pub delivered: usize,
    pub retried: usize,
    pub dead: usize,
    /// Why the first message that was not delivered was not; free of people's data.
    pub error: Option<String>,
    pub next: Next,
}

/// When the next pass is worth while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Now,
    At(Timestamp),
    /// When something new is committed.
    Idle,
}

impl<T: Transport> Driver<T> {
    /// With `surfaces`, a delivery counts as the moment an incident first stood where a person is
    /// expected to look.
    #[must_use]
    pub fn new(sink: Sink<T>, store: StoreHandle, surfaces: bool, backoff: Backoff, jitter: Jitter) -> Self {
        let Sink { name, encoder, transport } = sink;
        let resting_until = Timestamp::MIN;
        Self { name, encoder, transport, store, surfaces, backoff, jitter, failures: 0, resting_until, unmarked: None }
    }

    /// Sends one batch of what is due at `now`.
    ///
    /// # Errors
    /// When the store cannot be read or written; nothing is lost, and messages that were sent by then are sent again
    /// only if the process ends before the store can be written.
    pub async fn pass(&mut self, now: Timestamp) -> Result<Pass, StoreError> {
        self.mark().await?;
        let rest = self.resting_until - now;
        // A rest that is too long to be true comes from a clock that was set back.
        if rest > 0 && rest <= self.backoff.longest {
            return Ok(Pass::nothing(Next::At(self.resting_until)));
        }
        let name = self.name.clone();
        let entries = ask(&self.store, move |store| store.outbox_pending(&name, now, BATCH)).await?;
        if entries.is_empty() {
            let name = self.name.clone();
            let due = ask(&self.store, move |store| store.outbox_next_due(&name)).await?;
            return Ok(Pass::nothing(due.map_or(Next::Idle, Next::At)));
        }
        let mut marks = OutboxMarks::default();
        let (entries, messages) = self.encode(entries, &mut marks);
        let outcomes = if messages.is_empty() { Vec::new() } else { self.transport.send(&messages).await };
        let untried = messages.len().saturating_sub(outcomes.len());
        self.judge(&entries, outcomes, now, &mut marks);

        let mut pass = Pass {
            delivered: marks.delivered.len(),
            retried: marks.failed.len(),
            dead: marks.dead.len(),
            error: marks.failed.first().map(|(_, why, _)| why).or(marks.dead.first().map(|(_, why)| why)).cloned(),
            next: Next::Now,
        };
        let took_nothing = pass.delivered + pass.dead == 0 && pass.retried + untried > 0;
        if took_nothing {
            self.failures = self.failures.saturating_add(1);
            self.resting_until = now.plus(self.backoff.delay(self.failures, &mut self.jitter));
            pass.next = Next::At(self.resting_until);
        } else {
            self.failures = 0;
        }
        self.unmarked = Some(marks);
        self.mark().await?;
        Ok(pass)
    }

    async fn mark(&mut self) -> Result<(), StoreError> {
        if let Some(marks) = self.unmarked.clone() {
            ask(&self.store, move |store| store.outbox_mark(&marks)).await?;
            self.unmarked = None;
        }
        Ok(())
    }

    fn encode(&self, entries: Vec<OutboxEntry>, marks: &mut OutboxMarks) -> (Vec<OutboxEntry>, Vec<Message>) {
        let (mut encoded, mut messages) = (Vec::with_capacity(entries.len()), Vec::with_capacity(entries.len()));
        for entry in entries {
            match self.encoder.encode(&entry) {
                Ok(message) => {
                    encoded.push(entry);
                    messages.push(message);
                }
                Err(why) => marks.dead.push((entry.id, why)),
            }
        }
        (encoded, messages)
    }

    fn judge(&mut self, entries: &[OutboxEntry], outcomes: Vec<Outcome>, now: Timestamp, marks: &mut OutboxMarks) {
        for (entry, outcome) in entries.iter().zip(outcomes) {
            match outcome {
                Outcome::Delivered => {
                    marks.delivered.push(entry.id);
                    if self.surfaces {
                        marks.surfaced.push((entry.incident_id.clone(), now));
                    }
                }
                Outcome::Retry(why) => {
                    let wait = self.backoff.delay(entry.attempts.saturating_add(1), &mut self.jitter);
                    marks.failed.push((entry.id, why, now.plus(wait)));
                }
                Outcome::Refused(why) => marks.dead.push((entry.id, why)),
            }
        }
    }

    /// Works until `stop`, then empties what it can within a few seconds. `wake` is rung after a commit
    /// with new messages; `report` hears of every pass that did something, and of every failure of the store.
    ///
    /// A store that fails is tried again like a receiver: whoever listens decides whether the process goes on.
    pub async fn run(
        mut self,
        clock: Clock,
        wake: Arc<Notify>,
        stop: CancellationToken,
        mut report: impl FnMut(&str, Result<&Pass, &StoreError>) + Send,
    ) {
        let name = self.name.clone();
        let give_up = async {
            stop.cancelled().await;
            tokio::time::sleep(FLUSH).await;
        };
        let work = async {
            loop {
                let next = match self.pass(clock()).await {
                    Ok(pass) => {
                        if pass.delivered + pass.retried + pass.dead > 0 {
                            report(&name, Ok(&pass));
                        }
                        pass.next
                    }
                    Err(error) => {
                        report(&name, Err(&error));
                        Next::Idle
                    }
                };
                if next == Next::Now {
                    continue;
                }
                if stop.is_cancelled() {
                    break;
                }
                let sleep = tokio::time::sleep(wait(next, clock()));
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = wake.notified() => {}
                    () = sleep => {}
                }
            }
        };
        tokio::select! {
            () = work => {}
            () = give_up => {}
        }
    }
}

/// Asks the store on a thread that may wait for the disk.
async fn ask<R, W>(store: &StoreHandle, work: W) -> Result<R, StoreError>
where
    R: Send + 'static,
    W: FnOnce(StoreHandle) -> Result<R, StoreError> + Send + 'static,
{
    let store = store.clone();
    match spawn_blocking(move || work(store)).await {
        Ok(answer) => answer,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down, and this task with it.
            Err(_) => std::future::pending().await,
        },
    }
}

fn wait(next: Next, now: Timestamp) -> Duration {
    let micros = match next {
        Next::Now => 0,
        Next::At(at) => at - now,
        Next::Idle => IDLE,
    };
    // Not longer than an idle wait: a clock that was set back must not put a sink to sleep.
    Duration::from_micros(u64::try_from(micros.min(IDLE)).unwrap_or(0).max(1_000))
}

impl Pass {
    const fn nothing(next: Next) -> Self {
        Self { delivered: 0, retried: 0, dead: 0, error: None, next }
    }
}
