//! Rows of tables: where one begins and ends, and its cells as leaves.

use std::ops::Range;

use memchr::{memchr, memchr_iter, memchr2};

use super::{Leaf, Leaves};
use crate::decode::csv::{read_record, without_return};
use crate::decode::mapped::FileForm;
use crate::decode::mapped::text::quoted_length;

/// What stands between cells and around them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marks {
    delimiter: u8,
    quote: Option<u8>,
}

impl Marks {
    /// Those of a CSV file.
    pub(super) const CSV: Self = Self { delimiter: b',', quote: Some(b'"') };

    /// Those of an export.
    pub(super) fn of(form: &FileForm) -> Self {
        let byte = |character: char| u8::try_from(character).ok();
        Self { delimiter: form.delimiter.and_then(byte).unwrap_or(b','), quote: form.quote.and_then(byte) }
    }
}

/// Where the row ends that begins at `start`, and where the texts of its cells stand, without their quotes.
fn row(bytes: &[u8], start: usize, marks: Marks) -> (usize, Vec<Range<usize>>) {
    let (mut cells, mut at) = (Vec::new(), start);
    loop {
        let (cell, after) = cell(bytes, at, marks);
        cells.push(cell);
        if bytes.get(after) != Some(&marks.delimiter) {
            return (after, cells);
        }
        at = after + 1;
    }
}

/// The text of the cell at `at`, and the place after the cell.
fn cell(bytes: &[u8], at: usize, marks: Marks) -> (Range<usize>, usize) {
    let rest = bytes.get(at..).unwrap_or_default();
    if let Some(quote) = marks.quote.filter(|quote| rest.first() == Some(quote))
        && let Some(length) = rest.get(1..).and_then(|inner| quoted_length(inner, marks.delimiter, quote, true))
    {
        let after = at + 1 + length;
        return (at + 1..after - 1, after + usize::from(bytes.get(after) == Some(&b'\r')));
    }
    let after = at + memchr2(marks.delimiter, b'\n', rest).unwrap_or(rest.len());
    let is_last = bytes.get(after) != Some(&marks.delimiter);
    let end = if is_last { without_return(bytes, at, after) } else { after };
    (at..end, after)
}

/// The row of an export that begins at a line, counted from `first`; blank lines and comments are none.
pub(super) fn find(bytes: &[u8], form: &FileForm, first: u64, line: u64) -> Option<Range<usize>> {
    let marks = Marks::of(form);
    let (mut at, mut here) = (0, first);
    while at < bytes.len() && here <= line {
        let line_end = memchr(b'\n', bytes.get(at..)?).map_or(bytes.len(), |length| at + length);
        let text = bytes.get(at..line_end)?.trim_ascii_start();
        let is_none = text.is_empty() || form.comment.iter().any(|mark| text.starts_with(mark.as_bytes()));
        let end = if is_none { line_end } else { row(bytes, at, marks).0 };
        if here == line {
            return (!is_none).then_some(at..end);
        }
        here += memchr_iter(b'\n', bytes.get(at..end)?).count() as u64 + 1;
        at = end + 1;
    }
    None
}

/// The record of a canonical table that begins at a line, counted from `first`; blank lines are none.
pub(super) fn find_canonical(bytes: &[u8], columns: usize, first: u64, line: u64) -> Option<Range<usize>> {
    let (mut at, mut here, mut cells) = (0, first, Vec::new());
    while at < bytes.len() && here <= line {
        let record = read_record(bytes, at, columns, &mut cells);
        if here == line {
            return (record.end > at).then_some(at..record.end);
        }
        here += memchr_iter(b'\n', bytes.get(at..record.next)?).count() as u64;
        at = record.next;
    }
    None
}

/// The names in a header; none for a file without one.
pub(super) fn names(header: &[u8], marks: Marks) -> Vec<String> {
    let header = header.strip_prefix(b"\xef\xbb\xbf").unwrap_or(header).trim_ascii();
    let cells = if header.is_empty() { Vec::new() } else { row(header, 0, marks).1 };
    let text = |cell: Range<usize>| String::from_utf8_lossy(header.get(cell).unwrap_or_default()).trim().to_owned();
    cells.into_iter().map(text).collect()
}

/// The cells of a row that are not blank, by the names of their columns.
pub(super) fn leaves(record: &[u8], marks: Marks, names: &[String]) -> Vec<Leaf> {
    let mut leaves = Leaves::default();
    for (number, cell) in row(record, 0, marks).1.into_iter().enumerate() {
        let name = names.get(number).filter(|name| !name.is_empty());
        let path = name.map_or_else(|| format!("column {}", number + 1), Clone::clone);
        leaves.add(record, path, cell, b"");
    }
    leaves.numbered()
}
