//! A record of an XML document by itself, and its leaves.

use std::collections::BTreeMap;
use std::ops::Range;

use roxmltree::{Document, Node};

use super::{Alone, Leaves};

/// How deep elements are followed.
const MAX_DEPTH: usize = 100;

/// The record at `place` of the document that begins at `body` of a message: the message with nothing in its document
/// but this record and the tags around it, and the leaves of `header` before those of the record.
///
/// None where the document cannot be read again.
pub(super) fn alone(text: &str, body: usize, place: &Range<usize>, header: Leaves) -> Option<Alone> {
    let source = text.get(body..)?;
    let document = Document::parse(source).ok()?;
    let record = document.descendants().find(|node| node.is_element() && node.range() == *place)?;
    let mut around: Vec<Node<'_, '_>> = record.ancestors().skip(1).filter(Node::is_element).collect();
    around.reverse();
    let mut alone = text.get(..body + document.root_element().range().start)?.to_owned();
    for node in &around {
        alone.push_str(source.get(node.range().start..node.first_child()?.range().start)?);
    }
    let start = alone.len();
    alone.push_str(source.get(place.clone())?);
    for node in around.iter().rev() {
        alone.push_str(source.get(end_tag(*node, source)?..node.range().end)?);
    }
    let mut walk = Walk { source, moved: (place.start, start), alone: alone.as_bytes(), leaves: header };
    walk.element(record, "", MAX_DEPTH);
    let leaves = walk.leaves.numbered();
    Some(Alone { bytes: alone.into_bytes(), leaves })
}

/// Where the end tag of an element begins; none where it has none.
fn end_tag(node: Node<'_, '_>, source: &str) -> Option<usize> {
    Some(node.range().start + source.get(node.range())?.rfind("</")?)
}

struct Walk<'w> {
    source: &'w str,
    /// A place in the source, and where the same stands in the record by itself.
    moved: (usize, usize),
    alone: &'w [u8],
    leaves: Leaves,
}

impl Walk<'_> {
    fn add(&mut self, path: String, place: &Range<usize>) {
        let (from, to) = self.moved;
        if from <= place.start && place.start <= place.end {
            self.leaves.add(self.alone, path, place.start - from + to..place.end - from + to, b"");
        }
    }

    /// Takes the attributes and texts of an element and of those within it. `path` is empty or ends with a slash.
    fn element(&mut self, node: Node<'_, '_>, path: &str, depth: usize) {
        if depth == 0 || self.leaves.is_full() {
            return;
        }
        for attribute in node.attributes() {
            self.add(format!("{path}@{}", attribute.name()), &attribute.range_value());
        }
        let mut totals: BTreeMap<&str, usize> = BTreeMap::new();
        for child in node.children().filter(Node::is_element) {
            *totals.entry(child.tag_name().name()).or_default() += 1;
        }
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for child in node.children() {
            if child.is_text() {
                self.text(child, node, path);
            } else if child.is_element() {
                let name = child.tag_name().name();
                let number = seen.entry(name).or_default();
                *number += 1;
                let is_one_of_several = totals.get(name).is_some_and(|total| *total > 1);
                let number = if is_one_of_several { format!("[{number}]") } else { String::new() };
                self.element(child, &format!("{path}{name}{number}/"), depth - 1);
            }
        }
    }

    /// Takes a text up to what follows it: the range of a text with character data in it is too short.
    fn text(&mut self, text: Node<'_, '_>, parent: Node<'_, '_>, path: &str) {
        let next = text.next_sibling().map(|next| next.range().start);
        if let Some(end) = next.or_else(|| end_tag(parent, self.source)) {
            let path = path.strip_suffix('/').unwrap_or("text()");
            self.add(path.to_owned(), &(text.range().start..end));
        }
    }
}
