//! Facts on their way into the context: names compared, ids numbered, nothing changed yet.
//!
//! Many blocks of facts are read side by side, so a draft only reads the dictionary. What it does not
//! find there it numbers for itself, marked, and [`Draft::adopt`] resolves it afterwards, draft by draft
//! in order: so the numbers do not depend on which thread was faster.

use crate::engine::dictionary::{Dictionary, FRESH, Interner, NONE, hash_text, numbered, resolved};
use crate::engine::matching::{address, surname};
use crate::engine::people::{Chart, Member};
use crate::model::context::{
    ContextRecord, ContextUpdate, FeedStatus, Holder, Patient, Recorded, RelatedPerson, Relationship, RelationshipKind,
    Shift, WorkforceMember,
};
use crate::model::time::Timestamp;

/// What a record says, in numbers.
#[derive(Debug)]
pub(super) enum Fact {
    Member {
        user: u32,
        value: Member,
        recorded: Recorded,
    },
    Chart {
        patient: u32,
        value: Chart,
        recorded: Recorded,
    },
    Contact {
        patient: u32,
        /// The contact's own MRN, or [`NONE`].
        other: u32,
        recorded: Recorded,
    },
    Tie(DraftTie),
    Turn {
        user: u32,
        department: u32,
        starts: Timestamp,
        ends: Timestamp,
        recorded: Recorded,
    },
    Outage {
        department: u32,
        starts: Timestamp,
        ends: Timestamp,
        is_up: bool,
        recorded: Recorded,
    },
    /// The record is taken back.
    Withdrawal(Timestamp),
}

/// A relationship in numbers.
#[derive(Debug)]
pub(super) struct DraftTie {
    pub(super) kind: RelationshipKind,
    pub(super) patient: u32,
    /// Exactly one of user and department is not [`NONE`].
    pub(super) user: u32,
    pub(super) department: u32,
    pub(super) author: u32,
    pub(super) starts: Timestamp,
    pub(super) ends: Timestamp,
    pub(super) recorded: Recorded,
    /// The record's id, where its key does not say it.
    pub(super) id: Option<Box<str>>,
}

/// Texts that the dictionary did not know, by id space.
#[derive(Debug, Default)]
struct Fresh {
    users: Interner,
    patients: Interner,
    departments: Interner,
    surnames: Interner,
    dwellings: Interner,
    roles: Interner,
}

/// The numbers that fresh texts got.
struct Adopted {
    users: Vec<u32>,
    patients: Vec<u32>,
    departments: Vec<u32>,
    surnames: Vec<u32>,
    dwellings: Vec<u32>,
    roles: Vec<u32>,
}

/// The facts of one block.
#[derive(Debug, Default)]
pub struct Draft {
    pub(super) facts: Vec<Fact>,
    /// Keys of the records: hash and end in `key_text`.
    keys: Vec<(u64, u32)>,
    key_text: String,
    fresh: Fresh,
}

impl Draft {
    /// Takes one update.
    pub fn push(&mut self, dictionary: &Dictionary, update: &ContextUpdate) {
        let fact = match &update.record {
            Some(ContextRecord::Relationship(relationship)) => self.tie(dictionary, relationship, &update.key),
            Some(ContextRecord::Workforce(member)) => self.member(dictionary, member),
            Some(ContextRecord::Patient(patient)) => self.chart(dictionary, patient),
            Some(ContextRecord::RelatedPerson(person)) => self.contact(dictionary, person),
            Some(ContextRecord::Shift(shift)) => self.turn(dictionary, shift),
            Some(ContextRecord::FeedStatus(status)) => self.outage(dictionary, status),
            None => Fact::Withdrawal(update.withdrawn_at),
        };
        self.facts.push(fact);
        self.key_text.push_str(&update.key);
        self.keys.push((hash_text(&update.key), self.key_text.len() as u32));
    }

