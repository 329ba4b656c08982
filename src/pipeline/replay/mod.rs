//! Re-lives logs: the same engine as the daemon's, fed from files as fast as they can be read.
//!
//! A log is believed to be in the order of time, but for the allowed lateness, and streamed. One that
//! turns out not to be is sorted first, spilling to disk, and read again: sorted logs pay nothing.

mod feed;
mod results;
mod sorted;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use data_encoding::HEXLOWER;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::breach::handoff::{Facility, RunIdentity, RunKind};
use crate::config::{Config, policy_hash};
use crate::decode::crosswalk::Crosswalk;
use crate::decode::mapped::Map;
use crate::decode::{Counters, Decoder, Expect};
use crate::engine::{Arrival, Engine};
use crate::model::time::{Timestamp, Zone};
use crate::pipeline::conflicts::Conflict;
use crate::pipeline::{clock, context, identity};
use crate::replay::summary::{FeedGap, Summary};
use crate::source::file::{BlockReader, Sizes, paths};

use feed::{Feed, Part};
use results::{Given, Results, Stamps};

/// What to replay, and where to write.
#[derive(Clone, Debug)]
pub struct Replay {
    pub context: PathBuf,
    /// Files or globs.
    pub logs: Vec<String>,
    pub out: PathBuf,
    /// Fixes "now".
    pub as_of: Option<Timestamp>,
    /// When the facility could first have reviewed the log.
    pub available_at: Option<Timestamp>,
    pub verdicts: bool,
    /// Column maps of the site for delimited exports.
    pub maps: &'static [Map],
}

/// How far a replay is: what it does, bytes read, bytes in all.
pub type Step<'s> = &'s dyn Fn(&'static str, u64, u64);

/// The logs of a replay, the maps of the site that read those of other systems, and which ids mean one person.
#[derive(Clone, Copy)]
struct Logs<'l> {
    files: &'l [PathBuf],
    maps: &'static [Map],
    crosswalk: Option<&'l Arc<Crosswalk>>,
}

impl Logs<'_> {
    fn reader(self) -> BlockReader {
        BlockReader::new(self.files.to_vec(), Expect::Accesses, Sizes::default()).with_maps(self.maps)
    }

    fn decoder(self, zone: &Zone) -> Decoder {
        Decoder::new(zone.clone()).with_crosswalk(self.crosswalk.cloned())
    }
}

/// A log that is not in the order of time.
struct OutOfOrder;

/// Runs a replay and writes its results.
///
/// # Errors
/// A file that cannot be read or of which no record decodes, a crosswalk that contradicts itself, a policy that
/// cannot be built, results that cannot be written; the message says which.
pub fn replay(config: &Config, replay: &Replay, step: Step<'_>) -> Result<Summary> {
    let started = clock::now();
    let now = replay.as_of.unwrap_or(started);
    let zone = config.facility.zone().map_err(anyhow::Error::msg)?;
    let files = paths(&replay.logs, Expect::Accesses)?;
    let crosswalk = identity::load(config.identity.crosswalk.as_deref())?;
    let logs = Logs { files: &files, maps: replay.maps, crosswalk: crosswalk.as_ref() };
    match attempt(config, replay, logs, &zone, (started, now), false, step)? {
        Ok(summary) => Ok(summary),
        Err(OutOfOrder) => {
            tracing::info!("the log is not in the order of time: sorting it first");
            let sorted = attempt(config, replay, logs, &zone, (started, now), true, step)?;
            sorted.map_err(|OutOfOrder| anyhow!("the sorted log is not in order: this is a fault of chartsentry"))
        }
    }
}

