//! What every paper of a case draws on.

use super::names::Names;
use crate::breach::case::outlook::Outlook;
use crate::breach::case::{Case, CaseUnit};
use crate::model::time::{Timestamp, Zone};

/// A case on its way to paper.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'s> {
    pub case: &'s Case,
    pub outlook: &'s Outlook,
    pub names: &'s Names,
    /// The facility's name, where the configuration has one.
    pub facility: Option<&'s str>,
    pub zone: &'s Zone,
}

impl Subject<'_> {
    /// Local date and time to the second, with the zone.
    #[must_use]
    pub fn local(&self, at: Timestamp) -> String {
        let local = self.zone.datetime(at);
        format!("{} {:02}:{:02}:{:02} ({})", local.date(), local.hour(), local.minute(), local.second(), self.zone.name())
    }

    /// When a unit happened: one moment, or from first to last access.
    #[must_use]
    pub fn span(&self, unit: &CaseUnit) -> String {
        if unit.occurred_first == unit.occurred_last {
            return self.local(unit.occurred_first);
        }
        format!("{} to {}", self.local(unit.occurred_first), self.local(unit.occurred_last))
    }
}
