//! Duty classes: which role texts mean work that is not tied to treatment.
//!
//! A pattern is a part of a role text, in any case, that begins where a word begins; one of up to three
//! letters must be a whole word, so that `it` is not found in "unit clerk" nor `rad` in "graduate".

use std::collections::{BTreeMap, BTreeSet};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// The longest pattern that must be a whole word.
const WHOLE_WORD: usize = 3;

/// Whether a role text matches a pattern.
#[must_use]
pub fn matches(role: &str, pattern: &str) -> bool {
    let (role, pattern) = (role.to_lowercase(), pattern.trim().to_lowercase());
    let is_boundary = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    !pattern.is_empty()
        && role.match_indices(&pattern).any(|(place, _)| {
            let begins = is_boundary(role[..place].chars().next_back());
            let ends = is_boundary(role[place + pattern.len()..].chars().next());
            begins && (ends || pattern.chars().count() > WHOLE_WORD)
        })
}

/// The role texts that match no class, sorted.
#[must_use]
pub fn unmatched<'r>(roles: impl Iterator<Item = &'r str>, classes: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let is_known = |role: &str| classes.values().flatten().any(|pattern| matches(role, pattern));
    roles
        .filter(|role| !role.is_empty() && !is_known(role))
        .map(str::to_owned)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

/// The shipped `[roles]`: class to patterns of role texts.
#[must_use]
pub fn shipped() -> BTreeMap<String, Vec<String>> {
    let classes: [(&str, &[&str]); 9] = [
        ("coding", &["coder", "coding", "billing"]),
        ("release-of-information", &["him", "medical records", "health information", "release"]),
        ("quality-review", &["quality", "utilization", "infection"]),
        ("registration", &["registr", "admitting"]),
        ("case-management", &["case manag", "social work"]),
        ("pharmacy", &["pharmac"]),
        ("laboratory", &["lab", "labor"]),
        ("imaging", &["rad", "radiol", "imaging"]),
        ("information-technology", &["it", "analyst"]),
    ];
    classes
        .iter()
        .map(|(class, patterns)| ((*class).to_owned(), patterns.iter().map(|p| (*p).to_owned()).collect()))
        .collect()
}

/// Reads classes; one that `[roles]` does not have would explain nothing and say nothing.
pub(super) fn known_classes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let classes = Vec::<String>::deserialize(deserializer)?;
    let known = shipped();
    match classes.iter().find(|class| !known.contains_key(*class)) {
        None => Ok(classes),
        Some(class) => {
            let known: Vec<&str> = known.keys().map(String::as_str).collect();
            Err(D::Error::custom(format!("classes: [roles] has no \"{class}\", only {}", known.join(", "))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_patterns_are_whole_words() {
        assert!(matches("IT Analyst", "it") && matches("HIM clerk", "him") && matches("Lab tech", "lab"));
        assert!(!matches("Unit Clerk", "it") && !matches("Graduate nurse", "rad") && !matches("Rehabilitation", "lab"));
        assert!(matches("Medical Coder II", "coder") && matches("Pharmacist", "pharmac"));
    }

    #[test]
    fn roles_without_a_class_are_listed_once() {
        let roles = ["Nurse", "Coder", "Nurse", "Unit Clerk", ""];
        assert_eq!(unmatched(roles.into_iter(), &shipped()), ["Nurse", "Unit Clerk"]);
    }
}
