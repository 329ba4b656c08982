//! What was sent, and what it continues.

use super::super::event::{Event, Notice, Recipient};
use super::super::{Case, outlook};
use super::{Asked, Refusal, Weight, given, refuse, written};

/// Records that something was sent.
///
/// # Errors
/// When it was sent in the future or before anybody knew, nothing of the case is to be reported, or the person is in
/// conflict.
pub fn notify(case: &Case, asked: &Asked<'_>, notice: Notice) -> Result<Event, Refusal> {
    asked.may(case, Weight::Change)?;
    let zone = case.zone();
    if notice.sent_on > zone.date(asked.at) {
        return refuse(format!("--sent-on {} lies in the future", notice.sent_on));
    }
    let detected = zone.date(case.clocks.detected(outlook::imputed(case)).0);
    if notice.sent_on < detected {
        return refuse(format!(
            "--sent-on {} lies before the breach was detected, {detected}: if somebody knew earlier, set known_at first",
            notice.sent_on
        ));
    }
    if case.is_rehearsal {
        return refuse("this case is a rehearsal: nothing is reported from it");
    }
    if notice.units.is_empty() {
        return refuse("nothing of this case is to be reported there: its units are excluded, or somebody's own chart");
    }
    Ok(Event::Notified { notice })
}

/// Takes back a record that something was sent, which was wrong. The duty is open again.
///
/// # Errors
/// When there is no such record, or no reason.
pub fn retract(
    case: &Case,
    asked: &Asked<'_>,
    report_id: &str,
    to: Recipient,
    reason: Option<&str>,
) -> Result<Event, Refusal> {
    asked.may(case, Weight::Change)?;
    if !case.notices.iter().any(|notice| notice.report_id == report_id && notice.to == to) {
        return refuse(format!("no report {report_id} to {} is on record: see \"cases show\"", to.name()));
    }
    let Some(reason) = given(reason) else { return refuse("to retract a report needs --reason") };
    Ok(Event::Retracted { report_id: report_id.to_owned(), to, reason: written(&reason)? })
}

/// Says whether this case continues another one (22 CCR 79901(p)).
///
/// # Errors
/// When the register proposed no such link.
pub fn decide_link(case: &Case, asked: &Asked<'_>, other: &str, is_same: bool, reason: &str) -> Result<Event, Refusal> {
    asked.may(case, Weight::Change)?;
    if !case.links.iter().any(|link| link.case_id == other) {
        return refuse(format!("no link to case {other} was proposed: see \"cases show\""));
    }
    Ok(Event::LinkDecided { case_id: other.to_owned(), is_same, reason: written(reason)? })
}