    /// The keys of the records, with their hashes.
    pub(super) fn keys(&self) -> impl Iterator<Item = (u64, &str)> {
        let starts = std::iter::once(0).chain(self.keys.iter().map(|(_, end)| *end));
        self.keys.iter().zip(starts).map(|(&(hash, end), start)| (hash, &self.key_text[start as usize..end as usize]))
    }

    /// Gives what is new its numbers in the dictionary.
    pub(in crate::engine) fn adopt(&mut self, dictionary: &mut Dictionary) {
        let fresh = std::mem::take(&mut self.fresh);
        let adopt = |fresh: &Interner, known: &mut Interner| fresh.iter().map(|text| known.intern(text)).collect();
        let adopted = Adopted {
            users: adopt(&fresh.users, &mut dictionary.users),
            patients: adopt(&fresh.patients, &mut dictionary.patients),
            departments: fresh.departments.iter().map(|name| dictionary.intern_department(name)).collect(),
            surnames: adopt(&fresh.surnames, &mut dictionary.surnames),
            dwellings: adopt(&fresh.dwellings, &mut dictionary.dwellings),
            roles: adopt(&fresh.roles, &mut dictionary.roles),
        };
        if adopted.has_any() {
            self.facts.iter_mut().for_each(|fact| fact.resolve(&adopted));
        }
    }

    fn user(&mut self, dictionary: &Dictionary, id: Option<&str>) -> u32 {
        id.map_or(NONE, |id| numbered(hash_text(id), &dictionary.users, &mut self.fresh.users, id))
    }

    fn patient(&mut self, dictionary: &Dictionary, id: Option<&str>) -> u32 {
        id.map_or(NONE, |id| numbered(hash_text(id), &dictionary.patients, &mut self.fresh.patients, id))
    }

    fn department(&mut self, dictionary: &Dictionary, name: Option<&str>) -> u32 {
        name.map_or(NONE, |name| {
            dictionary.department(name).unwrap_or_else(|| self.fresh.departments.intern(name) | FRESH)
        })
    }

    fn surnames(&mut self, dictionary: &Dictionary, family_name: Option<&str>, previous: &[String]) -> Box<[u32]> {
        let names = family_name.into_iter().chain(previous.iter().map(String::as_str));
        let number = |key: &String| numbered(hash_text(key), &dictionary.surnames, &mut self.fresh.surnames, key);
        let mut keys: Box<[u32]> = surname::keys(names).iter().map(number).collect();
        keys.sort_unstable();
        keys
    }

    fn dwelling(&mut self, dictionary: &Dictionary, street: Option<&str>, postal_code: Option<&str>) -> u32 {
        let key = street.zip(postal_code).and_then(|(street, postal_code)| address::key(street, postal_code));
        key.map_or(NONE, |key| numbered(hash_text(&key), &dictionary.dwellings, &mut self.fresh.dwellings, &key))
    }

    fn member(&mut self, dictionary: &Dictionary, member: &WorkforceMember) -> Fact {
        let role = member.role.as_deref().map(str::trim);
        let value = Member {
            department: self.department(dictionary, member.department.as_deref()),
            patient: self.patient(dictionary, member.patient_id.as_deref()),
            surnames: self.surnames(dictionary, member.family_name.as_deref(), &member.previous_family_names),
            dwelling: self.dwelling(dictionary, member.street.as_deref(), member.postal_code.as_deref()),
            role: role.map_or(NONE, |role| numbered(hash_text(role), &dictionary.roles, &mut self.fresh.roles, role)),
            hired_on: member.hired_on,
            ended_on: member.ended_on,
        };
        Fact::Member { user: self.user(dictionary, Some(&member.user_id)), value, recorded: member.recorded }
    }

    fn chart(&mut self, dictionary: &Dictionary, patient: &Patient) -> Fact {
        let value = Chart {
            surnames: self.surnames(dictionary, patient.family_name.as_deref(), &patient.previous_family_names),
            dwelling: self.dwelling(dictionary, patient.street.as_deref(), patient.postal_code.as_deref()),
            is_vip: patient.is_vip,
            is_restricted: patient.is_restricted,
            is_decoy: patient.is_decoy,
        };
        Fact::Chart { patient: self.patient(dictionary, Some(&patient.patient_id)), value, recorded: patient.recorded }
    }

