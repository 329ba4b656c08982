//! `chartsentry generate`: a synthetic hospital with labelled snooping.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Result, anyhow, bail};
use clap::Args;
use jiff::civil::Date;

use crate::lab::generate::{DEFAULT_FORMATS, Options, generate};
use crate::model::time::Zone;

const DEFAULT_START: &str = "2026-06-01";
const DEFAULT_TIMEZONE: &str = "America/Los_Angeles";

const EXAMPLE: &str = "\
Example: two weeks of a hospital of 5,000 patients, with messier records
  chartsentry generate --out hospital --patients 5000 --staff 400 --days 14 --seed 7 --hard

Everybody in it is invented. The same flags give the same bytes.";

/// Write a synthetic hospital: access log, context and the list of looks that had no reason
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLE)]
pub struct GenerateArgs {
    /// Directory for the files (created; files of the same name are replaced)
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Number of patient records
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    pub patients: u32,
    /// Number of people who work there
    #[arg(long, value_name = "N", default_value_t = 150)]
    pub staff: u32,
    /// Number of local days that the log covers
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub days: u32,
    /// Same seed and flags, same bytes
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Messier names, later documentation, unrostered floats, copies, disorder, less snooping
    #[arg(long)]
    pub hard: bool,
    /// First day of the log
    #[arg(long, value_name = "DATE", default_value = DEFAULT_START)]
    pub start: String,
    /// The hospital's time zone
    #[arg(long, value_name = "TZ", default_value = DEFAULT_TIMEZONE)]
    pub timezone: String,
    /// Formats of the access log: csv, ndjson, parquet, fhir; csv, ndjson and fhir also with .gz or .zst
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = DEFAULT_FORMATS)]
    pub formats: Vec<String>,
    /// Exactly so many snooping episodes of each kind
    #[arg(long, value_name = "N", conflicts_with = "snooping_rate")]
    pub snoops: Option<u32>,
    /// Snooping episodes for a thousand days of one employee, at least one of each kind [default: 1.0, with --hard 0.4]
    #[arg(long, value_name = "RATE")]
    pub snooping_rate: Option<f64>,
}

impl GenerateArgs {
    /// Checks what clap cannot.
    ///
    /// # Errors
    /// When the date, the time zone or the rate makes no sense.
    pub fn options(&self) -> Result<Options> {
        let start: Date = self.start.parse().map_err(|_| {
            anyhow!("--start \"{}\" is not a date: expected YYYY-MM-DD such as {DEFAULT_START}", self.start)
        })?;
        if self.snooping_rate.is_some_and(|rate| !(0.0..=1_000.0).contains(&rate)) {
            bail!("--snooping-rate must be between 0 and 1000");
        }
        Ok(Options {
            out: self.out.clone(),
            patients: self.patients,
            staff: self.staff,
            days: self.days,
            seed: self.seed,
            hard: self.hard,
            start,
            zone: Zone::named(&self.timezone).map_err(anyhow::Error::msg)?,
            formats: self.formats.clone(),
            snoops: self.snoops,
            snooping_rate: self.snooping_rate,
            command: self.command(),
        })
    }

    /// The command line without `--out`'s value, which does not change a byte.
    fn command(&self) -> String {
        let mut command = format!(
            "chartsentry generate --out DIR --patients {} --staff {} --days {} --seed {}",
            self.patients, self.staff, self.days, self.seed
        );
        if self.hard {
            command.push_str(" --hard");
        }
        if self.start != DEFAULT_START {
            let _ = write!(command, " --start {}", self.start);
        }
        if self.timezone != DEFAULT_TIMEZONE {
            let _ = write!(command, " --timezone {}", self.timezone);
        }
        let formats = self.formats.join(",");
        if formats != DEFAULT_FORMATS {
            let _ = write!(command, " --formats {formats}");
        }
        if let Some(snoops) = self.snoops {
            let _ = write!(command, " --snoops {snoops}");
        }
        if let Some(rate) = self.snooping_rate {
            let _ = write!(command, " --snooping-rate {rate}");
        }
        command
    }
}

/// Generates, and says on stderr what was made.
///
/// # Errors
/// When a flag makes no sense or a file cannot be written.
pub fn run(args: &GenerateArgs) -> Result<()> {
    let summary = generate(&args.options()?)?;
    eprintln!(
        "wrote {} events, {} relationships, {} shift rows and {} labelled pairs to {}",
        summary.events.events,
        summary.relationships,
        summary.shifts,
        summary.labels.len(),
        args.out.display()
    );
    Ok(())
}
