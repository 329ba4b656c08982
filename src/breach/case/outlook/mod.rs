//! How a case stands on a day: which regime waits for what, until when, and what needs attention.
//!
//! Nothing here is kept. It follows from the case and the day, so it can never disagree with the ledger.

pub mod attention;
mod duty;
pub mod standing;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use jiff::ToSpan;
use jiff::civil::Date;
use serde::Serialize;

pub use self::attention::{Alarm, Attention};
pub use self::duty::Duty;
pub use self::standing::{affected, decision, imputed, is_excluded, known, reportable};
use super::change::Outcome;
use super::clock::ClockField;
use super::event::Recipient;
use super::facts::Fact;
use super::{Case, CaseUnit};
use crate::breach::clocks::{self, CALIFORNIA_OPERATIVE, Deadlines, Known};
use crate::breach::exclusions::Regime;
use crate::breach::exposure::{self, Exposure, Occurrences};
use crate::breach::handoff::Basis;
use crate::breach::{calendar, iso_date};
use crate::model::time::{DAY, Timestamp, Zone};

/// What holds at the facility today, besides the case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct House {
    /// A case that nobody opened for so long needs attention, in microseconds.
    pub unopened_after: i64,
    /// Licensed in California, as the configuration says now.
    pub licensed: bool,
}

/// Where one regime of a case stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The regime does not reach this case.
    NotApplicable,
    /// Nobody has looked yet. The clocks run.
    Suspected,
    /// Somebody works on it. The clocks run.
    UnderReview,
    /// Somebody's own chart, or a rehearsal: deadlines are shown and do not run.
    NotRunning,
    /// A breach; something is still to be sent.
    Breach,
    /// A breach, and everything was sent.
    Reported,
    /// Two people excluded all of it.
    Excluded,
}

impl State {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::NotApplicable => "does not apply",
            Self::Suspected => "suspected",
            Self::UnderReview => "under review",
            Self::NotRunning => "not running",
            Self::Breach => "breach",
            Self::Reported => "reported",
            Self::Excluded => "excluded",
        }
    }

    /// Whether nothing is left to be done.
    #[must_use]
    pub const fn is_closed(self) -> bool {
        matches!(self, Self::NotApplicable | Self::Reported | Self::Excluded)
    }
}

/// One regime's side of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RegimeOutlook {
    pub regime: Regime,
    pub state: State,
    /// Units that nobody has decided, that are breaches, that are excluded.
    pub undecided: usize,
    pub breaches: usize,
    pub excluded: usize,
    /// What is to be sent, earliest deadline first.
    pub duties: Vec<Duty>,
    /// What a reader should know about it.
    pub note: Option<String>,
}

/// "It would have been known at the first review": another reading of when the clocks started. For counsel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alternative {
    /// When the first regular review after the log was available would have been.
    #[serde(with = "iso_date")]
    pub diligence_date: Date,
    /// `None` where the regulation was not in force then.
    #[serde(with = "iso_date::optional")]
    pub cdph_deadline: Option<Date>,
    pub late_days: Option<u64>,
    pub late_usd: Option<u64>,
}

impl Alternative {
    /// In a sentence.
    #[must_use]
    pub fn words(&self) -> String {
        let found = format!("a regular review on {} would have found it", self.diligence_date);
        match (self.cdph_deadline, self.late_days, self.late_usd) {
            (Some(due), Some(days), Some(usd)) => {
                format!("{found}; the report was then due on {due}, {days} days ago at {usd} USD")
            }
            _ => format!("{found}, before the regulation was in force; nothing can be counted"),
        }
    }
}

/// How a case stands on a day.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outlook {
    #[serde(with = "iso_date")]
    pub today: Date,
    pub detected_at: Timestamp,
    pub basis: Basis,
    pub discovered_at: Timestamp,
    pub deadlines: Deadlines,
    pub regimes: Vec<RegimeOutlook>,
    pub is_closed: bool,
    /// Licensed in California, as the configuration says now.
    pub licensed: bool,
    /// What needs somebody's attention, most urgent first.
    pub attention: Vec<Attention>,
    pub alternative: Option<Alternative>,
    /// Planning estimate; California only.
    pub exposure: Option<Exposure>,
    /// The same if the report and the notice are late apart (HSC 1280.15(d) does not say).
    pub exposure_both_late: Option<Exposure>,
    /// What has changed in the calendar or the time-zone database since the case was opened.
    pub recounted: Vec<String>,
}

impl Outlook {
    /// The earliest thing that is still to be sent.
    #[must_use]
    pub fn next_duty(&self) -> Option<&Duty> {
        let running = self.regimes.iter().filter(|one| !one.state.is_closed() && one.state != State::NotRunning);
        running.flat_map(|one| &one.duties).filter(|duty| duty.done_on.is_none()).min_by_key(|duty| duty.deadline)
    }
}

