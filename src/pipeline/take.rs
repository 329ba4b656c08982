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
#[derive(Debug)]
pub struct Decoded {
    pub intake: Intake,
    pub rejects: Vec<Reject>,
}

/// Collects what a decoder finds in one block of an access log.
pub struct Taking<'d> {
    pub dictionary: &'d Dictionary,
    pub decoded: &'d mut Decoded,
    /// Accesses later than this are rejects.
    pub as_of: Timestamp,
    /// Names the input in rejects of accesses from the future.
    pub file: Arc<str>,
}

impl DecodeSink for Taking<'_> {
    fn access(&mut self, event: &AccessEvent<'_>, line: u64) {
        if event.occurred_at > self.as_of {
            let place = Place::File { file: self.file.clone(), line };
            self.decoded.rejects.push(from_the_future(event, place));
        } else {
            self.decoded.intake.push(self.dictionary, event, Arrival::UNTOLD);
        }
    }

    fn context(&mut self, _: ContextUpdate, _: u64) {}

    fn reject(&mut self, reject: Reject) {
        self.decoded.rejects.push(reject);
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
