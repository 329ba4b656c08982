//! The breach evaluator: the clocks that start when a suspected breach becomes known, the
//! exposure it may carry, and the handoff that takes an incident to the people who decide.
//!
//! Nothing here clears a case. Where the law can be read two ways, the earlier date is counted
//! and the note beside it says how.

pub mod calendar;
pub mod clocks;
pub mod exposure;
pub mod handoff;
mod iso_date;
