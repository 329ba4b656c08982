//! The life of an incident: opened as provisional, handed over at once when urgent, settled after the
//! settle window, grown at most once an hour, withdrawn when a late record explains it, opened again
//! when that record is taken back.

use crate::model::incident::{ChangeReason, IncidentChange, IncidentKind, Severity, Status};
use crate::model::time::{HOUR, Timestamp};

use super::episode::{Case, Episode, Weighed, incident_id};
use super::rules::Rules;
use super::shard::World;

impl Episode {
    /// Moves the incident on after its accesses or its time have changed.
    pub(super) fn assess(&mut self, now: Timestamp, world: World<'_>) -> Option<IncidentChange> {
        let weighed = self.weigh(world.rules, world.context);
        let status = self.case.as_ref().map(|case| case.status);
        match (status, weighed.is_over) {
            (None, false) | (Some(Status::Withdrawn | Status::Merged), false) => None,
            (None, true) => {
                self.open(world);
                self.hand_if_urgent(&weighed, now, world)
            }
            (Some(Status::Withdrawn), true) => {
                self.reopen(now, world.rules);
                self.hand_if_urgent(&weighed, now, world)
            }
            (Some(_), false) => self.withdraw(&weighed, now, world),
            (Some(Status::Provisional), true) => self.settle_if_due(&weighed, now, world),
            (Some(_), true) => self.hand_growth(&weighed, now, world),
        }
    }

    /// Parts the incident from the accesses that remain when the access that it started with is
    /// explained. What remains started on another day, so it is another incident: the one that a run
    /// with the explaining record known in time would have found. On the same day it stays this one.
    pub(super) fn part(&mut self, world: World<'_>) -> Option<Self> {
        let first = self.active().next()?;
        let (first_event_id, start) = (first.event_id.to_string(), world.rules.zone.date(first.row.at));
        let case = self.case.as_mut()?;
        let opener = self.members.iter().find(|member| *member.event_id == *case.first_event_id);
        if opener.is_some_and(|member| member.decision.joins()) {
            return None;
        }
        if start.to_string() == case.start_date {
            case.first_event_id = first_event_id;
            return None;
        }
        let mut rest = Self::new(self.user, self.patient);
        (rest.members, self.members) =
            std::mem::take(&mut self.members).into_iter().partition(|member| member.decision.joins());
        rest.is_current = self.is_current;
        self.is_current = false;
        Some(rest)
    }

    /// Whether something is still to come: it has not settled, or growth has not been handed over.
    pub(super) fn is_waiting(&self) -> bool {
        self.case.as_ref().is_some_and(|case| {
            case.status == Status::Provisional
                || case.status == Status::Open && (!case.is_handed || case.handed_accesses < self.active().count())
        })
    }

    /// When the episode must be looked at again.
    pub(super) fn next_due(&self, now: Timestamp, rules: &Rules) -> Timestamp {
        let ends_at = self.last_at().plus(rules.engine.episode_gap.micros());
        let is_ending = self.is_current && (ends_at > now || !self.is_waiting());
        let mut due = if is_ending { ends_at } else { Timestamp::MAX };
        let is_withdrawn = self.case.as_ref().is_some_and(|case| case.status == Status::Withdrawn);
        if let Some(case) = self.case.as_ref().filter(|_| self.is_waiting()) {
            due = due.min(if case.status == Status::Provisional { case.settles_at } else { next_hour(case.handed_at) });
            if case.is_handed && case.handed_accesses < self.active().count() {
                due = due.min(next_hour(case.handed_at));
            }
        }
        // An access whose feed was silent is looked at again when the feed has settled.
        let window = rules.engine.settle_window.micros();
        for until in
            self.active().filter(|_| !is_withdrawn).filter_map(|member| member.decision.unknown.map(|(_, until)| until))
        {
            due = due.min(if until == Timestamp::MAX { now.plus(window) } else { until });
        }
        due = due.min(self.next_look(now, rules));
        if due <= now { now.plus(1) } else { due }
    }

    /// When what the person did around an unexplained access has to be looked at again: when their shift is
    /// over, and once more before it is forgotten. Looks are at full hours, so that the accesses of one sitting are looked
    /// at together. An explained access that nobody has heard of is let go of when it cannot change any more.
    fn next_look(&self, now: Timestamp, rules: &Rules) -> Timestamp {
        let engine = &rules.engine;
        if !self.is_current && self.case.is_none() {
            return Timestamp::MAX;
        }
        let looks = self.members.iter().flat_map(|member| {
            let at = member.row.at;
            if member.decision.joins() {
                [hour_from(at.plus(engine.trail())), hour_by(at.plus(engine.trail_lasts()))]
            } else {
                let over =
                    if self.case.is_none() { at.plus(engine.settle_window.micros()).plus(1) } else { Timestamp::MAX };
                [over; 2]
            }
        });
        looks.filter(|at| *at > now).min().unwrap_or(Timestamp::MAX)
    }

