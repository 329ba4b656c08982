//! Puts accesses into the engine's order with bounded memory: `occurred_at`, `event_id`,
//! `patient_id` (none first), position.
//!
//! Rows gather in memory until the budget is used, are sorted and written as a *run* (an Arrow IPC
//! stream). At the end the runs are merged. When too many runs of one size wait, they are merged
//! into a larger one first, so that few files are open and few batches are in memory.
//!
//! Runs hold patient data. Their files have no name: they are readable by this process only, and
//! the system removes them when it ends, however it ends.

mod merge;
mod rows;

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use arrow::array::UInt32Array;
use arrow::compute::take_record_batch;
use arrow::record_batch::RecordBatch;
use rayon::slice::ParallelSliceMut;

use crate::model::access::AccessEvent;
use merge::{Merge, Run, RunWriter};
use rows::RowBuilder;

pub use rows::SortedBatch;

/// Runs of one size that are merged into a larger one.
const FAN_IN: usize = 32;

/// The most bytes of one run in memory: its texts must be reachable by 32-bit offsets.
const LARGEST_RUN: usize = 1 << 30;

/// The most rows in a sorted batch.
const OUTPUT_ROWS: usize = 65_536;

/// Takes rows in any order.
pub struct Sorter {
    rows: RowBuilder,
    /// Bytes of rows that may gather before they are written as a run.
    run_bytes: usize,
    /// Rows in one batch of a run.
    batch_rows: usize,
    directory: PathBuf,
    /// Runs by the number of merges that they have been through.
    levels: Vec<Vec<Run>>,
}

impl Sorter {
    /// A sorter that uses about `budget_bytes` of memory and spills into `directory`.
    #[must_use]
    pub fn new(budget_bytes: usize, directory: &Path) -> Self {
        // Sorting a run needs its rows once more, batch by batch, and one index for each.
        let run_bytes = (budget_bytes / 2).clamp(1, LARGEST_RUN);
        // All the runs of a merge together hold one batch each: a quarter of the budget.
        let batch_rows = (budget_bytes / 4 / FAN_IN / 256).clamp(16, 8_192);
        Self { rows: RowBuilder::default(), run_bytes, batch_rows, directory: directory.to_owned(), levels: Vec::new() }
    }

    /// Adds a row. `position` is its place in the input and must differ between rows of equal time,
    /// event and patient.
    ///
    /// # Errors
    /// When a run cannot be written; the message names the directory.
    pub fn push(&mut self, event: &AccessEvent<'_>, position: u64) -> Result<()> {
        self.rows.push(event, position);
        if self.rows.bytes() >= self.run_bytes { self.spill() } else { Ok(()) }
    }

    /// All rows, in order.
    ///
    /// # Errors
    /// When a run cannot be written or read back.
    pub fn finish(mut self) -> Result<SortedBatches> {
        if self.levels.is_empty() {
            let (rows, order) = self.sorted()?;
            return Ok(SortedBatches(Ordered::InMemory { rows, order, next: 0 }));
        }
        if self.rows.rows() > 0 {
            self.spill()?;
        }
        let runs = self.levels.into_iter().flatten().collect();
        let merge = Merge::new(runs, OUTPUT_ROWS).with_context(|| cannot_read(&self.directory))?;
        Ok(SortedBatches(Ordered::Merged { merge: Box::new(merge), directory: self.directory }))
    }

    /// The gathered rows and the order in which to read them.
    fn sorted(&mut self) -> Result<(RecordBatch, Vec<u32>)> {
        let rows = self.rows.finish()?;
        let keys = SortedBatch::new(rows.clone())?;
        let count = u32::try_from(rows.num_rows()).context("too many rows in one run")?;
        let mut order: Vec<u32> = (0..count).collect();
        order.par_sort_unstable_by(|&a, &b| keys.key(a as usize).cmp(&keys.key(b as usize)));
        Ok((rows, order))
    }

    fn spill(&mut self) -> Result<()> {
        let (rows, order) = self.sorted()?;
        let batches = order.chunks(self.batch_rows).map(|part| pick(&rows, part));
        let run = self.write_run(batches)?;
        self.add(run, 0)
    }

    fn add(&mut self, run: Run, level: usize) -> Result<()> {
        if self.levels.len() == level {
            self.levels.push(Vec::new());
        }
        self.levels[level].push(run);
        if self.levels[level].len() < FAN_IN {
            return Ok(());
        }
        let runs = std::mem::take(&mut self.levels[level]);
        let merge = Merge::new(runs, self.batch_rows).with_context(|| cannot_read(&self.directory))?;
        let merged = self.write_run(merge)?;
        self.add(merged, level + 1)
    }

    fn write_run(&self, batches: impl Iterator<Item = Result<RecordBatch>>) -> Result<Run> {
        let write = || -> Result<Run> {
            let file: File = tempfile::tempfile_in(&self.directory)?;
            let mut writer = RunWriter::new(file)?;
            for batch in batches {
                writer.write(&batch?)?;
            }
            writer.finish()
        };
        write().with_context(|| {
            format!(
                "cannot sort in {}: give it room or name another directory for temporary files",
                self.directory.display()
            )
        })
    }
}

fn cannot_read(directory: &Path) -> String {
    format!("cannot read sorted rows back from {}", directory.display())
}

fn pick(rows: &RecordBatch, order: &[u32]) -> Result<RecordBatch> {
    Ok(take_record_batch(rows, &UInt32Array::from(order.to_vec()))?)
}

/// The rows in order, in batches.
pub struct SortedBatches(Ordered);

enum Ordered {
    InMemory { rows: RecordBatch, order: Vec<u32>, next: usize },
    Merged { merge: Box<Merge>, directory: PathBuf },
}

impl Iterator for SortedBatches {
    type Item = Result<SortedBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Ordered::InMemory { rows, order, next } => {
                let end = order.len().min(*next + OUTPUT_ROWS);
                let part = order.get(*next..end).filter(|part| !part.is_empty())?;
                *next = end;
                Some(pick(rows, part).and_then(SortedBatch::new))
            }
            Ordered::Merged { merge, directory } => {
                let batch = merge.next()?;
                Some(batch.and_then(SortedBatch::new).with_context(|| cannot_read(directory)))
            }
        }
    }
}

#[cfg(test)]
mod tests;
