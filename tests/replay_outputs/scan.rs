use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, DictionaryArray, Float64Array, Int8Array, Int16Array, Int64Array,
    LargeStringArray, ListArray, NullArray, StringArray, StringViewArray, StructArray, TimestampMicrosecondArray,
    TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray, UInt16Array, UInt32Array,
};
use arrow::datatypes::{DataType, Field, Int8Type, Int32Type};
use arrow::record_batch::RecordBatch;
use chartsentry::model::time::Zone;
use chartsentry::replay::parquet_scan::{
    ACCESSES, BATCH_ROWS, Cell, ColumnBatch, PATIENTS, ParquetScan, RELATIONSHIPS, SHIFTS, Table, WORKFORCE,
};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

fn write(directory: &Path, columns: Vec<(&str, ArrayRef)>, row_group: usize) -> PathBuf {
    let path = directory.join("table.parquet");
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, data)| (name, data, true)));
    let batch = batch.unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(row_group)).build();
    let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    path
}

fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

/// A log of three accesses whose other columns the test gives.
fn log(directory: &Path, mut others: Vec<(&str, ArrayRef)>) -> PathBuf {
    let mut columns = vec![
        ("occurred_at", texts(&["2026-06-01T00:00:00Z", "2026-06-01T00:00:01Z", "2026-06-01T00:00:02Z"])),
        ("user_id", texts(&["u1", "u2", "u3"])),
        ("action", texts(&["view", "print", "view"])),
    ];
    columns.retain(|(name, _)| others.iter().all(|(other, _)| other != name));
    columns.append(&mut others);
    write(directory, columns, 1000)
}

fn only_batch(path: &Path, table: &'static Table) -> ColumnBatch {
    let mut batches = ParquetScan::open(path, table).unwrap().batches(2);
    let batch = batches.next().unwrap().unwrap();
    assert!(batches.next().is_none());
    batch
}

fn error(path: &Path, table: &'static Table) -> String {
    format!("{:#}", ParquetScan::open(path, table).unwrap_err())
}

#[test]
fn ids_are_the_same_text_whatever_type_holds_them() {
    let codes = Arc::new(StringArray::from(vec!["7", "8"]));
    let keys = Int8Array::from(vec![Some(0), None, Some(1)]);
    let category = DictionaryArray::<Int8Type>::try_new(keys, codes).unwrap();
    let bytes: Vec<Option<&[u8]>> = vec![Some(b"7"), None, Some(b"8")];
    let kinds: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(vec![Some("7"), Some(" "), Some("8")])),
        Arc::new(LargeStringArray::from(vec![Some("7"), None, Some("8")])),
        Arc::new(StringViewArray::from(vec![Some("7"), Some(""), Some("8")])),
        Arc::new(category),
        Arc::new(BinaryArray::from(bytes)),
        Arc::new(Int8Array::from(vec![Some(7), None, Some(8)])),
        Arc::new(Int16Array::from(vec![Some(7), None, Some(8)])),
        Arc::new(UInt32Array::from(vec![Some(7), None, Some(8)])),
        Arc::new(Int64Array::from(vec![Some(7), None, Some(8)])),
        Arc::new(Float64Array::from(vec![Some(7.0), None, Some(8.0)])),
    ];
    for kind in kinds {
        let directory = tempfile::tempdir().unwrap();
        let described = format!("{:?}", kind.data_type());
        let batch = only_batch(&log(directory.path(), vec![("Patient_ID", kind)]), &ACCESSES);
        let column = batch.column("patient_id").unwrap();
        let found: Vec<Option<&str>> = (0..3).map(|row| column.text(row)).collect();
        assert_eq!(found, [Some("7"), None, Some("8")], "{described}");
    }
}

