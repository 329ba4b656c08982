//! From settings to a sink that is ready to run.

use std::path::PathBuf;

use super::encode::Encoder;
use super::file::FileSink;
use super::kafka::KafkaSink;
use super::kafka_context::Publishing;
use super::pseudonym::{Identifiers, Pseudonymizer};
use super::settings::{Format, IdentifierMode, Kind, SinkSettings, SyslogAddress};
use super::syslog::{Framing, Tcp, Udp};
use super::{Message, Outcome, Transport};

/// What every UDP receiver should take (RFC 5424 section 6.1).
const UDP_BYTES: usize = 2048;
/// What common receivers take unless told otherwise.
const STREAM_BYTES: usize = 8192;

/// The transport of a configured sink.
pub enum AnyTransport {
    Udp(Udp),
    Tcp(Tcp),
    File(FileSink),
    Kafka(Box<KafkaSink>),
}

impl Transport for AnyTransport {
    async fn send(&mut self, batch: &[Message]) -> Vec<Outcome> {
        match self {
            Self::Udp(transport) => transport.send(batch).await,
            Self::Tcp(transport) => transport.send(batch).await,
            Self::File(transport) => transport.send(batch).await,
            Self::Kafka(transport) => transport.send(batch).await,
        }
    }
}

/// An encoder and the way to the receiver.
pub struct Sink<T> {
    pub name: String,
    pub encoder: Encoder,
    pub transport: T,
}

/// Readies a sink; nothing is sent or connected yet. `pseudonym_key` is the secret itself, `kafka` how
/// to reach it, `hostname` this machine's name.
///
/// # Errors
/// A sentence that names the sink, the field and what was expected.
pub fn open(
    settings: &SinkSettings,
    pseudonym_key: Option<&str>,
    kafka: &Publishing,
    hostname: &str,
) -> Result<Sink<AnyTransport>, String> {
    settings.validate()?;
    let about = |error: String| format!("sink \"{}\": {error}", settings.name);
    let framing = Framing::new(hostname, settings.bom);
    let overhead = framing.overhead();
    let bytes = |default| settings.max_message_bytes.unwrap_or(default);
    let (transport, limit) = match settings.kind {
        Kind::Syslog => match settings.syslog_address().map_err(about)? {
            SyslogAddress::Udp(address) => {
                (AnyTransport::Udp(Udp::new(address, framing)), Some(bytes(UDP_BYTES) - overhead))
            }
            SyslogAddress::Tcp(address) => {
                (AnyTransport::Tcp(Tcp::new(address, framing)), Some(bytes(STREAM_BYTES) - overhead))
            }
        },
        Kind::File => {
            let sink = FileSink::new(PathBuf::from(settings.file_path()));
            let default = if settings.format == Format::Cef { Some(STREAM_BYTES) } else { None };
            (AnyTransport::File(sink), settings.max_message_bytes.or(default))
        }
        Kind::Kafka => {
            let sink = KafkaSink::new(kafka, settings.address.trim()).map_err(about)?;
            (AnyTransport::Kafka(Box::new(sink)), settings.max_message_bytes)
        }
    };
    let encoder =
        Encoder { format: settings.format, identifiers: identifiers(settings, pseudonym_key).map_err(about)?, limit };
    Ok(Sink { name: settings.name.clone(), encoder, transport })
}

fn identifiers(settings: &SinkSettings, key: Option<&str>) -> Result<Identifiers, String> {
    let made = |mode| match (mode, key) {
        (IdentifierMode::Plain, _) => Ok(None),
        (IdentifierMode::Pseudonym, Some(key)) => Pseudonymizer::new(key).map(Some),
        (IdentifierMode::Pseudonym, None) => Err("pseudonym_key was not resolved".to_owned()),
    };
    Ok(Identifiers { patients: made(settings.patient_identifiers)?, users: made(settings.user_identifiers)? })
}
