//! The timeline: what happened when, as coordinates for the template's SVG.

use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};
use serde::Serialize;

use super::words::{count, counted, day};
use super::{DayCount, ReportInput};
use crate::model::incident::{Incident, Severity, Status};

const LEFT: f64 = 58.0;
const RIGHT: f64 = 952.0;
/// Rows of incident marks, one for each severity, from the top.
const MARKS_TOP: f64 = 12.0;
const MARK_ROW: f64 = 13.0;
/// Bars of all accesses.
const UPPER: Panel = Panel { top: 74.0, bottom: 184.0 };
/// Bars of the accesses that nothing explains.
const LOWER: Panel = Panel { top: 222.0, bottom: 292.0 };

/// More days than this are shown as weeks.
const MOST_DAYS: usize = 130;
/// More weeks than this are shown as months.
const MOST_WEEKS: usize = 130;

#[derive(Clone, Copy)]
struct Panel {
    top: f64,
    bottom: f64,
}

/// The timeline in SVG units.
#[derive(Debug, Serialize)]
pub(super) struct Timeline {
    /// day, week or month.
    pub(super) step: &'static str,
    columns: Vec<Column>,
    upper: Vec<Tick>,
    lower: Vec<Tick>,
    labels: Vec<Label>,
    described: String,
}

#[derive(Debug, Serialize)]
struct Column {
    x: String,
    width: String,
    title: String,
    accesses: Bar,
    unexplained: Bar,
    suspicious: Bar,
    marks: Vec<Mark>,
}

#[derive(Debug, Serialize)]
struct Bar {
    y: String,
    height: String,
}

#[derive(Debug, Serialize)]
struct Mark {
    x: String,
    y: String,
    radius: String,
    severity: &'static str,
}

#[derive(Debug, Serialize)]
struct Tick {
    y: String,
    text: String,
}

#[derive(Debug, Serialize)]
struct Label {
    x: String,
    text: String,
}

/// What one column stands for.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    counts: DayCount,
    /// Incidents that still stand, by severity, by their first access.
    incidents: [u64; 4],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Day,
    Week,
    Month,
}

