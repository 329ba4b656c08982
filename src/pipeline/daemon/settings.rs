//! From the configuration to what the parts of the daemon take.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::breach::handoff::Facility;
use crate::config::{Config, Format, Identifiers, Secrets, SinkSettings, SourceSettings, SyslogTransport, Target};
use crate::model::incident::Severity;
use crate::pipeline::token;
use crate::sink::kafka_context::Publishing;
use crate::sink::routing::Route;
use crate::sink::settings::{self, IdentifierMode, Kind};
use crate::source::kafka::Connection;
use crate::source::syslog::{Endpoint, TlsIdentity, Transport};
use crate::store::{StoreKey, StoreOptions};

/// The outbox's name for the handoff topic.
pub(super) const HANDOFFS: &str = "handoffs";

/// Refuses what is configured but cannot be done.
pub(super) fn check(config: &Config) -> Result<()> {
    let has_handoffs = config.kafka.handoff_topic.is_some();
    if has_handoffs && config.sinks.iter().any(|sink| sink.name == HANDOFFS) {
        bail!("the sink \"{HANDOFFS}\" has the name that kafka.handoff_topic uses: give the sink another name");
    }
    Ok(())
}

/// How to reach Kafka.
#[must_use]
pub fn connection(config: &Config, secrets: &Secrets) -> Connection {
    let mut connection = Connection::new(config.kafka.brokers.as_str(), config.kafka.group_id.as_str());
    let properties = secrets.kafka_properties.iter();
    connection.properties.extend(properties.map(|(key, value)| (key.clone(), value.expose().to_owned())));
    connection.token = token::source(config);
    connection
}

/// Where syslog messages are taken in, with the certificates read.
///
/// # Errors
/// The first file that cannot be read.
pub(super) fn endpoints(config: &Config, secrets: &Secrets) -> Result<Vec<Endpoint>> {
    config.sources.iter().map(|source| endpoint(source, secrets)).collect()
}

/// Where one source takes messages in.
///
/// # Errors
/// A file that cannot be read.
pub fn endpoint(source: &SourceSettings, secrets: &Secrets) -> Result<Endpoint> {
    let read = |path: &Path| {
        let said = || format!("source \"{}\": cannot read {}", source.name, path.display());
        std::fs::read_to_string(path).with_context(said)
    };
    let transport = match &source.transport {
        SyslogTransport::Udp => Transport::Udp,
        SyslogTransport::Tcp => Transport::Tcp,
        SyslogTransport::Tls(tls) => Transport::Tls(TlsIdentity {
            certificate: read(&tls.certificate)?,
            private_key: secrets.tls_keys.get(&source.name).map_or("", |key| key.expose()).to_owned(),
            client_ca: read(&tls.client_ca)?,
            clients: tls.clients.clone(),
        }),
    };
    Ok(Endpoint { name: source.name.clone(), address: source.address.clone(), transport })
}

/// How to publish to Kafka.
#[must_use]
pub fn publishing(config: &Config, secrets: &Secrets) -> Publishing {
    // These concern consumers only; librdkafka warns of them on a producer.
    let is_consumers = |key: &str| {
        key.starts_with("fetch.")
            || key.starts_with("session.")
            || key.starts_with("heartbeat.")
            || key.starts_with("queued.")
            || key.starts_with("max.poll.")
            || key.starts_with("partition.assignment.")
            || key.starts_with("group.")
            || key == "check.crcs"
    };
    let plain = secrets.kafka_properties.iter().filter(|(key, _)| !is_consumers(key));
    let mut properties: BTreeMap<String, String> =
        plain.map(|(key, value)| (key.clone(), value.expose().to_owned())).collect();
    properties.insert("bootstrap.servers".to_owned(), config.kafka.brokers.clone());
    Publishing { properties, token: token::source(config) }
}

/// Where the store is and what opens it.
#[must_use]
pub fn store(config: &Config, secrets: &Secrets) -> StoreOptions {
    let key = secrets.store_key.as_ref().map(|key| StoreKey::new(key.expose()));
    StoreOptions { path: config.store.path.clone(), key }
}

/// What the clocks need to know about the facility.
///
/// # Errors
/// When the time zone is not in the built-in database.
pub fn facility(config: &Config) -> Result<Facility> {
    Ok(Facility {
        zone: config.facility.zone().map_err(anyhow::Error::msg)?,
        california: config.facility.licensed_in_california,
        log_review_interval_days: config.facility.log_review_interval_days,
    })
}

/// Every sink, the handoff topic among them.
#[must_use]
pub fn sinks(config: &Config) -> Vec<settings::SinkSettings> {
    let topic = config.kafka.handoff_topic.iter().map(|topic| settings::SinkSettings {
        name: HANDOFFS.to_owned(),
        kind: Kind::Kafka,
        format: settings::Format::Json,
        address: topic.clone(),
        min_severity: Severity::Low,
        patient_identifiers: IdentifierMode::Plain,
        user_identifiers: IdentifierMode::Plain,
        pseudonym_key: None,
        max_message_bytes: None,
        bom: false,
    });
    config.sinks.iter().map(sink).chain(topic).collect()
}

fn sink(sink: &SinkSettings) -> settings::SinkSettings {
    let mode = |identifiers| match identifiers {
        Identifiers::Pseudonym => IdentifierMode::Pseudonym,
        Identifiers::Plain => IdentifierMode::Plain,
    };
    let (kind, address) = match &sink.target {
        Target::SyslogUdp(_) | Target::SyslogTcp(_) => (Kind::Syslog, sink.target.to_string()),
        Target::File(path) => (Kind::File, path.display().to_string()),
        Target::Kafka(topic) => (Kind::Kafka, topic.clone()),
    };
    settings::SinkSettings {
        name: sink.name.clone(),
        kind,
        format: match sink.format {
            Format::Cef => settings::Format::Cef,
            Format::Json => settings::Format::Json,
        },
        address,
        min_severity: sink.min_severity,
        patient_identifiers: mode(sink.patient_identifiers),
        user_identifiers: mode(sink.user_identifiers),
        pseudonym_key: sink.pseudonym_key.as_ref().map(ToString::to_string),
        max_message_bytes: None,
        bom: false,
    }
}

/// Which sink hears of what.
pub(super) fn routes(sinks: &[settings::SinkSettings]) -> Vec<Route> {
    sinks.iter().map(|sink| Route { sink: sink.name.clone(), min_severity: sink.min_severity }).collect()
}

/// Which sinks hear of reminders and checkpoints: those of the configuration, not the topic of handoffs.
pub(super) fn bulletin_sinks(config: &Config) -> Vec<String> {
    config.sinks.iter().map(|sink| sink.name.clone()).collect()
}

/// This machine's name, as syslog messages carry it.
#[must_use]
pub fn hostname() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| std::env::var("HOSTNAME").ok());
    name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).unwrap_or_else(|| "localhost".to_owned())
}
