//! The configuration as users meet it: the shipped file, and what is said about a wrong one.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use chartsentry::config::{Config, Identifiers, Keeper, Property, Target, policy_hash};
use chartsentry::engine::settings::Policy;
use chartsentry::engine::{detectors, explain};
use chartsentry::model::incident::Severity;
use chartsentry::model::span::Span;

const SHIPPED: &str = include_str!("../config/chartsentry.toml");

fn complaints(text: &str) -> String {
    Config::parse("site.toml", text).expect_err("a problem").to_string()
}

fn assert_says(text: &str, parts: &[&str]) {
    let message = complaints(text);
    for part in parts {
        assert!(message.contains(part), "{part}\nnot in\n{message}");
    }
    let count = message.matches("site.toml").count();
    assert_eq!(count, parts.len(), "other complaints than expected:\n{message}");
}

#[test]
fn the_shipped_file_is_exactly_the_defaults() {
    let shipped = Config::parse("chartsentry.toml", SHIPPED).unwrap();
    assert_eq!(shipped, Config::shipped());
    assert_eq!(shipped.policy, Policy::shipped("America/Los_Angeles"));
    assert_eq!(Config::parse("empty.toml", "").unwrap(), shipped);
    assert_eq!(shipped.warnings(), Vec::<String>::new());
}

#[test]
fn the_shipped_file_holds_every_key_of_every_detector_and_explanation() {
    let table: toml::Table = SHIPPED.parse().unwrap();
    let detectors = detectors::REGISTRY.iter().map(|entry| ("detectors", entry.meta.id, (entry.defaults)()));
    let explanations = explain::REGISTRY.iter().map(|entry| ("explanations", entry.meta.id, (entry.defaults)()));
    for (section, id, defaults) in detectors.chain(explanations) {
        let block = table.get(section).and_then(|blocks| blocks.get(id));
        let block = block.unwrap_or_else(|| panic!("config/chartsentry.toml has no [{section}.{id}]"));
        for key in defaults.as_object().expect("settings are an object").keys() {
            assert!(block.get(key).is_some(), "config/chartsentry.toml: [{section}.{id}] does not show `{key}`");
        }
    }
}

#[test]
fn the_commented_examples_are_valid_too() {
    let sink = SHIPPED.split("# [[sinks]]\n").nth(1).expect("an example of a sink");
    let lines = sink.lines().filter_map(|line| line.strip_prefix("# ")).filter(|line| line.contains(" = "));
    let text = format!("[[sinks]]\n{}", lines.collect::<Vec<_>>().join("\n"));
    let config = Config::parse("example.toml", &text).unwrap();
    let sink = &config.sinks[0];
    assert_eq!(sink.target, Target::SyslogTcp("siem.example:6514".to_owned()));
    assert_eq!((sink.min_severity, sink.patient_identifiers), (Severity::Medium, Identifiers::Pseudonym));
    let source = SHIPPED.split("# [[sources]]\n").nth(1).expect("an example of a source");
    let source = source.split("# Sinks:").next().unwrap();
    let lines = source.lines().filter_map(|line| line.strip_prefix("# ")).filter(|line| line.contains(" = "));
    let text = format!("[[sources]]\n{}", lines.collect::<Vec<_>>().join("\n"));
    let config = Config::parse("example.toml", &text).unwrap();
    assert_eq!(config.sources[0].to_string(), "tls://0.0.0.0:6514");
    assert!(config.warnings().iter().all(|warning| !warning.contains("atna")), "{:?}", config.warnings());
    for key in ["name = \"Example Hospital\"", "crosswalk = \"", "handoff_topic", "quarantine_topic", "key = \"file:"] {
        assert!(SHIPPED.contains(&format!("# {key}")), "{key} is not shown as an example");
    }
}

