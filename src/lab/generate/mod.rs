//! A synthetic hospital: its people, its patients, a log of who opened whose chart, and the list of
//! those looks that had no reason.
//!
//! The same [`Options`] give the same bytes. Nothing here is taken from real people: names are drawn
//! by frequency from lists, phones lie in an area code that is not in use.

mod care;
mod dice;
mod emit;
mod event;
mod hospital;
mod name_lists;
mod names;
mod people;
mod plan;
mod readme;
mod roster;
mod sim;
mod snoop;
mod text;
mod units;
mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use jiff::civil::Date;

use crate::model::time::Zone;
use dice::Dice;
use hospital::Setting;
use people::{Census, Day};
use plan::{Amount, Plan};
use sim::{Sim, World};
use write::context::Facts;

pub use emit::EventCounts;
pub use snoop::Kind;
pub use write::DEFAULT_FORMATS;

/// What to generate.
#[derive(Clone, Debug)]
pub struct Options {
    /// Directory for the files; created with its parents, files already there are replaced.
    pub out: PathBuf,
    pub patients: u32,
    pub staff: u32,
    pub days: u32,
    pub seed: u64,
    /// Messier names and addresses, more late documentation, unrostered floats, copies, disorder.
    pub hard: bool,
    /// First local day of the log.
    pub start: Date,
    pub zone: Zone,
    /// Such as `csv`, `ndjson.zst`, `parquet`, `fhir.gz`.
    pub formats: Vec<String>,
    /// Snooping episodes of each kind; `None`: by rate.
    pub snoops: Option<u32>,
    /// Snooping episodes for a thousand days of one employee; used when `snoops` is `None`.
    pub snooping_rate: Option<f64>,
    /// The command line that says the same, for the README.
    pub command: String,
}

impl Options {
    /// Episodes for a thousand days of one employee, unless said otherwise.
    #[must_use]
    pub const fn usual_rate(hard: bool) -> f64 {
        if hard { 0.4 } else { 1.0 }
    }

    fn amount(&self) -> Amount {
        let rate = self.snooping_rate.unwrap_or(Self::usual_rate(self.hard));
        self.snoops.map_or(Amount::Rate(rate), Amount::Each)
    }
}

/// One labelled pair.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    pub user_id: String,
    pub patient_id: String,
    pub kind: Kind,
    /// When the first look without a reason began.
    pub first_at: String,
}

/// What was generated.
#[derive(Clone, Debug)]
pub struct Summary {
    pub departments: usize,
    pub events: EventCounts,
    pub relationships: u64,
    pub shifts: u64,
    pub labels: Vec<Label>,
}

impl Summary {
    /// Labelled pairs by kind.
    #[must_use]
    pub fn labels_by_kind(&self) -> BTreeMap<Kind, usize> {
        let mut counts = BTreeMap::new();
        for label in &self.labels {
            *counts.entry(label.kind).or_default() += 1;
        }
        counts
    }
}

/// Streams of one seed: a change in one part of the hospital leaves the others as they were.
mod stream {
    pub(super) const PEOPLE: u64 = 1;
    pub(super) const SPELLING: u64 = 2;
    pub(super) const PLAN: u64 = 3;
    pub(super) const DAYS: u64 = 4;
    pub(super) const FEED: u64 = 5;
}

/// Generates the hospital into `options.out`.
///
/// # Errors
/// When a number is out of range, a format is unknown or a file cannot be written.
pub fn generate(options: &Options) -> Result<Summary> {
    ensure!((1..=5_000_000).contains(&options.patients), "--patients must be between 1 and 5000000");
    ensure!((1..=50_000).contains(&options.staff), "--staff must be between 1 and 50000");
    ensure!((1..=1_000).contains(&options.days), "--days must be between 1 and 1000");
    ensure!(!options.formats.is_empty(), "--formats names no format");
    for format in &options.formats {
        write::file_name(format)?;
    }
    let context = options.out.join("context");
    std::fs::create_dir_all(&context).with_context(|| format!("cannot create {}", context.display()))?;

    let world = build_world(options);
    let plan = plan::plan(&world, options.amount(), &mut Dice::new(options.seed, stream::PLAN));
    let mut spelling = Dice::new(options.seed, stream::SPELLING);
    write::context::write_people(&context, &world.people, &world.departments, options.hard, &mut spelling)?;
    let summary = simulate(options, &context, &world, &plan)?;
    write_labels(&options.out, &summary.labels)?;
    readme::write(options, &summary)?;
    Ok(summary)
}

fn build_world(options: &Options) -> World {
    let departments = hospital::departments(options.staff);
    let first_day: Day = text::day_of(options.start);
    let census = Census {
        patients: options.patients,
        departments: &departments,
        first_day,
        days: options.days,
        hard: options.hard,
    };
    let people = people::populate(&census, &mut Dice::new(options.seed, stream::PEOPLE));
    let settings = [Setting::Emergency, Setting::Ward, Setting::Clinic, Setting::Service, Setting::Office];
    let units = settings.map(|setting| {
        let of_setting = departments.iter().enumerate().filter(|(_, department)| department.setting == setting);
        of_setting.map(|(index, _)| index as u16).collect()
    });
    World { zone: options.zone.clone(), first_day, days: options.days, departments, units, people, hard: options.hard }
}

fn simulate(options: &Options, context: &Path, world: &World, plan: &Plan) -> Result<Summary> {
    let facts = Facts::create(context, &world.departments)?;
    let feed = Dice::new(options.seed, stream::FEED);
    let out = emit::Emitter::open(&options.out, &options.formats, &world.departments, world.span(), world.hard, feed)?;
    let mut sim = Sim::new(world, plan, Dice::new(options.seed, stream::DAYS), facts, out);
    for day in -1..options.days as i32 {
        sim.day(day)?;
    }
    let labels = labels_of(&sim);
    let (relationships, shifts) = sim.facts.finish()?;
    let events = sim.out.finish()?;
    Ok(Summary { departments: world.departments.len(), events, relationships, shifts, labels })
}

fn labels_of(sim: &Sim<'_>) -> Vec<Label> {
    let mut labels = Vec::new();
    let mut instants = text::Instants::default();
    for open in &sim.open {
        let Some(acted_at) = open.acted_at else { continue };
        let episode = &sim.plan.episodes[open.episode];
        for &patient in &episode.patients {
            let (mut user_id, mut patient_id, mut first_at) = (String::new(), String::new(), String::new());
            text::push_user(&mut user_id, episode.user);
            text::push_patient(&mut patient_id, patient);
            instants.push(&mut first_at, acted_at);
            labels.push(Label { user_id, patient_id, kind: episode.kind, first_at });
        }
    }
    labels.sort_unstable();
    labels
}

fn write_labels(out: &Path, labels: &[Label]) -> Result<()> {
    let path = out.join("labels.csv");
    let mut table = csv::Writer::from_path(&path).with_context(|| format!("cannot create {}", path.display()))?;
    table.write_record(["user_id", "patient_id", "kind"])?;
    for label in labels {
        table.write_record([&label.user_id, &label.patient_id, label.kind.name()])?;
    }
    Ok(table.flush()?)
}
