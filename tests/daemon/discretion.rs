//! Logs, metrics and health name nobody and hold no secret, whatever is read and however broken it is.

use std::collections::{BTreeSet, HashSet};
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use chartsentry::store::{Store, StoreKey, StoreOptions};
use serde_json::{Value, json};

use super::hospital::{Hospital, PARTITIONS};
use super::process::{More, Process, config_text, free_address};
use crate::support::{Broker, Message};

/// Words, as they follow each other.
type Phrase = Vec<String>;

const SECRETS: [(&str, &str); 4] = [
    ("CHARTSENTRY_TEST_STORE", "Storekey99Lemur"),
    ("CHARTSENTRY_TEST_PSEUDONYM", "Pseudonym55Tapir"),
    ("CHARTSENTRY_TEST_PASSWORD", "Hunter22Quagga"),
    ("CHARTSENTRY_TEST_TLS", "Okapi77Zebra"),
];

/// What is told of people in staff and patient records, and must not be told on.
const PRIVATE: [&str; 9] = [
    "given_name",
    "family_name",
    "previous_family_names",
    "street",
    "phone",
    "patient_id",
    "user_id",
    "related_patient_id",
    "manager_id",
];

fn words(text: &str) -> Phrase {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

fn fields(message: &Message) -> Value {
    serde_json::from_slice(message.value.as_deref().unwrap()).unwrap()
}

/// The records of people.
fn people(hospital: &Hospital) -> Vec<Value> {
    let records = hospital.facts.iter().map(|fact| fields(&fact.message));
    let kinds = ["workforce", "patient", "related_person"];
    records.filter(|record| kinds.contains(&record["type"].as_str().unwrap())).collect()
}

fn private(people: &[Value]) -> HashSet<Phrase> {
    let cells = people.iter().flat_map(|record| PRIVATE.iter().filter_map(move |field| record[*field].as_str()));
    cells.flat_map(|cell| cell.split('|')).map(words).filter(|phrase| !phrase.is_empty()).collect()
}

/// The phrases that stand in a text, as whole words, in the case in which they are written.
fn found(phrases: &HashSet<Phrase>, text: &str) -> BTreeSet<Phrase> {
    let text = words(&text.replace("\\n", " ").replace("\\t", " ").replace("\\r", " "));
    let lengths: BTreeSet<usize> = (1..=8).collect();
    let all = lengths.into_iter().flat_map(|length| text.windows(length));
    all.filter(|window| phrases.contains(*window)).map(<[String]>::to_vec).collect()
}

/// Records about a person that cannot be read, as audit topics might hold them.
fn broken_accesses(person: &Value) -> Vec<String> {
    let [given, family, street, phone, patient] = ["given_name", "family_name", "street", "phone", "patient_id"]
        .map(|field| person[field].as_str().unwrap_or("x"));
    let access = |more: Value| {
        let mut access = json!({"event_id": "b1", "occurred_at": "2026-06-02T07:00:00Z", "user_id": "u10001",
            "patient_id": patient, "action": "view"});
        access.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        access.to_string()
    };
    let whole = access(json!({"note": format!("{given} {family}, {street}, {phone}")}));
    vec![
        access(json!({"occurred_at": family})),
        access(json!({"action": format!("{given} {family}")})),
        access(json!({"outcome": phone})),
        access(json!({"user_id": {"name": family}})),
        access(json!({"patient_ids": [patient, {"x": given}]})),
        access(json!({"search_text_kind": family, family: street})),
        access(json!({"occurred_at": "2999-01-01T00:00:00Z"})),
        json!({family: given}).to_string(),
        json!({"resourceType": family, "id": patient}).to_string(),
        json!({"resourceType": "AuditEvent", "recorded": family, "agent": [{"name": format!("{given} {family}")}],
            "entity": [{"what": {"reference": format!("Patient/{patient}")}, "name": family}]})
        .to_string(),
        whole[..whole.len() - 3].to_owned(),
        format!("CEF:0|Epic|{given} {family}|{patient}|{phone}|x|3|suser={family} duser={street}"),
        format!("<AuditMessage><ActiveParticipant UserID=\"u10001\" UserName=\"{given} {family}\"></AuditMessage>"),
        format!("<{family}>{given} {street}</{family}>"),
        format!("{given} {family}, {street}, {phone}, {patient}"),
    ]
}

/// The same for topics of context records and of messages.
fn broken_context(person: &Value) -> (Vec<String>, Vec<String>) {
    let [given, family, street, phone, patient] = ["given_name", "family_name", "street", "phone", "patient_id"]
        .map(|field| person[field].as_str().unwrap_or("x"));
    let records = [
        json!({"type": "patient", "patient_id": patient, "birth_date": format!("{given} {family}")}),
        json!({"type": family}),
        json!({"type": "patient", family: given, "phone": phone}),
        json!({"type": "relationship", "relationship_id": patient, "kind": family, "patient_id": patient}),
        json!({"type": "feed_status", "feed": family, "status": given, "department": street}),
    ];
    let segments = format!(
        "\rEVN|A01|{family}\rPID|||{patient}^^^H^MR||{family}^{given}||19{family}|||{street}||{phone}\rPV1||I|{family}"
    );
    let messages = [
        format!("MSH|^~\\&|ADT|H|||20260601050000-0700||ADT^A01|1|P|2.5{segments}"),
        format!("MSH|^~\\&|ADT|H|||20260601050000-0700||ADT^A40|1|P|2.5{segments}"),
        format!("MSH|^~\\&|{family}|{given}|||{family}||ADT^{family}|1|P|2.5{segments}"),
        format!("PID|||{patient}||{family}^{given}"),
        json!({"resourceType": "Encounter", "id": patient, "status": family, "subject": {"display": family}})
            .to_string(),
        json!({"resourceType": "Patient", "id": patient, "birthDate": family, "name": family, "address": street})
            .to_string(),
    ];
    (records.iter().map(Value::to_string).collect(), messages.to_vec())
}

fn produce(broker: &Broker, topic: &str, key: &str, values: Vec<String>) {
    let message = |value: String| Message { partition: 0, key: Some(key.into()), value: Some(value.into()) };
    broker.produce(topic, &values.into_iter().map(message).collect::<Vec<_>>());
}

/// A hospital with its log, and records about its first people that nobody can read.
fn fill(broker: &Broker, hospital: &Hospital, people: &[Value]) {
    broker.create_topic("discreet-audit", PARTITIONS);
    for topic in ["discreet-context", "discreet-events", "discreet-quarantine"] {
        broker.create_topic(topic, 1);
    }
    broker.produce("discreet-context", &hospital.fact_messages());
    let subjects = people.iter().filter(|person| person["type"] == "patient").take(20);
    for person in subjects {
        let key = person["family_name"].as_str().unwrap_or("x");
        let (records, messages) = broken_context(person);
        produce(broker, "discreet-context", key, records);
        produce(broker, "discreet-events", key, messages);
        produce(broker, "discreet-audit", key, broken_accesses(person));
    }
    broker.produce("discreet-audit", &hospital.access_messages());
}

fn config(broker: &Broker, folder: &Path, syslog: std::net::SocketAddr) -> String {
    let more = "context_event_topics = [\"discreet-events\"]\nquarantine_topic = \"discreet-quarantine\"\n";
    let text = config_text(broker, "discreet", folder, "1s", more);
    let properties = "[kafka.properties]\n\"debug\" = \"all\"\n\"sasl.password\" = \"${CHARTSENTRY_TEST_PASSWORD}\"\n\
                      \"ssl.key.password\" = \"${CHARTSENTRY_TEST_TLS}\"\n";
    let text = text.replace("[kafka.properties]\n", properties);
    let text = text.replace("[store]\n", "[store]\nkey = \"${CHARTSENTRY_TEST_STORE}\"\n");
    // Nobody listens at the sink's address, so that its errors are told.
    format!(
        "{text}\n[[sinks]]\nname = \"siem\"\nkind = \"syslog\"\naddress = \"tcp://{}\"\nmin_severity = \"low\"\n\
         pseudonym_key = \"${{CHARTSENTRY_TEST_PSEUDONYM}}\"\n[[sinks]]\nname = \"file\"\nkind = \"file\"\n\
         address = \"{}\"\n\
         format = \"json\"\nmin_severity = \"low\"\npatient_identifiers = \"plain\"\n[[sources]]\nname = \"atna\"\n\
         kind = \"syslog\"\naddress = \"tcp://{syslog}\"\n",
        free_address(),
        folder.join("alerts.ndjson").display(),
    )
}

#[test]
fn the_search_finds_whole_words_in_their_order() {
    let phrases: HashSet<Phrase> = ["Quill", "5 Olive St", "555-395-4223"].map(words).into();
    let said = found(&phrases, "{\"message\":\"at\\nQuill, 5 Olive St; quill Quills 5 Olive 395-4223\"}");
    assert_eq!(said, BTreeSet::from(["5 Olive St", "Quill"].map(words)));
}

#[test]
fn neither_logs_nor_metrics_name_a_person_or_hold_a_secret() {
    let broker = Broker::mock();
    let hospital = Hospital::generate("--patients 2000 --staff 150 --days 7 --seed 5 --snoops 3");
    let people = people(&hospital);
    let phrases = private(&people);
    assert!(found(&phrases, &broken_accesses(&people[0]).join("\n")).len() >= 3, "the records name people");
    fill(&broker, &hospital, &people);

    let (folder, syslog) = (tempfile::tempdir().unwrap(), free_address());
    let variables: Vec<(&str, &str)> = SECRETS.into_iter().chain([("RUST_LOG", "trace")]).collect();
    let text = config(&broker, folder.path(), syslog);
    let more = More { flags: &["--log-format", "json"], variables: &variables, ..More::default() };
    let mut process = Process::start_with(folder.path(), &text, &more);
    process.wait_until_ready();
    let mut stream = TcpStream::connect(syslog).unwrap();
    for broken in broken_accesses(&people[1]) {
        writeln!(stream, "<13>1 2026-06-01T07:00:00Z h a - - - {}", broken.replace('\n', " ")).unwrap();
    }
    drop(stream);
    process.wait("the whole topic", |process| process.metric("chartsentry_consumer_lag", "") == Some(0.0));
    let more_than = |process: &Process, name: &str, least: f64| process.metric(name, "").is_some_and(|sum| sum > least);
    process.wait("rejects", |process| more_than(process, "chartsentry_rejects_total", 300.0));
    process.wait("an alert", |process| more_than(process, "chartsentry_delivered_total", 0.0));
    process.wait("an alert that is not taken", |process| more_than(process, "chartsentry_delivery_errors_total", 0.0));
    let mut said: String = ["/metrics", "/readyz", "/healthz"].map(|path| process.get(path).unwrap()).concat();
    let (log, out) = (folder.path().join("stderr.log"), folder.path().join("stdout.log"));
    assert_eq!(process.terminate().code(), Some(0));
    said.extend([log, out].map(|path| std::fs::read_to_string(path).unwrap()));

    for part in ["record not used", "alerts not delivered", "\"level\":\"DEBUG\"", "chartsentry_rejects_total"] {
        assert!(said.contains(part), "nothing says {part}");
    }
    assert_eq!(found(&phrases, &said), BTreeSet::new());
    let key = StoreKey::new(SECRETS[0].1);
    let store = Store::open(&StoreOptions { path: folder.path().join("store.db"), key: Some(key) }).unwrap();
    let sentences: Vec<String> =
        store.handle().quarantine(1_000).unwrap().into_iter().map(|kept| kept.sentence).collect();
    assert!(sentences.len() > 100);
    assert_eq!(found(&phrases, &sentences.join("\n")), BTreeSet::new(), "in sentences of the quarantine");
    let told: Vec<&str> =
        SECRETS.into_iter().filter(|(_, secret)| said.contains(secret)).map(|(name, _)| name).collect();
    assert_eq!(told, Vec::<&str>::new());
}

/// A table in which each patient stands three times: well, with a date that is none, and cut.
fn patients_table(people: &[Value]) -> String {
    let mut table = "patient_id,given_name,family_name,birth_date,phone\n".to_owned();
    for person in people.iter().filter(|person| person["type"] == "patient") {
        let cell = |field: &str| person[field].as_str().unwrap_or("x");
        let (id, given, family, phone) = (cell("patient_id"), cell("given_name"), cell("family_name"), cell("phone"));
        table += &format!("{id},{given},{family},,{phone}\n{id},{given},{family},{family},{phone}\n{id},{given}\n");
    }
    table
}

#[test]
fn commands_tell_what_is_wrong_without_a_name() {
    let hospital = Hospital::generate("--patients 300 --staff 60 --days 2 --seed 4");
    let people = people(&hospital);
    let phrases = private(&people);
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let log: String = hospital.access_messages().iter().map(|one| format!("{}\n", fields(one))).collect();
    let access = write("access.ndjson", log);
    let broken: Vec<String> = people.iter().take(20).flat_map(broken_accesses).collect();
    let broken = write("broken.ndjson", broken.join("\n"));
    let patients = write("context/patients.csv", patients_table(&people));
    let config = write("config.toml", format!("[store]\npath = \"{}\"\n", folder.path().join("store.db").display()));
    let context = folder.path().join("context").display().to_string();
    let out = folder.path().join("out").display().to_string();
    let lines: [&[&str]; 5] = [
        &["replay", "-vv", "--context", &context, "--out", &out, &access, &broken],
        &["inspect", "-vv", "--summary", &broken],
        &["inspect", "-vv", &broken],
        &["inspect", "-vv", &patients],
        &["cases", "list", "-vv", "--config", &config],
    ];
    for line in lines {
        let ended = Command::new(env!("CARGO_BIN_EXE_chartsentry")).args(line).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(!said.contains("panicked"), "{line:?}: {said}");
        assert_eq!(found(&phrases, &said), BTreeSet::new(), "{line:?}:\n{said}");
    }
}
