//! Who acted, from where.
//!
//! Among the agents the requestor acts; among several requestors, or when nobody is marked as one,
//! a person rather than a system, and a system that sends rather than one that receives. The id is
//! `who.identifier.value`, else `who.reference`, `altId`, an id in an extension, `name`,
//! `who.display`.

use std::net::IpAddr;

use serde_json::Value;

use super::action;
use super::view::{View, called, codes, text};

/// The agent that acted, and its id.
pub(super) struct Actor<'v> {
    pub agent: &'v Value,
    pub id: &'v str,
}

/// Agent types of people: HL7 v3 participation types, and those of profiles on AuditEvent.
const PEOPLE: [&str; 13] = [
    "humanuser",
    "IRCP",
    "AUT",
    "INF",
    "ENT",
    "UserSamlAgent",
    "UserOauthAgent",
    "429577009",
    "PPRF",
    // The Swiss EPR's roles.
    "HCP",
    "ASS",
    "PAT",
    "REP",
];
/// Agent types of organizations and systems: DICOM application, destination, source, media.
const SYSTEMS: [&str; 10] =
    ["110150", "110152", "110153", "110154", "110155", "custodian", "authserver", "PROV", "GRP", "TCU"];

pub(super) fn acting<'v>(view: &View<'v>) -> Option<Actor<'v>> {
    let mut best: Option<(i32, Actor<'v>)> = None;
    for agent in view.agents() {
        let Some(id) = id(view, agent) else { continue };
        let rank = rank(view, agent) - if is_placeholder(id) { 90 } else { 0 };
        if best.as_ref().is_none_or(|(highest, _)| rank > *highest) {
            best = Some((rank, Actor { agent, id }));
        }
    }
    best.map(|(_, actor)| actor)
}

/// What senders write where they know nobody.
fn is_placeholder(id: &str) -> bool {
    id.eq_ignore_ascii_case("unknown") || id.ends_with("/addressing/anonymous")
}

fn is_requestor(agent: &Value) -> bool {
    match agent.get("requestor") {
        Some(Value::Bool(is_one)) => *is_one,
        Some(Value::String(said)) => said.eq_ignore_ascii_case("true"),
        _ => false,
    }
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
    let known = who.and_then(|who| view.identity(who));
    let alternative = || text(agent, &["altId"]).filter(|_| known.is_some_and(is_placeholder));
    alternative()
        .or(known)
        .or_else(|| text(agent, &["userId", "value"]))
        .or_else(|| text(agent, &["altId"]))
        .or_else(|| extension_id(view, agent))
        .or_else(|| text(agent, &["name"]))
        .or_else(|| text(who?, &["display"]))
        .or_else(|| view.named(who?))
        .or_else(|| if is_requestor(agent) { contained_person(view) } else { None })
}

/// An id that a profile puts into an extension of the agent.
fn extension_id<'v>(view: &View<'v>, agent: &'v Value) -> Option<&'v str> {
    extensions(agent).find_map(|extension| {
        let person = extension.get("valueReference").filter(|reference| !is_place(view, reference));
        text(extension, &["valueIdentifier", "value"]).or_else(|| person.and_then(|reference| view.identity(reference)))
    })
}

/// The extensions of an agent, and those within them.
fn extensions(agent: &Value) -> impl Iterator<Item = &Value> {
    within(agent).iter().flat_map(|extension| std::iter::once(extension).chain(within(extension)))
}

fn within(value: &Value) -> &[Value] {
    value.get("extension").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn is_place<'v>(view: &View<'v>, reference: &'v Value) -> bool {
    matches!(view.type_of(reference), Some("Organization" | "Location" | "HealthcareService"))
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
        .or_else(|| called(practitioner?))
}

/// Where the actor was: the agent's location, else the organization of its role, else the location
/// of another agent, else the agent that is a care provider.
pub(super) fn department<'v>(view: &View<'v>, actor: &'v Value) -> Option<&'v str> {
    let location = |agent: &'v Value| agent.get("location").and_then(|location| label(view, location));
    let extended = || {
        let references = extensions(actor).filter_map(|extension| extension.get("valueReference"));
        references.into_iter().find(|reference| is_place(view, reference)).and_then(|place| label(view, place))
    };
    location(actor)
        .or_else(|| role_organization(view, actor))
        .or_else(extended)
        .or_else(|| view.agents().iter().find_map(location))
        .or_else(|| {
            let provider = view.agents().iter().find(|agent| types(agent).contains(&"PROV"))?;
            label(view, reference(provider)?)
        })
        .or_else(|| {
            let group = view.agents().iter().find(|agent| types(agent).contains(&"GRP"))?;
            text(group, &["name"])
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

/// Workstation name and network address: the actor's, else those of the side that the person sits at. Who reads or
/// fetches receives (DICOM 110152), who stores or exports sends (110153). An address that is no valid IP stays as it was
/// written.
pub(super) fn network<'v>(view: &View<'v>, actor: &'v Value) -> (Option<&'v str>, Option<&'v str>) {
    let (near, far) = if action::fetches(view) { ("110152", "110153") } else { ("110153", "110152") };
    let side = |agent: &&Value| {
        let is = |code: &str| types(agent).contains(&code);
        match () {
            () if std::ptr::eq(*agent, actor) => 0,
            () if is_requestor(agent) => 1,
            () if is(near) => 2,
            () if is(far) => 4,
            () => 3,
        }
    };
    let mut agents: Vec<&Value> = view.agents().iter().collect();
    agents.sort_by_key(side);
    let found = agents.into_iter().map(addresses).find(|(name, address)| name.is_some() || address.is_some());
    found.unwrap_or((None, None))
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
    let uri = || {
        let uri = text(agent, &["networkUri"])?;
        Some(["urn:ipv6:", "urn:ipv4:"].iter().find_map(|mark| uri.strip_prefix(mark)).unwrap_or(uri))
    };
    // Some write the port too.
    let host = |address: &'_ str| address.parse::<std::net::SocketAddr>().is_ok();
    match (written.or_else(|| text(agent, &["networkString"])).or_else(uri), kind) {
        (Some(address), _) if address.parse::<IpAddr>().is_ok() => (None, Some(address)),
        (Some(address), _) if host(address) => {
            (None, address.rsplit_once(':').map(|(host, _)| host.trim_matches(['[', ']'])))
        }
        (Some(address), Some("1")) => (Some(address), None),
        (Some(address), Some("2")) => (None, Some(address)),
        (Some(address), None) => (Some(address), None),
        _ => (None, None),
    }
}
