//! What a replay reads from Parquet and what it leaves behind, checked from outside.

mod report;
mod scan;
mod tables;
