//! The words of the trade: times, accesses, context facts, incidents, tokens. Depends on nothing else in
//! this crate and does no I/O.

pub mod access;
pub mod context;
pub mod incident;
pub mod reject;
pub mod span;
pub mod time;
pub mod token;
