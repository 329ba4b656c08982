//! Words and shapes that several subcommands share.

use jiff::civil::Date;

use crate::breach::case::outlook::{Alarm, Attention, Duty};
use crate::cli::style::Paint;
use crate::model::time::{Timestamp, Zone};

/// Characters of a case id in tables; any unique beginning is accepted.
const SHORT: usize = 9;

/// The beginning of an id.
pub(super) fn short(id: &str) -> &str {
    id.get(..SHORT).unwrap_or(id)
}

/// Local date and minute, with the zone's name left to the heading.
pub(in crate::cli) fn local(at: Timestamp, zone: &Zone) -> String {
    let local = zone.datetime(at);
    format!("{} {:02}:{:02}", local.date(), local.hour(), local.minute())
}

/// Text that a person wrote, its later lines set in so that they cannot be taken for lines of ours.
pub(super) fn quoted(text: &str) -> String {
    text.replace('\n', "\n      | ")
}

/// A line in pieces of at most so many characters, the later ones set in.
pub(super) fn wrapped(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    let indent = " ".repeat(line.chars().take_while(|c| *c == ' ').count() + 2);
    let (mut text, mut length) = (String::new(), 0);
    for word in line.split_inclusive(' ') {
        let chars = word.trim_end().chars().count();
        if length > indent.len() && length + chars > width {
            let kept = text.trim_end().len();
            text.truncate(kept);
            text.push('\n');
            text.push_str(&indent);
            length = indent.len();
        }
        text.push_str(word);
        length += word.chars().count();
    }
    text
}

/// A duty and its day.
pub(super) fn due(duty: &Duty, today: Date) -> String {
    format!("{}: {} ({})", duty.to.name(), duty.deadline, in_days(duty.deadline, today))
}

/// How far away a day is.
pub(super) fn in_days(day: Date, today: Date) -> String {
    let days = day.duration_since(today).as_hours() / 24;
    match days {
        0 => "today".to_owned(),
        1 => "tomorrow".to_owned(),
        2.. => format!("in {days} days"),
        -1 => "yesterday".to_owned(),
        _ => format!("{} days ago", -days),
    }
}

/// Something that needs attention, coloured by how urgent it is.
pub(super) fn waits(attention: &Attention, paint: Paint) -> String {
    let words = attention.alarm.name().replace('_', " ");
    match attention.alarm {
        Alarm::NoProof | Alarm::WaitsForSecond | Alarm::Unopened => words,
        Alarm::DueSoon | Alarm::AskCounsel => paint.warning(&words),
        _ => paint.bad(&words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_cut_between_words_and_set_in() {
        let text = wrapped("  one two three four", 12);
        assert_eq!(text, "  one two\n    three\n    four");
        assert_eq!(wrapped("short", 12), "short");
        assert!(wrapped("  averyveryverylongword more", 12).starts_with("  averyveryverylongword"));
    }

    #[test]
    fn written_lines_cannot_pass_for_lines_of_ours() {
        assert_eq!(quoted("x\n  Ada: cleared"), "x\n      |   Ada: cleared");
    }
}
