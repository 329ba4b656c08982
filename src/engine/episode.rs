//! One person and one patient's chart: the accesses that nothing explains well enough, weighed
//! together, and the incident that grows from them.

use std::collections::BTreeSet;

use data_encoding::BASE32_NOPAD;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::access::Action;
use crate::model::incident::{
    ChangeReason, Contribution, Incident, IncidentChange, IncidentKind, Severity, Status, Unit, UnitKind,
};
use crate::model::time::Timestamp;

use super::access::Access;
use super::context::Context;
use super::dictionary::{NONE, insert_sparing};
use super::evidence::{Decision, Evidence, Explained, History, logistic};
use super::feeds::Unknown;
use super::rules::Rules;

/// An access held by an episode.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) row: Access,
    pub(super) event_id: Box<str>,
    pub(super) decision: Decision,
    /// Its number in the horizon, as long as it is there.
    pub(super) number: u32,
}

impl Member {
    pub(super) fn order(&self) -> (Timestamp, &str) {
        (self.row.at, &self.event_id)
    }
}

/// The incident of an episode: what must never change about it, and how far it has been handed over.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Case {
    pub(super) incident_id: String,
    /// Local date on which the episode started when the incident opened; part of the id.
    pub(super) start_date: String,
    /// The access that the incident started with; another one only when that one is explained.
    pub(super) first_event_id: String,
    pub(super) status: Status,
    /// When a provisional one settles.
    pub(super) settles_at: Timestamp,
    pub(super) sequence: u32,
    /// Whether the evaluator has it (and was not told that it is withdrawn).
    pub(super) is_handed: bool,
    /// Accesses that the last handoff spoke of.
    pub(super) handed_accesses: usize,
    /// When the last handoff was.
    pub(super) handed_at: Option<Timestamp>,
}

/// A person's unexplained accesses to one chart, without a gap of `episode_gap`.
#[derive(Clone, Debug)]
pub(super) struct Episode {
    pub(super) user: u32,
    pub(super) patient: u32,
    /// In the order of time, then event id.
    pub(super) members: Vec<Member>,
    pub(super) case: Option<Case>,
    /// When the shard must look at it again; `MAX` = never by itself.
    pub(super) due: Timestamp,
    /// Whether it still takes new accesses.
    pub(super) is_current: bool,
    /// The incident of a group that it is part of.
    pub(super) group: Option<Box<str>>,
    /// What groups were told last.
    pub(super) told: Told,
}

/// What groups were told of an episode: they hear of it again when any of this changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Told {
    /// Unexplained accesses: how many, a hash of which, and the newest of them. One may be explained in the same instant in
    /// which another is not any more.
    pub(super) accesses: usize,
    pub(super) which: u64,
    pub(super) newest: Option<Timestamp>,
    pub(super) score: f64,
    pub(super) evidence: Vec<Evidence>,
    pub(super) unlisted: Option<Unknown>,
    /// Where its own incident stood, with how many handoffs.
    pub(super) stands: Option<(Status, u32)>,
}

/// An episode, weighed.
#[derive(Clone, Debug)]
pub(super) struct Weighed {
    pub(super) score: f64,
    pub(super) is_over: bool,
    pub(super) severity: Severity,
    pub(super) degraded: BTreeSet<Unknown>,
    /// Whether something raises the severity.
    pub(super) is_raised: bool,
    pub(super) strongest: Vec<Evidence>,
    explained: Option<Explained>,
}

impl Episode {
    pub(super) fn new(user: u32, patient: u32) -> Self {
        Self {
            user,
            patient,
            members: Vec::new(),
            case: None,
            due: Timestamp::MAX,
            is_current: true,
            group: None,
            told: Told::default(),
        }
    }

    pub(super) fn add(&mut self, member: Member) {
        let place = self.members.partition_point(|old| old.order() <= member.order());
        insert_sparing(&mut self.members, place, member);
    }

    pub(super) fn last_at(&self) -> Timestamp {
        self.members.last().map_or(Timestamp::MIN, |member| member.row.at)
    }

    /// The accesses that count against the person now.
    pub(super) fn active(&self) -> impl Iterator<Item = &Member> + Clone {
        self.members.iter().filter(|member| member.decision.joins())
    }

