//! The store and its disk.

use prometheus::{Gauge, Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use super::{Maker, Metrics, signed, unix};
use crate::model::time::Timestamp;

/// Metrics of the store.
pub(super) struct Storage {
    commits: IntCounter,
    commit_seconds: Histogram,
    last_commit: Gauge,
    errors: IntCounterVec,
    bytes: IntGaugeVec,
    free: IntGauge,
    size: IntGauge,
}

/// The disk that holds the store, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskState {
    /// What is left for this user.
    pub free: u64,
    pub size: u64,
}

impl Storage {
    const COMMIT: &'static str = "commit";
    const FIGURES: &'static str = "figures";
    const BUCKETS: [f64; 10] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

    pub(super) fn new(make: &Maker<'_>) -> prometheus::Result<Self> {
        let storage = Self {
            commits: make.counter("state_commits_total", "Transactions of results, state and positions.")?,
            commit_seconds: make.histogram("commit_seconds", "Duration of a commit.", &Self::BUCKETS)?,
            last_commit: make.gauge("last_commit_seconds", "When the last commit ended, Unix time; 0 = none yet.")?,
            errors: make.counters(
                "store_errors_total",
                "Times that the store could not be written (commit) or measured (figures).",
                "work",
            )?,
            bytes: make.counts("store_bytes", "Size of the store's files and of the spool's.", &["file"])?,
            free: make.count("disk_free_bytes", "Room that is left on the store's disk.")?,
            size: make.count("disk_size_bytes", "Size of the store's disk.")?,
        };
        for work in [Self::COMMIT, Self::FIGURES] {
            storage.errors.with_label_values(&[work]);
        }
        Ok(storage)
    }
}

impl Metrics {
    /// A commit took `duration` seconds and ended at `now`.
    pub fn committed(&self, duration: f64, now: Timestamp) {
        self.storage.commits.inc();
        self.storage.commit_seconds.observe(duration);
        if let Some(at) = unix(now) {
            self.storage.last_commit.set(at);
        }
    }

    /// A commit failed.
    pub fn commit_failed(&self) {
        self.storage.errors.with_label_values(&[Storage::COMMIT]).inc();
    }

    /// The store could not be measured.
    pub fn figures_failed(&self) {
        self.storage.errors.with_label_values(&[Storage::FIGURES]).inc();
    }

    /// Sets the size of one of the store's files.
    pub fn store_bytes(&self, file: &str, bytes: u64) {
        self.storage.bytes.with_label_values(&[file]).set(signed(bytes));
    }

    /// Sets what is left on the store's disk.
    pub fn disk(&self, disk: DiskState) {
        self.storage.free.set(signed(disk.free));
        self.storage.size.set(signed(disk.size));
    }
}
