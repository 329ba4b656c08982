//! Workers and a register say what a daemon that runs alone says, however many workers there are and however they end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use chartsentry::breach::handoff::Handoff;
use chartsentry::model::incident::{Incident, IncidentKind};
use chartsentry::model::time::Timestamp;
use chartsentry::sink::kafka_context::Publishing;
use chartsentry::sink::kafka_transactions::{Entry, TransactionalWriter, WriteError};
use chartsentry::source::kafka::{CatchUp, ContextReader, KafkaEvent, Reading, TopicPartition};
use chartsentry::store::{Store, StoreHandle, StoreOptions};

use super::hospital::{Hospital, PARTITIONS};
use super::process::{Process, config_text};
use crate::support::{Broker, Message};

/// Incidents, and everything of each handoff but its run and its clocks.
type Result = (Vec<Incident>, BTreeMap<String, String>);

fn result(folder: &Path) -> Result {
    let store: StoreHandle = Store::open(&StoreOptions { path: folder.join("store.db"), key: None }).unwrap().handle();
    let told = |handoff: Handoff| {
        let Handoff { handoff_id, incident_id, sequence, reason, status, units, score, contributions, .. } = handoff;
        (handoff_id, format!("{incident_id} {sequence} {reason:?} {status:?} {score} {units:?} {contributions:?}"))
    };
    let handoffs = store.handoffs().unwrap();
    let handoffs = handoffs.iter().map(|record| told(serde_json::from_str(&record.json).unwrap())).collect();
    (store.incidents().unwrap(), handoffs)
}

fn has_read_all(process: &Process) -> bool {
    process.metric("chartsentry_consumer_lag", "") == Some(0.0)
}

/// Whether event time has come to an instant.
fn is_at(process: &Process, at: Timestamp) -> bool {
    process.metric("chartsentry_watermark_seconds", "").is_some_and(|seconds| seconds >= at.0 as f64 / 1e6 - 1e-3)
}

struct Site {
    hospital: Hospital,
    broker: Broker,
    name: String,
}

const LATENESS: &str = "3s";

impl Site {
    /// All facts, and accesses up to those that the test publishes itself.
    fn new(name: &str, broker: Broker) -> Self {
        let hospital = Hospital::generate("--patients 2000 --staff 150 --days 9 --seed 8 --snoops 3");
        broker.create_topic(&format!("{name}-audit"), PARTITIONS);
        broker.create_compacted_topic(&format!("{name}-context"), 1);
        broker.produce(&format!("{name}-context"), &hospital.fact_messages());
        Self { hospital, broker, name: name.to_owned() }
    }

    fn publish(&self, messages: &[Message]) {
        self.broker.produce(&format!("{}-audit", self.name), messages);
    }

    fn text(&self, folder: &Path, is_cluster: bool) -> String {
        let text = config_text(&self.broker, &self.name, folder, LATENESS, "");
        if is_cluster { text + "[cluster]\nenabled = true\n" } else { text }
    }

    /// What a daemon that runs alone ends with.
    fn alone(&self) -> Result {
        let folder = tempfile::tempdir().unwrap();
        let mut process = Process::start(folder.path(), &self.text(folder.path(), false));
        process.wait("all accesses", has_read_all);
        process.wait("the end of time", |process| is_at(process, self.hospital.newest()));
        assert!(process.terminate().success());
        result(folder.path())
    }

    fn same_as_alone(&self, folder: &Path) {
        let (found, wanted) = (result(folder), self.alone());
        assert!(
            wanted.0.len() >= 5 && wanted.1.len() >= 5,
            "{} incidents, {} handoffs",
            wanted.0.len(),
            wanted.1.len()
        );
        let kinds: BTreeSet<IncidentKind> = wanted.0.iter().map(|incident| incident.kind).collect();
        assert_eq!(kinds.len(), 4, "incidents of every kind: {kinds:?}");
        assert_eq!(found.1, wanted.1);
        assert_eq!(found.0, wanted.0);
    }
}

