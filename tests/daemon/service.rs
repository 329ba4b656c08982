//! What operators rely on: poison does not stop it, it tells how it is, and it ends when asked to.

use std::time::Duration;

use chartsentry::store::{Store, StoreOptions};
use rdkafka::Message as _;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Headers;

use super::on_both_brokers;
use super::process::{Process, config_text};
use crate::support::{Broker, Message};

on_both_brokers!(
    poison_is_set_aside_and_the_daemon_goes_on,
    messages_of_the_hospital_bring_context,
    log_ins_and_record_numbers_meet_through_the_crosswalk
);

fn access(id: u32, at: &str) -> String {
    format!(
        "{{\"event_id\":\"e{id}\",\"occurred_at\":\"{at}\",\"user_id\":\"u1\",\"patient_id\":\"p{id}\",\"action\":\"view\"}}"
    )
}

fn poison_is_set_aside_and_the_daemon_goes_on(broker: &Broker) {
    broker.create_topic("poison-audit", 1);
    broker.create_compacted_topic("poison-context", 1);
    broker.create_topic("poison-quarantine", 1);
    let huge = format!("{{\"event_id\":\"{}\"}}", "x".repeat(900_000));
    let values: [(Option<Vec<u8>>, &str); 8] = [
        (Some(access(1, "2026-06-01T07:00:00Z").into()), ""),
        (Some(Vec::new()), "invalid_json"),
        (Some(vec![0xff, 0x00, 0x9f, b'\n']), "invalid_encoding"),
        (Some(huge.into()), "missing_field"),
        (Some(b"{\"event_id\":".to_vec()), "invalid_json"),
        (None, "missing_field"),
        (Some(access(2, "2999-01-01T00:00:00Z").into()), "future"),
        (Some(access(3, "2026-06-01T08:00:00Z").into()), ""),
    ];
    let message = |value: &Option<Vec<u8>>| Message { partition: 0, key: Some(b"u1".to_vec()), value: value.clone() };
    broker.produce("poison-audit", &values.iter().map(|(value, _)| message(value)).collect::<Vec<_>>());

    let folder = tempfile::tempdir().unwrap();
    let more = "quarantine_topic = \"poison-quarantine\"\n";
    let mut process = Process::start(folder.path(), &config_text(broker, "poison", folder.path(), "1s", more));
    process.wait_until_ready();
    process.wait("the whole topic", |process| process.metric("chartsentry_consumer_lag", "") == Some(0.0));
    assert!(process.get("/healthz").unwrap().starts_with("HTTP/1.1 200"));
    for (reason, count) in [("invalid_json", 2.0), ("invalid_encoding", 1.0), ("missing_field", 2.0), ("future", 1.0)] {
        let label = format!("reason=\"{reason}\"");
        assert_eq!(process.metric("chartsentry_rejects_total", &label), Some(count), "{reason}");
    }
    // The feed is idle for longer than an access may be late: everything that came is decided.
    process.wait("a verdict", |process| process.metric("chartsentry_accesses_total", "") == Some(2.0));
    let log = process.log();
    assert!(log.contains("poison-audit[0]@2") && !log.contains("xxxx") && !log.contains("p1"), "{log}");
    assert_eq!(process.terminate().code(), Some(0));

    let store = Store::open(&StoreOptions { path: folder.path().join("store.db"), key: None }).unwrap();
    let kept = store.handle().quarantine(100).unwrap();
    let wanted: Vec<(i64, &str)> =
        (0..).zip(&values).filter(|(_, (_, reason))| !reason.is_empty()).map(|(at, (_, why))| (at, *why)).collect();
    assert_eq!(kept.iter().map(|record| (record.offset, record.reason.as_str())).collect::<Vec<_>>(), wanted);
    assert_eq!(kept[1].record, values[2].0.clone().unwrap());
    assert_eq!(store.positions().unwrap()[0].next_offset, values.len() as i64);
    copies_are_whole(broker, &values, &wanted);
}

/// The topic holds every record as it came, with its place and the reason.
fn copies_are_whole(broker: &Broker, values: &[(Option<Vec<u8>>, &str)], wanted: &[(i64, &str)]) {
    let mut config = broker.connection("poison-copies").client_config();
    let consumer: BaseConsumer =
        config.set("group.id", "poison-copies").set("auto.offset.reset", "earliest").create().unwrap();
    consumer.subscribe(&["poison-quarantine"]).unwrap();
    for (offset, reason) in wanted {
        // A poll also ends without a record when the group has moved.
        let copy = (0..30).find_map(|_| consumer.poll(Duration::from_secs(1))).expect("a copy").unwrap();
        let value = values[*offset as usize].0.clone().unwrap_or_default();
        assert_eq!(copy.payload().unwrap_or_default(), value);
        let headers = copy.headers().unwrap();
        let header = |name: &str| headers.iter().find(|header| header.key == name).and_then(|header| header.value);
        assert_eq!(header("topic"), Some(&b"poison-audit"[..]));
        assert_eq!(header("offset"), Some(offset.to_string().as_bytes()));
        assert_eq!(header("reason"), Some(reason.as_bytes()));
    }
}

