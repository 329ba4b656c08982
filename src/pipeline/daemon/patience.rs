//! What the disk does not take is kept and tried again, so that a full disk is no end.

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::status::Status;
use crate::pipeline::clock;
use crate::store::{Commit, CommitReceipt, Store, StoreError};
use crate::telemetry::{Health, Journal};

/// The wait after the first failure; it doubles each time.
const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(15);
/// The part of the daemon's health that its store is.
const STORE: &str = "store";
/// How often a wait looks whether it may go on.
const TURN: Duration = Duration::from_millis(50);

/// Tries until it is done, until it fails for good, or until `waits` says that it is not to be tried again. `waits` is
/// told what went wrong and how long to wait.
///
/// # Errors
/// The last failure.
pub(super) fn persist<T>(
    mut attempt: impl FnMut() -> Result<T, StoreError>,
    mut waits: impl FnMut(&StoreError, Duration) -> bool,
) -> Result<T, StoreError> {
    let mut pause = FIRST;
    loop {
        match attempt() {
            Err(error) if error.may_pass() && waits(&error, pause) => pause = (pause * 2).min(LONGEST),
            outcome => return outcome,
        }
    }
}

/// Who hears of a disk that takes nothing.
#[derive(Clone, Copy)]
pub(super) struct Hearers<'h> {
    pub(super) journal: &'h Journal,
    pub(super) health: &'h Health,
    pub(super) status: &'h Status,
}

/// Tries until the disk takes a commit that holds so many events. Meanwhile nothing is read, so whoever sends waits; the
/// daemon lives, but is not ready.
///
/// # Errors
/// A store that cannot be written, or the end of the daemon meanwhile.
pub(super) fn commit(store: &mut Store, commit: &Commit, events: u64, hearers: Hearers<'_>) -> Result<CommitReceipt> {
    let Hearers { journal, health, status } = hearers;
    let mut has_waited = false;
    let written = persist(
        || store.commit(commit),
        |error, pause| {
            has_waited = true;
            journal.commit_failed(error, clock::now());
            health.trouble(STORE, error.to_string());
            sleep(pause, || {
                health.tick();
                !status.is_stopping()
            })
        },
    );
    if has_waited && written.is_ok() {
        health.works(STORE);
        journal.commits_again();
    }
    written.with_context(|| {
        format!(
            "{events} events and {} handoffs are not committed; the positions stand before them, so the next start reads \
             them again",
            commit.handoffs.len()
        )
    })
}

/// Sleeps for as long as `goes_on`. Whether the time is over and it still does.
pub(super) fn sleep(pause: Duration, goes_on: impl Fn() -> bool) -> bool {
    let until = clock::elapsed().saturating_add(i64::try_from(pause.as_micros()).unwrap_or(i64::MAX));
    while goes_on() {
        if clock::elapsed() >= until {
            return true;
        }
        thread::sleep(TURN);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    fn failed(code: i32) -> StoreError {
        StoreError::Sql { what: "commit a batch", cause: rusqlite::Error::SqliteFailure(ffi::Error::new(code), None) }
    }

    /// Answers in their order, and the pauses between attempts.
    fn tried(answers: &[Option<i32>], allowed: usize) -> (bool, Vec<u128>) {
        let (mut answers, mut pauses) = (answers.iter(), Vec::new());
        let outcome = persist(
            || answers.next().unwrap().map_or(Ok(()), |code| Err(failed(code))),
            |_, pause| {
                pauses.push(pause.as_millis());
                pauses.len() <= allowed
            },
        );
        (outcome.is_ok(), pauses)
    }

    #[test]
    fn a_full_disk_is_tried_again_with_growing_pauses() {
        let full = Some(ffi::SQLITE_FULL);
        assert_eq!(tried(&[full, full, Some(ffi::SQLITE_IOERR), None], 9), (true, vec![250, 500, 1_000]));
        let (_, pauses) = tried(&[full; 12], 11);
        assert_eq!(pauses.last(), Some(&15_000));
    }

    #[test]
    fn damage_is_not_tried_again() {
        assert_eq!(tried(&[Some(ffi::SQLITE_CORRUPT)], 9), (false, vec![]));
    }

    #[test]
    fn whoever_is_told_to_stop_gives_up() {
        assert_eq!(tried(&[Some(ffi::SQLITE_FULL)], 0), (false, vec![250]));
        assert!(!sleep(Duration::from_secs(600), || false));
        assert!(sleep(Duration::ZERO, || true));
    }
}
