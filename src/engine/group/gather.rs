//! Which parts belong together.

use std::collections::BTreeSet;

use jiff::ToSpan as _;
use jiff::civil::Date;

use crate::engine::dictionary::NONE;
use crate::engine::evidence::{Day, Evidence, Gathering, Series, Visitors, logistic};
use crate::engine::registry::Group;
use crate::engine::rules::Rules;
use crate::model::time::{DAY, Timestamp};

use super::burst::{Gathered, weigh};
use super::part::{Part, PartKey};

/// Days before a day by which its usual number of charts is told, and how many of them are worked.
const USUAL_DAYS: i64 = 28;
const WORKED_DAYS: f64 = 20.0;

/// How close together people open a chart that belong to one crowd.
const CROWD: i64 = 3 * DAY;

/// How long a small look is remembered, and after which time it counts half.
pub(super) const REMEMBERED: i64 = 90 * DAY;
const HALF_LIFE: f64 = 30.0 * DAY as f64;

/// Record numbers that follow this closely on each other are in sequence.
const STEP: u64 = 5;

/// A part with its key.
pub(super) type Keyed<'p> = (PartKey, &'p Part);

/// One person's charts of one day; `before` counts those of the days before.
pub(super) fn day(
    parts: &[Keyed<'_>],
    before: u32,
    rules: &Rules,
    number_of: impl Fn(u32) -> Option<u64>,
) -> Option<Gathered> {
    let is_face_sheet = |part: &Part| part.unit.resources.iter().all(|part| part == "demographics");
    let mut numbers: Vec<u64> = parts.iter().filter_map(|(_, part)| number_of(part.patient)).collect();
    numbers.sort_unstable();
    let in_sequence = numbers.windows(2).filter(|pair| pair[1] - pair[0] <= STEP && pair[1] > pair[0]).count();
    let gathering = Gathering::Day(Day {
        charts: parts.len() as u32,
        usual: f64::from(before) / WORKED_DAYS,
        taken_out: parts.iter().filter(|(_, part)| part.unit.printed_or_exported).count() as u32,
        face_sheets: parts.iter().filter(|(_, part)| is_face_sheet(part)).count() as u32,
        in_sequence: in_sequence as u32,
    });
    stands(parts, rules, &gathering)
}

/// The first day that counts as before another one.
pub(super) fn usual_from(day: Date) -> Date {
    day.saturating_sub(USUAL_DAYS.days())
}

/// The people on one chart: everybody who is in a crowd of three days.
pub(super) fn chart(parts: &[Keyed<'_>], rules: &Rules) -> Option<Gathered> {
    let mut all: Option<Gathered> = None;
    for (_, first) in parts {
        let Some(&from) = first.accesses.first() else { continue };
        let near: Vec<Keyed<'_>> =
            parts.iter().copied().filter(|(_, part)| part.is_within(from, from.plus(CROWD))).collect();
        let users: BTreeSet<u32> = near.iter().map(|(_, part)| part.user).collect();
        let departments: BTreeSet<u32> =
            near.iter().map(|(_, part)| part.department).filter(|&department| department != NONE).collect();
        let visitors = Visitors { users: users.len() as u32, departments: departments.len() as u32 };
        let Some(crowd) = stands(&near, rules, &Gathering::Chart(visitors)) else { continue };
        all = together(all, Some(crowd));
    }
    all
}

/// What two gatherings are together: all members, and the findings that weigh more.
pub(super) fn together(one: Option<Gathered>, other: Option<Gathered>) -> Option<Gathered> {
    let rank = |gathered: &Gathered| {
        let sum: f64 = gathered.findings.iter().map(|one| one.weight).sum();
        (sum, gathered.findings.iter().map(|one| one.numbers).max())
    };
    match (one, other) {
        (Some(one), Some(other)) => {
            let members = &one.members | &other.members;
            let findings = if rank(&other) > rank(&one) { other.findings } else { one.findings };
            Some(Gathered { members, findings })
        }
        (one, other) => one.or(other),
    }
}

/// One person's small looks of the last months.
pub(super) fn series(parts: &[Keyed<'_>], now: Timestamp, rules: &Rules) -> Option<Gathered> {
    let links = |part: &Part| {
        let links = part.evidence.iter().filter(|one| rules.group(one).is_tie());
        links.map(|one| one.weight).sum::<f64>()
    };
    let is_look = |part: &Part| !part.is_over && !part.is_doubtful && links(part) >= 1.0;
    let looks: Vec<Keyed<'_>> = parts.iter().copied().filter(|(_, part)| is_look(part)).collect();
    let faded = |part: &Part| links(part) * (-((now - part.newest()) as f64) / HALF_LIFE).exp2();
    let mut weights: Vec<f64> = looks.iter().map(|(_, part)| faded(part)).collect();
    weights.sort_unstable_by(f64::total_cmp);
    let largest = weights.iter().copied().fold(0.0, f64::max);
    let series = Series { looks: looks.len() as u32, weight: weights.iter().sum::<f64>() - largest };
    over(&looks, rules, &Gathering::Series(series))
}

/// Like [`over`], where it makes an incident by itself: one telling part must not accuse the rest.
fn stands(parts: &[Keyed<'_>], rules: &Rules, gathering: &Gathering) -> Option<Gathered> {
    let gathered = over(parts, rules, gathering)?;
    let is_absence = |one: &&Evidence| rules.group(one) == Group::Absence;
    let absences = parts.iter().flat_map(|(_, part)| part.evidence.iter().filter(is_absence));
    let strongest = absences.max_by(|one, other| one.weight.total_cmp(&other.weight)).copied();
    let evidence: Vec<Evidence> = gathered.findings.iter().copied().chain(strongest).collect();
    (logistic(rules.logit(&evidence, None)) >= rules.engine.flag_threshold).then_some(gathered)
}

/// What the detectors say of it, where it makes an incident.
fn over(parts: &[Keyed<'_>], rules: &Rules, gathering: &Gathering) -> Option<Gathered> {
    let findings = rules.gather(gathering);
    if findings.is_empty() {
        return None;
    }
    let weighed = weigh(parts.iter().map(|(_, part)| *part), &findings, rules);
    let members = parts.iter().map(|(key, _)| *key).collect();
    (weighed.score >= rules.engine.flag_threshold).then_some(Gathered { members, findings })
}
