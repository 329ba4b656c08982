//! The records of a file that stand at a line, each by itself, and what one says when nothing else is read.

use std::sync::Arc;

use memchr::memchr_iter;

use super::delimited::{self, Marks};
use super::{Leaf, MAX_BYTES, MAX_LEAVES, MAX_WORK, Outcome, Told, hl7, json, keyed, xml};
use crate::decode::foreign::Foreign;
use crate::decode::format::Body;
use crate::decode::hl7::visit_messages;
use crate::decode::json::visit_document;
use crate::decode::mapped::FileForm;
use crate::decode::xml::visit_records;
use crate::decode::{At, Chunk, Decoder, Format, Layout, epic, fhir, file_place, framed, messages};

/// As many records of one line are kept.
pub const MAX_RECORDS: usize = 20;

/// A record by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alone {
    /// Its text; of an XML document also the tags around it.
    pub bytes: Vec<u8>,
    /// In the order of their places. None where the record cannot be split.
    pub leaves: Vec<Leaf>,
}

impl Alone {
    /// Whether it is too long, or has too many leaves, to be read once for each of them.
    #[must_use]
    pub const fn is_too_large(&self) -> bool {
        let (bytes, leaves) = (self.bytes.len(), self.leaves.len());
        bytes > MAX_BYTES || leaves > MAX_LEAVES || bytes * leaves > MAX_WORK
    }
}

/// The records that stand at a line.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The first of them, at most [`MAX_RECORDS`].
    pub records: Vec<Alone>,
    /// How many more there are.
    pub more: u64,
}

impl Found {
    fn push(&mut self, make: impl FnOnce() -> Alone) {
        if self.records.len() < MAX_RECORDS {
            self.records.push(make());
        } else {
            self.more += 1;
        }
    }
}

/// Adds the records of a chunk that begin at a line, numbered as its decoder numbers them. `header` is what stands
/// before the records of the file; names of columns are taken from it. A record that is cut off is not found.
pub fn find(chunk: &Chunk<'_>, header: &[u8], line: u64, found: &mut Found) {
    let (bytes, first) = (chunk.bytes, chunk.first_line);
    if !(first..=first + newlines(bytes)).contains(&line) {
        return;
    }
    let (place, marks, header) = match &chunk.layout.body {
        Body::AccessCsv(columns) | Body::TableCsv(_, columns) => {
            (delimited::find_canonical(bytes, columns.slots.len(), first, line), Marks::CSV, header)
        }
        Body::Foreign(Foreign::Synthea { .. }) => {
            (delimited::find(bytes, &FileForm::default(), first, line), Marks::CSV, header)
        }
        Body::Foreign(Foreign::Export(export)) => {
            let header: &[u8] = if export.form.has_header { header } else { b"" };
            (delimited::find(bytes, &export.form, first, line), Marks::of(&export.form), header)
        }
        Body::Lines(_) => return find_line(chunk, line, found),
        Body::Document(_) => {
            find_elements(bytes, first, line, found);
            return;
        }
        Body::Messages(_) => return find_messages(chunk, line, found),
        Body::Hl7 => return find_hl7(chunk, line, found),
        Body::Columnar => return,
    };
    if let Some(row) = place.and_then(|place| bytes.get(place)) {
        let names = delimited::names(header, marks);
        found.push(|| Alone { bytes: row.to_vec(), leaves: delimited::leaves(row, marks, &names) });
    }
}

/// What a record says to a fresh decoder, when nothing else is read, and the format under which it is counted.
#[must_use]
pub fn decode(record: &[u8], layout: &Layout, fresh: &Decoder) -> (Vec<Outcome>, Format) {
    let file: Arc<str> = "".into();
    let (mut decoder, mut told) = (fresh.clone(), Told::default());
    if let Body::Messages(expect) = &layout.body {
        // A message by itself does not end where a file of them would cut it.
        decoder.message(record, *expect, At { place: &file_place(&file), line: 1 }, &mut told);
    } else {
        decoder.chunk(&Chunk { bytes: record, file: &file, first_line: 1, layout }, &mut told);
    }
    let format = decoder.counters().formats().into_keys().next().unwrap_or(layout.format);
    (told.0, format)
}

fn newlines(bytes: &[u8]) -> u64 {
    memchr_iter(b'\n', bytes).count() as u64
}

