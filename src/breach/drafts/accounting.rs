//! Lines for the accounting of disclosures (45 CFR 164.528).
//!
//! Only a confirmed impermissible *disclosure* is listed. A look by somebody inside is a use, and no disclosure.

use anyhow::Result;

use super::csv_text;
use crate::breach::case::Case;
use crate::breach::case::change::Outcome;
use crate::breach::case::facts::Fact;
use crate::breach::case::outlook::{Outlook, decision};
use crate::breach::exclusions::{Code, Regime};

const HEADER: [&str; 6] = ["patient_id", "date", "recipient", "what", "purpose", "case_id"];

/// One line for each unit of a confirmed disclosure.
///
/// # Errors
/// When the text cannot be written.
pub fn csv(cases: &[(&Case, Outlook)]) -> Result<String> {
    let mut rows = Vec::new();
    for (case, _) in cases {
        if case.is_rehearsal || !case.facts.event_kinds().contains(&"disclosure") {
            continue;
        }
        let zone = case.zone();
        for unit in &case.units {
            // Excluded from notification is still a disclosure; only what was permitted is none to account for here.
            let outcome = decision(case, Regime::Hipaa, unit).map(|found| found.outcome);
            if matches!(outcome, None | Some(Outcome::Excluded { code: Code::Permitted })) {
                continue;
            }
            let stated = |fact: Fact| case.facts.get(fact).unwrap_or("unknown so far: nobody has stated it").to_owned();
            rows.push(vec![
                unit.key.patient_id.clone(),
                zone.date(unit.occurred_first).to_string(),
                stated(Fact::Recipient),
                case.facts.get(Fact::Elements).map_or_else(|| unit.resources.join(", "), str::to_owned),
                "impermissible disclosure".to_owned(),
                case.case_id.clone(),
            ]);
        }
    }
    csv_text(&HEADER, &rows)
}
