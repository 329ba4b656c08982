//! The leaves of an HL7 v2 message: its fields, and the components of those that have any.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{Leaf, Leaves};

/// The separators that MSH names, the usual ones where it names none.
struct Marks {
    field: u8,
    component: u8,
    repetition: u8,
}

impl Marks {
    fn read(record: &[u8]) -> Self {
        let field = record.get(3).copied().unwrap_or(b'|');
        let own: Vec<u8> = record.iter().skip(4).take_while(|mark| **mark != field).take(2).copied().collect();
        let mark = |place: usize, usual: u8| own.get(place).copied().filter(u8::is_ascii_punctuation).unwrap_or(usual);
        Self { field, component: mark(0, b'^'), repetition: mark(1, b'~') }
    }
}

/// Every field or component that says something. The separators themselves are none.
pub(super) fn leaves(record: &[u8]) -> Vec<Leaf> {
    let marks = Marks::read(record);
    let mut leaves = Leaves::default();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for line in parts(record, 0..record.len(), |byte| matches!(byte, b'\r' | b'\n' | 0x0b | 0x1c)) {
        let text = record.get(line.clone()).unwrap_or_default();
        let start = line.end - text.trim_ascii_start().len();
        let Some(name) = record.get(start..start + 3).filter(|name| name.iter().all(u8::is_ascii_alphanumeric)) else {
            continue;
        };
        let name = String::from_utf8_lossy(name).to_ascii_uppercase();
        let number = seen.entry(name.clone()).or_default();
        *number += 1;
        let segment = if *number > 1 { format!("{name}[{number}]") } else { name };
        // MSH-1 is the separator itself, and MSH-2 names the others.
        let (skipped, first) = if segment.starts_with("MSH") { (2, 3) } else { (1, 1) };
        let fields = parts(record, start..line.end, |byte| byte == marks.field);
        for (number, field) in fields.into_iter().skip(skipped).enumerate() {
            add_field(record, &marks, &format!("{segment}-{}", number + first), field, &mut leaves);
        }
    }
    leaves.numbered()
}

fn add_field(record: &[u8], marks: &Marks, path: &str, field: Range<usize>, leaves: &mut Leaves) {
    for (number, repetition) in parts(record, field, |byte| byte == marks.repetition).into_iter().enumerate() {
        let path = if number > 0 { format!("{path}~{}", number + 1) } else { path.to_owned() };
        let components = parts(record, repetition, |byte| byte == marks.component);
        let has_several = components.len() > 1;
        for (number, component) in components.into_iter().enumerate() {
            let path = if has_several { format!("{path}.{}", number + 1) } else { path.clone() };
            leaves.add(record, path, component, b"");
        }
    }
}

/// The parts of a stretch between separators; at least one.
fn parts(record: &[u8], whole: Range<usize>, is_mark: impl Fn(u8) -> bool) -> Vec<Range<usize>> {
    let (mut start, mut found) = (whole.start, Vec::new());
    for at in whole.clone() {
        if record.get(at).is_some_and(|byte| is_mark(*byte)) {
            found.push(start..at);
            start = at + 1;
        }
    }
    found.push(start..whole.end);
    found
}
