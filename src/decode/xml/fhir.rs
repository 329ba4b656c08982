//! A FHIR resource in XML as the same resource in JSON: values stand in `@value`, lists as repeated elements
//! (FHIR R4 section 2.6.2).

use roxmltree::Node;
use serde_json::{Map, Value};

const NAMESPACE: &str = "http://hl7.org/fhir";

/// Members that are lists even where one element stands in them.
const LISTS: [&str; 25] = [
    "profile",
    "agent",
    "participant",
    "entity",
    "object",
    "contained",
    "extension",
    "coding",
    "identifier",
    "role",
    "name",
    "given",
    "telecom",
    "address",
    "contact",
    "communication",
    "location",
    "generalPractitioner",
    "link",
    "careManager",
    "performer",
    "subtype",
    "purposeOfEvent",
    "purposeOfUse",
    "detail",
];

/// Whether an element is a FHIR resource; an AuditEvent also without the namespace.
pub(super) fn is_resource(element: Node<'_, '_>) -> bool {
    let is_ours = element.tag_name().namespace() == Some(NAMESPACE) || element.tag_name().name() == "AuditEvent";
    is_ours && starts_upper(element)
}

fn starts_upper(element: Node<'_, '_>) -> bool {
    element.tag_name().name().starts_with(|first: char| first.is_ascii_uppercase())
}

/// The resource as JSON.
pub(super) fn resource(element: Node<'_, '_>, depth: usize) -> Value {
    let mut members = members(element, depth);
    members.insert("resourceType".to_owned(), element.tag_name().name().into());
    Value::Object(members)
}

fn members(element: Node<'_, '_>, depth: usize) -> Map<String, Value> {
    let mut members = Map::new();
    for name in ["id", "url"] {
        if let Some(value) = element.attribute(name) {
            members.insert(name.to_owned(), value.into());
        }
    }
    if depth == 0 {
        return members;
    }
    for child in element.children().filter(Node::is_element) {
        let name = child.tag_name().name();
        let value = value(child, depth - 1);
        match members.get_mut(name) {
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
            None if LISTS.contains(&name) => drop(members.insert(name.to_owned(), Value::Array(vec![value]))),
            None => drop(members.insert(name.to_owned(), value)),
        }
    }
    members
}

fn value(element: Node<'_, '_>, depth: usize) -> Value {
    let mut inner = element.children().filter(Node::is_element);
    match element.attribute("value") {
        Some("true") => Value::Bool(true),
        Some("false") => Value::Bool(false),
        Some(text) => text.into(),
        // `contained` and `resource` hold one resource.
        None => match (inner.next(), inner.next()) {
            (Some(one), None) if starts_upper(one) => resource(one, depth),
            _ => Value::Object(members(element, depth)),
        },
    }
}
