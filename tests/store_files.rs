//! Copies of a store, what takes its place, and other keys for it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

use std::path::{Path, PathBuf};

use chartsentry::model::time::Timestamp;
use chartsentry::store::{
    Commit, Look, Restore, Spool, Spooled, Store, StoreError, StoreKey, StoreOptions, rekey, spool_state,
};
use tempfile::TempDir;

use super::store::{back_up, batch, encrypted, options, position};

const KEYS: [Option<&str>; 2] = [None, Some("a passphrase of the test")];

fn with_key(folder: &TempDir, key: Option<&str>) -> StoreOptions {
    key.map_or_else(|| options(folder), |key| encrypted(folder, key))
}

/// Reads on to an offset, with an incident named after it.
fn read_to(store: &mut Store, offset: i64) {
    let commit = Commit { positions: vec![position(offset)], ..batch(&format!("i{offset}"), 0.97, &[50]) };
    store.commit(&commit).unwrap();
}

fn offset(options: &StoreOptions) -> i64 {
    Store::open(options).unwrap().positions().unwrap()[0].next_offset
}

fn restore(options: &StoreOptions, from: &Path) -> Result<Option<PathBuf>, StoreError> {
    let restore = Restore::begin(options, from)?;
    restore.look()?.check()?;
    restore.finish("once")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_copy_of_a_store_in_use_holds_what_was_committed_and_nothing_half() {
    for key in KEYS {
        let folder = tempfile::tempdir().unwrap();
        let options = with_key(&folder, key);
        let mut store = Store::open(&options).unwrap();
        read_to(&mut store, 1);
        let copy = folder.path().join("copies").join("one.db");
        std::thread::scope(|scope| {
            scope.spawn(|| (2..60).for_each(|number| read_to(&mut store, number)));
            back_up(&options, &copy);
        });
        drop(store);
        assert_eq!(offset(&options), 59);
        let copied = StoreOptions { path: copy, ..options };
        let held = offset(&copied);
        let incidents = Store::open(&copied).unwrap().handle().incidents().unwrap().len();
        assert_eq!(incidents as i64, held, "positions and incidents are of one moment");
    }
}

#[test]
fn a_copy_says_how_far_it_is_and_leaves_nothing_but_itself() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(&folder);
    read_to(&mut Store::open(&options).unwrap(), 1);
    let copies = folder.path().join("copies");
    let draft = Look::open(&options).unwrap().copy(&copies.join("one.db"), &mut |_, all| assert!(all > 0)).unwrap();
    assert_eq!(names(&copies).len(), 1);
    drop(draft);
    assert_eq!(names(&copies), Vec::<String>::new(), "a copy that is given up vanishes");
    back_up(&options, &copies.join("one.db"));
    assert_eq!(names(&copies), ["one.db"]);
}

#[test]
fn a_copy_replaces_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(&folder);
    drop(Store::open(&options).unwrap());
    let taken = folder.path().join("taken");
    std::fs::write(&taken, "something else").unwrap();
    let refused = Look::open(&options).unwrap().copy(&taken, &mut |_, _| {}).unwrap_err();
    assert!(matches!(refused, StoreError::Exists { .. }), "{refused}");
    let late = folder.path().join("late");
    let draft = Look::open(&options).unwrap().copy(&late, &mut |_, _| {}).unwrap();
    std::fs::write(&late, "something else").unwrap();
    assert!(matches!(draft.keep(), Err(StoreError::Exists { .. })));
    assert_eq!(std::fs::read(&late).unwrap(), b"something else");
}

#[test]
fn a_copy_takes_the_place_of_the_store_which_is_kept() {
    for key in KEYS {
        let folder = tempfile::tempdir().unwrap();
        let options = with_key(&folder, key);
        let mut store = Store::open(&options).unwrap();
        read_to(&mut store, 1);
        let copy = folder.path().join("copy.db");
        back_up(&options, &copy);
        read_to(&mut store, 2);
        drop(store);
        let kept = restore(&options, &copy).unwrap().unwrap();
        assert_eq!(offset(&options), 1);
        assert_eq!(offset(&StoreOptions { path: kept, ..options.clone() }), 2);
        assert!(copy.exists());
        let left = names(options.path.parent().unwrap());
        assert!(left.iter().all(|name| !name.ends_with(".partial")), "{left:?}");
    }
}

#[test]
fn what_is_in_the_log_of_a_replaced_store_is_kept_with_it_and_not_taken_for_the_copys() {
    let (folder, crashed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let options = options(&folder);
    let mut store = Store::open(&options).unwrap();
    read_to(&mut store, 1);
    let copy = folder.path().join("copy.db");
    back_up(&options, &copy);
    read_to(&mut store, 2);
    // As a crash leaves it: the newest commit stands in the log alone.
    let left = StoreOptions { path: crashed.path().join("store.db"), key: None };
    for end in ["", "-wal"] {
        let of = |path: &Path| format!("{}{end}", path.display());
        std::fs::copy(of(&options.path), of(&left.path)).unwrap();
    }
    let kept = restore(&left, &copy).unwrap().unwrap();
    assert_eq!(offset(&left), 1);
    assert_eq!(offset(&StoreOptions { path: kept, key: None }), 2);
}

#[test]
fn a_broken_or_emptied_store_can_be_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(&folder);
    let copy = folder.path().join("copy.db");
    let mut store = Store::open(&options).unwrap();
    read_to(&mut store, 1);
    back_up(&options, &copy);
    drop(store);
    std::fs::write(&options.path, "no database at all").unwrap();
    let kept = restore(&options, &copy).unwrap().unwrap();
    assert_eq!(std::fs::read(&kept).unwrap(), b"no database at all");
    std::fs::remove_file(kept).unwrap();
    std::fs::write(&options.path, "").unwrap();
    assert_eq!(restore(&options, &copy).unwrap(), None);
    assert_eq!(offset(&options), 1);
}

