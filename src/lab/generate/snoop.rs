//! Looks without a reason: planned before the first day, acted among the day's work, labelled.

use super::event::{Event, FIRST_POOR_REASON, NOBODY, Part, Purpose, REASONS, REMOTE};
use super::plan::Episode;
use super::roster::OnShift;
use super::sim::Sim;
use super::write::context::{Holder, Relation};
use crate::model::access::{Action, Outcome, SearchTextKind};
use crate::model::context::RelationshipKind;
use crate::model::time::{HOUR, SECOND};

const MINUTE: i64 = 60 * SECOND;

/// Why somebody looked; the `kind` of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    SurnameRelative,
    Household,
    Neighbor,
    Coworker,
    ExPartner,
    Vip,
    Own,
    Decoy,
    Leaver,
    Curiosity,
    Harvesting,
    Street,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::SurnameRelative,
        Self::Household,
        Self::Neighbor,
        Self::Coworker,
        Self::ExPartner,
        Self::Vip,
        Self::Own,
        Self::Decoy,
        Self::Leaver,
        Self::Curiosity,
        Self::Harvesting,
        Self::Street,
    ];

    /// The name in `labels.csv`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SurnameRelative => "surname_relative",
            Self::Household => "household",
            Self::Neighbor => "neighbor",
            Self::Coworker => "coworker",
            Self::ExPartner => "ex_partner",
            Self::Vip => "vip",
            Self::Own => "self",
            Self::Decoy => "decoy",
            Self::Leaver => "leaver",
            Self::Curiosity => "curiosity",
            Self::Harvesting => "harvesting",
            Self::Street => "street",
        }
    }

    /// What is hidden, in words for the data set's README.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::SurnameRelative => "a relative living elsewhere who has, or had, the same family name",
            Self::Household => "somebody at the employee's own address",
            Self::Neighbor => "somebody a few house numbers away",
            Self::Coworker => "a colleague of the same department",
            Self::ExPartner => "a former partner, on record as the patient's contact",
            Self::Vip => "a patient marked as well known",
            Self::Own => "the employee's own chart",
            Self::Decoy => "a record that belongs to nobody, made to be found by the curious",
            Self::Leaver => "any patient, through the account of somebody who has left",
            Self::Curiosity => "one patient everybody talks about, opened by people of many departments",
            Self::Harvesting => "one employee opening dozens of charts, with prints and exports",
            Self::Street => "people of the employee's street, one after the other over weeks",
        }
    }

    /// Share of all episodes in percent.
    pub(super) const fn share(self) -> f64 {
        match self {
            Self::SurnameRelative => 0.22,
            Self::Household => 0.18,
            Self::Coworker => 0.16,
            Self::Neighbor => 0.12,
            Self::Own => 0.1,
            Self::ExPartner => 0.08,
            Self::Vip => 0.07,
            Self::Decoy | Self::Leaver => 0.02,
            Self::Curiosity => 0.04,
            Self::Harvesting => 0.03,
            Self::Street => 0.005,
        }
    }
}

/// An episode on its way.
pub(super) struct Open {
    pub(super) episode: usize,
    /// Visits to the chart still to come.
    pub(super) left: u32,
    pub(super) acted_at: Option<i64>,
}

