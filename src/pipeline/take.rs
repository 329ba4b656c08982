//! From decoder to engine: what a worker collects from one block.

use crate::decode::DecodeSink;
use crate::engine::dictionary::Dictionary;
use crate::engine::{Arrival, Intake};
use crate::model::access::AccessEvent;
use crate::model::context::ContextUpdate;
use crate::model::reject::{Place, Reject, RejectCode};
use crate::model::time::Timestamp;
use std::sync::Arc;

/// Accesses of one block as rows, and what could not be used.
pub struct Taken<'d> {
    dictionary: &'d Dictionary,
    pub intake: Intake,
    pub rejects: Vec<Reject>,
    /// Context facts that stood among the accesses.
    pub context: Vec<ContextUpdate>,
    /// Accesses later than this are rejects.
    as_of: Timestamp,
    file: Arc<str>,
    /// When the records that follow reached the pipeline.
    pub arrival: Arrival,
}

impl<'d> Taken<'d> {
    /// Nothing yet. `file` names the input in rejects of accesses from the future.
    #[must_use]
    pub fn new(dictionary: &'d Dictionary, intake: Intake, as_of: Timestamp, file: Arc<str>) -> Self {
        Self { dictionary, intake, rejects: Vec::new(), context: Vec::new(), as_of, file, arrival: Arrival::UNTOLD }
    }

    /// Lets go of the dictionary.
    #[must_use]
    pub fn into_parts(self) -> (Intake, Vec<Reject>, Vec<ContextUpdate>) {
        (self.intake, self.rejects, self.context)
    }
}

impl DecodeSink for Taken<'_> {
    fn access(&mut self, event: &AccessEvent<'_>, line: u64) {
        if event.occurred_at > self.as_of {
            let place = Place::File { file: self.file.clone(), line };
            self.rejects.push(from_the_future(event, place));
        } else {
            self.intake.push(self.dictionary, event, self.arrival);
        }
    }

    fn context(&mut self, update: ContextUpdate, _: u64) {
        self.context.push(update);
    }

    fn reject(&mut self, reject: Reject) {
        self.rejects.push(reject);
    }
}

/// The reject for an access that happened after "now".
#[must_use]
pub fn from_the_future(event: &AccessEvent<'_>, place: Place) -> Reject {
    let mut record = serde_json::to_string(event).unwrap_or_default();
    record.truncate(record.floor_char_boundary(Reject::KEPT_BYTES));
    Reject {
        place,
        reason: RejectCode::Future,
        sentence: "occurred_at lies after the run's \"now\": check the source's clock, or give --as-of a later instant"
            .into(),
        record,
    }
}
