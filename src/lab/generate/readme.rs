//! The README beside a generated log: how it was made, what is in it, what is hidden in it.

use std::fmt::Write;

use anyhow::{Context, Result};

use super::snoop::Kind;
use super::{Options, Summary, write};

/// Writes `README.md`.
pub(super) fn write(options: &Options, summary: &Summary) -> Result<()> {
    let path = options.out.join("README.md");
    std::fs::write(&path, text(options, summary)?).with_context(|| format!("cannot write {}", path.display()))
}

fn text(options: &Options, summary: &Summary) -> Result<String> {
    let mut out = String::new();
    writeln!(out, "# A synthetic hospital's access log\n")?;
    writeln!(out, "Made by this command; the same command gives the same bytes. Nobody in it exists.\n")?;
    writeln!(out, "```sh\n{}\n```\n", options.command)?;
    writeln!(
        out,
        "{} patients, {} staff in {} departments, {} days from {} in {}{}.\n",
        options.patients,
        options.staff,
        summary.departments,
        options.days,
        options.start,
        options.zone.name(),
        if options.hard { "; messy (`--hard`)" } else { "" },
    )?;
    writeln!(out, "| file | holds |\n|---|---|")?;
    let names: Result<Vec<String>> = options.formats.iter().map(|format| write::file_name(format)).collect();
    let events = &summary.events;
    writeln!(
        out,
        "| {} | the same {} events: {} without a patient, {} denied or failed, {} delivered twice |",
        names?.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" "),
        events.events,
        events.without_patient,
        events.not_successful,
        events.copies,
    )?;
    writeln!(
        out,
        "| `context/` | workforce, patients, related_persons, {} relationships, {} shift rows |",
        summary.relationships, summary.shifts
    )?;
    writeln!(out, "| `labels.csv` | the {} pairs of user and patient that had no reason |\n", summary.labels.len())?;
    push_hidden(&mut out, summary)?;
    out.push_str(
        "## Hard to tell apart from it\n\n\
         Colleagues and relatives who are patients and treated where the employee works, relatives on the employee's own\n\
         care team, common names shared by strangers, consults written down hours later, swapped shifts entered the next\n\
         day, floats, registration before the encounter, coding after discharge, tasks nobody entered, charts opened by\n\
         mistake, contacts at the same address with another family name.\n",
    );
    Ok(out)
}

fn push_hidden(out: &mut String, summary: &Summary) -> Result<()> {
    writeln!(out, "## What is hidden\n")?;
    writeln!(out, "| kind | pairs | what it is | example |\n|---|---:|---|---|")?;
    for (kind, count) in summary.labels_by_kind() {
        writeln!(out, "| {} | {count} | {} | {} |", kind.name(), kind.meaning(), example(summary, kind))?;
    }
    out.push('\n');
    Ok(())
}

fn example(summary: &Summary, kind: Kind) -> String {
    let first = summary.labels.iter().find(|label| label.kind == kind);
    first.map_or_else(String::new, |label| format!("{} opens {}, {}", label.user_id, label.patient_id, label.first_at))
}
