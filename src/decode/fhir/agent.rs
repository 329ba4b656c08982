//! Who acted, from where.
//!
//! Among the agents the requestor acts; among several requestors, or when nobody is marked as one,
//! a person rather than a system, and a system that sends rather than one that receives. The id is
//! `who.identifier.value`, else `who.reference`, `altId`, an id in an extension, `name`,
//! `who.display`.

use std::net::IpAddr;

use serde_json::Value;

use super::view::{View, codes, text};

/// The agent that acted, and its id.
pub(super) struct Actor<'v> {
    pub agent: &'v Value,
    pub id: &'v str,
}

/// Agent types of people: HL7 v3 participation types, and those of profiles on AuditEvent.
const PEOPLE: [&str; 9] =
    ["humanuser", "IRCP", "AUT", "INF", "ENT", "UserSamlAgent", "UserOauthAgent", "429577009", "PPRF"];
/// Agent types of organizations and systems: DICOM application, destination, source, media.
const SYSTEMS: [&str; 8] = ["110150", "110152", "110153", "110154", "110155", "custodian", "authserver", "PROV"];

pub(super) fn acting<'v>(view: &View<'v>) -> Option<Actor<'v>> {
    let mut best: Option<(i32, Actor<'v>)> = None;
    for agent in view.agents() {
        let Some(id) = id(view, agent) else { continue };
        let rank = rank(view, agent);
        if best.as_ref().is_none_or(|(highest, _)| rank > *highest) {
            best = Some((rank, Actor { agent, id }));
        }
    }
    best.map(|(_, actor)| actor)
}

fn is_requestor(agent: &Value) -> bool {
    agent.get("requestor").and_then(Value::as_bool).unwrap_or(false)
}

/// How likely this agent is the one that acted.
fn rank(view: &View<'_>, agent: &Value) -> i32 {
    let types = types(agent);
    let has = |wanted: &[&str]| types.iter().any(|code| wanted.contains(code));
    let who = reference(agent).and_then(|who| view.type_of(who));
    let is_person = has(&PEOPLE)
        || matches!(who, Some("Practitioner" | "PractitionerRole" | "Patient" | "RelatedPerson" | "Person"));
    let is_system = has(&SYSTEMS) || matches!(who, Some("Device" | "Organization" | "HealthcareService"));
    let has_name = text(agent, &["name"]).is_some();
    i32::from(is_requestor(agent)) * 100 + i32::from(is_person) * 20 - i32::from(is_system) * 20
        + i32::from(has_name) * 5
        - i32::from(has(&["110152", "110154", "110155", "PROV"])) * 5
}

/// `type`, and `role` where STU3 and DSTU2 put the type.
fn types(agent: &Value) -> Vec<&str> {
    ["type", "role"].iter().filter_map(|name| agent.get(name)).flat_map(codes).collect()
}

/// `who`, or its forms before R4.
fn reference(agent: &Value) -> Option<&Value> {
    ["who", "whoReference", "reference"].iter().find_map(|name| agent.get(name))
}

fn id<'v>(view: &View<'v>, agent: &'v Value) -> Option<&'v str> {
    let who = reference(agent);
    who.and_then(|who| view.identity(who))
        .or_else(|| text(agent, &["userId", "value"]))
        .or_else(|| text(agent, &["altId"]))
        .or_else(|| extension_id(view, agent))
        .or_else(|| text(agent, &["name"]))
        .or_else(|| text(who?, &["display"]))
        .or_else(|| if is_requestor(agent) { contained_person(view) } else { None })
}

/// An id that a profile puts into an extension of the agent.
fn extension_id<'v>(view: &View<'v>, agent: &'v Value) -> Option<&'v str> {
    let extensions = agent.get("extension")?.as_array()?;
    extensions.iter().find_map(|extension| {
        text(extension, &["valueIdentifier", "value"])
            .or_else(|| extension.get("valueReference").and_then(|reference| view.identity(reference)))
    })
}

/// The one person within the record, where the requestor names nobody.
fn contained_person<'v>(view: &View<'v>) -> Option<&'v str> {
    let of_type = |wanted| {
        let mut found =
            view.contained().iter().filter(move |resource| text(resource, &["resourceType"]) == Some(wanted));
        found.next().filter(|_| found.next().is_none())
    };
    let practitioner = of_type("Practitioner").or_else(|| of_type("PractitionerRole")).or_else(|| of_type("Person"));
    text(practitioner?, &["identifier", "value"])
        .or_else(|| text(practitioner?, &["practitioner", "identifier", "value"]))
}

/// Where the actor was: the agent's location, else the organization of its role, else the location
/// of another agent, else the agent that is a care provider.
pub(super) fn department<'v>(view: &View<'v>, actor: &'v Value) -> Option<&'v str> {
    let location = |agent: &'v Value| agent.get("location").and_then(|location| label(view, location));
    location(actor)
        .or_else(|| role_organization(view, actor))
        .or_else(|| view.agents().iter().find_map(location))
        .or_else(|| {
            let provider = view.agents().iter().find(|agent| types(agent).contains(&"PROV"))?;
            label(view, reference(provider)?)
        })
}

/// A Reference as people would call it.
fn label<'v>(view: &View<'v>, reference: &'v Value) -> Option<&'v str> {
    let name = || text(view.resolve(text(reference, &["reference"])?)?, &["name"]);
    text(reference, &["display"]).or_else(name).or_else(|| view.identity(reference))
}

/// The organization or location of a contained PractitionerRole: the actor's, else the only one.
fn role_organization<'v>(view: &View<'v>, actor: &'v Value) -> Option<&'v str> {
    let is_role = |resource: &&Value| text(resource, &["resourceType"]) == Some("PractitionerRole");
    let own = reference(actor).and_then(|who| view.resolve(text(who, &["reference"])?)).filter(is_role);
    let role = own.or_else(|| view.contained().iter().find(is_role))?;
    role.get("organization").and_then(|organization| label(view, organization)).or_else(|| {
        let location = role.get("location")?;
        label(view, location.get(0).unwrap_or(location))
    })
}

/// Workstation name and network address: the actor's, else those of a sending agent. An address
/// that is no valid IP stays as it was written.
pub(super) fn network<'v>(view: &View<'v>, actor: &'v Value) -> (Option<&'v str>, Option<&'v str>) {
    let (mut name, mut address) = addresses(actor);
    let receives = |agent: &&Value| types(agent).iter().any(|code| matches!(*code, "110152" | "110154" | "110155"));
    for agent in view.agents().iter().filter(|agent| !receives(agent)) {
        if name.is_some() || address.is_some() {
            break;
        }
        (name, address) = addresses(agent);
    }
    (name, address)
}

/// `network.type` 1 is a machine name, 2 an IP address; 3 to 5 (phone, mail, URI) are neither.
fn addresses(agent: &Value) -> (Option<&str>, Option<&str>) {
    let written = text(agent, &["network", "address"]);
    let kind = agent.get("network").and_then(|network| network.get("type"));
    let kind = match kind {
        Some(Value::Number(number)) if number.as_u64() == Some(1) => Some("1"),
        Some(Value::Number(number)) if number.as_u64() == Some(2) => Some("2"),
        Some(other) => codes(other).first().copied().or(Some("")),
        None => None,
    };
    match (written.or_else(|| text(agent, &["networkString"])), kind) {
        (Some(address), Some("1")) => (Some(address), None),
        (Some(address), Some("2")) => (None, Some(address)),
        (Some(address), None) if address.parse::<IpAddr>().is_ok() => (None, Some(address)),
        (Some(address), None) => (Some(address), None),
        _ => (None, None),
    }
}
