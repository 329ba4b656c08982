//! What a search looked for: the names of its parameters, never their values.

use data_encoding::BASE64;
use serde_json::Value;

use super::view::{View, text};
use crate::model::access::SearchTextKind;

/// The kind of text that a search looked for: as a detail of an entity says, else by the parameters of its query
/// (`entity.query`, base64 of an HTTP request line or a query string).
pub(super) fn kind(view: &View<'_>) -> Option<SearchTextKind> {
    view.entities().iter().find_map(|entity| said(entity).or_else(|| asked(entity)))
}

fn said(entity: &Value) -> Option<SearchTextKind> {
    let details = entity.get("detail")?.as_array()?;
    let is_kind = |detail: &&Value| {
        let name = text(detail, &["type"]).or_else(|| text(detail, &["type", "text"]));
        name.is_some_and(|name| name.eq_ignore_ascii_case("search_text_kind"))
    };
    let detail = details.iter().find(is_kind)?;
    text(detail, &["valueString"]).and_then(SearchTextKind::from_name)
}

fn asked(entity: &Value) -> Option<SearchTextKind> {
    let query = BASE64.decode(text(entity, &["query"])?.as_bytes()).ok()?;
    let query = String::from_utf8(query).ok()?;
    let parameters = query.rsplit_once('?').map_or(query.as_str(), |(_, parameters)| parameters);
    let names = || parameters.split('&').filter_map(|parameter| parameter.split(['=', ':']).next()).map(str::trim);
    let kind_of = |name: &str| match name {
        "name" | "family" | "given" | "phonetic" => Some(SearchTextKind::Name),
        "identifier" | "_id" | "patient" | "subject" => Some(SearchTextKind::Id),
        "birthdate" => Some(SearchTextKind::Dob),
        "location" => Some(SearchTextKind::Location),
        _ => None,
    };
    // A name among several parameters says most about what was looked for.
    names().filter_map(kind_of).min().or_else(|| spoken(&query))
}

/// What a query in HL7 v2 (QPD) or v3 asks by.
fn spoken(query: &str) -> Option<SearchTextKind> {
    let has = |marks: &[&str]| marks.iter().any(|mark| query.contains(mark));
    if has(&["@PID.5", "livingSubjectName", "LivingSubjectName"]) {
        Some(SearchTextKind::Name)
    } else if has(&["@PID.7", "livingSubjectBirthTime", "LivingSubjectBirthTime"]) {
        Some(SearchTextKind::Dob)
    } else if has(&["@PID.3", "ivingSubjectId", "atientIdentifier", "PatientId", "patientId", "Q23"]) {
        Some(SearchTextKind::Id)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn kind_of(entity: &Value) -> Option<SearchTextKind> {
        kind(&View::new(&json!({ "entity": [entity] })))
    }

    #[test]
    fn a_query_tells_by_its_parameters() {
        let query = |text: &str| kind_of(&json!({ "query": BASE64.encode(text.as_bytes()) }));
        assert_eq!(query("GET /fhir/Patient?birthdate=1990-01-01&name:contains=x"), Some(SearchTextKind::Name));
        assert_eq!(query("identifier=77"), Some(SearchTextKind::Id));
        assert_eq!(query("_count=10"), None);
        assert_eq!(kind_of(&json!({ "query": "not base64" })), None);
    }

    #[test]
    fn a_detail_says_it() {
        let detail = json!({ "detail": [{ "type": "search_text_kind", "valueString": "dob" }] });
        assert_eq!(kind_of(&detail), Some(SearchTextKind::Dob));
    }
}
