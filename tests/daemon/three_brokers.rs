//! A cluster of three brokers loses each of them in turn, and nothing else.

use std::time::Duration;

use super::hospital::{Hospital, PARTITIONS};
use super::kill::{handoffs, has_read_all, open, undisturbed};
use super::own_broker::OwnBroker;
use super::process::{Process, config_text};

#[test]
fn a_cluster_may_lose_each_broker_in_turn() {
    let Some(members) = OwnBroker::cluster() else { return };
    let broker = members[0].broker();
    let hospital = Hospital::generate("--patients 2000 --staff 150 --days 6 --seed 31 --snoops 3");
    broker.create_topic("three-audit", PARTITIONS);
    broker.create_compacted_topic("three-context", 1);
    broker.produce("three-context", &hospital.fact_messages());
    let messages = hospital.access_messages();
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::start(folder.path(), &config_text(&broker, "three", folder.path(), "30m", ""));
    process.wait_until_ready();
    for (member, slice) in members.iter().zip(messages.chunks(messages.len().div_ceil(3))) {
        member.kill();
        broker.produce("three-audit", slice);
        std::thread::sleep(Duration::from_secs(2));
        member.start_again();
    }
    let all = messages.len() as f64;
    process.wait("all accesses", |process| {
        let read = process.metric("chartsentry_accesses_total", "");
        has_read_all(process) && read > Some(all * 0.5)
    });
    assert_eq!(process.metric("chartsentry_input_gaps_total", ""), Some(0.0), "{}", process.log());
    assert!(process.terminate().success());

    let store = open(folder.path());
    let found = (store.incidents().unwrap(), handoffs(&store));
    let wanted = undisturbed(&broker, "three");
    assert!(wanted.0.len() >= 3, "only {} incidents", wanted.0.len());
    assert_eq!(found, wanted);
}
