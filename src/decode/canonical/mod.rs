//! The canonical access event as a row of texts, whatever it was read from.

pub mod csv;
pub mod ndjson;

use std::borrow::Cow;

use super::time::LocalClock;
use super::{Fault, INSTANT, clean, stable_hash};
use crate::model::access::{AccessEvent, Action, Outcome, SearchTextKind};
use crate::model::time::Timestamp;

/// The canonical fields: CSV header, NDJSON keys and Parquet columns.
pub const FIELDS: [&str; 15] = [
    "event_id",
    "occurred_at",
    "recorded_at",
    "user_id",
    "patient_id",
    "action",
    "resource",
    "department",
    "workstation",
    "source_ip",
    "encounter_id",
    "purpose",
    "break_glass_reason",
    "outcome",
    "search_text_kind",
];

/// Fields without which a record is no access.
pub const REQUIRED: [&str; 3] = ["occurred_at", "user_id", "action"];

/// Place in a row of what is not a canonical field; nobody reads it.
pub const IGNORED: usize = FIELDS.len();

/// One record's values, in the order of [`FIELDS`]; empty or blank = missing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Row<'a> {
    pub text: [&'a str; FIELDS.len() + 1],
    /// From a column that holds instants and not text; wins over the text.
    pub occurred_at: Option<Timestamp>,
    /// As `occurred_at`.
    pub recorded_at: Option<Timestamp>,
}

/// Reads a row.
///
/// # Errors
/// The first field that is missing or cannot be read.
pub fn event<'a>(row: &Row<'a>, clock: &mut LocalClock) -> Result<AccessEvent<'a>, Fault> {
    let mut event = fields(row, clock)?;
    if event.event_id.is_empty() {
        event.event_id = Cow::Owned(hashed_id(&event));
    }
    Ok(event)
}

/// As [`event`], but a missing event id stays empty.
fn fields<'a>(row: &Row<'a>, clock: &mut LocalClock) -> Result<AccessEvent<'a>, Fault> {
    let [
        event_id,
        occurred_at,
        recorded_at,
        user_id,
        patient_id,
        action,
        resource,
        department,
        workstation,
        source_ip,
        encounter_id,
        purpose,
        break_glass_reason,
        outcome,
        search_text_kind,
        _ignored,
    ] = row.text.map(clean);
    let occurred_at = match row.occurred_at {
        Some(at) => at,
        None if occurred_at.is_empty() => return Err(Fault::missing("occurred_at")),
        None => clock.instant(occurred_at).ok_or_else(|| Fault::invalid("occurred_at", INSTANT))?,
    };
    let recorded_at = match row.recorded_at {
        None if !recorded_at.is_empty() => {
            Some(clock.instant(recorded_at).ok_or_else(|| Fault::invalid("recorded_at", INSTANT))?)
        }
        at => at,
    };
    if user_id.is_empty() {
        return Err(Fault::missing("user_id"));
    }
    if action.is_empty() {
        return Err(Fault::missing("action"));
    }
    Ok(AccessEvent {
        event_id: Cow::Borrowed(event_id),
        occurred_at,
        recorded_at,
        user_id: Cow::Borrowed(user_id),
        patient_id: present(patient_id),
        action: Action::from_name(action).ok_or_else(|| listed("action", Action::ALL.map(Action::name)))?,
        resource: present(resource),
        department: present(department),
        workstation: present(workstation),
        source_ip: present(source_ip),
        encounter_id: present(encounter_id),
        purpose: present(purpose),
        break_glass_reason: present(break_glass_reason),
        outcome: match outcome {
            "" => Outcome::Success,
            name => Outcome::from_name(name).ok_or_else(|| listed("outcome", Outcome::ALL.map(Outcome::name)))?,
        },
        search_text_kind: match search_text_kind {
            "" => None,
            name => Some(
                SearchTextKind::from_name(name)
                    .ok_or_else(|| listed("search_text_kind", SearchTextKind::ALL.map(SearchTextKind::name)))?,
            ),
        },
    })
}

fn present(text: &str) -> Option<Cow<'_, str>> {
    (!text.is_empty()).then_some(Cow::Borrowed(text))
}

fn listed<const N: usize>(field: &str, names: [&str; N]) -> Fault {
    Fault::invalid(field, &format!("one of {}", names.join(", ")))
}

/// The id of an event whose source gives none: a hash of every other canonical field, the patient
/// and the time of recording included, so that it does not depend on how the event was written
/// down.
#[must_use]
pub fn hashed_id(event: &AccessEvent<'_>) -> String {
    fn text<'e>(field: &'e Option<Cow<'_, str>>) -> Option<&'e [u8]> {
        field.as_deref().map(str::as_bytes)
    }
    let occurred_at = event.occurred_at.0.to_le_bytes();
    let recorded_at = event.recorded_at.map(|at| at.0.to_le_bytes());
    stable_hash(
        "chartsentry access event 1",
        [
            Some(&occurred_at[..]),
            recorded_at.as_ref().map(|at| &at[..]),
            Some(event.user_id.as_bytes()),
            text(&event.patient_id),
            Some(event.action.name().as_bytes()),
            text(&event.resource),
            text(&event.department),
            text(&event.workstation),
            text(&event.source_ip),
            text(&event.encounter_id),
            text(&event.purpose),
            text(&event.break_glass_reason),
            Some(event.outcome.name().as_bytes()),
            event.search_text_kind.map(|kind| kind.name().as_bytes()),
        ],
    )
}

