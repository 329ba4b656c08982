//! `chartsentry quarantine`: records that could not be used, for the people who clear them up.

mod drop;
mod export;
mod list;
mod refeed;
mod show;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};

use super::Usage;
use super::cases;
use super::deadlines::{Spoken, parse_spoken};
use crate::model::time::Zone;
use crate::pipeline::quarantine::Ward;
use crate::store::{RecordId, Standing, Wanted};

const EXAMPLE: &str = "\
Example: what waits and why; one of them; which of them this version can read; then feed those to the daemon again
  chartsentry quarantine list --config /etc/chartsentry/chartsentry.toml
  chartsentry quarantine show ehr.audit/0/4711
  chartsentry quarantine refeed --all --dry-run
  chartsentry quarantine refeed --all --by \"Ada Berg\"

The quarantine stands in the store of --config (without it: state/chartsentry.db) and may be worked on beside a
running daemon. Records are shown as they came: they may hold patient data.";

/// Records that could not be used: list, show, feed again, drop, export
#[derive(Args, Debug)]
#[command(after_help = EXAMPLE, arg_required_else_help = true, disable_help_subcommand = true)]
pub struct QuarantineArgs {
    /// Configuration with the store and the topics; without it the shipped settings hold
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::ListArgs),
    Show(show::ShowArgs),
    Refeed(refeed::RefeedArgs),
    Drop(drop::DropArgs),
    Export(export::ExportArgs),
}

/// Which records are meant.
#[derive(Args, Clone, Debug, Default)]
struct FilterArgs {
    /// Only those with this reason, such as invalid_json
    #[arg(long, value_name = "REASON")]
    reason: Option<String>,
    /// Only those of this topic
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// Only those set aside at or after this instant
    #[arg(long, value_name = "T", value_parser = parse_spoken)]
    since: Option<Spoken>,
}

impl FilterArgs {
    fn wanted(&self, zone: &Zone, standing: Option<Standing>) -> Wanted {
        Wanted {
            reason: self.reason.clone(),
            topic: self.topic.clone(),
            since: self.since.map(|since| since.at(zone)),
            standing,
        }
    }
}

/// What every subcommand needs.
struct Desk {
    ward: Ward,
    zone: Zone,
}

impl Desk {
    /// The records that are named; without names those that the filter lets through.
    fn chosen(&self, ids: &[RecordId], filter: &FilterArgs, standing: Option<Standing>) -> Result<Vec<RecordId>> {
        if ids.is_empty() {
            return Ok(self.ward.desk.ids(&filter.wanted(&self.zone, standing))?);
        }
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }
}

/// A text that a person must give, without the blanks around it.
fn said<'t>(flag: &str, text: &'t str) -> Result<&'t str> {
    match text.trim() {
        "" => Err(Usage(format!("{flag} is empty")).into()),
        text => Ok(text),
    }
}

/// Runs the subcommand.
///
/// # Errors
/// What was refused and why, or what could not be read or written.
pub fn run(args: &QuarantineArgs) -> Result<()> {
    let (config, secrets) = cases::settings(args.config.as_deref())?;
    let zone = config.facility.zone().map_err(anyhow::Error::msg)?;
    let mut desk = Desk { ward: Ward::open(config, secrets)?, zone };
    match &args.command {
        Command::List(args) => list::run(&desk, args),
        Command::Show(args) => show::run(&desk, args),
        Command::Refeed(args) => refeed::run(&mut desk, args),
        Command::Drop(args) => drop::run(&mut desk, args),
        Command::Export(args) => export::run(&desk, args),
    }
}
