//! An incident of a group as a saved row.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};

use crate::engine::dictionary::Dictionary;
use crate::engine::episode::Case;
use crate::engine::group::{Burst, Desk, Overlay, PartKey, Sight};
use crate::engine::rules::Rules;
use crate::model::incident::IncidentKind;
use crate::model::time::Timestamp;

use super::part::{self, SavedEvidence, SavedPart, restore_evidence, save_evidence};
use super::{StateError, StateRow};

/// Where the episodes of a store are by their key.
pub(in crate::engine) type Places = HashMap<u64, PartKey, FxBuildHasher>;

/// Stands for the shard of an episode that is gone.
const GONE: usize = usize::MAX;

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

/// The row of an incident, by its number; `name` tells the branch and the key of an episode.
pub(in crate::engine) fn save(
    desk: &Desk,
    number: usize,
    sight: Sight<'_>,
    name: impl Fn(PartKey) -> (u32, u64),
) -> StateRow {
    let dictionary = &sight.context.dictionary;
    let burst = &desk.bursts[number];
    let about = if burst.kind == IncidentKind::PatientBurst { &dictionary.patients } else { &dictionary.users };
    let saved = SavedBurst {
        kind: burst.kind,
        about: about.text(burst.about).to_owned(),
        findings: save_evidence(&burst.findings, sight.rules),
        holds: burst.holds,
        is_told: burst.is_told,
        case: burst.case.clone(),
        due: burst.due.0,
        parts: burst.parts.iter().map(|(key, part)| part::save(name(*key), part, sight)).collect(),
        overlays: desk.overlays_by(number),
    };
    let key = [b"b".as_slice(), &(number as u64).to_be_bytes()].concat();
    StateRow { key, value: serde_json::to_vec(&saved).ok() }
}

/// Restores an incident; `place` tells where an episode is by its branch and its key.
pub(in crate::engine) fn restore(
    bytes: &[u8],
    rules: &Rules,
    dictionary: &mut Dictionary,
    place: impl Fn((u32, u64)) -> Option<PartKey>,
) -> Result<(Burst, Vec<(String, Overlay)>), StateError> {
    let saved: SavedBurst = serde_json::from_slice(bytes)
        .map_err(|error| StateError::Damaged(format!("an incident of a group, column {}", error.column())))?;
    let mut parts = BTreeMap::new();
    for (index, part) in (0..).zip(saved.parts) {
        // An episode that was explained before anybody heard of it is gone; what the incident showed of it stays.
        let key = place(part.name()).unwrap_or((GONE, index));
        parts.insert(key, part::restore(part, rules, dictionary));
    }
    let is_chart = saved.kind == IncidentKind::PatientBurst;
    let about = if is_chart { &mut dictionary.patients } else { &mut dictionary.users }.intern(&saved.about);
    let burst = Burst {
        kind: saved.kind,
        about,
        parts,
        findings: restore_evidence(&saved.findings, rules),
        holds: saved.holds,
        is_told: saved.is_told,
        case: saved.case,
        due: Timestamp(saved.due),
    };
    Ok((burst, saved.overlays))
}
