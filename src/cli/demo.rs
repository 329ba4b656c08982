//! `chartsentry demo`: the whole pipeline on a small synthetic hospital.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use comfy_table::{Attribute, Cell, Color, ColumnConstraint, ContentArrangement, Table, Width, presets};
use indicatif::{ProgressBar, ProgressStyle};

use super::style::Paint;
use crate::breach::handoff::Handoff;
use crate::model::incident::{Incident, Severity, Status};
use crate::pipeline::daemon::demo::{self, Outcome, Step};

const EXAMPLE: &str = "\
Example: chartsentry demo

Starts a Kafka broker inside this process, publishes the sample hospital's context and access log to it,
and runs the daemon on them. Store and SIEM file are kept in a new temporary folder. Nobody in the
sample exists.";

/// Show the whole pipeline on a synthetic hospital: broker, detection, handoffs, SIEM lines
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLE)]
pub struct DemoArgs {
    /// A folder as `generate` writes it: access log and context/ [default: sample-logs]
    #[arg(long, value_name = "DIR")]
    pub logs: Option<PathBuf>,
}

/// Incidents that are shown; the others stand in the store.
const SHOWN: usize = 40;
/// Columns where standard output is no terminal.
const WIDTH: u16 = 120;
/// An incident's id is never broken: 27 characters and the table's padding.
const ID_WIDTH: u16 = 29;

/// Runs the demo and prints what it found.
///
/// # Errors
/// Whatever does not work.
pub fn run(args: &DemoArgs) -> Result<()> {
    let logs = logs(args.logs.as_deref())?;
    let folder = tempfile::Builder::new()
        .prefix("chartsentry-demo-")
        .tempdir()
        .context("cannot create a folder for the demo's results")?
        .keep();
    let bar = bar();
    let outcome = demo::run(&logs, &folder, &mut |step| tell(&bar, step));
    bar.finish_and_clear();
    let outcome = outcome.with_context(|| format!("the demo failed (its folder is {})", folder.display()))?;
    let paint = Paint::stdout();
    let mut stdout = io::stdout().lock();
    print(&outcome, &logs, paint, &mut stdout)?;
    Ok(())
}

/// The sample of the current directory, else that of the source tree.
fn logs(named: Option<&Path>) -> Result<PathBuf> {
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    let places = [PathBuf::from("sample-logs"), Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-logs")];
    let found = places.iter().find(|place| place.is_dir());
    let Some(found) = found else {
        bail!(
            "no sample-logs here: run in chartsentry's source tree, or make a log with `chartsentry generate --out DIR` and name it with --logs DIR"
        )
    };
    Ok(found.clone())
}

/// Drawn on a terminal only.
fn bar() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
        bar.set_style(style);
    }
    bar.set_message("starting a broker");
    bar.enable_steady_tick(std::time::Duration::from_millis(100));
    bar
}

fn tell(bar: &ProgressBar, step: Step) {
    bar.set_message(match step {
        Step::Context(read) => format!("context records read from Kafka: {read}"),
        Step::Accesses(read) => format!("accesses read from Kafka: {read}"),
        Step::Settling => "event time moves on until everything has settled".to_owned(),
    });
}

fn print(outcome: &Outcome, logs: &Path, paint: Paint, out: &mut impl Write) -> io::Result<()> {
    let handoffs: BTreeMap<&str, &Handoff> =
        outcome.handoffs.iter().map(|handoff| (handoff.incident_id.as_str(), handoff)).collect();
    let (first, last) = outcome.span;
    writeln!(
        out,
        "{}  {} accesses and {} context records of {}, through Kafka",
        paint.bold("chartsentry demo"),
        grouped(outcome.accesses),
        grouped(outcome.facts),
        logs.display(),
    )?;
    writeln!(out, "{}\n", paint.dim(&format!("accesses from {first} to {last}; nobody in the sample exists")))?;
    for line in table(outcome, &handoffs, paint).lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    let hidden = outcome.incidents.len().saturating_sub(SHOWN);
    if hidden > 0 {
        writeln!(out, "... and {hidden} more in the store")?;
    }
    writeln!(out)?;
    counts(outcome, paint, out)?;
    let (store, alerts) = (outcome.store.display(), outcome.alerts.display());
    writeln!(out, "\n{}", paint.bold("kept"))?;
    writeln!(out, "  store       {store}")?;
    writeln!(out, "  SIEM lines  {alerts}")?;
    writeln!(out, "\n{}", paint.bold("try next"))?;
    writeln!(out, "  head -3 {alerts}")?;
    let detector = outcome.incidents.iter().flat_map(|incident| &incident.contributions).map(|found| &found.id);
    let detector = detector.filter(|id| !id.starts_with("explained:")).min().map_or("same_surname", |id| id);
    let next = [
        (format!("chartsentry explain {detector}"), "how a detector decides"),
        ("chartsentry check --config config/chartsentry.toml".to_owned(), "every setting, at its default"),
        ("chartsentry run --config FILE".to_owned(), "the same on your own topics"),
    ];
    for (command, what) in next {
        writeln!(out, "  {command:<52}{}", paint.dim(what))?;
    }
    Ok(())
}

