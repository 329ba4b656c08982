//! Whether the pipeline lives, and whether it is ready for work.

use std::collections::BTreeMap;
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
    is_reloading: bool,
    partitions: usize,
    /// What keeps a part from its work for now, by part.
    troubles: BTreeMap<&'static str, String>,
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

    /// Why the pipeline cannot go on, where any part has said so.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).failure.clone()
    }

    /// Whether the context is read to where it ended at the start.
    pub fn set_context_loaded(&self, is_loaded: bool) {
        self.set(|state| state.is_context_loaded = is_loaded);
    }

    /// The engine is made anew under another configuration, or is at work again.
    pub fn set_reloading(&self, is_reloading: bool) {
        self.set(|state| state.is_reloading = is_reloading);
    }

    /// How many partitions of audit topics are assigned to this daemon.
    pub fn set_partitions(&self, count: usize) {
        self.set(|state| state.partitions = count);
    }

    /// A part cannot do its work for now, and tries again. `what` holds nothing about a person.
    pub fn trouble(&self, part: &'static str, what: impl Into<String>) {
        let what = what.into();
        self.set(|state| drop(state.troubles.insert(part, what)));
    }

    /// A part works, or works again.
    pub fn works(&self, part: &'static str) {
        self.set(|state| drop(state.troubles.remove(part)));
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
        if let Some((part, what)) = state.troubles.first_key_value() {
            return Err(format!("waiting: {part}: {what}"));
        }
        if state.is_reloading {
            return Err("reloading: context is read again under the new configuration".to_owned());
        }
        if !state.is_context_loaded {
            return Err("waiting: context is still being loaded".to_owned());
        }
        if state.partitions == 0 {
            return Err("waiting: no partition of an audit topic is assigned".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_in_trouble_is_alive_but_not_ready_until_it_works_again() {
        let health = Health::new(Span::minutes(2), || Timestamp(0));
        health.tick();
        health.set_context_loaded(true);
        health.set_partitions(1);
        assert_eq!(health.ready(), Ok(()));
        health.trouble("store", "the disk is full");
        assert_eq!(health.live(), Ok(()));
        assert_eq!(health.ready().unwrap_err(), "waiting: store: the disk is full");
        health.works("store");
        assert_eq!(health.ready(), Ok(()));
    }
    #[test]
    fn a_reload_is_no_failure_but_not_ready() {
        let health = Health::new(Span::minutes(1), || Timestamp(0));
        health.tick();
        health.set_context_loaded(true);
        health.set_partitions(1);
        health.set_reloading(true);
        assert!(health.live().is_ok() && health.ready().unwrap_err().starts_with("reloading"));
        health.set_reloading(false);
        assert_eq!(health.ready(), Ok(()));
    }
}
