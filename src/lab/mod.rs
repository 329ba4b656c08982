//! The laboratory: a synthetic hospital whose snooping is known, the measure of how much of it was found, what
//! another policy would change, and what decisions teach about the weights.

pub mod backtest;
pub mod evaluate;
pub mod generate;
pub mod labels;
pub mod review;
pub mod tune;
pub mod worth;
