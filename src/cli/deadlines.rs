//! `chartsentry deadlines`: the clocks of one suspected breach.

use std::io::Write;

use clap::Args;
use clap::error::ErrorKind;
use jiff::civil::{Date, DateTime};

use crate::breach::clocks::{self, Deadlines, Known, LawEnforcementDelay, Regimes, StatementKind};
use crate::model::time::{LocalKind, Timestamp, Zone};

const EXAMPLE: &str = "\
Example: first known on a Saturday afternoon, seven patients
  chartsentry deadlines --known-at '2026-09-19 14:30' --timezone America/Los_Angeles --affected 7

Dates are local dates at the facility, each in time until 23:59:59 there; null where a regime or a
rule does not apply, with the reason in \"notes\". A count of dates, not legal advice.";

/// Print the clocks of a suspected breach as JSON: California (15 business days) and HIPAA (60 calendar days)
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLE)]
pub struct DeadlinesArgs {
    /// When it was first known: RFC 3339, also with a space for T and offsets such as +00 or +0000; without an offset, local time at the facility
    #[arg(long, value_name = "T", value_parser = parse_spoken)]
    pub known_at: Spoken,
    /// The facility's time zone, an IANA name such as America/Los_Angeles
    #[arg(long, value_name = "TZ", value_parser = Zone::named)]
    pub timezone: Zone,
    /// Persons affected; 0 when none is counted yet
    #[arg(long, value_name = "N")]
    pub affected: u64,
    /// Laws that apply: CA (licensed in California), HIPAA, or both
    #[arg(long, value_name = "LIST", default_value = "CA,HIPAA")]
    pub regimes: Regimes,
    /// Affected residents of the State that has most of them; without it there is no media deadline
    #[arg(long, value_name = "N")]
    pub residents: Option<u64>,
    /// How law enforcement asked for a delay: written or oral
    #[arg(long, value_name = "KIND", value_parser = parse_kind, requires_all = ["le_stated", "le_until"])]
    pub le_kind: Option<StatementKind>,
    /// Local date of law enforcement's request or statement, YYYY-MM-DD
    #[arg(long, value_name = "DATE", value_parser = parse_date, requires_all = ["le_kind", "le_until"])]
    pub le_stated: Option<Date>,
    /// Last day of the delay asked for, YYYY-MM-DD
    #[arg(long, value_name = "DATE", value_parser = parse_date, requires_all = ["le_kind", "le_stated"])]
    pub le_until: Option<Date>,
}

/// A moment as a person writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// With an offset.
    Instant(Timestamp),
    /// Without one: local time at the facility.
    Local(DateTime),
}

impl Spoken {
    /// The instant meant at a facility in `zone`.
    #[must_use]
    pub fn at(self, zone: &Zone) -> Timestamp {
        match self {
            Self::Instant(at) => at,
            Self::Local(local) => zone.resolve(local).0,
        }
    }
}

/// Reads a moment as a person writes it.
///
/// # Errors
/// What was expected.
pub fn parse_spoken(text: &str) -> Result<Spoken, String> {
    let text = text.trim();
    let complaint = || {
        "not a moment: expected RFC 3339, such as 2026-09-19T14:30:00-07:00, or local time at the facility, such as \
         \"2026-09-19 14:30\""
            .to_owned()
    };
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Ok(Spoken::Instant(instant.into()));
    }
    // An annotation such as [America/New_York] without an offset would be skipped over in silence.
    if text.contains('[') {
        return Err(complaint());
    }
    text.parse().map(Spoken::Local).map_err(|_| complaint())
}

/// Reads a date.
///
/// # Errors
/// What was expected.
pub fn parse_date(text: &str) -> Result<Date, String> {
    let date = if text.len() == "2026-03-10".len() { text.parse().ok() } else { None };
    date.ok_or_else(|| "not a date: expected YYYY-MM-DD, such as 2026-03-10".to_owned())
}

fn parse_kind(text: &str) -> Result<StatementKind, String> {
    match text.to_ascii_lowercase().as_str() {
        "written" => Ok(StatementKind::Written),
        "oral" => Ok(StatementKind::Oral),
        _ => Err("expected written or oral".to_owned()),
    }
}

impl DeadlinesArgs {
    /// Counts the deadlines that these arguments ask for.
    ///
    /// # Errors
    /// When a delay by law enforcement ends before it was asked for (wrong usage).
    pub fn answer(&self) -> Result<Deadlines, clap::Error> {
        let (known_at, kind) = match self.known_at {
            Spoken::Instant(at) => (at, LocalKind::Plain),
            Spoken::Local(local) => self.timezone.resolve(local),
        };
        let known = Known::from(known_at);
        let delay = self.delay()?;
        let mut deadlines =
            clocks::deadlines(known, &self.timezone, self.regimes, self.affected, self.residents, delay);
        match kind {
            LocalKind::Plain => {}
            LocalKind::Repeated => {
                deadlines.notes.push(format!("known-at: this local time occurs twice; the first was taken, {known_at}"))
            }
            LocalKind::Skipped => {
                deadlines.notes.push(format!("known-at: this local time does not exist; moved forward to {known_at}"))
            }
        }
        Ok(deadlines)
    }

    fn delay(&self) -> Result<Option<LawEnforcementDelay>, clap::Error> {
        let (Some(kind), Some(stated), Some(until)) = (self.le_kind, self.le_stated, self.le_until) else {
            return Ok(None);
        };
        if until < stated {
            return Err(clap::Error::raw(
                ErrorKind::ValueValidation,
                format!(
                    "--le-until {until} is before --le-stated {stated}: give the last day of the delay asked for\n"
                ),
            ));
        }
        Ok(Some(LawEnforcementDelay { kind, stated, until }))
    }
}

/// Prints the deadlines as JSON to standard output.
///
/// # Errors
/// A [`clap::Error`] for wrong usage; otherwise when standard output cannot be written.
pub fn run(args: &DeadlinesArgs) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(&args.answer()?)?;
    writeln!(std::io::stdout().lock(), "{text}")?;
    Ok(())
}
