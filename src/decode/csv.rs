//! CSV records (RFC 4180, comma, UTF-8): where one ends, what its cells are.
//!
//! The reader that cuts a file into blocks and the decoder that reads a block use the same rules,
//! so a block boundary never changes what is read:
//!
//! - A quote opens a quoted cell only at the beginning of a cell; elsewhere it is a character.
//! - A quoted cell may hold line ends. It must close within [`QUOTED_LIMIT`] of its record's start
//!   and be followed by a comma or a line end.
//! - A record that breaks these rules, or that spans several lines and has the wrong number of
//!   cells, loses its first line; reading goes on at the next line.

use std::borrow::Cow;

use memchr::{memchr, memrchr};

use super::scan::{all_commas, find, find_either};

/// How far from its start a record with quoted line ends may reach.
pub const QUOTED_LIMIT: usize = 1 << 20;

/// A cell as a range of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    start: usize,
    end: usize,
    /// Holds doubled quotes.
    is_escaped: bool,
}

impl Cell {
    /// The cell's text; borrowed unless it holds doubled quotes. Empty where the text does not reach so far, as when a record
    /// turned out to be broken after its first cells.
    #[must_use]
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let cell = text.get(self.start..self.end).unwrap_or_default();
        if self.is_escaped { Cow::Owned(cell.replace("\"\"", "\"")) } else { Cow::Borrowed(cell) }
    }

    /// The same cell in a text that begins at `start` of this one.
    #[must_use]
    pub const fn moved(self, start: usize) -> Self {
        Self { start: self.start - start, end: self.end - start, is_escaped: self.is_escaped }
    }
}

/// Why a record cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// A quoted cell does not close, or only where the record makes no sense.
    UnclosedQuote,
    /// Text follows a closing quote.
    TextAfterQuote,
    /// So many cells, where the header has another number.
    CellCount(usize),
}

/// What begins at a record's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// The end of the record's text, without its line end.
    pub end: usize,
    /// Where the next record begins.
    pub next: usize,
    /// Why it is none; then `end` and `next` are those of its first line.
    pub broken: Option<Broken>,
}

/// Reads the record at `start` into `cells`. The text must reach to the end of the record or of
/// the input, or hold [`QUOTED_LIMIT`] bytes more.
pub fn read_record(bytes: &[u8], start: usize, columns: usize, cells: &mut Vec<Cell>) -> Record {
    cells.clear();
    let result = read_cells(bytes, start, cells);
    if let Ok((end, next)) = result
        && cells.len() == columns
    {
        return Record { end, next, broken: None };
    }
    let first = line(bytes, start);
    let broken = match result {
        Ok((_, next)) if next == first.next => Broken::CellCount(cells.len()),
        Ok(_) => Broken::UnclosedQuote,
        Err(broken) => broken,
    };
    Record { broken: Some(broken), ..first }
}

/// The line at `start`.
fn line(bytes: &[u8], start: usize) -> Record {
    let (end, next) = match memchr(b'\n', &bytes[start..]) {
        Some(length) => (start + length, start + length + 1),
        None => (bytes.len(), bytes.len()),
    };
    Record { end: without_return(bytes, start, end), next, broken: None }
}

/// `end`, or one less where a carriage return stands before it.
#[must_use]
pub fn without_return(bytes: &[u8], start: usize, end: usize) -> usize {
    if end > start && bytes[end - 1] == b'\r' { end - 1 } else { end }
}

