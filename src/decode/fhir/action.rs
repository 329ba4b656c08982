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
            "C" => Action::Create,
            "R" => Action::View,
            "U" => Action::Update,
            "D" => Action::Delete,
            _ if has(&["110138"]) => Action::Other,
            _ if has(&["110114"]) => Action::Login,
            _ if has(&["110105", "delete"]) => Action::Delete,
            _ if has(&["create"]) => Action::Create,
            _ if has(&["update", "patch"]) => Action::Update,
            _ if has(&["read", "vread", "history", "history-instance", "history-type", "history-system"]) => {
                Action::View
            }
            _ => Action::Other,
        }
    }
}
