//! `chartsentry inspect`: decode only.
//!
//! Canonical events and context records go to standard output as NDJSON, rejects with place and reason to standard
//! error. `--summary` prints one JSON object instead of the events, and `--explain` says of one line where its values
//! came from.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use super::map;
use super::trace::AtLine;
use crate::decode::crosswalk::Crosswalk;
use crate::decode::mapped::Map;
use crate::decode::provenance::Outcome;
use crate::decode::{Counters, DecodeSink, Decoder, Expect, Format, context};
use crate::model::access::AccessEvent;
use crate::model::context::ContextUpdate;
use crate::model::reject::{Place, Reject, RejectCode};
use crate::model::time::Zone;
use crate::pipeline::identity;
use crate::source::file::{Block, BlockReader, Piece, Sizes, paths};

const EXAMPLE: &str = "\
Examples: what a log holds and why some of its records cannot be read; where the values of one record came from
  chartsentry inspect --summary sample-logs/access.csv
  chartsentry inspect --explain 2 sample-logs/access.csv";

/// Decode files and print what they hold as canonical events; rejects go to standard error
#[derive(Args, Debug, Default)]
#[command(after_help = EXAMPLE)]
pub struct InspectArgs {
    /// Print one JSON object of counts instead of the events
    #[arg(long)]
    pub summary: bool,
    /// Show which field of the record at line N of each file every value came from, instead of the events
    #[arg(long, value_name = "N")]
    pub explain: Option<u64>,
    /// Which ids of users and patients are one person's; events are shown with the ids that it says
    #[arg(long, value_name = "FILE")]
    pub crosswalk: Option<PathBuf>,
    /// A column map of your own for delimited exports; may be given several times
    #[arg(long = "map", value_name = "MAP")]
    pub maps: Vec<PathBuf>,
    /// Access logs or context tables, or globs of them, in any accepted format
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<String>,
}

/// Reads a Parquet file through `decoder` into `sink`.
pub type ReadColumnar<'a> =
    &'a dyn Fn(&Path, &Arc<str>, Expect, &mut Decoder, &mut dyn DecodeSink) -> anyhow::Result<()>;

#[derive(Serialize)]
struct Summary<'a> {
    files: u64,
    records: u64,
    accesses: u64,
    context_updates: u64,
    rejects: u64,
    /// Records by format.
    formats: BTreeMap<Format, u64>,
    rejects_by_reason: &'a BTreeMap<RejectCode, u64>,
    unknown_fields: &'a BTreeMap<String, u64>,
    local_times_repeated: u64,
    local_times_skipped: u64,
    times_from_header: u64,
    /// Ids that the crosswalk replaced.
    users_renamed: u64,
    patients_renamed: u64,
}

/// Runs `inspect`: machine-readable output to `out`, words to `words`. The exit code is 1 when a
/// file cannot be read or none of its records decodes.
///
/// # Errors
/// When the output cannot be written, or a map or the crosswalk cannot be read.
pub fn run(
    args: &InspectArgs,
    zone: &Zone,
    columnar: ReadColumnar<'_>,
    out: &mut dyn Write,
    words: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let maps = map::load_all(&args.maps)?;
    let crosswalk = identity::load(args.crosswalk.as_deref())?;
    let mut run = Run { files: 0, maps, crosswalk, counters: Counters::default(), has_failed: false, words };
    for pattern in &args.files {
        match paths(&[pattern], Expect::Anything) {
            Ok(found) => {
                for path in found {
                    run.file(args, &path, zone, columnar, out)?;
                }
            }
            Err(error) => run.fail(&error.to_string())?,
        }
    }
    if args.summary {
        run.summary(out)?;
    }
    out.flush()?;
    Ok(if run.has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

struct Run<'w> {
    maps: &'static [Map],
    crosswalk: Option<Arc<Crosswalk>>,
    files: u64,
    counters: Counters,
    has_failed: bool,
    words: &'w mut dyn Write,
}

impl Run<'_> {
    fn fail(&mut self, sentence: &str) -> io::Result<()> {
        self.has_failed = true;
        writeln!(self.words, "{sentence}")
    }

    fn file(
        &mut self,
        args: &InspectArgs,
        path: &Path,
        zone: &Zone,
        columnar: ReadColumnar<'_>,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        self.files += 1;
        let mut decoder = Decoder::new(zone.clone()).with_crosswalk(self.crosswalk.clone());
        let at = args.explain.filter(|_| !args.summary).map(AtLine::new);
        let events: Option<&mut dyn Write> = if args.summary || at.is_some() { None } else { Some(&mut *out) };
        let mut sink = Printer { events, words: self.words, at, error: None };
        let mut failures = Vec::new();
        for piece in BlockReader::new(vec![path.to_owned()], Expect::Anything, Sizes::default()).with_maps(self.maps) {
            match piece {
                Ok(Piece::Block(block)) => {
                    decoder.chunk(&block.chunk(), &mut sink);
                    failures.extend(sink.look(&block, path));
                }
                Ok(Piece::Reject(reject, layout)) => decoder.source_reject(reject, layout.format, &mut sink),
                Ok(Piece::Columnar { path, file, .. }) => {
                    if let Some(at) = &mut sink.at {
                        at.is_columnar = true;
                    }
                    if let Err(error) = columnar(&path, &file, Expect::Anything, &mut decoder, &mut sink) {
                        failures.push(format!("{file}: {error:#}"));
                    }
                }
                Err(error) => failures.push(error.to_string()),
            }
        }
        let (error, at) = (sink.error, sink.at);
        if let Some(error) = error {
            return Err(error.into());
        }
        if let Some(at) = at.filter(|at| failures.is_empty() || !at.is_empty()) {
            let fresh = Decoder::new(zone.clone()).with_crosswalk(self.crosswalk.clone());
            self.explain(&at, path, &fresh, out)?;
        }
        map::list_unmapped(&decoder.unmapped(), self.words)?;
        let counters = decoder.counters();
        self.counters.add(&counters);
        if nothing_decodes(&counters) {
            failures.push(format!("{}: none of its {} records decodes", path.display(), counters.records));
        }
        failures.iter().try_for_each(|failure| self.fail(failure))?;
        Ok(())
    }

    fn explain(&mut self, at: &AtLine, path: &Path, fresh: &Decoder, out: &mut dyn Write) -> io::Result<()> {
        if at.is_empty() {
            return writeln!(self.words, "{}: {}", path.display(), at.absence());
        }
        at.print(path, fresh, out)
    }

    fn summary(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let counters = &self.counters;
        let summary = Summary {
            files: self.files,
            records: counters.records,
            accesses: counters.accesses,
            context_updates: counters.context_updates,
            rejects: counters.rejected(),
            formats: counters.formats(),
            rejects_by_reason: &counters.rejects,
            unknown_fields: &counters.unknown_fields,
            local_times_repeated: counters.local_repeated,
            local_times_skipped: counters.local_skipped,
            times_from_header: counters.times_from_header,
            users_renamed: counters.users_renamed,
            patients_renamed: counters.patients_renamed,
        };
        serde_json::to_writer(&mut *out, &summary)?;
        writeln!(out)?;
        Ok(())
    }
}

