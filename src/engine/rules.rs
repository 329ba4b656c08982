//! The policy, compiled: detectors and explanations built, thresholds at hand.

use crate::model::incident::Severity;
use crate::model::time::{Timestamp, Zone};

use super::access::Access;
use super::context::{self, Context};
use super::detectors::{self, Detector};
use super::enrich::{self, View};
use super::evidence::{Decision, Evidence, Explained, logistic, rounded};
use super::explain::{self, Explanation};
use super::feeds::GapRule;
use super::registry::{self, Entry, Group, Meta};
use super::relations::{Basis, Query};
use super::settings::{EngineSettings, Policy, SeveritySettings};

/// A built detector or explanation with its identity.
pub struct Rule<T: ?Sized> {
    pub meta: &'static Meta,
    pub rule: Box<T>,
}

/// Everything that decides, ready to use.
pub struct Rules {
    pub engine: EngineSettings,
    pub severity: SeveritySettings,
    pub zone: Zone,
    pub detectors: Vec<Rule<dyn Detector>>,
    pub explanations: Vec<Rule<dyn Explanation>>,
    /// Places of the two explanations that may end an access early.
    direct: Option<u8>,
    department: Option<u8>,
}

impl Rules {
    /// Builds the rules of a policy.
    ///
    /// # Errors
    /// One sentence for each setting that does not fit, naming its key.
    pub fn new(policy: &Policy) -> Result<Self, Vec<String>> {
        let mut errors = Vec::new();
        let detectors = build(detectors::REGISTRY, "detectors", &policy.detectors, &mut errors);
        let explanations = build(explain::REGISTRY, "explanations", &policy.explanations, &mut errors);
        let zone = Zone::named(&policy.timezone).map_err(|error| errors.push(error)).ok();
        let place = |id: &str| explanations.iter().position(|rule| rule.meta.id == id).map(|place| place as u8);
        let (direct, department) = (place("direct"), place("department"));
        match zone {
            Some(zone) if errors.is_empty() => Ok(Self {
                engine: policy.engine.clone(),
                severity: policy.severity.clone(),
                zone,
                detectors,
                explanations,
                direct,
                department,
            }),
            _ => Err(errors),
        }
    }

    /// Explains an access without the full look, where a relationship covers it inside its dates and
    /// nothing about the chart asks for more. Gives the basis.
    pub(super) fn explain_early(
        &self,
        access: &Access,
        now: Timestamp,
        context: &Context,
        scratch: &mut Vec<u32>,
    ) -> Option<u8> {
        let actor = context.brief(access.user, access.at, now);
        let deserves_more = |actor: context::Brief| actor.patient == access.patient || !actor.works_at(access.at);
        if actor.is_some_and(deserves_more) || context.may_be_sensitive(access.patient) {
            return None;
        }
        enrich::places(access, actor.map(|actor| actor.department), scratch);
        let query = Query { at: access.at, now, user: access.user, departments: scratch };
        match context.ties.of(access.patient).inside(&query, context.graces())? {
            Basis::Direct => self.direct,
            Basis::Department => self.department,
        }
    }

    /// Decides an access with everything known by `now`.
    pub fn decide(
        &self,
        access: &Access,
        now: Timestamp,
        input_end: Timestamp,
        context: &Context,
        scratch: &mut Vec<u32>,
    ) -> Decision {
        let gaps = GapRule {
            feed_gap: self.engine.feed_gap.micros(),
            input_end,
            settle_window: self.engine.settle_window.micros(),
        };
        let mut view = View::new(access, now, context, &self.zone, gaps, scratch);
        let mut evidence = self.look(&view, |group| group != Group::Absence);
        view.has_tie_or_mark = evidence.iter().any(|one| matches!(self.group(one), Group::Tie | Group::Mark));
        let explained = self.explain(&view);
        view.is_explained = explained.is_some();
        evidence.extend(self.look(&view, |group| group == Group::Absence));
        evidence.sort_by_key(|one| one.detector);
        let logit = self.logit(&self.lessened(&evidence), explained);
        let unknown = view.unknown.filter(|_| explained.is_none());
        Decision { explained, evidence, unknown, is_over: logistic(logit) >= self.engine.flag_threshold }
    }

    /// What the detectors of some groups say.
    fn look(&self, view: &View<'_>, is_wanted: impl Fn(Group) -> bool) -> Vec<Evidence> {
        let detectors = self.detectors.iter().enumerate().filter(|(_, detector)| is_wanted(detector.meta.group));
        let evidence = detectors.filter_map(|(place, detector)| {
            let finding = detector.rule.look(view)?;
            Some(Evidence { detector: place as u8, weight: rounded(finding.weight), numbers: finding.numbers })
        });
        evidence.collect()
    }

    fn group(&self, evidence: &Evidence) -> Group {
        self.detectors.get(usize::from(evidence.detector)).map_or(Group::Plain, |detector| detector.meta.group)
    }

    /// Evidence as it counts together: several signs of one personal tie are not independent, so only the
    /// strongest counts in full.
    pub(super) fn lessened(&self, evidence: &[Evidence]) -> Vec<Evidence> {
        let ties = evidence.iter().filter(|one| self.group(one) == Group::Tie);
        let strongest = ties.max_by(|one, other| one.weight.total_cmp(&other.weight)).map(|one| one.detector);
        let counted = |one: &Evidence| {
            let is_further = self.group(one) == Group::Tie && Some(one.detector) != strongest;
            let weight = if is_further { rounded(one.weight * self.engine.further_ties) } else { one.weight };
            Evidence { weight, ..*one }
        };
        evidence.iter().map(counted).collect()
    }

    /// Prior and weights, added up.
    pub(super) fn logit(&self, evidence: &[Evidence], explained: Option<Explained>) -> f64 {
        let weights = evidence.iter().map(|one| one.weight).chain(explained.map(|explained| explained.weight));
        weights.fold(self.engine.prior, |sum, weight| sum + weight)
    }

    /// The strongest explanation: inside its dates before grace, then in the order of the registry.
    fn explain(&self, view: &View<'_>) -> Option<Explained> {
        let found = self.explanations.iter().enumerate().filter_map(|(place, explanation)| {
            let (hit, weight) = explanation.rule.explain(view)?;
            Some(Explained { basis: place as u8, cover: hit.cover, record: hit.record, weight: rounded(weight) })
        });
        found.reduce(|best, next| if next.cover > best.cover { next } else { best })
    }

    /// The severity of a score before anything raises or caps it.
    #[must_use]
    pub fn severity_of(&self, score: f64) -> Severity {
        if score >= self.severity.critical {
            Severity::Critical
        } else if score >= self.severity.high {
            Severity::High
        } else if score >= self.severity.medium {
            Severity::Medium
        } else {
            Severity::Low
        }
    }
}

fn build<T: ?Sized>(
    registry: &'static [Entry<T>],
    section: &str,
    settings: &std::collections::BTreeMap<String, serde_json::Value>,
    errors: &mut Vec<String>,
) -> Vec<Rule<T>> {
    let mut rules = Vec::new();
    for entry in registry {
        let defaults = (entry.defaults)();
        let settings = settings.get(entry.meta.id).unwrap_or(&defaults);
        match (entry.read)(settings) {
            Ok(rule) if registry::is_enabled(settings) => rules.push(Rule { meta: entry.meta, rule }),
            Ok(_) => {}
            Err(error) => errors.push(format!("[{section}.{}]: {error}", entry.meta.id)),
        }
    }
    rules
}
