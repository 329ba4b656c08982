//! `store restore`: a backup takes the place of the store.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::Desk;
use super::info::positions;
use crate::cli::style::Paint;
use crate::pipeline::clock;
use crate::store::{Look, Position, Restore, spool_state};

/// Put a backup in the place of the store, while the daemon is stopped
#[derive(Args, Debug)]
#[command(after_help = "\
Example: chartsentry store restore --config /etc/chartsentry/chartsentry.toml --from /backup/monday.db

The backup is checked first and stays where it is; what it replaces is kept beside the store under another name. The
daemon then reads the topics on from where the backup stood: incidents and handoffs since then are made again under the
same ids, and alerts are sent again. What people did since then in \"chartsentry cases\" is only in the file that is
kept. Let nobody use \"chartsentry cases\" meanwhile.")]
pub(super) struct RestoreArgs {
    /// The backup, as "store backup" wrote it
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
}

pub(super) fn run(desk: &Desk, args: &RestoreArgs) -> Result<()> {
    let restore = Restore::begin(&desk.store, &args.from)?;
    let copy = restore.look()?;
    let (layout, stands) = (copy.layout(), copy.positions()?);
    let verified = desk.check(copy)?;
    let replaced = restore.replaced().and_then(Look::register);
    let lost = replaced.and_then(|register| register.head().ok().flatten()).map_or(0, |head| head.sequence);
    let stamp: String = clock::now().to_string().chars().filter(char::is_ascii_alphanumeric).collect();
    let kept = restore.finish(&stamp)?;

    let paint = Paint::stderr();
    let mut out = io::stderr().lock();
    writeln!(
        out,
        "{} {} is now what {} holds",
        paint.good("restored:"),
        desk.store.path.display(),
        args.from.display()
    )?;
    if let Some(kept) = &kept {
        writeln!(out, "what stood there is kept: {}", kept.display())?;
    }
    if layout < Look::NEWEST {
        writeln!(out, "it has layout {layout}; the daemon brings it to {} when it starts", Look::NEWEST)?;
    }
    if let Some(complaint) = verified.as_ref().and_then(|verified| verified.complaint()) {
        writeln!(out, "{} {complaint}", paint.warning("warning:"))?;
    }
    let entries = verified.and_then(|verified| verified.head).map_or(0, |head| head.sequence);
    if lost > entries {
        let warning = paint.warning("warning:");
        writeln!(out, "{warning} {} newer entries of the ledger are only in the file that is kept", lost - entries)?;
    }
    spool(desk, &stands, &mut out)?;
    writeln!(out, "the daemon reads on from here; Kafka must still hold these offsets, or it says what is missing:")?;
    writeln!(io::stdout().lock(), "{}", positions(&stands))?;
    Ok(())
}

/// The spool stays as it is: what waits in it is decided after what the backup holds.
fn spool(desk: &Desk, stands: &[Position], out: &mut impl Write) -> Result<()> {
    let expected = stands.iter().find(|position| position.topic == SPOOL).map_or(0, |position| position.next_offset);
    let paint = Paint::stderr();
    match spool_state(&desk.store) {
        Ok(None) if expected == 0 => {}
        Ok(None) => writeln!(
            out,
            "{} there is no spool beside it: syslog messages that were not decided by then are lost",
            paint.warning("warning:")
        )?,
        Ok(Some(spool)) if spool.released > expected => writeln!(
            out,
            "{} the spool is newer: the syslog messages from {expected} to {} have left it; replay that time from the \
             senders' own logs",
            paint.warning("warning:"),
            spool.released - 1
        )?,
        Ok(Some(spool)) => writeln!(out, "the spool stays: {} messages wait in it", spool.backlog.messages)?,
        Err(error) => writeln!(out, "{} the spool: {error}", paint.warning("warning:"))?,
    }
    Ok(())
}

/// The spool's name among topics.
const SPOOL: &str = "(syslog)";
