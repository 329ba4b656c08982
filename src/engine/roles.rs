//! Duty classes: which role texts mean work that is not tied to treatment.

use std::collections::BTreeMap;

/// The shipped `[roles]`: class to case-insensitive substrings of role texts.
#[must_use]
pub fn shipped() -> BTreeMap<String, Vec<String>> {
    let classes: [(&str, &[&str]); 9] = [
        ("coding", &["coder", "coding", "billing"]),
        ("release-of-information", &["him", "medical records", "health information", "release"]),
        ("quality-review", &["quality", "utilization", "infection"]),
        ("registration", &["registr", "admitting"]),
        ("case-management", &["case manag", "social work"]),
        ("pharmacy", &["pharmac"]),
        ("laboratory", &["lab"]),
        ("imaging", &["rad", "imaging"]),
        ("information-technology", &["it", "analyst"]),
    ];
    classes
        .iter()
        .map(|(class, patterns)| ((*class).to_owned(), patterns.iter().map(|p| (*p).to_owned()).collect()))
        .collect()
}
