//! A log that is not in the order of time: sorted first, spilling to disk.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;

use super::Logs;
use crate::decode::{Counters, DecodeSink, Expect};
use crate::model::access::AccessEvent;
use crate::model::context::ContextUpdate;
use crate::model::reject::{Place, Reject};
use crate::model::time::{Timestamp, Zone};
use crate::pipeline::columnar;
use crate::pipeline::take::from_the_future;
use crate::replay::sort::{SortedBatches, Sorter};
use crate::source::file::Piece;

/// Memory that sorting may use, in bytes.
const BUDGET: usize = 768 << 20;

/// The sorted log, and what could not be used.
pub(super) struct Sorted {
    pub(super) batches: SortedBatches,
    pub(super) rejects: Vec<Reject>,
    pub(super) counters: Counters,
    pub(super) by_file: Vec<(u64, u64)>,
}

struct ToSorter {
    sorter: Sorter,
    as_of: Timestamp,
    file: Arc<str>,
    /// Number of the file above its lines.
    base: u64,
    found: u64,
    rejects: Vec<Reject>,
    failure: Option<anyhow::Error>,
}

impl DecodeSink for ToSorter {
    fn access(&mut self, event: &AccessEvent<'_>, line: u64) {
        if event.occurred_at > self.as_of {
            self.rejects.push(from_the_future(event, Place::File { file: self.file.clone(), line }));
        } else if let Err(error) = self.sorter.push(event, self.base | line) {
            self.failure.get_or_insert(error);
        }
        self.found += 1;
    }

    fn context(&mut self, _: ContextUpdate, _: u64) {}

    fn reject(&mut self, reject: Reject) {
        self.rejects.push(reject);
    }
}

/// Reads and sorts logs; runs that do not fit into memory are spilled into `directory`.
pub(super) fn sort(
    logs: Logs<'_>,
    zone: &Zone,
    as_of: Timestamp,
    directory: &Path,
    step: &dyn Fn(u64, u64),
) -> Result<Sorted> {
    let mut decoder = logs.decoder(zone);
    let mut sink = ToSorter {
        sorter: Sorter::new(BUDGET, directory),
        as_of,
        file: "".into(),
        base: 0,
        found: 0,
        rejects: Vec::new(),
        failure: None,
    };
    let mut by_file = vec![(0, 0); logs.files.len()];
    let reader = logs.reader();
    let progress = reader.progress();
    for piece in reader {
        let (before, number) = ((sink.found, sink.rejects.len() as u64), (sink.base >> 40) as usize);
        let number = match &piece {
            Ok(Piece::Block(block)) => block.file_number,
            Ok(Piece::Columnar { file_number, .. }) => *file_number,
            _ => number,
        };
        sink.base = (number as u64) << 40;
        match piece? {
            Piece::Block(block) => {
                sink.file = block.file.clone();
                decoder.chunk(&block.chunk(), &mut sink);
            }
            Piece::Reject(reject, layout) => decoder.source_reject(reject, layout.format, &mut sink),
            Piece::Columnar { path, file, .. } => {
                sink.file = file.clone();
                columnar::read(&path, &file, Expect::Accesses, zone, &mut decoder, &mut sink)?;
            }
        }
        if let Some(error) = sink.failure.take() {
            return Err(error);
        }
        by_file[number].0 += sink.found - before.0;
        by_file[number].1 += sink.rejects.len() as u64 - before.1;
        step(progress.consumed(), progress.total());
    }
    Ok(Sorted { batches: sink.sorter.finish()?, rejects: sink.rejects, counters: decoder.counters(), by_file })
}
