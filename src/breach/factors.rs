//! The worksheet of the four factors (45 CFR 164.402(2); the same four in 22 CCR 79901(b)(1)(F)), filled with facts.
//!
//! Facts only: no weight, no sum, no score. What a fact means is for a person, and nothing here clears a case.

use std::collections::BTreeSet;

use serde::Serialize;

use super::case::Case;
use super::case::facts::Fact;
use crate::model::time::MINUTE;

/// One factor: what is on record, and what only a person can say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Factor {
    /// (i) to (iv).
    pub number: &'static str,
    pub title: &'static str,
    pub on_record: Vec<String>,
    pub for_a_person: &'static str,
}

/// The worksheet of a case.
#[must_use]
pub fn worksheet(case: &Case) -> [Factor; 4] {
    [
        Factor {
            number: "(i)",
            title: "nature and extent of the information, identifiers, likelihood of re-identification",
            on_record: extent(case),
            for_a_person: "how sensitive it is; whether it could be re-identified",
        },
        Factor {
            number: "(ii)",
            title: "who used it, or to whom it was disclosed",
            on_record: who(case),
            for_a_person: "obligation of confidentiality, credibility, motive",
        },
        Factor {
            number: "(iii)",
            title: "whether it was actually acquired or viewed",
            on_record: viewed(case),
            for_a_person: "what missing rows mean; missing never means not viewed",
        },
        Factor {
            number: "(iv)",
            title: "how far the risk has been mitigated",
            on_record: stated(case, &[(Fact::Mitigation, "mitigation"), (Fact::Corrective, "corrective action")]),
            for_a_person: "whether it suffices: attestation, recall, deletion, locked account",
        },
    ]
}

fn stated(case: &Case, facts: &[(Fact, &str)]) -> Vec<String> {
    let line = |(fact, name): &(Fact, &str)| match case.facts.get(*fact) {
        Some(value) => format!("{name}: {value}"),
        None => format!("{name}: nothing stated so far"),
    };
    facts.iter().map(line).collect()
}

fn joined<'a>(words: impl Iterator<Item = &'a String>) -> String {
    let words: BTreeSet<&str> = words.map(String::as_str).collect();
    if words.is_empty() { "not in the log".to_owned() } else { words.into_iter().collect::<Vec<_>>().join(", ") }
}

fn extent(case: &Case) -> Vec<String> {
    let mut lines = vec![
        format!("patients: {}", case.patients().len()),
        format!("parts of the chart opened: {}", joined(case.units.iter().flat_map(|unit| &unit.resources))),
        "identifiers: the medical record number, and whatever the parts show; not de-identified".to_owned(),
    ];
    let marks = |id: &str| case.incidents.values().any(|one| one.contributions.iter().any(|found| found.id == id));
    for (id, words) in
        [("restricted_record", "a restricted record was opened"), ("vip_patient", "a patient marked as well known")]
    {
        if marks(id) {
            lines.push(words.to_owned());
        }
    }
    lines.extend(stated(case, &[(Fact::Elements, "elements, as stated")]));
    lines.push(match case.facts.get(Fact::Part2) {
        Some(answer) => format!("record of a substance-use programme: {answer}"),
        None => "record of a substance-use programme: nobody has said".to_owned(),
    });
    lines
}

fn who(case: &Case) -> Vec<String> {
    let mut lines = vec![format!("people who opened it: {}, all through work log-ins", case.actors().len())];
    let ties = case.leading().into_iter().flat_map(|incident| &incident.contributions);
    lines.extend(ties.filter(|found| found.weight > 0.0).map(|found| format!("on record: {}", found.reason)));
    lines.extend(stated(case, &[(Fact::Recipient, "disclosed to")]));
    lines
}

fn viewed(case: &Case) -> Vec<String> {
    let accesses: u64 = case.units.iter().map(|unit| unit.access_count).sum();
    let taken = case.units.iter().filter(|unit| unit.printed_or_exported).count();
    let longest = case.units.iter().map(|unit| unit.occurred_last - unit.occurred_first).max().unwrap_or(0);
    vec![
        format!("accesses on record: {accesses}, in {} units", case.units.len()),
        format!("actions: {}", joined(case.units.iter().flat_map(|unit| &unit.actions))),
        format!("printed or exported: in {taken} of {} units", case.units.len()),
        format!("longest from first to last access of a unit: {} minutes", longest / MINUTE),
    ]
}
