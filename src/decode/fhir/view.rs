//! An AuditEvent under one set of names, whatever its version calls them.

use serde_json::Value;

use crate::decode::clean;

/// Access to the parts of one AuditEvent.
pub(super) struct View<'v> {
    pub root: &'v Value,
    /// Where type, action and outcome stand: the root, in DSTU2 its `event`.
    pub body: &'v Value,
}

impl<'v> View<'v> {
    pub(super) fn new(root: &'v Value) -> Self {
        let body = root.get("event").filter(|event| event.is_object()).unwrap_or(root);
        Self { root, body }
    }

    /// `agent`, in DSTU2 `participant`.
    pub(super) fn agents(&self) -> &'v [Value] {
        self.list(["agent", "participant"])
    }

    /// `entity`, in DSTU2 `object`.
    pub(super) fn entities(&self) -> &'v [Value] {
        self.list(["entity", "object"])
    }

    pub(super) fn contained(&self) -> &'v [Value] {
        self.list(["contained", "contained"])
    }

    fn list(&self, names: [&str; 2]) -> &'v [Value] {
        match names.iter().find_map(|name| self.root.get(name)) {
            Some(Value::Array(values)) => values,
            Some(one @ Value::Object(_)) => std::slice::from_ref(one),
            _ => &[],
        }
    }

    /// Every code of what kind of event this is: type and subtype, in R5 category and code.
    pub(super) fn event_codes(&self) -> Vec<&'v str> {
        ["type", "subtype", "category", "code"].iter().filter_map(|name| self.body.get(name)).flat_map(codes).collect()
    }

    /// The resource within this record that `reference` (`#id`) points to.
    pub(super) fn resolve(&self, reference: &str) -> Option<&'v Value> {
        let id = reference.strip_prefix('#')?;
        self.contained().iter().find(|resource| text(resource, &["id"]) == Some(id))
    }

    /// Who or what a Reference means: its identifier, else what it points to. A version
    /// (`/_history/3`) is no part of an identity.
    pub(super) fn identity(&self, reference: &'v Value) -> Option<&'v str> {
        let identifier = text(reference, &["identifier", "value"]);
        identifier.or_else(|| self.target(text(reference, &["reference"])?))
    }

    fn target(&self, reference: &'v str) -> Option<&'v str> {
        if !reference.starts_with('#') {
            return Some(plain(reference));
        }
        let resource = self.resolve(reference)?;
        let of_practitioner = || {
            let practitioner = resource.get("practitioner")?;
            let next = text(practitioner, &["reference"]).filter(|next| *next != reference);
            let contained = || text(self.resolve(next?)?, &["identifier", "value"]);
            text(practitioner, &["identifier", "value"])
                .or_else(contained)
                .or(next.filter(|next| !next.starts_with('#')).map(plain))
        };
        of_practitioner().or_else(|| text(resource, &["identifier", "value"]))
    }

    /// What somebody or something within this record is called, where it has no identity.
    pub(super) fn named(&self, reference: &'v Value) -> Option<&'v str> {
        let resource = self.resolve(text(reference, &["reference"])?)?;
        let practitioner = || {
            let practitioner = resource.get("practitioner")?;
            let next = text(practitioner, &["reference"]).and_then(|next| self.resolve(next));
            next.and_then(called).or_else(|| text(practitioner, &["display"]))
        };
        called(resource).or_else(practitioner)
    }

    /// The resource type that a Reference names or points to.
    pub(super) fn type_of(&self, reference: &'v Value) -> Option<&'v str> {
        let target = text(reference, &["reference"]);
        if let Some(target) = target.filter(|target| target.starts_with('#')) {
            return text(self.resolve(target)?, &["resourceType"]);
        }
        let named = || {
            let target = target?;
            if let Some((kind, _)) = conditional(target) {
                return Some(kind);
            }
            let mut parts = target.split("/_history").next()?.rsplit('/');
            parts.next()?;
            // A folder of some other address is no type.
            let is_type = |name: &&str| {
                name.starts_with(|first: char| first.is_ascii_uppercase())
                    && name.bytes().all(|byte| byte.is_ascii_alphabetic())
            };
            parts.next().filter(is_type)
        };
        text(reference, &["type"]).or_else(named)
    }
}

/// Resources of which absolute and relative references mean the same.
const KNOWN: [&str; 14] = [
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "Person",
    "RelatedPerson",
    "Group",
    "Device",
    "Organization",
    "Location",
    "HealthcareService",
    "CareTeam",
    "Encounter",
    "EpisodeOfCare",
    "Appointment",
];

/// What a reference to another record points to: `Type/id` without server and version, of a conditional one the value
/// that it looks for. A URN, or a URL of something else, stays as it is.
pub(super) fn plain(reference: &str) -> &str {
    if let Some((_, value)) = conditional(reference) {
        return value;
    }
    let end = reference.find("/_history").unwrap_or(reference.len());
    let whole = reference.get(..end).unwrap_or(reference).trim_end_matches('/');
    let relative = || {
        let (path, _) = whole.rsplit_once('/').filter(|(path, _)| path.contains("://"))?;
        let (server, kind) = path.rsplit_once('/')?;
        whole.get(server.len() + 1..).filter(|_| KNOWN.contains(&kind))
    };
    relative().unwrap_or(whole)
}

/// The type and the identifier's value of a conditional reference (`Practitioner?identifier=system|value`).
fn conditional(reference: &str) -> Option<(&str, &str)> {
    let (kind, query) = reference.split_once("?identifier=")?;
    let kind = kind.rsplit_once('/').map_or(kind, |(_, kind)| kind);
    let query = query.split_once('&').map_or(query, |(first, _)| first);
    let parts = ["|", "%7C", "%7c"].into_iter().find_map(|mark| query.rsplit_once(mark));
    let value = parts.map_or(query, |(_, value)| value);
    (!value.is_empty()).then_some((kind, value))
}

/// The name of a resource.
pub(super) fn called(resource: &Value) -> Option<&str> {
    let places: [&[&str]; 3] = [&["name", "text"], &["name"], &["name", "family"]];
    places.into_iter().find_map(|place| text(resource, place))
}

/// The text at a path of member names; of an array the first element that has one. Blank = none.
pub(super) fn text<'v>(value: &'v Value, path: &[&str]) -> Option<&'v str> {
    match (value, path) {
        (Value::Array(values), _) => values.iter().find_map(|value| text(value, path)),
        (Value::String(found), []) => Some(clean(found)).filter(|found| !found.is_empty()),
        (Value::Object(members), [name, rest @ ..]) => text(members.get(*name)?, rest),
        _ => None,
    }
}

/// Every code of a code, a Coding, a CodeableConcept or a list of them.
pub(super) fn codes(value: &Value) -> Vec<&str> {
    match value {
        Value::String(code) => Some(clean(code)).filter(|code| !code.is_empty()).into_iter().collect(),
        Value::Array(values) => values.iter().flat_map(codes).collect(),
        Value::Object(members) => match (members.get("coding"), members.get("code")) {
            (Some(coding), _) => codes(coding),
            (None, Some(code @ Value::String(_))) => codes(code),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}
