//! The sample week: its incidents as they are kept, from every format, run after run.

use std::path::Path;

use super::{SATURDAY, program, run, sample, sample_week, stderr};

/// Set this variable to write the golden incidents anew after a change that is meant.
const UPDATE: &str = "CHARTSENTRY_UPDATE_SAMPLES";

#[test]
fn the_sample_week_has_its_golden_incidents() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/sample-week.incidents.ndjson");
    let found = sample_week().text("incidents.ndjson");
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    let differs = golden.lines().zip(found.lines()).find(|(golden, found)| golden != found);
    assert_eq!(differs, None, "{UPDATE}=1 writes the golden incidents anew");
    assert_eq!(golden.lines().count(), found.lines().count());
}

#[test]
fn every_format_says_the_same() {
    let golden = sample_week();
    for name in ["access.ndjson.zst", "access.parquet", "access.fhir.ndjson.gz"] {
        let run = run(&sample("context"), &[&sample(name)], SATURDAY);
        assert_eq!(run.text("incidents.ndjson"), golden.text("incidents.ndjson"), "{name}");
        let (one, other) = (&run.summary, &golden.summary);
        assert_eq!((one.accesses, one.explained, one.suspicious), (other.accesses, other.explained, other.suspicious));
        assert_eq!(one.rejects, other.rejects, "{name}");
    }
}

#[test]
fn a_second_run_writes_the_same_bytes() {
    let first = sample_week().files();
    let second = run(&sample("context"), &[&sample("access.csv")], SATURDAY).files();
    let names: Vec<&String> = first.keys().collect();
    let expected = [
        "detections.parquet",
        "handoffs.ndjson",
        "incidents.ndjson",
        "incidents.parquet",
        "quarantine.ndjson",
        "report.html",
        "summary.json",
        "verdicts.parquet",
    ];
    assert_eq!(names, expected);
    for (name, bytes) in &first {
        assert!(*bytes == second[name], "{name} differs from run to run");
    }
}

#[test]
fn the_program_writes_what_the_library_writes_for_its_owner_only() {
    let out = tempfile::tempdir().unwrap();
    let out = out.path().join("new/result");
    let (context, log) = (sample("context"), sample("access.csv"));
    let [context, log, directory] = [&context, &log, &out].map(|path| path.to_str().unwrap());
    let output = program(&["replay", "--context", context, "--out", directory, "--as-of", SATURDAY, "--verdicts", log]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(output.stdout.is_empty(), "results go to files");
    assert!(stderr(&output).contains("report.html"), "{}", stderr(&output));
    for (name, bytes) in sample_week().files() {
        let written = std::fs::read(out.join(&name)).unwrap();
        assert!(name == "summary.json" || written == bytes, "{name} differs");
    }
    #[cfg(unix)]
    for entry in std::fs::read_dir(&out).unwrap() {
        use std::os::unix::fs::PermissionsExt;
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
    }
}

#[test]
fn a_glob_names_several_logs() {
    let dir = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(sample("access.csv")).unwrap();
    let (header, body) = text.split_once('\n').unwrap();
    let lines: Vec<&str> = body.lines().collect();
    let (early, late) = lines.split_at(lines.len() / 2);
    for (name, part) in [("1.csv", early), ("2.csv", late)] {
        std::fs::write(dir.path().join(name), format!("{header}\n{}\n", part.join("\n"))).unwrap();
    }
    let run = run(&sample("context"), &[&dir.path().join("*.csv")], SATURDAY);
    assert_eq!(run.text("incidents.ndjson"), sample_week().text("incidents.ndjson"));
}

#[test]
fn a_run_without_verdicts_leaves_none_of_an_earlier_run() {
    let (out, mut job) = super::job(&sample("context"), &[&sample("access.csv")], SATURDAY);
    let replay =
        |job: &_| chartsentry::pipeline::replay::replay(&chartsentry::config::Config::shipped(), job, &|_, _, _| {});
    replay(&job).unwrap();
    job.verdicts = false;
    replay(&job).unwrap();
    assert!(!out.path().join("verdicts.parquet").exists());
}
