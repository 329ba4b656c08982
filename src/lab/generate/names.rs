//! Family and given names as a hospital's records hold them.
//!
//! A few hundred common surnames carry about a third of the people, with weights close to their
//! counts per 100,000 in the 2010 US census; a long tail put together from syllables carries the
//! rest, so that a shared name may mean much or nothing.

use super::dice::Dice;
use super::name_lists::{COMMON, GIVEN_FEMALE, GIVEN_HISPANIC_FEMALE, GIVEN_HISPANIC_MALE, GIVEN_MALE, HISPANIC, TAIL};

/// How the parts of a double name are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Join {
    Single,
    Space,
    Hyphen,
}

/// A family name: one or two roots and the way this record spells them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Surname {
    root: u32,
    second: u32,
    join: Join,
    /// Index into [`SUFFIXES`], 0 = none.
    suffix: u8,
    accents: bool,
    upper: bool,
}

const SUFFIXES: [&str; 4] = ["", " Jr.", " III", " Sr."];

impl Surname {
    fn of(root: u32) -> Self {
        Self { root, second: 0, join: Join::Single, suffix: 0, accents: false, upper: false }
    }

    /// The root by which relatives recognise each other.
    pub(super) const fn root(self) -> u32 {
        self.root
    }

    /// This name and another's, joined by a hyphen.
    pub(super) fn hyphenated_with(self, other: Self) -> Self {
        Self { second: other.root, join: Join::Hyphen, suffix: 0, ..self }
    }

    /// Writes the name the way this record spells it.
    pub(super) fn write(self, out: &mut String) {
        let from = out.len();
        push_root(out, self.root, self.accents);
        match self.join {
            Join::Single => {}
            Join::Space => out.push(' '),
            Join::Hyphen => out.push('-'),
        }
        if self.join != Join::Single {
            push_root(out, self.second, self.accents);
        }
        out.push_str(SUFFIXES[usize::from(self.suffix) % SUFFIXES.len()]);
        if self.upper {
            let upper = out[from..].to_uppercase();
            out.truncate(from);
            out.push_str(&upper);
        }
    }
}

fn push_root(out: &mut String, root: u32, accents: bool) {
    let index = root as usize;
    if let Some((name, _)) = COMMON.get(index) {
        let accented = accents.then(|| HISPANIC.iter().find(|(plain, _)| plain == name)).flatten();
        out.push_str(accented.map_or(name, |(_, accented)| accented));
        return;
    }
    let [heads, middles, ends] = TAIL;
    let mut number = index - COMMON.len();
    let end = ends[number % ends.len()];
    number /= ends.len();
    let head = heads[number % heads.len()];
    number /= heads.len();
    out.push_str(head);
    out.push_str(middles[number % middles.len()]);
    out.push_str(end);
}

/// Draws names for one population.
pub(super) struct Names {
    totals: Vec<u32>,
    hispanic: Vec<u32>,
    tail: u32,
    hard: bool,
}

impl Names {
    /// `people` decides how long the tail of rare names is.
    pub(super) fn new(people: u32, hard: bool) -> Self {
        let mut sum = 0;
        let totals = COMMON.iter().map(|(_, weight)| {
            sum += u32::from(*weight);
            sum
        });
        let most = TAIL.iter().map(|part| part.len() as u32).product::<u32>();
        let is_spanish = |name: &str| HISPANIC.iter().any(|(plain, _)| *plain == name);
        let hispanic = (0..COMMON.len()).filter(|&root| is_spanish(COMMON[root].0)).map(|root| root as u32).collect();
        Self { totals: totals.collect(), hispanic, tail: (people * 2).clamp(500, most), hard }
    }

    fn is_hispanic(&self, root: u32) -> bool {
        self.hispanic.binary_search(&root).is_ok()
    }

