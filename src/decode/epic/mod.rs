//! Epic's security events for a SIEM (`Security-SIEM`): CEF, LEEF and XML over syslog.
//!
//! Built to published parsers and field lists; unproven at a live site.
//!
//! | canonical | CEF, LEEF | XML |
//! |---|---|---|
//! | occurred_at | `devTime`, `rt`, else the syslog header | `Date` and `Time`, else the header |
//! | user_id | `suser`, `UID`, `usrName`, `LOGIN_LDAP_ID` | `EMPid`, else the same names |
//! | patient_id | `PATIENT` | the same |
//! | action | the event's name: field 5 of the header | `E1Mid` |
//! | department | `DEP`, `NEWDEPARTMENT` | the same |
//! | workstation, source_ip | `workstationID`, `shost`, `CLIENTNAME`; `IP`, `src` | `LWSid`, the same |
//! | break_glass_reason | `BTGREASON`, `BTGEXPLANATION`, `BTGNOACCESSREAS` | the same |
//!
//! People and departments come as `id^name^...`: of people the id is taken, of departments the name.

mod fields;

use std::borrow::Cow;
use std::collections::HashMap;

use self::fields::{Pairs, read_cef, read_leef, read_xml};
pub(super) use self::fields::{places, read_delimiter};
use super::mapped::time::TimeFormat;
use super::time::LocalClock;
use super::{Fault, clean};
use crate::decode::canonical::hashed_id;
use crate::model::access::{AccessEvent, Action, Outcome, SearchTextKind};
use crate::model::reject::RejectCode;
use crate::model::time::{SECOND, Timestamp};

/// One event: its name, and its values by their names in upper case.
#[derive(Debug)]
pub struct Siem<'a> {
    event: Cow<'a, str>,
    pairs: Pairs<'a>,
}

/// Whether a message begins like CEF or LEEF.
#[must_use]
pub fn looks_like(body: &str) -> bool {
    body.starts_with("CEF:") || body.starts_with("LEEF:")
}

/// Reads CEF or LEEF.
///
/// # Errors
/// When it is another product's, or its header has too few fields.
pub fn read(body: &str) -> Result<Siem<'_>, Fault> {
    if body.starts_with("CEF:") { read_cef(body) } else { read_leef(body) }
}

/// Reads the element `EventLog` of the XML form.
#[must_use]
pub fn read_element<'a>(element: roxmltree::Node<'a, '_>) -> Siem<'a> {
    read_xml(element)
}

/// The access that an event tells of; `sent_at` is the time of its syslog header.
///
/// # Errors
/// When nobody acts in it, or it has no time.
pub fn access<'s>(siem: &'s Siem<'_>, sent_at: Option<&str>, clock: &mut LocalClock) -> Result<AccessEvent<'s>, Fault> {
    let first = |names: &[&str]| names.iter().find_map(|name| siem.said(name));
    let user = first(&["EMPID", "SUSER", "UID", "USRNAME", "LOGINLDAPID", "LOGIN_LDAP_ID", "SERVICE_USER"]);
    let Some(user) = user.map(id).filter(|user| !user.is_empty()) else {
        return Err(Fault::new(RejectCode::NoActor, "no field of the event names a user"));
    };
    let occurred_at = siem.occurred_at(sent_at, clock)?;
    let action = action(&siem.event);
    let reasons = ["BTGREASON", "BTGEXPLANATION", "BTGNOACCESSREAS"].iter().filter_map(|name| siem.said(name));
    let reasons: Vec<&str> = reasons.collect();
    let mut event = AccessEvent {
        event_id: Cow::Borrowed(siem.said("E3MID").unwrap_or_default()),
        occurred_at,
        recorded_at: None,
        user_id: Cow::Borrowed(user),
        patient_id: first(&["PATIENT", "PATIENTID", "PATID"]).map(id).map(Cow::Borrowed),
        action,
        resource: first(&["SERVICENAME", "PAGE", "FILENAME", "APP"]).map(Cow::Borrowed),
        department: first(&["DEP", "NEWDEPARTMENT", "DEPARTMENT"]).map(label).map(Cow::Borrowed),
        workstation: first(&["WORKSTATIONID", "LWSID", "SHOST", "CLIENTNAME", "HKUDVCID"]).map(Cow::Borrowed),
        source_ip: first(&["IP", "SRC", "REMOTE_IP"]).map(address).map(Cow::Borrowed),
        encounter_id: first(&["CSN"]).map(Cow::Borrowed),
        purpose: None,
        break_glass_reason: (!reasons.is_empty()).then(|| Cow::Owned(reasons.join("; "))),
        outcome: siem.outcome(action),
        search_text_kind: None::<SearchTextKind>,
    };
    if event.event_id.is_empty() {
        event.event_id = Cow::Owned(hashed_id(&event));
    }
    Ok(event)
}