#[test]
fn every_problem_is_reported_at_once_with_its_place() {
    let text = r#"
[facility]
timezone = "Mars/Olympus"
log_review_interval_days = 0
[engine]
flag_threshold = 1.0
settle_widnow = "72h"
episode_gap = "0s"
prior = nan
[severity]
high = 0.9
[kafka]
access_topics = []
context_topics = ["a b", "x"]
handoff_topic = "x"
[http]
listen = "localhost"
[enginee]
"#;
    assert_says(
        text,
        &[
            "site.toml:3: facility.timezone: found \"Mars/Olympus\", expected an IANA time zone",
            "site.toml:4: facility.log_review_interval_days: found 0, expected a whole number of days",
            "site.toml:6: engine.flag_threshold: found 1.0, expected a number above 0 and below 1",
            "site.toml:7: engine.settle_widnow: found an unknown key, expected a known key; the nearest is \"engine.settle_window\"",
            "site.toml:8: engine.episode_gap: found \"0s\", expected a length of time from 1m",
            "site.toml:9: engine.prior: found NaN, expected log-odds",
            "site.toml:11: severity.high: found 0.9, expected a number above severity.medium (0.95)",
            "site.toml:13: kafka.access_topics: found an empty list, expected at least one topic",
            "site.toml:14: kafka.context_topics: found \"a b\", expected Kafka topic names",
            "site.toml:15: kafka.handoff_topic: found \"x\" a second time",
            "site.toml:17: http.listen: found \"localhost\", expected an IP address and a port",
            "site.toml:18: enginee: found an unknown key, expected a known key; the nearest is \"engine\"",
        ],
    );
}

#[test]
fn sources_are_checked_together() {
    let text = r#"
[[sources]]
name = "atna"
kind = "syslog"
address = "tls://0.0.0.0:6514"
private_key = "hunter2"
clients = ["a b"]
[[sources]]
name = "atna"
kind = "kafka"
address = "tcp://0.0.0.0:601"
certificate = "x.pem"
[[sources]]
name = "x"
kind = "syslog"
address = "http://0.0.0.0:80"
"#;
    assert_says(
        text,
        &[
            "site.toml:2: sources[0].certificate: found nothing, expected the path of this source's certificate (PEM)",
            "site.toml:2: sources[0].client_ca: found nothing, expected the path of the certificates of the authorities",
            "site.toml:6: sources[0].private_key: found something that is not a reference to a secret (not shown)",
            "site.toml:7: sources[0].clients: found \"a b\", expected DNS names",
            "site.toml:9: sources[1].name: found \"atna\" a second time",
            "site.toml:10: sources[1].kind: found \"kafka\", expected one of syslog",
            "site.toml:12: sources[1].certificate: found an unknown key",
            "site.toml:16: sources[2].address: found \"http://0.0.0.0:80\", expected \"udp://host:port\"",
        ],
    );
    assert!(!complaints(text).contains("hunter2"));
}

#[test]
fn messages_that_cross_the_network_in_the_open_are_warned_of() {
    let source = |address: &str| format!("[[sources]]\nname = \"a\"\nkind = \"syslog\"\naddress = \"{address}\"\n");
    let warns = |address: &str| {
        let config = Config::parse("site.toml", &source(address)).unwrap();
        config.warnings().iter().any(|warning| warning.contains("use tls://"))
    };
    assert!(warns("udp://0.0.0.0:514") && warns("tcp://10.1.2.3:601"));
    assert!(!warns("udp://127.0.0.1:514") && !warns("tcp://localhost:601"));
}

