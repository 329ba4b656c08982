//! The text of an export: its encoding, and its rows.
//!
//! | encoding | read as |
//! |---|---|
//! | `utf-8` | UTF-8; a byte that is none is taken as windows-1252 and counted |
//! | `windows-1252` | the same as latin-1 but for 0x80 to 0x9f |
//! | `utf-16` | by its byte order mark; without one by where the zero bytes stand |
//!
//! A mark of UTF-16 at the start of a file wins over what the map says.

use std::borrow::Cow;

use memchr::memchr;
use serde::Deserialize;

use crate::decode::csv::QUOTED_LIMIT;

/// How the bytes of a file spell its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
pub enum Encoding {
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    #[serde(rename = "windows-1252")]
    Windows1252,
    #[serde(rename = "utf-16")]
    Utf16,
}

/// Characters of the bytes 0x80 to 0x9f (WHATWG Encoding Standard, windows-1252).
const HIGH: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

fn windows_1252(byte: u8) -> char {
    let place = byte.checked_sub(0x80).map(usize::from);
    place.and_then(|place| HIGH.get(place)).copied().unwrap_or_else(|| char::from(byte))
}

/// Turns the bytes of a file into text, piece by piece.
#[derive(Clone, Debug, Default)]
pub struct Decoding {
    encoding: Encoding,
    is_big_endian: bool,
    has_begun: bool,
    /// Bytes of a character that the next piece completes.
    carry: Vec<u8>,
    /// Bytes that are no UTF-8 and were taken as windows-1252, and halves of UTF-16 characters.
    pub repaired: u64,
}

impl Decoding {
    /// For a file in this encoding.
    #[must_use]
    pub fn new(encoding: Encoding) -> Self {
        Self { encoding, ..Self::default() }
    }

    /// Appends the text of the next bytes to `text`, without a byte order mark.
    pub fn push(&mut self, bytes: &[u8], text: &mut String) {
        let mut bytes = [std::mem::take(&mut self.carry).as_slice(), bytes].concat();
        if !self.has_begun {
            if bytes.len() < 3 {
                self.carry = bytes;
                return;
            }
            let mark = self.begin(&bytes);
            bytes.drain(..mark);
        }
        self.append(&bytes, text);
    }

    /// Appends what is left at the end of the file.
    pub fn finish(&mut self, text: &mut String) {
        let mut bytes = std::mem::take(&mut self.carry);
        if !self.has_begun {
            let mark = self.begin(&bytes);
            bytes.drain(..mark);
            self.append(&bytes, text);
            bytes = std::mem::take(&mut self.carry);
        }
        self.repaired += bytes.len() as u64;
        if self.encoding != Encoding::Utf16 {
            text.extend(bytes.into_iter().map(windows_1252));
        }
    }

    /// Settles the encoding from the first bytes; the length of the mark.
    fn begin(&mut self, bytes: &[u8]) -> usize {
        self.has_begun = true;
        let (encoding, is_big_endian, mark) = match bytes {
            [0xff, 0xfe, ..] => (Encoding::Utf16, false, 2),
            [0xfe, 0xff, ..] => (Encoding::Utf16, true, 2),
            [0xef, 0xbb, 0xbf, ..] => (Encoding::Utf8, false, 3),
            [0, ..] => (self.encoding, true, 0),
            _ => (self.encoding, false, 0),
        };
        (self.encoding, self.is_big_endian) = (encoding, is_big_endian);
        mark
    }

    fn append(&mut self, bytes: &[u8], text: &mut String) {
        match self.encoding {
            Encoding::Utf8 => self.utf8(bytes, text),
            Encoding::Windows1252 => text.extend(bytes.iter().copied().map(windows_1252)),
            Encoding::Utf16 => self.utf16(bytes, text),
        }
    }

