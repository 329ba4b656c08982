//! How the three forms carry their values.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use roxmltree::Node;

use super::Siem;
use crate::decode::Fault;
use crate::model::reject::RejectCode;

/// Values by their names in upper case; the first of a name counts.
pub(super) type Pairs<'a> = HashMap<String, Cow<'a, str>>;

const VENDOR: &str = "Epic";

/// `CEF:0|Epic|Security-SIEM|version|event|name|severity|key=value key=value`
pub(super) fn read_cef(body: &str) -> Result<Siem<'_>, Fault> {
    let parts: Vec<&str> = body.splitn(8, '|').collect();
    let event = header(&parts, "CEF")?;
    Ok(Siem { event, pairs: spaced(parts.get(7).copied().unwrap_or_default()) })
}

/// `LEEF:1.0|Epic|Security-SIEM|version|event|key=value<tab>key=value`; LEEF 2.0 names its delimiter.
pub(super) fn read_leef(body: &str) -> Result<Siem<'_>, Fault> {
    let parts: Vec<&str> = body.splitn(6, '|').collect();
    let event = header(&parts, "LEEF")?;
    let mut text = parts.get(5).copied().unwrap_or_default();
    let mut delimiter = '\t';
    if body.starts_with("LEEF:2") {
        let (mark, rest) = text.split_once('|').unwrap_or(("", text));
        delimiter = read_delimiter(mark).unwrap_or('\t');
        text = rest;
    }
    let pairs = if text.contains(delimiter) { delimited(text, delimiter) } else { spaced(text) };
    Ok(Siem { event, pairs })
}

fn header<'a>(parts: &[&'a str], kind: &str) -> Result<Cow<'a, str>, Fault> {
    let (Some(vendor), Some(event)) = (parts.get(1), parts.get(4)) else {
        return Err(Fault::new(RejectCode::InvalidValue, format!("the {kind} header has too few fields")));
    };
    if !vendor.trim().eq_ignore_ascii_case(VENDOR) {
        return Err(Fault::new(RejectCode::NotApplicable, format!("a {kind} event of another product")));
    }
    Ok(Cow::Borrowed(event.trim()))
}

/// The delimiter of LEEF 2.0: a character, or its number as `x09` or `0x09`.
pub(in crate::decode) fn read_delimiter(mark: &str) -> Option<char> {
    let number = mark.strip_prefix("0x").or_else(|| mark.strip_prefix('x'));
    let by_number = number.and_then(|number| u32::from_str_radix(number, 16).ok()).and_then(char::from_u32);
    by_number.or_else(|| mark.chars().next())
}

fn delimited(text: &str, delimiter: char) -> Pairs<'_> {
    let pairs = text.split(delimiter).filter_map(|pair| pair.split_once('='));
    collect(pairs.map(|(name, value)| (name.trim(), Cow::Borrowed(value))))
}

fn spaced(text: &str) -> Pairs<'_> {
    let value = |place: Range<usize>| Cow::Borrowed(text.get(place).unwrap_or_default());
    collect(places(text).into_iter().map(|(name, place)| (name, value(place))))
}

/// `key=value key2=value 2`: each key, and where its value stands, which goes on until the next key. Senders escape
/// nothing, and some write `key =value`.
pub(in crate::decode) fn places(text: &str) -> Vec<(&str, Range<usize>)> {
    let mut found: Vec<(&str, usize, usize)> = Vec::new();
    let mut from = 0;
    for (at, _) in text.match_indices('=') {
        // No name holds an equals sign, so it begins after the last one.
        let before = text.get(from..at).unwrap_or_default().trim_end_matches(' ');
        let space = before.rfind([' ', '\t', '\n']).map_or(0, |space| space + 1);
        let (name, start) = (before.get(space..).unwrap_or_default(), from + space);
        from = at + 1;
        let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'));
        let follows = found.last().is_none_or(|(.., value)| start >= *value);
        if is_name && follows {
            found.push((name, start, at + 1));
        }
    }
    let ends = found.iter().skip(1).map(|(_, start, _)| *start).chain([text.len()]).collect::<Vec<_>>();
    found.iter().zip(ends).map(|((name, _, from), end)| (*name, *from..end)).collect()
}

/// `<EventLog><E1Mid/><EMPid/> ... <Mnemonics><Mnemonic Name=""><Value/></Mnemonic></Mnemonics></EventLog>`
pub(super) fn read_xml<'a>(element: Node<'a, '_>) -> Siem<'a> {
    let mut pairs = Vec::new();
    for node in element.descendants().filter(Node::is_element) {
        match (node.attribute("Name"), node.text()) {
            (Some(name), _) => {
                let value =
                    node.children().find(Node::is_element).and_then(|value| value.text()).or_else(|| node.text());
                pairs.push((name, Cow::Borrowed(value.unwrap_or_default())));
            }
            (None, Some(text)) => pairs.push((node.tag_name().name(), Cow::Borrowed(text))),
            (None, None) => {}
        }
    }
    let mut pairs = collect(pairs.into_iter());
    Siem { event: pairs.remove("E1MID").unwrap_or_default(), pairs }
}

fn collect<'a>(found: impl Iterator<Item = (&'a str, Cow<'a, str>)>) -> Pairs<'a> {
    let mut pairs = Pairs::new();
    for (name, value) in found {
        pairs.entry(name.to_ascii_uppercase()).or_insert(value);
    }
    pairs
}
