//! What is known of looks: those that were found to have no reason, and those that had one.
//!
//! The file is CSV with the columns `user_id`, `patient_id` and `kind`. Most kinds say what sort of look without a
//! reason it was. A few are a reviewer's disposition instead: `false positive` and `benign explained` are looks
//! that had a reason, `duplicate` and `undetermined` teach nothing. Between words may stand a space, `-` or `_`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};

/// (user, patient).
pub type Pair = (String, String);

/// Looks without a reason, and of what kind each was.
pub type Snooping = BTreeMap<Pair, String>;

/// What is known of pairs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    pub snooping: Snooping,
    /// Reviewed, and had a reason.
    pub cleared: BTreeSet<Pair>,
    /// Reviewed without an outcome that teaches anything.
    pub undecided: BTreeSet<Pair>,
}

impl Labels {
    /// Whether a pair had no reason; `None` where that is not known. A file that clears nobody lists all looks
    /// without a reason, so every other pair had one.
    #[must_use]
    pub fn verdict(&self, pair: &Pair) -> Option<bool> {
        if self.snooping.contains_key(pair) {
            Some(true)
        } else if self.is_complete() {
            Some(false).filter(|_| !self.undecided.contains(pair))
        } else {
            self.cleared.contains(pair).then_some(false)
        }
    }

    /// Whether every pair that is not named is known to have had a reason.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.cleared.is_empty()
    }

    fn add(&mut self, pair: Pair, kind: &str) {
        match kind.to_lowercase().replace(['-', '_'], " ").as_str() {
            "false positive" | "benign explained" => {
                self.cleared.insert(pair);
            }
            "duplicate" | "undetermined" => {
                self.undecided.insert(pair);
            }
            _ => {
                self.snooping.insert(pair, kind.to_owned());
            }
        }
    }
}

/// Reads labels.
///
/// # Errors
/// When the file cannot be read, lacks a column, or has a line with an empty field.
pub fn read_labels(path: &Path) -> Result<Labels> {
    let name = path.display();
    let mut table = csv::Reader::from_path(path).map_err(|error| anyhow!("cannot read labels {name}: {error}"))?;
    let header = table.headers().with_context(|| format!("cannot read labels {name}"))?.clone();
    let column = |wanted: &str| {
        let is_wanted = |field: &str| field.trim_start_matches('\u{feff}').trim().eq_ignore_ascii_case(wanted);
        header.iter().position(is_wanted).ok_or_else(|| {
            anyhow!("labels {name}: line 1 has no column \"{wanted}\": expected the header user_id,patient_id,kind")
        })
    };
    let columns = [column("user_id")?, column("patient_id")?, column("kind")?];
    let mut labels = Labels::default();
    for record in table.records() {
        let record = record.map_err(|error| anyhow!("labels {name}: {error}"))?;
        let line = record.position().map_or(0, csv::Position::line);
        let [user, patient, kind] = columns.map(|column| record.get(column).unwrap_or_default().trim());
        if user.is_empty() || patient.is_empty() || kind.is_empty() {
            bail!("labels {name}: line {line} has an empty field: user_id, patient_id and kind are all needed");
        }
        labels.add((user.to_owned(), patient.to_owned()), kind);
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(user: &str) -> Pair {
        (user.to_owned(), "p1".to_owned())
    }

    #[test]
    fn a_list_that_clears_nobody_is_complete() {
        let mut labels = Labels::default();
        labels.add(pair("u1"), "household");
        labels.add(pair("u2"), "undetermined");
        assert_eq!(["u1", "u2", "u3"].map(|user| labels.verdict(&pair(user))), [Some(true), None, Some(false)]);
    }

    #[test]
    fn dispositions_teach_about_the_pairs_that_they_name() {
        let mut labels = Labels::default();
        labels.add(pair("u1"), "confirmed");
        labels.add(pair("u2"), "False-Positive");
        labels.add(pair("u3"), "benign_explained");
        labels.add(pair("u4"), "duplicate");
        let users = ["u1", "u2", "u3", "u4", "u5"];
        let expected = [Some(true), Some(false), Some(false), None, None];
        assert_eq!(users.map(|user| labels.verdict(&pair(user))), expected);
    }
}
