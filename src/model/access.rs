//! The canonical access event: one person, one patient's chart, one moment.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use super::time::Timestamp;

/// What was done to the chart (AuditEvent `action` C/R/U/D/E, plus what hospitals must tell apart).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Action {
    View,
    Search,
    Create,
    Update,
    Delete,
    Print,
    Export,
    /// Emergency override started (DICOM 110127).
    BreakGlass,
    Login,
    Logout,
    Other,
}

impl Action {
    /// Every action, in the order of its number.
    pub const ALL: [Self; 11] = [
        Self::View,
        Self::Search,
        Self::Create,
        Self::Update,
        Self::Delete,
        Self::Print,
        Self::Export,
        Self::BreakGlass,
        Self::Login,
        Self::Logout,
        Self::Other,
    ];

    /// The name used in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Search => "search",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Print => "print",
            Self::Export => "export",
            Self::BreakGlass => "break-glass",
            Self::Login => "login",
            Self::Logout => "logout",
            Self::Other => "other",
        }
    }

    /// Reads a name in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether the act succeeded (AuditEvent `outcome`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Outcome {
    #[default]
    Success,
    Denied,
    Error,
}

impl Outcome {
    /// Every outcome, in the order of its number.
    pub const ALL: [Self; 3] = [Self::Success, Self::Denied, Self::Error];

    /// The name used in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Denied => "denied",
            Self::Error => "error",
        }
    }

    /// Reads a name in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name().eq_ignore_ascii_case(name))
    }
}

/// What a search looked for; never the text itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum SearchTextKind {
    Name,
    Id,
    Dob,
    Location,
}

impl SearchTextKind {
    /// Every kind, in the order of its number.
    pub const ALL: [Self; 4] = [Self::Name, Self::Id, Self::Dob, Self::Location];

    /// The name used in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Id => "id",
            Self::Dob => "dob",
            Self::Location => "location",
        }
    }

    /// Reads a name in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }
}

/// One audited access in canonical form, still holding the text of its source.
///
/// Field for field the canonical CSV header. Text borrows from the block it was read from.
/// A record that touches several patients becomes one of these for each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccessEvent<'a> {
    /// The source's id, or a stable hash of the canonical fields where the source has none.
    pub event_id: Cow<'a, str>,
    /// When the access happened.
    pub occurred_at: Timestamp,
    /// When the source system wrote the row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded_at: Option<Timestamp>,
    /// Account or workforce id of the person acting.
    pub user_id: Cow<'a, str>,
    /// MRN; none for a log-in, a search without a hit, a batch report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patient_id: Option<Cow<'a, str>>,
    pub action: Action,
    /// Part of the chart: summary, demographics, notes, labs ...
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<Cow<'a, str>>,
    /// Where the user was logged in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub department: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workstation: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encounter_id: Option<Cow<'a, str>>,
    /// HL7 PurposeOfUse code or text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Cow<'a, str>>,
    /// Text that the user gave when breaking the glass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub break_glass_reason: Option<Cow<'a, str>>,
    pub outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search_text_kind: Option<SearchTextKind>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_any_case_and_match_their_numbers() {
        for (number, action) in Action::ALL.into_iter().enumerate() {
            assert_eq!(action as usize, number);
            assert_eq!(Action::from_name(&action.name().to_uppercase()), Some(action));
        }
        for (number, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, number);
            assert_eq!(Outcome::from_name(outcome.name()), Some(outcome));
        }
        for (number, kind) in SearchTextKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, number);
            assert_eq!(SearchTextKind::from_name(kind.name()), Some(kind));
        }
    }
}
