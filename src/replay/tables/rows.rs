//! `detections.parquet` and `verdicts.parquet`, written as the rows come.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use arrow::array::{ArrayRef, Float64Builder, StringBuilder, TimestampMicrosecondBuilder};
use arrow::datatypes::{DataType, Schema};

use super::{BATCH_ROWS, ParquetFile, instant, optional, required};
use crate::model::time::Timestamp;

/// One detector's weight for one access.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DetectionRow<'a> {
    pub event_id: &'a str,
    pub occurred_at: Timestamp,
    pub user_id: &'a str,
    pub patient_id: Option<&'a str>,
    pub detector_id: &'a str,
    /// Log-odds that the detector added.
    pub weight: f64,
    pub incident_id: Option<&'a str>,
}

/// How one access ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerdictRow<'a> {
    pub event_id: &'a str,
    pub occurred_at: Timestamp,
    pub user_id: &'a str,
    pub patient_id: Option<&'a str>,
    /// explained, unexplained or suspicious.
    pub verdict: &'a str,
    /// The strongest explanation that holds.
    pub basis: Option<&'a str>,
    /// The record that the explanation rests on.
    pub record_id: Option<&'a str>,
}

/// Columns of `detections.parquet`.
#[must_use]
pub fn detections_schema() -> Schema {
    Schema::new(vec![
        required("event_id", DataType::Utf8),
        required("occurred_at", instant()),
        required("user_id", DataType::Utf8),
        optional("patient_id", DataType::Utf8),
        required("detector_id", DataType::Utf8),
        required("weight", DataType::Float64),
        optional("incident_id", DataType::Utf8),
    ])
}

/// Columns of `verdicts.parquet`.
#[must_use]
pub fn verdicts_schema() -> Schema {
    Schema::new(vec![
        required("event_id", DataType::Utf8),
        required("occurred_at", instant()),
        required("user_id", DataType::Utf8),
        optional("patient_id", DataType::Utf8),
        required("verdict", DataType::Utf8),
        optional("basis", DataType::Utf8),
        optional("record_id", DataType::Utf8),
    ])
}

/// The columns that both tables begin with.
struct AccessColumns {
    event_id: StringBuilder,
    occurred_at: TimestampMicrosecondBuilder,
    user_id: StringBuilder,
    patient_id: StringBuilder,
    rows: usize,
}

impl AccessColumns {
    fn new() -> Self {
        Self {
            event_id: StringBuilder::new(),
            occurred_at: TimestampMicrosecondBuilder::new().with_timezone("UTC"),
            user_id: StringBuilder::new(),
            patient_id: StringBuilder::new(),
            rows: 0,
        }
    }

    fn push(&mut self, event_id: &str, occurred_at: Timestamp, user_id: &str, patient_id: Option<&str>) {
        self.event_id.append_value(event_id);
        self.occurred_at.append_value(occurred_at.0);
        self.user_id.append_value(user_id);
        self.patient_id.append_option(patient_id);
        self.rows += 1;
    }

    fn take(&mut self) -> Vec<ArrayRef> {
        self.rows = 0;
        vec![
            Arc::new(self.event_id.finish()),
            Arc::new(self.occurred_at.finish()),
            Arc::new(self.user_id.finish()),
            Arc::new(self.patient_id.finish()),
        ]
    }
}

/// `detections.parquet` on its way. Memory: one row group in encoded form.
pub struct DetectionsFile {
    file: ParquetFile,
    access: AccessColumns,
    detector_id: StringBuilder,
    weight: Float64Builder,
    incident_id: StringBuilder,
}

impl DetectionsFile {
    /// The file's name.
    pub const NAME: &'static str = "detections.parquet";

