//! `chartsentry verify`: is the ledger whole?

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;

use super::cases;
use super::style::Paint;
use crate::breach::ledger::Checkpoint;
use crate::pipeline::register::Office;

/// Check every entry of the ledger, and that the cases are what it makes them
#[derive(Args, Debug)]
#[command(after_help = "\
Example: with the checkpoint that was written down last month
  chartsentry verify --config /etc/chartsentry/chartsentry.toml --checkpoint 4711:9f2c...

Also compared: the cases, and the rows of evidence. Not covered: the copy of the workforce.
A changed, missing or inserted entry is found by itself. Entries taken off the end are found only with a
checkpoint, SEQUENCE:HASH as this command prints it: keep one where the ledger's owner cannot change it.")]
pub struct VerifyArgs {
    /// Configuration with the store; without it the shipped settings hold
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// An earlier newest entry, SEQUENCE:HASH, which must still stand in the ledger
    #[arg(long, value_name = "N:HASH", value_parser = parse_checkpoint)]
    pub checkpoint: Option<Checkpoint>,
}

fn parse_checkpoint(text: &str) -> Result<Checkpoint, String> {
    let complaint = || "expected SEQUENCE:HASH as \"chartsentry verify\" prints it".to_owned();
    let (sequence, hash) = text.trim().split_once(':').ok_or_else(complaint)?;
    let sequence = sequence.parse().map_err(|_| complaint())?;
    let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| Checkpoint { sequence, hash: hash.to_ascii_lowercase() }).ok_or_else(complaint)
}

/// Runs the command.
///
/// # Errors
/// When the ledger is not whole, with the first place that is wrong, or cannot be read.
pub fn run(args: &VerifyArgs) -> Result<()> {
    let (config, secrets) = cases::settings(args.config.as_deref())?;
    let office = Office::open(&config, &secrets, false)?;
    let found = office.verify(args.checkpoint.as_ref())?;
    if let Some(complaint) = found.complaint() {
        bail!(complaint);
    }
    let paint = Paint::stderr();
    match found.head {
        Some(head) => {
            writeln!(io::stderr(), "{} {} entries, {} cases", paint.good("whole:"), head.sequence, found.cases)?;
            writeln!(io::stdout().lock(), "{}:{}", head.sequence, head.hash)?;
        }
        None => bail!("the ledger is empty: if cases were ever opened here, they are gone; compare with a backup"),
    }
    Ok(())
}