/// How a case stands at `now`.
#[must_use]
pub fn outlook(case: &Case, now: Timestamp, house: House) -> Outlook {
    let zone = case.zone();
    let today = zone.date(now);
    let (detected_at, basis) = case.clocks.detected(imputed(case));
    let discovered_at = case.clocks.discovered_at(imputed(case));
    let deadlines = standing::deadlines(case, Known { detected_at, discovered_at }, house.licensed);
    let regimes: Vec<RegimeOutlook> =
        Regime::ALL.iter().map(|(regime, _)| regime_outlook(case, *regime, house, today)).collect();
    let is_closed = regimes.iter().all(|one| one.state.is_closed());
    let attention = attention::attention(case, &regimes, now, house.unopened_after);
    let (exposure, exposure_both_late) = exposures(case, &regimes);
    Outlook {
        today,
        detected_at,
        basis,
        discovered_at,
        regimes,
        is_closed,
        licensed: house.licensed,
        attention,
        alternative: alternative(case, &zone, today),
        exposure,
        exposure_both_late,
        recounted: recounted(case, &deadlines, house),
        deadlines,
    }
}

fn regime_outlook(case: &Case, regime: Regime, house: House, today: Date) -> RegimeOutlook {
    let (mut undecided, mut breaches, mut excluded) = (0, 0, 0);
    for unit in &case.units {
        match decision(case, regime, unit).map(|found| found.outcome) {
            None => undecided += 1,
            Some(Outcome::Breach) => breaches += 1,
            Some(Outcome::Excluded { .. }) => excluded += 1,
        }
    }
    let applies = standing::applies(case, regime, house.licensed);
    let duties = if applies { duties(case, regime, house, today) } else { Vec::new() };
    let is_all_sent = !duties.is_empty() && duties.iter().all(|duty| duty.done_on.is_some());
    let state = match () {
        () if !applies => State::NotApplicable,
        () if undecided == 0 && breaches == 0 => State::Excluded,
        () if case.is_rehearsal => State::NotRunning,
        () if undecided == 0 && is_all_sent => State::Reported,
        () if breaches > 0 => State::Breach,
        () if case.is_policy() => State::NotRunning,
        () if is_worked_on(case) => State::UnderReview,
        () => State::Suspected,
    };
    RegimeOutlook { regime, state, undecided, breaches, excluded, duties, note: note(case, regime, applies) }
}

/// The duties for the units that ask for something; units that were known on other days have days of their own, and so
/// has what came after a notice.
fn duties(case: &Case, regime: Regime, house: House, today: Date) -> Vec<Duty> {
    let zone = case.zone();
    let mut days: BTreeMap<(Date, Date), (Known, Vec<&CaseUnit>)> = BTreeMap::new();
    let open: Vec<&CaseUnit> = case.units.iter().filter(|unit| standing::is_open(case, regime, unit)).collect();
    for unit in &open {
        let known = known(case, unit);
        let day = (zone.date(known.detected_at), zone.date(known.discovered_at));
        days.entry(day).or_insert_with(|| (known, Vec::new())).1.push(unit);
    }
    let deadlines = |known: Known| standing::deadlines(case, known, house.licensed);
    let mut found: Vec<Duty> = Vec::new();
    for (known, units) in days.into_values() {
        found.extend(duty::duties(case, regime, &deadlines(known), &units, None, today));
    }
    for (to, _) in Recipient::ALL {
        let mut grown: BTreeMap<Date, (Timestamp, Vec<&CaseUnit>)> = BTreeMap::new();
        for unit in &open {
            for flagged in standing::growths_after(case, unit, to) {
                grown.entry(zone.date(flagged)).or_insert_with(|| (flagged, Vec::new())).1.push(unit);
            }
        }
        for (day, (flagged, units)) in grown {
            let growth = duty::Growth { to, since: day };
            found.extend(duty::duties(case, regime, &deadlines(flagged.into()), &units, Some(growth), today));
        }
    }
    merged(found)
}

/// Duties of one deadline to one recipient as one, earliest first.
fn merged(found: Vec<Duty>) -> Vec<Duty> {
    let mut duties: BTreeMap<(Date, Recipient), Duty> = BTreeMap::new();
    for duty in found {
        match duties.entry((duty.deadline, duty.to)) {
            Entry::Vacant(place) => {
                place.insert(duty);
            }
            Entry::Occupied(mut place) => {
                let one = place.get_mut();
                one.units += duty.units;
                one.done_on = one.done_on.zip(duty.done_on).map(|(one, other)| one.max(other));
                one.late_days = one.late_days.max(duty.late_days);
            }
        }
    }
    duties.into_values().collect()
}

fn is_worked_on(case: &Case) -> bool {
    case.first_looked.is_some() || !case.decisions.is_empty() || !case.proposals.is_empty()
}

