//! The whole report as the template reads it.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde::Serialize;

use super::chart::{Timeline, stands};
use super::coverage::{self, Part};
use super::incidents::{self, Group, distance};
use super::quality::{self, Remark};
use super::words::{count, counted, day, listed, moment, share};
use super::{ReportInput, TOLD_IN_FULL};
use crate::model::incident::{Incident, IncidentKind, Severity, Status};

/// Busiest days that are listed.
const BUSIEST_DAYS: usize = 5;

#[derive(Debug, Serialize)]
pub(super) struct View<'a> {
    facility: Option<&'a str>,
    zone: &'a str,
    as_of: String,
    run_id: &'a str,
    policy_hash: &'a str,
    period: Option<String>,
    /// The first paragraph.
    lead: Vec<String>,
    tiles: Vec<Tile>,
    severities: Vec<SeverityCount>,
    kinds: Vec<(&'static str, String)>,
    deadlines: Vec<Deadline>,
    coverage: Vec<Part>,
    timeline: Option<Timeline>,
    detectors: Vec<DetectorRow<'a>>,
    hours: Vec<Hour>,
    busiest: Vec<(String, String)>,
    groups: Vec<Group>,
    left_out: usize,
    told_in_full: usize,
    remarks: Vec<Remark>,
}

#[derive(Debug, Serialize)]
struct Tile {
    number: String,
    name: &'static str,
    note: String,
}

#[derive(Debug, Serialize)]
struct SeverityCount {
    severity: &'static str,
    count: String,
}

/// The next day of a kind by which someone must act.
#[derive(Debug, Serialize)]
struct Deadline {
    name: &'static str,
    /// Incidents whose day of this kind has passed.
    passed: Option<String>,
    next: Option<NextDay>,
}

#[derive(Debug, Serialize)]
struct NextDay {
    day: String,
    distance: String,
    incidents: String,
}

#[derive(Debug, Serialize)]
struct DetectorRow<'a> {
    id: &'a str,
    accesses: String,
    in_incidents: String,
    incidents: String,
}

#[derive(Debug, Serialize)]
struct Hour {
    /// Height of 100.
    height: String,
    title: String,
    label: Option<String>,
}

impl<'a> View<'a> {
    pub(super) fn new(input: &ReportInput<'a>) -> Self {
        let (groups, left_out) = incidents::groups(input);
        Self {
            facility: input.facility,
            zone: input.zone.name(),
            as_of: moment(input.as_of, input.zone),
            run_id: input.run_id,
            policy_hash: input.policy_hash,
            period: period(input),
            lead: lead(input),
            tiles: tiles(input),
            severities: severities(input),
            kinds: kinds(input),
            deadlines: deadlines(input),
            coverage: coverage::parts(input.summary),
            timeline: Timeline::new(input),
            detectors: detectors(input),
            hours: hours(&input.figures.by_hour),
            busiest: busiest(input),
            groups,
            left_out,
            told_in_full: TOLD_IN_FULL,
            remarks: quality::remarks(input.summary, input.zone),
        }
    }
}

fn standing<'a>(input: &ReportInput<'a>) -> impl Iterator<Item = &'a Incident> {
    input.incidents.iter().filter(|incident| stands(incident))
}

fn period(input: &ReportInput<'_>) -> Option<String> {
    let (first, last) = (*input.days.first_key_value()?.0, *input.days.last_key_value()?.0);
    Some(if first == last { day(first) } else { format!("{} to {}", day(first), day(last)) })
}

/// The result in sentences, most important first.
fn lead(input: &ReportInput<'_>) -> Vec<String> {
    let summary = input.summary;
    if summary.accesses == 0 {
        return vec!["The log holds no access to a chart, so there is nothing to review.".to_owned()];
    }
    let incidents = standing(input).count() as u64;
    let mut sentences = vec![if incidents == 0 {
        "No incident asks for a person’s decision.".to_owned()
    } else {
        let by = match people(input).len() as u64 {
            0 => String::new(),
            people => format!(", by {}", counted(people, "person", "people")),
        };
        let verb = if incidents == 1 { "asks" } else { "ask" };
        let accesses = counted(summary.suspicious, "access", "accesses");
        format!("{} {verb} for a person’s decision: {accesses}{by}.", counted(incidents, "incident", "incidents"))
    }];
    sentences.push(format!(
        "Of {}, a record on file explains {} ({}); {} without an explanation, with nothing else that stands out.",
        counted(summary.accesses, "access", "accesses"),
        count(summary.explained),
        share(summary.explained, summary.accesses),
        match summary.unexplained {
            1 => "1 stays".to_owned(),
            number => format!("{} stay", count(number)),
        },
    ));
    sentences.extend(provisional(input));
    sentences
}

/// Everyone whose accesses belong to a standing incident.
fn people<'a>(input: &ReportInput<'a>) -> BTreeSet<&'a str> {
    let mut people = BTreeSet::new();
    for incident in standing(input) {
        people.extend(incident.user_id.as_deref());
        people.extend(incident.user_ids.iter().map(String::as_str));
    }
    people
}

