//! `report.html`: the run for the people who must decide.
//!
//! One file that needs nothing else: no script, no font, no picture from elsewhere. It reads on a
//! screen in light and dark, and on paper. It holds ids and never a name, and nothing that differs
//! between two runs over the same input.

mod chart;
mod coverage;
mod figures;
mod handoff;
mod incidents;
mod quality;
mod view;
mod words;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use jiff::civil::Date;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};

use super::output::write_text;
use super::summary::Summary;
use crate::model::incident::Incident;
use crate::model::time::{Timestamp, Zone};

pub use figures::{DetectionFigures, DetectorFigures};
pub use handoff::{HandoffView, latest_handoffs};

/// How many incidents the report tells in full.
pub const TOLD_IN_FULL: usize = 200;

const TEMPLATE: &str = include_str!("report.html");

/// What happened on one day of the facility's calendar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayCount {
    pub accesses: u64,
    pub unexplained: u64,
    pub suspicious: u64,
}

/// Everything that the report tells.
#[derive(Clone, Copy, Debug)]
pub struct ReportInput<'a> {
    /// `[facility] name`, where one is configured.
    pub facility: Option<&'a str>,
    pub zone: &'a Zone,
    /// The run's "now".
    pub as_of: Timestamp,
    pub run_id: &'a str,
    pub policy_hash: &'a str,
    pub summary: &'a Summary,
    /// In any order.
    pub incidents: &'a [Incident],
    /// The latest handoff of each incident by incident id; see [`latest_handoffs`].
    pub handoffs: &'a BTreeMap<String, HandoffView>,
    pub days: &'a BTreeMap<Date, DayCount>,
    pub figures: &'a DetectionFigures,
}

/// The report as HTML.
///
/// # Errors
/// When the template fails, which is a fault of this program.
pub fn render(input: &ReportInput<'_>) -> Result<String> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // The name's ending turns on the escaping of every value.
    environment.add_template("report.html", TEMPLATE).context("cannot read the template of the report")?;
    let template = environment.get_template("report.html").context("cannot read the template of the report")?;
    template.render(Serde(view::View::new(input))).context("cannot fill the template of the report")
}

/// Writes `report.html` into `directory`.
///
/// # Errors
/// When it cannot be rendered or written; the message names the file.
pub fn write_report(directory: &Path, input: &ReportInput<'_>) -> Result<()> {
    write_text(directory, "report.html", &render(input)?)
}
