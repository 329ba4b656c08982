//! The laboratory: a synthetic hospital whose snooping is known, and the measure of how much of it
//! was found.

pub mod evaluate;
pub mod generate;
