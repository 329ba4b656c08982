//! Blocks of whole records, cut from a list of files.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use memchr::{memchr, memchr_iter, memrchr};

use super::SourceError;
use super::input::{Input, Progress};
use crate::decode::csv::last_record_end;
use crate::decode::detect::detect_with;
use crate::decode::format::Body;
use crate::decode::hl7::last_start as last_message_start;
use crate::decode::mapped::Map;
use crate::decode::messages::{last_end as last_message_end, next_start as next_message_start};
use crate::decode::{Chunk, Expect, Layout, MAX_RECORD, reject};
use crate::model::reject::{Place, Reject, RejectCode};

/// How much is read and kept at a time, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// A block; it grows to the length of its longest record.
    pub block: usize,
    /// The longest JSON document that spans lines: a Bundle, an array.
    pub document: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { block: 1 << 20, document: 256 << 20 }
    }
}

/// How much of a file is looked at, at least, to tell its format.
const HEAD: usize = 64 << 10;

/// Whole records of one file.
#[derive(Debug)]
pub struct Block {
    pub bytes: Vec<u8>,
    pub file: Arc<str>,
    /// Number of the file in the list, from 0.
    pub file_number: usize,
    /// Line of the first byte, from 1.
    pub first_line: u64,
    pub layout: Arc<Layout>,
}

impl Block {
    /// What a decoder takes.
    #[must_use]
    pub fn chunk(&self) -> Chunk<'_> {
        Chunk { bytes: &self.bytes, file: &self.file, first_line: self.first_line, layout: &self.layout }
    }
}

/// What a reader hands over, in the order of the input.
#[derive(Debug)]
pub enum Piece {
    Block(Block),
    /// Something that cannot even be cut: a line without end, a damaged stream.
    Reject(Reject, Arc<Layout>),
    /// A Parquet file, to be read by its path.
    Columnar {
        path: PathBuf,
        file: Arc<str>,
        file_number: usize,
    },
}

/// Reads files one after another. After an error it goes on with the next file.
pub struct BlockReader {
    files: std::iter::Enumerate<std::vec::IntoIter<PathBuf>>,
    expect: Expect,
    sizes: Sizes,
    progress: Progress,
    current: Option<Cutter>,
    maps: &'static [Map],
}

impl BlockReader {
    /// A reader of `files`, which are expected to hold `expect`.
    #[must_use]
    pub fn new(files: Vec<PathBuf>, expect: Expect, sizes: Sizes) -> Self {
        let total = files.iter().filter_map(|path| path.metadata().ok()).map(|meta| meta.len()).sum();
        Self {
            files: files.into_iter().enumerate(),
            expect,
            sizes,
            progress: Progress::new(total),
            current: None,
            maps: &[],
        }
    }

    /// The same reader, with column maps of the site.
    #[must_use]
    pub fn with_maps(self, maps: &'static [Map]) -> Self {
        Self { maps, ..self }
    }

    /// How far the reader is; the value follows it.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    fn open(&mut self, file_number: usize, path: PathBuf) -> Result<Option<Piece>, SourceError> {
        let (expected, progress) = (self.expect, &self.progress);
        if path.is_dir() {
            return Err(SourceError::Directory { path: path.display().to_string(), expected });
        }
        let file: Arc<str> = path.display().to_string().into();
        let unreadable = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => SourceError::Missing { path: file.to_string(), expected },
            _ => SourceError::Unreadable { path: file.to_string(), error: error.to_string(), expected },
        };
        let mut cutter = Cutter {
            input: Input::open(&path, progress).map_err(unreadable)?,
            sizes: self.sizes,
            expect: expected,
            file: file.clone(),
            file_number,
            layout: Arc::new(Layout {
                format: crate::decode::Format::CanonicalCsv,
                body: Body::Columnar,
                header_bytes: 0,
                header_lines: 0,
            }),
            pending: Vec::new(),
            line: 1,
            state: State::Reading,
            is_ended: false,
            damage: None,
        };
        cutter.fill(self.sizes.block.max(HEAD)).map_err(unreadable)?;
        let layout = detect_with(&cutter.pending, cutter.is_ended, expected, self.maps);
        let layout = layout.map_err(|error| match (&cutter.damage, error) {
            (Some(damage), _) => SourceError::Unreadable { path: file.to_string(), error: damage.clone(), expected },
            (None, error) => SourceError::Format { path: file.to_string(), error },
        })?;
        if layout.body == Body::Columnar {
            return Ok(Some(Piece::Columnar { path, file, file_number }));
        }
        cutter.pending.drain(..layout.header_bytes);
        cutter.line += layout.header_lines;
        cutter.layout = Arc::new(layout);
        self.current = Some(cutter);
        Ok(None)
    }
}

