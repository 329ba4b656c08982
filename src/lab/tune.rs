//! What decisions teach about the weights.
//!
//! Every pair of user and patient that nothing explains is a sum of weights, and the score says how likely it had no
//! reason. Where that is known for many pairs, the factor of each detector can be fitted: the one under which the
//! known outcomes were most likely. Each factor is held near 1 by as much as a few dozen decisions weigh, so that
//! three decisions move little and thousands move much. So that as many pairs stay over the threshold as today, and only
//! which ones changes, the prior moves with the weights. What weighs crowds stays: there are too few of them to learn
//! from, and the pairs of a crowd are left out, because the crowd is why they are known.
//!
//! Only pairs with a score of at least one half teach. The thousands far below the threshold would say nothing but that
//! most looks are harmless, and pull every weight down for it. The choice rests on what was seen and not on the
//! outcome, so it does not bend the fit.
//!
//! Whether the factors say more than chance is asked of decisions that they were not fitted on: those of a fifth of
//! all users, five times.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

use rustc_hash::FxHasher;
use serde::Serialize;

use super::evaluate::Found;
use super::labels::{Labels, Pair};
use crate::engine::evidence::{Evidence, logistic};
use crate::engine::rules::Rules;
use crate::model::incident::{Incident, IncidentKind};

/// How far a factor strays from 1 before anything is learned (standard deviation).
const SPREAD: f64 = 0.2;

/// Bounds of a factor.
const LEAST: f64 = 0.5;
const MOST: f64 = 2.0;

/// Parts into which the users are divided, to ask of each what the others teach.
const FOLDS: u64 = 5;

/// The logit from which on a pair teaches: a score of one half.
const NEAR: f64 = 0.0;

/// A step below this is none.
const STILL: f64 = 1e-7;

/// A pair that nothing explains, and whose outcome is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub user: String,
    /// Place of each detector among the policy's, and its weight.
    pub weights: Vec<(usize, f64)>,
    /// Whether it had no reason.
    pub is_snooping: bool,
}

/// What is proposed for one detector.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Proposal {
    pub detector: String,
    /// Its `scale` today, and as proposed.
    pub today: f64,
    pub proposed: f64,
    /// Known pairs on which it fired.
    pub fired: Flagged,
}

/// Known pairs over the threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Flagged {
    pub without_reason: usize,
    pub with_reason: usize,
}

/// What the known outcomes teach.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lesson {
    /// Pairs that it was learned from.
    pub learned_from: Flagged,
    /// `engine.prior` today, and as proposed.
    pub prior: [f64; 2],
    /// Those of them over the threshold: today, and with what the decisions about all other users teach.
    pub held_out: [Flagged; 2],
    pub proposals: Vec<Proposal>,
}

impl Lesson {
    /// Whether what was learned does better where it was not fitted: no fewer looks without a reason over the
    /// threshold and no more of the others, and not the same.
    #[must_use]
    pub fn helps(&self) -> bool {
        let [today, proposed] = self.held_out;
        let is_worse = proposed.without_reason < today.without_reason || proposed.with_reason > today.with_reason;
        today != proposed && !is_worse
    }

    /// The proposals that change something.
    pub fn changes(&self) -> impl Iterator<Item = &Proposal> {
        self.proposals.iter().filter(|one| one.proposed != one.today)
    }
}

/// The pairs to learn from: what detectors said of each, lessened as the engine does it.
#[must_use]
pub fn samples(
    detections: impl Iterator<Item = (Pair, BTreeMap<String, f64>)>,
    incidents: &[Incident],
    labels: &Labels,
    rules: &Rules,
) -> Vec<Sample> {
    let places: BTreeMap<&str, usize> =
        rules.detectors.iter().enumerate().map(|(place, rule)| (rule.meta.id, place)).collect();
    let own = incidents.iter().filter(|incident| incident.kind == IncidentKind::Pair);
    let pair_of = |incident: &Incident| Some((incident.user_id.clone()?, incident.patient_ids.first()?.clone()));
    let known: BTreeMap<Pair, &Incident> = own.filter_map(|one| Some((pair_of(one)?, one))).collect();
    let groups = incidents.iter().filter(|incident| incident.kind != IncidentKind::Pair);
    let crowd: BTreeSet<Pair> = groups.flat_map(|group| Found::from(group).pairs().collect::<Vec<_>>()).collect();
    let today = Weights { factors: vec![1.0; rules.detectors.len()], prior: rules.engine.prior };
    let sample = |(pair, weights): (Pair, BTreeMap<String, f64>)| {
        let is_snooping = labels.verdict(&pair).filter(|_| !crowd.contains(&pair))?;
        let weights = match known.get(&pair) {
            // What an incident lists is whole: also what shows in several accesses together only.
            Some(incident) => contributions(incident, &places)?,
            None => lessened(&weights, &places, rules),
        };
        let sample = Sample { user: pair.0, weights, is_snooping };
        Some(sample).filter(|sample| today.logit(sample) >= NEAR)
    };
    detections.filter_map(sample).collect()
}

