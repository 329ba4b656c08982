//! How fast the daemon drains a topic of a real Kafka, beside a bare consumer of the same messages, and
//! how soon an incident stands in the store.
//!
//! `cargo bench --bench kafka` (needs Java and Maven, see `tests/kafka/broker.sh`)
//!
//! Both read on the cores that the broker needs as well. The daemon knows the hospital's context before
//! the clock starts; its clock ends when everything that it read is committed.

#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]

#[path = "../tests/daemon/hospital.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod hospital;
#[path = "../tests/support/mod.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod support;

use std::time::{Duration, Instant};

use chartsentry::config::Config;
use chartsentry::model::time::Timestamp;
use chartsentry::pipeline::clock;
use chartsentry::pipeline::daemon::{Daemon, Mode};
use chartsentry::pipeline::keeper;
use chartsentry::store::HandoffRecord;
use hospital::{Hospital, PARTITIONS};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, BaseRecord};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use support::{Broker, Message};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 3;
/// Incidents whose latency is measured.
const SNOOPS: usize = 300;

fn main() {
    let Some(broker) = Broker::real() else { return };
    drain(&broker);
    latency(&broker);
}

fn drain(broker: &Broker) {
    let hospital = Hospital::generate("--patients 60000 --staff 4000 --days 21 --seed 1");
    let messages = hospital.access_messages();
    let bytes: usize = messages.iter().filter_map(|message| message.value.as_ref().map(Vec::len)).sum();
    println!("{} accesses of {} bytes in {PARTITIONS} partitions", messages.len(), bytes / messages.len());
    broker.create_topic("drain-audit", PARTITIONS);
    broker.create_compacted_topic("drain-context", 1);
    broker.produce("drain-context", &hospital.fact_messages());
    broker.produce("drain-audit", &messages);
    let (mut bare, mut daemon) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        bare.push(rate(messages.len(), bare_consumer(broker)));
        daemon.push(rate(messages.len(), drained(broker, round, messages.len() as i64)));
    }
    let (bare, daemon) = (median(bare), median(daemon));
    println!("bare consumer {bare:>9.0} messages/s\ndaemon        {daemon:>9.0} messages/s");
    println!("the daemon drains at {:.2} of the bare consumer's rate", daemon / bare);
}

fn rate(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// How long a consumer needs that only counts.
fn bare_consumer(broker: &Broker) -> Duration {
    let mut config = broker.connection("bare").client_config();
    config.set("group.id", "bare").set("enable.partition.eof", "true").set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create().unwrap();
    let mut partitions = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        partitions.add_partition_offset("drain-audit", partition, Offset::Beginning).unwrap();
    }
    let started = Instant::now();
    consumer.assign(&partitions).unwrap();
    let mut ended = 0;
    while ended < PARTITIONS {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Err(KafkaError::PartitionEOF(_))) => ended += 1,
            Some(message) => drop(message.unwrap()),
            None => {}
        }
    }
    started.elapsed()
}

fn start(broker: &Broker, name: &str, group: &str, lateness: &str, folder: &std::path::Path) -> Daemon {
    let text = format!(
        "[kafka]\nbrokers = \"{}\"\ngroup_id = \"{group}\"\naccess_topics = [\"{name}-audit\"]\ncontext_topics = \
         [\"{name}-context\"]\n[store]\npath = \"{}\"\n[engine]\nallowed_lateness = \"{lateness}\"\n",
        broker.brokers(),
        folder.join("store.db").display(),
    );
    let config = Config::parse("bench.toml", &text).unwrap();
    Daemon::start(&config, &config.resolve("bench.toml", &keeper::system()).unwrap(), Mode::DEMO).unwrap()
}

/// How long the daemon needs from the first access that it reads until the last one is committed.
fn drained(broker: &Broker, round: usize, count: i64) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let daemon = start(broker, "drain", &format!("drain-{round}"), "5m", folder.path());
    let wait = |is_done: &dyn Fn() -> bool| {
        while !is_done() {
            assert!(!daemon.has_ended());
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    wait(&|| daemon.status().read("drain-audit") > 0);
    let started = Instant::now();
    wait(&|| daemon.status().committed("drain-audit") >= count);
    let took = started.elapsed();
    daemon.stop().unwrap();
    took
}

/// People who open the chart of somebody of their own rare name at their own address, one after another.
fn latency(broker: &Broker) {
    broker.create_topic("latency-audit", 1);
    broker.create_compacted_topic("latency-context", 1);
    let message = |key: String, value: String| Message {
        partition: 0,
        key: Some(key.into_bytes()),
        value: Some(value.into_bytes()),
    };
    let mut facts = vec![message(
        "r".to_owned(),
        r#"{"type":"relationship","relationship_id":"r","kind":"order","patient_id":"p0","user_id":"somebody","starts_at":"2026-01-01T00:00:00Z"}"#.to_owned(),
    )];
    for number in 0..SNOOPS {
        let person = format!(
            r#""family_name":"Rare{}","street":"{number} Long Road","postal_code":"90001""#,
            (0..4).map(|place| char::from(b'a' + (number >> (4 * place) & 15) as u8)).collect::<String>()
        );
        facts.push(message(format!("u{number}"), format!(r#"{{"type":"workforce","user_id":"u{number}",{person}}}"#)));
        facts.push(message(format!("p{number}"), format!(r#"{{"type":"patient","patient_id":"p{number}",{person}}}"#)));
    }
    broker.produce("latency-context", &facts);
    let folder = tempfile::tempdir().unwrap();
    let daemon = start(broker, "latency", "latency", "0s", folder.path());
    let mut config = broker.connection("unused").client_config();
    let producer: BaseProducer = config.set("linger.ms", "0").create().unwrap();
    let mut seen = Vec::new();
    for number in 0..SNOOPS {
        let access = format!(
            r#"{{"event_id":"e{number}","occurred_at":"{}","user_id":"u{number}","patient_id":"p{number}","action":"view"}}"#,
            clock::now()
        );
        producer.send(BaseRecord::to("latency-audit").key(&format!("u{number}")).payload(&access)).unwrap();
        while daemon.store().incidents().unwrap().len() <= number {
            assert!(!daemon.has_ended());
            producer.poll(Duration::from_micros(500));
        }
        seen.push(clock::now());
    }
    let mut took: Vec<f64> = daemon.store().handoffs().unwrap().iter().map(|handoff| took(handoff, &seen)).collect();
    daemon.stop().unwrap();
    assert_eq!(took.len(), SNOOPS);
    took.sort_by(f64::total_cmp);
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
    println!(
        "from the broker's append to the committed incident, allowed_lateness = 0: median {:.0} ms, p99 {:.0} ms",
        at(0.5),
        at(0.99)
    );
}

/// Milliseconds from the append of a handoff's access to the moment at which its incident was seen.
fn took(handoff: &HandoffRecord, seen: &[Timestamp]) -> f64 {
    let handoff: serde_json::Value = serde_json::from_str(&handoff.json).unwrap();
    let number: usize = handoff["units"][0]["patient_id"].as_str().unwrap()[1..].parse().unwrap();
    let appended = instant(handoff["source_available_at"].as_str().unwrap());
    (seen[number] - appended) as f64 / 1e3
}

fn instant(text: &str) -> Timestamp {
    Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
}