fn counts(outcome: &Outcome, paint: Paint, out: &mut impl Write) -> io::Result<()> {
    let tally = &outcome.tally;
    writeln!(out, "{}", paint.bold("counts"))?;
    writeln!(
        out,
        "  accesses    {} to a chart: {} explained, {} unexplained, {} suspicious",
        grouped(tally.accesses()),
        grouped(tally.explained()),
        grouped(tally.unexplained),
        grouped(tally.suspicious),
    )?;
    writeln!(
        out,
        "              {} without a patient, {} denied or failed, {} copies, {} quarantined",
        grouped(tally.without_patient),
        grouped(tally.not_successful),
        grouped(tally.duplicates),
        outcome.quarantined,
    )?;
    let by_severity: Vec<String> = Severity::ALL
        .iter()
        .rev()
        .map(|severity| {
            let count = outcome.incidents.iter().filter(|incident| incident.severity == *severity).count();
            format!("{count} {}", severity.name())
        })
        .collect();
    let withdrawn = outcome.incidents.iter().filter(|incident| incident.status == Status::Withdrawn).count();
    let explained = if withdrawn == 0 {
        String::new()
    } else {
        format!("; {withdrawn} withdrawn, explained by a record that came later")
    };
    writeln!(out, "  incidents   {}: {}{explained}", outcome.incidents.len(), by_severity.join(", "))?;
    writeln!(out, "  handoffs    {}", outcome.handoff_count)
}

fn table(outcome: &Outcome, handoffs: &BTreeMap<&str, &Handoff>, paint: Paint) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    if !paint.is_on() {
        table.force_no_tty();
    }
    if table.width().is_none() {
        table.set_width(WIDTH);
    }
    table.set_header(["severity", "incident", "why", "clocks"]);
    for incident in outcome.incidents.iter().take(SHOWN) {
        let handoff = handoffs.get(incident.incident_id.as_str()).copied();
        table.add_row([
            severity(incident),
            Cell::new(format!(
                "{}\n{} opened {}\n{}",
                incident.incident_id,
                incident.user_id.as_deref().unwrap_or("several people"),
                incident.patient_ids.join(", "),
                looks(incident)
            )),
            Cell::new(why(incident)),
            Cell::new(handoff.map_or_else(|| "not handed over".to_owned(), clocks)),
        ]);
    }
    let narrowest = [None, Some(ID_WIDTH), None, Some(23)];
    for (number, width) in narrowest.into_iter().enumerate() {
        if let (Some(column), Some(width)) = (table.column_mut(number), width) {
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width)));
        }
    }
    table
}

fn severity(incident: &Incident) -> Cell {
    let colour = match incident.severity {
        Severity::Critical => Color::Magenta,
        Severity::High => Color::Red,
        Severity::Medium => Color::Yellow,
        Severity::Low => Color::Blue,
    };
    let text = format!("{}\n{}", incident.severity.name(), incident.status.name());
    let cell = Cell::new(text);
    if incident.status == Status::Withdrawn { cell } else { cell.fg(colour).add_attribute(Attribute::Bold) }
}

fn looks(incident: &Incident) -> String {
    let times = if incident.access_count == 1 { "once".to_owned() } else { format!("{} times", incident.access_count) };
    format!("{times}, score {:.4}", incident.score)
}

/// Each contribution with its weight, the strongest first.
fn why(incident: &Incident) -> String {
    let mut contributions: Vec<_> = incident.contributions.iter().collect();
    contributions.sort_by(|one, other| other.weight.total_cmp(&one.weight));
    let lines = contributions.iter().map(|found| format!("{:+.1}  {}", found.weight, found.reason));
    let degraded = incident.degraded.iter().map(|why| format!("note: {why}"));
    lines.chain(degraded).collect::<Vec<_>>().join("\n")
}

/// When it counts as detected, and what is due first.
fn clocks(handoff: &Handoff) -> String {
    let deadlines = &handoff.deadlines;
    let dates = [
        (deadlines.cdph_deadline, "report to CDPH"),
        (deadlines.patient_deadline, "notice to the patient"),
        (deadlines.hipaa_individual_deadline, "HIPAA notice"),
    ];
    let next = dates.iter().filter_map(|(date, what)| Some(((*date)?, *what))).min_by_key(|(date, _)| *date);
    let next = next.map_or_else(|| "no deadline".to_owned(), |(date, what)| format!("{date} {what}"));
    format!("day 0 {}, a business day\n{next}", handoff.detected.business_day)
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap_or_default()).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345_678, "12,345,678")] {
            assert_eq!(grouped(number), text);
        }
    }
}
