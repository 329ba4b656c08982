//! From what the engine says to what the store keeps.

use std::collections::BTreeMap;

use crate::breach::handoff::{Clocks, Facility, Handoff, RunIdentity, source_available};
use crate::engine::output::Output;
use crate::model::incident::{Incident, IncidentChange};
use crate::model::time::Timestamp;
use crate::sink::routing::{Route, outbox_items};
use crate::store::{self, EvidenceRow, HandoffRecord, IncidentRecord, OutboxItem, Store, StoreError};

/// Turns the engine's output into records.
pub(super) struct Reporter {
    pub(super) run: RunIdentity,
    pub(super) facility: Facility,
    pub(super) routes: Vec<Route>,
}

/// Records of the output since the last commit.
#[derive(Default)]
pub(super) struct Records {
    pub(super) incidents: Vec<IncidentRecord>,
    pub(super) handoffs: Vec<HandoffRecord>,
    pub(super) outbox: Vec<OutboxItem>,
    /// The accesses behind the units of the handoffs.
    pub(super) evidence: Vec<EvidenceRow>,
    /// Clocks of incidents that the store does not have yet.
    clocks: BTreeMap<String, store::Clocks>,
    /// When incidents were found, where that was elsewhere and earlier.
    pub(super) found: BTreeMap<String, Timestamp>,
}

impl Reporter {
    /// Adds what came out at `now`. A clock that was set before keeps its value.
    ///
    /// # Errors
    /// When the store cannot be read, or a handoff cannot be written as JSON.
    pub(super) fn report(
        &self,
        output: &Output,
        now: Timestamp,
        store: &Store,
        records: &mut Records,
    ) -> anyhow::Result<()> {
        let mut handoffs = Vec::with_capacity(output.handoffs.len());
        for change in &output.handoffs {
            let clocks = self.clocks_of_change(change, now, store, records)?;
            records.incidents.push(IncidentRecord { incident: change.incident.clone(), clocks: clocks.clone() });
            handoffs.push(self.handoff(change, &clocks, now)?);
        }
        let told = &records.outbox;
        let queued = |sink: &str, incident: &str| {
            let earlier = records.handoffs.iter().filter(|handoff| handoff.incident_id == incident);
            let mut ids = earlier.map(|handoff| handoff.handoff_id.as_str());
            let is_waiting = ids.any(|id| told.iter().any(|item| item.sink == sink && item.handoff_id == id));
            if is_waiting { Ok(true) } else { store.was_queued(sink, incident) }
        };
        let items = outbox_items(&self.routes, &handoffs, queued)?;
        records.outbox.extend(items);
        records.handoffs.extend(handoffs);
        for incident in &output.incidents {
            let clocks = self.clocks_of(&incident.incident_id, now, store, records)?;
            records.incidents.push(IncidentRecord { incident: incident.clone(), clocks });
        }
        Ok(())
    }

    /// The clocks of an incident that stands: what the store has, else that it is flagged now.
    fn clocks_of(
        &self,
        incident_id: &str,
        now: Timestamp,
        store: &Store,
        records: &mut Records,
    ) -> Result<store::Clocks, StoreError> {
        if let Some(clocks) = records.clocks.get(incident_id) {
            return Ok(clocks.clone());
        }
        let mut clocks = store.clocks(incident_id)?;
        let found = records.found.get(incident_id).copied().unwrap_or(now);
        clocks.flagged_at.get_or_insert(found.min(now));
        clocks.run_id.get_or_insert_with(|| self.run.run_id.clone());
        records.clocks.insert(incident_id.to_owned(), clocks.clone());
        Ok(clocks)
    }

    fn clocks_of_change(
        &self,
        change: &IncidentChange,
        now: Timestamp,
        store: &Store,
        records: &mut Records,
    ) -> Result<store::Clocks, StoreError> {
        let mut clocks = self.clocks_of(&change.incident.incident_id, now, store, records)?;
        let flagged = clocks.flagged_at.unwrap_or(now);
        clocks.ingested_at.get_or_insert(ingested(change.ingested_at, flagged));
        if self.is_shown(&change.incident) {
            clocks.surfaced_at.get_or_insert(now.max(flagged));
        }
        records.clocks.insert(change.incident.incident_id.clone(), clocks.clone());
        Ok(clocks)
    }

    /// Whether a person is expected to look where this incident is told.
    fn is_shown(&self, incident: &Incident) -> bool {
        self.routes.iter().any(|route| incident.severity >= route.min_severity)
    }

    fn handoff(
        &self,
        change: &IncidentChange,
        clocks: &store::Clocks,
        now: Timestamp,
    ) -> anyhow::Result<HandoffRecord> {
        let (source_available_at, source_available_assumed) = source_available(change, None);
        let clocks = Clocks {
            ingested_at: clocks.ingested_at.unwrap_or(now),
            flagged_at: clocks.flagged_at.unwrap_or(now),
            surfaced_at: clocks.surfaced_at,
            source_available_at,
            source_available_assumed,
            ..Clocks::default()
        };
        let handoff = Handoff::new(change, &clocks, &self.run, &self.facility);
        Ok(HandoffRecord {
            json: serde_json::to_string(&handoff)?,
            handoff_id: handoff.handoff_id,
            incident_id: handoff.incident_id,
            sequence: handoff.sequence,
            severity: handoff.severity,
            emitted_at: change.emitted_at,
        })
    }
}

/// When the earliest access was received: not after the incident was flagged, whatever the wall clock did between the
/// two, also across a restart.
fn ingested(received: Option<Timestamp>, flagged: Timestamp) -> Timestamp {
    received.map_or(flagged, |received| received.min(flagged))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_flagged_before_it_was_received() {
        let flagged = Timestamp(50);
        let received = [None, Some(Timestamp(40)), Some(Timestamp(90))];
        assert_eq!(received.map(|at| ingested(at, flagged).0), [50, 40, 50]);
    }
}
