//! Reads access logs and context tables from Parquet files, column by column and in bounded memory.
//!
//! A file is cut into slices of at most [`BATCH_ROWS`] rows that never cross a row group. Several
//! workers decode slices side by side, each one slice at a time, and hand them over in file order
//! through channels that hold one batch each. So memory holds `2 * workers` batches at most,
//! whatever the size of the file or of its row groups. Only canonical columns are decoded.

mod column;
mod layout;

use std::fs::File;
use std::io::BufReader;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow, bail};
use crossbeam_channel::{Receiver, Sender, bounded};
use polars::prelude::{DataFrame, FileMetadataRef, ParallelStrategy, ParquetReader, SerReader};

pub use column::{Cell, ColumnView};
pub use layout::{ACCESSES, Column, Kind, PATIENTS, RELATED_PERSONS, RELATIONSHIPS, SHIFTS, Table, WORKFORCE};

/// The most rows in one batch.
pub const BATCH_ROWS: usize = 16_384;

/// A Parquet file whose columns have been found and checked.
#[derive(Debug)]
pub struct ParquetScan {
    source: Arc<Source>,
    slices: Vec<Slice>,
    rows: u64,
    unknown: Vec<String>,
}

/// What every worker needs.
#[derive(Debug)]
struct Source {
    path: PathBuf,
    metadata: FileMetadataRef,
    table: &'static Table,
    /// For each canonical column of the table, its place among the projected columns.
    places: Vec<Option<usize>>,
    /// The projected columns as places in the file.
    projection: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slice {
    first_row: usize,
    rows: usize,
}

/// Some consecutive rows of a file.
#[derive(Clone, Debug)]
pub struct ColumnBatch {
    table: &'static Table,
    first_row: u64,
    rows: usize,
    columns: Vec<Option<ColumnView>>,
}

impl ColumnBatch {
    /// The place of the batch's first row in the file, counted from 0.
    #[must_use]
    pub fn first_row(&self) -> u64 {
        self.first_row
    }

    /// How many rows the batch has.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// A column by its canonical name; `None` when the file has no such column. Ask once for each
    /// batch, not for each row.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&ColumnView> {
        let place = self.table.columns.iter().position(|column| column.name == name)?;
        self.columns.get(place)?.as_ref()
    }
}

impl ParquetScan {
    /// Opens `path` and finds the columns of `table`, whatever the case of their names.
    ///
    /// # Errors
    /// One message that names the file and everything about its columns that does not fit.
    pub fn open(path: &Path, table: &'static Table) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let (names, types, metadata) = guarded(path, || {
            let mut reader = ParquetReader::new(file);
            let schema = reader.schema()?;
            let fields = schema.iter_values().map(|field| (field.name.to_string(), field.dtype().clone()));
            let (names, types): (Vec<_>, Vec<_>) = fields.unzip();
            Ok((names, types, reader.get_metadata()?.clone()))
        })?;
        let found = find_columns(path, table, &names)?;
        check_types(path, table, &found, &types)?;
        let mut projection = Vec::new();
        let places = found
            .iter()
            .map(|place| {
                place.map(|place| {
                    projection.push(place);
                    projection.len() - 1
                })
            })
            .collect();
        let unknown = names.iter().enumerate().filter(|(place, _)| !projection.contains(place));
        let unknown = unknown.map(|(_, name)| name.clone()).collect();
        let slices = cut(metadata.row_groups.iter().map(|group| group.num_rows()));
        let rows = slices.iter().map(|slice| slice.rows as u64).sum();
        let source = Source { path: path.to_owned(), metadata, table, places, projection };
        Ok(Self { source: Arc::new(source), slices, rows, unknown })
    }

    /// How many rows the file has.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Columns that mean nothing here, in file order.
    #[must_use]
    pub fn unknown_columns(&self) -> &[String] {
        &self.unknown
    }

    /// The rows in file order, decoded by `workers` threads that stop when the iterator is dropped.
    #[must_use]
    pub fn batches(self, workers: usize) -> Batches {
        let workers = workers.clamp(1, self.slices.len().max(1));
        let slices: Arc<[Slice]> = self.slices.into();
        let lanes = (0..workers)
            .map(|lane| {
                let (send, receive) = bounded(1);
                let (source, slices) = (Arc::clone(&self.source), Arc::clone(&slices));
                let mine = (lane..slices.len()).step_by(workers);
                let thread = std::thread::spawn(move || decode_lane(&source, mine.map(|n| slices[n]), &send));
                Lane { receive, thread }
            })
            .collect();
        Batches { lanes, next: 0, left: slices.len() }
    }
}

