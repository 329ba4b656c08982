//! An episode as a saved row.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};

use crate::engine::Engine;
use crate::engine::access::{Access, Standing};
use crate::engine::context::Context;
use crate::engine::dictionary::{Interner, NONE, hash_text};
use crate::engine::episode::{Case, Episode, Member};
use crate::engine::evidence::{Decision, Evidence, Explained};
use crate::engine::feeds::Unknown;
use crate::engine::intake::shard_of;
use crate::engine::relations::Cover;
use crate::engine::rules::Rules;
use crate::engine::shard::Shard;
use crate::model::access::{Action, Outcome};
use crate::model::context::RelationshipKind;
use crate::model::time::Timestamp;

use super::{StateError, StateRow};

/// Where each held access is: user, patient and event id to the place of its episode and its index.
pub(super) type Held = HashMap<(u32, u32, Box<str>), (u32, usize), FxBuildHasher>;

#[derive(Serialize, Deserialize)]
struct SavedEpisode {
    key: u64,
    user: String,
    patient: String,
    is_current: bool,
    case: Option<Case>,
    members: Vec<SavedMember>,
}

#[derive(Serialize, Deserialize)]
struct SavedMember {
    event_id: String,
    /// Occurred, recorded, available, ingested.
    instants: [i64; 4],
    department: Option<String>,
    resource: Option<String>,
    action: u8,
    is_over: bool,
    evidence: Vec<(String, f64, [u32; 2])>,
    /// Basis, whether inside its dates, record, weight.
    explained: Option<(String, bool, String, f64)>,
    unknown: Option<(SavedUnknown, i64)>,
}

#[derive(Serialize, Deserialize)]
enum SavedUnknown {
    NoRelationships,
    ReportedDown,
    Silent(String),
}

fn key_of(number: u64) -> Vec<u8> {
    [b"e".as_slice(), &number.to_be_bytes()].concat()
}

/// The row of an episode, or its deletion when it is gone.
pub(super) fn save(shard: &Shard, place: u32, rules: &Rules, context: &Context) -> StateRow {
    let key = shard.keys.get(place as usize).copied().unwrap_or_default();
    let episode = shard.episodes.get(place as usize).and_then(Option::as_ref);
    let value = episode.filter(|episode| !episode.members.is_empty()).and_then(|episode| {
        let dictionary = &context.dictionary;
        let saved = SavedEpisode {
            key,
            user: dictionary.users.text(episode.user).to_owned(),
            patient: dictionary.patients.text(episode.patient).to_owned(),
            is_current: episode.is_current,
            case: episode.case.clone(),
            members: episode.members.iter().map(|member| save_member(member, rules, context)).collect(),
        };
        serde_json::to_vec(&saved).ok()
    });
    StateRow { key: key_of(key), value }
}

fn save_member(member: &Member, rules: &Rules, context: &Context) -> SavedMember {
    let (row, decision) = (&member.row, &member.decision);
    let text = |interner: &Interner, index: u32| (index != NONE).then(|| interner.text(index).to_owned());
    let evidence = decision.evidence.iter().map(|evidence| {
        (rules.detectors[usize::from(evidence.detector)].meta.id.to_owned(), evidence.weight, evidence.numbers)
    });
    let explained = decision.explained.map(|explained| {
        let basis = rules.explanations[usize::from(explained.basis)].meta.id.to_owned();
        let record = context.record_key(explained.record).to_owned();
        (basis, explained.cover == Cover::Inside, record, explained.weight)
    });
    SavedMember {
        event_id: member.event_id.to_string(),
        instants: [row.at.0, row.recorded_at.0, row.available_at.0, row.ingested_at.0],
        department: text(&context.dictionary.departments, row.department),
        resource: text(&context.dictionary.resources, row.resource()),
        action: row.action as u8,
        is_over: decision.is_over,
        evidence: evidence.collect(),
        explained,
        unknown: decision.unknown.map(|(why, until)| (save_unknown(why), until.0)),
    }
}