#[test]
fn one_worker_and_the_register_say_what_one_daemon_says_real_broker() {
    let Some(broker) = Broker::real() else { return };
    let site = Site::new("solo", broker);
    site.publish(&site.hospital.access_messages());
    let folder = tempfile::tempdir().unwrap();
    let text = site.text(folder.path(), true);
    let mut register = Process::start_as(folder.path(), &text, "register");
    let mut worker = Process::start_as(folder.path(), &text, "worker");
    worker.wait("all accesses", has_read_all);
    register.wait("the end of time", |process| is_at(process, site.hospital.newest()));
    for process in [&mut worker, &mut register] {
        process.reconfigure(&text);
        process.wait("a refusal", |process| process.log().contains("take another configuration only at a restart"));
    }
    assert!(worker.terminate().success());
    std::thread::sleep(Duration::from_secs(2));
    assert!(register.terminate().success());
    site.same_as_alone(folder.path());
}

/// Publishes everything in the order of time, in slices a second apart.
fn publish_slowly(topic: &str, messages: &[Message]) {
    let Some(broker) = Broker::real() else { return };
    for slice in messages.chunks(messages.len().div_ceil(30)) {
        broker.produce(topic, slice);
        after(1_000);
    }
}

fn after(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}

#[test]
fn workers_that_come_go_and_are_killed_and_a_register_that_is_killed_do_not_show_real_broker() {
    let Some(broker) = Broker::real() else { return };
    let site = Site::new("crowd", broker);
    let folder = tempfile::tempdir().unwrap();
    let text = site.text(folder.path(), true);
    let start = |role: &str| Process::start_as(folder.path(), &text, role);
    let (mut register, mut first) = (start("register"), start("worker"));
    let messages = site.hospital.access_messages();
    std::thread::scope(|scope| {
        let publisher = scope.spawn(|| publish_slowly("crowd-audit", &messages));
        first.wait_until_ready();
        after(1_300);
        // One is added: partitions move while the log goes on.
        let mut second = start("worker");
        second.wait_until_ready();
        after(700);
        first.kill();
        let mut third = start("worker");
        third.wait_until_ready();
        after(400);
        register.kill();
        after(2_000);
        register = start("register");
        after(1_000);
        // One ends in order, another as it comes.
        assert!(second.terminate().success());
        let mut fourth = start("worker");
        fourth.wait_until_ready();
        after(300);
        third.kill();
        publisher.join().unwrap();
        fourth.wait("all accesses", has_read_all);
        register.wait("the end of time", |process| is_at(process, site.hospital.newest()));
        after(2_000);
        assert!(fourth.terminate().success());
        assert!(register.terminate().success());
    });
    site.same_as_alone(folder.path());
}

#[test]
fn a_writer_ends_every_earlier_one_of_its_name_real_broker() {
    let Some(broker) = Broker::real() else { return };
    broker.create_topic("fenced", 1);
    let properties = BTreeMap::from([("bootstrap.servers".to_owned(), broker.brokers().to_owned())]);
    let publishing = Publishing { properties, token: None };
    let open = || TransactionalWriter::open(&publishing, "fenced.0").unwrap();
    let entry = |key: &str| Entry { topic: "fenced".to_owned(), partition: 0, key: key.into(), value: Some(vec![1]) };
    let first = open();
    first.write(&[entry("a")]).unwrap();
    let second = open();
    let refused = first.write(&[entry("b")]);
    assert!(matches!(refused, Err(WriteError::Fenced(_))), "{refused:?}");
    second.write(&[entry("c"), entry("d")]).unwrap();
    let name = TopicPartition::new("fenced", 0);
    let reader = ContextReader::start_one(&broker.connection("fenced"), &name, &Reading::default(), None).unwrap();
    let mut keys = Vec::new();
    let mut catch_up = CatchUp::until(reader.ends());
    while !catch_up.is_done() {
        let event = reader.events().recv_timeout(Duration::from_secs(30)).unwrap();
        catch_up.observe(&event);
        if let KafkaEvent::Batch(batch) = event {
            keys.extend(batch.records().iter().map(|record| batch.key(record).unwrap().to_vec()));
        }
    }
    reader.stop();
    assert_eq!(keys, [b"a", b"c", b"d"]);
}
