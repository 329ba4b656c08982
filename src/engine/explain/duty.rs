//! # duty
//!
//! ## What it explains
//! Accesses by people whose work is not tied to treatment: coding, release of information, quality
//! review.
//!
//! ## How it decides
//! A recorded task of kind billing, release-of-information or quality-review names the person or one
//! of their departments and covers the access. Such tasks count here only, never as `direct` or
//! `department`, and every detector still looks at the access: a task is no care.
//!
//! Without a task, the role alone explains, weakly: when it belongs to one of `classes` (see `[roles]`),
//! the person is employed, and neither a tie of the two people nor a mark of the chart is on record. Where one is, the role
//! may leave a doubt (`no_care_relationship`): for `in_care_classes` while somebody else's record shows the
//! patient in care, since registration meets whoever comes, shortly before the visit is on record; for the
//! other classes always.
//!
//! It holds as long as the day is usual for the role: where more than `usual_charts` charts (`busy_usual_charts` for
//! `busy_classes`) that no record explains were opened on one local day, the role explains none of them.
//!
//! Roles of `face_sheet_classes` have no need for the rest of the chart (the minimum necessary, 45 CFR
//! 164.502(b)): for them only accesses to the parts in `face_sheet` are explained so.
//!
//! ## Blind spots
//! A person of such a role who looks at a few strangers a day.
//!
//! ## Tuning
//! `weight` inside the dates of a task, `grace_weight` in the lead and the tail, `weak_weight` for the role
//! alone; log-odds, negative. `classes`: roles that explain by themselves; `in_care_classes`: those of
//! them who work on patients in care only. `face_sheet_classes`, `face_sheet`:
//! roles whose work needs only these parts of a chart. `usual_charts`, `busy_usual_charts`, `busy_classes`: charts a
//! day without a task.

use super::{Claim, Explanation, Weights, entry, of_any_class};
use crate::engine::dictionary::NONE;
use crate::engine::enrich::View;
use crate::engine::registry::{Entry, Group, Meta};
use serde::{Deserialize, Serialize};

static META: Meta = Meta { id: "duty", group: Group::Plain, since: "0.1.0", source: include_str!("duty.rs") };

pub(super) const ENTRY: Entry<dyn Explanation> = entry::<Duty>(&META);

#[derive(Serialize, Deserialize)]
struct Duty {
    #[serde(flatten)]
    task: Weights,
    weak_weight: f64,
    #[serde(deserialize_with = "crate::engine::roles::known_classes")]
    classes: Vec<String>,
    #[serde(deserialize_with = "crate::engine::roles::known_classes")]
    in_care_classes: Vec<String>,
    #[serde(deserialize_with = "crate::engine::roles::known_classes")]
    face_sheet_classes: Vec<String>,
    face_sheet: Vec<String>,
    usual_charts: u32,
    #[serde(deserialize_with = "crate::engine::roles::known_classes")]
    busy_classes: Vec<String>,
    busy_usual_charts: u32,
}

/// Parts of a chart that registration works on.
const FACE_SHEET: [&str; 7] =
    ["summary", "demographics", "insurance", "coverage", "appointments", "encounters", "documents"];

impl Duty {
    /// Whether the access is to a part that is none of the role's work. Sources that do not say are believed.
    fn is_beyond(&self, view: &View<'_>) -> bool {
        let resource = view.access.resource();
        let has_limits = of_any_class(view, &self.face_sheet_classes).is_some();
        let is_work = |part: &str| self.face_sheet.iter().any(|own| own.eq_ignore_ascii_case(part));
        has_limits && resource != NONE && !is_work(view.context.dictionary.resources.text(resource))
    }
}

impl Default for Duty {
    fn default() -> Self {
        let classes = [
            "coding",
            "release-of-information",
            "quality-review",
            "registration",
            "case-management",
            "information-technology",
        ];
        Self {
            task: Weights { weight: -6.0, grace_weight: -2.5 },
            weak_weight: -2.0,
            classes: classes.map(str::to_owned).to_vec(),
            in_care_classes: vec!["registration".to_owned(), "case-management".to_owned()],
            face_sheet_classes: vec!["registration".to_owned()],
            face_sheet: FACE_SHEET.map(str::to_owned).to_vec(),
            usual_charts: 40,
            busy_classes: vec!["registration".to_owned()],
            busy_usual_charts: 200,
        }
    }
}

impl Explanation for Duty {
    fn explain(&self, view: &View<'_>) -> Option<Claim> {
        if let Some(task) = view.hits.task {
            return Some(self.task.of(task));
        }
        let actor = of_any_class(view, &self.classes).filter(|_| !self.is_beyond(view))?;
        let fits_care = view.hits.supported || !view.is_of_any_class(&self.in_care_classes);
        let is_busy = view.is_of_any_class(&self.busy_classes);
        let usual_charts = if is_busy { self.busy_usual_charts } else { self.usual_charts };
        Some(Claim::of_role(actor, self.weak_weight, fits_care, Some(usual_charts)))
    }

    fn reason(&self, weight: f64) -> String {
        if weight == self.weak_weight {
            return "Explained: this person's role works on charts of patients whom it does not treat".to_owned();
        }
        self.task
            .sentence(weight, "a recorded task (billing, release of information or quality review) covers the access")
    }
}