/// Whether a file had records and not one was usable. Records that hold nothing for chartsentry
/// are no failure.
fn nothing_decodes(counters: &Counters) -> bool {
    let not_applicable = counters.rejects.get(&RejectCode::NotApplicable).copied().unwrap_or(0);
    counters.accesses == 0 && counters.context_updates == 0 && counters.rejected() > not_applicable
}

/// Prints what the decoder finds, as it finds it.
struct Printer<'p> {
    /// Where events go; `None` for the summary and where a line is explained.
    events: Option<&'p mut dyn Write>,
    words: &'p mut dyn Write,
    /// The line to explain; nothing else is told then.
    at: Option<AtLine>,
    /// The first failure to write.
    error: Option<io::Error>,
}

impl Printer<'_> {
    fn keep(&mut self, result: io::Result<()>) {
        if let Err(error) = result {
            self.error.get_or_insert(error);
        }
    }

    /// Looks for the line in a block; a sentence where the file cannot be read again.
    fn look(&mut self, block: &Block, path: &Path) -> Option<String> {
        let error = self.at.as_mut()?.look(block, path).err()?;
        Some(format!("{}: {error}", block.file))
    }

    fn write(&mut self, event: &impl Serialize) {
        if let Some(out) = &mut self.events {
            let result = serde_json::to_writer(&mut **out, event).map_err(io::Error::from);
            let result = result.and_then(|()| out.write_all(b"\n"));
            self.keep(result);
        }
    }
}

/// A context fact as a message: its record, or what is withdrawn and when.
fn as_message(update: &ContextUpdate) -> serde_json::Value {
    match &update.record {
        Some(record) => context::message(record),
        None => {
            let at = Some(update.withdrawn_at).filter(|at| at.is_finite());
            serde_json::json!({ "withdrawn": update.key, "withdrawn_at": at })
        }
    }
}

impl DecodeSink for Printer<'_> {
    fn access(&mut self, event: &AccessEvent<'_>, line: u64) {
        if let Some(at) = &mut self.at {
            at.hear(line, || Outcome::access(event));
        }
        self.write(event);
    }

    fn context(&mut self, update: ContextUpdate, line: u64) {
        if let Some(at) = &mut self.at {
            at.hear(line, || Outcome::fact(&update));
        }
        if self.events.is_some() {
            self.write(&as_message(&update));
        }
    }

    fn reject(&mut self, reject: Reject) {
        let line = match reject.place {
            Place::File { line, .. } => line,
            Place::Kafka { .. } => 0,
        };
        let is_explained = self.at.as_mut().map(|at| at.hear(line, || Outcome::reject(&reject)));
        if is_explained == Some(false) {
            return;
        }
        let mut result = writeln!(self.words, "{}: {}: {}", reject.place, reject.reason, reject.sentence);
        if is_explained == Some(true) {
            result = result.and_then(|()| writeln!(self.words, "  as it came: {}", reject.record));
        }
        self.keep(result);
    }
}