/// Decodes the slices of one lane until they end, one fails, or nobody listens.
fn decode_lane(source: &Source, slices: impl Iterator<Item = Slice>, send: &Sender<Result<ColumnBatch>>) {
    for slice in slices {
        let batch = source.decode(slice);
        let failed = batch.is_err();
        if send.send(batch).is_err() || failed {
            return;
        }
    }
}

/// The batches of a file, in its order.
#[derive(Debug)]
pub struct Batches {
    lanes: Vec<Lane>,
    /// Batch `n` comes from lane `n % lanes`.
    next: usize,
    left: usize,
}

#[derive(Debug)]
struct Lane {
    receive: Receiver<Result<ColumnBatch>>,
    thread: JoinHandle<()>,
}

impl Iterator for Batches {
    type Item = Result<ColumnBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let lane = self.next % self.lanes.len();
        self.next += 1;
        let batch = self.lanes[lane].receive.recv().unwrap_or_else(|_| Err(anyhow!("a decoding thread stopped early")));
        if batch.is_err() {
            self.left = 0;
        }
        Some(batch)
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        for Lane { receive, thread } in self.lanes.drain(..) {
            drop(receive);
            // The thread hands its errors over through the channel; there is nothing left to learn.
            let _ = thread.join();
        }
    }
}

impl Source {
    fn decode(&self, slice: Slice) -> Result<ColumnBatch> {
        let frame = if self.projection.is_empty() { None } else { Some(self.read(slice)?) };
        let mut columns = Vec::with_capacity(self.places.len());
        for (column, place) in self.table.columns.iter().zip(&self.places) {
            let view = match (place, &frame) {
                (Some(place), Some(frame)) => {
                    let decoded = frame.columns().get(*place).ok_or_else(|| anyhow!("a column was lost"));
                    let view = decoded.and_then(|decoded| ColumnView::new(decoded, column.kind));
                    Some(view.with_context(|| format!("{}: column {}", self.path.display(), column.name))?)
                }
                _ => None,
            };
            columns.push(view);
        }
        Ok(ColumnBatch { table: self.table, first_row: slice.first_row as u64, rows: slice.rows, columns })
    }

    fn read(&self, slice: Slice) -> Result<DataFrame> {
        let file = File::open(&self.path).with_context(|| format!("cannot open {}", self.path.display()))?;
        let frame = guarded(&self.path, || {
            let mut reader = ParquetReader::new(BufReader::new(file));
            reader.set_metadata(Arc::clone(&self.metadata));
            let reader = reader.with_projection(Some(self.projection.clone()));
            let reader = reader.with_slice(Some((slice.first_row, slice.rows)));
            // Row groups that the slice does not touch are skipped only in this mode.
            Ok(reader.read_parallel(ParallelStrategy::RowGroups).finish()?)
        })?;
        if frame.height() != slice.rows {
            bail!(
                "{}: damaged: rows {} to {} are announced, {} were found",
                self.path.display(),
                slice.first_row + 1,
                slice.first_row + slice.rows,
                frame.height()
            );
        }
        Ok(frame)
    }
}

/// Runs the Parquet reader. It asserts where a damaged file contradicts itself, so its panics are
/// errors of the file.
fn guarded<T>(path: &Path, read: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(anyhow!("the file contradicts itself")))
        .with_context(|| format!("cannot read {} as Parquet", path.display()))
}

