//! `cases open`: handoffs become cases.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;

use super::Desk;
use crate::breach::case::Case;
use crate::breach::case::intake::REGISTER;
use crate::cli::style::Paint;
use crate::pipeline::clock;
use crate::pipeline::register::{Bringing, Taken, evidence, handoffs, people};

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
    /// Name or user id of the person who does this; without it the register stands in the ledger
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// handoffs.ndjson of a replay
    #[arg(required = true, value_name = "HANDOFFS")]
    handoffs: Vec<PathBuf>,
}

pub(super) fn run(desk: &mut Desk, args: &OpenArgs) -> Result<()> {
    let (mut found, mut refused) = (Vec::new(), Vec::new());
    for path in &args.handoffs {
        let read = handoffs::read(path)?;
        found.extend(read.handoffs);
        refused.extend(read.refused);
    }
    let bringing = Bringing {
        by: args.by.as_deref().map(str::trim).filter(|by| !by.is_empty()).unwrap_or(REGISTER),
        at: clock::now(),
        is_rehearsal: args.rehearsal,
    };
    let taken = desk.office.take(&found, bringing)?;
    desk.office.register.write(|pen| pen.put_refused(&refused))?;
    if let Some(dir) = &args.context {
        let people = people::read(dir, &desk.zone)?;
        desk.office.register.write(|pen| pen.put_staff(&people.members()))?;
    }
    let rows = keep_evidence(desk, args, &taken)?;
    let sentences = refused.iter().map(|refused| &refused.sentence).chain(&taken.refused);
    tell(&taken, rows, sentences, io::stderr().lock())?;
    let mut out = io::stdout().lock();
    for id in &taken.opened {
        writeln!(out, "{id}")?;
    }
    if taken.handoffs == taken.refused.len() && !(refused.is_empty() && taken.refused.is_empty()) {
        bail!("no handoff was taken");
    }
    Ok(())
}

/// Keeps the rows behind the cases that were opened or widened.
fn keep_evidence(desk: &mut Desk, args: &OpenArgs, taken: &Taken) -> Result<Option<usize>> {
    if args.evidence.is_empty() {
        return Ok(None);
    }
    let ids = taken.opened.iter().chain(&taken.widened);
    let cases: Vec<Case> = ids.map(|id| desk.office.case(id)).collect::<Result<_>>()?;
    let rows = evidence::collect(&cases, &args.evidence, &desk.zone)?;
    Ok(Some(desk.office.register.write(|pen| pen.put_evidence(&rows))?))
}

fn tell<'s>(
    taken: &Taken,
    rows: Option<usize>,
    refused: impl Iterator<Item = &'s String>,
    mut out: impl Write,
) -> Result<()> {
    /// Sentences that are shown; the rest is counted.
    const SHOWN: usize = 5;
    let paint = Paint::stderr();
    let refused: Vec<&String> = refused.collect();
    for sentence in refused.iter().take(SHOWN) {
        writeln!(out, "{} {sentence}", paint.warning("refused:"))?;
    }
    writeln!(out, "{:>8} handoffs read", taken.handoffs)?;
    writeln!(out, "{:>8} cases opened, {} widened", taken.opened.len(), taken.widened.len())?;
    writeln!(out, "{:>8} handoffs said nothing new", taken.known)?;
    if !refused.is_empty() {
        writeln!(out, "{:>8} refused{}", refused.len(), if refused.len() > SHOWN { " (the first shown)" } else { "" })?;
    }
    if let Some(rows) = rows {
        writeln!(out, "{rows:>8} rows of evidence kept")?;
    }
    Ok(())
}