/// Reads cells up to the record's end; returns that end and the next record's start.
fn read_cells(bytes: &[u8], start: usize, cells: &mut Vec<Cell>) -> Result<(usize, usize), Broken> {
    let mut at = start;
    loop {
        let (cell, after) = match bytes.get(at) {
            Some(b'"') => quoted_cell(bytes, start, at)?,
            _ => {
                let rest = &bytes[at..];
                let length = find_either(rest, b',', b'\n').unwrap_or(rest.len());
                let after = at + length;
                let is_last = bytes.get(after) != Some(&b',');
                let end = if is_last { without_return(bytes, at, after) } else { after };
                (Cell { start: at, end, is_escaped: false }, after)
            }
        };
        cells.push(cell);
        match bytes.get(after) {
            Some(b',') => at = after + 1,
            Some(b'\n') => return Ok((without_return(bytes, start, after), after + 1)),
            _ => return Ok((without_return(bytes, start, bytes.len()), bytes.len())),
        }
    }
}

/// Reads the quoted cell at `at`; returns it and the position of the comma or line feed after it.
fn quoted_cell(bytes: &[u8], record: usize, at: usize) -> Result<(Cell, usize), Broken> {
    let limit = bytes.len().min(record.saturating_add(QUOTED_LIMIT));
    let (close, is_escaped) = closing_quote(&bytes[..limit], at).ok_or(Broken::UnclosedQuote)?;
    let cell = Cell { start: at + 1, end: close, is_escaped };
    match &bytes[close + 1..] {
        [b',' | b'\n', ..] | [] => Ok((cell, close + 1)),
        [b'\r', b'\n', ..] | [b'\r'] => Ok((cell, close + 2)),
        _ if memchr(b'\n', &bytes[record..close]).is_some() => Err(Broken::UnclosedQuote),
        _ => Err(Broken::TextAfterQuote),
    }
}

/// The quote that closes the one at `at`, and whether doubled quotes stand between.
fn closing_quote(bytes: &[u8], at: usize) -> Option<(usize, bool)> {
    let mut is_escaped = false;
    let mut from = at + 1;
    loop {
        let quote = from + find(bytes.get(from..)?, b'"')?;
        if bytes.get(quote + 1) != Some(&b'"') {
            return Some((quote, is_escaped));
        }
        is_escaped = true;
        from = quote + 2;
    }
}

/// The end of the last record in `bytes` that more text cannot change; 0 when there is none.
/// `bytes` begins at a record's start.
#[must_use]
pub fn last_record_end(bytes: &[u8], columns: usize) -> usize {
    let mut cells = Vec::new();
    // Every record before `settled` has been read and keeps its end.
    let mut settled = 0;
    while let Some(length) = memchr(b'"', &bytes[settled..]) {
        let quote = settled + length;
        let start = memrchr(b'\n', &bytes[settled..quote]).map_or(settled, |at| settled + at + 1);
        let record = read_record(bytes, start, columns, &mut cells);
        // More text may lengthen the last line, or close a quote within the limit.
        let is_last = record.next == bytes.len() && bytes.last() != Some(&b'\n');
        let may_close = record.broken == Some(Broken::UnclosedQuote) && start + QUOTED_LIMIT > bytes.len();
        if is_last || may_close {
            return start;
        }
        settled = record.next;
    }
    memrchr(b'\n', &bytes[settled..]).map_or(settled, |at| settled + at + 1)
}

