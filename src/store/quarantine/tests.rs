use tempfile::TempDir;

use super::*;
use crate::store::schema::{STORE, migrate};
use crate::store::{Commit, Store, StoreOptions};

fn options(folder: &TempDir) -> StoreOptions {
    StoreOptions { path: folder.path().join("store.db"), key: None }
}

/// A record that takes a KiB.
fn record(offset: i64) -> QuarantineRecord {
    QuarantineRecord {
        topic: "ehr.audit".to_owned(),
        offset,
        reason: "invalid_json".to_owned(),
        record: vec![b'x'; 512],
        size: Some(512),
        is_whole: true,
        kept_at: Some(Timestamp(offset)),
        ..QuarantineRecord::default()
    }
}

fn aside(offsets: std::ops::Range<i64>) -> Commit {
    Commit { quarantine: offsets.map(record).collect(), ..Commit::default() }
}

fn offsets(store: &Store) -> Vec<i64> {
    store.handle().quarantine(1_000).unwrap().into_iter().map(|record| record.offset).collect()
}

#[test]
fn what_does_not_fit_is_counted_and_what_waits_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&options(&folder)).unwrap();
    store.limit_quarantine(4 << 10);
    let receipt = store.commit(&aside(0..3)).unwrap();
    assert_eq!((receipt.quarantined, receipt.only_counted), (3, 0));
    let receipt = store.commit(&aside(3..10)).unwrap();
    assert_eq!((receipt.quarantined, receipt.only_counted, receipt.cleared), (1, 6, 0));
    store.commit(&aside(10..12)).unwrap();
    assert_eq!(offsets(&store), [0, 1, 2, 3]);
    drop(store);

    let desk = QuarantineDesk::open(&options(&folder)).unwrap();
    let [counted] = &desk.only_counted().unwrap()[..] else { panic!("one partition, one reason") };
    assert_eq!((counted.records, counted.offsets), (8, (4, 11)));
    assert_eq!(counted.between, (Some(Timestamp(4)), Some(Timestamp(11))));
}

#[test]
fn a_record_that_is_there_already_is_neither_kept_nor_counted_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&options(&folder)).unwrap();
    store.limit_quarantine(2 << 10);
    store.commit(&aside(0..2)).unwrap();
    let receipt = store.commit(&aside(0..2)).unwrap();
    assert_eq!((receipt.quarantined, receipt.only_counted), (0, 0));
    let other = QuarantineRecord { record: b"of a topic that was made anew".to_vec(), ..record(0) };
    let receipt = store.commit(&Commit { quarantine: vec![other], ..Commit::default() }).unwrap();
    assert_eq!((receipt.quarantined, receipt.only_counted), (0, 1));
}

#[test]
fn records_that_people_are_done_with_make_room() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&options(&folder)).unwrap();
    store.limit_quarantine(4 << 10);
    store.commit(&aside(0..4)).unwrap();
    let mut desk = QuarantineDesk::open(&options(&folder)).unwrap();
    desk.dropped(&[record(0).id()], "Ada Berg", "a test", Timestamp(5)).unwrap();
    desk.refed(&[(record(2).id(), record(40).id())], "Ada Berg", Timestamp(6)).unwrap();
    assert_eq!(offsets(&store), [0, 1, 2, 3], "kept while there is room");
    let receipt = store.commit(&aside(4..7)).unwrap();
    assert_eq!((receipt.quarantined, receipt.only_counted, receipt.cleared), (2, 1, 2));
    assert_eq!(offsets(&store), [1, 3, 4, 5]);
}

#[test]
fn what_became_of_a_record_reads_back_and_one_that_comes_again_names_the_former() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&options(&folder)).unwrap();
    store.commit(&aside(0..3)).unwrap();
    let mut desk = QuarantineDesk::open(&options(&folder)).unwrap();
    desk.dropped(&[record(1).id()], "Ada Berg", "a test", Timestamp(5)).unwrap();
    desk.refed(&[(record(0).id(), record(7).id())], "Cem Demir", Timestamp(6)).unwrap();
    store.commit(&aside(7..8)).unwrap();
    store.commit(&Commit { copies: vec![(record(2).id(), (1, 99))], ..Commit::default() }).unwrap();

    let find = |offset| desk.find(&record(offset).id()).unwrap().unwrap();
    let dropped = find(1);
    assert_eq!((dropped.standing, dropped.handled.unwrap().why.as_deref()), (Standing::Dropped, Some("a test")));
    let refed = find(0);
    assert_eq!((refed.standing, refed.refed_to), (Standing::Refed, Some(record(7).id())));
    assert_eq!((find(2).standing, find(2).record.copy), (Standing::Waiting, Some((1, 99))));
    assert_eq!(find(7).former, Some(record(0).id()));
    assert_eq!(find(7).record, record(7));
    assert_eq!(desk.find(&record(8).id()).unwrap(), None);

    let waiting = Wanted { standing: Some(Standing::Waiting), ..Wanted::default() };
    assert_eq!(desk.ids(&waiting).unwrap(), [record(2).id(), record(7).id()]);
    let newest: Vec<i64> = desk.list(&Wanted::default(), 2).unwrap().into_iter().map(|one| one.record.offset).collect();
    assert_eq!(newest, [7, 2]);
    let since = Wanted { since: Some(Timestamp(2)), reason: Some("invalid_json".to_owned()), ..Wanted::default() };
    assert_eq!(desk.count(&since).unwrap(), 2);
    assert_eq!(desk.count(&Wanted { topic: Some("other".to_owned()), ..Wanted::default() }).unwrap(), 0);
}

#[test]
fn an_older_file_keeps_its_quarantine_and_knows_what_it_takes() {
    let mut connection = Connection::open_in_memory().unwrap();
    STORE.migrations[..4].iter().for_each(|step| connection.execute_batch(step).unwrap());
    let rows = "INSERT INTO quarantine VALUES ('a', 0, 1, 'invalid_json', 'no JSON', x'616263');
        INSERT INTO quarantine VALUES ('a', 0, 2, 'too_long', 'long', zeroblob(16384));";
    connection.execute_batch(rows).unwrap();
    migrate(&mut connection, &STORE, 4).unwrap();
    let kept = read(&connection, 10).unwrap();
    assert_eq!(kept.iter().map(|record| record.size).collect::<Vec<_>>(), [Some(3), None]);
    assert!(kept.iter().all(|record| !record.is_whole), "whether they had a key is not known");
    let used: i64 = connection.query_row("SELECT bytes FROM quarantine_use", [], |row| row.get(0)).unwrap();
    assert_eq!(used, 3 + 16_384 + 2 * 512);
    connection.execute_batch("DELETE FROM quarantine WHERE \"offset\" = 1").unwrap();
    let used: i64 = connection.query_row("SELECT bytes FROM quarantine_use", [], |row| row.get(0)).unwrap();
    assert_eq!(used, 16_384 + 512);
}
