//! The policy, compiled: detectors and explanations built, thresholds at hand.

use jiff::ToSpan as _;

use crate::model::incident::Severity;
use crate::model::time::{DAY, Timestamp, Zone};

use super::access::Access;
use super::context::{self, Context};
use super::detectors::{self, Detector};
use super::enrich::{self, Moment, View};
use super::evidence::{
    Decision, Deeds, Evidence, Explained, Finding, Gathering, History, RolePart, Signs, logistic, rounded,
};
use super::explain::{self, Claim, Explanation};
use super::feeds::GapRule;
use super::registry::{self, Entry, Group, Meta};
use super::relations::{Basis, Query};
use super::settings::{EngineSettings, Policy, SeveritySettings};
use super::suppression::Suppression;
use super::trail::Trail;

/// A built detector or explanation with its identity.
pub struct Rule<T: ?Sized> {
    pub meta: &'static Meta,
    pub rule: Box<T>,
    /// By how much its weights are multiplied.
    pub scale: f64,
}

/// Everything that decides, ready to use.
pub struct Rules {
    pub engine: EngineSettings,
    pub severity: SeveritySettings,
    pub zone: Zone,
    pub detectors: Vec<Rule<dyn Detector>>,
    pub suppressions: Vec<Suppression>,
    pub explanations: Vec<Rule<dyn Explanation>>,
    /// Places of the explanations that may end an access early.
    direct: Option<u8>,
    department: Option<u8>,
    service: Option<u8>,
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
        let (direct, department, service) = (place("direct"), place("department"), place("service"));
        match zone {
            Some(zone) if errors.is_empty() => Ok(Self {
                engine: policy.engine.clone(),
                severity: policy.severity.clone(),
                zone,
                detectors,
                suppressions: policy.suppressions.clone(),
                explanations,
                direct,
                department,
                service,
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
        match context.ties.of(access.patient).inside(&query)? {
            Basis::Direct => self.direct,
            Basis::Department => self.department,
            Basis::Service => self.service,
        }
    }

    /// Decides an access with everything known at a moment. What the person did around it is taken from the
    /// `earlier` decision once that is forgotten.
    pub fn decide(
        &self,
        access: &Access,
        moment: Moment<'_>,
        earlier: Option<&Decision>,
        scratch: &mut Vec<u32>,
    ) -> Decision {
        let gaps = GapRule {
            feed_gap: self.engine.feed_gap.micros(),
            input_end: moment.input_end,
            settle_window: self.engine.settle_window.micros(),
        };
        let mut view = View::new(access, moment, &self.zone, gaps, scratch);
        view.mutes = self.mutes(access, moment.context);
        let is_first = |group| !matches!(group, Group::Behaviour | Group::Absence);
        let mut evidence = self.look(&view, earlier, is_first);
        let signs = self.signs(&evidence);
        let mut claims: Vec<(u8, Claim)> = self.claims(&view, false).collect();
        let role = self.role_part(&claims, signs, access, moment, earlier);
        if role == RolePart::TooMuch {
            claims.retain(|(_, claim)| claim.usual_charts.is_none());
        }
        let by_record = strongest(&claims, signs).map(|(explained, _)| explained);
        // What the person did matters where no record explains, and costs more to look at.
        view.trail = if by_record.is_none() { self.trail(access, moment) } else { None };
        evidence.extend(self.look(&view, earlier, |group| group == Group::Behaviour));
        let deeds = match &view.trail {
            Some(_) => self.deeds(&view),
            None => earlier.and_then(|earlier| earlier.deeds.clone()),
        };
        let by_deeds = deeds.as_ref().filter(|deeds| deeds.holds.beside(signs)).map(|deeds| deeds.explained);
        let explained = by_record.or(by_deeds);
        let fits_care =
            deeds.as_ref().is_some_and(|deeds| deeds.fits_care) || claims.iter().any(|(_, claim)| claim.fits_care);
        view.is_explained = explained.is_some();
        view.has_weak_reason = fits_care && !signs.tie;
        evidence.extend(self.look(&view, earlier, |group| group == Group::Absence));
        evidence.sort_by_key(|one| one.detector);
        let logit = self.logit(&self.lessened(&evidence), explained);
        let unknown = view.unknown.filter(|_| explained.is_none());
        let is_over = logistic(logit) >= self.engine.flag_threshold;
        let is_silent = |one: &Evidence, by: &Suppression| {
            one.weight == 0.0 && by.mutes(self.detectors[usize::from(one.detector)].meta.id)
        };
        let has_muted = |by: &&&Suppression| evidence.iter().any(|one| is_silent(one, by));
        let muted = view.mutes.iter().find(has_muted).map(|suppression| suppression.id.clone());
        let is_muted = view.mutes.iter().any(|suppression| suppression.detector.is_none());
        let unlisted = view.unlisted().filter(|_| explained.is_none());
        let is_doubtful = view.has_weak_reason;
        Decision { explained, deeds, role, evidence, unknown, unlisted, is_over, is_doubtful, muted, is_muted }
    }

    /// Which part the person's role alone has in the explanation of an access: none where a record explains it, and
    /// too much where the day holds more charts that no record explains than the role has use for. What was found is
    /// kept once the day is forgotten.
    fn role_part(
        &self,
        claims: &[(u8, Claim)],
        signs: Signs,
        access: &Access,
        moment: Moment<'_>,
        earlier: Option<&Decision>,
    ) -> RolePart {
        let Some(usual) = strongest(claims, signs).and_then(|(_, claim)| claim.usual_charts) else {
            return RolePart::None;
        };
        let lasts = self.engine.settle_window.micros() - DAY;
        let horizon = moment.horizon.filter(|_| moment.now <= access.at.plus(lasts));
        let is_too_much = match horizon {
            Some(horizon) => horizon.has_more_charts(access, self.day_of(access.at), usual),
            None => earlier.is_some_and(|earlier| earlier.role == RolePart::TooMuch),
        };
        if is_too_much { RolePart::TooMuch } else { RolePart::Explains }
    }

    /// First instant of the local day of an access, and of the next.
    pub(super) fn day_of(&self, at: Timestamp) -> (Timestamp, Timestamp) {
        let day = self.zone.date(at);
        (self.zone.start_of(day), self.zone.start_of(day.saturating_add(1.day())))
    }

    /// The signs beside which weaker explanations do not hold.
    fn signs(&self, evidence: &[Evidence]) -> Signs {
        let has = |wanted: Group| evidence.iter().any(|one| one.weight != 0.0 && self.group(one) == wanted);
        Signs {
            tie: has(Group::Tie),
            namesake: has(Group::Namesake),
            acquaintance: has(Group::Acquaintance),
            mark: has(Group::Mark),
        }
    }

    /// What the person did around an access, as long as all of it is there.
    fn trail<'m>(&self, access: &Access, moment: Moment<'m>) -> Option<Trail<'m>> {
        let is_there = moment.now <= access.at.plus(self.engine.trail_lasts());
        let horizon = moment.horizon.filter(|_| is_there)?;
        Some(Trail::new(horizon, access.user, access.at, self.engine.trail()))
    }

