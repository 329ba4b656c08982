//! The deadlines of open cases as a calendar (RFC 5545). Ids of cases only: calendars are shared widely.

use crate::breach::case::Case;
use crate::breach::case::outlook::{Outlook, State};
use crate::model::time::Timestamp;

/// Octets of a line before it is folded (RFC 5545, section 3.1).
const LINE: usize = 75;

/// One all-day event for each thing that is still to be sent.
#[must_use]
pub fn calendar(cases: &[(&Case, Outlook)], now: Timestamp) -> String {
    let stamp = now.to_jiff().strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut text = String::new();
    let mut line = |content: &str| fold(content, &mut text);
    for fixed in ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//chartsentry//cases//EN", "CALSCALE:GREGORIAN"] {
        line(fixed);
    }
    for (case, outlook) in cases {
        let running = outlook.regimes.iter().filter(|one| !one.state.is_closed() && one.state != State::NotRunning);
        for (one, duty) in running.flat_map(|one| one.duties.iter().map(move |duty| (one, duty))) {
            if duty.done_on.is_some() {
                continue;
            }
            let day = |date: jiff::civil::Date| date.strftime("%Y%m%d").to_string();
            line("BEGIN:VEVENT");
            line(&format!("UID:{}-{}-{}@chartsentry", case.case_id, one.regime.name(), duty.to.name()));
            line(&format!("DTSTAMP:{stamp}"));
            line(&format!("DTSTART;VALUE=DATE:{}", day(duty.deadline)));
            line(&format!("DTEND;VALUE=DATE:{}", day(duty.deadline.tomorrow().unwrap_or(duty.deadline))));
            line(&format!("SUMMARY:{}", escaped(&format!("{}: case {}", duty.title, case.case_id))));
            let what = format!(
                "{}, {}. In time until the end of this day at the facility.",
                one.regime.title(),
                duty.citation
            );
            line(&format!("DESCRIPTION:{}", escaped(&what)));
            for fixed in ["BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-P7D", "DESCRIPTION:Due in a week", "END:VALARM"] {
                line(fixed);
            }
            line("END:VEVENT");
        }
    }
    line("END:VCALENDAR");
    text
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace(';', "\\;").replace(',', "\\,").replace('\n', "\\n")
}

/// Adds a line, folded between characters where it is too long.
fn fold(content: &str, text: &mut String) {
    let mut room = LINE;
    for c in content.chars() {
        if c.len_utf8() > room {
            text.push_str("\r\n ");
            room = LINE - 1;
        }
        text.push(c);
        room -= c.len_utf8();
    }
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::breach::case::outlook::outlook;
    use crate::breach::case::testing::{HOUSE, at, saturday_case};

    #[test]
    fn each_deadline_is_an_event_without_ids_of_people() {
        let case = saturday_case();
        let now = at("2026-09-22T12:00:00Z");
        let text = calendar(&[(&case, outlook(&case, now, HOUSE))], now);
        assert!(text.contains("DTSTART;VALUE=DATE:20261012\r\n"), "{text}");
        assert!(text.lines().all(|line| line.len() <= LINE), "{text}");
        assert!(!text.contains("U1") && !text.contains("P1"));
        assert_eq!(text.matches("BEGIN:VEVENT").count(), text.matches("END:VEVENT").count());
    }

    #[test]
    fn long_lines_are_folded_between_characters() {
        let mut text = String::new();
        fold(&"é".repeat(60), &mut text);
        assert_eq!(text.replace("\r\n ", "").trim_end(), "é".repeat(60));
        assert!(text.split("\r\n").all(|line| line.len() <= LINE));
    }
}
