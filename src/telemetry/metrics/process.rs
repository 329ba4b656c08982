//! The process itself: whether it works, what it uses, and its clock.

use prometheus::{Gauge, IntCounter, IntCounterVec, IntGauge};

use super::{Maker, Metrics, seconds, signed, unix};
use crate::model::time::Timestamp;
use crate::telemetry::labels::{HttpTrouble, ReloadOutcome};
use crate::telemetry::usage::Usage;

/// Metrics of the process.
pub(in crate::telemetry) struct Process {
    live: IntGauge,
    ready: IntGauge,
    uptime: Gauge,
    started: Gauge,
    resident: IntGauge,
    peak: IntGauge,
    open_files: IntGauge,
    most_files: IntGauge,
    pub(in crate::telemetry) set_back: IntCounter,
    held: Gauge,
    pub(in crate::telemetry) http_troubles: IntCounterVec,
    pub(in crate::telemetry) log_lines_held_back: IntCounterVec,
    reloads: IntCounterVec,
    last_reload: IntGauge,
}

impl Process {
    pub(super) fn new(make: &Maker<'_>) -> prometheus::Result<Self> {
        make.counts("build_info", "1, with the version as a label.", &["version"])?
            .with_label_values(&[env!("CARGO_PKG_VERSION")])
            .set(1);
        let process = Self {
            live: make.count("live", "1 while the pipeline moves, as /healthz says; else 0.")?,
            ready: make.count("ready", "1 while accesses are taken in, as /readyz says; else 0.")?,
            uptime: make.gauge("uptime_seconds", "Time since the start.")?,
            started: make.gauge("process_start_time_seconds", "When the process started, Unix time.")?,
            resident: make.count("process_resident_memory_bytes", "Memory in use.")?,
            peak: make.count("process_peak_memory_bytes", "The most memory that was in use.")?,
            open_files: make.count("process_open_fds", "Open files and connections.")?,
            most_files: make.count("process_max_fds", "Files and connections that may be open.")?,
            set_back: make.counter("clock_set_back_total", "Times that the wall clock went back by over a second.")?,
            held: make.gauge(
                "clock_held_seconds",
                "How far the time that is written down is held ahead of a wall clock that was set back.",
            )?,
            http_troubles: make.counters(
                "http_troubles_total",
                "Requests for metrics and health that were turned away or broke, by kind.",
                "kind",
            )?,
            log_lines_held_back: make.counters("log_lines_held_back_total", "Log lines over the limit.", "kind")?,
            reloads: make.counters(
                "config_reloads_total",
                "Times that the configuration was read again, by what came of it.",
                "outcome",
            )?,
            last_reload: make.count(
                "config_last_reload_successful",
                "1 while the configuration that was read last holds, 0 after one that was refused.",
            )?,
        };
        for trouble in HttpTrouble::ALL {
            process.http_troubles.with_label_values(&[trouble.name()]);
        }
        for outcome in ReloadOutcome::ALL {
            process.reloads.with_label_values(&[outcome.name()]);
        }
        process.last_reload.set(1);
        Ok(process)
    }
}

impl Metrics {
    /// Sets whether the pipeline lives, and whether it takes accesses in.
    pub fn health(&self, is_live: bool, is_ready: bool) {
        self.process.live.set(i64::from(is_live));
        self.process.ready.set(i64::from(is_ready));
    }

    /// A configuration was read again.
    pub fn config_read(&self, outcome: ReloadOutcome) {
        self.process.reloads.with_label_values(&[outcome.name()]).inc();
        self.process.last_reload.set(i64::from(outcome == ReloadOutcome::Applied));
    }

    /// Sets when the process started, and the time since then.
    pub fn uptime(&self, started: Timestamp, now: Timestamp) {
        self.process.started.set(unix(started).unwrap_or(0.0));
        self.process.uptime.set(seconds(now - started).max(0.0));
    }

    /// Sets what the process uses; 0 for what the system does not tell.
    pub fn usage(&self, usage: Usage) {
        let process = &self.process;
        for (gauge, value) in [
            (&process.resident, usage.resident_bytes),
            (&process.peak, usage.peak_bytes),
            (&process.open_files, usage.open_files),
            (&process.most_files, usage.most_files),
        ] {
            gauge.set(value.map_or(0, signed));
        }
    }

    /// Sets how far, in microseconds, the time that is written down is held ahead of the wall clock.
    pub fn clock_held(&self, micros: i64) {
        self.process.held.set(seconds(micros).max(0.0));
    }
}