    fn contact(&mut self, dictionary: &Dictionary, person: &RelatedPerson) -> Fact {
        Fact::Contact {
            patient: self.patient(dictionary, Some(&person.patient_id)),
            other: self.patient(dictionary, person.related_patient_id.as_deref()),
            recorded: person.recorded,
        }
    }

    fn tie(&mut self, dictionary: &Dictionary, relationship: &Relationship, key: &str) -> Fact {
        let (user, department) = match &relationship.holder {
            Holder::User(id) => (Some(id.as_str()), None),
            Holder::Department(name) => (None, Some(name.as_str())),
        };
        let id = relationship.relationship_id.as_str();
        Fact::Tie(DraftTie {
            kind: relationship.kind,
            patient: self.patient(dictionary, Some(&relationship.patient_id)),
            user: self.user(dictionary, user),
            department: self.department(dictionary, department),
            author: self.user(dictionary, relationship.recorded_by.as_deref()),
            starts: relationship.starts_at,
            ends: relationship.ends_at.unwrap_or(Timestamp::MAX),
            recorded: relationship.recorded,
            id: (super::id_in(key) != id).then(|| id.into()),
        })
    }

    fn turn(&mut self, dictionary: &Dictionary, shift: &Shift) -> Fact {
        Fact::Turn {
            user: self.user(dictionary, Some(&shift.user_id)),
            department: self.department(dictionary, Some(&shift.department)),
            starts: shift.starts_at,
            ends: shift.ends_at,
            recorded: shift.recorded,
        }
    }

    fn outage(&mut self, dictionary: &Dictionary, status: &FeedStatus) -> Fact {
        Fact::Outage {
            department: self.department(dictionary, status.department.as_deref()),
            starts: status.starts_at,
            ends: status.ends_at.unwrap_or(Timestamp::MAX),
            is_up: status.is_up,
            recorded: status.recorded,
        }
    }
}

impl Adopted {
    fn has_any(&self) -> bool {
        [&self.users, &self.patients, &self.departments, &self.surnames, &self.dwellings, &self.roles]
            .into_iter()
            .any(|numbers| !numbers.is_empty())
    }

    fn surnames(&self, keys: &mut [u32]) {
        keys.iter_mut().for_each(|key| *key = resolved(*key, &self.surnames));
        keys.sort_unstable();
    }
}

impl Fact {
    fn resolve(&mut self, adopted: &Adopted) {
        let in_place = |number: &mut u32, numbers: &[u32]| *number = resolved(*number, numbers);
        match self {
            Self::Member { user, value, .. } => {
                in_place(user, &adopted.users);
                in_place(&mut value.patient, &adopted.patients);
                in_place(&mut value.department, &adopted.departments);
                in_place(&mut value.dwelling, &adopted.dwellings);
                in_place(&mut value.role, &adopted.roles);
                adopted.surnames(&mut value.surnames);
            }
            Self::Chart { patient, value, .. } => {
                in_place(patient, &adopted.patients);
                in_place(&mut value.dwelling, &adopted.dwellings);
                adopted.surnames(&mut value.surnames);
            }
            Self::Contact { patient, other, .. } => {
                in_place(patient, &adopted.patients);
                in_place(other, &adopted.patients);
            }
            Self::Tie(tie) => {
                in_place(&mut tie.patient, &adopted.patients);
                in_place(&mut tie.user, &adopted.users);
                in_place(&mut tie.department, &adopted.departments);
                in_place(&mut tie.author, &adopted.users);
            }
            Self::Turn { user, department, .. } => {
                in_place(user, &adopted.users);
                in_place(department, &adopted.departments);
            }
            Self::Outage { department, .. } => in_place(department, &adopted.departments),
            Self::Withdrawal(_) => {}
        }
    }
}
