//! What people may do to a case, and what is refused.
//!
//! Each function takes the case as it is and a request, and gives the event to be written, or a refusal in a sentence.
//! A change that clears, or that could move a date later, becomes a proposal; it holds once a second person confirmed it.
//! Neither of the two may be the person who looked, nor report to that person.

use serde::{Deserialize, Serialize};

use super::clock::ClockField;
use super::event::{Event, Notice, Recipient};
use super::facts::Fact;
use super::staff::{Conflict, Person, Staff, is_same_name};
use super::{Case, CaseUnit, UnitKey, outlook};
use crate::breach::exclusions::{self, Code, Ground, Reach, Regime};
use crate::model::time::Timestamp;

/// 1, 2, 3 ... for each case.
pub type ProposalNumber = u32;

/// How a regime's question was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    Breach,
    /// Not a breach under this regime, by this exclusion.
    Excluded {
        code: Code,
    },
}

/// An answer for some units under one regime.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub regime: Regime,
    #[serde(flatten)]
    pub outcome: Outcome,
    pub units: Vec<UnitKey>,
    /// Why, in the words of the person who decided.
    pub grounds: String,
    /// The four factors in writing (164.402(2); 79901(b)(1)(F)), where the code asks for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub factors: Vec<String>,
    pub by: String,
    pub at: Timestamp,
    /// The person who agreed; everything but a breach needs one.
    pub second: Option<String>,
}

/// One change of a case's fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Change {
    Clock { field: ClockField, before: Option<Timestamp>, after: Timestamp, reason: Option<String> },
    Fact { fact: Fact, before: Option<String>, after: String, reason: Option<String> },
    Decision { decision: Decision },
}

/// A change that waits for a second person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    pub number: ProposalNumber,
    pub change: Change,
    pub by: String,
    pub at: Timestamp,
}

/// Why something was not done, for the person who asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

fn refuse<T>(why: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal(why.into()))
}

/// Who asks, and when.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub by: &'a str,
    pub at: Timestamp,
    /// Who somebody is whom the workforce data does not know, such as outside counsel.
    pub outsider: Option<&'a str>,
    pub staff: &'a Staff,
}

/// How near to a decision something comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weight {
    /// Anybody but the actor.
    Note,
    /// Nobody who reports to the actor.
    Change,
    /// Somebody whose ties are known.
    Clear,
}

impl Asked<'_> {
    /// Whether this person may do something of this weight.
    fn may(&self, case: &Case, weight: Weight) -> Result<(), Refusal> {
        if self.by.trim().is_empty() {
            return refuse("--by is empty: give the name or user id of the person who does this");
        }
        if [Some(self.by), self.outsider].into_iter().flatten().any(|name| name.chars().any(char::is_control)) {
            return refuse("a name holds characters that cannot be shown: give it on one line of plain text");
        }
        match self.staff.conflict(self.by, &case.actors()) {
            Some(Conflict::IsActor) => {
                return refuse("conflict of interest: this case is about an access by the person named with --by");
            }
            Some(Conflict::ReportsToActor) if weight != Weight::Note => {
                return refuse(
                    "conflict of interest: the person named with --by reports to somebody whose access this case is about",
                );
            }
            _ => {}
        }
        match self.staff.person(self.by) {
            Person::Several => {
                refuse("the workforce has this name, or one like it, more than once or not exactly so: give the user id instead")
            }
            Person::Unknown if weight == Weight::Clear && self.outsider.is_none_or(|who| who.trim().is_empty()) => {
                if self.staff.is_empty() {
                    return refuse(
                        "the register knows no workforce, so a conflict of interest cannot be ruled out: load it with \
                         \"cases open --context DIR\", or say who the person is with --outsider",
                    );
                }
                refuse(
                    "the workforce data does not know the person named with --by, so a conflict of interest cannot be \
                     ruled out: give the user id, or say who the person is with --outsider (such as outside counsel)",
                )
            }
            _ => Ok(()),
        }
    }

    /// Whether this is the person who proposed something.
    fn is_proposer(&self, proposal: &Proposal) -> bool {
        // Outsiders are kept with who they are in brackets.
        let proposer = proposal.by.split(" (").next().unwrap_or_default();
        match (self.staff.person(self.by), self.staff.person(proposer)) {
            (Person::Member(one), Person::Member(other)) => one == other,
            _ => is_same_name(self.by, proposer),
        }
    }

    /// The name that is kept: with who an outsider is.
    #[must_use]
    pub fn signature(&self) -> String {
        let by = self.by.trim();
        match self.outsider.map(str::trim) {
            None | Some("") => by.to_owned(),
            Some(who) => format!("{by} ({who})"),
        }
    }
}

