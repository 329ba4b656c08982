//! Reads chunks and messages, and counts.

use std::sync::Arc;

use memchr::memchr_iter;

use super::canonical::ndjson::{Flat, Kind, not_json};
use super::canonical::{self, Row};
use super::context::{self, Table};
use super::crosswalk::Crosswalk;
use super::foreign::Export;
use super::format::{Body, Expect};
use super::json::visit_document;
use super::mapped::Bound;
use super::rows::{not_utf8, too_long};
use super::time::LocalClock;
use super::{Chunk, Counters, DecodeSink, Fault, Format, MAX_RECORD, fhir, foreign, hl7, messages};
use crate::model::context::{ContextRecord, ContextUpdate};
use crate::model::reject::{Place, Reject, RejectCode};
use crate::model::time::{Timestamp, Zone};

/// Where a record stands. `line` replaces the line of a file's place.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    pub place: &'a Place,
    pub line: u64,
}

impl At<'_> {
    fn place(&self) -> Place {
        match self.place {
            Place::File { file, .. } => Place::File { file: file.clone(), line: self.line },
            place @ Place::Kafka { .. } => place.clone(),
        }
    }
}

/// The formats under which JSON records of one container are counted.
#[derive(Clone, Copy)]
pub(super) struct JsonFormats {
    canonical: Format,
    fhir: Format,
}

pub(super) const LINES: JsonFormats = JsonFormats { canonical: Format::CanonicalNdjson, fhir: Format::FhirNdjson };
const DOCUMENT: JsonFormats = JsonFormats { canonical: Format::CanonicalJson, fhir: Format::FhirJson };

/// Decodes chunks of files, rows of tables and messages. Each worker has its own. Of accesses and tables nothing but
/// the counts is kept from one chunk to the next; feeds of HL7 v2 and FHIR must be read by one decoder, in order.
#[derive(Clone, Debug)]
pub struct Decoder {
    pub(super) clock: LocalClock,
    pub(super) counters: Counters,
    /// What HL7 v2 messages said so far: later ones refer to it.
    pub(super) desk: hl7::Desk,
    /// What FHIR resources said so far: newer ones complete and end it.
    pub(super) fhir_desk: fhir::resources::Desk,
    /// `fullUrl` of the entry of a Bundle that is read.
    full_url: Option<String>,
    /// The column map that is in use, put to the file's header.
    pub(super) bound: Option<(Export, Bound)>,
    /// Which ids mean one person.
    pub(super) crosswalk: Option<Arc<Crosswalk>>,
}

impl Decoder {
    /// A decoder for a facility in `zone`.
    #[must_use]
    pub fn new(zone: Zone) -> Self {
        Self {
            clock: LocalClock::new(zone),
            counters: Counters::default(),
            desk: hl7::Desk::default(),
            fhir_desk: fhir::resources::Desk::default(),
            full_url: None,
            bound: None,
            crosswalk: None,
        }
    }

    /// The same decoder, whose ids of users and patients are those that the crosswalk says.
    #[must_use]
    pub fn with_crosswalk(self, crosswalk: Option<Arc<Crosswalk>>) -> Self {
        Self { crosswalk, ..self }
    }

