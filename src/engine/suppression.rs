//! `[[suppressions]]`: what a named person decided not to be told of, for a while.
//!
//! A suppression goes by the time of the access: accesses of its days stay muted when it has ended, so nothing
//! floods in on the day after. Muted evidence is kept with the weight 0, and counted.

use std::sync::Arc;

use jiff::civil::Date;
use serde::{Serialize, Serializer};

/// One suppression. At least one of user, patient and detector narrows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Suppression {
    /// Names it in counts and messages.
    pub id: Arc<str>,
    /// Who answers for it.
    pub owner: String,
    pub reason: String,
    pub user: Option<String>,
    pub patient: Option<String>,
    /// The detector that is muted; without one, all that look at one access.
    pub detector: Option<String>,
    /// First and last local day.
    #[serde(serialize_with = "as_text")]
    pub from: Date,
    #[serde(serialize_with = "as_text")]
    pub until: Date,
}

fn as_text<S: Serializer>(date: &Date, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(date)
}

impl Suppression {
    /// Whether an access of a local day is meant.
    #[must_use]
    pub fn covers(&self, user: &str, patient: &str, day: Date) -> bool {
        let fits = |scope: &Option<String>, id: &str| scope.as_deref().is_none_or(|scope| scope == id);
        self.from <= day && day <= self.until && fits(&self.user, user) && fits(&self.patient, patient)
    }

    /// Whether a detector of an access that it covers is muted.
    #[must_use]
    pub fn mutes(&self, detector: &str) -> bool {
        self.detector.as_deref().is_none_or(|own| own == detector)
    }

    /// What deserves a second look on a day, in one sentence.
    #[must_use]
    pub fn warning(&self, today: Date) -> Option<String> {
        let id = &self.id;
        let days = self.until.since(self.from).map_or(0, |span| span.get_days());
        if self.until < today {
            Some(format!("suppression \"{id}\" ended on {}: remove it", self.until))
        } else if self.user.is_none() && self.patient.is_none() {
            Some(format!(
                "suppression \"{id}\" is broad: it mutes a detector for everybody; switch it off instead, or name a user or a patient"
            ))
        } else if self.patient.is_none() && self.detector.is_none() {
            Some(format!(
                "suppression \"{id}\" is broad: it mutes everything about a user; name a patient or a detector"
            ))
        } else if days > LONGEST {
            Some(format!("suppression \"{id}\" lasts {days} days: more than a year is seldom a decision"))
        } else {
            None
        }
    }
}

/// Days after which a suppression is called long.
const LONGEST: i32 = 366;

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn suppression(user: Option<&str>, patient: Option<&str>, detector: Option<&str>) -> Suppression {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Suppression {
            id: "s1".into(),
            owner: "Privacy office".to_owned(),
            reason: "Chart review".to_owned(),
            user: owned(user),
            patient: owned(patient),
            detector: owned(detector),
            from: date(2026, 6, 1),
            until: date(2026, 6, 30),
        }
    }

    #[test]
    fn its_days_and_its_scope_bound_it() {
        let narrow = suppression(Some("u1"), Some("p1"), None);
        assert!(narrow.covers("u1", "p1", date(2026, 6, 30)) && !narrow.covers("u1", "p1", date(2026, 7, 1)));
        assert!(!narrow.covers("u2", "p1", date(2026, 6, 30)) && !narrow.covers("u1", "p2", date(2026, 6, 30)));
    }

    #[test]
    fn broad_and_ended_ones_are_named() {
        let today = date(2026, 6, 15);
        assert_eq!(suppression(Some("u1"), None, Some("neighbor")).warning(today), None);
        assert!(suppression(Some("u1"), None, None).warning(today).unwrap().contains("broad"));
        assert!(suppression(None, None, Some("neighbor")).warning(today).unwrap().contains("everybody"));
        assert!(suppression(Some("u1"), Some("p1"), None).warning(date(2026, 7, 2)).unwrap().contains("ended"));
        let long = Suppression { until: date(2027, 6, 3), ..suppression(Some("u1"), Some("p1"), None) };
        assert!(long.warning(today).unwrap().contains("lasts 367 days"));
    }

    #[test]
    fn one_for_a_detector_leaves_the_others() {
        assert!(suppression(Some("u1"), None, None).mutes("neighbor"));
        let narrow = suppression(Some("u1"), None, Some("neighbor"));
        assert!(narrow.mutes("neighbor") && !narrow.mutes("coworker"));
    }
}
