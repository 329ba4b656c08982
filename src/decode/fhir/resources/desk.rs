//! The desk that remembers what resources said: of one person in several of them, of one resource in its versions.
//!
//! A Practitioner says who somebody is, under every id by which others may name the person. A PractitionerRole says
//! what the person does, under the one id that it happens to name. So the desk tells each role under the other ids of
//! its person, too, and each person under the id of the role, whichever comes first. In the engine the records of one
//! id complement each other.

use std::collections::BTreeMap;

use serde_json::Value;

use super::former::Former;
use super::places::Places;
use super::source::word;
use crate::decode::fhir::view::text;
use crate::decode::time::LocalClock;
use crate::model::context::{ContextRecord, ContextUpdate, WorkforceMember};
use crate::model::time::Timestamp;

/// Staff records of one resource.
#[derive(Clone, Debug)]
struct Card {
    /// The resource: the beginning of its records' keys.
    base: String,
    /// The ids under which it was told; of a role the person's first.
    ids: Vec<String>,
    member: WorkforceMember,
}

/// What the resources of one feed said so far.
#[derive(Clone, Debug, Default)]
pub struct Desk {
    /// Practitioners by each of their ids.
    persons: BTreeMap<String, Card>,
    /// Roles by the id of their person, then by resource.
    roles: BTreeMap<String, BTreeMap<String, Card>>,
    former: Former,
    places: Places,
}

impl Desk {
    /// Adds to the facts of one resource what follows from them and from what was said before.
    pub fn complete(&mut self, resource: &Value, updates: &mut Vec<ContextUpdate>) {
        self.add(resource, updates);
        self.places.name(updates);
    }

    /// Takes the name of a place, and tells anew what referred to it. `None` of a resource that is no place with a name.
    pub fn learn_place(&mut self, resource: &Value, clock: &mut LocalClock) -> Option<Vec<ContextUpdate>> {
        self.places.learn(resource, clock)
    }

    fn add(&mut self, resource: &Value, updates: &mut Vec<ContextUpdate>) {
        let resource_type = text(resource, &["resourceType"]).unwrap_or_default();
        if let Some(id) = word(resource, &["id"]) {
            self.former.complete(&format!("fhir/{resource_type}/{id}"), updates);
        }
        let Some(card) = Card::of(resource_type, updates) else { return };
        let mut found = Vec::new();
        if resource_type == "Practitioner" {
            for id in &card.ids {
                let roles = self.roles.get(id).into_iter().flat_map(BTreeMap::values);
                roles.for_each(|role| join(&card, role, &mut found));
                self.persons.insert(id.clone(), card.clone());
            }
        } else if let Some(person) = card.ids.first() {
            if let Some(known) = self.persons.get(person) {
                join(known, &card, &mut found);
            }
            self.roles.entry(person.clone()).or_default().insert(card.base.clone(), card);
        }
        updates.append(&mut found);
    }
}

impl Card {
    /// The staff records among the facts of one resource; `None` of one that is about something else.
    fn of(resource_type: &str, updates: &[ContextUpdate]) -> Option<Self> {
        if !matches!(resource_type, "Practitioner" | "PractitionerRole") {
            return None;
        }
        let members = updates.iter().filter_map(|update| match &update.record {
            Some(ContextRecord::Workforce(member)) => Some((update.key.as_str(), member)),
            _ => None,
        });
        let members: Vec<(&str, &WorkforceMember)> = members.collect();
        let (key, member) = members.first()?;
        let base = key.rsplit_once('/').map_or(*key, |(base, _)| base).to_owned();
        let ids = members.iter().map(|(_, member)| member.user_id.clone()).collect();
        Some(Self { base, ids, member: (*member).clone() })
    }

    /// The record told under another id.
    fn under(&self, id: &str) -> ContextUpdate {
        let member = WorkforceMember { user_id: id.to_owned(), ..self.member.clone() };
        let record = Some(ContextRecord::Workforce(member));
        ContextUpdate { key: format!("{}/as/{id}", self.base), record, withdrawn_at: Timestamp::MAX }
    }
}

/// Tells the role under the person's other ids, and the person under the role's.
fn join(person: &Card, role: &Card, found: &mut Vec<ContextUpdate>) {
    let lacking = |has: &Card, id: &&String| !has.ids.contains(id);
    found.extend(person.ids.iter().filter(|id| lacking(role, id)).map(|id| role.under(id)));
    found.extend(role.ids.iter().filter(|id| lacking(person, id)).map(|id| person.under(id)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::fhir::resources::updates;
    use crate::decode::time::LocalClock;
    use crate::model::time::Zone;
    use serde_json::json;

    fn practitioner() -> Value {
        json!({"resourceType": "Practitioner", "id": "x1", "name": [{"family": "Quill"}],
            "identifier": [{"type": {"coding": [{"code": "EI"}]}, "value": "u1"}]})
    }

    fn role(id: &str) -> Value {
        json!({"resourceType": "PractitionerRole", "id": id, "practitioner": {"reference": "Practitioner/x1"},
            "location": [{"display": "ICU"}]})
    }

    /// User, department and whether there is a name, of each record that the last resource adds.
    fn added(resources: &[Value]) -> Vec<(String, Option<String>, bool)> {
        let mut desk = Desk::default();
        let mut found = Vec::new();
        for resource in resources {
            found = updates(resource, &mut LocalClock::new(Zone::utc())).unwrap();
            let own = found.len();
            desk.complete(resource, &mut found);
            found.drain(..own);
        }
        let told = found.into_iter().filter_map(|update| match update.record {
            Some(ContextRecord::Workforce(member)) => {
                Some((member.user_id, member.department, member.family_name.is_some()))
            }
            _ => None,
        });
        told.collect()
    }

    #[test]
    fn a_role_is_told_under_every_id_of_its_person_whichever_comes_first() {
        let role_id = "PractitionerRole/r1".to_owned();
        let expected = [("u1".to_owned(), Some("ICU".to_owned()), false), (role_id, None, true)];
        assert_eq!(added(&[practitioner(), role("r1")]), expected);
        assert_eq!(added(&[role("r1"), practitioner()]), expected);
    }

    #[test]
    fn nothing_is_added_while_only_one_of_them_is_known() {
        assert!(added(&[practitioner()]).is_empty());
        assert!(added(&[role("r1"), role("r2")]).is_empty());
    }

    #[test]
    fn every_role_of_a_person_is_told() {
        let found = added(&[role("r1"), role("r2"), practitioner()]);
        assert_eq!(found.iter().filter(|(id, ..)| id == "u1").count(), 2);
    }
}
