//! The explanations: hand-written, reviewable policies that say which record makes an access a
//! proper one. Adding one: its file here, a line below, and its block in `config/`.

mod coverage;
mod department;
mod direct;
mod documented;
mod duty;
mod service;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::dictionary::NONE;
use super::enrich::View;
use super::evidence::{Explained, Holds, rounded};
use super::people::Member;
use super::registry::{self, Entry, Meta};
use super::relations::{Cover, Hit};

/// What an explanation says about one access.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    pub cover: Cover,
    /// Number of the record that it rests on; [`NONE`] where it rests on what the person did.
    pub record: u32,
    /// Log-odds, zero or negative.
    pub weight: f64,
    /// Beside which signs it holds.
    pub holds: Holds,
    /// Whether it fits the patient's care or the person's work: then it leaves a doubt where it does not hold.
    pub fits_care: bool,
    /// Charts a day above which it does not hold; `None` = it does not depend on that.
    pub usual_charts: Option<u32>,
    /// The accesses or patients that it rests on, where no record is.
    pub proof: Box<str>,
}

impl Claim {
    /// Rests on a record: one that says so by itself, or one that the looker alone made afterwards.
    fn of_record(hit: Hit, weight: f64) -> Self {
        let (cover, holds) = if hit.is_self_made { (Cover::Grace, Holds::NoTie) } else { (hit.cover, Holds::Always) };
        Self { cover, record: hit.record, weight, holds, fits_care: true, usual_charts: None, proof: Box::default() }
    }

    /// Rests on a role, which only makes it likely.
    fn of_role(member: &Member, weight: f64, fits_care: bool, usual_charts: Option<u32>) -> Self {
        let (cover, record, holds) = (Cover::Grace, member.record, Holds::Alone);
        Self { cover, record, weight, holds, fits_care, usual_charts, proof: Box::default() }
    }

    /// Rests on what the person did.
    fn of_deeds(proof: &str, weight: f64, holds: Holds) -> Self {
        let (cover, record) = (Cover::Grace, NONE);
        Self { cover, record, weight, holds, fits_care: true, usual_charts: None, proof: proof.into() }
    }

    /// As the explanation of an access by the rule at a place.
    pub(super) fn explained(&self, basis: u8) -> Explained {
        Explained { basis, cover: self.cover, record: self.record, weight: rounded(self.weight) }
    }
}

/// One kind of good reason.
pub trait Explanation: Send + Sync {
    /// What explains the access. Must depend on nothing but the view; only one of the group `Behaviour` may look
    /// at the view's trail, and only when there is one.
    fn explain(&self, view: &View<'_>) -> Option<Claim>;

    /// One sentence in plain words for an explanation with this weight.
    fn reason(&self, weight: f64) -> String;
}

/// Every explanation, strongest basis first.
pub static REGISTRY: &[Entry<dyn Explanation>] =
    &[direct::ENTRY, department::ENTRY, service::ENTRY, duty::ENTRY, coverage::ENTRY, documented::ENTRY];

/// An explanation with settings of type `S`.
const fn entry<S>(meta: &'static Meta) -> Entry<dyn Explanation>
where
    S: Explanation + Default + Serialize + DeserializeOwned + 'static,
{
    Entry { meta, defaults: registry::defaults_of::<S>, read: |settings| Ok(Box::new(registry::read::<S>(settings)?)) }
}

/// What the staff records in force say of an employed person whose role belongs to one of these classes.
fn of_any_class<'v>(view: &'v View<'_>, classes: &[String]) -> Option<&'v Member> {
    view.actor.as_deref().filter(|_| view.is_employed && view.is_of_any_class(classes))
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
    fn of(&self, hit: Hit) -> Claim {
        let is_firm = hit.cover == Cover::Inside && !hit.is_self_made;
        Claim::of_record(hit, if is_firm { self.weight } else { self.grace_weight })
    }

    fn sentence(&self, weight: f64, what: &str) -> String {
        if weight == self.weight {
            format!("Explained: {what}")
        } else {
            format!(
                "Explained: {what}, shortly before it began or after it ended, or recorded by this person afterwards"
            )
        }
    }
}
