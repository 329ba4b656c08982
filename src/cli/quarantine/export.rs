//! `quarantine export`: records as a file, for people who look at them elsewhere and replay them.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Serialize;

use super::{Desk, FilterArgs};
use crate::cli::style::Paint;
use crate::model::time::Timestamp;
use crate::replay::output::{NdjsonFile, ResultFile};
use crate::store::RecordId;

/// Write records into a file: with their reasons, or only as they came
#[derive(Args, Debug)]
#[command(after_help = "\
Example: the records of one reason as they came; repair that file, then replay it
  chartsentry quarantine export --reason invalid_json --records --out waiting.ndjson
  chartsentry replay --context context --out result waiting.ndjson

The file is for its owner only, and is not encrypted: it may hold patient data.")]
pub(super) struct ExportArgs {
    /// The records, as "quarantine list" names them; without any, all that the filter lets through
    #[arg(value_name = "ID", conflicts_with_all = ["reason", "topic", "since"])]
    ids: Vec<RecordId>,
    #[command(flatten)]
    filter: FilterArgs,
    /// Only the records, whole, one after another; what the store cut is fetched from its topic
    #[arg(long)]
    records: bool,
    /// Where to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// A line of quarantine.ndjson, as a replay writes it, with what the store knows besides.
#[derive(Serialize)]
struct Line<'a> {
    topic: &'a str,
    partition: i32,
    offset: i64,
    reason: &'a str,
    sentence: &'a str,
    record: String,
    kept_at: Option<Timestamp>,
    size: Option<u64>,
    whole: bool,
    state: &'static str,
}

pub(super) fn run(desk: &Desk, args: &ExportArgs) -> Result<()> {
    let name = args.out.file_name().and_then(|name| name.to_str());
    let name = name.with_context(|| format!("--out {} names no file", args.out.display()))?;
    let folder = args.out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let ids = desk.chosen(&args.ids, &args.filter, None)?;
    let written = if args.records { records(desk, &ids, folder, name)? } else { lines(desk, &ids, folder, name)? };
    if written < ids.len() {
        writeln!(
            io::stderr(),
            "{} {} of {} records are whole nowhere or gone, and not in the file",
            Paint::stderr().warning("warning:"),
            ids.len() - written,
            ids.len()
        )?;
    }
    writeln!(io::stderr(), "written: {written} records to {}", args.out.display())?;
    if written == 0 && !ids.is_empty() {
        bail!("no record was written");
    }
    Ok(())
}

fn lines(desk: &Desk, ids: &[RecordId], folder: &Path, name: &str) -> Result<usize> {
    let mut file = NdjsonFile::create(folder, name)?;
    let mut written = 0;
    for id in ids {
        let Some(one) = desk.ward.desk.find(id)? else { continue };
        let record = &one.record;
        file.push(&Line {
            topic: &record.topic,
            partition: record.partition,
            offset: record.offset,
            reason: &record.reason,
            sentence: &record.sentence,
            record: String::from_utf8_lossy(&record.record).into_owned(),
            kept_at: record.kept_at,
            size: record.size,
            whole: record.is_whole,
            state: one.standing.name(),
        })?;
        written += 1;
    }
    file.finish()?;
    Ok(written)
}

fn records(desk: &Desk, ids: &[RecordId], folder: &Path, name: &str) -> Result<usize> {
    let mut file = ResultFile::create(folder, name)?;
    let mut wholes = desk.ward.wholes();
    let mut written = 0;
    for id in ids {
        let Some(one) = desk.ward.desk.find(id)? else { continue };
        let Some(whole) = wholes.find(&one)? else { continue };
        let mut value = whole.value;
        if value.trim_ascii_start().starts_with(b"{") {
            // A JSON record is a line of its own; inside of its texts a line end cannot stand.
            value.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
        }
        file.write_all(&value).and_then(|()| file.write_all(b"\n")).context("cannot write the records")?;
        written += 1;
    }
    file.finish()?;
    Ok(written)
}
