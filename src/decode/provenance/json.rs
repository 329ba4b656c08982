//! The leaves of a JSON value.

use super::{Leaf, Leaves};
use crate::decode::json::{skip_space, value_end};

/// How deep values are followed; what lies deeper is one leaf.
const MAX_DEPTH: usize = 100;

/// The texts, numbers, trues and falses of the value that begins at `from`.
pub(super) fn leaves(record: &[u8], from: usize) -> Vec<Leaf> {
    let mut walk = Walk { record, leaves: Leaves::default() };
    // What does not end is read no further; its leaves so far stand.
    let _ = walk.value(skip_space(record, from), "", MAX_DEPTH);
    walk.leaves.numbered()
}

struct Walk<'r> {
    record: &'r [u8],
    leaves: Leaves,
}

impl Walk<'_> {
    /// Takes the value at a place; the place after it, none where it is no JSON.
    fn value(&mut self, at: usize, path: &str, depth: usize) -> Option<usize> {
        match self.record.get(at)? {
            b'{' if depth > 0 => self.object(at, path, depth - 1),
            b'[' if depth > 0 => self.array(at, path, depth - 1),
            _ => {
                let end = value_end(self.record, at)?;
                let text = self.record.get(at..end)?.trim_ascii_end();
                let is_blank_text = text.strip_prefix(b"\"").is_some_and(|rest| rest.trim_ascii_start() == b"\"");
                if text != b"null" && !is_blank_text {
                    self.leaves.add(self.record, path.to_owned(), at..at + text.len(), b"null");
                }
                Some(end)
            }
        }
    }

    fn object(&mut self, at: usize, path: &str, depth: usize) -> Option<usize> {
        let mut at = skip_space(self.record, at + 1);
        while self.record.get(at)? != &b'}' {
            let end = value_end(self.record, at).filter(|_| self.record.get(at) == Some(&b'"'))?;
            let name = String::from_utf8_lossy(self.record.get(at + 1..end - 1)?);
            let inner = if path.is_empty() { name.into_owned() } else { format!("{path}.{name}") };
            let colon = skip_space(self.record, end);
            if self.record.get(colon)? != &b':' {
                return None;
            }
            at = self.value(skip_space(self.record, colon + 1), &inner, depth)?;
            at = self.next(at)?;
        }
        Some(at + 1)
    }

    fn array(&mut self, at: usize, path: &str, depth: usize) -> Option<usize> {
        let mut at = skip_space(self.record, at + 1);
        let mut number = 0;
        while self.record.get(at)? != &b']' {
            at = self.value(at, &format!("{path}[{number}]"), depth)?;
            at = self.next(at)?;
            number += 1;
        }
        Some(at + 1)
    }

    /// Past the comma after a value; none when there is more than can be explained.
    fn next(&self, at: usize) -> Option<usize> {
        let at = skip_space(self.record, at);
        let comma = usize::from(self.record.get(at) == Some(&b','));
        (!self.leaves.is_full()).then(|| skip_space(self.record, at + comma))
    }
}