#[test]
fn a_store_in_use_is_not_replaced_and_a_bad_copy_replaces_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(&folder);
    let copy = folder.path().join("copy.db");
    let mut store = Store::open(&options).unwrap();
    read_to(&mut store, 1);
    back_up(&options, &copy);
    assert!(matches!(restore(&options, &copy), Err(StoreError::InUse { .. })));
    drop(store);

    let before = std::fs::read(&options.path).unwrap();
    let sound = std::fs::read(&copy).unwrap();
    std::fs::write(&copy, &sound[..sound.len() / 2 + 100]).unwrap();
    assert!(matches!(restore(&options, &copy), Err(StoreError::Damaged { .. })));
    std::fs::write(folder.path().join("copy.db-wal"), "the newest part").unwrap();
    assert!(matches!(restore(&options, &copy), Err(StoreError::NotWhole { .. })));
    assert!(matches!(restore(&options, &folder.path().join("nowhere")), Err(StoreError::File { .. })));
    assert_eq!(std::fs::read(&options.path).unwrap(), before);
}

/// A store and a spool with one message in it.
fn with_spool(options: &StoreOptions) {
    read_to(&mut Store::open(options).unwrap(), 1);
    let (mut spool, _) = Spool::open(options, 0).unwrap();
    let message = Spooled { source: "atna", received_at: Timestamp(7), fault: None, body: b"a message" };
    spool.append([message]).unwrap();
}

fn opens(options: &StoreOptions) -> bool {
    let is_spooled = || spool_state(options).is_ok_and(|state| state.is_some_and(|state| state.backlog.messages == 1));
    Look::open(options).is_ok_and(|look| look.check().is_ok()) && is_spooled()
}

#[test]
fn store_and_spool_get_a_key_another_key_and_none() {
    let folder = tempfile::tempdir().unwrap();
    let mut now = options(&folder);
    with_spool(&now);
    let raw = "0123456789abcdef".repeat(4);
    for next in [Some("first"), Some(raw.as_str()), Some("with 'quotes' and \u{e4}"), None] {
        let next = StoreOptions { key: next.map(StoreKey::new), ..now.clone() };
        let changed = rekey(&now, next.key.as_ref()).unwrap();
        assert_eq!(changed.len(), 2);
        assert!(opens(&next) && !opens(&now));
        assert_eq!(
            rekey(&now, next.key.as_ref()).unwrap(),
            Vec::<PathBuf>::new(),
            "a second time there is nothing to do"
        );
        let store = Store::open(&next).unwrap();
        let waiting = store.handle().outbox_pending("siem", Timestamp(0), 9).unwrap();
        assert_eq!((store.positions().unwrap(), waiting.len()), (vec![position(1)], 1));
        now = next;
    }
    let left = names(now.path.parent().unwrap());
    let kept = ["chartsentry.db", "chartsentry.db.lock", "chartsentry.db.spool", "chartsentry.db.spool.lock"];
    assert!(left.iter().all(|name| kept.iter().any(|kept| name.starts_with(kept))), "{left:?}");
    assert!(left.iter().all(|name| !name.contains("rekey") && !name.ends_with(".partial")), "{left:?}");
}

#[test]
fn a_store_in_use_keeps_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(&folder);
    let store = Store::open(&options).unwrap();
    let new = StoreKey::new("new");
    assert!(matches!(rekey(&options, Some(&new)), Err(StoreError::InUse { .. })));
    drop(store);
    let other = rusqlite::Connection::open(&options.path).unwrap();
    assert!(other.prepare("SELECT * FROM state").unwrap().query([]).unwrap().next().unwrap().is_none());
    assert!(matches!(rekey(&options, Some(&new)), Err(StoreError::Shared { .. })));
    drop(other);
    assert!(matches!(rekey(&encrypted(&folder, "wrong"), Some(&new)), Err(StoreError::NotEncrypted { .. })));
    assert!(Look::open(&options).is_ok());
}

/// As a power cut leaves it between the store's turn and the spool's.
#[test]
fn a_change_of_the_key_that_was_cut_off_is_said_and_finished_by_the_same_command() {
    let folder = tempfile::tempdir().unwrap();
    let old = encrypted(&folder, "old");
    with_spool(&old);
    let spool = old.path.with_file_name("chartsentry.db.spool");
    let before = std::fs::read(&spool).unwrap();
    let new = encrypted(&folder, "new");
    rekey(&old, new.key.as_ref()).unwrap();
    std::fs::write(&spool, before).unwrap();
    std::fs::write(old.path.with_file_name("chartsentry.db.rekeying"), "").unwrap();
    std::fs::write(old.path.with_file_name("chartsentry.db.before-rekey"), "the old file").unwrap();
    std::fs::write(old.path.with_file_name(".chartsentry.db.half.partial"), "half a copy").unwrap();

    for options in [&old, &new] {
        let error = Store::open(options).unwrap_err();
        assert!(error.to_string().contains("run \"chartsentry store rekey\" again"), "{error}");
        assert!(matches!(Look::open(options), Err(StoreError::Unfinished { .. })));
    }
    assert_eq!(rekey(&old, new.key.as_ref()).unwrap(), [spool]);
    assert!(opens(&new));
    let left = names(old.path.parent().unwrap());
    assert!(left.iter().all(|name| !name.contains("rekey") && !name.ends_with(".partial")), "{left:?}");
}
