//! The two sets of clocks that start when a breach becomes known.
//!
//! The same instant gives two first days. California counts from the first *business day* on which
//! the breach was detected (22 CCR 79901(f)); HIPAA counts from the first day of any kind (45 CFR
//! 164.404(a)(2)). Both take the local date at the facility and then count dates, never hours: a
//! day that is 23 hours long is a day.

use std::str::FromStr;

use jiff::ToSpan;
use jiff::civil::{Date, date};
use serde::{Deserialize, Serialize};

use super::{calendar, iso_date};
use crate::model::time::{Timestamp, Zone};

/// Business days for the report to CDPH and the notice to the patient (79902(a); HSC 1280.15(b)).
const CALIFORNIA_BUSINESS_DAYS: u32 = 15;
/// Calendar days for the notice to individuals, a ceiling (164.404(b)).
const INDIVIDUAL_DAYS: i64 = 60;
/// From this many affected persons HHS is told together with them (164.408(b)).
pub const HHS_LARGE: u64 = 500;
/// The media are told when more residents of one State than this are affected (164.406(a)).
const MEDIA_MORE_THAN: u64 = 500;
/// Longest delay, in calendar days, of California's patient notice after a written request (HSC 1280.15(c)).
const WRITTEN_CAP_DAYS: i64 = 60;
/// Longest delay in calendar days after an oral statement (HSC 1280.15(c); 164.412(b)).
const ORAL_CAP_DAYS: i64 = 30;
/// First day on which 22 CCR 79901-79905 were in force.
pub const CALIFORNIA_OPERATIVE: Date = date(2021, 7, 1);

/// Which law the facility is under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Regimes {
    /// Licensed by CDPH under HSC 1204, 1250, 1725 or 1745 (79901(j)).
    pub california: bool,
    /// A covered entity under HIPAA.
    pub hipaa: bool,
}

impl Regimes {
    /// A California licensee under HIPAA.
    pub const BOTH: Self = Self { california: true, hipaa: true };
    /// A facility elsewhere.
    pub const HIPAA: Self = Self { california: false, hipaa: true };
}

impl FromStr for Regimes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut regimes = Self { california: false, hipaa: false };
        for name in text.split([',', '+']).map(str::trim) {
            match name.to_ascii_uppercase().as_str() {
                "CA" => regimes.california = true,
                "HIPAA" => regimes.hipaa = true,
                _ => return Err(format!("unknown regime \"{name}\": expected CA, HIPAA or CA,HIPAA")),
            }
        }
        Ok(regimes)
    }
}

/// When a suspected breach counts as known, regime by regime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Detection under California law (79901(f)).
    pub detected_at: Timestamp,
    /// Discovery under HIPAA (164.404(a)(2)).
    pub discovered_at: Timestamp,
}

impl From<Timestamp> for Known {
    fn from(at: Timestamp) -> Self {
        Self { detected_at: at, discovered_at: at }
    }
}

/// How law enforcement asked for a delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StatementKind {
    Written,
    Oral,
}

/// A law-enforcement official's statement that a notice would impede an investigation
/// (HSC 1280.15(c); 45 CFR 164.412).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LawEnforcementDelay {
    pub kind: StatementKind,
    /// Local date of the request or statement.
    pub stated: Date,
    /// Last day of the delay that was asked for.
    pub until: Date,
}

impl LawEnforcementDelay {
    /// Last day of the delay in California: at most 60 calendar days after a written request,
    /// 30 after an oral one. Not rolled to a business day.
    #[must_use]
    pub fn end_california(&self) -> Date {
        let cap = match self.kind {
            StatementKind::Written => WRITTEN_CAP_DAYS,
            StatementKind::Oral => ORAL_CAP_DAYS,
        };
        self.until.min(plus_days(self.stated, cap))
    }

