//! How much of the labelled snooping the incidents hold, and how much else.
//!
//! The unit is a pair of user and patient. An incident's pairs are its user (or users) with each of
//! its patients, together with the pairs of the incidents that were merged into it. Incidents that
//! are withdrawn or merged are not counted themselves. An incident is *true* when at least half of
//! its pairs are labelled; a labelled pair is *found* when a counted incident holds it, true or not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Result, anyhow};
use serde::{Deserialize, Serialize};

use super::labels::{Pair, Snooping};
use crate::model::incident::{Incident, Status};

/// The fields of an incident that count here; others are ignored.
#[derive(Clone, Debug, Deserialize)]
pub struct Found {
    pub incident_id: String,
    #[serde(default)]
    pub user_id: Option<String>,
    /// Who acted, where there are several.
    #[serde(default)]
    pub user_ids: Vec<String>,
    pub patient_ids: Vec<String>,
    pub score: f64,
    pub status: Status,
    #[serde(default)]
    pub merged_into: Option<String>,
}

impl From<&Incident> for Found {
    fn from(incident: &Incident) -> Self {
        Self {
            incident_id: incident.incident_id.clone(),
            user_id: incident.user_id.clone(),
            user_ids: incident.user_ids.clone(),
            patient_ids: incident.patient_ids.clone(),
            score: incident.score,
            status: incident.status,
            merged_into: incident.merged_into.clone(),
        }
    }
}

impl Found {
    /// Each of its people with each of its charts.
    pub fn pairs(&self) -> impl Iterator<Item = Pair> {
        let users = self.user_id.iter().chain(&self.user_ids);
        users.flat_map(|user| self.patient_ids.iter().map(move |patient| (user.clone(), patient.clone())))
    }
}

/// How much of one kind was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct KindRecall {
    pub labelled: usize,
    pub found: usize,
    /// `found / labelled`.
    pub recall: f64,
}

/// The result, as printed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// Incidents that are neither withdrawn nor merged.
    pub incidents: usize,
    pub true_incidents: usize,
    /// `true_incidents / incidents`; null without incidents.
    pub precision: Option<f64>,
    /// Labelled pairs found / labelled pairs; null without labels.
    pub recall: Option<f64>,
    pub recall_by_kind: BTreeMap<String, KindRecall>,
    /// Down the list by score, the precision at each true incident, weighted by the share of all
    /// labelled pairs that it is the first to hold; null without labels.
    pub average_precision: Option<f64>,
    /// Precision among the first 10, 50, 100 ... incidents (among all, where there are fewer); null
    /// without incidents.
    pub precision_at: BTreeMap<usize, Option<f64>>,
}

/// How many incidents a privacy office may have time for.
pub const BUDGETS: [usize; 5] = [10, 50, 100, 500, 1_000];

/// Reads incidents: one JSON object a line.
///
/// # Errors
/// When the file cannot be read or a line is no incident.
pub fn read_incidents(path: &Path) -> Result<Vec<Found>> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| anyhow!("cannot read incidents {name}: {error}"))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let read = lines.map(|(index, line)| {
        serde_json::from_str(line).map_err(|error| {
            anyhow!(
                "incidents {name}: line {} is no incident: {error}; expected incidents.ndjson as replay writes it",
                index + 1
            )
        })
    });
    read.collect()
}

/// An incident that counts, with its pairs.
struct Counted<'a> {
    incident: &'a Found,
    pairs: BTreeSet<Pair>,
}

impl Counted<'_> {
    fn is_true(&self, snooping: &Snooping) -> bool {
        let labelled = self.pairs.iter().filter(|pair| snooping.contains_key(*pair)).count();
        labelled > 0 && labelled * 2 >= self.pairs.len()
    }
}

/// Those that count, highest score first, ties by id.
fn counted(incidents: &[Found]) -> Vec<Counted<'_>> {
    let mut merged: BTreeMap<&str, Vec<&Found>> = BTreeMap::new();
    for incident in incidents {
        if let (Status::Merged, Some(into)) = (incident.status, &incident.merged_into) {
            merged.entry(into).or_default().push(incident);
        }
    }
    let live = incidents.iter().filter(|incident| matches!(incident.status, Status::Open | Status::Provisional));
    let mut counted: Vec<Counted<'_>> = live
        .map(|incident| {
            let parts = merged.get(incident.incident_id.as_str()).into_iter().flatten();
            let pairs = incident.pairs().chain(parts.flat_map(|part| part.pairs())).collect();
            Counted { incident, pairs }
        })
        .collect();
    counted.sort_by(|a, b| {
        b.incident.score.total_cmp(&a.incident.score).then_with(|| a.incident.incident_id.cmp(&b.incident.incident_id))
    });
    counted
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Pairs found and incidents counted, true ones and false ones.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    pub found: BTreeSet<Pair>,
    pub true_incidents: usize,
    pub false_incidents: usize,
}

/// What incidents hold of labelled pairs, and how many of them are true.
#[must_use]
pub fn standing(snooping: &Snooping, incidents: &[Found]) -> Standing {
    let mut standing = Standing::default();
    for incident in counted(incidents) {
        let is_true = incident.is_true(snooping);
        standing.true_incidents += usize::from(is_true);
        standing.false_incidents += usize::from(!is_true);
        standing.found.extend(incident.pairs.into_iter().filter(|pair| snooping.contains_key(pair)));
    }
    standing
}

