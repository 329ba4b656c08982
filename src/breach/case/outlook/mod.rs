//! How a case stands on a day: which regime waits for what, until when, and what needs attention.
//!
//! Nothing here is kept. It follows from the case and the day, so it can never disagree with the ledger.

pub mod attention;
mod duty;

use jiff::ToSpan;
use jiff::civil::Date;
use serde::Serialize;

pub use self::attention::{Alarm, Attention};
pub use self::duty::Duty;
use super::change::{Decision, Outcome};
use super::clock::{ClockField, Imputed};
use super::event::Recipient;
use super::facts::Fact;
use super::{Case, CaseUnit, UnitKey};
use crate::breach::clocks::{self, Deadlines, Known};
use crate::breach::exclusions::Regime;
use crate::breach::exposure::{self, Exposure, Occurrences};
use crate::breach::handoff::Basis;
use crate::breach::{calendar, iso_date};
use crate::model::incident::UnitKind;
use crate::model::time::{Timestamp, Zone};

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
    #[serde(with = "iso_date::optional")]
    pub cdph_deadline: Option<Date>,
    pub late_days: u64,
    pub late_usd: u64,
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
pub fn outlook(case: &Case, now: Timestamp, unopened_after: i64) -> Outlook {
    let zone = case.zone();
    let today = zone.date(now);
    let imputed = imputed(case);
    let (detected_at, basis) = case.clocks.detected(imputed);
    let discovered_at = case.clocks.discovered_at(imputed);
    let deadlines = deadlines(case, Known { detected_at, discovered_at }, &zone);
    let regimes: Vec<RegimeOutlook> =
        Regime::ALL.iter().map(|(regime, _)| regime_outlook(case, *regime, &deadlines, today)).collect();
    let is_closed = regimes.iter().all(|one| one.state.is_closed());
    let attention = attention::attention(case, &regimes, now, unopened_after);
    let (exposure, exposure_both_late) = exposures(case, &regimes);
    Outlook {
        today,
        detected_at,
        basis,
        discovered_at,
        regimes,
        is_closed,
        attention,
        alternative: alternative(case, &zone, today),
        exposure,
        exposure_both_late,
        recounted: recounted(case, &deadlines),
        deadlines,
    }
}

/// Whose knowledge counts in a case.
#[must_use]
pub fn imputed(case: &Case) -> Imputed {
    Imputed { knower_is_actor: case.facts.is(Fact::KnowerIsActor), associate_is_agent: case.facts.is(Fact::BaIsAgent) }
}

fn deadlines(case: &Case, known: Known, zone: &Zone) -> Deadlines {
    let affected = |unit: &&CaseUnit| !is_excluded(case, Regime::Hipaa, unit);
    let mut patients: Vec<&str> = case.units.iter().filter(affected).map(|unit| unit.key.patient_id.as_str()).collect();
    patients.sort_unstable();
    patients.dedup();
    let regimes = case.facility.regimes();
    clocks::deadlines(known, zone, regimes, patients.len() as u64, case.facts.residents(), case.facts.delay())
}

/// The decision that covers a unit under a regime; what was cleared before the unit grew does not.
#[must_use]
pub fn decision<'c>(case: &'c Case, regime: Regime, unit: &CaseUnit) -> Option<&'c Decision> {
    let mut decisions = case.decisions.iter().rev();
    let latest = decisions.find(|found| found.regime == regime && found.units.contains(&unit.key))?;
    (latest.outcome == Outcome::Breach || unit.grown_at <= latest.at).then_some(latest)
}

fn is_excluded(case: &Case, regime: Regime, unit: &CaseUnit) -> bool {
    decision(case, regime, unit).is_some_and(|found| found.outcome != Outcome::Breach)
}

/// The units that something sent to `to` is about: those that are not excluded under a regime that asks for it.
#[must_use]
pub fn reportable(case: &Case, to: Recipient) -> Vec<UnitKey> {
    let regimes: &[Regime] = match to {
        Recipient::Cdph => &[Regime::California],
        Recipient::Patient => &[Regime::California, Regime::Hipaa],
        Recipient::Hhs | Recipient::Media => &[Regime::Hipaa],
        Recipient::Residents | Recipient::AttorneyGeneral => &[Regime::CivilCode],
    };
    let is_one = |unit: &&CaseUnit| {
        regimes.iter().any(|regime| match decision(case, *regime, unit) {
            Some(found) => found.outcome == Outcome::Breach,
            // Somebody's own chart is a matter of house rules until somebody says otherwise.
            None => unit.unit_kind == UnitKind::Access,
        })
    };
    case.units.iter().filter(is_one).map(|unit| unit.key.clone()).collect()
}

