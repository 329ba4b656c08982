//! Poison of every kind is set aside, counted and copied, what stands between is decided, and what can be read by now
//! is fed again.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use chartsentry::model::time::Timestamp;
use chartsentry::store::{Commit, Position, QuarantineDesk, QuarantineRecord, Standing, Store, StoreOptions, Wanted};
use rdkafka::Message as _;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, OwnedMessage};

use super::on_both_brokers;
use super::process::{Process, config_text};
use crate::support::{Broker, Message};

on_both_brokers!(
    every_kind_of_poison_is_set_aside_between_good_records,
    copies_that_are_too_large_are_cut_and_say_so,
    what_can_be_read_by_now_is_fed_again,
);

fn access(id: usize) -> Vec<u8> {
    format!(
        "{{\"event_id\":\"e{id}\",\"occurred_at\":\"2026-06-01T07:00:00Z\",\"user_id\":\"u1\",\"patient_id\":\"p{id}\",\
         \"action\":\"view\"}}"
    )
    .into()
}

fn message(value: Option<Vec<u8>>) -> Message {
    Message { partition: 0, key: Some(b"u1".to_vec()), value }
}

fn topics(broker: &Broker, name: &str) -> String {
    broker.create_topic(&format!("{name}-audit"), 1);
    broker.create_compacted_topic(&format!("{name}-context"), 1);
    format!("quarantine_topic = \"{name}-quarantine\"\n")
}

fn options(folder: &Path) -> StoreOptions {
    StoreOptions { path: folder.join("store.db"), key: None }
}

/// Entities that would become a thousand million.
fn laughs() -> String {
    let more: String = (1..10).map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10))).collect();
    format!("<?xml version=\"1.0\"?><!DOCTYPE l [<!ENTITY l0 \"lol\">{more}]><AuditMessage>&l9;</AuditMessage>")
}

fn poison() -> Vec<Option<Vec<u8>>> {
    let utf_16: Vec<u8> = [0xff, 0xfe].into_iter().chain(access(0).into_iter().flat_map(|byte| [byte, 0])).collect();
    let noise = (0..900_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8);
    vec![
        None,
        Some(Vec::new()),
        Some(b" \n ".to_vec()),
        Some(vec![b'['; 100_000]),
        Some(b"{\"a\":".repeat(50_000)),
        Some(format!("<AuditMessage>{}{}</AuditMessage>", "<a>".repeat(50_000), "</a>".repeat(50_000)).into()),
        Some(utf_16),
        Some(vec![0xff, 0x00, 0x9f, b'\n']),
        Some(b"{\"hello\":\"world\"}".to_vec()),
        Some([0xff].into_iter().chain(noise).collect()),
        Some(laughs().into()),
    ]
}

/// Everything that a topic holds, `count` records.
fn read_all(broker: &Broker, topic: &str, count: usize) -> Vec<OwnedMessage> {
    let mut config = broker.connection(topic).client_config();
    let consumer: BaseConsumer = config.set("group.id", topic).set("auto.offset.reset", "earliest").create().unwrap();
    consumer.subscribe(&[topic]).unwrap();
    let next = || {
        // A poll also ends without a record when the group has moved.
        let record = (0..30).find_map(|_| consumer.poll(Duration::from_secs(1))).expect("one more record");
        record.unwrap().detach()
    };
    (0..count).map(|_| next()).collect()
}

fn header(record: &OwnedMessage, name: &str) -> Option<String> {
    let found = record.headers()?.iter().find(|header| header.key == name)?;
    Some(String::from_utf8(found.value?.to_vec()).unwrap())
}

fn every_kind_of_poison_is_set_aside_between_good_records(broker: &Broker) {
    let more = topics(broker, "kinds");
    broker.create_topic("kinds-quarantine", 1);
    let poison = poison();
    let between = (1..).map(|id| message(Some(access(id))));
    let messages: Vec<Message> =
        poison.iter().cloned().map(message).zip(between).flat_map(|(bad, good)| [bad, good]).collect();
    broker.produce("kinds-audit", &messages);

    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::start(folder.path(), &config_text(broker, "kinds", folder.path(), "1s", &more));
    process.wait_until_ready();
    let count = poison.len() as f64;
    process.wait("the poison", |process| process.metric("chartsentry_quarantined_total", "") == Some(count));
    process.wait("the verdicts", |process| process.metric("chartsentry_accesses_total", "") == Some(count));
    assert_eq!(process.metric("chartsentry_rejects_total", ""), Some(count));
    assert_eq!(process.metric("chartsentry_quarantine_copies_total", "outcome=\"whole\""), Some(count));
    assert_eq!(process.metric("chartsentry_quarantine_only_counted_total", ""), Some(0.0));
    assert_eq!(process.terminate().code(), Some(0));

    let store = Store::open(&options(folder.path())).unwrap();
    let kept = store.handle().quarantine(100).unwrap();
    assert_eq!(kept.len(), poison.len());
    let copies = read_all(broker, "kinds-quarantine", poison.len());
    for (at, ((row, value), copy)) in kept.iter().zip(&poison).zip(&copies).enumerate() {
        let bytes = value.as_deref().unwrap_or_default();
        assert_eq!((row.offset, row.size), (2 * at as i64, Some(bytes.len() as u64)));
        assert_eq!(row.record, bytes[..bytes.len().min(16_384)]);
        assert_eq!((row.is_whole, row.key.as_deref()), (bytes.len() <= 16_384, Some(&b"u1"[..])));
        assert_eq!((row.copy, row.kept_at.is_some()), (Some((0, at as i64)), true));
        assert_eq!((copy.payload().unwrap_or_default(), copy.key()), (bytes, Some(&b"u1"[..])));
        let told = ["topic", "partition", "offset", "reason", "sentence", "truncated"].map(|name| header(copy, name));
        let place = [Some("kinds-audit".to_owned()), Some("0".to_owned()), Some(row.offset.to_string())];
        assert_eq!(told[..3], place);
        assert_eq!(told[3..], [Some(row.reason.clone()), Some(row.sentence.clone()), None]);
    }
    assert_eq!(store.positions().unwrap()[0].next_offset, 2 * poison.len() as i64);
}

