//! The breach evaluator: the clocks that start when a suspected breach becomes known, the
//! exposure it may carry, the handoff that takes an incident to the people who decide, the case that they
//! decide, and the ledger that says who did what.
//!
//! Nothing here clears a case. Where the law can be read two ways, the earlier date is counted
//! and the note beside it says how.

pub mod calendar;
pub mod case;
pub mod clocks;
pub mod drafts;
pub mod exclusions;
pub mod exposure;
pub mod factors;
pub mod handoff;
mod iso_date;
pub mod ledger;
pub mod named;
