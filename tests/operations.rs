//! What operators are given beside the program says nothing that the program does not: dashboard, alert rules, and a
//! page for each alert.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use chartsentry::breach::case::outlook::Alarm;
use chartsentry::model::time::Timestamp;
use chartsentry::store::file_sizes;
use chartsentry::telemetry::{EngineState, Journal, Metrics, OutboxState, Stream};

const RULES: &str = include_str!("../config/prometheus/chartsentry.rules.yml");
const RULE_TESTS: &str = include_str!("../config/prometheus/chartsentry.rules.test.yml");
const DASHBOARD: &str = include_str!("../config/grafana/chartsentry.json");

/// Labels whose values a site chooses, or that Prometheus adds.
const OPEN: [&str; 7] = ["topic", "partition", "sink", "source", "instance", "job", "alertname"];

const HEADINGS: [&str; 5] =
    ["## What it means", "## How to see it", "## Likely causes", "## What to do", "## When it is over"];

/// The labels of each metric, with the values that were written.
type Series = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// Every metric that the program can write, with an example of each label that a site chooses.
fn written() -> Series {
    let metrics = Arc::new(Metrics::new().unwrap());
    let journal = Journal::new(Arc::clone(&metrics));
    let now = Timestamp(1);
    metrics.lag("ehr.audit", 0, 0);
    metrics.expect_sink("siem");
    metrics.outbox(OutboxState { sink: "siem", pending: 0, dead: 0, oldest: None }, now);
    Alarm::ALL.iter().for_each(|alarm| metrics.attention(alarm.name(), 0));
    metrics.detections("same_surname", 0);
    for stream in [Stream::Access, Stream::Context] {
        metrics.records_read(stream, "ehr.audit", Some(now), now);
    }
    metrics.engine_state(EngineState::default());
    journal.syslog_listening("atna", "127.0.0.1:6514");
    journal.syslog_trouble("atna", &"the connection broke", now);
    metrics.syslog_connections("atna", 0);
    file_sizes(Path::new("none")).iter().for_each(|(file, bytes)| metrics.store_bytes(file, *bytes));
    (0..20).for_each(|_| journal.late(1, now));
    let text = metrics.render().unwrap();
    let mut series = Series::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (metric, _) = line.rsplit_once(' ').unwrap();
        let (name, labels) = metric.split_once('{').unwrap_or((metric, "}"));
        let known = series.entry(name.to_owned()).or_default();
        for (label, value) in matchers(labels.trim_end_matches('}')) {
            known.entry(label).or_default().insert(value);
        }
    }
    series
}

/// Labels and values of `a="b",c=~"d"`.
fn matchers(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((label, after)) = rest.split_once('"') {
        let (value, after) = after.split_once('"').unwrap();
        let label = label.trim_matches([',', ' ', '=', '!', '~']);
        found.push((label.to_owned(), value.to_owned()));
        rest = after;
    }
    found
}

/// The metrics that a text names, each with what stands in braces after it.
fn named(text: &str) -> Vec<(&str, &str)> {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let mut found = Vec::new();
    for (at, _) in text.match_indices("chartsentry_") {
        let rest = &text[at..];
        let (name, after) = rest.split_at(rest.find(|c| !is_name(c)).unwrap_or(rest.len()));
        let labels = after.strip_prefix('{').and_then(|labels| labels.split_once('}')).map_or("", |(labels, _)| labels);
        found.push((name, labels));
    }
    found
}

/// What a text says of metrics that is not so.
fn wrong(text: &str, series: &Series) -> Vec<String> {
    let mut found = Vec::new();
    for (name, labels) in named(text) {
        let Some(known) = series.get(name) else {
            found.push(format!("no metric {name}"));
            continue;
        };
        for (label, value) in matchers(labels).into_iter().filter(|(label, _)| !OPEN.contains(&label.as_str())) {
            let Some(values) = known.get(&label) else {
                found.push(format!("{name} has no label {label}"));
                continue;
            };
            let unknown = value.split('|').filter(|value| !values.contains(*value));
            found.extend(unknown.map(|value| format!("{name} is never written with {label}=\"{value}\"")));
        }
    }
    let all: BTreeSet<&str> =
        series.values().flat_map(|labels| labels.keys().map(String::as_str)).chain(OPEN).collect();
    for start in [" by (", " on ("] {
        for (at, _) in text.match_indices(start) {
            let list = text[at + start.len()..].split(')').next().unwrap();
            let unknown = list.split(',').map(str::trim).filter(|label| !label.is_empty() && !all.contains(label));
            found.extend(unknown.map(|label| format!("no metric has a label {label}")));
        }
    }
    found
}

fn pages() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/runbooks");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let page =
        |path: PathBuf| (path.file_stem().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap());
    paths.map(page).collect()
}

/// The name of each alert, and the lines of its rule.
fn alerts() -> BTreeMap<String, String> {
    let rules = RULES.split("- alert: ").skip(1);
    rules.map(|rule| (rule.lines().next().unwrap().to_owned(), rule.to_owned())).collect()
}

