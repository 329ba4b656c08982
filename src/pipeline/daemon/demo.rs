//! The whole daemon on a small log: a broker inside this process, a producer, the daemon itself, a file
//! sink. Everything that it writes stands in one new folder.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde_json::{Map, Value};

use super::outlets::random;
use super::{Daemon, Mode, Phase, publishing, store_options};
use crate::breach::handoff::Handoff;
use crate::config::{Config, Format, Identifiers, Secret, SecretRef, Secrets, SinkSettings, Target};
use crate::decode::context::Table;
use crate::decode::{DecodeSink, Decoder, Expect};
use crate::engine::output::Tally;
use crate::model::access::AccessEvent;
use crate::model::context::ContextUpdate;
use crate::model::incident::{Incident, Severity};
use crate::model::reject::Reject;
use crate::model::time::Timestamp;
use crate::sink::kafka_records::RecordPublisher;
use crate::source::file::{BlockReader, ContextDir, Piece, Sizes};
use crate::source::kafka::EmbeddedBroker;
use crate::store::Store;

const ACCESSES: &str = "ehr.audit";
const CONTEXT: &str = "ehr.context";
const PARTITIONS: i32 = 4;
/// The embedded broker keeps about 5 MB of each partition: no more than this is published ahead.
const AHEAD: i64 = 6_000;
const WAIT: Duration = Duration::from_millis(2);
/// How many times [`WAIT`] nothing may happen before the demo gives up.
const PATIENCE: u32 = 30_000;
/// Logs that a folder may hold, in the order in which they are looked for.
const LOGS: [&str; 6] =
    ["access.csv", "access.ndjson", "access.csv.gz", "access.ndjson.gz", "access.csv.zst", "access.ndjson.zst"];

/// How far the demo is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// So many context records were taken in.
    Context(u64),
    /// So many accesses were taken in.
    Accesses(u64),
    /// Event time is brought to its end.
    Settling,
}

/// What came out.
pub struct Outcome {
    pub accesses: u64,
    pub facts: u64,
    /// First and last access.
    pub span: (Timestamp, Timestamp),
    pub tally: Tally,
    /// As the store has them: highest score first.
    pub incidents: Vec<Incident>,
    /// The newest handoff of each incident that has one.
    pub handoffs: Vec<Handoff>,
    pub handoff_count: usize,
    pub quarantined: usize,
    pub store: PathBuf,
    pub alerts: PathBuf,
}

/// Runs the daemon on the log and the context of a folder, as `generate` writes it. `folder` is new and
/// empty.
///
/// # Errors
/// Whatever does not work, in a sentence.
pub fn run(logs: &Path, folder: &Path, progress: &mut dyn FnMut(Step)) -> Result<Outcome> {
    let log = LOGS.iter().map(|name| logs.join(name)).find(|path| path.exists());
    let log =
        log.with_context(|| format!("{} holds no access log: expected one of {}", logs.display(), LOGS.join(", ")))?;
    let context = ContextDir::list(&logs.join("context"))?;

    let broker = EmbeddedBroker::start()?;
    for (topic, partitions) in [(ACCESSES, PARTITIONS), (CONTEXT, 1), (HANDOFFS, 1), (QUARANTINE, 1)] {
        broker.create_topic(topic, partitions)?;
    }
    let (config, secrets) = settings(&broker.brokers(), folder)?;
    let publisher = RecordPublisher::new(&publishing(&config, &secrets)).map_err(anyhow::Error::msg)?;
    let daemon = Daemon::start(&config, &secrets, Mode::DEMO)?;
    let fed = feed(&daemon, &publisher, &config, &log, &context, progress);
    let fed = match fed {
        Ok(fed) => fed,
        // When the daemon stopped first, its own error is the one that says why.
        Err(error) => return Err(daemon.stop().err().unwrap_or(error)),
    };
    let tally = daemon.status().tally().unwrap_or_default();
    daemon.stop()?;
    read_back(&config, &secrets, fed, tally)
}

const HANDOFFS: &str = "chartsentry.handoffs";
const QUARANTINE: &str = "chartsentry.quarantine";

/// What was published.
struct Fed {
    accesses: u64,
    facts: u64,
    span: (Timestamp, Timestamp),
}