    /// What the detectors of some groups say.
    fn look(&self, view: &View<'_>, earlier: Option<&Decision>, is_wanted: impl Fn(Group) -> bool) -> Vec<Evidence> {
        let detectors = self.detectors.iter().enumerate().filter(|(_, detector)| is_wanted(detector.meta.group));
        let evidence = detectors.filter_map(|(place, detector)| {
            let detector_number = place as u8;
            if detector.meta.group == Group::Behaviour && view.trail.is_none() {
                return earlier?.evidence.iter().find(|one| one.detector == detector_number).copied();
            }
            let finding = detector.rule.look(view)?;
            let is_muted = view.mutes.iter().any(|suppression| suppression.mutes(detector.meta.id));
            let weight = if is_muted { 0.0 } else { rounded(finding.weight * detector.scale) };
            Some(Evidence { detector: detector_number, weight, numbers: finding.numbers })
        });
        evidence.collect()
    }

    /// The suppressions that mean an access.
    fn mutes(&self, access: &Access, context: &Context) -> Vec<&Suppression> {
        if self.suppressions.is_empty() {
            return Vec::new();
        }
        let (user, patient) =
            (context.dictionary.users.text(access.user), context.dictionary.patients.text(access.patient));
        let day = self.zone.date(access.at);
        self.suppressions.iter().filter(|suppression| suppression.covers(user, patient, day)).collect()
    }

