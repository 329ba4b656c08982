//! The case register.

use prometheus::{IntCounter, IntCounterVec, IntGaugeVec};

use super::{Maker, Metrics, signed};

/// Metrics of the register.
pub(in crate::telemetry) struct Register {
    pub(in crate::telemetry) cases_opened: IntCounter,
    pub(in crate::telemetry) errors: IntCounter,
    pub(in crate::telemetry) reminders: IntCounterVec,
    attention: IntGaugeVec,
}

impl Register {
    pub(super) fn new(make: &Maker<'_>) -> prometheus::Result<Self> {
        Ok(Self {
            cases_opened: make.counter("cases_opened_total", "Cases that the register opened.")?,
            errors: make.counter("register_errors_total", "Times that the case register could not be used.")?,
            reminders: make.counters("reminders_total", "Reminders about cases, by alarm.", "alarm")?,
            attention: make.counts(
                "cases_needing_attention",
                "What needs somebody's attention in open cases now, by alarm.",
                &["alarm"],
            )?,
        })
    }
}

impl Metrics {
    /// Sets how much in open cases needs attention for the reason of an alarm.
    pub fn attention(&self, alarm: &str, count: u64) {
        self.register.reminders.with_label_values(&[alarm]);
        self.register.attention.with_label_values(&[alarm]).set(signed(count));
    }
}
