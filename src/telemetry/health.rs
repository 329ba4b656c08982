//! Whether the pipeline lives, and whether it is ready for work.

use std::sync::{Mutex, PoisonError};

use crate::model::span::Span;
use crate::model::time::{SECOND, Timestamp};

/// The pipeline's health. The pipeline sets it; the HTTP server asks.
pub struct Health {
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    stalled_after: Span,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    ticked_at: Option<Timestamp>,
    failure: Option<String>,
    is_context_loaded: bool,
    partitions: usize,
}

impl Health {
    /// A pipeline that has not begun. It counts as stalled when its last tick is longer ago than
    /// `stalled_after` by `clock`.
    pub fn new(stalled_after: Span, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { clock: Box::new(clock), stalled_after, state: Mutex::default() }
    }

    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The pipeline went once around its loop.
    pub fn tick(&self) {
        let now = (self.clock)();
        self.set(|state| state.ticked_at = Some(now));
    }

    /// The pipeline cannot go on. `reason` holds nothing about a person.
    pub fn fail(&self, reason: impl Into<String>) {
        let reason = reason.into();
        self.set(|state| state.failure = Some(reason));
    }

    /// Whether the context is read to where it ended at the start.
    pub fn set_context_loaded(&self, is_loaded: bool) {
        self.set(|state| state.is_context_loaded = is_loaded);
    }

    /// How many partitions of audit topics are assigned to this daemon.
    pub fn set_partitions(&self, count: usize) {
        self.set(|state| state.partitions = count);
    }

    /// Whether the pipeline lives.
    ///
    /// # Errors
    /// Why not.
    pub fn live(&self) -> Result<(), String> {
        let now = (self.clock)();
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reason) = &state.failure {
            return Err(format!("failed: {reason}"));
        }
        match state.ticked_at {
            None => Err("starting: the pipeline has not begun".to_owned()),
            Some(at) if now - at > self.stalled_after.micros() => {
                Err(format!("stalled: the pipeline last moved {} s ago", (now - at) / SECOND))
            }
            Some(_) => Ok(()),
        }
    }

    /// Whether the start is over: the context is read, and accesses are decided as partitions are assigned.
    pub fn has_started(&self) -> bool {
        self.live().is_ok() && self.state.lock().unwrap_or_else(PoisonError::into_inner).is_context_loaded
    }

    /// Whether the pipeline takes in accesses.
    ///
    /// # Errors
    /// What it waits for.
    pub fn ready(&self) -> Result<(), String> {
        self.live()?;
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.is_context_loaded {
            return Err("waiting: context is still being loaded".to_owned());
        }
        if state.partitions == 0 {
            return Err("waiting: no partition of an audit topic is assigned".to_owned());
        }
        Ok(())
    }
}
