//! Family names as keys: two people share a family name when any of their keys agree.
//!
//! `O'Brien-Smith`, `OBRIEN`, `García López`, `de la Cruz` and `Smith Jr.` are one name each to a
//! reader and five spellings to a computer. A name becomes several keys: the whole without
//! separators, and each part of a double name. Diacritics, case, punctuation, generation suffixes
//! and academic titles do not count; particles belong to the part they lead.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Words after a family name that are not part of it.
const SUFFIXES: [&str; 14] =
    ["jr", "sr", "ii", "iii", "iv", "md", "do", "phd", "rn", "np", "pa", "esq", "dds", "junior"];

/// Words that lead a part of a family name.
const PARTICLES: [&str; 26] = [
    "de", "del", "della", "di", "da", "dos", "das", "do", "la", "las", "los", "le", "van", "von", "der", "den", "ter",
    "ten", "zu", "zur", "el", "al", "bin", "ibn", "st", "y",
];

/// The shortest part that counts as a key of its own.
const SHORTEST_PART: usize = 3;

/// The keys of one or more family names of one person, sorted.
#[must_use]
pub fn keys<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut keys = BTreeSet::new();
    for name in names {
        add_keys(name, &mut keys);
    }
    keys.into_iter().collect()
}

fn add_keys(name: &str, keys: &mut BTreeSet<String>) {
    let mut words: Vec<String> = fold(name).split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
    while words.len() > 1 && words.last().is_some_and(|word| SUFFIXES.contains(&word.as_str())) {
        words.pop();
    }
    let whole = words.concat();
    if whole.is_empty() {
        return;
    }
    let mut lead = String::new();
    for word in &words {
        lead.push_str(word);
        if PARTICLES.contains(&word.as_str()) {
            continue;
        }
        if lead.len() > word.len() {
            keys.insert(lead.clone());
        }
        if word.chars().count() >= SHORTEST_PART {
            keys.insert(word.clone());
        }
        lead.clear();
    }
    keys.insert(whole);
}

/// Lower case, Latin letters without diacritics, one blank between words; apostrophes and full stops
/// vanish, every other separator parts words.
pub(super) fn fold(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for letter in name.nfkd().filter(|letter| !is_combining_mark(*letter)).flat_map(char::to_lowercase) {
        match letter {
            'ß' => out.push_str("ss"),
            'æ' => out.push_str("ae"),
            'œ' => out.push_str("oe"),
            'ø' => out.push('o'),
            'ł' => out.push('l'),
            'đ' | 'ð' => out.push('d'),
            'þ' => out.push_str("th"),
            'ı' => out.push('i'),
            '\'' | '’' | '‘' | '`' | '´' | 'ʼ' | '.' => {}
            letter if letter.is_alphanumeric() => out.push(letter),
            _ => out.push(' '),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agree(one: &str, other: &str) -> bool {
        let other = keys([other]);
        keys([one]).iter().any(|key| other.contains(key))
    }

    #[test]
    fn spellings_of_one_name_agree() {
        for (one, other) in [
            ("O'Brien-Smith", "OBRIEN"),
            ("O’Brien", "o'brien"),
            ("García", "Garcia"),
            ("GARCIA LOPEZ", "López"),
            ("Smith Jr.", "SMITH"),
            ("de la Cruz", "DELACRUZ"),
            ("De La Cruz", "Cruz"),
            ("Nuñez", "Nunez"),
            ("Weiß", "Weiss"),
            ("Müller III", "muller"),
            ("van der Berg", "Vanderberg"),
            ("St. John", "StJohn"),
        ] {
            assert!(agree(one, other), "{one} / {other}: {:?} {:?}", keys([one]), keys([other]));
        }
    }

    #[test]
    fn different_names_do_not_agree() {
        for (one, other) in [("Smith", "Smithson"), ("de la Cruz", "de la Rosa"), ("Lee Jr", "Park Jr"), ("", "")] {
            assert!(!agree(one, other), "{one} / {other}");
        }
    }

    #[test]
    fn former_names_count() {
        assert_eq!(keys(["Okafor", "Lind"]), ["lind", "okafor"]);
    }

    #[test]
    fn short_names_keep_their_whole() {
        assert!(agree("Ng", "NG"));
        assert!(agree("Do", "do"));
    }
}
