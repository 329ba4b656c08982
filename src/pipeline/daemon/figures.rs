//! What the engine thread tells the metrics.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::Engine;
use crate::engine::output::{Output, Tally, Unlisted};
use crate::model::incident::{Incident, Severity, Status};
use crate::model::time::{SECOND, Timestamp, Zone};
use crate::telemetry::{FeedTrouble, Journal, Verdicts};

/// How often the engine's counts are taken, in microseconds: they walk the whole horizon.
const EVERY: i64 = 5 * SECOND;

/// Counts that were told, so that only what is new is added.
pub(super) struct Figures {
    zone: Zone,
    told: Tally,
    told_explained: u64,
    measured_at: i64,
    open: BTreeMap<String, Severity>,
    unlisted: Unlisted,
    silences: BTreeSet<Timestamp>,
}

impl Figures {
    /// Starts from what stands in the store and the engine's own counts.
    pub(super) fn new(zone: Zone, standing: &[Incident], engine: &Engine, now: i64) -> Self {
        let told = engine.tally();
        let mut figures = Self {
            zone,
            told_explained: told.explained(),
            told,
            measured_at: now,
            open: BTreeMap::new(),
            unlisted: Unlisted::default(),
            silences: BTreeSet::new(),
        };
        standing.iter().for_each(|incident| figures.stands(incident));
        figures
    }

    fn stands(&mut self, incident: &Incident) {
        if matches!(incident.status, Status::Provisional | Status::Open) {
            self.open.insert(incident.incident_id.clone(), incident.severity);
        } else {
            self.open.remove(&incident.incident_id);
        }
    }

    /// Notes what came out.
    pub(super) fn output(&mut self, output: &Output, journal: &Journal, now: Timestamp) {
        output.incidents.iter().for_each(|incident| self.stands(incident));
        output.handoffs.iter().for_each(|change| journal.handed_over(change, now));
        let mut detections: BTreeMap<&str, u64> = BTreeMap::new();
        for detection in &output.detections {
            *detections.entry(detection.detector_id).or_default() += 1;
        }
        detections.into_iter().for_each(|(id, count)| journal.metrics().detections(id, count));
    }

    /// Tells what the feeds lack, each person, chart and silence once.
    fn feeds(&mut self, engine: &Engine, tally: &Tally, journal: &Journal, now: Timestamp) {
        let unlisted = engine.unlisted();
        let new = |known: &BTreeSet<String>, told: &BTreeSet<String>| known.difference(told).count() as u64;
        let silences: BTreeSet<Timestamp> =
            engine.silences(tally, Some(engine.clock())).into_iter().map(|(from, _)| from).collect();
        let counts = [
            (FeedTrouble::UnknownActor, new(&unlisted.users, &self.unlisted.users)),
            (FeedTrouble::UnknownPatient, new(&unlisted.patients, &self.unlisted.patients)),
            (FeedTrouble::AuditFeedGap, silences.difference(&self.silences).count() as u64),
        ];
        for (trouble, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            journal.feed_trouble(trouble, count, now);
        }
        (self.unlisted, self.silences) = (unlisted, silences);
    }

    /// Tells the counts when it is time, or `at_once`.
    pub(super) fn measure(&mut self, engine: &Engine, journal: &Journal, elapsed: i64, now: Timestamp, at_once: bool) {
        if elapsed - self.measured_at < EVERY && !at_once {
            return;
        }
        self.measured_at = elapsed;
        let metrics = journal.metrics();
        metrics.open_incidents(Severity::ALL.map(|wanted| {
            let count = self.open.values().filter(|severity| **severity == wanted).count();
            u64::try_from(count).unwrap_or(u64::MAX)
        }));
        let tally = engine.tally();
        // A verdict may change later: a counter of first verdicts only grows.
        let explained = tally.explained();
        metrics.verdicts(Verdicts {
            explained: explained.saturating_sub(self.told_explained),
            unexplained: tally.unexplained.saturating_sub(self.told.unexplained),
            suspicious: tally.suspicious.saturating_sub(self.told.suspicious),
        });
        metrics.duplicates(tally.duplicates.saturating_sub(self.told.duplicates));
        journal.late(tally.late.saturating_sub(self.told.late), now);
        let beyond = &tally.beyond_horizon;
        if beyond.facts > self.told.beyond_horizon.facts
            && let Some(oldest) = beyond.oldest
        {
            journal.beyond_horizon(self.zone.date(oldest), self.zone.date(engine.clock()), now);
        }
        self.feeds(engine, &tally, journal, now);
        self.told_explained = self.told_explained.max(explained);
        self.told = tally;
    }
}
