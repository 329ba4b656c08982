//! `[[sources]]`: where audit messages are taken in beside Kafka.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use super::entry::{endpoint, one_of, own_name, required};
use super::secret::SecretRef;
use super::section::Section;
use super::tls::{ServerCertificate, certificate, file};

/// One place that takes messages in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceSettings {
    /// Names the source in metrics, logs and the quarantine.
    pub name: String,
    /// `host:port` to listen on.
    pub address: String,
    pub transport: SyslogTransport,
}

/// How syslog messages come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyslogTransport {
    /// One datagram a message.
    Udp,
    /// Octet-counted, or a line or document each.
    Tcp,
    /// As over TCP, with certificates on both sides.
    Tls(TlsSettings),
}

/// Certificates of a TLS source. All files are PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// The source's own certificate, followed by those between it and its authority.
    pub certificate: PathBuf,
    pub private_key: SecretRef,
    /// The authorities that vouch for senders.
    pub client_ca: PathBuf,
    /// DNS names of which a sender's certificate must carry one; empty = any that the authorities vouch for.
    pub clients: Vec<String>,
}

impl SourceSettings {
    /// Whether what is sent here can be read on the network.
    #[must_use]
    pub const fn is_plain(&self) -> bool {
        !matches!(self.transport, SyslogTransport::Tls(_))
    }

    /// Whether only this machine reaches it.
    #[must_use]
    pub fn is_local(&self) -> bool {
        ["127.", "localhost:", "[::1]"].iter().any(|start| self.address.starts_with(start))
    }
}

impl fmt::Display for SourceSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.transport {
            SyslogTransport::Udp => "udp",
            SyslogTransport::Tcp => "tcp",
            SyslogTransport::Tls(_) => "tls",
        };
        write!(f, "{scheme}://{}", self.address)
    }
}

/// Reads every `[[sources]]` table. A source with a problem is left out; the problem is reported.
pub(super) fn read(root: &mut Section<'_>) -> Vec<SourceSettings> {
    let mut names = BTreeSet::new();
    let sections = root.children("sources");
    sections.into_iter().filter_map(|section| source(section, &mut names)).collect()
}

fn source(mut section: Section<'_>, names: &mut BTreeSet<String>) -> Option<SourceSettings> {
    let name = own_name(&mut section, names, "source");
    let kind = one_of(&mut section, "kind", &["syslog"], &[], None);
    let expected = "\"udp://host:port\", \"tcp://host:port\" or \"tls://host:port\"";
    let address = required(&mut section, "address", expected, |value| {
        endpoint(value).filter(|(scheme, ..)| matches!(scheme.as_str(), "udp" | "tcp" | "tls"))
    });
    // Without a scheme it is not known whether certificates belong here.
    let is_tls = address.as_ref().map(|(scheme, ..)| scheme == "tls");
    let tls = (is_tls != Some(false)).then(|| tls(&mut section, is_tls.is_some()));
    section.finish();
    let (scheme, address, _) = address?;
    let transport = match scheme.as_str() {
        "udp" => SyslogTransport::Udp,
        "tcp" => SyslogTransport::Tcp,
        _ => SyslogTransport::Tls(tls??),
    };
    kind.and(Some(SourceSettings { name: name?, address, transport }))
}

fn tls(section: &mut Section<'_>, is_needed: bool) -> Option<TlsSettings> {
    let own = certificate(section, is_needed, "source");
    let expected = "the path of the certificates of the authorities that vouch for senders (PEM)";
    let client_ca = file(section, "client_ca", is_needed, expected);
    let is_host = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c));
    let clients = section.texts("clients", "DNS names, such as \"ehr.example\"", is_host).unwrap_or_default();
    let ServerCertificate { certificate, private_key } = own?;
    Some(TlsSettings { certificate, private_key, client_ca: client_ca?, clients })
}