    /// What the detectors say of accesses together.
    pub(super) fn sum_up(&self, history: History) -> Vec<Evidence> {
        self.found(|detector| detector.sum_up(&history))
    }

    fn found(&self, ask: impl Fn(&dyn Detector) -> Option<Finding>) -> Vec<Evidence> {
        let found = self.detectors.iter().enumerate().filter_map(|(place, detector)| {
            let finding = ask(&*detector.rule)?;
            let weight = rounded(finding.weight * detector.scale);
            Some(Evidence { detector: place as u8, weight, numbers: finding.numbers })
        });
        found.collect()
    }

    /// Whether the evidence tells that the chart is the person's own.
    pub(super) fn is_about_self(&self, evidence: &[Evidence]) -> bool {
        evidence.iter().any(|one| self.detectors[usize::from(one.detector)].meta.id == "self_access")
    }

    /// Whether the chart is the person's own and nothing else links them: a matter of house rules.
    pub(super) fn is_policy(&self, evidence: &[Evidence]) -> bool {
        let links = evidence.iter().filter(|one| self.group(one).is_tie() || self.group(one) == Group::Mark);
        self.is_about_self(evidence) && links.count() == 1
    }

    pub(super) fn group(&self, evidence: &Evidence) -> Group {
        self.detectors.get(usize::from(evidence.detector)).map_or(Group::Plain, |detector| detector.meta.group)
    }

    /// Evidence as it counts together: several signs of one personal tie are not independent, so only the
    /// strongest counts in full.
    #[must_use]
    pub fn lessened(&self, evidence: &[Evidence]) -> Vec<Evidence> {
        let ties = evidence.iter().filter(|one| self.group(one).is_tie());
        let strongest = ties.max_by(|one, other| one.weight.total_cmp(&other.weight)).map(|one| one.detector);
        let counted = |one: &Evidence| {
            let is_further = self.group(one).is_tie() && Some(one.detector) != strongest;
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

    /// The strongest explanation that rests on what the person did.
    fn deeds(&self, view: &View<'_>) -> Option<Deeds> {
        let (basis, claim) = self.claims(view, true).next()?;
        Some(Deeds {
            explained: claim.explained(basis),
            holds: claim.holds,
            fits_care: claim.fits_care,
            proof: claim.proof,
        })
    }

    /// What the explanations say, with their places: those that rest on what the person did, or the others.
    fn claims<'v>(&'v self, view: &'v View<'_>, of_deeds: bool) -> impl Iterator<Item = (u8, Claim)> {
        let rules = self.explanations.iter().enumerate();
        let wanted = rules.filter(move |(_, rule)| (rule.meta.group == Group::Behaviour) == of_deeds);
        wanted.filter_map(|(place, rule)| Some((place as u8, rule.rule.explain(view)?)))
    }

    /// The severity of a score: one step higher where something raises it, medium at most while degraded.
    #[must_use]
    pub fn severity(&self, score: f64, is_raised: bool, is_degraded: bool) -> Severity {
        let by_score = self.severity_of(score);
        let severity = if is_raised { by_score.raised() } else { by_score };
        if is_degraded { severity.min(Severity::Medium) } else { severity }
    }

    /// What the detectors say of accesses that may belong together.
    pub(super) fn gather(&self, gathering: &Gathering) -> Vec<Evidence> {
        self.found(|detector| detector.gather(gathering))
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

/// The strongest explanation that holds beside the signs, and the claim behind it: inside its dates before grace, then
/// in the order of the registry.
fn strongest(claims: &[(u8, Claim)], signs: Signs) -> Option<(Explained, &Claim)> {
    let claims = claims.iter().filter(|(_, claim)| claim.holds.beside(signs));
    let found = claims.map(|(basis, claim)| (claim.explained(*basis), claim));
    found.reduce(|best, next| if next.0.cover > best.0.cover { next } else { best })
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
        match (entry.read)(settings).and_then(|rule| Ok((rule, registry::scale(settings)?))) {
            Ok((rule, scale)) if registry::is_enabled(settings) => rules.push(Rule { meta: entry.meta, rule, scale }),
            Ok(_) => {}
            Err(error) => errors.push(format!("[{section}.{}]: {error}", entry.meta.id)),
        }
    }
    rules
}