    /// The accesses of which it is known that nothing explains them.
    pub(super) fn lone(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.decision.is_lone())
    }

    /// The accesses that the incident shows: the active ones; once all are explained, all of them.
    fn shown(&self) -> Vec<&Member> {
        let active: Vec<&Member> = self.active().collect();
        if active.is_empty() { self.members.iter().collect() } else { active }
    }

    /// Weighs the evidence: for each detector its largest weight among the accesses; the weakest
    /// explanation, and none where one access has none.
    pub(super) fn weigh(&self, rules: &Rules, context: &Context) -> Weighed {
        let shown = self.shown();
        let mut strongest: Vec<Evidence> = Vec::new();
        for evidence in shown.iter().flat_map(|member| &member.decision.evidence) {
            match strongest.iter_mut().find(|best| best.detector == evidence.detector) {
                Some(best) if best.weight < evidence.weight => *best = *evidence,
                Some(_) => {}
                None => strongest.push(*evidence),
            }
        }
        // What speaks for the person counts where it does so for every access.
        let of_all = |best: &Evidence| {
            let has_it = |member: &&Member| member.decision.evidence.iter().any(|one| one.detector == best.detector);
            best.weight >= 0.0 || shown.iter().all(has_it)
        };
        strongest.retain(of_all);
        if !rules.is_about_self(&strongest) {
            strongest.extend(rules.sum_up(history(self.lone(), rules)));
        }
        strongest.sort_by_key(|evidence| evidence.detector);
        let weakest = |best: Explained, next: Explained| if next.weight > best.weight { next } else { best };
        let explanations: Option<Vec<Explained>> = shown.iter().map(|member| member.decision.explained).collect();
        let explained = explanations.and_then(|all| all.into_iter().reduce(weakest));
        let strongest = rules.lessened(&strongest);
        let score = logistic(rules.logit(&strongest, explained));
        let degraded: BTreeSet<_> = self.active().flat_map(|member| member.decision.degraded()).collect();
        let is_over = score >= rules.engine.flag_threshold && self.active().next().is_some();
        let is_raised = self.is_raised(context);
        let severity = rules.severity(score, is_raised, !degraded.is_empty());
        Weighed { score, is_over, severity, degraded, is_raised, strongest, explained }
    }

    /// Whether an export, or a mark of the chart, raises the severity.
    fn is_raised(&self, context: &Context) -> bool {
        let exported = self.active().any(|member| member.row.action() == Action::Export);
        let at = self.last_at();
        let chart = context.chart(self.patient).and_then(|chart| chart.in_force(at, at));
        exported || chart.is_some_and(|chart| chart.is_vip || chart.is_restricted)
    }

    /// The incident as it stands. The episode must have a case.
    pub(super) fn incident(&self, rules: &Rules, context: &Context, weighed: &Weighed) -> Option<Incident> {
        let case = self.case.as_ref()?;
        let shown = self.shown();
        let ids = shown.iter().take(Incident::LISTED_ACCESSES).map(|member| member.event_id.to_string());
        Some(Incident {
            incident_id: case.incident_id.clone(),
            kind: IncidentKind::Pair,
            user_id: Some(context.dictionary.users.text(self.user).to_owned()),
            user_ids: Vec::new(),
            patient_ids: vec![context.dictionary.patients.text(self.patient).to_owned()],
            score: weighed.score,
            severity: weighed.severity,
            status: case.status,
            merged_into: None,
            occurred_first: shown.first().map_or(Timestamp::MIN, |member| member.row.at),
            occurred_last: shown.last().map_or(Timestamp::MIN, |member| member.row.at),
            access_count: shown.len() as u64,
            prior: rules.engine.prior,
            contributions: contributions(rules, weighed),
            degraded: weighed.degraded.iter().map(|why| why.sentence()).collect(),
            accesses: ids.collect(),
        })
    }

    /// Some of its accesses as a unit, counted once across incidents: its first event is that of the incident.
    pub(super) fn unit(&self, shown: &[&Member], weighed: &Weighed, rules: &Rules, context: &Context) -> Unit {
        let rows = || shown.iter().map(|member| &member.row);
        let resources = rows().map(Access::resource).filter(|&resource| resource != NONE);
        let first = || shown.first().map(|member| member.event_id.to_string()).unwrap_or_default();
        let is_policy = rules.is_policy(&weighed.strongest);
        Unit {
            patient_id: context.dictionary.patients.text(self.patient).to_owned(),
            user_id: context.dictionary.users.text(self.user).to_owned(),
            first_event_id: self.case.as_ref().map_or_else(first, |case| case.first_event_id.clone()),
            occurred_first: shown.first().map_or(Timestamp::MIN, |member| member.row.at),
            occurred_last: shown.last().map_or(Timestamp::MIN, |member| member.row.at),
            access_count: shown.len() as u64,
            actions: sorted(rows().map(|row| row.action().name())),
            resources: sorted(resources.map(|resource| context.dictionary.resources.text(resource))),
            printed_or_exported: rows().any(|row| Unit::takes_out(row.action())),
            unit_kind: if is_policy { UnitKind::Policy } else { UnitKind::Access },
        }
    }

    /// The incident as it is handed over. The episode must have a case.
    pub(super) fn change(
        &self,
        rules: &Rules,
        context: &Context,
        weighed: &Weighed,
        reason: ChangeReason,
        now: Timestamp,
    ) -> Option<IncidentChange> {
        let case = self.case.as_ref()?;
        let incident = self.incident(rules, context, weighed)?;
        let shown = self.shown();
        let rows = || shown.iter().map(|member| &member.row);
        let earliest = |instant: fn(&Access) -> Timestamp| rows().map(instant).filter(|at| at.is_finite()).min();
        Some(IncidentChange {
            emitted_at: now,
            sequence: case.sequence,
            reason,
            units: vec![self.unit(&shown, weighed, rules, context)],
            recorded_at: earliest(|row| row.recorded_at),
            available_at: earliest(|row| row.available_at),
            ingested_at: earliest(|row| row.ingested_at),
            incident,
        })
    }
}

