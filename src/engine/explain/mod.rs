//! The explanations: hand-written, reviewable policies that say which record makes an access a
//! proper one. Adding one: its file here, a line below, and its block in `config/`.

mod department;
mod direct;
mod duty;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::enrich::View;
use super::registry::{self, Entry, Meta};
use super::relations::{Cover, Hit};

/// One kind of good reason.
pub trait Explanation: Send + Sync {
    /// The record that explains the access, and its log-odds (zero or negative).
    fn explain(&self, view: &View<'_>) -> Option<(Hit, f64)>;

    /// One sentence in plain words for an explanation with this weight.
    fn reason(&self, weight: f64) -> String;
}

/// Every explanation, strongest basis first.
pub static REGISTRY: &[Entry<dyn Explanation>] = &[direct::ENTRY, department::ENTRY, duty::ENTRY];

/// An explanation with settings of type `S`.
const fn entry<S>(meta: &'static Meta) -> Entry<dyn Explanation>
where
    S: Explanation + Default + Serialize + DeserializeOwned + 'static,
{
    Entry { meta, defaults: registry::defaults_of::<S>, read: |settings| Ok(Box::new(registry::read::<S>(settings)?)) }
}

/// Weights of an explanation that rests on a dated record.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Weights {
    /// Between the record's start and its end.
    weight: f64,
    /// In the lead before and the tail after.
    grace_weight: f64,
}

impl Weights {
    fn of(&self, hit: Hit) -> (Hit, f64) {
        (hit, if hit.cover == Cover::Inside { self.weight } else { self.grace_weight })
    }

    fn sentence(&self, weight: f64, what: &str) -> String {
        if weight == self.weight {
            format!("Explained: {what}")
        } else {
            format!("Explained: {what}, shortly before it began or after it ended")
        }
    }
}
