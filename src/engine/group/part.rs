//! One person's accesses to one chart that nothing explains, as groups see them.

use std::collections::BTreeSet;

use jiff::civil::Date;

use crate::engine::dictionary::{NONE, hash_text};
use crate::engine::episode::{Case, Episode, Member, Told, Weighed};
use crate::engine::evidence::Evidence;
use crate::engine::feeds::Unknown;
use crate::engine::shard::World;
use crate::model::incident::{Incident, Unit};
use crate::model::time::Timestamp;

/// An episode: its shard and its place there; for a desk by itself, its branch and the key under which it is saved.
pub(in crate::engine) type PartKey = (usize, u64);

/// An episode at one moment, by value: groups look at it when the shards have moved on.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Part {
    /// When it was told.
    pub(in crate::engine) at: Timestamp,
    pub(in crate::engine) user: u32,
    pub(in crate::engine) patient: u32,
    /// Home department of the person, or `NONE`.
    pub(in crate::engine) department: u32,
    /// When nothing explains the person's accesses, in order; empty when all are explained by now.
    pub(in crate::engine) accesses: Vec<Timestamp>,
    /// The local days of those.
    pub(in crate::engine) days: Vec<Date>,
    pub(in crate::engine) event_ids: Vec<Box<str>>,
    pub(in crate::engine) unit: Unit,
    /// The strongest of each detector.
    pub(in crate::engine) evidence: Vec<Evidence>,
    /// Whether it makes an incident by itself.
    pub(in crate::engine) is_over: bool,
    /// Whether a weak reason leaves a doubt about every access.
    pub(in crate::engine) is_doubtful: bool,
    /// Whether something raises the severity.
    pub(in crate::engine) is_raised: bool,
    /// That the reference data lack the person or the patient.
    pub(in crate::engine) unlisted: Option<Unknown>,
    /// Earliest recorded, available and ingested; `MIN` = the source does not say.
    pub(in crate::engine) instants: [Timestamp; 3],
    /// Its own incident, where it has one.
    pub(in crate::engine) case: Option<(Case, Incident)>,
}

impl Part {
    /// The person and the chart.
    pub(in crate::engine) const fn pair(&self) -> (u32, u32) {
        (self.user, self.patient)
    }

    pub(in crate::engine) fn newest(&self) -> Timestamp {
        self.accesses.last().copied().unwrap_or(Timestamp::MIN)
    }
}

impl Episode {
    /// The episode as groups see it; `None` when nothing is to be told.
    pub(in crate::engine) fn tell(&mut self, weighed: &Weighed, now: Timestamp, world: World<'_>) -> Option<Part> {
        let lone: Vec<&Member> = self.lone().collect();
        let accesses: Vec<Timestamp> = lone.iter().map(|member| member.row.at).collect();
        let stands = self.case.as_ref().map(|case| (case.status, case.sequence));
        let unlisted = lone.iter().find_map(|member| member.decision.unlisted);
        let mark = Told {
            accesses: accesses.len(),
            which: lone.iter().fold(0, |hash: u64, member| hash.rotate_left(5) ^ hash_text(&member.event_id)),
            newest: accesses.last().copied(),
            score: weighed.score,
            evidence: weighed.strongest.clone(),
            unlisted,
            stands,
        };
        if self.told == mark || accesses.is_empty() && self.told.accesses == 0 {
            return None;
        }
        let days: BTreeSet<Date> = accesses.iter().map(|at| world.rules.zone.date(*at)).collect();
        let department = world.context.member(self.user).and_then(|member| member.in_force(self.last_at(), now));
        let earliest = |instant: fn(&Member) -> Timestamp| {
            lone.iter().map(|member| instant(member)).filter(|at| at.is_finite()).min().unwrap_or(Timestamp::MIN)
        };
        let instants = [
            earliest(|member| member.row.recorded_at),
            earliest(|member| member.row.available_at),
            earliest(|member| member.row.ingested_at),
        ];
        let part = Part {
            at: now,
            user: self.user,
            patient: self.patient,
            department: department.map_or(NONE, |member| member.department),
            days: days.into_iter().collect(),
            event_ids: lone.iter().take(Incident::LISTED_ACCESSES).map(|member| member.event_id.clone()).collect(),
            unit: self.unit(&lone, weighed, world.rules, world.context),
            evidence: weighed.strongest.clone(),
            is_over: weighed.is_over,
            is_doubtful: lone.iter().all(|member| member.decision.is_doubtful),
            is_raised: weighed.is_raised,
            unlisted,
            instants,
            case: self.case.clone().and_then(|case| {
                let incident = self.incident(world.rules, world.context, weighed)?;
                Some((case, incident))
            }),
            accesses,
        };
        self.told = mark;
        Some(part)
    }
}
