//! Whether the feeds speak: those of accesses, and those of context.

use prometheus::{Gauge, GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use super::{Maker, Metrics, seconds, signed, unix};
use crate::model::context::RelationshipKind;
use crate::model::time::Timestamp;
use crate::telemetry::labels::FeedTrouble;

/// Metrics of the feeds.
pub(in crate::telemetry) struct Feeds {
    pub(in crate::telemetry) troubles: IntCounterVec,
    context_updates: IntCounter,
    audit_silent: Gauge,
    units_silent: IntGaugeVec,
    outages: IntGauge,
    read: GaugeVec,
    newest: GaugeVec,
}

/// What a topic brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Access,
    Context,
}

impl Stream {
    const fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Context => "context",
        }
    }
}

impl Feeds {
    pub(super) fn new(make: &Maker<'_>) -> prometheus::Result<Self> {
        let labels = ["feed", "topic"];
        let feeds = Self {
            troubles: make.counters("feed_troubles_total", "Signs of trouble in a feed, by kind.", "kind")?,
            context_updates: make.counter("context_updates_total", "Context records taken in.")?,
            audit_silent: make.gauge(
                "audit_feed_silent_seconds",
                "For how long no access has come, where that is longer than it ever is; else 0.",
            )?,
            units_silent: make.counts(
                "feed_units_silent",
                "Units whose care records of a kind are silent for longer than usual.",
                &["kind"],
            )?,
            outages: make
                .count("feed_outages_reported", "Outages of feeds that feed-status records report for now.")?,
            read: make.gauges("record_read_seconds", "When a record of a topic was last read, Unix time.", &labels)?,
            newest: make.gauges(
                "record_newest_seconds",
                "Kafka's time of the newest record read from a topic, Unix time.",
                &labels,
            )?,
        };
        for trouble in FeedTrouble::ALL {
            feeds.troubles.with_label_values(&[trouble.name()]);
        }
        for kind in RelationshipKind::ALL {
            feeds.units_silent.with_label_values(&[kind.name()]);
        }
        Ok(feeds)
    }
}

impl Metrics {
    /// Counts context records.
    pub fn context_updates(&self, count: u64) {
        self.feeds.context_updates.inc_by(count);
    }

    /// Records of a topic were read at `now`; `newest` is Kafka's time of the newest, where it has one.
    pub fn records_read(&self, stream: Stream, topic: &str, newest: Option<Timestamp>, now: Timestamp) {
        let labels = [stream.name(), topic];
        if let Some(at) = unix(now) {
            self.feeds.read.with_label_values(&labels).set(at);
        }
        if let Some(at) = newest.and_then(unix) {
            let gauge = self.feeds.newest.with_label_values(&labels);
            gauge.set(gauge.get().max(at));
        }
    }

    /// Sets for how long, in microseconds, the audit feed has been silent for longer than it ever is; 0 = it is not.
    pub fn audit_feed_silent(&self, micros: i64) {
        self.feeds.audit_silent.set(seconds(micros).max(0.0));
    }

    /// Sets how many units' records of a kind are silent.
    pub fn units_silent(&self, kind: RelationshipKind, units: u64) {
        self.feeds.units_silent.with_label_values(&[kind.name()]).set(signed(units));
    }

    /// Sets how many outages are reported for now.
    pub fn outages_reported(&self, outages: u64) {
        self.feeds.outages.set(signed(outages));
    }
}
