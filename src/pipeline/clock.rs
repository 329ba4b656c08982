//! The clocks: read here and nowhere else.

use std::sync::OnceLock;
use std::time::Instant;

use crate::model::time::Timestamp;

/// The current instant.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the wall clock; everything else takes time as an input"
)]
pub fn now() -> Timestamp {
    Timestamp::from(jiff::Timestamp::now())
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
