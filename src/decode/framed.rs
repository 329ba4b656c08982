//! Reads XML documents and syslog messages, from chunks and as single messages.

use std::borrow::Cow;

use memchr::memchr_iter;
use serde_json::Value;

use super::decoder::{At, Decoder, LINES};
use super::epic::{self, Siem};
use super::messages::Cut;
use super::rows::too_long;
use super::syslog::Syslog;
use super::xml::Content;
use super::xml::atna::HEADER_TIME;
use super::{Chunk, DecodeSink, Expect, Fault, Format, MAX_RECORD, fhir, hl7, messages, syslog, xml};
use crate::model::reject::RejectCode;

impl Decoder {
    /// Decodes a chunk of messages.
    pub(super) fn messages<S: DecodeSink + ?Sized>(&mut self, chunk: &Chunk<'_>, expect: Expect, sink: &mut S) {
        let place = chunk.place();
        let (mut line, mut counted, mut at) = (chunk.first_line, 0, 0);
        while let Some(cut) = messages::next(chunk.bytes, at) {
            line += memchr_iter(b'\n', &chunk.bytes[counted..cut.start]).count() as u64;
            (counted, at) = (cut.start, cut.end.max(at + 1));
            self.cut(chunk.bytes, cut, expect, At { place: &place, line }, sink);
        }
    }

    fn cut<S: DecodeSink + ?Sized>(&mut self, bytes: &[u8], cut: Cut, expect: Expect, at: At<'_>, sink: &mut S) {
        let record = &bytes[cut.start..cut.end];
        if is_usable(record, cut) {
            return self.message(record, expect, at, sink);
        }
        let fault = Fault::new(RejectCode::Truncated, "the message is cut off: what holds it ends before it does");
        self.count_and_refuse(at, fault, record, Format::AtnaSyslog, sink);
    }

    /// Decodes a value that holds messages: as a rule one, perhaps with a byte order mark or an octet count.
    pub(super) fn message_value<S: DecodeSink + ?Sized>(
        &mut self,
        value: &[u8],
        expect: Expect,
        at: At<'_>,
        sink: &mut S,
    ) {
        let mut from = 0;
        while let Some(cut) = messages::next(value, from) {
            from = cut.end.max(from + 1);
            self.cut(value, cut, expect, at, sink);
        }
        if from == 0 {
            let fault = Fault::new(RejectCode::UnknownType, "comments or white space and no message");
            self.count_and_refuse(at, fault, value, Format::AtnaXml, sink);
        }
    }

    /// Decodes one message: XML, or what a syslog header announces.
    pub(super) fn message<S: DecodeSink + ?Sized>(&mut self, record: &[u8], expect: Expect, at: At<'_>, sink: &mut S) {
        if record.len() > MAX_RECORD {
            return self.count_and_refuse(at, too_long(), record, Format::AtnaXml, sink);
        }
        let text = text_of(record);
        let (header, body) = parts(&text);
        match body.as_bytes().first() {
            Some(b'<') => self.document_records(body, header, expect, at, sink),
            Some(b'{') => self.json(body, expect, LINES, at, sink),
            _ if epic::looks_like(body) => {
                let sent_at = header.and_then(|header| header.time);
                let siem = epic::read(body.trim_end()).and_then(|siem| welcome(siem, expect));
                self.epic(siem, sent_at, Format::EpicSiem, &text, at, sink);
            }
            _ => {
                let sentence = "neither XML nor a syslog message of a known kind";
                let fault = Fault::new(RejectCode::UnknownType, sentence);
                self.count_and_refuse(at, fault, record, Format::AtnaSyslog, sink);
            }
        }
    }

    fn document_records<S: DecodeSink + ?Sized>(
        &mut self,
        text: &str,
        header: Option<Syslog<'_>>,
        expect: Expect,
        at: At<'_>,
        sink: &mut S,
    ) {
        let sent_at = header.and_then(|header| header.time);
        let of_syslog =
            |format| if header.is_some() && format == Format::AtnaXml { Format::AtnaSyslog } else { format };
        let end = xml::visit_records(text, sent_at, &mut |record| {
            let at = At { line: at.line + record.line.saturating_sub(1), ..at };
            match record.content {
                Content::Resource(resource) => {
                    self.counters.times_from_header += u64::from(resource.get(HEADER_TIME).is_some());
                    self.fhir_value(&resource, expect, of_syslog(record.format), record.text, at, sink);
                }
                Content::Epic(siem) => self.epic(welcome(siem, expect), sent_at, record.format, record.text, at, sink),
            }
        });
        if let Err(fault) = end {
            self.count_and_refuse(at, fault, text.as_bytes(), of_syslog(Format::AtnaXml), sink);
        }
    }

    fn epic<S: DecodeSink + ?Sized>(
        &mut self,
        siem: Result<Siem<'_>, Fault>,
        sent_at: Option<&str>,
        format: Format,
        text: &str,
        at: At<'_>,
        sink: &mut S,
    ) {
        self.counters.add_records(format, 1);
        let read = siem.and_then(|siem| {
            let event = epic::access(&siem, sent_at, &mut self.clock)?;
            self.counters.accesses += 1;
            sink.access(&event, at.line);
            Ok(())
        });
        if let Err(fault) = read {
            self.refuse(at, fault, text.as_bytes(), sink);
        }
    }

