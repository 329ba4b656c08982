//! What decisions say about looks, as labels from which weights can be learned (`tune --labels`).
//!
//! A look that was a breach under some regime had no reason. One that was permitted by law had one. What was excluded
//! for another cause (a wrong chart, low probability) says nothing about either.

use anyhow::Result;

use super::csv_text;
use crate::breach::case::change::Outcome;
use crate::breach::case::outlook::decision;
use crate::breach::case::{Case, CaseUnit};
use crate::breach::exclusions::{Code, Regime};

const HEADER: [&str; 3] = ["user_id", "patient_id", "kind"];

/// One row for each unit that is decided.
///
/// # Errors
/// When the text cannot be written.
pub fn csv(cases: &[&Case]) -> Result<String> {
    let mut rows = Vec::new();
    for case in cases.iter().filter(|case| !case.is_rehearsal) {
        for unit in &case.units {
            if let Some(kind) = kind(case, unit) {
                rows.push(vec![unit.key.user_id.clone(), unit.key.patient_id.clone(), kind.to_owned()]);
            }
        }
    }
    rows.sort();
    rows.dedup();
    csv_text(&HEADER, &rows)
}

fn kind(case: &Case, unit: &CaseUnit) -> Option<&'static str> {
    let regimes = [Regime::California, Regime::Hipaa];
    let outcomes = regimes.into_iter().filter_map(|regime| decision(case, regime, unit)).map(|found| found.outcome);
    let outcomes: Vec<Outcome> = outcomes.collect();
    let is_permitted = |outcome: &Outcome| matches!(outcome, Outcome::Excluded { code: Code::D | Code::Permitted });
    match outcomes.as_slice() {
        [] => None,
        some if some.contains(&Outcome::Breach) => Some("breach"),
        some if some.iter().all(is_permitted) => Some("benign explained"),
        _ => Some("undetermined"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::breach::case::change::{Change, Decision};
    use crate::breach::case::event::Event;
    use crate::breach::case::testing::{at, saturday_case};

    fn decided(decisions: &[(Regime, Outcome)]) -> String {
        let mut case = saturday_case();
        let now = at("2026-09-22T16:00:00Z");
        for (regime, outcome) in decisions {
            let decision = Decision {
                regime: *regime,
                outcome: *outcome,
                units: case.units.iter().map(|unit| unit.key.clone()).collect(),
                grounds: String::new(),
                factors: Vec::new(),
                by: "A".to_owned(),
                at: now,
                second: None,
            };
            case.apply(now, "A", &Event::Proposed { number: 1, change: Change::Decision { decision } });
            case.apply(now, "B", &Event::Confirmed { number: 1 });
        }
        csv(&[&case]).unwrap().lines().nth(1).unwrap_or_default().to_owned()
    }

    #[test]
    fn decisions_become_labels() {
        let excluded = |code| Outcome::Excluded { code };
        assert_eq!(decided(&[]), "", "nothing is decided");
        assert_eq!(
            decided(&[(Regime::California, Outcome::Breach), (Regime::Hipaa, excluded(Code::I))]),
            "U1,P1,breach"
        );
        assert_eq!(decided(&[(Regime::California, excluded(Code::D))]), "U1,P1,benign explained");
        assert_eq!(decided(&[(Regime::Hipaa, excluded(Code::I))]), "U1,P1,undetermined");
    }
}
