//! The order of a log's lines does not show in what is found.

use std::cell::Cell;
use std::path::Path;

use chartsentry::config::Config;
use chartsentry::pipeline::replay::replay;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Run, SATURDAY, instant, job, sample, sample_week};

fn sample_lines() -> (String, Vec<String>) {
    let text = std::fs::read_to_string(sample("access.csv")).unwrap();
    let mut lines = text.lines().map(str::to_owned);
    (lines.next().unwrap(), lines.collect())
}

/// Replays logs of these lines, in this order; tells whether they were sorted first.
fn run_lines<'l>(header: &str, logs: impl IntoIterator<Item = &'l [String]>) -> (Run, bool) {
    let dir = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for (number, lines) in logs.into_iter().enumerate() {
        paths.push(dir.path().join(format!("{number}.csv")));
        std::fs::write(&paths[number], format!("{header}\n{}\n", lines.join("\n"))).unwrap();
    }
    let paths: Vec<&Path> = paths.iter().map(AsRef::as_ref).collect();
    let (out, job) = job(&sample("context"), &paths, SATURDAY);
    let was_sorted = Cell::new(false);
    let summary = replay(&Config::shipped(), &job, &|what, _, _| was_sorted.set(was_sorted.get() || what == "sorting"));
    (Run { out, summary: summary.unwrap() }, was_sorted.get())
}

/// More pieces than are decoded and decided at once.
fn pieces(lines: &[String]) -> impl DoubleEndedIterator<Item = &[String]> {
    lines.chunks(lines.len() / (2 * rayon::current_num_threads() + 8))
}

fn assert_same(found: &Run) {
    let expected = sample_week();
    assert_eq!(found.text("incidents.ndjson"), expected.text("incidents.ndjson"));
    let (one, other) = (&found.summary, &expected.summary);
    assert_eq!((one.accesses, &one.explained_by), (other.accesses, &other.explained_by));
    assert_eq!((one.unexplained, one.suspicious, one.late), (other.unexplained, other.suspicious, 0));
}

#[test]
fn a_shuffled_log_is_sorted_first() {
    let (header, mut lines) = sample_lines();
    lines.shuffle(&mut ChaCha8Rng::seed_from_u64(7));
    let (found, was_sorted) = run_lines(&header, pieces(&lines));
    assert!(was_sorted);
    assert_same(&found);
}

#[test]
fn a_shuffled_log_that_is_read_at_once_needs_no_sort() {
    let (header, mut lines) = sample_lines();
    lines.shuffle(&mut ChaCha8Rng::seed_from_u64(7));
    let (found, was_sorted) = run_lines(&header, [lines.as_slice()]);
    assert!(!was_sorted);
    assert_same(&found);
}

#[test]
fn logs_may_be_named_in_the_wrong_order() {
    let (header, lines) = sample_lines();
    let (found, was_sorted) = run_lines(&header, pieces(&lines).rev());
    assert!(was_sorted);
    assert_same(&found);
}

#[test]
fn lines_a_few_minutes_out_of_order_are_not_sorted() {
    let (header, lines) = sample_lines();
    let mut dice = ChaCha8Rng::seed_from_u64(8);
    let at = |line: &str| instant(line.split(',').nth(1).unwrap());
    let mut arrived: Vec<_> =
        lines.into_iter().map(|line| (at(&line).plus(i64::from(dice.next_u32() % 240_000_000)), line)).collect();
    arrived.sort();
    let lines: Vec<String> = arrived.into_iter().map(|(_, line)| line).collect();
    let (found, was_sorted) = run_lines(&header, pieces(&lines));
    assert!(!was_sorted, "the lateness allows for it");
    assert_same(&found);
}

#[test]
fn a_log_given_twice_counts_once() {
    let (header, lines) = sample_lines();
    let (found, was_sorted) = run_lines(&header, pieces(&lines).chain(pieces(&lines)));
    assert!(was_sorted);
    assert_same(&found);
    assert_eq!(found.summary.duplicates, lines.len() as u64);
}
