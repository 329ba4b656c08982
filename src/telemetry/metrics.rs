//! Every metric of the daemon. Labels come from closed lists or from the configuration.

use prometheus::core::Collector;
use prometheus::{
    Encoder, Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

use super::journal::{CopyOutcome, FeedTrouble, HttpTrouble};
use crate::model::incident::{ChangeReason, Severity};
use crate::model::reject::RejectCode;
use crate::model::time::{SECOND, Timestamp};

/// The metrics of one pipeline, all named `chartsentry_...`.
pub struct Metrics {
    registry: Registry,
    accesses: IntCounterVec,
    pub(super) rejects: IntCounterVec,
    pub(super) quarantined: IntCounter,
    pub(super) quarantine_only_counted: IntCounter,
    pub(super) quarantine_copies: IntCounterVec,
    duplicates: IntCounter,
    pub(super) late: IntCounter,
    pub(super) beyond_horizon: IntCounter,
    incidents_open: IntGaugeVec,
    pub(super) handoffs: IntCounterVec,
    pub(super) cases_opened: IntCounter,
    pub(super) register_errors: IntCounter,
    pub(super) reminders: IntCounterVec,
    detections: IntCounterVec,
    pub(super) feed_troubles: IntCounterVec,
    context_updates: IntCounter,
    pending_accesses: IntGauge,
    watermark: Gauge,
    watermark_delay: Gauge,
    pub(super) partitions: IntGauge,
    consumer_lag: IntGaugeVec,
    pub(super) input_gaps: IntCounter,
    pub(super) broker_errors: IntCounter,
    outbox_pending: IntGaugeVec,
    outbox_oldest: GaugeVec,
    pub(super) delivered: IntCounterVec,
    pub(super) delivery_errors: IntCounterVec,
    pub(super) syslog_messages: IntCounterVec,
    pub(super) syslog_dropped: IntCounterVec,
    pub(super) syslog_troubles: IntCounterVec,
    syslog_connections: IntGaugeVec,
    pub(super) http_troubles: IntCounterVec,
    spool_messages: IntGauge,
    spool_bytes: IntGauge,
    pub(super) spool_errors: IntCounter,
    pub(super) commits: IntCounter,
    pub(super) commit_errors: IntCounter,
    pub(super) outbox_errors: IntCounterVec,
    pub(super) commit_seconds: Histogram,
    pub(super) log_lines_held_back: IntCounterVec,
    uptime: Gauge,
}

/// First verdicts of a batch of accesses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    pub explained: u64,
    pub unexplained: u64,
    pub suspicious: u64,
}

/// What waits for one sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxState<'a> {
    pub sink: &'a str,
    pub pending: u64,
    /// When the oldest waiting alert was put there.
    pub oldest: Option<Timestamp>,
}

/// Registers what it makes.
struct Maker<'a>(&'a Registry);

impl Maker<'_> {
    fn add<M: Collector + Clone + 'static>(&self, metric: prometheus::Result<M>) -> prometheus::Result<M> {
        let metric = metric?;
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn counter(&self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        self.add(IntCounter::new(name, help))
    }

    fn counters(&self, name: &str, help: &str, label: &str) -> prometheus::Result<IntCounterVec> {
        self.add(IntCounterVec::new(Opts::new(name, help), &[label]))
    }

    fn gauge(&self, name: &str, help: &str) -> prometheus::Result<Gauge> {
        self.add(Gauge::new(name, help))
    }

    fn count(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        self.add(IntGauge::new(name, help))
    }

    fn counts(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
        self.add(IntGaugeVec::new(Opts::new(name, help), labels))
    }
}

