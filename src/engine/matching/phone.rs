//! Phone numbers as keys: the digits that a person has to themselves.
//!
//! `(555) 010-0123`, `+1 555 010 0123` and `555.010.0123 x12` are one phone. Numbers that systems write
//! where they know none (all digits alike, too few of them) are no key: they would link strangers.

/// Digits of a number within the North American plan.
const NATIONAL: usize = 10;

/// The fewest digits that can tell a phone.
const FEWEST: usize = 7;

/// The key of a phone number, or `None` when it tells no phone.
#[must_use]
pub fn key(number: &str) -> Option<String> {
    let base = number.split(['x', 'X', ';', ',']).next().unwrap_or(number);
    let digits: String = base.chars().filter(char::is_ascii_digit).collect();
    let national = match digits.len() {
        11 if digits.starts_with('1') => &digits[1..],
        _ => digits.as_str(),
    };
    // A number of seven digits lacks its area code: it is compared as it is.
    let subscriber = &national[national.len().saturating_sub(FEWEST)..];
    let is_filler = subscriber.bytes().all(|digit| subscriber.starts_with(char::from(digit)));
    (national.len() >= FEWEST && national.len() <= NATIONAL + 5 && !is_filler).then(|| national.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_phone_agree() {
        for number in ["(555) 010-0123", "+1 555 010 0123", "555.010.0123 x12", "1-555-010-0123"] {
            assert_eq!(key(number).as_deref(), Some("5550100123"), "{number}");
        }
    }

    #[test]
    fn fillers_are_no_phone() {
        for number in ["", "n/a", "000-0000", "999-999-9999", "555-9999999", "12345"] {
            assert_eq!(key(number), None, "{number}");
        }
    }
}
