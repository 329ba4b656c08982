//! What every paper of a case draws on.

use jiff::civil::Date;

use super::names::Names;
use crate::breach::case::event::Recipient;
use crate::breach::case::outlook::{Outlook, reportable};
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
    /// Cases of the same patients that were reported to the Department in the six years before, and when.
    pub earlier: &'s [(String, Date)],
}

impl Subject<'_> {
    /// Local date and time to the second; the paper names the zone once.
    #[must_use]
    pub fn local(&self, at: Timestamp) -> String {
        self.zone.datetime(at).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// When a unit happened: one moment, or from first to last access.
    #[must_use]
    pub fn span(&self, unit: &CaseUnit) -> String {
        let (first, last) = (self.local(unit.occurred_first), self.local(unit.occurred_last));
        match first == last {
            true => first,
            false => {
                let is_one_day = self.zone.date(unit.occurred_first) == self.zone.date(unit.occurred_last);
                let last = if is_one_day { last.split(' ').next_back().unwrap_or_default() } else { last.as_str() };
                format!("{first} to {last}")
            }
        }
    }

    /// Whose clock the paper's times are of.
    #[must_use]
    pub fn zone_note(&self) -> String {
        format!("Times are local times at the facility ({}).", self.zone.name())
    }

    /// The units that something sent to `to` is about.
    #[must_use]
    pub fn units(&self, to: Recipient) -> Vec<&CaseUnit> {
        let keys = reportable(self.case, to, self.outlook.licensed);
        self.case.units.iter().filter(|unit| keys.contains(&unit.key)).collect()
    }
}

/// A number with its word: `1 unit`, `2 units`.
#[must_use]
pub fn counted(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

/// A date as a letter writes it.
#[must_use]
pub fn in_words(date: Date) -> String {
    date.strftime("%B %-d, %Y").to_string()
}
