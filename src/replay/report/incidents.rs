//! Incidents as the report tells them.

use std::cmp::Reverse;

use jiff::civil::Date;
use serde::Serialize;

use super::chart::stands;
use super::words::{basis, count, counted, day, listed, period, score, weight};
use super::{HandoffView, ReportInput, TOLD_IN_FULL};
use crate::model::incident::{Contribution, Incident, IncidentKind, Status};

/// How many patient or user ids are listed before the rest is counted.
const IDS_LISTED: usize = 12;

/// The incidents of one heading.
#[derive(Debug, Serialize)]
pub(super) struct Group {
    heading: String,
    /// CSS class of its colour: a severity, or `aside`.
    class: &'static str,
    lead: Option<&'static str>,
    incidents: Vec<Told>,
}

/// One incident.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    id: String,
    severity: &'static str,
    score: String,
    /// Who opened whose chart, in a few words.
    title: String,
    status: String,
    status_class: &'static str,
    marks: Vec<&'static str>,
    facts: Vec<Fact>,
    days: Vec<Fact>,
    evidence: Vec<Evidence>,
    sum: String,
    degraded: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Fact {
    name: &'static str,
    text: String,
    note: String,
    has_passed: bool,
}

/// One weight with its bar.
#[derive(Debug, Serialize)]
struct Evidence {
    id: String,
    reason: String,
    weight: String,
    /// Left edge and width in a bar of 100 with zero in the middle.
    x: String,
    width: String,
    class: &'static str,
}

/// Incidents by severity and score; withdrawn and merged ones last, in a group of their own. The
/// number is of those that are left out.
pub(super) fn groups(input: &ReportInput<'_>) -> (Vec<Group>, usize) {
    let mut incidents: Vec<&Incident> = input.incidents.iter().collect();
    incidents.sort_by(|a, b| {
        let rank = |incident: &Incident| (Reverse(stands(incident)), Reverse(incident.severity));
        let by_rank = rank(a).cmp(&rank(b));
        by_rank.then(b.score.total_cmp(&a.score)).then_with(|| a.incident_id.cmp(&b.incident_id))
    });
    let left_out = incidents.len().saturating_sub(TOLD_IN_FULL);
    incidents.truncate(TOLD_IN_FULL);
    let mut groups: Vec<Group> = Vec::new();
    for incident in incidents {
        let class = if stands(incident) { incident.severity.name() } else { "aside" };
        if groups.last().is_none_or(|group| group.class != class) {
            groups.push(Group::new(class));
        }
        if let Some(group) = groups.last_mut() {
            group.incidents.push(Told::new(incident, input));
        }
    }
    (groups, left_out)
}

impl Group {
    fn new(class: &'static str) -> Self {
        let (heading, lead) = match class {
            "critical" => ("Critical", None),
            "high" => ("High", None),
            "medium" => ("Medium", None),
            "low" => ("Low", None),
            _ => (
                "Withdrawn or merged",
                Some(
                    "Records that came later explain these, or they became part of another incident. \
                     They are kept so that a person can check that.",
                ),
            ),
        };
        Self { heading: heading.to_owned(), class, lead, incidents: Vec::new() }
    }
}

impl Told {
    fn new(incident: &Incident, input: &ReportInput<'_>) -> Self {
        let handoff = input.handoffs.get(&incident.incident_id);
        let sum = incident.prior + incident.contributions.iter().map(|part| part.weight).sum::<f64>();
        Self {
            id: incident.incident_id.clone(),
            severity: incident.severity.name(),
            score: score(incident.score),
            title: title(incident),
            status: status(incident),
            status_class: incident.status.name(),
            marks: handoff.map_or_else(Vec::new, marks),
            facts: facts(incident, handoff, input),
            days: handoff.map_or_else(Vec::new, |handoff| days(handoff, input)),
            evidence: evidence(incident),
            sum: weight(sum),
            degraded: incident.degraded.clone(),
        }
    }
}

fn title(incident: &Incident) -> String {
    let patients = incident.patient_ids.len() as u64;
    let user = incident.user_id.as_deref().unwrap_or("One person");
    let chart = || match incident.patient_ids.as_slice() {
        [one] => format!("the chart of {one}"),
        _ => counted(patients, "chart", "charts"),
    };
    match incident.kind {
        IncidentKind::Pair => format!("{user} opened {}", chart()),
        IncidentKind::UserBurst => format!("{user} opened {} in a short time", counted(patients, "chart", "charts")),
        IncidentKind::Serial => format!("{user} looked into {} over time", counted(patients, "chart", "charts")),
        IncidentKind::PatientBurst => {
            format!("{} opened {}", counted(incident.user_ids.len() as u64, "person", "people"), chart())
        }
    }
}

fn status(incident: &Incident) -> String {
    match (incident.status, &incident.merged_into) {
        (Status::Open, _) => "open".to_owned(),
        (Status::Provisional, _) => "provisional: late records may still explain it".to_owned(),
        (Status::Merged, Some(other)) => format!("merged into {other}"),
        (Status::Merged, None) => "merged".to_owned(),
        (Status::Withdrawn, _) => match explanation(incident) {
            Some(name) => format!("withdrawn (explained by {name}: {})", basis(name)),
            None => "withdrawn".to_owned(),
        },
    }
}

