//! Sinks end to end: from the store's outbox to what a receiver reads.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex};

use chartsentry::model::incident::{IncidentKind, Severity};
use chartsentry::model::time::{SECOND, Timestamp};
use chartsentry::sink::backoff::Backoff;
use chartsentry::sink::driver::{Driver, Next, Pass};
use chartsentry::sink::encode::Encoder;
use chartsentry::sink::file::FileSink;
use chartsentry::sink::kafka_context::Publishing;
use chartsentry::sink::open::{Sink, open};
use chartsentry::sink::pseudonym::{Identifiers, Pseudonymizer, Role};
use chartsentry::sink::settings::{Format, SinkSettings};
use chartsentry::sink::{Message, Outcome, Transport};
use chartsentry::store::{OutboxEntry, Store, StoreHandle};
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::store::{batch, options};

/// A handoff with the fields of the contract.
fn handoff_json(incident_id: &str, sequence: u32) -> Value {
    json!({
        "handoff_id": format!("{incident_id}-{sequence}"), "sequence": sequence, "incident_id": incident_id,
        "kind": "user_burst", "severity": "high", "score": 0.9931, "prior": -7.0, "status": "open", "reason": "opened",
        "contributions": [
            {"id": "same_surname", "weight": 4.0, "reason": "Same family name: shared by 3 of 40,001 patients"},
            {"id": "no_care_relationship", "weight": 3.0, "reason": "No relationship on record | a=b \\ c"},
        ],
        "units": [
            {"patient_id": "mrn-2", "user_id": "jdoe", "first_event_id": "e2", "occurred_first": "2026-06-01T07:00:03.134000Z",
             "occurred_last": "2026-06-01T07:00:03.134000Z", "access_count": 2, "actions": ["view"], "resources": [],
             "printed_or_exported": false, "unit_kind": "access"},
            {"patient_id": "mrn-1", "user_id": "jdoe", "first_event_id": "e1", "occurred_first": "2026-06-01T07:00:03.134000Z",
             "occurred_last": "2026-06-01T07:00:03.134000Z", "access_count": 3, "actions": ["view"], "resources": [],
             "printed_or_exported": false, "unit_kind": "access"},
        ],
        "occurred_start": "2026-06-01T07:00:03.134567Z", "occurred_end": "2026-06-01T08:00:00.000000Z",
        "flagged_at": "2026-06-02T00:00:00.000000Z", "surfaced_at": null,
        "detector_ids": ["no_care_relationship", "same_surname"],
        "detected": {"at": "2026-06-02T00:00:01.000000Z", "local_date": "2026-06-01", "business_day": "2026-06-01"},
        "degraded": [],
    })
}

fn entry(json: &Value) -> OutboxEntry {
    OutboxEntry {
        id: 1,
        message_id: "m1".to_owned(),
        incident_id: "i1".to_owned(),
        attempts: 0,
        severity: Severity::High,
        emitted_at: Timestamp(0),
        json: json.to_string(),
    }
}

fn cef(limit: Option<usize>) -> Encoder {
    let patients = Some(Pseudonymizer::new("key").unwrap());
    Encoder { format: Format::Cef, identifiers: Identifiers { patients, users: None }, limit }
}

/// Splits at `separator` where no backslash stands before it, then takes the backslashes away.
fn split_unescaped(text: &str, separator: char, parts: usize) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let is_rest = found.len() == parts;
        let last = found.last_mut().unwrap();
        if is_rest {
            last.push(c);
        } else if c == '\\' {
            last.push(chars.next().unwrap());
        } else if c == separator {
            found.push(String::new());
        } else {
            last.push(c);
        }
    }
    found
}

