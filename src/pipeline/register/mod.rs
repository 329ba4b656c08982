//! The case register at work: handoffs become cases, people's requests become events, all through one ledger.

pub mod evidence;
pub mod handoffs;
pub mod opening;
pub mod packet;
pub mod people;
mod reminders;

pub use reminders::{Channel, Due};

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, anyhow, bail};

use crate::breach::case::change::{self, Asked, Refusal};
use crate::breach::case::event::Event;
use crate::breach::case::intake::{self, REGISTER};
use crate::breach::case::outlook::{House, Outlook, outlook};
use crate::breach::case::staff::Staff;
use crate::breach::case::{Case, FacilityFacts, links};
use crate::breach::handoff::Handoff;
use crate::breach::ledger::{Broken, Checkpoint, Entry, Verifier};
use crate::config::{Config, Secrets};
use crate::model::time::Timestamp;
use crate::pipeline::daemon::{facility, store_options};
use crate::store::{Found, Pen, Register, StoreError};

/// The register with what it needs to know of the facility.
#[derive(Debug)]
pub struct Office {
    pub register: Register,
    pub facility: FacilityFacts,
    /// When an unopened case needs attention, in microseconds.
    pub unopened_after: i64,
    pub escalate_to: Vec<String>,
}

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
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.broken.is_none()
            && self.differing.is_empty()
            && self.other_evidence.is_empty()
            && self.holds_checkpoint != Some(false)
    }
}

impl Office {
    /// Opens the register of a configuration's store.
    ///
    /// # Errors
    /// When there is none and `creates` is false, or the store cannot be opened.
    pub fn open(config: &Config, secrets: &Secrets, creates: bool) -> Result<Self> {
        let options = store_options(config, secrets);
        if !creates && !std::fs::metadata(&options.path).is_ok_and(|file| file.len() > 0) {
            let path = std::path::absolute(&options.path).unwrap_or_else(|_| options.path.clone());
            bail!(
                "there is no register at {}: give the --config that names its [store] path (a relative one counts from \
                 the current folder), or open the first case with \"chartsentry cases open HANDOFFS\"",
                path.display()
            );
        }
        Ok(Self {
            register: Register::open(&options)?,
            facility: FacilityFacts::of(&facility(config)?),
            unopened_after: config.register.unopened_after.micros(),
            escalate_to: config.register.escalate_to.clone(),
        })
    }

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
                    Err(error) => unreadable.push(format!("handoff {id} does not read back: {error}")),
                }
            }
            let bringing = Bringing { by: REGISTER, at, is_rehearsal: false };
            let mut taken = take_all(pen, &handoffs, &facility, bringing)?;
            taken.handoffs += unreadable.len();
            taken.refused.extend(unreadable);
            pen.mark_taken(&ids)?;
            Ok::<Taken, StoreError>(taken)
        });
        Ok(taken?)
    }

    /// Does to a case what a person asks for. The case as it is then, and the event.
    ///
    /// # Errors
    /// The refusal, or when the store cannot be written.
    pub fn act(
        &mut self,
        case_id: &str,
        who: &Who<'_>,
        ask: impl FnOnce(&Case, &Asked<'_>) -> Result<Event, Refusal>,
    ) -> Result<(Case, Event)> {
        let staff = self.register.staff()?;
        self.register.write(|pen| {
            let case = pen.case(case_id)?.ok_or_else(|| anyhow!("there is no case {case_id}"))?;
            let asked = who.asked(&staff);
            let event = ask(&case, &asked)?;
            let case = pen.append(who.at, &asked.signature(), case_id, event.clone())?.clone();
            link(pen, &case, who.at)?;
            Ok((case, event))
        })
    }

    /// Records the first look of a person. The case as it is then.
    ///
    /// # Errors
    /// When it is the person the case is about, or the store cannot be written.
    pub fn look(&mut self, case_id: &str, who: &Who<'_>) -> Result<Case> {
        let staff = self.register.staff()?;
        self.register.write(|pen| {
            let case = pen.case(case_id)?.ok_or_else(|| anyhow!("there is no case {case_id}"))?;
            let asked = who.asked(&staff);
            match change::look(&case, &asked)? {
                Some(event) => Ok(pen.append(who.at, &asked.signature(), case_id, event)?.clone()),
                None => Ok(case),
            }
        })
    }

    /// The id of the case that a person means by its first characters.
    ///
    /// # Errors
    /// When none begins so, or several do.
    pub fn find(&self, prefix: &str) -> Result<String> {
        match self.register.find(prefix.trim())? {
            Found::One(id) => Ok(id),
            Found::None => bail!("no case begins with \"{}\": see \"chartsentry cases list --all\"", prefix.trim()),
            Found::Several(ids) => bail!("several cases begin with \"{}\": {}", prefix.trim(), ids.join(", ")),
        }
    }

    /// One case by its full id.
    ///
    /// # Errors
    /// When it is not there.
    pub fn case(&self, case_id: &str) -> Result<Case> {
        self.register.case(case_id)?.with_context(|| format!("there is no case {case_id}"))
    }

    /// How a case stands at an instant.
    #[must_use]
    pub fn outlook(&self, case: &Case, now: Timestamp) -> Outlook {
        outlook(case, now, House { unopened_after: self.unopened_after, licensed: self.facility.california })
    }

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
            let ids: BTreeSet<&String> = kept.iter().map(|case| &case.case_id).chain(verifier.cases().keys()).collect();
            let differs = |id: &&&String| kept.iter().find(|case| case.case_id == ***id) != verifier.cases().get(**id);
            verified.other_evidence = self.other_evidence(&kept)?;
            verified.differing = ids.iter().filter(differs).map(|id| (**id).clone()).collect();
        }
        Ok(verified)
    }
}

impl Office {
    fn other_evidence(&self, cases: &[Case]) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for case in cases {
            for kept in &case.evidence {
                let rows = kept.rows.iter().map(|key| self.register.evidence_row(key));
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

/// Who does something to a case, and when.
#[derive(Clone, Copy, Debug)]
pub struct Who<'w> {
    pub by: &'w str,
    pub outsider: Option<&'w str>,
    pub at: Timestamp,
}

impl Who<'_> {
    /// As the case asks for it.
    #[must_use]
    pub fn asked<'a>(&'a self, staff: &'a Staff) -> Asked<'a> {
        Asked { by: self.by, at: self.at, outsider: self.outsider, staff }
    }
}

fn take_all(
    pen: &mut Pen<'_>,
    handoffs: &[Handoff],
    facility: &FacilityFacts,
    bringing: Bringing<'_>,
) -> Result<Taken, StoreError> {
    let mut taken = Taken { handoffs: handoffs.len(), ..Taken::default() };
    let mut last: BTreeMap<&str, u32> = BTreeMap::new();
    for handoff in handoffs {
        let newest = last.entry(&handoff.incident_id).or_default();
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
                is_last: last.get(handoff.incident_id.as_str()) == Some(&handoff.sequence),
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

/// Proposes what a case may continue, and what may continue it.
fn link(pen: &mut Pen<'_>, case: &Case, at: Timestamp) -> Result<(), StoreError> {
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
