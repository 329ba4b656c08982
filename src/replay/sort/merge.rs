//! Runs in files, and the merge that reads them back as one.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{BufReader, BufWriter, Seek, SeekFrom};

use anyhow::{Context, Result};
use arrow::compute::interleave_record_batch;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use arrow::record_batch::RecordBatch;

use super::rows::{SCHEMA, SortedBatch};

/// Sorted rows in a file without a name.
pub(super) struct Run(File);

/// Writes a run.
pub(super) struct RunWriter(StreamWriter<BufWriter<File>>);

impl RunWriter {
    pub(super) fn new(file: File) -> Result<Self> {
        Ok(Self(StreamWriter::try_new(BufWriter::new(file), &SCHEMA)?))
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        Ok(self.0.write(batch)?)
    }

    pub(super) fn finish(mut self) -> Result<Run> {
        self.0.finish()?;
        let mut file = self.0.into_inner()?.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(Run(file))
    }
}

/// One run's present row. Cursors compare in reverse, so that the heap has the smallest on top.
struct Cursor {
    reader: StreamReader<BufReader<File>>,
    batch: SortedBatch,
    row: usize,
    /// The place of `batch` among the sources of the output that is being picked.
    source: usize,
}

impl Ord for Cursor {
    fn cmp(&self, other: &Self) -> Ordering {
        other.batch.key(other.row).cmp(&self.batch.key(self.row))
    }
}

impl PartialOrd for Cursor {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Cursor {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Cursor {}

impl Cursor {
    /// Moves to the next row; when its batch ends, reads another and adds it to `sources`. False at
    /// the end of the run.
    fn advance(&mut self, sources: &mut Vec<RecordBatch>) -> Result<bool> {
        self.row += 1;
        if self.row < self.batch.rows() {
            return Ok(true);
        }
        let Some(batch) = self.reader.next().transpose()? else { return Ok(false) };
        self.batch = SortedBatch::new(batch.clone())?;
        (self.row, self.source) = (0, sources.len());
        sources.push(batch);
        Ok(true)
    }
}

/// Merges runs into batches of `output_rows`.
pub(super) struct Merge {
    heap: BinaryHeap<Cursor>,
    /// Batches from which the next output picks.
    sources: Vec<RecordBatch>,
    output_rows: usize,
}

impl Merge {
    pub(super) fn new(runs: Vec<Run>, output_rows: usize) -> Result<Self> {
        let mut merge = Self { heap: BinaryHeap::new(), sources: Vec::new(), output_rows };
        for Run(file) in runs {
            let mut reader = StreamReader::try_new(BufReader::new(file), None)?;
            let Some(batch) = reader.next().transpose()? else { continue };
            let sorted = SortedBatch::new(batch.clone())?;
            merge.heap.push(Cursor { reader, batch: sorted, row: 0, source: merge.sources.len() });
            merge.sources.push(batch);
        }
        Ok(merge)
    }

    /// Forgets the batches that no cursor reads any more.
    fn trim(&mut self) {
        let mut kept = Vec::with_capacity(self.heap.len());
        let mut cursors = std::mem::take(&mut self.heap).into_vec();
        for cursor in &mut cursors {
            kept.push(self.sources[cursor.source].clone());
            cursor.source = kept.len() - 1;
        }
        self.heap = cursors.into();
        self.sources = kept;
    }

    fn pick(&mut self) -> Result<Option<RecordBatch>> {
        let mut picked = Vec::with_capacity(self.output_rows);
        while picked.len() < self.output_rows {
            let Some(mut smallest) = self.heap.peek_mut() else { break };
            picked.push((smallest.source, smallest.row));
            if !smallest.advance(&mut self.sources)? {
                PeekMut::pop(smallest);
            }
        }
        if picked.is_empty() {
            return Ok(None);
        }
        let sources: Vec<&RecordBatch> = self.sources.iter().collect();
        let batch = interleave_record_batch(&sources, &picked).context("cannot merge sorted runs")?;
        self.trim();
        Ok(Some(batch))
    }
}

impl Iterator for Merge {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.pick();
        if batch.is_err() {
            self.heap.clear();
        }
        batch.transpose()
    }
}
