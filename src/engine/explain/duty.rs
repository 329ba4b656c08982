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
//! ## Tuning
//! `weight` inside the dates, `grace_weight` in the lead and the tail; log-odds, negative.

use super::{Explanation, Weights};
use crate::engine::enrich::View;
use crate::engine::registry::{self, Entry, Meta};
use crate::engine::relations::Hit;
use serde::{Deserialize, Serialize};

static META: Meta = Meta { id: "duty", since: "0.1.0", source: include_str!("duty.rs") };

pub(super) const ENTRY: Entry<dyn Explanation> = Entry {
    meta: &META,
    defaults: registry::defaults_of::<Duty>,
    build: |settings| {
        let duty: Duty = registry::read(settings)?;
        Ok(duty.0.enabled.then(|| Box::new(duty) as Box<dyn Explanation>))
    },
};

#[derive(Serialize, Deserialize)]
struct Duty(Weights);

impl Default for Duty {
    fn default() -> Self {
        Self(Weights { enabled: true, weight: -6.0, grace_weight: -2.5 })
    }
}

impl Explanation for Duty {
    fn explain(&self, view: &View<'_>) -> Option<(Hit, f64)> {
        view.hits.task.map(|hit| self.0.of(hit))
    }

    fn reason(&self, weight: f64) -> String {
        self.0.sentence(weight, "a recorded task (billing, release of information or quality review) covers the access")
    }
}
