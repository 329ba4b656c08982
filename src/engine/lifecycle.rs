//! The life of an incident: opened as provisional, handed over at once when urgent, settled after the
//! settle window, grown at most once an hour, withdrawn when a late record explains it, opened again
//! when that record is taken back.

use jiff::civil::Date;

use crate::model::incident::{ChangeReason, IncidentChange, IncidentKind, Severity, Status};
use crate::model::time::{HOUR, Timestamp};

use super::episode::{Case, Episode, Weighed, incident_id};
use super::rules::Rules;
use super::shard::World;

/// What the life of an incident depends on, besides time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub(super) is_over: bool,
    pub(super) severity: Severity,
    pub(super) is_degraded: bool,
    /// Accesses that count against the person now.
    pub(super) accesses: usize,
    /// The newest of them.
    pub(super) newest: Timestamp,
    /// Until when a relationship cannot be told, where that is so.
    pub(super) unknown_until: Option<Timestamp>,
}

impl Case {
    /// A new incident, known by its id, the local date on which it started and its first access.
    pub(super) fn open(incident_id: String, start: Date, first: (Timestamp, &str), rules: &Rules) -> Self {
        Self {
            incident_id,
            start_date: start.to_string(),
            first_event_id: first.1.to_owned(),
            status: Status::Provisional,
            settles_at: first.0.plus(rules.engine.settle_window.micros()),
            sequence: 0,
            is_handed: false,
            handed_accesses: 0,
            handed_at: None,
        }
    }

    /// Moves the incident on; says why it has to be handed over, where it has.
    pub(super) fn advance(&mut self, standing: &Standing, now: Timestamp, rules: &Rules) -> Option<ChangeReason> {
        match (self.status, standing.is_over) {
            (Status::Merged, _) | (Status::Withdrawn, false) => None,
            (Status::Withdrawn, true) => {
                self.status = Status::Provisional;
                self.settles_at = standing.newest.plus(rules.engine.settle_window.micros());
                self.hand_if_urgent(standing, now)
            }
            (_, false) => self.withdraw(standing, now),
            (Status::Provisional, true) => self.settle_if_due(standing, now, rules),
            (_, true) => self.hand_growth(standing, now),
        }
    }

    /// Whether something is still to come: it has not settled, or growth has not been handed over.
    pub(super) fn is_waiting(&self, accesses: usize) -> bool {
        self.status == Status::Provisional
            || self.status == Status::Open && (!self.is_handed || self.handed_accesses < accesses)
    }

    /// When it must be looked at again; `MAX` = never by itself.
    pub(super) fn due(&self, accesses: usize) -> Timestamp {
        if !self.is_waiting(accesses) {
            return Timestamp::MAX;
        }
        let settles = if self.status == Status::Provisional { self.settles_at } else { next_hour(self.handed_at) };
        if self.is_handed && self.handed_accesses < accesses { settles.min(next_hour(self.handed_at)) } else { settles }
    }

    fn hand_if_urgent(&mut self, standing: &Standing, now: Timestamp) -> Option<ChangeReason> {
        let is_urgent = standing.severity >= Severity::High && !standing.is_degraded;
        (is_urgent && !self.is_handed).then(|| self.hand(ChangeReason::Opened, standing, now))
    }

    fn settle_if_due(&mut self, standing: &Standing, now: Timestamp, rules: &Rules) -> Option<ChangeReason> {
        if now < self.settles_at {
            return match self.is_handed {
                true => self.hand_growth(standing, now),
                false => self.hand_if_urgent(standing, now),
            };
        }
        if let Some(until) = standing.unknown_until {
            let window = rules.engine.settle_window.micros();
            self.settles_at = if until == Timestamp::MAX { now.plus(window) } else { until.max(now.plus(1)) };
            return None;
        }
        self.status = Status::Open;
        let reason = if self.is_handed { ChangeReason::Settled } else { ChangeReason::Opened };
        Some(self.hand(reason, standing, now))
    }

    fn hand_growth(&mut self, standing: &Standing, now: Timestamp) -> Option<ChangeReason> {
        let has_grown = self.handed_accesses < standing.accesses && next_hour(self.handed_at) <= now;
        (self.is_handed && has_grown).then(|| self.hand(ChangeReason::Grew, standing, now))
    }

    fn withdraw(&mut self, standing: &Standing, now: Timestamp) -> Option<ChangeReason> {
        self.status = Status::Withdrawn;
        let reason = self.is_handed.then(|| self.hand(ChangeReason::Withdrawn, standing, now));
        self.is_handed = false;
        reason
    }

    fn hand(&mut self, reason: ChangeReason, standing: &Standing, now: Timestamp) -> ChangeReason {
        self.sequence += 1;
        self.is_handed = true;
        self.handed_accesses = standing.accesses;
        self.handed_at = Some(now);
        reason
    }
}

impl Episode {
    /// Moves the incident on after its accesses or its time have changed.
    pub(super) fn assess(&mut self, weighed: &Weighed, now: Timestamp, world: World<'_>) -> Option<IncidentChange> {
        if self.case.is_none() && weighed.is_over {
            self.open(world);
        }
        let standing = Standing {
            is_over: weighed.is_over,
            severity: weighed.severity,
            is_degraded: !weighed.degraded.is_empty(),
            accesses: self.active().count(),
            newest: self.active().last().map_or(now, |member| member.row.at),
            unknown_until: self.unknown_until(),
        };
        let reason = self.case.as_mut()?.advance(&standing, now, world.rules)?;
        self.change(world.rules, world.context, weighed, reason, now)
    }

    fn unknown_until(&self) -> Option<Timestamp> {
        self.active().filter_map(|member| member.decision.unknown.map(|(_, until)| until)).max()
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

    /// Whether something is still to come.
    pub(super) fn is_waiting(&self) -> bool {
        self.case.as_ref().is_some_and(|case| case.is_waiting(self.active().count()))
    }

    /// When the episode must be looked at again.
    pub(super) fn next_due(&self, now: Timestamp, rules: &Rules) -> Timestamp {
        let ends_at = self.last_at().plus(rules.engine.episode_gap.micros());
        let is_ending = self.is_current && (ends_at > now || !self.is_waiting());
        let mut due = if is_ending { ends_at } else { Timestamp::MAX };
        let is_withdrawn = self.case.as_ref().is_some_and(|case| case.status == Status::Withdrawn);
        due = due.min(self.case.as_ref().map_or(Timestamp::MAX, |case| case.due(self.active().count())));
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
    /// over, and once more before it is forgotten. Looks are at full hours, so that the accesses of one sitting
    /// are looked at together. An explained access that nobody has heard of is let go of when it cannot change
    /// any more.
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
        let (users, patients) = (&world.context.dictionary.users, &world.context.dictionary.patients);
        let start = world.rules.zone.date(first.row.at);
        let (user, patient) = (users.text(self.user), patients.text(self.patient));
        let id = incident_id(IncidentKind::Pair, Some(user), Some(patient), start);
        self.case = Some(Case::open(id, start, (first.row.at, &first.event_id), world.rules));
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