    /// Last day of the delay under HIPAA: the time that a written statement specifies; at most 30
    /// calendar days after an oral one.
    #[must_use]
    pub fn end_hipaa(&self) -> Date {
        match self.kind {
            StatementKind::Written => self.until,
            StatementKind::Oral => self.until.min(plus_days(self.stated, ORAL_CAP_DAYS)),
        }
    }
}

/// Every deadline of one suspected breach, as local dates at the facility; each is in time until
/// 23:59:59 there. `None` where a regime or a rule does not apply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadlines {
    /// California's day 0: the first business day on or after the day of detection.
    #[serde(with = "iso_date::optional")]
    pub detected_business_day: Option<Date>,
    /// Report to the California Department of Public Health: 15th business day after day 0.
    #[serde(with = "iso_date::optional")]
    pub cdph_deadline: Option<Date>,
    /// Notice to the patient under California law, without any delay: the same day.
    #[serde(with = "iso_date::optional")]
    pub patient_deadline: Option<Date>,
    /// HIPAA's day 0, of any kind.
    #[serde(with = "iso_date::optional")]
    pub discovered_date: Option<Date>,
    /// Notice to individuals: 60 calendar days after discovery, not rolled.
    #[serde(with = "iso_date::optional")]
    pub hipaa_individual_deadline: Option<Date>,
    /// Notice to the media: the same day, when more than 500 residents of one State are affected.
    #[serde(with = "iso_date::optional")]
    pub media_deadline: Option<Date>,
    /// Notice to HHS: from 500 affected with the individual notices, below that 60 days after the
    /// end of the year of discovery.
    #[serde(with = "iso_date::optional")]
    pub hhs_deadline: Option<Date>,
    /// What a law-enforcement delay changes; its fields stand here only when there is one.
    #[serde(flatten)]
    pub delayed: Option<DelayedDeadlines>,
    /// A day to work towards: 15 business days counted from the day of detection itself, though it
    /// be a Saturday. Never later than `cdph_deadline`.
    #[serde(with = "iso_date::optional")]
    pub cdph_safe_alarm: Option<Date>,
    pub timezone: String,
    pub calendar_version: String,
    /// Whether the holidays of every year counted through were compared with published lists;
    /// `None` when no business day was counted.
    pub calendar_checked: Option<bool>,
    /// Version of the time-zone database.
    pub tz_database: String,
    /// How each date was counted, or why it is null.
    pub notes: Vec<String>,
}

/// Deadlines after a law-enforcement delay. The report to CDPH is never delayed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelayedDeadlines {
    pub le_kind: StatementKind,
    /// Last day of the delay in California, after the cap.
    #[serde(with = "iso_date::optional")]
    pub le_delay_end_ca: Option<Date>,
    /// 15th business day after `le_delay_end_ca`.
    #[serde(with = "iso_date::optional")]
    pub patient_deadline_delayed: Option<Date>,
    /// The same, but the ordinary patient deadline when the delay ends before that.
    #[serde(with = "iso_date::optional")]
    pub patient_deadline_safe: Option<Date>,
    /// Last day of the delay under HIPAA, after the cap.
    #[serde(with = "iso_date::optional")]
    pub le_delay_end_hipaa: Option<Date>,
    /// The later of the individual deadline and `le_delay_end_hipaa`.
    #[serde(with = "iso_date::optional")]
    pub hipaa_deadline_delayed: Option<Date>,
}

