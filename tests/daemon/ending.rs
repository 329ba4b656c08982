//! A daemon ends when it is told to, whatever hangs outside of it, and keeps what it had decided.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use chartsentry::store::{Store, StoreOptions};
use socket2::SockRef;
use tempfile::TempDir;

use super::own_broker::OwnBroker;
use super::process::{Process, config_text};
use crate::support::{Broker, Message};

/// Looks at decoys, one each by a person of their own: more alerts than the buffers of one connection hold.
const LOOKS: usize = 2_000;

fn message(value: String) -> Message {
    Message { partition: 0, key: Some(value.clone().into_bytes()), value: Some(value.into_bytes()) }
}

/// Topics in which every look is an incident at once.
fn snooped(broker: &Broker, name: &str, looks: usize) {
    broker.create_topic(&format!("{name}-audit"), 1);
    broker.create_compacted_topic(&format!("{name}-context"), 1);
    let visit = "{\"type\":\"relationship\",\"relationship_id\":\"r1\",\"kind\":\"encounter\",\"patient_id\":\"p\",\
                 \"user_id\":\"u\",\"starts_at\":\"2026-06-01T05:00:00Z\"}";
    let people = (0..looks).flat_map(|number| {
        let user = format!("{{\"type\":\"workforce\",\"user_id\":\"u{number}\",\"family_name\":\"Quill{number}\"}}");
        let patient = format!("{{\"type\":\"patient\",\"patient_id\":\"p{number}\",\"is_decoy\":true}}");
        [message(user), message(patient)]
    });
    let facts: Vec<Message> = std::iter::once(message(visit.to_owned())).chain(people).collect();
    broker.produce(&format!("{name}-context"), &facts);
    let accesses = (0..looks).map(|number| {
        let at = jiff::Timestamp::from_second(1_780_300_000 + number as i64).unwrap();
        message(format!(
            "{{\"event_id\":\"e{number}\",\"occurred_at\":\"{at}\",\"user_id\":\"u{number}\",\
             \"patient_id\":\"p{number}\",\"action\":\"view\"}}"
        ))
    });
    broker.produce(&format!("{name}-audit"), &accesses.collect::<Vec<_>>());
}

/// A receiver that takes connections and never reads.
struct HangingSiem {
    address: SocketAddr,
    _connections: Arc<Mutex<Vec<TcpStream>>>,
}

impl HangingSiem {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // Connections inherit it.
        SockRef::from(&listener).set_recv_buffer_size(4_096).unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&connections);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                kept.lock().unwrap().push(stream.unwrap());
            }
        });
        Self { address, _connections: connections }
    }

    fn sink(&self) -> String {
        format!(
            "[[sinks]]\nname = \"siem\"\nkind = \"syslog\"\nformat = \"json\"\naddress = \"tcp://{}\"\n\
             min_severity = \"low\"\npatient_identifiers = \"plain\"\n",
            self.address
        )
    }
}

/// A daemon whose alerts are stuck on their way.
fn stuck(name: &str) -> (Broker, HangingSiem, TempDir, Process) {
    let broker = Broker::mock();
    snooped(&broker, name, LOOKS);
    let (siem, folder) = (HangingSiem::start(), tempfile::tempdir().unwrap());
    let text = config_text(&broker, name, folder.path(), "1s", "") + &siem.sink();
    let mut process = Process::start(folder.path(), &text);
    process
        .wait("all incidents", |process| process.metric("chartsentry_handoffs_total", "opened") == Some(LOOKS as f64));
    process.wait("alerts that wait", |process| process.metric("chartsentry_outbox_pending", "siem") > Some(0.0));
    (broker, siem, folder, process)
}

#[test]
fn a_receiver_that_hangs_keeps_no_daemon_from_ending_and_loses_no_alert() {
    let (_broker, _siem, folder, process) = stuck("hung");
    assert_eq!(process.terminate().code(), Some(0));
    let store = Store::open(&StoreOptions { path: folder.path().join("store.db"), key: None }).unwrap();
    let read: i64 = store.positions().unwrap().iter().map(|position| position.next_offset).sum();
    assert_eq!(read, 3 * LOOKS as i64 + 1, "everything that was read is committed");
    let handle = store.handle();
    assert_eq!(handle.handoffs().unwrap().len(), LOOKS);
    let depths = handle.outbox_depths().unwrap();
    assert!(depths.iter().any(|depth| depth.sink == "siem" && depth.pending > 0 && depth.dead == 0), "{depths:?}");
}

#[test]
fn a_second_ctrl_c_ends_a_daemon_that_is_busy_ending() {
    let (_broker, _siem, folder, process) = stuck("twice");
    assert_eq!(process.terminate_and_interrupt().code(), Some(1));
    let log = std::fs::read_to_string(folder.path().join("stderr.log")).unwrap();
    assert!(log.contains("ended at once"), "{log}");
}

#[test]
fn a_broker_that_answers_no_more_keeps_no_daemon_from_ending() {
    let Some(own) = OwnBroker::start() else { return };
    snooped(&own.broker(), "mute", 20);
    let folder = tempfile::tempdir().unwrap();
    let text = config_text(&own.broker(), "mute", folder.path(), "1s", "handoff_topic = \"mute-audit-2\"\n");
    own.broker().create_topic("mute-audit-2", 1);
    let mut process = Process::start(folder.path(), &text);
    process.wait("all incidents", |process| process.metric("chartsentry_handoffs_total", "opened") == Some(20.0));
    process.wait("their delivery", |process| process.metric("chartsentry_delivered_total", "handoffs") == Some(20.0));
    own.pause();
    // Offsets that were told to Kafka are not answered any more.
    let status = process.terminate();
    own.resume();
    assert_eq!(status.code(), Some(0));
    let store = Store::open(&StoreOptions { path: folder.path().join("store.db"), key: None }).unwrap();
    assert_eq!(store.handle().handoffs().unwrap().len(), 20);
}
