//! `chartsentry evaluate`: precision, recall by kind, average precision, precision at budget.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::lab::evaluate::{Evaluation, evaluate, read_incidents};
use crate::lab::labels::read_labels;
use crate::lab::review::{Review, read_handoffs, review};

const EXAMPLE: &str = "\
Example: how many of the sample week's looks without a reason a replay found
  chartsentry evaluate --labels sample-logs/labels.csv result/incidents.ndjson

And what an office that reads so many incidents a day would have met, how long after the look
  chartsentry evaluate --labels sample-logs/labels.csv --handoffs result/handoffs.ndjson result/incidents.ndjson";

/// Compare incidents with the looks that are known to have had no reason
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLE)]
pub struct EvaluateArgs {
    /// CSV file with the columns user_id, patient_id, kind
    #[arg(long, value_name = "FILE")]
    pub labels: PathBuf,
    /// The handoffs.ndjson of the same replay; adds figures by day and the time from look to handoff
    #[arg(long, value_name = "FILE")]
    pub handoffs: Option<PathBuf>,
    /// The incidents.ndjson of a replay
    #[arg(value_name = "INCIDENTS")]
    pub incidents: PathBuf,
}

/// Prints the figures as JSON on stdout and as a table on stderr.
///
/// # Errors
/// When a file cannot be read or a line makes no sense.
pub fn run(args: &EvaluateArgs) -> Result<()> {
    let labels = read_labels(&args.labels)?;
    let incidents = read_incidents(&args.incidents)?;
    let handoffs = args.handoffs.as_deref().map(read_handoffs).transpose()?;
    let result = Printed {
        found: evaluate(&labels.snooping, &incidents),
        review: handoffs.map(|handoffs| review(&labels.snooping, &handoffs)).transpose()?,
    };
    eprintln!("{}", table(&result));
    writeln!(std::io::stdout().lock(), "{}", serde_json::to_string_pretty(&result)?)?;
    Ok(())
}

#[derive(Serialize)]
struct Printed {
    #[serde(flatten)]
    found: Evaluation,
    #[serde(flatten)]
    review: Option<Review>,
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.1} %", share * 100.0))
}

fn table(printed: &Printed) -> Table {
    let result = &printed.found;
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.add_row(["incidents".to_owned(), result.incidents.to_string()]);
    table.add_row(["true incidents".to_owned(), result.true_incidents.to_string()]);
    table.add_row(["precision".to_owned(), percent(result.precision)]);
    for (most, precision) in &result.precision_at {
        table.add_row([format!("precision at {most}"), percent(*precision)]);
    }
    let average = result.average_precision.map_or_else(|| "-".to_owned(), |average| format!("{average:.3}"));
    table.add_row(["average precision".to_owned(), average]);
    table.add_row(["recall".to_owned(), percent(result.recall)]);
    for (kind, recall) in &result.recall_by_kind {
        let text = format!("{} ({} of {})", percent(Some(recall.recall)), recall.found, recall.labelled);
        table.add_row([format!("recall {kind}"), text]);
    }
    if let Some(review) = &printed.review {
        add_days(&mut table, review);
    }
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn add_days(table: &mut Table, review: &Review) {
    for (most, day) in &review.per_day {
        let text = format!("{}, recall {}", percent(day.precision), percent(day.recall));
        table.add_row([format!("precision, {most} read a day"), text]);
    }
    if let Some(hours) = review.hours_to_handoff {
        let text = format!("median {:.1}, p90 {:.1}, longest {:.1}", hours.median, hours.p90, hours.longest);
        table.add_row(["hours from look to handoff".to_owned(), text]);
    }
}
