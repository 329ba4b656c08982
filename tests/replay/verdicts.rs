//! Every access ends in one of three verdicts, and every score is the sum of its parts.

use std::collections::BTreeMap;
use std::fs::File;

use arrow::array::{Array, AsArray};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{Hospital, Run, SATURDAY, program, sample_week, stderr};

/// One text column of a result table; missing values are empty.
fn column(run: &Run, file: &str, name: &str) -> Vec<String> {
    let file = File::open(run.out.path().join(file)).unwrap();
    let batches = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let mut values = Vec::new();
    for batch in batches {
        let batch = batch.unwrap();
        let column = arrow::compute::cast(batch.column_by_name(name).unwrap(), &arrow::datatypes::DataType::Utf8);
        let column = column.unwrap();
        let column = column.as_string::<i32>();
        values.extend((0..column.len()).map(|row| if column.is_null(row) { "" } else { column.value(row) }.to_owned()));
    }
    values
}

fn counted(values: &[String]) -> BTreeMap<String, u64> {
    values.iter().fold(BTreeMap::new(), |mut counts, value| {
        *counts.entry(value.clone()).or_default() += 1;
        counts
    })
}

#[test]
fn the_three_verdicts_add_up_to_the_accesses() {
    let summary = &sample_week().summary;
    assert_eq!(summary.explained + summary.unexplained + summary.suspicious, summary.accesses);
    assert_eq!(summary.explained_by.values().sum::<u64>(), summary.explained);
    assert!(summary.suspicious > 0 && summary.explained > summary.unexplained, "{summary:?}");
    // Every event of the log is somewhere.
    let events = summary.accesses + summary.without_patient + summary.not_successful + summary.duplicates;
    assert_eq!(events + summary.rejects.total, 11_386);
}

#[test]
fn the_table_of_verdicts_has_one_row_for_each_access() {
    let run = sample_week();
    let summary = &run.summary;
    let verdicts = column(run, "verdicts.parquet", "verdict");
    assert_eq!(verdicts.len() as u64, summary.accesses);
    let expected =
        [("explained", summary.explained), ("suspicious", summary.suspicious), ("unexplained", summary.unexplained)];
    assert_eq!(counted(&verdicts), expected.map(|(name, count)| (name.to_owned(), count)).into());
}

#[test]
fn an_explained_access_names_its_record() {
    let run = sample_week();
    let verdicts = column(run, "verdicts.parquet", "verdict");
    let (bases, records) = (column(run, "verdicts.parquet", "basis"), column(run, "verdicts.parquet", "record_id"));
    let explained = || verdicts.iter().zip(&bases).zip(&records).filter(|((verdict, _), _)| *verdict == "explained");
    assert!(explained().all(|((_, basis), record)| !basis.is_empty() && !record.is_empty()), "an unnamed record");
}

#[test]
fn the_table_of_verdicts_and_the_summary_name_the_same_bases() {
    let run = sample_week();
    let (verdicts, bases) = (column(run, "verdicts.parquet", "verdict"), column(run, "verdicts.parquet", "basis"));
    let explained = verdicts.iter().zip(&bases).filter(|(verdict, _)| *verdict == "explained");
    let bases: Vec<String> = explained.map(|(_, basis)| basis.clone()).collect();
    assert_eq!(counted(&bases), run.summary.explained_by);
}

#[test]
fn a_score_is_the_logistic_of_prior_and_contributions() {
    let incidents = sample_week().lines("incidents.ndjson");
    assert!(!incidents.is_empty());
    for incident in incidents {
        let weights = incident["contributions"].as_array().unwrap().iter().map(|one| one["weight"].as_f64().unwrap());
        let logit = weights.fold(incident["prior"].as_f64().unwrap(), |sum, weight| sum + weight);
        let score = 1.0 / (1.0 + (-logit).exp());
        assert!((incident["score"].as_f64().unwrap() - score).abs() < 1e-12, "{incident}");
    }
}

