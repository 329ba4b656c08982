//! The detectors. Adding one: its file here, its case page in `tests/cases/`, a line below, and its
//! block in `config/`.

mod break_glass_unsupported;
mod brief_look;
mod bulk_export;
mod concurrent_workstations;
mod coworker;
mod curiosity_burst;
mod deceased_patient;
mod decoy_patient;
mod demographics_browsing;
mod department_mismatch;
mod dormant_record;
mod household;
mod inactive_account;
mod name_search_then_open;
mod neighbor;
mod no_care_relationship;
mod off_shift;
mod record_enumeration;
mod related_person;
mod repeat_interest;
mod reporting_line;
mod restricted_record;
mod same_surname;
mod self_access;
mod serial_looks;
mod vip_patient;
mod volume_spike;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::enrich::View;
use super::evidence::{Evidence, Finding, Gathering, History};
use super::registry::{self, Entry, Meta};

pub(super) use break_glass_unsupported::fits_care;
pub(super) use dormant_record::wakes_before;

/// One reason to look twice at an access.
pub trait Detector: Send + Sync {
    /// Looks at one access. Must depend on nothing but the view.
    fn look(&self, _: &View<'_>) -> Option<Finding> {
        None
    }

    /// Looks at the accesses of an incident together.
    fn sum_up(&self, _: &History) -> Option<Finding> {
        None
    }

    /// Looks at accesses without a reason that may belong together.
    fn gather(&self, _: &Gathering) -> Option<Finding> {
        None
    }

    /// One sentence in plain words about evidence that it gave; free of names, addresses and phones.
    fn reason(&self, evidence: &Evidence) -> String;
}

/// Every detector, in the order in which contributions are listed.
pub static REGISTRY: &[Entry<dyn Detector>] = &[
    no_care_relationship::ENTRY,
    same_surname::ENTRY,
    household::ENTRY,
    neighbor::ENTRY,
    self_access::ENTRY,
    coworker::ENTRY,
    reporting_line::ENTRY,
    related_person::ENTRY,
    vip_patient::ENTRY,
    restricted_record::ENTRY,
    deceased_patient::ENTRY,
    decoy_patient::ENTRY,
    inactive_account::ENTRY,
    dormant_record::ENTRY,
    break_glass_unsupported::ENTRY,
    repeat_interest::ENTRY,
    name_search_then_open::ENTRY,
    department_mismatch::ENTRY,
    off_shift::ENTRY,
    concurrent_workstations::ENTRY,
    brief_look::ENTRY,
    volume_spike::ENTRY,
    bulk_export::ENTRY,
    demographics_browsing::ENTRY,
    record_enumeration::ENTRY,
    curiosity_burst::ENTRY,
    serial_looks::ENTRY,
];

/// A detector with settings of type `S`.
const fn entry<S>(meta: &'static Meta) -> Entry<dyn Detector>
where
    S: Detector + Default + Serialize + DeserializeOwned + 'static,
{
    let read = |settings: &Value| -> Result<Box<dyn Detector>, String> {
        registry::scale(settings)?;
        Ok(Box::new(registry::read::<S>(settings)?))
    };
    Entry { meta, defaults: registry::scaled_defaults_of::<S>, read }
}

/// Log-odds of a trait that a share of the looks without a reason go to, when so many of all patients have
/// it by chance.
fn lift(share: f64, [holders, everyone]: [u32; 2]) -> f64 {
    (share * f64::from(everyone) / f64::from(holders)).ln()
}

/// `3 of 40,001 patients`, as reasons write it.
fn of_patients([holders, everyone]: [u32; 2]) -> String {
    format!("{} of {} patients", count(holders), count(everyone))
}

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
