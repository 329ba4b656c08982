//! `chartsentry replay`: decide exported logs offline.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::cases;
use super::style::Paint;
use crate::breach::case::intake::REGISTER;
use crate::cli;
use crate::cli::map;
use crate::config::Config;
use crate::decode::time::{Written, read_instant};
use crate::model::time::{Timestamp, Zone};
use crate::pipeline::register::evidence::Reading;
use crate::pipeline::register::opening::Opening;
use crate::pipeline::register::{Bringing, Office};
use crate::pipeline::replay::{Replay, replay};
use crate::pipeline::{clock, identity};
use crate::replay::summary::Summary;

const EXAMPLE: &str = "\
Example: a week's log against the context of the same time, with \"now\" fixed for repeatable files
  chartsentry replay --context sample-logs/context --out result --as-of 2026-06-12T00:00:00Z sample-logs/access.csv

Without --config the shipped policy holds (America/Los_Angeles, licensed in California). Result files
already in --out are replaced. They hold ids of patients and staff: keep the folder as you keep charts.";

/// Decide exported logs offline and write incidents, handoffs and a report
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLE)]
pub struct ReplayArgs {
    /// Configuration; without it the shipped settings hold
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Which ids of users and patients are one person's, instead of the file that [identity] names
    #[arg(long, value_name = "FILE")]
    pub crosswalk: Option<PathBuf>,
    /// Directory with workforce, patients, related_persons, relationships, shifts (.csv, .ndjson, .parquet; .gz and .zst too)
    #[arg(long, value_name = "DIR")]
    pub context: PathBuf,
    /// Directory for the results; made with its parents
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Fix "now": facts recorded later are unknown, accesses later are rejects
    #[arg(long, value_name = "T")]
    pub as_of: Option<String>,
    /// When the facility could first have reviewed these logs
    #[arg(long, value_name = "T")]
    pub available_at: Option<String>,
    /// Also write verdicts.parquet: one row for each access
    #[arg(long)]
    pub verdicts: bool,
    /// Then open cases in the register of --config's store, or widen those that know the handoffs
    #[arg(long, requires = "config")]
    pub register: bool,
    /// Let the register take a run whose "now" is given; its cases are marked, and no clock of them runs
    #[arg(long, requires = "register")]
    pub rehearsal: bool,
    /// Access logs: files or globs in any accepted format
    #[arg(required = true, value_name = "LOG")]
    pub logs: Vec<String>,
    /// A column map of your own for delimited exports; may be given several times
    #[arg(long = "map", value_name = "MAP")]
    pub maps: Vec<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// As [`replay`]; wrong usage for an instant that cannot be read.
pub fn run(args: &ReplayArgs) -> Result<()> {
    let mut config = cli::config(args.config.as_deref())?;
    config.identity.crosswalk = args.crosswalk.clone().or(config.identity.crosswalk);
    let zone = config.facility.zone().map_err(anyhow::Error::msg)?;
    let job = Replay {
        context: args.context.clone(),
        logs: args.logs.clone(),
        out: args.out.clone(),
        as_of: args.as_of.as_deref().map(|text| instant("--as-of", text, &zone)).transpose()?,
        available_at: args.available_at.as_deref().map(|text| instant("--available-at", text, &zone)).transpose()?,
        verdicts: args.verdicts,
        maps: map::load_all(&args.maps)?,
    };
    if job.available_at > Some(job.as_of.unwrap_or_else(clock::now)) {
        return Err(cli::Usage(
            "--available-at lies after \"now\": a log cannot be replayed before it is there".to_owned(),
        )
        .into());
    }
    if args.register && args.as_of.is_some() && !args.rehearsal {
        return Err(cli::Usage(
            "--register takes no run whose \"now\" is given, because its clocks are not true: leave --as-of out, or add \
             --rehearsal"
                .to_owned(),
        )
        .into());
    }
    let bar = progress_bar();
    let summary = replay(&config, &job, &|what, read, all| {
        bar.set_message(what);
        bar.set_length(all.max(1));
        bar.set_position(read);
    });
    bar.finish_and_clear();
    tell(&summary?, &job, io::stderr().lock())?;
    if args.register { register(args, &config, &zone) } else { Ok(()) }
}

/// Hands the result over to the register of the configuration's store.
fn register(args: &ReplayArgs, config: &Config, zone: &Zone) -> Result<()> {
    let (_, secrets) = cases::settings(args.config.as_deref())?;
    let mut office = Office::open(config, &secrets, true)?;
    let crosswalk = identity::load(config.identity.crosswalk.as_deref())?;
    let handoffs = [args.out.join("handoffs.ndjson")];
    let opened = office.open_files(&Opening {
        handoffs: &handoffs,
        context: Some(&args.context),
        evidence: &args.logs,
        reading: Reading { maps: map::load_all(&args.maps)?, crosswalk: crosswalk.as_ref(), zone },
        bringing: Bringing { by: REGISTER, at: clock::now(), is_rehearsal: args.rehearsal },
    })?;
    cases::open::tell(&opened, io::stderr().lock())
}

pub(super) fn instant(flag: &str, text: &str, zone: &Zone) -> Result<Timestamp> {
    match read_instant(text.trim()) {
        Some(Written::Absolute(at)) => Ok(at),
        Some(Written::Local(micros)) => {
            let local = jiff::Timestamp::from_microsecond(micros)?.to_zoned(jiff::tz::TimeZone::UTC).datetime();
            Ok(zone.resolve(local).0)
        }
        None => {
            Err(cli::Usage(format!("{flag}: \"{text}\" is not an instant: expected one such as 2026-06-12T00:00:00Z"))
                .into())
        }
    }
}

/// A bar on a terminal, nothing elsewhere.
pub(super) fn progress_bar() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg:24} {wide_bar} {percent:>3} %  {binary_bytes_per_sec}, {eta} left");
    ProgressBar::new(1).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// The outcome in a few lines.
fn tell(summary: &Summary, job: &Replay, mut out: impl Write) -> Result<()> {
    let paint = Paint::stderr();
    let share = if summary.accesses == 0 { 0.0 } else { 100.0 * summary.explained as f64 / summary.accesses as f64 };
    writeln!(out, "{:>12} accesses, {share:.2} % of them explained", summary.accesses)?;
    writeln!(
        out,
        "{:>12} incidents ({} withdrawn)",
        summary.incidents.total,
        summary.incidents.by_status.get("withdrawn").unwrap_or(&0)
    )?;
    if summary.rejects.total > 0 {
        writeln!(
            out,
            "{:>12} rejected, with reasons in {}",
            summary.rejects.total,
            job.out.join("quarantine.ndjson").display()
        )?;
    }
    writeln!(out, "{:>12} events a second", summary.measured.events_per_second.round())?;
    writeln!(out, "{} {}", paint.bold("read first:"), job.out.join("report.html").display())?;
    Ok(())
}