/// The weights of an incident; `None` where something explains it by now.
fn contributions(incident: &Incident, places: &BTreeMap<&str, usize>) -> Option<Vec<(usize, f64)>> {
    let weights = incident.contributions.iter().map(|one| Some((*places.get(one.id.as_str())?, one.weight)));
    weights.collect()
}

fn lessened(weights: &BTreeMap<String, f64>, places: &BTreeMap<&str, usize>, rules: &Rules) -> Vec<(usize, f64)> {
    let evidence = weights.iter().filter_map(|(id, weight)| {
        let detector = u8::try_from(*places.get(id.as_str())?).ok()?;
        Some(Evidence { detector, weight: *weight, numbers: [0, 0] })
    });
    let counted = rules.lessened(&evidence.collect::<Vec<_>>());
    counted.iter().map(|one| (usize::from(one.detector), one.weight)).collect()
}

/// What known outcomes teach about the weights of a policy.
#[must_use]
pub fn learn(samples: &[Sample], rules: &Rules) -> Lesson {
    let today = Weights { factors: vec![1.0; rules.detectors.len()], prior: rules.engine.prior };
    let threshold = logit_of(rules.engine.flag_threshold);
    let taught = today.taught_by(&samples.iter().collect::<Vec<_>>(), threshold);
    let mut held_out = [Flagged::default(); 2];
    for fold in 0..FOLDS {
        let (own, others): (Vec<&Sample>, Vec<&Sample>) =
            samples.iter().partition(|sample| fold_of(&sample.user) == fold);
        let by_others = today.taught_by(&others, threshold);
        for sample in own {
            held_out[0].count(sample, today.logit(sample) >= threshold);
            held_out[1].count(sample, by_others.logit(sample) >= threshold);
        }
    }
    let mut learned_from = Flagged::default();
    samples.iter().for_each(|sample| learned_from.count(sample, true));
    let proposals = rules.detectors.iter().zip(&taught.factors).enumerate().map(|(place, (rule, factor))| {
        let mut fired = Flagged::default();
        let is_on = |sample: &Sample| sample.weights.iter().any(|(own, _)| *own == place);
        samples.iter().for_each(|sample| fired.count(sample, is_on(sample)));
        let proposed = (rule.scale * factor * 100.0).round() / 100.0;
        Proposal { detector: rule.meta.id.to_owned(), today: rule.scale, proposed, fired }
    });
    Lesson { learned_from, prior: [today.prior, taught.prior], held_out, proposals: proposals.collect() }
}

impl Flagged {
    fn count(&mut self, sample: &Sample, is_flagged: bool) {
        self.without_reason += usize::from(is_flagged && sample.is_snooping);
        self.with_reason += usize::from(is_flagged && !sample.is_snooping);
    }
}

/// A factor for each detector, and the prior.
struct Weights {
    factors: Vec<f64>,
    prior: f64,
}

impl Weights {
    fn logit(&self, sample: &Sample) -> f64 {
        sample.weights.iter().fold(self.prior, |sum, (place, weight)| sum + self.factors[*place] * weight)
    }

    /// What outcomes teach, with a prior under which as many of these pairs are over the threshold as before.
    fn taught_by(&self, samples: &[&Sample], threshold: f64) -> Self {
        let most = samples.iter().filter(|sample| self.logit(sample) >= threshold).count();
        let mut taught = Self { factors: fit(samples, self), prior: self.prior };
        let mut logits: Vec<f64> = samples.iter().map(|sample| taught.logit(sample)).collect();
        logits.sort_unstable_by(|one, other| other.total_cmp(one));
        if let Some(least) = most.checked_sub(1).and_then(|last| logits.get(last)) {
            taught.prior = ((self.prior + threshold - least) * 100.0).ceil() / 100.0;
        }
        taught
    }
}

fn logit_of(score: f64) -> f64 {
    (score / (1.0 - score)).ln()
}

