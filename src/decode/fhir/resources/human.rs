//! People as Patient, Practitioner, RelatedPerson and Patient.contact describe them alike.
//!
//! | canonical | FHIR |
//! |---|---|
//! | names | `name`: official, usual, else the first that is current; `family` and `given`, else `text` |
//! | previous family names | `name` of use old or maiden, or of a period that is over |
//! | address | `address`: home, else the first that is current |
//! | phone | `telecom` of system phone: home, mobile, else the first that is current |
//!
//! Nicknames and names that hide somebody or stand in for the name are none. What has a period is current until its
//! end.
//!
//! Addresses and phones of use work are left out: they are compared to find people who live
//! together, and a whole department has one.

use jiff::civil::Date;
use serde_json::Value;

use super::source::{each, last_day, word};
use crate::decode::fhir::view::{codes, text};
use crate::decode::time::read_date;

/// Uses of addresses and phones that say nothing about where somebody lives now.
const ELSEWHERE: [&str; 3] = ["old", "work", "billing"];
/// Uses of names that are not the current legal one.
const ASIDE: [&str; 5] = ["old", "maiden", "nickname", "anonymous", "temp"];
/// Words around a name that are no part of it.
const TITLES: [&str; 13] = ["dr", "mr", "mrs", "ms", "miss", "prof", "md", "phd", "rn", "np", "jr", "sr", "iii"];
/// Codes of HL7 v2-0203 for ids that a state gave and not a hospital.
const CIVIL_TYPES: [&str; 5] = ["SS", "DL", "PPN", "TAX", "SB"];

/// What an identifier's type says of a medical record number.
pub(super) const RECORD_NUMBER: [&str; 3] = ["MR", "MRN", "Medical Record Number"];
/// Types of identifiers of staff (v2-0203): employee, provider.
pub(super) const STAFF_NUMBER: [&str; 2] = ["EI", "PRN"];

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
    /// What `value` says of a person; `told_on` is the day on which that was written.
    pub(super) fn of(value: &Value, told_on: Option<Date>) -> Self {
        let names: Vec<&Value> = each(value, "name").iter().collect();
        let former = || names.iter().copied().find(|name| is_former(name, told_on));
        let name = current(&names, told_on, &["official", "usual"], &ASIDE).or_else(former);
        let (given_name, family_name) = name.map(parts).unwrap_or_default();
        let addresses: Vec<&Value> = each(value, "address").iter().collect();
        let address = current(&addresses, told_on, &["home"], &ELSEWHERE);
        let of_address = |member: &str| address.and_then(|address| word(address, &[member]));
        Self {
            previous_family_names: previous(&names, told_on, family_name.as_deref()),
            given_name,
            family_name,
            street: of_address("line"),
            city: of_address("city"),
            postal_code: of_address("postalCode"),
            phone: phone(value, told_on),
            birth_date: text(value, &["birthDate"]).and_then(|written| read_date(written.get(..10)?)),
        }
    }

    /// The person behind a name as it is displayed.
    pub(super) fn called(display: &str) -> Self {
        let (given_name, family_name) = split(display);
        Self { given_name, family_name, ..Self::default() }
    }
}

/// As [`by_use`], among the values that have not ended.
fn current<'v>(values: &[&'v Value], told_on: Option<Date>, preferred: &[&str], aside: &[&str]) -> Option<&'v Value> {
    let lasting: Vec<&Value> = values.iter().copied().filter(|value| !has_ended(value, told_on)).collect();
    by_use(&lasting, preferred, aside)
}

/// Whether a value's period was over when that was written; where nobody says when, whether it has an end.
fn has_ended(value: &Value, told_on: Option<Date>) -> bool {
    let end = text(value, &["period", "end"]).filter(|end| !end.starts_with("9999")).and_then(last_day);
    end.is_some_and(|end| told_on.is_none_or(|day| end < day))
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

fn previous(names: &[&Value], told_on: Option<Date>, current: Option<&str>) -> Vec<String> {
    let families = names.iter().filter(|name| is_former(name, told_on)).filter_map(|name| parts(name).1);
    families.filter(|family| Some(family.as_str()) != current).collect()
}

/// Whether a name was somebody's name before.
fn is_former(name: &Value, told_on: Option<Date>) -> bool {
    let used = text(name, &["use"]).unwrap_or_default().to_ascii_lowercase();
    match used.as_str() {
        "old" | "maiden" => true,
        "nickname" | "anonymous" | "temp" => false,
        _ => has_ended(name, told_on),
    }
}

fn phone(value: &Value, told_on: Option<Date>) -> Option<String> {
    let is_phone = |contact: &&Value| {
        let system = text(contact, &["system"]).unwrap_or("phone").to_ascii_lowercase();
        matches!(system.as_str(), "phone" | "sms") && word(contact, &["value"]).is_some()
    };
    let phones: Vec<&Value> = each(value, "telecom").iter().filter(is_phone).collect();
    let number = word(current(&phones, told_on, &["home", "mobile"], &ELSEWHERE)?, &["value"])?;
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

/// The number of a provider in the register of the United States (NPI): other systems often name staff by it.
pub(super) fn national_number(value: &Value) -> Option<String> {
    let is_one = |identifier: &&Value| {
        let system = text(identifier, &["system"]).unwrap_or_default();
        is_of_type(identifier, "NPI") || system.ends_with("us-npi") || system.ends_with("2.16.840.1.113883.4.6")
    };
    each(value, "identifier").iter().filter(is_one).find_map(|identifier| word(identifier, &["value"]))
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

/// Whether a state gave an identifier and not a hospital.
pub(super) fn is_civil(identifier: &Value) -> bool {
    let system = text(identifier, &["system"]).unwrap_or_default().to_ascii_lowercase();
    CIVIL_TYPES.iter().any(|kind| is_of_type(identifier, kind))
        || ["us-ssn", "passport", "driver", "2.16.840.1.113883.4.3."].iter().any(|part| system.contains(part))
        || system.ends_with("2.16.840.1.113883.4.1")
}