/// Reads CEF as a receiver does: seven header fields, then keys before unescaped equals signs.
fn parse_cef(line: &str) -> (Vec<String>, BTreeMap<String, String>) {
    let mut header = split_unescaped(line, '|', 8);
    let extension = header.pop().unwrap();
    let bytes = extension.as_bytes();
    let signs: Vec<usize> = (0..bytes.len())
        .filter(|at| {
            bytes[*at] == b'=' && bytes[..*at].iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 0
        })
        .collect();
    let key_start = |sign: usize| extension[..sign].rfind(' ').map_or(0, |space| space + 1);
    let mut fields = BTreeMap::new();
    for (number, sign) in signs.iter().enumerate() {
        let end = signs.get(number + 1).map_or(extension.len(), |next| key_start(*next) - 1);
        let mut value = String::new();
        let mut chars = extension[sign + 1..end].chars();
        while let Some(c) = chars.next() {
            value.push(match c {
                '\\' => match chars.next().unwrap() {
                    'n' => '\n',
                    'r' => '\r',
                    other => other,
                },
                c => c,
            });
        }
        let twice = fields.insert(extension[key_start(*sign)..*sign].to_owned(), value);
        assert_eq!(twice, None, "each key once");
    }
    (header, fields)
}

#[test]
fn a_cef_line_reads_back() {
    let message = cef(None).encode(&entry(&handoff_json("i1", 2))).unwrap();
    assert_eq!((message.kind, message.message_id.as_str()), (IncidentKind::UserBurst.name(), "m1"));
    let (header, fields) = parse_cef(&message.body);
    assert_eq!(header[..5], ["CEF:0", "chartsentry", "chartsentry", env!("CARGO_PKG_VERSION"), "user_burst"]);
    assert_eq!(header[6], "8");

    let made = Pseudonymizer::new("key").unwrap();
    let patients = ["mrn-1", "mrn-2"].map(|id| made.pseudonym(Role::Patient, id)).join(",");
    let expected = [
        ("rt", "1780358401000"),
        ("start", "1780297203134"),
        ("end", "1780300800000"),
        ("externalId", "i1"),
        ("suser", "jdoe"),
        ("suid", "jdoe"),
        ("cnt", "5"),
        ("cn1", "2"),
        ("cn1Label", "sequence"),
        ("cs1", "0.9931"),
        ("cs1Label", "score"),
        ("cs2", "open"),
        ("cs2Label", "status"),
        ("cs3", "opened"),
        ("cs3Label", "reason"),
        ("cs4", "no_care_relationship,same_surname"),
        ("cs4Label", "detectors"),
        ("cs5", "2026-06-01"),
        ("cs5Label", "detectedBusinessDay"),
        ("cs6", &patients),
        ("cs6Label", "patients"),
        ("flexString1", "i1-2"),
        ("flexString1Label", "handoffId"),
        ("msg", "Same family name: shared by 3 of 40,001 patients; No relationship on record | a=b \\ c"),
    ];
    let expected: BTreeMap<_, _> = expected.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    assert_eq!(fields, expected);
    assert!(!message.body.contains("mrn-"));
}

#[test]
fn what_is_not_known_has_no_key() {
    let mut handoff = handoff_json("i1", 1);
    handoff["detected"] = Value::Null;
    handoff["flagged_at"] = Value::Null;
    handoff["units"] = json!([]);
    let (_, fields) = parse_cef(&cef(None).encode(&entry(&handoff)).unwrap().body);
    for key in ["cs5", "cs5Label", "cs6", "cs6Label", "suser", "suid"] {
        assert_eq!(fields.get(key), None, "{key}");
    }
    assert_eq!(fields["rt"], fields["end"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_reads_back_or_is_cut_within_the_limit(
        reason in "\\PC{0,200}[\\\\=|\n\r ]{0,9}\\PC{0,1500}",
        users in proptest::collection::vec("[a-z\\\\=|é]{1,300}", 0..40),
        limit in 1024_usize..8192,
    ) {
        let mut handoff = handoff_json("i1", 1);
        let unit = handoff["units"][0].clone();
        let units = users.iter().map(|user| {
            let mut unit = unit.clone();
            unit["user_id"] = json!(user);
            unit["patient_id"] = json!(user);
            unit
        });
        handoff["units"] = units.collect();
        handoff["contributions"] = json!([{"id": "x", "weight": 1.0, "reason": reason}]);

        let line = cef(Some(limit)).encode(&entry(&handoff)).unwrap().body;
        prop_assert!(line.len() <= limit, "{} > {limit}", line.len());
        prop_assert!(!line.contains(['\n', '\r']));
        let (_, fields) = parse_cef(&line);
        for (key, ids) in [("suser", &users), ("suid", &users)] {
            let shown = fields.get(key).map_or("", String::as_str).trim_end_matches('…');
            prop_assert!(shown.split(',').all(|id| id.is_empty() || ids.iter().any(|user| user == id)), "{shown}");
        }
        let shown = fields.get("msg").map_or("", String::as_str);
        let shown = shown.strip_suffix('…').unwrap_or(shown);
        prop_assert!(reason.trim().starts_with(shown.trim()), "{shown:?} of {reason:?}");
    }
}

/// Answers with what the test has laid out, delivered when nothing is; keeps what it took.
#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<Vec<Vec<Outcome>>>>,
    calls: Arc<Mutex<Vec<Vec<String>>>>,
}

impl Script {
    fn answer(&self, outcomes: &[Outcome]) {
        self.answers.lock().unwrap().insert(0, outcomes.to_vec());
    }

    fn calls(&self) -> Vec<Vec<String>> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }
}

