//! The header of a syslog message: when it was sent, and where its message begins.
//!
//! RFC 5424 (`<PRI>1 TIME HOST APP PROCID MSGID SD MSG`) and whatever older senders write between the priority and an
//! XML document.

use super::messages::priority;

/// A syslog message, taken apart as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Syslog<'a> {
    /// The header's time as it was written; none in the old form, whose times have no year.
    pub time: Option<&'a str>,
    /// The message without byte order mark.
    pub body: &'a str,
}

/// Reads a header; `None` where the text does not begin with a priority.
pub(super) fn read(text: &str) -> Option<Syslog<'_>> {
    let rest = text.get(priority(text.as_bytes())?..)?;
    let new = rest.strip_prefix("1 ").and_then(rfc5424);
    new.or_else(|| old(rest))
}

fn rfc5424(rest: &str) -> Option<Syslog<'_>> {
    let mut parts = rest.splitn(6, ' ');
    let time = parts.next().filter(|time| *time != "-");
    let data = parts.nth(4)?;
    let body = match data.strip_prefix('-') {
        Some(body) => body,
        None => after_data(data)?,
    };
    Some(Syslog { time, body: trimmed(body) })
}

/// What follows the structured data, which stands in brackets with escaped values (RFC 5424 section 6.3).
fn after_data(data: &str) -> Option<&str> {
    let (mut is_quoted, mut is_escaped, mut is_inside) = (false, false, false);
    for (at, byte) in data.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b'[' if !is_quoted => is_inside = true,
            b']' if !is_quoted => is_inside = false,
            _ if !is_inside => return data.get(at..),
            _ => {}
        }
    }
    (!is_inside).then_some("")
}

/// An old header: the message is the document in it, else what follows the first colon, else all of it.
fn old(rest: &str) -> Option<Syslog<'_>> {
    let marks = ["<?xml", "<AuditMessage", "<AuditEvent", "<Bundle", "<EventLog", "CEF:", "LEEF:", "{"];
    let mark = marks.iter().filter_map(|mark| rest.find(mark)).min();
    let start = mark.or_else(|| Some(rest.find(": ")? + 2)).unwrap_or(0);
    let time = rest.split_whitespace().next().filter(|time| time.contains('T') && time.contains(':'));
    Some(Syslog { time, body: trimmed(rest.get(start..)?) })
}

fn trimmed(text: &str) -> &str {
    text.trim_start_matches([' ', '\u{feff}', '\r', '\n'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (Option<&str>, &str) {
        let syslog = read(text).unwrap();
        (syslog.time, syslog.body)
    }

    #[test]
    fn the_new_header_gives_its_time_and_the_message_without_mark() {
        assert_eq!(
            parts("<85>1 2026-06-01T07:00:00Z h a 1 IHE+DICOM - \u{feff}<x/>"),
            (Some("2026-06-01T07:00:00Z"), "<x/>")
        );
        assert_eq!(parts("<85>1 - h a - - [a@1 b=\"x\\\"] <y\"][c@1] CEF:0|"), (None, "CEF:0|"));
        assert_eq!(parts("<85>1 - h a - - -"), (None, ""));
    }

    #[test]
    fn older_headers_are_skipped() {
        assert_eq!(
            parts("<13>Mar  5 12:52:31 host\n<?xml version=\"1.0\"?><x/>"),
            (None, "<?xml version=\"1.0\"?><x/>")
        );
        assert_eq!(
            parts("<13>2026-06-01T07:00:00Z host <AuditMessage/>"),
            (Some("2026-06-01T07:00:00Z"), "<AuditMessage/>")
        );
        assert_eq!(parts("<13>Mar  5 12:52:31 host app: said"), (None, "said"));
        assert_eq!(parts("<13>Jun 1 07:00:00 h CEF:0|a|b=<Behavioral>"), (None, "CEF:0|a|b=<Behavioral>"));
        assert_eq!(read("no header"), None);
    }
}
