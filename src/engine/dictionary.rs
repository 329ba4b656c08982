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
    table: HashTable<u32>,
    ends: Vec<u64>,
    text: String,
}

impl Interner {
    /// How many texts are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether no text is known yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The text of a number; empty for [`NONE`] and numbers never given out.
    #[must_use]
    pub fn text(&self, index: u32) -> &str {
        text_at(&self.ends, &self.text, index)
    }

    /// The number of a text that is known.
    #[must_use]
    pub fn get(&self, text: &str) -> Option<u32> {
        self.get_hashed(hash_text(text), text)
    }

    /// Like [`Interner::get`], for a caller that has [`hash_text`] of it already.
    #[must_use]
    pub fn get_hashed(&self, hash: u64, text: &str) -> Option<u32> {
        self.table.find(hash, |&index| self.text(index) == text).copied()
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
        let index = u32::try_from(self.ends.len()).unwrap_or(NONE);
        self.text.push_str(text);
        self.ends.push(self.text.len() as u64);
        let (ends, all) = (&self.ends, &self.text);
        self.table.insert_unique(hash, index, |&old| hash_text(text_at(ends, all, old)));
        index
    }

    /// Every text in the order of its number.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.ends.len()).map(|index| self.text(index as u32))
    }
}

fn text_at<'t>(ends: &[u64], text: &'t str, index: u32) -> &'t str {
    let index = index as usize;
    let Some(&end) = ends.get(index) else { return "" };
    let start = if index == 0 { 0 } else { ends[index - 1] };
    &text[start as usize..end as usize]
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
}

/// Departments are compared without regard to case and outer blanks.
#[must_use]
pub fn department_key(text: &str) -> std::borrow::Cow<'_, str> {
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
