//! Whom a newer version of a resource does not name any more.
//!
//! A resource names everybody whom it ties to a patient, and what a newer version says replaces what stood in the same
//! place. Whoever is left out has left: the tie ends when the newer version was written, so that what was done until
//! then keeps its reason. Only ties that last are remembered, because what is over changes no more.

use std::collections::BTreeMap;

use crate::model::context::{ContextRecord, ContextUpdate, Holder, Relationship};
use crate::model::time::Timestamp;

/// Ties that last, by the resource that told them.
#[derive(Clone, Debug, Default)]
pub(super) struct Former(BTreeMap<String, Vec<Relationship>>);

impl Former {
    /// Adds to the facts of a resource the ends of the ties that it leaves out. `base` begins the resource's keys.
    pub(super) fn complete(&mut self, base: &str, updates: &mut Vec<ContextUpdate>) {
        let told: Vec<Relationship> = updates.iter().filter_map(tie).cloned().collect();
        let known = self.0.get(base).map(Vec::as_slice).unwrap_or_default();
        let written = told.iter().find_map(|tie| tie.recorded.at).or_else(|| taken_back(updates));
        let Some(at) = written.filter(|at| known.iter().all(|old| old.recorded.at <= Some(*at))) else { return };
        let mut found = Vec::new();
        for old in known {
            // What is taken back altogether never held.
            if !told.is_empty() && !told.iter().any(|new| is_same(new, old)) {
                found.push(ended(old, base, at));
            }
            // Who stays may stand in another place now.
            if updates.iter().all(|update| update.key != old.relationship_id) {
                found.push(ContextUpdate { key: old.relationship_id.clone(), record: None, withdrawn_at: at });
            }
        }
        let lasting: Vec<Relationship> =
            told.into_iter().filter(|tie| tie.ends_at.is_none_or(|ends| ends > at)).collect();
        if lasting.is_empty() {
            self.0.remove(base);
        } else {
            self.0.insert(base.to_owned(), lasting);
        }
        updates.append(&mut found);
    }
}

fn tie(update: &ContextUpdate) -> Option<&Relationship> {
    match &update.record {
        Some(ContextRecord::Relationship(tie)) => Some(tie),
        _ => None,
    }
}

/// When a resource was taken back; `None` where it was not, or nobody says when.
fn taken_back(updates: &[ContextUpdate]) -> Option<Timestamp> {
    let withdrawal = updates.iter().find(|update| update.record.is_none())?;
    Some(withdrawal.withdrawn_at).filter(|at| at.is_finite())
}

fn is_same(new: &Relationship, old: &Relationship) -> bool {
    new.holder == old.holder && new.patient_id == old.patient_id
}

/// The tie as it was, over at `at`.
fn ended(old: &Relationship, base: &str, at: Timestamp) -> ContextUpdate {
    let holder = match &old.holder {
        Holder::User(id) => format!("user/{id}"),
        Holder::Department(name) => format!("department/{name}"),
    };
    let key = format!("{base}/former/{}/{holder}", old.patient_id);
    let ends = old.ends_at.map_or(at, |ends| ends.min(at)).max(old.starts_at);
    let mut tie = Relationship { relationship_id: key.clone(), ends_at: Some(ends), ..old.clone() };
    tie.recorded.at = Some(at);
    ContextUpdate { key, record: Some(ContextRecord::Relationship(tie)), withdrawn_at: Timestamp::MAX }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at, read, user};
    use super::*;
    use serde_json::{Value, json};

    fn team(day: u32, users: &[&str]) -> Value {
        let members: Vec<Value> =
            users.iter().map(|id| json!({"member": {"reference": format!("Practitioner/{id}")}})).collect();
        json!({"resourceType": "CareTeam", "id": "t1", "status": "active", "subject": {"reference": "Patient/p1"},
            "meta": {"lastUpdated": format!("2026-06-0{day}T07:00:00Z")}, "participant": members})
    }

    /// What the last of several versions adds to what it says itself.
    fn added(versions: &[Value]) -> Vec<ContextUpdate> {
        let mut former = Former::default();
        let mut found = Vec::new();
        for version in versions {
            found = read(version).unwrap();
            let own = found.len();
            former.complete("fhir/CareTeam/t1", &mut found);
            found.drain(..own);
        }
        found
    }

    #[test]
    fn who_is_named_no_more_has_left_when_that_was_written() {
        let found = added(&[team(1, &["u1", "u2"]), team(3, &["u2"])]);
        let ended = tie(&found[0]).unwrap();
        assert_eq!((&ended.holder, ended.ends_at), (&user("Practitioner/u1"), Some(at("2026-06-03T07:00:00Z"))));
        assert_eq!(ended.recorded.at, ended.ends_at);
        let places: Vec<_> = found.iter().filter(|update| update.record.is_none()).map(|update| &update.key).collect();
        assert_eq!(places, ["fhir/CareTeam/t1/participant/1"], "who stays has the first place now");
    }

    #[test]
    fn a_place_that_nobody_takes_is_taken_back() {
        let found = added(&[team(1, &["u1", "u2"]), team(3, &["u1"])]);
        assert_eq!(tie(&found[0]).unwrap().holder, user("Practitioner/u2"));
        assert_eq!((found[1].key.as_str(), found[1].record.is_none()), ("fhir/CareTeam/t1/participant/1", true));
    }

    #[test]
    fn who_stays_in_another_place_and_what_an_older_version_says_end_nothing() {
        assert!(added(&[team(1, &["u1", "u2"]), team(3, &["u2", "u1"])]).is_empty());
        assert!(added(&[team(3, &["u1"]), team(1, &["u2"])]).is_empty());
        assert!(added(&[team(3, &["u1"])]).is_empty());
    }

    #[test]
    fn what_was_entered_in_error_never_held() {
        let mut error = team(3, &["u1"]);
        error["status"] = json!("entered-in-error");
        let found = added(&[team(1, &["u1", "u2"]), error]);
        assert!(found.iter().all(|update| update.record.is_none()));
        assert_eq!(found[0].key, "fhir/CareTeam/t1/participant/1");
    }
}