/// Compares incidents with labels.
#[must_use]
pub fn evaluate(snooping: &Snooping, incidents: &[Found]) -> Evaluation {
    let counted = counted(incidents);
    let truth: Vec<bool> = counted.iter().map(|incident| incident.is_true(snooping)).collect();
    let mut found: BTreeSet<&Pair> = BTreeSet::new();
    let (mut hits, mut credit) = (0_usize, 0.0);
    for (rank, incident) in counted.iter().enumerate() {
        let before = found.len();
        found.extend(incident.pairs.iter().filter(|pair| snooping.contains_key(*pair)));
        if truth[rank] {
            hits += 1;
            credit += (found.len() - before) as f64 * hits as f64 / (rank + 1) as f64;
        }
    }
    let budget = |most: usize| {
        let reviewed = &truth[..most.min(truth.len())];
        share(reviewed.iter().filter(|is_true| **is_true).count(), reviewed.len())
    };
    Evaluation {
        incidents: counted.len(),
        true_incidents: hits,
        precision: share(hits, counted.len()),
        recall: share(found.len(), snooping.len()),
        recall_by_kind: recall_by_kind(snooping, &found),
        average_precision: (!snooping.is_empty()).then(|| credit / snooping.len() as f64),
        precision_at: BUDGETS.into_iter().map(|most| (most, budget(most))).collect(),
    }
}

fn recall_by_kind(snooping: &Snooping, found: &BTreeSet<&Pair>) -> BTreeMap<String, KindRecall> {
    let mut kinds: BTreeMap<String, KindRecall> = BTreeMap::new();
    for (pair, kind) in snooping {
        let recall = kinds.entry(kind.clone()).or_default();
        recall.labelled += 1;
        recall.found += usize::from(found.contains(pair));
    }
    for recall in kinds.values_mut() {
        recall.recall = recall.found as f64 / recall.labelled as f64;
    }
    kinds
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(rows: &[(&str, &str, &str)]) -> Snooping {
        rows.iter().map(|(user, patient, kind)| (((*user).into(), (*patient).into()), (*kind).into())).collect()
    }

    fn incident(id: &str, users: &[&str], patients: &[&str], score: f64) -> Found {
        Found {
            incident_id: id.into(),
            user_id: (users.len() == 1).then(|| users[0].into()),
            user_ids: if users.len() > 1 { users.iter().map(|user| (*user).into()).collect() } else { Vec::new() },
            patient_ids: patients.iter().map(|patient| (*patient).into()).collect(),
            score,
            status: Status::Open,
            merged_into: None,
        }
    }

    #[test]
    fn precision_recall_and_average_precision() {
        let labels = labels(&[("u1", "p1", "household"), ("u2", "p2", "household"), ("u3", "p3", "vip")]);
        let incidents = [
            incident("i3", &["u2"], &["p2"], 0.91),
            incident("i1", &["u1"], &["p1"], 0.99),
            incident("i2", &["u9"], &["p9"], 0.95),
        ];
        let result = evaluate(&labels, &incidents);
        assert_eq!((result.incidents, result.true_incidents), (3, 2));
        assert_eq!(result.precision, Some(2.0 / 3.0));
        assert_eq!(result.recall, Some(2.0 / 3.0));
        let average = result.average_precision.unwrap();
        assert!((average - (1.0 + 2.0 / 3.0) / 3.0).abs() < 1e-12, "{average}");
        assert_eq!(result.recall_by_kind["household"], KindRecall { labelled: 2, found: 2, recall: 1.0 });
        assert_eq!(result.recall_by_kind["vip"].found, 0);
        assert_eq!(result.precision_at[&10], Some(2.0 / 3.0));
    }

    #[test]
    fn withdrawn_and_merged_incidents_do_not_count_but_their_pairs_join_the_whole() {
        let labels = labels(&[("u1", "p1", "curiosity"), ("u2", "p1", "curiosity")]);
        let withdrawn = Found { status: Status::Withdrawn, ..incident("i1", &["u1"], &["p1"], 0.99) };
        assert_eq!(evaluate(&labels, &[withdrawn]).incidents, 0);
        let whole = Found { user_id: None, ..incident("i2", &[], &["p1"], 0.99) };
        let part = |id, user| Found {
            status: Status::Merged,
            merged_into: Some("i2".into()),
            ..incident(id, &[user], &["p1"], 0.95)
        };
        let result = evaluate(&labels, &[whole, part("i3", "u1"), part("i4", "u2")]);
        assert_eq!((result.incidents, result.true_incidents, result.recall), (1, 1, Some(1.0)));
    }

    #[test]
    fn half_of_the_pairs_make_an_incident_true() {
        let labels = labels(&[("u1", "p1", "harvesting"), ("u1", "p2", "harvesting")]);
        let half = incident("i1", &["u1"], &["p1", "p2", "p3", "p4"], 0.99);
        let less = incident("i2", &["u1"], &["p1", "p2", "p3", "p4", "p5"], 0.98);
        assert_eq!(evaluate(&labels, &[half]).true_incidents, 1);
        let result = evaluate(&labels, &[less]);
        assert_eq!((result.true_incidents, result.recall), (0, Some(1.0)));
    }

    #[test]
    fn nothing_to_divide_by_is_null() {
        let result = evaluate(&Snooping::new(), &[]);
        assert_eq!((result.precision, result.recall, result.average_precision), (None, None, None));
        assert_eq!(result.precision_at[&100], None);
    }
}
