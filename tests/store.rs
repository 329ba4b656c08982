//! The store as its users see it: what survives, what is refused, and what it says.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

use std::path::{Path, PathBuf};
use std::process::Command;

use chartsentry::model::incident::{Contribution, Incident, IncidentKind, Severity, Status};
use chartsentry::model::time::Timestamp;
use chartsentry::store::{
    Clocks, Commit, HandoffRecord, IncidentRecord, Look, OutboxItem, OutboxMarks, Position, QuarantineRecord, StateRow,
    Store, StoreError, StoreKey, StoreOptions,
};
use tempfile::TempDir;

pub(crate) fn options(folder: &TempDir) -> StoreOptions {
    StoreOptions { path: folder.path().join("state").join("chartsentry.db"), key: None }
}

pub(crate) fn encrypted(folder: &TempDir, key: &str) -> StoreOptions {
    StoreOptions { key: Some(StoreKey::new(key)), ..options(folder) }
}

pub(crate) fn incident(id: &str, score: f64) -> IncidentRecord {
    let incident = Incident {
        incident_id: id.to_owned(),
        kind: IncidentKind::Pair,
        user_id: Some("u1".to_owned()),
        user_ids: Vec::new(),
        patient_ids: vec!["p1".to_owned()],
        score,
        severity: Severity::High,
        status: Status::Open,
        merged_into: None,
        occurred_first: Timestamp(1_000),
        occurred_last: Timestamp(2_000),
        access_count: 2,
        prior: -7.0,
        contributions: vec![Contribution {
            id: "same_surname".to_owned(),
            weight: 0.1 + 0.2,
            reason: "Same family name: shared by 3 of 40,001 patients".to_owned(),
        }],
        degraded: vec![],
        accesses: vec!["e1".to_owned(), "e2".to_owned()],
    };
    IncidentRecord { incident, clocks: Clocks::default() }
}

pub(crate) fn handoff(incident_id: &str, sequence: u32, emitted_at: i64) -> HandoffRecord {
    HandoffRecord {
        handoff_id: format!("{incident_id}-{sequence}"),
        incident_id: incident_id.to_owned(),
        sequence,
        severity: Severity::High,
        emitted_at: Timestamp(emitted_at),
        json: format!("{{\"incident_id\":\"{incident_id}\",\"sequence\":{sequence}}}"),
    }
}

pub(crate) fn message(sink: &str, handoff: &HandoffRecord) -> OutboxItem {
    OutboxItem { sink: sink.to_owned(), message_id: handoff.handoff_id.clone(), handoff_id: handoff.handoff_id.clone() }
}

/// One incident with one handoff per emission time, each waiting for the sink `siem`.
pub(crate) fn batch(incident_id: &str, score: f64, emitted: &[i64]) -> Commit {
    let handoffs: Vec<_> = (1..).zip(emitted).map(|(sequence, at)| handoff(incident_id, sequence, *at)).collect();
    Commit {
        incidents: vec![incident(incident_id, score)],
        outbox: handoffs.iter().map(|handoff| message("siem", handoff)).collect(),
        handoffs,
        ..Commit::default()
    }
}

/// Copies a store that may be in use.
pub(crate) fn back_up(options: &StoreOptions, to: &Path) {
    let draft = Look::open(options).unwrap().copy(to, &mut |_, _| {}).unwrap();
    draft.look().unwrap().check().unwrap();
    draft.keep().unwrap();
}

fn row(key: &str, value: Option<&str>) -> StateRow {
    StateRow { key: key.into(), value: value.map(|text| text.as_bytes().to_vec()) }
}

pub(crate) fn position(next_offset: i64) -> Position {
    Position {
        topic: "ehr.audit".to_owned(),
        partition: 0,
        next_offset,
        watermark: next_offset * 10,
        last_record: Some(-next_offset),
    }
}

