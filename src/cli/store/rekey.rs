//! `store rekey`: another key for the store and its spool.

use std::io::{self, Write};

use anyhow::{Result, anyhow};
use clap::Args;

use super::Desk;
use crate::cli::Usage;
use crate::cli::style::Paint;
use crate::config::SecretRef;
use crate::pipeline::keeper;
use crate::store::{StoreKey, rekey};

/// Encrypt the store with another key, for the first time, or no longer, while the daemon is stopped
#[derive(Args, Debug)]
#[command(after_help = "\
Example: chartsentry store rekey --config /etc/chartsentry/chartsentry.toml --new-key file:/etc/chartsentry/new.key

The configuration names the old key while this runs, and the new one before the next start. Store and spool are
written anew beside the old files, which are removed when both are done; room is needed for the copies. If this is cut
off, every use of the store says so until the same command has finished it. Backups keep the key that they were made
with.")]
pub(super) struct RekeyArgs {
    /// Where the new key is kept: ${NAME}, file:/path or "command:/path/to/program argument"
    #[arg(long, value_name = "REFERENCE", required_unless_present = "no_key", conflicts_with = "no_key")]
    new_key: Option<String>,
    /// Leave the store without encryption
    #[arg(long)]
    no_key: bool,
}

pub(super) fn run(desk: &Desk, args: &RekeyArgs) -> Result<()> {
    let new = args.new_key.as_deref().map(key).transpose()?;
    let changed = rekey(&desk.store, new.as_ref())?;
    let paint = Paint::stderr();
    let mut out = io::stderr().lock();
    for path in &changed {
        writeln!(out, "{} {}", paint.good("written anew:"), path.display())?;
    }
    if changed.is_empty() {
        writeln!(out, "nothing to do: every file opens so already")?;
    }
    let file = desk.file.as_deref().map_or_else(|| "the configuration".to_owned(), |file| file.display().to_string());
    match &args.new_key {
        Some(_) => {
            writeln!(out, "before the next start, name in {file} as [store] key what --new-key named")?;
            writeln!(out, "blocks of the old files may stay on the disk until they are written over")?;
        }
        None => writeln!(out, "before the next start, take [store] key out of {file}, and encrypt the disk")?,
    }
    Ok(())
}

/// What is wrong with a reference is said without repeating it: it may be the secret itself.
fn key(text: &str) -> Result<StoreKey> {
    let reference: SecretRef =
        text.parse().map_err(|forms| Usage(format!("--new-key is no reference to a secret: expected {forms}")))?;
    let secret = reference.resolve(&keeper::system()).map_err(|found| anyhow!("--new-key: found {found}"))?;
    Ok(StoreKey::new(secret.expose()))
}
