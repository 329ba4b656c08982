//! The desk of groups by itself: it takes what branches elsewhere have found, in the order of time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};

use crate::model::incident::{Incident, Unit};
use crate::model::time::Timestamp;

use super::context::Context;
use super::finding::{Finding, What, Witness};
use super::group::{Desk, PartKey, Sight, Told};
use super::output::Output;
use super::rules::Rules;
use super::settings::Policy;
use super::snapshot::{SavedPart, StateError, StateRow, part_key, restore_burst, restore_part, save_burst, save_part};

/// In which incident of a group an episode of a branch counts, if in any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    pub branch: u32,
    /// The key of the episode.
    pub episode: u64,
    pub group: Option<Box<str>>,
}

/// What the desk decided.
#[derive(Debug, Default)]
pub struct Decided {
    /// Handoffs and incidents; never detections or verdicts.
    pub output: Output,
    /// The accesses behind the units of the handoffs.
    pub behind: Vec<Witness>,
}

/// Looks at what all branches found together.
pub struct GroupDesk {
    rules: Rules,
    /// Only its dictionary is used.
    context: Context,
    desk: Desk,
    clock: Timestamp,
    /// What lies after the clock, with the place where it stood, by branch.
    waiting: BTreeMap<u32, VecDeque<(i64, Finding)>>,
    /// The accesses that parts speak of.
    behind: HashMap<PartKey, Vec<Witness>, FxBuildHasher>,
    unsaved_bursts: BTreeSet<usize>,
}

#[derive(Serialize, Deserialize)]
struct SavedTold {
    part: SavedPart,
    behind: Vec<Witness>,
}

#[derive(Serialize, Deserialize)]
struct Meta {
    version: u32,
    clock: i64,
}

const VERSION: u32 = 1;

const fn name_of((branch, episode): PartKey) -> (u32, u64) {
    (branch as u32, episode)
}

fn row_key((branch, episode): PartKey) -> Vec<u8> {
    [b"t".as_slice(), &(branch as u32).to_be_bytes(), &episode.to_be_bytes()].concat()
}

impl GroupDesk {
    /// A desk under a policy that has heard nothing yet.
    ///
    /// # Errors
    /// One sentence for each setting that does not fit.
    pub fn new(policy: &Policy) -> Result<Self, Vec<String>> {
        Ok(Self {
            rules: Rules::new(policy)?,
            context: Context::new(policy),
            desk: Desk::apart(),
            clock: Timestamp::MIN,
            waiting: BTreeMap::new(),
            behind: HashMap::default(),
            unsaved_bursts: BTreeSet::new(),
        })
    }

    /// How far event time has come.
    #[must_use]
    pub const fn clock(&self) -> Timestamp {
        self.clock
    }

    /// Takes what a branch found, in the order in which it was said. It waits for [`GroupDesk::live`]; `place` is
    /// where it stands.
    pub fn take(&mut self, branch: u32, place: i64, finding: Finding) {
        self.waiting.entry(branch).or_default().push_back((place, finding));
    }

    /// The place of the oldest finding of a branch that waits.
    #[must_use]
    pub fn waits_from(&self, branch: u32) -> Option<i64> {
        self.waiting.get(&branch).and_then(VecDeque::front).map(|(place, _)| *place)
    }

    /// Lives through the time up to `until`, to which every branch has come.
    pub fn live(&mut self, until: Timestamp) -> Decided {
        let (mut told, mut incidents, mut behind) = (Vec::new(), Vec::new(), Vec::new());
        for waiting in self.waiting.values_mut() {
            while let Some((_, finding)) = waiting.pop_front_if(|(_, finding)| finding.at() <= until) {
                match finding.what {
                    What::Handoff(change) => {
                        behind.extend(finding.behind);
                        told.push(Told::Handoff(change));
                    }
                    What::Part(part) => {
                        let key = part_key(part.name());
                        self.behind.insert(key, finding.behind);
                        let part = restore_part(*part, &self.rules, &mut self.context.dictionary);
                        told.push(Told::Part(key, part.into()));
                    }
                    What::Incident(_, incident) => incidents.push(*incident),
                }
            }
        }
        let sight = Sight { rules: &self.rules, context: &self.context };
        let handoffs = self.desk.live(told, until, sight);
        self.clock = self.clock.max(until);
        for unit in handoffs.iter().flat_map(|change| &change.units) {
            self.witnesses(unit, &mut behind);
        }
        let mut output = Output { handoffs, incidents: self.standing(incidents), ..Output::default() };
        output.sort();
        Decided { output, behind }
    }

