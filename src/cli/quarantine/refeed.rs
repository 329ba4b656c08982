//! `quarantine refeed`: records that can be read by now go back to the daemon.

use std::io::{self, Write};

use anyhow::{Result, bail};
use clap::{ArgGroup, Args};
use serde_json::json;

use super::{Desk, FilterArgs, said};
use crate::cli::style::Paint;
use crate::pipeline::clock;
use crate::pipeline::quarantine::{Fate, Order};
use crate::store::{RecordId, Standing};

/// Reasons that are shown; the rest is counted.
const SHOWN: usize = 20;

/// What says which records are meant.
const WHICH: [&str; 5] = ["ids", "reason", "topic", "since", "all"];

/// Publish records again that this version can read, to the topics from which they came
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("which").required(true).multiple(true).args(WHICH))]
#[command(after_help = "\
Example: what a new version makes of those that waited for it, then feed them again
  chartsentry quarantine refeed --reason invalid_value --dry-run
  chartsentry quarantine refeed --reason invalid_value --by \"Ada Berg\"

Run the version and the configuration of the daemon: a record that cannot be read with them stays. Each published
record carries the header chartsentry-refed-from. It comes late: the daemon decides it against the state as it
stands. Replay its day to decide it in order. Context topics are read from the beginning at each start, so their
records need no re-feeding.")]
pub(super) struct RefeedArgs {
    /// The records, as "quarantine list" names them
    #[arg(value_name = "ID", conflicts_with_all = ["reason", "topic", "since", "all"])]
    ids: Vec<RecordId>,
    #[command(flatten)]
    filter: FilterArgs,
    /// Everything that waits
    #[arg(long, conflicts_with_all = ["reason", "topic", "since"])]
    all: bool,
    /// Publish nothing: print what each record would become
    #[arg(long)]
    dry_run: bool,
    /// Also records that were fed again or dropped before
    #[arg(long)]
    again: bool,
    /// Publish to this one of kafka.access_topics; needed for what came over syslog
    #[arg(long, value_name = "TOPIC")]
    to: Option<String>,
    /// Name or user id of the person who does this; kept with the records
    #[arg(long, value_name = "NAME", required_unless_present = "dry_run")]
    by: Option<String>,
}

/// What became of how many.
#[derive(Default)]
struct Tally {
    readable: usize,
    fed: usize,
    stays: usize,
}

pub(super) fn run(desk: &mut Desk, args: &RefeedArgs) -> Result<()> {
    let by = args.by.as_deref().map(|by| said("--by", by)).transpose()?;
    let standing = if args.again { None } else { Some(Standing::Waiting) };
    let filter = if args.all { FilterArgs::default() } else { args.filter.clone() };
    let ids = desk.chosen(&args.ids, &filter, standing)?;
    let order = Order {
        ids: &ids,
        by: by.filter(|_| !args.dry_run),
        again: args.again,
        to: args.to.as_deref(),
        now: clock::now(),
    };
    let mut tally = Tally::default();
    let ended = desk.ward.refeed(&order, &mut |id, fate| tell(id, fate, &mut tally));
    summarise(&tally, args.dry_run)?;
    ended?;
    if !args.dry_run && tally.fed == 0 && tally.stays > 0 {
        bail!("no record was fed again");
    }
    Ok(())
}

fn tell(id: &RecordId, fate: Fate, tally: &mut Tally) -> Result<()> {
    let mut out = io::stdout().lock();
    match fate {
        Fate::Readable(trial) => {
            tally.readable += 1;
            let found = json!({ "id": id.to_string(), "accesses": trial.accesses, "context_updates": trial.facts });
            writeln!(out, "{found}")?;
        }
        Fate::Fed { to } => {
            tally.fed += 1;
            writeln!(out, "{}", json!({ "id": id.to_string(), "refed_to": to.to_string() }))?;
        }
        Fate::Stays(why) => {
            tally.stays += 1;
            if tally.stays <= SHOWN {
                writeln!(io::stderr(), "{} {id}: {why}", Paint::stderr().warning("stays:"))?;
            }
        }
    }
    Ok(())
}

fn summarise(tally: &Tally, is_dry_run: bool) -> Result<()> {
    let mut words = io::stderr().lock();
    if tally.stays > SHOWN {
        writeln!(words, "{} more stay", tally.stays - SHOWN)?;
    }
    if is_dry_run {
        writeln!(words, "{} could be read now, {} could not; nothing was published", tally.readable, tally.stays)?;
        return Ok(());
    }
    writeln!(words, "{} records fed again, {} stay", tally.fed, tally.stays)?;
    if tally.fed > 0 {
        writeln!(
            words,
            "they come late and are decided against the state as it stands: replay their days to decide them in order"
        )?;
    }
    Ok(())
}
