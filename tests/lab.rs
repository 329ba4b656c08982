//! The synthetic hospital and the measure of what was found in it.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use chartsentry::cli::generate::GenerateArgs;
use chartsentry::lab::evaluate::read_incidents;
use chartsentry::lab::generate::{Kind, Summary, generate};
use chartsentry::lab::labels::read_labels;
use clap::Parser;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: GenerateArgs,
}

fn make(out: &Path, flags: &str) -> Summary {
    let out = out.to_str().unwrap();
    let words = ["generate", "--out", out].into_iter().chain(flags.split_whitespace());
    generate(&Line::try_parse_from(words).unwrap().args.options().unwrap()).unwrap()
}

fn rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_path(path).unwrap().deserialize().map(Result::unwrap).collect()
}

/// Every file below `dir`, decompressed, by relative name.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for folder in [dir.to_owned(), dir.join("context")] {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let file = std::fs::File::open(&path).unwrap();
                let mut bytes = Vec::new();
                match path.extension().and_then(|ending| ending.to_str()) {
                    Some("gz") => flate2::read::GzDecoder::new(file).read_to_end(&mut bytes).unwrap(),
                    Some("zst") => zstd::Decoder::new(file).unwrap().read_to_end(&mut bytes).unwrap(),
                    _ => std::fs::read(&path).map(|read| bytes = read).map(|()| 0).unwrap(),
                };
                found.insert(path.strip_prefix(dir).unwrap().to_owned(), bytes);
            }
        }
    }
    found
}

const SAMPLE: &str =
    "--patients 2000 --staff 150 --days 7 --seed 1 --formats csv,ndjson.zst,parquet,fhir.gz --snoops 3";

/// Set this variable to write `sample-logs` anew after a change of the generator.
const UPDATE: &str = "CHARTSENTRY_UPDATE_SAMPLES";

#[test]
fn the_sample_week_is_what_its_command_makes() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-logs");
    let fresh = tempfile::tempdir().unwrap();
    make(fresh.path(), SAMPLE);
    if std::env::var_os(UPDATE).is_some() {
        make(&sample, SAMPLE);
    }
    let (mut committed, mut made) = (files(&sample), files(fresh.path()));
    for files in [&mut committed, &mut made] {
        files.remove(Path::new("access.parquet")).unwrap();
    }
    assert_eq!(committed.keys().collect::<Vec<_>>(), made.keys().collect::<Vec<_>>());
    for (name, bytes) in committed {
        assert!(bytes == made[&name], "sample-logs/{} differs; {UPDATE}=1 writes it anew", name.display());
    }
    let readme = String::from_utf8(made.remove(Path::new("README.md")).unwrap()).unwrap();
    assert!(readme.contains(&format!("chartsentry generate --out DIR {SAMPLE}")), "{readme}");
}

#[test]
fn the_same_flags_give_the_same_bytes_and_another_seed_others() {
    let dirs: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    for (dir, seed) in dirs.iter().zip([5, 5, 6]) {
        make(dir.path(), &format!("--patients 400 --staff 60 --days 3 --hard --seed {seed}"));
    }
    let [first, second, third] = [0, 1, 2].map(|index| files(dirs[index].path()));
    assert_eq!(first.len(), 11);
    assert!(first == second);
    assert!(first[Path::new("access.csv")] != third[Path::new("access.csv")]);
}

#[test]
fn a_hospital_may_be_tiny() {
    for (flags, with_events) in
        [("--patients 1 --staff 1 --days 1", false), ("--patients 50 --staff 10 --days 2 --hard", true)]
    {
        let dir = tempfile::tempdir().unwrap();
        let summary = make(dir.path(), flags);
        assert!(!with_events || summary.events.events > 50, "{summary:?}");
        read_labels(&dir.path().join("labels.csv")).unwrap();
    }
}

type Facts = BTreeMap<String, Vec<BTreeMap<String, String>>>;

fn facts_by_patient(dir: &Path) -> Facts {
    let mut facts = Facts::new();
    for row in rows(&dir.join("context/relationships.csv")) {
        facts.entry(row["patient_id"].clone()).or_default().push(row);
    }
    facts
}

/// Whether a fact names the user or the department and covers the day of the access, roughly.
fn is_related(facts: &Facts, access: &BTreeMap<String, String>) -> bool {
    facts.get(&access["patient_id"]).into_iter().flatten().any(|fact| {
        let named = fact["user_id"] == access["user_id"] || fact["department"] == access["department"];
        let (from, until) = (&fact["starts_at"][..10], &fact["ends_at"]);
        let day = &access["occurred_at"][..10];
        named && from <= day && (until.is_empty() || day <= &until[..10])
    })
}