    /// A family name by frequency.
    pub(super) fn surname(&self, dice: &mut Dice) -> Surname {
        let root = if dice.chance(0.3) {
            dice.weighted(&self.totals) as u32
        } else {
            let reach = dice.below(self.tail) + 1;
            COMMON.len() as u32 + scatter(dice.below(reach), self.tail)
        };
        let mut name = Surname::of(root);
        if self.is_hispanic(root) && dice.chance(0.4) {
            name.second = dice.pick(&self.hispanic).copied().unwrap_or(root);
            name.join = if dice.chance(0.8) { Join::Space } else { Join::Hyphen };
        } else if dice.chance(0.015) {
            name.second = dice.weighted(&self.totals) as u32;
            name.join = Join::Hyphen;
        }
        name
    }

    /// The same name as another record may spell it.
    pub(super) fn respelt(&self, name: Surname, male: bool, dice: &mut Dice) -> Surname {
        let mess = if self.hard { 3.0 } else { 1.0 };
        let mut name = Surname { accents: dice.chance(0.2 * mess), upper: dice.chance(0.01 * mess), ..name };
        name.suffix = if male && dice.chance(0.012) { 1 + dice.below(3) as u8 } else { 0 };
        if name.join != Join::Single && dice.chance(0.15 * mess) {
            match dice.below(3) {
                0 => name.join = Join::Single,
                1 => name.join = Join::Hyphen,
                _ => std::mem::swap(&mut name.root, &mut name.second),
            }
        }
        name
    }

    /// A given name that suits sex and family name.
    pub(super) fn given(&self, female: bool, family: Surname, dice: &mut Dice) -> &'static str {
        let list: &'static [&'static str] = match (self.is_hispanic(family.root) && dice.chance(0.6), female) {
            (true, true) => GIVEN_HISPANIC_FEMALE,
            (true, false) => GIVEN_HISPANIC_MALE,
            (false, true) => GIVEN_FEMALE,
            (false, false) => GIVEN_MALE,
        };
        let reach = dice.index(list.len()) + 1;
        dice.pick(&list[..reach]).copied().unwrap_or("Alex")
    }
}

/// Spreads the tail's numbers over all syllables, each number to another name.
fn scatter(number: u32, of: u32) -> u32 {
    let mut step = 7_919 % of.max(1);
    while step == 0 || gcd(step, of) != 1 {
        step += 1;
    }
    ((u64::from(number) * u64::from(step)) % u64::from(of.max(1))) as u32
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn text(name: Surname) -> String {
        let mut out = String::new();
        name.write(&mut out);
        out
    }

    #[test]
    fn common_names_are_common_and_rare_ones_rare() {
        let names = Names::new(5_000, false);
        let mut dice = Dice::new(3, 0);
        let mut counts: BTreeMap<u32, u32> = BTreeMap::new();
        for _ in 0..20_000 {
            *counts.entry(names.surname(&mut dice).root()).or_default() += 1;
        }
        assert!((150..350).contains(&counts[&0]), "Smith: {}", counts[&0]);
        let rare = counts.values().filter(|&&count| count <= 3).count();
        assert!(rare > 1_500, "{rare} rare names");
    }

    #[test]
    fn tail_names_differ_from_each_other_and_from_the_common_ones() {
        let common: BTreeSet<String> = (0..COMMON.len() as u32).map(|root| text(Surname::of(root))).collect();
        assert_eq!(common.len(), COMMON.len());
        let numbers: BTreeSet<u32> = (0..9_000).map(|number| scatter(number, 9_000)).collect();
        assert_eq!(numbers.len(), 9_000);
        let tail: BTreeSet<String> = numbers.iter().map(|n| text(Surname::of(COMMON.len() as u32 + n))).collect();
        assert!(tail.len() > 8_900, "{}", tail.len());
        assert!(tail.intersection(&common).count() < 5);
    }

    #[test]
    fn a_record_may_spell_a_name_its_own_way() {
        let garcia = COMMON.iter().position(|(name, _)| *name == "Garcia").unwrap() as u32;
        let name = Surname { accents: true, suffix: 1, ..Surname::of(garcia) };
        assert_eq!(text(name), "García Jr.");
        assert_eq!(text(Surname { upper: true, ..name }), "GARCÍA JR.");
        assert_eq!(text(Surname::of(0).hyphenated_with(Surname::of(1))), "Smith-Johnson");
    }
}