/// The change at once, or as a proposal where it takes two people.
fn made(case: &Case, change: Change, needs_second: bool) -> Event {
    if needs_second { Event::Proposed { number: case.proposals_made + 1, change } } else { Event::Changed { change } }
}

fn given(reason: Option<&str>) -> Option<String> {
    reason.map(str::trim).filter(|reason| !reason.is_empty()).map(str::to_owned)
}

/// Text that a person wrote, as it is kept: line ends stay, other control characters would play tricks on a terminal.
fn written(text: &str) -> Result<String, Refusal> {
    let text = text.trim().replace("\r\n", "\n");
    match text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        true => refuse("the text holds characters that cannot be shown: write it in plain text"),
        false => Ok(text),
    }
}

/// An instant on the facility's clock.
fn local(case: &Case, at: Timestamp) -> String {
    let zone = case.zone();
    format!("{} ({})", zone.datetime(at).strftime("%Y-%m-%d %H:%M:%S"), zone.name())
}

/// A person looks at the case. `None` where somebody did before.
///
/// # Errors
/// When it is the actor.
pub fn look(case: &Case, asked: &Asked<'_>) -> Result<Option<Event>, Refusal> {
    asked.may(case, Weight::Note)?;
    Ok(case.first_looked.is_none().then_some(Event::Looked))
}

/// Writes a note.
///
/// # Errors
/// When the text is empty, or it is the actor who writes.
pub fn note(case: &Case, asked: &Asked<'_>, text: &str) -> Result<Event, Refusal> {
    asked.may(case, Weight::Note)?;
    let text = written(text)?;
    if text.is_empty() { refuse("the note is empty") } else { Ok(Event::Noted { text }) }
}

/// Gives the case to somebody.
///
/// # Errors
/// When either person is in conflict.
pub fn assign(case: &Case, asked: &Asked<'_>, to: &str) -> Result<Event, Refusal> {
    asked.may(case, Weight::Change)?;
    Asked { by: to, ..*asked }
        .may(case, Weight::Change)
        .map_err(|Refusal(why)| Refusal(why.replace("--by", "--to")))?;
    Ok(Event::Assigned { before: case.assignee.clone(), after: to.trim().to_owned() })
}

/// Sets a clock field. Earlier is taken at once; later needs a reason and a second person.
///
/// # Errors
/// When the field is not for people, or the instant lies in the future or before the access.
pub fn set_clock(
    case: &Case,
    asked: &Asked<'_>,
    field: ClockField,
    after: Timestamp,
    reason: Option<&str>,
) -> Result<Event, Refusal> {
    let before = case.clocks.get(field);
    let is_later = before.is_some_and(|before| after > before);
    asked.may(case, if is_later { Weight::Clear } else { Weight::Change })?;
    let name = field.name();
    if !field.is_for_people() {
        return refuse(format!("{name} is what the log and the program recorded: no person sets it"));
    }
    if after > asked.at {
        return refuse(format!("{name} {} lies in the future", local(case, after)));
    }
    if let Some((first, _)) = case.occurred()
        && after < first
    {
        let (after, first) = (local(case, after), local(case, first));
        return refuse(format!("{name} {after} lies before the first access of the case, {first}"));
    }
    let reason = given(reason).map(|reason| written(&reason)).transpose()?;
    if before == Some(after) {
        return refuse(format!("{name} is {} already", local(case, after)));
    }
    if is_later && reason.is_none() {
        return refuse(format!("{name} would move later: that needs --reason, and a second person to confirm it"));
    }
    Ok(made(case, Change::Clock { field, before, after, reason }, is_later))
}