    /// The accesses of a unit that its parts speak of.
    fn witnesses(&self, unit: &Unit, behind: &mut Vec<Witness>) {
        let dictionary = &self.context.dictionary;
        let pair = dictionary.users.get(&unit.user_id).zip(dictionary.patients.get(&unit.patient_id));
        let Some((user, patient)) = pair else { return };
        let told = self.desk.parts_of(user, patient).filter_map(|key| self.behind.get(&key)).flatten();
        behind.extend(told.cloned());
    }

    /// The newest word on each incident that changed, as groups see it.
    fn standing(&mut self, incidents: Vec<Incident>) -> Vec<Incident> {
        let mut newest: BTreeMap<String, Incident> = BTreeMap::new();
        for mut incident in incidents {
            self.desk.lay_over(&mut incident);
            newest.insert(incident.incident_id.clone(), incident);
        }
        for number in std::mem::take(&mut self.desk.changed) {
            let incident = self.desk.bursts[number].incident(&self.rules, &self.context);
            newest.insert(incident.incident_id.clone(), incident);
            self.unsaved_bursts.insert(number);
        }
        newest.into_values().collect()
    }

    /// In which groups episodes count, where that changed since the last call.
    pub fn memberships(&mut self) -> Vec<Membership> {
        let changed = std::mem::take(&mut self.desk.notices).into_iter();
        changed
            .filter_map(|((branch, episode), group)| {
                Some(Membership { branch: u32::try_from(branch).ok()?, episode, group })
            })
            .collect()
    }

    /// What changed since the last save. Commit it together with what was decided and with the places up to which
    /// findings need not be taken again.
    pub fn save(&mut self) -> Vec<StateRow> {
        let sight = Sight { rules: &self.rules, context: &self.context };
        let mut rows = Vec::new();
        for key in self.desk.moved.replace(BTreeSet::new()).unwrap_or_default() {
            let value = self.desk.part(key).and_then(|part| {
                let behind = self.behind.get(&key).cloned().unwrap_or_default();
                serde_json::to_vec(&SavedTold { part: save_part(name_of(key), part, sight), behind }).ok()
            });
            if value.is_none() {
                self.behind.remove(&key);
            }
            rows.push(StateRow { key: row_key(key), value });
        }
        for number in std::mem::take(&mut self.unsaved_bursts) {
            rows.push(save_burst(&self.desk, number, sight, name_of));
        }
        let meta = Meta { version: VERSION, clock: self.clock.0 };
        rows.push(StateRow { key: b"g".to_vec(), value: serde_json::to_vec(&meta).ok() });
        rows
    }

    /// Restores a new desk from saved rows; nothing happens where there are none. [`GroupDesk::memberships`] then
    /// gives those of every group that stands.
    ///
    /// # Errors
    /// State of another format version, or damaged.
    pub fn resume(&mut self, rows: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Result<(), StateError> {
        let damaged = |error: serde_json::Error| StateError::Damaged(format!("a group, column {}", error.column()));
        let mut bursts = BTreeMap::new();
        for (key, value) in rows {
            match key.first() {
                Some(b'g') => {
                    let meta: Meta = serde_json::from_slice(&value).map_err(damaged)?;
                    if meta.version != VERSION {
                        let what = format!("groups of format version {}, this program reads {VERSION}", meta.version);
                        return Err(StateError::Damaged(what));
                    }
                    self.clock = Timestamp(meta.clock);
                }
                Some(b't') => {
                    let told: SavedTold = serde_json::from_slice(&value).map_err(damaged)?;
                    let key = part_key(told.part.name());
                    self.behind.insert(key, told.behind);
                    let part = restore_part(told.part, &self.rules, &mut self.context.dictionary);
                    self.desk.recall(key, part);
                }
                Some(b'b') => drop(bursts.insert(key, value)),
                _ => return Err(StateError::Damaged("a row of an unknown kind".to_owned())),
            }
        }
        for bytes in bursts.values() {
            let place = |name| Some(part_key(name));
            let (burst, overlays) = restore_burst(bytes, &self.rules, &mut self.context.dictionary, place)?;
            self.desk.restore(burst, overlays);
        }
        Ok(())
    }
}
