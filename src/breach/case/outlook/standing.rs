//! How single units stand: who decided about them, when they were known, whether they are to be reported.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::super::change::{Decision, Outcome};
use super::super::clock::Imputed;
use super::super::event::{Notice, Recipient};
use super::super::facts::Fact;
use super::super::{Case, CaseUnit, UnitKey};
use crate::breach::clocks::{self, Deadlines, Known, Regimes};
use crate::breach::exclusions::{self, Reach, Regime};
use crate::model::incident::UnitKind;
use crate::model::time::Timestamp;

/// Where the Civil Code is raised though no licence says California.
const CALIFORNIA_ZONE: &str = "America/Los_Angeles";

/// Whether a regime reaches a case. `licensed` is what the configuration says now; the case keeps what it said then,
/// and either is enough.
pub(super) fn applies(case: &Case, regime: Regime, licensed: bool) -> bool {
    match regime {
        Regime::California => case.facility.california || licensed,
        Regime::CivilCode => case.facility.california || licensed || case.facility.timezone == CALIFORNIA_ZONE,
        Regime::Hipaa => true,
        // Its notices are those of HIPAA, filed a second time.
        Regime::Part2 => false,
    }
}

/// Whose knowledge counts in a case.
#[must_use]
pub fn imputed(case: &Case) -> Imputed {
    Imputed { knower_is_actor: case.facts.is(Fact::KnowerIsActor), associate_is_agent: case.facts.is(Fact::BaIsAgent) }
}

/// When a unit was known. Knowledge from before an access cannot be knowledge of it: then it is the first flag or
/// person's knowledge after it.
#[must_use]
pub fn known(case: &Case, unit: &CaseUnit) -> Known {
    let imputed = imputed(case);
    let (person, federal) = case.clocks.persons_since(unit.occurred_first, imputed);
    let of = |at: Timestamp, person: Option<Timestamp>| match at >= unit.occurred_first {
        true => at,
        false => person.map_or(unit.flagged_at, |person| person.min(unit.flagged_at)),
    };
    Known {
        detected_at: of(case.clocks.detected(imputed).0, person),
        discovered_at: of(case.clocks.discovered_at(imputed), federal),
    }
}

/// When what came after each notice to `to` was flagged first: other instances with days of their own (22 CCR 79901(p)).
/// Growth after growth moves no day: until something is sent, the first one counts.
#[must_use]
pub fn growths_after(case: &Case, unit: &CaseUnit, to: Recipient) -> Vec<Timestamp> {
    let zone = case.zone();
    let covers = |notice: &&Notice| notice.to == to && notice.units.contains(&unit.key);
    let sent: BTreeSet<Date> = case.notices.iter().filter(covers).map(|notice| notice.sent_on).collect();
    let first_after = |day: Date| unit.growths.iter().copied().find(|growth| zone.date(*growth) > day);
    let mut firsts: Vec<Timestamp> = sent.into_iter().filter_map(first_after).collect();
    firsts.dedup();
    firsts
}

/// The deadlines of what was known at `known`, for everybody affected in the case.
#[must_use]
pub fn deadlines(case: &Case, known: Known, licensed: bool) -> Deadlines {
    let regimes = Regimes { california: applies(case, Regime::California, licensed), hipaa: true };
    let affected = affected(case, Regime::Hipaa).len() as u64;
    clocks::deadlines(known, &case.zone(), regimes, affected, case.facts.residents(), case.facts.delay())
}

/// The patients whose units are not excluded under a regime.
#[must_use]
pub fn affected(case: &Case, regime: Regime) -> BTreeSet<&str> {
    let open = case.units.iter().filter(|unit| !is_excluded(case, regime, unit));
    open.map(|unit| unit.key.patient_id.as_str()).collect()
}

/// The decision that covers a unit under a regime. What was excluded by one person alone or before the unit grew does not
/// cover it, nor does an exclusion that the words do not reach any more.
#[must_use]
pub fn decision<'c>(case: &'c Case, regime: Regime, unit: &CaseUnit) -> Option<&'c Decision> {
    let mut decisions = case.decisions.iter().rev();
    let latest = decisions.find(|found| found.regime == regime && found.units.contains(&unit.key))?;
    let covers = match latest.outcome {
        Outcome::Breach => true,
        Outcome::Excluded { code } => {
            latest.second.is_some()
                && unit.grown_at <= latest.at
                && exclusions::weigh(code, &case.ground()).reach != Reach::Impossible
        }
    };
    covers.then_some(latest)
}

/// Whether two people excluded a unit under a regime.
#[must_use]
pub fn is_excluded(case: &Case, regime: Regime, unit: &CaseUnit) -> bool {
    decision(case, regime, unit).is_some_and(|found| found.outcome != Outcome::Breach)
}

/// Whether a unit asks for something under a regime: it is not excluded, and not somebody's own chart beside other units,
/// which is a matter of house rules until somebody says otherwise.
#[must_use]
pub fn is_open(case: &Case, regime: Regime, unit: &CaseUnit) -> bool {
    match decision(case, regime, unit) {
        Some(found) => found.outcome == Outcome::Breach,
        None => unit.unit_kind == UnitKind::Access || case.is_policy(),
    }
}

/// The units that something sent to `to` is about: those that are not excluded under a regime that asks for it. Somebody's
/// own chart is a matter of house rules until somebody says otherwise.
#[must_use]
pub fn reportable(case: &Case, to: Recipient, licensed: bool) -> BTreeSet<UnitKey> {
    let regimes: &[Regime] = match to {
        Recipient::Cdph => &[Regime::California],
        Recipient::Patient if applies(case, Regime::California, licensed) => &[Regime::California, Regime::Hipaa],
        Recipient::Patient | Recipient::Hhs | Recipient::Media => &[Regime::Hipaa],
        Recipient::Residents | Recipient::AttorneyGeneral => &[Regime::CivilCode],
    };
    let is_one = |unit: &&CaseUnit| {
        regimes.iter().any(|regime| match decision(case, *regime, unit) {
            Some(found) => found.outcome == Outcome::Breach,
            None => unit.unit_kind == UnitKind::Access,
        })
    };
    case.units.iter().filter(is_one).map(|unit| unit.key.clone()).collect()
}