fn attempt(
    config: &Config,
    replay: &Replay,
    logs: Logs<'_>,
    zone: &Zone,
    (started, now): (Timestamp, Timestamp),
    sort: bool,
    step: Step<'_>,
) -> Result<Result<Summary, OutOfOrder>> {
    let mut engine = engine(config, replay.verdicts)?;
    step("reading the context", 0, 0);
    let loaded = context::load(&replay.context, zone, logs.crosswalk, &mut engine)?;
    for table in &loaded.missing {
        tracing::warn!("{} has no table {table}: what rests on it is unknown", replay.context.display());
    }
    tell_conflicts(&loaded.conflicts);
    let mut results = Results::create(&replay.out, replay.verdicts, stamps(config, replay, logs.files, zone, now)?)?;
    loaded.rejects.iter().try_for_each(|reject| results.reject(reject))?;
    let read = if sort {
        live_sorted(logs, zone, now, replay, &mut engine, &mut results, step)?
    } else {
        match live_streamed(logs, zone, now, config, &mut engine, &mut results, step)? {
            Ok(read) => read,
            Err(OutOfOrder) => return Ok(Err(OutOfOrder)),
        }
    };
    refuse_unreadable(logs.files, &read.by_file)?;
    step("deciding what was pending", 0, 0);
    results.take(&engine.finish(now))?;
    let mut given = Given {
        counters: read.counters,
        conflicts: &loaded.conflicts,
        roles: &config.policy.roles,
        facility_name: config.facility.name.as_deref(),
    };
    given.counters.add(&loaded.counters);
    if logs.crosswalk.is_some() {
        tell_renamed(&given.counters);
    }
    tell_beyond_horizon(&engine, zone);
    let seconds = (clock::now() - started) as f64 / 1e6;
    let summary = results.finish(&engine, &given, seconds)?;
    tell_feed_trouble(&summary);
    Ok(Ok(summary))
}

/// What was read of the logs.
struct Read {
    counters: Counters,
    by_file: Vec<(u64, u64)>,
}

fn engine(config: &Config, verdicts: bool) -> Result<Engine> {
    let shards = rayon::current_num_threads();
    let mut engine = Engine::new(&config.policy, shards).map_err(|errors| anyhow!("{}", errors.join("; ")))?;
    engine.report_slots();
    if verdicts {
        engine.report_verdicts();
    }
    Ok(engine)
}

fn live_streamed(
    logs: Logs<'_>,
    zone: &Zone,
    now: Timestamp,
    config: &Config,
    engine: &mut Engine,
    results: &mut Results,
    step: Step<'_>,
) -> Result<Result<Read, OutOfOrder>> {
    let lateness = config.policy.engine.allowed_lateness.micros();
    let mut feed = Feed::start(logs, zone, now);
    let mut group = feed.next(engine)?;
    group.par_iter_mut().for_each(|part| part.decode(&engine.context().dictionary));
    while !group.is_empty() {
        for part in group {
            let decoded = feed.done(part);
            decoded.rejects.iter().try_for_each(|reject| results.reject(reject))?;
            if decoded.intake.bounds().is_some_and(|(oldest, _)| oldest <= engine.clock()) {
                return Ok(Err(OutOfOrder));
            }
            engine.push(decoded.intake);
        }
        group = feed.next(engine)?;
        let watermark = engine.newest().minus(lateness + 1);
        results.take(&engine.advance_beside(watermark, &mut group, Part::decode))?;
        step("replaying", feed.progress.consumed(), feed.progress.total());
    }
    Ok(Ok(Read { counters: feed.counters(), by_file: feed.by_file }))
}

fn live_sorted(
    logs: Logs<'_>,
    zone: &Zone,
    now: Timestamp,
    replay: &Replay,
    engine: &mut Engine,
    results: &mut Results,
    step: Step<'_>,
) -> Result<Read> {
    let sorted = sorted::sort(logs, zone, now, &replay.out, &|read, all| step("sorting", read, all))?;
    sorted.rejects.iter().try_for_each(|reject| results.reject(reject))?;
    for batch in sorted.batches {
        let batch = batch?;
        let mut intake = engine.intake();
        for row in 0..batch.rows() {
            intake.push(&engine.context().dictionary, &batch.event(row), Arrival::UNTOLD);
        }
        engine.push(intake);
        results.take(&engine.advance(engine.newest().minus(1)))?;
        step("replaying what was sorted", 0, 0);
    }
    Ok(Read { counters: sorted.counters, by_file: sorted.by_file })
}

