//! What detectors and explanations say about one access.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::feeds::Unknown;
use super::relations::Cover;
use crate::model::time::Timestamp;

/// One detector's word on one access.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// Place of the detector among the rules.
    pub detector: u8,
    /// Log-odds.
    pub weight: f64,
    /// Numbers that the reason speaks of; what they mean is the detector's business.
    pub numbers: [u32; 2],
}

/// What a detector finds, before it has its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finding {
    /// Log-odds; rounded to three decimals when it becomes evidence.
    pub weight: f64,
    pub numbers: [u32; 2],
}

/// What a person's accesses to one chart are together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    pub accesses: u32,
    /// Local days on which they happened.
    pub days: u32,
    /// Whether something was written in the chart.
    pub has_written: bool,
}

/// Accesses without a reason that may belong together.
#[derive(Clone, Debug, PartialEq)]
pub enum Gathering {
    /// One person's charts of one local day.
    Day(Day),
    /// The people who opened one chart within a few days.
    Chart(Visitors),
    /// One person's looks of the last months, none of which makes an incident alone.
    Series(Series),
}

/// One person's charts of one local day that nothing explains.
#[derive(Clone, Debug, PartialEq)]
pub struct Day {
    pub charts: u32,
    /// How many there are on a usual day of this person, by the days before.
    pub usual: f64,
    /// Charts from which something was printed or exported.
    pub taken_out: u32,
    /// Charts of which only the face sheet was opened.
    pub face_sheets: u32,
    /// Charts whose number follows closely on that of another one.
    pub in_sequence: u32,
}

/// People who opened one chart without a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visitors {
    pub users: u32,
    /// Departments to which they belong.
    pub departments: u32,
}

/// One person's looks that weigh something and make no incident.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Series {
    pub looks: u32,
    /// Weights of what links the person to the patients, each less the longer ago; the largest is not among
    /// them.
    pub weight: f64,
}

/// A record that explains an access.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Explained {
    /// Place of the explanation among the rules; the strongest basis comes first.
    pub basis: u8,
    pub cover: Cover,
    /// Number of the record that it rests on; without meaning where it rests on [`Deeds`].
    pub record: u32,
    /// Log-odds, zero or negative.
    pub weight: f64,
}

/// An explanation that rests on what the person did around the access.
#[derive(Clone, Debug, PartialEq)]
pub struct Deeds {
    pub explained: Explained,
    /// Beside what it holds.
    pub holds: Holds,
    /// Whether it fits the patient's care or the person's work.
    pub fits_care: bool,
    /// The accesses or patients that it rests on, as their sources name them.
    pub proof: Box<str>,
}

/// Beside which other signs an explanation holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Holds {
    Always,
    /// Not beside a personal tie.
    NoTie,
    /// Not beside a personal tie or a shared name.
    NoTieNoName,
    /// Not beside those, nor beside a mark of the chart.
    NoTieNoMark,
    /// Beside no sign at all, acquaintance included.
    Alone,
}

/// Signs beside which weaker explanations do not hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signs {
    pub tie: bool,
    pub namesake: bool,
    pub acquaintance: bool,
    pub mark: bool,
}

impl Holds {
    /// Whether an explanation holds beside such signs.
    #[must_use]
    pub const fn beside(self, signs: Signs) -> bool {
        match self {
            Self::Always => true,
            Self::NoTie => !signs.tie,
            Self::NoTieNoName => !(signs.tie || signs.namesake),
            Self::NoTieNoMark => !(signs.tie || signs.namesake || signs.mark),
            Self::Alone => !(signs.tie || signs.namesake || signs.acquaintance || signs.mark),
        }
    }
}

/// Which part the person's role alone has in a decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RolePart {
    #[default]
    None,
    /// It is what explains the access.
    Explains,
    /// It would, were there not more charts on that day than the role has use for.
    TooMuch,
}

/// Everything decided about one access at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    pub explained: Option<Explained>,
    /// What the person's work around the access explains, whether or not something stronger does.
    pub deeds: Option<Deeds>,
    pub role: RolePart,
    pub evidence: Vec<Evidence>,
    pub unknown: Option<(Unknown, Timestamp)>,
    /// That the reference data lack the person or the patient.
    pub unlisted: Option<Unknown>,
    /// Whether this access alone reaches the threshold.
    pub is_over: bool,
    /// Whether a reason is there that does not hold.
    pub is_doubtful: bool,
    /// The suppression that took weight away.
    pub muted: Option<Arc<str>>,
    /// Whether all that detectors say of the access is muted.
    pub is_muted: bool,
}

impl Decision {
    /// Why the verdict has to be read with care.
    pub fn degraded(&self) -> impl Iterator<Item = Unknown> {
        self.unknown.map(|(why, _)| why).into_iter().chain(self.unlisted)
    }

    /// Whether an episode must hold the access.
    #[must_use]
    pub const fn joins(&self) -> bool {
        self.explained.is_none() || self.is_over
    }

    /// Whether it is known that nothing explains the access, and nobody has muted it.
    #[must_use]
    pub const fn is_lone(&self) -> bool {
        self.explained.is_none() && self.unknown.is_none() && !self.is_muted
    }

    /// What proves the explanation, where that is what the person did and no record.
    #[must_use]
    pub fn proof(&self) -> Option<&Deeds> {
        self.deeds.as_ref().filter(|deeds| self.explained == Some(deeds.explained))
    }

    /// Whether an episode must keep the access: because it joins, or because what explains it would be
    /// forgotten.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.joins() || self.proof().is_some()
    }
}

/// Weights are written with three decimals, and what is written is what is added.
#[must_use]
pub fn rounded(weight: f64) -> f64 {
    (weight * 1_000.0).round() / 1_000.0
}

/// The logistic function.
#[must_use]
pub fn logistic(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}
