//! The leaves of a syslog header, and of the CEF or LEEF event that it announces.

use super::{Leaf, Leaves};
use crate::decode::epic::{places, read_delimiter};
use crate::decode::messages::priority;

/// Fields of a header (RFC 5424 section 6.2) after the version.
const SYSLOG: [&str; 3] = ["time", "host", "app"];
/// Fields of a header after the mark, such as `CEF:0`.
const CEF: [&str; 6] = ["vendor", "product", "version", "event", "name", "severity"];
const LEEF: [&str; 4] = ["vendor", "product", "version", "event"];

/// The leaves of the syslog header of a message whose body begins at `body`; of an old header the time, where it has a
/// year.
pub(super) fn header(text: &str, body: usize) -> Leaves {
    let mut leaves = Leaves::default();
    let start = priority(text.as_bytes()).unwrap_or(body);
    let rest = text.get(start..body).unwrap_or_default();
    let is_new = rest.starts_with("1 ");
    let (count, lead) = if is_new { (SYSLOG.len(), 2) } else { (1, rest.len() - rest.trim_start().len()) };
    let mut at = start + lead;
    let fields = rest.get(lead..).unwrap_or_default().split([' ', '\n']);
    for (name, field) in SYSLOG.iter().take(count).zip(fields) {
        let is_said = if is_new { field != "-" } else { field.contains('T') && field.contains(':') };
        if is_said {
            leaves.add(text.as_bytes(), format!("header {name}"), at..at + field.len(), b"-");
        }
        at += field.len() + 1;
    }
    leaves
}

/// The leaves of the CEF or LEEF event at `body`, behind those of the syslog header.
pub(super) fn leaves(text: &str, body: usize, mut leaves: Leaves) -> Vec<Leaf> {
    let event = text.get(body..).unwrap_or_default();
    let names: &[&str] = if event.starts_with("LEEF:") { &LEEF } else { &CEF };
    let mut at = body;
    let mut fields = event.splitn(names.len() + 2, '|');
    at += fields.next().map_or(0, |mark| mark.len() + 1);
    for (name, field) in names.iter().zip(fields.by_ref()) {
        leaves.add(text.as_bytes(), format!("header {name}"), at..at + field.len(), b"");
        at += field.len() + 1;
    }
    let mut rest = fields.next().unwrap_or_default();
    let mut delimiter = event.starts_with("LEEF:").then_some('\t');
    if event.starts_with("LEEF:2") {
        let (mark, after) = rest.split_once('|').unwrap_or(("", rest));
        (delimiter, at, rest) = (read_delimiter(mark).or(delimiter), at + rest.len() - after.len(), after);
    }
    values(text, at, rest, delimiter, &mut leaves);
    leaves.numbered()
}

/// The values of the extension `rest`, which begins at `at`.
fn values(text: &str, at: usize, rest: &str, delimiter: Option<char>, leaves: &mut Leaves) {
    let mut add = |name: &str, from: usize, value: &str| {
        let from = from + value.len() - value.trim_start().len();
        leaves.add(text.as_bytes(), name.trim().to_owned(), from..from + value.trim().len(), b"");
    };
    let Some(delimiter) = delimiter.filter(|delimiter| rest.contains(*delimiter)) else {
        for (name, place) in places(rest) {
            add(name, at + place.start, rest.get(place.clone()).unwrap_or_default());
        }
        return;
    };
    let mut from = at;
    for pair in rest.split(delimiter) {
        if let Some((name, value)) = pair.split_once('=') {
            add(name, from + name.len() + 1, value);
        }
        from += pair.len() + delimiter.len_utf8();
    }
}
