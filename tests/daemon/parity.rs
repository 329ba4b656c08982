//! A log through Kafka ends with the same incidents as the same log read at once.

use std::time::{Duration, Instant};

use chartsentry::config::Config;
use chartsentry::model::time::DAY;
use chartsentry::pipeline::daemon::{Daemon, Mode, Phase};
use chartsentry::pipeline::keeper;

use super::hospital::{Hospital, PARTITIONS};
use super::process::config_text;
use crate::support::{Broker, Message};

#[test]
fn the_daemon_and_the_engine_alone_agree_embedded_broker() {
    agree(&Broker::mock(), "--patients 2000 --staff 150 --days 7 --seed 5 --snoops 3", 10_000);
}

#[test]
fn the_daemon_and_the_engine_alone_agree_real_broker() {
    let Some(broker) = Broker::real() else { return };
    agree(&broker, "--patients 6000 --staff 1000 --days 21 --seed 6 --hard", 200_000);
}

fn wait(daemon: &Daemon, what: &str, is_done: impl Fn(&Daemon) -> bool) {
    for _ in 0..60_000 {
        if is_done(daemon) {
            return;
        }
        assert!(!daemon.has_ended(), "the daemon ended while waiting for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("waited two minutes for {what}");
}

/// Facts arrive before event time comes to their recording, accesses of one partition after those of
/// another, in slices of a day.
#[expect(clippy::disallowed_methods, reason = "the test says how fast it was")]
fn agree(broker: &Broker, flags: &str, least: usize) {
    let hospital = Hospital::generate(flags);
    assert!(hospital.accesses.len() >= least, "only {} accesses", hospital.accesses.len());
    let (accesses, context) = ("parity-audit", "parity-context");
    broker.create_topic(accesses, PARTITIONS);
    broker.create_compacted_topic(context, 1);

    let folder = tempfile::tempdir().unwrap();
    let text = config_text(broker, "parity", folder.path(), "5m", "");
    let config = Config::parse("test.toml", &text).unwrap();
    let secrets = config.resolve("test.toml", &keeper::system()).unwrap();
    let daemon = Daemon::start(&config, &secrets, Mode::DEMO).unwrap();

    let started = Instant::now();
    let (mut facts, mut rest) = (hospital.facts.as_slice(), hospital.accesses.as_slice());
    let mut published = 0;
    while let Some(first) = rest.first() {
        let end = first.at.plus(DAY);
        let known = facts.partition_point(|fact| fact.recorded_at <= end);
        let messages: Vec<Message> = facts[..known].iter().map(|fact| fact.message.clone()).collect();
        facts = &facts[known..];
        broker.produce(context, &messages);
        published += messages.len() as i64;
        wait(&daemon, "the context", |daemon| daemon.status().read(context) >= published);
        let slice = rest.partition_point(|access| access.at <= end);
        let mut messages: Vec<Message> = rest[..slice].iter().map(|access| access.message.clone()).collect();
        messages.sort_by_key(|message| message.partition);
        broker.produce(accesses, &messages);
        rest = &rest[slice..];
    }
    let all = hospital.accesses.len() as i64;
    wait(&daemon, "the accesses", |daemon| daemon.status().read(accesses) >= all);
    eprintln!("{all} accesses through Kafka in {:?}", started.elapsed());
    daemon.end(hospital.newest());
    wait(&daemon, "the end", |daemon| daemon.status().phase() >= Phase::Ended);
    let found = daemon.store().incidents().unwrap();
    let tally = daemon.status().tally().unwrap();
    daemon.stop().unwrap();

    assert_eq!(tally.late, 0);
    let wanted = hospital.reference(&config.policy, context, hospital.newest());
    assert!(wanted.len() >= 5, "only {} incidents", wanted.len());
    assert_eq!(found.len(), wanted.len());
    for (one, other) in found.iter().zip(&wanted) {
        assert_eq!(one, other);
    }
}
