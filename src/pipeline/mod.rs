//! Wires the stages: the only part that knows them all.
//!
//! ```text
//!  source -> decode -> Intake -> Engine -> Output -> handoffs -> replay's files, or store -> sinks
//! ```

pub mod clock;
pub mod columnar;
pub mod conflicts;
pub mod connect;
pub mod context;
pub mod daemon;
pub mod identity;
pub mod keeper;
pub mod quarantine;
pub mod register;
pub mod replay;
pub mod rights;
pub mod take;
pub mod token;
