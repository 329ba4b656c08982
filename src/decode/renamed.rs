//! The ways into a [`Decoder`], and the crosswalk behind them: an id under which some system knows a person becomes the
//! one id of that person before a sink hears of it.
//!
//! Files, messages of Kafka, rows of Parquet and feeds all come in here, so each id passes through the crosswalk once.
//! Without one nothing stands between the decoder and its sink.

use std::borrow::Cow;
use std::sync::Arc;

use super::canonical::Row;
use super::context::Table;
use super::crosswalk::Crosswalk;
use super::decoder::{At, Decoder};
use super::{Chunk, DecodeSink};
use crate::model::access::AccessEvent;
use crate::model::context::{ContextRecord, ContextUpdate, Holder};
use crate::model::reject::Reject;
use crate::model::time::Timestamp;

impl Decoder {
    /// Decodes a chunk of a file.
    pub fn chunk<S: DecodeSink + ?Sized>(&mut self, chunk: &Chunk<'_>, sink: &mut S) {
        match self.crosswalk.take() {
            None => self.read_chunk(chunk, sink),
            Some(crosswalk) => self.through(crosswalk, sink, |decoder, sink| decoder.read_chunk(chunk, sink)),
        }
    }

    /// Decodes one access message: a canonical event, a FHIR AuditEvent or a Bundle of them.
    pub fn access_message<S: DecodeSink + ?Sized>(&mut self, value: &[u8], at: At<'_>, sink: &mut S) {
        match self.crosswalk.take() {
            None => self.read_access(value, at, sink),
            Some(crosswalk) => self.through(crosswalk, sink, |decoder, sink| decoder.read_access(value, at, sink)),
        }
    }

    /// Decodes one message of a compacted context topic. `key` is the record's identity; no value
    /// withdraws it as of `timestamp`.
    pub fn context_message<S: DecodeSink + ?Sized>(
        &mut self,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp: Timestamp,
        at: At<'_>,
        sink: &mut S,
    ) {
        match self.crosswalk.take() {
            None => self.read_context(key, value, timestamp, at, sink),
            Some(crosswalk) => {
                self.through(crosswalk, sink, |decoder, sink| decoder.read_context(key, value, timestamp, at, sink))
            }
        }
    }

    /// Decodes one message of a feed: HL7 v2 (one or several), a FHIR resource or Bundle as JSON or XML.
    pub fn feed_message<S: DecodeSink + ?Sized>(&mut self, value: &[u8], at: At<'_>, sink: &mut S) {
        match self.crosswalk.take() {
            None => self.read_feed(value, at, sink),
            Some(crosswalk) => self.through(crosswalk, sink, |decoder, sink| decoder.read_feed(value, at, sink)),
        }
    }

    /// Decodes one row of a columnar access log.
    pub fn access_row<S: DecodeSink + ?Sized>(&mut self, row: &Row<'_>, at: At<'_>, sink: &mut S) {
        match self.crosswalk.take() {
            None => self.read_access_row(row, at, sink),
            Some(crosswalk) => self.through(crosswalk, sink, |decoder, sink| decoder.read_access_row(row, at, sink)),
        }
    }

    /// Decodes one row of a columnar context table; `cells` in the order of [`Table::columns`].
    pub fn context_row<S: DecodeSink + ?Sized>(&mut self, table: Table, cells: &[&str], at: At<'_>, sink: &mut S) {
        match self.crosswalk.take() {
            None => self.read_context_row(table, cells, at, sink),
            Some(crosswalk) => {
                self.through(crosswalk, sink, |decoder, sink| decoder.read_context_row(table, cells, at, sink))
            }
        }
    }

    /// Reads something through a crosswalk that was taken out of the decoder, and puts it back: a clone would cost each
    /// row an atomic operation that all threads share.
    fn through<S: DecodeSink + ?Sized>(
        &mut self,
        crosswalk: Arc<Crosswalk>,
        sink: &mut S,
        read: impl FnOnce(&mut Self, &mut dyn DecodeSink),
    ) {
        let mut renaming = Renaming { crosswalk: &crosswalk, sink, users: 0, patients: 0 };
        read(self, &mut renaming);
        self.counters.users_renamed += renaming.users;
        self.counters.patients_renamed += renaming.patients;
        self.crosswalk = Some(crosswalk);
    }
}

/// Hands everything on with the ids that the crosswalk says, and counts those that it changed.
struct Renaming<'r, S: ?Sized> {
    crosswalk: &'r Crosswalk,
    sink: &'r mut S,
    users: u64,
    patients: u64,
}

impl<S: ?Sized> Renaming<'_, S> {
    fn user(&mut self, id: &mut String) {
        let canonical = self.crosswalk.user(id);
        if canonical != id.as_str() {
            *id = canonical.to_owned();
            self.users += 1;
        }
    }

    fn patient(&mut self, id: &mut String) {
        let canonical = self.crosswalk.patient(id);
        if canonical != id.as_str() {
            *id = canonical.to_owned();
            self.patients += 1;
        }
    }

    fn record(&mut self, record: &mut ContextRecord) {
        match record {
            ContextRecord::Workforce(member) => {
                self.user(&mut member.user_id);
                member.manager_id.iter_mut().for_each(|id| self.user(id));
                member.patient_id.iter_mut().for_each(|id| self.patient(id));
            }
            ContextRecord::Patient(patient) => {
                self.patient(&mut patient.patient_id);
                patient.merged_into.iter_mut().for_each(|id| self.patient(id));
                // Both numbers are one by now.
                if patient.merged_into.as_ref() == Some(&patient.patient_id) {
                    patient.merged_into = None;
                }
            }
            ContextRecord::RelatedPerson(person) => {
                self.patient(&mut person.patient_id);
                person.related_patient_id.iter_mut().for_each(|id| self.patient(id));
            }
            ContextRecord::Relationship(relationship) => {
                self.patient(&mut relationship.patient_id);
                relationship.recorded_by.iter_mut().for_each(|id| self.user(id));
                if let Holder::User(id) = &mut relationship.holder {
                    self.user(id);
                }
            }
            ContextRecord::Shift(shift) => self.user(&mut shift.user_id),
            ContextRecord::FeedStatus(_) => {}
        }
    }
}

impl<S: DecodeSink + ?Sized> DecodeSink for Renaming<'_, S> {
    fn access(&mut self, event: &AccessEvent<'_>, line: u64) {
        let crosswalk = self.crosswalk;
        let user_id = crosswalk.user(&event.user_id);
        let patient_id = event.patient_id.as_deref().map(|id| crosswalk.patient(id));
        let is_other_user = *user_id != *event.user_id;
        let is_other_patient = patient_id != event.patient_id.as_deref();
        if !is_other_user && !is_other_patient {
            return self.sink.access(event, line);
        }
        self.users += u64::from(is_other_user);
        self.patients += u64::from(is_other_patient);
        let (user_id, patient_id) = (Cow::Borrowed(user_id), patient_id.map(Cow::Borrowed));
        self.sink.access(&AccessEvent { user_id, patient_id, ..event.clone() }, line);
    }

    fn context(&mut self, mut update: ContextUpdate, line: u64) {
        if let Some(record) = &mut update.record {
            self.record(record);
        }
        self.sink.context(update, line);
    }

    fn reject(&mut self, reject: Reject) {
        self.sink.reject(reject);
    }
}

#[cfg(test)]
mod tests;
