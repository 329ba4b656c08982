//! The case register as people use it: through the program, on the sample week.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use chartsentry::breach::case::outlook::Alarm;
use chartsentry::breach::ledger;
use chartsentry::config::{Config, Secrets};
use chartsentry::model::incident::Severity;
use chartsentry::model::time::DAY;
use chartsentry::pipeline::clock;
use chartsentry::pipeline::register::{Channel, Office};
use chartsentry::sink::encode::Encoder;
use chartsentry::sink::pseudonym::Identifiers;
use chartsentry::sink::settings::Format;
use chartsentry::store::{Store, StoreOptions};
use data_encoding::HEXLOWER;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// A folder of its own with a register in it.
struct House {
    folder: TempDir,
}

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-logs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let house = Self { folder };
        house.configure("");
        house
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn configure(&self, more: &str) {
        let store = self.path("register.db");
        let text = format!("[store]\npath = {:?}\n{more}", store.to_str().unwrap());
        std::fs::write(self.path("house.toml"), text).unwrap();
    }

    fn run(&self, words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_chartsentry")).args(words).output().unwrap()
    }

    /// A `cases` command with this house's register.
    fn cases(&self, words: &[&str]) -> Output {
        let config = self.path("house.toml");
        let mut all = vec!["cases", "--config", config.to_str().unwrap()];
        all.extend(words);
        self.run(&all)
    }

    /// The same; it must succeed.
    fn done(&self, words: &[&str]) -> String {
        let output = self.cases(words);
        assert!(output.status.success(), "{words:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// The same; it must fail with a sentence.
    fn refused(&self, words: &[&str]) -> String {
        let output = self.cases(words);
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        text(&output.stderr)
    }

    fn verify(&self, words: &[&str]) -> Output {
        let config = self.path("house.toml");
        let mut all = vec!["verify", "--config", config.to_str().unwrap()];
        all.extend(words);
        self.run(&all)
    }

    /// Replays the sample week; the file of handoffs.
    fn replay(&self, name: &str, as_of: Option<&str>) -> PathBuf {
        let out = self.path(name);
        let (context, log) = (samples().join("context"), samples().join("access.csv"));
        let config = self.path("house.toml");
        let mut words = vec!["replay", "--config", config.to_str().unwrap(), "--context", context.to_str().unwrap()];
        words.extend(["--out", out.to_str().unwrap(), log.to_str().unwrap()]);
        words.extend(as_of.iter().flat_map(|as_of| ["--as-of", as_of]));
        let output = self.run(&words);
        assert!(output.status.success(), "{}", text(&output.stderr));
        out.join("handoffs.ndjson")
    }

    fn listed(&self) -> Vec<Value> {
        let lines = self.done(&["list", "--all", "--json"]);
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Opens the sample week's cases with workforce and evidence; their ids.
    fn opened(&self) -> Vec<String> {
        let handoffs = self.replay("week", None);
        let (context, log) = (samples().join("context"), samples().join("access.csv"));
        let words = ["open", "--context", context.to_str().unwrap(), "--evidence", log.to_str().unwrap()];
        let mut words = words.to_vec();
        words.push(handoffs.to_str().unwrap());
        self.done(&words).lines().map(str::to_owned).collect()
    }
}

impl House {
    /// Two members of the sample's workforce who lead others, and of whom no case is.
    fn two_people(&self) -> (String, String) {
        let staff = std::fs::read_to_string(samples().join("context/workforce.csv")).unwrap();
        let actors: Vec<String> = self
            .listed()
            .iter()
            .flat_map(|line| line["case"]["units"].as_array().unwrap().clone())
            .map(|unit| unit["user_id"].as_str().unwrap().to_owned())
            .collect();
        let lead = staff.lines().filter(|line| line.contains("Nurse Manager"));
        let ids = lead.map(|line| line.split(',').next().unwrap().to_owned());
        let mut free = ids.filter(|id| !actors.contains(id));
        (free.next().unwrap(), free.next().unwrap())
    }
}

/// Some case about one person, none of whose accesses is to the own chart; its person, too.
fn one_person(cases: &[Value]) -> (String, String) {
    let is_pair =
        |case: &&Value| case["units"].as_array().unwrap().len() == 1 && case["units"][0]["unit_kind"] == "access";
    let case = cases.iter().map(|line| &line["case"]).find(is_pair).unwrap();
    (case["case_id"].as_str().unwrap().to_owned(), case["units"][0]["user_id"].as_str().unwrap().to_owned())
}

#[test]
fn the_same_log_again_also_under_other_weights_opens_no_second_case_and_moves_no_clock_later() {
    let house = House::new();
    let opened = house.opened();
    assert!(opened.len() > 20, "{opened:?}");
    let clocks = |house: &House| -> Vec<(String, Value)> {
        let cases = house.listed();
        let mut clocks: Vec<_> = cases
            .iter()
            .map(|line| (line["case"]["case_id"].as_str().unwrap().to_owned(), line["outlook"]["detected_at"].clone()))
            .collect();
        clocks.sort_by(|a, b| a.0.cmp(&b.0));
        clocks
    };
    let before = clocks(&house);
    let handoffs = house.replay("again", None);
    assert_eq!(house.done(&["open", handoffs.to_str().unwrap()]), "", "nothing is opened");
    house.configure("[detectors.no_care_relationship]\nweight = 4.9\n[detectors.repeat_interest]\nenabled = false\n");
    let handoffs = house.replay("other", None);
    let opened_now = house.done(&["open", handoffs.to_str().unwrap()]);
    let known: Vec<&str> = before.iter().map(|(id, _)| id.as_str()).collect();
    assert!(opened_now.lines().all(|id| !known.contains(&id)));
    let after = clocks(&house);
    for (id, at) in &before {
        assert!(after.contains(&(id.clone(), at.clone())), "the clock of {id} has moved");
    }
    // What is new under other weights are charts that were in no case, and no chart is in two.
    let cases = house.listed();
    let mut units: Vec<String> = cases
        .iter()
        .flat_map(|line| line["case"]["units"].as_array().unwrap().clone())
        .map(|unit| format!("{} {} {}", unit["user_id"], unit["patient_id"], unit["first_event_id"]))
        .collect();
    let all = units.len();
    units.sort();
    units.dedup();
    assert_eq!(units.len(), all);
    assert!(house.verify(&[]).status.success());
}

#[test]
fn a_run_with_a_given_now_is_for_rehearsals_only() {
    let house = House::new();
    let handoffs = house.replay("fixed", Some("2026-06-20T00:00:00Z"));
    let handoffs = handoffs.to_str().unwrap();
    let refused = house.refused(&["open", handoffs]);
    assert!(refused.contains("--rehearsal") && refused.contains("no handoff was taken"), "{refused}");
    assert!(!house.done(&["open", "--rehearsal", handoffs]).is_empty());
    assert!(house.listed().iter().all(|line| line["case"]["is_rehearsal"] == true));
    let (case, _) = one_person(&house.listed());
    let sent = house.refused(&["report", &case, "--to", "cdph", "--sent-on", "2026-06-21", "--by", "Ada"]);
    assert!(sent.contains("rehearsal"), "{sent}");
}

#[test]
fn two_people_clear_and_neither_is_the_one_who_looked() {
    let house = House::new();
    house.opened();
    let (case, actor) = one_person(&house.listed());
    let exclude =
        ["decide", &case, "--regime", "california", "--exclude", "D", "--grounds", "a task that was not filed"];
    let with = |by: &[&'static str]| -> Vec<String> {
        exclude.iter().map(|word| (*word).to_owned()).chain(by.iter().map(|word| (*word).to_owned())).collect()
    };
    let run = |owned: Vec<String>| house.cases(&owned.iter().map(String::as_str).collect::<Vec<_>>());

    let mut own = with(&[]);
    own.extend(["--by".to_owned(), actor]);
    assert!(text(&run(own).stderr).contains("conflict of interest"));
    assert!(text(&run(with(&["--by", "Nobody Known"])).stderr).contains("--outsider"));
    assert!(run(with(&["--by", "Nobody Known", "--outsider", "outside counsel"])).status.success());
    let again = house.refused(&["decide", &case, "--confirm", "1", "--by", "nobody known", "--outsider", "counsel"]);
    assert!(again.contains("another one"), "{again}");
    let staff = std::fs::read_to_string(samples().join("context/workforce.csv")).unwrap();
    let manager = staff.lines().find(|line| line.contains("Nurse Manager")).unwrap().split(',').next().unwrap();
    house.done(&["decide", &case, "--confirm", "1", "--by", manager]);
    let shown = house.done(&["show", &case]);
    assert!(shown.contains("excluded by D (22 CCR 79901(b)(1)(D))") && shown.contains("outside counsel"), "{shown}");
    assert!(shown.contains("California, licensed facilities (HSC 1280.15): excluded"), "{shown}");
    let impossible =
        house.refused(&["decide", &case, "--regime", "CA", "--exclude", "(A)", "--grounds", "x", "--by", manager]);
    assert!(impossible.contains("impossible by the words"), "{impossible}");
}

#[test]
fn a_changed_byte_in_the_ledger_is_found_and_so_is_a_cut_end() {
    let house = House::new();
    house.opened();
    let (case, _) = one_person(&house.listed());
    house.done(&["note", &case, "witness heard at nine", "--by", "Ada Berg"]);
    let whole = house.verify(&[]);
    let checkpoint = text(&whole.stdout).trim().to_owned();
    assert!(whole.status.success() && house.verify(&["--checkpoint", &checkpoint]).status.success());
    let (sequence, hash) = checkpoint.split_once(':').unwrap();
    let other = format!("{}:{}", sequence.parse::<u64>().unwrap() + 1, hash);
    assert!(text(&house.verify(&["--checkpoint", &other]).stderr).contains("taken off its end"));

    let path = house.path("register.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let written = br#""what":"noted","text":"witness heard at nine""#;
    let place = bytes.windows(written.len()).position(|window| window == written).unwrap();
    bytes[place + written.len() - 5] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let broken = house.verify(&[]);
    assert_eq!(broken.status.code(), Some(1));
    assert!(
        text(&broken.stderr).contains(&format!("entry {sequence} of the ledger was changed")),
        "{}",
        text(&broken.stderr)
    );
}

#[test]
fn the_register_is_used_beside_a_process_that_holds_the_store() {
    let house = House::new();
    let opened = house.opened();
    let held = Store::open(&StoreOptions { path: house.path("register.db"), key: None }).unwrap();
    assert_eq!(house.listed().len(), opened.len());
    house.done(&["note", &opened[0], "while the daemon runs", "--by", "Ada Berg"]);
    drop(held);
}

#[test]
fn what_cannot_be_used_is_named_and_nothing_is_lost() {
    let house = House::new();
    let nothing = house.refused(&["list"]);
    assert!(nothing.contains("there is no register"), "{nothing}");
    let missing = house.refused(&["open", "no-such-file.ndjson"]);
    assert!(missing.contains("no-such-file.ndjson"), "{missing}");
    let handoffs = house.replay("week", None);
    let mut lines = std::fs::read_to_string(&handoffs).unwrap();
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    let mut without = first.clone();
    without.as_object_mut().unwrap().remove("units");
    let mut elsewhere = first;
    elsewhere["detected"]["timezone"] = "Mars/Olympus".into();
    lines.push_str(&format!("{without}\n{elsewhere}\nnot json\n"));
    std::fs::write(&handoffs, lines).unwrap();
    let output = house.cases(&["open", handoffs.to_str().unwrap()]);
    let said = text(&output.stderr);
    assert!(
        output.status.success() && said.contains("missing field `units`") && said.contains("Mars/Olympus"),
        "{said}"
    );
    assert!(said.contains("3 refused"), "{said}");

    let unknown = house.refused(&["note", "czzzzzz", "x", "--by", "Ada"]);
    assert!(unknown.contains("no case begins with"), "{unknown}");
    let (case, _) = one_person(&house.listed());
    for wrong in [
        vec!["note", &case, "x"],
        vec!["set", &case, "known_att=2026-06-05", "--by", "Ada"],
        vec!["decide", &case, "--regime", "texas", "--breach", "--by", "Ada"],
        vec!["report", &case, "--to", "mars", "--sent-on", "2026-06-21", "--by", "Ada"],
        vec!["frobnicate"],
    ] {
        assert_eq!(house.cases(&wrong).status.code(), Some(2), "{wrong:?}");
    }
    let near = text(&house.cases(&["set", &case, "known_att=2026-06-05", "--by", "Ada"]).stderr);
    assert!(near.contains("did you mean known_at?"), "{near}");
}

#[test]
fn a_damaged_file_is_said_and_left_as_it_is() {
    let house = House::new();
    house.opened();
    let path = house.path("register.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle..middle + 8192].fill(0xAB);
    std::fs::write(&path, &bytes).unwrap();
    let said = house.refused(&["list"]);
    assert!(said.contains("damaged") && said.contains("backup"), "{said}");
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

#[test]
fn deadlines_go_to_a_calendar_and_the_years_log_holds_breaches_only() {
    let house = House::new();
    house.opened();
    let (case, _) = one_person(&house.listed());
    let calendar = house.done(&["export", "--ics"]);
    assert!(calendar.starts_with("BEGIN:VCALENDAR\r\n") && calendar.contains("report to CDPH"));
    let year = house.listed()[0]["outlook"]["deadlines"]["discovered_date"].as_str().unwrap()[..4].to_owned();
    assert_eq!(house.done(&["export", "--hhs-log", &year]).lines().count(), 1, "nothing is decided");
    house.done(&["decide", &case, "--regime", "hipaa", "--breach", "--by", "Ada Berg"]);
    let log = house.done(&["export", "--hhs-log", &year]);
    assert!(log.lines().count() == 2 && log.contains(&case) && log.contains("unknown so far"), "{log}");
    assert_eq!(house.done(&["export", "--accounting"]).lines().count(), 1, "a look is no disclosure");
    house.done(&["set", &case, "recipient=a cousin", "--by", "Ada Berg"]);
    let (one, other) = house.two_people();
    house.done(&["set", &case, "event_kind=access,disclosure", "--reason", "told a cousin", "--by", &one]);
    house.done(&["set", &case, "--confirm", "1", "--by", &other]);
    assert!(house.done(&["export", "--accounting"]).contains("a cousin"));
}

#[test]
fn the_terminal_reminds_of_what_is_due_once() {
    let house = House::new();
    house.opened();
    let due = house.done(&["remind", "--as-of", "2027-03-01T00:00:00Z"]);
    assert!(due.contains("overdue unreviewed: california: report to CDPH"), "{due}");
    let (case, _) = one_person(&house.listed());
    let told = |words: &[&str]| house.done(words).lines().filter(|line| case.starts_with(&line[..6])).count();
    assert_eq!(told(&["remind"]), 0, "it was flagged a minute ago");
    house.done(&["set", &case, "known_at=2026-06-20", "--by", "Ada Berg"]);
    let first = told(&["remind"]);
    assert!(first > 0);
    assert_eq!(told(&["remind", "--by", "a timer"]), first, "who only looks takes none");
    assert_eq!(told(&["remind", "--by", "a timer"]), 0);
    assert_eq!(told(&["remind", "--again"]), first);
    assert_eq!(house.cases(&["remind", "--by", " "]).status.code(), Some(2));
    assert!(house.verify(&[]).status.success());
}

#[test]
fn reminders_and_checkpoints_go_to_the_sinks_once() {
    let house = House::new();
    house.configure("[register]\nescalate_to = [\"privacy officer\", \"counsel\"]\n");
    house.opened();
    let text = std::fs::read_to_string(house.path("house.toml")).unwrap();
    let config = Config::parse("house.toml", &text).unwrap();
    let mut office = Office::open(&config, &Secrets::default(), false).unwrap();
    let sinks = ["siem".to_owned()];
    let later = clock::now().plus(60 * DAY);
    let due = office.due(later, false, Channel::Sinks).unwrap();
    assert!(due.iter().any(|one| one.severity < Severity::Critical && one.attention.alarm == Alarm::OverdueUnreviewed));
    office.reminded(&due, "Ada Berg", later, Channel::Terminal, &[]).unwrap();
    assert_eq!(office.due(later, false, Channel::Sinks).unwrap(), due, "a person's terminal silences no sink");
    office.reminded(&due, "chartsentry", later, Channel::Sinks, &sinks).unwrap();
    let said_again = office.due(later, false, Channel::Sinks).unwrap();
    assert!(said_again.is_empty(), "{said_again:?}");
    let head = office.tell_checkpoint(later, &sinks).unwrap().unwrap();
    office.tell_checkpoint(later, &sinks).unwrap();
    drop(office);

    let store = Store::open(&StoreOptions { path: house.path("register.db"), key: None }).unwrap().handle();
    assert_eq!(store.outbox_depths().unwrap()[0].pending as usize, due.len() + 1);
    let waiting = store.outbox_pending("siem", later, 1_000).unwrap();
    let encode = |format| Encoder { format, identifiers: Identifiers::default(), limit: None };
    let first = &waiting[0];
    let json: Value = serde_json::from_str(&encode(Format::Json).encode(first).unwrap().body).unwrap();
    assert_eq!((json["type"].as_str(), json["escalate_to"][1].as_str()), (Some("case_reminder"), Some("counsel")));
    let cef = encode(Format::Cef).encode(first).unwrap();
    assert_eq!(cef.kind, "case_reminder");
    assert!(
        cef.body.contains("|case_reminder|A case needs attention|") && cef.body.contains("cs1Label=alarm"),
        "{}",
        cef.body
    );
    let checkpoint = waiting.iter().find(|entry| entry.incident_id == "ledger").unwrap();
    let cef = encode(Format::Cef).encode(checkpoint).unwrap();
    assert!(cef.body.contains(&head.hash) && cef.body.contains(&format!("cn1={}", head.sequence)), "{}", cef.body);
    drop(store);
    assert!(house.verify(&["--checkpoint", &format!("{}:{}", head.sequence, head.hash)]).status.success());
}

#[test]
fn a_packet_holds_evidence_papers_and_hashes_that_fit() {
    let house = House::new();
    house.opened();
    let (case, _) = one_person(&house.listed());
    house.done(&["set", &case, "narrative=Somebody <looked> & told", "--by", "Ada Berg"]);
    let (out, context) = (house.path("packet"), samples().join("context"));
    house.done(&["packet", &case, "--out", out.to_str().unwrap(), "--context", context.to_str().unwrap()]);
    let read = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    let report = read("cdph-report.html");
    assert!(report.contains("(H)") && report.contains("Somebody &lt;looked&gt; &amp; told"), "values are escaped");
    assert!(report.contains("unknown so far") && !report.contains("name unknown"), "demographics were given");
    assert!(read("patient-notices.html").contains("What information was involved"));
    assert!(read("hhs-portal.html").contains("Individuals affected"));
    let page = read("case.html");
    assert!(page.contains("<svg") && page.contains("The four factors") && page.contains("Keep all of this until"));
    assert!(read("evidence.csv").lines().count() > 1, "the rows behind the unit");
    for line in read("SHA256SUMS").lines() {
        let (hash, name) = line.split_once("  ").unwrap();
        assert_eq!(HEXLOWER.encode(&Sha256::digest(std::fs::read(out.join(name)).unwrap())), hash, "{name}");
    }
    for line in read("ledger.ndjson").lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        assert_eq!(ledger::hash_of(entry["body"].as_str().unwrap()), entry["hash"].as_str().unwrap());
    }
    let bare = house.path("bare");
    house.done(&["packet", &case, "--out", bare.to_str().unwrap()]);
    assert!(std::fs::read_to_string(bare.join("cdph-report.html")).unwrap().contains("name unknown so far"));
}

#[test]
fn rows_of_evidence_are_kept_as_they_came_first_and_a_change_shows() {
    let house = House::new();
    house.opened();
    let (handoffs, log) = (house.path("week/handoffs.ndjson"), samples().join("access.ndjson.zst"));
    house.done(&["open", "--evidence", log.to_str().unwrap(), handoffs.to_str().unwrap()]);
    assert!(house.verify(&[]).status.success(), "another format of the same log changes nothing");
    let change = "UPDATE evidence SET json = replace(json, 'view', 'edit')";
    rusqlite::Connection::open(house.path("register.db")).unwrap().execute(change, []).unwrap();
    let found = house.verify(&[]);
    assert!(text(&found.stderr).contains("rows of evidence are not those"), "{}", text(&found.stderr));
}

#[test]
fn a_replay_feeds_the_register_and_refuses_a_given_now() {
    let house = House::new();
    let (context, log, out) = (samples().join("context"), samples().join("access.csv"), house.path("out"));
    let config = house.path("house.toml");
    let words = |more: &[&str]| -> Output {
        let mut words = vec!["replay", "--config", config.to_str().unwrap(), "--context", context.to_str().unwrap()];
        words.extend(["--out", out.to_str().unwrap(), log.to_str().unwrap()]);
        words.extend(more);
        house.run(&words)
    };
    let refused = words(&["--register", "--as-of", "2026-06-20T00:00:00Z"]);
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused.stderr));
    assert!(!out.exists(), "refused before the work");
    assert!(words(&["--register"]).status.success());
    let opened = house.listed().len();
    let again = words(&["--register"]);
    assert!(text(&again.stderr).contains("0 cases opened"), "{}", text(&again.stderr));
    assert_eq!(house.listed().len(), opened);
}
