//! Decisions under a regime, and the second person's word on whatever waits for one.

use super::super::event::Event;
use super::super::{Case, CaseUnit, outlook};
use super::{
    Asked, Change, Decision, Outcome, Proposal, ProposalNumber, Refusal, Weight, given, made, refuse, written,
};
use crate::breach::exclusions::{self, Code, Reach, Regime};

/// What a person decides.
#[derive(Clone, Copy, Debug)]
pub struct Verdict<'a> {
    pub regime: Regime,
    /// `None` is a breach.
    pub code: Option<Code>,
    /// Only the units of these patients; all units when empty.
    pub patients: &'a [String],
    pub grounds: &'a str,
    pub factors: &'a [String],
}

/// Decides under one regime. A breach holds at once; anything else waits for a second person.
///
/// # Errors
/// When the words of the law do not reach, grounds are missing, or the person is in conflict.
pub fn decide(case: &Case, asked: &Asked<'_>, verdict: &Verdict<'_>) -> Result<Event, Refusal> {
    let clears = verdict.code.is_some();
    asked.may(case, if clears { Weight::Clear } else { Weight::Change })?;
    let outcome = verdict.code.map_or(Outcome::Breach, |code| Outcome::Excluded { code });
    let decision = Decision {
        regime: verdict.regime,
        outcome,
        units: chosen(case, verdict.patients)?.map(|unit| unit.key.clone()).collect(),
        grounds: written(verdict.grounds)?,
        factors: verdict.factors.iter().map(|factor| written(factor)).collect::<Result<_, _>>()?,
        by: asked.signature(),
        at: asked.at,
        second: None,
    };
    check(case, &decision)?;
    let is_waiting = |proposal: &Proposal| match &proposal.change {
        Change::Decision { decision: waiting } if !has_grown(case, waiting) => {
            (waiting.regime, waiting.outcome, &waiting.units) == (decision.regime, decision.outcome, &decision.units)
        }
        _ => false,
    };
    if let Some(waiting) = case.proposals.iter().find(|proposal| is_waiting(proposal)) {
        return refuse(format!("proposal {} says so already, and waits for a second person", waiting.number));
    }
    let stands =
        |unit: &CaseUnit| outlook::decision(case, decision.regime, unit).is_some_and(|found| found.outcome == outcome);
    if case.units.iter().filter(|unit| decision.units.contains(&unit.key)).all(stands) {
        return refuse(format!("that is decided already under {}", decision.regime.title()));
    }
    Ok(made(case, Change::Decision { decision }, clears))
}

/// Whether a unit of a decision has become more since.
fn has_grown(case: &Case, decision: &Decision) -> bool {
    case.units.iter().any(|unit| decision.units.contains(&unit.key) && unit.grown_at > decision.at)
}

fn chosen<'c>(case: &'c Case, patients: &'c [String]) -> Result<impl Iterator<Item = &'c CaseUnit>, Refusal> {
    let of = |patient: &String| case.units.iter().any(|unit| unit.key.patient_id == *patient);
    if patients.iter().any(|patient| !of(patient)) {
        return refuse("no unit of this case concerns a patient given with --patient: see \"cases show\"");
    }
    let is_chosen = |unit: &&CaseUnit| patients.is_empty() || patients.contains(&unit.key.patient_id);
    Ok(case.units.iter().filter(is_chosen))
}

/// Whether the law's words and the file allow a decision as the case stands.
fn check(case: &Case, decision: &Decision) -> Result<(), Refusal> {
    if decision.regime == Regime::Part2 {
        return refuse(
            "42 CFR part 2 follows HIPAA: say whether such a record was opened with \"cases set part2=yes\"",
        );
    }
    let Outcome::Excluded { code } = decision.outcome else { return Ok(()) };
    if code.regime() != decision.regime {
        return refuse(format!("{} is no exclusion of {}", code.name(), decision.regime.title()));
    }
    let found = exclusions::weigh(code, &case.ground());
    if found.reach == Reach::Impossible {
        return refuse(format!("{} ({}) is impossible by the words: {}", code.name(), found.citation, found.why));
    }
    if decision.grounds.is_empty() {
        return refuse(format!("{} needs its grounds in writing (--grounds): {}", found.citation, found.why));
    }
    let needs_factors = matches!(code, Code::F | Code::LowProbability);
    if needs_factors && (decision.factors.len() != 4 || decision.factors.iter().any(String::is_empty)) {
        return refuse(format!("{} needs all four factors in writing (--factor, four times)", found.citation));
    }
    Ok(())
}

/// The second person agrees to what waits.
///
/// # Errors
/// When nothing of this number waits, it is the person who proposed it, or the case has changed so that it is not
/// allowed any more.
pub fn confirm(case: &Case, asked: &Asked<'_>, number: ProposalNumber) -> Result<Event, Refusal> {
    let proposal = waiting(case, number)?;
    asked.may(case, Weight::Clear)?;
    if asked.is_proposer(proposal) {
        return refuse("the second person must be another one than the person who proposed it");
    }
    let proposer = proposal.by.split(" (").next().unwrap_or_default();
    if asked.staff.conflict(proposer, &case.actors()).is_some() {
        return refuse("conflict of interest: the person who proposed it has become part of this case since");
    }
    match &proposal.change {
        Change::Decision { decision } => {
            if has_grown(case, decision) {
                return refuse("the case has grown since this was proposed: look at it again and propose it again");
            }
            let is_newer = |other: &Decision| {
                other.regime == decision.regime && other.at > decision.at && !other.units.is_disjoint(&decision.units)
            };
            if case.decisions.iter().any(is_newer) {
                return refuse(
                    "another decision was made since this was proposed: look at it again and propose it again",
                );
            }
            check(case, decision)?;
        }
        Change::Clock { field, before, .. } if case.clocks.get(*field) != *before => {
            return refuse(format!("{} has changed since this was proposed: propose it again", field.name()));
        }
        Change::Fact { fact, before, .. } if case.facts.get(*fact) != before.as_deref() => {
            return refuse(format!("{} has changed since this was proposed: propose it again", fact.name()));
        }
        Change::Clock { .. } | Change::Fact { .. } => {}
    }
    Ok(Event::Confirmed { number })
}

/// Somebody does not agree to what waits, or takes back what they proposed.
///
/// # Errors
/// When nothing of this number waits, or no reason is given.
pub fn reject(case: &Case, asked: &Asked<'_>, number: ProposalNumber, reason: Option<&str>) -> Result<Event, Refusal> {
    asked.may(case, Weight::Change)?;
    waiting(case, number)?;
    match given(reason) {
        Some(reason) => Ok(Event::Rejected { number, reason: written(&reason)? }),
        None => refuse("to reject what waits needs --reason"),
    }
}

fn waiting(case: &Case, number: ProposalNumber) -> Result<&Proposal, Refusal> {
    let found = case.proposals.iter().find(|proposal| proposal.number == number);
    found.ok_or_else(|| {
        let numbers: Vec<String> = case.proposals.iter().map(|proposal| proposal.number.to_string()).collect();
        Refusal(match numbers.is_empty() {
            true => format!("nothing waits for a second person in this case (asked for number {number})"),
            false => format!("no proposal {number} waits in this case: waiting are {}", numbers.join(", ")),
        })
    })
}
