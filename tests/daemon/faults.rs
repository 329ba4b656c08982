//! The broker fails, goes away, gets more partitions, or its topics are other ones: nothing is lost or read twice
//! without a word.

use std::time::Duration;

use chartsentry::store::{Store, StoreHandle, StoreOptions};
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use tempfile::TempDir;

use super::hospital::{Hospital, PARTITIONS};
use super::own_broker::OwnBroker;
use super::process::{Process, config_text};
use crate::support::{Broker, Message};

/// An access of one more patient each.
fn access(number: i64, partition: i32) -> Message {
    let at = jiff::Timestamp::from_second(1_780_000_000 + number).unwrap();
    let value = format!(
        "{{\"event_id\":\"e{number}\",\"occurred_at\":\"{at}\",\"user_id\":\"u{number}\",\"patient_id\":\"p{number}\",\
         \"action\":\"view\"}}"
    );
    Message { partition, key: None, value: Some(value.into_bytes()) }
}

fn accesses(numbers: std::ops::Range<i64>, partition: i32) -> Vec<Message> {
    numbers.map(|number| access(number, partition)).collect()
}

/// A daemon with topics of its own.
struct Site {
    folder: TempDir,
    text: String,
}

impl Site {
    fn new(broker: &Broker, name: &str, lateness: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // A metadata refresh shows new partitions and topics.
        let text = config_text(broker, name, folder.path(), lateness, "")
            .replace("[kafka.properties]", "[kafka.properties]\n\"topic.metadata.refresh.interval.ms\" = \"1000\"");
        Self { folder, text }
    }

    fn start(&self) -> Process {
        let mut process = Process::start(self.folder.path(), &self.text);
        process.wait_until_ready();
        process
    }

    fn store(&self) -> StoreHandle {
        Store::open(&StoreOptions { path: self.folder.path().join("store.db"), key: None }).unwrap().handle()
    }
}

fn decided(process: &Process) -> Option<f64> {
    process.metric("chartsentry_accesses_total", "")
}

fn gaps(process: &Process) -> Option<f64> {
    process.metric("chartsentry_input_gaps_total", "")
}

fn admin(broker: &Broker) -> AdminClient<DefaultClientContext> {
    broker.connection("tests").client_config().create().unwrap()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn delete_topic(broker: &Broker, name: &str) {
    let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(10)));
    block_on(admin(broker).delete_topics(&[name], &options)).unwrap()[0].clone().unwrap();
    // It is gone for everybody only a little later.
    std::thread::sleep(Duration::from_secs(2));
}

#[test]
fn a_broker_that_is_killed_and_gone_for_a_while_costs_nothing() {
    let Some(own) = OwnBroker::start() else { return };
    let broker = own.broker();
    let hospital = Hospital::generate("--patients 2000 --staff 150 --days 5 --seed 21 --snoops 3");
    broker.create_topic("gone-audit", PARTITIONS);
    broker.create_compacted_topic("gone-context", 1);
    broker.produce("gone-context", &hospital.fact_messages());
    let messages = hospital.access_messages();
    let (first, second) = messages.split_at(messages.len() / 2);
    broker.produce("gone-audit", first);
    let site = Site::new(&broker, "gone", "30m");
    let mut process = site.start();
    process.wait("the first half", |process| process.metric("chartsentry_consumer_lag", "") == Some(0.0));

    own.kill();
    std::thread::sleep(Duration::from_secs(75));
    assert!(process.get("/healthz").unwrap().starts_with("HTTP/1.1 200"), "it waits, and lives");
    own.start_again();
    broker.produce("gone-audit", second);
    process.wait("the second half", |process| {
        let read = process.metric("chartsentry_accesses_total", "");
        process.metric("chartsentry_consumer_lag", "") == Some(0.0) && read > Some(first.len() as f64)
    });
    own.stop();
    assert_eq!(process.terminate().code(), Some(0), "it ends without its broker, too");
    own.start_again();

    let calm = Site::new(&broker, "gone", "30m");
    let mut process = calm.start();
    process.wait("all of it", |process| process.metric("chartsentry_consumer_lag", "") == Some(0.0));
    assert_eq!(process.terminate().code(), Some(0));
    let (found, wanted) = (site.store().incidents().unwrap(), calm.store().incidents().unwrap());
    assert!(wanted.len() >= 3, "only {} incidents", wanted.len());
    assert_eq!(found, wanted);
    let positions = |site: &Site| {
        let store = Store::open(&StoreOptions { path: site.folder.path().join("store.db"), key: None }).unwrap();
        store.positions().unwrap().into_iter().map(|at| (at.topic, at.partition, at.next_offset)).collect::<Vec<_>>()
    };
    assert_eq!(positions(&site), positions(&calm));
}

