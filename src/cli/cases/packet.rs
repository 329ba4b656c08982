//! `cases packet`: a case on paper.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::Desk;
use crate::cli::map;
use crate::cli::style::Paint;
use crate::pipeline::clock;
use crate::pipeline::register::evidence::{self, Reading};
use crate::pipeline::register::packet::Given;
use crate::pipeline::register::people;

/// Write one case as a folder: evidence, drafts of report and notices, ledger, index with hashes
#[derive(Args, Debug)]
#[command(after_help = "\
Example: chartsentry cases packet c4qk --context context --out packet-c4qk

The papers are HTML that prints well; a browser makes PDF of them. They hold names where --context gives
them: keep the folder as you keep charts.")]
pub(super) struct PacketArgs {
    /// The case: any unique beginning of its id
    #[arg(value_name = "CASE")]
    case: String,
    /// Folder for the packet; made with its parents, and files already there are replaced
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Context directory for the names and addresses of patients and staff
    #[arg(long, value_name = "DIR")]
    context: Option<PathBuf>,
    /// Access logs for rows that the register does not keep: files or globs
    #[arg(long, value_name = "LOG")]
    evidence: Vec<String>,
    /// Which ids of users and patients are one person's, instead of the file that [identity] names
    #[arg(long, value_name = "FILE")]
    crosswalk: Option<PathBuf>,
    /// A column map of your own for the logs; may be given several times
    #[arg(long = "map", value_name = "MAP")]
    maps: Vec<PathBuf>,
}

pub(super) fn run(desk: &Desk, args: &PacketArgs) -> Result<()> {
    let case = desk.office.case(&desk.office.find(&args.case)?)?;
    let crosswalk = desk.crosswalk(args.crosswalk.as_deref())?;
    let reading = Reading { maps: map::load_all(&args.maps)?, crosswalk: crosswalk.as_ref(), zone: &desk.zone };
    let people = args.context.as_deref().map(|dir| people::read(dir, reading.zone, reading.crosswalk)).transpose()?;
    let rows = match args.evidence.is_empty() {
        true => Vec::new(),
        false => evidence::collect(std::slice::from_ref(&case), &args.evidence, reading)?,
    };
    let given =
        Given { out: &args.out, now: clock::now(), facility: desk.facility.as_deref(), people: people.as_ref(), rows };
    let packet = desk.office.packet(&case, given)?;
    let paint = Paint::stderr();
    let mut out = io::stderr().lock();
    writeln!(out, "{:>8} files, {} rows of evidence", packet.files, packet.rows)?;
    writeln!(out, "{} {}", paint.bold("read first:"), packet.index.display())?;
    Ok(())
}
