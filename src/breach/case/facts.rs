//! What people found out about a case and the log does not say.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::breach::clocks::{LawEnforcementDelay, StatementKind};
use crate::breach::named::name_of;
use crate::model::time::Timestamp;

/// One fact that a person may state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// Who was aware first.
    KnownBy,
    KnownByRole,
    /// Whether that is the suspected actor, whose own knowledge does not count.
    KnowerIsActor,
    /// Whether the business associate is an agent.
    BaIsAgent,
    /// How the diligence date was found.
    DiligenceBasis,
    /// Affected residents of the State that has most of them.
    Residents,
    /// Access, use, disclosure, loss: one or several.
    EventKind,
    /// What held the information.
    Medium,
    /// Whether a record of a substance-use programme was opened (42 CFR part 2).
    Part2,
    LeKind,
    LeStated,
    LeUntil,
    /// Name and office of the law-enforcement official.
    LeOfficial,
    /// Which information was seen, and how sensitive it is.
    Elements,
    /// To whom it was disclosed.
    Recipient,
    /// What was done to limit the harm.
    Mitigation,
    /// What was done so that it does not happen again.
    Corrective,
    /// What happened, in plain words for the patient.
    Narrative,
    /// Common cause or flaw, for links between reported events.
    Cause,
    /// Who speaks for the facility.
    Contact,
    /// Where the information breached was kept, and the safeguards in force.
    Safeguards,
}

/// What kind of value a fact has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text,
    YesNo,
    Count,
    Date,
    OneOf(&'static [&'static str]),
    SomeOf(&'static [&'static str]),
}

/// What happened to the information: 79901(b) and (g), 164.402.
pub const EVENT_KINDS: [&str; 4] = ["access", "use", "disclosure", "loss"];
/// What may have held it.
pub const MEDIA: [&str; 5] = ["ehr", "paper", "email", "fax", "other"];

impl Fact {
    /// Every fact with its name in files and on the command line.
    pub const ALL: [(Self, &'static str); 21] = [
        (Self::KnownBy, "known_by"),
        (Self::KnownByRole, "known_by_role"),
        (Self::KnowerIsActor, "knower_is_actor"),
        (Self::BaIsAgent, "ba_is_agent"),
        (Self::DiligenceBasis, "diligence_basis"),
        (Self::Residents, "residents"),
        (Self::EventKind, "event_kind"),
        (Self::Medium, "medium"),
        (Self::Part2, "part2"),
        (Self::LeKind, "le_kind"),
        (Self::LeStated, "le_stated"),
        (Self::LeUntil, "le_until"),
        (Self::LeOfficial, "le_official"),
        (Self::Elements, "elements"),
        (Self::Recipient, "recipient"),
        (Self::Mitigation, "mitigation"),
        (Self::Corrective, "corrective"),
        (Self::Narrative, "narrative"),
        (Self::Cause, "cause"),
        (Self::Contact, "contact"),
        (Self::Safeguards, "safeguards"),
    ];

    /// The name used in files and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        name_of(&Self::ALL, &self)
    }

    const fn form(self) -> Form {
        match self {
            Self::KnowerIsActor | Self::BaIsAgent | Self::Part2 => Form::YesNo,
            Self::Residents => Form::Count,
            Self::LeStated | Self::LeUntil => Form::Date,
            Self::LeKind => Form::OneOf(&["written", "oral"]),
            Self::Medium => Form::OneOf(&MEDIA),
            Self::EventKind => Form::SomeOf(&EVENT_KINDS),
            _ => Form::Text,
        }
    }

    /// Reads a value and gives it back as it is kept.
    ///
    /// # Errors
    /// What was expected.
    pub fn read(self, text: &str) -> Result<String, String> {
        let text = text.trim();
        let name = self.name();
        if text.is_empty() {
            return Err(format!("{name} is empty"));
        }
        let lower = text.to_ascii_lowercase();
        match self.form() {
            Form::Text => Ok(text.to_owned()),
            Form::YesNo => match lower.as_str() {
                "yes" | "y" | "true" | "t" | "1" => Ok("yes".to_owned()),
                "no" | "n" | "false" | "f" | "0" => Ok("no".to_owned()),
                _ => Err(format!("{name} \"{text}\": expected yes or no")),
            },
            Form::Count => {
                text.parse::<u64>().map(|n| n.to_string()).map_err(|_| format!("{name} \"{text}\": expected a count"))
            }
            Form::Date => {
                let date = if text.len() == "2026-03-10".len() { text.parse::<Date>().ok() } else { None };
                date.map(|date| date.to_string()).ok_or_else(|| format!("{name} \"{text}\": expected YYYY-MM-DD"))
            }
            Form::OneOf(words) => match words.contains(&lower.as_str()) {
                true => Ok(lower),
                false => Err(format!("{name} \"{text}\": expected {}", words.join(", "))),
            },
            Form::SomeOf(words) => {
                let given: BTreeSet<&str> = lower.split([',', '|', ' ']).filter(|word| !word.is_empty()).collect();
                match given.iter().find(|word| !words.contains(*word)) {
                    Some(word) => Err(format!("{name} \"{word}\": expected one or several of {}", words.join(", "))),
                    None => Ok(given.into_iter().collect::<Vec<_>>().join(",")),
                }
            }
        }
    }

