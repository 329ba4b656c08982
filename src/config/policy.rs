//! The part of the configuration that can change a verdict, resolved to the engine's `Policy`.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::overlay;
use super::section::Section;
use super::suppressions;
use crate::engine::settings::{EngineSettings, Grace, Policy, SeveritySettings};
use crate::engine::{detectors, explain, roles};
use crate::model::context::RelationshipKind;
use crate::model::span::Span;

const SHARE: &str = "a number above 0 and below 1";

/// Reads `[engine]`, `[severity]`, `[detectors.*]`, `[explanations.*]`, `[relationships.*]` and
/// `[roles]`.
pub(super) fn read(root: &mut Section<'_>, timezone: &str) -> Policy {
    Policy {
        engine: engine(root.child("engine")),
        severity: severity(root.child("severity")),
        detectors: overlay::registry(root, "detectors", detectors::REGISTRY),
        explanations: overlay::registry(root, "explanations", explain::REGISTRY),
        relationships: relationships(root.child("relationships")),
        roles: roles(root.child("roles")),
        suppressions: suppressions::read(root),
        timezone: timezone.to_owned(),
    }
}

fn is_share(number: f64) -> bool {
    number > 0.0 && number < 1.0
}

fn engine(mut section: Section<'_>) -> EngineSettings {
    let shipped = EngineSettings::default();
    let (none, some) = (Span::default(), Span::minutes(1));
    let settings = EngineSettings {
        prior: section
            .number("prior", shipped.prior, "log-odds between -30 and 30", |prior| (-30.0..=30.0).contains(&prior)),
        further_ties: section
            .number("further_ties", shipped.further_ties, "a number from 0 to 1", |part| (0.0..=1.0).contains(&part)),
        flag_threshold: section.number("flag_threshold", shipped.flag_threshold, SHARE, is_share),
        allowed_lateness: section.span("allowed_lateness", shipped.allowed_lateness, none),
        settle_window: section.span("settle_window", shipped.settle_window, some),
        shift_span: section.span("shift_span", shipped.shift_span, none),
        episode_gap: section.span("episode_gap", shipped.episode_gap, some),
        feed_gap: section.span("feed_gap", shipped.feed_gap, some),
    };
    section.finish();
    settings
}

fn severity(mut section: Section<'_>) -> SeveritySettings {
    let shipped = SeveritySettings::default();
    let settings = SeveritySettings {
        medium: section.number("medium", shipped.medium, SHARE, is_share),
        high: section.number("high", shipped.high, SHARE, is_share),
        critical: section.number("critical", shipped.critical, SHARE, is_share),
    };
    let steps = [("medium", settings.medium), ("high", settings.high), ("critical", settings.critical)];
    for pair in steps.windows(2) {
        let ((lower, least), (key, value)) = (pair[0], pair[1]);
        if value <= least {
            section.complain(key, value.to_string(), format!("a number above severity.{lower} ({least})"));
        }
    }
    section.finish();
    settings
}

fn relationships(mut section: Section<'_>) -> BTreeMap<String, Grace> {
    let graces = RelationshipKind::ALL.into_iter().map(|kind| {
        let shipped = Grace::default_for(kind);
        let mut own = section.child(kind.name());
        let lead = own.span("lead", shipped.lead, Span::default());
        let tail = own.span("tail", shipped.tail, Span::default());
        own.finish();
        (kind.name().to_owned(), Grace { lead, tail })
    });
    let graces = graces.collect();
    section.finish();
    graces
}

fn roles(mut section: Section<'_>) -> BTreeMap<String, Vec<String>> {
    let mut classes = roles::shipped();
    for (class, patterns) in &mut classes {
        if let Some(own) = section.texts(class, "texts to look for in role names, such as \"coder\"", |_| true) {
            *patterns = own;
        }
    }
    section.finish();
    classes
}

/// Names a policy: the first 16 bytes of the SHA-256 of its JSON with sorted keys, in hexadecimal.
/// Two configurations that decide alike have the same hash, however they are written.
#[must_use]
pub fn policy_hash(policy: &Policy) -> String {
    let json = serde_json::to_value(policy).unwrap_or_default();
    let mut text = String::new();
    write_canonical(&json, &mut text);
    HEXLOWER.encode(&Sha256::digest(text.as_bytes())[..16])
}

fn write_canonical(value: &Json, text: &mut String) {
    match value {
        Json::Object(object) => {
            let sorted: BTreeMap<_, _> = object.iter().collect();
            text.push('{');
            for (key, value) in sorted {
                text.push_str(&Json::from(key.as_str()).to_string());
                text.push(':');
                write_canonical(value, text);
                text.push(',');
            }
            text.push('}');
        }
        Json::Array(items) => {
            text.push('[');
            for item in items {
                write_canonical(item, text);
                text.push(',');
            }
            text.push(']');
        }
        plain => text.push_str(&plain.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_names_what_is_decided_and_nothing_else() {
        let shipped = Policy::shipped("America/Los_Angeles");
        assert_eq!(policy_hash(&shipped), policy_hash(&shipped.clone()));
        assert_eq!(policy_hash(&shipped).len(), 32);
        let mut other = shipped.clone();
        other.engine.prior = -6.5;
        assert_ne!(policy_hash(&shipped), policy_hash(&other));
        assert_ne!(policy_hash(&shipped), policy_hash(&Policy::shipped("America/New_York")));
    }
}
