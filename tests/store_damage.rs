//! What a store says of files that disk, crash or hand have damaged: never a new beginning, never a guess.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

use std::path::PathBuf;

use chartsentry::store::{Commit, Register, Spool, StateRow, Store, StoreError, StoreOptions};
use tempfile::TempDir;

use super::store::{batch, encrypted, options, position};

/// A store of many pages, in its file alone.
fn filled(options: &StoreOptions) {
    let mut store = Store::open(options).unwrap();
    for number in 0..60 {
        let state = vec![StateRow { key: vec![number], value: Some(vec![number; 3_000]) }];
        let positions = vec![position(i64::from(number))];
        store.commit(&Commit { state, positions, ..batch(&format!("i{number:04}"), 0.95, &[1]) }).unwrap();
    }
}

fn log(options: &StoreOptions) -> PathBuf {
    options.path.with_file_name("chartsentry.db-wal")
}

/// A store as a crash leaves it: commits stand in its log.
fn crashed() -> (TempDir, StoreOptions) {
    let (folder, left) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let source = options(&folder);
    let mut store = Store::open(&source).unwrap();
    for number in 1..=3 {
        store.commit(&Commit { positions: vec![position(number)], ..Commit::default() }).unwrap();
    }
    let rescued = options(&left);
    std::fs::create_dir(rescued.path.parent().unwrap()).unwrap();
    std::fs::copy(&source.path, &rescued.path).unwrap();
    std::fs::copy(log(&source), log(&rescued)).unwrap();
    (left, rescued)
}

/// Opening says so and leaves the file as it is.
fn refused(options: &StoreOptions, what: &str) -> StoreError {
    let before = std::fs::read(&options.path).unwrap();
    let error = Store::open(options).unwrap_err();
    assert_eq!(std::fs::read(&options.path).unwrap(), before, "{what}");
    let beside = Register::open(options).unwrap_err();
    assert_eq!(beside.to_string(), error.to_string(), "{what}");
    error
}

#[test]
fn pages_that_are_cut_off_or_written_over_are_damage() {
    for key in [None, Some("a passphrase of the test")] {
        let folder = tempfile::tempdir().unwrap();
        let options = key.map_or_else(|| options(&folder), |key| encrypted(&folder, key));
        filled(&options);
        let sound = std::fs::read(&options.path).unwrap();
        let middle = sound.len() / 2 / 4096 * 4096;
        let mut overwritten = sound.clone();
        overwritten[middle..middle + 4 * 4096].fill(0xa5);
        let mut zeroed = sound.clone();
        zeroed[middle..middle + 4 * 4096].fill(0);
        for (what, bytes) in [("cut", &sound[..middle]), ("overwritten", &overwritten[..]), ("zeroed", &zeroed[..])] {
            std::fs::write(&options.path, bytes).unwrap();
            let error = refused(&options, what);
            assert!(error.to_string().contains("restore a backup"), "{what}: {error}");
        }
        std::fs::write(&options.path, &sound).unwrap();
        assert_eq!(Store::open(&options).unwrap().load_state().unwrap().len(), 60);
    }
}

#[test]
fn a_wrong_header_is_no_store() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(&folder);
    filled(&options);
    let sound = std::fs::read(&options.path).unwrap();
    let mut other = sound.clone();
    other[..16].copy_from_slice(b"SQLite format 2\0");
    std::fs::write(&options.path, &other).unwrap();
    assert!(matches!(refused(&options, "magic"), StoreError::KeyMissing { .. }));
    // The size of a page.
    let mut other = sound;
    other[16..18].copy_from_slice(&[0, 3]);
    std::fs::write(&options.path, &other).unwrap();
    assert!(matches!(refused(&options, "page size"), StoreError::Damaged { .. }));
}

#[test]
fn a_store_of_no_bytes_is_new_only_where_none_was() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(&folder);
    std::fs::create_dir(options.path.parent().unwrap()).unwrap();
    std::fs::write(&options.path, "").unwrap();
    filled(&options);
    std::fs::write(&options.path, "").unwrap();
    assert!(matches!(refused(&options, "emptied"), StoreError::Emptied { .. }));
    std::fs::remove_file(&options.path).unwrap();
    assert_eq!(Store::open(&options).unwrap().positions().unwrap(), [], "one that was taken away begins anew");
}

#[test]
fn a_first_start_that_failed_is_no_emptied_store() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Store::open(&encrypted(&folder, " ")), Err(StoreError::EmptyKey { .. })));
    Store::open(&encrypted(&folder, "a passphrase of the test")).unwrap();
}

#[test]
fn a_spool_of_no_bytes_is_refused_too() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(&folder);
    drop(Spool::open(&options, 0).unwrap());
    std::fs::write(options.path.with_file_name("chartsentry.db.spool"), "").unwrap();
    assert!(matches!(Spool::open(&options, 0), Err(StoreError::Emptied { .. })));
}

#[test]
fn a_log_that_is_none_is_refused_and_not_forgotten() {
    let (_folder, options) = crashed();
    let sound = std::fs::read(log(&options)).unwrap();
    let garbage: Vec<u8> = sound.iter().map(|byte| byte ^ 0x5a).collect();
    std::fs::write(log(&options), &garbage).unwrap();
    let error = refused(&options, "log");
    assert!(error.to_string().contains("its write-ahead log is not one"), "{error}");
    assert_eq!(std::fs::read(log(&options)).unwrap(), garbage);
    std::fs::write(log(&options), &sound).unwrap();
    assert_eq!(Store::open(&options).unwrap().positions().unwrap(), [position(3)]);
}

#[test]
fn a_log_of_which_nothing_reached_the_disk_is_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(&folder);
    filled(&options);
    for bytes in [Vec::new(), vec![0_u8; 4096]] {
        std::fs::write(log(&options), bytes).unwrap();
        assert_eq!(Store::open(&options).unwrap().load_state().unwrap().len(), 60);
    }
}

/// SQLite cannot tell a torn end from one that was never written; what it opens is one commit as a whole.
#[test]
fn a_torn_log_opens_at_an_earlier_commit() {
    let (_folder, options) = crashed();
    let mut torn = std::fs::read(log(&options)).unwrap();
    let end = torn.len();
    torn[end - 2_000..].fill(0xa5);
    std::fs::write(log(&options), &torn).unwrap();
    assert_eq!(Store::open(&options).unwrap().positions().unwrap(), [position(2)]);
}

/// Broken behind the back of a store that is open.
#[test]
fn damage_that_shows_while_a_store_is_in_use_is_called_so() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(&folder);
    filled(&options);
    let handle = Store::open(&options).unwrap().handle();
    let mut bytes = std::fs::read(&options.path).unwrap();
    bytes[4096..].fill(0xa5);
    // The same file: who has it open sees it.
    std::fs::OpenOptions::new()
        .write(true)
        .open(&options.path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, &bytes))
        .unwrap();
    let errors = [handle.incidents().unwrap_err(), handle.handoffs().unwrap_err()];
    for error in errors {
        assert!(error.is_damage() && !error.may_pass(), "{error}");
        assert!(error.to_string().contains("the file is damaged; restore a backup"), "{error}");
    }
}
