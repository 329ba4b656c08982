//! `kill -9` at bad moments changes nothing, and the receiver hears of every handoff.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chartsentry::breach::case::Case;
use chartsentry::breach::case::event::EvidenceSource;
use chartsentry::breach::handoff::Handoff;
use chartsentry::breach::ledger::Verifier;
use chartsentry::model::incident::{Incident, Status, Unit};
use chartsentry::model::time::Timestamp;
use chartsentry::store::{Register, Store, StoreError, StoreHandle, StoreOptions};

use super::hospital::{Hospital, PARTITIONS};
use super::on_both_brokers;
use super::process::{Process, config_text, free_address};
use crate::support::Broker;

on_both_brokers!(nothing_is_lost_or_doubled_by_kill_9);

pub(super) fn sink(address: SocketAddr) -> String {
    format!(
        "[[sinks]]\nname = \"siem\"\nkind = \"syslog\"\nformat = \"json\"\naddress = \"tcp://{address}\"\n\
         min_severity = \"low\"\npatient_identifiers = \"plain\"\n"
    )
}

pub(crate) fn open(folder: &Path) -> StoreHandle {
    Store::open(&StoreOptions { path: folder.join("store.db"), key: None }).unwrap().handle()
}

/// Takes whatever comes on an address from now on.
pub(super) fn receive(address: SocketAddr) -> Arc<Mutex<Vec<u8>>> {
    let received = Arc::new(Mutex::new(Vec::new()));
    let listener = TcpListener::bind(address).unwrap();
    let all = Arc::clone(&received);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, all) = (stream.unwrap(), Arc::clone(&all));
            std::thread::spawn(move || {
                let mut bytes = [0; 65_536];
                while let Ok(count @ 1..) = stream.read(&mut bytes) {
                    all.lock().unwrap().extend_from_slice(&bytes[..count]);
                }
            });
        }
    });
    received
}

/// Everything of a handoff but its run and its clocks.
pub(crate) fn handoffs(store: &StoreHandle) -> BTreeMap<String, String> {
    let told = |handoff: Handoff| {
        let Handoff { handoff_id, incident_id, sequence, reason, status, units, score, contributions, .. } = handoff;
        (handoff_id, format!("{incident_id} {sequence} {reason:?} {status:?} {score} {units:?} {contributions:?}"))
    };
    store.handoffs().unwrap().iter().map(|record| told(serde_json::from_str(&record.json).unwrap())).collect()
}

/// The register made cases of everything that was handed over, each unit in one of them, and its ledger is whole.
pub(super) fn has_cases_of_all(folder: &Path, store: &StoreHandle) {
    let register = Register::open(&StoreOptions { path: folder.join("store.db"), key: None }).unwrap();
    let mut verifier = Verifier::default();
    register
        .ledger::<StoreError>(|kept| {
            verifier.take(&kept).unwrap();
            Ok(())
        })
        .unwrap();
    let cases = register.cases().unwrap();
    let made: Vec<&Case> = verifier.cases().values().collect();
    assert_eq!(made.len(), cases.len());
    assert!(made.iter().all(|case| cases.contains(case)), "the register holds what the ledger makes");
    let mut held: BTreeMap<(String, String), Vec<(Timestamp, Timestamp)>> = BTreeMap::new();
    for unit in cases.iter().flat_map(|case| &case.units) {
        let key = (unit.key.user_id.clone(), unit.key.patient_id.clone());
        held.entry(key).or_default().push((unit.occurred_first, unit.occurred_last));
    }
    for times in held.values_mut() {
        times.sort();
        assert!(times.windows(2).all(|pair| pair[0].1 < pair[1].0), "a unit stands in two cases: {times:?}");
    }
    for record in store.handoffs().unwrap() {
        let handoff: Handoff = serde_json::from_str(&record.json).unwrap();
        assert!(cases.iter().any(|case| case.incidents.contains_key(&handoff.incident_id)), "{}", handoff.incident_id);
        let is_held = |unit: &Unit| {
            let times = held.get(&(unit.user_id.clone(), unit.patient_id.clone()));
            times.is_some_and(|times| {
                times.iter().any(|(first, last)| *first <= unit.occurred_first && unit.occurred_last <= *last)
            })
        };
        assert!(handoff.units.iter().all(is_held), "{}", handoff.incident_id);
    }
    assert!(!register.staff().unwrap().is_empty(), "the workforce came with the context");
    for case in &cases {
        let kept = case.evidence.iter().filter(|evidence| evidence.source == EvidenceSource::Engine);
        let kept: BTreeSet<&[String; 3]> = kept.flat_map(|evidence| &evidence.rows).collect();
        for unit in &case.units {
            let rows = register.evidence(&unit.key.user_id, &unit.key.patient_id).unwrap();
            let times = unit.occurred_first..=unit.occurred_last;
            let of_unit = rows.iter().filter(|row| times.contains(&row.occurred_at) && kept.contains(&row.key()));
            assert!(of_unit.count() as u64 >= unit.access_count, "the accesses behind {:?} are kept", unit.key);
        }
    }
}

pub(crate) fn has_read_all(process: &Process) -> bool {
    process.metric("chartsentry_consumer_lag", "") == Some(0.0)
}