#[test]
fn an_access_counts_as_suspicious_exactly_where_a_standing_incident_holds_it() {
    let run = sample_week();
    let stands = |incident: &serde_json::Value| incident["status"] == "open" || incident["status"] == "provisional";
    let standing = run.lines("incidents.ndjson").into_iter().filter(stands);
    let held: u64 = standing.map(|incident| incident["access_count"].as_u64().unwrap()).sum();
    assert_eq!(held, run.summary.suspicious);
}

#[test]
fn reasons_and_words_for_people_hold_no_names() {
    let run = sample_week();
    let workforce = std::fs::read_to_string(super::sample("context/workforce.csv")).unwrap();
    let names: Vec<&str> = workforce.lines().skip(1).filter_map(|line| line.split(',').nth(2)).collect();
    for incident in run.lines("incidents.ndjson") {
        for contribution in incident["contributions"].as_array().unwrap() {
            let reason = contribution["reason"].as_str().unwrap();
            let mut words = reason.split(|c: char| !c.is_alphanumeric());
            assert!(words.all(|word| word.len() < 4 || !names.contains(&word)), "{reason}");
        }
    }
}

/// A stranger's look at a namesake's chart, and a look that a care relationship explains.
const LOOKS: &str = "e1,2026-06-01T17:00:00Z,,u1,p1,view\ne2,2026-06-01T18:00:00Z,,u2,p2,view\n";
const CARE: &str = "r2,care-team,p2,u2,,2026-06-01T00:00:00Z,,2026-06-01T00:00:00Z,u3\n";

#[test]
fn missing_relationships_are_unknown_and_not_absent() {
    let hospital = Hospital::new(CARE, LOOKS);
    let with = hospital.run(SATURDAY);
    assert_eq!((with.summary.explained, with.summary.suspicious, with.summary.degraded), (1, 1, 0));

    std::fs::remove_file(hospital.context().join("relationships.csv")).unwrap();
    let without = hospital.run(SATURDAY);
    let summary = &without.summary;
    assert_eq!((summary.explained, summary.unexplained, summary.degraded), (0, 2, 2));
    let detectors = column(&without, "detections.parquet", "detector_id");
    assert_eq!(detectors, ["same_surname"], "no_care_relationship weighs nothing");
}

#[test]
fn without_relationships_an_own_chart_is_degraded_and_not_handed_over() {
    let hospital = Hospital::new("", "e1,2026-06-01T17:00:00Z,,u9,p9,view\n");
    std::fs::remove_file(hospital.context().join("relationships.csv")).unwrap();
    std::fs::write(hospital.context().join("workforce.csv"), "user_id,patient_id\nu9,p9\n").unwrap();
    let run = hospital.run(SATURDAY);
    let [incident] = &run.lines("incidents.ndjson")[..] else { panic!("one incident") };
    assert!(["low", "medium"].contains(&incident["severity"].as_str().unwrap()), "{incident}");
    assert_eq!(incident["status"], "provisional");
    assert!(incident["degraded"][0].as_str().unwrap().contains("no care relationships were given"), "{incident}");
    assert!(run.lines("handoffs.ndjson").is_empty());
}

#[test]
fn the_program_says_that_relationships_are_missing_and_goes_on() {
    let hospital = Hospital::new(CARE, LOOKS);
    std::fs::remove_file(hospital.context().join("relationships.csv")).unwrap();
    let out = tempfile::tempdir().unwrap();
    let (context, log) = (hospital.context(), hospital.log());
    let [context, log, out] = [&context, &log, &out.path().to_owned()].map(|path| path.to_str().unwrap().to_owned());
    let output = program(&["replay", "--context", &context, "--out", &out, "--as-of", SATURDAY, &log]);
    assert_eq!(output.status.code(), Some(0));
    assert!(stderr(&output).contains("no table relationships"), "{}", stderr(&output));
    let warnings = stderr(&output).matches("no table relationships").count();
    assert_eq!(warnings, 1, "{}", stderr(&output));
}
