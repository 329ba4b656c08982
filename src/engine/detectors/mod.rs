//! The detectors. Adding one: its file here, its case page in `tests/cases/`, a line below, and its
//! block in `config/`.

mod household;
mod no_care_relationship;
mod same_surname;
mod self_access;

use super::enrich::View;
use super::evidence::{Evidence, Finding};
use super::registry::Entry;

/// One reason to look twice at an access.
pub trait Detector: Send + Sync {
    /// Looks at one access. Must depend on nothing but the view.
    fn look(&self, view: &View<'_>) -> Option<Finding>;

    /// One sentence in plain words about evidence that it gave; free of names, addresses and phones.
    fn reason(&self, evidence: &Evidence) -> String;
}

/// Every detector, in the order in which contributions are listed.
pub static REGISTRY: &[Entry<dyn Detector>] =
    &[no_care_relationship::ENTRY, same_surname::ENTRY, household::ENTRY, self_access::ENTRY];

/// A count with thousands separators, as reasons write them.
fn count(number: u32) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped() {
        assert_eq!([3, 999, 1_000, 40_001, 1_234_567].map(count), ["3", "999", "1,000", "40,001", "1,234,567"]);
    }
}