/// One access for each patient of a record that touches several; the record itself when it names
/// none. A missing event id is hashed for each.
pub fn for_each_patient<'a>(
    mut event: AccessEvent<'a>,
    patients: Vec<Cow<'a, str>>,
    visit: &mut dyn FnMut(&AccessEvent<'a>),
) -> u64 {
    let has_id = !event.event_id.is_empty();
    let mut seen: Vec<Cow<'a, str>> = Vec::new();
    for patient in event.patient_id.take().into_iter().chain(patients) {
        if !seen.contains(&patient) {
            seen.push(patient);
        }
    }
    let count = seen.len().max(1) as u64;
    let mut emit = |event: &mut AccessEvent<'a>| {
        if !has_id {
            event.event_id = Cow::Owned(hashed_id(event));
        }
        visit(event);
    };
    if seen.is_empty() {
        emit(&mut event);
    }
    for patient in seen {
        event.patient_id = Some(patient);
        emit(&mut event);
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::reject::RejectCode;
    use crate::model::time::Zone;

    fn row<'a>(fields: &[(&str, &'a str)]) -> Row<'a> {
        let mut row = Row::default();
        for (name, value) in fields {
            row.text[FIELDS.iter().position(|field| field == name).unwrap()] = value;
        }
        row
    }

    fn read<'a>(fields: &[(&str, &'a str)]) -> Result<AccessEvent<'a>, Fault> {
        event(&row(fields), &mut LocalClock::new(Zone::named("America/Los_Angeles").unwrap()))
    }

    const LEAST: [(&str, &str); 3] = [("occurred_at", "2026-06-01T07:00:00Z"), ("user_id", "u1"), ("action", "View")];

    #[test]
    fn three_fields_are_enough() {
        let event = read(&LEAST).unwrap();
        assert_eq!((event.user_id.as_ref(), event.action, event.outcome), ("u1", Action::View, Outcome::Success));
        assert_eq!((event.patient_id, event.event_id.len()), (None, 26));
    }

    #[test]
    fn a_blank_required_field_is_missing() {
        for missing in REQUIRED {
            let fields: Vec<_> =
                LEAST.iter().map(|(name, value)| (*name, if *name == missing { " " } else { value })).collect();
            let fault = read(&fields).unwrap_err();
            assert_eq!(fault.reason, RejectCode::MissingField);
            assert!(fault.sentence.starts_with(missing));
        }
    }

    #[test]
    fn a_value_outside_its_list_is_named_without_being_repeated() {
        for (field, part) in
            [("action", "break-glass"), ("outcome", "denied"), ("search_text_kind", "dob"), ("recorded_at", "instant")]
        {
            let fault = read(&[&LEAST[..], &[(field, "Smith")]].concat()).unwrap_err();
            assert_eq!(fault.reason, RejectCode::InvalidValue);
            assert!(fault.sentence.contains(field) && fault.sentence.contains(part), "{}", fault.sentence);
            assert!(!fault.sentence.contains("Smith"));
        }
    }

    #[test]
    fn the_hashed_id_depends_on_every_field_and_on_nothing_else() {
        let base = read(&LEAST).unwrap().event_id;
        let spelled = [("occurred_at", "2026-06-01 00:00:00-0700"), ("user_id", " u1 "), ("action", "VIEW")];
        assert_eq!(read(&[&spelled[..], &[("outcome", "success"), ("purpose", "")]].concat()).unwrap().event_id, base);
        for name in FIELDS.into_iter().filter(|name| *name != "event_id") {
            let value = match name {
                "occurred_at" | "recorded_at" => "2026-06-02T07:00:00Z",
                "action" => "print",
                "outcome" => "denied",
                "search_text_kind" => "dob",
                _ => "other",
            };
            assert_ne!(read(&[&LEAST[..], &[(name, value)]].concat()).unwrap().event_id, base, "{name}");
        }
    }

    #[test]
    fn each_patient_of_a_record_is_an_access_once() {
        let mut found = Vec::new();
        let event = read(&[&LEAST[..], &[("patient_id", "p1"), ("event_id", "e1")]].concat()).unwrap();
        let count = for_each_patient(event, vec!["p2".into(), "p1".into()], &mut |event| {
            found.push((event.event_id.clone().into_owned(), event.patient_id.clone().unwrap().into_owned()));
        });
        assert_eq!(count, 2);
        assert_eq!(found, [("e1".to_owned(), "p1".to_owned()), ("e1".to_owned(), "p2".to_owned())]);
    }
}