    fn utf8(&mut self, bytes: &[u8], text: &mut String) {
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            text.push_str(chunk.valid());
            let may_go_on = std::str::from_utf8(chunk.invalid()).is_err_and(|error| error.error_len().is_none());
            if chunks.peek().is_none() && may_go_on {
                self.carry = chunk.invalid().to_vec();
                return;
            }
            self.repaired += chunk.invalid().len() as u64;
            text.extend(chunk.invalid().iter().copied().map(windows_1252));
        }
    }

    fn utf16(&mut self, bytes: &[u8], text: &mut String) {
        let (pairs, odd) = bytes.as_chunks::<2>();
        let is_big_endian = self.is_big_endian;
        let unit = |pair: &[u8; 2]| if is_big_endian { u16::from_be_bytes(*pair) } else { u16::from_le_bytes(*pair) };
        let is_cut = pairs.last().is_some_and(|pair| (0xd800..0xdc00).contains(&unit(pair)));
        let (whole, cut) = pairs.split_at(pairs.len() - usize::from(is_cut));
        self.carry = [cut.as_flattened(), odd].concat();
        for character in char::decode_utf16(whole.iter().map(unit)) {
            self.repaired += u64::from(character.is_err());
            text.push(character.unwrap_or(char::REPLACEMENT_CHARACTER));
        }
    }
}

/// The text of a whole file, and how many bytes of it had to be guessed.
#[must_use]
pub fn decoded(bytes: &[u8], encoding: Encoding) -> (String, u64) {
    let mut decoding = Decoding::new(encoding);
    let mut text = String::with_capacity(bytes.len());
    decoding.push(bytes, &mut text);
    decoding.finish(&mut text);
    (text, decoding.repaired)
}

/// How rows stand in the text of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileForm {
    /// Between two cells; none = told from the first line.
    pub delimiter: Option<char>,
    /// Around a cell that holds delimiters or line ends.
    pub quote: Option<char>,
    /// The first row names the columns.
    pub has_header: bool,
    pub encoding: Encoding,
    /// Lines that begin with one of these are no rows.
    pub comment: Vec<String>,
}

impl Default for FileForm {
    fn default() -> Self {
        Self { delimiter: None, quote: Some('"'), has_header: true, encoding: Encoding::Utf8, comment: Vec::new() }
    }
}

/// The separator that a line has most of; the comma when it has none.
#[must_use]
pub fn delimiter_of(line: &str) -> char {
    let count = |wanted: char| line.chars().filter(|character| *character == wanted).count();
    // Of equally frequent ones `max_by_key` takes the last.
    ['^', ';', '|', '\t', ','].into_iter().max_by_key(|character| count(*character)).unwrap_or(',')
}

/// The rows of a text, each with the line on which it begins, counted from 1. Blank lines and
/// comments are left out. A quote opens a cell only at its beginning, and only when it closes
/// within [`QUOTED_LIMIT`] before a delimiter or line end; any other quote is a character.
#[derive(Clone, Debug)]
pub struct Rows<'t> {
    rest: &'t str,
    line: u64,
    delimiter: char,
    quote: Option<char>,
    comment: Vec<String>,
}

impl<'t> Rows<'t> {
    /// The rows of `text`, the header among them.
    #[must_use]
    pub fn new(text: &'t str, form: &FileForm) -> Self {
        let is_comment = |line: &&str| form.comment.iter().any(|mark| line.starts_with(mark.as_str()));
        let first = text.lines().find(|line| !line.trim().is_empty() && !is_comment(line)).unwrap_or_default();
        let delimiter = form.delimiter.unwrap_or_else(|| delimiter_of(first));
        Self { rest: text, line: 1, delimiter, quote: form.quote, comment: form.comment.clone() }
    }

    /// Goes past a line that is no row.
    fn skip_line(&mut self) -> bool {
        let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
        let is_skipped =
            line.trim().is_empty() || self.comment.iter().any(|mark| line.trim_start().starts_with(mark.as_str()));
        if is_skipped && !self.rest.is_empty() {
            self.rest = rest;
            self.line += 1;
            return true;
        }
        false
    }