/// Every text under a key, at any depth.
fn texts<'j>(json: &'j serde_json::Value, key: &str, found: &mut Vec<&'j str>) {
    match json {
        serde_json::Value::Object(fields) => {
            found.extend(fields.get(key).and_then(serde_json::Value::as_str));
            fields.values().for_each(|value| texts(value, key, found));
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| texts(value, key, found)),
        _ => {}
    }
}

fn assert_none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

#[test]
fn the_check_sees_what_is_wrong() {
    let text =
        r#"sum by (job, nobody) (chartsentry_rejects_total{reason=~"future|past", nothing="x"}) + chartsentry_no"#;
    let wanted = [
        "chartsentry_rejects_total is never written with reason=\"past\"",
        "chartsentry_rejects_total has no label nothing",
        "no metric chartsentry_no",
        "no metric has a label nobody",
    ];
    assert_eq!(wrong(text, &written()), wanted);
}

#[test]
fn the_dashboard_shows_only_what_is_measured() {
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
    let mut expressions = Vec::new();
    texts(&dashboard, "expr", &mut expressions);
    texts(&dashboard, "definition", &mut expressions);
    assert!(expressions.len() > 40, "only {} expressions", expressions.len());
    let series = written();
    assert_none(
        "in config/grafana/chartsentry.json",
        &expressions.iter().flat_map(|one| wrong(one, &series)).collect::<Vec<_>>(),
    );
}

#[test]
fn every_panel_of_the_dashboard_says_what_it_shows() {
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let silent =
        panels.iter().filter(|panel| panel["type"] != "row" && panel["description"].as_str().is_none_or(str::is_empty));
    assert_none("panels without a description", &silent.map(|panel| panel["title"].to_string()).collect::<Vec<_>>());
}

#[test]
fn alerts_rest_on_what_is_measured() {
    let series = written();
    assert_none("in chartsentry.rules.yml", &wrong(RULES, &series));
    assert_none("in chartsentry.rules.test.yml", &wrong(RULE_TESTS, &series));
}

#[test]
fn every_alert_says_how_bad_it_is_and_names_its_page() {
    let mut found = Vec::new();
    for (name, rule) in alerts() {
        let wanted =
            ["summary: ", "description: ", &format!("runbook: config/runbooks/{name}.md\n")].map(str::to_owned);
        found.extend(wanted.iter().filter(|part| !rule.contains(*part)).map(|part| format!("{name}: no {part}")));
        if !["critical", "warning"].iter().any(|level| rule.contains(&format!("labels: {{severity: {level}}}\n"))) {
            found.push(format!("{name}: no severity"));
        }
        if !RULE_TESTS.contains(&name) {
            found.push(format!("{name}: no test in which it fires"));
        }
    }
    assert_none("alerts that are not complete", &found);
}

#[test]
fn every_alert_has_a_page_and_every_page_an_alert() {
    assert_eq!(pages().into_keys().collect::<Vec<_>>(), alerts().into_keys().collect::<Vec<_>>());
}

#[test]
fn every_page_has_its_parts_and_speaks_of_what_is_measured() {
    let series = written();
    let mut found = Vec::new();
    for (name, text) in pages() {
        let title = format!("# {name}");
        let missing =
            std::iter::once(title.as_str()).chain(HEADINGS).filter(|part| !text.lines().any(|line| line == *part));
        found.extend(missing.map(|part| format!("{name}: no {part}")));
        found.extend(wrong(&text, &series).into_iter().map(|what| format!("{name}: {what}")));
    }
    assert_none("pages that are not complete", &found);
}

#[test]
fn every_command_of_a_page_is_one_of_the_program_with_its_flags() {
    let mut commands: BTreeMap<Vec<String>, BTreeSet<String>> = BTreeMap::new();
    for text in pages().values() {
        let spans = text.split('`').skip(1).step_by(2).filter(|span| span.starts_with("chartsentry "));
        for span in spans {
            let words: Vec<&str> = span.split_whitespace().skip(1).collect();
            let is_command = |word: &&&str| word.chars().all(|c| c.is_ascii_lowercase());
            let command = words.iter().take_while(is_command).map(|word| (*word).to_owned()).collect();
            let flags = words.iter().filter(|word| word.starts_with("--")).map(|word| (*word).to_owned());
            commands.entry(command).or_default().extend(flags);
        }
    }
    assert!(commands.len() >= 5, "{commands:?}");
    let mut found = Vec::new();
    for (command, flags) in commands {
        let help = Command::new(env!("CARGO_BIN_EXE_chartsentry")).args(&command).arg("--help").output().unwrap();
        let text = String::from_utf8_lossy(&help.stdout);
        if !help.status.success() {
            found.push(format!("no command {}", command.join(" ")));
        }
        let unknown = flags.iter().filter(|flag| !text.contains(flag.as_str()));
        found.extend(unknown.map(|flag| format!("{} has no {flag}", command.join(" "))));
    }
    assert_none("in config/runbooks", &found);
}