fn feed(
    daemon: &Daemon,
    publisher: &RecordPublisher,
    config: &Config,
    log: &Path,
    context: &ContextDir,
    progress: &mut dyn FnMut(Step),
) -> Result<Fed> {
    let mut paced = Paced { daemon, publisher, published: 0, topic: CONTEXT };
    for (table, path) in &context.files {
        publish_table(*table, path, &mut paced, progress)?;
    }
    paced.wait_for_all(&mut |read| progress(Step::Context(read)))?;
    let facts = paced.published as u64;

    let mut paced = Paced { daemon, publisher, published: 0, topic: ACCESSES };
    let span = publish_log(log, config, &mut paced, progress)?;
    paced.wait_for_all(&mut |read| progress(Step::Accesses(read)))?;
    let accesses = paced.published as u64;
    let Some(span) = span else { bail!("{} holds no access", log.display()) };

    progress(Step::Settling);
    daemon.end(span.1.plus(config.policy.engine.settle_window.micros()));
    wait(daemon, "event time to end", || Ok(daemon.status().phase() >= Phase::Ended))?;
    wait(daemon, "the sinks", || Ok(daemon.store().outbox_depths()?.iter().all(|depth| depth.pending == 0)))?;
    Ok(Fed { accesses, facts, span })
}

fn wait(daemon: &Daemon, what: &str, mut is_done: impl FnMut() -> Result<bool>) -> Result<()> {
    for _ in 0..PATIENCE {
        if is_done()? {
            return Ok(());
        }
        ensure!(!daemon.has_ended(), "the daemon stopped while the demo waited for {what}");
        thread::sleep(WAIT);
    }
    Err(anyhow!("the demo waited for {what} for a minute: is this machine very busy? try again"))
}

/// Publishes to one topic no faster than the daemon reads.
struct Paced<'d> {
    daemon: &'d Daemon,
    publisher: &'d RecordPublisher,
    published: i64,
    topic: &'static str,
}

impl Paced<'_> {
    fn publish(&mut self, key: Option<&str>, value: &[u8], told: &mut dyn FnMut(u64)) -> Result<()> {
        self.publisher.publish(self.topic, key.map(str::as_bytes), value, &[]).map_err(anyhow::Error::msg)?;
        self.published += 1;
        if self.published % 500 == 0 {
            self.wait_until(self.published - AHEAD, told)?;
        }
        Ok(())
    }

    fn wait_for_all(&self, told: &mut dyn FnMut(u64)) -> Result<()> {
        self.publisher.flush(Duration::from_secs(30)).map_err(anyhow::Error::msg)?;
        self.wait_until(self.published, told)
    }

    fn wait_until(&self, wanted: i64, told: &mut dyn FnMut(u64)) -> Result<()> {
        wait(self.daemon, self.topic, || {
            let read = self.daemon.status().read(self.topic);
            told(u64::try_from(read).unwrap_or(0));
            Ok(read >= wanted)
        })
    }
}

/// Publishes a table's rows as messages, under their id where the table has one.
fn publish_table(table: Table, path: &Path, paced: &mut Paced<'_>, progress: &mut dyn FnMut(Step)) -> Result<()> {
    let about = || format!("cannot read {} (the demo reads context tables as plain CSV)", path.display());
    ensure!(path.extension().is_some_and(|extension| extension == "csv"), about());
    let mut reader = csv::Reader::from_path(path).with_context(about)?;
    let headers = reader.headers().with_context(about)?.clone();
    let id = match table {
        Table::Workforce => "user_id",
        Table::Patients => "patient_id",
        Table::RelatedPersons => "related_person_id",
        Table::Relationships => "relationship_id",
        Table::Shifts => "shift_id",
        Table::FeedStatus => "feed",
    };
    for row in reader.records() {
        let row = row.with_context(about)?;
        let cells = headers.iter().zip(&row).filter(|(_, cell)| !cell.trim().is_empty());
        let mut message: Map<String, Value> = cells.map(|(name, cell)| (name.to_owned(), cell.into())).collect();
        let key = message.get(id).and_then(Value::as_str).map(|id| format!("{}/{id}", table.type_name()));
        message.insert("type".to_owned(), table.type_name().into());
        let value = serde_json::to_vec(&message)?;
        paced.publish(key.as_deref(), &value, &mut |read| progress(Step::Context(read)))?;
    }
    Ok(())
}

