//! Finds bytes in short texts, eight at a time. Cells and JSON strings are a dozen bytes long, where
//! calling a routine made for long texts costs more than the search.

const ONES: u64 = 0x0101_0101_0101_0101;
const LOWS: u64 = 0x7f7f_7f7f_7f7f_7f7f;

/// The top bit of each byte of `word` that equals `byte`.
const fn equal(word: u64, byte: u8) -> u64 {
    let different = word ^ (ONES * byte as u64);
    !(((different & LOWS) + LOWS) | different | LOWS)
}

/// The top bit of each byte of `word` below 0x20.
const fn control(word: u64) -> u64 {
    // Adding 0x60 carries a byte's value into its top bit from 0x20 on.
    !(((word & LOWS) + ONES * 0x60) | word) & !LOWS
}

/// The position of the first byte in `bytes` that ends or complicates a JSON string: a quote, a
/// backslash or a control character.
#[inline]
pub(super) fn string_stop(bytes: &[u8]) -> Option<usize> {
    let (words, tail) = bytes.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let stops = equal(word, b'"') | equal(word, b'\\') | control(word);
        if stops != 0 {
            return Some(number * 8 + stops.trailing_zeros() as usize / 8);
        }
    }
    let stop = tail.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
    Some(words.len() * 8 + stop)
}

/// The position of the first `byte` in `bytes`.
#[inline]
pub(super) fn find(bytes: &[u8], byte: u8) -> Option<usize> {
    find_either(bytes, byte, byte)
}

/// The position of the first `one` or `other` in `bytes`.
#[inline]
pub(super) fn find_either(bytes: &[u8], one: u8, other: u8) -> Option<usize> {
    let (words, tail) = bytes.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = equal(word, one) | equal(word, other);
        if found != 0 {
            return Some(number * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let found = tail.iter().position(|byte| *byte == one || *byte == other)?;
    Some(words.len() * 8 + found)
}

/// Hands every position of a comma in `bytes` to `visit`, until it says `false`; whether it never
/// did.
#[inline]
pub(super) fn all_commas(bytes: &[u8], mut visit: impl FnMut(usize) -> bool) -> bool {
    let (words, tail) = bytes.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let mut commas = equal(u64::from_le_bytes(*word), b',');
        while commas != 0 {
            if !visit(number * 8 + commas.trailing_zeros() as usize / 8) {
                return false;
            }
            commas &= commas - 1;
        }
    }
    tail.iter().enumerate().all(|(at, byte)| *byte != b',' || visit(words.len() * 8 + at))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_looking_at_each_byte(
            bytes in proptest::collection::vec(any::<u8>(), 0..40),
            common in "[a,\"\\\\\n]{0,40}",
        ) {
            for bytes in [&bytes[..], common.as_bytes()] {
                let stop = bytes.iter().position(|byte| *byte == b'"' || *byte == b'\\' || *byte < b' ');
                prop_assert_eq!(string_stop(bytes), stop);
                prop_assert_eq!(find(bytes, b'\n'), bytes.iter().position(|byte| *byte == b'\n'));
                let either = bytes.iter().position(|byte| *byte == b'\n' || *byte == b',');
                prop_assert_eq!(find_either(bytes, b'\n', b','), either);
                let mut commas = Vec::new();
                let goes_to_the_end = all_commas(bytes, |at| {
                    commas.push(at);
                    true
                });
                prop_assert!(goes_to_the_end);
                let expected: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at] == b',').collect();
                prop_assert_eq!(&commas, &expected);
                prop_assert_eq!(all_commas(bytes, |_| false), expected.is_empty());
            }
        }
    }
}
