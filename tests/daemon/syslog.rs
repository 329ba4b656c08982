//! Audit messages over syslog: on disk before anything else, decided once, and only from those who may send.

use std::io::Write;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use chartsentry::store::{Spool, Store, StoreOptions};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tempfile::TempDir;

use super::certificates::{Authority, Files};
use super::on_both_brokers;
use super::process::{Process, config_text, free_address};
use crate::support::Broker;

on_both_brokers!(messages_survive_kill_9_and_are_decided_once);

/// An ATNA message of several lines after an RFC 5424 header.
fn message(number: u32) -> String {
    format!(
        "<85>1 2026-06-01T14:00:00Z ehr.example ehr - IHE+DICOM - \u{feff}<?xml version=\"1.0\"?>\n<AuditMessage>\n\
         <EventIdentification EventActionCode=\"R\" EventDateTime=\"2026-06-01T14:00:00Z\" EventOutcomeIndicator=\"0\">\n\
         <EventID csd-code=\"110110\" codeSystemName=\"DCM\" originalText=\"Patient Record\"/></EventIdentification>\n\
         <ActiveParticipant UserID=\"u1\" UserIsRequestor=\"true\"/>\n\
         <ParticipantObjectIdentification ParticipantObjectID=\"p{number}\" ParticipantObjectTypeCode=\"1\" \
         ParticipantObjectTypeCodeRole=\"1\"/>\n</AuditMessage>"
    )
}

pub(crate) fn counted(numbers: std::ops::Range<u32>) -> String {
    let frames = numbers.map(message).map(|text| format!("{} {text}", text.len()));
    frames.collect()
}

/// The three ways in.
pub(crate) struct Ways {
    pub(crate) udp: SocketAddr,
    pub(crate) tcp: SocketAddr,
    pub(crate) tls: SocketAddr,
    pub(crate) authority: Authority,
}

impl Ways {
    pub(crate) fn new(folder: &Path) -> Self {
        let authority = Authority::new(folder, "ca");
        let [udp, tcp, tls] = [free_address(), free_address(), free_address()];
        Self { udp, tcp, tls, authority }
    }

    pub(crate) fn config(&self) -> String {
        let Files { certificate, key } = self.authority.vouch("localhost");
        let plain = [("udp", self.udp), ("tcp", self.tcp)].map(|(scheme, address)| {
            format!("[[sources]]\nname = \"{scheme}\"\nkind = \"syslog\"\naddress = \"{scheme}://{address}\"\n")
        });
        format!(
            "{}[[sources]]\nname = \"atna\"\nkind = \"syslog\"\naddress = \"tls://{}\"\ncertificate = \"{}\"\n\
             private_key = \"file:{}\"\nclient_ca = \"{}\"\nclients = [\"ehr.example\"]\n",
            plain.concat(),
            self.tls,
            certificate.display(),
            key.display(),
            self.authority.file().display(),
        )
    }

    /// Sends over TLS, showing a certificate or none; whether the other end took it.
    pub(crate) fn send(&self, shown: Option<&Files>, text: &str) -> std::io::Result<()> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.authority.file()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let builder = builder.with_root_certificates(roots);
        let config = match shown {
            None => builder.with_no_client_auth(),
            Some(files) => {
                let chain = vec![CertificateDer::from_pem_file(&files.certificate).unwrap()];
                builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(&files.key).unwrap()).unwrap()
            }
        };
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = StreamOwned::new(connection, TcpStream::connect(self.tls)?);
        stream.write_all(text.as_bytes())?;
        stream.conn.send_close_notify();
        stream.flush()
    }
}

/// Where a daemon runs that listens to all of them.
struct Place {
    folder: TempDir,
    ways: Ways,
    text: String,
}

impl Place {
    /// Topics and a configuration named after the test.
    fn new(broker: &Broker, name: &str, lateness: &str) -> Self {
        broker.create_topic(&format!("{name}-audit"), 1);
        broker.create_compacted_topic(&format!("{name}-context"), 1);
        let folder = tempfile::tempdir().unwrap();
        let ways = Ways::new(folder.path());
        let text = config_text(broker, name, folder.path(), lateness, "") + &ways.config();
        Self { folder, ways, text }
    }
}

pub(crate) fn kept(process: &Process) -> Option<f64> {
    process.metric("chartsentry_syslog_messages_total", "")
}

