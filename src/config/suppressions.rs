//! `[[suppressions]]`: muted for a while, by a named person, for a reason.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::section::{Section, parsed};
use crate::engine::detectors;
use crate::engine::suppression::Suppression;

/// Reads every suppression.
pub(super) fn read(root: &mut Section<'_>) -> Vec<Suppression> {
    let mut ids = BTreeSet::new();
    let sections = root.children("suppressions");
    sections.into_iter().filter_map(|section| one(section, &mut ids)).collect()
}

fn one(mut section: Section<'_>, ids: &mut BTreeSet<String>) -> Option<Suppression> {
    let needed = |section: &mut Section<'_>, key: &str, expected: &str| {
        let text = section.text(key, expected);
        if !section.keys().any(|own| own == key) {
            section.complain(key, "nothing", expected);
        }
        text
    };
    let id = needed(&mut section, "id", "a short name, each only once");
    let owner = needed(&mut section, "owner", "who answers for it");
    let reason = needed(&mut section, "reason", "why, in a sentence");
    let user = section.text("user", "a user id");
    let patient = section.text("patient", "a patient id");
    let detector = section.text("detector", "the id of a detector");
    let day = "a day, such as 2026-12-31";
    let from = section.get("from", day, parsed::<Date>);
    let until = section.get("until", day, parsed::<Date>);
    for key in ["from", "until"].into_iter().filter(|key| !section.keys().any(|own| own == *key)) {
        section.complain(key, "nothing", day);
    }
    if let Some(id) = id.clone().filter(|id| !ids.insert(id.clone())) {
        section.complain("id", format!("\"{id}\" a second time"), "a name of its own");
    }
    if let Some(detector) = &detector
        && !detectors::REGISTRY.iter().any(|entry| entry.meta.id == detector)
    {
        section.complain(
            "detector",
            format!("\"{detector}\""),
            "the id of a detector; `chartsentry explain` lists them",
        );
    }
    if user.is_none() && patient.is_none() && detector.is_none() {
        section.complain("user", "no scope", "at least one of user, patient and detector: never everything");
    }
    if let (Some(from), Some(until)) = (from, until)
        && until < from
    {
        section.complain("until", format!("{until}, before {from}"), "the last day, not before the first");
    }
    section.finish();
    let (from, until) = (from?, until?);
    Some(Suppression { id: id?.into(), owner: owner?, reason: reason?, user, patient, detector, from, until })
}
