//! Facts into the context: which versions of a record hold when, and which accesses that touches.

use crate::engine::dictionary::{NONE, grown};
use crate::engine::feeds::Outage;
use crate::engine::people::{Chart, Member, Person};
use crate::engine::population::Trait;
use crate::engine::relations::Tie;
use crate::engine::roster::{MARGIN, Turn};
use crate::engine::slots::Slot;
use crate::model::context::Recorded;
use crate::model::time::{DAY, Timestamp};

use super::draft::{Draft, DraftTie, Fact};
use super::{Brief, Contact, Context, Target, Touch};

/// From when until when a record is known.
fn known(recorded: Recorded) -> (Timestamp, Timestamp) {
    (recorded.at.unwrap_or(Timestamp::MIN), recorded.withdrawn_at.unwrap_or(Timestamp::MAX))
}

/// The record number of a member of the staff, and the department.
const fn place(member: &Member) -> (u32, u32) {
    (member.person.patient, member.department)
}

/// From here everything that was not taken back is known.
const LAST: Timestamp = Timestamp(i64::MAX - 1);

impl Context {
    /// Adds facts, in any order; their ids must be [adopted](Draft::adopt) before. What they touch waits in
    /// [`Context::take_touches`].
    pub(in crate::engine) fn settle(&mut self, draft: Draft) {
        let keys = &mut self.keys;
        let records: Vec<u32> = draft.keys().map(|(hash, key)| keys.intern_hashed(hash, key)).collect();
        for (record, fact) in records.into_iter().zip(draft.facts) {
            self.add(record, fact);
            self.touched.push(self.touches.len() as u32);
        }
        self.population.seal();
        self.feeds.seal();
    }

    fn add(&mut self, record: u32, fact: Fact) {
        match fact {
            Fact::Member { user, value, recorded } => self.add_member(record, user, value, recorded),
            Fact::Chart { patient, value, recorded } => self.add_chart(record, patient, value, recorded),
            Fact::Contact { patient, value, recorded } => self.add_contact(record, patient, value, recorded),
            Fact::Tie(tie) => self.add_tie(record, tie),
            Fact::Turn { user, department, starts, ends, recorded } => {
                let (known_from, known_to) = known(recorded);
                self.add_turn(user, Turn { department, starts, ends, known_from, known_to, record });
            }
            Fact::Outage { department, starts, ends, is_up, recorded } => {
                let (known_from, _) = known(recorded);
                self.add_outage(Outage { department, starts, ends, known_from, record }, is_up);
            }
            Fact::Withdrawal(at) => self.withdraw(record, at),
        }
    }

    fn add_member(&mut self, record: u32, user: u32, value: Member, recorded: Recorded) {
        let (known_from, withdrawn_at) = known(recorded);
        let patient = value.person.patient;
        if known_from < self.staff_since {
            self.staff_since = known_from;
            self.touch(known_from, Timestamp::MIN, Timestamp::MAX, Target::Everyone);
        }
        let (zone, keys) = (&self.zone, &self.keys);
        let records = grown(&mut self.members, user);
        let joined = records.newest(LAST).map(|member| place(&member));
        let counted: Vec<(u32, u32)> = records.known(LAST).map(place).chain(joined).collect();
        let own = place(&value);
        if patient != NONE {
            let staff = self.staff_of.entry(patient).or_default();
            if !staff.contains(&user) {
                staff.push(user);
            }
        }
        let comes_before = |other: u32| keys.text(record) < keys.text(other);
        records.insert(record, (known_from, withdrawn_at), Member { record, ..value }, comes_before);
        let brief = records.lasting().map(|(known_from, member)| Brief::of(&member, zone, known_from));
        // The record number may stand in one record and the department in another.
        let joined = records.newest(LAST).map(|member| place(&member)).filter(|joined| *joined != own);
        let since = records.lasting().map_or(known_from, |(since, _)| since);
        for (found, since) in [(own, known_from)].into_iter().chain(joined.map(|joined| (joined, since))) {
            if found.0 != NONE && found.1 != NONE && !counted.contains(&found) {
                self.population.add(Trait::Department(found.1), since);
            }
        }
        *grown(&mut self.briefs, user) = brief.unwrap_or_default();
        self.slots.insert(record, Slot::Member(user));
        self.touch_always(known_from, withdrawn_at, Target::User(user));
        if patient != NONE {
            // Colleagues who opened this person's own chart.
            self.touch_always(known_from, withdrawn_at, Target::Patient(patient));
        }
    }

