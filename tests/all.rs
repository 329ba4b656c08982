#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod breach;
mod config;
mod tidy;
