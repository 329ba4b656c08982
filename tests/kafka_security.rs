//! Kafka over TLS, with certificates, passwords and tokens, against a real broker.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use chartsentry::model::time::{SECOND, Timestamp};
use chartsentry::model::token::{Token, TokenSource};
use chartsentry::pipeline::clock;
use chartsentry::source::kafka::{Cluster, Connection};
use data_encoding::BASE64URL_NOPAD;
use rdkafka::Message as _;
use rdkafka::consumer::{BaseConsumer, Consumer};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::daemon::certificates::Authority;
use crate::daemon::process::{Process, config_text, free_address};
use crate::support::broker::RealBroker;
use crate::support::{Broker, Message};

const PASSWORD: &str = "quill-and-ink";

/// A broker with a listener for each way in. It keeps the certificates, so that they go with it.
struct Site(RealBroker);

/// The one of these tests; none where it cannot be had.
fn site() -> Option<&'static Site> {
    static SITE: OnceLock<Option<Site>> = OnceLock::new();
    SITE.get_or_init(Site::start).as_ref()
}

impl Site {
    fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(folder.path(), "ca");
        Authority::new(folder.path(), "other");
        authority.vouch("watcher");
        let server = authority.vouch("127.0.0.1");
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();
        let both = format!("{}{}", read(&server.key), read(&server.certificate));
        std::fs::write(folder.path().join("server.pem"), both).unwrap();
        std::fs::write(folder.path().join("scram.password"), PASSWORD).unwrap();
        RealBroker::start_with(&["--security", folder.path().to_str().unwrap()]).map(Self)
    }

    /// A file that the tests made for it.
    fn file(&self, name: &str) -> String {
        format!("{}/security/{name}", self.0.said("DIR"))
    }

    fn behind(&self, listener: &str, protocol: &str, more: &[(&str, &str)]) -> Broker {
        let authority = self.file("ca.pem");
        let both = [("security.protocol", protocol), ("ssl.ca.location", authority.as_str())];
        let properties: Vec<(&str, &str)> = both.into_iter().chain(more.iter().copied()).collect();
        Broker::behind(self.0.said(listener), &properties)
    }

    fn scram(&self, password: &str) -> Broker {
        let user = [("sasl.mechanism", "SCRAM-SHA-512"), ("sasl.username", "watcher"), ("sasl.password", password)];
        self.behind("BOOTSTRAP_SCRAM", "SASL_SSL", &user)
    }

    fn oauth(&self) -> Broker {
        self.behind("BOOTSTRAP_OAUTH", "SASL_SSL", &[("sasl.mechanism", "OAUTHBEARER")])
    }

    /// Over TLS, with a certificate that the broker trusts.
    fn mutual(&self) -> Broker {
        let (certificate, key) = (self.file("ca-watcher.pem"), self.file("ca-watcher.key"));
        let own = [("ssl.certificate.location", certificate.as_str()), ("ssl.key.location", key.as_str())];
        self.behind("BOOTSTRAP_MTLS", "SSL", &own)
    }
}

/// A token that nobody has signed, as the broker of these tests takes them.
fn token(until: Timestamp) -> String {
    let part = |json: &Value| BASE64URL_NOPAD.encode(json.to_string().as_bytes());
    let claims = json!({"sub": "watcher", "exp": until.0 / SECOND});
    format!("{}.{}.", part(&json!({"alg": "none"})), part(&claims))
}

fn access(number: u32) -> Message {
    let value = format!(
        "{{\"event_id\":\"e{number}\",\"occurred_at\":\"2026-06-01T07:00:00Z\",\"user_id\":\"u1\",\
         \"patient_id\":\"p{number}\",\"action\":\"view\"}}"
    );
    Message { partition: 0, key: Some(b"u1".to_vec()), value: Some(value.into_bytes()) }
}

fn decided(process: &Process) -> Option<f64> {
    process.metric("chartsentry_accesses_total", "")
}

/// The topics of one test, made through the door that is open to everybody.
struct Topics {
    open: Broker,
    name: &'static str,
    folder: TempDir,
}

