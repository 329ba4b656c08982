//! `[[sinks]]`: who is told what.

use serde::{Deserialize, Serialize};

use crate::model::incident::Severity;

/// One sink of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkSettings {
    /// Names the sink in the outbox, metrics and messages.
    pub name: String,
    pub kind: Kind,
    #[serde(default)]
    pub format: Format,
    /// syslog: `udp://host:port` or `tcp://host:port`; file: a path; kafka: a topic.
    pub address: String,
    /// Incidents below are not sent, unless the sink already knows of them and they end.
    #[serde(default = "medium")]
    pub min_severity: Severity,
    #[serde(default = "pseudonym")]
    pub patient_identifiers: IdentifierMode,
    #[serde(default = "plain")]
    pub user_identifiers: IdentifierMode,
    /// Where the key of the pseudonyms is found.
    #[serde(default)]
    pub pseudonym_key: Option<String>,
    /// Longest message in bytes; by default 2048 for UDP and 8192 otherwise, no limit for kafka.
    #[serde(default)]
    pub max_message_bytes: Option<usize>,
    /// syslog: begin the text with a byte order mark, as RFC 5424 section 6.4 has it. Most receivers show
    /// it as a character.
    #[serde(default)]
    pub bom: bool,
}

/// The way messages travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Syslog,
    Kafka,
    File,
}

/// The form messages have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    #[default]
    Cef,
    Json,
}

/// Whether ids are replaced by a keyed hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IdentifierMode {
    Pseudonym,
    Plain,
}

const fn medium() -> Severity {
    Severity::Medium
}

const fn pseudonym() -> IdentifierMode {
    IdentifierMode::Pseudonym
}

const fn plain() -> IdentifierMode {
    IdentifierMode::Plain
}

/// The shortest limit that leaves room for the fixed fields of a message.
const MIN_MESSAGE_BYTES: usize = 1024;

/// Where a syslog receiver listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SyslogAddress {
    Udp(String),
    Tcp(String),
}

impl SinkSettings {
    /// Checks what can be checked without connecting.
    ///
    /// # Errors
    /// A sentence that names the field and says what was expected.
    pub fn validate(&self) -> Result<(), String> {
        if self.name.trim().is_empty() {
            return Err("a sink needs a name, such as \"siem\"".to_owned());
        }
        let about = |what: &str| format!("sink \"{}\": {what}", self.name);
        let modes = [self.patient_identifiers, self.user_identifiers];
        if modes.contains(&IdentifierMode::Pseudonym) && self.pseudonym_key.is_none() {
            return Err(about(
                "pseudonym_key is missing: name a file with a secret, or set patient_identifiers and user_identifiers to \"plain\"",
            ));
        }
        if self.max_message_bytes.is_some_and(|bytes| bytes < MIN_MESSAGE_BYTES) {
            return Err(about(&format!(
                "max_message_bytes is too small: a message needs at least {MIN_MESSAGE_BYTES}"
            )));
        }
        match self.kind {
            Kind::Syslog => self.syslog_address().map(drop).map_err(|error| about(&error)),
            Kind::File if self.file_path().is_empty() => Err(about("address is empty: expected the path of a file")),
            Kind::Kafka if self.address.trim().is_empty() => {
                Err(about("address is empty: expected the name of a topic"))
            }
            Kind::File | Kind::Kafka => Ok(()),
        }
    }

    pub(super) fn file_path(&self) -> &str {
        let address = self.address.trim();
        address.strip_prefix("file://").unwrap_or(address)
    }

    pub(super) fn syslog_address(&self) -> Result<SyslogAddress, String> {
        let expected =
            || format!("address \"{}\" is not understood: expected udp://host:port or tcp://host:port", self.address);
        let (scheme, place) = self.address.trim().split_once("://").ok_or_else(expected)?;
        let (host, port) = place.rsplit_once(':').ok_or_else(expected)?;
        if host.is_empty() || port.parse::<u16>().map_or(true, |port| port == 0) {
            return Err(expected());
        }
        match scheme {
            "udp" => Ok(SyslogAddress::Udp(place.to_owned())),
            "tcp" => Ok(SyslogAddress::Tcp(place.to_owned())),
            _ => Err(expected()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(extra: &str) -> SinkSettings {
        let text = format!("name = \"siem\"\nkind = \"syslog\"\n{extra}");
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn a_sink_hides_patients_unless_told_otherwise() {
        let sink = settings("address = \"udp://siem.example:514\"\npseudonym_key = \"file:/k\"");
        assert_eq!(
            (sink.patient_identifiers, sink.user_identifiers),
            (IdentifierMode::Pseudonym, IdentifierMode::Plain)
        );
        assert_eq!((sink.min_severity, sink.format), (Severity::Medium, Format::Cef));
        assert_eq!(sink.validate(), Ok(()));
        let error = SinkSettings { pseudonym_key: None, ..sink }.validate().unwrap_err();
        assert!(error.contains("\"siem\"") && error.contains("pseudonym_key"), "{error}");
    }

    #[test]
    fn addresses_are_read_or_explained() {
        let at = |address: &str| settings(&format!("address = \"{address}\"")).syslog_address();
        assert_eq!(at("tcp://siem.example:601"), Ok(SyslogAddress::Tcp("siem.example:601".to_owned())));
        assert_eq!(at("udp://[::1]:514"), Ok(SyslogAddress::Udp("[::1]:514".to_owned())));
        for wrong in ["siem.example:514", "udp://siem.example", "tcp://:514", "tcp://h:0", "http://h:1", "tcp://h:x"] {
            assert!(at(wrong).unwrap_err().contains(wrong), "{wrong}");
        }
    }
}
