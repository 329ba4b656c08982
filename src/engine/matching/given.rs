//! Given names as keys: the first one, without diacritics, case and punctuation.
//!
//! `María José`, `MARIA` and `Maria J.` are one; `Bob` and `Robert` are two.

use super::surname::fold;

/// The key of a given name, or `None` of an empty one or an initial, which says too little.
#[must_use]
pub fn key(name: &str) -> Option<String> {
    let folded = fold(name);
    let first = folded.split(' ').find(|word| !word.is_empty())?;
    (first.chars().count() > 1).then(|| first.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_counts() {
        for name in ["María José", "MARIA", "Maria J.", " maria-luz"] {
            assert_eq!(key(name).as_deref(), Some("maria"), "{name}");
        }
        assert_eq!(key("J."), None);
        assert_eq!(key(""), None);
    }
}
