//! What a reader would have met day by day: which incidents were handed over when, and what is among them if only
//! so many a day are read.
//!
//! An incident comes to the reader with its first handoff, on the local day that the log's own time had reached
//! (`emitted_at`), and with the score that it had then. From there on it is followed, so it counts with all that it came
//! to hold. It counts although it may have been withdrawn later: it was read. What is not read on its day is not read at
//! all, so the figures are those of an office that never catches up.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use serde::{Deserialize, Serialize};

use super::labels::{Pair, Snooping};
use crate::model::time::{HOUR, Timestamp, Zone};

/// How many incidents an office may read a day.
pub const BUDGETS: [usize; 4] = [1, 2, 5, 10];

/// The fields of a handoff that count here; others are ignored.
#[derive(Clone, Debug, Deserialize)]
pub struct Told {
    pub incident_id: String,
    pub sequence: u32,
    pub score: f64,
    pub units: Vec<Opened>,
    pub occurred_start: Timestamp,
    pub emitted_at: Timestamp,
    pub detected: Place,
}

/// One person at one chart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Opened {
    pub user_id: String,
    pub patient_id: String,
}

/// Where the days are counted.
#[derive(Clone, Debug, Deserialize)]
pub struct Place {
    pub timezone: String,
}

/// What is read with a budget.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Day {
    /// Incidents read, of all days together.
    pub read: usize,
    /// True ones among them; null where nothing was read.
    pub precision: Option<f64>,
    /// Labelled pairs among what was read / labelled pairs; null without labels.
    pub recall: Option<f64>,
}

/// How long true incidents took from their first access to their first handoff, in hours of the log's own time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Hours {
    pub median: f64,
    /// Nine of ten took no longer.
    pub p90: f64,
    pub longest: f64,
}

/// A reader's days.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Review {
    /// By how many are read a day.
    pub per_day: BTreeMap<usize, Day>,
    /// Null where no true incident was handed over.
    pub hours_to_handoff: Option<Hours>,
}

/// Reads handoffs: one JSON object a line.
///
/// # Errors
/// When the file cannot be read or a line is no handoff.
pub fn read_handoffs(path: &Path) -> Result<Vec<Told>> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| anyhow!("cannot read handoffs {name}: {error}"))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let read = lines.map(|(index, line)| {
        serde_json::from_str(line).with_context(|| {
            format!("handoffs {name}: line {} is no handoff; expected handoffs.ndjson as replay writes it", index + 1)
        })
    });
    read.collect()
}

/// An incident from its first handoff on.
struct Followed<'a> {
    first: &'a Told,
    pairs: BTreeSet<Pair>,
    is_true: bool,
}

fn is_true(snooping: &Snooping, pairs: &BTreeSet<Pair>) -> bool {
    let labelled = pairs.iter().filter(|pair| snooping.contains_key(*pair)).count();
    labelled > 0 && labelled * 2 >= pairs.len()
}

/// What a reader of the first handoffs would have met.
///
/// # Errors
/// When a handoff names a time zone that does not exist.
pub fn review(snooping: &Snooping, handoffs: &[Told]) -> Result<Review> {
    let followed = follow(snooping, handoffs);
    let mut days: BTreeMap<jiff::civil::Date, Vec<&Followed<'_>>> = BTreeMap::new();
    for incident in &followed {
        let first = incident.first;
        let zone = Zone::named(&first.detected.timezone)
            .map_err(|error| anyhow!("the handoff of incident {}: {error}", first.incident_id))?;
        days.entry(zone.date(first.emitted_at)).or_default().push(incident);
    }
    for day in days.values_mut() {
        day.sort_by(|a, b| b.first.score.total_cmp(&a.first.score).then(a.first.incident_id.cmp(&b.first.incident_id)));
    }
    let per_day = BUDGETS.into_iter().map(|most| (most, read(snooping, days.values(), most))).collect();
    let waited = followed.iter().filter(|incident| incident.is_true).map(|incident| incident.first);
    let hours = waited.map(|first| (first.emitted_at - first.occurred_start) as f64 / HOUR as f64).collect();
    Ok(Review { per_day, hours_to_handoff: hours_of(hours) })
}

