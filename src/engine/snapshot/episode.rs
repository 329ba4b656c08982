//! An episode as a saved row.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};

use crate::engine::access::{Access, Act, Standing};
use crate::engine::branch::Branch;
use crate::engine::context::Context;
use crate::engine::dictionary::{Interner, NONE, hash_text};
use crate::engine::episode::{Case, Episode, Member};
use crate::engine::evidence::{Decision, Deeds, Evidence, Explained, Holds, RolePart};
use crate::engine::feeds::Unknown;
use crate::engine::intake::shard_of;
use crate::engine::relations::Cover;
use crate::engine::rules::Rules;
use crate::engine::shard::Shard;
use crate::model::access::Outcome;
use crate::model::context::RelationshipKind;
use crate::model::time::Timestamp;

use super::burst::Places;
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
    /// [`Act`] as a byte.
    act: u8,
    workstation: u16,
    is_over: bool,
    is_doubtful: bool,
    muted: Option<String>,
    is_muted: bool,
    evidence: Vec<(String, f64, [u32; 2])>,
    explained: Option<SavedExplained>,
    /// An explanation that rests on what the person did, beside what it holds, whether it fits care, its proof.
    deeds: Option<(SavedExplained, Holds, bool, Box<str>)>,
    role: RolePart,
    unknown: Option<(SavedUnknown, i64)>,
    unlisted: Option<SavedUnknown>,
}

/// Basis, whether inside its dates, record, weight.
type SavedExplained = (String, bool, String, f64);

#[derive(Serialize, Deserialize)]
pub(super) enum SavedUnknown {
    NoRelationships,
    ReportedDown,
    Silent(String),
    Actor,
    Patient,
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
    let save_explained = |explained: Explained| {
        let basis = rules.explanations[usize::from(explained.basis)].meta.id.to_owned();
        let record = if explained.record == NONE { "" } else { context.record_key(explained.record) };
        (basis, explained.cover == Cover::Inside, record.to_owned(), explained.weight)
    };
    let deeds = decision.deeds.clone();
    SavedMember {
        event_id: member.event_id.to_string(),
        instants: [row.at.0, row.recorded_at.0, row.available_at.0, row.ingested_at.0],
        department: text(&context.dictionary.departments, row.department()),
        resource: text(&context.dictionary.resources, row.resource()),
        act: row.act.bits(),
        workstation: row.workstation,
        is_over: decision.is_over,
        is_doubtful: decision.is_doubtful,
        muted: decision.muted.as_deref().map(str::to_owned),
        is_muted: decision.is_muted,
        evidence: evidence.collect(),
        explained: decision.explained.map(save_explained),
        deeds: deeds.map(|deeds| (save_explained(deeds.explained), deeds.holds, deeds.fits_care, deeds.proof)),
        role: decision.role,
        unknown: decision.unknown.map(|(why, until)| (save_unknown(why), until.0)),
        unlisted: decision.unlisted.map(save_unknown),
    }
}

pub(super) fn save_unknown(why: Unknown) -> SavedUnknown {
    match why {
        Unknown::NoRelationships => SavedUnknown::NoRelationships,
        Unknown::ReportedDown => SavedUnknown::ReportedDown,
        Unknown::Silent(kind) => SavedUnknown::Silent(kind.name().to_owned()),
        Unknown::Actor => SavedUnknown::Actor,
        Unknown::Patient => SavedUnknown::Patient,
    }
}

/// Restores an episode into its shard and notes where it and its accesses are.
pub(super) fn restore(
    branch: &mut Branch,
    bytes: &[u8],
    rules: &Rules,
    context: &mut Context,
    (held, places): (&mut Held, &mut Places),
) -> Result<(), StateError> {
    let saved: SavedEpisode = serde_json::from_slice(bytes)
        .map_err(|error| StateError::Damaged(format!("an episode, column {}", error.column())))?;
    let user = context.dictionary.users.intern(&saved.user);
    let patient = context.dictionary.patients.intern(&saved.patient);
    let mut episode = Episode::new(user, patient);
    episode.is_current = saved.is_current;
    episode.case = saved.case;
    for member in &saved.members {
        episode.members.push(restore_member(member, user, patient, rules, context));
    }
    let number = shard_of(hash_text(&saved.user), branch.shards.len());
    let ids: Vec<Box<str>> = episode.members.iter().map(|member| member.event_id.clone()).collect();
    let place = branch.shards[number].insert_keyed(episode, saved.key);
    places.insert(saved.key, (number, place.into()));
    held.extend(ids.into_iter().enumerate().map(|(index, id)| ((user, patient, id), (place, index))));
    branch.next_key = branch.next_key.max(saved.key + 1);
    Ok(())
}

fn restore_member(saved: &SavedMember, user: u32, patient: u32, rules: &Rules, context: &mut Context) -> Member {
    let dictionary = &mut context.dictionary;
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
        event_start: 0,
        event_len: 0,
        department: u16::try_from(department).unwrap_or(u16::MAX),
        resource: u16::try_from(resource).unwrap_or(u16::MAX),
        workstation: saved.workstation,
        act: Act::from_bits(saved.act),
        outcome: Outcome::Success,
        standing: Standing::Held,
        basis: 0,
        previous_of_patient: NONE,
        previous_of_user: NONE,
    };
    let evidence = saved.evidence.iter().filter_map(|(id, weight, numbers)| {
        let detector = rules.detectors.iter().position(|rule| rule.meta.id == id)?;
        Some(Evidence { detector: detector as u8, weight: *weight, numbers: *numbers })
    });
    let evidence = evidence.collect();
    let mut restore_explained = |(id, is_inside, record, weight): &SavedExplained| {
        let basis = rules.explanations.iter().position(|rule| rule.meta.id == id)? as u8;
        let cover = if *is_inside { Cover::Inside } else { Cover::Grace };
        let record = if record.is_empty() { NONE } else { context.record_of_key(record) };
        Some(Explained { basis, cover, record, weight: *weight })
    };
    let explained = saved.explained.as_ref().and_then(&mut restore_explained);
    let deeds = saved.deeds.as_ref().and_then(|(explained, holds, fits_care, proof)| {
        let (holds, fits_care) = (*holds, *fits_care);
        Some(Deeds { explained: restore_explained(explained)?, holds, fits_care, proof: proof.clone() })
    });
    let unknown = saved.unknown.as_ref().map(|(why, until)| (restore_unknown(why), Timestamp(*until)));
    let decision = Decision {
        explained,
        deeds,
        role: saved.role,
        evidence,
        unknown,
        unlisted: saved.unlisted.as_ref().map(restore_unknown),
        is_over: saved.is_over,
        is_doubtful: saved.is_doubtful,
        muted: saved.muted.as_deref().map(Into::into),
        is_muted: saved.is_muted,
    };
    Member { row, event_id: saved.event_id.as_str().into(), decision, number: NONE }
}

pub(super) fn restore_unknown(saved: &SavedUnknown) -> Unknown {
    match saved {
        SavedUnknown::NoRelationships => Unknown::NoRelationships,
        SavedUnknown::ReportedDown => Unknown::ReportedDown,
        SavedUnknown::Silent(kind) => {
            Unknown::Silent(RelationshipKind::from_name(kind).unwrap_or(RelationshipKind::Other))
        }
        SavedUnknown::Actor => Unknown::Actor,
        SavedUnknown::Patient => Unknown::Patient,
    }
}