fn messages_survive_kill_9_and_are_decided_once(broker: &Broker) {
    let Place { folder, ways, text } = Place::new(broker, "syslog", "8s");
    let mut process = Process::start(folder.path(), &text);
    process.wait_until_ready();

    ways.send(Some(&ways.authority.vouch("ehr.example")), &counted(0..200)).unwrap();
    let mut plain = TcpStream::connect(ways.tcp).unwrap();
    for number in 200..300 {
        plain.write_all(format!("{}\n", message(number)).as_bytes()).unwrap();
    }
    plain.write_all(b"<85>1 - h a - - - no audit message\n").unwrap();
    let cut = counted(300..301);
    plain.write_all(&cut.as_bytes()[..cut.len() - 20]).unwrap();
    drop(plain);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for number in 300..350 {
        socket.send_to(message(number).as_bytes(), ways.udp).unwrap();
    }
    // Lines are taken in as they come, several at once; the message that was cut off is the last of them.
    process.wait("messages on disk", |process| {
        let of = |source: &str| process.metric("chartsentry_syslog_messages_total", source);
        let is_cut = process.metric("chartsentry_rejects_total", "truncated") == Some(1.0);
        of("atna") == Some(200.0) && of("udp") == Some(50.0) && is_cut
    });
    // Nothing is due before the lane has been silent for the allowed lateness.
    process.kill();

    let mut process = Process::start(folder.path(), &text);
    process.wait_until_ready();
    process.wait("the verdicts", |process| process.metric("chartsentry_accesses_total", "") >= Some(350.0));
    assert_eq!(process.metric("chartsentry_accesses_total", ""), Some(350.0));
    assert_eq!(process.metric("chartsentry_duplicates_total", ""), Some(0.0));
    process.wait("an empty spool", |process| process.metric("chartsentry_spool_messages", "") == Some(0.0));
    turned_away(&ways, &mut process, folder.path());
    assert_eq!(process.terminate().code(), Some(0));

    let options = StoreOptions { path: folder.path().join("store.db"), key: None };
    let store = Store::open(&options).unwrap();
    let position = store.positions().unwrap().into_iter().find(|position| position.topic == "(syslog)").unwrap();
    let reasons: Vec<String> = store.handle().quarantine(10).unwrap().into_iter().map(|record| record.reason).collect();
    assert_eq!(reasons, ["unknown_type", "truncated"]);
    let (spool, released) = Spool::open(&options, position.next_offset).unwrap();
    assert_eq!((released, spool.backlog().messages), (position.next_offset, 0));
}

/// Without a certificate, with one of another authority, and with one of another name.
fn turned_away(ways: &Ways, process: &mut Process, folder: &Path) {
    let stranger = Authority::new(folder, "other").vouch("ehr.example");
    let misnamed = ways.authority.vouch("printer.example");
    for (turned_away, shown) in (1..).zip([None, Some(&stranger), Some(&misnamed)]) {
        // TLS 1.3 tells a client that it is refused only after its first words.
        let _ = ways.send(shown, &counted(900..901));
        process.wait("a refusal", |process| {
            process.metric("chartsentry_syslog_troubles_total", "atna") == Some(f64::from(turned_away))
        });
    }
    assert_eq!(kept(process), Some(0.0), "after the start nothing was taken in");
}

/// A line of an EHR's feed for a SIEM, without any header.
fn line(number: usize, at: jiff::Timestamp) -> String {
    format!(
        "CEF:0|Epic|Security-SIEM|9|SECURE|n|5|suser=u1^QUILL PATIENT=p{number} rt={} E3MID=m{number}\n",
        at.as_millisecond()
    )
}

