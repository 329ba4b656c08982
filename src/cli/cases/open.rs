//! `cases open`: handoffs become cases.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;

use super::Desk;
use crate::breach::case::intake::REGISTER;
use crate::cli::map;
use crate::cli::style::Paint;
use crate::pipeline::clock;
use crate::pipeline::register::Bringing;
use crate::pipeline::register::evidence::Reading;
use crate::pipeline::register::opening::{Opened, Opening};

/// Open cases from handoffs, or widen those that know them
#[derive(Args, Debug)]
#[command(after_help = "\
Example: the handoffs of a replay, with the workforce for conflicts of interest and the log for evidence rows
  chartsentry cases open --context context --evidence access.csv result/handoffs.ndjson

The same handoffs again open no second case and move no clock later.")]
pub(super) struct OpenArgs {
    /// Take handoffs of a run whose "now" was given, or of the demo; their cases are marked, and no clock runs
    #[arg(long)]
    rehearsal: bool,
    /// Context directory; its workforce tells who reports to whom
    #[arg(long, value_name = "DIR")]
    context: Option<PathBuf>,
    /// Access logs for the rows behind each case: files or globs
    #[arg(long, value_name = "LOG")]
    evidence: Vec<String>,
    /// Which ids of users and patients are one person's, instead of the file that [identity] names
    #[arg(long, value_name = "FILE")]
    crosswalk: Option<PathBuf>,
    /// A column map of your own for the logs; may be given several times
    #[arg(long = "map", value_name = "MAP")]
    maps: Vec<PathBuf>,
    /// Name or user id of the person who does this; without it the register stands in the ledger
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// handoffs.ndjson of a replay
    #[arg(required = true, value_name = "HANDOFFS")]
    handoffs: Vec<PathBuf>,
}

pub(super) fn run(desk: &mut Desk, args: &OpenArgs) -> Result<()> {
    let crosswalk = desk.crosswalk(args.crosswalk.as_deref())?;
    let opening = Opening {
        handoffs: &args.handoffs,
        context: args.context.as_deref(),
        evidence: &args.evidence,
        reading: Reading { maps: map::load_all(&args.maps)?, crosswalk: crosswalk.as_ref(), zone: &desk.zone },
        bringing: Bringing {
            by: args.by.as_deref().map(str::trim).filter(|by| !by.is_empty()).unwrap_or(REGISTER),
            at: clock::now(),
            is_rehearsal: args.rehearsal,
        },
    };
    let opened = desk.office.open_files(&opening)?;
    tell(&opened, io::stderr().lock())?;
    let mut out = io::stdout().lock();
    for id in &opened.taken.opened {
        writeln!(out, "{id}")?;
    }
    if !opened.refused.is_empty() && opened.taken.handoffs == opened.taken.refused.len() {
        bail!("no handoff was taken");
    }
    Ok(())
}

/// What became of handoffs, in a few lines.
pub(in crate::cli) fn tell(opened: &Opened, mut out: impl Write) -> Result<()> {
    /// Sentences that are shown; the rest is counted.
    const SHOWN: usize = 5;
    let paint = Paint::stderr();
    let Opened { taken, refused, rows } = opened;
    for sentence in refused.iter().take(SHOWN) {
        writeln!(out, "{} {sentence}", paint.warning("refused:"))?;
    }
    writeln!(out, "{:>12} handoffs read, {} of them said nothing new", taken.handoffs, taken.known)?;
    writeln!(out, "{:>12} cases opened, {} widened", taken.opened.len(), taken.widened.len())?;
    if !refused.is_empty() {
        writeln!(
            out,
            "{:>12} refused{}",
            refused.len(),
            if refused.len() > SHOWN { " (the first shown)" } else { "" }
        )?;
    }
    if let Some(rows) = rows {
        writeln!(out, "{rows:>12} rows of evidence kept")?;
        if *rows == 0 && taken.handoffs > taken.known {
            let why = "the logs hold none of these accesses: are they of that time, and is --crosswalk missing?";
            writeln!(out, "{} {why}", paint.warning("warning:"))?;
        }
    }
    Ok(())
}