#[test]
fn metrics_that_other_machines_reach_need_tls_and_a_token() {
    let section = |listen: &str, more: &str| format!("[http]\nlisten = \"{listen}\"\n{more}");
    let tls = "certificate = \"http.pem\"\nprivate_key = \"file:http.key\"\n";
    let token = "token = \"file:http.token\"\n";
    for (listen, more) in [("0.0.0.0:9650", ""), ("10.1.2.3:9650", tls), ("[::]:9650", token)] {
        let said = format!(
            "site.toml:2: http.listen: found {listen}, which other machines can reach, expected TLS (http.certificate \
             and http.private_key) and http.token beside it, or a loopback address"
        );
        assert_says(&section(listen, more), &[&said]);
    }
    for listen in ["0.0.0.0:9650", "127.0.0.1:9650", "[::1]:9650"] {
        let config = Config::parse("site.toml", &section(listen, &format!("{tls}{token}"))).unwrap();
        assert_eq!((config.http.tls.is_some(), config.warnings()), (true, Vec::new()));
    }
    assert!(Config::parse("site.toml", &section("127.0.0.1:9650", token)).is_ok());
    let half = section("127.0.0.1:9650", "certificate = \"http.pem\"\ntoken = \"hunter2\"\n");
    assert_says(&half, &["http.private_key: found nothing", "http.token: found something that is not a reference"]);
}

#[test]
fn a_token_that_could_be_guessed_is_refused() {
    let config = Config::parse("site.toml", "[http]\ntoken = \"${TOKEN}\"\n").unwrap();
    let resolve = |token: &str| {
        let env = |_: &str| Some(token.to_owned());
        config
            .resolve(
                "site.toml",
                &Keeper { env: &env, read: &|_| Ok(String::new()), run: &|_, _| Err("not run".to_owned()) },
            )
            .map_err(|error| error.to_string())
    };
    assert_eq!(resolve("0123456789abcdef").unwrap().http_token.unwrap().expose(), "0123456789abcdef");
    for weak in ["hunter2", "0123456789 abcdef"] {
        let said = resolve(weak).unwrap_err();
        assert!(said.contains("http.token: found a text that is no token") && !said.contains(weak), "{said}");
    }
}

#[test]
fn sinks_are_checked_together() {
    let text = r#"
[[sinks]]
name = "siem"
kind = "hec"
format = "ecs"
address = "https://siem.example"
pseudonym_key = "hunter2"
[[sinks]]
name = "siem"
kind = "syslog"
address = "tls://siem.example:6514"
[[sinks]]
name = "x"
kind = "pigeon"
min_severity = "severe"
patient_identifiers = "plain"
"#;
    assert_says(
        text,
        &[
            "site.toml:4: sinks[0].kind: found \"hec\", which is not available in this version, expected one of syslog, file, kafka",
            "site.toml:5: sinks[0].format: found \"ecs\", which is not available in this version, expected one of cef, json",
            "site.toml:7: sinks[0].pseudonym_key: found something that is not a reference to a secret (not shown)",
            "site.toml:9: sinks[1].name: found \"siem\" a second time",
            "site.toml:11: sinks[1].address: found a tls:// address, which is not available in this version",
            "sinks[1].pseudonym_key: found nothing, expected \"${NAME}\"",
            "site.toml:14: sinks[2].kind: found \"pigeon\", expected one of syslog, file, kafka",
            "site.toml:15: sinks[2].min_severity: found \"severe\", expected low, medium, high or critical",
        ],
    );
    assert!(!complaints(text).contains("hunter2"));
}

#[test]
fn suppressions_name_their_owner_reason_scope_and_end() {
    let dates = "from = \"2026-05-01\"\nuntil = \"2026-06-01\"\n";
    let head = "[[suppressions]]\nid = \"s1\"\nowner = \"Privacy office\"\nreason = \"Chart review\"\n";
    assert_says(
        &format!("{head}{dates}"),
        &["no scope, expected at least one of user, patient and detector: never everything"],
    );
    assert_says(&format!("{head}{dates}detector = \"neighbour\"\n"), &["\"neighbour\", expected the id of a detector"]);
    assert_says(&format!("[[suppressions]]\nid = \"s1\"\nuser = \"u1\"\n{dates}"), &["owner", "reason"]);
    assert_says(
        &format!("{head}user = \"u1\"\nuntil = \"soon\"\n"),
        &["suppressions[0].until", "suppressions[0].from"],
    );
    assert_says(
        &format!("{head}user = \"u1\"\nfrom = \"2026-06-01\"\nuntil = \"2026-05-01\"\n"),
        &["2026-05-01, before 2026-06-01"],
    );
    let whole = format!("{head}{dates}user = \"u1\"\n");
    assert_says(&format!("{whole}{whole}"), &["\"s1\" a second time"]);

    let config = Config::parse("site.toml", &whole).unwrap();
    let today = jiff::civil::date(2026, 5, 15);
    assert!(config.suppression_warnings(today)[0].contains("broad"), "a user without a patient or a detector");
    let narrow = Config::parse("site.toml", &format!("{whole}patient = \"p1\"\n")).unwrap();
    assert!(narrow.suppression_warnings(today).is_empty());
    assert!(narrow.suppression_warnings(jiff::civil::date(2026, 6, 2))[0].contains("ended on 2026-06-01"));
    assert_ne!(policy_hash(&narrow.policy), policy_hash(&config.policy));
}