#[test]
fn everything_of_a_commit_reads_back_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&options(&folder)).unwrap();
    let rejected = QuarantineRecord {
        topic: "ehr.audit".to_owned(),
        partition: 3,
        offset: 9,
        reason: "invalid_json".to_owned(),
        sentence: "not valid JSON".to_owned(),
        record: vec![0xff, b'{'],
        key: Some(b"u1".to_vec()),
        size: Some(2),
        is_whole: true,
        kept_at: Some(Timestamp(5)),
        copy: Some((1, 70)),
    };
    let commit = Commit {
        state: vec![row("b", Some("2")), row("a", Some("1")), row("c", Some("3"))],
        positions: vec![position(7)],
        quarantine: vec![rejected.clone()],
        ..batch("i1", 0.97, &[50, 60])
    };
    let receipt = store.commit(&commit).unwrap();
    assert_eq!((receipt.handoffs, receipt.outbox, receipt.quarantined), (2, 2, 1));
    store
        .commit(&Commit {
            state: vec![row("b", None), row("c", Some("4"))],
            positions: vec![position(8)],
            ..Commit::default()
        })
        .unwrap();
    drop(store);

    let store = Store::open(&options(&folder)).unwrap();
    let state = store.load_state().unwrap();
    assert_eq!(state, [(b"a".to_vec(), b"1".to_vec()), (b"c".to_vec(), b"4".to_vec())]);
    assert_eq!(store.positions().unwrap(), [position(8)]);
    let handle = store.handle();
    assert_eq!(handle.incidents().unwrap(), [commit.incidents[0].incident.clone()]);
    assert_eq!(handle.handoffs().unwrap(), commit.handoffs);
    assert_eq!(handle.quarantine(10).unwrap(), [rejected]);
    assert!(store.was_queued("siem", "i1").unwrap());
    assert!(!store.was_queued("siem", "i2").unwrap() && !store.was_queued("mail", "i1").unwrap());
}

#[test]
fn a_commit_that_fails_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&options(&folder)).unwrap();
    store.commit(&Commit { positions: vec![position(1)], ..Commit::default() }).unwrap();
    let unknown = handoff("i9", 1, 50);
    let bad_outbox = Commit {
        state: vec![row("a", Some("1"))],
        positions: vec![position(2)],
        outbox: vec![message("siem", &unknown)],
        ..batch("i1", 0.97, &[50])
    };
    let bad_handoff = Commit { positions: vec![position(3)], handoffs: vec![unknown], ..Commit::default() };
    for bad in [bad_outbox, bad_handoff] {
        assert!(matches!(store.commit(&bad), Err(StoreError::Sql { .. })));
    }
    assert_eq!(store.load_state().unwrap(), []);
    assert_eq!(store.positions().unwrap(), [position(1)]);
    assert_eq!(store.handle().incidents().unwrap(), []);
}

#[test]
fn a_repeated_commit_adds_nothing_and_sends_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&options(&folder)).unwrap();
    let commit = batch("i1", 0.97, &[50]);
    store.commit(&commit).unwrap();
    let handle = store.handle();
    let waiting = handle.outbox_pending("siem", Timestamp(0), 10).unwrap();
    handle.outbox_delivered(&[waiting[0].id]).unwrap();

    let receipt = store.commit(&commit).unwrap();
    assert_eq!((receipt.handoffs, receipt.outbox), (0, 0));
    assert_eq!(handle.outbox_pending("siem", Timestamp(0), 10).unwrap(), []);
    assert_eq!(handle.outbox_depths().unwrap(), []);
}

