//! Which field of its source record every value came from.
//!
//! No decoder is asked. A record is split into its leaves and read again once for each of them, with that leaf left
//! out: a value that changes came from it. So fallbacks show as they are, and what is said here cannot drift from what
//! is read.
//!
//! | step | |
//! |---|---|
//! | [`find`] | the records of a file that stand at a line, each by itself, with its leaves |
//! | [`decode`] | what such a record says |
//! | [`explain`] | where each value came from |
//!
//! | record | a leaf | its path | left out |
//! |---|---|---|---|
//! | JSON | a text, number, true or false | `agent[0].who.identifier.value` | `null` |
//! | XML | an attribute, a text | `ActiveParticipant[2]/@UserID` | nothing |
//! | a row | a cell | the column's name, else `column 3` | nothing |
//! | CEF, LEEF | a value, a field of the header | `suser`, `header event` | nothing |
//! | HL7 v2 | a field, or a component of one | `PID-3.1`, `PID-3~2.1`, `PV1[2]-7.1` | nothing |
//! | a syslog header | time, host, application | `header time` | `-` |

mod delimited;
mod hl7;
mod json;
mod keyed;
mod outcome;
mod record;
#[cfg(test)]
mod tests;
mod trace;
mod xml;

use std::collections::BTreeMap;
use std::ops::Range;

pub use outcome::{Kind, Outcome, Told};
pub use record::{Alone, Found, MAX_RECORDS, decode, find};
pub use trace::{Explanation, Needed, Origin, Traced, Value, explain};

/// A record with more leaves is not explained.
pub const MAX_LEAVES: usize = 2_000;
/// A longer record is not explained, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// Leaves times bytes: as much is read for one pass over the leaves.
const MAX_WORK: usize = 1 << 28;

/// The smallest part of a record that says something of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Where it stands, in the words of its format.
    pub path: String,
    /// The bytes of the record in which it stands.
    pub span: Range<usize>,
    /// What stands there when it is left out.
    pub blank: &'static [u8],
}

/// The leaves of a record, as they are found, in the order of their places.
#[derive(Debug, Default)]
struct Leaves(Vec<Leaf>);

impl Leaves {
    /// Adds a leaf; one that is blank already says nothing.
    fn add(&mut self, record: &[u8], path: String, span: Range<usize>, blank: &'static [u8]) {
        let is_said = record.get(span.clone()).is_some_and(|text| !text.trim_ascii().is_empty());
        if is_said && !self.is_full() {
            self.0.push(Leaf { path, span, blank });
        }
    }

    /// Whether there are more than can be explained.
    fn is_full(&self) -> bool {
        self.0.len() > MAX_LEAVES
    }

    /// The leaves; the second of a path is told apart as `path[2]`.
    fn numbered(mut self) -> Vec<Leaf> {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for leaf in &mut self.0 {
            let count = seen.entry(leaf.path.clone()).or_default();
            *count += 1;
            if *count > 1 {
                leaf.path = format!("{}[{count}]", leaf.path);
            }
        }
        self.0
    }
}
