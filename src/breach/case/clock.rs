//! The clock fields of a case: first value wins, an earlier one may replace it, a later one only with a reason and a
//! second person. Every version is kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::breach::handoff::{Basis, Clocks, Handoff};
use crate::breach::named::name_of;
use crate::model::time::Timestamp;

/// One clock field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockField {
    /// When the source system wrote the earliest row. Never changes.
    RecordedAt,
    /// When the facility could first have reviewed the earliest row.
    SourceAvailableAt,
    /// When chartsentry received it.
    IngestedAt,
    /// When a rule first marked it.
    FlaggedAt,
    /// When it first stood where a person is expected to look.
    SurfacedAt,
    /// First person aware.
    KnownAt,
    /// Reasonable belief formed; may precede proof.
    BeliefAt,
    /// First business associate aware.
    BaKnownAt,
    /// When it would have been known with reasonable diligence; a person or counsel sets it.
    DiligenceAt,
}

impl ClockField {
    /// Every field with its name in files and on the command line.
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::RecordedAt, "recorded_at"),
        (Self::SourceAvailableAt, "source_available_at"),
        (Self::IngestedAt, "ingested_at"),
        (Self::FlaggedAt, "flagged_at"),
        (Self::SurfacedAt, "surfaced_at"),
        (Self::KnownAt, "known_at"),
        (Self::BeliefAt, "belief_at"),
        (Self::BaKnownAt, "ba_known_at"),
        (Self::DiligenceAt, "diligence_at"),
    ];

    /// The name used in files and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        name_of(&Self::ALL, &self)
    }

    /// Whether a person may set it; the others are what the log and the program recorded.
    #[must_use]
    pub const fn is_for_people(self) -> bool {
        matches!(self, Self::SourceAvailableAt | Self::KnownAt | Self::BeliefAt | Self::BaKnownAt | Self::DiligenceAt)
    }
}

/// A value that a clock field had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    pub value: Timestamp,
    pub set_at: Timestamp,
    /// Who set it: a person, or the register for what a handoff brought.
    pub by: String,
    pub reason: Option<String>,
    /// The second person, where one was needed.
    pub second: Option<String>,
}

/// The clocks of a case with all their versions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseClocks {
    versions: BTreeMap<ClockField, Vec<Version>>,
    /// Whether `source_available_at` was inferred instead of stated.
    pub source_available_assumed: bool,
    /// The review interval leaves open whether it should have been known earlier.
    pub diligence_question: bool,
}

/// Whose knowledge counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imputed {
    /// The first person aware is the suspected actor, whose own knowledge does not count (79901(f)).
    pub knower_is_actor: bool,
    /// The business associate is an agent, whose knowledge HIPAA imputes too (164.404(a)(2)).
    pub associate_is_agent: bool,
}

impl CaseClocks {
    /// The value that holds.
    #[must_use]
    pub fn get(&self, field: ClockField) -> Option<Timestamp> {
        self.versions.get(&field)?.last().map(|version| version.value)
    }

    /// Every value that the field had, oldest first.
    #[must_use]
    pub fn versions(&self, field: ClockField) -> &[Version] {
        self.versions.get(&field).map_or(&[], Vec::as_slice)
    }

    /// Sets a field, whatever it was before. Whether that is allowed was decided before the event was written.
    pub(super) fn set(&mut self, field: ClockField, version: Version) {
        if field == ClockField::SourceAvailableAt {
            self.source_available_assumed = false;
        }
        self.versions.entry(field).or_default().push(version);
    }

    /// Takes what a handoff brings where that is earlier than what is known.
    pub(super) fn take(&mut self, handoff: &Handoff, at: Timestamp) {
        let stated = !handoff.source_available_assumed;
        let told = [
            (ClockField::RecordedAt, handoff.recorded_at),
            (ClockField::SourceAvailableAt, Some(handoff.source_available_at)),
            (ClockField::IngestedAt, Some(handoff.ingested_at)),
            (ClockField::FlaggedAt, Some(handoff.flagged_at)),
            (ClockField::SurfacedAt, handoff.surfaced_at),
        ];
        for (field, value) in told {
            let Some(value) = value else { continue };
            // What two people have set stands against a log that is read again.
            if self.versions(field).last().is_some_and(|version| version.second.is_some()) {
                continue;
            }
            if self.get(field).is_none_or(|known| value < known) {
                let version = Version { value, set_at: at, by: handoff.handoff_id.clone(), reason: None, second: None };
                self.versions.entry(field).or_default().push(version);
                if field == ClockField::SourceAvailableAt {
                    self.source_available_assumed = !stated;
                }
            }
        }
        self.diligence_question |= handoff.diligence_question;
    }

    /// Whether a handoff would move a clock earlier.
    #[must_use]
    pub fn would_move(&self, handoff: &Handoff) -> bool {
        let mut moved = self.clone();
        moved.take(handoff, Timestamp::MIN);
        moved != *self
    }

    /// The earliest clock of a person or an associate that is not before `first`, for California and for HIPAA.
    #[must_use]
    pub fn persons_since(&self, first: Timestamp, imputed: Imputed) -> (Option<Timestamp>, Option<Timestamp>) {
        let clocks = self.counted(imputed);
        let earliest = |all: [Option<Timestamp>; 4]| all.into_iter().flatten().filter(|at| *at >= first).min();
        let associate = clocks.ba_known_at;
        let federal = associate.filter(|_| imputed.associate_is_agent);
        (
            earliest([clocks.known_at, clocks.belief_at, associate, clocks.diligence_at]),
            earliest([clocks.known_at, clocks.belief_at, federal, clocks.diligence_at]),
        )
    }

    fn counted(&self, imputed: Imputed) -> Clocks {
        let zero = Timestamp::default();
        Clocks {
            ingested_at: self.get(ClockField::IngestedAt).unwrap_or(zero),
            flagged_at: self.get(ClockField::FlaggedAt).unwrap_or(zero),
            surfaced_at: self.get(ClockField::SurfacedAt),
            source_available_at: self.get(ClockField::SourceAvailableAt).unwrap_or(zero),
            source_available_assumed: self.source_available_assumed,
            known_at: self.get(ClockField::KnownAt).filter(|_| !imputed.knower_is_actor),
            belief_at: self.get(ClockField::BeliefAt),
            ba_known_at: self.get(ClockField::BaKnownAt),
            ba_is_agent: imputed.associate_is_agent,
            diligence_at: self.get(ClockField::DiligenceAt),
        }
    }

    /// Detection under California law, and what it rests on (79901(f)).
    #[must_use]
    pub fn detected(&self, imputed: Imputed) -> (Timestamp, Basis) {
        self.counted(imputed).detected()
    }

    /// Discovery under HIPAA (164.404(a)(2)).
    #[must_use]
    pub fn discovered_at(&self, imputed: Imputed) -> Timestamp {
        self.counted(imputed).discovered_at()
    }

    /// When a person, and not software alone, came to know or believe; `None` while none has.
    #[must_use]
    pub fn person_since(&self, imputed: Imputed) -> Option<Timestamp> {
        let clocks = self.counted(imputed);
        [clocks.known_at, clocks.belief_at].into_iter().flatten().min()
    }
}