    /// Whether a change could move a date later or switch a duty off, so that it takes two people.
    #[must_use]
    pub fn loosens(self, before: Option<&str>, after: &str) -> bool {
        match self {
            Self::LeKind | Self::LeStated | Self::LeUntil => true,
            // They decide which exclusions the words reach.
            Self::EventKind | Self::Medium => true,
            Self::KnowerIsActor => after == "yes",
            Self::BaIsAgent | Self::Part2 => before == Some("yes") && after == "no",
            Self::Residents => {
                let count = |text: &str| text.parse::<u64>().unwrap_or(0);
                before.is_some_and(|before| count(after) < count(before))
            }
            _ => false,
        }
    }
}

/// A fact as it was stated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stated {
    pub value: String,
    pub by: String,
    pub at: Timestamp,
    pub second: Option<String>,
}

/// The facts of a case. Earlier values stay in the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Facts {
    stated: BTreeMap<Fact, Stated>,
}

impl Facts {
    /// The value of a fact; `None` while nobody has stated it.
    #[must_use]
    pub fn get(&self, fact: Fact) -> Option<&str> {
        self.stated.get(&fact).map(|stated| stated.value.as_str())
    }

    /// Every fact that was stated.
    pub fn iter(&self) -> impl Iterator<Item = (Fact, &Stated)> {
        self.stated.iter().map(|(fact, stated)| (*fact, stated))
    }

    pub(super) fn set(&mut self, fact: Fact, stated: Stated) {
        self.stated.insert(fact, stated);
    }

    /// Forgets a fact that was not stated after an instant.
    pub(super) fn unset_before(&mut self, fact: Fact, at: Timestamp) {
        if self.stated.get(&fact).is_some_and(|stated| stated.at <= at) {
            self.stated.remove(&fact);
        }
    }

    /// Whether a yes-or-no fact was stated as yes.
    #[must_use]
    pub fn is(&self, fact: Fact) -> bool {
        self.get(fact) == Some("yes")
    }

    /// Affected residents of one State.
    #[must_use]
    pub fn residents(&self) -> Option<u64> {
        self.get(Fact::Residents)?.parse().ok()
    }

    /// What happened to the information; an access while nobody has said otherwise.
    #[must_use]
    pub fn event_kinds(&self) -> Vec<&str> {
        self.get(Fact::EventKind).unwrap_or("access").split(',').collect()
    }

    /// What held the information; the EHR while nobody has said otherwise.
    #[must_use]
    pub fn medium(&self) -> &str {
        self.get(Fact::Medium).unwrap_or("ehr")
    }

    /// Law enforcement's delay, once its kind, both dates and the official are stated (164.412: the statement and the
    /// identity of the official are documented).
    #[must_use]
    pub fn delay(&self) -> Option<LawEnforcementDelay> {
        let date = |fact| self.get(fact)?.parse::<Date>().ok();
        let kind = match self.get(Fact::LeKind)? {
            "written" => StatementKind::Written,
            _ => StatementKind::Oral,
        };
        let (stated, until) = (date(Fact::LeStated)?, date(Fact::LeUntil)?);
        self.get(Fact::LeOfficial)?;
        (until >= stated).then_some(LawEnforcementDelay { kind, stated, until })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_and_complaints_name_what_was_expected() {
        assert_eq!(Fact::Part2.read("Yes").unwrap(), "yes");
        assert_eq!(Fact::EventKind.read("disclosure, access").unwrap(), "access,disclosure");
        assert_eq!(Fact::LeUntil.read(" 2026-03-10 ").unwrap(), "2026-03-10");
        assert!(Fact::Residents.read("many").unwrap_err().contains("count"));
        assert!(Fact::Medium.read("letter").unwrap_err().contains("paper"));
        assert!(Fact::Elements.read("  ").unwrap_err().contains("empty"));
    }

    #[test]
    fn what_could_move_a_date_later_takes_two_people() {
        assert!(Fact::LeUntil.loosens(None, "2026-03-10"));
        assert!(Fact::KnowerIsActor.loosens(None, "yes") && !Fact::KnowerIsActor.loosens(Some("yes"), "no"));
        assert!(Fact::Residents.loosens(Some("501"), "500") && !Fact::Residents.loosens(Some("500"), "501"));
        assert!(!Fact::Elements.loosens(None, "labs"));
    }
}
