//! What waits for the sinks, and what they took.

use prometheus::{GaugeVec, IntCounterVec, IntGaugeVec};

use super::{Maker, Metrics, seconds, signed};
use crate::model::time::Timestamp;

/// Metrics of the sinks.
pub(in crate::telemetry) struct Output {
    pending: IntGaugeVec,
    oldest: GaugeVec,
    dead: IntGaugeVec,
    pub(in crate::telemetry) delivered: IntCounterVec,
    pub(in crate::telemetry) errors: IntCounterVec,
    pub(in crate::telemetry) out_of_reach: IntCounterVec,
}

/// What waits for one sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxState<'a> {
    pub sink: &'a str,
    pub pending: u64,
    /// Refused for good and kept.
    pub dead: u64,
    /// Event time at which the oldest waiting alert was due.
    pub oldest: Option<Timestamp>,
}

impl Output {
    pub(super) fn new(make: &Maker<'_>) -> prometheus::Result<Self> {
        Ok(Self {
            pending: make.counts("outbox_pending", "Alerts that wait for a sink.", &["sink"])?,
            oldest: make.gauges(
                "outbox_oldest_seconds",
                "How long ago, in event time, the oldest alert was due that waits for a sink.",
                &["sink"],
            )?,
            dead: make.counts("dead_letters", "Alerts that a sink refused for good, kept in the store.", &["sink"])?,
            delivered: make.counters("delivered_total", "Alerts that a sink took.", "sink")?,
            errors: make.counters("delivery_errors_total", "Attempts that a sink did not take.", "sink")?,
            out_of_reach: make.counters("outbox_errors_total", "Times that the outbox was out of reach.", "sink")?,
        })
    }
}

impl Metrics {
    /// Sets what waits for a sink.
    pub fn outbox(&self, state: OutboxState<'_>, now: Timestamp) {
        let age = state.oldest.map_or(0.0, |oldest| seconds(now - oldest).max(0.0));
        self.output.pending.with_label_values(&[state.sink]).set(signed(state.pending));
        self.output.oldest.with_label_values(&[state.sink]).set(age);
        self.output.dead.with_label_values(&[state.sink]).set(signed(state.dead));
    }

    /// Drops what waits for a sink that the configuration no longer names.
    pub fn forget_sink(&self, sink: &str) {
        // A sink that was never measured has nothing to drop.
        let _ = self.output.pending.remove_label_values(&[sink]);
        let _ = self.output.oldest.remove_label_values(&[sink]);
        let _ = self.output.dead.remove_label_values(&[sink]);
    }

    /// Makes the series of a sink appear before its first alert.
    pub fn expect_sink(&self, sink: &str) {
        self.output.delivered.with_label_values(&[sink]);
        self.output.errors.with_label_values(&[sink]);
    }
}
