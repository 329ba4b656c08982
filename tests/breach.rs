//! The breach evaluator from outside: worked cases, an independent count, and the two commands.

#![allow(clippy::unwrap_used, reason = "a test may stop where it cannot go on")]

mod commands;
mod counter;
mod properties;
mod vectors;
