//! `quarantine drop`: somebody decided that a record is not needed.

use std::io::{self, Write};

use anyhow::{Result, bail};
use clap::Args;

use super::{Desk, said};
use crate::cli::style::Paint;
use crate::pipeline::clock;
use crate::store::RecordId;

/// Mark records as not needed; they are kept, and give way when the quarantine is full
#[derive(Args, Debug)]
#[command(after_help = "\
Example: chartsentry quarantine drop ehr.audit/0/4711 --by \"Ada Berg\" --reason \"A test of the interface team\"

For many at once: chartsentry quarantine list --json --state waiting --limit 100000 | jq -r '.id // empty'")]
pub(super) struct DropArgs {
    /// The records, as "quarantine list" names them
    #[arg(required = true, value_name = "ID")]
    ids: Vec<RecordId>,
    /// Name or user id of the person who decides this; kept with the records
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

pub(super) fn run(desk: &mut Desk, args: &DropArgs) -> Result<()> {
    let (by, why) = (said("--by", &args.by)?, said("--reason", &args.reason)?);
    for id in &args.ids {
        if desk.ward.desk.find(id)?.is_none() {
            bail!("the quarantine holds no {id}: nothing was dropped");
        }
    }
    desk.ward.desk.dropped(&args.ids, by, why, clock::now())?;
    writeln!(io::stderr(), "{} {} records dropped", Paint::stderr().good("done:"), args.ids.len())?;
    Ok(())
}
