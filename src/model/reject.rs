//! Records that could not be used: where they stood, why, and what they said.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// Why a record was not used. The codes are a closed set: metrics carry them as labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectCode {
    /// Not valid JSON.
    InvalidJson,
    /// Not valid CSV: wrong number of cells, an unclosed quote.
    InvalidCsv,
    /// Not valid XML, or with a document type.
    InvalidXml,
    /// Not UTF-8.
    InvalidEncoding,
    /// A required field is missing or blank.
    MissingField,
    /// A field's value cannot be read (a date, a number, a name from a closed list).
    InvalidValue,
    /// No person acts in this record.
    NoActor,
    /// The record is longer than the limit.
    TooLong,
    /// Readable, but nothing for chartsentry (an Organization, an ORU).
    NotApplicable,
    /// Later than the run's "now".
    Future,
    /// The record names no known type or shape.
    UnknownType,
    /// The compressed stream ends in the middle or is damaged.
    Truncated,
}

impl RejectCode {
    /// Every code.
    pub const ALL: [Self; 12] = [
        Self::InvalidJson,
        Self::InvalidCsv,
        Self::InvalidXml,
        Self::InvalidEncoding,
        Self::MissingField,
        Self::InvalidValue,
        Self::NoActor,
        Self::TooLong,
        Self::NotApplicable,
        Self::Future,
        Self::UnknownType,
        Self::Truncated,
    ];

    /// The name used in files and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidJson => "invalid_json",
            Self::InvalidCsv => "invalid_csv",
            Self::InvalidXml => "invalid_xml",
            Self::InvalidEncoding => "invalid_encoding",
            Self::MissingField => "missing_field",
            Self::InvalidValue => "invalid_value",
            Self::NoActor => "no_actor",
            Self::TooLong => "too_long",
            Self::NotApplicable => "not_applicable",
            Self::Future => "future",
            Self::UnknownType => "unknown_type",
            Self::Truncated => "truncated",
        }
    }
}

impl fmt::Display for RejectCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where a record stood, in the words of its source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum Place {
    /// Line of a text file (or row of a Parquet file), counted from 1.
    File {
        #[serde(serialize_with = "as_text")]
        file: Arc<str>,
        line: u64,
    },
    /// Record of a Kafka topic.
    Kafka {
        #[serde(serialize_with = "as_text")]
        topic: Arc<str>,
        partition: i32,
        offset: i64,
    },
}

fn as_text<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line } => write!(f, "{file}:{line}"),
            Self::Kafka { topic, partition, offset } => write!(f, "{topic}[{partition}]@{offset}"),
        }
    }
}

/// A record that was not used. The sentence holds no value of the record, so it may be logged; the
/// record itself goes only to the quarantine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reject {
    #[serde(flatten)]
    pub place: Place,
    pub reason: RejectCode,
    /// What was wrong and what was expected.
    pub sentence: Cow<'static, str>,
    /// The record as it came, cut at [`Reject::KEPT_BYTES`] (replacement characters where not UTF-8).
    pub record: String,
}

impl Reject {
    /// How much of a rejected record the quarantine keeps.
    pub const KEPT_BYTES: usize = 16 * 1024;
}
