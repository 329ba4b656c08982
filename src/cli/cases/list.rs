//! `cases list`: what there is, and what needs attention.

use std::cmp::{Ordering, Reverse};
use std::io::{self, Write};

use anyhow::Result;
use clap::Args;
use comfy_table::{Table, presets};
use jiff::civil::Date;

use super::Desk;
use super::render::{due, short, waits};
use crate::breach::case::Case;
use crate::breach::case::outlook::{Alarm, Outlook, State};
use crate::breach::exclusions::Regime;
use crate::cli::deadlines::{Spoken, parse_spoken};
use crate::cli::style::Paint;

/// List open cases, the most urgent first
#[derive(Args, Debug)]
#[command(after_help = "Example: chartsentry cases list --all")]
pub(super) struct ListArgs {
    /// Also those in which nothing is left to do
    #[arg(long)]
    all: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// How it will stand, or stood, at this instant
    #[arg(long, value_name = "T", value_parser = parse_spoken)]
    as_of: Option<Spoken>,
}

pub(super) fn run(desk: &Desk, args: &ListArgs) -> Result<()> {
    let now = desk.moment(args.as_of);
    let cases = desk.cases(args.as_of)?;
    let all = cases.len();
    let mut shown: Vec<(Case, Outlook)> = cases
        .into_iter()
        .map(|case| {
            let outlook = desk.office.outlook(&case, now);
            (case, outlook)
        })
        .collect();
    shown.retain(|(_, outlook)| args.all || !outlook.is_closed);
    shown.sort_by(|(a, one), (b, other)| {
        let most_severe = (b.severity(), b.score()).partial_cmp(&(a.severity(), a.score()));
        urgency(one).cmp(&urgency(other)).then(most_severe.unwrap_or(Ordering::Equal))
    });
    let mut out = io::stdout().lock();
    if args.json {
        for (case, outlook) in &shown {
            writeln!(out, "{}", serde_json::json!({ "case": case, "outlook": outlook }))?;
        }
        return Ok(());
    }
    if shown.is_empty() {
        writeln!(io::stderr(), "no open case ({all} in the register)")?;
        return Ok(());
    }
    writeln!(out, "{}", table(&shown, Paint::stdout()))?;
    match all - shown.len() {
        0 => writeln!(io::stderr(), "{all} cases")?,
        closed => writeln!(io::stderr(), "{} open cases; {closed} more are closed (--all)", shown.len())?,
    }
    Ok(())
}

/// Alarms first, then by the next date.
fn urgency(outlook: &Outlook) -> (Reverse<Option<Alarm>>, Date) {
    let alarm = outlook.attention.first().map(|first| first.alarm);
    (Reverse(alarm), outlook.next_duty().map_or(Date::MAX, |duty| duty.deadline))
}

fn state(outlook: &Outlook, regime: Regime) -> State {
    outlook.regimes.iter().find(|one| one.regime == regime).map_or(State::NotApplicable, |one| one.state)
}

fn table(shown: &[(Case, Outlook)], paint: Paint) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "case",
        "severity",
        "people",
        "patients",
        "California",
        "HIPAA",
        "next",
        "assigned",
        "attention",
    ]);
    for (case, outlook) in shown {
        let attention = outlook.attention.first().map_or_else(String::new, |first| waits(first, paint));
        let rehearsal = if case.is_rehearsal { " (rehearsal)" } else { "" };
        table.add_row([
            format!("{}{rehearsal}", short(&case.case_id)),
            case.severity().name().to_owned(),
            case.actors().len().to_string(),
            case.patients().len().to_string(),
            state(outlook, Regime::California).words().to_owned(),
            state(outlook, Regime::Hipaa).words().to_owned(),
            outlook.next_duty().map_or_else(|| "-".to_owned(), |duty| due(duty, outlook.today)),
            case.assignee.clone().unwrap_or_else(|| "-".to_owned()),
            attention,
        ]);
    }
    table
}