fn note(case: &Case, regime: Regime, applies: bool) -> Option<String> {
    let is_old = |at: Timestamp| case.zone().date(at) < CALIFORNIA_OPERATIVE;
    let text = match regime {
        Regime::California if !applies => "the facility is not licensed in California",
        Regime::California if is_old(case.clocks.detected(imputed(case)).0) => {
            "detected before 22 CCR 79901-79905 were in force: no date can be counted by them; ask counsel which law governs"
        }
        Regime::California if case.occurred().is_some_and(|(first, _)| is_old(first)) => {
            "an access came before 22 CCR 79901-79905 were in force: counted all the same; ask counsel which law governs"
        }
        Regime::California | Regime::Hipaa if case.is_policy() => {
            "own chart only: deadlines are shown and do not run; (D) or permitted may be confirmed by two people"
        }
        Regime::California | Regime::Hipaa if case.is_withdrawn() => {
            "a record that came later explains the access; software clears nothing, so the clocks run until two people do"
        }
        Regime::CivilCode if applies => {
            "only if data was acquired; a view alone may not be (unclear in law): a person decides. Residents: 30 calendar \
             days after discovery; with more than 500 the Attorney General 15 calendar days after them"
        }
        Regime::Part2 => match case.facts.get(Fact::Part2) {
            Some("yes") => "a part 2 record was opened: file the HIPAA notices a second time, for part 2",
            Some(_) => "no part 2 record was opened, as stated",
            None => "nobody has said whether a record of a substance-use programme was opened (set part2=yes or no)",
        },
        _ => return None,
    };
    Some(text.to_owned())
}

/// "It would have been known at the first review after the log was there", where nobody set an earlier day.
fn alternative(case: &Case, zone: &Zone, today: Date) -> Option<Alternative> {
    let available_at = case.clocks.get(ClockField::SourceAvailableAt)?;
    let flagged_at = case.clocks.get(ClockField::FlaggedAt)?;
    let interval = i64::from(case.facility.log_review_interval_days);
    if !case.clocks.diligence_question && flagged_at - available_at <= DAY.saturating_mul(interval) {
        return None;
    }
    let diligence_date = zone.date(available_at).saturating_add(interval.days());
    if case.clocks.get(ClockField::DiligenceAt).is_some_and(|at| zone.date(at) <= diligence_date) {
        return None;
    }
    let known = Known::from(zone.start_of(diligence_date));
    let cdph_deadline = clocks::deadlines(known, zone, case.facility.regimes(), 0, None, None).cdph_deadline;
    let late_days = cdph_deadline.map(|deadline| exposure::late_days(deadline, today));
    let late_usd = late_days.map(|days| exposure::exposure(&Occurrences::default(), days).max_usd);
    Some(Alternative { diligence_date, cdph_deadline, late_days, late_usd })
}

fn exposures(case: &Case, regimes: &[RegimeOutlook]) -> (Option<Exposure>, Option<Exposure>) {
    let Some(california) = regimes.iter().find(|one| one.regime == Regime::California) else { return (None, None) };
    if matches!(california.state, State::NotApplicable | State::Excluded | State::NotRunning) {
        return (None, None);
    }
    let open = case.units.iter().filter(|unit| standing::is_open(case, Regime::California, unit));
    let occurrences = Occurrences::of_patients(open.map(|unit| unit.key.patient_id.as_str()));
    let late = |to: Recipient| {
        let of = california.duties.iter().filter(|duty| duty.to == to);
        of.map(|duty| duty.late_days).max().unwrap_or(0)
    };
    let (report, notice) = (late(Recipient::Cdph), late(Recipient::Patient));
    let one = exposure::exposure(&occurrences, report.max(notice));
    let both = exposure::exposure(&occurrences, report + notice);
    (Some(one), Some(both))
}

fn recounted(case: &Case, deadlines: &Deadlines, house: House) -> Vec<String> {
    let mut notes = Vec::new();
    let facts = &case.facility;
    if facts.california != house.licensed {
        let says = |licensed: bool| if licensed { "licensed in California" } else { "not licensed in California" };
        notes.push(format!(
            "the facility was {} when the case was opened and is {} now: California is counted where either says so",
            says(facts.california),
            says(house.licensed)
        ));
    }
    if Zone::named(&facts.timezone).is_err() {
        notes.push(format!(
            "the time zone {} is not in this program's database: dates are counted in UTC",
            facts.timezone
        ));
    }
    for (what, then, now) in [
        ("time-zone database", facts.tz_database.as_str(), Zone::database_version()),
        ("calendar of business days", facts.calendar_version.as_str(), calendar::CALENDAR_VERSION),
    ] {
        if then != now {
            notes.push(format!(
                "the {what} was {then} when the case was opened and is {now} now: dates are counted anew"
            ));
        }
    }
    if deadlines.calendar_checked == Some(false) {
        notes.push("the holidays of these years were not compared with a published list".to_owned());
    }
    notes
}