    fn open(&mut self, world: World<'_>) {
        let Some(first) = self.active().next() else { return };
        let users = &world.context.dictionary.users;
        let patients = &world.context.dictionary.patients;
        let start = world.rules.zone.date(first.row.at);
        self.case = Some(Case {
            incident_id: incident_id(
                IncidentKind::Pair,
                Some(users.text(self.user)),
                Some(patients.text(self.patient)),
                start,
            ),
            start_date: start.to_string(),
            first_event_id: first.event_id.to_string(),
            status: Status::Provisional,
            settles_at: first.row.at.plus(world.rules.engine.settle_window.micros()),
            sequence: 0,
            is_handed: false,
            handed_accesses: 0,
            handed_at: None,
        });
    }

    fn reopen(&mut self, now: Timestamp, rules: &Rules) {
        let newest = self.active().last().map_or(now, |member| member.row.at);
        if let Some(case) = self.case.as_mut() {
            case.status = Status::Provisional;
            case.settles_at = newest.plus(rules.engine.settle_window.micros());
        }
    }

    fn hand_if_urgent(&mut self, weighed: &Weighed, now: Timestamp, world: World<'_>) -> Option<IncidentChange> {
        let is_urgent = weighed.severity >= Severity::High && weighed.degraded.is_empty();
        let is_handed = self.case.as_ref().is_some_and(|case| case.is_handed);
        (is_urgent && !is_handed).then(|| self.hand(weighed, ChangeReason::Opened, now, world)).flatten()
    }

    fn settle_if_due(&mut self, weighed: &Weighed, now: Timestamp, world: World<'_>) -> Option<IncidentChange> {
        let window = world.rules.engine.settle_window.micros();
        let unknown_until = self.active().filter_map(|member| member.decision.unknown.map(|(_, until)| until)).max();
        let case = self.case.as_mut()?;
        if now < case.settles_at {
            return match case.is_handed {
                true => self.hand_growth(weighed, now, world),
                false => self.hand_if_urgent(weighed, now, world),
            };
        }
        if let Some(until) = unknown_until {
            case.settles_at = if until == Timestamp::MAX { now.plus(window) } else { until.max(now.plus(1)) };
            return None;
        }
        case.status = Status::Open;
        let reason = if case.is_handed { ChangeReason::Settled } else { ChangeReason::Opened };
        self.hand(weighed, reason, now, world)
    }

    fn hand_growth(&mut self, weighed: &Weighed, now: Timestamp, world: World<'_>) -> Option<IncidentChange> {
        let accesses = self.active().count();
        let case = self.case.as_ref()?;
        if !case.is_handed {
            return None;
        }
        let has_grown = case.handed_accesses < accesses && next_hour(case.handed_at) <= now;
        has_grown.then(|| self.hand(weighed, ChangeReason::Grew, now, world)).flatten()
    }

    fn withdraw(&mut self, weighed: &Weighed, now: Timestamp, world: World<'_>) -> Option<IncidentChange> {
        let case = self.case.as_mut()?;
        case.status = Status::Withdrawn;
        if !case.is_handed {
            return None;
        }
        let change = self.hand(weighed, ChangeReason::Withdrawn, now, world);
        if let Some(case) = self.case.as_mut() {
            case.is_handed = false;
        }
        change
    }

    fn hand(
        &mut self,
        weighed: &Weighed,
        reason: ChangeReason,
        now: Timestamp,
        world: World<'_>,
    ) -> Option<IncidentChange> {
        let accesses = self.active().count();
        let case = self.case.as_mut()?;
        case.sequence += 1;
        case.is_handed = true;
        case.handed_accesses = accesses;
        case.handed_at = Some(now);
        self.change(world.rules, world.context, weighed, reason, now)
    }
}

/// The full hour at or after an instant.
fn hour_from(at: Timestamp) -> Timestamp {
    let hour = hour_by(at);
    if hour == at { at } else { Timestamp(hour.0.saturating_add(HOUR)) }
}

/// The full hour at or before an instant.
fn hour_by(at: Timestamp) -> Timestamp {
    Timestamp(at.0.div_euclid(HOUR).saturating_mul(HOUR))
}

/// The first instant of the next full hour; `MIN` where nothing came before.
fn next_hour(at: Option<Timestamp>) -> Timestamp {
    let Some(at) = at else { return Timestamp::MIN };
    Timestamp(at.0.div_euclid(HOUR).saturating_add(1).saturating_mul(HOUR))
}