    fn add_chart(&mut self, record: u32, patient: u32, value: Chart, recorded: Recorded) {
        let (known_from, withdrawn_at) = known(recorded);
        if known_from < self.charts_since {
            self.charts_since = known_from;
            self.touch(known_from, Timestamp::MIN, Timestamp::MAX, Target::Everyone);
        }
        let is_sensitive = value.is_sensitive();
        if value.merged_into == NONE {
            self.count(patient, &value, known_from);
        } else {
            self.merge(patient, value.merged_into);
        }
        *grown(&mut self.sensitive, patient) |= is_sensitive;
        let keys = &self.keys;
        let comes_before = |other: u32| keys.text(record) < keys.text(other);
        grown(&mut self.charts, patient).insert(record, (known_from, withdrawn_at), value, comes_before);
        self.slots.insert(record, Slot::Chart(patient));
        self.touch_always(known_from, withdrawn_at, Target::Patient(patient));
    }

    /// Notes that a patient goes on under another number. Both deserve the full look: what is known of one
    /// concerns the other.
    fn merge(&mut self, patient: u32, survivor: u32) {
        for (one, other) in [(patient, survivor), (survivor, patient)] {
            let others = self.merges.entry(one).or_default();
            if !others.contains(&other) {
                others.push(other);
            }
            *grown(&mut self.sensitive, one) = true;
        }
    }

    /// Counts a patient once, and each of their traits once.
    fn count(&mut self, patient: u32, new: &Chart, known_from: Timestamp) {
        let earlier = self.charts.get(patient as usize);
        let had = |wanted: &dyn Fn(&Chart) -> bool| earlier.is_some_and(|records| records.known(LAST).any(wanted));
        if !had(&|_| true) {
            self.population.add_patient(known_from);
        }
        for &key in &new.surnames {
            if !had(&|chart| chart.surnames.contains(&key)) {
                self.population.add(Trait::Surname(key), known_from);
            }
        }
        if new.home.dwelling != NONE && !had(&|chart| chart.home.dwelling == new.home.dwelling) {
            self.population.add(Trait::Dwelling(new.home.dwelling), known_from);
        }
        if new.home.street != NONE && !had(&|chart| chart.home.street == new.home.street) {
            self.population.add(Trait::Street(new.home.street), known_from);
        }
        if new.is_vip && !had(&|chart| chart.is_vip) {
            self.population.add(Trait::Vip, known_from);
        }
        if new.is_restricted && !had(&|chart| chart.is_restricted) {
            self.population.add(Trait::Restricted, known_from);
        }
    }