fn json_record(text: &[u8]) -> Alone {
    Alone { bytes: text.to_vec(), leaves: json::leaves(text, 0) }
}

/// The resource of an entry in a Bundle of its own, so that the entry's `fullUrl` counts.
fn entry_record(url: &[u8], resource: &[u8]) -> Alone {
    let head = br#"{"resourceType":"Bundle","entry":[{"fullUrl":"#.as_slice();
    let before = [head, url, br#","resource":"#].concat();
    let bytes = [before.as_slice(), resource, b"}]}"].concat();
    let span = head.len()..head.len() + url.len();
    let url = Leaf { path: "fullUrl".to_owned(), span, blank: b"null" };
    let leaves = std::iter::once(url).chain(json::leaves(&bytes, before.len())).collect();
    Alone { bytes, leaves }
}

/// The object of a line, or the entries of the Bundle in it.
fn find_line(chunk: &Chunk<'_>, line: u64, found: &mut Found) {
    let number = usize::try_from(line - chunk.first_line).ok();
    let text = number.and_then(|number| chunk.bytes.split(|byte| *byte == b'\n').nth(number)).unwrap_or_default();
    let is_bundle = std::str::from_utf8(text).is_ok_and(fhir::is_bundle);
    if is_bundle && find_elements(text, line, line, found) > 0 {
        return;
    }
    if !text.trim_ascii().is_empty() {
        found.push(|| json_record(text));
    }
}

/// The objects of a document, or the entries of its Bundles, that begin at a line; how many.
fn find_elements(bytes: &[u8], first: u64, line: u64, found: &mut Found) -> usize {
    let (mut here, mut counted, mut count) = (first, 0, 0);
    // What does not end is a reject without leaves.
    let _ = visit_document(bytes, &mut |entry| {
        here += newlines(bytes.get(counted..entry.start).unwrap_or_default());
        counted = entry.start;
        if let Some(text) = entry.record.filter(|_| here == line) {
            count += 1;
            found.push(|| entry.full_url.map_or_else(|| json_record(text), |url| entry_record(url, text)));
        }
    });
    count
}

fn find_hl7(chunk: &Chunk<'_>, line: u64, found: &mut Found) {
    let (mut here, mut counted) = (chunk.first_line, 0);
    visit_messages(chunk.bytes, &mut |message, offset| {
        here += newlines(chunk.bytes.get(counted..offset).unwrap_or_default());
        counted = offset;
        if here == line {
            found.push(|| Alone { bytes: message.to_vec(), leaves: hl7::leaves(message) });
        }
    });
}

fn find_messages(chunk: &Chunk<'_>, line: u64, found: &mut Found) {
    let (mut here, mut counted, mut at) = (chunk.first_line, 0, 0);
    while let Some(cut) = messages::next(chunk.bytes, at) {
        here += newlines(chunk.bytes.get(counted..cut.start).unwrap_or_default());
        (counted, at) = (cut.start, cut.end.max(at + 1));
        let record = chunk.bytes.get(cut.start..cut.end).unwrap_or_default();
        if here > line {
            return;
        }
        if here + newlines(record) >= line && framed::is_usable(record, cut) {
            find_in_message(record, here, line, found);
        }
    }
}

/// The records of a message that stand at a line, where the message begins in line `first`.
fn find_in_message(record: &[u8], first: u64, line: u64, found: &mut Found) {
    let text = framed::text_of(record);
    let (_, body) = framed::parts(&text);
    let start = text.len() - body.len();
    let header = || keyed::header(&text, start);
    let whole = |leaves| Alone { bytes: text.as_bytes().to_vec(), leaves };
    if body.starts_with('<') {
        let mut places = Vec::new();
        let end = visit_records(body, None, &mut |record| {
            if first + record.line.saturating_sub(1) == line {
                places.push(record.range);
            }
        });
        if end.is_err() && first == line {
            found.push(|| whole(Vec::new()));
        }
        for place in places {
            found.push(|| xml::alone(&text, start, &place, header()).unwrap_or_else(|| whole(Vec::new())));
        }
    } else if first == line && body.starts_with('{') {
        let leaves = header().numbered().into_iter().chain(json::leaves(text.as_bytes(), start));
        found.push(|| whole(leaves.collect()));
    } else if first == line && epic::looks_like(body) {
        found.push(|| whole(keyed::leaves(&text, start, header())));
    } else if first == line {
        found.push(|| whole(header().numbered()));
    }
}