    /// Decodes a FHIR resource; `text` is what is kept of it where it cannot be used.
    pub(super) fn fhir_value<S: DecodeSink + ?Sized>(
        &mut self,
        resource: &Value,
        expect: Expect,
        format: Format,
        text: &str,
        at: At<'_>,
        sink: &mut S,
    ) {
        let kind = resource.get("resourceType").and_then(Value::as_str).unwrap_or_default();
        let is_context = matches!(expect, Expect::Feed | Expect::Anything) && fhir::resources::is_context(kind);
        let named = if matches!(expect, Expect::Feed | Expect::Anything) {
            self.fhir_desk.learn_place(resource, &mut self.clock)
        } else {
            None
        };
        let is_told = is_context || named.as_ref().is_some_and(|told| !told.is_empty());
        self.counters.add_records(if is_told { Format::FhirContext } else { format }, 1);
        let fault = match expect {
            _ if is_told && !is_context => {
                let told = named.into_iter().flatten();
                return told.for_each(|one| self.found_context(one, at.line, sink));
            }
            _ if is_context => match fhir::resources::updates(resource, &mut self.clock) {
                Ok(mut updates) => {
                    self.fhir_desk.complete(resource, &mut updates);
                    return updates.into_iter().for_each(|one| self.found_context(one, at.line, sink));
                }
                Err(fault) => fault,
            },
            Expect::Feed => {
                Fault::new(RejectCode::NotApplicable, "a FHIR resource that says nothing about people or care")
            }
            _ => match fhir::accesses(resource, &mut self.clock, &mut |event| sink.access(event, at.line)) {
                Ok(count) => return self.counters.accesses += count,
                Err(fault) => fault,
            },
        };
        self.refuse(at, fault, text.as_bytes(), sink);
    }

    pub(super) fn read_feed<S: DecodeSink + ?Sized>(&mut self, value: &[u8], at: At<'_>, sink: &mut S) {
        if value.len() > MAX_RECORD {
            self.count_and_refuse(at, too_long(), value, Format::Hl7, sink);
        } else if hl7::looks_like(value) {
            let before = self.counters.records;
            hl7::visit_messages(value, &mut |message, _| self.hl7_message(message, at, sink));
            if self.counters.records == before {
                let fault = Fault::new(RejectCode::NotApplicable, "a batch without an HL7 message");
                self.count_and_refuse(at, fault, value, Format::Hl7, sink);
            }
        } else if messages::looks_like(value) {
            self.message_value(value, Expect::Feed, at, sink);
        } else {
            self.json(readable(value).trim_start_matches('\u{feff}'), Expect::Feed, LINES, at, sink);
        }
    }

    /// Decodes a chunk of HL7 v2 messages, in order.
    pub(super) fn hl7_messages<S: DecodeSink + ?Sized>(&mut self, chunk: &Chunk<'_>, sink: &mut S) {
        let place = chunk.place();
        let (mut line, mut counted) = (chunk.first_line, 0);
        hl7::visit_messages(chunk.bytes, &mut |message, offset| {
            line += memchr_iter(b'\n', &chunk.bytes[counted..offset]).count() as u64;
            counted = offset;
            self.hl7_message(message, At { place: &place, line }, sink);
        });
    }

    fn hl7_message<S: DecodeSink + ?Sized>(&mut self, message: &[u8], at: At<'_>, sink: &mut S) {
        self.counters.add_records(Format::Hl7, 1);
        match hl7::updates(&mut self.desk, message, &mut self.clock) {
            Ok(updates) => updates.into_iter().for_each(|update| self.found_context(update, at.line, sink)),
            Err(fault) => self.refuse(at, fault, message, sink),
        }
    }
}

/// A feed of people and care is no place for what somebody did.
fn welcome(siem: Siem<'_>, expect: Expect) -> Result<Siem<'_>, Fault> {
    match expect {
        Expect::Feed => {
            Err(Fault::new(RejectCode::NotApplicable, "an event of a log among people and care relationships"))
        }
        _ => Ok(siem),
    }
}

/// Whether a message is whole, or a line that ends with the bytes.
pub(super) fn is_usable(record: &[u8], cut: Cut) -> bool {
    cut.is_whole || !(cut.is_counted || messages::is_open(record))
}

/// The text of a message, without the zeros at its end.
pub(super) fn text_of(record: &[u8]) -> Cow<'_, str> {
    let end = record.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    readable(record.get(..end).unwrap_or_default())
}

/// The syslog header of a message, where it has one, and what stands behind it: the end of the text.
pub(super) fn parts(text: &str) -> (Option<Syslog<'_>>, &str) {
    let header = syslog::read(text);
    let body = header.map_or(text, |header| header.body);
    let is_known = body.starts_with(['<', '{']) || epic::looks_like(body);
    // A header that is not as it should be: the document in it is.
    let document = || ["<?xml", "<AuditMessage", "<EventLog"].iter().filter_map(|mark| text.find(mark)).min();
    let body = if is_known { body } else { document().and_then(|at| text.get(at..)).unwrap_or(body) };
    (header, body)
}

/// Text as it is, or as ISO 8859-1 where it is no UTF-8: old senders write it, and every byte means something in it.
fn readable(record: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(record) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(record.iter().map(|byte| char::from(*byte)).collect()),
    }
}
