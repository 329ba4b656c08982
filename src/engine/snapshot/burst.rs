//! An incident of a group as a saved row.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;
use jiff::civil::Date;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};

use crate::engine::Engine;
use crate::engine::dictionary::NONE;
use crate::engine::episode::Case;
use crate::engine::evidence::Evidence;
use crate::engine::group::{Burst, Overlay, Part, PartKey};
use crate::engine::rules::Rules;
use crate::model::incident::{Incident, IncidentKind, Unit};
use crate::model::time::Timestamp;

use super::episode::{SavedUnknown, restore_unknown, save_unknown};
use super::{StateError, StateRow};

/// Where the episodes of a store are by their key.
pub(super) type Places = HashMap<u64, PartKey, FxBuildHasher>;

/// Stands for the shard of an episode that is gone.
const GONE: usize = usize::MAX;

/// Detector, weight, numbers.
type SavedEvidence = (String, f64, [u32; 2]);

#[derive(Serialize, Deserialize)]
struct SavedBurst {
    kind: IncidentKind,
    about: String,
    findings: Vec<SavedEvidence>,
    holds: bool,
    is_told: bool,
    case: Case,
    /// Microseconds, like every instant here: some are the ends of the range, which have no text.
    due: i64,
    parts: Vec<SavedPart>,
    overlays: Vec<(String, Overlay)>,
}

#[derive(Serialize, Deserialize)]
struct SavedPart {
    /// Key of its episode.
    episode: u64,
    at: i64,
    department: Option<String>,
    accesses: Vec<i64>,
    event_ids: Vec<Box<str>>,
    unit: Unit,
    evidence: Vec<SavedEvidence>,
    is_over: bool,
    is_doubtful: bool,
    is_raised: bool,
    unlisted: Option<SavedUnknown>,
    instants: [i64; 3],
    case: Option<(Case, Incident)>,
}

fn save_evidence(evidence: &[Evidence], rules: &Rules) -> Vec<SavedEvidence> {
    let name = |one: &Evidence| rules.detectors[usize::from(one.detector)].meta.id.to_owned();
    evidence.iter().map(|one| (name(one), one.weight, one.numbers)).collect()
}

fn restore_evidence(saved: &[SavedEvidence], rules: &Rules) -> Vec<Evidence> {
    let restored = saved.iter().filter_map(|(id, weight, numbers)| {
        let detector = rules.detectors.iter().position(|rule| rule.meta.id == id)?;
        Some(Evidence { detector: detector as u8, weight: *weight, numbers: *numbers })
    });
    restored.collect()
}

/// The row of an incident, by its number.
pub(super) fn save(engine: &Engine, number: usize) -> StateRow {
    let (rules, dictionary) = (&engine.rules, &engine.context.dictionary);
    let burst = &engine.desk.bursts[number];
    let parts = burst.parts.iter().map(|((shard, place), part)| SavedPart {
        episode: engine
            .shards
            .get(*shard)
            .and_then(|shard| shard.keys.get(*place as usize))
            .copied()
            .unwrap_or_default(),
        at: part.at.0,
        department: (part.department != NONE).then(|| dictionary.departments.text(part.department).to_owned()),
        accesses: part.accesses.iter().map(|at| at.0).collect(),
        event_ids: part.event_ids.clone(),
        unit: part.unit.clone(),
        evidence: save_evidence(&part.evidence, rules),
        is_over: part.is_over,
        is_doubtful: part.is_doubtful,
        is_raised: part.is_raised,
        unlisted: part.unlisted.map(save_unknown),
        instants: part.instants.map(|at| at.0),
        case: part.case.clone(),
    });
    let about = if burst.kind == IncidentKind::PatientBurst { &dictionary.patients } else { &dictionary.users };
    let saved = SavedBurst {
        kind: burst.kind,
        about: about.text(burst.about).to_owned(),
        findings: save_evidence(&burst.findings, rules),
        holds: burst.holds,
        is_told: burst.is_told,
        case: burst.case.clone(),
        due: burst.due.0,
        parts: parts.collect(),
        overlays: engine.desk.overlays_by(number),
    };
    let key = [b"b".as_slice(), &(number as u64).to_be_bytes()].concat();
    StateRow { key, value: serde_json::to_vec(&saved).ok() }
}

/// Restores an incident; its episodes must be there already.
pub(super) fn restore(engine: &mut Engine, bytes: &[u8], places: &Places) -> Result<(), StateError> {
    let saved: SavedBurst = serde_json::from_slice(bytes)
        .map_err(|error| StateError::Damaged(format!("an incident of a group, column {}", error.column())))?;
    let zone = engine.rules.zone.clone();
    let mut parts = BTreeMap::new();
    for (index, part) in (0..).zip(saved.parts) {
        // An episode that was explained before anybody heard of it is gone; what the incident showed of it stays.
        let key = places.get(&part.episode).copied().unwrap_or((GONE, index));
        let dictionary = &mut engine.context.dictionary;
        let accesses: Vec<Timestamp> = part.accesses.into_iter().map(Timestamp).collect();
        let days: BTreeSet<Date> = accesses.iter().map(|at| zone.date(*at)).collect();
        let restored = Part {
            at: Timestamp(part.at),
            user: dictionary.users.intern(&part.unit.user_id),
            patient: dictionary.patients.intern(&part.unit.patient_id),
            department: part.department.as_deref().map_or(NONE, |name| dictionary.departments.intern(name)),
            accesses,
            days: days.into_iter().collect(),
            event_ids: part.event_ids,
            unit: part.unit,
            evidence: restore_evidence(&part.evidence, &engine.rules),
            is_over: part.is_over,
            is_doubtful: part.is_doubtful,
            is_raised: part.is_raised,
            unlisted: part.unlisted.as_ref().map(restore_unknown),
            instants: part.instants.map(Timestamp),
            case: part.case,
        };
        parts.insert(key, restored);
    }
    let dictionary = &mut engine.context.dictionary;
    let is_chart = saved.kind == IncidentKind::PatientBurst;
    let about = if is_chart { &mut dictionary.patients } else { &mut dictionary.users }.intern(&saved.about);
    let burst = Burst {
        kind: saved.kind,
        about,
        parts,
        findings: restore_evidence(&saved.findings, &engine.rules),
        holds: saved.holds,
        is_told: saved.is_told,
        case: saved.case,
        due: Timestamp(saved.due),
    };
    engine.desk.restore(burst, saved.overlays);
    Ok(())
}

/// Tells the desk what nothing explains in the restored episodes.
pub(super) fn recall(engine: &mut Engine) {
    let world = crate::engine::World {
        rules: &engine.rules,
        context: &engine.context,
        input_end: engine.input_end,
        report: engine.report,
    };
    for (number, shard) in engine.shards.iter_mut().enumerate() {
        for (place, episode) in (0..).zip(&mut shard.episodes) {
            let Some(episode) = episode.as_mut() else { continue };
            let weighed = episode.weigh(world.rules, world.context);
            if let Some(part) = episode.tell(&weighed, shard.clock, world) {
                engine.desk.recall((number, place), part);
            }
        }
    }
}
