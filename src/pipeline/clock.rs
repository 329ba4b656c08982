//! The clocks: read here and nowhere else.
//!
//! What happens later is not written down with an earlier time: while the process lives, [`now`] never goes back by
//! a little. When the wall clock is set back, what is told stands still until the clock has come up again. Where the
//! clock had been fast, this ends soonest with the right time; where it was set wrong, what is told is early, and a
//! deadline that is counted from it is early too. A clock that goes back by more than a time service ever corrects was
//! far off before or is now: then it is believed, because standing still for days would put every day wrong. Whoever
//! keeps the first times of an incident in order does not rest on this alone.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;

use crate::model::time::{SECOND, Timestamp};

/// The most by which the wall clock may lie behind what was told, in microseconds: beyond a thousand seconds ntpd
/// gives up and asks a person (RFC 5905, PANICT).
const HELD: i64 = 1_000 * SECOND;
/// Less than this, in microseconds, is no setting back: time services step by fractions of a second.
const STEP: i64 = SECOND;

static WALL: Mutex<Wall> = Mutex::new(Wall::new());

/// The current instant.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the wall clock; everything else takes time as an input"
)]
pub fn now() -> Timestamp {
    let mut wall = WALL.lock().unwrap_or_else(PoisonError::into_inner);
    // Read under the lock: a thread that reads early and comes late is no clock that goes back.
    wall.tell(Timestamp::from(jiff::Timestamp::now()))
}

/// How often the wall clock went back so far.
#[must_use]
pub fn setbacks() -> Setbacks {
    WALL.lock().unwrap_or_else(PoisonError::into_inner).setbacks
}

/// Microseconds since the first call: how long something took or is due, whatever happens to the wall
/// clock.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
pub fn elapsed() -> i64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = START.get_or_init(Instant::now);
    i64::try_from(start.elapsed().as_micros()).unwrap_or(i64::MAX)
}

/// How the wall clock went back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Setbacks {
    /// Times that it went back by more than a second.
    pub count: u64,
    /// By how much the last time, in microseconds.
    pub last: i64,
    /// How far what is told lies ahead of it now, in microseconds.
    pub held: i64,
}

/// What the wall clock said, as it is told.
struct Wall {
    told: Timestamp,
    setbacks: Setbacks,
}

impl Wall {
    const fn new() -> Self {
        Self { told: Timestamp::MIN, setbacks: Setbacks { count: 0, last: 0, held: 0 } }
    }

    /// What is told when the clock says `reading`.
    fn tell(&mut self, reading: Timestamp) -> Timestamp {
        let behind = (self.told - reading).max(0);
        let step = behind - self.setbacks.held;
        if step > STEP {
            self.setbacks.count += 1;
            self.setbacks.last = step;
        }
        let is_believed = behind == 0 || behind > HELD;
        self.setbacks.held = if is_believed { 0 } else { behind };
        if is_believed {
            self.told = reading;
        }
        self.told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tell(wall: &mut Wall, seconds: i64) -> i64 {
        wall.tell(Timestamp(seconds * SECOND)).0 / SECOND
    }

    #[test]
    fn a_clock_that_is_set_back_is_waited_for() {
        let mut wall = Wall::new();
        let told = [5_000, 5_010, 4_410, 4_500, 5_009, 5_011].map(|seconds| tell(&mut wall, seconds));
        assert_eq!(told, [5_000, 5_010, 5_010, 5_010, 5_010, 5_011]);
        assert_eq!(wall.setbacks, Setbacks { count: 1, last: 600 * SECOND, held: 0 });
    }

    #[test]
    fn how_far_it_is_held_shrinks_while_the_clock_comes_up() {
        let mut wall = Wall::new();
        let held = [5_000, 4_700, 4_900].map(|seconds| {
            tell(&mut wall, seconds);
            wall.setbacks.held / SECOND
        });
        assert_eq!(held, [0, 300, 100]);
    }

    #[test]
    fn each_setting_back_counts_once_also_one_within_another() {
        let mut wall = Wall::new();
        for seconds in [5_000, 4_900, 4_910, 4_700, 4_705] {
            tell(&mut wall, seconds);
        }
        assert_eq!((wall.setbacks.count, wall.setbacks.last), (2, 210 * SECOND));
    }

    #[test]
    fn a_small_step_is_waited_for_and_not_counted() {
        let mut wall = Wall::new();
        wall.tell(Timestamp(SECOND));
        assert_eq!(wall.tell(Timestamp(SECOND / 2)), Timestamp(SECOND));
        assert_eq!(wall.setbacks.count, 0);
    }

    #[test]
    fn a_clock_that_had_been_years_ahead_is_believed_again_and_counted() {
        let mut wall = Wall::new();
        assert_eq!([9_000_000, 5_000, 5_001].map(|seconds| tell(&mut wall, seconds)), [9_000_000, 5_000, 5_001]);
        assert_eq!(wall.setbacks.count, 1);
    }

    #[test]
    fn the_clock_of_this_process_does_not_go_back() {
        let first = now();
        assert!(now() >= first);
    }
}
