//! Looks without a reason: planned before the first day, acted among the day's work, labelled.

use rustc_hash::{FxHashMap, FxHashSet};

use super::dice::Dice;
use super::event::{Event, FIRST_POOR_REASON, NOBODY, Part, Purpose, REASONS, REMOTE};
use super::people::{People, Tie};
use super::roster::OnShift;
use super::sim::{Sim, World};
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
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
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
        }
    }

    /// Share of all episodes in percent.
    const fn share(self) -> f64 {
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
        }
    }
}

/// One person's looks without a reason.
#[derive(Clone, Debug)]
pub(super) struct Episode {
    pub(super) kind: Kind,
    pub(super) user: u32,
    pub(super) patients: Vec<u32>,
    /// First day on which it may happen.
    pub(super) day: i32,
}

/// What will be done without a reason, and what therefore must not look like work.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) episodes: Vec<Episode>,
    pairs: FxHashSet<(u32, u32)>,
    users: FxHashSet<u32>,
    departments: FxHashMap<u32, Vec<u16>>,
    /// (day, patient), sorted.
    visits: Vec<(i32, u32)>,
    visit_patients: Vec<u32>,
}

impl Plan {
    /// Whether this person's accesses to this patient are labelled.
    pub(super) fn bars(&self, user: u32, patient: u32) -> bool {
        self.pairs.contains(&(user, patient))
    }

    /// Whether a record of this patient in this department would explain a labelled access.
    pub(super) fn bars_department(&self, patient: u32, department: u16) -> bool {
        self.departments.get(&patient).is_some_and(|departments| departments.contains(&department))
    }

    /// Whether the person snoops at all.
    pub(super) fn involves(&self, user: u32) -> bool {
        self.users.contains(&user)
    }

    /// Patients who come on that day so that there is something to look at.
    pub(super) fn visits_on(&self, day: i32) -> &[u32] {
        let from = self.visits.partition_point(|visit| visit.0 < day);
        let until = self.visits.partition_point(|visit| visit.0 <= day);
        &self.visit_patients[from..until]
    }

    fn add(&mut self, people: &People, episode: Episode, visit: bool) {
        let department = people.staff[episode.user as usize].department;
        for &patient in &episode.patients {
            self.pairs.insert((episode.user, patient));
            self.departments.entry(patient).or_default().push(department);
        }
        self.users.insert(episode.user);
        if visit && !self.visits.iter().any(|&(_, patient)| patient == episode.patients[0]) {
            self.visits.push((episode.day, episode.patients[0]));
        }
        self.episodes.push(episode);
    }
}

/// How much snooping there is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Amount {
    /// So many episodes of each kind.
    Each(u32),
    /// So many episodes for a thousand days of one employee; at least one of each kind.
    Rate(f64),
}

impl Amount {
    fn of(self, kind: Kind, world: &World) -> u32 {
        match self {
            Self::Each(count) => count,
            Self::Rate(rate) if rate <= 0.0 => 0,
            Self::Rate(rate) => {
                let days = world.people.staff.len() as f64 * f64::from(world.days);
                ((rate * days / 1_000.0 * kind.share()).round() as u32).max(1)
            }
        }
    }
}

/// Plans every episode.
pub(super) fn plan(world: &World, amount: Amount, dice: &mut Dice) -> Plan {
    let mut planner = Planner { world, dice, plan: Plan::default(), tried: FxHashSet::default() };
    for kind in Kind::ALL {
        for _ in 0..amount.of(kind, world) {
            match kind {
                Kind::Curiosity => planner.curiosity(),
                Kind::Harvesting => planner.harvesting(),
                Kind::Leaver => planner.leaver(),
                _ => planner.pair(kind),
            }
        }
    }
    let mut plan = planner.plan;
    plan.episodes.sort_by_key(|episode| (episode.day, episode.user));
    plan.visits.sort_unstable();
    plan.visit_patients = plan.visits.iter().map(|visit| visit.1).collect();
    plan
}

struct Planner<'a> {
    world: &'a World,
    dice: &'a mut Dice,
    plan: Plan,
    tried: FxHashSet<(u32, u32)>,
}

