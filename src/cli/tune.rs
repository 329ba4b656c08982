//! `chartsentry tune`: weights that decisions propose, and what they would change.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};
use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use serde_json::Value;

use super::replay::instant;
use super::trial::{Outcome, Trial};
use crate::cli;
use crate::config::Config;
use crate::engine::detectors::REGISTRY;
use crate::engine::registry::{ENABLED, SCALE, is_enabled};
use crate::engine::rules::Rules;
use crate::lab::backtest::{Comparison, compare};
use crate::lab::evaluate::{Found, Standing, standing};
use crate::lab::labels::{Labels, read_labels};
use crate::lab::tune::{Flagged, Lesson, Proposal, learn, samples};
use crate::lab::worth::{Worth, worth};
use crate::pipeline::clock;
use crate::replay::pairs;

const EXAMPLE: &str = "\
Example: what the decisions about a week say of the weights, and what each detector is worth
  chartsentry tune --leave-one-out --labels sample-logs/labels.csv \\
    --context sample-logs/context sample-logs/access.csv

Labels are a CSV file with the columns user_id, patient_id and kind. \"false positive\" and
\"benign explained\" are looks that had a reason, \"duplicate\" and \"undetermined\" teach
nothing, every other kind is a look without a reason. Where no line says of a look that it
had a reason, every look that is not listed had one.

The figures go to standard output as JSON, tables to standard error. Nothing is written but
what --out names, and that only where the proposal does better on users that it was not
fitted on.";

/// Propose weights from decisions, and show what they would change
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLE)]
pub struct TuneArgs {
    /// CSV file with the columns user_id, patient_id, kind
    #[arg(long, value_name = "FILE")]
    pub labels: PathBuf,
    /// Configuration with the policy of today; without it the shipped one
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Directory with workforce, patients, related_persons, relationships, shifts
    #[arg(long, value_name = "DIR")]
    pub context: PathBuf,
    /// Fix "now"
    #[arg(long, value_name = "T")]
    pub as_of: Option<String>,
    /// Where to write the proposed settings, to be copied into the configuration
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Replay the log once more without each detector, and show what is lost
    #[arg(long)]
    pub leave_one_out: bool,
    /// Minutes that it takes to read one incident
    #[arg(long, value_name = "N", default_value_t = 20.0)]
    pub minutes: f64,
    /// Access logs: files or globs in any accepted format
    #[arg(required = true, value_name = "LOG")]
    pub logs: Vec<String>,
}

