//! What is known about staff, patients and care, and when it became known.
//!
//! The context is shared by all shards and changes only between batches. Facts may be added long
//! before their time: every look-up says from which instant it looks, and sees only what was known
//! by then.

use std::borrow::Borrow;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::model::context::{
    ContextRecord, ContextUpdate, FeedStatus, Holder, Patient, Recorded, RelatedPerson, Relationship, Shift,
    WorkforceMember,
};
use crate::model::time::Timestamp;

use super::dictionary::{Dictionary, Interner, NONE, grown};
use super::feeds::{Feeds, Outage};
use super::matching::{address, surname};
use super::people::{Chart, Member, Versions};
use super::population::Population;
use super::relations::{GraceTable, Tie, TieTable};
use super::roster::{MARGIN, Roster, Turn};
use super::settings::Policy;
use super::slots::{Slot, SlotTable};

/// Which accesses a fact can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Touch {
    /// When the fact becomes known.
    pub known_at: Timestamp,
    /// Accesses in `[from, until]` are concerned.
    pub from: Timestamp,
    pub until: Timestamp,
    pub target: Target,
}

/// Whose accesses a fact can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// Accesses to this patient's chart.
    Patient(u32),
    /// Accesses by this user.
    User(u32),
    /// Every access.
    Everyone,
}

/// A contact of a patient.
#[derive(Clone, Debug)]
pub struct Contact {
    /// Interned MRN of the contact, or [`NONE`].
    pub patient: u32,
    known_from: Timestamp,
    known_to: Timestamp,
    record: u32,
}

/// What the short way of deciding asks about a user, beside each other in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Brief {
    pub(super) department: u32,
    pub(super) patient: u32,
    /// From when on this is all that is known; `MAX` = the versions must be asked.
    known_from: Timestamp,
}

impl Default for Brief {
    fn default() -> Self {
        Self { department: NONE, patient: NONE, known_from: Timestamp::MAX }
    }
}

/// All reference data.
#[derive(Debug)]
pub struct Context {
    pub dictionary: Dictionary,
    pub population: Population,
    pub feeds: Feeds,
    graces: GraceTable,
    members: Vec<Versions<Member>>,
    briefs: Vec<Brief>,
    /// Patients of whom some version is sensitive.
    sensitive: Vec<bool>,
    charts: Vec<Versions<Chart>>,
    contacts: HashMap<u32, Vec<Contact>, FxBuildHasher>,
    pub(super) ties: TieTable,
    rosters: Vec<Roster>,
    keys: Interner,
    slots: SlotTable,
    /// Id text of a relationship record, where it is not its key.
    record_ids: HashMap<u32, Box<str>, FxBuildHasher>,
    surname_keys: Interner,
    dwelling_keys: Interner,
    pub(super) roles: Interner,
    touches: Vec<Touch>,
}

impl Context {
    /// An empty context under a policy (which knows each relationship's lead and tail).
    #[must_use]
    pub fn new(policy: &Policy) -> Self {
        Self {
            dictionary: Dictionary::default(),
            population: Population::default(),
            feeds: Feeds::default(),
            graces: GraceTable::new(&policy.relationships),
            members: Vec::new(),
            briefs: Vec::new(),
            sensitive: Vec::new(),
            charts: Vec::new(),
            contacts: HashMap::default(),
            ties: TieTable::default(),
            rosters: Vec::new(),
            keys: Interner::default(),
            slots: SlotTable::default(),
            record_ids: HashMap::default(),
            surname_keys: Interner::default(),
            dwelling_keys: Interner::default(),
            roles: Interner::default(),
            touches: Vec::new(),
        }
    }

    /// Adds facts, in any order. What they touch waits in [`Context::take_touches`].
    pub fn apply(&mut self, updates: impl IntoIterator<Item = impl Borrow<ContextUpdate>>) {
        for update in updates {
            let update = update.borrow();
            let record = self.record_of_key(&update.key);
            match &update.record {
                Some(ContextRecord::Relationship(relationship)) => {
                    self.add_relationship(record, &update.key, relationship)
                }
                Some(ContextRecord::Workforce(member)) => self.add_member(record, member),
                Some(ContextRecord::Patient(patient)) => self.add_patient(record, patient),
                Some(ContextRecord::RelatedPerson(person)) => self.add_contact(record, person),
                Some(ContextRecord::Shift(shift)) => self.add_shift(record, shift),
                Some(ContextRecord::FeedStatus(status)) => self.add_outage(record, status),
                None => self.withdraw(record, update.withdrawn_at),
            }
        }
        self.population.seal();
        self.feeds.seal();
    }