impl Topics {
    fn create(site: &Site, name: &'static str) -> Self {
        let open = Broker::of(&site.0);
        for kind in ["audit", "quarantine", "alerts"] {
            open.create_topic(&format!("{name}-{kind}"), 1);
        }
        open.create_compacted_topic(&format!("{name}-context"), 1);
        Self { open, name, folder: tempfile::tempdir().unwrap() }
    }

    /// A configuration that reads and publishes through another door. `more` is added at the end.
    fn config(&self, door: &Broker, more: &str) -> String {
        let name = self.name;
        let quarantine = format!("quarantine_topic = \"{name}-quarantine\"\n");
        let text = config_text(door, name, self.folder.path(), "1s", &quarantine);
        let sink = "name = \"alerts\"\nkind = \"kafka\"\nformat = \"json\"\npatient_identifiers = \"plain\"\n";
        format!("{text}{more}[[sinks]]\n{sink}address = \"{name}-alerts\"\n")
    }

    fn produce(&self, messages: &[Message]) {
        self.open.produce(&format!("{}-audit", self.name), messages);
    }

    /// What stands first in the topic of records that could not be used.
    fn first_copy(&self) -> Vec<u8> {
        let topic = format!("{}-quarantine", self.name);
        let mut config = self.open.connection("unused").client_config();
        let consumer: BaseConsumer =
            config.set("group.id", &topic).set("auto.offset.reset", "earliest").create().unwrap();
        consumer.subscribe(&[topic.as_str()]).unwrap();
        // A poll also ends without a record when the group has moved.
        let copy = (0..30).find_map(|_| consumer.poll(Duration::from_secs(1))).expect("a copy").unwrap();
        copy.payload().unwrap_or_default().to_vec()
    }
}

/// `check --connect`, then the daemon: an access comes in, a copy of what is none goes out. Gives the log.
fn reads_and_publishes(topics: &Topics, config: &str) -> String {
    let poison = Message { partition: 0, key: None, value: Some(b"no access".to_vec()) };
    topics.produce(&[access(1), poison]);
    let folder = topics.folder.path();
    let file = folder.join("check.toml");
    std::fs::write(&file, format!("{config}[http]\nlisten = \"{}\"\n", free_address())).unwrap();
    let mut check = Command::new(env!("CARGO_BIN_EXE_chartsentry"));
    let checked = check.args(["check", "--connect", "--config"]).arg(&file).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&checked.stdout), String::from_utf8_lossy(&checked.stderr));
    assert!(checked.status.success(), "{said}");

    let mut process = Process::start(folder, config);
    process.wait_until_ready();
    process.wait("the access", |process| decided(process) == Some(1.0));
    assert_eq!(topics.first_copy(), b"no access");
    let log = process.log();
    assert_eq!(process.terminate().code(), Some(0));
    said + &log
}

#[test]
fn a_daemon_reads_and_publishes_over_tls() {
    let Some(site) = site() else { return };
    let topics = Topics::create(site, "tls");
    reads_and_publishes(&topics, &topics.config(&site.behind("BOOTSTRAP_SSL", "SSL", &[]), ""));
}

#[test]
fn a_daemon_reads_and_publishes_with_a_certificate_of_its_own() {
    let Some(site) = site() else { return };
    let topics = Topics::create(site, "mutual");
    reads_and_publishes(&topics, &topics.config(&site.mutual(), ""));
}

#[test]
fn a_daemon_reads_and_publishes_with_a_password_that_is_never_shown() {
    let Some(site) = site() else { return };
    let topics = Topics::create(site, "scram");
    let password = format!("file:{}", site.file("scram.password"));
    let said = reads_and_publishes(&topics, &topics.config(&site.scram(&password), ""));
    assert!(!said.contains(PASSWORD), "{said}");
}

/// The table that names a token's file, which is written.
fn kept(topics: &Topics, until: Timestamp) -> String {
    let file = topics.folder.path().join("kafka.jwt");
    std::fs::write(&file, token(until)).unwrap();
    format!("[kafka.oauth]\ntoken = \"file:{}\"\n", file.display())
}

