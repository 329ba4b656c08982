//! How places are called that other resources only refer to.
//!
//! An Encounter or a role names its Location or Organization by reference, often without a display. Its department is
//! then the name of the place, whichever of the two comes first.

use std::collections::BTreeMap;

use serde_json::Value;

use super::source::{Source, word};
use crate::decode::fhir::view::text;
use crate::decode::time::LocalClock;
use crate::model::context::{ContextRecord, ContextUpdate, Holder};

const KINDS: [&str; 3] = ["Location", "Organization", "HealthcareService"];
/// Facts that are kept for places without a name; more wait in vain, and keep the reference.
const MOST: usize = 500_000;

/// The names of places, and what waits for one.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    names: BTreeMap<String, String>,
    waiting: BTreeMap<String, Vec<ContextUpdate>>,
    count: usize,
}

impl Places {
    /// Takes the name of a place; the facts that waited for it. `None` of a resource that is none, or has no name.
    pub(super) fn learn(&mut self, resource: &Value, clock: &mut LocalClock) -> Option<Vec<ContextUpdate>> {
        let kind = text(resource, &["resourceType"]).filter(|kind| KINDS.contains(kind))?;
        let name = word(resource, &["name"]).or_else(|| word(resource, &["description"]))?;
        let mut found = Vec::new();
        for (_, id) in Source::new(resource, kind, clock).own_ids() {
            let mut waited = self.waiting.remove(&id).unwrap_or_default();
            self.count -= waited.len();
            self.names.insert(id, name.clone());
            waited.iter_mut().for_each(|update| self.rename(update));
            found.append(&mut waited);
        }
        Some(found)
    }

    /// Gives the departments of facts their names, or lets the facts wait for them.
    pub(super) fn name(&mut self, updates: &mut [ContextUpdate]) {
        for update in updates {
            self.rename(update);
            let Some(department) = department(update).filter(|department| is_reference(department)) else { continue };
            if self.count < MOST {
                self.count += 1;
                self.waiting.entry(department.clone()).or_default().push(update.clone());
            }
        }
    }

    fn rename(&self, update: &mut ContextUpdate) {
        if let Some(department) = department(update)
            && let Some(name) = self.names.get(department)
        {
            department.clone_from(name);
        }
    }
}

/// The department that a fact names.
fn department(update: &mut ContextUpdate) -> Option<&mut String> {
    match update.record.as_mut()? {
        ContextRecord::Workforce(member) => member.department.as_mut(),
        ContextRecord::Relationship(tie) => match &mut tie.holder {
            Holder::Department(department) => Some(department),
            Holder::User(_) => None,
        },
        _ => None,
    }
}

fn is_reference(department: &str) -> bool {
    let of_kind = |kind: &str| department.strip_prefix(kind).is_some_and(|rest| rest.starts_with('/'));
    department.starts_with("urn:") || department.contains("://") || KINDS.into_iter().any(of_kind)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::decode::fhir::resources::updates;
    use crate::model::time::Zone;

    fn departments(updates: &mut [ContextUpdate]) -> Vec<String> {
        updates.iter_mut().filter_map(|update| department(update).cloned()).collect()
    }

    #[test]
    fn a_place_is_called_by_its_name_whichever_comes_first() {
        let place = json!({"resourceType": "Location", "id": "l1", "name": "ICU"});
        let encounter = json!({"resourceType": "Encounter", "id": "v1", "status": "in-progress",
            "subject": {"reference": "Patient/p1"}, "period": {"start": "2026-06-01T08:00:00Z"},
            "location": [{"location": {"reference": "Location/l1"}}, {"location": {"reference": "Location/l2"}}]});
        let mut clock = LocalClock::new(Zone::utc());
        let mut places = Places::default();
        let mut early = updates(&encounter, &mut clock).unwrap();
        places.name(&mut early);
        assert_eq!(departments(&mut early), ["Location/l1", "Location/l2"]);
        let mut renamed = places.learn(&place, &mut clock).unwrap();
        assert_eq!(departments(&mut renamed), ["ICU"]);
        assert_eq!(renamed[0].key, early[0].key, "the same record again");
        let mut late = updates(&encounter, &mut clock).unwrap();
        places.name(&mut late);
        assert_eq!(departments(&mut late), ["ICU", "Location/l2"]);
        assert!(places.learn(&json!({"resourceType": "Patient", "id": "l1"}), &mut clock).is_none());
        assert!(places.learn(&json!({"resourceType": "Location", "id": "l9"}), &mut clock).is_none());
    }
}
