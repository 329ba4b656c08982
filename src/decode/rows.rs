//! The records of a CSV chunk, one after another, with their places.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter};

use super::csv::{Broken, Cell, Record, read_record, split_plain, without_return};
use super::format::Columns;
use super::{Chunk, Fault, MAX_RECORD};
use crate::model::reject::RejectCode;

/// A record of a CSV chunk as it was found.
pub(super) enum Found<'a> {
    /// A line without quotes; its cells stand in the row.
    Plain,
    /// A record with quotes: its text, to which the cells belong.
    Quoted(&'a str),
    Broken(Fault),
}

/// Walks the records of a CSV chunk.
pub(super) struct Records<'a> {
    bytes: &'a [u8],
    /// The same, when all of it is UTF-8.
    text: Option<&'a str>,
    columns: &'a Columns,
    at: usize,
    line: u64,
    /// The first quote at or after `at`.
    quote: usize,
    cells: Vec<Cell>,
}

impl<'a> Records<'a> {
    pub(super) fn new(chunk: &Chunk<'a>, columns: &'a Columns) -> Self {
        let bytes = chunk.bytes;
        Self {
            bytes,
            text: std::str::from_utf8(bytes).ok(),
            columns,
            at: 0,
            line: chunk.first_line,
            quote: memchr(b'"', bytes).unwrap_or(bytes.len()),
            cells: Vec::new(),
        }
    }

    /// The next record that is not a blank line: its line number, its bytes, and what it is. Plain
    /// cells are put into `row`.
    pub(super) fn next_record(&mut self, row: &mut [&'a str]) -> Option<(u64, &'a [u8], Found<'a>)> {
        while self.at < self.bytes.len() {
            let (start, line) = (self.at, self.line);
            let end = memchr(b'\n', &self.bytes[start..]).map_or(self.bytes.len(), |length| start + length);
            if self.quote < start {
                self.quote = memchr(b'"', &self.bytes[start..]).map_or(self.bytes.len(), |length| start + length);
            }
            if self.quote < end {
                return Some(self.quoted(start, line));
            }
            self.at = end + 1;
            self.line += 1;
            let end = without_return(self.bytes, start, end);
            if start == end {
                continue;
            }
            let found = self.plain(start, end, row);
            return Some((line, &self.bytes[start..end], found));
        }
        None
    }

    fn plain(&self, start: usize, end: usize, row: &mut [&'a str]) -> Found<'a> {
        if end - start > MAX_RECORD {
            return Found::Broken(too_long());
        }
        match self.slice(start, end) {
            Err(fault) => Found::Broken(fault),
            Ok(text) if split_plain(text, &self.columns.slots, row) => Found::Plain,
            Ok(text) => Found::Broken(self.cell_count(memchr_iter(b',', text.as_bytes()).count() + 1)),
        }
    }

    fn quoted(&mut self, start: usize, line: u64) -> (u64, &'a [u8], Found<'a>) {
        let Record { end, next, broken } = read_record(self.bytes, start, self.columns.slots.len(), &mut self.cells);
        let bytes = &self.bytes[start..end];
        self.line += memchr_iter(b'\n', &self.bytes[start..next]).count() as u64;
        self.at = next;
        let found = match (broken, self.slice(start, end)) {
            _ if bytes.len() > MAX_RECORD => Found::Broken(too_long()),
            (Some(broken), _) => Found::Broken(self.broken(broken)),
            (None, Err(fault)) => Found::Broken(fault),
            (None, Ok(text)) => {
                for cell in &mut self.cells {
                    *cell = cell.moved(start);
                }
                Found::Quoted(text)
            }
        };
        (line, bytes, found)
    }

    fn slice(&self, start: usize, end: usize) -> Result<&'a str, Fault> {
        match self.text {
            Some(text) => Ok(&text[start..end]),
            None => std::str::from_utf8(&self.bytes[start..end]).map_err(|_| not_utf8()),
        }
    }

    fn broken(&self, broken: Broken) -> Fault {
        let sentence = match broken {
            Broken::CellCount(count) => return self.cell_count(count),
            Broken::UnclosedQuote => {
                "a quoted cell that begins in this line does not end in it, nor sensibly in a later one"
            }
            Broken::TextAfterQuote => "text follows a closing quote: a quote within a quoted cell must be doubled",
        };
        Fault::new(RejectCode::InvalidCsv, sentence)
    }

    fn cell_count(&self, count: usize) -> Fault {
        let sentence = format!("the row has {count} cells and the header {}", self.columns.slots.len());
        Fault::new(RejectCode::InvalidCsv, sentence)
    }

    /// The cells of a quoted record, in the order of the columns.
    pub(super) fn texts(&self, text: &'a str) -> impl Iterator<Item = (u8, Cow<'a, str>)> {
        self.columns.slots.iter().zip(&self.cells).map(move |(slot, cell)| (*slot, cell.text(text)))
    }
}

pub(super) fn too_long() -> Fault {
    Fault::new(RejectCode::TooLong, "the record is longer than 16 MiB")
}

pub(super) fn not_utf8() -> Fault {
    Fault::new(RejectCode::InvalidEncoding, "the record is not UTF-8")
}
