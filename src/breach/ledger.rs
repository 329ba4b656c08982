//! The ledger: every event of every case in one chain, each entry carrying the hash of the one before.
//!
//! An entry is kept as the text that was hashed, so it can be checked again without knowing what it means. Who changes a
//! byte, takes an entry out or puts one in between breaks the chain at that place. Taking entries off the end breaks no
//! chain; against that, the newest hash is told to somebody else from time to time (a *checkpoint*).

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::case::Case;
use super::case::event::Event;
use crate::model::time::Timestamp;

/// What the first entry names as the hash before it.
pub const GENESIS: &str = "chartsentry ledger 1";

/// One entry: who did what to which case, when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// 1, 2, 3 ... without a gap.
    pub sequence: u64,
    pub at: Timestamp,
    pub by: String,
    pub case_id: String,
    #[serde(flatten)]
    pub event: Event,
    /// Hash of the entry before; [`GENESIS`] for the first.
    pub previous: String,
}

/// An entry as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub sequence: u64,
    /// The entry as JSON: what was hashed.
    pub body: String,
    /// SHA-256 of `body`, in hexadecimal digits.
    pub hash: String,
}

impl Entry {
    /// The entry as it is kept.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn keep(&self) -> serde_json::Result<Kept> {
        let body = serde_json::to_string(self)?;
        let hash = hash_of(&body);
        Ok(Kept { sequence: self.sequence, body, hash })
    }
}

/// The hash of an entry's text.
#[must_use]
pub fn hash_of(body: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(body))
}

/// The newest entry's place and hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    pub sequence: u64,
    pub hash: String,
}

/// Where a ledger is broken, and how.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("entry {sequence} of the ledger {why}")]
pub struct Broken {
    pub sequence: u64,
    pub why: String,
}

/// Follows a ledger from its first entry and makes its cases anew.
#[derive(Clone, Debug, Default)]
pub struct Verifier {
    head: Option<Checkpoint>,
    cases: BTreeMap<String, Case>,
}

impl Verifier {
    /// Checks the next entry.
    ///
    /// # Errors
    /// When it does not follow the one before, was changed, or makes no sense where it stands.
    pub fn take(&mut self, kept: &Kept) -> Result<(), Broken> {
        let expected = self.head.as_ref().map_or(1, |head| head.sequence + 1);
        let broken = |sequence, why: &str| Err(Broken { sequence, why: why.to_owned() });
        if kept.sequence != expected {
            return broken(expected, &format!("is missing: the next one is {}", kept.sequence));
        }
        if hash_of(&kept.body) != kept.hash {
            return broken(expected, "was changed: its hash does not fit its text");
        }
        let Ok(entry) = serde_json::from_str::<Entry>(&kept.body) else {
            return broken(expected, "does not read as an entry");
        };
        if entry.sequence != kept.sequence {
            return broken(expected, &format!("says of itself that it is entry {}", entry.sequence));
        }
        if entry.previous != self.head.as_ref().map_or(GENESIS, |head| head.hash.as_str()) {
            return broken(expected, "does not follow the one before: an entry was changed, put in or taken out");
        }
        self.apply(&entry).or_else(|why| broken(expected, why))?;
        self.head = Some(Checkpoint { sequence: kept.sequence, hash: kept.hash.clone() });
        Ok(())
    }

