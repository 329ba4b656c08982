//! Operational events: each is logged and counted in one place.
//!
//! `now` is the caller's clock; it only limits how many lines of a kind a minute may hold.

use std::fmt::Display;
use std::sync::Arc;

use jiff::civil::Date;
use tracing::{debug, error, info, warn};

use super::labels::{CopyOutcome, FeedTrouble, HttpTrouble, ReloadOutcome};
use super::metrics::Metrics;
use super::throttle::Throttle;
use crate::model::incident::IncidentChange;
use crate::model::reject::Reject;
use crate::model::time::{SECOND, Timestamp};

/// Writes operational events down.
pub struct Journal {
    metrics: Arc<Metrics>,
    throttle: Throttle,
}

impl Journal {
    /// A journal that counts in `metrics`.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, throttle: Throttle::default() }
    }

    /// For the counts and gauges that no event goes with.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Whether a line of this kind may be written, and how many were held back before it.
    fn admit(&self, kind: &'static str, now: Timestamp) -> Option<u64> {
        let admitted = self.throttle.admit(kind, now);
        if admitted.is_none() {
            self.metrics.process.log_lines_held_back.with_label_values(&[kind]).inc();
        }
        admitted
    }

    /// The pipeline begins.
    pub fn started(&self, run_kind: &str, policy_hash: &str) {
        let version = env!("CARGO_PKG_VERSION");
        info!(version, run_kind, policy_hash, "chartsentry started");
    }

    /// Another configuration holds from now on.
    pub fn reloaded(&self, hash_before: &str, policy_hash: &str) {
        self.metrics.config_read(ReloadOutcome::Applied);
        if hash_before == policy_hash {
            info!(policy_hash, "configuration applied; the policy is the same");
        } else {
            info!(hash_before, policy_hash, "configuration applied; the policy has changed");
        }
    }

    /// A configuration was read and is not applied: the one before holds. Never held back, so that everything that is
    /// wrong with it is told.
    pub fn reload_refused(&self, problems: &[String]) {
        self.metrics.config_read(ReloadOutcome::Refused);
        for problem in problems {
            error!("configuration not applied: {problem}");
        }
        warn!(problems = problems.len(), "the configuration before still holds");
    }

    /// The pipeline ends on its own or on request.
    pub fn stopped(&self, why: &str) {
        info!(why, "chartsentry stopped");
    }

    /// The pipeline cannot go on.
    pub fn failed(&self, what: &dyn Display) {
        error!("chartsentry cannot go on: {what}");
    }

    /// The context topics are read to where they ended at the start.
    pub fn context_loaded(&self, records: u64) {
        info!(records, "context loaded");
    }

    /// The partitions that this daemon reads from now on.
    pub fn partitions_assigned(&self, partitions: usize) {
        self.metrics.input.partitions.set(i64::try_from(partitions).unwrap_or(i64::MAX));
        info!(partitions, "partitions assigned");
    }

    /// Another daemon reads these partitions from now on.
    pub fn partitions_revoked<'a>(&self, partitions: impl IntoIterator<Item = (&'a str, i32)>) {
        let mut count = 0;
        for (topic, partition) in partitions {
            self.metrics.forget_lag(topic, partition);
            count += 1;
        }
        self.metrics.input.partitions.sub(count);
        info!(partitions = count, "partitions revoked");
    }

    /// Records were gone before they were read, or a topic is another one of its name. Rare and grave: never held back.
    pub fn records_lost(&self, what: &dyn Display) {
        self.metrics.input.gaps.inc();
        error!("{what}");
    }

    /// The Kafka client reports trouble; it goes on trying by itself.
    pub fn broker_error(&self, error: &dyn Display, now: Timestamp) {
        self.metrics.input.broker_errors.inc();
        if let Some(held_back) = self.admit("broker_error", now) {
            warn!(held_back, "kafka: {error}");
        }
    }

    /// A source takes messages in.
    pub fn syslog_listening(&self, source: &str, address: &str) {
        self.metrics.input.syslog_messages.with_label_values(&[source]);
        self.metrics.input.syslog_dropped.with_label_values(&[source]);
        info!(source, address, "listening");
    }

    /// Messages of a source are on disk.
    pub fn syslog_kept(&self, source: &str, messages: u64) {
        self.metrics.input.syslog_messages.with_label_values(&[source]).inc_by(messages);
    }

    /// Datagrams came while there was no room for them.
    pub fn syslog_dropped(&self, source: &str, datagrams: u64, now: Timestamp) {
        if datagrams == 0 {
            return;
        }
        self.metrics.input.syslog_dropped.with_label_values(&[source]).inc_by(datagrams);
        if let Some(held_back) = self.admit("syslog_dropped", now) {
            warn!(
                source,
                datagrams, held_back, "datagrams dropped: the disk cannot keep up; senders over TCP would wait"
            );
        }
    }

    /// A connection of a source broke or was turned away.
    pub fn syslog_trouble(&self, source: &str, what: &dyn Display, now: Timestamp) {
        self.metrics.input.syslog_troubles.with_label_values(&[source]).inc();
        if let Some(held_back) = self.admit("syslog_trouble", now) {
            warn!(source, held_back, "syslog: {what}");
        }
    }

    /// A request for metrics or health was turned away, or its connection broke.
    pub fn http_trouble(&self, trouble: HttpTrouble, what: &dyn Display, now: Timestamp) {
        self.metrics.process.http_troubles.with_label_values(&[trouble.name()]).inc();
        if let Some(held_back) = self.admit(trouble.name(), now) {
            warn!(kind = trouble.name(), held_back, "http: {what}");
        }
    }

    /// Messages that were taken in cannot be kept or read; it is tried again, and senders wait.
    pub fn spool_failed(&self, error: &dyn Display, now: Timestamp) {
        self.metrics.input.spool_errors.inc();
        if let Some(held_back) = self.admit("spool_failed", now) {
            error!(held_back, "syslog messages wait: {error}");
        }
    }

    /// A record could not be used.
    pub fn rejected(&self, reject: &Reject, now: Timestamp) {
        self.metrics.input.rejects.with_label_values(&[reject.reason.name()]).inc();
        if let Some(held_back) = self.admit("rejected", now) {
            let (place, reason) = (&reject.place, reject.reason.name());
            warn!(%place, reason, held_back, "record not used: {}", reject.sentence);
        }
    }

    /// The quarantine topic took a copy, or did not, for the reason given.
    pub fn copied(&self, outcome: CopyOutcome, why: &str, now: Timestamp) {
        self.metrics.input.quarantine_copies.with_label_values(&[outcome.name()]).inc();
        if outcome == CopyOutcome::Failed
            && let Some(held_back) = self.admit("copy_failed", now)
        {
            warn!(held_back, "no copy in the quarantine topic, the store keeps the record: {why}");
        }
    }

    /// The quarantine topic does not answer: copies go on in the background, and nobody waits for them.
    pub fn copies_wait(&self, topic: &str, now: Timestamp) {
        if let Some(held_back) = self.admit("copies_wait", now) {
            warn!(topic, held_back, "the quarantine topic does not take copies in time; records wait for it no longer");
        }
    }

    /// Records that could not be used are committed: kept, or only counted because there is no room. Those that were
    /// removed had been re-fed or dropped.
    pub fn set_aside(&self, kept: u64, only_counted: u64, removed: u64, now: Timestamp) {
        self.metrics.input.quarantined.inc_by(kept);
        self.metrics.input.quarantine_only_counted.inc_by(only_counted);
        if removed > 0
            && let Some(held_back) = self.admit("quarantine_cleared", now)
        {
            info!(removed, held_back, "records that were re-fed or dropped made room in the quarantine");
        }
        if only_counted > 0
            && let Some(held_back) = self.admit("quarantine_full", now)
        {
            error!(
                only_counted,
                held_back,
                "the quarantine is full: records that cannot be used are only counted; see \"chartsentry quarantine \
                 list\", stop their source, and re-feed or drop what is there, or raise store.quarantine_mib"
            );
        }
    }

    /// Accesses came after the allowed lateness and were decided against the state as it stands.
    pub fn late(&self, accesses: u64, now: Timestamp) {
        if accesses == 0 {
            return;
        }
        self.metrics.detection.late.inc_by(accesses);
        if let Some(held_back) = self.admit("late", now) {
            warn!(accesses, held_back, "accesses came after allowed_lateness");
        }
    }

    /// A fact is too old to decide explained accesses again: these days need a replay.
    pub fn beyond_horizon(&self, first_day: Date, last_day: Date, now: Timestamp) {
        self.metrics.detection.beyond_horizon.inc();
        if let Some(held_back) = self.admit("beyond_horizon", now) {
            warn!(%first_day, %last_day, held_back, "a late fact concerns days before the horizon: replay these days");
        }
    }

    /// The wall clock went back so many times, last by so many microseconds.
    pub fn clock_set_back(&self, times: u64, by: i64, now: Timestamp) {
        self.metrics.process.set_back.inc_by(times);
        if let Some(held_back) = self.admit("clock_set_back", now) {
            let seconds = by / SECOND;
            warn!(seconds, held_back, "the wall clock went back: check this machine's time service");
        }
    }

    /// Something about a feed needs a look.
    pub fn feed_trouble(&self, trouble: FeedTrouble, count: u64, now: Timestamp) {
        self.metrics.feeds.troubles.with_label_values(&[trouble.name()]).inc_by(count);
        if let Some(held_back) = self.admit(trouble.name(), now) {
            warn!(kind = trouble.name(), count, held_back, "trouble in a feed");
        }
    }

    /// An incident was handed over.
    pub fn handed_over(&self, change: &IncidentChange, now: Timestamp) {
        self.metrics.detection.handoffs.with_label_values(&[change.reason.name()]).inc();
        if let Some(held_back) = self.admit("handed_over", now) {
            let incident = &change.incident;
            info!(
                incident_id = incident.incident_id,
                kind = incident.kind.name(),
                severity = incident.severity.name(),
                status = incident.status.name(),
                reason = change.reason.name(),
                held_back,
                "incident handed over"
            );
        }
    }

    /// A sink took alerts.
    pub fn delivered(&self, sink: &str, alerts: u64) {
        self.metrics.output.delivered.with_label_values(&[sink]).inc_by(alerts);
        debug!(sink, alerts, "alerts delivered");
    }

    /// A sink did not take alerts; they wait in the outbox.
    pub fn delivery_failed(&self, sink: &str, error: &dyn Display, now: Timestamp) {
        self.metrics.output.errors.with_label_values(&[sink]).inc();
        if let Some(held_back) = self.admit("delivery_failed", now) {
            warn!(sink, held_back, "alerts not delivered, will be tried again: {error}");
        }
    }

    /// A sink's driver cannot read or mark its outbox; it is tried again.
    pub fn outbox_failed(&self, sink: &str, error: &dyn Display, now: Timestamp) {
        self.metrics.output.out_of_reach.with_label_values(&[sink]).inc();
        if let Some(held_back) = self.admit("outbox_failed", now) {
            error!(sink, held_back, "the outbox is out of reach, will be tried again: {error}");
        }
    }

    /// Handoffs became cases.
    pub fn cases(&self, opened: usize, widened: usize) {
        self.metrics.register.cases_opened.inc_by(opened as u64);
        if opened + widened > 0 {
            info!(opened, widened, "cases");
        }
    }

    /// No case can be made of a handoff.
    pub fn handoff_refused(&self, why: &str, now: Timestamp) {
        if let Some(held_back) = self.admit("handoff_refused", now) {
            warn!(held_back, "no case: {why}");
        }
    }

    /// The register cannot be used; it is tried again, and what waits goes on waiting.
    pub fn register_failed(&self, error: &str, now: Timestamp) {
        self.metrics.register.errors.inc();
        if let Some(held_back) = self.admit("register_failed", now) {
            error!(held_back, "the case register: {error}");
        }
    }

    /// A case needs somebody's attention.
    pub fn reminder(&self, case_id: &str, alarm: &str, text: &str, now: Timestamp) {
        self.metrics.register.reminders.with_label_values(&[alarm]).inc();
        if let Some(held_back) = self.admit("reminder", now) {
            warn!(case_id, alarm, held_back, "{text}");
        }
    }

    /// The newest entry of the case ledger.
    pub fn checkpoint(&self, sequence: u64, hash: &str) {
        info!(sequence, hash, "ledger checkpoint");
    }

    /// The disk did not take results, state and positions; they are kept, tried again, and nothing is read meanwhile.
    pub fn commit_failed(&self, error: &dyn Display, now: Timestamp) {
        self.metrics.commit_failed();
        if let Some(held_back) = self.admit("commit_failed", now) {
            error!(held_back, "nothing is read until this can be committed: {error}");
        }
    }

    /// The disk takes commits again.
    pub fn commits_again(&self) {
        info!("committed after all; reading goes on");
    }

    /// Results, state and positions are on disk together.
    pub fn committed(&self, events: u64, seconds: f64, now: Timestamp) {
        self.metrics.committed(seconds, now);
        debug!(events, seconds, "state committed");
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Mutex;

    use super::*;
    use crate::model::reject::{Place, RejectCode};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_flood_of_rejects_is_counted_in_full_and_logged_in_part_without_the_record() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
        let metrics = Arc::new(Metrics::new().unwrap());
        let journal = Journal::new(Arc::clone(&metrics));
        let reject = Reject {
            place: Place::Kafka { topic: "ehr.audit".into(), partition: 2, offset: 17 },
            reason: RejectCode::NoActor,
            sentence: "no person acts in this record".into(),
            record: "{\"patient\":\"Okafor\"}".to_owned(),
        };
        tracing::subscriber::with_default(subscriber, || {
            (0..50).for_each(|_| journal.rejected(&reject, Timestamp(0)));
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 10, "{text}");
        assert!(text.contains("ehr.audit[2]@17") && !text.contains("Okafor"), "{text}");
        let counts = metrics.render().unwrap();
        assert!(counts.contains("chartsentry_rejects_total{reason=\"no_actor\"} 50\n"), "{counts}");
        assert!(counts.contains("chartsentry_log_lines_held_back_total{kind=\"rejected\"} 40\n"), "{counts}");
    }
}
