//! The quarantine's commands on a store by itself: no daemon, and no broker that answers.

use std::path::Path;
use std::process::{Command, Output};

use chartsentry::model::time::Timestamp;
use chartsentry::store::{Commit, QuarantineRecord, Store, StoreOptions};
use serde_json::Value;
use tempfile::TempDir;

fn record(offset: i64, reason: &str, value: &[u8]) -> QuarantineRecord {
    QuarantineRecord {
        topic: "ehr.audit".to_owned(),
        offset,
        reason: reason.to_owned(),
        sentence: "a test".to_owned(),
        record: value.to_vec(),
        size: Some(value.len() as u64),
        is_whole: true,
        kept_at: Some(Timestamp(1_780_000_000_000_000 + offset)),
        ..QuarantineRecord::default()
    }
}

/// A store with three records, and a configuration that names it.
fn store() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    std::fs::write(folder.path().join("site.toml"), format!("[store]\npath = \"{}\"\n", path.display())).unwrap();
    let quarantine = vec![
        record(1, "invalid_json", b"{\"user_id\":\n\"u1\""),
        record(2, "invalid_encoding", b"\xff\x1b[31m"),
        record(3, "invalid_json", b"[["),
    ];
    let mut store = Store::open(&StoreOptions { path, key: None }).unwrap();
    store.commit(&Commit { quarantine, ..Commit::default() }).unwrap();
    folder
}

fn run(folder: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_chartsentry"))
        .arg("quarantine")
        .args(words)
        .args(["--config", folder.join("site.toml").to_str().unwrap()])
        .current_dir(folder)
        .output()
        .unwrap()
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn listed(folder: &Path, more: &[&str]) -> Vec<Value> {
    let output = run(folder, &[&["list", "--json"][..], more].concat());
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn ids(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["id"].as_str().unwrap()).collect()
}

#[test]
fn records_are_listed_the_newest_first_and_by_reason_topic_and_limit() {
    let folder = store();
    assert_eq!(ids(&listed(folder.path(), &[])), ["ehr.audit/0/3", "ehr.audit/0/2", "ehr.audit/0/1"]);
    assert_eq!(ids(&listed(folder.path(), &["--limit", "1"])), ["ehr.audit/0/3"]);
    let broken = listed(folder.path(), &["--reason", "invalid_json", "--topic", "ehr.audit"]);
    assert_eq!(ids(&broken), ["ehr.audit/0/3", "ehr.audit/0/1"]);
    assert_eq!(
        (&broken[1]["size"], &broken[1]["whole"], &broken[1]["state"]),
        (&16.into(), &true.into(), &"waiting".into())
    );
    assert!(listed(folder.path(), &["--since", "2100-01-01T00:00:00Z"]).is_empty());
    let table = run(folder.path(), &["list"]);
    let shown = String::from_utf8_lossy(&table.stdout);
    assert!(shown.contains("ehr.audit/0/2") && shown.contains("a test") && !shown.contains("u1"), "{shown}");
    assert!(words(&table).contains("3 of 3 records; 3 of those"), "{}", words(&table));
}

#[test]
fn a_record_is_printed_as_it_came_and_one_that_is_not_there_is_named() {
    let folder = store();
    let shown = run(folder.path(), &["show", "ehr.audit/0/2"]);
    assert_eq!(shown.stdout, b"\xff\x1b[31m", "a pipe gets the bytes");
    assert!(words(&shown).contains("patient data") && words(&shown).contains("invalid_encoding"), "{}", words(&shown));
    let missing = run(folder.path(), &["show", "ehr.audit/0/9"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(words(&missing).contains("no ehr.audit/0/9"), "{}", words(&missing));
    assert_eq!(run(folder.path(), &["show", "nonsense"]).status.code(), Some(2));
}

#[test]
fn what_is_dropped_says_by_whom_and_why_and_is_kept() {
    let folder = store();
    let drop = ["drop", "ehr.audit/0/1", "ehr.audit/0/3", "--by", "Ada Berg", "--reason"];
    let blank = run(folder.path(), &[&drop[..], &[" "]].concat());
    assert_eq!(blank.status.code(), Some(2), "{}", words(&blank));
    let unknown = run(folder.path(), &["drop", "ehr.audit/0/1", "ehr.audit/0/9", "--by", "Ada Berg", "--reason", "x"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert_eq!(listed(folder.path(), &["--state", "dropped"]).len(), 0, "all or nothing");
    let dropped = run(folder.path(), &[&drop[..], &["a test feed"]].concat());
    assert_eq!(dropped.status.code(), Some(0), "{}", words(&dropped));
    let lines = listed(folder.path(), &["--state", "dropped"]);
    assert_eq!(ids(&lines), ["ehr.audit/0/3", "ehr.audit/0/1"]);
    assert_eq!((&lines[0]["handled_by"], &lines[0]["handled_why"]), (&"Ada Berg".into(), &"a test feed".into()));
    assert_eq!(ids(&listed(folder.path(), &["--state", "waiting"])), ["ehr.audit/0/2"]);
}

#[test]
fn what_cannot_be_read_stays_and_needs_no_broker_to_say_so() {
    let folder = store();
    let tried = run(folder.path(), &["refeed", "--all", "--dry-run"]);
    assert_eq!((tried.status.code(), tried.stdout.len()), (Some(0), 0), "{}", words(&tried));
    assert!(words(&tried).contains("0 could be read now, 3 could not"), "{}", words(&tried));
    let fed = run(folder.path(), &["refeed", "--all", "--by", "Ada Berg"]);
    assert_eq!(fed.status.code(), Some(1));
    assert!(words(&fed).contains("ehr.audit/0/3: still invalid_json"), "{}", words(&fed));
    for wrong in
        [&["refeed", "--all"][..], &["refeed", "--by", "Ada Berg"], &["refeed", "ehr.audit/0/1", "--all", "--dry-run"]]
    {
        assert_eq!(run(folder.path(), wrong).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn an_export_holds_the_reasons_or_only_the_records() {
    let folder = store();
    let out = folder.path().join("quarantine.ndjson");
    let name = out.to_str().unwrap();
    assert_eq!(run(folder.path(), &["export", "--out", name]).status.code(), Some(0));
    let text = std::fs::read_to_string(&out).unwrap();
    let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&first["topic"], &first["offset"], &first["reason"]),
        (&"ehr.audit".into(), &1.into(), &"invalid_json".into())
    );
    assert_eq!((text.lines().count(), &first["record"]), (3, &"{\"user_id\":\n\"u1\"".into()));
    let only = run(folder.path(), &["export", "--reason", "invalid_json", "--records", "--out", name]);
    assert_eq!(only.status.code(), Some(0), "{}", words(&only));
    assert_eq!(std::fs::read(&out).unwrap(), b"{\"user_id\": \"u1\"\n[[\n", "each on a line of its own");
}

#[test]
fn without_a_store_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.db");
    std::fs::write(folder.path().join("site.toml"), format!("[store]\npath = \"{}\"\n", path.display())).unwrap();
    let output = run(folder.path(), &["list"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(words(&output).contains("there is no store at") && !path.exists(), "{}", words(&output));
}
