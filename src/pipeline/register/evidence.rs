//! The rows behind the units: every access of a person to a chart in the time of a case, as the log has it.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Result;

use crate::breach::case::Case;
use crate::breach::case::event::{Evidence, EvidenceSource};
use crate::breach::ledger;
use crate::decode::crosswalk::Crosswalk;
use crate::decode::mapped::Map;
use crate::decode::{DecodeSink, Decoder, Expect};
use crate::model::access::AccessEvent;
use crate::model::context::ContextUpdate;
use crate::model::incident::Unit;
use crate::model::reject::Reject;
use crate::model::time::{Timestamp, Zone};
use crate::pipeline::columnar;
use crate::source::file::{BlockReader, Piece, Sizes, paths};
use crate::store::{EvidenceRow, Pen, StoreError};

/// First and last instants of the units of each person and chart.
type Wanted = HashMap<(String, String), Vec<(Timestamp, Timestamp)>>;

fn wanted(cases: &[Case]) -> Wanted {
    let mut wanted = Wanted::new();
    for unit in cases.iter().flat_map(|case| &case.units) {
        let key = (unit.key.user_id.clone(), unit.key.patient_id.clone());
        wanted.entry(key).or_default().push((unit.occurred_first, unit.occurred_last));
    }
    wanted
}

fn are_met(times: &[(Timestamp, Timestamp)], at: Timestamp) -> bool {
    times.iter().any(|(first, last)| (*first..=*last).contains(&at))
}

/// Collects the rows of the units of some cases.
struct Rows {
    wanted: Wanted,
    found: Vec<EvidenceRow>,
}

impl DecodeSink for Rows {
    fn access(&mut self, event: &AccessEvent<'_>, _: u64) {
        let Some(patient_id) = event.patient_id.as_deref() else { return };
        // Most accesses are of no case: look at the pair first.
        let key = (event.user_id.to_string(), patient_id.to_owned());
        let Some(times) = self.wanted.get(&key) else { return };
        if !are_met(times, event.occurred_at) {
            return;
        }
        let (user_id, patient_id) = key;
        self.found.push(row(EvidenceSource::Log, event, user_id, patient_id));
    }

    fn context(&mut self, _: ContextUpdate, _: u64) {}

    fn reject(&mut self, _: Reject) {}
}

/// The rows of accesses behind a unit, as the engine holds them.
pub fn of_engine<'e>(unit: &'e Unit, events: &'e [AccessEvent<'e>]) -> impl Iterator<Item = EvidenceRow> + 'e {
    events.iter().map(|event| row(EvidenceSource::Engine, event, unit.user_id.clone(), unit.patient_id.clone()))
}

fn row(source: EvidenceSource, event: &AccessEvent<'_>, user_id: String, patient_id: String) -> EvidenceRow {
    EvidenceRow {
        source,
        event_id: event.event_id.to_string(),
        user_id,
        patient_id,
        occurred_at: event.occurred_at,
        json: serde_json::to_string(event).unwrap_or_default(),
    }
}

/// The rows of a case's units among `rows`, with the digest of what is kept of them. A row that was there before is kept as
/// it was, whatever another format of the log says.
///
/// # Errors
/// When the store cannot be read.
pub fn of_case(
    case: &Case,
    source: EvidenceSource,
    rows: &[EvidenceRow],
    pen: &Pen<'_>,
) -> Result<Evidence, StoreError> {
    let wanted = wanted(std::slice::from_ref(case));
    let is_of = |row: &&EvidenceRow| {
        let times = wanted.get(&(row.user_id.clone(), row.patient_id.clone()));
        row.source == source && times.is_some_and(|times| are_met(times, row.occurred_at))
    };
    let keys: Vec<[String; 3]> = rows.iter().filter(is_of).map(EvidenceRow::key).collect();
    let kept: Vec<Option<String>> = keys.iter().map(|key| pen.evidence_row(source, key)).collect::<Result<_, _>>()?;
    Ok(Evidence { source, rows: keys, digest: digest(kept.iter().flatten().map(String::as_str)) })
}

/// SHA-256 over rows, a line each.
pub fn digest<'r>(rows: impl Iterator<Item = &'r str>) -> String {
    let mut text = String::new();
    for row in rows {
        text.push_str(row);
        text.push('\n');
    }
    ledger::hash_of(&text)
}

/// How logs are read for evidence.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'r> {
    /// Column maps of the site.
    pub maps: &'static [Map],
    /// Which ids mean one person: cases speak of the ids that it says.
    pub crosswalk: Option<&'r Arc<Crosswalk>>,
    pub zone: &'r Zone,
}

/// Reads logs (files or globs in any accepted format) for the rows behind the units of `cases`.
///
/// # Errors
/// When a log cannot be read.
pub fn collect(cases: &[Case], logs: &[String], reading: Reading<'_>) -> Result<Vec<EvidenceRow>> {
    let Reading { maps, crosswalk, zone } = reading;
    let mut rows = Rows { wanted: wanted(cases), found: Vec::new() };
    let mut decoder = Decoder::new(zone.clone()).with_crosswalk(crosswalk.cloned());
    for piece in BlockReader::new(paths(logs, Expect::Accesses)?, Expect::Accesses, Sizes::default()).with_maps(maps) {
        match piece? {
            Piece::Block(block) => decoder.chunk(&block.chunk(), &mut rows),
            Piece::Reject(reject, layout) => decoder.source_reject(reject, layout.format, &mut rows),
            Piece::Columnar { path, file, .. } => {
                columnar::read(&path, &file, Expect::Accesses, zone, &mut decoder, &mut rows)?;
            }
        }
    }
    rows.found.sort_by(|a, b| (a.occurred_at, &a.event_id).cmp(&(b.occurred_at, &b.event_id)));
    Ok(rows.found)
}
