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
pub(super) fn local(at: Timestamp, zone: &Zone) -> String {
    let local = zone.datetime(at);
    format!("{} {:02}:{:02}", local.date(), local.hour(), local.minute())
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
        Alarm::WaitsForSecond | Alarm::Unopened => words,
        Alarm::DueSoon => paint.warning(&words),
        _ => paint.bad(&words),
    }
}