/// Splits a line without quotes; `false` when it has not exactly as many cells as `slots`.
/// Cells go to `row` at their slot; several columns may share one that nobody reads.
#[inline]
pub fn split_plain<'a>(line: &'a str, slots: &[u8], row: &mut [&'a str]) -> bool {
    let mut start = 0;
    let mut column = 0;
    let has_room = all_commas(line.as_bytes(), |comma| {
        let Some(slot) = slots.get(column) else { return false };
        row[*slot as usize] = &line[start..comma];
        start = comma + 1;
        column += 1;
        true
    });
    if !has_room || column + 1 != slots.len() {
        return false;
    }
    row[slots[column] as usize] = &line[start..];
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every record of `text`: its cells, or what broke it.
    fn records(text: &str, columns: usize) -> Vec<Result<Vec<String>, Broken>> {
        let (mut cells, mut at, mut found) = (Vec::new(), 0, Vec::new());
        while at < text.len() {
            let record = read_record(text.as_bytes(), at, columns, &mut cells);
            found.push(match record.broken {
                Some(broken) => Err(broken),
                None => Ok(cells.iter().map(|cell| cell.text(text).into_owned()).collect()),
            });
            at = record.next;
        }
        found
    }

    fn row(cells: &[&str]) -> Result<Vec<String>, Broken> {
        Ok(cells.iter().map(|cell| (*cell).to_owned()).collect())
    }

    #[test]
    fn quotes_hold_commas_line_ends_and_quotes() {
        assert_eq!(
            records("a,\"b,\r\nc\",\"say \"\"x\"\"\"\r\n1,2\" wide,\"\"\n", 3),
            [row(&["a", "b,\r\nc", "say \"x\""]), row(&["1", "2\" wide", ""])]
        );
        assert_eq!(records("a,b,c", 3), [row(&["a", "b", "c"])]);
        assert_eq!(records("a,b,\r\n", 3), [row(&["a", "b", ""])]);
    }

    #[test]
    fn a_broken_record_costs_its_first_line_only() {
        assert_eq!(records("\"a,b\n1,2\n", 2), [Err(Broken::UnclosedQuote), row(&["1", "2"])]);
        assert_eq!(records("x,\"a\n\"b\",2\n", 2), [Err(Broken::UnclosedQuote), row(&["b", "2"])]);
        assert_eq!(records("\"a\"b,2\n1,2\n", 2), [Err(Broken::TextAfterQuote), row(&["1", "2"])]);
        assert_eq!(records("1,2,3\n1,2\n", 2), [Err(Broken::CellCount(3)), row(&["1", "2"])]);
        // The quote closes on the next line, and the cells do not add up.
        assert_eq!(
            records("\"a\n1,2\",3,4\n4,5\n", 2),
            [Err(Broken::UnclosedQuote), Err(Broken::CellCount(4)), row(&["4", "5"])]
        );
    }

    #[test]
    fn a_quote_is_not_looked_for_further_than_the_limit() {
        let filler = "1,2\n".repeat(QUOTED_LIMIT / 4 + 1);
        let text = format!("\"a,b\n{filler}3,\"4\"\n");
        let found = records(&text, 2);
        assert_eq!(found[0], Err(Broken::UnclosedQuote));
        assert_eq!(found.len(), QUOTED_LIMIT / 4 + 3);
    }

    #[test]
    fn plain_lines_go_to_their_slots() {
        let mut cells = [""; 3];
        assert!(split_plain("a,b,,d", &[1, 2, 0, 2], &mut cells));
        assert_eq!(cells, ["", "a", "d"]);
        assert!(!split_plain("a,b", &[0, 1, 2], &mut cells));
        assert!(!split_plain("a,b,c,d", &[0, 1, 2], &mut cells));
    }

    proptest! {
        #[test]
        fn agrees_with_the_csv_crate_on_well_formed_text(
            rows in proptest::collection::vec(proptest::collection::vec("[ab\",\r\n é]{0,4}", 3), 1..6)
        ) {
            let mut writer = csv::Writer::from_writer(Vec::new());
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
            let found: Vec<_> = records(&text, 3).into_iter().map(Result::unwrap).collect();
            prop_assert_eq!(found, rows);
        }

        #[test]
        fn cutting_anywhere_gives_the_same_records(text in r#"([ab]|"|,|,"|"\n|\n|\r\n|""){0,60}"#, size in 1_usize..40) {
            let (mut pieces, mut start, mut end) = (Vec::new(), 0, 0);
            while start < text.len() {
                end = (end + size).min(text.len());
                let whole = end == text.len();
                let cut = if whole { text.len() } else { start + last_record_end(&text.as_bytes()[start..end], 2) };
                pieces.extend(records(&text[start..cut], 2));
                start = cut;
            }
            prop_assert_eq!(pieces, records(&text, 2), "{:?}", text);
        }
    }
}
