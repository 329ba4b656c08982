//! Delimited exports through declarative column maps: any product whose audit report can be saved
//! as CSV, TSV or PSV is read without new code.
//!
//! | step | |
//! |---|---|
//! | [`text`] | bytes to text ([`Decoding`]), text to rows ([`Rows`]) |
//! | [`recognise`] | the shipped map whose `match` columns the header has |
//! | [`Map::bind`] | columns to canonical fields ([`Bound`]) |
//! | [`Bound::read`] | a row to accesses |
//! | [`propose`] | a map for a file that no map knows |
//!
//! The maps stand in `config/mappings`; a site adds its own, most often a copy of one of them with
//! its own names of actions.

mod map;
mod propose;
mod row;
pub mod text;
pub(super) mod time;
mod value;

#[cfg(test)]
mod tests;

use std::sync::LazyLock;

pub use map::Map;
pub use propose::{Proposal, propose};
pub use row::Bound;
pub use text::{Decoding, Encoding, FileForm, Rows};

/// The shipped maps: name of the file and its text.
const SHIPPED: [(&str, &str); 8] = [
    ("purview-ehr.toml", include_str!("../../../config/mappings/purview-ehr.toml")),
    ("epic-access-log.toml", include_str!("../../../config/mappings/epic-access-log.toml")),
    ("epic-research.toml", include_str!("../../../config/mappings/epic-research.toml")),
    ("openemr-log.toml", include_str!("../../../config/mappings/openemr-log.toml")),
    ("openemr-api-log.toml", include_str!("../../../config/mappings/openemr-api-log.toml")),
    ("openmrs-usage.toml", include_str!("../../../config/mappings/openmrs-usage.toml")),
    ("vista-security-log.toml", include_str!("../../../config/mappings/vista-security-log.toml")),
    ("vista-security-global.toml", include_str!("../../../config/mappings/vista-security-global.toml")),
];

static MAPS: LazyLock<Vec<Map>> =
    LazyLock::new(|| SHIPPED.iter().filter_map(|(name, text)| Map::parse(name, text).ok()).collect());

impl Map {
    /// The maps that come with the program.
    #[must_use]
    pub fn shipped() -> &'static [Self] {
        &MAPS
    }
}

/// The shipped map for a file with this header: of those that have all their `match` columns in it
/// and can be bound to it, the one that asks for most.
#[must_use]
pub fn recognise(header: &[String]) -> Option<&'static Map> {
    recognise_among(Map::shipped(), header)
}

/// As [`recognise`], among these maps.
#[must_use]
pub fn recognise_among<'m>(maps: &'m [Map], header: &[String]) -> Option<&'m Map> {
    let names: Vec<String> = header.iter().map(|name| normal(name)).collect();
    let fits = |map: &&Map| !map.matches.is_empty() && map.matches.iter().all(|name| names.contains(&normal(name)));
    let binds = |map: &&Map| map.bind(header).is_ok();
    // `max_by_key` takes the last of equals, and the first shipped one shall win.
    maps.iter().rev().filter(fits).filter(binds).max_by_key(|map| map.matches.len())
}

/// A column's name as it is compared: letters and digits in lower case.
fn normal(name: &str) -> String {
    name.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
