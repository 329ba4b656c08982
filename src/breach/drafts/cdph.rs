//! The report to the California Department of Public Health, by the items of 22 CCR 79902(a)(1).

use std::collections::BTreeSet;

use super::paper::{Block, Field, Paper};
use super::subject::Subject;
use crate::breach::case::clock::ClockField;
use crate::breach::case::event::Recipient;
use crate::breach::case::facts::Fact;
use crate::breach::case::outlook::known;
use crate::model::time::Timestamp;

/// The draft.
#[must_use]
pub fn report(subject: &Subject<'_>) -> Paper {
    let case = subject.case;
    let due = subject.outlook.deadlines.cdph_deadline;
    let due = due.map_or_else(|| "no date: see the notes of the case".to_owned(), |due| due.to_string());
    Paper {
        title: "Report of a breach of medical information".to_owned(),
        subtitle: format!(
            "To the California Department of Public Health, 22 CCR 79902(a). Case {}. Due on {due}. {}",
            case.case_id,
            subject.zone_note()
        ),
        blocks: vec![
            Block::Fields { fields: fields(subject) },
            Block::Note {
                text: "Items (A) to (H) follow the text of the regulation; those after (H) a published summary of it. \
                       The content is to be in writing and signed by a representative of the facility."
                    .to_owned(),
            },
            Block::table(&["Signature", "Name and office", "Date"], vec![vec!["\u{a0}".to_owned(); 3]; 3]),
        ],
    }
}

fn fields(subject: &Subject<'_>) -> Vec<Field> {
    let (case, names) = (subject.case, subject.names);
    let fact = |fact: Fact| case.facts.get(fact);
    let facility = match subject.facility {
        Some(name) => Field::known(
            "(A)",
            "Facility and address where it occurred",
            vec![name.to_owned(), "address: to be added".to_owned()],
        ),
        None => Field::unknown("(A)", "Facility and address where it occurred", "the configuration names no facility"),
    };
    let units = subject.units(Recipient::Cdph);
    let occurred = units.iter().map(|unit| format!("{}: {}", names.patient(&unit.key.patient_id), subject.span(unit)));
    let instants: BTreeSet<Timestamp> = units.iter().map(|unit| known(case, unit).detected_at).collect();
    let mut detected: Vec<String> = instants.into_iter().map(|at| subject.local(at)).collect();
    if let Some(flagged) = case.clocks.get(ClockField::FlaggedAt) {
        detected.push(format!("marked by software: {}", subject.local(flagged)));
    }
    if let Some(day) = subject.outlook.deadlines.detected_business_day {
        detected.push(format!("first business day (79901(f)): {day}"));
    }
    let patients: BTreeSet<&str> = units.iter().map(|unit| unit.key.patient_id.as_str()).collect();
    let patients = patients.into_iter().map(|patient| names.patient(patient)).collect();
    let actors: BTreeSet<&str> = units.iter().map(|unit| unit.key.user_id.as_str()).collect();
    let mut people: Vec<String> = actors.into_iter().map(|actor| names.person(actor)).collect();
    people.push("contact details and witnesses: to be added".to_owned());
    let parts: BTreeSet<&str> = units.iter().flat_map(|unit| unit.resources.iter().map(String::as_str)).collect();
    let parts: Vec<&str> = parts.into_iter().collect();
    let mut extent = vec![format!("parts of the record opened: {}", parts.join(", "))];
    extent.extend(fact(Fact::Elements).map(str::to_owned));
    vec![
        facility,
        Field::known("(B)", "Date and time of each breach", occurred.collect()),
        Field::known("(C)", "Date and time each was detected", detected),
        Field::known("(D)", "Patients affected", patients),
        Field::known("(E)", "Information: nature, extent, identifiers, re-identification", extent),
        Field::stated("(F)", "What happened", fact(Fact::Narrative), "cases set narrative=..."),
        Field::known("(G)", "Who did it, witnesses, recipients", people),
        notified(subject),
        Field::stated("", "Representative of the facility", fact(Fact::Contact), "cases set contact=..."),
        Field::stated(
            "",
            "Corrective and mitigating actions",
            fact(Fact::Corrective).or(fact(Fact::Mitigation)),
            "cases set corrective=...",
        ),
        Field::known("", "Earlier reported events, six years", earlier(subject)),
        Field::known("", "Copy of the notice to the patient", vec!["patient-notices.html, once completed".to_owned()]),
        Field::known(
            "",
            "Audit reports and other documents relied on",
            vec![
                "evidence.csv, evidence.parquet, ledger.ndjson".to_owned(),
                "keep privileged material apart".to_owned(),
            ],
        ),
    ]
}

/// Every report about one of the patients in the six years before, and whether this case continues it.
fn earlier(subject: &Subject<'_>) -> Vec<String> {
    let links = &subject.case.links;
    let lines = subject.earlier.iter().map(|(case_id, sent_on)| {
        let link = links.iter().find(|link| link.case_id == *case_id);
        let said = match link.map(|link| &link.decided) {
            Some(Some((_, true))) => "; this case continues it",
            Some(None) => "; this case may continue it, nobody has said",
            _ => "",
        };
        format!("reported on {sent_on}, case {case_id}{said}")
    });
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() { vec!["none on record in this register".to_owned()] } else { lines }
}

fn notified(subject: &Subject<'_>) -> Field {
    let title = "When patients were or will be notified";
    let sent = subject.case.notices.iter().filter(|notice| notice.to == Recipient::Patient);
    let mut lines: Vec<String> = sent.map(|notice| format!("sent on {}", notice.sent_on)).collect();
    lines.dedup();
    if lines.is_empty() {
        let due = subject.outlook.deadlines.delayed.as_ref().and_then(|delayed| delayed.patient_deadline_safe);
        match due.or(subject.outlook.deadlines.patient_deadline) {
            Some(due) => lines.push(format!("will be notified by {due}")),
            None => return Field::unknown("(H)", title, "no date of California law applies"),
        }
    }
    Field::known("(H)", title, lines)
}
