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

/// Texts by number.
#[derive(Debug, Default)]
struct Texts {
    /// Where each text ends.
    ends: Vec<u64>,
    text: String,
}

impl Texts {
    fn get(&self, index: u32) -> &str {
        let place = index as usize;
        let start = place.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.ends.get(place).map_or("", |&end| &self.text[start as usize..end as usize])
    }

    fn push(&mut self, text: &str) -> u32 {
        self.text.push_str(text);
        self.ends.push(self.text.len() as u64);
        u32::try_from(self.ends.len() - 1).unwrap_or(NONE)
    }
}

/// Texts by number and numbers by text.
#[derive(Debug, Default)]
pub struct Interner {
    table: HashTable<Slot>,
    texts: Texts,
}

/// Like an [`Interner`], for texts that are many and long and seldom asked for: a third of the memory.
#[derive(Debug, Default)]
pub(super) struct KeyTable {
    table: HashTable<u32>,
    texts: Texts,
}

impl KeyTable {
    /// The text of a number; empty for numbers never given out.
    pub(super) fn text(&self, index: u32) -> &str {
        self.texts.get(index)
    }

    /// The number of a text with this [`hash_text`], given out now when it is new.
    pub(super) fn intern_hashed(&mut self, hash: u64, text: &str) -> u32 {
        let texts = &self.texts;
        if let Some(&index) = self.table.find(hash, |&index| texts.get(index) == text) {
            return index;
        }
        let index = self.texts.push(text);
        let texts = &self.texts;
        self.table.insert_unique(hash, index, |&index| hash_text(texts.get(index)));
        index
    }
}

/// What the table needs to know a text by itself: a look-up of a short one touches nothing else.
#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u32,
    index: u32,
    head: Head,
}

/// The bytes of a text with their number, or the first ones of a long text.
type Head = [u8; 16];

/// The longest text that a head holds as a whole.
const SHORT: usize = 15;

fn head_of(text: &str) -> Head {
    let mut head = Head::default();
    let length = text.len().min(SHORT);
    head[..length].copy_from_slice(&text.as_bytes()[..length]);
    head[SHORT] = text.len().min(SHORT + 1) as u8;
    head
}

/// Half of a hash is kept; this is the whole that the table is built with.
const fn spread(hash: u32) -> u64 {
    (hash as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl Interner {
    /// How many texts are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.texts.ends.len()
    }

    /// Whether no text is known yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.texts.ends.is_empty()
    }

    /// The text of a number; empty for [`NONE`] and numbers never given out.
    #[must_use]
    pub fn text(&self, index: u32) -> &str {
        self.texts.get(index)
    }

    /// The number of a text that is known.
    #[must_use]
    pub fn get(&self, text: &str) -> Option<u32> {
        self.get_hashed(hash_text(text), text)
    }

    /// Like [`Interner::get`], for a caller that has [`hash_text`] of it already.
    #[must_use]
    pub fn get_hashed(&self, hash: u64, text: &str) -> Option<u32> {
        let (hash, head) = ((hash >> 32) as u32, head_of(text));
        let is_same = |slot: &Slot| {
            slot.hash == hash && slot.head == head && (text.len() <= SHORT || self.text(slot.index) == text)
        };
        self.table.find(spread(hash), is_same).map(|slot| slot.index)
    }

    /// Reads where a look-up of this hash begins, so that it is near when one does.
    pub(super) fn touch(&self, hash: u64) -> u32 {
        let hash = (hash >> 32) as u32;
        self.table.find(spread(hash), |slot| slot.hash == hash).map_or(0, |slot| slot.index)
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
        let index = self.texts.push(text);
        let slot = Slot { hash: (hash >> 32) as u32, index, head: head_of(text) };
        self.table.insert_unique(spread(slot.hash), slot, |slot| spread(slot.hash));
        index
    }

    /// Every text in the order of its number.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len() as u32).map(|index| self.text(index))
    }
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    Users,
    Patients,
    Departments,
    Resources,
    Surnames,
    GivenNames,
    Dwellings,
    Streets,
    Phones,
    Roles,
}