/// Counts every deadline of a breach known at `known`, at a facility in `zone`.
///
/// `affected` is the number of persons affected, 0 when none is counted yet (the branch under
/// 500). `residents` is the number of affected residents of the State that has most of them;
/// unknown gives no media deadline.
#[must_use]
pub fn deadlines(
    known: Known,
    zone: &Zone,
    regimes: Regimes,
    affected: u64,
    residents: Option<u64>,
    delay: Option<LawEnforcementDelay>,
) -> Deadlines {
    let mut notes = Vec::new();
    for (applies, name) in [(regimes.california, "California"), (regimes.hipaa, "HIPAA")] {
        if !applies {
            notes.push(format!("{name}: null because the facility is not under this regime"));
        }
    }
    let california =
        if regimes.california { California::count(zone.date(known.detected_at), &mut notes) } else { None };
    let hipaa = regimes.hipaa.then(|| Hipaa::count(zone.date(known.discovered_at), affected, residents, &mut notes));
    let delayed = delay.map(|delay| delayed(delay, california.as_ref(), hipaa.as_ref(), &mut notes));

    let last_counted = delayed
        .as_ref()
        .and_then(|delayed| delayed.patient_deadline_delayed)
        .max(california.as_ref().map(|california| california.deadline));
    let calendar_checked = last_counted.map(calendar::is_checked);
    if calendar_checked == Some(false) {
        notes.push("California: the holidays of these years were not compared with a published list".to_owned());
    }
    Deadlines {
        detected_business_day: california.as_ref().map(|california| california.day_zero),
        cdph_deadline: california.as_ref().map(|california| california.deadline),
        patient_deadline: california.as_ref().map(|california| california.deadline),
        discovered_date: hipaa.as_ref().map(|hipaa| hipaa.discovered),
        hipaa_individual_deadline: hipaa.as_ref().map(|hipaa| hipaa.individual),
        media_deadline: hipaa.as_ref().and_then(|hipaa| hipaa.media),
        hhs_deadline: hipaa.as_ref().map(|hipaa| hipaa.hhs),
        delayed,
        cdph_safe_alarm: california.as_ref().map(|california| california.safe_alarm),
        timezone: zone.name().to_owned(),
        calendar_version: calendar::CALENDAR_VERSION.to_owned(),
        calendar_checked,
        tz_database: Zone::database_version().to_owned(),
        notes,
    }
}

struct California {
    day_zero: Date,
    deadline: Date,
    safe_alarm: Date,
}

impl California {
    fn count(detected: Date, notes: &mut Vec<String>) -> Option<Self> {
        if detected < CALIFORNIA_OPERATIVE {
            notes.push(format!(
                "California: null because 22 CCR 79901-79905 came into force on {CALIFORNIA_OPERATIVE} and this was \
                 detected on {detected}; ask counsel which law governs"
            ));
            return None;
        }
        let day_zero = calendar::first_business_day(detected);
        notes.push(format!(
            "California: detected on {detected}, day 0 is the first business day on or after it ({day_zero}), due on \
             the 15th business day after day 0 (22 CCR 79901(f), 79902(a)); observed days are not skipped"
        ));
        Some(Self {
            day_zero,
            deadline: calendar::add_business_days(day_zero, CALIFORNIA_BUSINESS_DAYS),
            safe_alarm: calendar::add_business_days(detected, CALIFORNIA_BUSINESS_DAYS),
        })
    }
}

struct Hipaa {
    discovered: Date,
    individual: Date,
    media: Option<Date>,
    hhs: Date,
}

impl Hipaa {
    fn count(discovered: Date, affected: u64, residents: Option<u64>, notes: &mut Vec<String>) -> Self {
        let individual = plus_days(discovered, INDIVIDUAL_DAYS);
        notes.push(format!(
            "HIPAA: day 0 is the day of discovery ({discovered}); individuals without unreasonable delay and at most 60 \
             calendar days after it, weekends and holidays included (45 CFR 164.404)"
        ));
        let media = residents.filter(|&residents| residents > MEDIA_MORE_THAN).map(|_| individual);
        notes.push(match (residents, media) {
            (None, _) => {
                "media: null because the number of affected residents of one State is not known; due with the \
                          individual notices when it is over 500 (45 CFR 164.406)"
                    .to_owned()
            }
            (Some(_), None) => {
                "media: null because no State has more than 500 affected residents (45 CFR 164.406)".to_owned()
            }
            (Some(_), Some(_)) => {
                "media: more than 500 residents of one State, with the individual notices (45 CFR 164.406)".to_owned()
            }
        });
        let hhs = if affected >= HHS_LARGE {
            notes.push("HHS: 500 or more affected, with the individual notices (45 CFR 164.408(b))".to_owned());
            individual
        } else {
            notes.push(format!(
                "HHS: fewer than 500 affected, 60 days after the end of {}, the year of discovery (45 CFR 164.408(c))",
                discovered.year()
            ));
            plus_days(discovered.last_of_year(), INDIVIDUAL_DAYS)
        };
        Self { discovered, individual, media, hhs }
    }
}

