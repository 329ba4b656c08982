use std::fs::File;
use std::path::Path;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Float64Type, TimestampMicrosecondType, UInt64Type};
use arrow::record_batch::RecordBatch;
use chartsentry::model::incident::{Contribution, Incident, IncidentKind, Severity, Status};
use chartsentry::model::reject::{Place, Reject, RejectCode};
use chartsentry::model::time::Timestamp;
use chartsentry::replay::output::{NdjsonFile, create_directory};
use chartsentry::replay::tables::{
    DetectionRow, DetectionsFile, VerdictRow, VerdictsFile, incidents_schema, sort_incidents, write_incidents_ndjson,
    write_incidents_parquet,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

fn incident(id: &str, score: f64) -> Incident {
    Incident {
        incident_id: id.to_owned(),
        kind: IncidentKind::Pair,
        user_id: Some("u1".to_owned()),
        user_ids: Vec::new(),
        patient_ids: vec!["p1".to_owned(), "p2".to_owned()],
        score,
        severity: Severity::High,
        status: Status::Open,
        merged_into: None,
        occurred_first: Timestamp(1_780_272_000_000_000),
        occurred_last: Timestamp(1_780_272_000_000_001),
        access_count: 3,
        prior: -7.0,
        contributions: vec![
            Contribution { id: "no_care_relationship".to_owned(), weight: 0.1 + 0.2, reason: "x".to_owned() },
            Contribution { id: "explained:duty".to_owned(), weight: -1.5, reason: "y".to_owned() },
        ],
        degraded: vec![],
        accesses: vec!["e1".to_owned()],
    }
}

fn read(path: &Path) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap().build().unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap()
}

#[test]
fn the_parquet_table_of_incidents_has_the_keys_of_the_json_lines() {
    let value = serde_json::to_value(incident("i1", 0.99)).unwrap();
    let mut keys: Vec<&String> = value.as_object().unwrap().keys().collect();
    let schema = incidents_schema();
    let mut columns: Vec<&String> = schema.fields().iter().map(|field| field.name()).collect();
    keys.sort();
    columns.sort();
    assert_eq!(keys, columns);
}

#[test]
fn incidents_read_back_from_both_files() {
    let directory = tempfile::tempdir().unwrap();
    let mut incidents = vec![incident("ib", 0.95), incident("ia", 0.95), incident("ic", 0.999)];
    incidents[1].user_id = None;
    sort_incidents(&mut incidents);
    let ids: Vec<&str> = incidents.iter().map(|incident| incident.incident_id.as_str()).collect();
    assert_eq!(ids, ["ic", "ia", "ib"]);
    write_incidents_ndjson(directory.path(), &incidents).unwrap();
    write_incidents_parquet(directory.path(), &incidents).unwrap();

    let text = std::fs::read_to_string(directory.path().join("incidents.ndjson")).unwrap();
    let lines: Vec<Incident> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, incidents);
    assert!(text.starts_with("{\"incident_id\":\"ic\",\"kind\":\"pair\",\"user_id\":\"u1\""), "{text}");
    assert!(text.contains("\"occurred_first\":\"2026-06-01T00:00:00.000000Z\""));

    let table = read(&directory.path().join("incidents.parquet"));
    assert_eq!(table.num_rows(), 3);
    assert!(table["user_id"].is_null(1));
    assert_eq!(table["score"].as_primitive::<Float64Type>().value(0), 0.999);
    assert_eq!(table["access_count"].as_primitive::<UInt64Type>().value(0), 3);
    let first = table["occurred_first"].as_primitive::<TimestampMicrosecondType>();
    assert_eq!((first.value(2), first.timezone()), (1_780_272_000_000_000, Some("UTC")));
    let patients = table["patient_ids"].as_list::<i32>().value(0);
    assert_eq!(patients.as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["p1", "p2"]);
    let contributions = table["contributions"].as_list::<i32>().value(2);
    let contributions = contributions.as_struct();
    assert_eq!(contributions["id"].as_string::<i32>().value(1), "explained:duty");
    assert_eq!(contributions["weight"].as_primitive::<Float64Type>().value(0), 0.1 + 0.2);
    assert_eq!(table["degraded"].as_list::<i32>().value(0).len(), 0);
}

#[test]
fn detections_and_verdicts_have_the_documented_columns() {
    let directory = tempfile::tempdir().unwrap();
    let mut detections = DetectionsFile::create(directory.path()).unwrap();
    let row = DetectionRow {
        event_id: "e1",
        occurred_at: Timestamp(5),
        user_id: "u1",
        patient_id: Some("p1"),
        detector_id: "household",
        weight: 3.25,
        incident_id: None,
    };
    detections.push(&[row]).unwrap();
    detections.finish().unwrap();
    let mut verdicts = VerdictsFile::create(directory.path()).unwrap();
    let row = VerdictRow {
        event_id: "e1",
        occurred_at: Timestamp(5),
        user_id: "u1",
        patient_id: Some("p1"),
        verdict: "explained",
        basis: Some("direct"),
        record_id: Some("r1"),
    };
    verdicts.push(&[row, row]).unwrap();
    verdicts.finish().unwrap();

    let table = read(&directory.path().join("detections.parquet"));
    let names: Vec<&str> = table.schema_ref().fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["event_id", "occurred_at", "user_id", "patient_id", "detector_id", "weight", "incident_id"]);
    assert!(table["incident_id"].is_null(0));
    let table = read(&directory.path().join("verdicts.parquet"));
    let names: Vec<&str> = table.schema_ref().fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["event_id", "occurred_at", "user_id", "patient_id", "verdict", "basis", "record_id"]);
    assert_eq!(table["record_id"].as_string::<i32>().value(1), "r1");
}

#[test]
fn rejects_are_lines_of_their_own_in_a_file_for_the_owner() {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("out/june");
    create_directory(&directory).unwrap();
    let mut file = NdjsonFile::create(&directory, "quarantine.ndjson").unwrap();
    file.push(&Reject {
        place: Place::File { file: "log.csv".into(), line: 7 },
        reason: RejectCode::MissingField,
        sentence: "user_id is missing".into(),
        record: "a,\nb".to_owned(),
    })
    .unwrap();
    assert_eq!(file.written(), 1);
    file.finish().unwrap();
    let path = directory.join("quarantine.ndjson");
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        "{\"file\":\"log.csv\",\"line\":7,\"reason\":\"missing_field\",\"sentence\":\"user_id is missing\",\
         \"record\":\"a,\\nb\"}\n"
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