    /// Starts the file in `directory`.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub fn create(directory: &Path) -> Result<Self> {
        Ok(Self {
            file: ParquetFile::create(directory, Self::NAME, detections_schema())?,
            access: AccessColumns::new(),
            detector_id: StringBuilder::new(),
            weight: Float64Builder::new(),
            incident_id: StringBuilder::new(),
        })
    }

    /// Adds rows.
    ///
    /// # Errors
    /// When they cannot be written; the message names the file.
    pub fn push(&mut self, rows: &[DetectionRow<'_>]) -> Result<()> {
        for row in rows {
            self.access.push(row.event_id, row.occurred_at, row.user_id, row.patient_id);
            self.detector_id.append_value(row.detector_id);
            self.weight.append_value(row.weight);
            self.incident_id.append_option(row.incident_id);
            if self.access.rows == BATCH_ROWS {
                self.write()?;
            }
        }
        Ok(())
    }

    /// Gives the file its final name.
    ///
    /// # Errors
    /// When the last rows cannot be written or the file cannot be renamed.
    pub fn finish(mut self) -> Result<()> {
        self.write()?;
        self.file.finish()
    }

    fn write(&mut self) -> Result<()> {
        if self.access.rows == 0 {
            return Ok(());
        }
        let mut columns = self.access.take();
        columns.push(Arc::new(self.detector_id.finish()));
        columns.push(Arc::new(self.weight.finish()));
        columns.push(Arc::new(self.incident_id.finish()));
        self.file.write(columns)
    }
}

/// `verdicts.parquet` on its way. Memory: one row group in encoded form.
pub struct VerdictsFile {
    file: ParquetFile,
    access: AccessColumns,
    verdict: StringBuilder,
    basis: StringBuilder,
    record_id: StringBuilder,
}

impl VerdictsFile {
    /// The file's name.
    pub const NAME: &'static str = "verdicts.parquet";

    /// Starts the file in `directory`.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub fn create(directory: &Path) -> Result<Self> {
        Ok(Self {
            file: ParquetFile::create(directory, Self::NAME, verdicts_schema())?,
            access: AccessColumns::new(),
            verdict: StringBuilder::new(),
            basis: StringBuilder::new(),
            record_id: StringBuilder::new(),
        })
    }

    /// Adds rows.
    ///
    /// # Errors
    /// When they cannot be written; the message names the file.
    pub fn push(&mut self, rows: &[VerdictRow<'_>]) -> Result<()> {
        for row in rows {
            self.access.push(row.event_id, row.occurred_at, row.user_id, row.patient_id);
            self.verdict.append_value(row.verdict);
            self.basis.append_option(row.basis);
            self.record_id.append_option(row.record_id);
            if self.access.rows == BATCH_ROWS {
                self.write()?;
            }
        }
        Ok(())
    }

    /// Gives the file its final name.
    ///
    /// # Errors
    /// When the last rows cannot be written or the file cannot be renamed.
    pub fn finish(mut self) -> Result<()> {
        self.write()?;
        self.file.finish()
    }

    fn write(&mut self) -> Result<()> {
        if self.access.rows == 0 {
            return Ok(());
        }
        let mut columns = self.access.take();
        columns.push(Arc::new(self.verdict.finish()));
        columns.push(Arc::new(self.basis.finish()));
        columns.push(Arc::new(self.record_id.finish()));
        self.file.write(columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(directory: &Path, cut: usize, count: usize) -> Vec<u8> {
        let ids: Vec<String> = (0..count).map(|n| format!("e{n}")).collect();
        let rows: Vec<DetectionRow<'_>> = ids
            .iter()
            .enumerate()
            .map(|(n, id)| DetectionRow {
                event_id: id,
                occurred_at: Timestamp(i64::try_from(n).unwrap()),
                user_id: ["u1", "u2", "u3"][n % 3],
                patient_id: (n % 5 != 0).then_some("p"),
                detector_id: "same_surname",
                weight: 2.5,
                incident_id: (n % 2 == 0).then_some("i"),
            })
            .collect();
        let mut file = DetectionsFile::create(directory).unwrap();
        for part in rows.chunks(cut) {
            file.push(part).unwrap();
        }
        file.finish().unwrap();
        std::fs::read(directory.join(DetectionsFile::NAME)).unwrap()
    }

    #[test]
    fn bytes_do_not_depend_on_how_rows_were_cut() {
        let directory = tempfile::tempdir().unwrap();
        let whole = write(directory.path(), usize::MAX, 20_000);
        assert_eq!(write(directory.path(), 777, 20_000), whole);
        assert_ne!(write(directory.path(), 777, 19_999), whole);
    }

    #[test]
    fn an_empty_table_still_has_its_columns() {
        let directory = tempfile::tempdir().unwrap();
        VerdictsFile::create(directory.path()).unwrap().finish().unwrap();
        let file = std::fs::File::open(directory.path().join(VerdictsFile::NAME)).unwrap();
        let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        assert_eq!(reader.schema().fields(), verdicts_schema().fields());
    }
}
