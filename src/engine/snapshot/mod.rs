//! The engine's state as rows that a store can keep: what changed since the last time, not one blob.
//!
//! ```text
//!  m          meta: clock, newest access, counts that have left the horizon
//!  j<number>  journal: the accesses received between two saves, with their texts
//!  e<...>     an episode: its accesses, what was decided about each, its incident
//!  b<...>     an incident of a group: its parts as they were, by the keys of their episodes
//! ```
//!
//! Everything else follows from these: journal rows at or before the clock are the horizon, later ones
//! are the reorder buffer. The context is not saved; it is read again from its topics.

mod burst;
mod episode;
mod journal;
mod part;

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::model::context::ContextUpdate;
use crate::model::time::Timestamp;

use super::Engine;
use super::access::{Access, Rows, Standing};
use super::branch::Branch;
use super::context::Context;
use super::dictionary::hash_text;
use super::group::{PartKey, Sight};
use super::horizon::Identity;
use super::intake::shard_of;
use super::output::Tally;
use super::rules::Rules;
use super::shard::{Shard, World};
pub(super) use burst::{restore as restore_burst, save as save_burst};
pub(super) use part::{SavedPart, key_of as part_key, restore as restore_part, save as save_part};

/// A row to keep under its key, or to delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateRow {
    pub key: Vec<u8>,
    pub value: Option<Vec<u8>>,
}

/// Why saved state cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// What does not read back; never a value.
    #[error(
        "the saved engine state cannot be read ({0}): restore the state file from a backup, or start with a new one and replay the log"
    )]
    Damaged(String),
    #[error(
        "the saved engine state was written by a newer chartsentry (format {found}, this one reads {}): install that version again, or restore a backup from before it",
        VERSION
    )]
    Newer { found: u32 },
    #[error(
        "the saved engine state was written by an older chartsentry (format {found}, this one reads {}): go on with that version, or start with a new state file and replay the log",
        VERSION
    )]
    Older { found: u32 },
}

/// Journal chunks that are saved and not yet outlived.
#[derive(Debug, Default)]
pub(super) struct Journal {
    fresh: Rows,
    next: u64,
    /// Number and newest access of each chunk.
    kept: VecDeque<(u64, Timestamp)>,
    /// Episodes that are saved, by shard and place.
    pub(super) is_on: bool,
}

