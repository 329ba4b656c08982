//! The logs of a replay as decoded intakes, in the order of the input, on all cores.

use std::sync::Arc;

use anyhow::Result;
use crossbeam_channel::{Receiver, Sender, bounded};

use super::Logs;
use crate::decode::{Counters, Decoder};
use crate::engine::Engine;
use crate::engine::dictionary::Dictionary;
use crate::model::reject::{Reject, RejectCode};
use crate::model::time::{Timestamp, Zone};
use crate::pipeline::columnar;
use crate::pipeline::take::{Decoded, Taking};
use crate::replay::parquet_scan::{self, ColumnBatch, ParquetScan};
use crate::source::file::{Block, BlockReader, Piece, Progress};

/// A stretch of the input that one worker decodes.
pub(super) enum Work {
    Block(Block),
    Batch {
        batch: ColumnBatch,
        file: Arc<str>,
        file_number: usize,
    },
    Reject(Reject, crate::decode::Format, usize),
    /// Columns of a Parquet file that mean nothing here, and how many rows it has.
    Unknown(Vec<String>, u64),
}

impl Work {
    fn file_number(&self) -> Option<usize> {
        match self {
            Self::Block(block) => Some(block.file_number),
            Self::Batch { file_number, .. } | Self::Reject(_, _, file_number) => Some(*file_number),
            Self::Unknown(..) => None,
        }
    }
}

/// Reads ahead on a thread of its own and decodes on all cores.
pub(super) struct Feed {
    work: Receiver<Result<Work>>,
    decoders: Vec<Decoder>,
    zone: Zone,
    as_of: Timestamp,
    /// For each file: records that decoded, and records that did not.
    pub(super) by_file: Vec<(u64, u64)>,
    pub(super) progress: Progress,
}

impl Feed {
    /// Starts reading.
    pub(super) fn start(logs: Logs<'_>, zone: &Zone, as_of: Timestamp) -> Self {
        let workers = rayon::current_num_threads();
        let by_file = vec![(0, 0); logs.files.len()];
        let reader = logs.reader();
        let progress = reader.progress();
        let (send, work) = bounded(2 * workers);
        std::thread::spawn(move || read_ahead(reader, workers, &send));
        Self { work, decoders: vec![logs.decoder(zone); 2 * workers], zone: zone.clone(), as_of, by_file, progress }
    }

    /// The next stretches of the input, to be decoded; empty at its end.
    pub(super) fn next(&mut self, engine: &mut Engine) -> Result<Vec<Part>> {
        let group: Vec<Work> = self.work.iter().take(self.decoders.len()).collect::<Result<_>>()?;
        let part = |(work, decoder)| Part {
            work,
            decoder,
            zone: self.zone.clone(),
            as_of: self.as_of,
            decoded: Decoded { intake: engine.intake(), rejects: Vec::new() },
        };
        let decoders = &mut self.decoders;
        let free = group.len().min(decoders.len());
        Ok(group.into_iter().zip(decoders.drain(..free)).map(part).collect())
    }

    /// Takes back what was decoded.
    pub(super) fn done(&mut self, part: Part) -> Decoded {
        let decoded = part.decoded;
        if let Some(counts) = part.work.file_number().and_then(|number| self.by_file.get_mut(number)) {
            // What lies in the future could be read; it only does not count yet.
            let unreadable = decoded.rejects.iter().filter(|reject| reject.reason != RejectCode::Future).count();
            counts.0 += (decoded.intake.len() + decoded.rejects.len() - unreadable) as u64;
            counts.1 += unreadable as u64;
        }
        self.decoders.push(part.decoder);
        decoded
    }

    /// What the decoders counted.
    pub(super) fn counters(&self) -> Counters {
        let mut counters = Counters::default();
        self.decoders.iter().for_each(|decoder| counters.add(&decoder.counters()));
        counters
    }
}

/// One stretch of the input and who decodes it.
pub(super) struct Part {
    work: Work,
    decoder: Decoder,
    zone: Zone,
    as_of: Timestamp,
    decoded: Decoded,
}

impl Part {
    /// Decodes the stretch.
    pub(super) fn decode(&mut self, dictionary: &Dictionary) {
        let file = match &self.work {
            Work::Block(block) => block.file.clone(),
            Work::Batch { file, .. } => file.clone(),
            Work::Reject(..) | Work::Unknown(..) => "".into(),
        };
        let mut taking = Taking { dictionary, decoded: &mut self.decoded, as_of: self.as_of, file };
        let (decoder, zone) = (&mut self.decoder, &self.zone);
        match &self.work {
            Work::Block(block) => decoder.chunk(&block.chunk(), &mut taking),
            Work::Batch { batch, file, .. } => columnar::decode_accesses(batch, file, zone, decoder, &mut taking),
            Work::Reject(reject, format, _) => decoder.source_reject(reject.clone(), *format, &mut taking),
            Work::Unknown(names, rows) => decoder.unknown_columns(names.iter().map(String::as_str), *rows),
        }
    }
}

/// Sends the input piece by piece until it ends, fails, or nobody listens.
fn read_ahead(reader: BlockReader, workers: usize, send: &Sender<Result<Work>>) {
    let mut file_number = 0;
    for piece in reader {
        let sent = match piece {
            Ok(Piece::Block(block)) => {
                file_number = block.file_number;
                send.send(Ok(Work::Block(block))).is_ok()
            }
            Ok(Piece::Reject(reject, layout)) => {
                send.send(Ok(Work::Reject(reject, layout.format, file_number))).is_ok()
            }
            Ok(Piece::Columnar { path, file, file_number }) => send_columnar(&path, &file, file_number, workers, send),
            Err(error) => {
                let _ = send.send(Err(error.into()));
                false
            }
        };
        if !sent {
            return;
        }
    }
}

fn send_columnar(
    path: &std::path::Path,
    file: &Arc<str>,
    file_number: usize,
    workers: usize,
    send: &Sender<Result<Work>>,
) -> bool {
    let scan = match ParquetScan::open(path, &parquet_scan::ACCESSES) {
        Ok(scan) => scan,
        Err(error) => {
            let _ = send.send(Err(error));
            return false;
        }
    };
    let unknown = Work::Unknown(scan.unknown_columns().to_vec(), scan.rows());
    let batches =
        scan.batches(workers).map(|batch| batch.map(|batch| Work::Batch { batch, file: file.clone(), file_number }));
    std::iter::once(Ok(unknown)).chain(batches).all(|work| {
        let goes_on = work.is_ok();
        send.send(work).is_ok() && goes_on
    })
}
