//! Whole replays: logs and context in, result files out.

mod broken_input;
mod clocks;
mod feeds;
mod formats;
mod identity;
mod order;
mod sources;
mod verdicts;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use chartsentry::config::Config;
use chartsentry::model::time::Timestamp;
use chartsentry::pipeline::replay::{Replay, replay};
use chartsentry::replay::summary::Summary;
use serde_json::Value;
use tempfile::TempDir;

/// Everything of the sample week has settled by then. A Saturday, in Los Angeles too.
const SATURDAY: &str = "2026-06-13T20:00:00Z";

/// A finished replay and its files.
struct Run {
    out: TempDir,
    summary: Summary,
}

impl Run {
    fn bytes(&self, name: &str) -> Vec<u8> {
        let path = self.out.path().join(name);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn text(&self, name: &str) -> String {
        String::from_utf8(self.bytes(name)).unwrap()
    }

    fn lines(&self, name: &str) -> Vec<Value> {
        self.text(name).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Every file, by name; `summary.json` without what is measured.
    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let names = std::fs::read_dir(self.out.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut files: BTreeMap<_, _> = names.map(|name| (name.clone(), self.bytes(&name))).collect();
        let mut summary: Value = serde_json::from_slice(&files["summary.json"]).unwrap();
        summary.as_object_mut().unwrap().remove("measured").unwrap();
        files.insert("summary.json".to_owned(), summary.to_string().into_bytes());
        files
    }
}

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-logs").join(name)
}

fn instant(text: &str) -> Timestamp {
    Timestamp::from(text.parse::<jiff::Timestamp>().unwrap())
}

/// A replay of `logs` as of a moment, with verdicts.
fn job(context: &Path, logs: &[&Path], as_of: &str) -> (TempDir, Replay) {
    let out = tempfile::tempdir().unwrap();
    let job = Replay {
        context: context.to_owned(),
        logs: logs.iter().map(|path| path.to_str().unwrap().to_owned()).collect(),
        out: out.path().to_owned(),
        as_of: Some(instant(as_of)),
        available_at: None,
        verdicts: true,
        maps: &[],
    };
    (out, job)
}

fn run_job((out, job): (TempDir, Replay)) -> Run {
    let summary = replay(&Config::shipped(), &job, &|_, _, _| {}).unwrap();
    Run { out, summary }
}

fn run(context: &Path, logs: &[&Path], as_of: &str) -> Run {
    run_job(job(context, logs, as_of))
}

/// The message of a replay that must fail.
fn failure(context: &Path, logs: &[&Path]) -> String {
    let (_out, job) = job(context, logs, SATURDAY);
    format!("{:#}", replay(&Config::shipped(), &job, &|_, _, _| {}).unwrap_err())
}

/// The sample week from CSV, replayed once for all tests.
fn sample_week() -> &'static Run {
    static RUN: OnceLock<Run> = OnceLock::new();
    RUN.get_or_init(|| run(&sample("context"), &[&sample("access.csv")], SATURDAY))
}

/// Runs the program itself.
fn program(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_chartsentry")).args(arguments).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A small hospital written by hand: a thousand patients, of whom `p1` has the family name of `u1` and
/// nobody else has. `relationships` are CSV rows below the usual header.
struct Hospital(TempDir);

impl Hospital {
    fn new(relationships: &str, log: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let context = dir.path().join("context");
        std::fs::create_dir(&context).unwrap();
        let mut patients = "patient_id,family_name\np1,Okonkwo\n".to_owned();
        (2..=1_000).for_each(|number| patients.push_str(&format!("p{number},Family{number}\n")));
        let header = "relationship_id,kind,patient_id,user_id,department,starts_at,ends_at,recorded_at,recorded_by\n";
        let log_header = "event_id,occurred_at,recorded_at,user_id,patient_id,action\n";
        for (name, text) in [
            ("workforce.csv", "user_id,family_name,department\nu1,Okonkwo,Ward\nu2,Byrd,Ward\n".to_owned()),
            ("patients.csv", patients),
            ("relationships.csv", format!("{header}{relationships}")),
        ] {
            std::fs::write(context.join(name), text).unwrap();
        }
        std::fs::write(dir.path().join("log.csv"), format!("{log_header}{log}")).unwrap();
        Self(dir)
    }

    fn context(&self) -> PathBuf {
        self.0.path().join("context")
    }

    fn log(&self) -> PathBuf {
        self.0.path().join("log.csv")
    }

    fn run(&self, as_of: &str) -> Run {
        run(&self.context(), &[&self.log()], as_of)
    }
}