/// What the command prints as JSON.
#[derive(Debug, Serialize)]
struct Told {
    lesson: Lesson,
    /// Labelled pairs found, true and false incidents: today, and as proposed.
    today: Counts,
    proposed: Option<Counts>,
    /// What the proposal changes; null where nothing is proposed.
    comparison: Option<Comparison>,
    /// What each detector is worth; empty unless asked for.
    leave_one_out: Vec<Worth>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Counts {
    labelled_pairs_found: usize,
    true_incidents: usize,
    false_incidents: usize,
}

impl From<&Standing> for Counts {
    fn from(standing: &Standing) -> Self {
        Self {
            labelled_pairs_found: standing.found.len(),
            true_incidents: standing.true_incidents,
            false_incidents: standing.false_incidents,
        }
    }
}

/// Prints what was learned as JSON on stdout and as tables on stderr.
///
/// # Errors
/// As `replay`; when the labels cannot be read or the proposal cannot be written.
pub fn run(args: &TuneArgs) -> Result<()> {
    let labels = read_labels(&args.labels)?;
    let config = cli::config(args.config.as_deref())?;
    let zone = config.facility.zone().map_err(anyhow::Error::msg)?;
    let as_of = args.as_of.as_deref().map(|text| instant("--as-of", text, &zone)).transpose()?;
    let now = as_of.unwrap_or_else(clock::now);
    let trial = Trial { context: args.context.clone(), logs: args.logs.clone(), now };
    let rules = Rules::new(&config.policy).map_err(|errors| anyhow!("{}", errors.join("; ")))?;
    let today = trial.run(&config, "today")?;
    let detections = pairs::read(&today.detections())?.into_iter();
    let unexplained = detections
        .filter(|(_, found)| found.is_in_incident || found.weights.contains_key("no_care_relationship"))
        .map(|(pair, found)| (pair, found.weights));
    let lesson = learn(&samples(unexplained, &today.incidents, &labels, &rules), &rules);
    let stands = |outcome: &Outcome| {
        let found: Vec<Found> = outcome.incidents.iter().map(Found::from).collect();
        standing(&labels.snooping, &found)
    };
    let whole = stands(&today);
    let mut told =
        Told { today: Counts::from(&whole), proposed: None, comparison: None, leave_one_out: Vec::new(), lesson };
    if told.lesson.changes().next().is_some() {
        let proposed = trial.run(&proposed(&config, &told.lesson), "proposed")?;
        told.proposed = Some(Counts::from(&stands(&proposed)));
        told.comparison = Some(compare(&today.incidents, &proposed.incidents, args.minutes));
    }
    eprintln!("{}", basis(&labels, &told.lesson));
    eprintln!("{}", weights(&told.lesson));
    if let (Some(counts), Some(comparison)) = (told.proposed, &told.comparison) {
        eprintln!("\n{}", change([told.today, counts], told.lesson.prior, comparison));
    }
    eprintln!("\n{}", advice(&told.lesson));
    if args.leave_one_out {
        told.leave_one_out = leave_one_out(&config, &trial, &whole, &stands)?;
        eprintln!("\n{}", worths(&told.leave_one_out));
    }
    writeln!(std::io::stdout().lock(), "{}", serde_json::to_string_pretty(&told)?)?;
    if let Some(out) = args.out.as_ref().filter(|_| told.lesson.helps()) {
        std::fs::write(out, settings(&told.lesson)).with_context(|| format!("cannot write {}", out.display()))?;
        eprintln!("\nwrote {}: copy what you agree with into the configuration", out.display());
    }
    Ok(())
}

fn set(config: &Config, detector: &str, key: &str, value: Value) -> Config {
    let mut changed = config.clone();
    if let Some(Value::Object(settings)) = changed.policy.detectors.get_mut(detector) {
        settings.insert(key.to_owned(), value);
    }
    changed
}

fn proposed(config: &Config, lesson: &Lesson) -> Config {
    let scaled =
        lesson.changes().fold(config.clone(), |config, one| set(&config, &one.detector, SCALE, one.proposed.into()));
    let mut policy = scaled.policy.clone();
    policy.engine.prior = lesson.prior[1];
    Config { policy, ..scaled }
}

fn leave_one_out(
    config: &Config,
    trial: &Trial,
    whole: &Standing,
    stands: &dyn Fn(&Outcome) -> Standing,
) -> Result<Vec<Worth>> {
    let settings = |id: &str| config.policy.detectors.get(id).is_some_and(is_enabled);
    let on = REGISTRY.iter().map(|entry| entry.meta.id).filter(|id| settings(id));
    let without = on.map(|detector| {
        let outcome = trial.run(&set(config, detector, ENABLED, false.into()), &format!("without {detector}"))?;
        Ok(worth(detector, whole, &stands(&outcome)))
    });
    without.collect()
}

fn basis(labels: &Labels, lesson: &Lesson) -> String {
    let reading = if labels.is_complete() {
        "no label says of a look that it had a reason, so every look that is not listed had one"
    } else {
        "only looks that a label names are learned from"
    };
    format!(
        "learned from {} pairs without a reason and {} with one; {reading}\n",
        lesson.learned_from.without_reason, lesson.learned_from.with_reason
    )
}

fn rows(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.add_row(header.iter().copied());
    rows.for_each(|row| {
        table.add_row(row);
    });
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn weights(lesson: &Lesson) -> Table {
    let fired = lesson.proposals.iter().filter(|one| one.fired != Flagged::default());
    let row = |one: &Proposal| {
        let proposed = if one.proposed == one.today { "as it is".to_owned() } else { format!("{:.2}", one.proposed) };
        let counts = [one.fired.without_reason.to_string(), one.fired.with_reason.to_string()];
        [vec![one.detector.clone()], counts.to_vec(), vec![format!("{:.2}", one.today), proposed]].concat()
    };
    rows(&["detector", "without a reason", "with one", "scale today", "proposed"], fired.map(row))
}

fn change([today, proposed]: [Counts; 2], prior: [f64; 2], comparison: &Comparison) -> Table {
    let count = |name: &str, one: usize, other: usize| vec![name.to_owned(), one.to_string(), other.to_string()];
    let hours = comparison.reviewer_hours.map(|hours| format!("{hours:.1} h"));
    let lines = [
        count("labelled pairs found", today.labelled_pairs_found, proposed.labelled_pairs_found),
        count("true incidents", today.true_incidents, proposed.true_incidents),
        count("false incidents", today.false_incidents, proposed.false_incidents),
        [vec!["reviewer hours".to_owned()], hours.to_vec()].concat(),
        vec!["engine.prior".to_owned(), format!("{:.2}", prior[0]), format!("{:.2}", prior[1])],
        vec!["incidents added".to_owned(), String::new(), comparison.added.len().to_string()],
        vec!["incidents lost".to_owned(), String::new(), comparison.lost.len().to_string()],
    ];
    rows(&["", "today", "proposed"], lines.into_iter())
}

fn advice(lesson: &Lesson) -> String {
    let verdict = if lesson.changes().next().is_none() {
        return "nothing is proposed: the known outcomes do not ask for other weights".to_owned();
    } else if lesson.helps() {
        "the proposal does better on users that it was not fitted on"
    } else {
        "keep the weights: the proposal does no better on users that it was not fitted on"
    };
    let of =
        |flagged: Flagged| format!("{} without a reason, {} with one", flagged.without_reason, flagged.with_reason);
    let [today, proposed] = lesson.held_out.map(of);
    format!("{verdict}\n  over the threshold today:         {today}\n  by what all other users teach:    {proposed}")
}

fn worths(worths: &[Worth]) -> Table {
    let row = |one: &Worth| {
        let verdict = if one.is_none() { "none: nothing changes without it" } else { "" };
        let counts = [one.pairs as i64, one.pairs_without as i64, one.true_incidents, one.false_incidents];
        let counts = counts.iter().map(|count| if *count == 0 { "-".to_owned() } else { format!("{count:+}") });
        [vec![one.detector.clone()], counts.collect(), vec![verdict.to_owned()]].concat()
    };
    let header = ["what it is worth", "pairs with it only", "without it only", "true incidents", "false incidents", ""];
    rows(&header, worths.iter().map(row))
}

/// The proposal as settings.
fn settings(lesson: &Lesson) -> String {
    let block = |one: &Proposal| {
        let fired = format!(
            "fired on {} looks without a reason and {} with one",
            one.fired.without_reason, one.fired.with_reason
        );
        format!("# was {:.2}; {fired}\n[detectors.{}]\nscale = {:.2}\n", one.today, one.detector, one.proposed)
    };
    let blocks: Vec<String> = lesson.changes().map(block).collect();
    let [today, prior] = lesson.prior;
    let engine =
        format!("# was {today}; so that as many pairs stay over the threshold\n[engine]\nprior = {prior:.2}\n");
    format!("# Proposed by `chartsentry tune`.\n\n{engine}\n{}", blocks.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_a_configuration_with_the_proposal() {
        let proposal = |detector: &str, proposed| Proposal {
            detector: detector.to_owned(),
            today: 1.0,
            proposed,
            fired: Flagged { without_reason: 3, with_reason: 9 },
        };
        let lesson = Lesson {
            learned_from: Flagged::default(),
            prior: [-7.0, -6.21],
            held_out: [Flagged::default(); 2],
            proposals: vec![proposal("household", 0.8), proposal("neighbor", 1.0), proposal("coworker", 1.25)],
        };
        let config = Config::parse("proposed.toml", &settings(&lesson)).unwrap();
        assert_eq!(config, proposed(&Config::shipped(), &lesson));
        assert_eq!(config.policy.engine.prior, -6.21);
        assert_eq!(config.policy.detectors["household"][SCALE], 0.8);
    }
}
