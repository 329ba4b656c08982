//! What the engine decided, how far it is, and how much it holds.

use prometheus::{Gauge, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use super::{Maker, Metrics, seconds, signed, unix};
use crate::model::incident::{ChangeReason, Severity};
use crate::model::time::Timestamp;

/// The engine's metrics.
pub(in crate::telemetry) struct Detection {
    accesses: IntCounterVec,
    duplicates: IntCounter,
    pub(in crate::telemetry) late: IntCounter,
    pub(in crate::telemetry) beyond_horizon: IntCounter,
    incidents_open: IntGaugeVec,
    incidents_degraded: IntGauge,
    pub(in crate::telemetry) handoffs: IntCounterVec,
    detections: IntCounterVec,
    pending_accesses: IntGauge,
    state: IntGaugeVec,
    watermark: Gauge,
    watermark_delay: Gauge,
    newest: Gauge,
    ahead: Gauge,
}

/// First verdicts of a batch of accesses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    pub explained: u64,
    pub unexplained: u64,
    pub suspicious: u64,
}

/// How much the engine holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineState {
    /// Accesses that wait for the watermark.
    pub waiting: u64,
    /// Accesses of the settle window.
    pub horizon: u64,
    pub episodes: u64,
    /// Incidents of groups.
    pub groups: u64,
    /// Unexplained accesses inside the settle window.
    pub pending: u64,
}

const CHANGE_REASONS: [ChangeReason; 5] =
    [ChangeReason::Opened, ChangeReason::Grew, ChangeReason::Settled, ChangeReason::Merged, ChangeReason::Withdrawn];

impl Detection {
    pub(super) fn new(make: &Maker<'_>) -> prometheus::Result<Self> {
        let detection = Self {
            accesses: make.counters("accesses_total", "Accesses decided, by their first verdict.", "verdict")?,
            duplicates: make.counter("duplicates_total", "Copies of accesses already seen.")?,
            late: make.counter("late_total", "Accesses that came after the allowed lateness.")?,
            beyond_horizon: make
                .counter("beyond_horizon_total", "Facts too old to decide explained accesses again.")?,
            incidents_open: make.counts("incidents_open", "Open and provisional incidents.", &["severity"])?,
            incidents_degraded: make
                .count("incidents_degraded_open", "Open and provisional incidents whose evidence is incomplete.")?,
            handoffs: make.counters("handoffs_total", "Handoffs to the breach evaluator, by reason.", "reason")?,
            detections: make.counters(
                "detections_total",
                "Evidence against somebody in incidents that opened, by detector.",
                "detector",
            )?,
            pending_accesses: make.count("pending_accesses", "Unexplained accesses that still wait to settle.")?,
            state: make.counts(
                "engine_state",
                "What the engine holds: accesses before the watermark (waiting) and of the settle window (horizon), \
                 episodes, incidents of groups.",
                &["part"],
            )?,
            watermark: make.gauge("watermark_seconds", "Event time up to which everything is decided, Unix time.")?,
            watermark_delay: make.gauge(
                "watermark_delay_seconds",
                "How far the watermark is behind the clock; grows too while no access comes.",
            )?,
            newest: make.gauge("newest_access_seconds", "Time of the newest access that came, Unix time.")?,
            ahead: make.gauge("access_ahead_seconds", "How far the newest access lies ahead of the clock.")?,
        };
        detection.show_zeros();
        Ok(detection)
    }

    /// A series that appears only with its first count hides that count from `rate()`.
    fn show_zeros(&self) {
        for verdict in ["explained", "unexplained", "suspicious"] {
            self.accesses.with_label_values(&[verdict]);
        }
        for severity in Severity::ALL {
            self.incidents_open.with_label_values(&[severity.name()]);
        }
        for reason in CHANGE_REASONS {
            self.handoffs.with_label_values(&[reason.name()]);
        }
    }
}

impl Metrics {
    /// Counts decided accesses.
    pub fn verdicts(&self, verdicts: Verdicts) {
        let Verdicts { explained, unexplained, suspicious } = verdicts;
        for (label, count) in [("explained", explained), ("unexplained", unexplained), ("suspicious", suspicious)] {
            self.detection.accesses.with_label_values(&[label]).inc_by(count);
        }
    }

    /// Counts copies.
    pub fn duplicates(&self, count: u64) {
        self.detection.duplicates.inc_by(count);
    }

    /// Counts evidence of one detector; 0 makes its series appear.
    pub fn detections(&self, detector: &str, count: u64) {
        self.detection.detections.with_label_values(&[detector]).inc_by(count);
    }

    /// Sets the open incidents by severity, in the order of [`Severity::ALL`], and how many of all are degraded.
    pub fn open_incidents(&self, counts: [u64; 4], degraded: u64) {
        for (severity, count) in Severity::ALL.into_iter().zip(counts) {
            self.detection.incidents_open.with_label_values(&[severity.name()]).set(signed(count));
        }
        self.detection.incidents_degraded.set(signed(degraded));
    }

    /// Sets how much the engine holds.
    pub fn engine_state(&self, state: EngineState) {
        let EngineState { waiting, horizon, episodes, groups, pending } = state;
        for (part, count) in [("waiting", waiting), ("horizon", horizon), ("episodes", episodes), ("groups", groups)] {
            self.detection.state.with_label_values(&[part]).set(signed(count));
        }
        self.detection.pending_accesses.set(signed(pending));
    }

    /// Sets the watermark, and how far it is behind `now`.
    pub fn watermark(&self, watermark: Timestamp, now: Timestamp) {
        if let Some(at) = unix(watermark) {
            self.detection.watermark.set(at);
            self.detection.watermark_delay.set(seconds(now - watermark).max(0.0));
        }
    }

    /// Sets the newest access that came, and how far it lies ahead of `now`.
    pub fn newest_access(&self, newest: Timestamp, now: Timestamp) {
        if let Some(at) = unix(newest) {
            self.detection.newest.set(at);
            self.detection.ahead.set(seconds(newest - now).max(0.0));
        }
    }
}