fn copies_that_are_too_large_are_cut_and_say_so(broker: &Broker) {
    let more = topics(broker, "large");
    broker.create_topic_of("large-quarantine", 20_000);
    let large = format!("{{\"event_id\":\"{}", "x".repeat(100_000)).into_bytes();
    let values = [large.clone(), b"{\"event_id\":".to_vec(), large.clone(), access(1)];
    broker.produce("large-audit", &values.map(|value| message(Some(value))));

    let folder = tempfile::tempdir().unwrap();
    let text = config_text(broker, "large", folder.path(), "1s", &more);
    // The client's own bound; a real topic has a smaller one.
    let text = text.replace("[kafka.properties]\n", "[kafka.properties]\n\"message.max.bytes\" = \"30000\"\n");
    let mut process = Process::start(folder.path(), &text);
    process.wait_until_ready();
    process.wait("the verdict", |process| process.metric("chartsentry_accesses_total", "") == Some(1.0));
    process.wait("the records", |process| process.metric("chartsentry_quarantined_total", "") == Some(3.0));
    let copies = |outcome: &str| process.metric("chartsentry_quarantine_copies_total", outcome);
    assert_eq!((copies("cut"), copies("whole"), copies("failed")), (Some(2.0), Some(1.0), Some(0.0)));
    assert_eq!(process.terminate().code(), Some(0));

    let mut copies = read_all(broker, "large-quarantine", 3);
    copies.sort_by_key(|copy| header(copy, "offset"));
    for copy in [&copies[0], &copies[2]] {
        let payload = copy.payload().unwrap();
        assert!(large.starts_with(payload) && (5_000..30_000).contains(&payload.len()), "{}", payload.len());
        assert_eq!(header(copy, "truncated"), Some(large.len().to_string()));
    }
    assert_eq!((copies[1].payload(), header(&copies[1], "truncated")), (Some(&b"{\"event_id\":"[..]), None));
    let kept = Store::open(&options(folder.path())).unwrap().handle().quarantine(10).unwrap();
    let said: Vec<_> = kept.iter().map(|row| (row.size, row.is_whole, row.copy.is_some())).collect();
    let cut = (Some(large.len() as u64), false, false);
    assert_eq!(said, [cut, (Some(12), true, true), cut], "only whole copies are noted");
}

#[test]
fn a_flood_of_poison_fills_no_disk_and_stops_nothing() {
    const FLOOD: usize = 20_000;
    let broker = Broker::mock();
    let more = topics(&broker, "flood");
    broker.create_topic("flood-quarantine", 1);
    let folder = tempfile::tempdir().unwrap();
    let text = config_text(&broker, "flood", folder.path(), "1s", &more);
    let mut process = Process::start(folder.path(), &text.replace("[store]\n", "[store]\nquarantine_mib = 1\n"));
    process.wait_until_ready();
    let flood = (0..FLOOD).map(|n| message(Some(format!("poison {n}").into_bytes())));
    let ends = [message(Some(access(1))), message(Some(access(2)))];
    let messages: Vec<Message> = ends[..1].iter().cloned().chain(flood).chain(ends[1..].iter().cloned()).collect();
    broker.produce("flood-audit", &messages);
    process.wait("the verdicts", |process| process.metric("chartsentry_accesses_total", "") == Some(2.0));
    let sum = |process: &Process| {
        let kept = process.metric("chartsentry_quarantined_total", "")?;
        Some((kept, kept + process.metric("chartsentry_quarantine_only_counted_total", "")?))
    };
    let all = FLOOD as f64;
    process.wait("the flood", |process| sum(process).is_some_and(|(_, sum)| sum == all));
    let kept = sum(&process).unwrap().0;
    assert!((1_000.0..3_000.0).contains(&kept), "{kept}");
    assert_eq!(process.metric("chartsentry_rejects_total", ""), Some(all));
    assert_eq!(process.metric("chartsentry_quarantine_copies_total", "outcome=\"whole\""), Some(all));
    assert!(process.log().contains("the quarantine is full"), "{}", process.log());
    assert!(process.get("/healthz").unwrap().starts_with("HTTP/1.1 200"));
    assert_eq!(process.terminate().code(), Some(0));

    let desk = QuarantineDesk::open(&options(folder.path())).unwrap();
    assert_eq!(desk.count(&Wanted::default()).unwrap(), kept as u64);
    let [counted] = &desk.only_counted().unwrap()[..] else { panic!("one partition, one reason") };
    assert_eq!((counted.records, counted.offsets.1), (FLOOD as u64 - kept as u64, FLOOD as i64));
}