impl Transport for Script {
    async fn send(&mut self, batch: &[Message]) -> Vec<Outcome> {
        self.calls.lock().unwrap().push(batch.iter().map(|message| message.message_id.clone()).collect());
        let answer = self.answers.lock().unwrap().pop();
        answer.unwrap_or_else(|| vec![Outcome::Delivered; batch.len()])
    }
}

fn json_sink<T>(name: &str, transport: T) -> Sink<T> {
    let encoder = Encoder { format: Format::Json, identifiers: Identifiers::default(), limit: None };
    Sink { name: name.to_owned(), encoder, transport }
}

/// A driver whose waits are as long as they may be.
fn driver<T: Transport>(sink: Sink<T>, store: &StoreHandle) -> Driver<T> {
    Driver::new(sink, store.clone(), true, Backoff::default(), Box::new(|longest| longest))
}

fn scripted(store: &StoreHandle) -> (Script, Driver<Script>) {
    let script = Script::default();
    (script.clone(), driver(json_sink("siem", script), store))
}

/// A store in which each of these incidents waits with so many handoffs.
fn waiting(incidents: &[(&str, usize)]) -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&options(&folder)).unwrap();
    for (id, count) in incidents {
        let times: Vec<i64> = (1..=*count as i64).collect();
        let mut commit = batch(id, 0.97, &times);
        for handoff in &mut commit.handoffs {
            handoff.json = handoff_json(id, handoff.sequence).to_string();
        }
        store.commit(&commit).unwrap();
    }
    (folder, store)
}

fn retry() -> Outcome {
    Outcome::Retry("busy".to_owned())
}

#[tokio::test]
async fn an_incident_is_told_in_order_and_surfaces_with_the_first_delivery() {
    let (_folder, store) = waiting(&[("i1", 2), ("i2", 1)]);
    let (script, mut driver) = scripted(&store.handle());
    for at in [7, 8] {
        assert_eq!(driver.pass(Timestamp(at)).await.unwrap().next, Next::Now);
    }
    assert_eq!(driver.pass(Timestamp(9)).await.unwrap(), nothing(Next::Idle));
    assert_eq!(script.calls(), [vec!["i1-1", "i2-1"], vec!["i1-2"]]);
    assert_eq!(store.clocks("i1").unwrap().surfaced_at, Some(Timestamp(7)));
}

fn nothing(next: Next) -> Pass {
    Pass { delivered: 0, retried: 0, dead: 0, error: None, next }
}

#[tokio::test]
async fn a_dead_receiver_is_asked_ever_more_rarely_and_loses_nothing() {
    let (_folder, store) = waiting(&[("i1", 1), ("i2", 1)]);
    let (script, mut driver) = scripted(&store.handle());
    let mut now = Timestamp(0);
    for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
        script.answer(&[retry()]);
        let pass = driver.pass(now).await.unwrap();
        assert_eq!((pass.retried, pass.error.as_deref()), (1, Some("busy")));
        let Next::At(at) = pass.next else { panic!("{pass:?}") };
        assert_eq!(at - now, seconds * SECOND);
        let early = driver.pass(at.minus(1)).await.unwrap();
        assert_eq!(early, nothing(Next::At(at)), "left alone until then");
        now = at;
    }
    assert_eq!(script.calls().len(), 8);
    let mut delivered = 0;
    while delivered < 2 {
        delivered += driver.pass(now).await.unwrap().delivered;
        now = now.plus(60 * SECOND);
    }
    assert_eq!(store.handle().outbox_depths().unwrap(), []);
}

