//! chartsentry watches who opens which patient's chart.
//!
//! # Map of the crate
//!
//! ```text
//!                 cli ── one file for each command
//!                  │
//!               pipeline ── wires the stages; replay, daemon
//!                  │
//!   source   sink   store   replay   lab
//!                  │
//!      decode   engine   breach ── do not know each other
//!                  │
//!                model
//! ```
//!
//! | part | does |
//! |---|---|
//! | [`model`] | access, context, incident, reject, time: the words that all parts share |
//! | [`decode`] | bytes to accesses, context facts or rejects |
//! | [`engine`] | accesses and facts in, incidents out; pure |
//! | [`breach`] | clocks, deadlines, exposure, handoffs |
//! | [`source`] | bytes with positions, from files and Kafka |
//! | [`store`] | one SQLite file: results, state, positions, outbox; all SQL |
//! | [`sink`] | alerts to syslog, files and Kafka |
//! | [`replay`] | what only an offline run needs: Parquet scans, the sort, result tables, the report |
//! | [`lab`] | the synthetic hospital, and the measure of what is found in it |
//! | [`pipeline`] | the only part that knows them all |
//! | [`cli`] | the command line |
//! | [`config`] | TOML to checked settings, which each part defines |
//! | [`telemetry`] | logs, metrics, health, their HTTP |
//! | [`net`] | certificates and places for connections of everything that listens |
//!
//! A part names only parts below it; a test checks that. `ARCHITECTURE.md` says how it works and why.

pub mod breach;
pub mod cli;
pub mod config;
pub mod decode;
pub mod engine;
pub mod lab;
pub mod model;
pub mod net;
pub mod pipeline;
pub mod replay;
pub mod sink;
pub mod source;
pub mod store;
pub mod telemetry;
