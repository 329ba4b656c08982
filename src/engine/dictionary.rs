//! Interned ids: every text that the engine compares becomes a small integer, once.

use std::hash::Hasher;

use hashbrown::HashTable;
use rustc_hash::FxHasher;

/// An index that stands for "no value".
pub const NONE: u32 = u32::MAX;

/// Stable hash of a text: the same in every run, so that shards and tables do not depend on it being
/// seeded.
#[must_use]
pub fn hash_text(text: &str) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(text.as_bytes());
    hasher.finish()
}

/// Texts by number and numbers by text.
#[derive(Debug, Default)]
pub struct Interner {
    table: HashTable<Slot>,
    spans: Vec<Span>,
    text: String,
}

/// Where a text stands.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: u64,
    length: u32,
}

/// What the table needs to know a text by itself, so that a look-up touches the table and the text and
/// nothing between.
#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u32,
    index: u32,
    span: Span,
}

/// Half of a hash is kept; this is the whole that the table is built with.
const fn spread(hash: u32) -> u64 {
    (hash as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl Interner {
    /// How many texts are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether no text is known yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The text of a number; empty for [`NONE`] and numbers never given out.
    #[must_use]
    pub fn text(&self, index: u32) -> &str {
        self.spans.get(index as usize).map_or("", |span| self.at(*span))
    }

    fn at(&self, span: Span) -> &str {
        let start = span.start as usize;
        &self.text[start..start + span.length as usize]
    }

    /// The number of a text that is known.
    #[must_use]
    pub fn get(&self, text: &str) -> Option<u32> {
        self.get_hashed(hash_text(text), text)
    }

    /// Like [`Interner::get`], for a caller that has [`hash_text`] of it already.
    #[must_use]
    pub fn get_hashed(&self, hash: u64, text: &str) -> Option<u32> {
        let hash = (hash >> 32) as u32;
        self.table.find(spread(hash), |slot| slot.hash == hash && self.at(slot.span) == text).map(|slot| slot.index)
    }

    /// The number of a text, given out now when it is new.
    pub fn intern(&mut self, text: &str) -> u32 {
        self.intern_hashed(hash_text(text), text)
    }

    /// Like [`Interner::intern`], for a caller that has [`hash_text`] of it already.
    pub fn intern_hashed(&mut self, hash: u64, text: &str) -> u32 {
        if let Some(index) = self.get_hashed(hash, text) {
            return index;
        }
        let index = u32::try_from(self.spans.len()).unwrap_or(NONE);
        let span = Span { start: self.text.len() as u64, length: text.len() as u32 };
        let slot = Slot { hash: (hash >> 32) as u32, index, span };
        self.text.push_str(text);
        self.spans.push(span);
        self.table.insert_unique(spread(slot.hash), slot, |slot| spread(slot.hash));
        index
    }

    /// Every text in the order of its number.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.spans.iter().map(|span| self.at(*span))
    }
}

/// The id spaces of the engine.
#[derive(Debug, Default)]
pub struct Dictionary {
    pub users: Interner,
    pub patients: Interner,
    /// Department names in [`department_key`] form.
    pub departments: Interner,
    /// Parts of the chart.
    pub resources: Interner,
    /// Department names as they are written, and the department that each stands for.
    spellings: Interner,
    department_of: Vec<u32>,
}

impl Dictionary {
    /// The department that a name stands for, where this spelling of it is known.
    #[must_use]
    pub fn department(&self, spelling: &str) -> Option<u32> {
        self.spellings.get(spelling).and_then(|index| self.department_of.get(index as usize)).copied()
    }

    /// The department that a name stands for, numbered now when it is new.
    pub fn intern_department(&mut self, spelling: &str) -> u32 {
        let index = self.spellings.intern(spelling) as usize;
        if index == self.department_of.len() {
            self.department_of.push(self.departments.intern(&department_key(spelling)));
        }
        self.department_of[index]
    }
}

/// Departments are compared without regard to case and outer blanks.
fn department_key(text: &str) -> std::borrow::Cow<'_, str> {
    let trimmed = text.trim();
    if trimmed.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) {
        trimmed.to_lowercase().into()
    } else {
        trimmed.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_its_number() {
        let mut ids = Interner::default();
        let numbers: Vec<u32> = ["b", "a", "", "b", "longer text"].iter().map(|text| ids.intern(text)).collect();
        assert_eq!(numbers, [0, 1, 2, 0, 3]);
        assert_eq!(ids.text(3), "longer text");
        assert_eq!(ids.text(NONE), "");
        assert_eq!(ids.get("c"), None);
        for i in 0..10_000 {
            ids.intern(&i.to_string());
        }
        assert_eq!(ids.get("9999").map(|n| ids.text(n)), Some("9999"));
    }

    #[test]
    fn departments_agree_whatever_their_case() {
        assert_eq!(department_key(" ICU-2 "), department_key("icu-2"));
    }
}
