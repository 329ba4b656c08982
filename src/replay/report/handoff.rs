//! What the report takes from the handoffs: people, what they did, and the days that count.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde_json::Value;

/// The fields of an incident's handoff that the report shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HandoffView {
    pub actions: BTreeSet<String>,
    pub resources: BTreeSet<String>,
    /// The chart's content left the system.
    pub printed_or_exported: bool,
    /// Every unit is a person's own chart: a matter of house rules.
    pub is_policy_matter: bool,
    pub business_day: Option<Date>,
    pub cdph_deadline: Option<Date>,
    pub patient_deadline: Option<Date>,
    pub hipaa_individual_deadline: Option<Date>,
    pub hhs_deadline: Option<Date>,
    /// A person must say when diligence would have shown it.
    pub diligence_question: bool,
}

impl HandoffView {
    /// Reads a line of `handoffs.ndjson`; what it lacks stays empty.
    #[must_use]
    pub fn from_value(handoff: &Value) -> Self {
        let units = handoff["units"].as_array().map_or(&[][..], Vec::as_slice);
        let texts = |key: &str| {
            let values = units.iter().flat_map(|unit| unit[key].as_array().into_iter().flatten());
            values.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let deadline = |key: &str| date(&handoff["deadlines"][key]);
        Self {
            actions: texts("actions"),
            resources: texts("resources"),
            printed_or_exported: units.iter().any(|unit| unit["printed_or_exported"] == true),
            is_policy_matter: !units.is_empty() && units.iter().all(|unit| unit["unit_kind"] == "policy"),
            business_day: date(&handoff["detected"]["business_day"]),
            cdph_deadline: deadline("cdph_deadline"),
            patient_deadline: deadline("patient_deadline"),
            hipaa_individual_deadline: deadline("hipaa_individual_deadline"),
            hhs_deadline: deadline("hhs_deadline"),
            diligence_question: handoff["diligence_question"] == true,
        }
    }

    /// The days by which someone must hear of it, in the order of the law's steps.
    pub(super) fn deadlines(&self) -> impl Iterator<Item = (&'static str, Date)> {
        [
            ("CDPH report", self.cdph_deadline),
            ("Patient notice (California)", self.patient_deadline),
            ("Individual notice (HIPAA)", self.hipaa_individual_deadline),
            ("HHS", self.hhs_deadline),
        ]
        .into_iter()
        .filter_map(|(what, date)| Some((what, date?)))
    }
}

fn date(value: &Value) -> Option<Date> {
    value.as_str()?.parse().ok()
}

/// The handoff with the highest sequence of each incident.
#[must_use]
pub fn latest_handoffs<'a>(handoffs: impl IntoIterator<Item = &'a Value>) -> BTreeMap<String, HandoffView> {
    let mut latest: BTreeMap<&str, (u64, &Value)> = BTreeMap::new();
    for handoff in handoffs {
        let Some(incident_id) = handoff["incident_id"].as_str() else { continue };
        let sequence = handoff["sequence"].as_u64().unwrap_or(0);
        let entry = latest.entry(incident_id).or_insert((sequence, handoff));
        if sequence >= entry.0 {
            *entry = (sequence, handoff);
        }
    }
    latest.into_iter().map(|(id, (_, handoff))| (id.to_owned(), HandoffView::from_value(handoff))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_latest_handoff_counts_whatever_the_order() {
        let handoff = |sequence: u64, day: &str| {
            json!({
                "incident_id": "i1", "sequence": sequence,
                "units": [
                    {"user_id": "u2", "actions": ["view", "print"], "resources": ["notes"],
                     "printed_or_exported": true, "unit_kind": "access"},
                    {"user_id": "u1", "actions": ["view"], "resources": [],
                     "printed_or_exported": false, "unit_kind": "policy"},
                ],
                "detected": {"business_day": day},
                "deadlines": {"cdph_deadline": "2026-06-22", "hhs_deadline": null},
                "diligence_question": true,
            })
        };
        let values = [handoff(2, "2026-06-02"), handoff(1, "2026-06-01")];
        let latest = latest_handoffs(&values);
        let view = &latest["i1"];
        assert_eq!(view.business_day.unwrap().to_string(), "2026-06-02");
        assert_eq!(view.actions.len(), 2);
        assert!(view.printed_or_exported && view.diligence_question && !view.is_policy_matter);
        let deadlines: Vec<_> = view.deadlines().map(|(what, date)| (what, date.to_string())).collect();
        assert_eq!(deadlines, [("CDPH report", "2026-06-22".to_owned())]);
    }
}