#[test]
fn partitions_that_are_added_are_read_from_their_beginning() {
    let Some(broker) = Broker::real() else { return };
    broker.create_topic("added-audit", 1);
    broker.create_compacted_topic("added-context", 1);
    let site = Site::new(&broker, "added", "1s");
    broker.produce("added-audit", &accesses(0..100, 0));
    let mut process = site.start();
    process.wait("the first partition", |process| decided(process) == Some(100.0));
    let more = [NewPartitions::new("added-audit", 3)];
    block_on(admin(&broker).create_partitions(&more, &AdminOptions::new())).unwrap()[0].clone().unwrap();
    // Before the daemon knows of them.
    for partition in [1, 2] {
        let from = i64::from(partition) * 100;
        broker.produce("added-audit", &accesses(from..from + 100, partition));
    }
    process.wait("three partitions", |process| {
        process.metric("chartsentry_partitions_assigned", "") == Some(3.0) && decided(process) == Some(300.0)
    });
    assert_eq!(gaps(&process), Some(0.0));
    assert_eq!(process.terminate().code(), Some(0));
}

/// While nobody looks, so that offsets are all that is left to tell by.
fn a_topic_is_created_anew_with(name: &str, count: i64) {
    let Some(broker) = Broker::real() else { return };
    let topic = format!("{name}-audit");
    broker.create_topic(&topic, 1);
    broker.create_compacted_topic(&format!("{name}-context"), 1);
    let site = Site::new(&broker, name, "1s");
    broker.produce(&topic, &accesses(0..500, 0));
    let mut process = site.start();
    process.wait("the old topic", |process| decided(process) == Some(500.0));
    assert_eq!(process.terminate().code(), Some(0));

    delete_topic(&broker, &topic);
    broker.create_topic(&topic, 1);
    broker.produce(&topic, &accesses(1_000..1_000 + count, 0));
    let mut process = site.start();
    process.wait("the new topic", |process| decided(process) == Some(count as f64));
    assert_eq!(gaps(&process), Some(1.0));
    let log = process.log();
    assert!(log.contains(&format!("{topic}[0] is not the one that was read up to offset 500")), "{log}");
    assert_eq!(process.terminate().code(), Some(0));

    let mut process = site.start();
    process.wait("nothing more", |process| process.metric("chartsentry_consumer_lag", "") == Some(0.0));
    assert_eq!((gaps(&process), decided(&process)), (Some(0.0), Some(0.0)), "said once");
    assert_eq!(process.terminate().code(), Some(0));
}

#[test]
fn a_shorter_topic_of_the_same_name_is_read_from_its_beginning() {
    a_topic_is_created_anew_with("shorter", 20);
}

#[test]
fn a_longer_topic_of_the_same_name_is_read_from_its_beginning() {
    a_topic_is_created_anew_with("longer", 900);
}

#[test]
fn a_topic_that_is_created_anew_under_a_running_daemon_is_read_from_its_beginning() {
    let Some(broker) = Broker::real() else { return };
    broker.create_topic("anew-audit", 1);
    broker.create_compacted_topic("anew-context", 1);
    let site = Site::new(&broker, "anew", "1s");
    broker.produce("anew-audit", &accesses(0..500, 0));
    let mut process = site.start();
    process.wait("the old topic", |process| decided(process) == Some(500.0));
    delete_topic(&broker, "anew-audit");
    broker.create_topic("anew-audit", 1);
    broker.produce("anew-audit", &accesses(1_000..1_700, 0));
    process.wait("the new topic", |process| decided(process) == Some(1_200.0));
    assert!(gaps(&process) >= Some(1.0), "{}", process.log());
    assert_eq!(process.terminate().code(), Some(0));
}

#[test]
fn a_context_topic_that_is_created_anew_is_known_and_decides_again() {
    let Some(broker) = Broker::real() else { return };
    broker.create_topic("facts-audit", 1);
    broker.create_compacted_topic("facts-context", 1);
    let fact = |number: u32| Message {
        partition: 0,
        key: Some(format!("w{number}").into_bytes()),
        value: Some(format!("{{\"type\":\"workforce\",\"user_id\":\"w{number}\"}}").into_bytes()),
    };
    broker.produce("facts-context", &(0..50).map(fact).collect::<Vec<_>>());
    broker.produce("facts-audit", &accesses(0..10, 0));
    let site = Site::new(&broker, "facts", "1s");
    let mut process = site.start();
    process.wait("the accesses", |process| decided(process) == Some(10.0));
    assert_eq!(process.terminate().code(), Some(0));
    for (facts, wanted) in [(10..20, 1.0), (20..100, 1.0)] {
        delete_topic(&broker, "facts-context");
        broker.create_compacted_topic("facts-context", 1);
        broker.produce("facts-context", &facts.map(fact).collect::<Vec<_>>());
        let mut process = site.start();
        assert_eq!(gaps(&process), Some(wanted), "{}", process.log());
        assert!(process.log().contains("facts-context[0] is not the context topic that was read before"));
        process.wait("a commit", |process| process.metric("chartsentry_state_commits_total", "") >= Some(1.0));
        assert_eq!(process.terminate().code(), Some(0));
    }
    let mut process = site.start();
    process.wait("a commit", |process| process.metric("chartsentry_state_commits_total", "") >= Some(1.0));
    assert_eq!(gaps(&process), Some(0.0), "said once");
    assert_eq!(process.terminate().code(), Some(0));
}