/// The explanation that weighs most.
fn explanation(incident: &Incident) -> Option<&str> {
    let explained = incident.contributions.iter().filter_map(|part| Some((part.id.strip_prefix("explained:")?, part)));
    explained.min_by(|(_, a), (_, b)| a.weight.total_cmp(&b.weight)).map(|(name, _)| name)
}

fn marks(handoff: &HandoffView) -> Vec<&'static str> {
    let marks = [
        (handoff.printed_or_exported, "printed or exported"),
        (handoff.is_policy_matter, "own record: a policy matter"),
        (handoff.diligence_question, "unreviewed for longer than the review interval"),
    ];
    marks.into_iter().filter_map(|(applies, mark)| applies.then_some(mark)).collect()
}

fn facts(incident: &Incident, handoff: Option<&HandoffView>, input: &ReportInput<'_>) -> Vec<Fact> {
    let fact = |name, text: String| Fact { name, text, note: String::new(), has_passed: false };
    let mut facts = Vec::new();
    match &incident.user_id {
        Some(user) => facts.push(fact("User", user.clone())),
        None => facts.push(fact("Users", ids(&incident.user_ids))),
    }
    let patients = if incident.patient_ids.len() == 1 { "Patient" } else { "Patients" };
    facts.push(fact(patients, ids(&incident.patient_ids)));
    facts.push(fact("Accesses", count(incident.access_count)));
    facts.push(fact("When", period(incident.occurred_first, incident.occurred_last, input.zone)));
    let Some(handoff) = handoff else { return facts };
    if !handoff.actions.is_empty() {
        facts.push(fact("Actions", listed(&handoff.actions.iter().cloned().collect::<Vec<_>>())));
    }
    if !handoff.resources.is_empty() {
        facts.push(fact("Parts", listed(&handoff.resources.iter().cloned().collect::<Vec<_>>())));
    }
    facts
}

/// The days that count if the incident is a breach.
fn days(handoff: &HandoffView, input: &ReportInput<'_>) -> Vec<Fact> {
    let today = input.zone.date(input.as_of);
    let fact = |name, date, note, has_passed| Fact { name, text: day(date), note, has_passed };
    let detected = handoff.business_day.map(|date| fact("Detected", date, "business day".to_owned(), false));
    let deadlines = handoff.deadlines().map(|(name, date)| fact(name, date, distance(today, date), date < today));
    detected.into_iter().chain(deadlines).collect()
}

/// How far a deadline is from the run's "now".
pub(super) fn distance(today: Date, deadline: Date) -> String {
    let days = today.until(deadline).map_or(0, |span| span.get_days());
    match days {
        0 => "today".to_owned(),
        1.. => format!("in {}", counted(days.unsigned_abs().into(), "day", "days")),
        _ => format!("passed {} ago", counted(days.unsigned_abs().into(), "day", "days")),
    }
}

fn ids(ids: &[String]) -> String {
    if ids.len() <= IDS_LISTED {
        return listed(ids);
    }
    let rest = (ids.len() - IDS_LISTED) as u64;
    format!("{} and {}", ids[..IDS_LISTED].join(", "), counted(rest, "other", "others"))
}

/// The starting point and every weight, each against the largest of them.
fn evidence(incident: &Incident) -> Vec<Evidence> {
    let weights = incident.contributions.iter().map(|part| part.weight.abs());
    let largest = weights.fold(incident.prior.abs(), f64::max).max(f64::MIN_POSITIVE);
    let prior = Contribution {
        id: "prior".to_owned(),
        weight: incident.prior,
        reason: "Starting point, before any evidence".to_owned(),
    };
    std::iter::once(&prior).chain(&incident.contributions).map(|part| bar(part, largest)).collect()
}

fn bar(part: &Contribution, largest: f64) -> Evidence {
    let width = (part.weight.abs() / largest * 50.0).clamp(0.4, 50.0);
    let x = if part.weight < 0.0 { 50.0 - width } else { 50.0 };
    Evidence {
        id: part.id.clone(),
        reason: part.reason.clone(),
        weight: weight(part.weight),
        x: format!("{x:.1}"),
        width: format!("{width:.1}"),
        class: match part {
            _ if part.id == "prior" => "prior",
            _ if part.weight < 0.0 => "against",
            _ => "for",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_counted_in_days() {
        let today = jiff::civil::date(2026, 6, 30);
        let at = |month, day| distance(today, jiff::civil::date(2026, month, day));
        assert_eq!((at(6, 30), at(7, 1), at(8, 29)), ("today".into(), "in 1 day".into(), "in 60 days".into()));
        assert_eq!(at(5, 31), "passed 30 days ago");
    }

    #[test]
    fn bars_grow_from_the_middle() {
        let part = |weight| Contribution { id: "x".to_owned(), weight, reason: String::new() };
        let (left, right) = (bar(&part(-4.0), 8.0), bar(&part(8.0), 8.0));
        assert_eq!((left.x.as_str(), left.width.as_str(), left.class), ("25.0", "25.0", "against"));
        assert_eq!((right.x.as_str(), right.width.as_str(), right.class), ("50.0", "50.0", "for"));
    }

    #[test]
    fn long_lists_of_ids_are_cut_and_counted() {
        let many: Vec<String> = (0..IDS_LISTED + 3).map(|n| format!("p{n}")).collect();
        assert!(ids(&many).ends_with("p11 and 3 others"));
        assert!(ids(&many[..IDS_LISTED]).ends_with("p10 and p11"));
    }
}