    /// What the facts added since the last call touch.
    pub fn take_touches(&mut self) -> Vec<Touch> {
        std::mem::take(&mut self.touches)
    }

    /// The staff record of a user.
    #[must_use]
    pub fn member(&self, user: u32) -> Option<&Versions<Member>> {
        self.members.get(user as usize)
    }

    /// Where a user belongs and under which id they are a patient, as in force at `at`.
    pub(super) fn brief(&self, user: u32, at: Timestamp, now: Timestamp) -> Option<Brief> {
        let brief = self.briefs.get(user as usize)?;
        if brief.known_from <= now {
            return Some(*brief);
        }
        let member = self.member(user)?.in_force(at, now)?;
        Some(Brief { department: member.department, patient: member.patient, known_from: Timestamp::MIN })
    }

    /// Whether a patient's chart is, or ever was or will be, a sensitive one.
    pub(super) fn may_be_sensitive(&self, patient: u32) -> bool {
        self.sensitive.get(patient as usize).copied().unwrap_or(false)
    }

    /// The demographics of a patient.
    #[must_use]
    pub fn chart(&self, patient: u32) -> Option<&Versions<Chart>> {
        self.charts.get(patient as usize)
    }

    /// Lead and tail by kind.
    #[must_use]
    pub const fn graces(&self) -> &GraceTable {
        &self.graces
    }

    /// The shifts of a user.
    #[must_use]
    pub fn roster(&self, user: u32) -> Option<&Roster> {
        self.rosters.get(user as usize)
    }

    /// MRNs of a patient's contacts, as far as they are known by `now`.
    pub fn contacts(&self, patient: u32, now: Timestamp) -> impl Iterator<Item = u32> {
        let known =
            move |contact: &&Contact| contact.known_from <= now && now < contact.known_to && contact.patient != NONE;
        self.contacts.get(&patient).into_iter().flatten().filter(known).map(|contact| contact.patient)
    }

    /// The id of a relationship record, as its source wrote it.
    #[must_use]
    pub fn record_id(&self, record: u32) -> &str {
        self.record_ids.get(&record).map(AsRef::as_ref).unwrap_or_else(|| id_in(self.keys.text(record)))
    }

    /// The key of a record.
    pub(super) fn record_key(&self, record: u32) -> &str {
        self.keys.text(record)
    }

    /// The number of a record by its key, given out now where it is not known yet.
    pub(super) fn record_of_key(&mut self, key: &str) -> u32 {
        self.keys.intern(key)
    }

    /// Role texts of the staff, in no meaningful order.
    pub fn role_texts(&self) -> impl Iterator<Item = &str> {
        self.roles.iter()
    }

    fn add_member(&mut self, record: u32, member: &WorkforceMember) {
        let user = self.dictionary.users.intern(&member.user_id);
        let value = Member {
            department: self.intern_department(member.department.as_deref()),
            patient: member.patient_id.as_deref().map_or(NONE, |id| self.dictionary.patients.intern(id)),
            surnames: self.intern_surnames(member.family_name.as_deref(), &member.previous_family_names),
            dwelling: self.intern_dwelling(member.street.as_deref(), member.postal_code.as_deref()),
            role: member.role.as_deref().map_or(NONE, |role| self.roles.intern(role.trim())),
            hired_on: member.hired_on,
            ended_on: member.ended_on,
        };
        let (known_from, withdrawn_at) = known(member.recorded);
        let versions = grown(&mut self.members, user);
        versions.insert(known_from, withdrawn_at, value);
        let brief = versions.only().map(|(known_from, member)| Brief {
            department: member.department,
            patient: member.patient,
            known_from,
        });
        *grown(&mut self.briefs, user) = brief.unwrap_or_default();
        self.remember(record, Slot::Member(user));
        self.touch_always(known_from, withdrawn_at, Target::User(user));
    }

    fn add_patient(&mut self, record: u32, patient: &Patient) {
        let index = self.dictionary.patients.intern(&patient.patient_id);
        let surnames = self.intern_surnames(patient.family_name.as_deref(), &patient.previous_family_names);
        let dwelling = self.intern_dwelling(patient.street.as_deref(), patient.postal_code.as_deref());
        let (known_from, withdrawn_at) = known(patient.recorded);
        self.count(index, &surnames, dwelling, known_from);
        let value = Chart {
            surnames,
            dwelling,
            is_vip: patient.is_vip,
            is_restricted: patient.is_restricted,
            is_decoy: patient.is_decoy,
        };
        *grown(&mut self.sensitive, index) |= value.is_sensitive();
        grown(&mut self.charts, index).insert(known_from, withdrawn_at, value);
        self.remember(record, Slot::Chart(index));
        self.touch_always(known_from, withdrawn_at, Target::Patient(index));
    }

