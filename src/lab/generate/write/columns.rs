//! The access log as Parquet: instants as `timestamp[us, UTC]`, everything else as text.

use std::sync::Arc;

use anyhow::Result;
use arrow::array::{ArrayRef, RecordBatch, StringBuilder, TimestampMicrosecondBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::output::Output;
use super::{AccessWriter, COLUMNS, Row};

const BATCH: usize = 16 * 1024;
/// `occurred_at` and `recorded_at` stand here among [`COLUMNS`].
const INSTANTS: std::ops::Range<usize> = 1..3;

pub(super) struct ColumnLog {
    writer: ArrowWriter<Output>,
    schema: SchemaRef,
    texts: Vec<StringBuilder>,
    occurred: TimestampMicrosecondBuilder,
    recorded: TimestampMicrosecondBuilder,
    rows: usize,
}

fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

impl ColumnLog {
    pub(super) fn new(output: Output) -> Result<Self> {
        let field = |(place, name): (usize, &&str)| {
            let kind = if INSTANTS.contains(&place) { instant() } else { DataType::Utf8 };
            Field::new(*name, kind, true)
        };
        let schema = Arc::new(Schema::new(COLUMNS.iter().enumerate().map(field).collect::<Vec<_>>()));
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
            .set_created_by("chartsentry".to_owned())
            .build();
        Ok(Self {
            writer: ArrowWriter::try_new(output, Arc::clone(&schema), Some(properties))?,
            schema,
            texts: (0..COLUMNS.len() - INSTANTS.len()).map(|_| StringBuilder::new()).collect(),
            occurred: TimestampMicrosecondBuilder::new().with_data_type(instant()),
            recorded: TimestampMicrosecondBuilder::new().with_data_type(instant()),
            rows: 0,
        })
    }

    fn flush(&mut self) -> Result<()> {
        let mut arrays: Vec<ArrayRef> = self.texts.iter_mut().map(|text| Arc::new(text.finish()) as ArrayRef).collect();
        arrays.insert(INSTANTS.start, Arc::new(self.occurred.finish()));
        arrays.insert(INSTANTS.start + 1, Arc::new(self.recorded.finish()));
        self.writer.write(&RecordBatch::try_new(Arc::clone(&self.schema), arrays)?)?;
        self.rows = 0;
        Ok(())
    }
}

impl AccessWriter for ColumnLog {
    fn write(&mut self, row: &Row<'_>) -> Result<()> {
        let values = row.values();
        let texts = values[..INSTANTS.start].iter().chain(&values[INSTANTS.end..]);
        for (column, value) in self.texts.iter_mut().zip(texts) {
            column.append_option((!value.is_empty()).then_some(*value));
        }
        self.occurred.append_value(row.occurred_micros);
        self.recorded.append_value(row.recorded_micros);
        self.rows += 1;
        if self.rows == BATCH { self.flush() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.flush()?;
        self.writer.into_inner()?.finish()
    }
}
