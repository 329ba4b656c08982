//! `[[sinks]]`: where alerts go.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use super::entry::{endpoint, one_of, own_name, required};
use super::raw::Value;
use super::secret::SecretRef;
use super::section::{Section, parsed};
use super::shell::is_topic;
use crate::model::incident::Severity;

/// One destination of alerts.
#[derive(Clone, Debug, PartialEq)]
pub struct SinkSettings {
    /// Names the sink in metrics, logs and the outbox.
    pub name: String,
    pub target: Target,
    pub format: Format,
    /// Incidents below it are not sent.
    pub min_severity: Severity,
    pub patient_identifiers: Identifiers,
    pub user_identifiers: Identifiers,
    /// Present whenever identifiers of either sort are pseudonyms.
    pub pseudonym_key: Option<SecretRef>,
}

/// A sink's kind and address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Syslog over UDP, one datagram a message; `host:port`.
    SyslogUdp(String),
    /// Syslog over TCP, octet-counted; `host:port`.
    SyslogTcp(String),
    /// A file that is appended to.
    File(PathBuf),
    /// A topic of the broker under `[kafka]`.
    Kafka(String),
}

impl Target {
    /// The kind's name in the configuration.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::SyslogUdp(_) | Self::SyslogTcp(_) => "syslog",
            Self::File(_) => "file",
            Self::Kafka(_) => "kafka",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SyslogUdp(address) => write!(f, "udp://{address}"),
            Self::SyslogTcp(address) => write!(f, "tcp://{address}"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Kafka(topic) => write!(f, "topic {topic}"),
        }
    }
}

/// How an alert is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Cef,
    Json,
}

impl Format {
    /// The name in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cef => "cef",
            Self::Json => "json",
        }
    }
}

/// How an id is written in alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identifiers {
    /// A keyed hash: the same id is the same pseudonym, and only the key's holder can tell which.
    Pseudonym,
    /// The id itself.
    Plain,
}

const KINDS: [&str; 3] = ["syslog", "file", "kafka"];
const LATER_KINDS: [&str; 5] = ["hec", "elastic", "sentinel", "webhook", "smtp"];
const FORMATS: [&str; 2] = ["cef", "json"];
const LATER_FORMATS: [&str; 4] = ["leef", "rfc5424", "ecs", "ocsf"];

/// Reads every `[[sinks]]` table. A sink with a problem is left out; the problem is reported.
pub(super) fn read(root: &mut Section<'_>) -> Vec<SinkSettings> {
    let mut names = BTreeSet::new();
    let sections = root.children("sinks");
    sections.into_iter().filter_map(|section| sink(section, &mut names)).collect()
}

fn sink(mut section: Section<'_>, names: &mut BTreeSet<String>) -> Option<SinkSettings> {
    let name = own_name(&mut section, names, "sink");
    let kind = one_of(&mut section, "kind", &KINDS, &LATER_KINDS, None);
    let format = one_of(&mut section, "format", &FORMATS, &LATER_FORMATS, Some("cef"));
    let target = target(&mut section, kind);
    let min_severity = section.get("min_severity", "low, medium, high or critical", |value| {
        let name = parsed::<String>(value)?;
        Severity::ALL.into_iter().find(|severity| severity.name() == name)
    });
    let patient_identifiers = identifiers(&mut section, "patient_identifiers", Identifiers::Pseudonym);
    let user_identifiers = identifiers(&mut section, "user_identifiers", Identifiers::Plain);
    let is_keyed = section.node("pseudonym_key").is_some();
    let pseudonym_key = section.secret("pseudonym_key");
    if !is_keyed && [patient_identifiers, user_identifiers].contains(&Identifiers::Pseudonym) {
        let expected = format!("{}, because identifiers are pseudonyms", SecretRef::FORMS);
        section.complain("pseudonym_key", "nothing", expected);
    }
    section.finish();
    Some(SinkSettings {
        name: name?,
        target: target?,
        format: if format? == "json" { Format::Json } else { Format::Cef },
        min_severity: min_severity.unwrap_or(Severity::Medium),
        patient_identifiers,
        user_identifiers,
        pseudonym_key,
    })
}

fn target(section: &mut Section<'_>, kind: Option<&str>) -> Option<Target> {
    match kind {
        Some("file") => required(section, "address", "the path of a file", |value| {
            let text = parsed::<String>(value)?;
            let path = text.strip_prefix("file://").unwrap_or(&text);
            Some(path).filter(|path| !path.is_empty() && !path.contains("://")).map(|path| Target::File(path.into()))
        }),
        Some("kafka") => required(section, "address", "a Kafka topic's name", |value| {
            parsed::<String>(value).filter(|topic| is_topic(topic)).map(Target::Kafka)
        }),
        Some(_) => syslog(section),
        // The kind is already reported; without it the address cannot be judged.
        None => section.node("address").and(None),
    }
}

fn syslog(section: &mut Section<'_>) -> Option<Target> {
    let expected = "\"udp://host:port\" or \"tcp://host:port\"";
    if let Some(Value::Text(text)) = section.node("address").map(|node| &node.value)
        && text.trim().starts_with("tls://")
    {
        section.complain("address", "a tls:// address, which is not available in this version", expected);
        return None;
    }
    required(section, "address", expected, |value| {
        let (scheme, address, _) = endpoint(value).filter(|(.., port)| *port > 0)?;
        match scheme.as_str() {
            "udp" => Some(Target::SyslogUdp(address)),
            "tcp" => Some(Target::SyslogTcp(address)),
            _ => None,
        }
    })
}

fn identifiers(section: &mut Section<'_>, key: &str, default: Identifiers) -> Identifiers {
    section
        .get(key, "\"pseudonym\" or \"plain\"", |value| match parsed::<String>(value)?.as_str() {
            "pseudonym" => Some(Identifiers::Pseudonym),
            "plain" => Some(Identifiers::Plain),
            _ => None,
        })
        .unwrap_or(default)
}