#[test]
fn the_same_moment_in_every_type_of_time() {
    let zone = Zone::named("America/Los_Angeles").unwrap();
    let seconds = 1_780_272_000_i64; // 2026-06-01T00:00:00Z
    let kinds: Vec<(ArrayRef, bool)> = vec![
        (Arc::new(TimestampSecondArray::from(vec![seconds; 3]).with_timezone("UTC")), true),
        (Arc::new(TimestampMillisecondArray::from(vec![seconds * 1_000; 3]).with_timezone("Europe/Paris")), true),
        (Arc::new(TimestampMicrosecondArray::from(vec![seconds * 1_000_000; 3]).with_timezone("+02:00")), true),
        (Arc::new(TimestampNanosecondArray::from(vec![seconds * 1_000_000_000 + 999; 3]).with_timezone("UTC")), true),
        (Arc::new(TimestampMillisecondArray::from(vec![seconds * 1_000; 3])), false),
        (Arc::new(TimestampNanosecondArray::from(vec![seconds * 1_000_000_000; 3])), false),
        (Arc::new(Date32Array::from(vec![20_605; 3])), false),
    ];
    for (kind, has_zone) in kinds {
        let directory = tempfile::tempdir().unwrap();
        let described = format!("{:?}", kind.data_type());
        let batch = only_batch(&log(directory.path(), vec![("occurred_at", kind)]), &ACCESSES);
        let (at, _) = batch.column("occurred_at").unwrap().cell(1).instant(&zone).unwrap();
        // Without a zone it is midnight on the facility's clock: seven hours later.
        let expected = if has_zone { "2026-06-01T00:00:00.000000Z" } else { "2026-06-01T07:00:00.000000Z" };
        assert_eq!(at.to_string(), expected, "{described}");
    }
}

#[test]
fn flags_and_dates_of_context_tables() {
    let directory = tempfile::tempdir().unwrap();
    let path = write(
        directory.path(),
        vec![
            ("patient_id", Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef),
            ("is_vip", Arc::new(BooleanArray::from(vec![Some(true), None]))),
            ("is_restricted", texts(&["T", "no"])),
            ("is_decoy", Arc::new(NullArray::new(2))),
            ("birth_date", Arc::new(Date32Array::from(vec![Some(0), None]))),
        ],
        1000,
    );
    let batch = only_batch(&path, &PATIENTS);
    let cell = |name: &str, row: usize| batch.column(name).unwrap().cell(row);
    assert_eq!((cell("is_vip", 0), cell("is_vip", 1)), (Cell::Flag(true), Cell::Missing));
    assert_eq!((cell("is_restricted", 0), cell("is_decoy", 0)), (Cell::Text("T"), Cell::Missing));
    assert_eq!((cell("birth_date", 0), cell("birth_date", 1)), (Cell::Date(0), Cell::Missing));
    assert!(batch.column("merged_into").is_none());
}

#[test]
fn rows_come_in_file_order_whatever_the_row_groups_and_workers() {
    let rows = i64::try_from(BATCH_ROWS).unwrap() * 3 + 17;
    let directory = tempfile::tempdir().unwrap();
    let numbers: Vec<i64> = (0..rows).collect();
    let constant = |text: &str| -> ArrayRef {
        let values = Arc::new(StringArray::from(vec![text]));
        Arc::new(DictionaryArray::<Int32Type>::new(vec![0; numbers.len()].into(), values))
    };
    for (row_group, workers) in [(usize::MAX, 3), (20_000, 4), (100_000, 1)] {
        let columns = vec![
            ("event_id", Arc::new(Int64Array::from(numbers.clone())) as ArrayRef),
            ("occurred_at", Arc::new(TimestampMicrosecondArray::from(numbers.clone()).with_timezone("UTC"))),
            ("user_id", constant("u")),
            ("action", constant("view")),
        ];
        let path = write(directory.path(), columns, row_group);
        let scan = ParquetScan::open(&path, &ACCESSES).unwrap();
        assert_eq!(scan.rows(), u64::try_from(rows).unwrap());
        let mut next = 0_i64;
        for batch in scan.batches(workers) {
            let batch = batch.unwrap();
            assert_eq!(batch.first_row(), u64::try_from(next).unwrap());
            assert!(batch.rows() <= BATCH_ROWS);
            let (ids, at) = (batch.column("event_id").unwrap(), batch.column("occurred_at").unwrap());
            for row in 0..batch.rows() {
                assert_eq!(at.cell(row), Cell::Micros(next));
                assert_eq!(ids.text(row).unwrap().parse(), Ok(next));
                next += 1;
            }
        }
        assert_eq!(next, rows);
    }
}