#[test]
fn work_is_on_record_and_snooping_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let summary = make(dir.path(), "--patients 3000 --staff 200 --days 5 --seed 4 --snoops 4 --formats csv");
    let labels = read_labels(&dir.path().join("labels.csv")).unwrap().snooping;
    let kinds: BTreeSet<&str> = labels.values().map(String::as_str).collect();
    assert_eq!(kinds, Kind::ALL.into_iter().map(Kind::name).collect());
    assert_eq!(labels.len(), summary.labels.len());

    let facts = facts_by_patient(dir.path());
    let duties: BTreeSet<String> = rows(&dir.path().join("context/workforce.csv"))
        .into_iter()
        .filter(|row| {
            ["Registr", "Admitting", "Case", "Social", "Recept", "Quality", "Util"]
                .iter()
                .any(|p| row["role"].starts_with(p))
        })
        .map(|row| row["user_id"].clone())
        .collect();
    let (mut work, mut on_record) = (0_u32, 0_u32);
    let mut seen = BTreeSet::new();
    for access in rows(&dir.path().join("access.csv")) {
        let pair = (access["user_id"].clone(), access["patient_id"].clone());
        if access["outcome"] != "success" || pair.1.is_empty() {
            continue;
        }
        let related = is_related(&facts, &access);
        if labels.contains_key(&pair) {
            assert!(!related, "{access:?}");
            seen.insert(pair);
        } else {
            work += 1;
            on_record += u32::from(related || duties.contains(&pair.0));
        }
    }
    assert_eq!(seen.len(), labels.len(), "every labelled pair is in the log");
    let share = f64::from(on_record) / f64::from(work);
    assert!((0.93..0.999).contains(&share), "{share} of {work} accesses have a record");
}

#[test]
fn a_messy_feed_repeats_itself_and_is_a_little_out_of_order() {
    let dir = tempfile::tempdir().unwrap();
    let summary = make(dir.path(), "--patients 1000 --staff 120 --days 3 --hard --formats csv");
    let log = rows(&dir.path().join("access.csv"));
    let ids: BTreeSet<&String> = log.iter().map(|row| &row["event_id"]).collect();
    assert_eq!(log.len() - ids.len(), summary.events.copies as usize);
    assert!(summary.events.copies > 10);
    let mut newest = String::new();
    let mut disorder = 0;
    for row in &log {
        let at: jiff::Timestamp = row["occurred_at"].parse().unwrap();
        if let Ok(latest) = newest.parse::<jiff::Timestamp>() {
            let behind = latest.as_second() - at.as_second();
            disorder += u32::from(behind > 0);
            assert!(behind <= 241, "{behind} seconds behind");
        }
        newest = newest.max(row["occurred_at"].clone());
        assert!(row["recorded_at"] > row["occurred_at"]);
    }
    assert!(disorder > 50, "{disorder}");
}

#[test]
fn a_calm_feed_is_in_order_and_inside_its_days() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), "--patients 500 --staff 60 --days 2 --start 2026-10-31 --formats csv");
    let times: Vec<String> =
        rows(&dir.path().join("access.csv")).into_iter().map(|row| row["occurred_at"].clone()).collect();
    assert!(times.is_sorted());
    assert!(times[0].as_str() >= "2026-10-31T07:00:00" && times[times.len() - 1].as_str() < "2026-11-02T08:00:00");
}

#[test]
fn formats_say_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let summary = make(dir.path(), "--patients 300 --staff 40 --days 1");
    let csv = rows(&dir.path().join("access.csv"));
    let ndjson = std::fs::read_to_string(dir.path().join("access.ndjson")).unwrap();
    let fhir = std::fs::read_to_string(dir.path().join("access.fhir.ndjson")).unwrap();
    assert_eq!(csv.len() as u64, summary.events.events);
    for ((row, line), event) in csv.iter().zip(ndjson.lines()).zip(fhir.lines()) {
        let object: BTreeMap<String, String> = serde_json::from_str(line).unwrap();
        let filled: BTreeMap<_, _> = row.iter().filter(|(_, value)| !value.is_empty()).collect();
        assert_eq!(filled, object.iter().collect());
        let event: serde_json::Value = serde_json::from_str(event).unwrap();
        assert_eq!(
            (event["id"].as_str(), event["period"]["start"].as_str()),
            (Some(row["event_id"].as_str()), Some(row["occurred_at"].as_str()))
        );
    }
    let file = std::fs::File::open(dir.path().join("access.parquet")).unwrap();
    let batches =
        parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let mut users = Vec::new();
    for batch in batches {
        let batch = batch.unwrap();
        let column =
            batch.column_by_name("user_id").unwrap().as_any().downcast_ref::<arrow::array::StringArray>().unwrap();
        users.extend(column.iter().map(|user| user.unwrap().to_owned()));
    }
    assert_eq!(users, csv.iter().map(|row| row["user_id"].clone()).collect::<Vec<_>>());
}

