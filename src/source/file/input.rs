//! One opened file: found out how it is compressed, and read as plain bytes. UTF-16, by its byte order mark, becomes UTF-8
//! with a mark.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use encoding_rs_io::DecodeReaderBytesBuilder;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const WIDE: [&[u8]; 2] = [&[0xff, 0xfe], &[0xfe, 0xff]];
/// Bytes read from the disk at a time while unpacking.
const BUFFER: usize = 256 << 10;

/// How much of the input has been read, in bytes as they stand on the disk.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    consumed: Arc<AtomicU64>,
    total: u64,
}

impl Progress {
    pub(super) fn new(total: u64) -> Self {
        Self { consumed: Arc::default(), total }
    }

    /// Bytes read so far.
    #[must_use]
    pub fn consumed(&self) -> u64 {
        self.consumed.load(Ordering::Relaxed)
    }

    /// Bytes of all files together.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    pub(super) fn add(&self, bytes: u64) {
        self.consumed.fetch_add(bytes, Ordering::Relaxed);
    }
}

struct Counted {
    file: File,
    progress: Progress,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.progress.add(count as u64);
        Ok(count)
    }
}

/// The first bytes of a file, unpacked, and whether these are all.
///
/// # Errors
/// When it cannot be read.
pub fn head(path: &Path, size: usize) -> io::Result<(Vec<u8>, bool)> {
    let mut bytes = Vec::new();
    let count = Input::open(path, &Progress::default())?.read(&mut bytes, size)?;
    Ok((bytes, count < size))
}

/// A file's bytes, unpacked, UTF-8 where they are Unicode.
pub(super) struct Input {
    reader: Box<dyn Read + Send>,
    pub is_packed: bool,
}

impl Input {
    pub(super) fn open(path: &Path, progress: &Progress) -> io::Result<Self> {
        let counted = Counted { file: File::open(path)?, progress: progress.clone() };
        let mut buffered = BufReader::with_capacity(BUFFER, counted);
        // Fewer than four bytes come only from a shorter file: the buffer is filled by one read.
        let magic = buffered.fill_buf()?;
        let reader: Box<dyn Read + Send> = if magic.starts_with(GZIP) {
            Box::new(narrow(flate2::bufread::MultiGzDecoder::new(buffered)))
        } else if magic.starts_with(ZSTD) {
            Box::new(narrow(zstd::stream::read::Decoder::with_buffer(buffered)?))
        } else if WIDE.iter().any(|mark| magic.starts_with(mark)) {
            return Ok(Self { reader: Box::new(narrow(buffered)), is_packed: false });
        } else {
            return Ok(Self { reader: Box::new(buffered), is_packed: false });
        };
        Ok(Self { reader, is_packed: true })
    }

    /// Appends up to `count` bytes; fewer only at the end.
    pub(super) fn read(&mut self, buffer: &mut Vec<u8>, count: usize) -> io::Result<usize> {
        (&mut self.reader).take(count as u64).read_to_end(buffer)
    }
}

/// UTF-16 with a mark as UTF-8 with a mark; anything else as it is.
fn narrow(bytes: impl Read + Send + 'static) -> impl Read + Send {
    DecodeReaderBytesBuilder::new().utf8_passthru(true).build(bytes)
}
