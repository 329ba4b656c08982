//! `chartsentry exposure`: what one reported event may cost in California.

use std::io::Write;

use clap::Args;

use crate::breach::exposure::{Exposure, Occurrences, exposure};

const EXAMPLE: &str = "\
Example: 204 patients once and one patient three times, reported ten days late
  chartsentry exposure --occurrences '1x204 3' --late-days 10

An estimate for planning, not legal advice; \"reading\" says which reading of the law it follows.";

/// Estimate the penalty exposure of one reported event in California, in US dollars, as JSON
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLE)]
pub struct ExposureArgs {
    /// Occurrences for each patient, separated by spaces; "1x204" is 204 patients once; '' is lateness only
    #[arg(long, value_name = "LIST")]
    pub occurrences: Occurrences,
    /// Calendar days from the day after the deadline to the day sent
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub late_days: u64,
}

impl ExposureArgs {
    /// The estimate that these arguments ask for.
    #[must_use]
    pub fn answer(&self) -> Exposure {
        exposure(&self.occurrences, self.late_days)
    }
}

/// Prints the estimate as JSON to standard output.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(args: &ExposureArgs) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(&args.answer())?;
    writeln!(std::io::stdout().lock(), "{text}")?;
    Ok(())
}