fn delayed(
    delay: LawEnforcementDelay,
    california: Option<&California>,
    hipaa: Option<&Hipaa>,
    notes: &mut Vec<String>,
) -> DelayedDeadlines {
    let patient = california.map(|california| {
        let end = delay.end_california();
        let delayed = calendar::add_business_days(end, CALIFORNIA_BUSINESS_DAYS);
        notes.push(format!(
            "law enforcement: California delays the patient notice only, never the report to CDPH; the delay ends on \
             {end} and the notice is due on the 15th business day after it (HSC 1280.15(c))"
        ));
        (end, delayed, if end < california.deadline { california.deadline } else { delayed })
    });
    let federal = hipaa.map(|hipaa| {
        let end = delay.end_hipaa();
        notes.push(format!(
            "law enforcement: HIPAA delays every notice until {end}, the media and HHS included; then notify at once \
             (45 CFR 164.412)"
        ));
        (end, hipaa.individual.max(end))
    });
    DelayedDeadlines {
        le_kind: delay.kind,
        le_delay_end_ca: patient.map(|(end, _, _)| end),
        patient_deadline_delayed: patient.map(|(_, delayed, _)| delayed),
        patient_deadline_safe: patient.map(|(_, _, safe)| safe),
        le_delay_end_hipaa: federal.map(|(end, _)| end),
        hipaa_deadline_delayed: federal.map(|(_, deadline)| deadline),
    }
}

