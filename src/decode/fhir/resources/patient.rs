//! Patient and RelatedPerson.
//!
//! | canonical | Patient |
//! |---|---|
//! | patient_id | `identifier` of type MR, see [`identifier`]; else `Patient/<id>` |
//! | merged_into | `link.other` of type replaced-by (replace in DSTU2) |
//! | is_restricted | `meta.security` R or V (v3-Confidentiality) |
//! | is_vip | code VIP or CEL in `meta.security` or `meta.tag`, an extension named vip |
//! | deceased_on | `deceasedDateTime`; of `deceasedBoolean` the day of `meta.lastUpdated` |
//!
//! Other resources and audit logs name a patient by its FHIR id. So every name that is not the
//! patient_id becomes a patient of its own that is merged into it.

use serde_json::Value;

use super::human::{Human, identifier, identifier_of_type};
use super::source::{Care, Period, SINCE_EVER, Source, concept, each, flag, last_day};
use crate::decode::Fault;
use crate::decode::fhir::view::{codes, text};
use crate::model::context::{ContextRecord, Patient, Recorded, RelatedPerson, RelationshipKind};

/// What an identifier's type says of a medical record number.
const RECORD_NUMBER: [&str; 3] = ["MR", "MRN", "Medical Record Number"];

pub(super) fn patient(source: &mut Source<'_, '_>) -> Result<(), Fault> {
    let root = source.root;
    let number = identifier(root, &RECORD_NUMBER).map(|value| ("identifier", value));
    let mut ids = number.into_iter().chain(source.own_ids());
    let Some((part, patient_id)) = ids.next() else { return Err(Fault::missing("identifier")) };
    let patient = demographics(source, patient_id);
    source.add(part, ContextRecord::Patient(patient.clone()));
    for (part, alias) in ids.filter(|(_, alias)| *alias != patient.patient_id) {
        let merged_into = Some(patient.patient_id.clone());
        let record = Patient { patient_id: alias, merged_into, ..patient.clone() };
        source.add(part, ContextRecord::Patient(record));
    }
    contacts(source, &patient.patient_id);
    let care = Care {
        kind: RelationshipKind::CareTeam,
        patients: vec![patient.patient_id.clone()],
        period: Period { start: Some(SINCE_EVER), end: None },
        is_over: false,
        start_field: "period",
        encounter_id: None,
    };
    source.ties(&care, "generalPractitioner", Source::holder)
}

fn demographics(source: &Source<'_, '_>, patient_id: String) -> Patient {
    let root = source.root;
    let human = Human::of(root);
    Patient {
        patient_id,
        given_name: human.given_name,
        family_name: human.family_name,
        previous_family_names: human.previous_family_names,
        birth_date: human.birth_date,
        street: human.street,
        city: human.city,
        postal_code: human.postal_code,
        phone: human.phone,
        is_vip: is_vip(root),
        is_restricted: is_restricted(root),
        is_decoy: false,
        deceased_on: deceased_on(root),
        merged_into: survivor(source),
        recorded: source.recorded(),
    }
}

/// Codings of `meta.security` or `meta.tag`.
fn labels<'v>(root: &'v Value, member: &str) -> &'v [Value] {
    root.get("meta").map_or(&[], |meta| each(meta, member))
}

fn is_restricted(root: &Value) -> bool {
    labels(root, "security").iter().any(|label| {
        let is_confidentiality = text(label, &["system"]).is_none_or(|system| system.contains("onfidentiality"));
        is_confidentiality && codes(label).iter().any(|code| matches!(*code, "R" | "V"))
    })
}

fn is_vip(root: &Value) -> bool {
    let mut labels = labels(root, "security").iter().chain(labels(root, "tag"));
    let named_so = |code: &&str| code.eq_ignore_ascii_case("VIP") || code.eq_ignore_ascii_case("CEL");
    labels.any(|label| codes(label).iter().any(named_so))
        || each(root, "extension").iter().any(|extension| {
            let url = text(extension, &["url"]).unwrap_or_default();
            let name = url.rsplit(['/', '#']).next().unwrap_or_default().to_ascii_lowercase();
            name.split(['-', '_']).any(|word| matches!(word, "vip" | "isvip"))
                && flag(extension, "valueBoolean") != Some(false)
        })
}

fn deceased_on(root: &Value) -> Option<jiff::civil::Date> {
    let at = text(root, &["deceasedDateTime"]);
    let when_told = || text(root, &["meta", "lastUpdated"]).filter(|_| flag(root, "deceasedBoolean") == Some(true));
    last_day(at.or_else(when_told)?)
}

fn survivor(source: &Source<'_, '_>) -> Option<String> {
    each(source.root, "link").iter().find_map(|link| {
        let is_replaced = matches!(text(link, &["type"]), Some("replaced-by" | "replace"));
        source.identity(link.get("other").filter(|_| is_replaced)?)
    })
}

fn contacts(source: &mut Source<'_, '_>, patient_id: &str) {
    let root = source.root;
    let recorded = source.recorded();
    for (index, contact) in each(root, "contact").iter().enumerate() {
        let part = format!("contact/{index}");
        let id = source.key(&part);
        let person = person(contact, id, patient_id.to_owned(), None, recorded);
        // A contact may be an organization.
        if person.family_name.is_some() || person.given_name.is_some() || person.phone.is_some() {
            source.add(&part, ContextRecord::RelatedPerson(person));
        }
    }
}

pub(super) fn related_person(source: &mut Source<'_, '_>) -> Result<(), Fault> {
    let root = source.root;
    let patient_id = source.patient(&["patient"])?;
    let own_number = RECORD_NUMBER.iter().find_map(|kind| identifier_of_type(root, kind));
    let id = source.key("person");
    let person = person(root, id, patient_id, own_number, source.recorded());
    source.add("person", ContextRecord::RelatedPerson(person));
    Ok(())
}

fn person(value: &Value, id: String, patient_id: String, own: Option<String>, recorded: Recorded) -> RelatedPerson {
    let human = Human::of(value);
    RelatedPerson {
        related_person_id: Some(id),
        patient_id,
        relation: value.get("relationship").and_then(concept),
        given_name: human.given_name,
        family_name: human.family_name,
        phone: human.phone,
        related_patient_id: own,
        recorded,
    }
}
