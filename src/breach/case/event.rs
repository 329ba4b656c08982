//! What can happen to a case: the words of the ledger.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::change::{Change, ProposalNumber};
use super::{FacilityFacts, UnitKey};
use crate::breach::handoff::Handoff;
use crate::breach::iso_date;
use crate::breach::named::name_of;
use crate::model::time::Timestamp;

/// One event of a case. In the ledger it stands with who did it, when, and which case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Event {
    /// The register opened the case, for a handoff that follows.
    Opened {
        facility: FacilityFacts,
        is_rehearsal: bool,
    },
    /// A handoff came, and these of its units belong here.
    HandedOver {
        handoff: Box<Handoff>,
        units: Vec<UnitKey>,
    },
    /// A person looked at the case for the first time.
    Looked,
    Assigned {
        before: Option<String>,
        after: String,
    },
    Noted {
        text: String,
    },
    /// A clock, a fact or a decision changed at once.
    Changed {
        change: Change,
    },
    /// A change that needs a second person waits for one.
    Proposed {
        number: ProposalNumber,
        change: Change,
    },
    /// The second person agreed; the change holds from now on.
    Confirmed {
        number: ProposalNumber,
    },
    /// The second person did not, or the first took it back.
    Rejected {
        number: ProposalNumber,
        reason: String,
    },
    /// Something was sent.
    Notified {
        notice: Notice,
    },
    /// A record that something was sent was wrong.
    Retracted {
        report_id: String,
        to: Recipient,
        reason: String,
    },
    /// Rows behind the units were kept.
    EvidenceKept {
        evidence: Evidence,
    },
    /// The register found that this may continue another case.
    LinkProposed {
        case_id: String,
        why: String,
    },
    /// A person said whether it does.
    LinkDecided {
        case_id: String,
        is_same: bool,
        reason: String,
    },
    /// A reminder was given.
    Reminded {
        reminder_id: String,
        text: String,
    },
}

impl Event {
    /// The name of what happened, as the ledger writes it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "opened",
            Self::HandedOver { .. } => "handed_over",
            Self::Looked => "looked",
            Self::Assigned { .. } => "assigned",
            Self::Noted { .. } => "noted",
            Self::Changed { .. } => "changed",
            Self::Proposed { .. } => "proposed",
            Self::Confirmed { .. } => "confirmed",
            Self::Rejected { .. } => "rejected",
            Self::Notified { .. } => "notified",
            Self::Retracted { .. } => "retracted",
            Self::EvidenceKept { .. } => "evidence_kept",
            Self::LinkProposed { .. } => "link_proposed",
            Self::LinkDecided { .. } => "link_decided",
            Self::Reminded { .. } => "reminded",
        }
    }
}

impl Event {
    /// Whether a person did it with the case before their eyes.
    #[must_use]
    pub const fn is_by_a_person(&self) -> bool {
        !matches!(
            self,
            Self::Opened { .. }
                | Self::HandedOver { .. }
                | Self::EvidenceKept { .. }
                | Self::LinkProposed { .. }
                | Self::Reminded { .. }
        )
    }
}

/// Where a row of evidence comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceSource {
    /// What the running engine held when it flagged: time, action, part of the chart, department.
    Engine,
    /// The log itself, read again.
    #[default]
    Log,
}

impl EvidenceSource {
    /// The name used in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Log => "log",
        }
    }
}

/// Rows of evidence, so that a change of one shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    #[serde(default)]
    pub source: EvidenceSource,
    /// Which rows: event, person and patient.
    pub rows: Vec<[String; 3]>,
    /// SHA-256 over their canonical JSON, a line each, in this order.
    pub digest: String,
}

/// To whom something was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipient {
    /// California Department of Public Health (79902(a)).
    Cdph,
    /// The patient or representative (HSC 1280.15(b)(2); 45 CFR 164.404).
    Patient,
    /// The Secretary of Health and Human Services (164.408).
    Hhs,
    /// Prominent media of the State (164.406).
    Media,
    /// Residents, under Civil Code 1798.82(a).
    Residents,
    /// The Attorney General (Civil Code 1798.82(f)).
    AttorneyGeneral,
}

impl Recipient {
    /// Every recipient with its name in files and on the command line.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Cdph, "cdph"),
        (Self::Patient, "patient"),
        (Self::Hhs, "hhs"),
        (Self::Media, "media"),
        (Self::Residents, "residents"),
        (Self::AttorneyGeneral, "attorney_general"),
    ];

    /// The name used in files and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        name_of(&Self::ALL, &self)
    }
}

/// A report or a notice that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// All breaches in one report are one *reported event* (22 CCR 79901(o)).
    pub report_id: String,
    pub to: Recipient,
    /// Local date of sending.
    #[serde(with = "iso_date")]
    pub sent_on: Date,
    /// Mail, telephone, portal ...; free text.
    pub method: Option<String>,
    /// Where the proof of sending is kept; without one a notice is presumed not made (HSC 1280.15(d)).
    pub proof: Option<String>,
    /// The units that it covers.
    pub units: BTreeSet<UnitKey>,
    pub by: String,
    pub recorded_at: Timestamp,
}