/// So many calendar days later; stays at 9999-12-31, the last date that can be written.
fn plus_days(from: Date, days: i64) -> Date {
    from.saturating_add(days.days())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Known {
        Known::from(Timestamp::from(text.parse::<jiff::Timestamp>().unwrap()))
    }

    fn pacific() -> Zone {
        Zone::named("America/Los_Angeles").unwrap()
    }

    #[test]
    fn california_is_null_with_a_reason_before_the_regulation() {
        let before = deadlines(at("2021-06-30T23:59:59-07:00"), &pacific(), Regimes::BOTH, 1, None, None);
        assert_eq!((before.detected_business_day, before.cdph_deadline, before.calendar_checked), (None, None, None));
        assert!(before.notes.iter().any(|note| note.contains("2021-07-01")));
        assert!(before.hipaa_individual_deadline.is_some());
        let first = deadlines(at("2021-07-01T00:00:00-07:00"), &pacific(), Regimes::BOTH, 1, None, None);
        assert_eq!(first.cdph_deadline, Some(date(2021, 7, 22)));
    }

    #[test]
    fn the_media_are_told_above_500_and_hhs_from_500() {
        let known = at("2026-08-03T09:00:00-07:00");
        let count = |affected, residents| {
            let d = deadlines(known, &pacific(), Regimes::BOTH, affected, residents, None);
            (d.media_deadline, d.hhs_deadline)
        };
        let (sixty, annual) = (Some(date(2026, 10, 2)), Some(date(2027, 3, 1)));
        assert_eq!(count(0, None), (None, annual));
        assert_eq!(count(499, Some(499)), (None, annual));
        assert_eq!(count(500, Some(500)), (None, sixty));
        assert_eq!(count(501, Some(501)), (sixty, sixty));
        assert_eq!(count(501, None), (None, sixty));
    }

    #[test]
    fn years_past_the_published_lists_are_counted_and_marked() {
        let d = deadlines(at("2100-02-26T12:00:00-08:00"), &pacific(), Regimes::BOTH, 1, None, None);
        assert_eq!(d.cdph_deadline, Some(date(2100, 3, 19)));
        assert_eq!(d.calendar_checked, Some(false));
        let over_the_edge = deadlines(at("2032-12-20T12:00:00-08:00"), &pacific(), Regimes::BOTH, 1, None, None);
        assert_eq!(over_the_edge.calendar_checked, Some(false));
    }

    #[test]
    fn an_associate_known_earlier_moves_california_only() {
        let known = Known {
            detected_at: at("2026-03-02T12:00:00-08:00").detected_at,
            discovered_at: at("2026-03-09T12:00:00-07:00").discovered_at,
        };
        let d = deadlines(known, &pacific(), Regimes::BOTH, 1, None, None);
        assert_eq!(d.detected_business_day, Some(date(2026, 3, 2)));
        assert_eq!(d.discovered_date, Some(date(2026, 3, 9)));
    }

    #[test]
    fn the_safe_alarm_counts_the_saturday() {
        let d = deadlines(at("2026-09-19T14:30:00-07:00"), &pacific(), Regimes::BOTH, 1, None, None);
        assert_eq!((d.cdph_safe_alarm, d.cdph_deadline), (Some(date(2026, 10, 9)), Some(date(2026, 10, 12))));
    }

    #[test]
    fn delays_are_capped_by_kind() {
        let known = at("2026-03-02T09:00:00-08:00");
        let count = |kind, stated, until| {
            let delay = LawEnforcementDelay { kind, stated, until };
            deadlines(known, &pacific(), Regimes::BOTH, 1, None, Some(delay)).delayed.unwrap()
        };
        let oral = count(StatementKind::Oral, date(2026, 3, 10), date(2026, 6, 30));
        assert_eq!(oral.le_delay_end_ca, Some(date(2026, 4, 9)));
        assert_eq!(oral.le_delay_end_hipaa, Some(date(2026, 4, 9)));
        assert_eq!(oral.patient_deadline_delayed, Some(date(2026, 4, 30)));
        assert_eq!(oral.hipaa_deadline_delayed, Some(date(2026, 5, 1)));
        let short = count(StatementKind::Written, date(2026, 3, 3), date(2026, 3, 22));
        assert_eq!(short.patient_deadline_delayed, Some(date(2026, 4, 10)));
        assert_eq!(short.patient_deadline_safe, Some(date(2026, 3, 23)), "it ends before the ordinary deadline");
        let on_the_day = count(StatementKind::Written, date(2026, 3, 3), date(2026, 3, 23));
        assert_eq!(on_the_day.patient_deadline_safe, on_the_day.patient_deadline_delayed);
    }

    #[test]
    fn json_reads_back_with_and_without_a_delay() {
        let known = at("2026-03-02T09:00:00-08:00");
        let delay =
            LawEnforcementDelay { kind: StatementKind::Oral, stated: date(2026, 3, 10), until: date(2026, 4, 1) };
        for (regimes, delay) in [(Regimes::BOTH, None), (Regimes::BOTH, Some(delay)), (Regimes::HIPAA, Some(delay))] {
            let counted = deadlines(known, &pacific(), regimes, 1, Some(900), delay);
            let text = serde_json::to_string(&counted).unwrap();
            assert_eq!(text.contains("\"le_delay_end_ca\""), delay.is_some());
            assert_eq!(serde_json::from_str::<Deadlines>(&text).unwrap(), counted);
        }
    }

    #[test]
    fn regimes_are_read_in_any_case_and_unknown_ones_named() {
        assert_eq!("ca,hipaa".parse(), Ok(Regimes::BOTH));
        assert_eq!("HIPAA".parse(), Ok(Regimes::HIPAA));
        assert!("CA,GDPR".parse::<Regimes>().unwrap_err().contains("GDPR"));
        assert!("".parse::<Regimes>().is_err());
    }
}
