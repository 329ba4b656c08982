//! Patient and RelatedPerson.
//!
//! | canonical | Patient |
//! |---|---|
//! | patient_id | `identifier` of type MR, see [`identifier`]; else `Patient/<id>` |
//! | merged_into | `link.other` of type replaced-by (replace in DSTU2); of type replaces: the other into this one |
//! | is_restricted | `meta.security` R or V (v3-Confidentiality) |
//! | is_vip | code VIP or CEL in `meta.security` or `meta.tag`, an extension named vip |
//! | deceased_on | `deceasedDateTime`; of `deceasedBoolean` the day of `meta.lastUpdated` |
//!
//! `active` is no field of its own: a record that is inactive because it was a copy says so with a link.
//!
//! Other resources and audit logs name a patient by its FHIR id. So every name that is not the
//! patient_id becomes a patient of its own that is merged into it.

use serde_json::Value;

use super::human::{Human, RECORD_NUMBER, identifier, identifier_of_type};
use super::source::{Care, Period, SINCE_EVER, Source, concept, each, flag, last_day};
use crate::decode::Fault;
use crate::decode::fhir::view::{codes, text};
use crate::model::context::{ContextRecord, Patient, RelatedPerson, RelationshipKind};

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
    replaced(source, &patient);
    contacts(source, &patient.patient_id);
    let care = Care {
        kind: RelationshipKind::CareTeam,
        patients: vec![patient.patient_id.clone()],
        period: Period { start: Some(SINCE_EVER), end: None },
        is_over: false,
        start_field: "period",
        encounter_id: None,
    };
    // DSTU2 says careProvider.
    ["generalPractitioner", "careProvider"].iter().try_for_each(|theme| source.ties(&care, theme, Source::holder))
}

fn demographics(source: &Source<'_, '_>, patient_id: String) -> Patient {
    let root = source.root;
    let human = Human::of(root, source.told_on());
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

/// Records that this one stands in for go on under its number.
fn replaced(source: &mut Source<'_, '_>, patient: &Patient) {
    let root = source.root;
    for (index, link) in each(root, "link").iter().enumerate() {
        let other = link.get("other").filter(|_| text(link, &["type"]) == Some("replaces"));
        let Some(former) = other.and_then(|other| source.identity(other)) else { continue };
        if former != patient.patient_id {
            let merged_into = Some(patient.patient_id.clone());
            let record = Patient { patient_id: former, merged_into, ..patient.clone() };
            source.add(&format!("link/{index}"), ContextRecord::Patient(record));
        }
    }
}

fn contacts(source: &mut Source<'_, '_>, patient_id: &str) {
    let root = source.root;
    let (recorded, told_on) = (source.recorded(), source.told_on());
    for (index, contact) in each(root, "contact").iter().enumerate() {
        let part = format!("contact/{index}");
        let id = source.key(&part);
        let human = Human::of(contact, told_on);
        let relation = contact.get("relationship").and_then(concept);
        let patient_id = patient_id.to_owned();
        let person = RelatedPerson { relation, patient_id, recorded, ..person(human, id) };
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
    let human = Human::of(root, source.told_on());
    let person = RelatedPerson {
        relation: root.get("relationship").and_then(concept),
        patient_id,
        related_patient_id: own_number,
        recorded: source.recorded(),
        ..person(human, source.key("person"))
    };
    source.add("person", ContextRecord::RelatedPerson(person));
    Ok(())
}

fn person(human: Human, id: String) -> RelatedPerson {
    RelatedPerson {
        related_person_id: Some(id),
        given_name: human.given_name,
        family_name: human.family_name,
        phone: human.phone,
        ..RelatedPerson::default()
    }
}
