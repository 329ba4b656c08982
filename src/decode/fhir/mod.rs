//! FHIR AuditEvent as JSON: R4 and R4B, and the shapes of R5, STU3 and DSTU2 where they say the
//! same thing in another place. Which version a record follows is told by its members, not by its
//! profile.
//!
//! Lenient on purpose: an actor and a time make an access, whatever else is missing.
//!
//! | canonical | AuditEvent |
//! |---|---|
//! | event_id | `id`; else `meta.source` + `meta.versionId`; else the entity of type XrequestId |
//! | occurred_at | `period.start`, `occurredPeriod.start`, `occurredDateTime`, else `recorded` |
//! | user_id, department, workstation, source_ip | the acting agent, see [`agent`] |
//! | patient_id | one access for each patient entity, see [`entity`] |
//! | action | `action`, refined by type and subtype, see [`action`] |
//! | purpose | `purposeOfEvent` (R5 `authorization`), else the agent's `purposeOfUse` |

pub mod action;
pub mod agent;
pub mod entity;
pub mod resources;
mod search;
pub(super) mod view;

use std::borrow::Cow;

use serde_json::Value;

use super::canonical::for_each_patient;
use super::json::member;
use super::mapped::time::TimeFormat;
use super::time::{LocalClock, read_date};
use super::{Fault, INSTANT};
use crate::model::access::{AccessEvent, Action, Outcome};
use crate::model::reject::RejectCode;
use crate::model::time::Timestamp;
use view::{View, codes, text};

/// The member of a resource that keeps the `fullUrl` of the Bundle's entry it came in: references within the Bundle may
/// name the resource by it. FHIR itself has no such member.
pub(in crate::decode) const FULL_URL: &str = "fullUrl";

/// Whether the object `record` is a Bundle.
#[must_use]
pub fn is_bundle(record: &str) -> bool {
    let bytes = record.as_bytes();
    member(bytes, 0, bytes.len(), b"resourceType").is_some_and(|(from, to)| &bytes[from..to] == b"\"Bundle\"")
}

/// A resource with the `fullUrl` of the Bundle's entry that it came in.
#[must_use]
pub fn with_url(mut resource: Value, full_url: Option<String>) -> Value {
    if let (Value::Object(members), Some(url)) = (&mut resource, full_url) {
        members.insert(FULL_URL.to_owned(), Value::String(url));
    }
    resource
}

/// An AuditEvent with its numbers as text: some senders write ids and codes as numbers.
#[must_use]
pub fn spelt(mut resource: Value) -> Value {
    fn spell(value: &mut Value) {
        match value {
            Value::Number(number) => *value = Value::String(number.to_string()),
            Value::Array(values) => values.iter_mut().for_each(spell),
            Value::Object(members) => members.values_mut().for_each(spell),
            _ => {}
        }
    }
    if resource.get("resourceType").and_then(Value::as_str) == Some("AuditEvent") {
        spell(&mut resource);
    }
    resource
}

/// Hands the accesses of one AuditEvent to `visit`; returns how many.
///
/// # Errors
/// When the resource is no AuditEvent, or has no actor or no time.
pub fn accesses(root: &Value, clock: &mut LocalClock, visit: &mut dyn FnMut(&AccessEvent<'_>)) -> Result<u64, Fault> {
    if root.get("resourceType").and_then(Value::as_str) != Some("AuditEvent") {
        return Err(Fault::new(RejectCode::NotApplicable, "a FHIR resource that is no AuditEvent"));
    }
    let view = View::new(root);
    let patients = entity::patients(&view).into_iter().map(Cow::Borrowed).collect();
    let event = event(&view, clock)?;
    Ok(for_each_patient(event, patients, visit))
}

fn event<'v>(view: &View<'v>, clock: &mut LocalClock) -> Result<AccessEvent<'v>, Fault> {
    let Some(actor) = agent::acting(view) else {
        return Err(Fault::new(RejectCode::NoActor, "no agent of the AuditEvent names a person or system"));
    };
    let action = action::of(view);
    let purpose = purpose(view, actor.agent);
    let is_override = action == Action::BreakGlass || purpose.is_some_and(is_override);
    let (workstation, source_ip) = agent::network(view, actor.agent);
    Ok(AccessEvent {
        event_id: event_id(view),
        occurred_at: occurred_at(view, clock)?,
        recorded_at: text(view.root, &["recorded"]).and_then(|text| clock.instant(text)),
        user_id: Cow::Borrowed(actor.id),
        patient_id: None,
        action,
        resource: entity::resource(view).map(Cow::Borrowed),
        department: agent::department(view, actor.agent).map(Cow::Borrowed),
        workstation: workstation.map(Cow::Borrowed),
        source_ip: source_ip.map(Cow::Borrowed),
        encounter_id: entity::encounter(view).map(Cow::Borrowed),
        purpose: purpose.map(Cow::Borrowed),
        break_glass_reason: if is_override { override_reason(view) } else { None },
        outcome: outcome(view),
        search_text_kind: if action == Action::Search { search::kind(view) } else { None },
    })
}