impl Journal {
    /// Notes rows on their way to a shard.
    pub(super) fn note(&mut self, rows: &Rows) {
        if self.is_on {
            rows.rows.iter().for_each(|row| self.fresh.push(*row, rows.event_id(row)));
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Meta {
    version: u32,
    clock: i64,
    newest: i64,
    next_chunk: u64,
    tally: Tally,
}

/// The format of the rows that this version writes.
const VERSION: u32 = 2;

/// What every format begins with.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl Meta {
    /// The version is looked at first: another one may have other fields.
    fn read(bytes: &[u8]) -> Result<Self, StateError> {
        let damaged = |error: serde_json::Error| StateError::Damaged(format!("meta, column {}", error.column()));
        match serde_json::from_slice::<Versioned>(bytes).map_err(damaged)?.version {
            VERSION => serde_json::from_slice(bytes).map_err(damaged),
            found if found > VERSION => Err(StateError::Newer { found }),
            found => Err(StateError::Older { found }),
        }
    }
}

/// Saved state, read back.
#[derive(Debug)]
pub struct Saved {
    meta: Meta,
    chunks: Vec<(u64, Vec<u8>)>,
    episodes: Vec<Vec<u8>>,
    bursts: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Saved {
    /// Reads saved rows; `None` when there are none.
    ///
    /// # Errors
    /// State of another format, or damaged.
    pub fn read(rows: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Result<Option<Self>, StateError> {
        let (mut meta, mut chunks, mut episodes, mut bursts) = (None, Vec::new(), Vec::new(), Vec::new());
        for (key, value) in rows {
            match key.split_first() {
                Some((b'm', _)) => meta = Some(Meta::read(&value)?),
                Some((b'j', number)) => chunks.push((journal::number_of(number)?, value)),
                Some((b'e', _)) => episodes.push(value),
                Some((b'b', _)) => bursts.push((key, value)),
                _ => return Err(StateError::Damaged("a row of an unknown kind".to_owned())),
            }
        }
        let Some(meta) = meta else { return Ok(None) };
        chunks.sort_by_key(|(number, _)| *number);
        bursts.sort();
        Ok(Some(Self { meta, chunks, episodes, bursts }))
    }

    /// How far event time had come.
    #[must_use]
    pub const fn clock(&self) -> Timestamp {
        Timestamp(self.meta.clock)
    }
}

impl Engine {
    /// Starts keeping what [`Engine::save`] needs. Without it nothing is kept.
    pub const fn keep_journal(&mut self) {
        self.branch.journal.is_on = true;
    }

    /// What changed since the last save. Call it after an advance and commit it together with the input
    /// positions and the outputs.
    pub fn save(&mut self) -> Vec<StateRow> {
        let mut rows = self.branch.save(Sight { rules: &self.rules, context: &self.context });
        let keys = |(shard, place): PartKey| {
            let key = self.branch.shards.get(shard).and_then(|shard| shard.keys.get(usize::try_from(place).ok()?));
            (0, key.copied().unwrap_or_default())
        };
        for number in std::mem::take(&mut self.unsaved_bursts) {
            rows.push(burst::save(&self.desk, number, Sight { rules: &self.rules, context: &self.context }, keys));
        }
        rows
    }

    /// Sets the clock of a new engine to that of saved state, so that facts can be told apart into past
    /// and future before the rest is restored.
    pub fn resume_clock(&mut self, saved: &Saved) {
        self.branch.resume_clock(saved);
    }

    /// Takes in facts that the saved decisions already rest on: like [`Engine::learn`], but what is past
    /// is not acted on again.
    pub fn recall(&mut self, updates: impl IntoIterator<Item = ContextUpdate>) {
        self.learn(updates);
        self.branch.late.clear();
    }

    /// Restores the saved episodes, horizon and reorder buffer. The context must be there already.
    /// `decide_again` when the policy has changed since.
    ///
    /// # Errors
    /// Damaged state.
    pub fn resume(&mut self, saved: Saved, decide_again: bool) -> Result<(), StateError> {
        let places = self.branch.restore(&saved, &self.rules, &mut self.context)?;
        for (_, bytes) in &saved.bursts {
            let place = |(_, key): (u32, u64)| places.get(&key).copied();
            let (burst, overlays) = burst::restore(bytes, &self.rules, &mut self.context.dictionary, place)?;
            self.desk.restore(burst, overlays);
        }
        let sight = Sight { rules: &self.rules, context: &self.context };
        self.branch.told_before(sight, |key, part| self.desk.recall(key, part));
        self.heed();
        self.branch.wake(decide_again, Sight { rules: &self.rules, context: &self.context });
        Ok(())
    }
}

impl Branch {
    /// What changed since the last save.
    pub(super) fn save(&mut self, sight: Sight<'_>) -> Vec<StateRow> {
        let mut rows = Vec::new();
        self.save_journal(&mut rows, sight);
        for place in std::mem::take(&mut self.unsaved) {
            rows.push(episode::save(&self.shards[place.0], place.1, sight.rules, sight.context));
        }
        let mut tally = Tally::default();
        self.shards.iter().for_each(|shard| tally.add(&shard.retired));
        let (clock, newest, next_chunk) = (self.clock.0, self.newest.0, self.journal.next);
        let meta = Meta { version: VERSION, clock, newest, next_chunk, tally };
        rows.push(StateRow { key: b"m".to_vec(), value: serde_json::to_vec(&meta).ok() });
        rows
    }

    fn save_journal(&mut self, rows: &mut Vec<StateRow>, sight: Sight<'_>) {
        let fresh = std::mem::take(&mut self.journal.fresh);
        if let Some(newest) = fresh.rows.iter().map(|row| row.at).max() {
            let number = self.journal.next;
            self.journal.next += 1;
            self.journal.kept.push_back((number, newest));
            rows.push(StateRow {
                key: journal::key_of(number),
                value: Some(journal::encode(&fresh, &sight.context.dictionary)),
            });
        }
        let before = self.clock.minus(sight.rules.engine.settle_window.micros());
        while let Some((number, _)) = self.journal.kept.front().copied().filter(|(_, newest)| *newest < before) {
            self.journal.kept.pop_front();
            rows.push(StateRow { key: journal::key_of(number), value: None });
        }
    }

    /// Sets the clock to that of saved state.
    pub(super) fn resume_clock(&mut self, saved: &Saved) {
        self.clock = saved.clock();
        self.newest = Timestamp(saved.meta.newest);
        self.shards.iter_mut().for_each(|shard| shard.clock = saved.clock());
    }

    /// Puts the saved episodes, horizon and reorder buffer back; tells where each episode is by its key.
    ///
    /// # Errors
    /// Damaged state.
    pub(super) fn restore(
        &mut self,
        saved: &Saved,
        rules: &Rules,
        context: &mut Context,
    ) -> Result<burst::Places, StateError> {
        let (mut held, mut places) = (episode::Held::default(), burst::Places::default());
        for bytes in &saved.episodes {
            episode::restore(self, bytes, rules, context, (&mut held, &mut places))?;
        }
        let mut rows = Rows::default();
        for (number, bytes) in &saved.chunks {
            let newest = journal::decode(bytes, &mut context.dictionary, &mut rows)?;
            self.journal.kept.push_back((*number, newest));
        }
        self.journal.next = saved.meta.next_chunk;
        self.shards[0].retired = saved.meta.tally.clone();
        self.distribute(rows, &held, rules, context);
        Ok(places)
    }

    fn distribute(&mut self, mut rows: Rows, held: &episode::Held, rules: &Rules, context: &Context) {
        let patients = &context.dictionary.patients;
        let shards = self.shards.len();
        rows.sort(|patient| patients.text(patient).to_owned());
        for row in &rows.rows {
            let event_id = rows.event_id(row);
            let shard = &mut self.shards[shard_of(hash_text(context.dictionary.users.text(row.user)), shards)];
            if row.at > self.clock {
                shard.pending.push(*row, event_id);
            } else {
                let member = held.get(&(row.user, row.patient, event_id.into())).copied();
                shard.remember(*row, event_id, member, rules.engine.settle_window.micros());
            }
        }
    }

    /// Notes what groups were told of the restored episodes, by shard and place.
    pub(super) fn told_before(&mut self, sight: Sight<'_>, mut hear: impl FnMut(PartKey, super::group::Part)) {
        let world = self.world(sight);
        for (number, shard) in self.shards.iter_mut().enumerate() {
            for (place, episode) in (0..).zip(&mut shard.episodes) {
                let Some(episode) = episode.as_mut() else { continue };
                let weighed = episode.weigh(world.rules, world.context);
                if let Some(part) = episode.tell(&weighed, shard.clock, world) {
                    hear((number, place), part);
                }
            }
        }
    }

    /// The restored episodes live on; all are decided again when the policy has changed.
    pub(super) fn wake(&mut self, decide_again: bool, sight: Sight<'_>) {
        let world = self.world(sight);
        self.shards.iter_mut().for_each(|shard| shard.resume(decide_again, world));
    }
}

impl Shard {
    /// Puts a row back into the horizon; one that an episode holds is tied to it again.
    fn remember(&mut self, mut row: Access, event_id: &str, member: Option<(u32, usize)>, window: i64) {
        let identity = Identity::of(&row, event_id);
        if self.horizon.has_copy(identity, &row, event_id, self.clock, window) {
            return;
        }
        row.standing = if member.is_some() { Standing::Held } else { Standing::Aside };
        let number = self.horizon.push(identity, row, event_id);
        if let Some((place, index)) = member
            && let Some(Some(episode)) = self.episodes.get_mut(place as usize)
            && let Some(member) = episode.members.get_mut(index)
        {
            member.number = number;
        } else if row.counts() && self.clock.minus(window) <= row.at {
            self.to_judge.push(number);
        } else if row.counts() {
            // Its time to be decided again is over; what it rested on is not kept, only that it was explained.
            self.horizon.find_mut(number).into_iter().for_each(|row| row.standing = Standing::Explained);
        }
    }

    fn resume(&mut self, decide_again: bool, world: World<'_>) {
        for number in std::mem::take(&mut self.to_judge) {
            self.rejudge(number, world);
        }
        for place in 0..self.episodes.len() as u32 {
            if decide_again {
                self.redecide(place, Timestamp::MIN, Timestamp::MAX, world);
            } else {
                self.schedule(place, world);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::settings::Policy;

    fn read(key: &str, value: &str) -> Result<Option<Saved>, StateError> {
        Saved::read([(key.as_bytes().to_vec(), value.as_bytes().to_vec())])
    }

    #[test]
    fn state_of_another_format_is_named_whatever_else_it_holds() {
        let newer = read("m", r#"{"version":3,"moon":"full"}"#).unwrap_err();
        assert_eq!(newer, StateError::Newer { found: 3 });
        assert!(newer.to_string().contains("written by a newer chartsentry (format 3, this one reads 2)"), "{newer}");
        let older = read("m", r#"{"version":1}"#).unwrap_err();
        assert_eq!(older, StateError::Older { found: 1 });
        assert!(older.to_string().contains("start with a new state file and replay the log"), "{older}");
    }

    #[test]
    fn rows_that_do_not_decode_are_damage() {
        for (key, value) in [("m", "{"), ("m", r#"{"version":2}"#), ("x", ""), ("j\u{1}", "")] {
            let error = read(key, value).unwrap_err();
            assert!(matches!(error, StateError::Damaged(_)), "{error}");
            assert!(error.to_string().contains("restore the state file from a backup"), "{error}");
        }
    }

    #[test]
    fn an_episode_that_does_not_decode_is_damage() {
        let mut engine = Engine::new(&Policy::shipped("America/Los_Angeles"), 1).unwrap();
        engine.keep_journal();
        let mut rows: Vec<(Vec<u8>, Vec<u8>)> =
            engine.save().into_iter().filter_map(|row| Some((row.key, row.value?))).collect();
        assert!(Saved::read(rows.clone()).unwrap().is_some());
        rows.push((b"e1".to_vec(), b"{\"user\":\"u1\"".to_vec()));
        let saved = Saved::read(rows).unwrap().unwrap();
        let error = engine.resume(saved, false).unwrap_err();
        assert!(matches!(error, StateError::Damaged(_)) && !error.to_string().contains("u1"), "{error}");
    }
}
