//! An access joined with what is known about it: actor, patient, relationships.

use std::borrow::Cow;

use jiff::ToSpan as _;

use crate::model::time::{Timestamp, Zone};

use super::access::Access;
use super::context::Context;
use super::dictionary::NONE;
use super::feeds::{GapRule, Unknown};
use super::horizon::Horizon;
use super::people::{Chart, Member, Person};
use super::population::Trait;
use super::relations::{Hits, Query, TieList};
use super::roster::Presence;
use super::suppression::Suppression;
use super::trail::Trail;

/// When and with what knowledge an access is decided.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'m> {
    pub now: Timestamp,
    /// Silence after this is no feed gap.
    pub input_end: Timestamp,
    pub context: &'m Context,
    /// Where people's other accesses stand; `None` = they are not looked at.
    pub(super) horizon: Option<&'m Horizon>,
}

/// Everything a detector or an explanation may look at. `now` is the instant from which it looks:
/// the access as it stood then, and as known by now.
#[derive(Debug)]
pub struct View<'v> {
    pub access: &'v Access,
    pub now: Timestamp,
    pub context: &'v Context,
    pub zone: &'v Zone,
    /// What the staff records in force at the access say.
    pub actor: Option<Cow<'v, Member>>,
    /// Whether the person was employed at the access, as the newest staff record says. True
    /// where there is none.
    pub is_employed: bool,
    /// The demographics in force at the access.
    pub chart: Option<Cow<'v, Chart>>,
    /// Where the event, the home department and the roster place the user; may hold [`NONE`].
    pub departments: &'v [u32],
    /// The patient's other numbers.
    pub same: Vec<u32>,
    /// The patient's relationships that cover this access.
    pub hits: Hits,
    /// Why the absence of a relationship cannot be told, and until when.
    pub unknown: Option<(Unknown, Timestamp)>,
    /// The suppressions that mean this access.
    pub(super) mutes: Vec<&'v Suppression>,
    /// What the person did around the access; forgotten after a while.
    pub trail: Option<Trail<'v>>,
    /// Whether a reason fits the patient's care that does not hold because of a name, a mark or an acquaintance;
    /// known to detectors of absence.
    pub has_weak_reason: bool,
    /// Whether an explanation holds; known to detectors, not to explanations.
    pub is_explained: bool,
}

impl<'v> View<'v> {
    /// Joins an access with the context; `departments` is a scratch list that is filled here.
    pub fn new(
        access: &'v Access,
        moment: Moment<'v>,
        zone: &'v Zone,
        gaps: GapRule,
        departments: &'v mut Vec<u32>,
    ) -> Self {
        let Moment { now, context, .. } = moment;
        let actor = context.member(access.user).and_then(|member| member.in_force(access.at, now));
        let same = context.same_as(access.patient, now);
        let in_force = |patient: u32| context.chart(patient).and_then(|chart| chart.in_force(access.at, now));
        let chart = surviving(in_force(access.patient), &same, in_force);
        let newest = context.member(access.user).and_then(|member| member.newest(now));
        let is_employed = newest.is_none_or(|member| member.works_at(access.at, zone));
        // Who does not work here any more does not belong to a department.
        places(access, actor.as_deref().filter(|_| is_employed).map(|actor| actor.department), departments);
        if let Some(roster) = context.roster(access.user) {
            roster.departments(access.at, now, departments);
        }
        let departments: &'v [u32] = departments;
        let hits = search(access, now, context, departments, &same);
        let unknown = context.feeds.unknown(departments, access.at, now, gaps);
        Self {
            access,
            now,
            context,
            zone,
            actor,
            is_employed,
            chart,
            departments,
            same,
            hits,
            unknown,
            mutes: Vec::new(),
            trail: None,
            has_weak_reason: false,
            is_explained: false,
        }
    }

    /// Whether the reference data lack the person or the patient, where there are such data.
    #[must_use]
    pub fn unlisted(&self) -> Option<Unknown> {
        let Access { user, patient, .. } = *self.access;
        if !self.context.lists_user(user, self.now) {
            return Some(Unknown::Actor);
        }
        (!self.context.lists_patient(patient, self.now)).then_some(Unknown::Patient)
    }

    /// Whether the chart is the user's own.
    #[must_use]
    pub fn is_own_chart(&self) -> bool {
        let number = self.actor.as_deref().map_or(NONE, |actor| actor.person.patient);
        number != NONE && self.is_patient(number)
    }

    /// The numbers of the patient: the one that was opened, then the others.
    pub fn patients(&self) -> impl Iterator<Item = u32> {
        std::iter::once(self.access.patient).chain(self.same.iter().copied())
    }

    /// Whether a number is one of the patient's.
    #[must_use]
    pub fn is_patient(&self, number: u32) -> bool {
        self.patients().any(|patient| patient == number)
    }

