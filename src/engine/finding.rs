//! What a branch tells the desk of groups when both live in different processes: by value, with texts instead of
//! numbers.

use serde::{Deserialize, Serialize};

use crate::model::incident::{Incident, IncidentChange, Unit};
use crate::model::time::Timestamp;

use super::branch::Branch;
use super::context::Context;
use super::snapshot::SavedPart;

/// One thing that a branch found.
#[derive(Serialize, Deserialize)]
pub struct Finding {
    pub(super) what: What,
    /// The accesses that it speaks of.
    pub(super) behind: Vec<Witness>,
}

#[derive(Serialize, Deserialize)]
pub(super) enum What {
    /// A pair's own incident is handed over, unless it is part of another.
    Handoff(Box<IncidentChange>),
    /// What of an episode nothing explains.
    Part(Box<SavedPart>),
    /// A pair's own incident as it stands at an instant.
    Incident(Timestamp, Box<Incident>),
}

/// An access behind a unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witness {
    pub event_id: String,
    pub user_id: String,
    pub patient_id: String,
    pub occurred_at: Timestamp,
    /// The canonical event as JSON.
    pub json: String,
}

impl Finding {
    /// Since when it is so, in event time.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        match &self.what {
            What::Handoff(change) => change.emitted_at,
            What::Part(part) => part.at(),
            What::Incident(at, _) => *at,
        }
    }

    /// The pair's own incident, where it has one.
    #[must_use]
    pub fn incident_id(&self) -> Option<&str> {
        match &self.what {
            What::Handoff(change) => Some(&change.incident.incident_id),
            What::Incident(_, incident) => Some(&incident.incident_id),
            What::Part(_) => None,
        }
    }

    pub(super) fn handoff(change: Box<IncidentChange>, branch: &Branch, context: &Context) -> Self {
        let behind = change.units.iter().flat_map(|unit| witnesses(unit, branch, context)).collect();
        Self { what: What::Handoff(change), behind }
    }

    pub(super) fn part(part: SavedPart, branch: &Branch, context: &Context) -> Self {
        let behind = witnesses(&part.unit, branch, context).collect();
        Self { what: What::Part(part.into()), behind }
    }

    pub(super) fn incident(at: Timestamp, incident: Incident) -> Self {
        Self { what: What::Incident(at, incident.into()), behind: Vec::new() }
    }
}

fn witnesses(unit: &Unit, branch: &Branch, context: &Context) -> impl Iterator<Item = Witness> {
    let events = branch.behind(unit, context);
    let (user_id, patient_id) = (unit.user_id.clone(), unit.patient_id.clone());
    events.into_iter().map(move |event| Witness {
        event_id: event.event_id.to_string(),
        user_id: user_id.clone(),
        patient_id: patient_id.clone(),
        occurred_at: event.occurred_at,
        json: serde_json::to_string(&event).unwrap_or_default(),
    })
}