#[test]
fn clocks_keep_their_first_values() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&options(&folder)).unwrap();
    let mut commit_with = |clocks: Clocks| {
        let record = IncidentRecord { clocks, ..incident("i1", 0.97) };
        store.commit(&Commit { incidents: vec![record], ..Commit::default() }).unwrap();
        store.clocks("i1").unwrap()
    };
    let first = commit_with(Clocks {
        ingested_at: Some(Timestamp(10)),
        flagged_at: Some(Timestamp(20)),
        surfaced_at: None,
        run_id: Some("first".to_owned()),
    });
    assert_eq!(first.surfaced_at, None);
    let second = commit_with(Clocks {
        ingested_at: Some(Timestamp(11)),
        flagged_at: None,
        surfaced_at: Some(Timestamp(30)),
        run_id: Some("second".to_owned()),
    });
    assert_eq!(second, Clocks { surfaced_at: Some(Timestamp(30)), ..first });

    let surfaced = vec![("i1".to_owned(), Timestamp(99))];
    store.handle().outbox_mark(&OutboxMarks { surfaced, ..OutboxMarks::default() }).unwrap();
    assert_eq!(store.clocks("i1").unwrap(), second);
    assert_eq!(store.clocks("unheard-of").unwrap(), Clocks::default());
}

#[test]
fn incidents_stand_by_score_and_the_latest_handoff_of_each_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&options(&folder)).unwrap();
    for commit in [batch("ib", 0.95, &[10, 40]), batch("ia", 0.95, &[20]), batch("ic", 0.99, &[30, 31, 32])] {
        store.commit(&commit).unwrap();
    }
    let handle = store.handle();
    let ids: Vec<_> = handle.incidents().unwrap().into_iter().map(|incident| incident.incident_id).collect();
    assert_eq!(ids, ["ic", "ia", "ib"]);
    let latest: Vec<_> = handle.latest_handoffs().unwrap().into_iter().map(|handoff| handoff.handoff_id).collect();
    assert_eq!(latest, ["ic-3", "ia-1", "ib-2"]);
    let order: Vec<_> = handle.handoffs().unwrap().into_iter().map(|handoff| handoff.handoff_id).collect();
    assert_eq!(order, ["ib-1", "ia-1", "ic-1", "ic-2", "ic-3", "ib-2"]);
}

#[test]
fn the_outbox_keeps_the_order_of_each_incident_and_counts_what_waits() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&options(&folder)).unwrap();
    store.commit(&batch("i1", 0.97, &[50, 60])).unwrap();
    store.commit(&batch("i2", 0.97, &[55])).unwrap();
    let handle = store.handle();
    let due = |at: i64| -> Vec<String> {
        handle.outbox_pending("siem", Timestamp(at), 10).unwrap().into_iter().map(|entry| entry.message_id).collect()
    };
    let id_of = |name: &str| -> i64 {
        let entries = handle.outbox_pending("siem", Timestamp::MAX, 10).unwrap();
        entries.into_iter().find(|entry| entry.message_id == name).unwrap().id
    };

    assert_eq!(due(0), ["i1-1", "i2-1"]);
    handle.outbox_failed(id_of("i1-1"), "no answer", Timestamp(100)).unwrap();
    assert_eq!(due(99), ["i2-1"], "the second of i1 waits behind the first");
    handle.outbox_delivered(&[id_of("i2-1")]).unwrap();
    assert_eq!(handle.outbox_next_due("siem").unwrap(), Some(Timestamp(100)));
    let retried = handle.outbox_pending("siem", Timestamp(100), 10).unwrap();
    assert_eq!((retried.len(), retried[0].attempts), (1, 1));

    handle.outbox_dead(id_of("i1-1"), "too large").unwrap();
    assert_eq!(due(0), ["i1-2"]);
    let depth = &handle.outbox_depths().unwrap()[0];
    assert_eq!((depth.pending, depth.dead, depth.oldest), (1, 1, Some(Timestamp(60))));
    let dead = handle.dead_letters("siem").unwrap();
    assert_eq!((dead[0].message_id.as_str(), dead[0].reason.as_str(), dead[0].attempts), ("i1-1", "too large", 2));
    assert_eq!(handle.requeue_dead("siem").unwrap(), 1);
    assert_eq!(due(0), ["i1-1"]);
}

