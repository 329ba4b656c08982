//! What the engine says: handoffs, changed incidents, detections, verdicts, counts.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::incident::{Incident, IncidentChange, Status};
use crate::model::time::{DAY, SECOND, Timestamp};

use super::access::{Access, Standing};
use super::context::Touch;
use super::dictionary::NONE;
use super::episode::Episode;
use super::evidence::Decision;
use super::pulse::Pulse;
use super::shard::World;
use crate::model::access::Outcome;

/// One detector's word on one access.
#[derive(Clone, Debug, PartialEq)]
pub struct Detection {
    pub event_id: Box<str>,
    pub occurred_at: Timestamp,
    pub user_id: Box<str>,
    pub patient_id: Box<str>,
    pub detector_id: &'static str,
    pub weight: f64,
    pub incident_id: Option<Box<str>>,
}

/// Which of the three verdicts an access ends in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum VerdictKind {
    Explained,
    Unexplained,
    Suspicious,
}

impl VerdictKind {
    /// The name used in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Explained => "explained",
            Self::Unexplained => "unexplained",
            Self::Suspicious => "suspicious",
        }
    }
}

/// The verdict on one access.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    pub event_id: Box<str>,
    pub occurred_at: Timestamp,
    pub user_id: Box<str>,
    pub patient_id: Box<str>,
    pub kind: VerdictKind,
    /// Id of the explanation, where one holds.
    pub basis: Option<&'static str>,
    /// Id of the record that it rests on.
    pub record_id: Option<Box<str>>,
}

/// What one advance of the engine brought.
#[derive(Debug, Default)]
pub struct Output {
    /// In the order of event time, then incident id, then sequence.
    pub handoffs: Vec<IncidentChange>,
    /// Incidents as they stand now, where they changed; in the order of their ids.
    pub incidents: Vec<Incident>,
    pub detections: Vec<Detection>,
    pub verdicts: Vec<Verdict>,
}

impl Output {
    pub(super) fn append(&mut self, mut other: Self) {
        self.handoffs.append(&mut other.handoffs);
        self.incidents.append(&mut other.incidents);
        self.detections.append(&mut other.detections);
        self.verdicts.append(&mut other.verdicts);
    }

    pub(super) fn sort(&mut self) {
        self.handoffs.sort_by(|one, other| {
            let (first, second) = (&one.incident.incident_id, &other.incident.incident_id);
            (one.emitted_at, first, one.sequence).cmp(&(other.emitted_at, second, other.sequence))
        });
        self.incidents.sort_by(|one, other| one.incident_id.cmp(&other.incident_id));
        self.detections.sort_by(|one, other| {
            (one.occurred_at, &one.event_id, &one.patient_id).cmp(&(
                other.occurred_at,
                &other.event_id,
                &other.patient_id,
            ))
        });
        self.verdicts.sort_by(|one, other| {
            (one.occurred_at, &one.event_id, &one.patient_id).cmp(&(
                other.occurred_at,
                &other.event_id,
                &other.patient_id,
            ))
        });
    }

    /// Reports the accesses of an episode that will not change any more in this run.
    pub(super) fn report(&mut self, episode: &Episode, world: World<'_>) {
        let (user, patient) = names(episode.user, episode.patient, world);
        let own = || episode.case.as_ref().map(|case| case.incident_id.as_str().into());
        let incident_id: Option<Box<str>> = episode.group.clone().or_else(own);
        for member in &episode.members {
            for evidence in &member.decision.evidence {
                self.detections.push(Detection {
                    event_id: member.event_id.clone(),
                    occurred_at: member.row.at,
                    user_id: user.into(),
                    patient_id: patient.into(),
                    detector_id: world.rules.detectors[usize::from(evidence.detector)].meta.id,
                    weight: evidence.weight,
                    incident_id: incident_id.clone(),
                });
            }
            if world.report.verdicts {
                let kind = verdict(episode, &member.decision);
                self.push_verdict(&member.row, &member.event_id, kind, &member.decision, world);
            }
        }
    }

    /// Reports an access that no episode holds.
    pub(super) fn report_explained(
        &mut self,
        row: &Access,
        event_id: &str,
        now: Timestamp,
        world: World<'_>,
        scratch: &mut Vec<u32>,
    ) {
        let decision = world.rules.decide(row, world.at(now, None), None, scratch);
        self.push_verdict(row, event_id, VerdictKind::Explained, &decision, world);
    }

    fn push_verdict(&mut self, row: &Access, event_id: &str, kind: VerdictKind, decision: &Decision, world: World<'_>) {
        let explained = decision.explained;
        let proof = decision.proof().map(|deeds| deeds.proof.clone());
        let record = || explained.map(|explained| world.context.record_id(explained.record).into());
        let (user, patient) = names(row.user, row.patient, world);
        self.verdicts.push(Verdict {
            event_id: event_id.into(),
            occurred_at: row.at,
            user_id: user.into(),
            patient_id: patient.into(),
            kind,
            basis: explained.map(|explained| world.rules.explanations[usize::from(explained.basis)].meta.id),
            record_id: proof.or_else(record),
        });
    }
}

fn names<'w>(user: u32, patient: u32, world: World<'w>) -> (&'w str, &'w str) {
    (world.context.dictionary.users.text(user), world.context.dictionary.patients.text(patient))
}