fn save_unknown(why: Unknown) -> SavedUnknown {
    match why {
        Unknown::NoRelationships => SavedUnknown::NoRelationships,
        Unknown::ReportedDown => SavedUnknown::ReportedDown,
        Unknown::Silent(kind) => SavedUnknown::Silent(kind.name().to_owned()),
    }
}

/// Restores an episode into its shard and notes where its accesses are.
pub(super) fn restore(engine: &mut Engine, bytes: &[u8], held: &mut Held) -> Result<(), StateError> {
    let saved: SavedEpisode = serde_json::from_slice(bytes).map_err(|error| StateError(error.to_string()))?;
    let user = engine.context.dictionary.users.intern(&saved.user);
    let patient = engine.context.dictionary.patients.intern(&saved.patient);
    let mut episode = Episode::new(user, patient);
    episode.is_current = saved.is_current;
    episode.case = saved.case;
    for member in &saved.members {
        episode.members.push(restore_member(engine, member, user, patient));
    }
    let shards = engine.shards.len();
    let shard = &mut engine.shards[shard_of(hash_text(&saved.user), shards)];
    let ids: Vec<Box<str>> = episode.members.iter().map(|member| member.event_id.clone()).collect();
    let place = shard.insert_keyed(episode, saved.key);
    held.extend(ids.into_iter().enumerate().map(|(index, id)| ((user, patient, id), (place, index))));
    engine.next_key = engine.next_key.max(saved.key + 1);
    Ok(())
}

fn restore_member(engine: &mut Engine, saved: &SavedMember, user: u32, patient: u32) -> Member {
    let dictionary = &mut engine.context.dictionary;
    let department = saved.department.as_deref().map_or(NONE, |name| dictionary.departments.intern(name));
    let resource = saved.resource.as_deref().map_or(NONE, |name| dictionary.resources.intern(name));
    let [at, recorded_at, available_at, ingested_at] = saved.instants.map(Timestamp);
    let row = Access {
        at,
        recorded_at,
        available_at,
        ingested_at,
        user,
        patient,
        department,
        event_start: 0,
        event_len: 0,
        resource: u16::try_from(resource).unwrap_or(u16::MAX),
        action: Action::ALL.get(usize::from(saved.action)).copied().unwrap_or(Action::Other),
        outcome: Outcome::Success,
        standing: Standing::Held,
        basis: 0,
        previous_of_patient: NONE,
        previous_of_user: NONE,
    };
    let rules = &engine.rules;
    let evidence = saved.evidence.iter().filter_map(|(id, weight, numbers)| {
        let detector = rules.detectors.iter().position(|rule| rule.meta.id == id)?;
        Some(Evidence { detector: detector as u8, weight: *weight, numbers: *numbers })
    });
    let explained = saved.explained.as_ref().and_then(|(id, is_inside, record, weight)| {
        let basis = rules.explanations.iter().position(|rule| rule.meta.id == id)? as u8;
        let cover = if *is_inside { Cover::Inside } else { Cover::Grace };
        Some(Explained { basis, cover, record: engine.context.record_of_key(record), weight: *weight })
    });
    let unknown = saved.unknown.as_ref().map(|(why, until)| (restore_unknown(why), Timestamp(*until)));
    let decision = Decision { explained, evidence: evidence.collect(), unknown, is_over: saved.is_over };
    Member { row, event_id: saved.event_id.as_str().into(), decision, number: NONE }
}

fn restore_unknown(saved: &SavedUnknown) -> Unknown {
    match saved {
        SavedUnknown::NoRelationships => Unknown::NoRelationships,
        SavedUnknown::ReportedDown => Unknown::ReportedDown,
        SavedUnknown::Silent(kind) => {
            Unknown::Silent(RelationshipKind::from_name(kind).unwrap_or(RelationshipKind::Other))
        }
    }
}
