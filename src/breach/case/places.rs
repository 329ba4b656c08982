//! Where the units of a person and a chart stand in a case: a handoff may bring tens of thousands.

use std::collections::HashMap;

use super::CaseUnit;
use crate::model::incident::Unit;

/// The places of units in a case, by person and chart, each list in the order in which they came.
pub(super) struct Places(HashMap<(String, String), Vec<usize>>);

impl Places {
    pub(super) fn of(units: &[CaseUnit]) -> Self {
        let mut places = Self(HashMap::new());
        for (place, unit) in units.iter().enumerate() {
            places.add(&unit.key.user_id, &unit.key.patient_id, place);
        }
        places
    }

    pub(super) fn add(&mut self, user_id: &str, patient_id: &str, place: usize) {
        self.0.entry((user_id.to_owned(), patient_id.to_owned())).or_default().push(place);
    }

    /// The first of `units`, whose places these are, that is the same as a unit of a handoff.
    pub(super) fn find(&self, units: &[CaseUnit], unit: &Unit) -> Option<usize> {
        let places = self.0.get(&(unit.user_id.clone(), unit.patient_id.clone()))?;
        places.iter().copied().find(|place| units[*place].is_same(unit))
    }
}
