//! What each detector is worth: what stands with everything on, less what stands without it.

use serde::Serialize;

use super::evaluate::Standing;

/// What one detector adds to the others: known pairs and incidents that are found with it only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Worth {
    pub detector: String,
    /// Known pairs without a reason that no incident holds without it.
    pub pairs: usize,
    /// Such pairs that are found without it only.
    pub pairs_without: usize,
    /// Incidents that need it, or are there without it only: true ones and false ones.
    pub true_incidents: i64,
    pub false_incidents: i64,
}

impl Worth {
    /// Whether nothing changes without it.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.pairs == 0 && self.pairs_without == 0 && self.true_incidents == 0 && self.false_incidents == 0
    }
}

/// What a detector is worth: what stands with everything on, less what stands without it.
#[must_use]
pub fn worth(detector: &str, whole: &Standing, without: &Standing) -> Worth {
    let less = |one: usize, other: usize| one as i64 - other as i64;
    Worth {
        detector: detector.to_owned(),
        pairs: whole.found.difference(&without.found).count(),
        pairs_without: without.found.difference(&whole.found).count(),
        true_incidents: less(whole.true_incidents, without.true_incidents),
        false_incidents: less(whole.false_incidents, without.false_incidents),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_detector_is_worth() {
        let pair = |user: &str| (user.to_owned(), "p1".to_owned());
        let whole = Standing { found: [pair("u1"), pair("u2")].into(), true_incidents: 2, false_incidents: 1 };
        let without = Standing { found: [pair("u1")].into(), true_incidents: 1, false_incidents: 3 };
        let found = worth("household", &whole, &without);
        assert_eq!((found.pairs, found.true_incidents, found.false_incidents), (1, 1, -2));
        assert!(!found.is_none() && worth("household", &whole, &whole).is_none());
    }
}
