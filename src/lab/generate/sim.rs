//! The hospital's days: what the simulation knows while it runs, and how a chart is opened.

use std::collections::VecDeque;

use anyhow::Result;
use jiff::civil::Date;

use super::dice::Dice;
use super::emit::Emitter;
use super::event::{Event, NOBODY, Part, Purpose};
use super::hospital::{Department, Job, Role, Setting};
use super::people::{Day, People};
use super::plan::Plan;
use super::roster::OnShift;
use super::snoop::{Kind, Open};
use super::text::date_of;
use super::write::context::{Facts, Holder, Relation};
use crate::model::access::{Action, Outcome};
use crate::model::context::RelationshipKind;
use crate::model::time::{HOUR, SECOND, Zone};

/// What does not change while the days pass.
pub(super) struct World {
    pub(super) zone: Zone,
    pub(super) first_day: Day,
    pub(super) days: u32,
    pub(super) departments: Vec<Department>,
    /// Places in `departments` for each setting, in the order of its number.
    pub(super) units: [Vec<u16>; 5],
    pub(super) people: People,
    pub(super) hard: bool,
}

impl World {
    /// The date of a day of the log; negative: before it.
    pub(super) fn date(&self, day: i32) -> Date {
        date_of(self.first_day + day)
    }

    /// The departments of a setting.
    pub(super) fn units(&self, setting: Setting) -> &[u16] {
        &self.units[setting as usize]
    }

    pub(super) fn midnight(&self, day: i32) -> i64 {
        self.zone.start_of(self.date(day)).0
    }

    /// First instant and the one after the last.
    pub(super) fn span(&self) -> (i64, i64) {
        (self.midnight(0), self.midnight(self.days as i32))
    }

    pub(super) fn role(&self, user: u32) -> &Role {
        self.people.role(&self.departments, user)
    }
}

/// A patient in a unit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stay {
    pub(super) patient: u32,
    pub(super) encounter: u32,
    pub(super) department: u16,
    pub(super) from: i64,
    pub(super) until: i64,
    /// [`NOBODY`] = none.
    pub(super) attending: u32,
    /// Somebody on the care team who is also a relative or colleague; [`NOBODY`] = none.
    pub(super) kin: u32,
}

/// A finished encounter that waits for its coder.
#[derive(Clone, Copy, Debug)]
pub(super) struct Uncoded {
    pub(super) patient: u32,
    pub(super) encounter: u32,
    pub(super) ready: i64,
}

pub(super) struct Sim<'a> {
    pub(super) world: &'a World,
    pub(super) plan: &'a Plan,
    pub(super) dice: Dice,
    pub(super) facts: Facts,
    pub(super) out: Emitter,
    /// People at work; those from `first_new` on started today.
    pub(super) on: Vec<OnShift>,
    pub(super) first_new: usize,
    /// Places in `on` for each department.
    pub(super) by_department: Vec<Vec<u32>>,
    pub(super) stays: Vec<Stay>,
    pub(super) busy_until: Vec<i64>,
    pub(super) uncoded: VecDeque<Uncoded>,
    /// For each department: (user there, patient who is that person or a relative).
    pub(super) close_by: Vec<Vec<(u32, u32)>>,
    /// The plan's episodes.
    pub(super) open: Vec<Open>,
    pub(super) shift_number: u32,
    pub(super) encounter_number: u32,
}

impl<'a> Sim<'a> {
    pub(super) fn new(world: &'a World, plan: &'a Plan, mut dice: Dice, facts: Facts, out: Emitter) -> Self {
        let people = &world.people;
        let own = people.staff.iter().enumerate().filter_map(|(user, staff)| Some((user as u32, staff.patient?)));
        let mut close_by = vec![Vec::new(); world.departments.len()];
        for (user, patient) in own.chain(people.ties.iter().map(|tie| (tie.0, tie.1))) {
            close_by[usize::from(people.staff[user as usize].department)].push((user, patient));
        }
        let open = (0..plan.episodes.len()).map(|episode| {
            let once = matches!(plan.episodes[episode].kind, Kind::Harvesting | Kind::Street);
            Open { episode, left: if once { 1 } else { 1 + dice.run(0.35, 4) }, acted_at: None }
        });
        let open = open.collect();
        Self {
            world,
            plan,
            dice,
            facts,
            out,
            on: Vec::new(),
            first_new: 0,
            by_department: vec![Vec::new(); world.departments.len()],
            stays: Vec::new(),
            busy_until: vec![i64::MIN; people.patients.len()],
            uncoded: VecDeque::new(),
            close_by,
            open,
            shift_number: 0,
            encounter_number: 0,
        }
    }

    /// Lets one day pass; day -1 only fills the house.
    pub(super) fn day(&mut self, day: i32) -> Result<()> {
        let (midnight, next) = (self.world.midnight(day), self.world.midnight(day + 1));
        self.begin_day(day)?;
        if day < 0 {
            return self.fill_house(midnight, next);
        }
        self.sign_on();
        self.planned_visits(day)?;
        self.emergency(midnight, next)?;
        self.admissions(midnight, next)?;
        self.clinics()?;
        self.rounds();
        self.loose_ends();
        self.orders_and_consults(midnight, next)?;
        self.office()?;
        self.snoop(day)?;
        self.stays.retain(|stay| stay.until > next - 12 * HOUR);
        self.out.flush_before(next - 6 * HOUR)
    }