/// What a run without any disturbance ends with.
pub(super) fn undisturbed(broker: &Broker, name: &str) -> (Vec<Incident>, BTreeMap<String, String>) {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::start(folder.path(), &config_text(broker, name, folder.path(), "30m", ""));
    process.wait("all accesses", has_read_all);
    assert!(process.terminate().success());
    let store = open(folder.path());
    (store.incidents().unwrap(), handoffs(&store))
}

fn nothing_is_lost_or_doubled_by_kill_9(broker: &Broker) {
    let hospital = Hospital::generate("--patients 2000 --staff 150 --days 9 --seed 8 --snoops 3");
    broker.create_topic("kill-audit", PARTITIONS);
    broker.create_compacted_topic("kill-context", 1);
    broker.produce("kill-context", &hospital.fact_messages());
    let messages = hospital.access_messages();
    let (first, second) = messages.split_at(messages.len() * 6 / 10);
    broker.produce("kill-audit", first);

    let folder = tempfile::tempdir().unwrap();
    let address = free_address();
    let text = config_text(broker, "kill", folder.path(), "30m", "") + &sink(address);
    // In the middle of the work, wherever that is.
    for moment in [0, 40, 150] {
        let mut process = Process::start(folder.path(), &text);
        process.wait_until_ready();
        std::thread::sleep(Duration::from_millis(moment));
        process.kill();
    }
    let mut process = Process::start(folder.path(), &text);
    process.wait("all accesses", has_read_all);
    process.wait("the outbox to fill", |process| process.metric("chartsentry_outbox_pending", "siem") > Some(0.0));
    process.kill();
    {
        let store = open(folder.path());
        let incidents = store.incidents().unwrap();
        assert!(incidents.iter().any(|incident| incident.status == Status::Provisional));
        assert!(store.outbox_depths().unwrap()[0].pending > 0);
        let kept = store.positions().unwrap().iter().map(|position| position.next_offset).sum::<i64>();
        assert_eq!(kept, (first.len() + hospital.facts.len()) as i64);
    }

    broker.produce("kill-audit", second);
    let received = receive(address);
    let mut process = Process::start(folder.path(), &text);
    process.wait("all accesses", has_read_all);
    process.wait("the outbox to empty", |process| process.metric("chartsentry_outbox_pending", "siem") == Some(0.0));
    assert!(process.terminate().success());

    let store = open(folder.path());
    let found = (store.incidents().unwrap(), handoffs(&store));
    let wanted = undisturbed(broker, "kill");
    assert!(wanted.0.len() >= 5 && wanted.1.len() >= 5, "{} incidents, {} handoffs", wanted.0.len(), wanted.1.len());
    assert_eq!(found.0, wanted.0);
    assert_eq!(found.1, wanted.1);
    let received = String::from_utf8_lossy(&received.lock().unwrap()).into_owned();
    let missing: Vec<_> = found.1.keys().filter(|id| !received.contains(id.as_str())).collect();
    assert!(missing.is_empty(), "{} of {} handoffs never arrived: {missing:?}", missing.len(), found.1.len());
    assert_eq!(store.dead_letters("siem").unwrap(), []);
    has_cases_of_all(folder.path(), &store);
    drop(store);
    a_packet_holds_what_the_engine_saw(folder.path());
}

/// SQLite's locks of a file go when any of the process's ways to it is closed; then others remove what it still writes.
#[cfg(target_os = "linux")]
#[test]
fn a_running_daemon_holds_its_lock_on_the_store() {
    use std::os::unix::fs::MetadataExt;

    let broker = Broker::mock();
    broker.create_topic("lock-audit", 1);
    broker.create_compacted_topic("lock-context", 1);
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::start(folder.path(), &config_text(&broker, "lock", folder.path(), "1s", ""));
    process.wait_until_ready();
    let inode = format!(":{} ", std::fs::metadata(folder.path().join("store.db")).unwrap().ino());
    let locks = std::fs::read_to_string("/proc/locks").unwrap();
    assert!(locks.lines().any(|line| line.contains(&inode) && line.contains("POSIX")), "{inode} not in {locks}");
    assert!(process.terminate().success());
}

/// A case that the daemon opened has a packet with its rows, and the packet says whose rows they are.
fn a_packet_holds_what_the_engine_saw(folder: &Path) {
    let config = folder.join("config.toml");
    let cases = |words: &[&str]| {
        let all = [&["cases", "--config", config.to_str().unwrap()], words].concat();
        let output = Command::new(env!("CARGO_BIN_EXE_chartsentry")).args(all).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let listed = cases(&["list", "--all", "--json"]);
    let first: serde_json::Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
    let (case, out) = (first["case"]["case_id"].as_str().unwrap(), folder.join("packet"));
    cases(&["packet", case, "--out", out.to_str().unwrap()]);
    let read = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    let accesses: u64 =
        first["case"]["units"].as_array().unwrap().iter().map(|unit| unit["access_count"].as_u64().unwrap()).sum();
    assert!(read("evidence.csv").lines().count() as u64 > accesses, "a header and every access");
    assert!(read("index.html").contains("rows are as the running engine held them"));
}