#[test]
fn sinks_read_and_mark_while_the_engine_commits() {
    const MESSAGES: usize = 200;
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&options(&folder)).unwrap();
    let handle = store.handle();
    let taken = std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..MESSAGES {
                store.commit(&batch(&format!("i{number:04}"), 0.95, &[number as i64])).unwrap();
            }
        });
        let reader = scope.spawn(|| {
            let mut taken = Vec::new();
            while taken.len() < MESSAGES {
                let entries = handle.outbox_pending("siem", Timestamp(0), 7).unwrap();
                handle.outbox_delivered(&entries.iter().map(|entry| entry.id).collect::<Vec<_>>()).unwrap();
                taken.extend(entries.into_iter().map(|entry| entry.message_id));
            }
            taken
        });
        reader.join().unwrap()
    });
    let expected: Vec<_> = (0..MESSAGES).map(|number| format!("i{number:04}-1")).collect();
    assert_eq!(taken, expected);
}

/// The files as a crash would leave them: copied while the store is open.
#[test]
fn a_commit_survives_a_crash() {
    for key in [None, Some("a passphrase of the test")] {
        let (folder, rescued) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let options = StoreOptions { key: key.map(StoreKey::new), ..options(&folder) };
        let mut store = Store::open(&options).unwrap();
        store.commit(&Commit { positions: vec![position(5)], ..batch("i1", 0.97, &[50]) }).unwrap();
        for suffix in ["", "-wal"] {
            let name = format!("chartsentry.db{suffix}");
            std::fs::copy(options.path.with_file_name(&name), rescued.path().join(&name)).unwrap();
        }
        let after = Store::open(&StoreOptions { path: rescued.path().join("chartsentry.db"), ..options }).unwrap();
        assert_eq!(after.positions().unwrap(), [position(5)]);
        assert_eq!(after.handle().outbox_pending("siem", Timestamp(0), 10).unwrap().len(), 1);
    }
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let options = options(&folder);
    let mut store = Store::open(&options).unwrap();
    store.commit(&batch("i1", 0.97, &[50])).unwrap();
    let copy = folder.path().join("backup.db");
    back_up(&options, &copy);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(options.path.parent().unwrap()), 0o700);
    for file in std::fs::read_dir(options.path.parent().unwrap()).unwrap() {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
    }
    assert_eq!(mode(&copy), 0o600);
    drop(store);

    std::fs::set_permissions(&options.path, std::fs::Permissions::from_mode(0o644)).unwrap();
    Store::open(&options).unwrap();
    assert_eq!(mode(&options.path), 0o600);
}

const CHILD: &str = "CHARTSENTRY_TEST_STORE";

/// The other half of the next test: tries to open the store in a process of its own.
#[test]
fn in_a_second_process() {
    if let Some(path) = std::env::var_os(CHILD) {
        let opened = Store::open(&StoreOptions { path: PathBuf::from(path), key: None });
        println!("said: {}", opened.err().map_or("opened".to_owned(), |error| error.to_string()));
    }
}

#[test]
fn a_second_process_is_told_who_holds_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(&folder);
    let store = Store::open(&options).unwrap();
    let ask = || {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["store::in_a_second_process", "--exact", "--nocapture"])
            .env(CHILD, &options.path)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let said = ask();
    assert!(said.contains("in use by another chartsentry"), "{said}");
    assert!(said.contains(&format!("(process {})", std::process::id())), "{said}");

    let handle = store.handle();
    drop(store);
    assert!(ask().contains("in use"), "a handle keeps the store");
    drop(handle);
    assert!(ask().contains("said: opened"));
}