#[test]
fn own_keys_win_over_the_defaults() {
    let text = r#"
[facility]
name = "Example Hospital"
timezone = "america/new_york"
[engine]
prior = -6
[relationships.order]
tail = "10d"
[roles]
coding = ["biller"]
[kafka.properties]
"sasl.password" = "${PW}"
"socket.keepalive.enable" = true
[[sinks]]
name = "out"
kind = "file"
address = "alerts.ndjson"
format = "json"
min_severity = "low"
patient_identifiers = "plain"
"#;
    let config = Config::parse("site.toml", text).unwrap();
    assert_eq!(config.facility.timezone, "America/New_York");
    assert_eq!(config.policy.timezone, "America/New_York");
    assert!((config.policy.engine.prior + 6.0).abs() < f64::EPSILON);
    assert_eq!(config.policy.relationships["order"].tail, Span::days(10));
    assert_eq!(config.policy.relationships["order"].lead, Span::hours(2));
    assert_eq!(config.policy.roles["coding"], ["biller"]);
    assert_eq!(config.kafka.properties["socket.keepalive.enable"], Property::Plain("true".to_owned()));
    assert_eq!(config.kafka.properties["security.protocol"], Property::Plain("PLAINTEXT".to_owned()));
    assert_eq!(config.sinks[0].target, Target::File("alerts.ndjson".into()));
    assert_eq!(config.warnings(), ["sink \"out\" sends plain patient identifiers to alerts.ndjson"]);
}

#[test]
fn the_policy_hash_ignores_how_a_value_is_written_and_where_things_are() {
    let hash = |text: &str| policy_hash(&Config::parse("x", text).unwrap().policy);
    let shipped = hash("");
    assert_eq!(shipped, hash("[engine]\nsettle_window = \"3d\"\nprior = -7\n[store]\npath = \"elsewhere.db\"\n"));
    assert_ne!(shipped, hash("[engine]\nsettle_window = \"71h\"\n"));
    assert_ne!(shipped, hash("[relationships.other]\nlead = \"3h\"\n"));
}

#[test]
fn secrets_are_fetched_only_when_asked_and_all_failures_are_named() {
    let text = "[store]\nkey = \"file:/keys/store\"\n[kafka.properties]\n\"sasl.password\" = \"${PW}\"\n\
                [[sinks]]\nname = \"siem\"\nkind = \"kafka\"\naddress = \"alerts\"\npseudonym_key = \"${PK}\"\n";
    let config = Config::parse("site.toml", text).unwrap();
    let read = |path: &Path| match path.to_str() {
        Some("/keys/store") => Ok("store-secret\n".to_owned()),
        _ => Err(std::io::Error::from(std::io::ErrorKind::NotFound)),
    };
    let env = |name: &str| Some(format!("{name}-secret"));
    let run = |_: &Path, _: &[String]| Err("is not asked for here".to_owned());
    let secrets = config.resolve("site.toml", &Keeper { env: &env, read: &read, run: &run }).unwrap();
    assert_eq!(secrets.store_key.as_ref().unwrap().expose(), "store-secret");
    assert_eq!(secrets.kafka_properties["sasl.password"].expose(), "PW-secret");
    assert_eq!(secrets.kafka_properties["security.protocol"].expose(), "PLAINTEXT");
    assert_eq!(secrets.pseudonym_keys["siem"].expose(), "PK-secret");
    assert!(!format!("{config:?}{secrets:?}").contains("-secret"));

    let missing = Keeper { env: &|_| None, read: &read, run: &run };
    let message = config.resolve("site.toml", &missing).unwrap_err().to_string();
    assert!(message.contains("kafka.properties.sasl.password: found the environment variable PW unset"), "{message}");
    assert!(message.contains("sinks.siem.pseudonym_key: found the environment variable PK unset"), "{message}");
}

