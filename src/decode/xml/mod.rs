//! XML documents: ATNA audit messages and FHIR resources, each as the FHIR resource in JSON that says the same.

pub mod atna;
mod fhir;

use std::ops::Range;

use roxmltree::{Document, Node, ParsingOptions};
use serde_json::Value;

use super::epic::{self, Siem};
use super::fhir::with_url;
use super::{Fault, Format};
use crate::model::reject::RejectCode;

/// Nodes of one document; a hostile one must not fill the memory.
const MAX_NODES: u32 = 4_000_000;
/// How deep elements are followed.
const MAX_DEPTH: usize = 100;

/// One record of an XML document.
#[derive(Debug)]
pub struct Record<'d> {
    pub format: Format,
    /// The line in the document, from 1.
    pub line: u64,
    /// The record as it was written.
    pub text: &'d str,
    /// The bytes of the document in which it stands.
    pub range: Range<usize>,
    pub content: Content<'d>,
}

/// What a record is.
#[derive(Debug)]
pub enum Content<'d> {
    /// A FHIR resource, or what says the same.
    Resource(Value),
    /// An event of Epic.
    Epic(Siem<'d>),
}

/// Hands the records of a document to `visit`; `sent_at` is the time of the syslog header it came under.
///
/// # Errors
/// When the text is no XML, has a document type (entities could stand for anything), or holds no known record.
pub fn visit_records(text: &str, sent_at: Option<&str>, visit: &mut dyn FnMut(Record<'_>)) -> Result<(), Fault> {
    let options = ParsingOptions { nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|error| not_xml(&error))?;
    let mut walk = Walk { text, sent_at, visit, found: 0, line: 1, counted: 0, full_url: None };
    walk.take(document.root_element(), MAX_DEPTH);
    if walk.found == 0 {
        let sentence = "an XML document without AuditMessage, AuditEvent, another FHIR resource or EventLog";
        return Err(Fault::new(RejectCode::UnknownType, sentence));
    }
    Ok(())
}

/// Looks for records in a document.
struct Walk<'w> {
    text: &'w str,
    sent_at: Option<&'w str>,
    visit: &'w mut dyn FnMut(Record<'_>),
    found: u64,
    /// The line of the byte up to which lines were counted.
    line: u64,
    counted: usize,
    /// `fullUrl` of the entry of a Bundle that is read.
    full_url: Option<String>,
}

impl Walk<'_> {
    /// Takes records out of an element: itself, the entries of a Bundle, or what a wrapper of another name holds.
    fn take(&mut self, element: Node<'_, '_>, depth: usize) {
        if depth == 0 {
            return;
        }
        match element.tag_name().name() {
            "AuditMessage" => {
                self.tell(element, Format::AtnaXml, Content::Resource(atna::audit_event(element, self.sent_at)));
            }
            "EventLog" => self.tell(element, Format::EpicXml, Content::Epic(epic::read_element(element))),
            "Bundle" => {
                for entry in element.children().filter(|child| child.tag_name().name() == "entry") {
                    let resources = entry.children().filter(|child| child.tag_name().name() == "resource");
                    for resource in resources.flat_map(|resource| resource.children()).filter(Node::is_element) {
                        self.full_url = full_url(entry);
                        self.take(resource, depth - 1);
                    }
                }
                self.full_url = None;
            }
            _ if fhir::is_resource(element) => {
                let resource = with_url(fhir::resource(element, MAX_DEPTH), self.full_url.take());
                self.tell(element, Format::FhirXml, Content::Resource(resource));
            }
            _ => element.children().filter(Node::is_element).for_each(|child| self.take(child, depth - 1)),
        }
    }

    fn tell(&mut self, element: Node<'_, '_>, format: Format, content: Content<'_>) {
        self.found += 1;
        let range = element.range();
        // Records come in the order of the text.
        let between = self.text.as_bytes().get(self.counted..range.start).unwrap_or_default();
        self.line += memchr::memchr_iter(b'\n', between).count() as u64;
        self.counted = range.start.max(self.counted);
        let text = self.text.get(range.clone()).unwrap_or_default();
        (self.visit)(Record { format, line: self.line, text, range, content });
    }
}

fn full_url(entry: Node<'_, '_>) -> Option<String> {
    let url = entry.children().find(|child| child.tag_name().name() == "fullUrl")?;
    url.attribute("value").map(str::to_owned)
}

fn not_xml(error: &roxmltree::Error) -> Fault {
    if matches!(error, roxmltree::Error::DtdDetected) {
        let sentence = "XML with a document type is not read: its entities could stand for anything";
        return Fault::new(RejectCode::InvalidXml, sentence);
    }
    let at = error.pos();
    Fault::new(RejectCode::InvalidXml, format!("not valid XML at line {}, column {} of the record", at.row, at.col))
}

#[cfg(test)]
mod tests;
