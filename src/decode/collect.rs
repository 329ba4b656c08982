//! A sink that keeps everything: for tests, tools and small inputs.

use std::borrow::Cow;

use super::DecodeSink;
use crate::model::access::AccessEvent;
use crate::model::context::ContextUpdate;
use crate::model::reject::Reject;

/// What was found, in order, with the line of each.
#[derive(Debug, Default)]
pub struct Collected {
    pub accesses: Vec<(AccessEvent<'static>, u64)>,
    pub updates: Vec<(ContextUpdate, u64)>,
    pub rejects: Vec<Reject>,
}

impl DecodeSink for Collected {
    fn access(&mut self, event: &AccessEvent<'_>, line: u64) {
        self.accesses.push((owned(event), line));
    }

    fn context(&mut self, update: ContextUpdate, line: u64) {
        self.updates.push((update, line));
    }

    fn reject(&mut self, reject: Reject) {
        self.rejects.push(reject);
    }
}

/// The event with its own copies of its texts.
#[must_use]
pub fn owned(event: &AccessEvent<'_>) -> AccessEvent<'static> {
    fn keep(text: &str) -> Cow<'static, str> {
        Cow::Owned(text.to_owned())
    }
    fn keep_some(text: &Option<Cow<'_, str>>) -> Option<Cow<'static, str>> {
        text.as_deref().map(keep)
    }
    AccessEvent {
        event_id: keep(&event.event_id),
        occurred_at: event.occurred_at,
        recorded_at: event.recorded_at,
        user_id: keep(&event.user_id),
        patient_id: keep_some(&event.patient_id),
        action: event.action,
        resource: keep_some(&event.resource),
        department: keep_some(&event.department),
        workstation: keep_some(&event.workstation),
        source_ip: keep_some(&event.source_ip),
        encounter_id: keep_some(&event.encounter_id),
        purpose: keep_some(&event.purpose),
        break_glass_reason: keep_some(&event.break_glass_reason),
        outcome: event.outcome,
        search_text_kind: event.search_text_kind,
    }
}
