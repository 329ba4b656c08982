//! The policy: every number and switch that can change what the engine decides.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::context::RelationshipKind;
use crate::model::span::Span;

use super::suppression::Suppression;

/// `[engine]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EngineSettings {
    /// Log-odds of snooping before any evidence. -7 = about 1 access in 1,100 that nothing explains.
    pub prior: f64,
    /// How much of its weight a further sign of a personal tie keeps beside the strongest one (0 to 1).
    pub further_ties: f64,
    /// Score from which an episode becomes an incident.
    pub flag_threshold: f64,
    /// How far behind the newest event of its partition an event may arrive and still be sorted in.
    pub allowed_lateness: Span,
    /// How long an unexplained access waits for late documentation.
    pub settle_window: Span,
    /// How far around an access a person's other accesses are looked at; half the settle window at most.
    pub shift_span: Span,
    /// An episode ends after this long without a flagged access.
    pub episode_gap: Span,
    /// A unit's context feed that is silent for less than this is never called a gap.
    pub feed_gap: Span,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            prior: -7.0,
            further_ties: 0.25,
            flag_threshold: 0.9,
            allowed_lateness: Span::minutes(5),
            settle_window: Span::hours(72),
            shift_span: Span::hours(12),
            episode_gap: Span::days(30),
            feed_gap: Span::hours(6),
        }
    }
}

impl EngineSettings {
    /// Microseconds around an access within which a person's other accesses are looked at: the horizon holds
    /// them for a while after the later ones came.
    #[must_use]
    pub fn trail(&self) -> i64 {
        self.shift_span.micros().min(self.settle_window.micros() / 2)
    }

    /// How long after an access what the person did around it is still looked at.
    #[must_use]
    pub fn trail_lasts(&self) -> i64 {
        self.settle_window.micros() - self.trail()
    }
}

/// `[severity]`: the score from which an incident has each severity; below `medium` it is low.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SeveritySettings {
    pub medium: f64,
    pub high: f64,
    pub critical: f64,
}

impl Default for SeveritySettings {
    fn default() -> Self {
        Self { medium: 0.95, high: 0.99, critical: 0.999 }
    }
}

/// `[relationships.<kind>]`: how long before and after its dates a relationship still explains,
/// more weakly, an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Grace {
    pub lead: Span,
    pub tail: Span,
}

impl Grace {
    /// The shipped value for a kind: notes and results of a stay are finished for days after it.
    #[must_use]
    pub const fn default_for(kind: RelationshipKind) -> Self {
        match kind {
            RelationshipKind::Encounter | RelationshipKind::CareTeam => {
                Self { lead: Span::hours(2), tail: Span::hours(72) }
            }
            _ => Self { lead: Span::hours(2), tail: Span::hours(24) },
        }
    }
}

impl Default for Grace {
    fn default() -> Self {
        Self::default_for(RelationshipKind::Other)
    }
}

/// The whole resolved policy. Hashing its JSON gives `policy_hash`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Policy {
    pub engine: EngineSettings,
    pub severity: SeveritySettings,
    /// Settings of each detector by id, complete (defaults filled in).
    pub detectors: BTreeMap<String, serde_json::Value>,
    /// Settings of each explanation by id, complete.
    pub explanations: BTreeMap<String, serde_json::Value>,
    /// Grace by relationship kind name, complete.
    pub relationships: BTreeMap<String, Grace>,
    /// `[roles]`: duty class to case-insensitive patterns (substrings) of role texts.
    pub roles: BTreeMap<String, Vec<String>>,
    pub suppressions: Vec<Suppression>,
    /// IANA name of the facility's zone: local days decide episodes and population counts.
    pub timezone: String,
}

impl Policy {
    /// The shipped policy for a facility in `timezone`.
    #[must_use]
    pub fn shipped(timezone: &str) -> Self {
        Self {
            engine: EngineSettings::default(),
            severity: SeveritySettings::default(),
            detectors: super::detectors::REGISTRY
                .iter()
                .map(|entry| (entry.meta.id.to_owned(), (entry.defaults)()))
                .collect(),
            explanations: super::explain::REGISTRY
                .iter()
                .map(|entry| (entry.meta.id.to_owned(), (entry.defaults)()))
                .collect(),
            relationships: RelationshipKind::ALL
                .into_iter()
                .map(|kind| (kind.name().to_owned(), Grace::default_for(kind)))
                .collect(),
            roles: super::roles::shipped(),
            suppressions: Vec::new(),
            timezone: timezone.to_owned(),
        }
    }
}
