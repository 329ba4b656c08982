//! What a replay reads from Parquet and what it leaves behind, checked from outside.

#[path = "replay_outputs/report.rs"]
mod report;
#[path = "replay_outputs/scan.rs"]
mod scan;
#[path = "replay_outputs/tables.rs"]
mod tables;
