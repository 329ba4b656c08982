//! Who may work on a case: not the person who looked, and not somebody who reports to that person.

use std::collections::{BTreeMap, BTreeSet};

/// A member of the workforce, as far as conflicts of interest go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub user_id: String,
    /// Given and family name, as people type it.
    pub name: String,
    pub manager_id: Option<String>,
}

/// The workforce that the register knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Staff {
    /// By folded user id: the id as written, and the manager's folded id.
    members: BTreeMap<String, (String, Option<String>)>,
    /// User ids by folded name.
    names: BTreeMap<String, BTreeSet<String>>,
}

/// Who a name turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Person<'s> {
    /// The user id of a member.
    Member(&'s str),
    /// Several members have the name.
    Several,
    /// Nobody in the workforce data.
    Unknown,
}

/// What stands between a person and a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// It is the person who looked.
    IsActor,
    /// The person reports to the one who looked, directly or further up.
    ReportsToActor,
}

fn fold(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Whether two names are the same person as far as spelling goes.
#[must_use]
pub fn is_same_name(one: &str, other: &str) -> bool {
    fold(one) == fold(other)
}

impl Staff {
    /// Whether the register knows nobody at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Who `name` is: a user id, or given and family name.
    #[must_use]
    pub fn person(&self, name: &str) -> Person<'_> {
        let name = fold(name);
        if let Some((user_id, _)) = self.members.get(&name) {
            return Person::Member(user_id);
        }
        match self.names.get(&name) {
            Some(ids) if ids.len() > 1 => Person::Several,
            Some(ids) => ids
                .first()
                .and_then(|id| self.members.get(id))
                .map_or(Person::Unknown, |(user_id, _)| Person::Member(user_id)),
            None => Person::Unknown,
        }
    }

    /// What stands between `name` and a case about `actors`. An actor whom the workforce data does not know is still
    /// recognised by the id.
    #[must_use]
    pub fn conflict(&self, name: &str, actors: &[&str]) -> Option<Conflict> {
        let own = match self.person(name) {
            Person::Member(user_id) => fold(user_id),
            Person::Several | Person::Unknown => fold(name),
        };
        let actors: BTreeSet<String> = actors.iter().map(|actor| fold(actor)).collect();
        if actors.contains(&own) {
            return Some(Conflict::IsActor);
        }
        let mut seen = BTreeSet::from([own.clone()]);
        let mut next = own;
        while let Some(manager) = self.members.get(&next).and_then(|(_, manager)| manager.clone()) {
            if actors.contains(&manager) {
                return Some(Conflict::ReportsToActor);
            }
            if !seen.insert(manager.clone()) {
                break;
            }
            next = manager;
        }
        None
    }
}

impl FromIterator<Member> for Staff {
    fn from_iter<I: IntoIterator<Item = Member>>(members: I) -> Self {
        let mut staff = Self::default();
        for member in members {
            let id = fold(&member.user_id);
            let name = fold(&member.name);
            if !name.is_empty() {
                staff.names.entry(name).or_default().insert(id.clone());
            }
            staff.members.insert(id, (member.user_id, member.manager_id.as_deref().map(fold)));
        }
        staff
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::breach::case::testing::staff;

    #[test]
    fn people_are_found_by_id_and_by_name() {
        let staff = staff(&[("U1", "Ada Berg", None), ("U2", "Ada  Berg", None), ("U3", "Cem Demir", None)]);
        assert_eq!(staff.person("u3"), Person::Member("U3"));
        assert_eq!(staff.person("cem demir"), Person::Member("U3"));
        assert_eq!(staff.person("Ada Berg"), Person::Several);
        assert_eq!(staff.person("Dora Elm"), Person::Unknown);
    }

    #[test]
    fn whoever_reports_to_the_actor_is_in_conflict_however_far_down() {
        let staff = staff(&[
            ("CHIEF", "A", None),
            ("ACTOR", "B", Some("CHIEF")),
            ("NURSE", "C", Some("actor")),
            ("AIDE", "D", Some("NURSE")),
        ]);
        assert_eq!(staff.conflict("actor", &["ACTOR"]), Some(Conflict::IsActor));
        assert_eq!(staff.conflict("AIDE", &["ACTOR"]), Some(Conflict::ReportsToActor));
        assert_eq!(staff.conflict("D", &["ACTOR"]), Some(Conflict::ReportsToActor), "by name");
        assert_eq!(staff.conflict("CHIEF", &["ACTOR"]), None);
        assert_eq!(staff.conflict("U9", &["u9"]), Some(Conflict::IsActor), "nobody that the data knows");
    }

    #[test]
    fn a_circle_of_managers_ends() {
        let staff = staff(&[("U1", "A", Some("U2")), ("U2", "B", Some("U1"))]);
        assert_eq!(staff.conflict("U1", &["U9"]), None);
    }
}
