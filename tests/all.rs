//! Every integration test, in one binary: the large dependencies are linked once.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod breach;
mod cases;
mod config;
mod daemon;
mod decode;
mod engine;
mod kafka_security;
mod kafka_source;
mod lab;
mod operations;
mod quarantine;
mod register;
mod replay;
mod replay_outputs;
mod sink;
mod store;
mod store_command;
mod store_damage;
mod store_files;
mod support;
mod tidy;
