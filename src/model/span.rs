//! Lengths of time as people write them in a configuration: `30s`, `5m`, `2h`, `30d`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::time::{DAY, HOUR, SECOND};

/// A length of time in microseconds, never negative. A day is 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(i64);

const UNITS: [(&str, i64); 4] = [("d", DAY), ("h", HOUR), ("m", 60 * SECOND), ("s", SECOND)];

impl Span {
    /// So many hours.
    #[must_use]
    pub const fn hours(count: i64) -> Self {
        Self(count * HOUR)
    }

    /// So many seconds.
    #[must_use]
    pub const fn seconds(count: i64) -> Self {
        Self(count * SECOND)
    }

    /// So many minutes.
    #[must_use]
    pub const fn minutes(count: i64) -> Self {
        Self(count * 60 * SECOND)
    }

    /// So many days of 24 hours.
    #[must_use]
    pub const fn days(count: i64) -> Self {
        Self(count * DAY)
    }

    /// The length in microseconds.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let complaint = || {
            format!(
                "\"{text}\" is not a length of time: expected a number and a unit, such as \"30s\", \"5m\", \"72h\" or \"30d\""
            )
        };
        let text = text.trim();
        let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(complaint)?;
        let count: i64 = text[..split].parse().map_err(|_| complaint())?;
        let unit = UNITS.iter().find(|(unit, _)| *unit == text[split..].trim()).ok_or_else(complaint)?;
        count.checked_mul(unit.1).map(Self).ok_or_else(complaint)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // "72h" stays "72h": a day is written only where the count is a round number of them above three.
        let unit = UNITS
            .iter()
            .find(|(unit, size)| self.0 % size == 0 && (*unit != "d" || self.0 > 3 * DAY))
            .unwrap_or(&UNITS[3]);
        write!(f, "{}{}", self.0 / unit.1, unit.0)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_back_as_written() {
        for text in ["0s", "45s", "5m", "2h", "72h", "30d"] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.to_string().parse::<Span>().unwrap(), span);
        }
        assert_eq!("72h".parse::<Span>().unwrap().to_string(), "72h");
        assert!("72".parse::<Span>().is_err());
        assert!("-5m".parse::<Span>().unwrap_err().contains("-5m"));
    }
}
