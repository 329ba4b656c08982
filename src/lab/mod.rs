//! The laboratory: a synthetic hospital whose snooping is known, the measure of how much of it was found,
//! and what another policy would change.

pub mod backtest;
pub mod evaluate;
pub mod generate;
