//! Times as exports write them.
//!
//! | name | example | |
//! |---|---|---|
//! | `iso` | `2026-06-01 07:00:03` | RFC 3339 with the liberties of [`crate::decode::time`]; seconds may be left out |
//! | `us` | `6/1/2026 7:00:03 AM` | month first, 12 or 24 hours |
//! | `european` | `1.6.2026 07:00:03` | day first |
//! | `epoch-seconds`, `epoch-millis` | `1780297203` | since 1970-01-01 UTC |
//! | `fileman` | `3150305.1252` | VistA: years since 1700, month, day, then the clock without its last zeros |
//! | `epic-instant` | `5851206003` | Epic: seconds since 1840-12-31 |
//! | with `%` | `%d-%b-%Y %H:%M` | strftime |

use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::{Offset, TimeZone};

use crate::decode::time::{Written, read_instant};
use crate::model::time::{DAY, HOUR, MINUTE, SECOND, Timestamp};

/// Seconds from 1840-12-31 to 1970-01-01: the 47,117 days of the MUMPS calendar.
const EPIC_TO_UNIX: i64 = 47_117 * 86_400;
/// Numbers of this size and above are no seconds of a log (year 9999).
const TOO_LATE: i64 = 253_402_207_200;

/// A way to write a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::decode) enum TimeFormat {
    Iso,
    Us,
    European,
    EpochSeconds,
    EpochMillis,
    Fileman,
    EpicInstant,
    /// A strftime pattern.
    Pattern(String),
}

impl TimeFormat {
    /// The formats that have a name, in the order in which an unknown column is tried.
    pub(super) const NAMED: [Self; 7] =
        [Self::Iso, Self::Us, Self::European, Self::EpochSeconds, Self::EpochMillis, Self::Fileman, Self::EpicInstant];

    /// The format of this name, or the pattern; `None` when it is neither.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let named = Self::NAMED.into_iter().find(|format| format.name().eq_ignore_ascii_case(name));
        named.or_else(|| is_pattern(name).then(|| Self::Pattern(name.to_owned())))
    }

    /// The name in a map.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Iso => "iso",
            Self::Us => "us",
            Self::European => "european",
            Self::EpochSeconds => "epoch-seconds",
            Self::EpochMillis => "epoch-millis",
            Self::Fileman => "fileman",
            Self::EpicInstant => "epic-instant",
            Self::Pattern(pattern) => pattern,
        }
    }

    /// Reads a time; `None` when it is not written this way, or lacks the time of day.
    pub(in crate::decode) fn read(&self, text: &str) -> Option<Written> {
        match self {
            Self::Iso => iso(text),
            Self::Us => civil(text, &['/', '-'], |[month, day, year]| (year, month, day)).map(Written::Local),
            Self::European => {
                civil(text, &['.', '/', '-'], |[day, month, year]| (year, month, day)).map(Written::Local)
            }
            Self::EpochSeconds => Some(Written::Absolute(Timestamp(seconds(text)?))),
            Self::EpochMillis => {
                let millis = digits(text)?;
                (millis < TOO_LATE * 1_000).then(|| Written::Absolute(Timestamp(millis * 1_000)))
            }
            Self::Fileman => fileman(text).map(Written::Local),
            Self::EpicInstant => Some(Written::Local(seconds(text)? - EPIC_TO_UNIX * SECOND)),
            Self::Pattern(pattern) => patterned(pattern, text),
        }
    }
}

/// Whether a pattern writes a time from which the same time can be read.
fn is_pattern(pattern: &str) -> bool {
    let zoned = jiff::Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
    let text = BrokenDownTime::from(&zoned).to_string(pattern);
    pattern.contains('%') && text.is_ok_and(|text| patterned(pattern, &text).is_some())
}

fn patterned(pattern: &str, text: &str) -> Option<Written> {
    let parts = BrokenDownTime::parse(pattern, text).ok()?;
    if parts.hour().is_none() && !pattern.contains("%s") {
        return None;
    }
    if let Ok(at) = parts.to_timestamp() {
        return Some(Written::Absolute(at.into()));
    }
    wall(parts.to_datetime().ok()?).map(Written::Local)
}

/// Microseconds of the wall clock since 1970-01-01T00:00:00.
fn wall(local: DateTime) -> Option<i64> {
    Offset::UTC.to_timestamp(local).ok().map(jiff::Timestamp::as_microsecond)
}

fn date(year: i64, month: i64, day: i64) -> Option<i64> {
    let date = Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    wall(date.at(0, 0, 0, 0))
}

/// An RFC 3339 instant, also without seconds, with ` UTC` for `Z` or a space before the offset.
fn iso(text: &str) -> Option<Written> {
    if let Some(written) = read_instant(text) {
        return Some(written);
    }
    let mut text = match text.strip_suffix(" UTC") {
        Some(local) => format!("{local}Z"),
        None => text.replace(" +", "+").replace(" -", "-").replace(',', "."),
    };
    if text.is_char_boundary(16) && text.as_bytes().get(16) != Some(&b':') {
        text.insert_str(16, ":00");
    }
    read_instant(&text)
}

/// A date in three numbers and a time of day, in microseconds of the wall clock. Years of two
/// digits are of this century.
fn civil(text: &str, separators: &[char], order: fn([i64; 3]) -> (i64, i64, i64)) -> Option<i64> {
    let (days, clock) = text.split_once([' ', 'T', ',', '\u{a0}'])?;
    let mut parts = days.split(separators).map(digits);
    let (first, second, third) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() {
        return None;
    }
    let (year, month, day) = order([first, second, third]);
    let year = if year < 100 { year + 2_000 } else { year };
    Some(date(year, month, day)? + time_of_day(clock.trim())?)
}

