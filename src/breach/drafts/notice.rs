//! The notice to the patient, by 45 CFR 164.404(c): what happened, what information, what the person can do, what the
//! facility does, and whom to ask. In plain words; the information itself is never repeated.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::paper::{Block, Field, Paper};
use super::subject::{Subject, counted, in_words};
use crate::breach::case::CaseUnit;
use crate::breach::case::event::Recipient;
use crate::breach::case::facts::Fact;
use crate::breach::case::outlook;

/// A letter for each patient, each on its own page.
#[must_use]
pub fn letters(subject: &Subject<'_>) -> Paper {
    let units = subject.units(Recipient::Patient);
    let patients: BTreeSet<&str> = units.iter().map(|unit| unit.key.patient_id.as_str()).collect();
    let mut blocks = Vec::new();
    for (number, patient) in patients.iter().enumerate() {
        if number > 0 {
            blocks.push(Block::PageBreak);
        }
        let own: Vec<&CaseUnit> = units.iter().copied().filter(|unit| unit.key.patient_id == *patient).collect();
        letter(subject, patient, &own, &mut blocks);
    }
    Paper {
        title: "Notice of data breach".to_owned(),
        subtitle: format!(
            "Letters to {}, case {}. First-class mail to the last known address, unless the patient asked for other means.",
            counted(patients.len(), "patient", "patients"),
            subject.case.case_id
        ),
        blocks,
    }
}

fn span_in_words((first, last): (Date, Date)) -> String {
    match first == last {
        true => format!("on {}", in_words(first)),
        false => format!("between {} and {}", in_words(first), in_words(last)),
    }
}

fn letter(subject: &Subject<'_>, patient: &str, units: &[&CaseUnit], blocks: &mut Vec<Block>) {
    let case = subject.case;
    let known = subject.names.patients.get(patient);
    let address = match known.filter(|known| !known.address.is_empty()) {
        Some(known) => Field::known("", "To", [vec![known.name.clone()], known.address.clone()].concat()),
        None => Field::unknown("", "To", "no name and address were given (cases packet --context DIR)"),
    };
    let from = Field::stated("", "From", subject.facility, "[facility] name of the configuration");
    blocks.push(Block::Fields { fields: vec![from, address] });
    let days: BTreeSet<(Date, Date)> = units
        .iter()
        .map(|unit| (subject.zone.date(unit.occurred_first), subject.zone.date(unit.occurred_last)))
        .collect();
    let days: Vec<String> = days.into_iter().map(span_in_words).collect();
    let discovered = units.iter().map(|unit| outlook::known(case, unit).discovered_at).min();
    let discovered = in_words(subject.zone.date(discovered.unwrap_or(subject.outlook.discovered_at)));
    let who = if units.iter().all(|unit| unit.key.user_id == units[0].key.user_id) {
        "A member of our workforce"
    } else {
        "Members of our workforce"
    };
    if case.incidents.values().any(|incident| incident.contributions.iter().any(|found| found.id == "decoy_patient")) {
        blocks.push(Block::Note {
            text: "To whoever completes this: a chart of this case is marked as a decoy. Make sure that a person is \
                   affected before any letter goes out."
                .to_owned(),
        });
    }
    blocks.push(Block::heading("What happened"));
    blocks.push(Block::text(format!(
        "{who} opened your medical record {} without a reason on record that has to do with your care. We found this on {discovered}.",
        days.join("; ")
    )));
    if let Some(narrative) = case.facts.get(Fact::Narrative) {
        blocks.push(Block::text(narrative));
    }
    blocks.push(Block::heading("What information was involved"));
    let mut parts: Vec<&str> = units.iter().flat_map(|unit| unit.resources.iter().map(String::as_str)).collect();
    parts.sort_unstable();
    parts.dedup();
    blocks.push(Block::text(match parts.is_empty() {
        true => "Unknown so far: the log does not say which parts of the record were opened.".to_owned(),
        false => format!("These parts of your record were opened: {}.", parts.join(", ")),
    }));
    if units.iter().any(|unit| unit.printed_or_exported) {
        blocks.push(Block::text("Some of it was printed or exported."));
    }
    blocks.push(Block::heading("What we are doing"));
    blocks.push(Block::Fields {
        fields: vec![
            Field::stated(
                "",
                "To investigate and to limit the harm",
                case.facts.get(Fact::Mitigation),
                "cases set mitigation=...",
            ),
            Field::stated(
                "",
                "So that it does not happen again",
                case.facts.get(Fact::Corrective),
                "cases set corrective=...",
            ),
        ],
    });
    blocks.push(Block::heading("What you can do"));
    blocks.push(Block::text(
        "You may ask us who has opened your record, and for a copy of it. Look through the statements that you get about \
         your care, and tell us of anything that you do not recognise.",
    ));
    blocks.push(Block::heading("For more information"));
    blocks.push(Block::Fields {
        fields: vec![Field::stated(
            "",
            "Toll-free number, and e-mail, web site or postal address",
            case.facts.get(Fact::Contact),
            "cases set contact=...",
        )],
    });
}