#[test]
fn a_daemon_reads_and_publishes_with_a_token_that_is_never_shown() {
    let Some(site) = site() else { return };
    let topics = Topics::create(site, "oauth");
    let until = clock::now().plus(3_600 * SECOND);
    let oauth = kept(&topics, until);
    let said = reads_and_publishes(&topics, &topics.config(&site.oauth(), &oauth));
    assert!(!said.contains(&token(until)), "{said}");
}

#[test]
fn a_token_is_renewed_while_the_daemon_runs() {
    let Some(site) = site() else { return };
    let topics = Topics::create(site, "renewed");
    let first_ends = clock::now().plus(30 * SECOND);
    let oauth = kept(&topics, first_ends);
    topics.produce(&[access(1)]);
    let mut process = Process::start(topics.folder.path(), &topics.config(&site.oauth(), &oauth));
    process.wait_until_ready();
    process.wait("the first access", |process| decided(process) == Some(1.0));
    kept(&topics, first_ends.plus(3_600 * SECOND));
    process.wait("the end of the first token", |_| clock::now() > first_ends.plus(3 * SECOND));
    topics.produce(&[access(2)]);
    process.wait("the second access", |process| decided(process) == Some(2.0));
    assert!(!process.log().contains("expired"), "{}", process.log());
    assert_eq!(process.terminate().code(), Some(0));
}

/// Why a broker does not let a client in.
fn refusal(connection: &Connection) -> String {
    Cluster::connect(connection).and_then(|cluster| cluster.topics()).unwrap_err().to_string()
}

#[test]
fn a_broker_of_another_authority_is_refused_with_the_setting_to_look_at() {
    let Some(site) = site() else { return };
    let mut connection = site.behind("BOOTSTRAP_SSL", "SSL", &[]).connection("refused");
    connection.properties.push(("ssl.ca.location".to_owned(), site.file("other.pem")));
    let why = refusal(&connection);
    assert!(why.contains("certificate verify failed") && why.contains("check ssl.ca.location"), "{why}");
}

#[test]
fn a_client_without_a_certificate_is_told_what_to_set() {
    let Some(site) = site() else { return };
    let why = refusal(&site.behind("BOOTSTRAP_MTLS", "SSL", &[]).connection("refused"));
    assert!(why.contains("set ssl.certificate.location and ssl.key.location"), "{why}");
}

#[test]
fn a_wrong_password_is_told_as_such_and_not_shown() {
    let Some(site) = site() else { return };
    let why = refusal(&site.scram("hunter2").connection("refused"));
    assert!(why.contains("invalid credentials") && why.contains("check sasl.mechanism"), "{why}");
    assert!(!why.contains("hunter2"), "{why}");
}

#[test]
fn a_client_that_speaks_plainly_to_a_tls_port_is_told_so() {
    let Some(site) = site() else { return };
    let why = refusal(&Broker::behind(site.0.said("BOOTSTRAP_SSL"), &[]).connection("refused"));
    assert!(why.contains("check security.protocol"), "{why}");
}

/// Why a broker does not take a token.
fn refusal_of(site: &Site, text: String) -> String {
    let mut connection = site.oauth().connection("refused");
    connection.token = Some(TokenSource::new(move || Token::read(&text, None, clock::now())));
    refusal(&connection)
}

#[test]
fn an_expired_token_is_told_as_such() {
    let Some(site) = site() else { return };
    let text = token(clock::now().minus(SECOND));
    let why = refusal_of(site, text.clone());
    assert!(why.contains("the token expired at") && why.contains("check [kafka.oauth] token"), "{why}");
    assert!(!why.contains(&text), "{why}");
}

#[test]
fn a_token_that_the_broker_does_not_take_is_told_as_such_and_not_shown() {
    let Some(site) = site() else { return };
    let why = refusal_of(site, "hunter2".to_owned());
    assert!(why.contains("check [kafka.oauth] token") && !why.contains("hunter2"), "{why}");
}
