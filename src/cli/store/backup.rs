//! `store backup`: a consistent copy, also of a store in use.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::{Desk, size};
use crate::cli::style::Paint;
use crate::store::Look;

/// Copy the store to a new file, also while the daemon runs
#[derive(Args, Debug)]
#[command(after_help = "\
Example: chartsentry store backup --config /etc/chartsentry/chartsentry.toml --out /backup/monday.db

The copy is of one moment, encrypted with the same key, readable by its owner only, and read from its first page and its
first ledger entry before it gets its name. Room is needed for the copy, and beside the store for what is committed
meanwhile.")]
pub(super) struct BackupArgs {
    /// The copy; nothing may stand there, and missing folders are made
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(super) fn run(desk: &Desk, args: &BackupArgs) -> Result<()> {
    let look = Look::open(&desk.store)?;
    let bar = bar();
    let draft = look.copy(&args.out, &mut |written, all| {
        bar.set_length(all);
        bar.set_position(written.min(all));
    });
    bar.finish_and_clear();
    let draft = draft?;
    let copy = draft.look()?;
    let written = copy.size().file;
    let verified = desk.check(copy)?;
    draft.keep()?;
    let paint = Paint::stderr();
    let mut out = io::stderr().lock();
    writeln!(out, "{} {}, {}, every page read", paint.good("copied:"), args.out.display(), size(written))?;
    match verified {
        None => writeln!(out, "its ledger was not read: the layout is of an older version")?,
        Some(verified) => match (verified.complaint(), verified.head) {
            (Some(complaint), _) => bail!("the copy holds what the store holds, but in both {complaint}"),
            (None, Some(head)) => {
                writeln!(out, "its ledger is whole: {} entries, {} cases", head.sequence, verified.cases)?;
            }
            (None, None) => writeln!(out, "its ledger is empty: no case was ever opened")?,
        },
    }
    if !desk.store.path.is_absolute() {
        writeln!(out, "of {}, counted from the current folder", desk.store.path.display())?;
    }
    Ok(())
}

/// Shows itself on a terminal only.
fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {bytes} of at most {total_bytes}");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
