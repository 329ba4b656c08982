//! Texts of a source put into the words of the canonical event, by patterns.
//!
//! A pattern is one or several alternatives between `|`; in each, `*` stands for any text. Case
//! does not count. Hospitals have up to 90,000 different names of actions, so the outcome for each
//! text is remembered, and texts that no pattern knows are counted.

use rustc_hash::FxHashMap;

/// As many texts are remembered; others are matched each time.
const REMEMBERED: usize = 100_000;
/// As many unmapped texts are reported.
const KEPT: usize = 1_000;
/// Longest text that is remembered or counted, in bytes.
const LONGEST: usize = 200;

/// A compiled pattern: for each alternative the pieces between its stars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Vec<String>>);

impl Pattern {
    /// Compiles a pattern; `None` when it has an empty alternative.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let alternatives: Vec<Vec<String>> = text
            .split('|')
            .map(|alternative| alternative.trim().to_lowercase().split('*').map(str::to_owned).collect())
            .collect();
        let is_empty = |pieces: &Vec<String>| matches!(pieces.as_slice(), [only] if only.is_empty());
        (!alternatives.iter().any(is_empty)).then_some(Self(alternatives))
    }

    /// Whether a text fits; it must be in lower case.
    fn fits<'t>(&self, lower: &'t str) -> bool {
        self.0.iter().any(|pieces| match pieces.as_slice() {
            [] => false,
            [only] => only == lower,
            [first, middle @ .., last] => {
                let Some(start) = lower.strip_prefix(first.as_str()) else { return false };
                let after = |rest: &'t str, piece: &String| rest.split_once(piece.as_str()).map(|(_, after)| after);
                middle.iter().try_fold(start, after).is_some_and(|rest| rest.ends_with(last.as_str()))
            }
        })
    }

    /// Whether a text fits, in any case.
    pub(super) fn is_match(&self, text: &str) -> bool {
        self.fits(&text.to_lowercase())
    }
}

/// A pattern and the word for the texts that fit it.
#[derive(Clone, Debug)]
pub(super) struct ValueRule {
    pub(super) pattern: Pattern,
    pub(super) value: String,
}

/// Remembers which rule a text fits.
#[derive(Clone, Debug, Default)]
pub(super) struct Cache(FxHashMap<Box<str>, Option<usize>>);

impl Cache {
    /// The word of the first rule that the text fits.
    pub(super) fn find<'r>(&mut self, rules: &'r [ValueRule], text: &str) -> Option<&'r str> {
        let place = match self.0.get(text).copied() {
            Some(place) => place,
            None => {
                let lower = text.to_lowercase();
                let place = rules.iter().position(|rule| rule.pattern.fits(&lower));
                if self.0.len() < REMEMBERED && text.len() <= LONGEST {
                    self.0.insert(text.into(), place);
                }
                place
            }
        };
        place.and_then(|place| rules.get(place)).map(|rule| rule.value.as_str())
    }
}

/// Counts texts that no rule knows. The rare ones are forgotten from time to time, so that the
/// counts of the frequent ones are right and memory stays bounded.
#[derive(Clone, Debug, Default)]
pub(super) struct Unmapped(FxHashMap<Box<str>, u64>);

impl Unmapped {
    pub(super) fn add(&mut self, text: &str) {
        let end = (0..=LONGEST.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        let text = text.get(..end).unwrap_or_default();
        if let Some(count) = self.0.get_mut(text) {
            *count += 1;
            return;
        }
        if self.0.len() >= 2 * KEPT {
            self.0 = self.list().into_iter().map(|(text, count)| (text.into_boxed_str(), count)).collect();
        }
        self.0.insert(text.into(), 1);
    }

    /// The most frequent texts, at most 1,000, highest count first.
    pub(super) fn list(&self) -> Vec<(String, u64)> {
        let mut list: Vec<_> = self.0.iter().map(|(text, count)| (text.to_string(), *count)).collect();
        list.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        list.truncate(KEPT);
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_text_and_case_does_not_count() {
        for (pattern, text, expected) in [
            ("view", "VIEW", true),
            ("view", "views", false),
            ("view*", "Viewed chart", true),
            ("*print*", "Chart Printed", true),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "acb", false),
            ("ab*ba", "aba", false),
            ("open | read*", "Reading", true),
            ("*", "", true),
            ("*É*", "café", true),
        ] {
            assert_eq!(Pattern::parse(pattern).unwrap().is_match(text), expected, "{pattern} {text}");
        }
        assert_eq!(Pattern::parse("a||b"), None);
        assert_eq!(Pattern::parse(""), None);
    }

    #[test]
    fn the_first_rule_that_fits_wins_and_is_remembered() {
        let rule = |pattern: &str, value: &str| ValueRule {
            pattern: Pattern::parse(pattern).unwrap(),
            value: value.to_owned(),
        };
        let rules = [rule("*print*", "print"), rule("*view*", "view")];
        let mut cache = Cache::default();
        for _ in 0..2 {
            assert_eq!(cache.find(&rules, "Print view"), Some("print"));
            assert_eq!(cache.find(&rules, "Reviewed"), Some("view"));
            assert_eq!(cache.find(&rules, "Signed"), None);
        }
        assert_eq!(cache.0.len(), 3);
    }

    #[test]
    fn a_frequent_text_keeps_its_count_among_many_rare_ones() {
        let mut unmapped = Unmapped::default();
        for number in 0..5_000 {
            unmapped.add("often");
            unmapped.add(&format!("rare {number}"));
        }
        let list = unmapped.list();
        assert_eq!(list[0], ("often".to_owned(), 5_000));
        assert_eq!(list.len(), 1_000);
        assert!(unmapped.0.len() <= 2_000);
    }
}