/// `7:00`, `07:00:03.134`, `7:00:03 PM` in microseconds since midnight.
pub(super) fn time_of_day(text: &str) -> Option<i64> {
    let half = text.len().checked_sub(2).and_then(|at| text.split_at_checked(at));
    let (clock, later) = match half {
        Some((clock, half)) if half.eq_ignore_ascii_case("am") => (clock.trim_end(), Some(0)),
        Some((clock, half)) if half.eq_ignore_ascii_case("pm") => (clock.trim_end(), Some(12)),
        _ => (text, None),
    };
    let mut parts = clock.split(':');
    let (hour, minute, second) = (digits(parts.next()?)?, digits(parts.next()?)?, parts.next().unwrap_or("0"));
    let hour = match later {
        Some(later) if (1..=12).contains(&hour) => hour % 12 + later,
        None if hour <= 23 => hour,
        _ => return None,
    };
    let (second, fraction) = second.split_once(['.', ',']).unwrap_or((second, ""));
    let second = digits(second)?;
    let is_time = minute <= 59 && second <= 59 && parts.next().is_none();
    is_time.then_some(hour * HOUR + minute * MINUTE + second * SECOND + micros(fraction)?)
}

/// Digits after a point as microseconds.
fn micros(fraction: &str) -> Option<i64> {
    let kept = fraction.get(..fraction.len().min(6))?;
    if fraction.is_empty() { Some(0) } else { digits(fraction).and_then(|_| digits(&format!("{kept:0<6}"))) }
}

/// A number of at most 18 digits and nothing else.
fn digits(text: &str) -> Option<i64> {
    let is_number = (1..=18).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

/// Seconds with or without a fraction, in microseconds.
fn seconds(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole = digits(whole)?;
    if whole >= TOO_LATE { None } else { Some(whole * SECOND + micros(fraction)?) }
}

/// `YYYMMDD.HHMMSS`, the year counted from 1700, zeros at the end left out. Midnight is 24 of the
/// day before. The audit of file 38.1 adds to the digits when two times collide, so seconds may
/// run over.
fn fileman(text: &str) -> Option<i64> {
    let (days, clock) = text.split_once('.')?;
    let (days, is_day) = (digits(days)?, days.len() == 7);
    if !is_day || clock.is_empty() {
        return None;
    }
    let clock = clock.get(..clock.len().min(6))?;
    let clock = digits(&format!("{clock:0<6}"))?;
    let (hour, minute, second) = (clock / 10_000, clock / 100 % 100, clock % 100);
    let start = date(days / 10_000 + 1_700, days / 100 % 100, days % 100)?;
    let within = hour * HOUR + minute * MINUTE + second * SECOND;
    (minute <= 59 && within <= DAY).then_some(start + within)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: &str, text: &str) -> Option<String> {
        match TimeFormat::parse(format)?.read(text)? {
            Written::Absolute(at) => Some(format!("utc {at}")),
            Written::Local(micros) => Some(format!("local {}", Timestamp(micros))),
        }
    }

    #[test]
    fn every_format_reads_its_example() {
        for (format, text, expected) in [
            ("iso", "2026-06-01 07:00", "local 2026-06-01T07:00:00.000000Z"),
            ("iso", "2026-06-01 07:00:03.5 UTC", "utc 2026-06-01T07:00:03.500000Z"),
            ("iso", "2026-06-01T07:00:03 +0200", "utc 2026-06-01T05:00:03.000000Z"),
            ("US", "6/1/2026 12:05 AM", "local 2026-06-01T00:05:00.000000Z"),
            ("us", "06/01/26 7:00:03.25 pm", "local 2026-06-01T19:00:03.250000Z"),
            ("european", "1.6.2026 07:00:03", "local 2026-06-01T07:00:03.000000Z"),
            ("epoch-seconds", "1780297203", "utc 2026-06-01T07:00:03.000000Z"),
            ("epoch-millis", "1780297203134", "utc 2026-06-01T07:00:03.134000Z"),
            ("fileman", "3150305.1252", "local 2015-03-05T12:52:00.000000Z"),
            ("fileman", "3150304.24", "local 2015-03-05T00:00:00.000000Z"),
            ("fileman", "3150305.12596", "local 2015-03-05T13:00:00.000000Z"),
            ("epic-instant", "5851206003", "local 2026-06-01T07:00:03.000000Z"),
            ("%d-%b-%Y %H:%M", "01-JUN-2026 07:00", "local 2026-06-01T07:00:00.000000Z"),
        ] {
            assert_eq!(written(format, text).as_deref(), Some(expected), "{format} {text}");
        }
    }

    #[test]
    fn a_day_without_a_time_is_no_instant() {
        for (format, text) in [
            ("iso", "2026-06-01"),
            ("us", "6/1/2026"),
            ("european", "1.6.2026"),
            ("fileman", "3150305"),
            ("%Y-%m-%d", "2026-06-01"),
        ] {
            assert_eq!(written(format, text), None, "{format} {text}");
        }
    }

    #[test]
    fn a_time_in_another_format_is_refused() {
        for (format, text) in [
            ("us", "13/6/2026 7:00"),
            ("us", "6/1/2026 13:00 PM"),
            ("european", "6/13/2026 7:00"),
            ("fileman", "3151305.12"),
            ("fileman", "3150305.1260"),
            ("epoch-seconds", "2026-06-01"),
            ("epic-instant", "-5"),
        ] {
            assert_eq!(written(format, text), None, "{format} {text}");
        }
        assert_eq!(TimeFormat::parse("%!"), None);
        assert_eq!(TimeFormat::parse("american"), None);
    }
}