/// Cuts row groups into slices of nearly equal size.
fn cut(row_groups: impl Iterator<Item = usize>) -> Vec<Slice> {
    let mut slices = Vec::new();
    let mut first_row = 0;
    for rows in row_groups {
        let parts = rows.div_ceil(BATCH_ROWS);
        for part in 0..parts {
            let (from, to) = (rows * part / parts, rows * (part + 1) / parts);
            slices.push(Slice { first_row: first_row + from, rows: to - from });
        }
        first_row += rows;
    }
    slices
}

/// For each column of the table its place in the file, if it has one.
fn find_columns(path: &Path, table: &Table, names: &[String]) -> Result<Vec<Option<usize>>> {
    let mut found = Vec::with_capacity(table.columns.len());
    for column in table.columns {
        let mut places = names.iter().enumerate().filter(|(_, name)| name.trim().eq_ignore_ascii_case(column.name));
        let first = places.next();
        if let (Some((_, one)), Some((_, two))) = (first, places.next()) {
            bail!("{}: columns {one:?} and {two:?} both mean {}; keep one", path.display(), column.name);
        }
        found.push(first.map(|(place, _)| place));
    }
    let missing = table.columns.iter().zip(&found).filter(|(column, place)| column.required && place.is_none());
    let missing: Vec<&str> = missing.map(|(column, _)| column.name).collect();
    if missing.is_empty() {
        return Ok(found);
    }
    let needed: Vec<&str> = table.columns.iter().filter(|column| column.required).map(|column| column.name).collect();
    bail!(
        "{}: column {} missing: {} needs {}; the file has {}",
        path.display(),
        missing.join(" and column "),
        table.described,
        needed.join(", "),
        if names.is_empty() { "no columns".to_owned() } else { names.join(", ") }
    )
}

fn check_types(
    path: &Path,
    table: &Table,
    found: &[Option<usize>],
    types: &[polars::prelude::ArrowDataType],
) -> Result<()> {
    let mut problems = Vec::new();
    for (column, place) in table.columns.iter().zip(found) {
        let Some(kind) = place.and_then(|place| types.get(place)) else { continue };
        if !column::fits(column.kind, kind) {
            let held = column::described(kind);
            problems.push(format!("column {} holds {held}, expected {}", column.name, column.kind.expected()));
        }
    }
    if problems.is_empty() { Ok(()) } else { bail!("{}: {}", path.display(), problems.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_cover_every_row_once_and_stay_inside_row_groups() {
        let groups = [10, 0, BATCH_ROWS * 2 + 1, 1, BATCH_ROWS];
        let slices = cut(groups.into_iter());
        let mut next = 0;
        for slice in &slices {
            assert_eq!(slice.first_row, next);
            assert!(slice.rows > 0 && slice.rows <= BATCH_ROWS);
            next += slice.rows;
        }
        assert_eq!(next, groups.iter().sum::<usize>());
        assert_eq!(slices.len(), 1 + 3 + 1 + 1);
    }

    #[test]
    fn headers_are_found_in_any_case_and_named_when_missing() {
        let names = |list: &[&str]| list.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let path = Path::new("log.parquet");
        let found = find_columns(path, &ACCESSES, &names(&["ACTION", "User_Id", "extra", "occurred_at"])).unwrap();
        assert_eq!((found[1], found[3], found[5], found[0]), (Some(3), Some(1), Some(0), None));
        let error = find_columns(path, &ACCESSES, &names(&["action", "who"])).unwrap_err().to_string();
        assert_eq!(
            error,
            "log.parquet: column occurred_at and column user_id missing: an access log needs occurred_at, user_id, \
             action; the file has action, who"
        );
        let twice = find_columns(path, &ACCESSES, &names(&["action", "ACTION", "user_id", "occurred_at"]));
        assert!(twice.unwrap_err().to_string().contains("both mean action"));
    }
}
