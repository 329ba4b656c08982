//! Brokers to test against: librdkafka's own inside this process, and a real Apache Kafka.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use chartsentry::source::kafka::{Cluster, Connection, EmbeddedBroker, NewTopic};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic as ClientTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

/// Exit status of `broker.sh` when Java, Maven or Kafka is missing.
const NOT_INSTALLED: i32 = 77;
/// How the last line of its answer begins.
const LAST_LINE: &str = "DIR=";

/// A record to produce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) partition: i32,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
}

/// A running broker.
pub(crate) struct Broker {
    brokers: String,
    embedded: Option<EmbeddedBroker>,
    /// What a client must set to be let in.
    properties: Vec<(String, String)>,
}

impl Broker {
    /// A fresh broker inside this process.
    pub(crate) fn mock() -> Self {
        let embedded = EmbeddedBroker::start().unwrap();
        Self { brokers: embedded.brokers(), embedded: Some(embedded), properties: Vec::new() }
    }

    /// The one real broker of this test process, shared by its tests: name topics and groups after
    /// the test. It stops when this process ends. Otherwise as for [`RealBroker::start`].
    pub(crate) fn real() -> Option<Self> {
        static REAL: OnceLock<Option<RealBroker>> = OnceLock::new();
        REAL.get_or_init(RealBroker::start).as_ref().map(Self::of)
    }

    /// A real one that runs already.
    pub(crate) fn of(real: &RealBroker) -> Self {
        Self::behind(real.said("BOOTSTRAP"), &[])
    }

    /// A listener of a real one, with what a client must set to be let in.
    pub(crate) fn behind(listener: &str, properties: &[(&str, &str)]) -> Self {
        let properties = properties.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Self { brokers: listener.to_owned(), embedded: None, properties }
    }

    /// `host:port`.
    pub(crate) fn brokers(&self) -> &str {
        &self.brokers
    }

    pub(crate) fn connection(&self, group: &str) -> Connection {
        let mut connection = Connection::new(&self.brokers, group);
        connection.properties.clone_from(&self.properties);
        if self.embedded.is_some() {
            // The embedded broker ends a rebalance only when the session time is nearly over.
            for (key, value) in [("session.timeout.ms", "3000"), ("heartbeat.interval.ms", "500")] {
                connection.properties.push((key.to_owned(), value.to_owned()));
            }
        }
        connection
    }

    pub(crate) fn create_topic(&self, name: &str, partitions: i32) {
        self.create(name, partitions, false);
    }

    /// The embedded broker does not compact.
    pub(crate) fn create_compacted_topic(&self, name: &str, partitions: i32) {
        self.create(name, partitions, true);
    }

    /// A topic that takes no larger batch than this, in bytes. The embedded broker takes every batch.
    pub(crate) fn create_topic_of(&self, name: &str, most_bytes: u32) {
        if self.embedded.is_some() {
            return self.create_topic(name, 1);
        }
        let admin: AdminClient<DefaultClientContext> = self.connection("tests").client_config().create().unwrap();
        let bytes = most_bytes.to_string();
        let topic = ClientTopic::new(name, 1, TopicReplication::Fixed(1)).set("max.message.bytes", &bytes);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let made = runtime.block_on(admin.create_topics(&[topic], &AdminOptions::new())).unwrap();
        assert!(made.iter().all(Result::is_ok), "{made:?}");
    }

    fn create(&self, name: &str, partitions: i32, compacted: bool) {
        if let Some(embedded) = &self.embedded {
            embedded.create_topic(name, partitions).unwrap();
            return;
        }
        let topic = NewTopic { name: name.to_owned(), partitions, replicas: -1, compacted, retention_ms: None };
        let cluster = Cluster::connect(&self.connection("tests")).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(cluster.create_topics(&[topic])).unwrap();
    }

    /// Produces messages in this order and waits until the broker has them all.
    pub(crate) fn produce(&self, topic: &str, messages: &[Message]) {
        let mut config = self.connection("tests").client_config();
        let producer: BaseProducer = config.set("linger.ms", "5").set("enable.idempotence", "true").create().unwrap();
        for message in messages {
            let mut record = BaseRecord::to(topic).partition(message.partition);
            if let Some(key) = &message.key {
                record = record.key(key);
            }
            if let Some(value) = &message.value {
                record = record.payload(value);
            }
            while let Err((_, refused)) = producer.send(record) {
                record = refused;
                producer.poll(Duration::from_millis(10));
            }
        }
        producer.flush(Duration::from_secs(30)).unwrap();
    }
}

/// `broker.sh run`, which stops its broker when standard input closes: also when this process is killed.
pub(crate) struct RealBroker {
    /// What the script says of it, such as `BOOTSTRAP=127.0.0.1:9092`.
    said: Vec<String>,
    _script: Child,
}

impl RealBroker {
    /// Starts one. `None`, said aloud, where it cannot be had; a failure if `CHARTSENTRY_REQUIRE_KAFKA` is 1.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// The same with options of the script.
    pub(crate) fn start_with(options: &[&str]) -> Option<Self> {
        let mut command = Command::new(script());
        let mut child = command.arg("run").args(options).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        // All that it says is read, so that it does not write into a closed pipe.
        let mut said = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
            let is_last = line.starts_with(LAST_LINE);
            said.push(line);
            if is_last {
                return Some(Self { said, _script: child });
            }
        }
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(NOT_INSTALLED), "broker.sh failed with {status}; see its message above");
        let required = std::env::var("CHARTSENTRY_REQUIRE_KAFKA").is_ok_and(|value| value == "1");
        assert!(!required, "CHARTSENTRY_REQUIRE_KAFKA=1, but no Kafka broker could be started");
        eprintln!("SKIPPED: no Kafka broker could be started (see above)");
        None
    }

    /// What the script says under a name, such as `BOOTSTRAP`.
    pub(crate) fn said(&self, name: &str) -> &str {
        let value = |line: &String| line.strip_prefix(name).is_some_and(|rest| rest.starts_with('='));
        let place = self.said.iter().position(value).unwrap();
        &self.said[place][name.len() + 1..]
    }
}

/// The script that fetches, starts and stops real brokers.
pub(crate) fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka/broker.sh")
}
