//! What is known about staff, patients and care, and when it became known.
//!
//! The context is shared by all shards and changes only between batches. Facts may be added long
//! before their time: every look-up says from which instant it looks, and sees only what was known
//! by then.

mod draft;
mod learn;

use std::collections::BTreeMap;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::model::time::{Timestamp, Zone};

use super::detectors;
use super::dictionary::{Dictionary, KeyTable, NONE, hash_text};
use super::feeds::Feeds;
use super::grace::GraceTable;
use super::people::{Chart, Member, Person, Records};
use super::population::Population;
use super::relations::TieTable;
use super::roles;
use super::roster::Roster;
use super::settings::Policy;
use super::slots::SlotTable;
pub use draft::Draft;

/// Which accesses a fact can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Touch {
    /// When the fact becomes known.
    pub known_at: Timestamp,
    /// Accesses in `[from, until]` are concerned.
    pub from: Timestamp,
    pub until: Timestamp,
    pub target: Target,
    /// Whether it can only change what is said of accesses that nothing explains.
    pub is_aside: bool,
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
    pub person: Person,
    known_from: Timestamp,
    known_to: Timestamp,
    record: u32,
}

/// What the short way of deciding asks about a user, beside each other in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Brief {
    pub(super) department: u32,
    pub(super) patient: u32,
    /// Begin of the first and end of the last shift.
    pub(super) works_from: Timestamp,
    pub(super) works_until: Timestamp,
    /// From when on this is all that is known; `MAX` = the versions must be asked.
    known_from: Timestamp,
}

impl Default for Brief {
    fn default() -> Self {
        let (works_from, works_until) = (Timestamp::MIN, Timestamp::MAX);
        Self { department: NONE, patient: NONE, works_from, works_until, known_from: Timestamp::MAX }
    }
}

impl Brief {
    /// Whether the person was employed at an instant.
    pub(super) fn works_at(&self, at: Timestamp) -> bool {
        self.works_from <= at && at < self.works_until
    }

    fn of(member: &Member, zone: &Zone, known_from: Timestamp) -> Self {
        let (works_from, works_until) = member.employment(zone);
        let (department, patient) = (member.department, member.person.patient);
        Self { department, patient, works_from, works_until, known_from }
    }
}

