//! One access while the hospital is being simulated: numbers only, no text.

use crate::model::access::{Action, Outcome, SearchTextKind};

/// Part of a chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    None,
    Summary,
    Demographics,
    Notes,
    Labs,
    Medications,
    Imaging,
    Orders,
    Flowsheet,
    Billing,
}

impl Part {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Summary => "summary",
            Self::Demographics => "demographics",
            Self::Notes => "notes",
            Self::Labs => "labs",
            Self::Medications => "medications",
            Self::Imaging => "imaging",
            Self::Orders => "orders",
            Self::Flowsheet => "flowsheet",
            Self::Billing => "billing",
        }
    }
}

/// HL7 v3 PurposeOfUse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    None,
    Treatment,
    Payment,
    Operations,
    PatientRequest,
    BreakGlass,
}

impl Purpose {
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Treatment => "TREAT",
            Self::Payment => "HPAYMT",
            Self::Operations => "HOPERAT",
            Self::PatientRequest => "PATRQT",
            Self::BreakGlass => "BTG",
        }
    }
}

/// Reasons that people give when they break the glass; [`Event::reason`] 0 = none.
pub(super) const REASONS: [&str; 6] = [
    "",
    "Emergency treatment, patient in the room",
    "Direct care, covering for the assigned nurse",
    "Consult requested by phone",
    "need to check something",
    "patient asked me to look",
];
/// The first of [`REASONS`] that nobody should accept.
pub(super) const FIRST_POOR_REASON: u8 = 4;

/// No patient, in [`Event::patient`].
pub(super) const NOBODY: u32 = u32::MAX;

/// Workstations from this number on are remote sessions.
pub(super) const REMOTE: u16 = 900;

/// One access; ids are places in the population's lists.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    /// Microseconds since 1970.
    pub(super) at: i64,
    pub(super) user: u32,
    pub(super) patient: u32,
    /// 0 = none.
    pub(super) encounter: u32,
    pub(super) department: u16,
    pub(super) workstation: u16,
    pub(super) action: Action,
    pub(super) part: Part,
    pub(super) purpose: Purpose,
    pub(super) outcome: Outcome,
    pub(super) search: Option<SearchTextKind>,
    pub(super) reason: u8,
}