impl Sim<'_> {
    /// Acts today's part of the plan; on the last day, whatever has not happened yet.
    pub(super) fn snoop(&mut self, day: i32) -> anyhow::Result<()> {
        let last = day + 1 == self.world.days as i32;
        for index in 0..self.open.len() {
            let (left, acted) = (self.open[index].left, self.open[index].acted_at.is_some());
            let episode = &self.plan.episodes[self.open[index].episode];
            if left == 0 || episode.day > day {
                continue;
            }
            let shift = self.on[self.first_new..].iter().find(|shift| shift.user == episode.user).copied();
            let remote = self.dice.chance(0.06) || (last && !acted) || episode.kind == Kind::Leaver;
            let at = shift.and_then(|shift| self.idle_moment(&shift));
            let (seat, at) = match (shift, at) {
                (Some(shift), Some(at)) if !self.dice.chance(0.05) => (shift, at),
                _ if remote => self.remote_session(episode.user, day),
                _ => continue,
            };
            self.open[index].left -= 1;
            self.open[index].acted_at.get_or_insert(at);
            if episode.kind == Kind::Harvesting {
                self.harvest(episode, &seat, at)
            } else {
                self.pry(episode, &seat, at)?
            }
        }
        Ok(())
    }

    /// A moment of the shift inside the log, well before its end.
    fn idle_moment(&mut self, shift: &OnShift) -> Option<i64> {
        let (from, until) = (shift.from + 10 * MINUTE, shift.until.min(self.world.span().1) - 40 * MINUTE);
        (from < until).then(|| self.dice.between(from, until))
    }

    fn remote_session(&mut self, user: u32, day: i32) -> (OnShift, i64) {
        let (midnight, next) = (self.world.midnight(day), self.world.midnight(day + 1));
        let department = self.world.people.staff[user as usize].department;
        let at = self.dice.between(midnight + 6 * HOUR, next - HOUR);
        (OnShift { user, department, login: department, workstation: REMOTE, from: at, until: at }, at)
    }

    fn pry(&mut self, episode: &Episode, seat: &OnShift, at: i64) -> anyhow::Result<()> {
        let patient = episode.patients[0];
        let purpose = if self.dice.chance(0.7) { Purpose::Treatment } else { Purpose::None };
        let mut event = Event { patient, purpose, ..self.plain_event(seat, at, Action::View) };
        if episode.kind != Kind::Own && self.dice.chance(0.4) {
            let patient = if self.dice.chance(0.5) { patient } else { NOBODY };
            let search = Some(SearchTextKind::Name);
            self.out.push(Event { action: Action::Search, part: Part::Demographics, search, patient, ..event });
            event.at += self.dice.between(5 * SECOND, 40 * SECOND);
        }
        let record = &self.world.people.patients[patient as usize];
        if record.is_restricted || (record.is_vip && self.dice.chance(0.5)) {
            self.out.push(Event { outcome: Outcome::Denied, part: Part::Summary, ..event });
            event.at += 12 * SECOND;
            let reason = FIRST_POOR_REASON + self.dice.below(REASONS.len() as u32 - u32::from(FIRST_POOR_REASON)) as u8;
            self.out.push(Event { action: Action::BreakGlass, purpose: Purpose::BreakGlass, reason, ..event });
            event.at += 15 * SECOND;
        }
        let parts = [Part::Summary, Part::Notes, Part::Labs, Part::Demographics, Part::Imaging, Part::Medications];
        let start = self.dice.index(3);
        for step in 0..1 + self.dice.index(4) {
            self.out.push(Event { part: parts[(start + step) % parts.len()], ..event });
            event.at += self.dice.between(10 * SECOND, 4 * MINUTE);
        }
        if self.dice.chance(0.06) {
            self.out.push(Event { action: Action::Print, part: Part::Notes, ..event });
        }
        let covers_up = self.world.hard && episode.kind != Kind::Own && self.dice.chance(0.05);
        if covers_up { self.cover_up(patient, seat.user, at) } else { Ok(()) }
    }

    /// A reason invented and entered by the looker afterwards.
    fn cover_up(&mut self, patient: u32, user: u32, at: i64) -> anyhow::Result<()> {
        let recorded = at + self.dice.between(HOUR, 6 * HOUR);
        let (holder, until) = (Holder::User(user), Some(at + 24 * HOUR));
        let kind = RelationshipKind::Consult;
        self.facts.relationship(&Relation {
            kind,
            patient,
            holder,
            from: at - HOUR,
            until,
            recorded,
            by: Some(user),
            encounter: 0,
        })
    }

    fn harvest(&mut self, episode: &Episode, seat: &OnShift, at: i64) {
        let mut event = self.plain_event(seat, at, Action::View);
        let end = self.world.span().1 - MINUTE;
        for &patient in &episode.patients {
            event = Event { patient, part: Part::Demographics, action: Action::View, ..event };
            self.out.push(event);
            if self.dice.chance(0.25) {
                let action = if self.dice.chance(0.5) { Action::Print } else { Action::Export };
                self.out.push(Event { action, at: event.at + 3 * SECOND, ..event });
            }
            event.at = (event.at + self.dice.between(6 * SECOND, 24 * SECOND)).min(end);
        }
    }
}