#[tokio::test]
async fn a_clock_that_was_set_back_does_not_silence_a_sink() {
    let (_folder, store) = waiting(&[("i1", 1), ("i2", 1)]);
    let (script, mut driver) = scripted(&store.handle());
    script.answer(&[]);
    driver.pass(Timestamp(7_200 * SECOND)).await.unwrap();
    assert_eq!(driver.pass(Timestamp(0)).await.unwrap().delivered, 2);
}

#[tokio::test]
async fn one_message_that_fails_holds_back_only_its_own_incident() {
    let (_folder, store) = waiting(&[("i1", 2), ("i2", 2)]);
    let (script, mut driver) = scripted(&store.handle());
    script.answer(&[retry(), Outcome::Delivered]);
    driver.pass(Timestamp(0)).await.unwrap();
    driver.pass(Timestamp(0)).await.unwrap();
    let pass = driver.pass(Timestamp(0)).await.unwrap();
    assert_eq!(pass.next, Next::At(Timestamp(SECOND)));
    driver.pass(Timestamp(SECOND)).await.unwrap();
    driver.pass(Timestamp(SECOND)).await.unwrap();
    assert_eq!(script.calls(), [vec!["i1-1", "i2-1"], vec!["i2-2"], vec!["i1-1"], vec!["i1-2"]]);
}

#[tokio::test]
async fn what_is_refused_for_good_or_unreadable_is_kept_and_the_rest_goes_on() {
    let (_folder, mut store) = waiting(&[("i1", 2), ("i2", 1)]);
    let mut unreadable = batch("i0", 0.97, &[1]);
    unreadable.handoffs[0].json = "{\"patient_id\":\"mrn-1\"}".to_owned();
    store.commit(&unreadable).unwrap();
    let (script, mut driver) = scripted(&store.handle());
    script.answer(&[Outcome::Refused("too large".to_owned()), Outcome::Delivered]);
    let pass = driver.pass(Timestamp(0)).await.unwrap();
    assert_eq!((pass.delivered, pass.dead), (1, 2));
    driver.pass(Timestamp(0)).await.unwrap();
    assert_eq!(script.calls(), [vec!["i1-1", "i2-1"], vec!["i1-2"]]);
    let dead: Vec<_> =
        store.handle().dead_letters("siem").unwrap().into_iter().map(|dead| (dead.message_id, dead.reason)).collect();
    assert_eq!(dead[0], ("i1-1".to_owned(), "too large".to_owned()));
    assert!(dead[1].1.contains("does not read") && !dead[1].1.contains("mrn-1"), "{dead:?}");
}

/// Never answers.
struct Stuck;

impl Transport for Stuck {
    async fn send(&mut self, _batch: &[Message]) -> Vec<Outcome> {
        pending().await
    }
}

#[tokio::test]
async fn what_a_store_cannot_mark_is_not_sent_again() {
    let (folder, store) = waiting(&[("i1", 1), ("i2", 1)]);
    let (script, mut driver) = scripted(&store.handle());
    let sql = |text: &str| rusqlite::Connection::open(options(&folder).path).unwrap().execute_batch(text).unwrap();
    sql("CREATE TRIGGER refused BEFORE UPDATE ON outbox BEGIN SELECT raise(FAIL, 'no'); END");
    for _ in 0..3 {
        assert!(driver.pass(Timestamp(1)).await.is_err());
    }
    assert_eq!(script.calls().len(), 1);
    sql("DROP TRIGGER refused");
    assert_eq!(driver.pass(Timestamp(1)).await.unwrap().next, Next::Idle);
    assert_eq!(script.calls().len(), 0);
    assert_eq!(store.handle().outbox_depths().unwrap(), []);
}

/// Passes on what it takes.
struct Into(mpsc::UnboundedSender<String>);