impl Metrics {
    /// A registry of its own with every metric at zero.
    ///
    /// # Errors
    /// Two metrics of one name.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new_custom(Some("chartsentry".to_owned()), None)?;
        let make = Maker(&registry);
        let commit_buckets = vec![0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
        let metrics = Self {
            accesses: make.counters("accesses_total", "Accesses decided, by their first verdict.", "verdict")?,
            rejects: make.counters("rejects_total", "Records that could not be used, by reason.", "reason")?,
            quarantined: make.counter("quarantined_total", "Records that the store's quarantine keeps.")?,
            quarantine_only_counted: make.counter(
                "quarantine_only_counted_total",
                "Records that could not be used and for which the quarantine had no room.",
            )?,
            quarantine_copies: make.counters(
                "quarantine_copies_total",
                "Copies for the quarantine topic, by what became of them.",
                "outcome",
            )?,
            duplicates: make.counter("duplicates_total", "Copies of accesses already seen.")?,
            late: make.counter("late_total", "Accesses that came after the allowed lateness.")?,
            beyond_horizon: make
                .counter("beyond_horizon_total", "Facts too old to decide explained accesses again.")?,
            incidents_open: make.counts("incidents_open", "Open and provisional incidents.", &["severity"])?,
            handoffs: make.counters("handoffs_total", "Handoffs to the breach evaluator, by reason.", "reason")?,
            cases_opened: make.counter("cases_opened_total", "Cases that the register opened.")?,
            register_errors: make
                .counter("register_errors_total", "Times that the case register could not be used.")?,
            reminders: make.counters("reminders_total", "Reminders about cases, by alarm.", "alarm")?,
            detections: make.counters("detections_total", "Evidence found, by detector.", "detector")?,
            feed_troubles: make.counters("feed_troubles_total", "Signs of trouble in a feed, by kind.", "kind")?,
            context_updates: make.counter("context_updates_total", "Context records taken in.")?,
            pending_accesses: make.count("pending_accesses", "Unexplained accesses that still wait to settle.")?,
            watermark: make.gauge("watermark_seconds", "Event time up to which everything is decided, Unix time.")?,
            watermark_delay: make.gauge("watermark_delay_seconds", "How far the watermark is behind the clock.")?,
            partitions: make.count("partitions_assigned", "Partitions that this daemon reads.")?,
            consumer_lag: make.counts("consumer_lag", "Messages not yet read.", &["topic", "partition"])?,
            input_gaps: make.counter(
                "input_gaps_total",
                "Times that records of Kafka were gone before they were read, or that a topic was created anew.",
            )?,
            broker_errors: make.counter("broker_errors_total", "Errors that the Kafka client reported.")?,
            outbox_pending: make.counts("outbox_pending", "Alerts that wait for a sink.", &["sink"])?,
            outbox_oldest: make.add(GaugeVec::new(
                Opts::new("outbox_oldest_seconds", "Age of the oldest alert that waits for a sink."),
                &["sink"],
            ))?,
            delivered: make.counters("delivered_total", "Alerts that a sink took.", "sink")?,
            delivery_errors: make.counters("delivery_errors_total", "Attempts that a sink did not take.", "sink")?,
            syslog_messages: make.counters(
                "syslog_messages_total",
                "Syslog messages on disk; those without a count may stand together.",
                "source",
            )?,
            syslog_dropped: make.counters(
                "syslog_dropped_total",
                "Datagrams dropped because the disk could not keep up.",
                "source",
            )?,
            syslog_troubles: make.counters(
                "syslog_troubles_total",
                "Connections that broke or were turned away.",
                "source",
            )?,
            syslog_connections: make.counts("syslog_connections", "Open connections of senders.", &["source"])?,
            http_troubles: make.counters(
                "http_troubles_total",
                "Requests for metrics and health that were turned away or broke, by kind.",
                "kind",
            )?,
            spool_messages: make.count("spool_messages", "Syslog messages on disk that are not yet decided.")?,
            spool_bytes: make.count("spool_bytes", "Their size.")?,
            spool_errors: make.counter("spool_errors_total", "Times that syslog messages could not be kept.")?,
            commits: make.counter("state_commits_total", "Transactions of results, state and positions.")?,
            commit_errors: make
                .counter("commit_errors_total", "Attempts to commit that the disk did not take; tried again.")?,
            outbox_errors: make.counters("outbox_errors_total", "Times that the outbox was out of reach.", "sink")?,
            commit_seconds: make.add(Histogram::with_opts(
                HistogramOpts::new("commit_seconds", "Duration of a commit.").buckets(commit_buckets),
            ))?,
            log_lines_held_back: make.counters("log_lines_held_back_total", "Log lines over the limit.", "kind")?,
            uptime: make.gauge("uptime_seconds", "Time since the start.")?,
            registry: registry.clone(),
        };
        make.counts("build_info", "1, with the version as a label.", &["version"])?
            .with_label_values(&[env!("CARGO_PKG_VERSION")])
            .set(1);
        metrics.show_zeros();
        Ok(metrics)
    }

    /// A series that appears only with its first count hides that count from `rate()`.
    fn show_zeros(&self) {
        self.verdicts(Verdicts::default());
        self.open_incidents([0; 4]);
        for reason in RejectCode::ALL {
            self.rejects.with_label_values(&[reason.name()]);
        }
        for outcome in CopyOutcome::ALL {
            self.quarantine_copies.with_label_values(&[outcome.name()]);
        }
        for reason in CHANGE_REASONS {
            self.handoffs.with_label_values(&[reason.name()]);
        }
        for trouble in FeedTrouble::ALL {
            self.feed_troubles.with_label_values(&[trouble.name()]);
        }
        for trouble in HttpTrouble::ALL {
            self.http_troubles.with_label_values(&[trouble.name()]);
        }
    }

    /// Counts decided accesses.
    pub fn verdicts(&self, verdicts: Verdicts) {
        let Verdicts { explained, unexplained, suspicious } = verdicts;
        for (label, count) in [("explained", explained), ("unexplained", unexplained), ("suspicious", suspicious)] {
            self.accesses.with_label_values(&[label]).inc_by(count);
        }
    }

    /// Counts copies.
    pub fn duplicates(&self, count: u64) {
        self.duplicates.inc_by(count);
    }