    /// What was counted so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let mut counters = self.counters.clone();
        (counters.local_repeated, counters.local_skipped) = (self.clock.repeated, self.clock.skipped);
        counters
    }

    pub(super) fn read_chunk<S: DecodeSink + ?Sized>(&mut self, chunk: &Chunk<'_>, sink: &mut S) {
        match &chunk.layout.body {
            Body::AccessCsv(columns) => canonical::csv::read_chunk(self, chunk, columns, sink),
            Body::TableCsv(table, columns) => context::csv::read_chunk(self, chunk, *table, columns, sink),
            Body::Lines(expect) => self.lines(chunk, *expect, sink),
            Body::Messages(expect) => self.messages(chunk, *expect, sink),
            Body::Hl7 => self.hl7_messages(chunk, sink),
            Body::Foreign(foreign) => foreign::read_chunk(self, chunk, foreign, sink),
            Body::Document(expect) => self.document(chunk, *expect, sink),
            Body::Columnar => {}
        }
    }

    fn lines<S: DecodeSink + ?Sized>(&mut self, chunk: &Chunk<'_>, expect: Expect, sink: &mut S) {
        let place = chunk.place();
        let whole = std::str::from_utf8(chunk.bytes).ok();
        let mut start = 0;
        let mut line = chunk.first_line;
        while start < chunk.bytes.len() {
            let end = memchr::memchr(b'\n', &chunk.bytes[start..]).map_or(chunk.bytes.len(), |length| start + length);
            let bytes = &chunk.bytes[start..end];
            let text = match whole {
                Some(whole) => Ok(&whole[start..end]),
                None => std::str::from_utf8(bytes).map_err(|_| not_utf8()),
            };
            let at = At { place: &place, line };
            match text {
                _ if bytes.len() > MAX_RECORD => {
                    self.count_and_refuse(at, too_long(), bytes, chunk.layout.format, sink)
                }
                Ok(text) if text.bytes().all(|byte| byte.is_ascii_whitespace()) => {}
                Ok(text) => self.json(text, expect, LINES, at, sink),
                Err(fault) => self.count_and_refuse(at, fault, bytes, chunk.layout.format, sink),
            }
            start = end + 1;
            line += 1;
        }
    }

    fn document<S: DecodeSink + ?Sized>(&mut self, chunk: &Chunk<'_>, expect: Expect, sink: &mut S) {
        let place = chunk.place();
        let (mut line, mut counted, mut reached) = (chunk.first_line, 0, 0);
        let mut line_of = |offset: usize| {
            line += memchr_iter(b'\n', &chunk.bytes[counted..offset]).count() as u64;
            counted = offset;
            line
        };
        let end = visit_document(chunk.bytes, &mut |entry| {
            let at = At { place: &place, line: line_of(entry.start) };
            reached = entry.start + entry.record.map_or(0, <[u8]>::len);
            self.full_url = entry.full_url.and_then(|url| serde_json::from_slice(url).ok());
            match entry.record {
                Some(text) if text.len() > MAX_RECORD => {
                    self.count_and_refuse(at, too_long(), text, chunk.layout.format, sink);
                }
                Some(text) => match std::str::from_utf8(text) {
                    Ok(text) => self.json(text, expect, DOCUMENT, at, sink),
                    Err(_) => self.count_and_refuse(at, not_utf8(), text, chunk.layout.format, sink),
                },
                None => self.count_and_refuse(at, no_resource(), b"", chunk.layout.format, sink),
            }
        });
        self.full_url = None;
        if let Err(offset) = end {
            // Of a Bundle that is cut off, whole entries have been read.
            let offset = offset.max(reached).min(chunk.bytes.len());
            let rest = &chunk.bytes[offset..];
            let at = At { place: &place, line: line_of(offset) };
            let sentence = "not valid JSON: what follows here does not end, or is no object";
            self.count_and_refuse(at, Fault::new(RejectCode::InvalidJson, sentence), rest, chunk.layout.format, sink);
        }
    }

    pub(super) fn read_access<S: DecodeSink + ?Sized>(&mut self, value: &[u8], at: At<'_>, sink: &mut S) {
        if messages::looks_like(value) {
            return self.message_value(value, Expect::Accesses, at, sink);
        }
        let fault = match std::str::from_utf8(value) {
            _ if value.len() > MAX_RECORD => too_long(),
            Err(_) => not_utf8(),
            Ok(text) => return self.json(text.trim_start_matches('\u{feff}'), Expect::Accesses, LINES, at, sink),
        };
        self.count_and_refuse(at, fault, value, Format::CanonicalNdjson, sink);
    }

    pub(super) fn read_context<S: DecodeSink + ?Sized>(
        &mut self,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp: Timestamp,
        at: At<'_>,
        sink: &mut S,
    ) {
        self.counters.add_records(Format::ContextNdjson, 1);
        let key = key.filter(|key| !key.is_empty()).map(|key| context::message_key(at.place, key));
        let result = match (value, key) {
            (Some(value), key) => self.context_value(value, key, timestamp),
            (None, Some(key)) => Ok(ContextUpdate { key, record: None, withdrawn_at: timestamp }),
            (None, None) => {
                Err(Fault::new(RejectCode::MissingField, "a message without key and value withdraws nothing"))
            }
        };
        match result {
            Ok(update) => self.found_context(update, at.line, sink),
            Err(fault) => self.refuse(at, fault, value.unwrap_or_default(), sink),
        }
    }

    fn context_value(&mut self, value: &[u8], key: Option<String>, at: Timestamp) -> Result<ContextUpdate, Fault> {
        if value.len() > MAX_RECORD {
            return Err(too_long());
        }
        let text = std::str::from_utf8(value).map_err(|_| not_utf8())?;
        let (table, record) = self.context_record(text, None)?;
        Ok(ContextUpdate {
            key: key.unwrap_or_else(|| context::key(table, &record)),
            record: Some(record),
            withdrawn_at: at,
        })
    }

    pub(super) fn read_access_row<S: DecodeSink + ?Sized>(&mut self, row: &Row<'_>, at: At<'_>, sink: &mut S) {
        self.counters.add_records(Format::CanonicalParquet, 1);
        match canonical::event(row, &mut self.clock) {
            Ok(event) => {
                self.counters.accesses += 1;
                sink.access(&event, at.line);
            }
            Err(fault) => {
                let cells = canonical::FIELDS.into_iter().zip(row.text);
                self.refuse(at, fault, row_as_json(cells).as_bytes(), sink);
            }
        }
    }

    pub(super) fn read_context_row<S: DecodeSink + ?Sized>(
        &mut self,
        table: Table,
        cells: &[&str],
        at: At<'_>,
        sink: &mut S,
    ) {
        self.counters.add_records(Format::ContextParquet, 1);
        match context::record(table, cells, &mut self.clock) {
            Ok(record) => self.found_context(context::update(table, record), at.line, sink),
            Err(fault) => {
                let cells = table.columns().iter().copied().zip(cells.iter().copied());
                self.refuse(at, fault, row_as_json(cells).as_bytes(), sink);
            }
        }
    }

    /// Counts columns of a columnar file that chartsentry does not know.
    pub fn unknown_columns<'n>(&mut self, names: impl IntoIterator<Item = &'n str>, rows: u64) {
        for name in names {
            self.counters.add_unknown(name, rows);
        }
    }

    /// Decodes one JSON record, or all records of a Bundle.
    pub(super) fn json<S: DecodeSink + ?Sized>(
        &mut self,
        text: &str,
        expect: Expect,
        formats: JsonFormats,
        at: At<'_>,
        sink: &mut S,
    ) {
        if let Expect::Table(table) = expect {
            return self.table_record(text, Some(table), at, sink);
        }
        let mut flat = Flat::default();
        match flat.read(text) {
            Ok(Kind::Access) if expect == Expect::Feed => {
                let fault = Fault::new(RejectCode::UnknownType, "neither HL7 v2 nor a FHIR resource");
                self.count_and_refuse(at, fault, text.as_bytes(), formats.canonical, sink);
            }
            Ok(Kind::Access) => self.canonical(text, &flat, formats.canonical, at, sink),
            Ok(Kind::Fhir) if fhir::is_bundle(text) => self.bundle(text, expect, formats, at, sink),
            Ok(Kind::Fhir) => self.resource(text, expect, formats.fhir, at, sink),
            Ok(Kind::Context) => self.table_record(text, None, at, sink),
            Err(fault) => self.count_and_refuse(at, fault, text.as_bytes(), formats.canonical, sink),
        }
    }

    fn canonical<S: DecodeSink + ?Sized>(
        &mut self,
        text: &str,
        flat: &Flat<'_>,
        format: Format,
        at: At<'_>,
        sink: &mut S,
    ) {
        self.counters.add_records(format, 1);
        match flat.accesses(&mut self.clock, &mut |event| sink.access(event, at.line)) {
            Ok(count) => self.counters.accesses += count,
            Err(fault) => self.refuse(at, fault, text.as_bytes(), sink),
        }
        for name in &flat.unknown {
            self.counters.add_unknown(name, 1);
        }
    }

    /// Decodes a FHIR resource that is no Bundle of records.
    fn resource<S: DecodeSink + ?Sized>(
        &mut self,
        text: &str,
        expect: Expect,
        format: Format,
        at: At<'_>,
        sink: &mut S,
    ) {
        let full_url = self.full_url.take();
        match serde_json::from_str(text).map(|resource| fhir::with_url(fhir::spelt(resource), full_url)) {
            Ok(resource) => self.fhir_value(&resource, expect, format, text, at, sink),
            Err(_) => self.count_and_refuse(at, not_json(text), text.as_bytes(), format, sink),
        }
    }

    /// Decodes the entries of a Bundle that stands in one line or message.
    fn bundle<S: DecodeSink + ?Sized>(
        &mut self,
        text: &str,
        expect: Expect,
        formats: JsonFormats,
        at: At<'_>,
        sink: &mut S,
    ) {
        let end = visit_document(text.as_bytes(), &mut |entry| {
            self.full_url = entry.full_url.and_then(|url| serde_json::from_slice(url).ok());
            // The text is UTF-8, and so is every value in it.
            match entry.record.and_then(|text| std::str::from_utf8(text).ok()) {
                Some(record) => self.resource(record, expect, formats.fhir, at, sink),
                None => self.count_and_refuse(at, no_resource(), b"", formats.fhir, sink),
            }
        });
        self.full_url = None;
        if end.is_err() {
            self.count_and_refuse(at, not_json(text), text.as_bytes(), formats.fhir, sink);
        }
    }

    fn table_record<S: DecodeSink + ?Sized>(&mut self, text: &str, table: Option<Table>, at: At<'_>, sink: &mut S) {
        self.counters.add_records(Format::ContextNdjson, 1);
        match self.context_record(text, table) {
            Ok((table, record)) => self.found_context(context::update(table, record), at.line, sink),
            Err(fault) => self.refuse(at, fault, text.as_bytes(), sink),
        }
    }

    fn context_record(&mut self, text: &str, table: Option<Table>) -> Result<(Table, ContextRecord), Fault> {
        let (table, flat) = context::ndjson::read(text, table)?;
        for name in &flat.unknown {
            self.counters.add_unknown(name, 1);
        }
        Ok((table, flat.record(table, &mut self.clock)?))
    }

    pub(super) fn found_context<S: DecodeSink + ?Sized>(&mut self, update: ContextUpdate, line: u64, sink: &mut S) {
        self.counters.context_updates += 1;
        sink.context(update, line);
    }

    pub(super) fn count_and_refuse<S: DecodeSink + ?Sized>(
        &mut self,
        at: At<'_>,
        fault: Fault,
        record: &[u8],
        format: Format,
        sink: &mut S,
    ) {
        self.counters.add_records(format, 1);
        self.refuse(at, fault, record, sink);
    }

    /// Rejects a record that is counted already.
    pub(super) fn refuse<S: DecodeSink + ?Sized>(&mut self, at: At<'_>, fault: Fault, record: &[u8], sink: &mut S) {
        self.counters.add_reject(fault.reason);
        sink.reject(reject(at.place(), fault.reason, fault.sentence, record));
    }

    /// Passes on a reject that the source made (a line that is too long, a damaged stream).
    pub fn source_reject<S: DecodeSink + ?Sized>(&mut self, reject: Reject, format: Format, sink: &mut S) {
        self.counters.add_records(format, 1);
        self.counters.add_reject(reject.reason);
        sink.reject(reject);
    }
}