/// What is not settled, and what was set aside.
fn provisional(input: &ReportInput<'_>) -> Option<String> {
    let of = |status| input.incidents.iter().filter(|incident| incident.status == status).count() as u64;
    let parts: Vec<String> = [
        (of(Status::Provisional), "provisional"),
        (of(Status::Withdrawn), "withdrawn"),
        (of(Status::Merged), "merged into another"),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, what)| format!("{} {what}", count(number)))
    .collect();
    let all = counted(input.incidents.len() as u64, "incident", "incidents");
    (!parts.is_empty()).then(|| format!("{all} in all, among them {}.", listed(&parts)))
}

fn tiles(input: &ReportInput<'_>) -> Vec<Tile> {
    let summary = input.summary;
    let part = |number| format!("{} of all", share(number, summary.accesses));
    let tile = |number, name, note| Tile { number: count(number), name, note };
    vec![
        tile(summary.accesses, "accesses to charts", "deduplicated, with a patient, successful".to_owned()),
        tile(summary.explained, "explained", part(summary.explained)),
        tile(summary.unexplained, "unexplained", part(summary.unexplained)),
        tile(summary.suspicious, "suspicious", part(summary.suspicious)),
    ]
}

fn severities(input: &ReportInput<'_>) -> Vec<SeverityCount> {
    let of = |severity| standing(input).filter(|incident| incident.severity == severity).count() as u64;
    let severities = Severity::ALL.into_iter().rev();
    severities.map(|severity| SeverityCount { severity: severity.name(), count: count(of(severity)) }).collect()
}

/// Standing incidents by kind, in the words of the page; kinds that did not occur are left out.
fn kinds(input: &ReportInput<'_>) -> Vec<(&'static str, String)> {
    [
        (IncidentKind::Pair, "One person, one patient"),
        (IncidentKind::UserBurst, "One person, many patients in a short time"),
        (IncidentKind::PatientBurst, "Many people, one patient"),
        (IncidentKind::Serial, "One person, small looks that add up"),
    ]
    .into_iter()
    .map(|(kind, words)| (words, standing(input).filter(|incident| incident.kind == kind).count() as u64))
    .filter(|(_, number)| *number > 0)
    .map(|(words, number)| (words, count(number)))
    .collect()
}

fn deadlines(input: &ReportInput<'_>) -> Vec<Deadline> {
    let today = input.zone.date(input.as_of);
    let mut kinds: Vec<(&'static str, Vec<Date>)> = Vec::new();
    for incident in standing(input) {
        let Some(handoff) = input.handoffs.get(&incident.incident_id) else { continue };
        for (name, date) in handoff.deadlines() {
            match kinds.iter_mut().find(|(kind, _)| *kind == name) {
                Some((_, dates)) => dates.push(date),
                None => kinds.push((name, vec![date])),
            }
        }
    }
    kinds.into_iter().map(|(name, dates)| Deadline::new(name, &dates, today)).collect()
}

impl Deadline {
    fn new(name: &'static str, dates: &[Date], today: Date) -> Self {
        let incidents = |dates: u64| counted(dates, "incident", "incidents");
        let passed = dates.iter().filter(|date| **date < today).count() as u64;
        let next = dates.iter().filter(|date| **date >= today).min();
        Self {
            name,
            passed: (passed > 0).then(|| incidents(passed)),
            next: next.map(|next| NextDay {
                day: day(*next),
                distance: distance(today, *next),
                incidents: incidents(dates.iter().filter(|date| *date == next).count() as u64),
            }),
        }
    }
}

fn detectors<'a>(input: &ReportInput<'a>) -> Vec<DetectorRow<'a>> {
    let mut rows: Vec<_> = input.figures.detectors.iter().collect();
    rows.sort_by(|a, b| b.in_incidents.cmp(&a.in_incidents).then_with(|| a.detector_id.cmp(&b.detector_id)));
    rows.into_iter()
        .map(|row| DetectorRow {
            id: &row.detector_id,
            accesses: count(row.accesses),
            in_incidents: count(row.in_incidents),
            incidents: count(row.incidents),
        })
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "a height in a picture")]
fn hours(by_hour: &[u64; 24]) -> Vec<Hour> {
    let Some(most) = by_hour.iter().copied().max().filter(|most| *most > 0) else { return Vec::new() };
    let hour = |(hour, &number): (usize, &u64)| Hour {
        height: format!("{:.1}", number as f64 / most as f64 * 100.0),
        title: format!("{hour:02}:00 to {hour:02}:59: {}", counted(number, "detection", "detections")),
        label: hour.is_multiple_of(6).then(|| format!("{hour:02}")),
    };
    by_hour.iter().enumerate().map(hour).collect()
}

fn busiest(input: &ReportInput<'_>) -> Vec<(String, String)> {
    let mut days: Vec<_> = input.figures.by_day.iter().collect();
    days.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    days.truncate(BUSIEST_DAYS);
    days.into_iter().map(|(date, rows)| (format!("{} {}", date.strftime("%a"), day(*date)), count(*rows))).collect()
}
