//! From bytes to accesses, context facts or rejects; never an exception.
//!
//! A source hands over bytes with positions. [`detect::detect`] looks at the first of them and says
//! how records stand in the file ([`Layout`]); a [`Decoder`] reads [`Chunk`]s or single messages
//! and tells a [`DecodeSink`] what it found. Events borrow from the chunk they stand in.
//!
//! Whatever the format, empty or blank text is a missing value and surrounding white space is no
//! part of a value, so the same event reads the same from CSV, NDJSON and Parquet. Ids of users and patients go
//! through the [`crosswalk::Crosswalk`] of the site, where there is one, before a sink hears of them.

pub mod canonical;
mod collect;
pub mod context;
mod counters;
pub mod crosswalk;
pub mod csv;
mod decoder;
pub mod detect;
pub mod epic;
pub mod fhir;
pub mod foreign;
pub mod format;
mod framed;
pub mod hl7;
pub mod json;
pub mod mapped;
pub mod messages;
pub mod provenance;
mod renamed;
mod rows;
mod scan;
pub mod synthea;
mod syslog;
pub mod time;
pub mod xml;

use std::borrow::Cow;
use std::sync::Arc;

pub use collect::{Collected, owned};
pub use counters::Counters;
pub use decoder::{At, Decoder, file_place, reject};
pub use format::{Expect, Format, Layout};

use crate::model::access::AccessEvent;
use crate::model::context::ContextUpdate;
use crate::model::reject::{Place, Reject, RejectCode};

/// The longest record that is read; longer ones are rejects.
pub const MAX_RECORD: usize = 16 << 20;

/// Takes what a decoder finds, in the order of the input.
pub trait DecodeSink {
    /// An access; `line` is the line (row, offset) of its record.
    fn access(&mut self, event: &AccessEvent<'_>, line: u64);
    /// A context fact or its withdrawal.
    fn context(&mut self, update: ContextUpdate, line: u64);
    /// A record that could not be used.
    fn reject(&mut self, reject: Reject);
}

/// A stretch of a text file that begins and ends between records.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a> {
    pub bytes: &'a [u8],
    pub file: &'a Arc<str>,
    /// The line, from 1, of the first byte.
    pub first_line: u64,
    pub layout: &'a Layout,
}

impl Chunk<'_> {
    /// The place of its records, but for the line.
    fn place(&self) -> Place {
        Place::File { file: self.file.clone(), line: self.first_line }
    }
}

/// Why a record cannot be used. The sentence holds no value of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub reason: RejectCode,
    pub sentence: Cow<'static, str>,
}

impl Fault {
    fn new(reason: RejectCode, sentence: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, sentence: sentence.into() }
    }

    fn missing(field: &str) -> Self {
        Self::new(RejectCode::MissingField, format!("{field} is missing or blank"))
    }

    fn invalid(field: &str, expected: &str) -> Self {
        Self::new(RejectCode::InvalidValue, format!("{field} cannot be read: expected {expected}"))
    }
}

/// What an instant is expected to look like, for sentences.
const INSTANT: &str = "an instant such as 2026-06-01T07:00:03Z";
/// What a date is expected to look like, for sentences.
const DATE: &str = "a date such as 2026-06-01";

/// `text` without surrounding white space; empty = a missing value.
#[inline]
#[must_use]
pub fn clean(text: &str) -> &str {
    match text.as_bytes() {
        [] => text,
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => text.trim(),
    }
}

/// A stable 128-bit name of some fields: 26 lower-case base32 characters of their SHA-256, cut.
/// Each part is written with its length; `None` differs from every text.
#[must_use]
pub fn stable_hash<'a>(domain: &str, parts: impl IntoIterator<Item = Option<&'a [u8]>>) -> String {
    use sha2::Digest;

    let mut hash = sha2::Sha256::new();
    hash.update(domain.as_bytes());
    for part in parts {
        match part {
            None => hash.update([0]),
            Some(bytes) => {
                hash.update([1]);
                hash.update((bytes.len() as u64).to_le_bytes());
                hash.update(bytes);
            }
        }
    }
    data_encoding::BASE32_NOPAD.encode(&hash.finalize()[..16]).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_text_is_missing() {
        for text in ["", " ", "\t", "\u{a0}", "\u{3000} "] {
            assert_eq!(clean(text), "");
        }
        assert_eq!(clean(" a b "), "a b");
        assert_eq!(clean("x"), "x");
        assert_eq!(clean("\u{a0}é"), "é");
    }

    #[test]
    fn a_hash_is_of_the_parts_and_their_bounds() {
        let hash = |parts: &[Option<&str>]| stable_hash("test", parts.iter().map(|part| part.map(str::as_bytes)));
        assert_eq!(hash(&[Some("a"), None]).len(), 26);
        assert_ne!(hash(&[Some("ab"), Some("c")]), hash(&[Some("a"), Some("bc")]));
        assert_ne!(hash(&[Some("")]), hash(&[None]));
    }
}
