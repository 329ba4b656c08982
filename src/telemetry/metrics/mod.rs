//! Every metric of the daemon, one file for each theme. Labels come from closed lists or from the configuration.

mod detection;
mod feeds;
mod input;
mod output;
mod process;
mod register;
mod storage;

use prometheus::core::Collector;
use prometheus::{
    Encoder, Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

use crate::model::time::{SECOND, Timestamp};
use detection::Detection;
use feeds::Feeds;
use input::Input;
use output::Output;
use process::Process;
use register::Register;
use storage::Storage;

pub use detection::{EngineState, Verdicts};
pub use feeds::Stream;
pub use output::OutboxState;
pub use storage::DiskState;

/// The metrics of one pipeline, all named `chartsentry_...`.
pub struct Metrics {
    registry: Registry,
    pub(super) detection: Detection,
    pub(super) feeds: Feeds,
    pub(super) input: Input,
    pub(super) output: Output,
    pub(super) process: Process,
    pub(super) register: Register,
    storage: Storage,
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

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<GaugeVec> {
        self.add(GaugeVec::new(Opts::new(name, help), labels))
    }

    fn count(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        self.add(IntGauge::new(name, help))
    }

    fn counts(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
        self.add(IntGaugeVec::new(Opts::new(name, help), labels))
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> prometheus::Result<Histogram> {
        self.add(Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec())))
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
        Ok(Self {
            detection: Detection::new(&make)?,
            feeds: Feeds::new(&make)?,
            input: Input::new(&make)?,
            output: Output::new(&make)?,
            process: Process::new(&make)?,
            register: Register::new(&make)?,
            storage: Storage::new(&make)?,
            registry,
        })
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

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is shown to the second")]
fn seconds(micros: i64) -> f64 {
    micros as f64 / SECOND as f64
}

/// An instant as Prometheus writes it: seconds since 1970; nothing for one that is no instant.
fn unix(at: Timestamp) -> Option<f64> {
    at.is_finite().then(|| seconds(at.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_appear_under_their_labels() {
        let metrics = Metrics::new().unwrap();
        metrics.verdicts(Verdicts { explained: 7, unexplained: 2, suspicious: 1 });
        metrics.open_incidents([0, 3, 0, 1], 2);
        metrics.lag("ehr.audit", 3, 42);
        let text = metrics.render().unwrap();
        for line in [
            "chartsentry_accesses_total{verdict=\"explained\"} 7",
            "chartsentry_accesses_total{verdict=\"suspicious\"} 1",
            "chartsentry_incidents_open{severity=\"medium\"} 3",
            "chartsentry_incidents_degraded_open 2",
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
        let sink = OutboxState { sink: "siem", pending: 2, dead: 1, oldest: Some(Timestamp(2 * SECOND)) };
        metrics.outbox(sink, Timestamp(12 * SECOND));
        let text = metrics.render().unwrap();
        assert!(text.contains("chartsentry_watermark_delay_seconds 2.5\n"), "{text}");
        assert!(text.contains("chartsentry_outbox_oldest_seconds{sink=\"siem\"} 10\n"), "{text}");
        assert!(text.contains("chartsentry_dead_letters{sink=\"siem\"} 1\n"), "{text}");
    }

    #[test]
    fn an_access_from_the_future_shows_how_far_ahead_it_lies() {
        let metrics = Metrics::new().unwrap();
        metrics.newest_access(Timestamp(90 * SECOND), Timestamp(30 * SECOND));
        assert!(metrics.render().unwrap().contains("chartsentry_access_ahead_seconds 60\n"));
        metrics.newest_access(Timestamp(90 * SECOND), Timestamp(100 * SECOND));
        assert!(metrics.render().unwrap().contains("chartsentry_access_ahead_seconds 0\n"));
    }

    #[test]
    fn the_newest_record_of_a_topic_never_grows_older() {
        let metrics = Metrics::new().unwrap();
        for newest in [Some(Timestamp(9 * SECOND)), Some(Timestamp(5 * SECOND)), None] {
            metrics.records_read(Stream::Context, "ehr.context", newest, Timestamp(20 * SECOND));
        }
        let text = metrics.render().unwrap();
        let newest = "chartsentry_record_newest_seconds{feed=\"context\",topic=\"ehr.context\"} 9\n";
        let read = "chartsentry_record_read_seconds{feed=\"context\",topic=\"ehr.context\"} 20\n";
        assert!(text.contains(newest) && text.contains(read), "{text}");
    }

    #[test]
    fn every_metric_says_what_it_is_in_a_sentence() {
        let families = Metrics::new().unwrap().registry.gather();
        let without = families.iter().filter(|family| !family.help().ends_with('.'));
        assert_eq!(without.map(|family| family.name()).collect::<Vec<_>>(), Vec::<&str>::new());
    }
}