    /// Counts a patient once, and each name and dwelling of theirs once.
    fn count(&mut self, patient: u32, surnames: &[u32], dwelling: u32, known_from: Timestamp) {
        let earlier = self.charts.get(patient as usize);
        let had = |wanted: &dyn Fn(&Chart) -> bool| {
            earlier.is_some_and(|versions| versions.known(Timestamp::MAX.minus(1)).any(wanted))
        };
        if !had(&|_| true) {
            self.population.add_patient(known_from);
        }
        for &key in surnames {
            if !had(&|chart| chart.surnames.contains(&key)) {
                self.population.add_surname(key, known_from);
            }
        }
        if dwelling != NONE && !had(&|chart| chart.dwelling == dwelling) {
            self.population.add_dwelling(dwelling, known_from);
        }
    }

    fn add_contact(&mut self, record: u32, person: &RelatedPerson) {
        let patient = self.dictionary.patients.intern(&person.patient_id);
        let (known_from, known_to) = known(person.recorded);
        let other = person.related_patient_id.as_deref().map_or(NONE, |id| self.dictionary.patients.intern(id));
        self.withdraw_contact(patient, record, known_from);
        self.contacts.entry(patient).or_default().push(Contact { patient: other, known_from, known_to, record });
        self.remember(record, Slot::Contact(patient));
        self.touch_always(known_from, known_to, Target::Patient(patient));
        if other != NONE {
            self.touch_always(known_from, known_to, Target::Patient(other));
        }
    }

    fn withdraw_contact(&mut self, patient: u32, record: u32, at: Timestamp) {
        for contact in self.contacts.get_mut(&patient).into_iter().flatten().filter(|contact| contact.record == record)
        {
            contact.known_to = contact.known_to.min(at);
        }
    }

    fn add_relationship(&mut self, record: u32, key: &str, relationship: &Relationship) {
        let patient = self.dictionary.patients.intern(&relationship.patient_id);
        let (known_from, withdrawn_at) = known(relationship.recorded);
        let (holder, unit) = match &relationship.holder {
            Holder::User(id) => (Tie::user_holder(self.dictionary.users.intern(id)), NONE),
            Holder::Department(name) => {
                let department = self.intern_department(Some(name));
                (Tie::department_holder(department), department)
            }
        };
        self.feeds.saw_relationship();
        if unit != NONE && known_from.is_finite() {
            self.feeds.saw(unit, relationship.kind, known_from);
        }
        let author = relationship.recorded_by.as_deref().map_or(NONE, |id| self.dictionary.users.intern(id));
        let ends = relationship.ends_at.unwrap_or(Timestamp::MAX);
        let known_to = self.supersede(record, known_from).min(withdrawn_at);
        let tie =
            Tie::new(relationship.kind, holder, record, author, relationship.starts_at, ends, known_from, known_to);
        if id_in(key) != relationship.relationship_id {
            self.record_ids.insert(record, relationship.relationship_id.as_str().into());
        }
        self.insert_tie(patient, tie);
        self.remember(record, Slot::Tie(patient));
        let from = self.graces.earliest(tie.kind, tie.starts);
        self.touch(known_from, from, Timestamp::MAX, Target::Patient(patient));
        self.touch(known_to, from, Timestamp::MAX, Target::Patient(patient));
    }

    fn insert_tie(&mut self, patient: u32, tie: Tie) {
        let (keys, ids) = (&self.keys, &self.record_ids);
        let id = |record: u32| ids.get(&record).map(AsRef::as_ref).unwrap_or_else(|| id_in(keys.text(record)));
        let comes_before =
            |old: &Tie| old.starts < tie.starts || (old.starts == tie.starts && id(old.record) <= id(tie.record));
        self.ties.insert(patient, tie, comes_before);
    }

    /// Ends the versions of a record that are older than one known from `known_from`, and tells where
    /// a newer one ends it.
    fn supersede(&mut self, record: u32, known_from: Timestamp) -> Timestamp {
        let mut known_to = Timestamp::MAX;
        for slot in self.slots.of(record) {
            let Slot::Tie(patient) = slot else { continue };
            for tie in self.ties.of_record_mut(patient, record) {
                if tie.known_from > known_from {
                    known_to = known_to.min(tie.known_from);
                } else if tie.known_to > known_from {
                    tie.known_to = known_from;
                    let from = self.graces.earliest(tie.kind, tie.starts);
                    let target = Target::Patient(patient);
                    self.touches.push(Touch { known_at: known_from, from, until: Timestamp::MAX, target });
                }
            }
        }
        known_to
    }

