//! `cases export`: deadlines for a calendar, the year's log for HHS, lines for the accounting, exposure by report.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{ArgGroup, Args};

use super::Desk;
use crate::breach::case::Case;
use crate::breach::case::outlook::Outlook;
use crate::breach::drafts::{accounting, hhs_log, ics, labels, reported_events};
use crate::pipeline::clock;
use crate::replay::output::write_text;

/// Export deadlines (iCalendar), the under-500 log for HHS, accounting lines, exposure or labels (CSV)
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("what").required(true).args(["ics", "hhs_log", "accounting", "exposure", "labels"]))]
#[command(after_help = "\
Example: chartsentry cases export --ics --out deadlines.ics
         chartsentry cases export --hhs-log 2026 --out hhs-2026.csv")]
pub(super) struct ExportArgs {
    /// The deadlines of open cases as a calendar; no patient or staff ids
    #[arg(long)]
    ics: bool,
    /// Breaches of fewer than 500 people that were discovered in this year, for HHS (45 CFR 164.408(c))
    #[arg(long, value_name = "YEAR")]
    hhs_log: Option<i16>,
    /// Lines for the accounting of disclosures (45 CFR 164.528): confirmed disclosures only
    #[arg(long)]
    accounting: bool,
    /// Exposure by reported event: a planning estimate as a range, with its reading (California)
    #[arg(long)]
    exposure: bool,
    /// What decisions say about looks, for "chartsentry tune --labels"
    #[arg(long)]
    labels: bool,
    /// Where to write; without it, standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(desk: &Desk, args: &ExportArgs) -> Result<()> {
    let now = clock::now();
    let cases = desk.office.register.cases()?;
    let shown: Vec<(&Case, Outlook)> = cases.iter().map(|case| (case, desk.office.outlook(case, now))).collect();
    let text = match args.hhs_log {
        Some(year) => {
            let undecided = hhs_log::undecided(&shown, year);
            if undecided > 0 {
                writeln!(
                    io::stderr(),
                    "{undecided} cases discovered in {year} are undecided under HIPAA and not in the log: a breach is presumed"
                )?;
            }
            hhs_log::csv(&shown, year)?
        }
        None if args.ics => ics::calendar(&shown, now),
        None if args.exposure => reported_events::csv(&shown)?,
        None if args.labels => labels::csv(&cases.iter().collect::<Vec<_>>())?,
        None => accounting::csv(&shown)?,
    };
    match &args.out {
        Some(path) => {
            let name = path.file_name().and_then(|name| name.to_str());
            let name = name.with_context(|| format!("--out {} names no file", path.display()))?;
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            write_text(folder, name, &text)?;
            writeln!(io::stderr(), "written: {}", path.display())?;
        }
        None => io::stdout().lock().write_all(text.as_bytes())?,
    }
    Ok(())
}
