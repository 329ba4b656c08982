//! What a replay writes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jiff::civil::Date;

use crate::breach::handoff::{Clocks, Facility, Handoff, RunIdentity, source_available};
use crate::decode::Counters;
use crate::engine::Engine;
use crate::engine::output::{Output, SLOT, Slots};
use crate::engine::roles;
use crate::model::incident::Incident;
use crate::model::reject::Reject;
use crate::model::time::{Timestamp, Zone};
use crate::pipeline::conflicts::Conflict;
use crate::replay::output::{NdjsonFile, create_directory, remove_result};
use crate::replay::report::{DayCount, DetectionFigures, ReportInput, latest_handoffs, write_report};
use crate::replay::summary::{FeedGap, IncidentCounts, LocalTimeCounts, Measured, RejectCounts, Summary, Unnamed};
use crate::replay::tables::{
    DetectionRow, DetectionsFile, VerdictRow, VerdictsFile, write_incidents_ndjson, write_incidents_parquet,
};

/// What stays the same in every handoff of a run.
pub(super) struct Stamps {
    /// The run's "now".
    pub(super) now: Timestamp,
    pub(super) available_at: Option<Timestamp>,
    pub(super) run: RunIdentity,
    pub(super) facility: Facility,
}

/// The files of `--out`, being written.
pub(super) struct Results {
    directory: PathBuf,
    stamps: Stamps,
    detections: DetectionsFile,
    verdicts: Option<VerdictsFile>,
    handoffs: NdjsonFile,
    quarantine: NdjsonFile,
    rejects: RejectCounts,
    told: Vec<serde_json::Value>,
}

impl Results {
    /// Starts the files; nothing that stands in `directory` is touched before the run is done.
    pub(super) fn create(directory: &Path, with_verdicts: bool, stamps: Stamps) -> Result<Self> {
        create_directory(directory)?;
        Ok(Self {
            directory: directory.to_owned(),
            detections: DetectionsFile::create(directory)?,
            verdicts: with_verdicts.then(|| VerdictsFile::create(directory)).transpose()?,
            handoffs: NdjsonFile::create(directory, "handoffs.ndjson")?,
            quarantine: NdjsonFile::create(directory, "quarantine.ndjson")?,
            rejects: RejectCounts::default(),
            told: Vec::new(),
            stamps,
        })
    }

    pub(super) fn reject(&mut self, reject: &Reject) -> Result<()> {
        self.rejects.add(reject.reason);
        self.quarantine.push(reject)
    }

    /// Writes what an advance of the engine brought.
    pub(super) fn take(&mut self, output: &Output) -> Result<()> {
        for change in &output.handoffs {
            let (source_available_at, source_available_assumed) = source_available(change, self.stamps.available_at);
            let now = self.stamps.now;
            let clocks = Clocks {
                ingested_at: now,
                flagged_at: now,
                surfaced_at: Some(now),
                source_available_at,
                source_available_assumed,
                ..Clocks::default()
            };
            let handoff = Handoff::new(change, &clocks, &self.stamps.run, &self.stamps.facility);
            self.handoffs.push(&handoff)?;
            self.told.push(serde_json::to_value(&handoff).context("cannot put a handoff into JSON")?);
        }
        let detections: Vec<DetectionRow<'_>> = output
            .detections
            .iter()
            .map(|detection| DetectionRow {
                event_id: &detection.event_id,
                occurred_at: detection.occurred_at,
                user_id: &detection.user_id,
                patient_id: Some(&detection.patient_id),
                detector_id: detection.detector_id,
                weight: detection.weight,
                incident_id: detection.incident_id.as_deref(),
            })
            .collect();
        self.detections.push(&detections)?;
        if let Some(verdicts) = &mut self.verdicts {
            let rows: Vec<VerdictRow<'_>> = output
                .verdicts
                .iter()
                .map(|verdict| VerdictRow {
                    event_id: &verdict.event_id,
                    occurred_at: verdict.occurred_at,
                    user_id: &verdict.user_id,
                    patient_id: Some(&verdict.patient_id),
                    verdict: verdict.kind.name(),
                    basis: verdict.basis,
                    record_id: verdict.record_id.as_deref(),
                })
                .collect();
            verdicts.push(&rows)?;
        }
        Ok(())
    }

