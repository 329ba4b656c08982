//! The case itself on paper: what happened, when who knew, what the law's words leave open, who decided what.

use jiff::ToSpan;
use jiff::civil::Date;

use super::paper::{Block, Field, Paper};
use super::subject::{Subject, counted};
use super::timeline;
use crate::breach::case::change::Outcome;
use crate::breach::case::clock::ClockField;
use crate::breach::ledger::Entry;
use crate::breach::{exclusions, factors};

/// How long documents are kept (45 CFR 164.316(b)(2)(i), 164.530(j)(2)).
const RETENTION_YEARS: i64 = 6;

/// The case with the ledger's entries about it.
#[must_use]
pub fn file(subject: &Subject<'_>, entries: &[Entry]) -> Paper {
    let case = subject.case;
    let mut blocks = vec![Block::Picture { svg: timeline::svg(subject) }];
    blocks.extend(evidence(subject));
    blocks.extend(clocks(subject));
    blocks.extend(regimes(subject));
    blocks.extend(law(subject));
    blocks.extend(decisions(subject));
    blocks.extend(stated(subject));
    blocks.extend(history(subject, entries));
    let rehearsal = if case.is_rehearsal { " A rehearsal: no clock runs." } else { "" };
    Paper {
        title: format!("Case {}", case.case_id),
        subtitle: format!(
            "{} severity, {}, {}; opened {}.{rehearsal} {}",
            case.severity().name(),
            counted(case.units.len(), "unit", "units"),
            counted(case.patients().len(), "patient", "patients"),
            subject.local(case.opened_at),
            subject.zone_note()
        ),
        blocks,
    }
}

fn evidence(subject: &Subject<'_>) -> Vec<Block> {
    let case = subject.case;
    let rows = case.units.iter().map(|unit| {
        let taken = if unit.printed_or_exported { "; printed or exported" } else { "" };
        vec![
            subject.names.person(&unit.key.user_id),
            subject.names.patient(&unit.key.patient_id),
            subject.span(unit),
            unit.access_count.to_string(),
            format!("{}; {}{taken}", unit.actions.join(", "), unit.resources.join(", ")),
        ]
    });
    let mut blocks = vec![
        Block::heading("Units: each individual instance and each patient"),
        Block::table(&["person", "patient", "when", "accesses", "what"], rows.collect()),
        Block::Note { text: "The rows behind each unit stand in evidence.csv and evidence.parquet.".to_owned() },
    ];
    for incident in case.incidents.values() {
        let rows = incident
            .contributions
            .iter()
            .map(|found| vec![found.id.clone(), format!("{:+.2}", found.weight), found.reason.clone()]);
        blocks.push(Block::heading(&format!(
            "Why it was flagged: incident {}, {}",
            incident.incident_id,
            incident.status.name()
        )));
        blocks.push(Block::table(&["evidence", "log-odds", "reason"], rows.collect()));
        blocks.extend(incident.degraded.iter().map(|why| Block::text(format!("Evidence is incomplete: {why}"))));
    }
    blocks
}

fn clocks(subject: &Subject<'_>) -> Vec<Block> {
    let case = subject.case;
    let mut rows = Vec::new();
    for (field, name) in ClockField::ALL {
        for version in case.clocks.versions(field) {
            let second = version.second.as_deref().map_or_else(String::new, |second| format!(" and {second}"));
            rows.push(vec![
                name.to_owned(),
                subject.local(version.value),
                format!("{}{second}", version.by),
                version.reason.clone().unwrap_or_default(),
            ]);
        }
    }
    let mut blocks = vec![
        Block::heading("Clocks, every value that they had"),
        Block::table(&["clock", "value", "set by", "reason"], rows),
        Block::text(format!(
            "Detected (California): {}. Discovered (HIPAA): {}.",
            subject.local(subject.outlook.detected_at),
            subject.local(subject.outlook.discovered_at)
        )),
    ];
    if let Some(other) = &subject.outlook.alternative {
        blocks.push(Block::text(format!("Another reading, for counsel: {}.", other.words())));
    }
    blocks.extend(subject.outlook.recounted.iter().map(|note| Block::text(note.clone())));
    blocks
}

