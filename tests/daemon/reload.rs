//! SIGHUP: another configuration holds wholly or not at all, and afterwards everything is as after a restart with it.

use std::collections::BTreeSet;
use std::path::Path;

use chartsentry::breach::handoff::Handoff;
use chartsentry::store::StoreHandle;

use super::certificates::Authority;
use super::hospital::{Hospital, PARTITIONS};
use super::kill::{handoffs, has_read_all, open};
use super::on_both_brokers;
use super::process::{Process, config_text};
use super::syslog::{Ways, counted, kept};
use crate::support::Broker;

on_both_brokers!(a_reload_ends_where_a_restart_ends);

fn reloads(process: &Process, outcome: &str) -> Option<f64> {
    process.metric("chartsentry_config_reloads_total", outcome)
}

fn is_ready(process: &Process) -> bool {
    process.get("/readyz").is_some_and(|text| text.starts_with("HTTP/1.1 200"))
}

/// Gives the daemon a configuration that it applies, as the so many'th.
fn apply(process: &mut Process, text: &str, count: f64) {
    process.reconfigure(text);
    process.wait("the reload", |process| reloads(process, "applied") == Some(count));
    process.wait_until_ready();
}

/// The policies under which handoffs were made, and the runs.
fn policies_and_runs(store: &StoreHandle) -> [BTreeSet<String>; 2] {
    let all: Vec<Handoff> =
        store.handoffs().unwrap().iter().map(|record| serde_json::from_str(&record.json).unwrap()).collect();
    let policies = all.iter().map(|handoff| handoff.policy_hash.clone()).collect();
    [policies, all.iter().map(|handoff| handoff.run_id.clone()).collect()]
}

fn a_reload_ends_where_a_restart_ends(broker: &Broker) {
    let hospital = Hospital::generate("--patients 2000 --staff 150 --days 9 --seed 8 --snoops 3");
    broker.create_topic("reload-audit", PARTITIONS);
    broker.create_compacted_topic("reload-context", 1);
    broker.produce("reload-context", &hospital.fact_messages());
    broker.produce("reload-audit", &hospital.access_messages());
    let before = |folder: &Path| config_text(broker, "reload", folder, "30m", "");
    // Most of what was told is taken back under it.
    let after = |folder: &Path| before(folder) + "flag_threshold = 0.9999\n";

    let reloaded = tempfile::tempdir().unwrap();
    let mut process = Process::start(reloaded.path(), &before(reloaded.path()));
    process.wait("all accesses", has_read_all);
    apply(&mut process, &after(reloaded.path()), 1.0);
    assert!(process.log().contains("the policy has changed"), "{}", process.log());
    assert_eq!(process.terminate().code(), Some(0));

    let restarted = tempfile::tempdir().unwrap();
    let mut process = Process::start(restarted.path(), &before(restarted.path()));
    process.wait("all accesses", has_read_all);
    assert_eq!(process.terminate().code(), Some(0));
    let mut process = Process::start(restarted.path(), &after(restarted.path()));
    process.wait_until_ready();
    assert_eq!(process.terminate().code(), Some(0));

    let (found, wanted) = (open(reloaded.path()), open(restarted.path()));
    assert_eq!(found.incidents().unwrap(), wanted.incidents().unwrap());
    assert_eq!(handoffs(&found), handoffs(&wanted));
    let [policies, runs] = policies_and_runs(&found);
    assert_eq!((policies.len(), runs.len()), (2, 1), "handoffs name the policy that made them, and one run");
    assert_eq!(policies, policies_and_runs(&wanted)[0]);
}

