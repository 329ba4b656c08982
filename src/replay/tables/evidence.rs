//! The rows behind a case, as CSV and as Parquet, with the columns of the canonical event.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{ArrayRef, StringBuilder, TimestampMicrosecondBuilder};
use arrow::datatypes::{DataType, Schema};
use serde_json::{Map, Value};

use super::{BATCH_ROWS, ParquetFile, instant, optional};
use crate::decode::canonical::FIELDS;
use crate::model::time::Timestamp;
use crate::replay::output::write_text;

/// Columns that hold instants.
const INSTANTS: [&str; 2] = ["occurred_at", "recorded_at"];

/// Writes `evidence.csv` and `evidence.parquet` of canonical events.
///
/// # Errors
/// When a file cannot be written; the message names it.
pub fn write_evidence(directory: &Path, rows: &[Map<String, Value>]) -> Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(FIELDS)?;
    for row in rows {
        writer.write_record(FIELDS.map(|name| text(row, name).unwrap_or_default()))?;
    }
    let csv = String::from_utf8(writer.into_inner()?).context("evidence.csv is no text")?;
    write_text(directory, "evidence.csv", &csv)?;
    let field = |name: &str| optional(name, if INSTANTS.contains(&name) { instant() } else { DataType::Utf8 });
    let mut file = ParquetFile::create(directory, "evidence.parquet", Schema::new(FIELDS.map(field).to_vec()))?;
    for part in rows.chunks(BATCH_ROWS) {
        file.write(FIELDS.iter().map(|name| column(part, name)).collect())?;
    }
    file.finish()
}

fn text<'r>(row: &'r Map<String, Value>, name: &str) -> Option<&'r str> {
    row.get(name).and_then(Value::as_str)
}

fn column(rows: &[Map<String, Value>], name: &str) -> ArrayRef {
    if INSTANTS.contains(&name) {
        let mut instants = TimestampMicrosecondBuilder::new().with_timezone("UTC");
        for row in rows {
            let at = text(row, name).and_then(|text| text.parse::<jiff::Timestamp>().ok());
            instants.append_option(at.map(|at| Timestamp::from(at).0));
        }
        return Arc::new(instants.finish());
    }
    let mut texts = StringBuilder::new();
    rows.iter().for_each(|row| texts.append_option(text(row, name)));
    Arc::new(texts.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_files_hold_the_same_rows() {
        let directory = tempfile::tempdir().unwrap();
        let row =
            serde_json::json!({ "event_id": "e1", "occurred_at": "2026-06-01T07:00:03.134000Z", "action": "view" });
        write_evidence(directory.path(), &[row.as_object().unwrap().clone()]).unwrap();
        let csv = std::fs::read_to_string(directory.path().join("evidence.csv")).unwrap();
        assert!(csv.starts_with("event_id,occurred_at,") && csv.contains("e1,2026-06-01T07:00:03.134000Z,"), "{csv}");
        let file = std::fs::File::open(directory.path().join("evidence.parquet")).unwrap();
        let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        assert_eq!(reader.build().unwrap().map(|batch| batch.unwrap().num_rows()).sum::<usize>(), 1);
    }
}