    /// The cell that begins the rest, and what follows it: a delimiter, a line end or nothing.
    fn cell(&self, rest: &'t str) -> (Cow<'t, str>, &'t str) {
        if let Some(found) = self.quote.and_then(|quote| quoted(rest, self.delimiter, quote)) {
            return found;
        }
        let end = rest.find([self.delimiter, '\n']).unwrap_or(rest.len());
        let (text, after) = rest.split_at(end);
        let is_last = !after.starts_with(self.delimiter);
        (Cow::Borrowed(if is_last { text.strip_suffix('\r').unwrap_or(text) } else { text }), after)
    }
}

impl<'t> Iterator for Rows<'t> {
    type Item = (u64, Vec<Cow<'t, str>>);

    fn next(&mut self) -> Option<Self::Item> {
        while self.skip_line() {}
        if self.rest.is_empty() {
            return None;
        }
        let (start, first_line) = (self.rest, self.line);
        let mut cells = Vec::new();
        loop {
            let (cell, after) = self.cell(self.rest);
            cells.push(cell);
            if let Some(rest) = after.strip_prefix(self.delimiter) {
                self.rest = rest;
                continue;
            }
            self.rest = after.strip_prefix('\n').unwrap_or(after);
            break;
        }
        let read = start.get(..start.len() - self.rest.len()).unwrap_or_default();
        self.line += read.bytes().filter(|byte| *byte == b'\n').count() as u64;
        Some((first_line, cells))
    }
}

/// Where the last whole row ends, by the rule of [`Rows`]; 0 when there is none. The bytes begin with a row. A quoted
/// cell that does not close in them may close in what follows.
#[must_use]
pub fn last_row_end(bytes: &[u8], form: &FileForm) -> usize {
    let Some(quote) = form.quote.and_then(|quote| u8::try_from(quote).ok()) else {
        return memchr::memrchr(b'\n', bytes).map_or(0, |at| at + 1);
    };
    let delimiter = form.delimiter.and_then(|delimiter| u8::try_from(delimiter).ok()).unwrap_or(b',');
    let (mut end, mut at) = (0, 0);
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr2(quote, b'\n', rest)) {
        let place = at + found;
        at = place + 1;
        if bytes.get(place) == Some(&b'\n') {
            end = at;
            continue;
        }
        let before = place.checked_sub(1).and_then(|before| bytes.get(before));
        if before.is_none_or(|byte| *byte == delimiter || *byte == b'\n') {
            match quoted_length(&bytes[at..], delimiter, quote, false) {
                Some(length) => at += length,
                None if bytes.len() - at < QUOTED_LIMIT => break,
                None => {}
            }
        }
    }
    end
}

/// How far the closing quote of a cell is, with itself; none where the quote is only a character. `is_all` says that
/// nothing follows the bytes.
pub(in crate::decode) fn quoted_length(bytes: &[u8], delimiter: u8, quote: u8, is_all: bool) -> Option<usize> {
    let window = bytes.get(..bytes.len().min(QUOTED_LIMIT))?;
    let mut at = 0;
    loop {
        at += memchr(quote, window.get(at..)?)? + 1;
        let closes = match (bytes.get(at), bytes.get(at + 1)) {
            (Some(next), _) if *next == quote => {
                at += 1;
                continue;
            }
            (Some(b'\r'), Some(b'\n')) | (Some(b'\n'), _) => true,
            (Some(b'\r'), None) | (None, _) => is_all,
            (Some(next), _) => *next == delimiter,
        };
        return closes.then_some(at);
    }
}