    fn apply(&mut self, entry: &Entry) -> Result<(), &'static str> {
        match (self.cases.get_mut(&entry.case_id), Case::open(&entry.case_id, entry.at, &entry.event)) {
            (None, Some(case)) => {
                self.cases.insert(entry.case_id.clone(), case);
            }
            (Some(case), None) => case.apply(entry.at, &entry.by, &entry.event),
            (None, None) => return Err("is about a case that was never opened"),
            (Some(_), Some(_)) => return Err("opens a case that is open already"),
        }
        Ok(())
    }

    /// The newest entry; `None` for an empty ledger.
    #[must_use]
    pub fn head(&self) -> Option<&Checkpoint> {
        self.head.as_ref()
    }

    /// The cases as the ledger makes them, by id.
    #[must_use]
    pub fn cases(&self) -> &BTreeMap<String, Case> {
        &self.cases
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::breach::case::change::Change;
    use crate::breach::case::facts::Fact;
    use crate::breach::case::intake::{REGISTER, take};
    use crate::breach::case::testing::{apply, at, bringing, facility, handoff, unit};

    const NOW: &str = "2026-09-22T16:00:00Z";

    /// A ledger of one case, and the case as the register made it.
    fn ledger() -> (Vec<Kept>, Case) {
        let units = vec![unit("U1", "P1", "2026-09-18T20:00:00Z", "2026-09-18T20:10:00Z")];
        let intake = take(&handoff("i1", 1, units, NOW), &[], &bringing(&facility(), NOW));
        let case_id = intake.opened.unwrap();
        let mut events: Vec<Event> = intake.events.into_iter().map(|(_, event)| event).collect();
        let change = Change::Fact { fact: Fact::Part2, before: None, after: "no".to_owned(), reason: None };
        events.extend([
            Event::Changed { change },
            Event::Noted { text: "seen".to_owned() },
            Event::Assigned { before: None, after: "Ada Berg".to_owned() },
        ]);
        let (mut kept, mut cases) = (Vec::<Kept>::new(), Vec::new());
        for event in events {
            apply(&mut cases, &case_id, &event, REGISTER, NOW);
            let previous = kept.last().map_or_else(|| GENESIS.to_owned(), |last| last.hash.clone());
            let sequence = kept.len() as u64 + 1;
            let entry =
                Entry { sequence, at: at(NOW), by: REGISTER.to_owned(), case_id: case_id.clone(), event, previous };
            kept.push(entry.keep().unwrap());
        }
        (kept, cases.remove(0))
    }

    fn first_broken(ledger: &[Kept]) -> Option<Broken> {
        let mut verifier = Verifier::default();
        ledger.iter().find_map(|kept| verifier.take(kept).err())
    }

    #[test]
    fn a_ledger_makes_its_cases_anew() {
        let (ledger, case) = ledger();
        let mut verifier = Verifier::default();
        ledger.iter().for_each(|kept| verifier.take(kept).unwrap());
        assert_eq!(verifier.cases()[&case.case_id], case);
        assert_eq!(verifier.head().unwrap().sequence, 5);
        let json = serde_json::to_string(&case).unwrap();
        assert_eq!(serde_json::from_str::<Case>(&json).unwrap(), case, "what the register keeps reads back");
    }

    #[test]
    fn each_way_of_tampering_is_found_where_it_begins() {
        let (whole, _) = ledger();
        for byte in 0..whole[2].body.len() {
            let mut ledger = whole.clone();
            let mut body = ledger[2].body.clone().into_bytes();
            body[byte] ^= 1;
            ledger[2].body = String::from_utf8_lossy(&body).into_owned();
            assert_eq!(first_broken(&ledger).unwrap().sequence, 3, "byte {byte}");
        }
        let mut rehashed = whole.clone();
        rehashed[2].body = rehashed[2].body.replace("\"no\"", "\"yes\"");
        rehashed[2].hash = hash_of(&rehashed[2].body);
        assert_eq!(first_broken(&rehashed).unwrap().sequence, 4, "the next one names another hash");
        let mut cut = whole.clone();
        cut.remove(2);
        assert_eq!(first_broken(&cut).unwrap().sequence, 3);
        let mut doubled = whole.clone();
        doubled.insert(2, whole[1].clone());
        assert_eq!(first_broken(&doubled).unwrap().sequence, 3);
        assert_eq!(first_broken(&whole[..3]), None, "the end can be cut: that is what checkpoints are for");
    }
}