#[test]
fn a_configuration_that_cannot_hold_is_refused_as_a_whole() {
    let broker = Broker::mock();
    broker.create_topic("refused-audit", 1);
    broker.create_compacted_topic("refused-context", 1);
    let folder = tempfile::tempdir().unwrap();
    let text = config_text(&broker, "refused", folder.path(), "1s", "");
    let mut process = Process::start(folder.path(), &text);
    process.wait_until_ready();
    assert_eq!(process.metric("chartsentry_config_last_reload_successful", ""), Some(1.0));

    process.reconfigure(&format!("{text}prior = \"x\"\nepisode_gpa = \"1d\"\n"));
    process.wait("the refusal", |process| reloads(process, "refused") == Some(1.0));
    let log = process.log();
    for key in ["engine.prior", "engine.episode_gpa"] {
        let told = log.lines().any(|line| line.contains("configuration not applied") && line.contains(key));
        assert!(told, "{key}: {log}");
    }
    assert!(is_ready(&process), "the one before goes on");
    assert_eq!(process.metric("chartsentry_config_last_reload_successful", ""), Some(0.0));

    // What could change does not, either.
    let sink = "[[sinks]]\nname = \"late\"\nkind = \"file\"\naddress = \"late.log\"\npatient_identifiers = \"plain\"\n";
    process.reconfigure(&(text.replace(broker.brokers(), "127.0.0.1:1") + sink));
    process.wait("the refusal", |process| reloads(process, "refused") == Some(2.0));
    assert!(process.log().contains("kafka.brokers has changed, which needs a restart"), "{}", process.log());
    assert!(is_ready(&process));
    assert_eq!(process.metric("chartsentry_outbox_pending", "late"), None);
    assert_eq!(process.terminate().code(), Some(0));
}

#[test]
fn sinks_come_and_go_without_a_new_engine() {
    let broker = Broker::mock();
    broker.create_topic("routes-audit", 1);
    broker.create_compacted_topic("routes-context", 1);
    let folder = tempfile::tempdir().unwrap();
    let text = config_text(&broker, "routes", folder.path(), "1s", "");
    let mut process = Process::start(folder.path(), &text);
    process.wait_until_ready();
    let address = folder.path().join("late.log");
    let sink = format!(
        "[[sinks]]\nname = \"late\"\nkind = \"file\"\naddress = \"{}\"\npatient_identifiers = \"plain\"\n",
        address.display()
    );
    apply(&mut process, &format!("{text}{sink}"), 1.0);
    process.wait("the sink", |process| process.metric("chartsentry_outbox_pending", "late") == Some(0.0));
    apply(&mut process, &text, 2.0);
    process.wait("its end", |process| process.metric("chartsentry_outbox_pending", "late").is_none());
    assert_eq!(process.log().matches("context loaded").count(), 1, "{}", process.log());
    assert_eq!(process.terminate().code(), Some(0));
}

#[test]
fn senders_stay_connected_to_a_new_engine_and_certificates_change_under_it() {
    let broker = Broker::mock();
    broker.create_topic("renewed-audit", 1);
    broker.create_compacted_topic("renewed-context", 1);
    let folder = tempfile::tempdir().unwrap();
    let ways = Ways::new(folder.path());
    let text = config_text(&broker, "renewed", folder.path(), "1s", "");
    let mut process = Process::start(folder.path(), &(text.clone() + &ways.config()));
    process.wait_until_ready();
    let decided = |process: &Process| process.metric("chartsentry_accesses_total", "");
    let old = ways.authority.vouch("ehr.example");
    ways.send(Some(&old), &counted(0..10)).unwrap();
    process.wait("the verdicts", |process| decided(process) == Some(10.0));

    let next = Ways { authority: Authority::new(folder.path(), "next"), ..ways };
    apply(&mut process, &format!("{text}flag_threshold = 0.8\n{}", next.config()), 1.0);
    next.send(Some(&next.authority.vouch("ehr.example")), &counted(10..20)).unwrap();
    process.wait("the verdicts after it", |process| decided(process) == Some(20.0));
    // TLS 1.3 tells a client that it is refused only after its first words.
    let _ = next.send(Some(&old), &counted(20..21));
    process.wait("a refusal", |process| process.metric("chartsentry_syslog_troubles_total", "atna") == Some(1.0));
    assert_eq!(kept(&process), Some(20.0));

    let broken = next.config().replace("next-localhost.pem", "gone.pem");
    process.reconfigure(&format!("{text}flag_threshold = 0.8\n{broken}"));
    process.wait("the refusal", |process| reloads(process, "refused") == Some(1.0));
    next.send(Some(&next.authority.vouch("ehr.example")), &counted(21..22)).unwrap();
    process.wait("one more", |process| decided(process) == Some(21.0));
    assert_eq!(process.terminate().code(), Some(0));
}