fn messages_of_the_hospital_bring_context(broker: &Broker) {
    broker.create_topic("adt-audit", 1);
    broker.create_compacted_topic("adt-context", 1);
    broker.create_topic("adt-events", 1);
    let message = |key: &str, value: &str| Message {
        partition: 0,
        key: Some(key.as_bytes().to_vec()),
        value: Some(value.as_bytes().to_vec()),
    };
    let admitted = "MSH|^~\\&|ADT|H|||20260601050000-0700||ADT^A01|1|P|2.5\rEVN|A01|20260601050000-0700\rPID|||p1^^^H^MR\r\
                    PV1||I|4N^1^A|||||||||||||||||v1\r";
    let encounter = r#"{"resourceType":"Encounter","id":"v2","status":"in-progress","subject":{"reference":"p2"},
        "period":{"start":"2026-06-01T05:00:00-07:00"},"participant":[{"individual":{"identifier":{"value":"u1"}}}]}"#;
    broker.produce("adt-events", &[message("p1", admitted), message("p2", encounter), message("p3", "no message")]);
    let staff = r#"{"type":"workforce","user_id":"u1","family_name":"Quill","department":"4N"}"#;
    broker.produce("adt-context", &[message("u1", staff)]);
    let looks: Vec<Message> = (1..=3).map(|id| message("u1", &access(id, "2026-06-01T14:00:00Z"))).collect();
    broker.produce("adt-audit", &looks);

    let folder = tempfile::tempdir().unwrap();
    let more = "context_event_topics = [\"adt-events\"]\n";
    let mut process = Process::start(folder.path(), &config_text(broker, "adt", folder.path(), "1s", more));
    process.wait_until_ready();
    process.wait("the verdicts", |process| process.metric("chartsentry_accesses_total", "") == Some(3.0));
    let explained = |process: &Process| process.metric("chartsentry_accesses_total", "verdict=\"explained\"");
    assert_eq!(explained(&process), Some(2.0), "one by the ward's stay, one as a participant");
    assert_eq!(process.metric("chartsentry_rejects_total", "reason=\"invalid_json\""), Some(1.0));
    assert_eq!(process.terminate().code(), Some(0));
}

fn log_ins_and_record_numbers_meet_through_the_crosswalk(broker: &Broker) {
    broker.create_topic("who-audit", 1);
    broker.create_compacted_topic("who-context", 1);
    let message = |key: &str, value: &str| Message {
        partition: 0,
        key: Some(key.as_bytes().to_vec()),
        value: Some(value.as_bytes().to_vec()),
    };
    let staff = r#"{"type":"workforce","user_id":"e1","family_name":"Quill"}"#;
    let visit = r#"{"type":"relationship","relationship_id":"r1","kind":"encounter","patient_id":"mrn1","user_id":"e1",
        "starts_at":"2026-06-01T05:00:00Z"}"#;
    broker.produce("who-context", &[message("e1", staff), message("r1", visit)]);
    let looks: Vec<Message> = (1..=2).map(|id| message("u1", &access(id, "2026-06-01T14:00:00Z"))).collect();
    broker.produce("who-audit", &looks);

    let folder = tempfile::tempdir().unwrap();
    let crosswalk = folder.path().join("identity.csv");
    std::fs::write(&crosswalk, "kind,id,alias\nuser,e1,u1\npatient,p1,mrn1\n").unwrap();
    let config = config_text(broker, "who", folder.path(), "1s", "");
    let config = format!("{config}[identity]\ncrosswalk = \"{}\"\n", crosswalk.display());
    let mut process = Process::start(folder.path(), &config);
    process.wait_until_ready();
    process.wait("the verdicts", |process| process.metric("chartsentry_accesses_total", "") == Some(2.0));
    let explained = process.metric("chartsentry_accesses_total", "verdict=\"explained\"");
    assert_eq!(explained, Some(1.0), "the visit is told under another id of both");
    let log = process.log();
    assert!(log.contains("identity crosswalk") && log.contains("users=1 patients=1"), "{log}");
    assert_eq!(process.terminate().code(), Some(0));
}
