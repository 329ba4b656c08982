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
//! the person is employed, and neither a personal tie nor a mark of the chart is on record.
//!
//! ## Blind spots
//! A person of such a role who looks at strangers: the volume of a day is not weighed here.
//!
//! ## Tuning
//! `weight` inside the dates of a task, `grace_weight` in the lead and the tail, `weak_weight` for the role
//! alone; log-odds, negative. `classes`: roles that explain by themselves.

use super::{Explanation, Weights, entry};
use crate::engine::enrich::View;
use crate::engine::registry::{Entry, Group, Meta};
use crate::engine::relations::{Cover, Hit};
use crate::engine::roles;
use crate::model::context::RelationshipKind;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

static META: Meta = Meta { id: "duty", group: Group::Plain, since: "0.1.0", source: include_str!("duty.rs") };

pub(super) const ENTRY: Entry<dyn Explanation> = entry::<Duty>(&META);

#[derive(Serialize, Deserialize)]
struct Duty {
    #[serde(flatten)]
    task: Weights,
    weak_weight: f64,
    #[serde(deserialize_with = "known_classes")]
    classes: Vec<String>,
}

/// Reads classes; one that `[roles]` does not have would explain nothing and say nothing.
fn known_classes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let classes = Vec::<String>::deserialize(deserializer)?;
    let known = roles::shipped();
    match classes.iter().find(|class| !known.contains_key(*class)) {
        None => Ok(classes),
        Some(class) => {
            let known: Vec<&str> = known.keys().map(String::as_str).collect();
            Err(D::Error::custom(format!("classes: [roles] has no \"{class}\", only {}", known.join(", "))))
        }
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
        }
    }
}

impl Explanation for Duty {
    fn explain(&self, view: &View<'_>) -> Option<(Hit, f64)> {
        if let Some(task) = view.hits.task {
            return Some(self.task.of(task));
        }
        let actor = view.actor.filter(|_| view.is_employed && !view.has_tie_or_mark)?;
        let is_duty = self.classes.iter().any(|class| view.context.is_of_class(actor.role, class));
        let hit = Hit { cover: Cover::Grace, kind: RelationshipKind::Other, record: actor.record };
        is_duty.then_some((hit, self.weak_weight))
    }

    fn reason(&self, weight: f64) -> String {
        if weight == self.weak_weight {
            return "Explained: this person's role works on charts of patients whom it does not treat".to_owned();
        }
        self.task
            .sentence(weight, "a recorded task (billing, release of information or quality review) covers the access")
    }
}
