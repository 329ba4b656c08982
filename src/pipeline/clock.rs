//! The wall clock: read here and nowhere else.

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