impl Space {
    /// Every space, in the order of its number.
    pub const ALL: [Self; 10] = [
        Self::Users,
        Self::Patients,
        Self::Departments,
        Self::Resources,
        Self::Surnames,
        Self::GivenNames,
        Self::Dwellings,
        Self::Streets,
        Self::Phones,
        Self::Roles,
    ];
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
    /// Keys of names, addresses and phones, as [`matching`](super::matching) compares them.
    pub surnames: Interner,
    pub given_names: Interner,
    pub dwellings: Interner,
    pub streets: Interner,
    pub phones: Interner,
    /// Roles of the staff, as they are written.
    pub roles: Interner,
    /// Department names as they are written, and the department that each stands for.
    spellings: Interner,
    department_of: Vec<u32>,
}

impl Dictionary {
    /// The number of a text with this [`hash_text`], where it is known.
    #[must_use]
    pub fn number(&self, space: Space, hash: u64, text: &str) -> Option<u32> {
        match space {
            Space::Users => self.users.get_hashed(hash, text),
            Space::Patients => self.patients.get_hashed(hash, text),
            Space::Departments => self.department(text),
            Space::Resources => self.resources.get_hashed(hash, text),
            Space::Surnames => self.surnames.get_hashed(hash, text),
            Space::GivenNames => self.given_names.get_hashed(hash, text),
            Space::Dwellings => self.dwellings.get_hashed(hash, text),
            Space::Streets => self.streets.get_hashed(hash, text),
            Space::Phones => self.phones.get_hashed(hash, text),
            Space::Roles => self.roles.get_hashed(hash, text),
        }
    }

    /// The number of a text, given out now when it is new.
    pub fn intern(&mut self, space: Space, text: &str) -> u32 {
        match space {
            Space::Users => self.users.intern(text),
            Space::Patients => self.patients.intern(text),
            Space::Departments => self.intern_department(text),
            Space::Resources => self.resources.intern(text),
            Space::Surnames => self.surnames.intern(text),
            Space::GivenNames => self.given_names.intern(text),
            Space::Dwellings => self.dwellings.intern(text),
            Space::Streets => self.streets.intern(text),
            Space::Phones => self.phones.intern(text),
            Space::Roles => self.roles.intern(text),
        }
    }

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

/// Marks a number that is a block's own and not yet the dictionary's.
pub(super) const FRESH: u32 = 1 << 31;

/// The number of a text that `known` knows, or else its marked number among the `fresh` ones.
pub(super) fn numbered(hash: u64, known: &Interner, fresh: &mut Interner, text: &str) -> u32 {
    known.get_hashed(hash, text).unwrap_or_else(|| fresh.intern_hashed(hash, text) | FRESH)
}

/// The dictionary's number for a number that may be marked, where `adopted` holds those of the fresh texts.
pub(super) fn resolved(index: u32, adopted: &[u32]) -> u32 {
    if index == NONE || index & FRESH == 0 {
        index
    } else {
        adopted.get((index & !FRESH) as usize).copied().unwrap_or(NONE)
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

/// Inserts into one of very many vectors that nearly always hold one element: the first takes no room for
/// others.
pub(super) fn insert_sparing<T>(all: &mut Vec<T>, place: usize, element: T) {
    if all.is_empty() {
        all.reserve_exact(1);
    }
    all.insert(place, element);
}

/// The element of a number, the vector grown as needed.
pub(super) fn grown<T: Default>(all: &mut Vec<T>, index: u32) -> &mut T {
    let index = index as usize;
    if all.len() <= index {
        all.resize_with(index + 1, T::default);
    }
    &mut all[index]
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
        let long = ["0123456789abcde", "0123456789abcdef", "0123456789abcdefg", "0123456789abcdeg"];
        let numbers: Vec<u32> = long.iter().chain(&long).map(|text| ids.intern(text)).collect();
        assert_eq!(numbers, [4, 5, 6, 7, 4, 5, 6, 7]);
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