fn refuse_unreadable(files: &[PathBuf], by_file: &[(u64, u64)]) -> Result<()> {
    for (file, (accesses, rejects)) in files.iter().zip(by_file) {
        if *accesses == 0 && *rejects > 0 {
            bail!(
                "{}: none of its {rejects} records decodes as an access; see their reasons with `chartsentry inspect`",
                file.display()
            );
        }
    }
    Ok(())
}

/// Names the places of a few contradictions, and counts them all.
fn tell_conflicts(conflicts: &[Conflict]) {
    for Conflict { table, line, earlier } in conflicts.iter().take(3) {
        tracing::warn!(
            "{table} line {line} says something else under the same id than line {earlier}: the later row counts"
        );
    }
    if conflicts.len() > 3 {
        tracing::warn!(
            rows = conflicts.len(),
            "rows of the context contradict earlier ones; the first three are named above"
        );
    }
}

/// Says what the crosswalk did. One that did nothing is probably another hospital's, or was written for other columns.
fn tell_renamed(counters: &Counters) {
    let (users, patients) = (counters.users_renamed, counters.patients_renamed);
    if users + patients == 0 {
        tracing::warn!(
            "no id of the logs and the context is an alias in the identity crosswalk: is it the right file?"
        );
    } else {
        tracing::info!(users, patients, "ids of the input took the form that the identity crosswalk says");
    }
}

/// Warns of what the feeds lack, in counts: the ids stand in summary.json.
fn tell_feed_trouble(summary: &Summary) {
    let people = summary.unknown_actor.count;
    if people > 0 {
        tracing::warn!(people, "no workforce record names them: their accesses are degraded (unknown_actor)");
    }
    let charts = summary.unknown_patient.count;
    if charts > 0 {
        tracing::warn!(charts, "no patient record names them: accesses to them are degraded (unknown_patient)");
    }
    for FeedGap { from, until } in &summary.audit_feed_gap {
        tracing::warn!(%from, %until, "no event at all, longer than ever in the week before (audit_feed_gap)");
    }
}

fn tell_beyond_horizon(engine: &Engine, zone: &Zone) {
    let beyond = engine.tally().beyond_horizon;
    if let Some(oldest) = beyond.oldest {
        tracing::info!(
            facts = beyond.facts,
            "records were entered after the accesses that they concern had settled; only incidents were decided again. \
             To decide every access with them, replay from {}",
            zone.date(oldest)
        );
    }
}

fn stamps(config: &Config, replay: &Replay, files: &[PathBuf], zone: &Zone, now: Timestamp) -> Result<Stamps> {
    let hash = policy_hash(&config.policy);
    let run = RunIdentity {
        run_id: run_id(replay, files, config.identity.crosswalk.as_deref(), &hash)?,
        policy_hash: hash,
        run_kind: RunKind::Replay,
        clock_fixed: replay.as_of.is_some(),
    };
    let facility = Facility {
        zone: zone.clone(),
        california: config.facility.licensed_in_california,
        log_review_interval_days: config.facility.log_review_interval_days,
    };
    Ok(Stamps { now, available_at: replay.available_at, run, facility })
}

/// A hash of the names and sizes of the input, the policy and as-of.
fn run_id(replay: &Replay, files: &[PathBuf], crosswalk: Option<&Path>, policy_hash: &str) -> Result<String> {
    let mut hasher = Sha256::new();
    let mut context: Vec<PathBuf> = std::fs::read_dir(&replay.context)
        .with_context(|| format!("cannot read {}", replay.context.display()))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .collect();
    context.sort();
    for path in context.iter().chain(files).map(PathBuf::as_path).chain(crosswalk) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let size = std::fs::metadata(path).map_or(0, |meta| meta.len());
        hasher.update(format!("{name}\0{size}\0"));
    }
    hasher.update(policy_hash);
    hasher.update(replay.as_of.map_or_else(String::new, |at| at.to_string()));
    Ok(HEXLOWER.encode(&hasher.finalize()[..16]))
}
