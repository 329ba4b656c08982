//! The case register at work: handoffs become cases, people's requests become events, all through one ledger.

pub mod evidence;
pub mod handoffs;
pub mod opening;
pub mod packet;
pub mod people;
mod reminders;

pub use reminders::Due;

use std::collections::BTreeSet;

use anyhow::{Context, Result, anyhow, bail};

use crate::breach::case::change::{self, Asked, Refusal};
use crate::breach::case::event::Event;
use crate::breach::case::intake::{self, REGISTER};
use crate::breach::case::outlook::{Outlook, outlook};
use crate::breach::case::staff::Staff;
use crate::breach::case::{Case, FacilityFacts, links};
use crate::breach::handoff::Handoff;
use crate::breach::ledger::{Broken, Checkpoint, Verifier};
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
    /// Handoffs of which everything was known.
    pub known: usize,
    /// Why a handoff was not taken.
    pub refused: Vec<String>,
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
    /// Whether the checkpoint that was asked for stands in the ledger; `None` where none was.
    pub holds_checkpoint: Option<bool>,
}

impl Verified {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.broken.is_none() && self.differing.is_empty() && self.holds_checkpoint != Some(false)
    }
}

impl Office {
    /// Opens the register of a configuration's store.
    ///
    /// # Errors
    /// When there is none and `creates` is false, or the store cannot be opened.
    pub fn open(config: &Config, secrets: &Secrets, creates: bool) -> Result<Self> {
        let options = store_options(config, secrets);
        if !creates && !options.path.exists() {
            bail!(
                "there is no register at {}: name its configuration with --config, or open the first case with \
                 \"chartsentry cases open HANDOFFS\"",
                options.path.display()
            );
        }
        Ok(Self {
            register: Register::open(&options)?,
            facility: FacilityFacts::of(&facility(config)?),
            unopened_after: config.register.unopened_after.micros(),
            escalate_to: config.register.escalate_to.clone(),
        })
    }

    /// Takes handoffs in, all in one transaction.
    ///
    /// # Errors
    /// When the store cannot be read or written; then nothing is changed.
    pub fn take(&mut self, handoffs: &[Handoff], bringing: Bringing<'_>) -> Result<Taken> {
        let facility = self.facility.clone();
        let taken = self.register.write(|pen| take_all(pen, handoffs, &facility, bringing));
        Ok(taken?)
    }

    /// Takes some of the handoffs that the daemon has committed, and marks them taken in the same transaction. What no
    /// case can be made of is marked too; it stays in the store.
    ///
    /// # Errors
    /// When the store cannot be read or written; then nothing is changed.
    pub fn take_waiting(&mut self, at: Timestamp) -> Result<Taken> {
        /// Handoffs in one transaction: while it lasts, nobody else writes.
        const AT_ONCE: u32 = 100;
        let facility = self.facility.clone();
        let taken = self.register.write(|pen| {
            let (mut handoffs, mut unreadable) = (Vec::new(), Vec::new());
            let waiting = pen.waiting_handoffs(AT_ONCE)?;
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
        outlook(case, now, self.unopened_after)
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
            verified.differing = ids.iter().filter(differs).map(|id| (**id).clone()).collect();
        }
        Ok(verified)
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
    for handoff in handoffs {
        if let Err(Refusal(why)) = intake::admit(handoff, bringing.is_rehearsal, bringing.at) {
            taken.refused.push(why);
            continue;
        }
        let known = pen.cases_of(handoff)?;
        let intake = intake::take(handoff, &known, facility, bringing.is_rehearsal, bringing.at);
        taken.known += usize::from(intake.is_known());
        for (case_id, event) in intake.events {
            pen.append(bringing.at, bringing.by, &case_id, event)?;
            taken.widened.insert(case_id);
        }
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