impl Iterator for BlockReader {
    type Item = Result<Piece, SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(cutter) = &mut self.current {
                match cutter.next_piece().transpose() {
                    Some(Err(error)) => {
                        self.current = None;
                        return Some(Err(error));
                    }
                    Some(piece) => return Some(piece),
                    None => self.current = None,
                }
            }
            let (number, path) = self.files.next()?;
            match self.open(number, path) {
                Ok(Some(piece)) => return Some(Ok(piece)),
                Ok(None) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Reading,
    /// Inside a line that is too long; nothing is kept until it ends.
    Skipping,
    Done,
}

/// Cuts one file.
struct Cutter {
    input: Input,
    sizes: Sizes,
    expect: Expect,
    file: Arc<str>,
    file_number: usize,
    layout: Arc<Layout>,
    /// Read and not yet handed over.
    pending: Vec<u8>,
    /// Line of the first pending byte.
    line: u64,
    state: State,
    /// Everything has been read; `pending` may still hold records.
    is_ended: bool,
    /// Why a compressed stream ended early.
    damage: Option<String>,
}

impl Cutter {
    /// Reads until `pending` holds `size` bytes or the file ends. Damage of a compressed stream is
    /// an end that is remembered.
    fn fill(&mut self, size: usize) -> io::Result<()> {
        while !self.is_ended && self.pending.len() < size {
            let wanted = size - self.pending.len();
            self.pending.reserve_exact(wanted);
            match self.input.read(&mut self.pending, wanted) {
                Ok(count) if count < wanted => self.is_ended = true,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if self.input.is_packed => {
                    self.damage = Some(format!("the compressed stream is damaged or ends early ({error})"));
                    self.is_ended = true;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn next_piece(&mut self) -> Result<Option<Piece>, SourceError> {
        let mut size = self.sizes.block;
        loop {
            match self.state {
                State::Done => return Ok(None),
                State::Skipping => self.skip()?,
                State::Reading => {
                    self.filled(size)?;
                    if self.is_ended && self.pending.len() <= size {
                        return Ok(self.last_piece());
                    }
                    let cut = self.cut(size);
                    if cut > 0 {
                        return Ok(Some(Piece::Block(self.take(cut))));
                    }
                    if size > self.limit() {
                        return Ok(Some(self.too_long()));
                    }
                    size += self.sizes.block;
                }
            }
        }
    }

    fn filled(&mut self, size: usize) -> Result<(), SourceError> {
        self.fill(size).map_err(|error| SourceError::Unreadable {
            path: self.file.to_string(),
            error: error.to_string(),
            expected: self.expect,
        })
    }

    /// Where the last whole record of the first `size` bytes ends; 0 when there is none.
    fn cut(&self, size: usize) -> usize {
        let bytes = &self.pending[..size.min(self.pending.len())];
        match &self.layout.body {
            Body::AccessCsv(columns) | Body::TableCsv(_, columns) => last_record_end(bytes, columns.slots.len()),
            Body::Messages(_) => last_message_end(bytes),
            Body::Hl7 => last_message_start(bytes),
            Body::Foreign(foreign) => foreign.last_end(bytes),
            Body::Lines(_) => memrchr(b'\n', bytes).map_or(0, |at| at + 1),
            Body::Document(_) | Body::Columnar => 0,
        }
    }

    /// How much may be pending without a record's end.
    fn limit(&self) -> usize {
        if matches!(self.layout.body, Body::Document(_)) { self.sizes.document } else { MAX_RECORD }
    }

    fn take(&mut self, cut: usize) -> Block {
        let rest = self.pending.split_off(cut);
        let bytes = std::mem::replace(&mut self.pending, rest);
        let first_line = self.line;
        self.line += memchr_iter(b'\n', &bytes).count() as u64;
        Block { bytes, file: self.file.clone(), file_number: self.file_number, first_line, layout: self.layout.clone() }
    }

    /// What is left at the end. Of a damaged stream the last record is cut off and goes into the
    /// reject that tells of the damage.
    fn last_piece(&mut self) -> Option<Piece> {
        let Some(damage) = self.damage.take() else {
            self.state = State::Done;
            let is_blank = self.pending.trim_ascii().is_empty();
            return if is_blank { None } else { Some(Piece::Block(self.take(self.pending.len()))) };
        };
        let is_document = matches!(self.layout.body, Body::Document(_));
        let cut = if is_document { self.pending.len() } else { self.cut(usize::MAX) };
        if cut > 0 {
            self.damage = Some(damage);
            let block = self.take(cut);
            if is_document {
                self.pending.clear();
            }
            return Some(Piece::Block(block));
        }
        self.state = State::Done;
        let record = std::mem::take(&mut self.pending);
        Some(self.reject(RejectCode::Truncated, format!("{damage}: what stands before was used"), &record))
    }

    fn too_long(&mut self) -> Piece {
        let is_document = matches!(self.layout.body, Body::Document(_));
        let sentence = if is_document {
            format!("the JSON document is longer than {} MiB: write its records as NDJSON", self.sizes.document >> 20)
        } else {
            "the line is longer than 16 MiB".to_owned()
        };
        let record = self.pending[..Reject::KEPT_BYTES.min(self.pending.len())].to_vec();
        if is_document {
            self.state = State::Done;
        } else {
            self.state = State::Skipping;
        }
        self.reject(RejectCode::TooLong, sentence, &record)
    }

    fn reject(&self, reason: RejectCode, sentence: String, record: &[u8]) -> Piece {
        let place = Place::File { file: self.file.clone(), line: self.line };
        Piece::Reject(reject(place, reason, sentence, record), self.layout.clone())
    }

    /// Drops bytes up to the next line end.
    fn skip(&mut self) -> Result<(), SourceError> {
        let next = match self.layout.body {
            Body::Messages(_) => next_message_start(&self.pending),
            _ => memchr(b'\n', &self.pending).map(|at| at + 1),
        };
        if let Some(next) = next {
            self.line += memchr_iter(b'\n', &self.pending[..next]).count() as u64;
            self.pending.drain(..next);
            self.state = State::Reading;
        } else {
            self.line += memchr_iter(b'\n', &self.pending).count() as u64;
            self.pending.clear();
            self.filled(self.sizes.block)?;
            if self.is_ended && self.pending.is_empty() {
                self.state = State::Reading;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
