//! Syslog messages (RFC 5424) over UDP (RFC 5426) and over TCP with octet counting (RFC 6587, 3.4.1).

mod tcp;
mod udp;

use std::time::Duration;

pub use tcp::Tcp;
pub use udp::Udp;

use super::Message;
use crate::model::incident::Severity;

/// RFC 5424 table 1: log audit.
const FACILITY: u8 = 13;
/// RFC 5424 section 6: the longest HOSTNAME.
const HOSTNAME_CHARS: usize = 255;
/// How long connecting to a receiver, or handing it a batch, may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Puts the header before a message.
#[derive(Clone, Debug)]
pub struct Framing {
    hostname: String,
    bom: bool,
}

impl Framing {
    /// `hostname` names this machine; characters that a header cannot hold are left out. With `bom` the
    /// text begins with a byte order mark (RFC 5424 section 6.4), which most receivers show.
    #[must_use]
    pub fn new(hostname: &str, bom: bool) -> Self {
        let hostname: String = hostname.chars().filter(char::is_ascii_graphic).take(HOSTNAME_CHARS).collect();
        Self { hostname: if hostname.is_empty() { "-".to_owned() } else { hostname }, bom }
    }

    /// The whole message, without any framing of the transport.
    #[must_use]
    pub fn render(&self, message: &Message) -> Vec<u8> {
        let priority = FACILITY * 8 + severity(message.severity);
        let kind = message.kind;
        let head = format!("<{priority}>1 {} {} chartsentry - {kind} - ", message.emitted_at, self.hostname);
        let mark = if self.bom { "\u{feff}" } else { "" };
        [head.as_bytes(), mark.as_bytes(), message.body.as_bytes()].concat()
    }

    /// How many bytes the header takes at most.
    #[must_use]
    pub fn overhead(&self) -> usize {
        let longest = Message {
            message_id: String::new(),
            incident_id: String::new(),
            kind: super::view::LONGEST_KIND,
            severity: Severity::Critical,
            emitted_at: crate::model::time::Timestamp(0),
            body: String::new(),
        };
        self.render(&longest).len()
    }
}

/// RFC 5424 table 2.
const fn severity(severity: Severity) -> u8 {
    match severity {
        Severity::Low => 5,
        Severity::Medium => 4,
        Severity::High => 3,
        Severity::Critical => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::{SECOND, Timestamp};

    pub(super) fn message(body: &str) -> Message {
        Message {
            message_id: "h1".to_owned(),
            incident_id: "i1".to_owned(),
            kind: "user_burst",
            severity: Severity::High,
            emitted_at: Timestamp(1_780_297_203 * SECOND + 134_000),
            body: body.to_owned(),
        }
    }

    #[test]
    fn the_header_follows_rfc_5424() {
        let text = Framing::new("ehr-1.example", false).render(&message("Grüße"));
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "<107>1 2026-06-01T07:00:03.134000Z ehr-1.example chartsentry - user_burst - Grüße"
        );
        let marked = Framing::new("h", true).render(&message("x"));
        assert!(marked.ends_with(b" - \xef\xbb\xbfx"));
    }

    #[test]
    fn a_host_name_that_no_header_can_hold_is_cleaned() {
        let host = |name: &str| {
            let text = String::from_utf8(Framing::new(name, false).render(&message(""))).unwrap();
            text.split(' ').nth(2).unwrap().to_owned()
        };
        assert_eq!(host(" a b\né"), "ab");
        assert_eq!(host("é"), "-");
        assert_eq!(host(&"h".repeat(300)).len(), 255);
    }

    #[test]
    fn the_overhead_is_never_too_small() {
        let framing = Framing::new("host", true);
        for kind in ["pair", "user_burst", "patient_burst", "serial", "case_reminder", "ledger_checkpoint"] {
            for severity in Severity::ALL {
                let message = Message { kind, severity, ..message("") };
                assert!(framing.render(&message).len() <= framing.overhead());
            }
        }
    }
}
