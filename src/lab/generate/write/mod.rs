//! The access log in every format that is read back, and the context beside it.

mod columns;
pub(super) mod context;
mod fhir;
mod output;

pub(super) use crate::decode::canonical::FIELDS as COLUMNS;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Serialize;

use output::Output;

/// The canonical access event, ready to be written; empty text = missing.
#[derive(Serialize)]
pub(super) struct Row<'a> {
    pub(super) event_id: &'a str,
    pub(super) occurred_at: &'a str,
    pub(super) recorded_at: &'a str,
    pub(super) user_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) patient_id: &'a str,
    pub(super) action: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) resource: &'a str,
    pub(super) department: &'a str,
    pub(super) workstation: &'a str,
    pub(super) source_ip: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) encounter_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) purpose: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) break_glass_reason: &'a str,
    pub(super) outcome: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) search_text_kind: &'a str,
    #[serde(skip)]
    pub(super) occurred_micros: i64,
    #[serde(skip)]
    pub(super) recorded_micros: i64,
}

impl Row<'_> {
    /// The values in the order of [`COLUMNS`].
    fn values(&self) -> [&str; COLUMNS.len()] {
        [
            self.event_id,
            self.occurred_at,
            self.recorded_at,
            self.user_id,
            self.patient_id,
            self.action,
            self.resource,
            self.department,
            self.workstation,
            self.source_ip,
            self.encounter_id,
            self.purpose,
            self.break_glass_reason,
            self.outcome,
            self.search_text_kind,
        ]
    }
}

/// One format of the access log.
pub(super) trait AccessWriter {
    fn write(&mut self, row: &Row<'_>) -> Result<()>;
    /// Completes the file.
    fn finish(self: Box<Self>) -> Result<()>;
}

struct CsvLog(csv::Writer<Output>);

impl AccessWriter for CsvLog {
    fn write(&mut self, row: &Row<'_>) -> Result<()> {
        Ok(self.0.write_record(row.values())?)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let output = self.0.into_inner().map_err(csv::IntoInnerError::into_error)?;
        output.finish()
    }
}

struct JsonLog {
    output: Output,
    line: Vec<u8>,
    push: fn(&mut Vec<u8>, &Row<'_>) -> Result<()>,
}

fn push_json(line: &mut Vec<u8>, row: &Row<'_>) -> Result<()> {
    Ok(serde_json::to_writer(line, row)?)
}

impl AccessWriter for JsonLog {
    fn write(&mut self, row: &Row<'_>) -> Result<()> {
        use std::io::Write;
        self.line.clear();
        (self.push)(&mut self.line, row)?;
        self.line.push(b'\n');
        Ok(self.output.write_all(&self.line)?)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.output.finish()
    }
}

/// The formats in which the log is written unless others are asked for.
pub const DEFAULT_FORMATS: &str = "csv,ndjson,parquet,fhir";

/// The file name of a format such as `csv`, `ndjson.zst`, `fhir.gz`.
///
/// # Errors
/// When there is no such format.
pub(super) fn file_name(format: &str) -> Result<String> {
    let (base, compression) = format.split_once('.').unwrap_or((format, ""));
    let name = match base {
        "csv" | "ndjson" | "parquet" => format!("access.{base}"),
        "fhir" => "access.fhir.ndjson".to_owned(),
        _ => bail!(
            "unknown format \"{format}\": expected csv, ndjson, parquet or fhir, all but parquet also with .gz or .zst"
        ),
    };
    match compression {
        "" => Ok(name),
        "gz" | "zst" if base != "parquet" => Ok(format!("{name}.{compression}")),
        _ => bail!("unknown compression in \"{format}\": expected .gz or .zst, and none for parquet"),
    }
}

/// Opens the access log of one format in `dir`.
pub(super) fn open(dir: &Path, format: &str) -> Result<Box<dyn AccessWriter>> {
    let path = dir.join(file_name(format)?);
    let output = Output::create(&path)?;
    let opened: Result<Box<dyn AccessWriter>> = match format.split('.').next() {
        Some("csv") => {
            let mut log = csv::Writer::from_writer(output);
            log.write_record(COLUMNS).map_err(Into::into).map(|()| Box::new(CsvLog(log)) as Box<dyn AccessWriter>)
        }
        Some("parquet") => columns::ColumnLog::new(output).map(|log| Box::new(log) as Box<dyn AccessWriter>),
        Some("fhir") => Ok(Box::new(JsonLog { output, line: Vec::new(), push: fhir::push })),
        _ => Ok(Box::new(JsonLog { output, line: Vec::new(), push: push_json })),
    };
    opened.with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_name_their_files() {
        assert_eq!(file_name("csv").unwrap(), "access.csv");
        assert_eq!(file_name("fhir.gz").unwrap(), "access.fhir.ndjson.gz");
        assert!(file_name("parquet.gz").unwrap_err().to_string().contains("none for parquet"));
        assert!(file_name("xml").unwrap_err().to_string().contains("\"xml\""));
        assert!(DEFAULT_FORMATS.split(',').all(|format| file_name(format).is_ok()));
    }

    #[test]
    fn the_columns_are_the_keys() {
        let text = "x";
        let row = Row {
            event_id: text,
            occurred_at: text,
            recorded_at: text,
            user_id: text,
            patient_id: text,
            action: text,
            resource: text,
            department: text,
            workstation: text,
            source_ip: text,
            encounter_id: text,
            purpose: text,
            break_glass_reason: text,
            outcome: text,
            search_text_kind: text,
            occurred_micros: 0,
            recorded_micros: 0,
        };
        let line = serde_json::to_string(&row).unwrap();
        let places: Vec<usize> = COLUMNS.iter().map(|column| line.find(&format!("\"{column}\":")).unwrap()).collect();
        assert!(places.is_sorted());
    }
}
