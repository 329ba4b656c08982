//! Handoffs become cases, some in one transaction.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use anyhow::Result;

use super::handoffs::plain;
use super::{Office, evidence};
use crate::breach::case::change::Refusal;
use crate::breach::case::event::{Event, EvidenceSource};
use crate::breach::case::intake::{self, REGISTER};
use crate::breach::case::{Case, FacilityFacts, links};
use crate::breach::handoff::Handoff;
use crate::model::time::Timestamp;
use crate::store::{Pen, StoreError};

/// What a batch of handoffs did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    pub handoffs: usize,
    pub opened: BTreeSet<String>,
    pub widened: BTreeSet<String>,
    /// Every case that a handoff belongs to, changed or not.
    pub concerned: BTreeSet<String>,
    /// Handoffs of which everything was known.
    pub known: usize,
    /// Why a handoff was not taken.
    pub refused: Vec<String>,
}

/// Handoffs in one transaction.
const AT_ONCE: usize = 100;

impl Taken {
    fn add(&mut self, more: Self) {
        self.handoffs += more.handoffs;
        self.known += more.known;
        self.opened.extend(more.opened);
        self.widened.extend(more.widened);
        self.concerned.extend(more.concerned);
        self.refused.extend(more.refused);
        self.widened.retain(|id| !self.opened.contains(id));
    }
}

/// Who brings handoffs, when, and whether it is only a rehearsal.
#[derive(Clone, Copy, Debug)]
pub struct Bringing<'b> {
    pub by: &'b str,
    pub at: Timestamp,
    pub is_rehearsal: bool,
}

impl Office {
    /// Takes handoffs in. Taking them a second time does nothing.
    ///
    /// # Errors
    /// When the store cannot be read or written; then what was taken before stands.
    pub fn take(&mut self, handoffs: &[Handoff], bringing: Bringing<'_>) -> Result<Taken> {
        let facility = self.facility.clone();
        let mut all = Taken::default();
        // Some at a time: while a transaction lasts, nobody else writes. Taking them again does nothing.
        for part in handoffs.chunks(AT_ONCE) {
            let taken = self.register.write(|pen| take_all(pen, part, &facility, bringing))?;
            all.add(taken);
        }
        Ok(all)
    }

    /// Takes some of the handoffs that the daemon has committed, and marks them taken in the same transaction. What no
    /// case can be made of is marked too; it stays in the store.
    ///
    /// # Errors
    /// When the store cannot be read or written; then nothing is changed.
    pub fn take_waiting(&mut self, at: Timestamp) -> Result<Taken> {
        let facility = self.facility.clone();
        let taken = self.register.write(|pen| {
            let (mut handoffs, mut unreadable) = (Vec::new(), Vec::new());
            let waiting = pen.waiting_handoffs(AT_ONCE as u32)?;
            let ids: Vec<String> = waiting.iter().map(|(id, _)| id.clone()).collect();
            for (id, json) in waiting {
                match serde_json::from_str(&json) {
                    Ok(handoff) => handoffs.push(handoff),
                    Err(error) => unreadable.push(format!("handoff {id} does not read back: {}", plain(&error))),
                }
            }
            let bringing = Bringing { by: REGISTER, at, is_rehearsal: false };
            let mut taken = take_all(pen, &handoffs, &facility, bringing)?;
            for case_id in &taken.concerned {
                keep_rows(pen, case_id, at)?;
            }
            taken.handoffs += unreadable.len();
            taken.refused.extend(unreadable);
            pen.mark_taken(&ids)?;
            Ok::<Taken, StoreError>(taken)
        });
        Ok(taken?)
    }
}

fn take_all(
    pen: &mut Pen<'_>,
    handoffs: &[Handoff],
    facility: &FacilityFacts,
    bringing: Bringing<'_>,
) -> Result<Taken, StoreError> {
    let mut taken = Taken { handoffs: handoffs.len(), ..Taken::default() };
    let mut last: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for handoff in handoffs {
        let newest = last.entry((&handoff.incident_id, &handoff.run_id)).or_default();
        *newest = handoff.sequence.max(*newest);
    }
    for handoff in handoffs {
        if let Err(Refusal(why)) = intake::admit(handoff, bringing.is_rehearsal, bringing.at) {
            taken.refused.push(why);
            continue;
        }
        let known = pen.cases_of(handoff)?;
        let is_its = |case: &&Case| case.is_rehearsal == bringing.is_rehearsal;
        taken.concerned.extend(known.iter().filter(is_its).map(|case| case.case_id.clone()));
        let intake = intake::take(
            handoff,
            &known,
            &intake::Bringing {
                facility,
                is_rehearsal: bringing.is_rehearsal,
                at: bringing.at,
                is_last: last.get(&(handoff.incident_id.as_str(), handoff.run_id.as_str())) == Some(&handoff.sequence),
            },
        );
        taken.known += usize::from(intake.is_known());
        for (case_id, event) in intake.events {
            pen.append(bringing.at, bringing.by, &case_id, event)?;
            taken.widened.insert(case_id);
        }
        taken.concerned.extend(intake.opened.clone());
        taken.opened.extend(intake.opened);
    }
    taken.widened.retain(|id| !taken.opened.contains(id));
    for case_id in taken.opened.iter().chain(&taken.widened) {
        if let Some(case) = pen.case(case_id)? {
            link(pen, &case, bringing.at)?;
        }
    }
    Ok(taken)
}

/// Writes into the ledger which rows the engine held of a case's units, where it does not say so yet.
fn keep_rows(pen: &mut Pen<'_>, case_id: &str, at: Timestamp) -> Result<(), StoreError> {
    let Some(case) = pen.case(case_id)? else { return Ok(()) };
    let kept = case.evidence.iter().filter(|evidence| evidence.source == EvidenceSource::Engine);
    let kept: HashSet<&[String; 3]> = kept.flat_map(|evidence| &evidence.rows).collect();
    let pairs: BTreeSet<(&str, &str)> =
        case.units.iter().map(|unit| (unit.key.user_id.as_str(), unit.key.patient_id.as_str())).collect();
    let mut rows = Vec::new();
    for (user_id, patient_id) in pairs {
        rows.extend(pen.evidence(user_id, patient_id)?);
    }
    rows.retain(|row| !kept.contains(&row.key()));
    let evidence = evidence::of_case(&case, EvidenceSource::Engine, &rows, pen)?;
    if !evidence.rows.is_empty() {
        pen.append(at, REGISTER, case_id, Event::EvidenceKept { evidence })?;
    }
    Ok(())
}

/// Proposes what a case may continue, and what may continue it.
pub(super) fn link(pen: &mut Pen<'_>, case: &Case, at: Timestamp) -> Result<(), StoreError> {
    let beside = pen.cases_beside(case)?;
    for event in links::propose(case, &beside) {
        pen.append(at, REGISTER, &case.case_id, event)?;
    }
    for other in &beside {
        for event in links::propose(other, std::slice::from_ref(case)) {
            pen.append(at, REGISTER, &other.case_id, event)?;
        }
    }
    Ok(())
}
