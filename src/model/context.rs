//! Context facts: who works here, who the patients are, who cares for whom, and when.
//!
//! Every fact is bitemporal. Its own dates say when it held; `recorded_at` says when the hospital's
//! systems knew it and `withdrawn_at` when they took it back.

use super::time::Timestamp;
use jiff::civil::Date;

/// When a record was known, as its source says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Recorded {
    /// When the source wrote it; `None` = known from the start.
    pub at: Option<Timestamp>,
    /// When the source took it back; `None` = stands.
    pub withdrawn_at: Option<Timestamp>,
}

/// A member of the workforce (HIPAA sense: employees, students, contractors, volunteers).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct WorkforceMember {
    pub user_id: String,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub previous_family_names: Vec<String>,
    pub role: Option<String>,
    pub department: Option<String>,
    pub manager_id: Option<String>,
    /// The MRN under which this person is a patient here.
    pub patient_id: Option<String>,
    pub street: Option<String>,
    pub city: Option<String>,
    pub postal_code: Option<String>,
    pub phone: Option<String>,
    pub birth_date: Option<Date>,
    pub hired_on: Option<Date>,
    /// Last day of work.
    pub ended_on: Option<Date>,
    pub recorded: Recorded,
}

/// A patient's demographics.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Patient {
    pub patient_id: String,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub previous_family_names: Vec<String>,
    pub birth_date: Option<Date>,
    pub street: Option<String>,
    pub city: Option<String>,
    pub postal_code: Option<String>,
    pub phone: Option<String>,
    pub is_vip: bool,
    pub is_restricted: bool,
    pub is_decoy: bool,
    pub deceased_on: Option<Date>,
    /// The surviving id after a merge (ADT A40).
    pub merged_into: Option<String>,
    pub recorded: Recorded,
}

/// A contact of a patient: next of kin, emergency contact, guarantor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelatedPerson {
    pub related_person_id: Option<String>,
    pub patient_id: String,
    pub relation: Option<String>,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub phone: Option<String>,
    /// The contact's own MRN, where known.
    pub related_patient_id: Option<String>,
    pub recorded: Recorded,
}

/// What ties a person or a department to a patient's chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RelationshipKind {
    Encounter,
    CareTeam,
    Appointment,
    Order,
    Consult,
    Referral,
    Billing,
    ReleaseOfInformation,
    QualityReview,
    Other,
}

impl RelationshipKind {
    /// Every kind, in the order of its number.
    pub const ALL: [Self; 10] = [
        Self::Encounter,
        Self::CareTeam,
        Self::Appointment,
        Self::Order,
        Self::Consult,
        Self::Referral,
        Self::Billing,
        Self::ReleaseOfInformation,
        Self::QualityReview,
        Self::Other,
    ];

    /// The name used in files and in `[relationships.*]`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Encounter => "encounter",
            Self::CareTeam => "care-team",
            Self::Appointment => "appointment",
            Self::Order => "order",
            Self::Consult => "consult",
            Self::Referral => "referral",
            Self::Billing => "billing",
            Self::ReleaseOfInformation => "release-of-information",
            Self::QualityReview => "quality-review",
            Self::Other => "other",
        }
    }

    /// Reads a name in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }

    /// Tasks of people whose work is not tied to treatment; they explain as a duty and never as care.
    #[must_use]
    pub const fn is_task(self) -> bool {
        matches!(self, Self::Billing | Self::ReleaseOfInformation | Self::QualityReview)
    }

    /// What is asked of a department that does not have the patient in its beds or rooms.
    #[must_use]
    pub const fn is_service(self) -> bool {
        matches!(self, Self::Order | Self::Consult | Self::Referral)
    }
}

/// Who a relationship names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    User(String),
    Department(String),
}

/// A documented reason for a person or a department to use a patient's chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relationship {
    pub relationship_id: String,
    pub kind: RelationshipKind,
    pub patient_id: String,
    pub holder: Holder,
    pub starts_at: Timestamp,
    /// `None` = open.
    pub ends_at: Option<Timestamp>,
    /// Who entered it.
    pub recorded_by: Option<String>,
    pub encounter_id: Option<String>,
    pub recorded: Recorded,
}

/// A rostered shift.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    pub shift_id: Option<String>,
    pub user_id: String,
    pub department: String,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub recorded: Recorded,
}

/// An operator's word that a context feed was down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedStatus {
    pub feed: Option<String>,
    /// The unit concerned; `None` = all.
    pub department: Option<String>,
    pub is_up: bool,
    pub starts_at: Timestamp,
    pub ends_at: Option<Timestamp>,
    pub recorded: Recorded,
}

/// One context record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContextRecord {
    Workforce(WorkforceMember),
    Patient(Patient),
    RelatedPerson(RelatedPerson),
    Relationship(Relationship),
    Shift(Shift),
    FeedStatus(FeedStatus),
}

/// A record, or its withdrawal, on its way into the context.
///
/// `key` is the record's identity: several updates with one key are versions of one record. In a
/// file it is the record's id column; on Kafka it is the message key, whatever its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextUpdate {
    pub key: String,
    /// `None` withdraws whatever stands under `key`.
    pub record: Option<ContextRecord>,
    /// When the withdrawal became known; used when `record` is `None`.
    pub withdrawn_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::RelationshipKind;

    #[test]
    fn kinds_read_back_and_match_their_numbers() {
        for (number, kind) in RelationshipKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, number);
            assert_eq!(RelationshipKind::from_name(&kind.name().to_uppercase()), Some(kind));
        }
    }
}
