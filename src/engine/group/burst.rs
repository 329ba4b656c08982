//! An incident of many parts: one person's charts, or the people on one chart.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::context::Context;
use crate::engine::episode::{Case, incident_id, listed};
use crate::engine::evidence::{Evidence, logistic};
use crate::engine::feeds::Unknown;
use crate::engine::lifecycle::Standing;
use crate::engine::rules::Rules;
use crate::model::incident::{ChangeReason, Incident, IncidentChange, IncidentKind, Severity, Status};
use crate::model::time::Timestamp;

use super::part::{Part, PartKey};

/// An incident of a group.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Burst {
    pub(in crate::engine) kind: IncidentKind,
    /// The person, or for a `patient_burst` the chart.
    pub(in crate::engine) about: u32,
    /// Its parts as they were when something about them was unexplained last.
    pub(in crate::engine) parts: BTreeMap<PartKey, Part>,
    /// What says that they belong together.
    pub(in crate::engine) findings: Vec<Evidence>,
    /// Whether it still holds.
    pub(in crate::engine) holds: bool,
    /// Whether its parts were told that they are part of it.
    pub(in crate::engine) is_told: bool,
    pub(in crate::engine) case: Case,
    pub(in crate::engine) due: Timestamp,
}

/// A group, weighed.
#[derive(Clone, Debug)]
pub(super) struct WeighedGroup {
    pub(super) score: f64,
    pub(super) severity: Severity,
    degraded: BTreeSet<Unknown>,
    evidence: Vec<Evidence>,
}

/// Weighs parts together: what says that they belong together, and for each detector the largest weight among
/// them. What speaks for one person says nothing about the others.
pub(super) fn weigh<'p>(
    parts: impl Iterator<Item = &'p Part> + Clone,
    findings: &[Evidence],
    rules: &Rules,
) -> WeighedGroup {
    let mut evidence: Vec<Evidence> = findings.to_vec();
    for one in parts.clone().flat_map(|part| &part.evidence).filter(|one| one.weight > 0.0) {
        match evidence.iter_mut().find(|best| best.detector == one.detector) {
            Some(best) if (best.weight, best.numbers) < (one.weight, one.numbers) => *best = *one,
            Some(_) => {}
            None => evidence.push(*one),
        }
    }
    evidence.sort_by_key(|one| one.detector);
    let evidence = rules.lessened(&evidence);
    let score = logistic(rules.logit(&evidence, None));
    let degraded: BTreeSet<Unknown> = parts.clone().filter_map(|part| part.unlisted).collect();
    let is_raised = { parts }.any(|part| part.is_raised);
    let severity = rules.severity(score, is_raised, !degraded.is_empty());
    WeighedGroup { score, severity, degraded, evidence }
}

impl Burst {
    /// Opens an incident of parts that belong together; it does not have them yet.
    pub(super) fn open(
        kind: IncidentKind,
        about: u32,
        parts: &BTreeMap<PartKey, Part>,
        rules: &Rules,
        context: &Context,
    ) -> Option<Self> {
        let first =
            parts.values().min_by_key(|part| (part.accesses.first().copied(), part.event_ids.first().cloned()))?;
        let (at, event_id) = (first.accesses.first().copied()?, first.event_ids.first()?.clone());
        let start = rules.zone.date(at);
        let dictionary = &context.dictionary;
        let id = match kind {
            IncidentKind::PatientBurst => incident_id(kind, None, Some(dictionary.patients.text(about)), start),
            _ => incident_id(kind, Some(dictionary.users.text(about)), None, start),
        };
        let case = Case::open(id, start, (at, &event_id), rules);
        let (parts, findings, due) = (BTreeMap::new(), Vec::new(), Timestamp::MAX);
        Some(Self { kind, about, parts, findings, holds: true, is_told: false, case, due })
    }

    /// Whether it asks for a decision.
    pub(super) fn stands(&self) -> bool {
        self.case.status != Status::Withdrawn
    }

