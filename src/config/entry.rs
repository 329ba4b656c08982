//! What the entries of `[[sources]]` and `[[sinks]]` have in common.

use std::collections::BTreeSet;

use super::raw::Value;
use super::section::{Section, parsed};

/// The entry's name, which no other of its kind may have. `kind` is the word for people.
pub(super) fn own_name(section: &mut Section<'_>, names: &mut BTreeSet<String>, kind: &str) -> Option<String> {
    let expected = "a short name of letters, digits, \"-\" and \"_\"";
    let name = required(section, "name", expected, |value| parsed::<String>(value).filter(|name| is_name(name)))?;
    if !names.insert(name.clone()) {
        section.complain("name", format!("\"{name}\" a second time"), format!("a name of its own for each {kind}"));
    }
    Some(name)
}

/// Scheme, `host:port` and the port of an address such as `tcp://siem.example:514`.
pub(super) fn endpoint(value: &Value) -> Option<(String, String, u16)> {
    let text = parsed::<String>(value)?;
    let (scheme, address) = text.split_once("://")?;
    let (host, port) = address.rsplit_once(':')?;
    let port = port.parse().ok().filter(|_| !host.is_empty() && !host.contains('/'))?;
    Some((scheme.to_owned(), address.to_owned(), port))
}

/// A value that must be there.
pub(super) fn required<T>(
    section: &mut Section<'_>,
    key: &str,
    expected: &str,
    read: impl FnOnce(&Value) -> Option<T>,
) -> Option<T> {
    if section.node(key).is_none() {
        section.complain(key, "nothing", expected);
    }
    section.get(key, expected, read)
}

fn is_name(name: &str) -> bool {
    name.len() <= 64 && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

/// One of the names that this version knows; the names of later versions are told apart.
pub(super) fn one_of(
    section: &mut Section<'_>,
    key: &str,
    now: &[&'static str],
    later: &[&str],
    default: Option<&'static str>,
) -> Option<&'static str> {
    let expected = now.join(", ");
    let Some(node) = section.node(key) else {
        if default.is_none() {
            section.complain(key, "nothing", format!("one of {expected}"));
        }
        return default;
    };
    let name = parsed::<String>(&node.value).unwrap_or_default();
    let known = now.iter().find(|known| **known == name).copied();
    if known.is_none() {
        let later = if later.contains(&name.as_str()) { ", which is not available in this version" } else { "" };
        section.complain(key, format!("{}{later}", node.value), format!("one of {expected}"));
    }
    known
}