#[test]
fn a_reader_that_stops_early_is_let_go() {
    let directory = tempfile::tempdir().unwrap();
    let mut batches = ParquetScan::open(&log(directory.path(), vec![]), &ACCESSES).unwrap().batches(8);
    assert!(batches.next().unwrap().is_ok());
    drop(batches);
}

#[test]
fn columns_of_no_meaning_are_named_and_do_no_harm() {
    let directory = tempfile::tempdir().unwrap();
    let nested = StructArray::from(vec![(
        Arc::new(Field::new("x", DataType::Int64, true)),
        Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef,
    )]);
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1)]), None, Some(vec![])]);
    let amounts = arrow::array::Decimal128Array::from(vec![1, 2, 3]).with_precision_and_scale(10, 2).unwrap();
    let others: Vec<(&str, ArrayRef)> =
        vec![("extra", Arc::new(nested)), ("tags", Arc::new(lists)), ("amount", Arc::new(amounts))];
    let path = log(directory.path(), others);
    let scan = ParquetScan::open(&path, &ACCESSES).unwrap();
    assert_eq!(scan.unknown_columns(), ["extra", "tags", "amount"]);
    assert_eq!(scan.batches(1).next().unwrap().unwrap().column("user_id").unwrap().text(2), Some("u3"));
}

#[test]
fn one_error_says_everything_that_does_not_fit() {
    let directory = tempfile::tempdir().unwrap();
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1)]), None, Some(vec![])]);
    let path = log(
        directory.path(),
        vec![("patient_id", Arc::new(lists)), ("occurred_at", Arc::new(Int64Array::from(vec![1, 2, 3])))],
    );
    let text = error(&path, &ACCESSES);
    assert!(text.contains("table.parquet"), "{text}");
    assert!(text.contains("column occurred_at holds whole numbers, expected timestamps"), "{text}");
    assert!(text.contains("column patient_id holds lists, expected text or whole numbers"), "{text}");
    let small = log(directory.path(), vec![("user_id", Arc::new(UInt16Array::from(vec![1, 2, 3])))]);
    assert!(error(&small, &ACCESSES).contains("column user_id holds unsigned numbers of 8 or 16 bits"));
    for table in [&SHIFTS, &RELATIONSHIPS] {
        let text = error(&path, table);
        assert!(text.contains("column starts_at") && text.contains("the file has"), "{text}");
    }
}

#[test]
fn damaged_files_are_errors() {
    let directory = tempfile::tempdir().unwrap();
    let path = log(directory.path(), vec![]);
    let bytes = std::fs::read(&path).unwrap();
    for cut in [0, 3, 12, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..cut]).unwrap();
        assert!(error(&path, &ACCESSES).contains("table.parquet"));
    }
    // The footer is whole, the pages are not.
    let mut hollow = bytes;
    hollow[4..60].fill(0xff);
    std::fs::write(&path, &hollow).unwrap();
    let mut batches = ParquetScan::open(&path, &ACCESSES).unwrap().batches(1);
    let text = format!("{:#}", batches.next().unwrap().unwrap_err());
    assert!(text.contains("table.parquet"), "{text}");
    assert!(batches.next().is_none());
}

#[test]
fn an_empty_table_has_no_batches() {
    let directory = tempfile::tempdir().unwrap();
    let path = write(directory.path(), vec![("user_id", texts(&[]))], 10);
    let scan = ParquetScan::open(&path, &WORKFORCE).unwrap();
    assert_eq!((scan.rows(), scan.batches(4).count()), (0, 0));
}