/// Every incident that was ever handed over, with all the pairs of its handoffs.
fn follow<'a>(snooping: &Snooping, handoffs: &'a [Told]) -> Vec<Followed<'a>> {
    let mut followed: BTreeMap<&str, Followed<'a>> = BTreeMap::new();
    for told in handoffs {
        let incident = followed.entry(&told.incident_id).or_insert_with(|| Followed {
            first: told,
            pairs: BTreeSet::new(),
            is_true: false,
        });
        if told.sequence < incident.first.sequence {
            incident.first = told;
        }
        incident.pairs.extend(told.units.iter().map(|unit| (unit.user_id.clone(), unit.patient_id.clone())));
    }
    let mut followed: Vec<Followed<'a>> = followed.into_values().collect();
    for incident in &mut followed {
        incident.is_true = is_true(snooping, &incident.pairs);
    }
    followed
}

fn read<'a>(snooping: &Snooping, days: impl Iterator<Item = &'a Vec<&'a Followed<'a>>>, most: usize) -> Day {
    let (mut read, mut hits) = (0, 0);
    let mut found = BTreeSet::new();
    for incident in days.flat_map(|day| day.iter().take(most)) {
        read += 1;
        hits += usize::from(incident.is_true);
        found.extend(incident.pairs.iter().filter(|pair| snooping.contains_key(*pair)));
    }
    let share = |part: usize, whole: usize| (whole > 0).then(|| part as f64 / whole as f64);
    Day { read, precision: share(hits, read), recall: share(found.len(), snooping.len()) }
}

fn hours_of(mut hours: Vec<f64>) -> Option<Hours> {
    hours.sort_by(f64::total_cmp);
    let at = |share: f64| hours[((hours.len() - 1) as f64 * share).ceil() as usize];
    (!hours.is_empty()).then(|| Hours { median: at(0.5), p90: at(0.9), longest: at(1.0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(id: &str, sequence: u32, score: f64, pair: (&str, &str), emitted: &str) -> Told {
        let at = |text: &str| Timestamp::from(text.parse::<jiff::Timestamp>().unwrap());
        Told {
            incident_id: id.into(),
            sequence,
            score,
            units: vec![Opened { user_id: pair.0.into(), patient_id: pair.1.into() }],
            occurred_start: at("2026-03-02T12:00:00Z"),
            emitted_at: at(emitted),
            detected: Place { timezone: "America/Los_Angeles".into() },
        }
    }

    fn labels() -> Snooping {
        [(("u1".into(), "p1".into()), "vip".into()), (("u2".into(), "p2".into()), "household".into())].into()
    }

    #[test]
    fn the_best_of_each_local_day_are_read() {
        let handoffs = [
            told("i1", 1, 0.95, ("u1", "p1"), "2026-03-02T13:00:00Z"),
            told("i2", 1, 0.99, ("u9", "p9"), "2026-03-03T07:59:00Z"),
            told("i3", 1, 0.91, ("u2", "p2"), "2026-03-03T08:00:00Z"),
        ];
        let review = review(&labels(), &handoffs).unwrap();
        assert_eq!(review.per_day[&1], Day { read: 2, precision: Some(0.5), recall: Some(0.5) });
        assert_eq!(review.per_day[&2], Day { read: 3, precision: Some(2.0 / 3.0), recall: Some(1.0) });
    }

    #[test]
    fn hours_run_to_the_first_handoff_of_true_incidents() {
        let handoffs = [
            told("i1", 2, 0.99, ("u2", "p2"), "2026-03-09T13:00:00Z"),
            told("i1", 1, 0.95, ("u1", "p1"), "2026-03-02T13:00:00Z"),
            told("i2", 1, 0.99, ("u9", "p9"), "2026-03-05T12:00:00Z"),
        ];
        let review = review(&labels(), &handoffs).unwrap();
        let hours = review.hours_to_handoff.unwrap();
        assert_eq!((hours.median, hours.p90, hours.longest), (1.0, 1.0, 1.0));
        assert_eq!(review.per_day[&1].recall, Some(1.0), "what it grew by was read with it");
    }

    #[test]
    fn nothing_to_read_is_null() {
        let review = review(&labels(), &[]).unwrap();
        assert_eq!((review.per_day[&1].precision, review.hours_to_handoff), (None, None));
        assert_eq!(review.per_day[&1].recall, Some(0.0));
    }
}
