//! The rules of the source tree that the compiler does not know.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use chartsentry::engine::registry::Meta;
use chartsentry::engine::{detectors, explain};

/// Which top-level parts a part may name. `*` = every one.
///
/// cli -> pipeline -> {source, sink, store, replay, lab} -> {decode, engine, breach} -> model
const MAY_NAME: [(&str, &[&str]); 15] = [
    ("model", &[]),
    ("net", &[]),
    ("decode", &["model", "telemetry"]),
    ("engine", &["model"]),
    ("breach", &["model", "telemetry"]),
    ("telemetry", &["model", "net"]),
    ("source", &["decode", "engine", "breach", "model", "net", "telemetry"]),
    ("sink", &["store", "decode", "engine", "breach", "model", "telemetry"]),
    ("store", &["decode", "engine", "breach", "model", "telemetry"]),
    ("replay", &["decode", "engine", "breach", "model", "telemetry"]),
    ("lab", &["decode", "engine", "breach", "model", "telemetry"]),
    ("config", &["source", "sink", "store", "replay", "lab", "decode", "engine", "breach", "model"]),
    (
        "pipeline",
        &[
            "source",
            "sink",
            "store",
            "replay",
            "lab",
            "decode",
            "engine",
            "breach",
            "model",
            "net",
            "config",
            "telemetry",
        ],
    ),
    ("cli", &["*"]),
    ("main", &["cli"]),
];

/// A library, and the only places that may use it.
const ONLY_IN: [(&str, &[&str]); 3] = [
    ("rdkafka", &["source/kafka", "sink/kafka"]),
    ("polars", &["replay/", "replay.rs"]),
    ("rusqlite", &["store/", "store.rs"]),
];

/// What the engine, a pure function, never touches.
const NOT_IN_ENGINE: [&str; 9] =
    ["std::time", "std::fs", "std::net", "std::env", "std::thread::sleep", "tokio", "rand::", "SystemTime", "Instant"];

const LONGEST_FILE: usize = 500;

const HEADINGS: [&str; 8] = [
    "What it detects",
    "Why it matters",
    "How it decides",
    "Known false positives",
    "Blind spots",
    "Tuning",
    "Triage runbook",
    "References",
];

struct File {
    /// Path from the root of the repository, with `/`.
    path: String,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every text file under a path of the repository, in order.
fn files(under: &str) -> Vec<File> {
    let mut found = Vec::new();
    let mut waiting = vec![root().join(under)];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if let Ok(text) = fs::read_to_string(&path) {
            found.push(File { path: name(&path), text });
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn name(path: &Path) -> String {
    let parts = path.strip_prefix(root()).unwrap().components();
    parts.map(|part| part.as_os_str().to_string_lossy().into_owned()).collect::<Vec<_>>().join("/")
}

fn rust_files(under: &str) -> Vec<File> {
    files(under).into_iter().filter(|file| file.path.ends_with(".rs")).collect()
}

fn assert_none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

/// The code of a file up to its unit tests, with comments and literals blanked. Line ends stay.
fn code(text: &str) -> String {
    let end = text.find("#[cfg(test)]\nmod tests").unwrap_or(text.len());
    let mut code = String::with_capacity(end);
    let mut rest = &text[..end];
    while let Some(first) = rest.chars().next() {
        let (length, is_code) = token(rest, code.chars().next_back());
        let (piece, after) = rest.split_at(length.max(first.len_utf8()));
        if is_code {
            code.push_str(piece);
        } else {
            code.push(' ');
            code.extend(piece.chars().filter(|c| *c == '\n'));
        }
        rest = after;
    }
    code
}

/// Length of the comment, literal or plain character that `rest` begins with, and whether it is code.
fn token(rest: &str, before: Option<char>) -> (usize, bool) {
    let until = |from: usize, end: &str| rest[from..].find(end).map_or(rest.len(), |at| from + at + end.len());
    let is_start = !before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if rest.starts_with("//") {
        return (rest.find('\n').unwrap_or(rest.len()), false);
    }
    if rest.starts_with("/*") {
        return (until(2, "*/"), false);
    }
    if is_start && let Some(raw) = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r')) {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let opening = rest.len() - raw.len() + hashes + 1;
            return (until(opening, &format!("\"{}", "#".repeat(hashes))), false);
        }
    }
    if rest.starts_with('"') {
        return (quoted(rest), false);
    }
    if let Some(character) = rest.strip_prefix('\'') {
        if character.starts_with('\\') {
            return (until(3, "'"), false);
        }
        let mut characters = character.char_indices();
        if let (Some(_), Some((at, '\''))) = (characters.next(), characters.next()) {
            return (at + 2, false);
        }
    }
    (0, true)
}

fn quoted(rest: &str) -> usize {
    let mut is_escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The top-level part to which a file of `src` belongs, and how deep its module is.
fn module(path: &str) -> (String, usize) {
    let inner = path.strip_prefix("src/").unwrap().strip_suffix(".rs").unwrap();
    let inner = inner.strip_suffix("/mod").unwrap_or(inner);
    (inner.split('/').next().unwrap().to_owned(), inner.split('/').count())
}

/// Every top-level part that a file's code names, through `crate::`, the crate's name or `super::`.
fn named_parts(file: &File) -> BTreeSet<String> {
    let (_, depth) = module(&file.path);
    let code = code(&file.text);
    let to_root = "super::".repeat(depth);
    let mut parts = BTreeSet::new();
    for start in ["crate::", "chartsentry::", to_root.as_str()] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back();
            if !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | ':')) {
                parts.extend(first_names(&code[at + start.len()..]));
            }
        }
    }
    parts
}