impl Step {
    fn for_days(days: usize) -> Self {
        match days {
            _ if days <= MOST_DAYS => Self::Day,
            _ if days <= MOST_WEEKS * 7 => Self::Week,
            _ => Self::Month,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    fn start(self, date: Date) -> Date {
        match self {
            Self::Day => date,
            Self::Week => {
                let back = date.weekday().since(Weekday::Monday);
                date.saturating_sub(i64::from(back).days())
            }
            Self::Month => date.first_of_month(),
        }
    }

    fn next(self, start: Date) -> Date {
        match self {
            Self::Day => start.saturating_add(1.day()),
            Self::Week => start.saturating_add(7.days()),
            Self::Month => start.saturating_add(1.month()),
        }
    }

    fn title(self, start: Date) -> String {
        match self {
            Self::Day => format!("{} {}", start.strftime("%A"), day(start)),
            Self::Week => format!("Week of {}", day(start)),
            Self::Month => start.strftime("%B %Y").to_string(),
        }
    }
}

/// Whether an incident still asks for a person.
pub(super) fn stands(incident: &Incident) -> bool {
    matches!(incident.status, Status::Open | Status::Provisional)
}

impl Timeline {
    /// Nothing when the run had no day.
    pub(super) fn new(input: &ReportInput<'_>) -> Option<Self> {
        let (first, last) = (*input.days.first_key_value()?.0, *input.days.last_key_value()?.0);
        let days = first.until(last).map_or(0, |span| span.get_days().unsigned_abs() as usize) + 1;
        let step = Step::for_days(days);
        let buckets = gather(input, step, first, last);
        let most = |value: fn(&Bucket) -> u64| buckets.values().map(value).max().unwrap_or(0);
        let upper = scale(most(|bucket| bucket.counts.accesses));
        let lower = scale(most(|bucket| bucket.counts.unexplained + bucket.counts.suspicious));
        let pitch = (RIGHT - LEFT) / units(buckets.len() as u64);
        let columns = buckets
            .iter()
            .zip(0_u64..)
            .map(|((start, bucket), place)| {
                column(step, *start, bucket, LEFT + pitch * units(place), pitch, upper, lower)
            })
            .collect();
        Some(Self {
            step: step.name(),
            columns,
            upper: ticks(upper, UPPER),
            lower: ticks(lower, LOWER),
            labels: labels(step, &buckets, pitch),
            described: format!("Accesses for each {} from {} to {}", step.name(), day(first), day(last)),
        })
    }
}

fn gather(input: &ReportInput<'_>, step: Step, first: Date, last: Date) -> BTreeMap<Date, Bucket> {
    let mut buckets = BTreeMap::new();
    let mut start = step.start(first);
    while start <= last && buckets.insert(start, Bucket::default()).is_none() {
        start = step.next(start);
    }
    for (date, counts) in input.days {
        let Some(bucket) = buckets.get_mut(&step.start(*date)) else { continue };
        bucket.counts.accesses += counts.accesses;
        bucket.counts.unexplained += counts.unexplained;
        bucket.counts.suspicious += counts.suspicious;
    }
    for incident in input.incidents.iter().filter(|incident| stands(incident)) {
        let start = step.start(input.zone.date(incident.occurred_first));
        if let Some(bucket) = buckets.get_mut(&start) {
            bucket.incidents[incident.severity as usize] += 1;
        }
    }
    buckets
}

fn column(step: Step, start: Date, bucket: &Bucket, x: f64, pitch: f64, upper: u64, lower: u64) -> Column {
    let DayCount { accesses, unexplained, suspicious } = bucket.counts;
    let gap = (pitch * 0.18).min(3.0);
    let suspicious_height = LOWER.height_of(suspicious, lower);
    let unexplained_height = LOWER.height_of(unexplained, lower);
    let accesses_height = UPPER.height_of(accesses, upper);
    let incidents = bucket.incidents.iter().sum();
    Column {
        x: px(x + gap / 2.0),
        width: px(pitch - gap),
        title: format!(
            "{}: {}, {} unexplained, {} suspicious, {}",
            step.title(start),
            counted(accesses, "access", "accesses"),
            count(unexplained),
            count(suspicious),
            counted(incidents, "incident", "incidents")
        ),
        accesses: Bar::standing_on(UPPER.bottom, accesses_height),
        suspicious: Bar::standing_on(LOWER.bottom, suspicious_height),
        unexplained: Bar::standing_on(LOWER.bottom - suspicious_height, unexplained_height),
        marks: marks(bucket, x + pitch / 2.0),
    }
}

fn marks(bucket: &Bucket, x: f64) -> Vec<Mark> {
    let rows = Severity::ALL.into_iter().rev().zip(0_u64..);
    rows.filter_map(|(severity, row)| {
        let incidents = bucket.incidents[severity as usize];
        let radius = (3.4 + units(incidents).ln()).min(6.0);
        (incidents > 0).then(|| Mark {
            x: px(x),
            y: px(MARKS_TOP + MARK_ROW * units(row)),
            radius: px(radius),
            severity: severity.name(),
        })
    })
    .collect()
}

/// A label where a month begins, or where a week begins in a short period, as long as they do not
/// touch.
fn labels(step: Step, buckets: &BTreeMap<Date, Bucket>, pitch: f64) -> Vec<Label> {
    let is_short = step == Step::Day && buckets.len() <= 45;
    let (grouping, form) = if is_short { (Step::Week, "%b %-d") } else { (Step::Month, "%b %Y") };
    let mut labels: Vec<Label> = Vec::new();
    let mut free_from = f64::MIN;
    let mut labelled = None;
    for (start, place) in buckets.keys().zip(0_u64..) {
        let group = grouping.start(*start);
        let x = LEFT + pitch * units(place);
        if labelled == Some(group) || x < free_from || x > RIGHT - 30.0 {
            continue;
        }
        labelled = Some(group);
        free_from = x + 64.0;
        labels.push(Label { x: px(x), text: start.strftime(form).to_string() });
    }
    labels
}

impl Panel {
    fn height_of(self, value: u64, top: u64) -> f64 {
        if value == 0 {
            return 0.0;
        }
        // What is there must be seen.
        ((self.bottom - self.top) * units(value) / units(top.max(1))).max(1.0)
    }
}

impl Bar {
    fn standing_on(bottom: f64, height: f64) -> Self {
        Self { y: px(bottom - height), height: px(height) }
    }
}

/// The smallest round number that is not below `most`, so that bars use most of their height.
fn scale(most: u64) -> u64 {
    const SMALL: [u64; 8] = [1, 2, 3, 4, 5, 6, 8, 10];
    const LARGE: [u64; 10] = [12, 15, 20, 25, 30, 40, 50, 60, 80, 100];
    let mut power = 1_u64;
    let mut steps = SMALL.as_slice();
    loop {
        let mut tops = steps.iter().map(|step| power.saturating_mul(*step));
        if let Some(top) = tops.find(|top| *top >= most) {
            return top;
        }
        if steps.len() == LARGE.len() {
            power = power.saturating_mul(10);
        }
        steps = &LARGE;
    }
}

fn ticks(top: u64, panel: Panel) -> Vec<Tick> {
    let values = if top.is_multiple_of(2) { vec![0, top / 2, top] } else { vec![0, top] };
    let tick = |value| Tick { y: px(panel.bottom - panel.height_of(value, top)), text: count(value) };
    values.into_iter().map(tick).collect()
}

#[expect(clippy::cast_precision_loss, reason = "coordinates of a picture")]
fn units(number: u64) -> f64 {
    number as f64
}

fn px(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_round_and_hold_the_largest_value() {
        for (most, top) in [(0, 1), (1, 1), (7, 8), (10, 10), (11, 12), (101, 120), (4_800_000, 5_000_000)] {
            assert_eq!(scale(most), top);
        }
        assert_eq!(scale(u64::MAX), u64::MAX);
    }

    #[test]
    fn long_periods_are_told_by_weeks_and_months() {
        assert_eq!(
            [1, 130, 131, 910, 911].map(Step::for_days).map(Step::name),
            ["day", "day", "week", "week", "month"]
        );
        let date = jiff::civil::date(2026, 6, 3);
        assert_eq!(Step::Week.start(date).to_string(), "2026-06-01");
        assert_eq!(Step::Month.next(Step::Month.start(date)).to_string(), "2026-07-01");
    }

    #[test]
    fn few_among_many_can_still_be_seen() {
        assert!((UPPER.height_of(1, 1_000_000) - 1.0).abs() < f64::EPSILON);
        assert!(UPPER.height_of(0, 1_000_000).abs() < f64::EPSILON);
    }
}
