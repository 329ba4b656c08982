//! Patients come, are cared for and leave: emergency visits, stays on wards, clinic appointments.

use anyhow::Result;

use super::event::{Event, NOBODY, Part, Purpose};
use super::hospital::{Job, Setting};
use super::roster::OnShift;
use super::sim::{Sim, Stay, Uncoded};
use super::write::context::Holder;
use crate::model::access::{Action, SearchTextKind};
use crate::model::context::RelationshipKind;
use crate::model::time::{DAY, HOUR, SECOND};

const MINUTE: i64 = 60 * SECOND;

impl Sim<'_> {
    /// Somebody who is not in the house and may be treated in `department`.
    ///
    /// Now and then a colleague or a relative of somebody who works there; that person is given too.
    fn draw_patient(&mut self, department: u16, at: i64) -> Option<(u32, u32)> {
        for _ in 0..12 {
            let close = self.dice.chance(0.04);
            let people = &self.world.people;
            let (patient, kin) = match self.dice.pick(&self.close_by[usize::from(department)]) {
                Some(&(user, patient)) if close => (patient, user),
                _ if self.dice.chance(0.05) && !people.ties.is_empty() => {
                    (people.ties[self.dice.index(people.ties.len())].1, NOBODY)
                }
                _ => (self.dice.index(people.patients.len()) as u32, NOBODY),
            };
            if self.may_come(patient, department, at) {
                let kin = if kin != NOBODY && self.may_treat(kin, patient) { kin } else { NOBODY };
                return Some((patient, kin));
            }
        }
        None
    }

    fn may_come(&self, patient: u32, department: u16, at: i64) -> bool {
        self.world.people.patients[patient as usize].can_be_treated()
            && self.busy_until[patient as usize] <= at
            && !self.plan.bars_department(patient, department)
    }

    /// How many people with `job` belong to a department.
    fn posts(&self, department: u16, job: Job) -> usize {
        let staff = self.world.people.staff.iter().enumerate();
        staff.filter(|(user, s)| s.department == department && self.job(*user as u32) == job).count()
    }

    /// Registration looks the patient up shortly before the encounter is on record.
    fn register(&mut self, stay: &Stay) {
        let before = stay.from - self.dice.between(3 * MINUTE, 20 * MINUTE);
        let offices = self.world.units(Setting::Office);
        let registrar = offices.iter().find_map(|&office| self.on_duty(office, Job::Registrar, before, stay.patient));
        let clerk = if self.world.departments[usize::from(stay.department)].setting == Setting::Clinic {
            self.on_duty(stay.department, Job::Clerk, before, stay.patient)
        } else {
            None
        };
        let Some(shift) = clerk.or(registrar) else { return };
        if self.dice.chance(0.45) {
            let mut search = self.plain_event(&shift, before - 25 * SECOND, Action::Search);
            search.search = self.dice.pick(&[SearchTextKind::Name, SearchTextKind::Dob, SearchTextKind::Id]).copied();
            search.part = Part::Demographics;
            search.patient = if self.dice.chance(0.5) { stay.patient } else { NOBODY };
            self.out.push(search);
        }
        let steps = [(Action::View, Part::Demographics), (Action::Update, Part::Demographics)];
        let count = 1 + self.dice.index(2);
        self.look(&shift, (stay.patient, 0), before, &steps[..count], Purpose::Operations);
    }

    /// Puts a stay on record: the unit, the attending, and kin who cares for the patient.
    fn open_stay(&mut self, stay: Stay) -> Result<()> {
        let minutes = self.dice.between(0, 20 * MINUTE);
        let delay = if self.mess(0.02, 0.08) { self.dice.between(HOUR, 6 * HOUR) } else { minutes };
        let unit = Holder::Department(stay.department);
        self.relate(RelationshipKind::Encounter, &stay, unit, stay.from + delay, None)?;
        for user in [stay.attending, stay.kin].into_iter().filter(|&user| user != NOBODY) {
            let late = self.mess(0.06, 0.15);
            let delay = if late { self.dice.between(2 * HOUR, 10 * HOUR) } else { self.dice.between(0, 40 * MINUTE) };
            let by = self.dice.chance(0.5).then_some(user);
            self.relate(RelationshipKind::CareTeam, &stay, Holder::User(user), stay.from + delay, by)?;
        }
        let busy = &mut self.busy_until[stay.patient as usize];
        *busy = (*busy).max(stay.until);
        self.stays.push(stay);
        Ok(())
    }

    fn attending_for(&mut self, department: u16, patient: u32) -> u32 {
        let staff = &self.world.people.staff;
        let first = staff.partition_point(|s| s.department < department);
        let end = staff.partition_point(|s| s.department <= department);
        let start = self.dice.index(end - first);
        let mut order = (0..end - first).map(|step| (first + (start + step) % (end - first)) as u32);
        let found = order.find(|&user| {
            self.job(user) == Job::Physician && staff[user as usize].ended_on.is_none() && self.may_treat(user, patient)
        });
        found.unwrap_or(NOBODY)
    }

    /// A stay on a ward from `from` on, with a transfer now and then.
    fn admit(&mut self, ward: u16, (patient, kin): (u32, u32), encounter: u32, from: i64) -> Result<()> {
        let days = 1 + i64::from(self.dice.run(0.68, 25));
        let until = from + days * DAY + self.dice.between(-8 * HOUR, 8 * HOUR);
        let attending = self.attending_for(ward, patient);
        let mut stay = Stay { patient, encounter, department: ward, from, until, attending, kin };
        let next = self.dice.pick(self.world.units(Setting::Ward)).copied().unwrap_or(ward);
        if days > 1 && next != ward && self.dice.chance(0.2) && !self.plan.bars_department(patient, next) {
            let moved = from + self.dice.between(10 * HOUR, (days - 1) * DAY);
            let attending = self.attending_for(next, patient);
            self.open_stay(Stay { department: next, from: moved, attending, kin: NOBODY, ..stay })?;
            stay.until = moved;
        }
        self.open_stay(stay)?;
        let ready = until + self.dice.between(12 * HOUR, 4 * DAY);
        self.uncoded.push_back(Uncoded { patient, encounter, ready });
        Ok(())
    }

    fn beds(&self, ward: u16) -> usize {
        (self.posts(ward, Job::Nurse) * 6 / 5).max(2)
    }

    /// Before the log starts: the beds are taken, and finished encounters wait for their coder.
    pub(super) fn fill_house(&mut self, midnight: i64, next: i64) -> Result<()> {
        for &ward in self.world.units(Setting::Ward) {
            for _ in 0..self.beds(ward) * 9 / 10 {
                let from = midnight - self.dice.between(0, 4 * DAY);
                if let Some(person) = self.draw_patient(ward, from) {
                    let encounter = self.next_encounter();
                    self.admit(ward, person, encounter, from)?;
                }
            }
        }
        let backlog = self.world.people.staff.len() / 4;
        let rooms = [self.world.units(Setting::Ward), self.world.units(Setting::Clinic)].concat();
        for _ in 0..backlog {
            let department = self.dice.pick(&rooms).copied().unwrap_or(0);
            let from = midnight - self.dice.between(3 * DAY, 8 * DAY);
            let until = from + self.dice.between(HOUR, 2 * DAY);
            if let Some((patient, _)) = self.draw_patient(department, from) {
                let encounter = self.next_encounter();
                let stay = Stay { patient, encounter, department, from, until, attending: NOBODY, kin: NOBODY };
                self.relate(RelationshipKind::Encounter, &stay, Holder::Department(department), from, None)?;
                self.uncoded.push_back(Uncoded { patient, encounter, ready: next });
            }
        }
        self.stays.retain(|stay| stay.until > next);
        Ok(())
    }

    /// Patients who come to the ward without the emergency department fill what is free.
    pub(super) fn admissions(&mut self, midnight: i64, next: i64) -> Result<()> {
        for &ward in self.world.units(Setting::Ward) {
            let taken = self.stays.iter().filter(|stay| stay.department == ward && stay.until > next).count();
            for _ in taken..self.beds(ward) {
                let from = midnight + self.dice.between(7 * HOUR, 17 * HOUR);
                if let Some(person) = self.draw_patient(ward, from).filter(|_| self.dice.chance(0.85)) {
                    let encounter = self.next_encounter();
                    self.register(&Stay {
                        patient: person.0,
                        encounter,
                        department: ward,
                        from,
                        until: from,
                        attending: NOBODY,
                        kin: NOBODY,
                    });
                    self.admit(ward, person, encounter, from)?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn emergency(&mut self, midnight: i64, next: i64) -> Result<()> {
        for &department in self.world.units(Setting::Emergency) {
            for _ in 0..self.posts(department, Job::Nurse) * 2 {
                let at = if self.dice.chance(0.8) { midnight + 8 * HOUR } else { midnight };
                let from = self.dice.between(at, next - 15 * MINUTE);
                if let Some(person) = self.draw_patient(department, from) {
                    self.visit_emergency(department, person, from)?;
                }
            }
        }
        Ok(())
    }

    fn visit_emergency(&mut self, department: u16, (patient, kin): (u32, u32), from: i64) -> Result<()> {
        let encounter = self.next_encounter();
        let until = from + self.dice.between(90 * MINUTE, 7 * HOUR);
        let physician = self.on_duty(department, Job::Physician, from + 20 * MINUTE, patient);
        let attending = physician.map_or(NOBODY, |shift| shift.user);
        let stay = Stay { patient, encounter, department, from, until, attending, kin };
        self.register(&stay);
        self.open_stay(stay)?;
        self.kin_helps(&stay, from + 30 * MINUTE);
        let nurse = self.on_duty(department, Job::Nurse, from, patient);
        if let Some(shift) = physician.filter(|_| self.dice.chance(0.02)) {
            let before = from - self.dice.between(0, 10 * MINUTE);
            self.break_glass(&shift, (patient, encounter), before);
        }
        for (shift, visits) in [(nurse, 2), (physician, 2)] {
            let Some(shift) = shift else { continue };
            for _ in 0..visits {
                let at = self.dice.between(from + 5 * MINUTE, until);
                self.work_on(&shift, (patient, encounter), at.min(shift.until), 3);
            }
            if self.dice.chance(0.15) {
                let at = until + self.dice.between(10 * MINUTE, 3 * HOUR);
                self.look(&shift, (patient, encounter), at, &[(Action::Update, Part::Notes)], Purpose::Treatment);
            }
        }
        let ward = self.dice.pick(self.world.units(Setting::Ward)).copied();
        match ward.filter(|&ward| self.dice.chance(0.22) && !self.plan.bars_department(patient, ward)) {
            Some(ward) => self.admit(ward, (patient, NOBODY), encounter, until),
            None => {
                let ready = until + self.dice.between(12 * HOUR, 4 * DAY);
                self.uncoded.push_back(Uncoded { patient, encounter, ready });
                Ok(())
            }
        }
    }

    /// The relative or colleague on the care team does their part, if they are at work.
    fn kin_helps(&mut self, stay: &Stay, at: i64) {
        let list = &self.by_department[usize::from(stay.department)];
        let mut shifts = list.iter().map(|&index| self.on[index as usize]);
        let shift = shifts.find(|shift| shift.user == stay.kin && (shift.from..shift.until).contains(&at));
        if let Some(shift) = shift {
            self.work_on(&shift, (stay.patient, stay.encounter), at, 3);
        }
    }

    /// An emergency in which the chart is opened before anything is on record.
    fn break_glass(&mut self, shift: &OnShift, (patient, encounter): (u32, u32), at: i64) {
        let event = self.plain_event(shift, at, Action::BreakGlass);
        let purpose = Purpose::BreakGlass;
        self.out.push(Event { patient, encounter, purpose, part: Part::Summary, reason: 1, ..event });
    }

    /// Appointments of every provider who is in a clinic today.
    pub(super) fn clinics(&mut self) -> Result<()> {
        for &department in self.world.units(Setting::Clinic) {
            let list = self.by_department[usize::from(department)].clone();
            let providers: Vec<OnShift> = list
                .into_iter()
                .filter(|&index| index as usize >= self.first_new)
                .map(|index| self.on[index as usize])
                .filter(|shift| self.job(shift.user) == Job::Physician)
                .collect();
            for provider in providers {
                let first = provider.from + 30 * MINUTE;
                for slot in 0..7 {
                    let from = first + slot * 65 * MINUTE;
                    let drawn = self.draw_patient(department, from).filter(|_| self.dice.chance(0.85));
                    let Some((patient, kin)) = drawn else { continue };
                    if self.may_treat(provider.user, patient) {
                        self.visit_clinic(&provider, patient, kin, from)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn visit_clinic(&mut self, provider: &OnShift, patient: u32, kin: u32, from: i64) -> Result<()> {
        let (encounter, department) = (self.next_encounter(), provider.department);
        let booked = from - self.dice.between(2 * DAY, 40 * DAY);
        let until = from + 40 * MINUTE;
        let stay = Stay { patient, encounter, department, from, until, attending: provider.user, kin };
        self.relate(RelationshipKind::Appointment, &stay, Holder::User(provider.user), booked, None)?;
        let arrived = from + self.dice.between(-10 * MINUTE, 5 * MINUTE);
        self.relate(RelationshipKind::Encounter, &stay, Holder::Department(department), arrived, None)?;
        self.register(&stay);
        self.busy_until[patient as usize] = until;
        self.stays.push(stay);
        self.kin_helps(&stay, from + 5 * MINUTE);
        let chart = (patient, encounter);
        if self.dice.chance(0.2) {
            let at = from - self.dice.between(15 * MINUTE, 100 * MINUTE);
            self.look(
                provider,
                chart,
                at,
                &[(Action::View, Part::Summary), (Action::View, Part::Notes)],
                Purpose::Treatment,
            );
        }
        if let Some(assistant) = self.on_duty(department, Job::Assistant, from, patient) {
            let at = from + self.dice.between(MINUTE, 8 * MINUTE);
            self.work_on(&assistant, chart, at, 2);
        }
        let seen = from + self.dice.between(8 * MINUTE, 15 * MINUTE);
        self.work_on(provider, chart, seen, 4);
        if self.dice.chance(0.3) {
            let at = until + self.dice.between(HOUR, 14 * HOUR);
            self.look(provider, chart, at, &[(Action::Create, Part::Notes)], Purpose::Treatment);
        }
        let ready = until + self.dice.between(12 * HOUR, 4 * DAY);
        self.uncoded.push_back(Uncoded { patient, encounter, ready });
        Ok(())
    }

    /// Visits of people whose charts somebody will open without a reason.
    pub(super) fn planned_visits(&mut self, day: i32) -> Result<()> {
        let plan = self.plan;
        for &patient in plan.visits_on(day) {
            let rooms = [self.world.units(Setting::Emergency), self.world.units(Setting::Ward)].concat();
            let from = self.world.midnight(day) + self.dice.between(HOUR, 9 * HOUR);
            let open: Vec<u16> = rooms.into_iter().filter(|&room| self.may_come(patient, room, from)).collect();
            let Some(&room) = self.dice.pick(&open) else { continue };
            if self.world.departments[usize::from(room)].setting == Setting::Emergency {
                self.visit_emergency(room, (patient, NOBODY), from)?;
            } else {
                let encounter = self.next_encounter();
                self.admit(room, (patient, NOBODY), encounter, from)?;
            }
        }
        Ok(())
    }
}
