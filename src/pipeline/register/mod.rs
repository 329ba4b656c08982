//! The case register at work: handoffs become cases, people's requests become events, all through one ledger.

pub mod evidence;
pub mod handoffs;
pub mod opening;
pub mod packet;
pub mod people;
mod reminders;
mod taking;
mod verify;

pub use reminders::{Channel, Due};
pub use taking::{Bringing, Taken};
pub use verify::Verified;

use anyhow::{Context, Result, anyhow, bail};

use crate::breach::case::change::{self, Asked, Refusal};
use crate::breach::case::event::Event;
use crate::breach::case::outlook::{House, Outlook, outlook};
use crate::breach::case::staff::Staff;
use crate::breach::case::{Case, FacilityFacts};
use crate::config::{Config, Secrets};
use crate::model::time::Timestamp;
use crate::pipeline::daemon::{facility, store_options};
use crate::store::{Found, Register};

/// The register with what it needs to know of the facility.
#[derive(Debug)]
pub struct Office {
    pub register: Register,
    pub facility: FacilityFacts,
    /// When an unopened case needs attention, in microseconds.
    pub unopened_after: i64,
    pub escalate_to: Vec<String>,
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
        Self::of(Register::open(&options)?, config)
    }

    /// With a register that is open already.
    ///
    /// # Errors
    /// When the facility's time zone is not known.
    pub fn of(register: Register, config: &Config) -> Result<Self> {
        Ok(Self {
            register,
            facility: FacilityFacts::of(&facility(config)?),
            unopened_after: config.register.unopened_after.micros(),
            escalate_to: config.register.escalate_to.clone(),
        })
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
            taking::link(pen, &case, who.at)?;
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
