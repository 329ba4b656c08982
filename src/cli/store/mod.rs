//! `chartsentry store`: the files of the daemon, for whoever looks after them.

mod backup;
mod info;
mod rekey;
mod restore;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::config::Config;
use crate::pipeline::daemon::store_options;
use crate::pipeline::keeper;
use crate::pipeline::register::{Office, Verified};
use crate::store::{Look, StoreOptions};

const EXAMPLE: &str = "\
Example: each night, beside the running daemon
  chartsentry store backup --config /etc/chartsentry/chartsentry.toml --out /backup/chartsentry-monday.db

A backup holds everything that was committed: incidents, cases with their ledger, alerts on their way, the engine's
state and the positions in the topics. It has the same key as the store: keep that key for as long as the backup. What
is in the spool (syslog messages that are not decided yet) is not in it.";

/// Look after the store: back it up, restore it, change its key, see what it holds
#[derive(Args, Debug)]
#[command(after_help = EXAMPLE, arg_required_else_help = true, disable_help_subcommand = true)]
pub struct StoreArgs {
    /// Configuration with the store; without it the shipped settings hold
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Backup(backup::BackupArgs),
    Restore(restore::RestoreArgs),
    Rekey(rekey::RekeyArgs),
    Info(info::InfoArgs),
}

/// What every subcommand needs.
struct Desk {
    /// `--config` as it was typed.
    file: Option<PathBuf>,
    config: Config,
    store: StoreOptions,
}

impl Desk {
    /// Of the secrets only the store's key is fetched: the others may be out of reach when a store is looked after.
    fn open(file: Option<&Path>) -> Result<Self> {
        let config = super::config(file)?;
        let mut bare = config.clone();
        bare.kafka.properties.clear();
        bare.sources.clear();
        bare.sinks.clear();
        (bare.http.token, bare.http.tls) = (None, None);
        let name = file.map_or_else(String::new, |file| file.display().to_string());
        let secrets = bare.resolve(&name, &keeper::system())?;
        Ok(Self { file: file.map(Path::to_owned), store: store_options(&bare, &secrets), config })
    }

    /// Reads all of a store and its ledger. What is wrong with the ledger is no damage of the file; `None` for a layout
    /// of an older version, whose ledger this version does not read.
    fn check(&self, look: Look) -> Result<Option<Verified>> {
        look.check()?;
        let Some(register) = look.register() else { return Ok(None) };
        Office::of(register, &self.config)?.verify(None).map(Some)
    }
}

/// Runs the subcommand.
///
/// # Errors
/// What was refused and why, or what could not be read or written.
pub fn run(args: &StoreArgs) -> Result<()> {
    let desk = Desk::open(args.config.as_deref())?;
    match &args.command {
        Command::Backup(args) => backup::run(&desk, args),
        Command::Restore(args) => restore::run(&desk, args),
        Command::Rekey(args) => rekey::run(&desk, args),
        Command::Info(args) => info::run(&desk, args),
    }
}

/// Bytes as people read them.
fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match UNITS.into_iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_have_one_digit_behind_the_point() {
        for (bytes, text) in [(0, "0 B"), (1_023, "1023 B"), (1_536, "1.5 KiB"), (3 << 30, "3.0 GiB")] {
            assert_eq!(size(bytes), text);
        }
    }
}
