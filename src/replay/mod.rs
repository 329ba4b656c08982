//! Offline replay: reading Parquet, putting rows in order, and the files that a run leaves behind.
//!
//! # The result files
//!
//! A run writes these into one directory. Each is written under a temporary name, readable by its
//! owner only, and takes its final name when it is complete; a file of an earlier run is replaced.
//! The same input gives the same bytes, except for `measured` in `summary.json`.
//!
//! | file | one record for each | order |
//! |---|---|---|
//! | `incidents.ndjson` | incident | highest score first, then `incident_id` |
//! | `incidents.parquet` | incident | the same |
//! | `detections.parquet` | detector and access that it weighed | as decided |
//! | `verdicts.parquet` | access (only on request) | as decided |
//! | `handoffs.ndjson` | handoff to the breach evaluator | emission, in event time |
//! | `quarantine.ndjson` | record that could not be used | as met in the input |
//! | `summary.json` | the run | |
//! | `report.html` | the run, for people | |
//!
//! Parquet files are compressed with zstd, in row groups of [`tables::ROW_GROUP_ROWS`] rows. Instants are
//! `timestamp[us, tz=UTC]`, texts are UTF-8 strings, and what may be missing is null.
//!
//! `incidents.parquet` has the fields of [`Incident`](crate::model::incident::Incident) under the
//! same names. `patient_ids`, `degraded` and `accesses` are lists of text, and `contributions` is a
//! list of `{id: text, weight: double, reason: text}`.
//!
//! `detections.parquet`:
//!
//! | column | type | null | meaning |
//! |---|---|---|---|
//! | `event_id` | text | no | the access |
//! | `occurred_at` | instant | no | when it happened |
//! | `user_id` | text | no | who acted |
//! | `patient_id` | text | yes | whose chart |
//! | `detector_id` | text | no | which detector |
//! | `weight` | double | no | log-odds that it added |
//! | `incident_id` | text | yes | the incident that the access belongs to |
//!
//! `verdicts.parquet`:
//!
//! | column | type | null | meaning |
//! |---|---|---|---|
//! | `event_id` `occurred_at` `user_id` `patient_id` | as above | | |
//! | `verdict` | text | no | explained, unexplained or suspicious |
//! | `basis` | text | yes | the strongest explanation that holds |
//! | `record_id` | text | yes | the record that the explanation rests on |
//!
//! A line of `quarantine.ndjson` is a [`Reject`](crate::model::reject::Reject): its place (`file` and
//! `line`), the `reason` code, a `sentence` that says what was wrong, and the `record` as it came.

pub mod output;
pub mod pairs;
pub mod parquet_scan;
pub mod report;
mod scan;
pub mod sort;
pub mod summary;
pub mod tables;
