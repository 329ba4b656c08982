//! Leaves fields out one at a time, and compares what the record then says.
//!
//! | pass | a leaf | is the origin of |
//! |---|---|---|
//! | 1 | left out | the values that change or vanish |
//! | 1 | changed by one character, where the record is refused without it | the same, and what the refusal names |
//! | 2 | changed by one character | values that pass 1 left open: the leaf says what is assumed anyway |
//! | 3 | left out together with those before it, then with those after it | values that several leaves say |

use std::collections::{BTreeMap, BTreeSet};

use super::{Kind, Leaf, Outcome};
use crate::model::reject::RejectCode;

/// Words of a leaf that are changed, one at a time.
const MAX_WORDS: usize = 8;
/// Characters of a [`crate::decode::stable_hash`].
const HASH: usize = 26;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// These leaves: with any of them otherwise, the value is another.
    Leaves(Vec<String>),
    /// More than one leaf says it, so that none alone matters: the first and the last that do.
    Several(Vec<String>),
    /// A hash of what the record says.
    Hash,
    /// No leaf: a default, or what every record of the kind says.
    Made,
}

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Of a canonical field, or of a column of a context table.
    pub name: String,
    pub text: String,
    pub origin: Origin,
}

/// An access, a context record or a withdrawal, with the origin of each value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traced {
    pub kind: Kind,
    pub values: Vec<Value>,
}

/// A leaf without which something is not told at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    pub path: String,
    /// Why the record is then refused; none when it only says less.
    pub reason: Option<RejectCode>,
}

/// Where everything that a record says came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    pub traced: Vec<Traced>,
    /// What of the record is refused as it is.
    pub rejects: Vec<Outcome>,
    pub needed: Vec<Needed>,
    /// Paths of the leaves that change nothing.
    pub unused: Vec<String>,
    /// Of a record that is refused: the leaves without which it would not be.
    pub cures: Vec<String>,
}

/// Traces every value of a record. `leaves` stand in the order of their places and do not overlap. `decode` says what
/// some bytes give, and gives the same for the same bytes.
pub fn explain(record: &[u8], leaves: &[Leaf], decode: &mut dyn FnMut(&[u8]) -> Vec<Outcome>) -> Explanation {
    let (rejects, base) = decode(record).into_iter().partition(|outcome| outcome.reason().is_some());
    let mut trace =
        Trace { record, leaves, decode, base, origins: Origins::new(), needed: BTreeMap::new(), cures: Vec::new() };
    trace.leave_out_each();
    trace.change_each();
    let several = trace.leave_out_all();
    trace.explanation(rejects, &several)
}

/// The numbers of an outcome and of a field in it.
type Place = (usize, usize);
type Places = BTreeSet<Place>;
/// The numbers of the leaves that matter to each value.
type Origins = BTreeMap<Place, BTreeSet<usize>>;

struct Trace<'t> {
    record: &'t [u8],
    leaves: &'t [Leaf],
    decode: &'t mut dyn FnMut(&[u8]) -> Vec<Outcome>,
    /// What the record says as it is, without rejects.
    base: Vec<Outcome>,
    origins: Origins,
    /// Leaves without which an outcome is gone, and why.
    needed: BTreeMap<usize, Option<RejectCode>>,
    cures: Vec<usize>,
}

/// How a reading differs from the record as it is.
struct Difference {
    changed: Places,
    /// Values of outcomes that are not there any more.
    gone: Places,
}

