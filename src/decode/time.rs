//! Instants and dates as people and systems write them.
//!
//! An instant is RFC 3339 with these liberties: a space or `t` for `T`, `z` for `Z`, offsets `+07`
//! and `+0700` beside `+07:00`, and no offset at all, which means the facility's own zone. Of a
//! fraction (1 to 9 digits) the microseconds are kept. A leap second (`:60`) is the last
//! microsecond of its minute, because the time scale used here has none.

use jiff::civil::Date;

use crate::model::time::{HOUR, LocalKind, SECOND, Timestamp, Zone};

const MINUTE: i64 = 60 * SECOND;
/// Local times are resolved and remembered by stretches of this length.
const SLOT: i64 = 15 * MINUTE;

/// An instant as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// With an offset: one instant everywhere.
    Absolute(Timestamp),
    /// Without one: microseconds of the wall clock since 1970-01-01T00:00:00 local.
    Local(i64),
}

/// Reads local times in the facility's zone, and counts those that had to be interpreted.
#[derive(Clone, Debug)]
pub struct LocalClock {
    zone: Zone,
    /// The stretch of wall clock resolved last, and what to subtract from it; `None` where the
    /// offset changes within it.
    slot: i64,
    offset: Option<i64>,
    /// Local times of an hour that occurs twice; the first was taken.
    pub repeated: u64,
    /// Local times of an hour that does not exist; moved forward.
    pub skipped: u64,
}

impl LocalClock {
    /// A clock of the facility's zone.
    #[must_use]
    pub fn new(zone: Zone) -> Self {
        Self { zone, slot: i64::MIN, offset: None, repeated: 0, skipped: 0 }
    }

    /// Reads an instant; `None` when the text is none.
    pub fn instant(&mut self, text: &str) -> Option<Timestamp> {
        self.written(read_instant(text)?)
    }

    /// The instant that was written.
    pub fn written(&mut self, written: Written) -> Option<Timestamp> {
        match written {
            Written::Absolute(at) => Some(at),
            Written::Local(micros) => self.local(micros),
        }
    }

    /// The instant of a wall-clock time, in microseconds since 1970-01-01T00:00:00 local; `None`
    /// outside the years 0 to 9999.
    pub fn local(&mut self, micros: i64) -> Option<Timestamp> {
        let slot = micros.div_euclid(SLOT);
        if slot != self.slot {
            self.slot = slot;
            self.offset = self.offset_of(slot);
        }
        if let Some(offset) = self.offset {
            return checked(micros - offset);
        }
        let (at, kind) = self.zone.resolve(civil(micros)?);
        match kind {
            LocalKind::Plain => {}
            LocalKind::Repeated => self.repeated += 1,
            LocalKind::Skipped => self.skipped += 1,
        }
        at.is_finite().then_some(at)
    }

    /// The one offset that holds in a whole slot. Zones change theirs at most once in a quarter of
    /// an hour, so both ends agreeing is enough.
    fn offset_of(&self, slot: i64) -> Option<i64> {
        let [first, last] = [slot * SLOT, slot * SLOT + SLOT - 1].map(|micros| {
            let (at, kind) = self.zone.resolve(civil(micros)?);
            (kind == LocalKind::Plain && at.is_finite()).then_some(micros - at.0)
        });
        if first == last { first } else { None }
    }

    /// The first instant of a local date.
    #[must_use]
    pub fn start_of(&self, date: Date) -> Timestamp {
        self.zone.start_of(date)
    }
}

fn civil(micros: i64) -> Option<jiff::civil::DateTime> {
    let at = jiff::Timestamp::from_microsecond(micros).ok()?;
    Some(jiff::tz::Offset::UTC.to_datetime(at))
}

/// Holds an instant to the range that can be printed.
fn checked(micros: i64) -> Option<Timestamp> {
    const LOW: i64 = -62_167_219_200 * SECOND;
    const HIGH: i64 = 253_402_207_200 * SECOND;
    (LOW..HIGH).contains(&micros).then_some(Timestamp(micros))
}