/// Suspicious, if it belongs to an incident that is not withdrawn; else explained, if an explanation
/// holds; else unexplained. A low score alone never explains.
fn verdict(episode: &Episode, decision: &Decision) -> VerdictKind {
    let has_own = episode.case.as_ref().is_some_and(|case| case.status != Status::Withdrawn) && decision.joins();
    let in_group = episode.group.is_some() && decision.is_lone();
    match (has_own || in_group, decision.explained.is_some()) {
        (true, _) => VerdictKind::Suspicious,
        (false, true) => VerdictKind::Explained,
        (false, false) => VerdictKind::Unexplained,
    }
}

/// Accesses by quarter of an hour (every zone's days are made of whole ones): all, unexplained,
/// suspicious.
pub type Slots = BTreeMap<i64, [u64; 3]>;

/// Microseconds of a slot.
pub const SLOT: i64 = 15 * 60 * SECOND;

/// Counts explained rows; rows of one slot mostly follow each other, so they are added up first.
pub(super) fn slot_rows<'r>(slots: &mut Slots, rows: impl Iterator<Item = &'r Access>) {
    let (mut current, mut count) = (0, 0);
    for row in rows.filter(|row| row.standing.is_explained()) {
        let slot = row.at.0.div_euclid(SLOT);
        if slot != current && count > 0 {
            slots.entry(current).or_default()[0] += std::mem::take(&mut count);
        }
        (current, count) = (slot, count + 1);
    }
    if count > 0 {
        slots.entry(current).or_default()[0] += count;
    }
}

pub(super) fn slot_episode(slots: &mut Slots, episode: &Episode) {
    for member in &episode.members {
        let counts = slots.entry(member.row.at.0.div_euclid(SLOT)).or_default();
        counts[0] += 1;
        match verdict(episode, &member.decision) {
            VerdictKind::Explained => {}
            VerdictKind::Unexplained => counts[1] += 1,
            VerdictKind::Suspicious => counts[2] += 1,
        }
    }
}

/// Facts that came after the accesses that they concern had left the horizon.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeyondHorizon {
    pub facts: u64,
    /// The oldest access that they can concern.
    pub oldest: Option<Timestamp>,
}

impl BeyondHorizon {
    pub(super) fn note(&mut self, touch: &Touch, now: Timestamp, window: i64) {
        if touch.from.is_finite() && touch.from < now.minus(window.saturating_add(DAY)) && touch.until >= touch.from {
            self.facts += 1;
            self.oldest = Some(self.oldest.map_or(touch.from, |oldest| oldest.min(touch.from)));
        }
    }
}

/// Ids that reference data do not name though accesses do, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unlisted {
    pub users: BTreeSet<String>,
    pub patients: BTreeSet<String>,
}

/// Counts of everything that came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Explained accesses by the place of their basis among the explanations.
    pub(super) explained: Vec<u64>,
    pub unexplained: u64,
    pub suspicious: u64,
    pub duplicates: u64,
    pub late: u64,
    pub without_patient: u64,
    pub not_successful: u64,
    /// Accesses without a reason of which something that could explain them was unknown.
    pub degraded: u64,
    pub beyond_horizon: BeyondHorizon,
    /// Accesses about which a suppression muted something, by its id.
    #[serde(default)]
    pub muted: BTreeMap<String, u64>,
    /// When accesses came at all.
    #[serde(default)]
    pub pulse: Pulse,
}

impl Tally {
    fn add_explained(&mut self, basis: u8, count: u64) {
        let basis = usize::from(basis);
        if self.explained.len() <= basis {
            self.explained.resize(basis + 1, 0);
        }
        self.explained[basis] += count;
    }

    pub(super) fn add_row(&mut self, row: &Access) {
        match row.standing {
            Standing::Explained | Standing::ByRole => self.add_explained(row.basis, 1),
            Standing::Held => {}
            Standing::Aside if row.patient == NONE => self.without_patient += 1,
            Standing::Aside if row.outcome != Outcome::Success => self.not_successful += 1,
            Standing::Aside => {}
        }
    }

    pub(super) fn add_episode(&mut self, episode: &Episode) {
        for member in &episode.members {
            self.degraded += u64::from(member.decision.degraded().next().is_some());
            if let Some(id) = &member.decision.muted {
                *self.muted.entry(id.to_string()).or_default() += 1;
            }
            let explained = member.decision.explained;
            match (verdict(episode, &member.decision), explained) {
                (VerdictKind::Suspicious, _) => self.suspicious += 1,
                (VerdictKind::Explained, Some(explained)) => self.add_explained(explained.basis, 1),
                _ => self.unexplained += 1,
            }
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (basis, count) in (0..).zip(&other.explained) {
            self.add_explained(basis, *count);
        }
        self.unexplained += other.unexplained;
        self.suspicious += other.suspicious;
        self.duplicates += other.duplicates;
        self.late += other.late;
        self.without_patient += other.without_patient;
        self.not_successful += other.not_successful;
        self.degraded += other.degraded;
        for (id, count) in &other.muted {
            *self.muted.entry(id.clone()).or_default() += count;
        }
        self.pulse.add(&other.pulse);
        self.beyond_horizon.facts = self.beyond_horizon.facts.max(other.beyond_horizon.facts);
        let oldest = [self.beyond_horizon.oldest, other.beyond_horizon.oldest];
        self.beyond_horizon.oldest = oldest.into_iter().flatten().min();
    }

    /// Explained accesses.
    #[must_use]
    pub fn explained(&self) -> u64 {
        self.explained.iter().sum()
    }

    /// Accesses in the sense of the summary: with a patient, successful, each once.
    #[must_use]
    pub fn accesses(&self) -> u64 {
        self.explained() + self.unexplained + self.suspicious
    }
}
