//! `cases remind`: what needs attention, once each.

use std::io::{self, Write};

use anyhow::Result;
use clap::Args;

use super::Desk;
use super::render::{short, waits};
use crate::cli::Usage;
use crate::cli::deadlines::{Spoken, parse_spoken};
use crate::cli::style::Paint;
use crate::pipeline::clock;
use crate::pipeline::register::{Channel, Due};

/// Print reminders that were not given yet; with --by they count as given
#[derive(Args, Debug)]
#[command(after_help = "\
Example: once a day, from a timer
  chartsentry cases remind --by privacy-office-timer

A running daemon gives the same reminders through its sinks.")]
pub(super) struct RemindArgs {
    /// Name or user id of the person (or the timer) that takes the reminders
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Also those that were given before
    #[arg(long)]
    again: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// What would be due at this instant
    #[arg(long, value_name = "T", value_parser = parse_spoken, conflicts_with = "by")]
    as_of: Option<Spoken>,
}

pub(super) fn run(desk: &mut Desk, args: &RemindArgs) -> Result<()> {
    let by = args.by.as_deref().map(str::trim);
    if by == Some("") {
        return Err(Usage("--by is empty: name the person or the timer that takes the reminders".to_owned()).into());
    }
    let now = desk.moment(args.as_of);
    let due: Vec<Due> = desk.office.due(now, args.again, Channel::Terminal)?;
    let mut out = io::stdout().lock();
    let paint = Paint::stdout();
    for one in &due {
        if args.json {
            writeln!(out, "{}", serde_json::to_string(one)?)?;
        } else {
            let attention = &one.attention;
            let regime = attention.regime.map_or_else(String::new, |regime| format!("{}: ", regime.name()));
            writeln!(out, "{}  {}: {regime}{}", short(&one.case_id), waits(attention, paint), attention.text)?;
        }
    }
    if !args.json && !due.is_empty() && !desk.office.escalate_to.is_empty() {
        writeln!(out, "for: {}", desk.office.escalate_to.join(", "))?;
    }
    if due.is_empty() {
        let all = desk.office.due(now, true, Channel::Terminal)?.len();
        match all {
            0 => writeln!(io::stderr(), "nothing needs attention")?,
            _ => writeln!(io::stderr(), "nothing new; {all} reminders still stand (--again)")?,
        }
    }
    if let Some(by) = by {
        desk.office.reminded(&due, by, clock::now(), Channel::Terminal, &[])?;
    }
    Ok(())
}
