//! Patients and providers of Synthea.
//!
//! Synthea ends every invented name with digits (`Quill123`), so that nobody takes it for a real
//! one. They are no part of the name.

use jiff::civil::Date;

use super::Row;
use crate::decode::time::read_date;
use crate::decode::{DATE, Fault};
use crate::model::context::{Patient, WorkforceMember};

/// Titles that some files put before a provider's name.
const TITLES: [&str; 5] = ["dr.", "dr", "mr.", "mrs.", "ms."];

/// A row of patients.csv.
pub(super) fn patient(row: &Row<'_>) -> Result<Patient, Fault> {
    let columns = row.columns;
    let name = |place| row.text(place).and_then(without_digits);
    let family_name = name(columns.last);
    let maiden = name(columns.maiden).filter(|maiden| family_name.as_ref() != Some(maiden));
    Ok(Patient {
        patient_id: row.required(columns.id, "Id")?.to_owned(),
        given_name: name(columns.first),
        family_name,
        previous_family_names: maiden.into_iter().collect(),
        birth_date: date(row, columns.birth_date, "BIRTHDATE")?,
        street: row.owned(columns.address),
        city: row.owned(columns.city),
        // Zeros stand for a place without a postal code, and would make neighbours of strangers.
        postal_code: row.owned(columns.zip).filter(|zip| zip.bytes().any(|byte| byte != b'0')),
        deceased_on: date(row, columns.death_date, "DEATHDATE")?,
        ..Patient::default()
    })
}

/// A row of providers.csv.
pub(super) fn provider(row: &Row<'_>) -> Result<WorkforceMember, Fault> {
    let columns = row.columns;
    let (given_name, family_name) = split_name(row.text(columns.name).unwrap_or_default());
    Ok(WorkforceMember {
        user_id: row.required(columns.id, "Id")?.to_owned(),
        given_name,
        family_name,
        role: row.owned(columns.speciality),
        department: row.owned(columns.organization),
        ..WorkforceMember::default()
    })
}

/// A name without the digits at the end of its words; `None` when nothing is left.
fn without_digits(name: &str) -> Option<String> {
    let words: Vec<&str> = name
        .split_whitespace()
        .map(|word| word.trim_end_matches(|letter: char| letter.is_ascii_digit()))
        .filter(|word| !word.is_empty())
        .collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// Given and family name. The first word that ends with a digit ends the given name; without
/// digits the last word is the family name.
fn split_name(name: &str) -> (Option<String>, Option<String>) {
    let is_title = |word: &&str| TITLES.iter().any(|title| title.eq_ignore_ascii_case(word));
    let words: Vec<&str> = name.split_whitespace().skip_while(is_title).collect();
    let marked = words.iter().position(|word| word.ends_with(|letter: char| letter.is_ascii_digit()));
    let end = marked.map(|place| place + 1).filter(|end| *end < words.len());
    let (given, family) = words.split_at(end.unwrap_or(words.len().saturating_sub(1)));
    (without_digits(&given.join(" ")), without_digits(&family.join(" ")))
}

/// A date, also where a time of day follows it.
fn date(row: &Row<'_>, place: Option<usize>, name: &str) -> Result<Option<Date>, Fault> {
    let Some(text) = row.text(place) else { return Ok(None) };
    let day = match text.as_bytes().get(10) {
        Some(b'T' | b't' | b' ') => text.get(..10).unwrap_or(text),
        _ => text,
    };
    read_date(day).map(Some).ok_or_else(|| Fault::invalid(name, DATE))
}