/// The source's id; empty when it gives none.
fn event_id<'v>(view: &View<'v>) -> Cow<'v, str> {
    if let Some(id) = text(view.root, &["id"]) {
        return Cow::Borrowed(id);
    }
    match (text(view.root, &["meta", "source"]), text(view.root, &["meta", "versionId"])) {
        // The first version of everything that a source ever wrote names none of it.
        (Some(source), Some(version)) if version != "1" => Cow::Owned(format!("{source}/{version}")),
        _ => Cow::Borrowed(entity::request_id(view).unwrap_or_default()),
    }
}

fn occurred_at(view: &View<'_>, clock: &mut LocalClock) -> Result<Timestamp, Fault> {
    let places: [&[&str]; 8] = [
        &["period", "start"],
        &["occurredPeriod", "start"],
        &["occurredDateTime"],
        &["recorded"],
        &["dateTime"],
        &["period", "end"],
        &["occurredPeriod", "end"],
        &["meta", "lastUpdated"],
    ];
    let mut has_any = false;
    for place in places {
        let Some(written) = text(view.root, place).or_else(|| text(view.body, place)) else { continue };
        has_any = true;
        let at = clock.instant(written).or_else(|| clock.written(TimeFormat::Iso.read(written)?));
        let at = at.or_else(|| read_date(written).map(|date| clock.start_of(date)));
        if let Some(at) = at {
            return Ok(at);
        }
    }
    Err(if has_any { Fault::invalid("recorded", INSTANT) } else { Fault::missing("recorded") })
}

/// The purpose of use: an emergency override among several wins, else the first.
fn purpose<'v>(view: &View<'v>, agent: &'v Value) -> Option<&'v str> {
    let of_event = ["purposeOfEvent", "authorization"].into_iter().filter_map(|name| view.body.get(name));
    let agents = std::iter::once(agent).chain(view.agents().iter());
    let of_agents =
        agents.flat_map(|agent| ["purposeOfUse", "authorization"].into_iter().filter_map(|name| agent.get(name)));
    let mut first = None;
    for concept in of_event.chain(of_agents) {
        let found = codes(concept);
        if let Some(code) = found.iter().copied().find(|code| is_override(code)) {
            return Some(code);
        }
        first = first.or_else(|| found.first().copied()).or_else(|| {
            text(concept, &["text"])
                .or_else(|| text(concept, &["coding", "display"]))
                .or_else(|| text(concept, &["display"]))
        });
    }
    first
}

/// HL7 v3-ActReason BTG and ETREAT, and the Swiss EPR's EMER.
fn is_override(purpose: &str) -> bool {
    matches!(purpose, "BTG" | "ETREAT" | "EMER")
}

fn override_reason<'v>(view: &View<'v>) -> Option<Cow<'v, str>> {
    let said = outcome_text(view).or_else(|| view.entities().iter().find_map(|entity| text(entity, &["description"])));
    said.map(Cow::Borrowed)
}

fn outcome_text<'v>(view: &View<'v>) -> Option<&'v str> {
    text(view.body, &["outcomeDesc"]).or_else(|| text(view.body, &["outcome", "detail", "text"]))
}

/// 0 is success; 4, 8 and 12 are failures (minor, serious, major), told apart by their words, since
/// the number does not say whether somebody was refused. R5 also has the issue severities.
fn outcome(view: &View<'_>) -> Outcome {
    let code = match view.body.get("outcome") {
        None | Some(Value::Null) => return Outcome::Success,
        Some(Value::Number(number)) => number.to_string(),
        Some(other) => {
            let found = other.get("code").map_or_else(|| codes(other), codes);
            found.first().map_or(String::new(), |code| (*code).to_owned())
        }
    };
    match code.to_ascii_lowercase().as_str() {
        "0" | "" | "success" | "information" | "informational" | "warning" => Outcome::Success,
        _ => {
            let said = outcome_text(view).unwrap_or_default().to_ascii_lowercase();
            let refused = ["denied", "forbidden", "unauthori", "not permitted", "not allowed", "refused"];
            let is_login = matches!(action::of(view), Action::Login);
            if is_login || refused.iter().any(|word| said.contains(word)) { Outcome::Denied } else { Outcome::Error }
        }
    }
}

#[cfg(test)]
mod tests;
