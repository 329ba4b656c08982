//! `chartsentry store`, as an administrator types it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

use std::path::Path;
use std::process::{Command, Output};

use chartsentry::store::{Commit, Store, StoreKey, StoreOptions};
use serde_json::Value;

use super::store::{batch, position};

const FIRST: &str = "a passphrase of the test";
const SECOND: &str = "another one";

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Writes a configuration whose key comes from a program; the Kafka password of it is nowhere.
fn configure(folder: &Path, key: &str) {
    let settings = format!(
        "[store]\npath = \"{}\"\nkey = \"command:/bin/echo '{key}'\"\n[kafka.properties]\n\
         \"sasl.password\" = \"${{CHARTSENTRY_UNSET_PASSWORD}}\"\n",
        options(folder, key).path.display()
    );
    std::fs::write(folder.join("site.toml"), settings).unwrap();
}

fn options(folder: &Path, key: &str) -> StoreOptions {
    StoreOptions { path: folder.join("state").join("store.db"), key: Some(StoreKey::new(key)) }
}

fn read_to(store: &mut Store, offset: i64) {
    let commit = Commit { positions: vec![position(offset)], ..batch(&format!("i{offset}"), 0.97, &[50]) };
    store.commit(&commit).unwrap();
}

fn store(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chartsentry"));
    command.arg("store").args(words).arg("--config").arg(folder.join("site.toml")).env_remove("RUST_LOG");
    command.output().unwrap()
}

/// What a command said that did what it should.
fn done(folder: &Path, words: &[&str]) -> (String, String) {
    let output = store(folder, words);
    assert!(output.status.success(), "{words:?}: {output:?}");
    (text(&output.stdout), text(&output.stderr))
}

/// What a command said that refused.
fn refused(folder: &Path, words: &[&str]) -> String {
    let output = store(folder, words);
    assert_eq!(output.status.code(), Some(1), "{words:?}: {output:?}");
    text(&output.stderr)
}

#[test]
fn a_backup_beside_the_daemon_comes_back_and_says_where_reading_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    configure(folder, FIRST);
    let copy = folder.join("copies").join("monday.db");
    let copy = copy.to_str().unwrap();
    assert!(refused(folder, &["backup", "--out", copy]).contains("there is no store at"));
    let mut held = Store::open(&options(folder, FIRST)).unwrap();
    read_to(&mut held, 7);
    let (_, said) = done(folder, &["backup", "--out", copy]);
    assert!(said.contains("every page read") && said.contains("its ledger is empty"), "{said}");
    assert!(refused(folder, &["backup", "--out", copy]).contains("is there already"));
    read_to(&mut held, 8);
    assert!(refused(folder, &["restore", "--from", copy]).contains("in use by another chartsentry"));
    drop(held);

    let (places, said) = done(folder, &["restore", "--from", copy]);
    assert!(places.lines().any(|line| line.contains("ehr.audit") && line.contains(" 7 ")), "{places}");
    assert!(said.contains("what stood there is kept: ") && said.contains(".replaced-20"), "{said}");
    assert_eq!(Store::open(&options(folder, FIRST)).unwrap().positions().unwrap(), [position(7)]);
}

#[test]
fn info_tells_what_is_there_to_people_and_programs() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    configure(folder, FIRST);
    let mut held = Store::open(&options(folder, FIRST)).unwrap();
    read_to(&mut held, 7);
    let (shown, _) = done(folder, &["info", "--json"]);
    let info: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(info["encrypted"], true);
    assert_eq!(info["layout"], info["newest_layout"]);
    assert_eq!(info["positions"][0]["next_offset"], 7);
    assert_eq!(info["outbox"][0]["pending"], 1);
    assert_eq!(info["spool"], Value::Null);
    let rows = info["rows"].as_array().unwrap();
    assert!(rows.iter().any(|row| row["table"] == "incidents" && row["rows"] == 1), "{rows:?}");
    let (shown, said) = done(folder, &["info", "--verify"]);
    assert!(shown.contains(", encrypted\n") && shown.contains("ehr.audit"), "{shown}");
    assert!(said.contains("every page and the ledger"), "{said}");
}

#[test]
fn a_new_key_opens_the_store_once_the_configuration_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    configure(folder, FIRST);
    let mut held = Store::open(&options(folder, FIRST)).unwrap();
    read_to(&mut held, 7);
    let reference = format!("command:/bin/echo '{SECOND}'");
    let words = ["rekey", "--new-key", reference.as_str()];
    assert!(refused(folder, &words).contains("in use by another chartsentry"));
    drop(held);
    let (_, said) = done(folder, &words);
    assert!(said.contains("written anew: ") && said.contains("as [store] key what --new-key named"), "{said}");
    assert!(refused(folder, &["info"]).contains("does not open with this key"));
    configure(folder, SECOND);
    done(folder, &["info", "--verify"]);
    let (_, said) = done(folder, &["rekey", "--no-key"]);
    assert!(said.contains("take [store] key out of"), "{said}");
    assert!(refused(folder, &["info"]).contains("is not encrypted, but [store] key is set"));
}

#[test]
fn a_key_that_is_typed_in_place_of_a_reference_is_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    configure(folder.path(), FIRST);
    let output = store(folder.path(), &["rekey", "--new-key", "hunter2"]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(said.contains("--new-key is no reference to a secret") && !said.contains("hunter2"), "{said}");
}
