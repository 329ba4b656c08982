//! Who is on shift when, and what the roster says about it.
//!
//! The roster tells less than the truth: some shifts are swapped and entered the next day, some are
//! entered late, and some people float to another unit.

use anyhow::Result;
use jiff::civil::DateTime;

use super::hospital::{Job, Roster, Setting};
use super::sim::Sim;
use super::write::context::ShiftRow;
use crate::model::time::{DAY, HOUR, SECOND};

/// Somebody at work.
#[derive(Clone, Copy, Debug)]
pub(super) struct OnShift {
    pub(super) user: u32,
    /// Where the person works today.
    pub(super) department: u16,
    /// The department that the log shows.
    pub(super) login: u16,
    pub(super) workstation: u16,
    pub(super) from: i64,
    pub(super) until: i64,
}

/// Start and end of each kind of shift in local hours and minutes: office, three of eight hours, two
/// of twelve.
const SHIFTS: [[(i8, i8); 2]; 6] = [
    [(8, 0), (16, 30)],
    [(7, 0), (15, 30)],
    [(15, 0), (23, 30)],
    [(23, 0), (7, 30)],
    [(7, 0), (19, 30)],
    [(19, 0), (7, 30)],
];

impl Sim<'_> {
    /// Start and end of every kind of shift that starts on day `day`.
    fn shift_times(&self, day: i32) -> [(i64, i64); 6] {
        let date = self.world.date(day);
        let instant = |local: DateTime| self.world.zone.resolve(local).0.0;
        SHIFTS.map(|[from, until]| {
            let end_date = if until.0 < from.0 { self.world.date(day + 1) } else { date };
            (instant(date.at(from.0, from.1, 0, 0)), instant(end_date.at(until.0, until.1, 0, 0)))
        })
    }

    /// Which of [`SHIFTS`] the person works on that day.
    fn shift_of(&self, user: u32, day: i32) -> Option<usize> {
        let staff = &self.world.people.staff[user as usize];
        let (turn, weekday) = (i32::from(staff.turn), self.world.date(day).weekday().to_monday_zero_offset());
        let place = (i32::from(weekday) + turn).rem_euclid(7);
        match self.world.role(user).roster {
            Roster::Office => (weekday < 5).then_some(0),
            Roster::Eight => (place < 5).then_some(1 + [0, 0, 0, 1, 1, 2][(turn / 7) as usize % 6]),
            Roster::Twelve => (place < 4).then_some(4 + [0, 0, 0, 1, 1][(turn / 7) as usize % 5]),
        }
    }

    /// Replaces the list of people at work by those whose shift starts on `day`; keeps who is still
    /// there from the day before.
    pub(super) fn begin_day(&mut self, day: i32) -> Result<()> {
        let midnight = self.world.midnight(day);
        self.on.retain(|shift| shift.until > midnight);
        self.first_new = self.on.len();
        let times = self.shift_times(day);
        let today = self.world.people.staff.len() as u32;
        let mut covered = vec![false; today as usize];
        let planned: Vec<Option<usize>> = (0..today)
            .map(|user| {
                let at_work = self.world.people.staff[user as usize].works_here_on(self.world.first_day + day);
                self.shift_of(user, day).filter(|_| at_work && !self.dice.chance(0.04))
            })
            .collect();
        for user in 0..today {
            let Some(kind) = planned[user as usize].filter(|_| !covered[user as usize]) else { continue };
            let worker = if self.dice.chance(0.02) { self.stand_in(user, &planned, &covered) } else { user };
            covered[worker as usize] = true;
            self.start_shift(user, worker, times[kind])?;
        }
        for list in &mut self.by_department {
            list.clear();
        }
        for (index, shift) in self.on.iter().enumerate() {
            self.by_department[usize::from(shift.department)].push(index as u32);
        }
        Ok(())
    }

    /// A colleague with the same role who is free today; the person, if there is none.
    fn stand_in(&self, user: u32, planned: &[Option<usize>], covered: &[bool]) -> u32 {
        let staff = &self.world.people.staff;
        let own = &staff[user as usize];
        let near = user.saturating_sub(30)..(user + 30).min(staff.len() as u32);
        let mut free = near.filter(|&other| {
            let colleague = &staff[other as usize];
            other != user
                && planned[other as usize].is_none()
                && !covered[other as usize]
                && (colleague.department, colleague.role) == (own.department, own.role)
                && colleague.ended_on.is_none()
        });
        free.next().unwrap_or(user)
    }

    fn start_shift(&mut self, rostered: u32, worker: u32, (from, until): (i64, i64)) -> Result<()> {
        let hard = self.world.hard;
        let home = self.world.people.staff[worker as usize].department;
        let floats = self.dice.chance(if hard { 0.06 } else { 0.03 });
        let department = if floats { self.other_unit(worker, home) } else { home };
        let unrostered = department != home && self.mess(0.1, 0.5);
        let login = if unrostered && self.dice.chance(0.6) { home } else { department };
        let workstation = 1 + self.dice.below(20) as u16;
        self.on.push(OnShift { user: worker, department, login, workstation, from, until });
        if unrostered {
            return Ok(());
        }
        self.shift_number += 1;
        let planned = from - self.dice.between(7 * DAY, 21 * DAY);
        let late = self.dice.chance(if hard { 0.08 } else { 0.03 });
        let recorded = if late { until + self.dice.between(2 * HOUR, 20 * HOUR) } else { planned };
        let row = ShiftRow { number: self.shift_number, user: rostered, department, from, until, recorded };
        if rostered == worker {
            return self.facts.shift(&row);
        }
        self.facts.shift(&ShiftRow { recorded: planned, ..row })?;
        let entered = until + self.dice.between(2 * HOUR, 20 * HOUR);
        self.facts.shift(&ShiftRow { user: worker, recorded: entered, ..row })
    }

    /// Another unit where this person's role also works; the own one, if there is none.
    fn other_unit(&mut self, user: u32, home: u16) -> u16 {
        let bedside = matches!(self.job(user), Job::Nurse | Job::Assistant);
        let is_unit = |setting| matches!(setting, Setting::Ward | Setting::Emergency);
        let departments = &self.world.departments;
        if !bedside || !is_unit(departments[usize::from(home)].setting) || self.plan.involves(user) {
            return home;
        }
        self.dice.pick(self.world.units(Setting::Ward)).copied().unwrap_or(home)
    }

    /// Somebody with `job` who works in `department` at that moment and may care for the patient.
    pub(super) fn on_duty(&mut self, department: u16, job: Job, at: i64, patient: u32) -> Option<OnShift> {
        let list = &self.by_department[usize::from(department)];
        let start = self.dice.index(list.len());
        (0..list.len()).map(|step| self.on[list[(start + step) % list.len()] as usize]).find(|shift| {
            (shift.from..shift.until).contains(&at)
                && self.job(shift.user) == job
                && self.may_treat(shift.user, patient)
        })
    }

    /// Log-ins and log-outs of those who begin today, some of them mistyped, and searches without a hit.
    pub(super) fn sign_on(&mut self) {
        use super::event::Part;
        use crate::model::access::{Action, Outcome, SearchTextKind};
        for index in self.first_new..self.on.len() {
            let shift = self.on[index];
            let at = shift.from + self.dice.between(-300 * SECOND, 400 * SECOND);
            if self.dice.chance(0.04) {
                let mut mistyped = self.plain_event(&shift, at - 20 * SECOND, Action::Login);
                mistyped.outcome = Outcome::Denied;
                self.out.push(mistyped);
            }
            let login = self.plain_event(&shift, at, Action::Login);
            self.out.push(login);
            let end = shift.until + self.dice.between(-900 * SECOND, 900 * SECOND);
            let logout = self.plain_event(&shift, end, Action::Logout);
            self.out.push(logout);
            if self.dice.chance(0.4) {
                let at = self.dice.between(shift.from + 900 * SECOND, shift.until - 900 * SECOND);
                let mut search = self.plain_event(&shift, at, Action::Search);
                search.part = Part::Demographics;
                search.search = self.dice.pick(&SearchTextKind::ALL).copied();
                self.out.push(search);
            }
        }
    }
}
