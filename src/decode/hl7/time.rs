//! HL7 times (DTM): `YYYY[MM[DD[HH[MM[SS[.S[S[S[S]]]]]]]]][+/-ZZZZ]`.
//!
//! Also with `-`, `/`, `:`, `T` or a space between the parts, with `Z`, and with hundredths behind the
//! seconds without a point. Without an offset it is the facility's own time.

use jiff::civil::Date;

use crate::decode::time::LocalClock;
use crate::model::time::{HOUR, MINUTE, SECOND, Timestamp};

/// A time as it was written.
struct Written {
    date: Date,
    /// Microseconds since midnight; none when only a day, month or year is named.
    since_midnight: Option<i64>,
    /// Offset from UTC in microseconds.
    offset: Option<i64>,
}

/// The first instant of the period that a text names; none when it names none.
pub(super) fn instant(text: &str, clock: &mut LocalClock) -> Option<Timestamp> {
    at(&written(text)?, clock)
}

/// The date that a text names, as written there; of a month or year the first day.
pub(super) fn date(text: &str) -> Option<Date> {
    written(text).map(|written| written.date)
}

/// The first instant, and the last one where only a day is named: something ended within it.
pub(super) fn period(text: &str, clock: &mut LocalClock) -> Option<(Timestamp, Timestamp)> {
    let written = written(text)?;
    let start = at(&written, clock)?;
    if written.since_midnight.is_some() {
        return Some((start, start));
    }
    let end = at(&Written { date: written.date.tomorrow().ok()?, ..written }, clock)?;
    Some((start, end.max(start)))
}

fn at(written: &Written, clock: &mut LocalClock) -> Option<Timestamp> {
    let midnight = jiff::tz::Offset::UTC.to_timestamp(written.date.at(0, 0, 0, 0)).ok()?.as_microsecond();
    match (written.offset, written.since_midnight) {
        (Some(offset), since) => Some(Timestamp(midnight + since.unwrap_or_default() - offset)),
        (None, Some(since)) => clock.local(midnight + since),
        (None, None) => Some(clock.start_of(written.date)).filter(|at| at.is_finite()),
    }
}

fn written(text: &str) -> Option<Written> {
    let text = text.trim();
    // The sign of an offset follows the date, whose own hyphens stand at 4 and 7.
    let date_ends = date_length(text);
    let (day, rest) = text.split_at_checked(date_ends)?;
    let sign = rest.find(['+', '-', 'Z', 'z']).unwrap_or(rest.len());
    let (time, zone) = rest.split_at_checked(sign)?;
    let (time, fraction) = time.split_once(['.', ',']).unwrap_or((time, ""));
    let is_plain = |char: char| char.is_ascii_digit() || matches!(char, ':' | ' ' | 'T' | 't');
    if !time.chars().all(is_plain) {
        return None;
    }
    let day: String = day.chars().filter(char::is_ascii_digit).collect();
    let time: String = time.chars().filter(char::is_ascii_digit).collect();
    let number = |text: &str, from: usize, usual: i64| match text.get(from..from + 2) {
        Some(digits) => digits.parse().ok(),
        None => (text.len() <= from).then_some(usual),
    };
    let year: i16 = day.get(..4)?.parse().ok()?;
    let (month, of_month) = (number(&day, 4, 1)?, number(&day, 6, 1)?);
    let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(of_month).ok()?).ok()?;
    let (hour, minute, second) = (number(&time, 0, 0)?, number(&time, 2, 0)?, number(&time, 4, 0)?);
    let fraction = micros(if time.len() > 6 { time.get(6..)? } else { fraction.trim_end() })?;
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let of_minute = (second * SECOND + fraction).min(MINUTE - 1);
    let since_midnight = (!time.is_empty()).then_some(hour * HOUR + minute * MINUTE + of_minute);
    Some(Written { date, since_midnight, offset: offset(zone)? })
}

/// The length of the date at the start: 10 or 7 with separators, up to 8 digits without.
fn date_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mark = bytes.get(4).copied().filter(|mark| matches!(mark, b'-' | b'/'));
    match (mark, bytes.get(7).copied()) {
        (Some(mark), Some(next)) if next == mark => 10,
        (Some(_), None) if bytes.len() == 7 => 7,
        _ => bytes.iter().take(8).take_while(|byte| byte.is_ascii_digit()).count(),
    }
}

/// Digits behind the seconds, in microseconds.
fn micros(digits: &str) -> Option<i64> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.bytes().chain(std::iter::repeat(b'0')).take(6).fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')))
}

/// `+ZZZZ`, `+ZZ:ZZ`, `+ZZ`, `Z` or nothing; `None` when it is none of them.
fn offset(zone: &str) -> Option<Option<i64>> {
    let zone = zone.trim();
    if zone.is_empty() || zone.eq_ignore_ascii_case("z") {
        return Some((!zone.is_empty()).then_some(0));
    }
    let (sign, rest) = zone.split_at_checked(1)?;
    let digits: String = rest.chars().filter(|char| *char != ':').collect();
    let is_read = matches!(digits.len(), 2 | 4) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let hours: i64 = digits.get(..2).filter(|_| is_read)?.parse().ok()?;
    let minutes: i64 = digits.get(2..).filter(|text| !text.is_empty()).unwrap_or("0").parse().ok()?;
    if hours > 23 || minutes > 59 {
        return None;
    }
    let size = hours * HOUR + minutes * MINUTE;
    match sign {
        "+" => Some(Some(size)),
        "-" => Some(Some(-size)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Zone;

    fn clock() -> LocalClock {
        LocalClock::new(Zone::named("America/Los_Angeles").unwrap())
    }

    fn read(text: &str) -> Option<String> {
        instant(text, &mut clock()).map(|at| at.to_string())
    }

    #[test]
    fn an_offset_is_hours_and_minutes() {
        assert_eq!(read("198908181126+0215").as_deref(), Some("1989-08-18T09:11:00.000000Z"));
        assert_eq!(read("20210817151943.4+0200").as_deref(), Some("2021-08-17T13:19:43.400000Z"));
        assert_eq!(read("20260601-0700").as_deref(), Some("2026-06-01T07:00:00.000000Z"));
        assert_eq!(read("2026-0700").as_deref(), Some("2026-01-01T07:00:00.000000Z"));
    }

    #[test]
    fn a_time_without_an_offset_is_the_facility_s() {
        for text in ["20260601000003.134", "2026-06-01 00:00:03.134", "20260601T000003.1340", "2026060100000313400"] {
            let expected = "2026-06-01T07:00:03.134000Z";
            assert_eq!(read(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn the_start_of_the_period_named_counts() {
        for text in ["2026", "202601", "20260101", "2026010100", "202601010000", "2026-01-01", "2026-01"] {
            assert_eq!(read(text).as_deref(), Some("2026-01-01T08:00:00.000000Z"), "{text}");
        }
        assert_eq!(date("20260601233000-0700"), Some(jiff::civil::date(2026, 6, 1)));
    }

    #[test]
    fn a_day_ends_with_the_next_one() {
        let (start, end) = period("20260601", &mut clock()).unwrap();
        assert_eq!(end - start, 24 * HOUR);
        let (start, end) = period("202606011200", &mut clock()).unwrap();
        assert_eq!(start, end);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in
            ["", "\"\"", "202", "20261", "20260230", "00000000", "2026060125", "202606010", "soon", "20260601+2"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
