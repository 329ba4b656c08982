//! What a late or confirmed breach may cost in California, for planning.
//!
//! The statutory maximum of HSC 1280.15(a) and (d) as CDPH's published cases read it. It is never a
//! reason to group breaches one way or another, and no prediction: actual penalties can be far
//! below it.

use std::collections::BTreeMap;
use std::str::FromStr;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// US dollars for a patient's first occurrence.
const FIRST_USD: u64 = 25_000;
/// US dollars for each later occurrence on the same patient.
const LATER_USD: u64 = 17_500;
/// US dollars for each calendar day that a report or notice is late.
const LATE_DAY_USD: u64 = 100;
/// Most that one reported event can cost, lateness included, in US dollars.
const CAP_USD: u64 = 250_000;

const READING: &str = "exposure estimate for planning, not legal advice: statutory maximum of Health and Safety Code \
    1280.15(a) and (d) for one reported event, as CDPH's published cases read it (25,000 USD for a patient's first \
    occurrence, 17,500 for each later one, 100 for each calendar day late, at most 250,000 in all); \
    first_occurrences_only_usd reads 22 CCR 79901(p) by its words, where an occurrence is later only after a report; \
    where safeguards were reasonable, Regents v. CDPH (2025) leaves no penalty for the breach itself, lateness apart";

/// How often each patient's chart was breached: groups of patients with the same number of
/// occurrences.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Occurrences {
    groups: Vec<Group>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Group {
    /// Occurrences for each patient, at least 1.
    times: u64,
    patients: u64,
}

impl FromStr for Occurrences {
    type Err = String;

    /// Reads `1x204 3`: 204 patients once and one patient three times. Empty text is nobody.
    fn from_str(text: &str) -> Result<Self, String> {
        let words = text.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty());
        Ok(Self { groups: words.map(group).collect::<Result<_, _>>()? })
    }
}

impl Occurrences {
    /// Counts how often each patient is named.
    #[must_use]
    pub fn of_patients<'p>(patients: impl Iterator<Item = &'p str>) -> Self {
        let mut times: BTreeMap<&str, u64> = BTreeMap::new();
        patients.for_each(|patient| *times.entry(patient).or_default() += 1);
        Self { groups: times.into_values().map(|times| Group { times, patients: 1 }).collect() }
    }
}

fn group(word: &str) -> Result<Group, String> {
    let complaint = |why: &str| {
        format!(
            "\"{word}\" {why}: expected the occurrences of one patient, or occurrences x patients such as \"1x204\""
        )
    };
    let number = |digits: &str| {
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(complaint("is not a count"));
        }
        digits.parse::<u64>().map_err(|_| complaint("is too large"))
    };
    let (times, patients) = match word.split_once(['x', 'X']) {
        Some((times, patients)) => (number(times)?, number(patients)?),
        None => (number(word)?, 1),
    };
    if times == 0 {
        return Err(complaint("counts a patient with no occurrence"));
    }
    Ok(Group { times, patients })
}

/// The estimate for one reported event, in US dollars.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exposure {
    /// Before the cap.
    pub raw_usd: u64,
    /// After the cap of 250,000.
    pub max_usd: u64,
    /// After the cap, when occurrences inside one report are not "subsequent" (79901(p)).
    pub first_occurrences_only_usd: u64,
    /// Which reading of the law this is.
    pub reading: String,
    pub patients: u64,
    pub occurrences: u64,
    pub late_days: u64,
}

/// Estimates one reported event: `min(250000, sum(25000 + 17500 * (n - 1)) + 100 * late_days)`
/// over patients with `n` occurrences each. Sums stay at the largest number instead of wrapping.
#[must_use]
pub fn exposure(occurrences: &Occurrences, late_days: u64) -> Exposure {
    let sum = |each: fn(u64) -> u64| {
        occurrences
            .groups
            .iter()
            .fold(0_u64, |total, group| total.saturating_add(each(group.times).saturating_mul(group.patients)))
    };
    let late_usd = LATE_DAY_USD.saturating_mul(late_days);
    let raw_usd = sum(|times| FIRST_USD.saturating_add(LATER_USD.saturating_mul(times - 1))).saturating_add(late_usd);
    Exposure {
        raw_usd,
        max_usd: raw_usd.min(CAP_USD),
        first_occurrences_only_usd: sum(|_| FIRST_USD).saturating_add(late_usd).min(CAP_USD),
        reading: READING.to_owned(),
        patients: sum(|_| 1),
        occurrences: sum(|times| times),
        late_days,
    }
}

/// Calendar days late: from the day after `deadline` to the day sent, both counted. HSC 1280.15(d)
/// does not say which days; calendar days are the safe reading.
#[must_use]
pub fn late_days(deadline: Date, sent: Date) -> u64 {
    u64::try_from(sent.duration_since(deadline).as_hours() / 24).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn estimate(text: &str, late: u64) -> (u64, u64) {
        let exposure = exposure(&text.parse().unwrap(), late);
        (exposure.raw_usd, exposure.max_usd)
    }

    #[test]
    fn published_cases_come_out_as_assessed() {
        assert_eq!(estimate("1", 0), (25_000, 25_000));
        assert_eq!(estimate("3", 0), (60_000, 60_000));
        assert_eq!(estimate("1x5", 0), (125_000, 125_000));
        assert_eq!(estimate("23", 0), (410_000, 250_000));
        assert_eq!(estimate("1x10", 0), (250_000, 250_000));
        assert_eq!(estimate("1x9", 10), (226_000, 226_000));
        assert_eq!(estimate("1x9", 400), (265_000, 250_000));
        assert_eq!(estimate("1x204 3", 0), (5_160_000, 250_000));
    }

    #[test]
    fn nobody_and_no_lateness_is_nothing_and_lateness_alone_counts() {
        assert_eq!(estimate("", 0), (0, 0));
        assert_eq!(estimate("  ", 822), (82_200, 82_200));
    }

    #[test]
    fn the_narrow_reading_counts_each_patient_once() {
        let exposure = exposure(&"2 2".parse().unwrap(), 1);
        assert_eq!((exposure.max_usd, exposure.first_occurrences_only_usd), (85_100, 50_100));
        assert_eq!((exposure.patients, exposure.occurrences), (2, 4));
    }

    #[test]
    fn enormous_counts_stay_at_the_top() {
        let most = u64::MAX;
        assert_eq!(estimate(&format!("{most}x{most} {most}"), most), (u64::MAX, 250_000));
    }

    #[test]
    fn what_is_not_a_count_is_named() {
        for text in ["0", "0x3", "x", "1x", "x2", "-1", "+1", "1.5", "two", "1x2x3", "18446744073709551616"] {
            let error = text.parse::<Occurrences>().unwrap_err();
            assert!(error.contains(text) && error.contains("1x204"), "{error}");
        }
    }

    #[test]
    fn lateness_counts_calendar_days_after_the_deadline() {
        assert_eq!(late_days(date(2024, 8, 21), date(2026, 11, 21)), 822);
        assert_eq!(late_days(date(2026, 3, 23), date(2026, 3, 24)), 1);
        assert_eq!(late_days(date(2026, 3, 23), date(2026, 3, 23)), 0);
        assert_eq!(late_days(date(2026, 3, 23), date(2026, 3, 2)), 0);
    }
}
