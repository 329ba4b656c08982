//! People as Patient, Practitioner, RelatedPerson and Patient.contact describe them alike.
//!
//! | canonical | FHIR |
//! |---|---|
//! | names | `name`: official, usual, else the first that is current; `family` and `given`, else `text` |
//! | previous family names | `name` of use old or maiden |
//! | address | `address`: home, else the first that is current |
//! | phone | `telecom` of system phone: home, mobile, else the first that is current |
//!
//! Addresses and phones of use work are left out: they are compared to find people who live
//! together, and a whole department has one.

use jiff::civil::Date;
use serde_json::Value;

use super::source::{each, word};
use crate::decode::fhir::view::{codes, text};
use crate::decode::time::read_date;

/// Uses of addresses and phones that say nothing about where somebody lives now.
const ELSEWHERE: [&str; 3] = ["old", "work", "billing"];
/// Uses of names that are not the current legal one.
const ASIDE: [&str; 4] = ["old", "maiden", "nickname", "anonymous"];
/// Words around a name that are no part of it.
const TITLES: [&str; 13] = ["dr", "mr", "mrs", "ms", "miss", "prof", "md", "phd", "rn", "np", "jr", "sr", "iii"];
/// Codes of HL7 v2-0203 for ids that a state gave and not a hospital.
const CIVIL_TYPES: [&str; 5] = ["SS", "DL", "PPN", "TAX", "SB"];

/// What identifies a person to people.
#[derive(Clone, Debug, Default)]
pub(super) struct Human {
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub previous_family_names: Vec<String>,
    pub street: Option<String>,
    pub city: Option<String>,
    pub postal_code: Option<String>,
    pub phone: Option<String>,
    pub birth_date: Option<Date>,
}

impl Human {
    pub(super) fn of(value: &Value) -> Self {
        let names: Vec<&Value> = each(value, "name").iter().collect();
        let name = by_use(&names, &["official", "usual"], &ASIDE).or(names.first().copied());
        let (given_name, family_name) = name.map(parts).unwrap_or_default();
        let addresses: Vec<&Value> = each(value, "address").iter().collect();
        let address = by_use(&addresses, &["home"], &ELSEWHERE);
        let of_address = |member: &str| address.and_then(|address| word(address, &[member]));
        Self {
            previous_family_names: previous(&names, family_name.as_deref()),
            given_name,
            family_name,
            street: of_address("line"),
            city: of_address("city"),
            postal_code: of_address("postalCode"),
            phone: phone(value),
            birth_date: text(value, &["birthDate"]).and_then(|written| read_date(written.get(..10)?)),
        }
    }

    /// The person behind a name as it is displayed.
    pub(super) fn called(display: &str) -> Self {
        let (given_name, family_name) = split(display);
        Self { given_name, family_name, ..Self::default() }
    }
}

/// The first value of the use preferred most, else the first that is not set aside.
fn by_use<'v>(values: &[&'v Value], preferred: &[&str], aside: &[&str]) -> Option<&'v Value> {
    let used = |value: &Value| text(value, &["use"]).unwrap_or_default().to_ascii_lowercase();
    let of_use = |wanted: &&str| values.iter().find(|value| used(value) == **wanted);
    let found = preferred.iter().find_map(of_use);
    found.or_else(|| values.iter().find(|value| !aside.contains(&used(value).as_str()))).copied()
}

/// Given and family name of a HumanName.
fn parts(name: &Value) -> (Option<String>, Option<String>) {
    let written = text(name, &["text"]).or_else(|| text(name, &[]));
    let (given, family) = written.map(split).unwrap_or_default();
    (word(name, &["given"]).or(given), word(name, &["family"]).or(family))
}

/// Given and family name of a whole name: `Ann Quill`, `Quill, Ann`, `Dr. Ann Quill, MD`.
fn split(whole: &str) -> (Option<String>, Option<String>) {
    let words = |text: &str| -> Vec<String> {
        let words = text.split_whitespace().map(|word| word.trim_matches(','));
        words.filter(|word| !word.is_empty() && !is_title(word)).map(str::to_owned).collect()
    };
    if let Some((family, given)) = whole.split_once(',')
        && let Some(given) = words(given).into_iter().next()
    {
        return (Some(given), Some(words(family).join(" ")).filter(|family| !family.is_empty()));
    }
    let mut words = words(whole);
    let family = words.pop();
    (words.into_iter().next(), family)
}

fn is_title(word: &str) -> bool {
    let bare = word.replace('.', "");
    TITLES.iter().any(|title| title.eq_ignore_ascii_case(&bare))
}

fn previous(names: &[&Value], current: Option<&str>) -> Vec<String> {
    let is_former = |name: &&&Value| {
        let used = text(name, &["use"]).unwrap_or_default();
        used.eq_ignore_ascii_case("old") || used.eq_ignore_ascii_case("maiden")
    };
    let families = names.iter().filter(is_former).filter_map(|name| parts(name).1);
    families.filter(|family| Some(family.as_str()) != current).collect()
}

fn phone(value: &Value) -> Option<String> {
    let is_phone = |contact: &&Value| {
        let system = text(contact, &["system"]).unwrap_or("phone").to_ascii_lowercase();
        matches!(system.as_str(), "phone" | "sms") && word(contact, &["value"]).is_some()
    };
    let phones: Vec<&Value> = each(value, "telecom").iter().filter(is_phone).collect();
    let number = word(by_use(&phones, &["home", "mobile"], &ELSEWHERE)?, &["value"])?;
    Some(number.strip_prefix("tel:").map(str::to_owned).unwrap_or(number))
}

/// The id under which a hospital knows a person: the first identifier of the types preferred most
/// (code of v2-0203 or text), else the one of use official, else the first. Old ones and those of a
/// state (social security, driver's licence, passport) do not count.
pub(super) fn identifier(value: &Value, types: &[&str]) -> Option<String> {
    let is_used = |identifier: &&Value| {
        let used = text(identifier, &["use"]).unwrap_or_default();
        word(identifier, &["value"]).is_some() && !used.eq_ignore_ascii_case("old") && !is_civil(identifier)
    };
    let identifiers: Vec<&Value> = each(value, "identifier").iter().filter(is_used).collect();
    let of_type = |wanted: &&str| identifiers.iter().find(|identifier| is_of_type(identifier, wanted)).copied();
    let found = types.iter().find_map(of_type).or_else(|| by_use(&identifiers, &["official"], &[]));
    word(found?, &["value"])
}

/// The value of an identifier of exactly this type.
pub(super) fn identifier_of_type(value: &Value, wanted: &str) -> Option<String> {
    let mut found = each(value, "identifier").iter().filter(|identifier| is_of_type(identifier, wanted));
    found.find_map(|identifier| word(identifier, &["value"]))
}

fn is_of_type(identifier: &Value, wanted: &str) -> bool {
    let Some(kind) = identifier.get("type") else { return false };
    codes(kind).into_iter().chain(text(kind, &["text"])).any(|name| name.eq_ignore_ascii_case(wanted))
}

fn is_civil(identifier: &Value) -> bool {
    let system = text(identifier, &["system"]).unwrap_or_default().to_ascii_lowercase();
    CIVIL_TYPES.iter().any(|kind| is_of_type(identifier, kind))
        || ["us-ssn", "passport", "driver", "2.16.840.1.113883.4.3."].iter().any(|part| system.contains(part))
        || system.ends_with("2.16.840.1.113883.4.1")
}