/// All reference data.
#[derive(Debug)]
pub struct Context {
    pub dictionary: Dictionary,
    pub population: Population,
    pub feeds: Feeds,
    graces: GraceTable,
    /// How long before its start a relationship keeps a chart from being called dormant, in microseconds.
    wakes_before: i64,
    zone: Zone,
    /// `[roles]`: patterns of role texts by class.
    classes: BTreeMap<String, Vec<String>>,
    /// Classes of each role.
    classes_of: Vec<Vec<String>>,
    /// Users who are, or were, patients under an MRN.
    staff_of: HashMap<u32, Vec<u32>, FxBuildHasher>,
    members: Vec<Records<Member>>,
    briefs: Vec<Brief>,
    /// Patients of whom some version is sensitive.
    sensitive: Vec<bool>,
    charts: Vec<Records<Chart>>,
    /// Patients of whom some version was merged with another number, both ways.
    merges: HashMap<u32, Vec<u32>, FxBuildHasher>,
    contacts: HashMap<u32, Vec<Contact>, FxBuildHasher>,
    /// From when on any staff record is known, and any patient record.
    staff_since: Timestamp,
    charts_since: Timestamp,
    pub(super) ties: TieTable,
    rosters: Vec<Roster>,
    keys: KeyTable,
    slots: SlotTable,
    /// Id text of a relationship record, where it is not its key.
    record_ids: HashMap<u32, Box<str>, FxBuildHasher>,
    touches: Vec<Touch>,
    /// How many touches there were after each fact.
    touched: Vec<u32>,
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
            wakes_before: detectors::wakes_before(policy).micros(),
            zone: Zone::named(&policy.timezone).unwrap_or_else(|_| Zone::utc()),
            classes: policy.roles.clone(),
            classes_of: Vec::new(),
            staff_of: HashMap::default(),
            members: Vec::new(),
            briefs: Vec::new(),
            sensitive: Vec::new(),
            charts: Vec::new(),
            merges: HashMap::default(),
            staff_since: Timestamp::MAX,
            charts_since: Timestamp::MAX,
            contacts: HashMap::default(),
            ties: TieTable::default(),
            rosters: Vec::new(),
            keys: KeyTable::default(),
            slots: SlotTable::default(),
            record_ids: HashMap::default(),
            touches: Vec::new(),
            touched: Vec::new(),
        }
    }

    /// Takes facts in; other cores do `work` on `parts`, which only reads the dictionary. What the facts touch waits
    /// in [`Context::take_touches`].
    pub(super) fn learn_beside<T: Send>(
        &mut self,
        mut drafts: Vec<Draft>,
        parts: &mut [T],
        work: impl Fn(&mut T, &Dictionary) + Sync,
    ) {
        drafts.iter_mut().for_each(|draft| draft.adopt(&mut self.dictionary));
        let dictionary = std::mem::take(&mut self.dictionary);
        let (context, dictionary_read, work) = (&mut *self, &dictionary, &work);
        rayon::scope_fifo(|scope| {
            scope.spawn_fifo(|_| drafts.into_iter().for_each(|draft| context.settle(draft)));
            for part in parts {
                scope.spawn_fifo(move |_| work(part, dictionary_read));
            }
        });
        self.dictionary = dictionary;
        self.classify_roles();
    }

    /// What the facts added since the last call touch.
    pub fn take_touches(&mut self) -> Vec<Touch> {
        self.touched.clear();
        std::mem::take(&mut self.touches)
    }

    /// Like [`Context::take_touches`], each with the number of its fact since the last call.
    pub(super) fn take_numbered_touches(&mut self) -> impl Iterator<Item = (usize, Touch)> {
        let (touches, ends) = (std::mem::take(&mut self.touches), std::mem::take(&mut self.touched));
        let of = move |place: usize| ends.partition_point(|end| *end as usize <= place);
        touches.into_iter().enumerate().map(move |(place, touch)| (of(place), touch))
    }

    /// The staff records of a user.
    #[must_use]
    pub fn member(&self, user: u32) -> Option<&Records<Member>> {
        self.members.get(user as usize)
    }

    /// Where a user belongs and under which id they are a patient, as in force at `at`.
    pub(super) fn brief(&self, user: u32, at: Timestamp, now: Timestamp) -> Option<Brief> {
        let brief = self.briefs.get(user as usize)?;
        if brief.known_from <= now {
            return Some(*brief);
        }
        let records = self.member(user)?;
        let member = records.in_force(at, now)?;
        let newest = Brief::of(records.newest(now)?.as_ref(), &self.zone, Timestamp::MIN);
        Some(Brief { department: member.department, patient: member.person.patient, ..newest })
    }

    /// Whether a patient's chart is, or ever was or will be, a sensitive one.
    pub(super) fn may_be_sensitive(&self, patient: u32) -> bool {
        self.sensitive.get(patient as usize).copied().unwrap_or(false)
    }

    /// The demographics of a patient.
    #[must_use]
    pub fn chart(&self, patient: u32) -> Option<&Records<Chart>> {
        self.charts.get(patient as usize)
    }

    /// The other numbers of a patient, as merges known by `now` say.
    #[must_use]
    pub fn same_as(&self, patient: u32, now: Timestamp) -> Vec<u32> {
        let goes_on_as = |one: u32, other: u32| {
            self.chart(one).and_then(|chart| chart.newest(now)).is_some_and(|chart| chart.merged_into == other)
        };
        self.merged_with(patient, |one, other| goes_on_as(one, other) || goes_on_as(other, one))
    }

    /// Every other number that was ever merged with that of a patient, directly or not.
    pub(super) fn ever_same_as(&self, patient: u32) -> Vec<u32> {
        self.merged_with(patient, |_, _| true)
    }

    fn merged_with(&self, patient: u32, is_merged: impl Fn(u32, u32) -> bool) -> Vec<u32> {
        if !self.merges.contains_key(&patient) {
            return Vec::new();
        }
        let mut found = vec![patient];
        let mut next = 0;
        while let Some(&one) = found.get(next) {
            for &other in self.merges.get(&one).into_iter().flatten() {
                if !found.contains(&other) && is_merged(one, other) {
                    found.push(other);
                }
            }
            next += 1;
        }
        found.split_off(1)
    }

    /// Whether a staff record names a user; true where no staff records are known at all.
    #[must_use]
    pub fn lists_user(&self, user: u32, now: Timestamp) -> bool {
        now < self.staff_since || self.member(user).is_some_and(|records| records.is_known(now))
    }

    /// Whether a patient record names a chart; true where no patient records are known at all.
    #[must_use]
    pub fn lists_patient(&self, patient: u32, now: Timestamp) -> bool {
        now < self.charts_since || self.chart(patient).is_some_and(|records| records.is_known(now))
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

    /// A patient's contacts, as far as they are known by `now`.
    pub fn contacts(&self, patient: u32, now: Timestamp) -> impl Iterator<Item = &Person> {
        let known = move |contact: &&Contact| contact.known_from <= now && now < contact.known_to;
        self.contacts.get(&patient).into_iter().flatten().filter(known).map(|contact| &contact.person)
    }

    /// Users who are, or were, patients under this MRN; their staff records say when.
    pub fn staff_of(&self, patient: u32) -> impl Iterator<Item = u32> {
        self.staff_of.get(&patient).into_iter().flatten().copied()
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
        self.keys.intern_hashed(hash_text(key), key)
    }

    /// Whether a role belongs to a class of `[roles]`.
    #[must_use]
    pub fn is_of_class(&self, role: u32, class: &str) -> bool {
        self.classes_of.get(role as usize).is_some_and(|classes| classes.iter().any(|own| own == class))
    }

    /// Tells the classes of the roles that came since the last call.
    pub(super) fn classify_roles(&mut self) {
        for role in self.classes_of.len()..self.dictionary.roles.len() {
            let text = self.dictionary.roles.text(role as u32);
            let is_of = |patterns: &Vec<String>| patterns.iter().any(|pattern| roles::matches(text, pattern));
            let classes = self.classes.iter().filter(|(_, patterns)| is_of(patterns));
            self.classes_of.push(classes.map(|(class, _)| class.clone()).collect());
        }
    }

    /// Role texts of the staff, in no meaningful order.
    pub fn role_texts(&self) -> impl Iterator<Item = &str> {
        self.dictionary.roles.iter()
    }
}

/// The id that a key most often holds: what follows the name of its table or topic.
fn id_in(key: &str) -> &str {
    key.split_once('/').map_or(key, |(_, id)| id)
}
