//! `chartsentry backtest`: what another policy would have found in the same log.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use comfy_table::{CellAlignment, Table, presets};

use super::replay::instant;
use super::trial::Trial;
use crate::cli;
use crate::lab::backtest::{Comparison, Difference, compare};
use crate::model::incident::Incident;
use crate::pipeline::clock;

const EXAMPLE: &str = "\
Example: what a new policy adds, loses and changes over a week
  chartsentry backtest --config today.toml --config proposed.toml --context sample-logs/context sample-logs/access.csv

Both policies decide the same log with the same \"now\". Nothing is kept: no store, no sink, no result files.
The figures go to standard output as JSON, a summary to standard error.";

/// Compare the incidents of two policies over the same logs
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLE)]
pub struct BacktestArgs {
    /// Configuration; give it twice: the policy of today, then the proposed one
    #[arg(long = "config", value_name = "FILE", required = true)]
    pub configs: Vec<PathBuf>,
    /// Directory with workforce, patients, related_persons, relationships, shifts
    #[arg(long, value_name = "DIR")]
    pub context: PathBuf,
    /// Fix "now" for both
    #[arg(long, value_name = "T")]
    pub as_of: Option<String>,
    /// Minutes that it takes to read one incident
    #[arg(long, value_name = "N", default_value_t = 20.0)]
    pub minutes: f64,
    /// Access logs: files or globs in any accepted format
    #[arg(required = true, value_name = "LOG")]
    pub logs: Vec<String>,
}

/// Prints what differs as JSON on stdout and a summary on stderr.
///
/// # Errors
/// As `replay`; wrong usage unless there are two configurations.
pub fn run(args: &BacktestArgs) -> Result<()> {
    let [before, after] = args.configs.as_slice() else {
        let found = args.configs.len();
        let sentence =
            format!("--config is given {found} times: give it twice, the policy of today and the proposed one");
        return Err(cli::Usage(sentence).into());
    };
    if !(args.minutes.is_finite() && args.minutes >= 0.0) {
        return Err(cli::Usage(format!("--minutes {}: expected a number of minutes, 0 or more", args.minutes)).into());
    }
    let zone = cli::config(Some(before))?.facility.zone().map_err(anyhow::Error::msg)?;
    let as_of = args.as_of.as_deref().map(|text| instant("--as-of", text, &zone)).transpose()?;
    let now = as_of.unwrap_or_else(clock::now);
    let trial = Trial { context: args.context.clone(), logs: args.logs.clone(), now };
    let found = |config: &Path, name: &str| -> Result<Vec<Incident>> {
        let outcome = trial.run(&cli::config(Some(config))?, name);
        Ok(outcome.with_context(|| format!("under {}", config.display()))?.incidents)
    };
    let comparison = compare(&found(before, "today")?, &found(after, "proposed")?, args.minutes);
    eprintln!("{}", table(&comparison));
    writeln!(std::io::stdout().lock(), "{}", serde_json::to_string_pretty(&comparison)?)?;
    Ok(())
}

fn table(comparison: &Comparison) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.add_row(["", "today", "proposed"]);
    let [before, after] = comparison.standing;
    table.add_row(["incidents to read".to_owned(), before.to_string(), after.to_string()]);
    let [before, after] = comparison.reviewer_hours.map(|hours| format!("{hours:.1} h"));
    table.add_row(["reviewer hours".to_owned(), before, after]);
    let worst = |differences: &[Difference]| {
        let severities = differences.iter().filter_map(|one| one.after.or(one.before)).map(|brief| brief.severity);
        severities.max().map_or(String::new(), |severity| format!("up to {}", severity.name()))
    };
    let named = [("added", &comparison.added), ("lost", &comparison.lost), ("changed", &comparison.changed)];
    for (name, differences) in named {
        table.add_row([name.to_owned(), differences.len().to_string(), worst(differences)]);
    }
    table.add_row(["unchanged".to_owned(), comparison.unchanged.to_string(), String::new()]);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
