//! Keeps a flood of like log lines from drowning the others.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::model::time::{SECOND, Timestamp};

/// Lines of one kind that a minute may hold.
const LINES: u32 = 10;
const MINUTE: i64 = 60 * SECOND;

/// Admits ten lines of each kind a minute.
#[derive(Default)]
pub(super) struct Throttle {
    windows: Mutex<BTreeMap<&'static str, Window>>,
}

struct Window {
    start: Timestamp,
    lines: u32,
    held_back: u64,
}

impl Throttle {
    /// Whether a line may be written at `now`: then how many were held back since the last one.
    pub(super) fn admit(&self, kind: &'static str, now: Timestamp) -> Option<u64> {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let window = windows.entry(kind).or_insert(Window { start: now, lines: 0, held_back: 0 });
        // A clock that was set back begins a new window too, lest nothing is logged until it catches up.
        if now - window.start >= MINUTE || now < window.start {
            (window.start, window.lines) = (now, 0);
        }
        if window.lines == LINES {
            window.held_back += 1;
            return None;
        }
        window.lines += 1;
        Some(std::mem::take(&mut window.held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_lines_a_minute_of_each_kind_and_the_rest_is_counted() {
        let throttle = Throttle::default();
        let start = Timestamp(1_000 * MINUTE);
        let admitted = (0..25).filter(|i| throttle.admit("reject", start.plus(i * SECOND)).is_some()).count();
        assert_eq!(admitted, 10);
        assert_eq!(throttle.admit("late", start), Some(0));
        assert_eq!(throttle.admit("reject", start.plus(MINUTE)), Some(15));
        assert_eq!(throttle.admit("reject", start.plus(MINUTE)), Some(0));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_silence_the_log() {
        let throttle = Throttle::default();
        let start = Timestamp(1_000 * MINUTE);
        for _ in 0..11 {
            throttle.admit("reject", start);
        }
        assert_eq!(throttle.admit("reject", start.minus(SECOND)), Some(1));
    }
}