/// A reject of `record`, of which no more is kept than [`Reject::KEPT_BYTES`].
#[must_use]
pub fn reject(
    place: Place,
    reason: RejectCode,
    sentence: impl Into<std::borrow::Cow<'static, str>>,
    record: &[u8],
) -> Reject {
    let mut kept = &record[..record.len().min(Reject::KEPT_BYTES)];
    if kept.len() < record.len() {
        // Does not cut within a character.
        let back = kept.iter().rev().take(3).position(|byte| *byte >= 0xc0);
        if let Some(back) = back {
            kept = &kept[..kept.len() - back - 1];
        }
    }
    let record = String::from_utf8_lossy(kept).into_owned();
    Reject { place, reason, sentence: sentence.into(), record }
}

fn no_resource() -> Fault {
    Fault::new(RejectCode::NotApplicable, "an entry of the Bundle holds no resource")
}

/// A row's values that are not blank, as a JSON object for the quarantine.
fn row_as_json<'a>(cells: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let cells: serde_json::Map<_, _> =
        cells.filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name.to_owned(), value.into())).collect();
    serde_json::Value::Object(cells).to_string()
}

/// A place in a file that stands for all its lines, for [`At`].
#[must_use]
pub fn file_place(file: &Arc<str>) -> Place {
    Place::File { file: file.clone(), line: 0 }
}
