//! Addresses as keys: one key for a dwelling, comparing what different systems write.
//!
//! `12 Oak St Apt 4` and `12 OAK STREET #4` are one dwelling. The key is postal code, house number,
//! street words in short form, and unit. Without a postal code or a house number there is no key:
//! a bare street says too little to link two people.

/// Street and unit words with the form that the key uses.
const SHORT_FORMS: [(&str, &str); 34] = [
    ("street", "st"),
    ("str", "st"),
    ("avenue", "ave"),
    ("av", "ave"),
    ("boulevard", "blvd"),
    ("drive", "dr"),
    ("road", "rd"),
    ("lane", "ln"),
    ("court", "ct"),
    ("place", "pl"),
    ("terrace", "ter"),
    ("circle", "cir"),
    ("highway", "hwy"),
    ("parkway", "pkwy"),
    ("square", "sq"),
    ("trail", "trl"),
    ("way", "way"),
    ("north", "n"),
    ("south", "s"),
    ("east", "e"),
    ("west", "w"),
    ("northeast", "ne"),
    ("northwest", "nw"),
    ("southeast", "se"),
    ("southwest", "sw"),
    ("saint", "st"),
    ("mount", "mt"),
    ("fort", "ft"),
    ("first", "1st"),
    ("second", "2nd"),
    ("third", "3rd"),
    ("fourth", "4th"),
    ("fifth", "5th"),
    ("sixth", "6th"),
];

/// Words that announce a unit inside a building.
const UNIT_WORDS: [&str; 10] = ["apt", "apartment", "unit", "suite", "ste", "no", "rm", "room", "lot", "spc"];

/// An address that names a house.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    postal: String,
    /// House number as it is written, such as `12b`.
    number: String,
    /// Words of the street in short form.
    words: String,
    unit: String,
    /// House number without letters.
    pub house: u32,
}

impl Address {
    /// The key of house and unit.
    #[must_use]
    pub fn dwelling(&self) -> String {
        format!("{}|{} {}|{}", self.postal, self.number, self.words, self.unit)
    }

    /// The key of the street within its postal code.
    #[must_use]
    pub fn street(&self) -> String {
        format!("{}|{}", self.postal, self.words)
    }
}

/// Reads an address; `None` when it does not name a house.
#[must_use]
pub fn parse(street: &str, postal_code: &str) -> Option<Address> {
    let postal: String = postal_code.chars().filter(char::is_ascii_alphanumeric).take(5).collect();
    let (mut line, unit) = parts(street);
    if postal.is_empty() || line.len() < 2 {
        return None;
    }
    let words = line.split_off(1).join(" ");
    let number = line.pop()?;
    let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
    let house = digits.parse().ok()?;
    Some(Address { postal: postal.to_ascii_lowercase(), number, words, unit, house })
}

fn parts(street: &str) -> (Vec<String>, String) {
    let folded: String = street
        .chars()
        .flat_map(char::to_lowercase)
        .map(|c| if c.is_alphanumeric() || c == '#' { c } else { ' ' })
        .collect();
    let spaced = folded.replace('#', " # ");
    let mut line = Vec::new();
    let mut unit = String::new();
    let mut in_unit = false;
    for word in spaced.split_whitespace() {
        if word == "#" || (!line.is_empty() && UNIT_WORDS.contains(&word)) {
            in_unit = true;
        } else if in_unit {
            unit.push_str(word);
        } else {
            let short = SHORT_FORMS.iter().find(|(long, _)| *long == word).map_or(word, |(_, short)| short);
            line.push(short.to_owned());
        }
    }
    (line, unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(street: &str, postal_code: &str) -> Option<String> {
        parse(street, postal_code).map(|address| address.dwelling())
    }

    #[test]
    fn houses_of_one_street_agree_on_the_street() {
        let one = parse("12 Oak St Apt 4", "90210").unwrap();
        let other = parse("14B OAK STREET", "90210-1234").unwrap();
        assert_eq!((one.street(), one.house, other.house), (other.street(), 12, 14));
        assert_ne!(one.street(), parse("12 Oak Avenue", "90210").unwrap().street());
    }

    #[test]
    fn spellings_of_one_dwelling_agree() {
        for (one, other) in [
            (("12 Oak St Apt 4", "90210"), ("12 OAK STREET #4", "90210-1234")),
            (("500 North First Avenue", "94110"), ("500 N. 1st Ave", "94110")),
            (("7 Elm Court, Unit B", "95000"), ("7 elm ct apt b", "95000")),
        ] {
            assert_eq!(key(one.0, one.1), key(other.0, other.1), "{one:?} {other:?}");
            assert!(key(one.0, one.1).is_some());
        }
    }

    #[test]
    fn another_unit_number_or_town_is_another_dwelling() {
        let here = key("12 Oak St Apt 4", "90210");
        assert_ne!(here, key("12 Oak St Apt 5", "90210"));
        assert_ne!(here, key("14 Oak St Apt 4", "90210"));
        assert_ne!(here, key("12 Oak St Apt 4", "90211"));
    }

    #[test]
    fn an_address_that_names_no_dwelling_has_no_key() {
        assert_eq!(key("Oak Street", "90210"), None);
        assert_eq!(key("12 Oak Street", ""), None);
        assert_eq!(key("homeless", "90210"), None);
    }
}