fn fold_of(user: &str) -> u64 {
    let mut hasher = FxHasher::default();
    user.hash(&mut hasher);
    hasher.finish() % FOLDS
}

/// The factors under which the outcomes, with what is believed beforehand, are most likely. The function is convex:
/// one detector after the other is moved to where its slope is none, until nothing moves.
fn fit(samples: &[&Sample], start: &Weights) -> Vec<f64> {
    let mut factors = start.factors.clone();
    let mut logits: Vec<f64> = samples.iter().map(|sample| start.logit(sample)).collect();
    let mut fired: Vec<Vec<(usize, f64)>> = vec![Vec::new(); factors.len()];
    for (number, sample) in samples.iter().enumerate() {
        for (place, weight) in &sample.weights {
            fired[*place].push((number, *weight));
        }
    }
    for _ in 0..500 {
        let mut moved: f64 = 0.0;
        for (place, on) in fired.iter().enumerate().filter(|(_, on)| !on.is_empty()) {
            let believed = 1.0 / (SPREAD * SPREAD);
            let (mut slope, mut bend) = ((factors[place] - 1.0) * believed, believed);
            for (number, weight) in on {
                let score = logistic(logits[*number]);
                slope += weight * (score - f64::from(u8::from(samples[*number].is_snooping)));
                bend += weight * weight * score * (1.0 - score);
            }
            let to = (factors[place] - slope / bend).clamp(LEAST, MOST);
            let by = to - factors[place];
            factors[place] = to;
            on.iter().for_each(|(number, weight)| logits[*number] += by * weight);
            moved = moved.max(by.abs());
        }
        if moved < STILL {
            break;
        }
    }
    factors
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(user: usize, weights: &[(usize, f64)], is_snooping: bool) -> Sample {
        Sample { user: format!("u{user}"), weights: weights.to_vec(), is_snooping }
    }

    /// 300 pairs with a sign that is right in 1 of 10 cases, though it weighs as if in 9 of 10.
    fn misled() -> Vec<Sample> {
        (0..300).map(|user| sample(user, &[(0, 4.7), (1, 4.5)], user % 10 == 0)).collect()
    }

    const TODAY: fn(usize) -> Weights = |detectors| Weights { factors: vec![1.0; detectors], prior: -7.0 };

    #[test]
    fn a_sign_that_misleads_is_made_weaker_and_one_that_never_fires_stays() {
        let samples = misled();
        let all: Vec<&Sample> = samples.iter().collect();
        let factors = fit(&all, &TODAY(3));
        assert!(factors[0] < 0.9 && factors[1] < 0.9, "{factors:?}");
        assert_eq!(factors[2], 1.0);
        let score = logistic(Weights { factors, prior: -7.0 }.logit(&samples[0]));
        assert!((score - 0.1).abs() < 0.05, "{score}");
    }

    #[test]
    fn few_decisions_move_little() {
        let samples = [sample(1, &[(0, 4.7), (1, 4.5)], false), sample(2, &[(0, 4.7), (1, 4.5)], true)];
        let factors = fit(&samples.iter().collect::<Vec<_>>(), &TODAY(2));
        assert!(factors.iter().all(|factor| (0.85..1.1).contains(factor)), "{factors:?}");
    }

    #[test]
    fn as_many_stay_over_the_threshold_but_the_right_ones() {
        // One sign is always right and weighs too little, the other is always wrong and weighs too much.
        let pairs = |user| [sample(user, &[(0, 4.7), (1, 4.0)], true), sample(user, &[(0, 4.7), (2, 5.0)], false)];
        let samples: Vec<Sample> = (0..100).flat_map(pairs).collect();
        let policy = crate::engine::settings::Policy::shipped("UTC");
        let lesson = learn(&samples, &Rules::new(&policy).unwrap());
        let [today, proposed] = lesson.held_out;
        assert_eq!(today, Flagged { without_reason: 0, with_reason: 100 });
        assert_eq!(proposed, Flagged { without_reason: 100, with_reason: 0 });
        assert!(lesson.helps());
    }

    #[test]
    fn nothing_known_proposes_nothing() {
        let policy = crate::engine::settings::Policy::shipped("UTC");
        let lesson = learn(&[], &Rules::new(&policy).unwrap());
        assert_eq!((lesson.changes().count(), lesson.prior[0] == lesson.prior[1]), (0, true));
        assert!(!lesson.helps());
    }
}