#[test]
fn a_key_encrypts_and_only_that_key_opens() {
    let folder = tempfile::tempdir().unwrap();
    for key in ["correct horse battery staple", &"0123456789abcdef".repeat(4)] {
        let options = encrypted(&folder, key);
        let _ = std::fs::remove_file(&options.path);
        let mut store = Store::open(&options).unwrap();
        store.commit(&batch("isecret", 0.97, &[50])).unwrap();
        let copy = folder.path().join(format!("backup-{}.db", key.len()));
        back_up(&options, &copy);
        drop(store);

        let bytes = std::fs::read(&options.path).unwrap();
        assert!(!bytes.windows(7).any(|window| window == b"isecret") && !bytes.starts_with(b"SQLite"));
        let refused = Store::open(&encrypted(&folder, "another key")).unwrap_err();
        assert!(matches!(refused, StoreError::WrongKey { .. }), "{refused}");
        assert!(refused.to_string().contains("does not open with this key"));
        let refused = Store::open(&StoreOptions { key: None, ..options.clone() }).unwrap_err();
        assert!(matches!(refused, StoreError::KeyMissing { .. }), "{refused}");
        assert_eq!(std::fs::read(&options.path).unwrap(), bytes);

        for path in [options.path.clone(), copy] {
            let store = Store::open(&StoreOptions { path, ..options.clone() }).unwrap();
            assert_eq!(store.handle().incidents().unwrap().len(), 1);
        }
    }
    let plain = StoreOptions { path: folder.path().join("plain.db"), key: None };
    drop(Store::open(&plain).unwrap());
    let refused = Store::open(&StoreOptions { key: Some(StoreKey::new("k")), ..plain }).unwrap_err();
    assert!(matches!(refused, StoreError::NotEncrypted { .. }), "{refused}");
    let refused = Store::open(&encrypted(&folder, " \n")).unwrap_err();
    assert!(matches!(refused, StoreError::EmptyKey { .. }), "{refused}");
    assert!(!format!("{:?}", encrypted(&folder, "hush")).contains("hush"));
}

#[test]
fn a_damaged_file_is_named_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(&folder);
    let mut store = Store::open(&options).unwrap();
    for number in 0..50 {
        store.commit(&batch(&format!("i{number:04}"), 0.95, &[number])).unwrap();
    }
    drop(store);
    let sound = std::fs::read(&options.path).unwrap();
    let mut scribbled = sound.clone();
    for page in scribbled.chunks_mut(4096).skip(2) {
        page[..64].fill(0xa5);
    }
    let cut = sound[..sound.len() / 2 + 100].to_vec();
    for damaged in [scribbled, cut] {
        std::fs::write(&options.path, &damaged).unwrap();
        let error = Store::open(&options).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("restore a backup"), "{error}");
        assert_eq!(std::fs::read(&options.path).unwrap(), damaged);
    }
    std::fs::write(&options.path, b"not a database at all").unwrap();
    assert!(matches!(Store::open(&options), Err(StoreError::KeyMissing { .. })));
    std::fs::write(&options.path, &sound).unwrap();
    assert_eq!(Store::open(&options).unwrap().handle().incidents().unwrap().len(), 50);
}

#[test]
fn files_of_other_programs_and_of_newer_versions_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(&folder);
    drop(Store::open(&options).unwrap());
    let edit = |sql: &str| rusqlite::Connection::open(&options.path).unwrap().execute_batch(sql).unwrap();
    edit("PRAGMA user_version = 999");
    let error = Store::open(&options).unwrap_err();
    assert!(error.to_string().contains("written by a newer chartsentry"), "{error}");
    edit("PRAGMA application_id = 7");
    let error = Store::open(&options).unwrap_err();
    assert!(matches!(error, StoreError::NotAStore { .. }), "{error}");
}

#[test]
fn many_state_rows_fit_into_one_commit() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&options(&folder)).unwrap();
    let state: Vec<_> = (0..50_000u32)
        .map(|number| StateRow { key: number.to_be_bytes().to_vec(), value: Some(vec![number as u8; 100]) })
        .collect();
    store.commit(&Commit { state: state.clone(), ..Commit::default() }).unwrap();
    store.commit(&Commit { state, ..Commit::default() }).unwrap();
    assert_eq!(store.load_state().unwrap().len(), 50_000);
}