    fn add_contact(&mut self, record: u32, patient: u32, person: Person, recorded: Recorded) {
        let (known_from, known_to) = known(recorded);
        let other = person.patient;
        self.withdraw_contact(patient, record, known_from);
        self.contacts.entry(patient).or_default().push(Contact { person, known_from, known_to, record });
        self.slots.insert(record, Slot::Contact(patient));
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

    fn add_tie(&mut self, record: u32, draft: DraftTie) {
        let (known_from, withdrawn_at) = known(draft.recorded);
        let holder =
            if draft.user == NONE { Tie::department_holder(draft.department) } else { Tie::user_holder(draft.user) };
        self.feeds.saw_relationship();
        if draft.department != NONE && known_from.is_finite() {
            self.feeds.saw(draft.department, draft.kind, known_from);
        }
        if let Some(id) = draft.id {
            self.record_ids.insert(record, id);
        }
        let known_to = self.supersede(record, known_from).min(withdrawn_at);
        let tie = Tie::new(draft.kind, holder, record, draft.author, draft.starts, draft.ends, known_from, known_to);
        self.insert_tie(draft.patient, tie);
        self.slots.insert(record, Slot::Tie(draft.patient));
        self.touch_tie(known_from, draft.patient, &tie);
        self.touch_tie(known_to, draft.patient, &tie);
    }

    /// What a relationship can explain, and, before that, whose chart it shows to be in use.
    fn touch_tie(&mut self, known_at: Timestamp, patient: u32, tie: &Tie) {
        let from = self.graces.earliest(tie.kind, tie.starts);
        let target = Target::Patient(patient);
        self.touch(known_at, from, Timestamp::MAX, target);
        let awake = tie.starts.minus(self.wakes_before);
        if awake < from && !tie.kind.is_task() {
            self.touch_aside(known_at, awake, from, target);
        }
    }

    fn insert_tie(&mut self, patient: u32, tie: Tie) {
        let (keys, ids) = (&self.keys, &self.record_ids);
        let id = |record: u32| ids.get(&record).map(AsRef::as_ref).unwrap_or_else(|| super::id_in(keys.text(record)));
        let comes_before =
            |old: &Tie| old.starts < tie.starts || (old.starts == tie.starts && id(old.record) <= id(tie.record));
        self.ties.insert(patient, tie, comes_before);
    }

    /// Ends the versions of a record that are older than one known from `known_from`, and tells where
    /// a newer one ends it.
    fn supersede(&mut self, record: u32, known_from: Timestamp) -> Timestamp {
        let mut known_to = Timestamp::MAX;
        let mut ended: Vec<(u32, Tie)> = Vec::new();
        for slot in self.slots.of(record) {
            let Slot::Tie(patient) = slot else { continue };
            for tie in self.ties.of_record_mut(patient, record) {
                if tie.known_from > known_from {
                    known_to = known_to.min(tie.known_from);
                } else if tie.known_to > known_from {
                    tie.known_to = known_from;
                    ended.push((patient, *tie));
                }
            }
        }
        ended.into_iter().for_each(|(patient, tie)| self.touch_tie(known_from, patient, &tie));
        known_to
    }

    fn add_turn(&mut self, user: u32, turn: Turn) {
        self.withdraw_turns(turn.record, turn.known_from);
        grown(&mut self.rosters, user).insert(turn);
        self.slots.insert(turn.record, Slot::Turn(user));
        self.touch_turn(turn.known_from, user, &turn);
        self.touch_turn(turn.known_to, user, &turn);
    }

    /// When a shift places somebody, and the days for which it is a roster.
    fn touch_turn(&mut self, known_at: Timestamp, user: u32, turn: &Turn) {
        let margin = MARGIN.micros();
        self.touch(known_at, turn.starts.minus(margin), turn.ends.plus(margin), Target::User(user));
        self.touch_aside(known_at, turn.starts.minus(2 * DAY), turn.ends.plus(2 * DAY), Target::User(user));
    }

    fn withdraw_turns(&mut self, record: u32, at: Timestamp) {
        let mut ended: Vec<(u32, Turn)> = Vec::new();
        for slot in self.slots.of(record) {
            let Slot::Turn(user) = slot else { continue };
            for turn in self.rosters[user as usize].of_record_mut(record) {
                turn.known_to = turn.known_to.min(at);
                ended.push((user, *turn));
            }
        }
        ended.into_iter().for_each(|(user, turn)| self.touch_turn(at, user, &turn));
    }

    fn add_outage(&mut self, outage: Outage, is_up: bool) {
        self.slots.insert(outage.record, Slot::Outage);
        self.touch(outage.known_from, outage.starts, outage.ends, Target::Everyone);
        if is_up {
            self.feeds.withdraw(outage.record);
        } else {
            self.feeds.reported(outage);
        }
    }

    fn withdraw(&mut self, record: u32, at: Timestamp) {
        for slot in self.slots.of(record).collect::<Vec<_>>() {
            match slot {
                Slot::Member(user) => {
                    self.members[user as usize].withdraw(record, at);
                    self.briefs[user as usize] = Brief::default();
                    self.touch(at, Timestamp::MIN, Timestamp::MAX, Target::User(user));
                    let charts = self.members[user as usize].all().map(|member| member.person.patient);
                    for patient in charts.filter(|&patient| patient != NONE).collect::<Vec<_>>() {
                        self.touch(at, Timestamp::MIN, Timestamp::MAX, Target::Patient(patient));
                    }
                }
                Slot::Chart(patient) => {
                    self.charts[patient as usize].withdraw(record, at);
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

    fn touch_always(&mut self, known_from: Timestamp, withdrawn_at: Timestamp, target: Target) {
        self.touch(known_from, Timestamp::MIN, Timestamp::MAX, target);
        self.touch(withdrawn_at, Timestamp::MIN, Timestamp::MAX, target);
    }

    fn touch(&mut self, known_at: Timestamp, from: Timestamp, until: Timestamp, target: Target) {
        if known_at != Timestamp::MAX {
            self.touches.push(Touch { known_at, from, until, target, is_aside: false });
        }
    }

    fn touch_aside(&mut self, known_at: Timestamp, from: Timestamp, until: Timestamp, target: Target) {
        if known_at != Timestamp::MAX {
            self.touches.push(Touch { known_at, from, until, target, is_aside: true });
        }
    }
}
