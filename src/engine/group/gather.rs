//! Which parts belong together.

use std::collections::BTreeSet;

use hashbrown::HashMap;
use jiff::ToSpan as _;
use jiff::civil::Date;
use rustc_hash::FxBuildHasher;

use crate::engine::dictionary::NONE;
use crate::engine::evidence::{Day, Evidence, Gathering, Series, Visitors, logistic};
use crate::engine::registry::Group;
use crate::engine::rules::Rules;
use crate::model::time::{DAY, Timestamp};

use super::burst::weigh;
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

/// Parts that belong together, and what says so.
#[derive(Clone, Debug, Default)]
pub(super) struct Gathered {
    pub(super) members: BTreeSet<PartKey>,
    pub(super) findings: Vec<Evidence>,
}

impl Gathered {
    /// Takes another in: all members, and the findings that weigh more.
    fn add(&mut self, other: Self) {
        let rank = |findings: &[Evidence]| {
            let sum: f64 = findings.iter().map(|one| one.weight).sum();
            (sum, findings.iter().map(|one| one.numbers).max())
        };
        if rank(&other.findings) > rank(&self.findings) {
            self.findings = other.findings;
        }
        self.members.extend(other.members);
    }
}

/// All parts by their keys.
type Parts = HashMap<PartKey, Part, FxBuildHasher>;

/// A part with its key.
pub(super) type Keyed<'p> = (PartKey, &'p Part);

/// One person's charts of one day; `before` counts those of the days before.
pub(super) fn day(
    parts: &[Keyed<'_>],
    before: u32,
    rules: &Rules,
    number_of: impl Fn(u32) -> Option<u64>,
) -> Option<Gathered> {
    let is_face_sheet = |part: &Part| {
        let opened = &part.unit.resources;
        !opened.is_empty() && opened.iter().all(|resource| resource.eq_ignore_ascii_case("demographics"))
    };
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

/// The people on one chart: every crowd of three days, from whichever access it starts.
pub(super) fn chart(parts: &[Keyed<'_>], rules: &Rules) -> Vec<Gathered> {
    let of = |(place, (_, part)): (usize, &Keyed<'_>)| part.accesses.iter().map(|at| (*at, place)).collect::<Vec<_>>();
    let mut looks: Vec<(Timestamp, usize)> = parts.iter().enumerate().flat_map(of).collect();
    looks.sort_unstable();
    let mut found = Vec::new();
    let mut end = 0;
    for (start, (from, _)) in looks.iter().enumerate() {
        let until = looks.partition_point(|(at, _)| *at <= from.plus(CROWD));
        // What ends where the crowd before it ended is part of that one.
        if std::mem::replace(&mut end, until) == until {
            continue;
        }
        let places: BTreeSet<usize> = looks[start..until].iter().map(|(_, place)| *place).collect();
        let near: Vec<Keyed<'_>> = places.into_iter().map(|place| parts[place]).collect();
        let users: BTreeSet<u32> = near.iter().map(|(_, part)| part.user).collect();
        let departments: BTreeSet<u32> =
            near.iter().map(|(_, part)| part.department).filter(|&department| department != NONE).collect();
        let visitors = Visitors { users: users.len() as u32, departments: departments.len() as u32 };
        found.extend(stands(&near, rules, &Gathering::Chart(visitors)));
    }
    found
}

/// Gatherings by stretches of time, in the order of time: what overlaps, or follows within a gap, is one.
pub(super) fn stretches(found: Vec<Gathered>, gap: i64, parts: &Parts) -> Vec<Gathered> {
    let accesses = |one: &Gathered| -> Vec<Timestamp> {
        one.members.iter().filter_map(|key| parts.get(key)).flat_map(|part| part.accesses.iter().copied()).collect()
    };
    let bounded = found.into_iter().filter_map(|one| {
        let accesses = accesses(&one);
        Some((accesses.iter().copied().min()?, accesses.iter().copied().max()?, one))
    });
    let mut bounded: Vec<(Timestamp, Timestamp, Gathered)> = bounded.collect();
    bounded.sort_by_key(|(from, until, _)| (*from, *until));
    let mut stretches: Vec<(Timestamp, Gathered)> = Vec::new();
    for (from, until, one) in bounded {
        match stretches.last_mut() {
            Some((end, stretch)) if from - *end <= gap => {
                *end = until.max(*end);
                stretch.add(one);
            }
            _ => stretches.push((until, one)),
        }
    }
    stretches.into_iter().map(|(_, stretch)| stretch).collect()
}

/// One person's small looks: those of the months before each of them, which count less the longer ago they were.
/// What was enough once stays enough, however much time goes by.
pub(super) fn series(parts: &[Keyed<'_>], rules: &Rules) -> Vec<Gathered> {
    let links = |part: &Part| {
        let links = part.evidence.iter().filter(|one| rules.group(one).is_tie());
        links.map(|one| one.weight).sum::<f64>()
    };
    let is_look = |part: &Part| !part.is_over && !part.is_doubtful && links(part) >= 1.0;
    let looks: Vec<Keyed<'_>> = parts.iter().copied().filter(|(_, part)| is_look(part)).collect();
    let until = |(_, last): &Keyed<'_>| {
        let at = last.newest();
        let is_near = |part: &Part| at.minus(REMEMBERED) <= part.newest() && part.newest() <= at;
        let near: Vec<Keyed<'_>> = looks.iter().copied().filter(|(_, part)| is_near(part)).collect();
        let faded = |part: &Part| links(part) * (-((at - part.newest()) as f64) / HALF_LIFE).exp2();
        let mut weights: Vec<f64> = near.iter().map(|(_, part)| faded(part)).collect();
        weights.sort_unstable_by(f64::total_cmp);
        let further = weights.split_last().map_or(0.0, |(_, smaller)| smaller.iter().sum());
        let series = Series { looks: near.len() as u32, weight: further };
        over(&near, rules, &Gathering::Series(series))
    };
    looks.iter().filter_map(until).collect()
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
