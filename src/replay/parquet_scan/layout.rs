//! Which columns a canonical table has, and what each may hold.

/// What a column's values mean; decides which Parquet types it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text, a category, a whole or decimal number (read as its text), or a boolean.
    Text,
    /// A date and time, a date (its midnight), or text.
    Instant,
    /// A date, a date and time, or text.
    Date,
    /// A boolean, a number, or text.
    Flag,
}

impl Kind {
    /// What to write into an error.
    #[must_use]
    pub const fn expected(self) -> &'static str {
        match self {
            Self::Text => "text or whole numbers (signed, or unsigned of 32 or 64 bits)",
            Self::Instant => "timestamps or text in RFC 3339",
            Self::Date => "dates or text as YYYY-MM-DD",
            Self::Flag => "booleans, text or signed numbers",
        }
    }
}

/// One canonical column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: &'static str,
    pub kind: Kind,
    /// A file without it cannot be read.
    pub required: bool,
}

/// One canonical table.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// For errors: "an access log".
    pub described: &'static str,
    pub columns: &'static [Column],
}

const fn must(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, required: true }
}

const fn may(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, required: false }
}

/// An access log.
pub static ACCESSES: Table = Table {
    described: "an access log",
    columns: &[
        may("event_id", Kind::Text),
        must("occurred_at", Kind::Instant),
        may("recorded_at", Kind::Instant),
        must("user_id", Kind::Text),
        may("patient_id", Kind::Text),
        must("action", Kind::Text),
        may("resource", Kind::Text),
        may("department", Kind::Text),
        may("workstation", Kind::Text),
        may("source_ip", Kind::Text),
        may("encounter_id", Kind::Text),
        may("purpose", Kind::Text),
        may("break_glass_reason", Kind::Text),
        may("outcome", Kind::Text),
        may("search_text_kind", Kind::Text),
    ],
};

/// `workforce`: the people who work here.
pub static WORKFORCE: Table = Table {
    described: "a workforce table",
    columns: &[
        must("user_id", Kind::Text),
        may("given_name", Kind::Text),
        may("family_name", Kind::Text),
        may("previous_family_names", Kind::Text),
        may("role", Kind::Text),
        may("department", Kind::Text),
        may("manager_id", Kind::Text),
        may("patient_id", Kind::Text),
        may("street", Kind::Text),
        may("city", Kind::Text),
        may("postal_code", Kind::Text),
        may("phone", Kind::Text),
        may("birth_date", Kind::Date),
        may("hired_on", Kind::Date),
        may("ended_on", Kind::Date),
        may("recorded_at", Kind::Instant),
        may("withdrawn_at", Kind::Instant),
    ],
};

/// `patients`: demographics and flags.
pub static PATIENTS: Table = Table {
    described: "a patients table",
    columns: &[
        must("patient_id", Kind::Text),
        may("given_name", Kind::Text),
        may("family_name", Kind::Text),
        may("previous_family_names", Kind::Text),
        may("birth_date", Kind::Date),
        may("street", Kind::Text),
        may("city", Kind::Text),
        may("postal_code", Kind::Text),
        may("phone", Kind::Text),
        may("is_vip", Kind::Flag),
        may("is_restricted", Kind::Flag),
        may("is_decoy", Kind::Flag),
        may("deceased_on", Kind::Date),
        may("merged_into", Kind::Text),
        may("recorded_at", Kind::Instant),
        may("withdrawn_at", Kind::Instant),
    ],
};

/// `related_persons`: contacts of patients.
pub static RELATED_PERSONS: Table = Table {
    described: "a related_persons table",
    columns: &[
        may("related_person_id", Kind::Text),
        must("patient_id", Kind::Text),
        may("relation", Kind::Text),
        may("given_name", Kind::Text),
        may("family_name", Kind::Text),
        may("phone", Kind::Text),
        may("related_patient_id", Kind::Text),
        may("recorded_at", Kind::Instant),
        may("withdrawn_at", Kind::Instant),
    ],
};

/// `relationships`: who cares for whom, and when.
pub static RELATIONSHIPS: Table = Table {
    described: "a relationships table",
    columns: &[
        must("relationship_id", Kind::Text),
        must("kind", Kind::Text),
        must("patient_id", Kind::Text),
        may("user_id", Kind::Text),
        may("department", Kind::Text),
        must("starts_at", Kind::Instant),
        may("ends_at", Kind::Instant),
        may("recorded_by", Kind::Text),
        may("encounter_id", Kind::Text),
        may("recorded_at", Kind::Instant),
        may("withdrawn_at", Kind::Instant),
    ],
};

/// `shifts`: the roster.
pub static SHIFTS: Table = Table {
    described: "a shifts table",
    columns: &[
        may("shift_id", Kind::Text),
        must("user_id", Kind::Text),
        must("department", Kind::Text),
        must("starts_at", Kind::Instant),
        must("ends_at", Kind::Instant),
        may("recorded_at", Kind::Instant),
        may("withdrawn_at", Kind::Instant),
    ],
};