/// Publishes the accesses of a log, keyed by user. Gives the first and the last one's time.
fn publish_log(
    log: &Path,
    config: &Config,
    paced: &mut Paced<'_>,
    progress: &mut dyn FnMut(Step),
) -> Result<Option<(Timestamp, Timestamp)>> {
    let mut decoder = Decoder::new(config.facility.zone().map_err(anyhow::Error::msg)?);
    let mut publishing = Publishing { paced, progress, span: None, failure: None };
    for piece in BlockReader::new(vec![log.to_owned()], Expect::Accesses, Sizes::default()) {
        match piece? {
            Piece::Block(block) => decoder.chunk(&block.chunk(), &mut publishing),
            Piece::Reject(..) | Piece::Columnar { .. } => {}
        }
        if let Some(error) = publishing.failure.take() {
            return Err(error);
        }
    }
    Ok(publishing.span)
}

struct Publishing<'p, 'd> {
    paced: &'p mut Paced<'d>,
    progress: &'p mut dyn FnMut(Step),
    span: Option<(Timestamp, Timestamp)>,
    failure: Option<anyhow::Error>,
}

impl DecodeSink for Publishing<'_, '_> {
    fn access(&mut self, event: &AccessEvent<'_>, _: u64) {
        let at = event.occurred_at;
        self.span = Some(self.span.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
        if self.failure.is_some() {
            return;
        }
        let published = serde_json::to_vec(event).map_err(anyhow::Error::from).and_then(|value| {
            let progress = &mut self.progress;
            self.paced.publish(Some(&event.user_id), &value, &mut |read| progress(Step::Accesses(read)))
        });
        self.failure = published.err();
    }

    fn context(&mut self, _: ContextUpdate, _: u64) {}

    fn reject(&mut self, _: Reject) {}
}

/// The shipped policy, with everything else in `folder`.
fn settings(brokers: &str, folder: &Path) -> Result<(Config, Secrets)> {
    let key = format!("{:016x}{:016x}", random(), random());
    let key_file = folder.join("pseudonym.key");
    std::fs::write(&key_file, format!("{key}\n")).with_context(|| format!("cannot write {}", key_file.display()))?;
    let mut config = Config::shipped();
    config.kafka.brokers = brokers.to_owned();
    config.kafka.group_id = "chartsentry-demo".to_owned();
    config.kafka.handoff_topic = Some(HANDOFFS.to_owned());
    config.kafka.quarantine_topic = Some(QUARANTINE.to_owned());
    config.store.path = folder.join("chartsentry.db");
    config.sinks = vec![SinkSettings {
        name: "siem".to_owned(),
        target: Target::File(folder.join("siem.cef")),
        format: Format::Cef,
        min_severity: Severity::Low,
        patient_identifiers: Identifiers::Pseudonym,
        user_identifiers: Identifiers::Plain,
        pseudonym_key: Some(SecretRef::File(key_file)),
    }];
    let pseudonym_keys = [("siem".to_owned(), Secret::new(key))].into();
    Ok((config, Secrets { pseudonym_keys, ..Secrets::default() }))
}

/// Reads the results from the store that the daemon wrote.
fn read_back(config: &Config, secrets: &Secrets, fed: Fed, tally: Tally) -> Result<Outcome> {
    let handle = Store::open(&store_options(config, secrets))?.handle();
    let handoffs = handle.latest_handoffs()?;
    let handoffs = handoffs.iter().map(|handoff| serde_json::from_str(&handoff.json));
    let Fed { accesses, facts, span } = fed;
    Ok(Outcome {
        accesses,
        facts,
        span,
        tally,
        incidents: handle.incidents()?,
        handoffs: handoffs.collect::<Result<_, _>>().context("a handoff does not read back")?,
        handoff_count: handle.handoffs()?.len(),
        quarantined: handle.quarantine(u32::MAX)?.len(),
        store: config.store.path.clone(),
        alerts: config.store.path.with_file_name("siem.cef"),
    })
}
