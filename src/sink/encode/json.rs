//! The handoff as one line of JSON, with the ids that the sink may see.

use serde_json::Value;

use crate::sink::pseudonym::{Identifiers, Role};
use crate::sink::view::unreadable;

/// Without pseudonyms the stored text goes out byte for byte. With them, every `patient_id`,
/// `patient_ids`, `user_id` and `user_ids` is replaced wherever it stands, and every `detail` (the values
/// behind a reason) is left out.
///
/// Where the text is longer than `limit`, the units are left out and counted in `units_omitted`.
///
/// # Errors
/// A sentence, free of values, when the text is no JSON or too long even without its units.
pub(super) fn encode(stored: &str, identifiers: &Identifiers, limit: Option<usize>) -> Result<String, String> {
    let limit = limit.unwrap_or(usize::MAX);
    let is_one_line = !stored.contains(['\n', '\r']);
    if identifiers.are_plain() && is_one_line && stored.len() <= limit {
        return Ok(stored.to_owned());
    }
    let mut value: Value = serde_json::from_str(stored).map_err(|error| unreadable(&error))?;
    if !identifiers.are_plain() {
        hide(&mut value, identifiers);
    }
    let text = value.to_string();
    if text.len() <= limit {
        return Ok(text);
    }
    omit_units(&mut value);
    let text = value.to_string();
    if text.len() <= limit {
        return Ok(text);
    }
    Err(format!("the message has {} bytes without its units; the sink takes {limit}", text.len()))
}

fn hide(value: &mut Value, identifiers: &Identifiers) {
    match value {
        Value::Object(fields) => {
            fields.remove("detail");
            for (name, field) in fields.iter_mut() {
                match name.as_str() {
                    "patient_id" | "patient_ids" => replace(field, identifiers, Role::Patient),
                    "user_id" | "user_ids" => replace(field, identifiers, Role::User),
                    _ => hide(field, identifiers),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| hide(item, identifiers)),
        _ => {}
    }
}

fn replace(value: &mut Value, identifiers: &Identifiers, role: Role) {
    match value {
        Value::String(id) => *id = identifiers.show(role, id).into_owned(),
        Value::Array(ids) => ids.iter_mut().for_each(|id| replace(id, identifiers, role)),
        _ => {}
    }
}

fn omit_units(value: &mut Value) {
    let Some(fields) = value.as_object_mut() else { return };
    let count = fields.get("units").and_then(Value::as_array).map_or(0, Vec::len);
    fields.insert("units".to_owned(), Value::Array(Vec::new()));
    fields.insert("units_omitted".to_owned(), count.into());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::pseudonym::Pseudonymizer;

    const STORED: &str = r#"{"incident_id":"i1","score":0.30000000000000004,"units":[{"patient_id":"mrn-1","user_id":"u-1"},{"patient_id":"mrn-2","user_id":"u-1"}],"user_ids":["u-1",null],"contributions":[{"id":"household","detail":{"address":"1 Elm"}}]}"#;

    fn patients_hidden() -> Identifiers {
        Identifiers { patients: Some(Pseudonymizer::new("k").unwrap()), users: None }
    }

    #[test]
    fn plain_text_goes_out_byte_for_byte() {
        assert_eq!(encode(STORED, &Identifiers::default(), None).unwrap(), STORED);
        let pretty = "{\n \"a\": 1\n}";
        assert_eq!(encode(pretty, &Identifiers::default(), None).unwrap(), r#"{"a":1}"#);
    }

    #[test]
    fn ids_are_replaced_wherever_they_stand() {
        let text = encode(STORED, &patients_hidden(), None).unwrap();
        assert!(!text.contains("mrn-") && !text.contains("detail") && !text.contains("Elm"));
        let value: Value = serde_json::from_str(&text).unwrap();
        let expected = Pseudonymizer::new("k").unwrap().pseudonym(Role::Patient, "mrn-2");
        assert_eq!(value["units"][1]["patient_id"], expected.as_str());
        assert_eq!(value["units"][1]["user_id"], "u-1");
        assert_eq!(value["score"], 0.1 + 0.2);

        let both = Identifiers { users: patients_hidden().patients, ..patients_hidden() };
        let text = encode(STORED, &both, None).unwrap();
        assert!(!text.contains("u-1"), "{text}");
    }

    #[test]
    fn a_long_message_loses_its_units_and_says_so() {
        let text = encode(STORED, &Identifiers::default(), Some(200)).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&value["units"], &value["units_omitted"]), (&Value::Array(vec![]), &Value::from(2)));
        assert!(encode(STORED, &Identifiers::default(), Some(20)).unwrap_err().contains("takes 20"));
    }

    #[test]
    fn an_error_repeats_no_value() {
        let error = encode(r#"{"patient_id":"mrn-1" oops}"#, &patients_hidden(), None).unwrap_err();
        assert!(!error.contains("mrn-1") && error.contains("column"));
    }
}
