//! Ids and instants as text, written into buffers that are used again and again.

use std::fmt::Write;

use jiff::civil::{Date, date};

use super::event::{Event, NOBODY, REASONS, REMOTE};
use super::people::Day;

/// `u10000` and on.
pub(super) fn push_user(out: &mut String, user: u32) {
    let _ = write!(out, "u{}", 10_000 + u64::from(user));
}

/// `M1000000` and on.
pub(super) fn push_patient(out: &mut String, patient: u32) {
    let _ = write!(out, "M{}", 1_000_000 + u64::from(patient));
}

/// `E0000001` and on.
pub(super) fn push_encounter(out: &mut String, encounter: u32) {
    let _ = write!(out, "E{encounter:07}");
}

/// The calendar date of a day count.
pub(super) fn date_of(day: Day) -> Date {
    date(1970, 1, 1).checked_add(jiff::Span::new().days(day)).unwrap_or(Date::MAX)
}

/// Days from 1970-01-01 to a date.
pub(super) fn day_of(date: Date) -> Day {
    date.at(0, 0, 0, 0)
        .to_zoned(jiff::tz::TimeZone::UTC)
        .map_or(0, |zoned| (zoned.timestamp().as_second() / 86_400) as Day)
}

/// Writes instants; remembers the text of the last day.
#[derive(Default)]
pub(super) struct Instants {
    day: i64,
    date: String,
}

impl Instants {
    /// Appends microseconds since 1970 as `2026-06-01T07:00:03.134000Z`.
    pub(super) fn push(&mut self, out: &mut String, micros: i64) {
        const DAY: i64 = 86_400_000_000;
        let (day, mut rest) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
        if self.date.is_empty() || day != self.day {
            self.day = day;
            self.date.clear();
            let _ = write!(self.date, "{}", date_of(day as Day));
        }
        let mut clock = *b"T00:00:00.000000Z";
        for place in (10..16).rev() {
            clock[place] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        for (place, base) in [(7, 60), (4, 60), (1, 24)] {
            let part = (rest % base) as u8;
            clock[place] = b'0' + part / 10;
            clock[place + 1] = b'0' + part % 10;
            rest /= base;
        }
        out.push_str(&self.date);
        out.push_str(str::from_utf8(&clock).unwrap_or_default());
    }
}

/// The text of one event's ids and instants.
#[derive(Default)]
pub(super) struct EventText {
    instants: Instants,
    pub(super) event_id: String,
    pub(super) occurred_at: String,
    pub(super) recorded_at: String,
    pub(super) user_id: String,
    pub(super) patient_id: String,
    pub(super) encounter_id: String,
    pub(super) workstation: String,
    pub(super) source_ip: String,
}

impl EventText {
    /// Replaces the text by that of `event`.
    pub(super) fn set(&mut self, number: u64, event: &Event, recorded_at: i64) {
        self.event_id.clear();
        let _ = write!(self.event_id, "e{number:07}");
        self.occurred_at.clear();
        self.instants.push(&mut self.occurred_at, event.at);
        self.recorded_at.clear();
        self.instants.push(&mut self.recorded_at, recorded_at);
        self.user_id.clear();
        push_user(&mut self.user_id, event.user);
        self.patient_id.clear();
        if event.patient != NOBODY {
            push_patient(&mut self.patient_id, event.patient);
        }
        self.encounter_id.clear();
        if event.encounter != 0 {
            push_encounter(&mut self.encounter_id, event.encounter);
        }
        self.workstation.clear();
        self.source_ip.clear();
        let (place, seat) = (event.department + 1, event.workstation % REMOTE);
        if event.workstation >= REMOTE {
            let _ = write!(self.workstation, "VPN-{:05}", event.user);
            let _ = write!(self.source_ip, "172.16.{}.{}", event.user / 250 % 250, event.user % 250 + 1);
        } else {
            let _ = write!(self.workstation, "WS{place:03}-{seat:02}");
            let _ = write!(self.source_ip, "10.{}.{}.{}", place / 250 + 20, place % 250, seat + 10);
        }
    }

    /// The reason given for breaking the glass.
    pub(super) fn reason(event: &Event) -> &'static str {
        REASONS[usize::from(event.reason) % REASONS.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Timestamp;

    #[test]
    fn instants_are_written_like_the_models() {
        let mut instants = Instants::default();
        for micros in [0, 1_780_297_203_134_000, 1_780_297_203_134_001, 1_780_358_399_999_999, 951_782_400_000_000] {
            let mut text = String::new();
            instants.push(&mut text, micros);
            assert_eq!(text, Timestamp(micros).to_string());
        }
    }

    #[test]
    fn days_and_dates_agree() {
        assert_eq!(day_of(date(2026, 6, 1)), 20_605);
        assert_eq!(date_of(20_605), date(2026, 6, 1));
        assert_eq!(date_of(-1), date(1969, 12, 31));
    }
}