fn regime_outlook(case: &Case, regime: Regime, deadlines: &Deadlines, today: Date) -> RegimeOutlook {
    let (mut undecided, mut breaches, mut excluded) = (0, 0, 0);
    for unit in &case.units {
        match decision(case, regime, unit).map(|found| found.outcome) {
            None => undecided += 1,
            Some(Outcome::Breach) => breaches += 1,
            Some(Outcome::Excluded { .. }) => excluded += 1,
        }
    }
    let applies = match regime {
        Regime::California | Regime::CivilCode => case.facility.california,
        Regime::Hipaa => true,
        Regime::Part2 => false,
    };
    let open: Vec<&CaseUnit> = case.units.iter().filter(|unit| !is_excluded(case, regime, unit)).collect();
    let duties = if applies { duty::duties(case, regime, deadlines, &open, today) } else { Vec::new() };
    let state = match () {
        () if !applies => State::NotApplicable,
        () if undecided == 0 && breaches == 0 => State::Excluded,
        () if case.is_rehearsal => State::NotRunning,
        () if undecided == 0 && duties.iter().all(|duty| duty.done_on.is_some()) => State::Reported,
        () if breaches > 0 => State::Breach,
        () if case.is_policy() => State::NotRunning,
        () if is_worked_on(case) => State::UnderReview,
        () => State::Suspected,
    };
    RegimeOutlook { regime, state, undecided, breaches, excluded, duties, note: note(case, regime) }
}

fn is_worked_on(case: &Case) -> bool {
    case.first_looked.is_some() || !case.decisions.is_empty() || !case.proposals.is_empty()
}

fn note(case: &Case, regime: Regime) -> Option<String> {
    let text = match regime {
        Regime::California if !case.facility.california => "the facility is not licensed in California",
        Regime::California | Regime::Hipaa if case.is_policy() => {
            "own chart only: deadlines are shown and do not run; (D) or permitted may be confirmed by two people"
        }
        Regime::California | Regime::Hipaa if case.is_withdrawn() => {
            "a record that came later explains the access; software clears nothing, so the clocks run until two people do"
        }
        Regime::CivilCode if case.facility.california => {
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

fn alternative(case: &Case, zone: &Zone, today: Date) -> Option<Alternative> {
    if !case.clocks.diligence_question || case.clocks.get(ClockField::DiligenceAt).is_some() {
        return None;
    }
    let available = zone.date(case.clocks.get(ClockField::SourceAvailableAt)?);
    let diligence_date = available.saturating_add(i64::from(case.facility.log_review_interval_days).days());
    let known = Known::from(zone.start_of(diligence_date));
    let cdph_deadline = clocks::deadlines(known, zone, case.facility.regimes(), 0, None, None).cdph_deadline;
    let late_days = cdph_deadline.map_or(0, |deadline| exposure::late_days(deadline, today));
    let late_usd = exposure::exposure(&Occurrences::default(), late_days).max_usd;
    Some(Alternative { diligence_date, cdph_deadline, late_days, late_usd })
}

fn exposures(case: &Case, regimes: &[RegimeOutlook]) -> (Option<Exposure>, Option<Exposure>) {
    let Some(california) = regimes.iter().find(|one| one.regime == Regime::California) else { return (None, None) };
    if matches!(california.state, State::NotApplicable | State::Excluded | State::NotRunning) {
        return (None, None);
    }
    let open = case.units.iter().filter(|unit| !is_excluded(case, Regime::California, unit));
    let occurrences = Occurrences::of_patients(open.map(|unit| unit.key.patient_id.as_str()));
    let late = || california.duties.iter().map(|duty| duty.late_days);
    let one = exposure::exposure(&occurrences, late().max().unwrap_or(0));
    let both = exposure::exposure(&occurrences, late().sum());
    (Some(one), Some(both))
}

fn recounted(case: &Case, deadlines: &Deadlines) -> Vec<String> {
    let mut notes = Vec::new();
    let facts = &case.facility;
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