/// A cell in quotes; none where the quote is only a character.
fn quoted(rest: &str, delimiter: char, quote: char) -> Option<(Cow<'_, str>, &str)> {
    let inner = rest.strip_prefix(quote)?;
    let (delimiter, mark) = (u8::try_from(delimiter).ok()?, u8::try_from(quote).ok()?);
    let length = quoted_length(inner.as_bytes(), delimiter, mark, true)?;
    let (text, after) = (inner.get(..length - 1)?, inner.get(length..)?);
    let single = quote.to_string();
    let text =
        if text.contains(quote) { Cow::Owned(text.replace(&single.repeat(2), &single)) } else { Cow::Borrowed(text) };
    Some((text, after.strip_prefix('\r').unwrap_or(after)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<(u64, String)> {
        let form = FileForm { comment: vec!["#".to_owned()], ..FileForm::default() };
        Rows::new(text, &form).map(|(line, cells)| (line, cells.join("~"))).collect()
    }

    #[test]
    fn windows_1252_is_read_as_it_was_meant() {
        assert_eq!(decoded(b"M\xfcller \x80 \x93x\x94", Encoding::Windows1252).0, "Müller € “x”");
    }

    #[test]
    fn a_byte_that_is_no_utf_8_is_taken_as_windows_1252_and_counted() {
        assert_eq!(decoded("é".as_bytes(), Encoding::Utf8), ("é".to_owned(), 0));
        assert_eq!(decoded(b"\xef\xbb\xbfcaf\xe9 x", Encoding::Utf8), ("café x".to_owned(), 1));
        assert_eq!(decoded(b"caf\xe9", Encoding::Utf8), ("café".to_owned(), 1));
    }

    #[test]
    fn utf_16_is_read_in_both_byte_orders_with_and_without_a_mark() {
        let little: Vec<u8> = "aß😀".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = "aß😀".encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [little.clone(), big.clone(), [&[0xff_u8, 0xfe][..], little.as_slice()].concat()] {
            assert_eq!(decoded(&bytes, Encoding::Utf16), ("aß😀".to_owned(), 0));
        }
        // The mark wins over the map.
        assert_eq!(decoded(&[&[0xfe_u8, 0xff][..], big.as_slice()].concat(), Encoding::Utf8).0, "aß😀");
    }

    #[test]
    fn cutting_the_bytes_anywhere_gives_the_same_text() {
        let utf_16: Vec<u8> = "aß😀b".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (bytes, encoding) in [("aß😀b".as_bytes(), Encoding::Utf8), (utf_16.as_slice(), Encoding::Utf16)] {
            for size in 1..bytes.len() {
                let (mut decoding, mut text) = (Decoding::new(encoding), String::new());
                bytes.chunks(size).for_each(|piece| decoding.push(piece, &mut text));
                decoding.finish(&mut text);
                assert_eq!((text.as_str(), decoding.repaired), ("aß😀b", 0), "{encoding:?} {size}");
            }
        }
    }

    #[test]
    fn rows_have_their_lines_and_quotes_hold_delimiters_and_line_ends() {
        let found = rows("# made today\na,b\r\n\n\"1,\r\n\"\"x\"\"\",2\n3,4");
        let expected = [(2, "a~b"), (4, "1,\r\n\"x\"~2"), (6, "3~4")].map(|(line, row)| (line, row.to_owned()));
        assert_eq!(found, expected);
    }

    #[test]
    fn a_quote_that_does_not_close_is_a_character() {
        assert_eq!(rows("a,b\n\"1,2\n3,4\n")[1], (2, "\"1~2".to_owned()));
        assert_eq!(rows("a,b\n\"big\" p,2\n")[1], (2, "\"big\" p~2".to_owned()));
    }

    #[test]
    fn the_delimiter_is_told_from_the_first_line() {
        for (text, expected) in [("a\tb\n1\t2", "1~2"), ("a|b\n1,5|2", "1,5~2"), ("a;b\n1;2", "1~2"), ("a\n1", "1")] {
            assert_eq!(rows(text)[1].1, expected);
        }
    }

    proptest::proptest! {
        #[test]
        fn cutting_between_rows_does_not_show(text in "[ab,\"\r\n]{0,40}", at in 0..40_usize) {
            let form = FileForm { delimiter: Some(','), ..FileForm::default() };
            let cells = |text: &str| Rows::new(text, &form).map(|(_, cells)| cells.concat()).collect::<Vec<_>>();
            let cut = last_row_end(&text.as_bytes()[..at.min(text.len())], &form);
            let parts = [&text[..cut], &text[cut..]].map(cells).concat();
            proptest::prop_assert_eq!(parts, cells(&text));
        }
    }
}
