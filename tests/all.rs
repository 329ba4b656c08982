#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod breach;
mod cases;
mod config;
mod engine;
mod sink;
mod store;
mod tidy;
mod lab;
//! Integration tests, linked once.

mod decode;
mod replay_outputs;
//! Every integration test, in one binary.

mod kafka_source;
mod support;
