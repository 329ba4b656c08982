//! What waits in front of the daemon, and what it could not use.

use prometheus::{Gauge, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use super::{Maker, Metrics, signed, unix};
use crate::model::reject::RejectCode;
use crate::model::time::Timestamp;
use crate::telemetry::labels::CopyOutcome;

/// Metrics of Kafka's topics and of syslog.
pub(in crate::telemetry) struct Input {
    pub(in crate::telemetry) rejects: IntCounterVec,
    quarantine: IntGaugeVec,
    pub(in crate::telemetry) quarantined: IntCounter,
    pub(in crate::telemetry) quarantine_only_counted: IntCounter,
    pub(in crate::telemetry) quarantine_copies: IntCounterVec,
    pub(in crate::telemetry) gaps: IntCounter,
    pub(in crate::telemetry) partitions: IntGauge,
    lag: IntGaugeVec,
    lag_measured: Gauge,
    pub(in crate::telemetry) broker_errors: IntCounter,
    pub(in crate::telemetry) syslog_messages: IntCounterVec,
    pub(in crate::telemetry) syslog_dropped: IntCounterVec,
    pub(in crate::telemetry) syslog_troubles: IntCounterVec,
    syslog_connections: IntGaugeVec,
    spool_messages: IntGauge,
    spool_bytes: IntGauge,
    pub(in crate::telemetry) spool_errors: IntCounter,
}

impl Input {
    pub(super) fn new(make: &Maker<'_>) -> prometheus::Result<Self> {
        let input = Self {
            rejects: make.counters("rejects_total", "Records that could not be used, by reason.", "reason")?,
            quarantine: make.counts(
                "quarantine_records",
                "Records in the store's quarantine that nobody has re-fed or dropped.",
                &["reason"],
            )?,
            quarantined: make.counter("quarantined_total", "Records that the store's quarantine took.")?,
            quarantine_only_counted: make.counter(
                "quarantine_only_counted_total",
                "Records that could not be used and for which the quarantine had no room.",
            )?,
            quarantine_copies: make.counters(
                "quarantine_copies_total",
                "Copies for the quarantine topic, by what became of them.",
                "outcome",
            )?,
            gaps: make.counter(
                "input_gaps_total",
                "Times that records were gone before they were decided, or that a topic was created anew.",
            )?,
            partitions: make.count("partitions_assigned", "Partitions that this daemon reads.")?,
            lag: make.counts("consumer_lag", "Messages whose effects are not yet stored.", &["topic", "partition"])?,
            lag_measured: make.gauge(
                "consumer_lag_measured_seconds",
                "When a broker last said how long the audit topics are, Unix time.",
            )?,
            broker_errors: make.counter("broker_errors_total", "Errors that the Kafka client reported.")?,
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
            spool_messages: make.count("spool_messages", "Syslog messages on disk that are not yet decided.")?,
            spool_bytes: make.count("spool_bytes", "Bytes of the syslog messages that are not yet decided.")?,
            spool_errors: make.counter("spool_errors_total", "Times that syslog messages could not be kept.")?,
        };
        for reason in RejectCode::ALL {
            input.rejects.with_label_values(&[reason.name()]);
            input.quarantine.with_label_values(&[reason.name()]);
        }
        for outcome in CopyOutcome::ALL {
            input.quarantine_copies.with_label_values(&[outcome.name()]);
        }
        Ok(input)
    }
}

impl Metrics {
    /// A sender connected (1) or left (-1).
    pub fn syslog_connections(&self, source: &str, change: i64) {
        self.input.syslog_connections.with_label_values(&[source]).add(change);
    }

    /// Sets what was taken in over syslog and is not yet decided.
    pub fn spool(&self, messages: u64, bytes: u64) {
        self.input.spool_messages.set(signed(messages));
        self.input.spool_bytes.set(signed(bytes));
    }

    /// Sets how many messages of a partition have no stored effect yet.
    pub fn lag(&self, topic: &str, partition: i32, messages: u64) {
        self.input.lag.with_label_values(&[topic, &partition.to_string()]).set(signed(messages));
    }

    /// The lag of every partition was measured.
    pub fn lag_measured(&self, now: Timestamp) {
        if let Some(at) = unix(now) {
            self.input.lag_measured.set(at);
        }
    }

    /// Drops the lag of a partition that another daemon reads now.
    pub(in crate::telemetry) fn forget_lag(&self, topic: &str, partition: i32) {
        // A partition that was never measured has nothing to drop.
        let _ = self.input.lag.remove_label_values(&[topic, &partition.to_string()]);
    }

    /// Sets how many records of a reason stand in the quarantine and wait for somebody.
    pub fn quarantined(&self, reason: RejectCode, records: u64) {
        self.input.quarantine.with_label_values(&[reason.name()]).set(signed(records));
    }
}