impl Trace<'_> {
    /// What the record says with other text in some leaves, which come in order.
    fn read<'c>(&mut self, changes: impl IntoIterator<Item = (usize, &'c [u8])>) -> Vec<Outcome> {
        let (mut probe, mut at) = (Vec::with_capacity(self.record.len()), 0);
        for (leaf, text) in changes {
            let Some(leaf) = self.leaves.get(leaf) else { continue };
            probe.extend_from_slice(self.record.get(at..leaf.span.start).unwrap_or_default());
            probe.extend_from_slice(text);
            at = leaf.span.end;
        }
        probe.extend_from_slice(self.record.get(at..).unwrap_or_default());
        (self.decode)(&probe)
    }

    fn leave_out_each(&mut self) {
        let leaves = self.leaves;
        let all = self.places();
        for (number, leaf) in leaves.iter().enumerate() {
            let probe = self.read([(number, leaf.blank)]);
            if self.base.is_empty() && probe.iter().any(|outcome| outcome.reason().is_none()) {
                self.cures.push(number);
            }
            let gone = self.note(number, &all, &probe);
            if !gone.is_empty() {
                self.needed.insert(number, probe.iter().find_map(Outcome::reason));
                self.change(number, &gone);
            }
        }
    }

    /// Notes which of these values change with one character of a leaf.
    fn change(&mut self, number: usize, places: &Places) {
        let record = self.record;
        let span = self.leaves.get(number).map(|leaf| leaf.span.clone()).unwrap_or_default();
        for text in altered(record.get(span).unwrap_or_default()) {
            let probe = self.read([(number, text.as_slice())]);
            self.note(number, places, &probe);
        }
    }

    fn change_each(&mut self) {
        let open = self.open();
        if !open.is_empty() {
            self.dispensable().into_iter().for_each(|number| self.change(number, &open));
        }
    }

    /// For each value that is still open: where it goes when one leaf after the other is left out, from either end.
    fn leave_out_all(&mut self) -> Origins {
        let (open, leaves) = (self.open(), self.dispensable());
        let mut found = Origins::new();
        self.leave_out_in_turn(&mut leaves.iter().copied(), open.clone(), &mut found);
        self.leave_out_in_turn(&mut leaves.iter().rev().copied(), open, &mut found);
        found
    }

    fn leave_out_in_turn(&mut self, order: &mut dyn Iterator<Item = usize>, mut open: Places, found: &mut Origins) {
        let leaves = self.leaves;
        let mut out = BTreeSet::new();
        for number in order {
            if open.is_empty() {
                return;
            }
            out.insert(number);
            let probe = self.read(out.iter().filter_map(|number| Some((*number, leaves.get(*number)?.blank))));
            let Difference { changed, gone } = self.compare(&open, &probe);
            if !gone.is_empty() {
                // By now this one is needed.
                out.remove(&number);
                continue;
            }
            for place in changed {
                open.remove(&place);
                found.entry(place).or_default().insert(number);
            }
        }
    }

    /// Notes a leaf as the origin of what differs; the values that cannot be compared, because what holds them is gone.
    fn note(&mut self, leaf: usize, places: &Places, probe: &[Outcome]) -> Places {
        let Difference { mut changed, gone } = self.compare(places, probe);
        let is_blamed = |name: &str| probe.iter().any(|outcome| outcome.blames(name));
        changed.extend(gone.iter().filter(|place| self.field(**place).is_some_and(|(name, _)| is_blamed(name))));
        for place in changed {
            self.origins.entry(place).or_default().insert(leaf);
        }
        gone
    }

    fn compare(&self, places: &Places, probe: &[Outcome]) -> Difference {
        let kin: Vec<Option<&Outcome>> = self.base.iter().map(|outcome| outcome.kin(probe)).collect();
        let mut difference = Difference { changed: Places::new(), gone: Places::new() };
        for &place in places {
            let Some((name, text)) = self.field(place) else { continue };
            match kin.get(place.0).copied().flatten() {
                Some(other) if other.text(name) == Some(text) => {}
                Some(_) => {
                    difference.changed.insert(place);
                }
                None => {
                    difference.gone.insert(place);
                }
            }
        }
        difference
    }

    fn field(&self, (outcome, field): Place) -> Option<(&str, &str)> {
        self.base.get(outcome)?.fields.get(field).map(|(name, text)| (name.as_str(), text.as_str()))
    }

    fn places(&self) -> Places {
        let fields = |(number, outcome): (usize, &Outcome)| (0..outcome.fields.len()).map(move |field| (number, field));
        self.base.iter().enumerate().flat_map(fields).collect()
    }

    /// The values without an origin.
    fn open(&self) -> Places {
        self.places().into_iter().filter(|place| !self.origins.contains_key(place)).collect()
    }

    /// The leaves without which nothing is gone.
    fn dispensable(&self) -> Vec<usize> {
        (0..self.leaves.len()).filter(|number| !self.needed.contains_key(number)).collect()
    }

    /// Whether a value is a hash that was made here and does not stand in the record.
    fn is_hash(&self, text: &str) -> bool {
        let hash = text.rsplit('/').next().unwrap_or_default();
        let is_one = hash.len() == HASH && hash.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'));
        is_one && memchr::memmem::find(self.record, hash.as_bytes()).is_none()
    }

    fn origin(&self, place: Place, text: &str, several: &Origins) -> Origin {
        match (self.origins.get(&place), several.get(&place)) {
            (Some(_), _) if self.is_hash(text) => Origin::Hash,
            (Some(leaves), _) => Origin::Leaves(self.paths(leaves)),
            (None, Some(leaves)) => Origin::Several(self.paths(leaves)),
            (None, None) => Origin::Made,
        }
    }

    fn paths<'n>(&self, numbers: impl IntoIterator<Item = &'n usize>) -> Vec<String> {
        let leaves = numbers.into_iter().filter_map(|number| self.leaves.get(*number));
        leaves.map(|leaf| leaf.path.clone()).collect()
    }

    fn explanation(&self, rejects: Vec<Outcome>, several: &Origins) -> Explanation {
        let traced = |(number, outcome): (usize, &Outcome)| {
            let values = outcome.fields.iter().enumerate().map(|(field, (name, text))| Value {
                name: name.clone(),
                text: text.clone(),
                origin: self.origin((number, field), text, several),
            });
            Traced { kind: outcome.kind, values: values.collect() }
        };
        let origins = self.origins.values().chain(several.values()).flatten();
        let used: BTreeSet<usize> = origins.chain(self.needed.keys()).copied().collect();
        let unused: Vec<usize> = (0..self.leaves.len()).filter(|number| !used.contains(number)).collect();
        let needed = self.needed.iter().filter_map(|(number, reason)| {
            let path = self.leaves.get(*number)?.path.clone();
            Some(Needed { path, reason: *reason })
        });
        Explanation {
            traced: self.base.iter().enumerate().map(traced).collect(),
            rejects,
            needed: needed.collect(),
            unused: if self.base.is_empty() { Vec::new() } else { self.paths(&unused) },
            cures: self.paths(&self.cures),
        }
    }
}

/// A leaf's text with the last character of one of its words changed, for each of its first words. A word is of letters
/// and digits, so that parts of ids, times and names change one at a time.
fn altered(text: &[u8]) -> Vec<Vec<u8>> {
    match text {
        b"true" => return vec![b"false".to_vec()],
        b"false" => return vec![b"true".to_vec()],
        _ => {}
    }
    let is_part = |at: usize| text.get(at).is_some_and(u8::is_ascii_alphanumeric);
    let ends = (0..text.len()).filter(|at| is_part(*at) && !is_part(at + 1));
    ends.take(MAX_WORDS)
        .map(|at| text.iter().enumerate().map(|(place, byte)| if place == at { near(*byte) } else { *byte }).collect())
        .collect()
}

/// Another character of the same sort.
const fn near(byte: u8) -> u8 {
    match byte {
        b'0' | b'a' | b'A' => byte + 1,
        _ => byte - 1,
    }
}