/// `a` of `a::b`, or `a` and `c` of `{a::b, c}`.
fn first_names(path: &str) -> Vec<String> {
    let word =
        |text: &str| text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(group) = path.strip_prefix('{') else { return vec![word(path)] };
    let mut names = vec![word(group)];
    let mut depth = 1;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => names.push(word(&group[at + 1..])),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

#[test]
fn the_scanner_sees_what_the_compiler_sees() {
    let text = "use crate::{model::{a, b}, engine};\nuse super::super::store::X; // crate::sink\n\
                const A: &str = \"crate::lab\"; const B: &str = r#\"crate::\"cli\"#; let c = '\"'; fn f<'a>() { crate::replay::go() }\n\
                #[cfg(test)]\nmod tests { use crate::breach; }\n";
    let file = File { path: "src/decode/csv.rs".to_owned(), text: text.to_owned() };
    let parts: Vec<_> = named_parts(&file).into_iter().collect();
    assert_eq!(parts, ["engine", "model", "replay", "store"]);
}

#[test]
fn parts_name_only_the_parts_below_them() {
    let mut found = Vec::new();
    for file in rust_files("src").iter().filter(|file| file.path != "src/lib.rs") {
        let (part, _) = module(&file.path);
        let Some((_, allowed)) = MAY_NAME.iter().find(|(name, _)| *name == part) else {
            found.push(format!("{}: `{part}` is not in the table of parts", file.path));
            continue;
        };
        let named = named_parts(file).into_iter().filter(|name| MAY_NAME.iter().any(|(part, _)| part == name));
        let wrong = named.filter(|name| *name != part && !allowed.contains(&name.as_str()) && !allowed.contains(&"*"));
        found.extend(wrong.map(|name| format!("{} names {name}", file.path)));
    }
    assert_none("against the direction of dependencies", &found);
}

#[test]
fn a_library_is_used_only_where_its_job_is() {
    let mut found = Vec::new();
    for file in rust_files("src") {
        let code = code(&file.text);
        let inner = file.path.trim_start_matches("src/");
        for (library, places) in ONLY_IN {
            let is_used = code.contains(&format!("{library}::")) || code.contains(&format!("use {library}"));
            if is_used && !places.iter().any(|place| inner.starts_with(place)) {
                found.push(format!("{} uses {library}", file.path));
            }
        }
    }
    assert_none("a library outside of its place", &found);
}

#[test]
fn the_engine_and_the_model_are_pure() {
    let mut found = Vec::new();
    for file in rust_files("src/engine").into_iter().chain(rust_files("src/model")) {
        let code = code(&file.text);
        let words = NOT_IN_ENGINE.iter().filter(|word| code.contains(*word));
        found.extend(words.map(|word| format!("{} uses {word}", file.path)));
    }
    assert_none("clocks, randomness or I/O in pure code", &found);
}

#[test]
fn results_are_written_and_not_printed() {
    let mut found = Vec::new();
    for file in rust_files("src") {
        let code = code(&file.text);
        let words = ["println!", "print!"].iter().filter(|word| {
            code.match_indices(*word).any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
        });
        found.extend(words.map(|word| format!("{} uses {word}", file.path)));
    }
    assert_none("these panic when the reader of a pipe has gone; write to `io::stdout().lock()` instead", &found);
}

#[test]
fn files_are_short() {
    let all = ["src", "tests", "benches"].into_iter().flat_map(rust_files_if_any);
    let long = all.filter(|file| file.text.lines().count() > LONGEST_FILE);
    let found: Vec<_> = long.map(|file| format!("{} has {} lines", file.path, file.text.lines().count())).collect();
    assert_none("files over 500 lines", &found);
}

fn rust_files_if_any(under: &str) -> Vec<File> {
    if root().join(under).exists() { rust_files(under) } else { Vec::new() }
}

#[test]
fn nothing_points_outside_of_the_repository() {
    let words = [concat!("/wo", "rk/"), concat!("../sha", "red"), concat!("/tmp/w", "t/")];
    let skipped: [PathBuf; 2] = [root().join(".git"), root().join("target")];
    let top = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path());
    let mut found = Vec::new();
    for path in top.filter(|path| !skipped.contains(path)) {
        for file in files(&name(&path)) {
            let hits = words.iter().filter(|word| file.text.contains(*word));
            found.extend(hits.map(|word| format!("{} holds {word}", file.path)));
        }
    }
    assert_none("paths of some machine", &found);
}

