//! What groups know of an episode, as a saved row and as it is told from one process to another: texts instead of
//! numbers.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::engine::dictionary::{Dictionary, NONE};
use crate::engine::episode::Case;
use crate::engine::evidence::Evidence;
use crate::engine::group::{Part, PartKey, Sight};
use crate::engine::rules::Rules;
use crate::model::incident::{Incident, Unit};
use crate::model::time::Timestamp;

use super::episode::{SavedUnknown, restore_unknown, save_unknown};

/// Detector, weight, numbers.
pub(super) type SavedEvidence = (String, f64, [u32; 2]);

/// A part by value.
#[derive(Serialize, Deserialize)]
pub(in crate::engine) struct SavedPart {
    /// Its branch; 0 where there is only one.
    #[serde(default)]
    pub(in crate::engine) branch: u32,
    /// Key of its episode.
    pub(in crate::engine) episode: u64,
    /// Microseconds, like every instant here: some are the ends of the range, which have no text.
    at: i64,
    department: Option<String>,
    accesses: Vec<i64>,
    event_ids: Vec<Box<str>>,
    pub(in crate::engine) unit: Unit,
    evidence: Vec<SavedEvidence>,
    is_over: bool,
    is_doubtful: bool,
    is_raised: bool,
    unlisted: Option<SavedUnknown>,
    instants: [i64; 3],
    case: Option<(Case, Incident)>,
}

impl SavedPart {
    /// When it was told.
    pub(in crate::engine) const fn at(&self) -> Timestamp {
        Timestamp(self.at)
    }

    /// Its branch and the key of its episode.
    pub(in crate::engine) const fn name(&self) -> (u32, u64) {
        (self.branch, self.episode)
    }
}

pub(super) fn save_evidence(evidence: &[Evidence], rules: &Rules) -> Vec<SavedEvidence> {
    let name = |one: &Evidence| rules.detectors[usize::from(one.detector)].meta.id.to_owned();
    evidence.iter().map(|one| (name(one), one.weight, one.numbers)).collect()
}

pub(super) fn restore_evidence(saved: &[SavedEvidence], rules: &Rules) -> Vec<Evidence> {
    let restored = saved.iter().filter_map(|(id, weight, numbers)| {
        let detector = rules.detectors.iter().position(|rule| rule.meta.id == id)?;
        Some(Evidence { detector: detector as u8, weight: *weight, numbers: *numbers })
    });
    restored.collect()
}

/// A part by value, under the name of its episode: branch and key.
pub(in crate::engine) fn save((branch, episode): (u32, u64), part: &Part, sight: Sight<'_>) -> SavedPart {
    let departments = &sight.context.dictionary.departments;
    let mut unit = part.unit.clone();
    if part.accesses.is_empty() {
        // Nothing is left of it, so there is no time of it either: the end of the range has no text.
        (unit.occurred_first, unit.occurred_last) = (part.at, part.at);
    }
    SavedPart {
        branch,
        episode,
        at: part.at.0,
        department: (part.department != NONE).then(|| departments.text(part.department).to_owned()),
        accesses: part.accesses.iter().map(|at| at.0).collect(),
        event_ids: part.event_ids.clone(),
        unit,
        evidence: save_evidence(&part.evidence, sight.rules),
        is_over: part.is_over,
        is_doubtful: part.is_doubtful,
        is_raised: part.is_raised,
        unlisted: part.unlisted.map(save_unknown),
        instants: part.instants.map(|at| at.0),
        case: part.case.clone(),
    }
}

/// The part that was saved.
pub(in crate::engine) fn restore(saved: SavedPart, rules: &Rules, dictionary: &mut Dictionary) -> Part {
    let accesses: Vec<Timestamp> = saved.accesses.into_iter().map(Timestamp).collect();
    let days: BTreeSet<Date> = accesses.iter().map(|at| rules.zone.date(*at)).collect();
    Part {
        at: Timestamp(saved.at),
        user: dictionary.users.intern(&saved.unit.user_id),
        patient: dictionary.patients.intern(&saved.unit.patient_id),
        department: saved.department.as_deref().map_or(NONE, |name| dictionary.departments.intern(name)),
        accesses,
        days: days.into_iter().collect(),
        event_ids: saved.event_ids,
        unit: saved.unit,
        evidence: restore_evidence(&saved.evidence, rules),
        is_over: saved.is_over,
        is_doubtful: saved.is_doubtful,
        is_raised: saved.is_raised,
        unlisted: saved.unlisted.as_ref().map(restore_unknown),
        instants: saved.instants.map(Timestamp),
        case: saved.case,
    }
}

/// The key of a part under a desk by itself.
pub(in crate::engine) const fn key_of((branch, episode): (u32, u64)) -> PartKey {
    (branch as usize, episode)
}
