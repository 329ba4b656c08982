//! The public tables of a run as Parquet files.
//!
//! Rows are gathered into batches of a fixed size before they are encoded, so that the bytes of a
//! file depend on its rows alone and never on how a caller cut them.

mod evidence;
mod incidents;
mod rows;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::output::ResultFile;

pub use evidence::write_evidence;
pub use incidents::{incidents_schema, sort_incidents, write_incidents_ndjson, write_incidents_parquet};
pub use rows::{DetectionRow, DetectionsFile, VerdictRow, VerdictsFile, detections_schema, verdicts_schema};

/// Rows in one row group of every Parquet file; the last one may be shorter.
pub const ROW_GROUP_ROWS: usize = 131_072;

/// Rows that are gathered before they are encoded.
const BATCH_ROWS: usize = 8_192;

/// `timestamp[us, tz=UTC]`
fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn required(name: &str, kind: DataType) -> Field {
    Field::new(name, kind, false)
}

fn optional(name: &str, kind: DataType) -> Field {
    Field::new(name, kind, true)
}

fn properties() -> Result<WriterProperties> {
    Ok(WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        // The default names the library's version, which would change bytes when nothing else did.
        .set_created_by("chartsentry".to_owned())
        .build())
}

/// A Parquet file on its way.
struct ParquetFile {
    writer: ArrowWriter<ResultFile>,
    schema: SchemaRef,
    shown: String,
}

impl ParquetFile {
    fn create(directory: &Path, name: &str, schema: Schema) -> Result<Self> {
        let file = ResultFile::create(directory, name)?;
        let shown = file.path().display().to_string();
        let schema = Arc::new(schema);
        let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties()?))
            .with_context(|| format!("cannot write {shown}"))?;
        Ok(Self { writer, schema, shown })
    }

    fn write(&mut self, columns: Vec<ArrayRef>) -> Result<()> {
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)
            .with_context(|| format!("cannot build rows for {}", self.shown))?;
        self.writer.write(&batch).with_context(|| format!("cannot write {}", self.shown))
    }

    fn finish(self) -> Result<()> {
        let Self { writer, shown, .. } = self;
        writer.into_inner().with_context(|| format!("cannot write {shown}"))?.finish()
    }
}