/// What accesses are together.
fn history<'m>(accesses: impl Iterator<Item = &'m Member>, rules: &Rules) -> History {
    let (mut count, mut days, mut has_written) = (0, BTreeSet::new(), false);
    for member in accesses {
        count += 1;
        days.insert(rules.zone.date(member.row.at));
        has_written |= matches!(member.row.action(), Action::Create | Action::Update);
    }
    History { accesses: count, days: days.len() as u32, has_written }
}

/// Evidence as an incident lists it.
pub(super) fn listed(rules: &Rules, evidence: &[Evidence]) -> Vec<Contribution> {
    let found = evidence.iter().map(|evidence| {
        let detector = &rules.detectors[usize::from(evidence.detector)];
        let (id, weight) = (detector.meta.id.to_owned(), evidence.weight);
        Contribution { id, weight, reason: detector.rule.reason(evidence) }
    });
    found.collect()
}

fn contributions(rules: &Rules, weighed: &Weighed) -> Vec<Contribution> {
    let found = listed(rules, &weighed.strongest);
    let explained = weighed.explained.iter().map(|explained| {
        let explanation = &rules.explanations[usize::from(explained.basis)];
        let id = format!("explained:{}", explanation.meta.id);
        Contribution { id, weight: explained.weight, reason: explanation.rule.reason(explained.weight) }
    });
    found.into_iter().chain(explained).collect()
}

fn sorted<'t>(texts: impl Iterator<Item = &'t str>) -> Vec<String> {
    texts.collect::<BTreeSet<_>>().into_iter().map(str::to_owned).collect()
}

/// `i` and 26 base-32 characters of a hash of kind, user, patient and the local date on which the
/// episode starts: no rule version and no score, so that it is the same under every policy.
pub(super) fn incident_id(kind: IncidentKind, user: Option<&str>, patient: Option<&str>, start: Date) -> String {
    let mut hasher = Sha256::new();
    for part in [kind.name(), user.unwrap_or("\u{0}"), patient.unwrap_or("\u{0}"), &start.to_string()] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let mut id = BASE32_NOPAD.encode(&hasher.finalize()).to_ascii_lowercase();
    id.truncate(26);
    id.insert(0, 'i');
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_depend_on_who_and_when_only() {
        let day = jiff::civil::date(2026, 6, 1);
        let id = incident_id(IncidentKind::Pair, Some("u1"), Some("p1"), day);
        assert_eq!(id.len(), 27);
        assert_eq!(id, incident_id(IncidentKind::Pair, Some("u1"), Some("p1"), day));
        assert_ne!(id, incident_id(IncidentKind::Pair, Some("u1p"), Some("1"), day));
        assert_ne!(id, incident_id(IncidentKind::Pair, Some("u1"), Some("p1"), day.tomorrow().unwrap()));
    }
}