    /// Writes the rest and gives every file its name.
    pub(super) fn finish(self, engine: &Engine, given: &Given<'_>, seconds: f64) -> Result<Summary> {
        let (directory, zone) = (&self.directory, &self.stamps.facility.zone);
        let incidents = engine.incidents();
        write_incidents_ndjson(directory, &incidents)?;
        write_incidents_parquet(directory, &incidents)?;
        self.detections.finish()?;
        match self.verdicts {
            Some(verdicts) => verdicts.finish()?,
            None => remove_result(directory, "verdicts.parquet")?,
        }
        self.handoffs.finish()?;
        self.quarantine.finish()?;
        let summary = summarize(engine, given, &incidents, self.rejects, seconds);
        let handoffs = latest_handoffs(&self.told);
        let input = ReportInput {
            facility: given.facility_name,
            zone,
            as_of: self.stamps.now,
            run_id: &self.stamps.run.run_id,
            policy_hash: &self.stamps.run.policy_hash,
            summary: &summary,
            incidents: &incidents,
            handoffs: &handoffs,
            days: &days(&engine.slots(), zone),
            figures: &DetectionFigures::read(&directory.join("detections.parquet"), zone)?,
        };
        write_report(directory, &input)?;
        summary.write(directory)?;
        Ok(summary)
    }
}

/// What a run was given, besides what the engine made of it.
pub(super) struct Given<'g> {
    pub(super) counters: Counters,
    pub(super) conflicts: &'g [Conflict],
    /// `[roles]`.
    pub(super) roles: &'g BTreeMap<String, Vec<String>>,
    pub(super) facility_name: Option<&'g str>,
}

fn summarize(
    engine: &Engine,
    given: &Given<'_>,
    incidents: &[Incident],
    rejects: RejectCounts,
    seconds: f64,
) -> Summary {
    let tally = engine.tally();
    let Given { counters, roles: classes, .. } = given;
    let mut context_conflicts = BTreeMap::new();
    for conflict in given.conflicts {
        *context_conflicts.entry(conflict.table.name()).or_default() += 1;
    }
    let unlisted = engine.unlisted();
    let silences = engine.silences(&tally, None);
    let events = tally.accesses() + tally.without_patient + tally.not_successful + tally.duplicates;
    Summary {
        accesses: tally.accesses(),
        explained: tally.explained(),
        explained_by: engine.explained_by(&tally),
        unexplained: tally.unexplained,
        suspicious: tally.suspicious,
        incidents: IncidentCounts::of(incidents),
        rejects,
        duplicates: tally.duplicates,
        late: tally.late,
        without_patient: tally.without_patient,
        not_successful: tally.not_successful,
        degraded: tally.degraded,
        muted: tally.muted.clone(),
        unmatched_roles: roles::unmatched(engine.context().role_texts(), classes).into_iter().collect::<BTreeSet<_>>(),
        unknown_actor: Unnamed::of(&unlisted.users),
        unknown_patient: Unnamed::of(&unlisted.patients),
        audit_feed_gap: silences.into_iter().map(|(from, until)| FeedGap { from, until }).collect(),
        context_conflicts,
        unknown_fields: counters.unknown_fields.clone(),
        local_times: LocalTimeCounts { repeated: counters.local_repeated, skipped: counters.local_skipped },
        measured: Measured::of(events, seconds),
    }
}

fn days(slots: &Slots, zone: &Zone) -> BTreeMap<Date, DayCount> {
    let mut days: BTreeMap<Date, DayCount> = BTreeMap::new();
    for (slot, [accesses, unexplained, suspicious]) in slots {
        let day = days.entry(zone.date(Timestamp(slot * SLOT))).or_default();
        day.accesses += accesses;
        day.unexplained += unexplained;
        day.suspicious += suspicious;
    }
    days
}