#[test]
fn what_chartsentry_sets_itself_is_refused_as_a_property() {
    let message = complaints("[kafka.properties]\n\"group.id\" = \"other\"\n");
    assert!(message.contains("expected kafka.group_id instead"), "{message}");
}

fn chartsentry(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chartsentry"));
    command.args(arguments).env_remove("RUST_LOG").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn check_says_what_holds_or_everything_that_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("site.toml");
    let file = path.to_str().unwrap();

    let guarded = "certificate = \"http.pem\"\nprivate_key = \"${KEY}\"\ntoken = \"${TOKEN}\"\n";
    let escalation = "[register]\nescalate_to = [\"Quill\"]\n";
    fs::write(&path, format!("[http]\nlisten = \"0.0.0.0:9650\"\n{guarded}{escalation}")).unwrap();
    let output = chartsentry(&["check", "--config", file]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("http        0.0.0.0:9650, TLS, token\n"), "{output:?}");
    assert!(text(&output.stderr).starts_with("warning: register.escalate_to names one person"), "{output:?}");

    fs::write(&path, "[http]\nlisten = 1\n[store]\nkey = \"hunter2\"\n").unwrap();
    let output = chartsentry(&["check", "--config", file]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    let said = text(&output.stderr);
    assert!(said.starts_with("error: 2 problems in the configuration\n"), "{said}");
    assert!(said.contains("site.toml:2: http.listen") && said.contains("site.toml:4: store.key"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");

    let output = chartsentry(&["check", "--config", "nowhere.toml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("error: cannot read the configuration nowhere.toml: No such file"));
}

#[test]
fn the_section_of_identities_names_one_file() {
    let config = Config::parse("site.toml", "[identity]\ncrosswalk = \"identity.csv\"\n").unwrap();
    assert_eq!(config.identity.crosswalk.as_deref(), Some(Path::new("identity.csv")));
    assert_says(
        "[identity]\ncroswalk = \"identity.csv\"\n",
        &[
            "site.toml:2: identity.croswalk: found an unknown key, expected a known key; the nearest is \"identity.crosswalk\"",
        ],
    );
    assert_says(
        "[identity]\ncrosswalk = 7\n",
        &["site.toml:2: identity.crosswalk: found 7, expected the path of the crosswalk's file"],
    );
}

#[test]
fn check_reads_the_crosswalk_and_names_the_line_that_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let (path, crosswalk) = (folder.path().join("site.toml"), folder.path().join("identity.csv"));
    fs::write(&path, format!("[identity]\ncrosswalk = \"{}\"\n", crosswalk.display())).unwrap();
    let check = || chartsentry(&["check", "--config", path.to_str().unwrap()]);
    let missing = check();
    assert_eq!((missing.status.code(), missing.stdout.len()), (Some(1), 0));
    assert!(text(&missing.stderr).contains("identity.csv cannot be read: No such file"), "{missing:?}");
    fs::write(&crosswalk, "kind,id,alias\nuser,zz1,zz\nuser,zz2,zz\n").unwrap();
    let broken = check();
    assert_eq!(broken.status.code(), Some(1));
    let said = text(&broken.stderr);
    assert!(said.contains("identity.csv, line 3: an alias means two ids") && !said.contains("zz"), "{said}");
    fs::write(&crosswalk, "kind,id,alias\nuser,u1,nquill\n").unwrap();
    let whole = check();
    assert_eq!(whole.status.code(), Some(0));
    let line = format!("identity    {}: 1 aliases of users, 0 of patients\n", crosswalk.display());
    assert!(text(&whole.stdout).contains(&line), "{whole:?}");
}

#[cfg(unix)]
#[test]
fn check_names_files_that_others_may_read() {
    let folder = tempfile::tempdir().unwrap();
    let (path, key) = (folder.path().join("site.toml"), folder.path().join("store.key"));
    fs::write(&path, format!("[store]\nkey = \"file:{}\"\n", key.display())).unwrap();
    fs::write(&key, "a key of the test").unwrap();
    let said = |mode: u32| {
        fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        let output = chartsentry(&["check", "--config", path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0));
        text(&output.stderr)
    };
    assert!(!said(0o600).contains("store.key"));
    let warned = said(0o644);
    assert!(warned.contains(&format!("chmod 600 {}", key.display())) && !warned.contains("a key of"), "{warned}");
}

#[test]
fn connecting_needs_every_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("site.toml");
    fs::write(&path, "[store]\nkey = \"${CHARTSENTRY_UNSET_KEY}\"\n").unwrap();
    let file = path.to_str().unwrap();
    assert_eq!(chartsentry(&["check", "--config", file]).status.code(), Some(0));
    let output = chartsentry(&["check", "--config", file, "--connect"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("store.key: found the environment variable CHARTSENTRY_UNSET_KEY unset"));
}

#[test]
fn the_command_line_keeps_its_exit_codes_and_its_colours_to_itself() {
    let version = text(&chartsentry(&["--version"]).stdout);
    assert!(version.starts_with("chartsentry ") && version.contains("(tz database 20"), "{version}");
    let output = chartsentry(&["check"]);
    assert_eq!(output.status.code(), Some(2));
    let help = chartsentry(&["check", "--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(!text(&help.stdout).contains('\u{1b}') && !text(&output.stderr).contains('\u{1b}'));
    let unknown = chartsentry(&["explain", "no_such_detector"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown.stderr).starts_with("error: unknown detector \"no_such_detector\""), "{unknown:?}");
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_chartsentry"));
    let output = command.arg("explain").stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
}

#[test]
fn a_cluster_needs_one_access_topic_topics_of_its_own_and_no_syslog_sources() {
    let source = "[[sources]]\nname = \"s\"\nkind = \"syslog\"\naddress = \"udp://127.0.0.1:5514\"\n";
    let text = format!(
        "[kafka]\ngroup_id = \"a group\"\naccess_topics = [\"one\", \"two\"]\n[cluster]\nenabled = true\n\
         findings_topic = \"two\"\nnotices_topic = \"n\"\n{source}"
    );
    assert_says(
        &text,
        &[
            "cluster.state_topic: found nothing, and \"a group.state\" is no topic name",
            "cluster.findings_topic: found \"two\", which is used for something else",
            "cluster.enabled: found true, with 2 topics in kafka.access_topics",
            "cluster.enabled: found true, with [[sources]]",
        ],
    );
    assert!(Config::parse("site.toml", &text.replace("enabled = true", "enabled = false")).is_ok());
    let config = Config::parse("site.toml", "[kafka]\ngroup_id = \"night\"\n[cluster]\nenabled = true\n").unwrap();
    assert_eq!(config.cluster.notices_topic, "night.notices");
}

#[test]
fn a_role_and_the_cluster_setting_must_go_together() {
    let folder = tempfile::tempdir().unwrap();
    for (enabled, role) in [(true, "all"), (false, "worker"), (false, "register")] {
        let file = folder.path().join("site.toml");
        fs::write(&file, format!("[cluster]\nenabled = {enabled}\n")).unwrap();
        let output = chartsentry(&["run", "--role", role, "--config", file.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1), "{role}");
        assert!(text(&output.stderr).contains("[cluster] enabled = true"), "{}", text(&output.stderr));
    }
}