#[test]
fn wrong_flags_are_explained() {
    let error = |flags: &str| {
        let words = ["generate", "--out", "/nowhere"].into_iter().chain(flags.split_whitespace());
        let options = Line::try_parse_from(words).unwrap().args.options();
        options.and_then(|options| generate(&options).map(|_| ())).unwrap_err().to_string()
    };
    assert!(error("--start tomorrow").contains("\"tomorrow\" is not a date"));
    assert!(error("--timezone Mars/Olympus").contains("Mars/Olympus"));
    assert!(error("--formats csv,xls").contains("unknown format \"xls\""));
    assert!(error("--patients 0").contains("--patients"));
}

#[test]
fn evaluate_names_the_file_and_the_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let labels = |text: &str| {
        std::fs::write(&path, text).unwrap();
        read_labels(&path)
    };
    assert_eq!(labels("\u{feff}Kind,USER_ID,patient_id\r\nvip,u1,p1\r\n").unwrap().snooping.len(), 1);
    let message = labels("user,patient_id,kind\n").unwrap_err().to_string();
    assert!(message.contains("no column \"user_id\"") && message.contains("user_id,patient_id,kind"), "{message}");
    let message = labels("user_id,patient_id,kind\nu1,p1,vip\nu2,,vip\n").unwrap_err().to_string();
    assert!(message.contains("line 3"), "{message}");
    std::fs::write(&path, "\n{\"incident_id\":\"i1\"}\n").unwrap();
    let message = read_incidents(&path).unwrap_err().to_string();
    assert!(message.contains("line 2") && message.contains("patient_ids"), "{message}");
    assert!(read_labels(&dir.path().join("none")).unwrap_err().to_string().contains("none"));
    assert!(read_incidents(&dir.path().join("none")).unwrap_err().to_string().contains("cannot read incidents"));
}

#[test]
fn a_backtest_says_what_another_policy_adds_and_loses() {
    let dir = tempfile::tempdir().unwrap();
    let config = |name: &str, more: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, format!("[facility]\nname = \"A\"\n{more}")).unwrap();
        path
    };
    let today = config("today.toml", "");
    let proposed = config("proposed.toml", "[detectors.volume_spike]\nenabled = false\n");
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-logs");
    let run = |configs: &[&Path]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_chartsentry"));
        command.arg("backtest").args(configs.iter().flat_map(|config| [Path::new("--config"), config]));
        command.arg("--context").arg(sample.join("context")).args(["--as-of", "2026-06-12T00:00:00Z"]);
        command.arg(sample.join("access.csv")).output().unwrap()
    };
    let output = run(&[&today, &proposed]);
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let kinds: BTreeSet<&str> =
        found["lost"].as_array().unwrap().iter().map(|lost| lost["kind"].as_str().unwrap()).collect();
    assert!(kinds.contains("user_burst"), "{found}");
    let [before, after] = [0, 1].map(|which| found["reviewer_hours"][which].as_f64().unwrap());
    assert!(before > after, "{before} {after}");

    let same: serde_json::Value = serde_json::from_slice(&run(&[&today, &today]).stdout).unwrap();
    for list in ["added", "lost", "changed"] {
        assert_eq!(same[list].as_array().unwrap().len(), 0, "{same}");
    }
    let once = run(&[&today]);
    assert_eq!(once.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&once.stderr).contains("give it twice"));
}

#[test]
fn tuning_says_what_decisions_teach_and_what_each_detector_is_worth() {
    let dir = tempfile::tempdir().unwrap();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-logs");
    let out = dir.path().join("proposed.toml");
    let tune = |labels: &Path, flags: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_chartsentry"));
        command.arg("tune").arg("--labels").arg(labels).arg("--out").arg(&out).args(flags);
        command.arg("--context").arg(sample.join("context")).args(["--as-of", "2026-06-12T00:00:00Z"]);
        command.arg(sample.join("access.csv")).output().unwrap()
    };
    let output = tune(&sample.join("labels.csv"), &["--leave-one-out"]);
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let worth = |detector: &str| {
        let worths = told["leave_one_out"].as_array().unwrap();
        worths.iter().find(|worth| worth["detector"] == detector).unwrap()["pairs"].as_u64().unwrap()
    };
    assert!(worth("volume_spike") > 50 && worth("self_access") > 0, "{told}");
    assert_eq!(worth("bulk_export"), 0);
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(words.contains("none: nothing changes without it"), "{words}");

    // Reviewers who clear every self-access, and nothing else, leave little to do but to make it weaker.
    let labels = std::fs::read_to_string(sample.join("labels.csv")).unwrap().replace(",self", ",false positive");
    let reviewed = dir.path().join("reviewed.csv");
    std::fs::write(&reviewed, labels).unwrap();
    let output = tune(&reviewed, &[]);
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(words.contains("only looks that a label names are learned from"), "{words}");
    let proposals = told["lesson"]["proposals"].as_array().unwrap();
    let own = proposals.iter().find(|proposal| proposal["detector"] == "self_access").unwrap();
    assert!(own["proposed"].as_f64().unwrap() < 1.0, "{own}");
    assert_eq!(out.exists(), words.contains("wrote "), "{words}");

    assert!(!tune(&dir.path().join("none.csv"), &[]).status.success());
}