fn has_heading(text: &str, heading: &str) -> bool {
    text.lines().any(|line| line.starts_with('#') && line.trim_start_matches('#').trim() == heading)
}

#[test]
fn every_detector_has_its_file_its_page_and_its_cases() {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for Meta { id, source, .. } in detectors::REGISTRY.iter().map(|entry| entry.meta) {
        if !seen.insert(*id) {
            found.push(format!("{id} stands in the registry twice"));
        }
        let file = format!("src/engine/detectors/{id}.rs");
        if fs::read_to_string(root().join(&file)).ok().as_deref() != Some(*source) {
            found.push(format!("{id}: {file} is not the file that its Meta holds"));
        }
        let header: Vec<_> = source.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim).collect();
        let page = header.join("\n");
        let missing = HEADINGS.iter().filter(|heading| !has_heading(&page, heading));
        found.extend(missing.map(|heading| format!("{file}: no heading \"{heading}\"")));
        let cases = format!("tests/cases/{id}.md");
        let text = fs::read_to_string(root().join(&cases)).unwrap_or_default();
        let missing = ["## Fires", "## Silent", "## Late context"]
            .into_iter()
            .filter(|part| !text.lines().any(|line| line.starts_with(part)));
        found.extend(missing.map(|part| format!("{cases}: no \"{part}\"")));
    }
    assert_none("detectors that are not complete", &found);
}

#[test]
fn every_registered_id_has_its_block_in_the_shipped_configuration() {
    let shipped = fs::read_to_string(root().join("config/chartsentry.toml")).unwrap();
    let detectors = detectors::REGISTRY.iter().map(|entry| format!("[detectors.{}]", entry.meta.id));
    let explanations = explain::REGISTRY.iter().map(|entry| format!("[explanations.{}]", entry.meta.id));
    let missing = detectors.chain(explanations).filter(|block| !shipped.lines().any(|line| line.trim() == block));
    assert_none("blocks that config/chartsentry.toml lacks", &missing.collect::<Vec<_>>());
}
