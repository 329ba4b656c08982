//! Work on the wards, in the ancillary services and in the offices.

use anyhow::Result;

use super::event::{NOBODY, Part, Purpose};
use super::hospital::{Job, Setting};
use super::roster::OnShift;
use super::sim::{Sim, Stay};
use super::write::context::{Holder, Relation};
use crate::model::access::Action;
use crate::model::context::RelationshipKind;
use crate::model::time::{DAY, HOUR, SECOND};

const MINUTE: i64 = 60 * SECOND;

impl Sim<'_> {
    fn began_today(&self) -> Vec<OnShift> {
        self.on[self.first_new..].to_vec()
    }

    /// Place among those with the same job, unit and shift, and how many they are.
    fn rank(&self, shift: &OnShift) -> (usize, usize) {
        let list = &self.by_department[usize::from(shift.department)];
        let same = list
            .iter()
            .map(|&index| &self.on[index as usize])
            .filter(|other| other.from == shift.from && self.job(other.user) == self.job(shift.user));
        let users: Vec<u32> = same.map(|other| other.user).collect();
        (users.iter().position(|&user| user == shift.user).unwrap_or(0), users.len().max(1))
    }

    /// Everybody who starts on a ward today works through their patients.
    pub(super) fn rounds(&mut self) {
        let mut census: Vec<Vec<Stay>> = vec![Vec::new(); self.world.departments.len()];
        for stay in &self.stays {
            census[usize::from(stay.department)].push(*stay);
        }
        for shift in self.began_today() {
            if self.world.departments[usize::from(shift.department)].setting != Setting::Ward {
                continue;
            }
            let (rank, count) = self.rank(&shift);
            let job = self.job(shift.user);
            for (place, stay) in census[usize::from(shift.department)].iter().enumerate() {
                let mine = place % count == rank;
                let visits = match job {
                    _ if stay.attending == shift.user || stay.kin == shift.user => 2,
                    Job::Nurse if mine => 2 + self.dice.below(2),
                    Job::Physician => u32::from(mine && self.dice.chance(0.35)),
                    Job::Assistant => u32::from(mine),
                    Job::Clerk | Job::Manager => u32::from(self.dice.chance(0.25)),
                    _ => 0,
                };
                self.visit(&shift, stay, visits);
            }
        }
    }

    fn visit(&mut self, shift: &OnShift, stay: &Stay, visits: u32) {
        let (from, until) = (shift.from.max(stay.from), shift.until.min(stay.until));
        if until - from < 10 * MINUTE {
            return;
        }
        for _ in 0..visits {
            let at = self.dice.between(from + MINUTE, until - 5 * MINUTE);
            self.work_on(shift, (stay.patient, stay.encounter), at, 3);
        }
        let finishes_later = visits > 0 && self.dice.chance(0.04);
        if finishes_later {
            let at = until + self.dice.between(20 * MINUTE, 5 * HOUR);
            self.look(shift, (stay.patient, stay.encounter), at, &[(Action::Update, Part::Notes)], Purpose::Treatment);
        }
    }

    /// Looks that belong to the work and are on no record: advice over the phone, a patient about
    /// to come up, one who left last week.
    pub(super) fn loose_ends(&mut self) {
        for shift in self.began_today() {
            let bedside = matches!(self.job(shift.user), Job::Nurse | Job::Physician | Job::Assistant);
            if !bedside || !self.mess(0.06, 0.12) {
                continue;
            }
            let at = self.moment(&shift);
            if let Some(stay) = self.dice.pick(&self.stays).copied() {
                self.work_on(&shift, (stay.patient, stay.encounter), at, 2);
            }
        }
    }

    /// Orders bring the services into the chart; consultants often write theirs down hours later.
    pub(super) fn orders_and_consults(&mut self, midnight: i64, next: i64) -> Result<()> {
        let services = self.world.units(Setting::Service);
        for index in 0..self.stays.len() {
            let stay = self.stays[index];
            let (from, until) = (stay.from.max(midnight), stay.until.min(next));
            if until - from < 30 * MINUTE {
                continue;
            }
            let is_clinic = self.world.departments[usize::from(stay.department)].setting == Setting::Clinic;
            for _ in 0..self.dice.run(if is_clinic { 0.3 } else { 0.55 }, 4) {
                let at = self.dice.between(from, until - 10 * MINUTE);
                if let Some(&service) = self.dice.pick(services) {
                    self.order(&stay, service, at)?;
                }
            }
            if !is_clinic && self.dice.chance(0.15) {
                let at = self.dice.between(from, until - 10 * MINUTE);
                self.consult(&stay, at)?;
            }
        }
        Ok(())
    }

    fn order(&mut self, stay: &Stay, service: u16, at: i64) -> Result<()> {
        if self.plan.bars_department(stay.patient, service) {
            return Ok(());
        }
        let late = self.mess(0.05, 0.15);
        let recorded =
            at + if late { self.dice.between(2 * HOUR, 12 * HOUR) } else { self.dice.between(0, 5 * MINUTE) };
        self.facts.relationship(&Relation {
            kind: RelationshipKind::Order,
            patient: stay.patient,
            holder: Holder::Department(service),
            from: at,
            until: Some(at + DAY),
            recorded,
            by: (stay.attending != NOBODY).then_some(stay.attending),
            encounter: stay.encounter,
        })?;
        let done = at + self.dice.between(10 * MINUTE, 3 * HOUR);
        if let Some(shift) = self.on_duty(service, Job::Technician, done, stay.patient) {
            self.work_on(&shift, (stay.patient, stay.encounter), done, 3);
        }
        Ok(())
    }

    fn consult(&mut self, stay: &Stay, at: i64) -> Result<()> {
        let rooms = self.world.units(if self.dice.chance(0.7) { Setting::Ward } else { Setting::Clinic });
        let room = self.dice.pick(rooms).copied().filter(|&room| room != stay.department);
        let found = room.and_then(|room| self.on_duty(room, Job::Physician, at, stay.patient));
        let Some(consultant) = found else { return Ok(()) };
        let late = self.mess(0.5, 0.8);
        let recorded = at + if late { self.dice.between(2 * HOUR, 10 * HOUR) } else { -self.dice.between(0, HOUR) };
        let by = if late || stay.attending == NOBODY { consultant.user } else { stay.attending };
        self.facts.relationship(&Relation {
            kind: RelationshipKind::Consult,
            patient: stay.patient,
            holder: Holder::User(consultant.user),
            from: at - HOUR,
            until: Some(at + 2 * DAY),
            recorded,
            by: Some(by),
            encounter: stay.encounter,
        })?;
        let chart = (stay.patient, stay.encounter);
        let read = self.work_on(&consultant, chart, at, 4);
        self.look(&consultant, chart, read, &[(Action::Create, Part::Notes)], Purpose::Treatment);
        Ok(())
    }

    /// Coding, release of information, quality review, case management, IT.
    pub(super) fn office(&mut self) -> Result<()> {
        for shift in self.began_today() {
            match self.job(shift.user) {
                Job::Coder => self.code(&shift)?,
                Job::Release => {
                    self.tasks(&shift, RelationshipKind::ReleaseOfInformation, Purpose::PatientRequest, 8, 0.97)?
                }
                Job::Quality => self.tasks(&shift, RelationshipKind::QualityReview, Purpose::Operations, 7, 0.9)?,
                Job::Analyst => self.tasks(&shift, RelationshipKind::Other, Purpose::Operations, 2, 0.85)?,
                Job::CaseManager => self.manage_cases(&shift)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// A moment of the shift with half an hour left.
    fn moment(&mut self, shift: &OnShift) -> i64 {
        self.dice.between(shift.from + 5 * MINUTE, shift.until - 30 * MINUTE)
    }

    fn task(
        &self,
        shift: &OnShift,
        (patient, encounter): (u32, u32),
        kind: RelationshipKind,
        holder: Holder,
    ) -> Relation {
        let from = shift.from - 10 * HOUR;
        Relation { kind, patient, holder, from, until: Some(shift.from + 3 * DAY), recorded: from, by: None, encounter }
    }

    fn code(&mut self, shift: &OnShift) -> Result<()> {
        let mut left = 10 + self.dice.below(8);
        for _ in 0..self.uncoded.len().min(600) {
            let Some(task) = self.uncoded.pop_front() else { break };
            if left == 0 || task.ready > shift.from || !self.may_treat(shift.user, task.patient) {
                self.uncoded.push_back(task);
                if left == 0 { break } else { continue }
            }
            left -= 1;
            let own = self.dice.chance(0.6);
            let holder = if own { Holder::User(shift.user) } else { Holder::Department(shift.department) };
            let chart = (task.patient, task.encounter);
            if own || !self.plan.bars_department(task.patient, shift.department) {
                self.facts.relationship(&self.task(shift, chart, RelationshipKind::Billing, holder))?;
                let at = self.moment(shift);
                let steps = [
                    (Action::View, Part::Notes),
                    (Action::View, Part::Orders),
                    (Action::View, Part::Billing),
                    (Action::Update, Part::Billing),
                ];
                let skip = self.dice.index(3);
                self.look(shift, chart, at, &steps[skip..], Purpose::Payment);
            }
        }
        Ok(())
    }

    /// Tasks on charts of patients who may be gone long since; a few were never entered as tasks.
    fn tasks(
        &mut self,
        shift: &OnShift,
        kind: RelationshipKind,
        purpose: Purpose,
        usual: u32,
        entered: f64,
    ) -> Result<()> {
        for _ in 0..1 + self.dice.below(usual * 2 - 1) {
            let patient = self.dice.index(self.world.people.patients.len()) as u32;
            let record = &self.world.people.patients[patient as usize];
            let barred = !self.may_treat(shift.user, patient) || self.plan.bars_department(patient, shift.department);
            if barred || record.is_decoy || record.merged_into.is_some() {
                continue;
            }
            if self.dice.chance(entered) {
                let own = self.dice.chance(0.7);
                let holder = if own { Holder::User(shift.user) } else { Holder::Department(shift.department) };
                self.facts.relationship(&self.task(shift, (patient, 0), kind, holder))?;
            }
            let at = self.moment(shift);
            let mut script =
                vec![(Action::View, Part::Summary), (Action::View, Part::Notes), (Action::View, Part::Labs)];
            if kind == RelationshipKind::ReleaseOfInformation {
                script.push((if self.dice.chance(0.5) { Action::Print } else { Action::Export }, Part::Notes));
            }
            let skip = self.dice.index(2);
            self.look(shift, (patient, 0), at, &script[skip..], purpose);
        }
        Ok(())
    }

    fn manage_cases(&mut self, shift: &OnShift) -> Result<()> {
        for _ in 0..9 {
            let at = self.moment(shift);
            let Some(&stay) = self.dice.pick(&self.stays) else { return Ok(()) };
            let ward = self.world.departments[usize::from(stay.department)].setting == Setting::Ward;
            let here = (stay.from..stay.until).contains(&at);
            if !ward || !here || !self.may_treat(shift.user, stay.patient) {
                continue;
            }
            if self.dice.chance(0.5) {
                self.relate(
                    RelationshipKind::CareTeam,
                    &stay,
                    Holder::User(shift.user),
                    at.min(stay.from + HOUR),
                    None,
                )?;
            }
            let script = [(Action::View, Part::Summary), (Action::View, Part::Notes), (Action::Create, Part::Notes)];
            let count = 1 + self.dice.index(3);
            self.look(shift, (stay.patient, stay.encounter), at, &script[..count], Purpose::Operations);
        }
        Ok(())
    }
}