#[test]
fn no_sender_stops_the_others() {
    let broker = Broker::mock();
    let Place { folder, ways, text } = Place::new(&broker, "senders", "2s");
    let mut process = Process::start(folder.path(), &text);
    process.wait_until_ready();
    let accesses = |process: &Process| process.metric("chartsentry_accesses_total", "");

    // One whose lines come without pause, after one whose clock is wrong.
    let now = jiff::Timestamp::from_millisecond(chartsentry::pipeline::clock::now().0 / 1_000).unwrap();
    let mut lines = TcpStream::connect(ways.tcp).unwrap();
    lines.write_all(line(9_999, now + jiff::SignedDuration::from_hours(20)).as_bytes()).unwrap();
    (0..5_000).for_each(|number| lines.write_all(line(number, now).as_bytes()).unwrap());
    process.wait("the lines", |process| accesses(process) == Some(5_000.0));
    assert_eq!(process.metric("chartsentry_late_total", ""), Some(0.0));

    // One whose datagram holds thousands of lines that are nothing.
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(format!("CEF:\n{}", "x\n".repeat(15_000)).as_bytes(), ways.udp).unwrap();
    process.wait("the rejects", |process| process.metric("chartsentry_rejects_total", "") >= Some(15_000.0));

    // One that never stops.
    let mut chatter = TcpStream::connect(ways.tcp).unwrap();
    let chatting = std::thread::spawn(move || {
        while chatter.write_all(b"<13>Jun  1 07:00:00 host -- MARK --\n").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    lines.write_all((5_000..5_010).map(|number| line(number, now)).collect::<String>().as_bytes()).unwrap();
    process.wait("the lines after it", |process| accesses(process) == Some(5_010.0));
    assert_eq!(process.terminate().code(), Some(0));
    chatting.join().unwrap();

    let store = Store::open(&StoreOptions { path: folder.path().join("store.db"), key: None }).unwrap();
    let kept = store.handle().quarantine(100_000).unwrap();
    assert_eq!(kept.iter().filter(|record| record.record.starts_with(b"CEF:\nx")).count(), 1);
    assert!(kept.iter().all(|record| record.sentence.contains("(source \"")), "{:?}", kept.first());
}

/// A real rsyslogd that hands on over TLS what it is given.
struct Rsyslog(Child);

impl Rsyslog {
    fn start(folder: &Path, listen: SocketAddr, ways: &Ways) -> Self {
        let Files { certificate, key } = ways.authority.vouch("ehr.example");
        let config = format!(
            "global(workDirectory=\"{work}\" maxMessageSize=\"64k\" parser.escapeControlCharactersOnReceive=\"off\"\n\
             \x20 defaultNetstreamDriverCAFile=\"{ca}\" defaultNetstreamDriverCertFile=\"{certificate}\"\n\
             \x20 defaultNetstreamDriverKeyFile=\"{key}\")\n\
             module(load=\"imptcp\")\n\
             input(type=\"imptcp\" address=\"127.0.0.1\" port=\"{port}\" supportOctetCountedFraming=\"on\")\n\
             template(name=\"raw\" type=\"string\" string=\"%rawmsg%\")\n\
             action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{to}\" protocol=\"tcp\" TCP_Framing=\"octet-counted\"\n\
             \x20 template=\"raw\" StreamDriver=\"ossl\" StreamDriverMode=\"1\" StreamDriverAuthMode=\"x509/certvalid\")\n",
            work = folder.display(),
            ca = ways.authority.file().display(),
            certificate = certificate.display(),
            key = key.display(),
            port = listen.port(),
            to = ways.tls.port(),
        );
        let file = folder.join("rsyslog.conf");
        std::fs::write(&file, config).unwrap();
        let log = std::fs::File::create(folder.join("rsyslog.log")).unwrap();
        let child = Command::new("rsyslogd")
            .args(["-n", "-f", file.to_str().unwrap(), "-i", folder.join("rsyslog.pid").to_str().unwrap()])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        Self(child.unwrap())
    }

    /// Whether this machine has it. Where it must be had, its absence is a failure.
    fn is_here() -> bool {
        let is_here = Command::new("rsyslogd").arg("-v").output().is_ok_and(|output| output.status.success());
        assert!(is_here || std::env::var_os("CHARTSENTRY_REQUIRE_RSYSLOG").is_none(), "rsyslogd is not installed");
        is_here
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        // One that has ended cannot be killed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_real_rsyslog_hands_every_message_on_over_mutual_tls() {
    if !Rsyslog::is_here() {
        return;
    }
    let broker = Broker::mock();
    let Place { folder, ways, text } = Place::new(&broker, "rsyslog", "1s");
    let mut process = Process::start(folder.path(), &text);
    process.wait_until_ready();
    let listen = free_address();
    let _rsyslog = Rsyslog::start(folder.path(), listen, &ways);
    let mut stream = (0..100)
        .find_map(|_| {
            let connected = TcpStream::connect(listen);
            if connected.is_err() {
                std::thread::sleep(Duration::from_millis(100));
            }
            connected.ok()
        })
        .expect("rsyslogd listens");
    stream.write_all(counted(0..1_000).as_bytes()).unwrap();
    process.wait("the verdicts", |process| process.metric("chartsentry_accesses_total", "") == Some(1_000.0));
    assert_eq!(kept(&process), Some(1_000.0));
    assert_eq!(process.terminate().code(), Some(0));
}
