//! What was done: the letter C R U D E says it roughly; DICOM event codes (PS3.16 CID 400 and 401)
//! and the codes of FHIR's restful-interaction say what E was, and what must be told apart.

use super::view::{View, text};
use crate::model::access::Action;

/// The action of an event.
pub(super) fn of(view: &View<'_>) -> Action {
    let codes = view.event_codes();
    let has = |wanted: &[&str]| codes.iter().any(|code| wanted.iter().any(|name| name.eq_ignore_ascii_case(code)));
    let letter = text(view.body, &["action"]).unwrap_or_default().to_ascii_uppercase();
    if has(&["110127"]) {
        Action::BreakGlass
    } else if let Some(action) = codes.iter().find_map(|code| swiss(code)) {
        action
    } else if has(&RETRIEVALS) && has(&["110106", "110107"]) {
        Action::View
    } else if has(&["110122"]) {
        Action::Login
    } else if has(&["110123"]) {
        Action::Logout
    } else if has(&["print"]) {
        Action::Print
    } else if has(&["110106", "export", "$export"]) {
        Action::Export
    } else if has(&["110112", "search", "search-type", "search-system"]) {
        Action::Search
    } else {
        match letter.as_str() {
            "C" | "CREATE" => Action::Create,
            "R" | "READ" => Action::View,
            "U" | "UPDATE" => Action::Update,
            "D" | "DELETE" => Action::Delete,
            _ if has(&["110138"]) => Action::Other,
            _ if has(&["110114"]) => Action::Login,
            _ if has(&["110105", "delete"]) => Action::Delete,
            _ if has(&["create"]) => Action::Create,
            _ if has(&["update", "patch"]) => Action::Update,
            _ if has(&["read", "vread", "history", "history-instance", "history-type", "history-system", "access"]) => {
                Action::View
            }
            _ => Action::Other,
        }
    }
}

/// IHE transactions that fetch a document: ATNA calls them export on one side and import on the other.
const RETRIEVALS: [&str; 3] = ["ITI-43", "ITI-39", "ITI-68"];

/// The audit trail of the Swiss EPR says 110106 of everything; its subtypes end with what was done.
fn swiss(code: &str) -> Option<Action> {
    let (_, done) = code.strip_prefix("ATC_")?.split_once('_')?;
    let first = done.split('_').next()?;
    match first {
        "READ" => Some(Action::View),
        "SEARCH" => Some(Action::Search),
        "CREATE" => Some(Action::Create),
        "UPDATE" => Some(Action::Update),
        "DEL" | "DELETE" | "REMOVE" => Some(Action::Delete),
        _ => None,
    }
}

/// Whether the person's side receives: reads, searches and imports.
pub(super) fn fetches(view: &View<'_>) -> bool {
    let codes = view.event_codes();
    codes.contains(&"110107") || matches!(of(view), Action::View | Action::Search)
}