    /// Counts evidence of one detector.
    pub fn detections(&self, detector: &str, count: u64) {
        self.detections.with_label_values(&[detector]).inc_by(count);
    }

    /// Counts context records.
    pub fn context_updates(&self, count: u64) {
        self.context_updates.inc_by(count);
    }

    /// Sets the open incidents by severity, in the order of [`Severity::ALL`].
    pub fn open_incidents(&self, counts: [u64; 4]) {
        for (severity, count) in Severity::ALL.into_iter().zip(counts) {
            self.incidents_open.with_label_values(&[severity.name()]).set(signed(count));
        }
    }

    /// Sets how many accesses wait to settle.
    pub fn pending(&self, count: u64) {
        self.pending_accesses.set(signed(count));
    }

    /// Sets the watermark, and how far it is behind `now`.
    pub fn watermark(&self, watermark: Timestamp, now: Timestamp) {
        if watermark.is_finite() {
            self.watermark.set(seconds(watermark.0));
            self.watermark_delay.set(seconds(now - watermark).max(0.0));
        }
    }

    /// A sender connected (1) or left (-1).
    pub fn syslog_connections(&self, source: &str, change: i64) {
        self.syslog_connections.with_label_values(&[source]).add(change);
    }

    /// Sets what was taken in over syslog and is not yet decided.
    pub fn spool(&self, messages: u64, bytes: u64) {
        self.spool_messages.set(signed(messages));
        self.spool_bytes.set(signed(bytes));
    }

    /// Sets how many messages of a partition are not yet read.
    pub fn lag(&self, topic: &str, partition: i32, messages: u64) {
        self.consumer_lag.with_label_values(&[topic, &partition.to_string()]).set(signed(messages));
    }

    /// Sets what waits for a sink.
    pub fn outbox(&self, state: OutboxState<'_>, now: Timestamp) {
        self.outbox_pending.with_label_values(&[state.sink]).set(signed(state.pending));
        let age = state.oldest.map_or(0.0, |oldest| seconds(now - oldest).max(0.0));
        self.outbox_oldest.with_label_values(&[state.sink]).set(age);
    }

    /// Sets the time since the start.
    pub fn uptime(&self, started: Timestamp, now: Timestamp) {
        self.uptime.set(seconds(now - started).max(0.0));
    }

    /// Drops the lag of a partition that another daemon reads now.
    pub(super) fn forget_lag(&self, topic: &str, partition: i32) {
        // A partition that was never measured has nothing to drop.
        let _ = self.consumer_lag.remove_label_values(&[topic, &partition.to_string()]);
    }

    /// Everything in Prometheus' text format.
    ///
    /// # Errors
    /// A metric that the encoder refuses.
    pub fn render(&self) -> prometheus::Result<String> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

const CHANGE_REASONS: [ChangeReason; 5] =
    [ChangeReason::Opened, ChangeReason::Grew, ChangeReason::Settled, ChangeReason::Merged, ChangeReason::Withdrawn];

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is shown to the second")]
fn seconds(micros: i64) -> f64 {
    micros as f64 / SECOND as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_appear_under_their_labels() {
        let metrics = Metrics::new().unwrap();
        metrics.verdicts(Verdicts { explained: 7, unexplained: 2, suspicious: 1 });
        metrics.open_incidents([0, 3, 0, 1]);
        metrics.lag("ehr.audit", 3, 42);
        let text = metrics.render().unwrap();
        for line in [
            "chartsentry_accesses_total{verdict=\"explained\"} 7",
            "chartsentry_accesses_total{verdict=\"suspicious\"} 1",
            "chartsentry_incidents_open{severity=\"medium\"} 3",
            "chartsentry_rejects_total{reason=\"invalid_json\"} 0",
            "chartsentry_handoffs_total{reason=\"withdrawn\"} 0",
            "chartsentry_consumer_lag{partition=\"3\",topic=\"ehr.audit\"} 42",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\nnot in\n{text}");
        }
        metrics.forget_lag("ehr.audit", 3);
        assert!(!metrics.render().unwrap().contains("partition=\"3\""));
    }

    #[test]
    fn delays_are_measured_from_the_clock_that_is_handed_in() {
        let metrics = Metrics::new().unwrap();
        metrics.watermark(Timestamp::MIN, Timestamp(0));
        assert!(metrics.render().unwrap().contains("chartsentry_watermark_seconds 0\n"));
        metrics.watermark(Timestamp(10 * SECOND), Timestamp(12_500_000));
        let sink = OutboxState { sink: "siem", pending: 2, oldest: Some(Timestamp(2 * SECOND)) };
        metrics.outbox(sink, Timestamp(12 * SECOND));
        let text = metrics.render().unwrap();
        assert!(text.contains("chartsentry_watermark_delay_seconds 2.5\n"), "{text}");
        assert!(text.contains("chartsentry_outbox_oldest_seconds{sink=\"siem\"} 10\n"), "{text}");
    }
}
