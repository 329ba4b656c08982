//! XML documents: ATNA audit messages and FHIR resources, each as the FHIR resource in JSON that says the same.

pub mod atna;
mod fhir;

use roxmltree::{Document, Node, ParsingOptions};
use serde_json::Value;

use super::{Fault, Format};
use crate::model::reject::RejectCode;

/// Nodes of one document; a hostile one must not fill the memory.
const MAX_NODES: u32 = 4_000_000;
/// How deep elements are followed.
const MAX_DEPTH: usize = 100;

/// One record of an XML document.
#[derive(Debug)]
pub struct Record {
    pub format: Format,
    /// The line in the document, from 1.
    pub line: u64,
    /// A FHIR resource.
    pub resource: Value,
}

/// The records of a document; `sent_at` is the time of the syslog header it came under.
///
/// # Errors
/// When the text is no XML, has a document type (entities could stand for anything), or holds no known record.
pub fn records(text: &str, sent_at: Option<&str>) -> Result<Vec<Record>, Fault> {
    let options = ParsingOptions { nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|error| not_xml(&error))?;
    let mut found = Vec::new();
    collect(&document, document.root_element(), sent_at, MAX_DEPTH, &mut found);
    if found.is_empty() {
        let sentence = "an XML document without AuditMessage, AuditEvent or another FHIR resource";
        return Err(Fault::new(RejectCode::UnknownType, sentence));
    }
    Ok(found)
}

/// Takes records out of an element: itself, the entries of a Bundle, or what a wrapper of another name holds.
fn collect(
    document: &Document<'_>,
    element: Node<'_, '_>,
    sent_at: Option<&str>,
    depth: usize,
    into: &mut Vec<Record>,
) {
    if depth == 0 {
        return;
    }
    let line = || u64::from(document.text_pos_at(element.range().start).row);
    match element.tag_name().name() {
        "AuditMessage" => into.push(Record {
            format: if sent_at.is_some() { Format::AtnaSyslog } else { Format::AtnaXml },
            line: line(),
            resource: atna::audit_event(element, sent_at),
        }),
        "Bundle" => {
            let entries = element.children().filter(|child| child.tag_name().name() == "entry");
            let resources =
                entries.flat_map(|entry| entry.children()).filter(|child| child.tag_name().name() == "resource");
            for resource in resources.flat_map(|resource| resource.children()).filter(Node::is_element) {
                collect(document, resource, sent_at, depth - 1, into);
            }
        }
        _ if fhir::is_resource(element) => {
            into.push(Record { format: Format::FhirXml, line: line(), resource: fhir::resource(element, MAX_DEPTH) });
        }
        _ => {
            for child in element.children().filter(Node::is_element) {
                collect(document, child, sent_at, depth - 1, into);
            }
        }
    }
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
