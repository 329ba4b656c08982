//! cli

pub mod evaluate;
pub mod generate;