    /// Whether the access that it started with is among these.
    pub(super) fn started_among(&self, parts: &BTreeMap<PartKey, Part>) -> bool {
        let mut ids = parts.values().flat_map(|part| &part.event_ids);
        ids.any(|id| **id == *self.case.first_event_id)
    }

    /// The newest unexplained access.
    pub(super) fn newest(&self) -> Timestamp {
        self.parts.values().map(Part::newest).max().unwrap_or(Timestamp::MIN)
    }

    fn accesses(&self) -> usize {
        self.parts.values().map(|part| part.accesses.len()).sum()
    }

    /// Moves the incident on.
    pub(super) fn advance(&mut self, now: Timestamp, rules: &Rules, context: &Context) -> Option<IncidentChange> {
        let weighed = weigh(self.parts.values(), &self.findings, rules);
        let standing = Standing {
            is_over: self.holds && weighed.score >= rules.engine.flag_threshold,
            severity: weighed.severity,
            is_degraded: !weighed.degraded.is_empty(),
            accesses: self.accesses(),
            newest: self.newest(),
            unknown_until: None,
        };
        let reason = self.case.advance(&standing, now, rules);
        let due = self.case.due(standing.accesses);
        self.due = if due <= now { now.plus(1) } else { due };
        reason.map(|reason| self.change(&weighed, reason, now, rules, context))
    }

    /// The incident as it stands.
    pub(in crate::engine) fn incident(&self, rules: &Rules, context: &Context) -> Incident {
        self.incident_of(&weigh(self.parts.values(), &self.findings, rules), rules, context)
    }

    fn incident_of(&self, weighed: &WeighedGroup, rules: &Rules, context: &Context) -> Incident {
        let dictionary = &context.dictionary;
        let is_of_one = self.kind != IncidentKind::PatientBurst;
        let users: BTreeSet<&str> = self.parts.values().map(|part| dictionary.users.text(part.user)).collect();
        let patients: BTreeSet<&str> = self.parts.values().map(|part| dictionary.patients.text(part.patient)).collect();
        let owned = |texts: BTreeSet<&str>| texts.into_iter().map(str::to_owned).collect::<Vec<_>>();
        let mut events: Vec<(Timestamp, &str)> = self
            .parts
            .values()
            .flat_map(|part| part.accesses.iter().copied().zip(part.event_ids.iter().map(AsRef::as_ref)))
            .collect();
        events.sort_unstable();
        Incident {
            incident_id: self.case.incident_id.clone(),
            kind: self.kind,
            user_id: is_of_one.then(|| dictionary.users.text(self.about).to_owned()),
            user_ids: if is_of_one { Vec::new() } else { owned(users) },
            patient_ids: owned(patients),
            score: weighed.score,
            severity: weighed.severity,
            status: self.case.status,
            merged_into: None,
            occurred_first: events.first().map_or(Timestamp::MIN, |event| event.0),
            occurred_last: self.newest(),
            access_count: self.accesses() as u64,
            prior: rules.engine.prior,
            contributions: listed(rules, &weighed.evidence),
            degraded: weighed.degraded.iter().map(|why| why.sentence()).collect(),
            accesses: events.into_iter().take(Incident::LISTED_ACCESSES).map(|(_, id)| id.to_owned()).collect(),
        }
    }

    fn change(
        &self,
        weighed: &WeighedGroup,
        reason: ChangeReason,
        now: Timestamp,
        rules: &Rules,
        context: &Context,
    ) -> IncidentChange {
        let mut units: Vec<_> = self.parts.values().map(|part| part.unit.clone()).collect();
        units.sort_by(|one, other| {
            (one.occurred_first, &one.first_event_id, &one.patient_id).cmp(&(
                other.occurred_first,
                &other.first_event_id,
                &other.patient_id,
            ))
        });
        let earliest =
            |which: usize| self.parts.values().map(|part| part.instants[which]).filter(|at| at.is_finite()).min();
        IncidentChange {
            emitted_at: now,
            sequence: self.case.sequence,
            reason,
            units,
            recorded_at: earliest(0),
            available_at: earliest(1),
            ingested_at: earliest(2),
            incident: self.incident_of(weighed, rules, context),
        }
    }
}
