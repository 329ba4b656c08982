//! The accesses behind a unit, as the engine holds them: a daemon's evidence, where the log itself is far away.

use std::borrow::Cow;

use crate::model::access::AccessEvent;
use crate::model::incident::Unit;

use super::Engine;
use super::branch::Branch;
use super::context::Context;
use super::dictionary::{Interner, NONE};
use super::episode::Member;

impl Engine {
    /// What the engine holds of a unit's person and chart in the unit's time, in the order of time: every access that
    /// still counts. Workstation, address, encounter, purpose and reason are not held.
    #[must_use]
    pub fn behind(&self, unit: &Unit) -> Vec<AccessEvent<'static>> {
        self.branch.behind(unit, &self.context)
    }
}

impl Branch {
    /// As for [`Engine::behind`].
    pub(super) fn behind(&self, unit: &Unit, context: &Context) -> Vec<AccessEvent<'static>> {
        let dictionary = &context.dictionary;
        let (user, patient) = (dictionary.users.get(&unit.user_id), dictionary.patients.get(&unit.patient_id));
        let (Some(user), Some(patient)) = (user, patient) else { return Vec::new() };
        let episodes = self.shards.iter().flat_map(|shard| shard.episodes_of(user, patient));
        let members = episodes.flat_map(|episode| &episode.members);
        let times = unit.occurred_first..=unit.occurred_last;
        let mut members: Vec<&Member> = members.filter(|member| times.contains(&member.row.at)).collect();
        members.sort_by_key(|member| member.order());
        members.into_iter().map(|member| event(member, unit, context)).collect()
    }
}

fn event(member: &Member, unit: &Unit, context: &Context) -> AccessEvent<'static> {
    let row = &member.row;
    let text = |number: u32, names: &Interner| (number != NONE).then(|| Cow::Owned(names.text(number).to_owned()));
    AccessEvent {
        event_id: Cow::Owned(member.event_id.to_string()),
        occurred_at: row.at,
        recorded_at: Some(row.recorded_at).filter(|at| at.is_finite()),
        user_id: Cow::Owned(unit.user_id.clone()),
        patient_id: Some(Cow::Owned(unit.patient_id.clone())),
        action: row.action(),
        resource: text(row.resource(), &context.dictionary.resources),
        department: text(row.department(), &context.dictionary.departments),
        workstation: None,
        source_ip: None,
        encounter_id: None,
        purpose: None,
        break_glass_reason: None,
        outcome: row.outcome,
        search_text_kind: None,
    }
}