impl Siem<'_> {
    /// A value that is not blank.
    fn said(&self, name: &str) -> Option<&str> {
        self.pairs.get(name).map(|value| clean(value)).filter(|value| !value.is_empty())
    }

    fn occurred_at(&self, sent_at: Option<&str>, clock: &mut LocalClock) -> Result<Timestamp, Fault> {
        let stamped = ["DEVTIME", "RT", "START", "END"].iter().filter_map(|name| self.said(name));
        let dated = self.said("DATE").map(|date| format!("{date} {}", self.said("TIME").unwrap_or("0:00")));
        let read = |text: &str, clock: &mut LocalClock| {
            let millis =
                text.parse::<i64>().ok().filter(|millis| (100_000_000_000..10_000_000_000_000).contains(millis));
            let epoch = millis.map(|millis| Timestamp(millis * (SECOND / 1_000)));
            let formats = [TimeFormat::Iso, TimeFormat::Us, TimeFormat::Pattern("%b %d %Y %H:%M:%S".to_owned())];
            epoch.or_else(|| formats.iter().find_map(|format| clock.written(format.read(text)?)))
        };
        let said = stamped.map(Cow::Borrowed).chain(dated.map(Cow::Owned)).chain(sent_at.map(Cow::Borrowed));
        let mut has_any = false;
        for text in said {
            has_any = true;
            if let Some(at) = read(&text, clock) {
                return Ok(at);
            }
        }
        Err(if has_any { Fault::invalid("devTime", "a date and time") } else { Fault::missing("devTime") })
    }

    fn outcome(&self, action: Action) -> Outcome {
        let event = self.event.to_ascii_uppercase();
        let is_refused = ["FAIL", "BLOCKED", "USER_LOCKED", "INAPPROPRIATE"].iter().any(|word| event.contains(word));
        let failed = self
            .said("SUCCESS")
            .is_some_and(|said| matches!(said.to_ascii_lowercase().as_str(), "0" | "no" | "n" | "false"));
        if is_refused || (action == Action::Login && (failed || self.said("LOGINERROR").is_some())) {
            Outcome::Denied
        } else if failed || self.said("ERRMSG").is_some() {
            Outcome::Error
        } else {
            Outcome::Success
        }
    }
}

/// What an event's name says. Names outside the published lists are [`Action::Other`].
fn action(event: &str) -> Action {
    let event = event.to_ascii_uppercase();
    let known: HashMap<&str, Action> = HashMap::from([
        ("SECURE", Action::Other),
        ("UNSECURE", Action::Other),
        ("AUTHENTICATION", Action::Login),
        ("IC_SERVICE_AUDIT", Action::View),
        ("MCMEMEDISA", Action::View),
        ("PUL_SEARCH_AUDIT", Action::Search),
        ("WPSEC_PATIENT_LOOKUP_ATTEMPT", Action::Search),
        ("MASKED_DATA_DISPLAY", Action::View),
        ("MASKED_DATA_PRINTING", Action::Print),
        ("PHI_CLIENT_FILE", Action::Export),
    ]);
    match known.get(event.as_str()) {
        Some(action) => *action,
        None if event.starts_with("AC_BREAK_THE_GLASS") => Action::BreakGlass,
        None if event.contains("LOGOUT") => Action::Logout,
        None if event.contains("LOGIN") => Action::Login,
        None => Action::Other,
    }
}

/// The id of `id^name^...`.
fn id(text: &str) -> &str {
    clean(text.split('^').next().unwrap_or(text))
}

/// The name of `id^name`, else its id.
fn label(text: &str) -> &str {
    let mut parts = text.split('^').map(clean);
    let first = parts.next().unwrap_or(text);
    parts.next().filter(|name| !name.is_empty()).unwrap_or(first)
}

/// The first of several addresses: `a/b`, `a,b`, `a\b`.
fn address(text: &str) -> &str {
    clean(text.split(['/', ',', '\\']).next().unwrap_or(text))
}

#[cfg(test)]
mod tests;
