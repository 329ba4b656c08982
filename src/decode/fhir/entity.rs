//! What was accessed: patients, encounter, kind of resource.
//!
//! An entity is a patient when its role is 1 (patient), or its type 1 (person) while it has no
//! role. Only when no entity says so, a reference to a Patient counts.

use serde_json::Value;

use super::view::{View, codes, text};
use crate::decode::clean;

/// Every patient, in the order of the record.
pub(super) fn patients<'v>(view: &View<'v>) -> Vec<&'v str> {
    let named = view.root.get("patient").and_then(|patient| view.identity(patient)).and_then(bare_id);
    let mut found: Vec<&str> =
        view.entities().iter().filter(|entity| is_patient(entity)).filter_map(|entity| id(view, entity)).collect();
    // R5 names the patient twice.
    if let Some(named) = named.filter(|_| found.len() < 2) {
        found = vec![named];
    }
    if found.is_empty() {
        let of_type = |entity: &&Value| target(entity).and_then(|what| view.type_of(what)) == Some("Patient");
        found.extend(view.entities().iter().filter(of_type).filter_map(|entity| id(view, entity)));
    }
    if found.is_empty() {
        found.extend(insured_person(view).or_else(|| asserted(view)));
    }
    if found.is_empty() {
        let of_type = |resource: &&Value| text(resource, &["resourceType"]) == Some("Patient");
        let contained = view.contained().iter().filter(of_type);
        found.extend(contained.filter_map(|patient| text(patient, &["identifier", "value"])));
    }
    found
}

fn is_patient(entity: &Value) -> bool {
    let of = |name| entity.get(name).map(codes).unwrap_or_default();
    let (role, kind) = (of("role"), of("type"));
    let is_other = target(entity).is_some_and(|what| text(what, &["type"]) == Some("Encounter"));
    let is_person = || kind.iter().any(|kind| matches!(*kind, "1" | "Patient"));
    !is_other && (role.iter().any(|role| matches!(*role, "1" | "Patient")) || (role.is_empty() && is_person()))
}

/// `what`, or its form in STU3 and DSTU2.
fn target(entity: &Value) -> Option<&Value> {
    entity.get("what").or_else(|| entity.get("reference"))
}

fn id<'v>(view: &View<'v>, entity: &'v Value) -> Option<&'v str> {
    let identifier = || text(entity, &["identifier", "value"]);
    let known = target(entity).and_then(|what| view.identity(what)).or_else(identifier);
    known.or_else(|| view.named(target(entity)?)).and_then(bare_id)
}

/// The id of an HL7 v2 CX (`id^^^&authority&ISO`), the first of several; any other text as it is. None for what senders
/// write where they know no id.
pub(in crate::decode) fn bare_id(text: &str) -> Option<&str> {
    let id = if text.contains('^') { text.split(['^', '~']).next().unwrap_or(text) } else { text };
    Some(clean(id)).filter(|id| !id.is_empty() && !id.eq_ignore_ascii_case("<none>"))
}

/// Germany's e-prescription service (profiles of gematik.de) puts the insured person's number, a
/// letter and nine digits, into the name of an entity that is the Task.
fn insured_person<'v>(view: &View<'v>) -> Option<&'v str> {
    let profiles = view.root.get("meta")?.get("profile")?.as_array()?;
    if !profiles.iter().filter_map(Value::as_str).any(|profile| profile.contains("gematik.de/")) {
        return None;
    }
    view.entities().iter().filter_map(|entity| text(entity, &["name"])).find(|name| {
        let (letter, digits) = name.as_bytes().split_at(1);
        letter[0].is_ascii_uppercase() && digits.len() == 9 && digits.iter().all(u8::is_ascii_digit)
    })
}

/// The patient of a SAML assertion, which a profile (IHE BALP) keeps as a detail.
fn asserted<'v>(view: &View<'v>) -> Option<&'v str> {
    let details = view.entities().iter().filter_map(|entity| entity.get("detail")?.as_array()).flatten();
    let is_resource = |detail: &&Value| {
        let name = text(detail, &["type"]).or_else(|| text(detail, &["type", "text"]));
        name.is_some_and(|name| name.ends_with("resource:resource-id"))
    };
    details.into_iter().find(is_resource).and_then(|detail| text(detail, &["valueString"])).and_then(bare_id)
}

/// The encounter: R5 `encounter`, else an entity that is one, else the only contained one.
pub(super) fn encounter<'v>(view: &View<'v>) -> Option<&'v str> {
    let of_type = |entity: &&Value| target(entity).and_then(|what| view.type_of(what)) == Some("Encounter");
    view.root
        .get("encounter")
        .and_then(|encounter| view.identity(encounter))
        .or_else(|| view.entities().iter().find(of_type).and_then(|entity| id(view, entity)))
        .or_else(|| {
            let is_encounter = |resource: &&Value| text(resource, &["resourceType"]) == Some("Encounter");
            let contained = view.contained().iter().find(is_encounter)?;
            text(contained, &["identifier", "value"])
        })
}

/// The kind of what was accessed, from the first entity that says one: the type of the resource it
/// points to, else a type code that is a word, else its name. Patients, encounters and request ids
/// are told elsewhere.
pub(super) fn resource<'v>(view: &View<'v>) -> Option<&'v str> {
    let others = || view.entities().iter().filter(|entity| !is_patient(entity) && !is_request_id(entity));
    let kind = |entity: &'v Value| target(entity).and_then(|what| view.type_of(what));
    let word = |entity: &'v Value| {
        let found = entity.get("type").map(codes).unwrap_or_default();
        let is_elsewhere = |code: &&str| matches!(*code, "Patient" | "Encounter");
        found.into_iter().find(|code| !code.bytes().all(|byte| byte.is_ascii_digit()) && !is_elsewhere(code))
    };
    others()
        .find_map(|entity| kind(entity).filter(|kind| !matches!(*kind, "Patient" | "Encounter" | "OperationOutcome")))
        .or_else(|| others().find_map(word))
        .or_else(|| {
            let things = others().filter(|entity| kind(entity).is_none() && !is_person(entity));
            things.into_iter().find_map(|entity| text(entity, &["name"]))
        })
}

/// What somebody's role is called: user and practitioner (FHIR object-role), and the roles of the Swiss EPR.
const PEOPLE: [&str; 8] = ["6", "15", "HCP", "ASS", "REP", "PAT", "TCU", "GRP"];

/// Whether an entity is somebody, whose name is no kind of resource.
fn is_person(entity: &Value) -> bool {
    let of = |name| entity.get(name).map(codes).unwrap_or_default();
    of("type").contains(&"1") || of("role").iter().any(|role| PEOPLE.contains(role))
}

fn is_request_id(entity: &Value) -> bool {
    entity.get("type").map(codes).unwrap_or_default().contains(&"XrequestId")
}

/// The id of the request, which a profile (IHE BALP) puts into an entity.
pub(super) fn request_id<'v>(view: &View<'v>) -> Option<&'v str> {
    view.entities().iter().find(|entity| is_request_id(entity)).and_then(|entity| id(view, entity))
}
