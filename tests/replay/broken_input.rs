//! Bad input never stops a run, never vanishes, and is explained.

use std::path::Path;

use super::{Hospital, SATURDAY, failure, job, program, run, sample, sample_week, stderr};

#[test]
fn a_broken_record_is_kept_with_its_line_and_the_run_goes_on() {
    let text = std::fs::read_to_string(sample("access.csv")).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.insert(100, "x1,yesterday,,u10038,M1000501,view,,,,,,,,,".to_owned());
    lines.insert(200, "x2,2026-06-01T09:00:00Z,,,M1000501,view,,,,,,,,,".to_owned());
    lines.insert(300, "x3,2026-06-01T09:00:00Z,,u10038".to_owned());
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("broken.csv");
    std::fs::write(&log, lines.join("\n")).unwrap();
    let run = run(&sample("context"), &[&log], SATURDAY);
    let found: Vec<_> = run
        .lines("quarantine.ndjson")
        .iter()
        .map(|reject| {
            assert!(reject["file"].as_str().unwrap().ends_with("broken.csv"));
            assert!(reject["sentence"].as_str().is_some_and(|sentence| !sentence.is_empty()));
            (reject["line"].as_u64().unwrap(), reject["reason"].as_str().unwrap().to_owned())
        })
        .collect();
    let expected = [(101, "invalid_value"), (201, "missing_field"), (301, "invalid_csv")];
    assert_eq!(found, expected.map(|(line, reason)| (line, reason.to_owned())));
    assert_eq!(run.summary.rejects.total, 3);
    assert_eq!(run.text("incidents.ndjson"), sample_week().text("incidents.ndjson"));
}

#[test]
fn a_broken_context_row_is_kept_as_well() {
    let care = "r1,care-team,p2,u2,,2026-06-01T00:00:00Z,,,u3\nr2,friendship,p2,u2,,2026-06-01T00:00:00Z,,,u3\n";
    let run = Hospital::new(care, "e1,2026-06-01T18:00:00Z,,u2,p2,view\n").run(SATURDAY);
    let [reject] = &run.lines("quarantine.ndjson")[..] else { panic!("one reject") };
    assert_eq!((reject["line"].as_u64(), reject["reason"].as_str()), (Some(3), Some("invalid_value")));
    assert_eq!(run.summary.explained, 1);
}

/// The message of a replay of one log with this text.
fn refused(text: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log.csv");
    std::fs::write(&log, text).unwrap();
    let message = failure(&sample("context"), &[&log]);
    assert!(message.contains("log.csv"), "names the file: {message}");
    message
}

#[test]
fn a_log_that_is_none_is_refused_with_what_was_expected() {
    let missing = failure(&sample("context"), &[Path::new("/nowhere/log.csv")]);
    assert!(missing.contains("/nowhere/log.csv: no such file: expected an access log"), "{missing}");
    let message = refused("event_id,occurred_at,patient_id,action\ne1,2026-06-01T00:00:00Z,p1,view\n");
    assert!(message.contains("user_id"), "{message}");
    assert!(refused("").contains("empty"), "{}", refused(""));
    let message = refused("event_id,occurred_at,user_id,patient_id,action\ne1,yesterday,u1,p1,view\n");
    assert!(message.contains("none of its 1 records decodes"), "{message}");
}

#[test]
fn a_log_with_a_header_alone_holds_nothing_and_is_no_failure() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log.csv");
    std::fs::write(&log, "event_id,occurred_at,user_id,patient_id,action\n").unwrap();
    let run = run(&sample("context"), &[&log], SATURDAY);
    assert_eq!((run.summary.accesses, run.summary.incidents.total), (0, 0));
    assert_eq!(run.text("incidents.ndjson"), "");
}

#[test]
fn a_context_that_is_none_is_refused() {
    let log = sample("access.csv");
    let message = failure(Path::new("/nowhere/context"), &[&log]);
    assert!(message.contains("/nowhere/context is no context directory"), "{message}");
    let empty = tempfile::tempdir().unwrap();
    assert!(failure(empty.path(), &[&log]).contains("expected any of workforce, patients"));
}

#[test]
fn a_failed_run_leaves_the_results_of_the_last_one() {
    let (out, good) = job(&sample("context"), &[&sample("access.csv")], SATURDAY);
    std::fs::write(out.path().join("incidents.ndjson"), "old\n").unwrap();
    let mut bad = good;
    let broken = out.path().join("broken.csv");
    std::fs::write(&broken, "event_id,occurred_at,user_id,patient_id,action\ne1,yesterday,u1,p1,view\n").unwrap();
    bad.logs.push(broken.to_str().unwrap().to_owned());
    chartsentry::pipeline::replay::replay(&chartsentry::config::Config::shipped(), &bad, &|_, _, _| {}).unwrap_err();
    assert_eq!(std::fs::read_to_string(out.path().join("incidents.ndjson")).unwrap(), "old\n");
    assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 2, "nothing half-written stays");
}

#[test]
fn the_program_tells_failure_from_wrong_usage() {
    let out = tempfile::tempdir().unwrap();
    let (context, log) = (sample("context"), sample("access.csv"));
    let [context, log, out] = [&context, &log, &out.path().to_owned()].map(|path| path.to_str().unwrap().to_owned());
    let replay = |rest: &[&str]| {
        let start = ["replay", "--context", &context, "--out", &out];
        let output = program(&start.into_iter().chain(rest.iter().copied()).collect::<Vec<_>>());
        assert!(output.stdout.is_empty());
        (output.status.code(), stderr(&output))
    };
    let (code, message) = replay(&["/nowhere/log.csv"]);
    assert_eq!(code, Some(1));
    assert!(message.contains("error: /nowhere/log.csv: no such file"), "{message}");
    let (code, message) = replay(&["--as-of", "soon", &log]);
    assert_eq!(code, Some(2));
    assert!(message.contains("--as-of: \"soon\" is not an instant"), "{message}");
    assert_eq!(replay(&[]).0, Some(2), "no log");
    assert_eq!(replay(&["--config", "/nowhere.toml", &log]).0, Some(1));
}
