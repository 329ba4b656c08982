//! What the engine thread tells the metrics.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::load::Load;
use crate::engine::output::{Output, Tally, Unlisted};
use crate::engine::{Engine, detectors};
use crate::model::context::RelationshipKind;
use crate::model::incident::{Incident, Severity, Status};
use crate::model::time::{SECOND, Timestamp, Zone};
use crate::source::kafka::{RecordBatch, RecordTime};
use crate::telemetry::{EngineState, FeedTrouble, Journal, Metrics, Stream, Verdicts};

/// How often the engine's counts are taken, in microseconds: they walk the whole horizon.
const EVERY: i64 = 5 * SECOND;

/// When the figures are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// Microseconds of the monotonic clock.
    pub(super) elapsed: i64,
    pub(super) now: Timestamp,
    /// Everything that came was read, so that silence is the feed's and not ours.
    pub(super) is_idle: bool,
    /// Also before it is time.
    pub(super) at_once: bool,
}

impl Moment {
    /// Up to when the feeds can be said to have spoken or not.
    fn of_feeds(self, engine: &Engine) -> Timestamp {
        if self.is_idle { engine.clock().max(self.now) } else { engine.clock() }
    }
}

/// Counts that were told, so that only what is new is added.
pub(super) struct Figures {
    zone: Zone,
    told: Tally,
    told_explained: u64,
    measured_at: i64,
    /// Standing incidents: how severe, and whether the evidence is incomplete.
    open: BTreeMap<String, (Severity, bool)>,
    unlisted: Unlisted,
    silences: BTreeSet<Timestamp>,
}

impl Figures {
    /// Starts from what stands in the store and the engine's own counts.
    pub(super) fn new(zone: Zone, standing: &[Incident], told: Tally, metrics: &Metrics, now: i64) -> Self {
        // A series that appears only with its first count hides that count from `rate()`.
        detectors::REGISTRY.iter().for_each(|entry| metrics.detections(entry.meta.id, 0));
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

    /// What earlier figures told of the feeds is not told again.
    pub(super) fn going_on_from(self, earlier: Option<Self>) -> Self {
        match earlier {
            Some(Self { unlisted, silences, .. }) => Self { unlisted, silences, ..self },
            None => self,
        }
    }

    fn stands(&mut self, incident: &Incident) {
        if matches!(incident.status, Status::Provisional | Status::Open) {
            let is_degraded = !incident.degraded.is_empty();
            self.open.insert(incident.incident_id.clone(), (incident.severity, is_degraded));
        } else {
            self.open.remove(&incident.incident_id);
        }
    }

    /// Notes what came out.
    pub(super) fn output(&mut self, output: &Output, journal: &Journal, now: Timestamp) {
        for incident in &output.incidents {
            let stood = self.open.contains_key(&incident.incident_id);
            self.stands(incident);
            if !stood && self.open.contains_key(&incident.incident_id) {
                let against = incident.contributions.iter().filter(|one| one.weight > 0.0);
                against.for_each(|one| journal.metrics().detections(&one.id, 1));
            }
        }
        output.handoffs.iter().for_each(|change| journal.handed_over(change, now));
    }

    /// Tells what the feeds lack, each person, chart and silence once.
    fn feeds(&mut self, engine: &Engine, tally: &Tally, journal: &Journal, moment: Moment) {
        let unlisted = engine.unlisted();
        let new = |known: &BTreeSet<String>, told: &BTreeSet<String>| known.difference(told).count() as u64;
        let until = moment.of_feeds(engine);
        let over = engine.silences(tally, None).len();
        let silences: Vec<Timestamp> = engine.silences(tally, Some(until)).into_iter().map(|(from, _)| from).collect();
        let lasts = silences.get(over).map_or(0, |from| until - *from);
        journal.metrics().audit_feed_silent(lasts);
        let silences: BTreeSet<Timestamp> = silences.into_iter().collect();
        let counts = [
            (FeedTrouble::UnknownActor, new(&unlisted.users, &self.unlisted.users)),
            (FeedTrouble::UnknownPatient, new(&unlisted.patients, &self.unlisted.patients)),
            (FeedTrouble::AuditFeedGap, silences.difference(&self.silences).count() as u64),
        ];
        for (trouble, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            journal.feed_trouble(trouble, count, moment.now);
        }
        self.unlisted = unlisted;
        // One that lasts is not seen between an access and the watermark that passes it.
        self.silences.extend(silences);
        let quiet = engine.quiet(until);
        for kind in RelationshipKind::ALL {
            journal.metrics().units_silent(kind, quiet.units.get(&kind).copied().unwrap_or(0));
        }
        journal.metrics().outages_reported(quiet.outages);
    }

    /// Tells the counts when it is time.
    pub(super) fn measure(&mut self, engine: &Engine, journal: &Journal, moment: Moment) {
        if moment.elapsed - self.measured_at < EVERY && !moment.at_once {
            return;
        }
        self.measured_at = moment.elapsed;
        let (metrics, now) = (journal.metrics(), moment.now);
        self.incidents(metrics);
        metrics.engine_state(engine_state(engine.load()));
        metrics.newest_access(engine.newest(), now);
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
        self.feeds(engine, &tally, journal, moment);
        self.told_explained = self.told_explained.max(explained);
        self.told = tally;
    }

    /// Tells how many incidents stand.
    pub(super) fn incidents(&self, metrics: &Metrics) {
        let count = |wanted: &dyn Fn(&(Severity, bool)) -> bool| {
            self.open.values().filter(|standing| wanted(standing)).count() as u64
        };
        let by_severity = Severity::ALL.map(|wanted| count(&|(severity, _)| *severity == wanted));
        metrics.open_incidents(by_severity, count(&|(_, is_degraded)| *is_degraded));
    }
}

pub(super) fn engine_state(load: Load) -> EngineState {
    EngineState {
        waiting: load.waiting as u64,
        horizon: load.horizon as u64,
        episodes: load.episodes as u64,
        groups: load.groups as u64,
        pending: load.unsettled as u64,
    }
}

/// Tells that the records of a batch were read, topic by topic.
pub(super) fn was_read(batch: &RecordBatch, stream: Stream, journal: &Journal, now: Timestamp) {
    let mut newest: BTreeMap<&str, Option<i64>> = BTreeMap::new();
    for record in batch.records() {
        let millis = match record.time {
            RecordTime::Appended(millis) | RecordTime::Created(millis) => Some(millis),
            RecordTime::Unknown => None,
        };
        let known = newest.entry(batch.topic(record)).or_default();
        *known = millis.max(*known);
    }
    for (topic, millis) in newest {
        let newest = millis.map(|millis| Timestamp(millis.saturating_mul(1_000)));
        journal.metrics().records_read(stream, topic, newest, now);
    }
}