impl Transport for Into {
    async fn send(&mut self, batch: &[Message]) -> Vec<Outcome> {
        batch.iter().for_each(|message| self.0.send(message.message_id.clone()).unwrap());
        vec![Outcome::Delivered; batch.len()]
    }
}

#[tokio::test]
async fn a_stuck_sink_holds_no_other_and_a_stop_empties_the_outbox() {
    let (_folder, mut store) = waiting(&[("i1", 1)]);
    let mut second = batch("i2", 0.97, &[1]);
    second.handoffs[0].json = handoff_json("i2", 1).to_string();
    second.outbox[0].sink = "slow".to_owned();
    second.outbox.push(super::store::message("siem", &second.handoffs[0]));
    let (sender, mut taken) = mpsc::unbounded_channel();
    let (wake, stop) = (Arc::new(Notify::new()), CancellationToken::new());
    let clock: chartsentry::sink::driver::Clock = Arc::new(|| Timestamp(5));
    let slow = driver(json_sink("slow", Stuck), &store.handle());
    let siem = driver(json_sink("siem", Into(sender)), &store.handle());
    let slow = tokio::spawn(slow.run(clock.clone(), Arc::new(Notify::new()), stop.clone(), |_, _| {}));
    let siem = tokio::spawn(siem.run(clock, wake.clone(), stop.clone(), |name, pass| {
        assert_eq!((name, pass.unwrap().dead), ("siem", 0));
    }));
    assert_eq!(taken.recv().await.unwrap(), "i1-1");

    store.commit(&second).unwrap();
    stop.cancel();
    siem.await.unwrap();
    assert_eq!(taken.recv().await.unwrap(), "i2-1");
    slow.abort();
    let depth = &store.handle().outbox_depths().unwrap()[0];
    assert_eq!((depth.sink.as_str(), depth.pending), ("slow", 1));
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_gets_whole_lines_for_its_owner_and_survives_rotation() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, store) = waiting(&[("i1", 2)]);
    let path = folder.path().join("siem").join("chartsentry.cef");
    std::fs::create_dir(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "cut sho").unwrap();
    let sink = Sink { name: "siem".to_owned(), encoder: cef(None), transport: FileSink::new(path.clone()) };
    let mut driver = driver(sink, &store.handle());
    driver.pass(Timestamp(0)).await.unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (2, "cut sho"));
    assert_eq!(parse_cef(lines[1]).1["cn1"], "1");

    std::fs::rename(&path, path.with_extension("old")).unwrap();
    driver.pass(Timestamp(0)).await.unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.ends_with('\n') && parse_cef(text.trim_end()).1["cn1"] == "2", "{text}");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_configured_udp_sink_keeps_to_what_receivers_take() {
    let receiver = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = receiver.local_addr().unwrap();
    let text = format!("name = \"siem\"\nkind = \"syslog\"\naddress = \"udp://{address}\"\npseudonym_key = \"file:k\"");
    let settings: SinkSettings = toml::from_str(&text).unwrap();
    let mut sink = open(&settings, Some("key"), &Publishing::default(), "ehr-1").unwrap();
    let mut handoff = handoff_json("i1", 1);
    handoff["contributions"] = json!([{"id": "x", "weight": 1.0, "reason": "ä".repeat(3_000)}]);
    let message = sink.encoder.encode(&entry(&handoff)).unwrap();
    assert_eq!(sink.transport.send(&[message]).await, [Outcome::Delivered]);

    let mut buffer = [0; 65_536];
    let length = receiver.recv(&mut buffer).await.unwrap();
    assert!((1_024..=2_048).contains(&length), "{length}");
    let text = std::str::from_utf8(&buffer[..length]).unwrap();
    let (head, body) = text.split_once(" - CEF:0").unwrap();
    assert_eq!(head, "<107>1 1970-01-01T00:00:00.000000Z ehr-1 chartsentry - user_burst");
    assert!(parse_cef(&format!("CEF:0{body}")).1["msg"].ends_with('…'));
    assert!(open(&settings, None, &Publishing::default(), "h").err().unwrap().contains("pseudonym_key"));
}
