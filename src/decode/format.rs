//! The kinds of files and messages, and how records stand in them.

use std::fmt;

use serde::{Serialize, Serializer};
use thiserror::Error;

use super::context::Table;
use super::foreign::Foreign;

/// A kind of file or message, under which records are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Format {
    CanonicalCsv,
    CanonicalNdjson,
    /// Canonical events in a JSON array, or spread over several lines each.
    CanonicalJson,
    CanonicalParquet,
    /// One AuditEvent or a Bundle, usually over many lines.
    FhirJson,
    FhirNdjson,
    ContextCsv,
    ContextNdjson,
    ContextParquet,
    /// AuditMessages of DICOM or RFC 3881 in XML.
    AtnaXml,
    /// The same, in syslog messages.
    AtnaSyslog,
    /// FHIR resources in XML.
    FhirXml,
    /// FHIR resources about people and care relationships.
    FhirContext,
    /// HL7 v2 messages: ADT, SIU, MFN, orders.
    Hl7,
    /// Tables of Synthea's export.
    SyntheaCsv,
    /// Audit exports that a column map describes.
    MappedCsv,
    /// Epic's security events as CEF or LEEF.
    EpicSiem,
    /// The same as XML.
    EpicXml,
}

impl Format {
    /// Every format, in the order of its number.
    pub const ALL: [Self; 18] = [
        Self::CanonicalCsv,
        Self::CanonicalNdjson,
        Self::CanonicalJson,
        Self::CanonicalParquet,
        Self::FhirJson,
        Self::FhirNdjson,
        Self::ContextCsv,
        Self::ContextNdjson,
        Self::ContextParquet,
        Self::AtnaXml,
        Self::AtnaSyslog,
        Self::FhirXml,
        Self::FhirContext,
        Self::Hl7,
        Self::SyntheaCsv,
        Self::MappedCsv,
        Self::EpicSiem,
        Self::EpicXml,
    ];

    /// The name in summaries and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CanonicalCsv => "canonical-csv",
            Self::CanonicalNdjson => "canonical-ndjson",
            Self::CanonicalJson => "canonical-json",
            Self::CanonicalParquet => "canonical-parquet",
            Self::FhirJson => "fhir-auditevent-json",
            Self::FhirNdjson => "fhir-auditevent-ndjson",
            Self::ContextCsv => "context-csv",
            Self::ContextNdjson => "context-ndjson",
            Self::ContextParquet => "context-parquet",
            Self::AtnaXml => "atna-xml",
            Self::AtnaSyslog => "atna-syslog",
            Self::FhirXml => "fhir-auditevent-xml",
            Self::FhirContext => "fhir-context",
            Self::Hl7 => "hl7-v2",
            Self::SyntheaCsv => "synthea-csv",
            Self::MappedCsv => "mapped-csv",
            Self::EpicSiem => "epic-siem",
            Self::EpicXml => "epic-siem-xml",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Format {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// An access log.
    Accesses,
    /// A context table.
    Table(Table),
    /// Care relationships and people as their own systems tell them.
    Feed,
    /// Any of these.
    Anything,
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accesses => f.write_str(
                "an access log (CSV with at least the columns occurred_at, user_id and action, NDJSON with the same \
                 keys, FHIR AuditEvent JSON or NDJSON, or Parquet; .gz and .zst too)",
            ),
            Self::Table(table) => write!(
                f,
                "the context table {table} (CSV, NDJSON or Parquet with at least {}; .gz and .zst too)",
                table.required().join(", ")
            ),
            Self::Feed => f.write_str(
                "a feed of people and care relationships (HL7 v2 messages, FHIR resources as JSON, NDJSON or XML, or \
                 Synthea CSV; .gz and .zst too)",
            ),
            Self::Anything => f.write_str("an access log or a context table (CSV, NDJSON, FHIR JSON or Parquet)"),
        }
    }
}

/// The columns of a CSV file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    /// For each column the place of its cells in a row.
    pub slots: Vec<u8>,
    /// Names of the columns that nobody reads.
    pub unknown: Vec<String>,
}

/// How records stand in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    AccessCsv(Columns),
    TableCsv(Table, Columns),
    /// A JSON object in each line.
    Lines(Expect),
    /// JSON objects over several lines, an array, or a Bundle.
    Document(Expect),
    /// XML documents and syslog messages.
    Messages(Expect),
    /// HL7 v2 messages.
    Hl7,
    /// A table of another system.
    Foreign(Foreign),
    /// Parquet, which is not read from a stream of bytes.
    Columnar,
}

/// Format of a file, and where its records begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    pub format: Format,
    pub body: Body,
    /// Bytes before the first record: byte order mark and header.
    pub header_bytes: usize,
    /// Lines before the first record.
    pub header_lines: u64,
}

/// A file that is none of what it was opened for. The sentence does not name the file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FormatError {
    #[error("the file is empty: expected {0}")]
    Empty(Expect),
    #[error("the file {found}: expected {expected}")]
    Foreign { found: &'static str, expected: Expect },
    #[error("the CSV header lacks {}; found {found}; expected {expected}", .missing.join(", "))]
    MissingColumns { missing: Vec<&'static str>, found: String, expected: Expect },
    #[error("the CSV header names the column {0} twice")]
    DuplicateColumn(String),
    #[error(
        "the first JSON record has none of the fields of what is expected here; found {found}; expected {expected}"
    )]
    ForeignRecord { found: String, expected: Expect },
}
