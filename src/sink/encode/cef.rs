//! ArcSight Common Event Format, version 0 (the document's revision 27; Microsoft Sentinel reads it as
//! `CommonSecurityLog`). Keys come from its dictionary only.

use std::collections::BTreeSet;

use crate::model::incident::{IncidentKind, Severity};
use crate::model::time::Timestamp;
use crate::sink::pseudonym::{Identifiers, Role};
use crate::sink::view::{BulletinKind, BulletinView, HandoffView};

/// Longest `suser`, `suid`, `msg` in characters.
const TEXT_CHARS: usize = 1023;
/// Longest `cs1` ... `cs6` in characters.
const CUSTOM_CHARS: usize = 4000;
/// Stands where something was cut off.
const CUT: &str = "…";
/// What is shortened first where a message is too long.
const SHRINK: [&str; 5] = ["msg", "cs6", "cs4", "suser", "suid"];

struct Field {
    key: &'static str,
    /// What a custom field means; written as `<key>Label`.
    label: Option<&'static str>,
    value: String,
}

/// One line without its end, at most `limit` bytes where the fixed fields leave that choice.
pub(in crate::sink) fn encode(view: &HandoffView, identifiers: &Identifiers, limit: usize) -> String {
    let header = header(view.kind.name(), title(view.kind), view.severity);
    line(&header, fields(view, identifiers), limit)
}

/// A reminder or a checkpoint as one line.
pub(in crate::sink) fn encode_bulletin(view: &BulletinView, limit: usize) -> String {
    let title = match view.kind {
        BulletinKind::CaseReminder => "A case needs attention",
        BulletinKind::LedgerCheckpoint => "Newest entry of the case ledger",
    };
    line(&header(view.kind.name(), title, view.severity), bulletin_fields(view), limit)
}

fn line(header: &str, mut fields: Vec<Field>, limit: usize) -> String {
    fields.retain(|field| !field.value.is_empty());
    for key in SHRINK {
        let excess = rendered_len(header, &fields).saturating_sub(limit);
        if excess > 0 {
            shrink(&mut fields, key, excess);
        }
    }
    render(header, &fields)
}

fn header(kind: &str, title: &str, of: Severity) -> String {
    format!(
        "CEF:0|chartsentry|chartsentry|{}|{}|{}|{}|",
        escape_header(env!("CARGO_PKG_VERSION")),
        escape_header(kind),
        escape_header(title),
        severity(of)
    )
}

/// The event's name: one text per kind, as receivers count by it.
const fn title(kind: IncidentKind) -> &'static str {
    match kind {
        IncidentKind::Pair => "Chart access that nothing on record explains",
        IncidentKind::UserBurst => "Many charts opened by one person without explanation",
        IncidentKind::PatientBurst => "One chart opened by many people without explanation",
        IncidentKind::Serial => "Repeated small chart accesses without explanation",
    }
}

/// 0-3 low, 4-6 medium, 7-8 high, 9-10 very high.
const fn severity(severity: Severity) -> u8 {
    match severity {
        Severity::Low => 3,
        Severity::Medium => 6,
        Severity::High => 8,
        Severity::Critical => 10,
    }
}

fn plain(key: &'static str, value: String) -> Field {
    Field { key, label: None, value: clean(&value) }
}

fn custom(key: &'static str, label: &'static str, value: String) -> Field {
    Field { key, label: Some(label), value: within(&clean(&value), CUSTOM_CHARS, true) }
}

fn time(key: &'static str, at: Timestamp) -> Field {
    plain(key, at.0.div_euclid(1_000).to_string())
}

fn bulletin_fields(view: &BulletinView) -> Vec<Field> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    vec![
        time("rt", view.at),
        plain("externalId", text(&view.case_id)),
        Field { key: "cn1", label: Some("sequence"), value: view.sequence.map_or_else(String::new, |n| n.to_string()) },
        custom("cs1", "alarm", text(&view.alarm)),
        custom("cs2", "regime", text(&view.regime)),
        custom("cs3", "deadline", text(&view.deadline)),
        custom("cs4", "escalateTo", view.escalate_to.join(",")),
        custom("cs5", "ledgerHash", text(&view.hash)),
        custom("flexString1", "bulletinId", view.bulletin_id.clone()),
        plain("msg", within(&view.text, TEXT_CHARS, false)),
    ]
}

fn fields(view: &HandoffView, identifiers: &Identifiers) -> Vec<Field> {
    let users = listed(view.units.iter().map(|unit| unit.user_id.as_str()), identifiers, Role::User);
    let patients = listed(view.units.iter().map(|unit| unit.patient_id.as_str()), identifiers, Role::Patient);
    let accesses: u64 = view.units.iter().map(|unit| unit.access_count).sum();
    let detected = view.detected.as_ref();
    let received = detected.map(|detected| detected.at).or(view.flagged_at).unwrap_or(view.occurred_end);
    vec![
        time("rt", received),
        time("start", view.occurred_start),
        time("end", view.occurred_end),
        plain("externalId", view.incident_id.clone()),
        plain("suser", within(&users, TEXT_CHARS, true)),
        plain("suid", within(&users, TEXT_CHARS, true)),
        plain("cnt", accesses.to_string()),
        Field { key: "cn1", label: Some("sequence"), value: view.sequence.to_string() },
        custom("cs1", "score", view.score.to_string()),
        custom("cs2", "status", view.status.name().to_owned()),
        custom("cs3", "reason", view.reason.name().to_owned()),
        custom("cs4", "detectors", view.detector_ids.join(",")),
        custom(
            "cs5",
            "detectedBusinessDay",
            detected.and_then(|detected| detected.business_day.clone()).unwrap_or_default(),
        ),
        custom("cs6", "patients", patients),
        custom("flexString1", "handoffId", view.handoff_id.clone()),
        plain("msg", within(&sentences(view), TEXT_CHARS, false)),
    ]
}

