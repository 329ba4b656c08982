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
    /// The words of each name, with the folded user ids that have it.
    names: BTreeMap<Words, BTreeSet<String>>,
}

/// The words of a name in the order of the alphabet, without titles: "Salaberg, Mary" is "Dr. Mary Salaberg".
type Words = BTreeSet<String>;

/// Words that are no part of a name.
const TITLES: [&str; 12] = ["dr", "mr", "mrs", "ms", "miss", "prof", "professor", "md", "rn", "lvn", "np", "phd"];

/// Who a name turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Person<'s> {
    /// The user id of a member.
    Member(&'s str),
    /// Several members have the name, or somebody has one that holds it or that it holds.
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

fn words(name: &str) -> Words {
    let name = name.to_lowercase().replace('\u{2019}', "'");
    let words = name.split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '-').filter(|word| !word.is_empty());
    let words: Vec<&str> = words.collect();
    let plain: Words = words.iter().filter(|word| !TITLES.contains(word)).map(|&word| word.to_owned()).collect();
    // What is left must be able to be a name.
    if plain.len() > 1 { plain } else { words.into_iter().map(str::to_owned).collect() }
}

/// Whether two names are the same person as far as spelling goes: the words of one are among those of the other.
#[must_use]
pub fn is_same_name(one: &str, other: &str) -> bool {
    let (one, other) = (words(one), words(other));
    one.is_subset(&other) || other.is_subset(&one)
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
        if let Some((user_id, _)) = self.members.get(&fold(name)) {
            return Person::Member(user_id);
        }
        let words = words(name);
        if let Some(ids) = self.names.get(&words) {
            return match ids.first().and_then(|id| self.members.get(id)) {
                Some((user_id, _)) if ids.len() == 1 => Person::Member(user_id),
                _ => Person::Several,
            };
        }
        let is_like =
            |known: &Words| known.len() > 1 && words.len() > 1 && (known.is_subset(&words) || words.is_subset(known));
        if self.names.keys().any(is_like) { Person::Several } else { Person::Unknown }
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
        // Somebody may have a second account.
        let names = |id: &String| self.names.iter().find(|(_, ids)| ids.contains(id)).map(|(words, _)| words);
        let own_name = names(&own);
        if actors.contains(&own) || (own_name.is_some() && actors.iter().any(|actor| names(actor) == own_name)) {
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
            let words = words(&member.name);
            if !words.is_empty() {
                staff.names.entry(words).or_default().insert(id.clone());
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
        for name in ["Demir, Cem", "DEMIR CEM", "Dr. Cem Demir, RN"] {
            assert_eq!(staff.person(name), Person::Member("U3"), "{name}");
        }
        assert_eq!(staff.person("Cem Ali Demir"), Person::Several, "somebody has nearly that name");
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
        let twice = crate::breach::case::testing::staff(&[("U1", "Uma One", None), ("U1ADM", "Uma One", None)]);
        assert_eq!(twice.conflict("U1ADM", &["U1"]), Some(Conflict::IsActor), "a second account");
        assert_eq!(staff.conflict("U9", &["u9"]), Some(Conflict::IsActor), "nobody that the data knows");
    }

    #[test]
    fn a_circle_of_managers_ends() {
        let staff = staff(&[("U1", "A", Some("U2")), ("U2", "B", Some("U1"))]);
        assert_eq!(staff.conflict("U1", &["U9"]), None);
    }
}
