//! Facts on their way into the context: names compared, ids numbered, nothing changed yet.
//!
//! Many blocks of facts are read side by side, so a draft only reads the dictionary. What it does not
//! find there it numbers for itself, marked, and [`Draft::adopt`] resolves it afterwards, draft by draft
//! in order: so the numbers do not depend on which thread was faster.

use crate::engine::dictionary::{Dictionary, FRESH, Interner, NONE, Space, hash_text, resolved};
use crate::engine::matching::{address, given, phone, surname};
use crate::engine::people::{Chart, Home, Member, Person};
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
        value: Person,
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

/// Numbers that fresh texts got, by id space.
struct Adopted([Vec<u32>; Space::ALL.len()]);

/// The facts of one block.
#[derive(Debug, Default)]
pub struct Draft {
    pub(super) facts: Vec<Fact>,
    /// Keys of the records: hash and end in `key_text`.
    keys: Vec<(u64, u32)>,
    key_text: String,
    /// Texts that the dictionary did not know, by id space.
    fresh: [Interner; Space::ALL.len()],
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
        if fresh.iter().all(Interner::is_empty) {
            return;
        }
        let adopted = Adopted(
            Space::ALL.map(|space| fresh[space as usize].iter().map(|text| dictionary.intern(space, text)).collect()),
        );
        self.facts.iter_mut().for_each(|fact| fact.resolve(&adopted));
    }

    /// The number of a text, marked where it is new; [`NONE`] of none.
    fn number(&mut self, dictionary: &Dictionary, space: Space, text: Option<&str>) -> u32 {
        let Some(text) = text else { return NONE };
        let hash = hash_text(text);
        let known = dictionary.number(space, hash, text);
        known.unwrap_or_else(|| self.fresh[space as usize].intern_hashed(hash, text) | FRESH)
    }

    fn surnames(&mut self, dictionary: &Dictionary, family_name: Option<&str>, previous: &[String]) -> Box<[u32]> {
        let names = family_name.into_iter().chain(previous.iter().map(String::as_str));
        let number = |key: &String| self.number(dictionary, Space::Surnames, Some(key));
        let mut keys: Box<[u32]> = surname::keys(names).iter().map(number).collect();
        keys.sort_unstable();
        keys
    }

    fn home(&mut self, dictionary: &Dictionary, street: Option<&str>, postal_code: Option<&str>) -> Home {
        let found = street.zip(postal_code).and_then(|(street, postal_code)| address::parse(street, postal_code));
        let Some(address) = found else { return Home::default() };
        Home {
            dwelling: self.number(dictionary, Space::Dwellings, Some(&address.dwelling())),
            street: self.number(dictionary, Space::Streets, Some(&address.street())),
            house: address.house,
        }
    }

    fn given_name(&mut self, dictionary: &Dictionary, name: Option<&str>) -> u32 {
        let key = name.and_then(given::key);
        self.number(dictionary, Space::GivenNames, key.as_deref())
    }

    fn phone(&mut self, dictionary: &Dictionary, number: Option<&str>) -> u32 {
        let key = number.and_then(phone::key);
        self.number(dictionary, Space::Phones, key.as_deref())
    }

    fn member(&mut self, dictionary: &Dictionary, member: &WorkforceMember) -> Fact {
        let role = member.role.as_deref().map(str::trim);
        let value = Member {
            department: self.number(dictionary, Space::Departments, member.department.as_deref()),
            manager: self.number(dictionary, Space::Users, member.manager_id.as_deref()),
            home: self.home(dictionary, member.street.as_deref(), member.postal_code.as_deref()),
            role: self.number(dictionary, Space::Roles, role),
            record: NONE,
            person: Person {
                patient: self.number(dictionary, Space::Patients, member.patient_id.as_deref()),
                surnames: self.surnames(dictionary, member.family_name.as_deref(), &member.previous_family_names),
                given_name: self.given_name(dictionary, member.given_name.as_deref()),
                phone: self.phone(dictionary, member.phone.as_deref()),
            },
            hired_on: member.hired_on,
            ended_on: member.ended_on,
        };
        let user = self.number(dictionary, Space::Users, Some(&member.user_id));
        Fact::Member { user, value, recorded: member.recorded }
    }

    fn chart(&mut self, dictionary: &Dictionary, patient: &Patient) -> Fact {
        let value = Chart {
            surnames: self.surnames(dictionary, patient.family_name.as_deref(), &patient.previous_family_names),
            home: self.home(dictionary, patient.street.as_deref(), patient.postal_code.as_deref()),
            is_vip: patient.is_vip,
            is_restricted: patient.is_restricted,
            is_decoy: patient.is_decoy,
            merged_into: self.number(dictionary, Space::Patients, patient.merged_into.as_deref()),
            deceased_on: patient.deceased_on,
        };
        let number = self.number(dictionary, Space::Patients, Some(&patient.patient_id));
        Fact::Chart { patient: number, value, recorded: patient.recorded }
    }

    fn contact(&mut self, dictionary: &Dictionary, person: &RelatedPerson) -> Fact {
        let value = Person {
            patient: self.number(dictionary, Space::Patients, person.related_patient_id.as_deref()),
            surnames: self.surnames(dictionary, person.family_name.as_deref(), &[]),
            given_name: self.given_name(dictionary, person.given_name.as_deref()),
            phone: self.phone(dictionary, person.phone.as_deref()),
        };
        let patient = self.number(dictionary, Space::Patients, Some(&person.patient_id));
        Fact::Contact { patient, value, recorded: person.recorded }
    }

    fn tie(&mut self, dictionary: &Dictionary, relationship: &Relationship, key: &str) -> Fact {
        let (user, department) = match &relationship.holder {
            Holder::User(id) => (Some(id.as_str()), None),
            Holder::Department(name) => (None, Some(name.as_str())),
        };
        let id = relationship.relationship_id.as_str();
        Fact::Tie(DraftTie {
            kind: relationship.kind,
            patient: self.number(dictionary, Space::Patients, Some(&relationship.patient_id)),
            user: self.number(dictionary, Space::Users, user),
            department: self.number(dictionary, Space::Departments, department),
            author: self.number(dictionary, Space::Users, relationship.recorded_by.as_deref()),
            starts: relationship.starts_at,
            ends: relationship.ends_at.unwrap_or(Timestamp::MAX),
            recorded: relationship.recorded,
            id: (super::id_in(key) != id).then(|| id.into()),
        })
    }

    fn turn(&mut self, dictionary: &Dictionary, shift: &Shift) -> Fact {
        Fact::Turn {
            user: self.number(dictionary, Space::Users, Some(&shift.user_id)),
            department: self.number(dictionary, Space::Departments, Some(&shift.department)),
            starts: shift.starts_at,
            ends: shift.ends_at,
            recorded: shift.recorded,
        }
    }

    fn outage(&mut self, dictionary: &Dictionary, status: &FeedStatus) -> Fact {
        Fact::Outage {
            department: self.number(dictionary, Space::Departments, status.department.as_deref()),
            starts: status.starts_at,
            ends: status.ends_at.unwrap_or(Timestamp::MAX),
            is_up: status.is_up,
            recorded: status.recorded,
        }
    }
}

