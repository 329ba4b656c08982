//! The order of a log's lines does not show in what is found.

use std::path::Path;

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Run, SATURDAY, run, sample, sample_week};

fn sample_lines() -> (String, Vec<String>) {
    let text = std::fs::read_to_string(sample("access.csv")).unwrap();
    let mut lines = text.lines().map(str::to_owned);
    (lines.next().unwrap(), lines.collect())
}

fn run_lines(dir: &Path, files: &[(&str, &[String])], header: &str) -> Run {
    let mut paths = Vec::new();
    for (name, lines) in files {
        let path = dir.join(name);
        std::fs::write(&path, format!("{header}\n{}\n", lines.join("\n"))).unwrap();
        paths.push(path);
    }
    let paths: Vec<&Path> = paths.iter().map(AsRef::as_ref).collect();
    run(&sample("context"), &paths, SATURDAY)
}

fn assert_same(found: &Run) {
    let expected = sample_week();
    assert_eq!(found.text("incidents.ndjson"), expected.text("incidents.ndjson"));
    let (one, other) = (&found.summary, &expected.summary);
    assert_eq!((one.accesses, &one.explained_by, one.late), (other.accesses, &other.explained_by, other.late));
    for name in ["verdicts.parquet", "detections.parquet"] {
        assert!(found.bytes(name).len().abs_diff(expected.bytes(name).len()) < 4_096, "{name}");
    }
}

#[test]
fn a_shuffled_log_is_sorted_first() {
    let (header, mut lines) = sample_lines();
    lines.shuffle(&mut ChaCha8Rng::seed_from_u64(7));
    let dir = tempfile::tempdir().unwrap();
    let found = run_lines(dir.path(), &[("shuffled.csv", &lines)], &header);
    assert_same(&found);
    assert_eq!(found.summary.late, 0);
}

#[test]
fn logs_may_be_named_in_the_wrong_order() {
    let (header, lines) = sample_lines();
    let (early, late) = lines.split_at(lines.len() / 3);
    let dir = tempfile::tempdir().unwrap();
    assert_same(&run_lines(dir.path(), &[("late.csv", late), ("early.csv", early)], &header));
}

#[test]
fn lines_a_few_minutes_out_of_order_do_not_matter() {
    let (header, lines) = sample_lines();
    let mut dice = ChaCha8Rng::seed_from_u64(8);
    let at = |line: &str| super::instant(line.split(',').nth(1).unwrap());
    let mut arrived: Vec<_> =
        lines.into_iter().map(|line| (at(&line).plus(i64::from(dice.next_u32() % 240_000_000)), line)).collect();
    arrived.sort();
    let lines: Vec<String> = arrived.into_iter().map(|(_, line)| line).collect();
    let dir = tempfile::tempdir().unwrap();
    assert_same(&run_lines(dir.path(), &[("jittered.csv", &lines)], &header));
}

#[test]
fn a_log_given_twice_counts_once() {
    let (header, lines) = sample_lines();
    let dir = tempfile::tempdir().unwrap();
    let found = run_lines(dir.path(), &[("one.csv", &lines), ("two.csv", &lines)], &header);
    assert_same(&found);
    assert_eq!(found.summary.duplicates, lines.len() as u64);
}
