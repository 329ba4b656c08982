//! What another policy changes: the incidents of two replays of one log, side by side.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::incident::{Incident, IncidentKind, Severity, Status};

/// An incident under one policy, in brief.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Brief {
    pub score: f64,
    pub severity: Severity,
    pub status: Status,
    pub access_count: u64,
}

/// An incident that the policies do not agree about.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    pub incident_id: String,
    pub kind: IncidentKind,
    /// Under the first policy; null where it finds nothing.
    pub before: Option<Brief>,
    /// Under the second policy.
    pub after: Option<Brief>,
    /// Weights that only the second policy gives, or gives differently, by contribution.
    pub weights: BTreeMap<String, f64>,
}

/// Two policies over one log.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Incidents that a person has to read, under each policy: provisional and open ones.
    pub standing: [usize; 2],
    /// Hours that reading them takes.
    pub reviewer_hours: [f64; 2],
    /// Stand under the second policy only.
    pub added: Vec<Difference>,
    /// Stand under the first policy only.
    pub lost: Vec<Difference>,
    /// Stand under both, with another score, severity, status or number of accesses.
    pub changed: Vec<Difference>,
    /// Stand under both and are the same.
    pub unchanged: usize,
}

fn stands(incident: &Incident) -> bool {
    matches!(incident.status, Status::Provisional | Status::Open)
}

fn brief(incident: &Incident) -> Brief {
    let Incident { score, severity, status, access_count, .. } = *incident;
    Brief { score, severity, status, access_count }
}

fn weights(before: Option<&Incident>, after: Option<&Incident>) -> BTreeMap<String, f64> {
    let of = |incident: Option<&Incident>| -> BTreeMap<String, f64> {
        let contributions = incident.into_iter().flat_map(|incident| &incident.contributions);
        contributions.map(|one| (one.id.clone(), one.weight)).collect()
    };
    let old = of(before);
    of(after).into_iter().filter(|(id, weight)| old.get(id) != Some(weight)).collect()
}

/// Compares the incidents of two policies; reading one takes so many minutes.
#[must_use]
pub fn compare(before: &[Incident], after: &[Incident], minutes: f64) -> Comparison {
    let by_id = |incidents: &[Incident]| -> BTreeMap<String, Incident> {
        incidents.iter().map(|incident| (incident.incident_id.clone(), incident.clone())).collect()
    };
    let (old, new) = (by_id(before), by_id(after));
    let standing = [&old, &new].map(|incidents| incidents.values().filter(|incident| stands(incident)).count());
    let mut comparison = Comparison {
        standing,
        reviewer_hours: standing.map(|count| count as f64 * minutes / 60.0),
        added: Vec::new(),
        lost: Vec::new(),
        changed: Vec::new(),
        unchanged: 0,
    };
    let ids: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for id in ids {
        let (one, other) = (old.get(id), new.get(id));
        let Some(kind) = one.or(other).map(|incident| incident.kind) else { continue };
        let difference = Difference {
            incident_id: id.clone(),
            kind,
            before: one.map(brief),
            after: other.map(brief),
            weights: weights(one, other),
        };
        match (one.is_some_and(stands), other.is_some_and(stands)) {
            (false, true) => comparison.added.push(difference),
            (true, false) => comparison.lost.push(difference),
            (true, true) if difference.before != difference.after => comparison.changed.push(difference),
            (true, true) => comparison.unchanged += 1,
            (false, false) => {}
        }
    }
    comparison
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::incident::Contribution;
    use crate::model::time::Timestamp;

    fn incident(id: &str, score: f64, status: Status, weight: f64) -> Incident {
        Incident {
            incident_id: id.to_owned(),
            kind: IncidentKind::Pair,
            user_id: Some("u1".to_owned()),
            user_ids: Vec::new(),
            patient_ids: vec!["p1".to_owned()],
            score,
            severity: Severity::Medium,
            status,
            merged_into: None,
            occurred_first: Timestamp(0),
            occurred_last: Timestamp(0),
            access_count: 1,
            prior: -7.0,
            contributions: vec![Contribution { id: "household".to_owned(), weight, reason: String::new() }],
            degraded: Vec::new(),
            accesses: Vec::new(),
        }
    }

    #[test]
    fn what_a_policy_adds_loses_and_changes() {
        let before = [
            incident("i1", 0.95, Status::Open, 4.0),
            incident("i2", 0.96, Status::Open, 4.0),
            incident("i3", 0.97, Status::Open, 4.0),
            incident("i4", 0.97, Status::Withdrawn, 4.0),
        ];
        let after = [
            incident("i1", 0.95, Status::Open, 4.0),
            incident("i2", 0.99, Status::Open, 6.0),
            incident("i4", 0.97, Status::Provisional, 4.0),
            incident("i5", 0.97, Status::Merged, 4.0),
        ];
        let found = compare(&before, &after, 30.0);
        assert_eq!((found.standing, found.reviewer_hours), ([3, 3], [1.5, 1.5]));
        let ids = |differences: &[Difference]| -> Vec<String> {
            differences.iter().map(|difference| difference.incident_id.clone()).collect()
        };
        assert_eq!(ids(&found.added), ["i4"]);
        assert_eq!(ids(&found.lost), ["i3"]);
        assert_eq!(ids(&found.changed), ["i2"]);
        assert_eq!(found.changed[0].weights["household"], 6.0);
        assert_eq!(found.unchanged, 1);
    }
}
