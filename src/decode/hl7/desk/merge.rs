//! Ids that end in favour of others, visits that move, and persons who are deleted.
//!
//! | Message | Said in | Becomes |
//! |---|---|---|
//! | A18 A30 A34 A36 A39 A40, A46 A47 | MRG-1, PID-3 | the old id, merged into the new one |
//! | any ADT | PID-3 | another number of the same type and authority, merged into the first |
//! | A44 A45, A49 A50 | MRG-5, MRG-3; PID-3, PV1-19 | the visit under its new number, of its new patient |
//! | A29 | PID-3 | the patient and the contacts taken back |
//!
//! A link (A24) says that two people belong together, such as a mother and her child, and is no merge.

use super::{Desk, blank, changes, no_patient};
use crate::decode::Fault;
use crate::decode::hl7::heading::Heading;
use crate::decode::hl7::message::Message;
use crate::decode::hl7::{fields, patient};
use crate::model::context::ContextUpdate;

impl Desk {
    /// Every MRG segment ends an id in favour of the PID before it.
    pub(super) fn merge(
        &mut self,
        message: &Message<'_>,
        heading: &Heading,
        updates: &mut Vec<ContextUpdate>,
    ) -> Result<(), Fault> {
        let mut survivor = None;
        let mut pairs = Vec::new();
        for segment in message.segments() {
            if segment.is("PID") {
                survivor = Some((segment, fields::patient_id(segment).ok_or_else(no_patient)?));
            } else if segment.is("MRG") {
                let (pid, new) = survivor.clone().ok_or_else(no_patient)?;
                let old = fields::best_id(segment.field(1)).or_else(|| fields::best_id(segment.field(4)));
                let old = old.or_else(|| fields::any_id(segment.field(1)));
                let old = old.ok_or_else(|| Fault::missing("MRG-1 (the id that ends)"))?;
                let others = fields::alike(segment.field(1), &old);
                pairs.extend(std::iter::once(old).chain(others).map(|old| (pid, new.clone(), old)));
            }
        }
        if pairs.is_empty() {
            return Err(Fault::missing("MRG-1 (the id that ends)"));
        }
        for (pid, new, old) in pairs {
            let known = self.charts.get(&new);
            if known.is_none_or(|chart| chart.heard_at <= heading.heard_at) {
                let mut patient = known.map_or_else(|| blank(&new), |chart| chart.patient.clone());
                patient::demographics(&mut patient, pid, heading.date);
                patient.merged_into = None;
                self.keep(patient, heading, updates);
            }
            self.end(&old, &new, heading, updates);
        }
        Ok(())
    }

    /// An id goes on as another one. A late message does not turn round what a newer one merged.
    pub(super) fn end(&mut self, old: &str, new: &str, heading: &Heading, updates: &mut Vec<ContextUpdate>) {
        let is_undone = self.charts.get(new).is_some_and(|chart| chart.patient.merged_into.as_deref() == Some(old));
        if old == new || is_undone {
            return;
        }
        let known = self.charts.get(old);
        let mut patient = known.map_or_else(|| blank(old), |chart| chart.patient.clone());
        patient.merged_into = Some(new.to_owned());
        self.keep(patient, heading, updates);
    }

    /// The visit that MRG names, by visit number or account, becomes that of PV1-19 and of this patient.
    pub(super) fn relocate(
        &mut self,
        message: &Message<'_>,
        patient: &str,
        heading: &Heading,
        updates: &mut Vec<ContextUpdate>,
    ) {
        let mut former = [5, 3].into_iter().filter_map(|number| fields::number_key(message.field("MRG", number)));
        let Some(former) = former.find(|name| self.visits.contains_key(name)) else { return };
        let is_free = |name: &String| *name != former && !self.visits.contains_key(name);
        let name = fields::visit_key(message).filter(is_free);
        let Some(mut visit) = self.visits.remove(&former) else { return };
        let before = visit.facts(&former);
        if heading.heard_at >= visit.heard_at {
            let number = name.as_ref().and_then(|_| fields::visit_number(message));
            visit.move_to(patient, number, heading.heard_at);
        }
        let name = name.unwrap_or(former);
        changes(&before, visit.facts(&name), visit.heard_at, heading, updates);
        self.visits.insert(name, visit);
    }

    /// Takes a patient and the contacts back. An earlier run may have told of the patient.
    pub(super) fn remove(&mut self, id: &str, heading: &Heading, updates: &mut Vec<ContextUpdate>) {
        let known = self.charts.get(id);
        if known.is_some_and(|chart| heading.heard_at < chart.heard_at) {
            return;
        }
        let contacts = self.charts.remove(id).map(|chart| chart.contacts).unwrap_or_default();
        let keys = contacts.into_keys().map(|contact| format!("hl7/contact/{contact}"));
        let keys = std::iter::once(format!("hl7/patient/{id}")).chain(keys);
        updates.extend(keys.map(|key| ContextUpdate { key, record: None, withdrawn_at: heading.heard_at }));
    }
}
