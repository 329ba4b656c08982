//! `chartsentry map`: which column map reads an export, or what one could look like.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Args;
use comfy_table::{Table, presets};

use super::style::Paint;
use crate::decode::mapped::{self, Bound, Encoding, FileForm, Map, Rows, text};
use crate::decode::time::LocalClock;
use crate::decode::{Fault, owned};
use crate::model::access::AccessEvent;
use crate::model::time::Zone;
use crate::source::file::head;

/// How much of a file is looked at.
const HEAD: usize = 64 << 20;
/// Rows by which columns are guessed, rows that are shown, and unmapped actions that are listed.
const GUESSED: usize = 1_000;
const SHOWN: usize = 10;
const LISTED: usize = 20;

/// Say which column map reads an export, or propose one: the map to standard output, the rest in words
#[derive(Args, Debug)]
#[command(after_help = "\
Example: propose a map for an unknown export, then read the export with it
  chartsentry map export.csv > site.toml
  chartsentry inspect --map site.toml export.csv")]
pub struct MapArgs {
    /// Try this map instead
    #[arg(long, value_name = "MAP")]
    map: Option<PathBuf>,
    /// A delimited export: CSV, TSV or the like, plain or packed
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// When a file cannot be read or is no delimited export, or the map has an error.
pub fn run(args: &MapArgs, zone: &Zone) -> Result<ExitCode> {
    let name = args.file.display();
    let (bytes, _) = head(&args.file, HEAD).with_context(|| format!("cannot read {name}"))?;
    let encoding = encoding_of(&bytes);
    let (text, _) = text::decoded(&bytes, encoding);
    let form = FileForm { encoding, ..FileForm::default() };
    let mut rows = Rows::new(&text, &form);
    let header: Vec<String> =
        rows.next().map(|(_, cells)| cells.into_iter().map(Into::into).collect()).unwrap_or_default();
    if header.len() < 2 {
        bail!("{name} has no row of several columns: expected a delimited export such as CSV, TSV or PSV");
    }
    let mut words = io::stderr().lock();
    let given = args.map.as_deref().map(load).transpose()?;
    let proposal;
    let map = match given.as_ref().or_else(|| mapped::recognise(&header)) {
        Some(map) => {
            writeln!(words, "{name} is read by the map {}: {}", map.name, map.title)?;
            map
        }
        None => {
            let sample: Vec<Vec<String>> =
                rows.take(GUESSED).map(|(_, cells)| cells.into_iter().map(Into::into).collect()).collect();
            let found = mapped::propose(&header, &sample);
            writeln!(words, "no map knows {name}; this one is a guess: check each line, and its actions above all")?;
            for (column, why) in &found.why {
                writeln!(words, "  {column:<28} {why}")?;
            }
            write!(io::stdout().lock(), "{}", found.toml)?;
            if !found.missing.is_empty() {
                writeln!(words, "missing: no column was found for {}", found.missing.join(", "))?;
                return Ok(ExitCode::FAILURE);
            }
            proposal = Map::parse("proposal", &found.toml).map_err(|errors| anyhow!("{}", errors.join("; ")))?;
            &proposal
        }
    };
    let bound = map.bind(&header).map_err(anyhow::Error::msg)?;
    Shown::read(bound, &text, map, zone).print(&mut words)?;
    Ok(ExitCode::SUCCESS)
}

/// Reads a map from a file.
///
/// # Errors
/// When it cannot be read, or has errors: all of them.
pub fn load(path: &Path) -> Result<Map> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the map {}", path.display()))?;
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    Map::parse(&name, &text).map_err(|errors| anyhow!("the map {}: {}", path.display(), errors.join("; ")))
}

/// Maps of a site, for as long as the program runs.
///
/// # Errors
/// As [`load`].
pub fn load_all(paths: &[PathBuf]) -> Result<&'static [Map]> {
    let maps: Vec<Map> = paths.iter().map(|path| load(path)).collect::<Result<_>>()?;
    Ok(maps.leak())
}

/// UTF-8 where it is, else what old exports use.
fn encoding_of(bytes: &[u8]) -> Encoding {
    let is_cut = |error: std::str::Utf8Error| error.error_len().is_none();
    let is_utf8 = std::str::from_utf8(bytes).is_ok() || std::str::from_utf8(bytes).is_err_and(is_cut);
    if is_utf8 { Encoding::Utf8 } else { Encoding::Windows1252 }
}

/// What a map makes of a file.
struct Shown {
    bound: Bound,
    accesses: Vec<AccessEvent<'static>>,
    read: u64,
    rows: u64,
    /// The first row that could not be read, and why.
    fault: Option<(u64, Fault)>,
}

impl Shown {
    fn read(bound: Bound, text: &str, map: &Map, zone: &Zone) -> Self {
        let mut shown = Self { bound, accesses: Vec::new(), read: 0, rows: 0, fault: None };
        let mut clock = LocalClock::new(zone.clone());
        for (line, cells) in Rows::new(text, &map.file).skip(usize::from(map.file.has_header)) {
            let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
            let accesses = &mut shown.accesses;
            let mut keep = |event: &AccessEvent<'_>| {
                if accesses.len() < SHOWN {
                    accesses.push(owned(event));
                }
            };
            shown.rows += 1;
            match shown.bound.read(&cells, &mut clock, &mut keep) {
                Ok(_) => shown.read += 1,
                Err(fault) => drop(shown.fault.get_or_insert((line, fault))),
            }
        }
        shown
    }

    fn print(&self, out: &mut dyn Write) -> Result<()> {
        let paint = Paint::stderr();
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["occurred_at", "user_id", "patient_id", "action", "resource", "department"]);
        for event in &self.accesses {
            let text = |cell: &Option<std::borrow::Cow<'_, str>>| cell.as_deref().unwrap_or("-").to_owned();
            table.add_row([
                event.occurred_at.to_string(),
                event.user_id.to_string(),
                text(&event.patient_id),
                event.action.name().to_owned(),
                text(&event.resource),
                text(&event.department),
            ]);
        }
        writeln!(out, "{}", paint.bold("The first rows as they are read"))?;
        writeln!(out, "{table}")?;
        writeln!(out, "{} of {} rows can be read", self.read, self.rows)?;
        if let Some((line, fault)) = &self.fault {
            writeln!(out, "first of the others, line {line}: {}", fault.sentence)?;
        }
        for (title, columns) in
            [("columns that the file lacks", &self.bound.missing), ("columns that nobody reads", &self.bound.unread)]
        {
            if !columns.is_empty() {
                writeln!(out, "{title}: {}", columns.join(", "))?;
            }
        }
        list_unmapped(&self.bound.unmapped(), out)?;
        Ok(())
    }
}

/// The actions that no pattern of a map knows, the most frequent first.
pub(super) fn list_unmapped(unmapped: &[(String, u64)], out: &mut dyn Write) -> io::Result<()> {
    if !unmapped.is_empty() {
        writeln!(out, "{}", Paint::stderr().bold("Actions that no pattern knows, read as \"other\""))?;
    }
    for (text, count) in unmapped.iter().take(LISTED) {
        writeln!(out, "{count:>10}  {text}")?;
    }
    if let Some(more) = unmapped.len().checked_sub(LISTED).filter(|more| *more > 0) {
        writeln!(out, "{:>10}  and {more} others", "")?;
    }
    Ok(())
}