    /// The patient's contacts, as known by now.
    pub fn contacts(&self) -> impl Iterator<Item = &'v Person> {
        self.patients().flat_map(|patient| self.context.contacts(patient, self.now))
    }

    /// The local midnight before the access: the moment whose counts of the population apply.
    #[must_use]
    pub fn midnight(&self) -> Timestamp {
        self.zone.start_of(self.zone.date(self.access.at))
    }

    /// How many patients had a trait at the local midnight before the access, and how many there were. The
    /// patient looked at has it, so at least one does, also before the first midnight.
    #[must_use]
    pub fn share_of(&self, of: Trait) -> [u32; 2] {
        let midnight = self.midnight();
        let holders = self.context.population.with(of, midnight).max(1);
        [holders, self.context.population.patients(midnight).max(holders)]
    }

    /// What a user's staff records in force at the access say.
    #[must_use]
    pub fn staff(&self, user: u32) -> Option<Cow<'v, Member>> {
        self.context.member(user).and_then(|member| member.in_force(self.access.at, self.now))
    }

    /// The patient as a member of the staff: user and what the records in force at the access say.
    pub fn patient_as_staff(&self) -> impl Iterator<Item = (u32, Cow<'v, Member>)> {
        let users = self.patients().flat_map(|patient| self.context.staff_of(patient));
        let records = users.filter(|&user| user != self.access.user).filter_map(|user| Some((user, self.staff(user)?)));
        records.filter(|(_, member)| self.is_patient(member.person.patient))
    }

    /// The departments that had a patient in care at an instant, as known by now.
    pub fn units_of(&self, patient: u32, at: Timestamp) -> impl Iterator<Item = u32> {
        let units = move |patient| self.context.ties.of(patient).units(at, self.now, self.context.graces());
        let others = if patient == self.access.patient { self.same.as_slice() } else { &[] };
        std::iter::once(patient).chain(others.iter().copied()).flat_map(units)
    }

    /// Whether anybody else's record, as known by now, tells of care between two instants.
    #[must_use]
    pub fn has_care(&self, from: Timestamp, until: Timestamp) -> bool {
        let looker = self.access.user;
        self.patients().any(|patient| self.context.ties.of(patient).has_care(looker, from, until, self.now))
    }

    /// Whether the person's role belongs to one of these classes of `[roles]`.
    #[must_use]
    pub fn is_of_any_class(&self, classes: &[String]) -> bool {
        let is_of = |actor: &Member| classes.iter().any(|class| self.context.is_of_class(actor.role, class));
        self.actor.as_deref().is_some_and(is_of)
    }

    /// Whether the roster of that day has the person at work at the access, with a margin around each shift.
    #[must_use]
    pub fn presence(&self, margin: i64) -> Presence {
        let day = self.zone.date(self.access.at);
        let (from, until) = (self.zone.start_of(day), self.zone.start_of(day.saturating_add(1.day())));
        self.context
            .roster(self.access.user)
            .map_or(Presence::Unknown, |roster| roster.presence(self.access.at, (from, until), self.now, margin))
    }

    /// Every surname key that the user has or had, as known by now.
    pub fn actor_surnames(&self) -> impl Iterator<Item = u32> {
        let records = self.context.member(self.access.user).into_iter();
        records.flat_map(|records| records.known(self.now)).flat_map(|member| member.person.surnames.iter().copied())
    }

    /// Whether the patient has or had this surname key, as known by now.
    #[must_use]
    pub fn chart_has_surname(&self, key: u32) -> bool {
        let mut records = self.patients().filter_map(|patient| self.context.chart(patient));
        records.any(|records| records.known(self.now).any(|chart| chart.surnames.contains(&key)))
    }
}

/// The departments that need no roster: where the event and the home department place the user.
pub(super) fn places(access: &Access, home: Option<u32>, out: &mut Vec<u32>) {
    out.clear();
    out.push(access.department());
    if let Some(home) = home.filter(|&home| home != access.department()) {
        out.push(home);
    }
}

fn search(access: &Access, now: Timestamp, context: &Context, departments: &[u32], same: &[u32]) -> Hits {
    let query = Query { at: access.at, now, user: access.user, departments };
    let numbers = std::iter::once(access.patient).chain(same.iter().copied());
    TieList::search_all(numbers.map(|patient| context.ties.of(patient)), &query, context.graces())
}

/// The demographics of a patient with several numbers: those of the number that goes on.
fn surviving<'c>(
    own: Option<Cow<'c, Chart>>,
    same: &[u32],
    in_force: impl Fn(u32) -> Option<Cow<'c, Chart>>,
) -> Option<Cow<'c, Chart>> {
    let goes_on = |chart: &Cow<'c, Chart>| chart.merged_into == NONE;
    if own.as_ref().is_some_and(goes_on) {
        return own;
    }
    same.iter().filter_map(|&patient| in_force(patient)).find(goes_on).or(own)
}
