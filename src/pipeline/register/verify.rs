//! The ledger read from its first entry: is it whole, are the cases what it makes, and what were they once.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::{Office, evidence};
use crate::breach::case::Case;
use crate::breach::ledger::{Broken, Checkpoint, Entry, Verifier};
use crate::model::time::Timestamp;
use crate::store::StoreError;

/// What reading the whole ledger came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    pub head: Option<Checkpoint>,
    pub cases: usize,
    /// Where the chain is broken first.
    pub broken: Option<Broken>,
    /// Cases that stand otherwise in the register than the ledger makes them.
    pub differing: Vec<String>,
    /// Cases whose rows of evidence are not those that were kept.
    pub other_evidence: Vec<String>,
    /// Whether the checkpoint that was asked for stands in the ledger; `None` where none was.
    pub holds_checkpoint: Option<bool>,
}

impl Verified {
    /// What is wrong, in a sentence; none when all is as it should be.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        if let Some(broken) = &self.broken {
            return Some(format!(
                "{broken}; entries before it are whole. Keep the file as it is and compare it with a backup"
            ));
        }
        if self.holds_checkpoint == Some(false) {
            return Some(
                "the checkpoint does not stand in the ledger: entries were taken off its end, or it is another ledger"
                    .to_owned(),
            );
        }
        let differing = |what: &str, cases: &[String]| {
            (!cases.is_empty()).then(|| format!("the ledger is whole, but {what} {}", cases.join(", ")))
        };
        differing("the register holds cases otherwise than the ledger makes them:", &self.differing)
            .or_else(|| differing("rows of evidence are not those that were kept for", &self.other_evidence))
    }
}

impl Office {
    /// Reads the whole ledger and compares what it makes with what the register holds.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn verify(&self, checkpoint: Option<&Checkpoint>) -> Result<Verified> {
        let mut verifier = Verifier::default();
        let mut verified = Verified { holds_checkpoint: checkpoint.map(|_| false), ..Verified::default() };
        self.register.ledger(|kept| {
            if verified.broken.is_none() {
                verified.broken = verifier.take(&kept).err();
                let stands = |wanted: &Checkpoint| wanted.sequence == kept.sequence && wanted.hash == kept.hash;
                if verified.broken.is_none() && checkpoint.is_some_and(stands) {
                    verified.holds_checkpoint = Some(true);
                }
            }
            Ok::<(), StoreError>(())
        })?;
        verified.head = verifier.head().cloned();
        if verified.broken.is_none() {
            let kept = self.register.cases()?;
            verified.cases = kept.len();
            verified.other_evidence = self.other_evidence(&kept)?;
            let kept: BTreeMap<&String, &Case> = kept.iter().map(|case| (&case.case_id, case)).collect();
            let ids: BTreeSet<&String> = kept.keys().copied().chain(verifier.cases().keys()).collect();
            let differs = |id: &&String| kept.get(*id).copied() != verifier.cases().get(*id);
            verified.differing = ids.into_iter().filter(differs).cloned().collect();
        }
        Ok(verified)
    }

    fn other_evidence(&self, cases: &[Case]) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for case in cases {
            for kept in &case.evidence {
                let rows = kept.rows.iter().map(|key| self.register.evidence_row(kept.source, key));
                let rows: Vec<Option<String>> = rows.collect::<Result<_, _>>()?;
                if evidence::digest(rows.iter().flatten().map(String::as_str)) != kept.digest {
                    found.push(case.case_id.clone());
                }
            }
        }
        found.dedup();
        Ok(found)
    }

    /// The cases as they were at an instant, made of the ledger's entries up to then.
    ///
    /// # Errors
    /// When the store cannot be read, or its ledger is broken.
    pub fn cases_at(&self, at: Timestamp) -> Result<Vec<Case>> {
        let (mut verifier, mut is_past) = (Verifier::default(), true);
        self.register.ledger(|kept| {
            let entry: Entry = serde_json::from_str(&kept.body)?;
            is_past &= entry.at <= at;
            if is_past { verifier.take(&kept).map_err(anyhow::Error::from) } else { Ok(()) }
        })?;
        Ok(verifier.cases().values().cloned().collect())
    }
}