    pub(super) fn job(&self, user: u32) -> Job {
        self.world.role(user).job
    }

    /// Whether the person may open the chart for work: it is not their own, and not one that they
    /// will open without a reason.
    pub(super) fn may_treat(&self, user: u32, patient: u32) -> bool {
        self.world.people.staff[user as usize].patient != Some(patient) && !self.plan.bars(user, patient)
    }

    /// How often this hospital does what a messy one does `hard` times.
    pub(super) fn mess(&mut self, usual: f64, hard: f64) -> bool {
        self.dice.chance(if self.world.hard { hard } else { usual })
    }

    pub(super) fn next_encounter(&mut self) -> u32 {
        self.encounter_number += 1;
        self.encounter_number
    }

    /// An event with no patient.
    pub(super) fn plain_event(&self, shift: &OnShift, at: i64, action: Action) -> Event {
        Event {
            at,
            user: shift.user,
            patient: NOBODY,
            encounter: 0,
            department: shift.login,
            workstation: shift.workstation,
            action,
            part: Part::None,
            purpose: Purpose::None,
            outcome: Outcome::Success,
            search: None,
            reason: 0,
        }
    }

    /// Opens a chart for work: `script` step by step, from `at` on. Returns when it was closed.
    ///
    /// Does nothing where [`Sim::may_treat`] forbids it.
    pub(super) fn look(
        &mut self,
        shift: &OnShift,
        (patient, encounter): (u32, u32),
        at: i64,
        script: &[(Action, Part)],
        purpose: Purpose,
    ) -> i64 {
        if !self.may_treat(shift.user, patient) {
            return at;
        }
        let mut event = Event { patient, encounter, purpose, ..self.plain_event(shift, at, Action::View) };
        if self.dice.chance(0.002) {
            self.slip(event);
        }
        let restricted = self.world.people.patients[patient as usize].is_restricted;
        if restricted && purpose == Purpose::Treatment && self.dice.chance(0.25) {
            let reason = 1 + self.dice.below(3) as u8;
            self.out.push(Event { action: Action::BreakGlass, purpose: Purpose::BreakGlass, reason, ..event });
            event.at += self.dice.between(4 * SECOND, 20 * SECOND);
        }
        for &(action, part) in script {
            if self.dice.chance(0.003) {
                self.out.push(Event { action, part, outcome: Outcome::Error, ..event });
                event.at += self.dice.between(2 * SECOND, 9 * SECOND);
            }
            self.out.push(Event { action, part, ..event });
            event.at +=
                self.dice.between(4 * SECOND, 150 * SECOND) / SECOND * SECOND + self.dice.between(0, 999) * 1_000;
        }
        event.at
    }

    /// A wrong chart, opened by mistake and closed again.
    fn slip(&mut self, event: Event) {
        let patient = self.dice.index(self.world.people.patients.len()) as u32;
        let treated = self.world.people.patients[patient as usize].can_be_treated();
        if treated && self.may_treat(event.user, patient) {
            let at = event.at - self.dice.between(10 * SECOND, 60 * SECOND);
            self.out.push(Event { at, patient, encounter: 0, part: Part::Summary, ..event });
        }
    }

    /// Opens a chart for one to `most` things that a role usually does there.
    pub(super) fn work_on(&mut self, shift: &OnShift, chart: (u32, u32), at: i64, most: u32) -> i64 {
        let usual = usual_work(self.job(shift.user));
        let count = 1 + self.dice.below(most) as usize;
        let start = self.dice.index(usual.len());
        let script: Vec<(Action, Part)> = usual.iter().cycle().skip(start).take(count).copied().collect();
        self.look(shift, chart, at, &script, Purpose::Treatment)
    }

    /// Writes that `holder` has to do with the patient for as long as the stay lasts.
    pub(super) fn relate(
        &mut self,
        kind: RelationshipKind,
        stay: &Stay,
        holder: Holder,
        recorded: i64,
        by: Option<u32>,
    ) -> Result<()> {
        let end_of_log = self.world.midnight(self.world.days as i32);
        self.facts.relationship(&Relation {
            kind,
            patient: stay.patient,
            holder,
            from: stay.from,
            until: (stay.until < end_of_log).then_some(stay.until),
            recorded,
            by,
            encounter: stay.encounter,
        })
    }
}

/// What a role does in a chart, in the order in which it usually does it.
const fn usual_work(job: Job) -> &'static [(Action, Part)] {
    match job {
        Job::Nurse => &[
            (Action::View, Part::Summary),
            (Action::View, Part::Orders),
            (Action::View, Part::Medications),
            (Action::Update, Part::Flowsheet),
            (Action::View, Part::Labs),
            (Action::View, Part::Notes),
            (Action::Create, Part::Notes),
        ],
        Job::Physician => &[
            (Action::View, Part::Summary),
            (Action::View, Part::Labs),
            (Action::View, Part::Notes),
            (Action::View, Part::Imaging),
            (Action::Create, Part::Orders),
            (Action::View, Part::Medications),
            (Action::Create, Part::Notes),
        ],
        Job::Assistant => {
            &[(Action::View, Part::Flowsheet), (Action::Update, Part::Flowsheet), (Action::View, Part::Summary)]
        }
        Job::Technician => {
            &[(Action::View, Part::Orders), (Action::View, Part::Medications), (Action::Update, Part::Labs)]
        }
        _ => &[(Action::View, Part::Demographics), (Action::View, Part::Summary)],
    }
}