fn quarantine(folder: &Path, words: &[&str]) -> Output {
    let config = folder.join("config.toml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_chartsentry"));
    command.arg("quarantine").args(words).args(["--config", config.to_str().unwrap()]).output().unwrap()
}

fn lines(output: &[u8]) -> Vec<serde_json::Value> {
    output
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

/// What an older version set aside: a beginning whose rest its topic has, a whole record, one that is none, one that
/// nobody has any more, and a syslog message.
fn set_aside(folder: &Path) {
    let row = |topic: &str, offset: i64, value: &[u8]| QuarantineRecord {
        topic: topic.to_owned(),
        offset,
        reason: "invalid_value".to_owned(),
        sentence: "an older version could not read it".to_owned(),
        size: Some(value.len() as u64),
        record: value.to_vec(),
        is_whole: true,
        ..QuarantineRecord::default()
    };
    let beginning =
        QuarantineRecord { record: access(1)[..20].to_vec(), is_whole: false, ..row("again-audit", 0, &access(1)) };
    let lost = QuarantineRecord { is_whole: false, ..row("again-audit", 900, &access(9)) };
    let quarantine = vec![
        beginning,
        row("again-audit", 100, &access(2)),
        row("again-audit", 101, b"still no JSON"),
        lost,
        row("(syslog)", 5, &access(3)),
    ];
    let position = Position {
        topic: "again-audit".to_owned(),
        partition: 0,
        next_offset: 1,
        watermark: Timestamp::MIN.0,
        last_record: None,
    };
    let mut store = Store::open(&options(folder)).unwrap();
    store.commit(&Commit { positions: vec![position], quarantine, ..Commit::default() }).unwrap();
}

fn what_can_be_read_by_now_is_fed_again(broker: &Broker) {
    topics(broker, "again");
    broker.produce("again-audit", &[message(Some(access(1)))]);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    set_aside(folder);
    let mut process = Process::start(folder, &config_text(broker, "again", folder, "1s", ""));
    process.wait_until_ready();

    let tried = quarantine(folder, &["refeed", "--all", "--dry-run"]);
    let ids: Vec<_> = lines(&tried.stdout).iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, ["again-audit/0/0", "again-audit/0/100"]);
    assert_eq!(lines(&tried.stdout)[1]["accesses"][0]["patient_id"], "p2");
    let words = String::from_utf8(tried.stderr).unwrap();
    assert!(words.contains("again-audit/0/101: still invalid_json"), "{words}");
    assert!(words.contains("again-audit/0/900: the store has"), "{words}");
    assert!(words.contains("(syslog)/0/5: it came over syslog"), "{words}");

    let fed = quarantine(folder, &["refeed", "--all", "--by", "Ada Berg"]);
    assert_eq!((fed.status.code(), lines(&fed.stdout).len()), (Some(0), 2), "{}", String::from_utf8_lossy(&fed.stderr));
    process.wait("two verdicts", |process| process.metric("chartsentry_accesses_total", "") == Some(2.0));
    let again = quarantine(folder, &["refeed", "again-audit/0/100", "--by", "Ada Berg"]);
    assert_eq!((again.status.code(), again.stdout.len()), (Some(1), 0));
    assert!(String::from_utf8(again.stderr).unwrap().contains("give --again"));
    let syslog = quarantine(folder, &["refeed", "(syslog)/0/5", "--to", "again-audit", "--by", "Ada Berg"]);
    assert_eq!(syslog.status.code(), Some(0), "{}", String::from_utf8_lossy(&syslog.stderr));
    process.wait("three verdicts", |process| process.metric("chartsentry_accesses_total", "") == Some(3.0));
    assert_eq!(process.terminate().code(), Some(0));

    let from: Vec<_> =
        read_all(broker, "again-audit", 4).iter().map(|record| header(record, "chartsentry-refed-from")).collect();
    let named = ["again-audit/0/0", "again-audit/0/100", "(syslog)/0/5"].map(|id| Some(id.to_owned()));
    assert_eq!((&from[0], &from[1..]), (&None, &named[..]));
    let desk = QuarantineDesk::open(&options(folder)).unwrap();
    let refed = desk.list(&Wanted { standing: Some(Standing::Refed), ..Wanted::default() }, 10).unwrap();
    assert_eq!(refed.len(), 3);
    assert!(refed.iter().all(|one| one.handled.as_ref().is_some_and(|handled| handled.by == "Ada Berg")));
    assert_eq!(desk.count(&Wanted { standing: Some(Standing::Waiting), ..Wanted::default() }).unwrap(), 2);
}