/// Reads `YYYY-MM-DDTHH:MM:SS[.f][offset]`.
#[must_use]
pub fn read_instant(text: &str) -> Option<Written> {
    let b = text.as_bytes();
    let (head, rest) = b.split_first_chunk::<19>()?;
    if head[4] != b'-' || head[7] != b'-' || head[13] != b':' || head[16] != b':' {
        return None;
    }
    if !matches!(head[10], b'T' | b' ' | b't') {
        return None;
    }
    let days = days(two(head, 0)? * 100 + two(head, 2)?, two(head, 5)?, two(head, 8)?)?;
    let (hour, minute, second) = (two(head, 11)?, two(head, 14)?, two(head, 17)?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (mut fraction, rest) = fraction(rest)?;
    let mut second = i64::from(second);
    if second == 60 {
        (second, fraction) = (59, SECOND - 1);
    }
    let local = days * (24 * HOUR) + i64::from(hour) * HOUR + i64::from(minute) * MINUTE + second * SECOND + fraction;
    match offset(rest)? {
        Some(offset) => checked(local - offset).map(Written::Absolute),
        None => Some(Written::Local(local)),
    }
}

/// Two digits at `at`.
fn two(b: &[u8; 19], at: usize) -> Option<u32> {
    let (tens, ones) = (b[at].wrapping_sub(b'0'), b[at + 1].wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then(|| u32::from(tens) * 10 + u32::from(ones))
}

/// Days since 1970-01-01 of a Gregorian date; `None` for a date that does not exist.
fn days(year: u32, month: u32, day: u32) -> Option<i64> {
    const LENGTHS: [u32; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = *LENGTHS.get(month.wrapping_sub(1) as usize)? + u32::from(is_leap && month == 2);
    if day == 0 || day > length {
        return None;
    }
    // Years begin in March, so that the leap day is the last of its year.
    let year = i64::from(year) - i64::from(month <= 2);
    let from_march = i64::from((month + 9) % 12);
    let day_of_year = (153 * from_march + 2) / 5 + i64::from(day) - 1;
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

/// A fraction of a second in microseconds, and what follows it.
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let Some((b'.', digits)) = rest.split_first() else { return Some((0, rest)) };
    let count = digits.iter().take_while(|digit| digit.is_ascii_digit()).count();
    if count == 0 || count > 9 {
        return None;
    }
    let kept = digits[..count.min(6)].iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    let scale = [100_000, 10_000, 1_000, 100, 10, 1][count.min(6) - 1];
    Some((kept * scale, &digits[count..]))
}

/// The offset from UTC in microseconds: `Some(None)` when there is none, `None` when it is wrong.
fn offset(rest: &[u8]) -> Option<Option<i64>> {
    let (sign, h, m) = match *rest {
        [] => return Some(None),
        [b'Z' | b'z'] => return Some(Some(0)),
        [sign, h1, h2] => (sign, [h1, h2], [b'0', b'0']),
        [sign, h1, h2, m1, m2] | [sign, h1, h2, b':', m1, m2] => (sign, [h1, h2], [m1, m2]),
        _ => return None,
    };
    let number = |digits: [u8; 2]| {
        let both = digits.iter().all(u8::is_ascii_digit);
        both.then(|| i64::from(digits[0] - b'0') * 10 + i64::from(digits[1] - b'0'))
    };
    let (hours, minutes) = (number(h)?, number(m)?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    let micros = hours * HOUR + minutes * MINUTE;
    match sign {
        b'+' => Some(Some(micros)),
        b'-' => Some(Some(-micros)),
        _ => None,
    }
}

/// Reads `YYYY-MM-DD`.
#[must_use]
pub fn read_date(text: &str) -> Option<Date> {
    let b: &[u8; 10] = text.as_bytes().try_into().ok()?;
    if b[4] != b'-' || b[7] != b'-' {
        return None;
    }
    let number = |range: std::ops::Range<usize>| {
        b[range].iter().try_fold(0_i16, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i16::from(digit - b'0')))
    };
    Date::new(number(0..4)?, i8::try_from(number(5..7)?).ok()?, i8::try_from(number(8..10)?).ok()?).ok()
}

/// Reads true/false/t/f/yes/no/y/n/1/0 in any case.
#[must_use]
pub fn read_bool(text: &str) -> Option<bool> {
    let is = |names: [&str; 4]| names.iter().any(|name| name.eq_ignore_ascii_case(text));
    if is(["true", "t", "yes", "y"]) || text == "1" {
        Some(true)
    } else if is(["false", "f", "no", "n"]) || text == "0" {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn clock() -> LocalClock {
        LocalClock::new(Zone::named("America/Los_Angeles").unwrap())
    }

    #[test]
    fn every_accepted_way_to_write_one_instant_reads_alike() {
        for text in [
            "2026-06-01T07:00:03.134Z",
            "2026-06-01 07:00:03.134Z",
            "2026-06-01t07:00:03.134z",
            "2026-06-01T00:00:03.134-07",
            "2026-06-01T00:00:03.134-0700",
            "2026-06-01T00:00:03.134-07:00",
            "2026-06-01T12:30:03.134000999+05:30",
            "2026-06-01 00:00:03.134",
        ] {
            assert_eq!(clock().instant(text).unwrap().to_string(), "2026-06-01T07:00:03.134000Z", "{text}");
        }
        assert_eq!(clock().instant("2026-06-01T07:00:03+00").unwrap().to_string(), "2026-06-01T07:00:03.000000Z");
        assert_eq!(clock().instant("2016-12-31T23:59:60Z").unwrap().to_string(), "2016-12-31T23:59:59.999999Z");
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for text in [
            "",
            "2026-06-01",
            "2026-06-01T07:00Z",
            "2026-02-30T07:00:00Z",
            "2026-13-01T07:00:00Z",
            "2026-06-01T24:00:00Z",
            "2026-06-01T07:60:00Z",
            "2026-06-01T07:00:00.Z",
            "2026-06-01T07:00:00.1234567890Z",
            "2026-06-01T07:00:00+7",
            "2026-06-01T07:00:00+24:00",
            "2026-06-01T07:00:00 Z",
            "2026/06/01T07:00:00Z",
            "20260601T070000Z",
            "1780297203",
        ] {
            assert_eq!(clock().instant(text), None, "{text}");
        }
    }

    #[test]
    fn a_repeated_hour_is_the_first_a_skipped_one_moves_forward_and_both_are_counted() {
        let mut clock = clock();
        assert_eq!(clock.instant("2026-11-01T01:30:00").unwrap().to_string(), "2026-11-01T08:30:00.000000Z");
        assert_eq!(clock.instant("2026-11-01T02:00:00").unwrap().to_string(), "2026-11-01T10:00:00.000000Z");
        assert_eq!(clock.instant("2026-03-08T02:30:00").unwrap().to_string(), "2026-03-08T10:30:00.000000Z");
        assert_eq!(clock.instant("2026-03-08T03:00:00").unwrap().to_string(), "2026-03-08T10:00:00.000000Z");
        assert_eq!((clock.repeated, clock.skipped), (1, 1));
    }

    #[test]
    fn dates_and_switches_are_exact() {
        assert_eq!(read_date("2024-02-29"), Some(jiff::civil::date(2024, 2, 29)));
        for text in ["2023-02-29", "2024-2-29", "2024-02-29T00:00:00", "29.02.2024", ""] {
            assert_eq!(read_date(text), None, "{text}");
        }
        for text in ["true", "T", "Yes", "y", "1"] {
            assert_eq!(read_bool(text), Some(true), "{text}");
        }
        for text in ["FALSE", "f", "no", "N", "0"] {
            assert_eq!(read_bool(text), Some(false), "{text}");
        }
        assert_eq!(read_bool("maybe"), None);
    }

    proptest! {
        #[test]
        fn agrees_with_jiff_on_every_rfc_3339_instant(
            seconds in -62_135_596_800_i64..253_402_200_000,
            nanos in 0_i32..1_000_000_000,
            digits in 0_usize..=9,
            offset_minutes in -1_439_i32..1_439,
        ) {
            let at = jiff::Timestamp::new(seconds, 0).unwrap();
            let offset = jiff::tz::Offset::from_seconds(offset_minutes * 60).unwrap();
            let local = offset.to_datetime(at);
            prop_assume!((0..=9999).contains(&local.year()));
            let fraction = if digits == 0 { String::new() } else { format!(".{}", &format!("{nanos:09}")[..digits]) };
            let (sign, size) = (if offset_minutes < 0 { '-' } else { '+' }, offset_minutes.abs());
            let text = format!(
                "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{fraction}{sign}{:02}:{:02}",
                local.year(), local.month(), local.day(), local.hour(), local.minute(), local.second(),
                size / 60, size % 60
            );
            // jiff rounds the fraction of an instant before 1970 towards 1970, so whole microseconds are compared.
            let expected: jiff::Timestamp = text.parse().unwrap();
            let expected = expected.as_nanosecond().div_euclid(1_000);
            prop_assert_eq!(read_instant(&text), Some(Written::Absolute(Timestamp(expected as i64))));
        }

        #[test]
        fn remembering_an_offset_changes_no_local_time(starts in proptest::collection::vec(0_i64..2_000_000_000, 1..40)) {
            let mut clock = clock();
            let zone = Zone::named("America/Los_Angeles").unwrap();
            for second in starts {
                let local = civil(second * SECOND).unwrap();
                prop_assert_eq!(clock.local(second * SECOND), Some(zone.resolve(local).0));
            }
        }

        #[test]
        fn no_text_breaks_it(text in "\\PC{0,40}") {
            let _ = (clock().instant(&text), read_date(&text), read_bool(&text));
        }
    }
}
