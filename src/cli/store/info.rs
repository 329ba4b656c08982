//! `store info`: what the store holds.

use std::io::{self, Write};

use anyhow::{Result, bail};
use clap::Args;
use comfy_table::{Table, presets};
use serde::Serialize;

use super::{Desk, size};
use crate::cli::style::Paint;
use crate::model::time::Timestamp;
use crate::store::{Look, OutboxDepth, Position, spool_state};

/// Show layout, size, rows, positions and what waits; beside the daemon or without it
#[derive(Args, Debug)]
#[command(after_help = "Example: chartsentry store info --config /etc/chartsentry/chartsentry.toml --verify")]
pub(super) struct InfoArgs {
    /// One JSON object
    #[arg(long)]
    json: bool,
    /// Also read every page and the whole ledger; takes as long as reading the file
    #[arg(long)]
    verify: bool,
}

/// A store in numbers, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Info {
    path: String,
    layout: usize,
    newest_layout: usize,
    encrypted: bool,
    file_bytes: u64,
    log_bytes: u64,
    /// By table.
    rows: Vec<Rows>,
    positions: Vec<Place>,
    /// Null for an older layout.
    outbox: Option<Vec<Waiting>>,
    /// Null where there is none.
    spool: Option<Spooled>,
}

#[derive(Debug, Serialize)]
struct Rows {
    table: String,
    rows: u64,
}

#[derive(Debug, Serialize)]
struct Place {
    topic: String,
    partition: i32,
    next_offset: i64,
    /// Event time that the partition has reached; null before its first event.
    reached: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
struct Waiting {
    sink: String,
    pending: u32,
    dead: u32,
    oldest: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
struct Spooled {
    messages: u64,
    bytes: u64,
    next_to_decide: i64,
}

pub(super) fn run(desk: &Desk, args: &InfoArgs) -> Result<()> {
    let look = Look::open(&desk.store)?;
    let info = collect(desk, &look)?;
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{}", serde_json::to_string(&info)?)?;
    } else {
        show(&info, &look, &mut out)?;
    }
    if !args.verify {
        return Ok(());
    }
    match desk.check(look)?.map(|verified| verified.complaint()) {
        Some(Some(complaint)) => bail!(complaint),
        Some(None) => writeln!(io::stderr(), "{} every page and the ledger", Paint::stderr().good("whole:"))?,
        None => writeln!(io::stderr(), "{} every page; the layout is older", Paint::stderr().good("whole:"))?,
    }
    Ok(())
}

fn collect(desk: &Desk, look: &Look) -> Result<Info> {
    let bytes = look.size();
    let spool = spool_state(&desk.store)?.map(|spool| Spooled {
        messages: spool.backlog.messages,
        bytes: spool.backlog.bytes,
        next_to_decide: spool.released,
    });
    let rows = look.tables()?.into_iter().map(|(table, rows)| Rows { table, rows }).collect();
    Ok(Info {
        path: desk.store.path.display().to_string(),
        layout: look.layout(),
        newest_layout: Look::NEWEST,
        encrypted: look.is_encrypted(),
        file_bytes: bytes.file,
        log_bytes: bytes.log,
        rows,
        positions: look.positions()?.into_iter().map(place).collect(),
        outbox: look.outbox()?.map(|depths| depths.into_iter().map(waiting).collect()),
        spool,
    })
}

fn place(position: Position) -> Place {
    let reached = Some(Timestamp(position.watermark)).filter(|at| at.is_finite());
    Place { topic: position.topic, partition: position.partition, next_offset: position.next_offset, reached }
}

fn waiting(depth: OutboxDepth) -> Waiting {
    Waiting { sink: depth.sink, pending: depth.pending, dead: depth.dead, oldest: depth.oldest }
}

fn show(info: &Info, look: &Look, out: &mut impl Write) -> Result<()> {
    let encrypted = if info.encrypted { "encrypted" } else { "not encrypted by chartsentry" };
    writeln!(out, "{}, layout {} of {}, {encrypted}", info.path, info.layout, info.newest_layout)?;
    writeln!(out, "{}, and {} in its log", size(info.file_bytes), size(info.log_bytes))?;
    if let Some(Spooled { messages, bytes, .. }) = &info.spool {
        writeln!(out, "{messages} syslog messages ({}) wait in the spool", size(*bytes))?;
    }
    let rows = info.rows.iter().map(|Rows { table, rows }| [table.clone(), rows.to_string()]);
    writeln!(out, "\n{}", table(["table", "rows"], rows))?;
    writeln!(out, "\n{}", positions(&look.positions()?))?;
    let waiting = info.outbox.iter().flatten().map(|Waiting { sink, pending, dead, oldest }| {
        [sink.clone(), pending.to_string(), dead.to_string(), instant(*oldest)]
    });
    writeln!(out, "\n{}", table(["sink", "waiting", "refused", "oldest waiting"], waiting))?;
    Ok(())
}

fn instant(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), |at| at.to_string())
}

/// Where the topics are read on.
pub(super) fn positions(positions: &[Position]) -> Table {
    let rows = positions.iter().map(|position| {
        let reached = Some(Timestamp(position.watermark)).filter(|at| at.is_finite());
        [position.topic.clone(), position.partition.to_string(), position.next_offset.to_string(), instant(reached)]
    });
    table(["topic", "partition", "next offset", "event time reached"], rows)
}

fn table<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(header);
    table.add_rows(rows);
    table
}