impl Planner<'_> {
    fn start_day(&mut self) -> i32 {
        self.dice.below(self.world.days.saturating_sub(2).max(1)) as i32
    }

    fn user(&mut self) -> u32 {
        self.dice.index(self.world.people.staff.len()) as u32
    }

    fn free_user(&mut self) -> Option<u32> {
        for _ in 0..50 {
            let user = self.user();
            if self.is_free(user) {
                return Some(user);
            }
        }
        None
    }

    fn is_free(&self, user: u32) -> bool {
        let staff = &self.world.people.staff[user as usize];
        staff.ended_on.is_none() && !self.plan.involves(user)
    }

    fn pair(&mut self, kind: Kind) {
        for _ in 0..400 {
            let Some((user, patient)) = self.candidate(kind) else { continue };
            if !self.is_free(user) || !self.tried.insert((user, patient)) {
                continue;
            }
            let is_real = kind != Kind::Decoy;
            if is_real && !self.world.people.patients[patient as usize].can_be_treated() {
                continue;
            }
            let day = self.start_day();
            let visit = is_real && kind != Kind::Own && self.dice.chance(0.6);
            self.plan.add(&self.world.people, Episode { kind, user, patients: vec![patient], day }, visit);
            return;
        }
    }

    fn candidate(&mut self, kind: Kind) -> Option<(u32, u32)> {
        let people = &self.world.people;
        let tied = |tie| people.ties.iter().filter(move |t| t.2 == tie).collect::<Vec<_>>();
        match kind {
            Kind::Household => self.dice.pick(&tied(Tie::Household)).map(|tie| (tie.0, tie.1)),
            Kind::ExPartner => self.dice.pick(&tied(Tie::FormerPartner)).map(|tie| (tie.0, tie.1)),
            Kind::SurnameRelative => {
                let tie = *self.dice.pick(&tied(Tie::Relative))?;
                share_a_name(people, tie.0, tie.1).then_some((tie.0, tie.1))
            }
            Kind::Neighbor => self.neighbor(),
            Kind::Vip | Kind::Decoy => {
                let is_decoy = kind == Kind::Decoy;
                let is_marked = |patient: &u32| {
                    let record = &people.patients[*patient as usize];
                    if is_decoy { record.is_decoy } else { record.is_vip }
                };
                let marked: Vec<u32> = (0..people.patients.len() as u32).filter(is_marked).collect();
                Some((self.user(), self.dice.pick(&marked).copied()?))
            }
            Kind::Coworker => {
                let (user, step) = (self.user(), self.dice.between(1, 40) as usize);
                let other = people.staff.get(user as usize + step)?;
                let same = other.department == people.staff[user as usize].department;
                other.patient.filter(|_| same).map(|patient| (user, patient))
            }
            _ => {
                let user = self.user();
                people.staff[user as usize].patient.map(|patient| (user, patient))
            }
        }
    }

    fn neighbor(&mut self) -> Option<(u32, u32)> {
        let people = &self.world.people;
        let user = self.user();
        let own = people.homes[people.staff[user as usize].person.home as usize];
        let near = people.patients.iter().enumerate().filter(|(_, patient)| {
            let home = people.homes[patient.person.home as usize];
            home.street == own.street && home.number != own.number && home.number.abs_diff(own.number) <= 12
        });
        let near: Vec<u32> = near.map(|(patient, _)| patient as u32).collect();
        let patient = self.dice.pick(&near).copied()?;
        let is_tied = people.ties.iter().any(|tie| (tie.0, tie.1) == (user, patient));
        (!is_tied).then_some((user, patient))
    }

    /// A patient with no mark and no tie.
    fn stranger(&mut self) -> Option<u32> {
        let people = &self.world.people;
        (0..50).map(|_| self.dice.index(people.patients.len()) as u32).find(|&patient| {
            let record = &people.patients[patient as usize];
            record.can_be_treated() && !record.is_vip && !people.ties.iter().any(|tie| tie.1 == patient)
        })
    }

    /// Somebody who has left, or leaves before the log ends, uses the account once more.
    fn leaver(&mut self) {
        let (first, last) = (self.world.first_day, self.world.first_day + self.world.days as i32 - 3);
        let staff = self.world.people.staff.iter().enumerate();
        let gone = staff.filter(|(_, staff)| staff.ended_on.is_some_and(|end| end < last));
        let gone: Vec<(u32, i32)> = gone.filter_map(|(user, staff)| Some((user as u32, staff.ended_on?))).collect();
        let free: Vec<(u32, i32)> = gone.into_iter().filter(|(user, _)| !self.plan.involves(*user)).collect();
        let Some(&(user, end)) = self.dice.pick(&free) else { return };
        let Some(patient) = self.stranger() else { return };
        let day = (end + 2 - first).max(0) + self.dice.below(2) as i32;
        let episode = Episode { kind: Kind::Leaver, user, patients: vec![patient], day };
        self.plan.add(&self.world.people, episode, false);
    }

    fn curiosity(&mut self) {
        let Some(patient) = self.stranger() else { return };
        let day = self.start_day();
        let most = (self.world.people.staff.len() / 8).min(12) as u32;
        let wanted = if most > 5 { 5 + self.dice.below(most - 4) } else { most };
        for _ in 0..wanted {
            let Some(user) = self.free_user() else { return };
            let episode = Episode { kind: Kind::Curiosity, user, patients: vec![patient], day };
            self.plan.add(&self.world.people, episode, true);
        }
    }

    fn harvesting(&mut self) {
        let Some(user) = self.free_user() else { return };
        let most = (self.world.people.patients.len() / 20).min(90) as u32;
        let wanted = if most > 30 { 30 + self.dice.below(most - 29) } else { most };
        let mut patients: Vec<u32> = (0..wanted).filter_map(|_| self.stranger()).collect();
        patients.sort_unstable();
        patients.dedup();
        if !patients.is_empty() {
            let day = self.start_day();
            self.plan.add(&self.world.people, Episode { kind: Kind::Harvesting, user, patients, day }, false);
        }
    }
}

/// Whether any of the two people's names, former ones included, have a root in common.
fn share_a_name(people: &People, user: u32, patient: u32) -> bool {
    let names = |person: &super::people::Person| [Some(person.family.root()), person.former.map(|name| name.root())];
    let own = names(&people.staff[user as usize].person);
    names(&people.patients[patient as usize].person).iter().flatten().any(|root| own.contains(&Some(*root)))
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