    fn add_shift(&mut self, record: u32, shift: &Shift) {
        let user = self.dictionary.users.intern(&shift.user_id);
        let (known_from, known_to) = known(shift.recorded);
        let department = self.intern_department(Some(&shift.department));
        self.withdraw_turns(record, known_from);
        let turn = Turn { department, starts: shift.starts_at, ends: shift.ends_at, known_from, known_to, record };
        grown(&mut self.rosters, user).insert(turn);
        self.remember(record, Slot::Turn(user));
        let margin = MARGIN.micros();
        let (from, until) = (shift.starts_at.minus(margin), shift.ends_at.plus(margin));
        self.touch(known_from, from, until, Target::User(user));
        self.touch(known_to, from, until, Target::User(user));
    }

    fn withdraw_turns(&mut self, record: u32, at: Timestamp) {
        for slot in self.slots.of(record) {
            let Slot::Turn(user) = slot else { continue };
            for turn in self.rosters[user as usize].of_record_mut(record) {
                turn.known_to = turn.known_to.min(at);
                self.touches.push(Touch {
                    known_at: at,
                    from: turn.starts,
                    until: turn.ends,
                    target: Target::User(user),
                });
            }
        }
    }

    fn add_outage(&mut self, record: u32, status: &FeedStatus) {
        let department = self.intern_department(status.department.as_deref());
        let (known_from, _) = known(status.recorded);
        if status.is_up {
            self.feeds.withdraw(record);
        } else {
            let ends = status.ends_at.unwrap_or(Timestamp::MAX);
            self.feeds.reported(Outage { department, starts: status.starts_at, ends, known_from, record });
        }
        self.remember(record, Slot::Outage);
        self.touch(known_from, status.starts_at, status.ends_at.unwrap_or(Timestamp::MAX), Target::Everyone);
    }

    fn withdraw(&mut self, record: u32, at: Timestamp) {
        for slot in self.slots.of(record).collect::<Vec<_>>() {
            match slot {
                Slot::Member(user) => {
                    self.members[user as usize].withdraw(at);
                    self.briefs[user as usize] = Brief::default();
                    self.touch(at, Timestamp::MIN, Timestamp::MAX, Target::User(user));
                }
                Slot::Chart(patient) => {
                    self.charts[patient as usize].withdraw(at);
                    self.touch(at, Timestamp::MIN, Timestamp::MAX, Target::Patient(patient));
                }
                Slot::Contact(patient) => {
                    self.withdraw_contact(patient, record, at);
                    self.touch(at, Timestamp::MIN, Timestamp::MAX, Target::Patient(patient));
                }
                Slot::Tie(_) => {
                    self.supersede(record, at);
                }
                Slot::Turn(_) => self.withdraw_turns(record, at),
                Slot::Outage => self.feeds.withdraw(record),
            }
        }
    }

    fn remember(&mut self, record: u32, slot: Slot) {
        self.slots.insert(record, slot);
    }

    fn touch_always(&mut self, known_from: Timestamp, withdrawn_at: Timestamp, target: Target) {
        self.touch(known_from, Timestamp::MIN, Timestamp::MAX, target);
        self.touch(withdrawn_at, Timestamp::MIN, Timestamp::MAX, target);
    }

    fn touch(&mut self, known_at: Timestamp, from: Timestamp, until: Timestamp, target: Target) {
        if known_at != Timestamp::MAX {
            self.touches.push(Touch { known_at, from, until, target });
        }
    }

    fn intern_department(&mut self, name: Option<&str>) -> u32 {
        name.map_or(NONE, |name| self.dictionary.intern_department(name))
    }

    fn intern_surnames(&mut self, family_name: Option<&str>, previous: &[String]) -> Box<[u32]> {
        let names = family_name.into_iter().chain(previous.iter().map(String::as_str));
        let mut keys: Vec<u32> = surname::keys(names).iter().map(|key| self.surname_keys.intern(key)).collect();
        keys.sort_unstable();
        keys.into()
    }

    fn intern_dwelling(&mut self, street: Option<&str>, postal_code: Option<&str>) -> u32 {
        let key = street.zip(postal_code).and_then(|(street, postal_code)| address::key(street, postal_code));
        key.map_or(NONE, |key| self.dwelling_keys.intern(&key))
    }
}

/// The id that a key most often holds: what follows the name of its table or topic.
fn id_in(key: &str) -> &str {
    key.split_once('/').map_or(key, |(_, id)| id)
}

/// From when until when a record is known.
fn known(recorded: Recorded) -> (Timestamp, Timestamp) {
    (recorded.at.unwrap_or(Timestamp::MIN), recorded.withdrawn_at.unwrap_or(Timestamp::MAX))
}
