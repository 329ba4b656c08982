//! Tables of other systems: Synthea's export, and audit exports that a column map describes.

use std::borrow::Cow;

use memchr::memchr_iter;

use super::decoder::{At, Decoder};
use super::mapped::text::decoded;
use super::mapped::{self, Bound, FileForm, Map, Rows};
use super::synthea::{self, SyntheaTable};
use super::{Chunk, DecodeSink, Expect, Fault, Format};
use crate::model::reject::RejectCode;

/// A table of another system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// People and encounters.
    Synthea { table: SyntheaTable, columns: Box<synthea::Columns>, width: usize },
    /// An access log.
    Export(Box<Export>),
}

/// An audit export and the map that reads it.
#[derive(Clone, Debug)]
pub struct Export {
    map: &'static Map,
    header: Vec<String>,
    pub(super) form: FileForm,
    /// The map, put to the header; each decoder has a copy of its own.
    bound: Bound,
}

impl PartialEq for Export {
    fn eq(&self, other: &Self) -> bool {
        self.map.name == other.map.name && self.header == other.header && self.form == other.form
    }
}

impl Eq for Export {}

impl Export {
    fn new(map: &'static Map, header: Vec<String>, form: FileForm) -> Option<Self> {
        let bound = map.bind(&header).ok()?;
        Some(Self { map, header, form, bound })
    }
}

impl Foreign {
    /// The table that a header line belongs to, where such a table is welcome; `maps` of the site come before those
    /// that are shipped.
    #[must_use]
    pub fn recognise(line: &str, expect: Expect, maps: &'static [Map]) -> Option<Self> {
        let is_log = matches!(expect, Expect::Accesses | Expect::Anything);
        if let Some(map) = Self::titled(line).filter(|_| is_log) {
            return Export::new(map, Vec::new(), map.file.clone()).map(|export| Self::Export(Box::new(export)));
        }
        let form = FileForm { delimiter: Some(mapped::text::delimiter_of(line)), ..FileForm::default() };
        let header: Vec<String> = Rows::new(line, &form).next()?.1.into_iter().map(Cow::into_owned).collect();
        let lower: Vec<String> = header.iter().map(|name| name.trim().to_ascii_lowercase()).collect();
        if expect != Expect::Accesses
            && let Some(table) = synthea::recognise(&lower)
        {
            return Some(Self::Synthea {
                table,
                columns: Box::new(synthea::Columns::bind(&lower)),
                width: header.len(),
            });
        }
        let map = mapped::recognise_among(maps, &header).or_else(|| mapped::recognise(&header)).filter(|_| is_log)?;
        let form = FileForm { delimiter: form.delimiter, ..map.file.clone() };
        Export::new(map, header, form).map(|export| Self::Export(Box::new(export)))
    }

    /// The map of an export without a header, by its title line.
    fn titled(line: &str) -> Option<&'static Map> {
        let is_global = line.trim_start().starts_with("OSEHRA ZGO Export: DG SECURITY LOG");
        Map::shipped().iter().find(|map| is_global && map.name == "vista-security-global")
    }

    /// Under which format its rows are counted.
    #[must_use]
    pub const fn format(&self) -> Format {
        match self {
            Self::Synthea { .. } => Format::SyntheaCsv,
            Self::Export(_) => Format::MappedCsv,
        }
    }
}

impl Foreign {
    /// Where the last whole record ends; 0 when there is none. The bytes begin with a record.
    #[must_use]
    pub fn last_end(&self, bytes: &[u8]) -> usize {
        match self {
            Self::Synthea { .. } => mapped::text::last_row_end(bytes, &FileForm::default()),
            Self::Export(export) => mapped::text::last_row_end(bytes, &export.form),
        }
    }
}

impl Decoder {
    /// Actions that no pattern of the last map knows, the most frequent first.
    #[must_use]
    pub fn unmapped(&self) -> Vec<(String, u64)> {
        self.bound.as_ref().map(|(_, bound)| bound.unmapped()).unwrap_or_default()
    }
}

/// Reads every row of a chunk.
pub(super) fn read_chunk<S: DecodeSink + ?Sized>(
    decoder: &mut Decoder,
    chunk: &Chunk<'_>,
    foreign: &Foreign,
    sink: &mut S,
) {
    match foreign {
        Foreign::Synthea { table, columns, width } => synthea_rows(decoder, chunk, (*table, columns, *width), sink),
        Foreign::Export(export) => export_rows(decoder, chunk, export, sink),
    }
}

fn export_rows<S: DecodeSink + ?Sized>(decoder: &mut Decoder, chunk: &Chunk<'_>, export: &Export, sink: &mut S) {
    let place = chunk.place();
    let same = decoder.bound.take().filter(|(of, _)| of == export);
    let mut bound = same.map_or_else(|| export.bound.clone(), |(_, bound)| bound);
    let (text, _) = decoded(chunk.bytes, export.form.encoding);
    for (line, cells) in Rows::new(&text, &export.form) {
        let at = At { place: &place, line: chunk.first_line + line - 1 };
        decoder.counters.add_records(Format::MappedCsv, 1);
        let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
        match bound.read(&cells, &mut decoder.clock, &mut |event| sink.access(event, at.line)) {
            Ok(count) => decoder.counters.accesses += count,
            Err(fault) => decoder.refuse(at, fault, cells.join("\t").as_bytes(), sink),
        }
    }
    decoder.bound = Some((export.clone(), bound));
}

fn synthea_rows<S: DecodeSink + ?Sized>(
    decoder: &mut Decoder,
    chunk: &Chunk<'_>,
    table: (SyntheaTable, &synthea::Columns, usize),
    sink: &mut S,
) {
    let place = chunk.place();
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(chunk.bytes);
    let (mut record, mut begun, mut line) = (csv::ByteRecord::new(), 0, chunk.first_line);
    loop {
        let found = reader.read_byte_record(&mut record);
        let (start, end) = (begun, reader.position().byte() as usize);
        let bytes = chunk.bytes.get(start..end).unwrap_or_default();
        let at = At { place: &place, line };
        begun = end;
        line += memchr_iter(b'\n', bytes).count() as u64;
        match found {
            Ok(false) => break,
            Ok(true) => synthea_row(decoder, table, &record, at, bytes, sink),
            Err(_) => {
                let fault = Fault::new(RejectCode::InvalidCsv, "the row is no CSV");
                decoder.count_and_refuse(at, fault, bytes, Format::SyntheaCsv, sink);
            }
        }
    }
}

fn synthea_row<S: DecodeSink + ?Sized>(
    decoder: &mut Decoder,
    (table, columns, width): (SyntheaTable, &synthea::Columns, usize),
    record: &csv::ByteRecord,
    at: At<'_>,
    bytes: &[u8],
    sink: &mut S,
) {
    decoder.counters.add_records(Format::SyntheaCsv, 1);
    // Some exports end each row with one comma more.
    let has_extra = record.len() == width + 1 && record.get(width).is_some_and(<[u8]>::is_empty);
    if record.len() != width && !has_extra {
        let sentence = format!("the row has {} cells where the header has {}", record.len(), width);
        return decoder.refuse(at, Fault::new(RejectCode::InvalidCsv, sentence), bytes, sink);
    }
    let cells: Vec<Cow<'_, str>> = record.iter().map(String::from_utf8_lossy).collect();
    let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
    match synthea::updates(table, columns, &cells, &mut decoder.clock) {
        Ok(updates) => updates.into_iter().for_each(|update| decoder.found_context(update, at.line, sink)),
        Err(fault) => decoder.refuse(at, fault, bytes, sink),
    }
}
