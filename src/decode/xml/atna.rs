//! ATNA: AuditMessage of DICOM PS3.15 A.5 and of RFC 3881, which differ in how they write codes (`csd-code` and
//! `originalText`, `code` and `displayName`).
//!
//! FHIR's AuditEvent was made of this message (FHIR R4 AuditEvent, mappings), so it is read as one:
//!
//! | AuditMessage | AuditEvent |
//! |---|---|
//! | EventIdentification: EventID, EventTypeCode, EventActionCode | `type`, `subtype`, `action` |
//! | EventDateTime, else the time of the syslog header | `occurredDateTime` |
//! | EventOutcomeIndicator, EventOutcomeDescription | `outcome`, `outcomeDesc` |
//! | PurposeOfUse | `purposeOfEvent` |
//! | ActiveParticipant | `agent` |
//! | ParticipantObjectIdentification | `entity` |
//!
//! Of an id in HL7's form CX (`id^^^&oid&ISO`) the id is taken; an authority is no part of a medical record number here.

use roxmltree::Node;
use serde_json::{Map, Value, json};

use crate::decode::clean;
use crate::decode::fhir::entity::bare_id;

/// The member of an [`audit_event`] that says its time is that of the syslog header.
pub const HEADER_TIME: &str = "_recordedBySyslog";

/// An AuditMessage as an AuditEvent.
pub(super) fn audit_event(message: Node<'_, '_>, sent_at: Option<&str>) -> Value {
    let mut event = Map::new();
    event.insert("resourceType".to_owned(), "AuditEvent".into());
    let children = |name: &'static str| message.children().filter(move |child| child.tag_name().name() == name);
    if let Some(identification) = children("EventIdentification").next() {
        identify(identification, &mut event);
    }
    let is_told =
        event.get("occurredDateTime").and_then(Value::as_str).is_some_and(|told| told.len() >= "2026-06-01".len());
    if let (false, Some(time)) = (is_told, sent_at) {
        event.insert("occurredDateTime".to_owned(), time.into());
        event.insert(HEADER_TIME.to_owned(), true.into());
    }
    let agents: Vec<Value> = children("ActiveParticipant").map(agent).collect();
    event.insert("agent".to_owned(), agents.into());
    let entities: Vec<Value> = children("ParticipantObjectIdentification").map(entity).collect();
    event.insert("entity".to_owned(), entities.into());
    Value::Object(event)
}

fn identify(identification: Node<'_, '_>, event: &mut Map<String, Value>) {
    let attributes = [
        ("EventActionCode", "action"),
        ("EventDateTime", "occurredDateTime"),
        ("EventOutcomeIndicator", "outcome"),
        ("EventOutcomeDescription", "outcomeDesc"),
    ];
    for (from, to) in attributes {
        if let Some(value) = said(identification, from) {
            event.insert(to.to_owned(), value.into());
        }
    }
    let described = identification.children().find(|child| child.tag_name().name() == "EventOutcomeDescription");
    if let Some(text) = described.and_then(|node| node.text()).map(clean).filter(|text| !text.is_empty()) {
        event.insert("outcomeDesc".to_owned(), text.into());
    }
    for (from, to) in [("EventID", "type"), ("EventTypeCode", "subtype"), ("PurposeOfUse", "purposeOfEvent")] {
        let codes = codings(identification, from);
        if !codes.is_empty() {
            event.insert(to.to_owned(), json!({ "coding": codes }));
        }
    }
}

/// The codes of the children of a name.
fn codings(node: Node<'_, '_>, name: &str) -> Vec<Value> {
    node.children().filter(|child| child.tag_name().name() == name).map(coding).collect()
}

fn coding(node: Node<'_, '_>) -> Value {
    let first = |names: [&str; 2]| names.into_iter().find_map(|name| said(node, name));
    // OpenEMR writes the name of the attribute into it.
    let code = first(["csd-code", "code"]).filter(|code| !matches!(*code, "eventIDcode" | "eventTypeCode"));
    let display = ["originalText", "displayName", "display"].into_iter().find_map(|name| said(node, name));
    json!({ "system": said(node, "codeSystemName"), "code": code.or(display), "display": display })
}

fn agent(participant: Node<'_, '_>) -> Value {
    let name = said(participant, "UserName");
    let (id, alternative) = (said(participant, "UserID"), said(participant, "AlternativeUserID"));
    // The endpoint of a service is nobody's account.
    let asserted = id.and_then(assertion_user);
    let of_person =
        asserted.or_else(|| name.and_then(assertion_user).filter(|_| id.is_none_or(|id| id.contains("://"))));
    // The same person once more, as the assertion names them.
    let is_bare_assertion = name.is_some_and(|name| name.starts_with('<'));
    let is_requestor =
        said(participant, "UserIsRequestor").map(|text| text.eq_ignore_ascii_case("true") || text == "1");
    let is_human = said(participant, "UserTypeCode") == Some("1");
    let mut types = codings(participant, "RoleIDCode");
    types.extend(is_human.then(|| json!({ "code": "humanuser" })));
    json!({
        // RFC 3881 section 5.3: who says nothing requested it.
        "requestor": is_requestor.unwrap_or(!is_bare_assertion),
        "type": { "coding": types },
        "who": { "identifier": { "value": of_person.or(id) } },
        "altId": alternative,
        "name": name,
        "network": network(participant),
    })
}

fn network(participant: Node<'_, '_>) -> Value {
    match (said(participant, "NetworkAccessPointID"), said(participant, "NetworkAccessPointTypeCode")) {
        (Some(address), Some(kind)) => json!({ "address": address, "type": kind }),
        (Some(address), None) => json!({ "address": address }),
        (None, _) => Value::Null,
    }
}

/// The user of a name as IHE XUA writes it: `alias<user@issuer>`.
fn assertion_user(name: &str) -> Option<&str> {
    let (_, rest) = name.split_once('<')?;
    let (user, _) = rest.strip_suffix('>')?.rsplit_once('@')?;
    Some(clean(user)).filter(|user| !user.is_empty())
}

fn entity(object: Node<'_, '_>) -> Value {
    let id = said(object, "ParticipantObjectID").and_then(bare_id);
    let kind = said(object, "ParticipantObjectTypeCode");
    let role = said(object, "ParticipantObjectTypeCodeRole");
    let codes = codings(object, "ParticipantObjectIDTypeCode");
    let has = |wanted: &str| codes.iter().any(|code| code.get("code").and_then(Value::as_str) == Some(wanted));
    let child = |name: &str| {
        let found = object.children().find(|child| child.tag_name().name() == name)?;
        found.text().map(clean).filter(|text| !text.is_empty())
    };
    // RFC 3881 section 5.5.3: 3 is an encounter.
    let target = if has("3") { Some("Encounter") } else { None };
    // 11 is a user, whatever else the message says of the object.
    let role = if has("11") { Some("6") } else { role };
    let words = codes.iter().find_map(|code| code.get("display").and_then(Value::as_str));
    json!({
        "what": { "identifier": { "value": id }, "type": target },
        "type": kind,
        "role": role,
        "name": words.or_else(|| child("ParticipantObjectName")),
        "query": child("ParticipantObjectQuery"),
    })
}

fn said<'d>(node: Node<'d, '_>, name: &str) -> Option<&'d str> {
    node.attribute(name).map(clean).filter(|text| !text.is_empty())
}
