//! Reads XML documents and syslog messages, from chunks and as single messages.

use std::borrow::Cow;

use memchr::memchr_iter;
use serde_json::Value;

use super::decoder::{At, Decoder};
use super::rows::too_long;
use super::xml::atna::HEADER_TIME;
use super::{Chunk, DecodeSink, Fault, Format, MAX_RECORD, fhir, messages, syslog, xml};
use crate::decode::Expect;
use crate::model::reject::RejectCode;

impl Decoder {
    /// Decodes a chunk of messages.
    pub(super) fn messages<S: DecodeSink + ?Sized>(&mut self, chunk: &Chunk<'_>, sink: &mut S) {
        let place = chunk.place();
        let (mut line, mut counted, mut at) = (chunk.first_line, 0, 0);
        while let Some(cut) = messages::next(chunk.bytes, at) {
            line += memchr_iter(b'\n', &chunk.bytes[counted..cut.start]).count() as u64;
            (counted, at) = (cut.start, cut.end.max(at + 1));
            let record = &chunk.bytes[cut.start..cut.end];
            let at = At { place: &place, line };
            if cut.is_whole || !messages::is_open(record) {
                self.message(record, at, sink);
            } else {
                let sentence = "the message is cut off: the file ends before it does";
                let fault = Fault::new(RejectCode::Truncated, sentence);
                self.count_and_refuse(at, fault, record, chunk.layout.format, sink);
            }
        }
    }

    /// Decodes one message: XML, or what a syslog header announces.
    pub(super) fn message<S: DecodeSink + ?Sized>(&mut self, record: &[u8], at: At<'_>, sink: &mut S) {
        if record.len() > MAX_RECORD {
            return self.count_and_refuse(at, too_long(), record, Format::AtnaXml, sink);
        }
        let text = readable(record);
        let header = syslog::read(&text);
        let body = header.map_or(text.as_ref(), |header| header.body);
        match body.as_bytes().first() {
            Some(b'<') => {
                self.document_records(body, header.and_then(|header| header.time), header.is_some(), at, sink)
            }
            Some(b'{') => self.json_message(body, Expect::Accesses, at, sink),
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
        sent_at: Option<&str>,
        is_syslog: bool,
        at: At<'_>,
        sink: &mut S,
    ) {
        let records = match xml::records(text, sent_at) {
            Ok(records) => records,
            Err(fault) => {
                let format = if is_syslog { Format::AtnaSyslog } else { Format::AtnaXml };
                return self.count_and_refuse(at, fault, text.as_bytes(), format, sink);
            }
        };
        for record in records {
            let format = match record.format {
                Format::AtnaXml if is_syslog => Format::AtnaSyslog,
                format => format,
            };
            let at = At { line: at.line + record.line.saturating_sub(1), ..at };
            self.counters.times_from_header += u64::from(record.resource.get(HEADER_TIME).is_some());
            self.fhir_value(&record.resource, format, text, at, sink);
        }
    }

    /// Decodes a FHIR resource; `text` is what is kept of it where it cannot be used.
    pub(super) fn fhir_value<S: DecodeSink + ?Sized>(
        &mut self,
        resource: &Value,
        format: Format,
        text: &str,
        at: At<'_>,
        sink: &mut S,
    ) {
        self.counters.add_records(format, 1);
        match fhir::accesses(resource, &mut self.clock, &mut |event| sink.access(event, at.line)) {
            Ok(count) => self.counters.accesses += count,
            Err(fault) => self.refuse(at, fault, text.as_bytes(), sink),
        }
    }
}

/// Text as it is, or as ISO 8859-1 where it is no UTF-8: old senders write it, and every byte means something in it.
fn readable(record: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(record) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(record.iter().map(|byte| char::from(*byte)).collect()),
    }
}
