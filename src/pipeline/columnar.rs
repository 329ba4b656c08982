//! Parquet rows for the decoder.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail};

use crate::decode::canonical::{FIELDS, Row};
use crate::decode::context::Table;
use crate::decode::{At, DecodeSink, Decoder, Expect};
use crate::model::reject::Place;
use crate::model::time::{Timestamp, Zone};
use crate::replay::parquet_scan::{self, Cell, ColumnBatch, ColumnView, ParquetScan};

/// The columns of a context table.
fn columns_of(table: Table) -> Result<&'static parquet_scan::Table> {
    Ok(match table {
        Table::Workforce => &parquet_scan::WORKFORCE,
        Table::Patients => &parquet_scan::PATIENTS,
        Table::RelatedPersons => &parquet_scan::RELATED_PERSONS,
        Table::Relationships => &parquet_scan::RELATIONSHIPS,
        Table::Shifts => &parquet_scan::SHIFTS,
        Table::FeedStatus => bail!("feed status is told by messages, not by Parquet files: give it as NDJSON"),
    })
}

/// The place of a Parquet file's rows; a row's line is its number, from 1.
fn place(file: &Arc<str>) -> Place {
    Place::File { file: file.clone(), line: 0 }
}

/// Decodes the rows of a batch of an access log.
pub fn decode_accesses<S: DecodeSink + ?Sized>(
    batch: &ColumnBatch,
    file: &Arc<str>,
    zone: &Zone,
    decoder: &mut Decoder,
    sink: &mut S,
) {
    let columns = FIELDS.map(|name| batch.column(name));
    let place = place(file);
    for row in 0..batch.rows() {
        let mut cells = Row::default();
        for (slot, column) in cells.text.iter_mut().zip(columns) {
            *slot = column.and_then(|column| column.text(row)).unwrap_or("");
        }
        let instant =
            |column: Option<&ColumnView>| column.and_then(|column| column.cell(row).instant(zone)).map(|(at, _)| at);
        (cells.occurred_at, cells.recorded_at) = (instant(columns[1]), instant(columns[2]));
        decoder.access_row(&cells, At { place: &place, line: batch.first_row() + row as u64 + 1 }, sink);
    }
}

/// A cell as the text that a CSV file would hold.
fn as_text(cell: Cell<'_>, zone: &Zone) -> String {
    match cell {
        Cell::Missing => String::new(),
        Cell::Text(text) => text.to_owned(),
        Cell::Micros(micros) => Timestamp(micros).to_string(),
        Cell::Local(_) => cell.instant(zone).map_or_else(String::new, |(at, _)| at.to_string()),
        Cell::Date(_) => cell.date(zone).map_or_else(String::new, |date| date.to_string()),
        Cell::Flag(flag) => flag.to_string(),
    }
}

/// Decodes the rows of a batch of a context table.
pub fn decode_table<S: DecodeSink + ?Sized>(
    table: Table,
    batch: &ColumnBatch,
    file: &Arc<str>,
    zone: &Zone,
    decoder: &mut Decoder,
    sink: &mut S,
) {
    let columns: Vec<Option<&ColumnView>> = table.columns().iter().map(|name| batch.column(name)).collect();
    let place = place(file);
    for row in 0..batch.rows() {
        let texts: Vec<String> = columns
            .iter()
            .map(|column| column.map_or_else(String::new, |column| as_text(column.cell(row), zone)))
            .collect();
        let cells: Vec<&str> = texts.iter().map(String::as_str).collect();
        decoder.context_row(table, &cells, At { place: &place, line: batch.first_row() + row as u64 + 1 }, sink);
    }
}

/// Reads a whole Parquet file through one decoder, as `inspect` does.
///
/// # Errors
/// When the file cannot be read, or holds neither an access log nor a context table.
pub fn read(
    path: &Path,
    file: &Arc<str>,
    expect: Expect,
    zone: &Zone,
    decoder: &mut Decoder,
    sink: &mut dyn DecodeSink,
) -> Result<()> {
    let (scan, table) = open(path, expect)?;
    decoder.unknown_columns(scan.unknown_columns().iter().map(String::as_str), scan.rows());
    for batch in scan.batches(1) {
        match table {
            None => decode_accesses(&batch?, file, zone, decoder, sink),
            Some(table) => decode_table(table, &batch?, file, zone, decoder, sink),
        }
    }
    Ok(())
}

/// Opens what is expected; where anything is, an access log first.
fn open(path: &Path, expect: Expect) -> Result<(ParquetScan, Option<Table>)> {
    match expect {
        Expect::Accesses => Ok((ParquetScan::open(path, &parquet_scan::ACCESSES)?, None)),
        Expect::Table(table) => Ok((ParquetScan::open(path, columns_of(table)?)?, Some(table))),
        Expect::Feed | Expect::Anything => {
            let accesses = ParquetScan::open(path, &parquet_scan::ACCESSES);
            let tables = || {
                Table::ALL
                    .into_iter()
                    .find_map(|table| Some((ParquetScan::open(path, columns_of(table).ok()?).ok()?, Some(table))))
            };
            accesses.map(|scan| (scan, None)).or_else(|error| tables().ok_or(error))
        }
    }
}