impl Adopted {
    fn settle(&self, space: Space, number: &mut u32) {
        *number = resolved(*number, &self.0[space as usize]);
    }

    fn surnames(&self, keys: &mut [u32]) {
        keys.iter_mut().for_each(|key| self.settle(Space::Surnames, key));
        keys.sort_unstable();
    }

    fn person(&self, person: &mut Person) {
        self.settle(Space::Patients, &mut person.patient);
        self.settle(Space::GivenNames, &mut person.given_name);
        self.settle(Space::Phones, &mut person.phone);
        self.surnames(&mut person.surnames);
    }

    fn home(&self, home: &mut Home) {
        self.settle(Space::Dwellings, &mut home.dwelling);
        self.settle(Space::Streets, &mut home.street);
    }
}

impl Fact {
    fn resolve(&mut self, adopted: &Adopted) {
        match self {
            Self::Member { user, value, .. } => {
                adopted.settle(Space::Users, user);
                adopted.settle(Space::Users, &mut value.manager);
                adopted.settle(Space::Departments, &mut value.department);
                adopted.settle(Space::Roles, &mut value.role);
                adopted.home(&mut value.home);
                adopted.person(&mut value.person);
            }
            Self::Chart { patient, value, .. } => {
                adopted.settle(Space::Patients, patient);
                adopted.settle(Space::Patients, &mut value.merged_into);
                adopted.home(&mut value.home);
                adopted.surnames(&mut value.surnames);
            }
            Self::Contact { patient, value, .. } => {
                adopted.settle(Space::Patients, patient);
                adopted.person(value);
            }
            Self::Tie(tie) => {
                adopted.settle(Space::Patients, &mut tie.patient);
                adopted.settle(Space::Users, &mut tie.user);
                adopted.settle(Space::Departments, &mut tie.department);
                adopted.settle(Space::Users, &mut tie.author);
            }
            Self::Turn { user, department, .. } => {
                adopted.settle(Space::Users, user);
                adopted.settle(Space::Departments, department);
            }
            Self::Outage { department, .. } => adopted.settle(Space::Departments, department),
            Self::Withdrawal(_) => {}
        }
    }
}