/// Each id once, in order of text.
fn listed<'a>(ids: impl Iterator<Item = &'a str>, identifiers: &Identifiers, role: Role) -> String {
    let distinct: BTreeSet<&str> = ids.collect();
    distinct.into_iter().map(|id| identifiers.show(role, id)).collect::<Vec<_>>().join(",")
}

fn sentences(view: &HandoffView) -> String {
    let reasons = view.contributions.iter().map(|contribution| contribution.reason.clone());
    let gaps = view.degraded.iter().map(|why| format!("Incomplete evidence: {why}"));
    reasons.chain(gaps).collect::<Vec<_>>().join("; ")
}

/// Control characters other than line ends become spaces; none at either end.
fn clean(value: &str) -> String {
    let text: String =
        value.chars().map(|c| if c.is_control() && !matches!(c, '\n' | '\r') { ' ' } else { c }).collect();
    text.trim().to_owned()
}

/// What is kept of a text cut at byte `end`, with a mark; a list keeps whole items only.
fn cut_at(value: &str, end: usize, list: bool) -> String {
    let kept = &value[..end];
    let kept = if list { kept.rfind(',').map_or("", |comma| &kept[..=comma]) } else { kept.trim_end() };
    if kept.is_empty() { String::new() } else { format!("{kept}{CUT}") }
}

/// At most so many characters.
fn within(value: &str, chars: usize, list: bool) -> String {
    match value.char_indices().nth(chars) {
        None => value.to_owned(),
        Some(_) => {
            let end = value.char_indices().nth(chars - 1).map_or(0, |(end, _)| end);
            cut_at(value, end, list)
        }
    }
}

/// Takes at least `excess` bytes off the field, all of it where it has no more.
fn shrink(fields: &mut Vec<Field>, key: &str, excess: usize) {
    let Some(place) = fields.iter().position(|field| field.key == key) else { return };
    let value = &fields[place].value;
    let room = escape(value).len().saturating_sub(excess + CUT.len());
    let mut used = 0;
    let end = value.char_indices().find(|(_, c)| {
        used += escaped_len(*c);
        used > room
    });
    let shorter = cut_at(value, end.map_or(value.len(), |(end, _)| end), key != "msg");
    if shorter.is_empty() {
        fields.remove(place);
    } else {
        fields[place].value = shorter;
    }
}

fn render(header: &str, fields: &[Field]) -> String {
    let mut parts = Vec::with_capacity(fields.len() * 2);
    for field in fields {
        if let Some(label) = field.label {
            parts.push(format!("{}Label={label}", field.key));
        }
        parts.push(format!("{}={}", field.key, escape(&field.value)));
    }
    format!("{header}{}", parts.join(" "))
}

fn rendered_len(header: &str, fields: &[Field]) -> usize {
    render(header, fields).len()
}

/// In the header, backslash and bar are escaped and there are no line ends.
fn escape_header(value: &str) -> String {
    value.replace('\\', "\\\\").replace('|', "\\|").replace(['\n', '\r'], " ")
}

/// In a value, backslash, equals sign and line ends are escaped; a bar is not.
fn escape(value: &str) -> String {
    let mut text = String::with_capacity(value.len() + 8);
    for c in value.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '=' => text.push_str("\\="),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            c => text.push(c),
        }
    }
    text
}

const fn escaped_len(c: char) -> usize {
    match c {
        '\\' | '=' | '\n' | '\r' => 2,
        c => c.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_header_escapes_bars_and_the_values_do_not() {
        assert_eq!(escape_header("a|b\\c=d\ne"), "a\\|b\\\\c=d e");
        assert_eq!(escape("a|b\\c=d\ne\rf"), "a|b\\\\c\\=d\\ne\\rf");
    }

    #[test]
    fn values_are_cut_between_characters() {
        assert_eq!(within("äöü", 3, false), "äöü");
        assert_eq!(within("äöüß", 3, false), "äö…");
        assert_eq!(within("p1,p2,p3", 7, true), "p1,p2,…");
        assert_eq!(within("p1-and-more", 7, true), "");
        assert_eq!(clean(" a\u{0}b\u{1b}[0m\n "), "a b [0m");
    }

    proptest! {
        #[test]
        fn escaping_reads_back(value in any::<String>()) {
            let escaped = escape(&value);
            prop_assert!(!escaped.contains(['\n', '\r']));
            prop_assert_eq!(escaped.len(), value.chars().map(escaped_len).sum::<usize>());
            let mut back = String::new();
            let mut chars = escaped.chars();
            while let Some(c) = chars.next() {
                back.push(match c {
                    '\\' => match chars.next() {
                        Some('n') => '\n',
                        Some('r') => '\r',
                        Some(c) => c,
                        None => return Err(TestCaseError::fail("ends in the middle of an escape")),
                    },
                    '=' => return Err(TestCaseError::fail("a bare equals sign")),
                    c => c,
                });
            }
            prop_assert_eq!(back, value);
        }

        #[test]
        fn shrinking_takes_off_what_was_asked(value in "[a-z=\\\\ä …]{1,60}", excess in 1_usize..80) {
            let before = escape(&value).len();
            let mut fields = vec![Field { key: "msg", label: None, value }];
            shrink(&mut fields, "msg", excess);
            let after = fields.first().map_or(0, |field| escape(&field.value).len());
            prop_assert!(after + excess <= before || after == 0);
        }
    }
}
