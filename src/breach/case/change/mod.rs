//! What people may do to a case, and what is refused.
//!
//! Each function takes the case as it is and a request, and gives the event to be written, or a refusal in a sentence.
//! A change that clears, or that could move a date later, becomes a proposal; it holds once a second person confirmed it.
//! Neither of the two may be the person who looked, nor report to that person.

mod decide;
mod fields;
mod sending;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use self::decide::{Verdict, confirm, decide, reject};
pub use self::fields::{set_clock, set_fact};
pub use self::sending::{decide_link, notify, retract};
use super::clock::ClockField;
use super::event::Event;
use super::facts::Fact;
use super::staff::{Conflict, Person, Staff, is_same_name};
use super::{Case, UnitKey};
use crate::breach::exclusions::{Code, Ground, Regime};
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
    pub units: BTreeSet<UnitKey>,
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
            Person::Several => refuse(
                "the workforce has this name, or one like it, more than once or not exactly so: give the user id instead",
            ),
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