fn regimes(subject: &Subject<'_>) -> Vec<Block> {
    let mut blocks = vec![Block::heading("Regimes and deadlines")];
    for one in &subject.outlook.regimes {
        blocks.push(Block::text(format!("{}: {}", one.regime.title(), one.state.words())));
        let rows: Vec<Vec<String>> = one
            .duties
            .iter()
            .map(|duty| {
                let done =
                    duty.done_on.map_or_else(|| "not on record as sent".to_owned(), |day| format!("sent on {day}"));
                let late = if duty.late_days > 0 { format!(", {} days late", duty.late_days) } else { String::new() };
                vec![
                    duty.title.to_owned(),
                    duty.citation.to_owned(),
                    duty.deadline.to_string(),
                    format!("{done}{late}"),
                ]
            })
            .collect();
        if !rows.is_empty() {
            blocks.push(Block::table(&["what", "where it stands", "due", "done"], rows));
        }
        blocks.extend(one.note.iter().map(|note| Block::Note { text: note.clone() }));
    }
    blocks.extend(subject.outlook.deadlines.notes.iter().map(|note| Block::Note { text: note.clone() }));
    if let (Some(one), Some(both)) = (&subject.outlook.exposure, &subject.outlook.exposure_both_late) {
        blocks.push(Block::text(format!(
            "Planning estimate: {} to {} USD. {}",
            one.first_occurrences_only_usd, both.max_usd, one.reading
        )));
    }
    blocks
}

fn law(subject: &Subject<'_>) -> Vec<Block> {
    let rows = exclusions::weigh_all(&subject.case.ground()).into_iter().map(|found| {
        vec![found.regime.name().to_owned(), found.citation.to_owned(), found.reach.words().to_owned(), found.why]
    });
    let mut blocks = vec![
        Block::heading("Exclusions, by their words"),
        Block::table(&["regime", "exclusion", "reach", "why"], rows.collect()),
        Block::heading("The four factors: facts on record, no score"),
    ];
    let fields = factors::worksheet(subject.case).into_iter().map(|factor| {
        let mut lines = factor.on_record;
        lines.push(format!("for a person: {}", factor.for_a_person));
        Field::known(factor.number, factor.title, lines)
    });
    blocks.push(Block::Fields { fields: fields.collect() });
    blocks
}

fn decisions(subject: &Subject<'_>) -> Vec<Block> {
    let case = subject.case;
    let rows: Vec<Vec<String>> = case
        .decisions
        .iter()
        .map(|decision| {
            let what = match decision.outcome {
                Outcome::Breach => "breach".to_owned(),
                Outcome::Excluded { code } => format!("excluded, {}", code.citation()),
            };
            let second = decision.second.as_deref().map_or_else(String::new, |second| format!(" and {second}"));
            let grounds = [vec![decision.grounds.clone()], decision.factors.clone()].concat();
            vec![
                subject.local(decision.at),
                decision.regime.name().to_owned(),
                what,
                counted(decision.units.len(), "unit", "units"),
                format!("{}{second}", decision.by),
                grounds.join(" | "),
            ]
        })
        .collect();
    let decided = match rows.is_empty() {
        true => Block::text("Nothing is decided."),
        false => Block::table(&["when", "regime", "decision", "covers", "by", "grounds"], rows),
    };
    vec![Block::heading("Decisions"), decided]
}

/// What people stated and wrote down.
fn stated(subject: &Subject<'_>) -> Vec<Block> {
    let facts: Vec<Vec<String>> = subject
        .case
        .facts
        .iter()
        .map(|(fact, stated)| {
            let second = stated.second.as_deref().map_or_else(String::new, |second| format!(" and {second}"));
            vec![
                fact.name().to_owned(),
                stated.value.clone(),
                format!("{}{second}", stated.by),
                subject.local(stated.at),
            ]
        })
        .collect();
    let notes: Vec<Vec<String>> = subject
        .case
        .notes
        .iter()
        .map(|note| vec![subject.local(note.at), note.by.clone(), note.text.clone()])
        .collect();
    let mut blocks = Vec::new();
    if !facts.is_empty() {
        blocks.push(Block::heading("Stated"));
        blocks.push(Block::table(&["fact", "value", "by", "when"], facts));
    }
    if !notes.is_empty() {
        blocks.push(Block::heading("Notes"));
        blocks.push(Block::table(&["when", "by", "note"], notes));
    }
    blocks
}

fn history(subject: &Subject<'_>, entries: &[Entry]) -> Vec<Block> {
    let rows = entries.iter().map(|entry| {
        vec![
            entry.sequence.to_string(),
            subject.local(entry.at),
            entry.by.clone(),
            entry.event.name().replace('_', " "),
        ]
    });
    vec![
        Block::heading("History"),
        Block::table(&["entry", "when", "by", "what"], rows.collect()),
        Block::text(format!(
            "Keep all of this until {} at the earliest: six years from its last change (45 CFR 164.316(b)(2)(i), 164.530(j)(2)), and \
             longer while it is on hold.",
            retention(subject)
        )),
        Block::Note { text: "Each entry in full, with its place in the chain: ledger.ndjson.".to_owned() },
    ]
}

/// Six years after the last change.
fn retention(subject: &Subject<'_>) -> Date {
    subject.zone.date(subject.case.changed_at).saturating_add(RETENTION_YEARS.years())
}