/// States a fact. What could move a date later, or switch a duty off, needs a reason and a second person.
///
/// # Errors
/// When the value does not read.
pub fn set_fact(
    case: &Case,
    asked: &Asked<'_>,
    fact: Fact,
    value: &str,
    reason: Option<&str>,
) -> Result<Event, Refusal> {
    let after = written(&fact.read(value).map_err(Refusal)?)?;
    let before = case.facts.get(fact).map(str::to_owned);
    let loosens = fact.loosens(before.as_deref(), &after);
    asked.may(case, if loosens { Weight::Clear } else { Weight::Change })?;
    let reason = given(reason).map(|reason| written(&reason)).transpose()?;
    if before.as_deref() == Some(&after) {
        return refuse(format!("{} is {after} already", fact.name()));
    }
    if loosens && reason.is_none() {
        return refuse(format!(
            "{} could move a deadline later or switch a duty off: that needs --reason, and a second person to confirm it",
            fact.name()
        ));
    }
    Ok(made(case, Change::Fact { fact, before, after, reason }, loosens))
}

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
        Change::Decision { decision: waiting } => {
            (waiting.regime, waiting.outcome, &waiting.units) == (decision.regime, decision.outcome, &decision.units)
        }
        _ => false,
    };
    if let Some(waiting) = case.proposals.iter().find(|proposal| is_waiting(proposal)) {
        return refuse(format!("proposal {} says so already, and waits for a second person", waiting.number));
    }
    let stands = |unit: &UnitKey| {
        let unit = case.units.iter().find(|known| known.key == *unit);
        unit.and_then(|unit| outlook::decision(case, decision.regime, unit)).is_some_and(|found| found.outcome == outcome)
    };
    if decision.units.iter().all(stands) {
        return refuse(format!("that is decided already under {}", decision.regime.title()));
    }
    Ok(made(case, Change::Decision { decision }, clears))
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
    match &proposal.change {
        Change::Decision { decision } => {
            if case.units.iter().any(|unit| decision.units.contains(&unit.key) && unit.grown_at > decision.at) {
                return refuse("the case has grown since this was proposed: look at it again and propose it again");
            }
            let is_newer = |other: &Decision| {
                other.regime == decision.regime
                    && other.at > decision.at
                    && other.units.iter().any(|unit| decision.units.contains(unit))
            };
            if case.decisions.iter().any(is_newer) {
                return refuse("another decision was made since this was proposed: look at it again and propose it again");
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

/// Records that something was sent.
///
/// # Errors
/// When it was sent in the future or before anybody knew, nothing of the case is to be reported, or the person is in
/// conflict.
pub fn notify(case: &Case, asked: &Asked<'_>, notice: Notice) -> Result<Event, Refusal> {
    asked.may(case, Weight::Change)?;
    let zone = case.zone();
    if notice.sent_on > zone.date(asked.at) {
        return refuse(format!("--sent-on {} lies in the future", notice.sent_on));
    }
    let detected = zone.date(case.clocks.detected(outlook::imputed(case)).0);
    if notice.sent_on < detected {
        return refuse(format!(
            "--sent-on {} lies before the breach was detected, {detected}: if somebody knew earlier, set known_at first",
            notice.sent_on
        ));
    }
    if case.is_rehearsal {
        return refuse("this case is a rehearsal: nothing is reported from it");
    }
    if notice.units.is_empty() {
        return refuse("nothing of this case is to be reported there: its units are excluded, or somebody's own chart");
    }
    Ok(Event::Notified { notice })
}

/// Takes back a record that something was sent, which was wrong. The duty is open again.
///
/// # Errors
/// When there is no such record, or no reason.
pub fn retract(
    case: &Case,
    asked: &Asked<'_>,
    report_id: &str,
    to: Recipient,
    reason: Option<&str>,
) -> Result<Event, Refusal> {
    asked.may(case, Weight::Change)?;
    if !case.notices.iter().any(|notice| notice.report_id == report_id && notice.to == to) {
        return refuse(format!("no report {report_id} to {} is on record: see \"cases show\"", to.name()));
    }
    let Some(reason) = given(reason) else { return refuse("to retract a report needs --reason") };
    Ok(Event::Retracted { report_id: report_id.to_owned(), to, reason: written(&reason)? })
}

/// Says whether this case continues another one (22 CCR 79901(p)).
///
/// # Errors
/// When the register proposed no such link.
pub fn decide_link(case: &Case, asked: &Asked<'_>, other: &str, is_same: bool, reason: &str) -> Result<Event, Refusal> {
    asked.may(case, Weight::Change)?;
    if !case.links.iter().any(|link| link.case_id == other) {
        return refuse(format!("no link to case {other} was proposed: see \"cases show\""));
    }
    Ok(Event::LinkDecided { case_id: other.to_owned(), is_same, reason: written(reason)? })
}

impl Case {
    /// What the exclusions need to know.
    #[must_use]
    pub fn ground(&self) -> Ground<'_> {
        /// Evidence that a chart was opened for the person in it, and not for work.
        const PERSONAL: [&str; 11] = [
            "same_surname",
            "household",
            "neighbor",
            "coworker",
            "reporting_line",
            "related_person",
            "vip_patient",
            "restricted_record",
            "decoy_patient",
            "repeat_interest",
            "name_search_then_open",
        ];
        let mut ids = self.incidents.values().flat_map(|incident| &incident.contributions);
        Ground {
            facts: &self.facts,
            is_policy: self.is_policy(),
            is_withdrawn: self.is_withdrawn(),
            is_personal: ids.any(|found| PERSONAL.contains(&found.id.as_str()) && found.weight > 0.0),
        }
    }
}
