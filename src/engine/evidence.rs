//! What detectors and explanations say about one access.

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

/// A record that explains an access.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Explained {
    /// Place of the explanation among the rules; the strongest basis comes first.
    pub basis: u8,
    pub cover: Cover,
    /// Number of the record that it rests on.
    pub record: u32,
    /// Log-odds, zero or negative.
    pub weight: f64,
}

/// Everything decided about one access at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    pub explained: Option<Explained>,
    pub evidence: Vec<Evidence>,
    pub unknown: Option<(Unknown, Timestamp)>,
    /// Whether this access alone reaches the threshold.
    pub is_over: bool,
}

impl Decision {
    /// Whether an episode must hold the access.
    #[must_use]
    pub const fn joins(&self) -> bool {
        self.explained.is_none() || self.is_over
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
