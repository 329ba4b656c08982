//! `chartsentry cases`: the register of cases, for the people who decide.

mod change;
mod export;
mod list;
pub(super) mod open;
mod packet;
mod remind;
pub(super) mod render;
mod show;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::breach::case::Case;
use crate::cli::deadlines::Spoken;
use crate::config::{Config, Secrets};
use crate::decode::crosswalk::Crosswalk;
use crate::model::time::{Timestamp, Zone};
use crate::pipeline::register::Office;
use crate::pipeline::{clock, identity, keeper};

const EXAMPLE: &str = "\
Example: a case for each incident that a replay handed over, then what needs attention, then one of them
  chartsentry cases open --context sample-logs/context --rehearsal result/handoffs.ndjson
  chartsentry cases list
  chartsentry cases show c4qk --by \"Ada Berg\"

The register stands in the store of --config (without it: state/chartsentry.db) and may be used beside
a running daemon. \"chartsentry verify\" checks its ledger. Whoever changes a case gives a name or user id
with --by, which goes to the ledger. What this program counts and proposes is no legal advice.";

/// The register of cases: open, read, decide, report
#[derive(Args, Debug)]
#[command(after_help = EXAMPLE, arg_required_else_help = true, disable_help_subcommand = true)]
pub struct CasesArgs {
    /// Configuration with the store and the facility; without it the shipped settings hold
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Open(open::OpenArgs),
    List(list::ListArgs),
    Show(show::ShowArgs),
    Assign(change::AssignArgs),
    Note(change::NoteArgs),
    Set(change::SetArgs),
    Decide(change::DecideArgs),
    Report(change::ReportArgs),
    Packet(packet::PacketArgs),
    Export(export::ExportArgs),
    Remind(remind::RemindArgs),
}

/// Who does something, as it is typed.
#[derive(Args, Clone, Debug)]
struct ByArgs {
    /// Name or user id of the person who does this; goes to the ledger
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Who that is, for somebody whom the workforce data does not know, such as "outside counsel"
    #[arg(long, value_name = "WHO")]
    outsider: Option<String>,
}

/// What every subcommand needs.
struct Desk {
    /// `--config` as it was typed, for commands that are suggested.
    config: Option<PathBuf>,
    /// The facility's name, where one is configured.
    facility: Option<String>,
    /// The crosswalk's file, where one is configured.
    crosswalk: Option<PathBuf>,
    office: Office,
    zone: Zone,
}

impl Desk {
    fn open(path: Option<&Path>, creates: bool) -> Result<Self> {
        let (config, secrets) = settings(path)?;
        let office = Office::open(&config, &secrets, creates)?;
        let zone = config.facility.zone().map_err(anyhow::Error::msg)?;
        let (facility, crosswalk) = (config.facility.name, config.identity.crosswalk);
        Ok(Self { config: path.map(Path::to_owned), facility, crosswalk, office, zone })
    }

    /// Reads the crosswalk that the command line names, else the configured one.
    fn crosswalk(&self, file: Option<&Path>) -> Result<Option<Arc<Crosswalk>>> {
        Ok(identity::load(file.or(self.crosswalk.as_deref()))?)
    }

    /// The instant for which something is shown.
    fn moment(&self, as_of: Option<Spoken>) -> Timestamp {
        as_of.map_or_else(clock::now, |spoken| spoken.at(&self.zone))
    }

    /// The cases as they were at an instant of the past, or as they are.
    fn cases(&self, as_of: Option<Spoken>) -> Result<Vec<Case>> {
        match as_of.map(|spoken| spoken.at(&self.zone)).filter(|at| *at < clock::now()) {
            Some(at) => self.office.cases_at(at),
            None => Ok(self.office.register.cases()?),
        }
    }
}

/// The configuration with its secrets.
pub(super) fn settings(path: Option<&Path>) -> Result<(Config, Secrets)> {
    let config = super::config(path)?;
    let name = path.map_or_else(String::new, |path| path.display().to_string());
    let secrets = config.resolve(&name, &keeper::system())?;
    Ok((config, secrets))
}

/// Runs the subcommand.
///
/// # Errors
/// What was refused and why, or what could not be read or written.
pub fn run(args: &CasesArgs) -> Result<()> {
    let creates = matches!(args.command, Command::Open(_));
    let mut desk = Desk::open(args.config.as_deref(), creates)?;
    match &args.command {
        Command::Open(args) => open::run(&mut desk, args),
        Command::List(args) => list::run(&desk, args),
        Command::Show(args) => show::run(&mut desk, args),
        Command::Assign(args) => change::assign(&mut desk, args),
        Command::Note(args) => change::note(&mut desk, args),
        Command::Set(args) => change::set(&mut desk, args),
        Command::Decide(args) => change::decide(&mut desk, args),
        Command::Report(args) => change::report(&mut desk, args),
        Command::Packet(args) => packet::run(&desk, args),
        Command::Export(args) => export::run(&desk, args),
        Command::Remind(args) => remind::run(&mut desk, args),
    }
}
