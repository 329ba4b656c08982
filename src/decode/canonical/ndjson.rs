//! Canonical events from JSON objects.

use std::borrow::Cow;

use super::{FIELDS, IGNORED, Row, fields, for_each_patient};
use crate::decode::context::Table;
use crate::decode::json::{Members, Value, elements};
use crate::decode::time::LocalClock;
use crate::decode::{Fault, clean};
use crate::model::access::AccessEvent;
use crate::model::reject::RejectCode;

/// A flat JSON object, its values sorted to the canonical fields.
#[derive(Default)]
pub(in crate::decode) struct Flat<'a> {
    cells: [Cow<'a, str>; IGNORED + 1],
    patients: Vec<Cow<'a, str>>,
    /// Names that are no canonical fields.
    pub unknown: Vec<Cow<'a, str>>,
}

/// What an object turned out to be.
pub(in crate::decode) enum Kind {
    Access,
    /// A FHIR resource; the rest of it was not read.
    Fhir,
    /// A context record that names its type.
    Context,
}

/// The place in a row of the field that `key` names, in any case.
#[inline]
fn place_of(key: &str) -> Option<usize> {
    let place = match key {
        "event_id" => 0,
        "occurred_at" => 1,
        "recorded_at" => 2,
        "user_id" => 3,
        "patient_id" => 4,
        "action" => 5,
        "resource" => 6,
        "department" => 7,
        "workstation" => 8,
        "source_ip" => 9,
        "encounter_id" => 10,
        "purpose" => 11,
        "break_glass_reason" => 12,
        "outcome" => 13,
        "search_text_kind" => 14,
        _ => return FIELDS.iter().position(|field| field.eq_ignore_ascii_case(key)),
    };
    Some(place)
}

impl<'a> Flat<'a> {
    /// Reads the object `text`.
    ///
    /// # Errors
    /// When it is no valid JSON object, or a field holds an object or array.
    pub(in crate::decode) fn read(&mut self, text: &'a str) -> Result<Kind, Fault> {
        let mut members = Members::new(text).map_err(|_| not_json(text))?;
        let mut has_type = false;
        while let Some((key, value)) = members.next_member().map_err(|_| not_json(text))? {
            if let Some(place) = place_of(&key) {
                self.cells[place] = scalar(FIELDS[place], value)?;
            } else if key == "resourceType" {
                return Ok(Kind::Fhir);
            } else if key.eq_ignore_ascii_case("patient_ids") {
                self.patients = list("patient_ids", value)?;
            } else {
                if key.eq_ignore_ascii_case("type")
                    && let Value::Text(name) = &value
                {
                    has_type = Table::from_type(name).is_some();
                }
                self.unknown.push(key);
            }
        }
        let has_time = !clean(&self.cells[1]).is_empty();
        Ok(if has_type && !has_time { Kind::Context } else { Kind::Access })
    }

    /// Hands the accesses of the record to `visit`; returns how many.
    ///
    /// # Errors
    /// As [`super::event`].
    pub(in crate::decode) fn accesses(
        &self,
        clock: &mut LocalClock,
        visit: &mut dyn FnMut(&AccessEvent<'_>),
    ) -> Result<u64, Fault> {
        let mut row = Row::default();
        for (text, cell) in row.text.iter_mut().zip(&self.cells) {
            *text = cell;
        }
        if self.patients.is_empty() {
            visit(&super::event(&row, clock)?);
            return Ok(1);
        }
        let patients = self.patients.iter().map(|patient| Cow::Borrowed(patient.as_ref())).collect();
        Ok(for_each_patient(fields(&row, clock)?, patients, visit))
    }
}

/// A field's value as text: numbers as written, null as a missing value.
pub(in crate::decode) fn scalar<'a>(field: &str, value: Value<'a>) -> Result<Cow<'a, str>, Fault> {
    match value {
        Value::Null => Ok(Cow::Borrowed("")),
        Value::Bool(true) => Ok(Cow::Borrowed("true")),
        Value::Bool(false) => Ok(Cow::Borrowed("false")),
        Value::Number(number) => Ok(Cow::Borrowed(number)),
        Value::Text(text) => Ok(text),
        Value::Nested(_) => Err(Fault::invalid(field, "a text or a number")),
    }
}

/// The values of an array, without blank ones; a single value is a list of one.
pub(in crate::decode) fn list<'a>(field: &str, value: Value<'a>) -> Result<Vec<Cow<'a, str>>, Fault> {
    let complaint = || Fault::invalid(field, "a list of texts or numbers");
    let Value::Nested(text) = value else {
        let single = scalar(field, value)?;
        let single = clean(&single);
        return Ok(if single.is_empty() { Vec::new() } else { vec![Cow::Owned(single.to_owned())] });
    };
    let mut found = Vec::new();
    for value in elements(text).ok_or_else(complaint)? {
        let text = match value.as_bytes().first() {
            Some(b'"') => serde_json::from_str::<String>(value).map_err(|_| complaint())?,
            Some(b'-' | b'0'..=b'9') => value.to_owned(),
            Some(b'n') => String::new(),
            _ => return Err(complaint()),
        };
        let text = clean(&text);
        if !text.is_empty() {
            found.push(Cow::Owned(text.to_owned()));
        }
    }
    Ok(found)
}

/// Says what is wrong with a text that is not one JSON object, without repeating any of it.
pub(in crate::decode) fn not_json(text: &str) -> Fault {
    match serde_json::from_str::<serde::de::IgnoredAny>(text) {
        Ok(_) => Fault::new(RejectCode::UnknownType, "a record must be a JSON object"),
        Err(error) => {
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or_default();
            let sentence = if text.contains('\n') {
                format!("not valid JSON: {message} (line {} of the record, column {})", error.line(), error.column())
            } else {
                format!("not valid JSON: {message} (column {})", error.column())
            };
            Fault::new(RejectCode::InvalidJson, sentence)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_its_place_in_any_case() {
        for (place, field) in FIELDS.into_iter().enumerate() {
            assert_eq!(place_of(field), Some(place));
            assert_eq!(place_of(&field.to_uppercase()), Some(place));
        }
        assert_eq!(place_of("patient_ids"), None);
    }

    #[test]
    fn a_list_holds_texts_and_numbers() {
        let read = |text| list("patient_ids", Value::Nested(text)).map(|list| list.join(" "));
        assert_eq!(read(r#"["a", 12345678901234567890, null, " ", "b\u00e9"]"#).unwrap(), "a 12345678901234567890 bé");
        assert!(read(r#"[["a"]]"#).is_err());
        assert!(read("{}").is_err());
        assert_eq!(list("patient_ids", Value::Text("p".into())).unwrap(), ["p"]);
    }

    #[test]
    fn a_sentence_about_broken_json_repeats_none_of_it() {
        let fault = not_json(r#"{"user_id":"Smith"x}"#);
        assert_eq!(fault.reason, RejectCode::InvalidJson);
        assert_eq!(fault.sentence, "not valid JSON: expected `,` or `}` (column 19)");
        assert_eq!(not_json("[]").reason, RejectCode::UnknownType);
    }
}
