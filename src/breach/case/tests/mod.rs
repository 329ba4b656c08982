//! Cases from handoff to close, by values alone.

mod days;
mod decisions;
mod handoffs;

use super::change::{self, Asked, Outcome, Refusal, Verdict};
use super::clock::ClockField;
use super::event::{Event, Notice, Recipient};
use super::facts::Fact;
use super::intake::{self, Bringing};
use super::outlook::{Alarm, Outlook, State, outlook, reportable};
use super::staff::Staff;
use super::testing::{HOUSE, at, bringing, facility, handoff, saturday_case, staff, taken, unit};
use super::{Case, links};
use crate::breach::exclusions::{Code, Regime};
use crate::breach::handoff::{Basis, RunKind};
use crate::model::incident::{Status, UnitKind};
use jiff::civil::date;

pub(super) const FRIDAY: (&str, &str) = ("2026-09-18T20:00:00Z", "2026-09-18T20:10:00Z");
pub(super) const FLAGGED: &str = "2026-09-19T21:30:00Z";
pub(super) const TUESDAY: &str = "2026-09-22T16:00:00Z";

pub(super) fn house() -> Staff {
    staff(&[
        ("U1", "Uma One", Some("BOSS")),
        ("BOSS", "Bo Chief", None),
        ("A1", "Ada Berg", None),
        ("C1", "Cem Demir", None),
        ("N1", "Nia Low", Some("U1")),
    ])
}

/// Does what `by` asks for on a day, as the register does.
pub(super) fn does(
    case: &mut Case,
    by: &str,
    now: &str,
    ask: impl Fn(&Case, &Asked<'_>) -> Result<Event, Refusal>,
) -> Result<(), String> {
    let staff = house();
    let asked = Asked { by, at: at(now), outsider: None, staff: &staff };
    let event = ask(case, &asked).map_err(|refusal| refusal.0)?;
    case.apply(at(now), &asked.signature(), &event);
    Ok(())
}

pub(super) fn verdict(regime: Regime, code: Option<Code>) -> Verdict<'static> {
    Verdict { regime, code, patients: &[], grounds: "as written", factors: &[] }
}

pub(super) fn decides(case: &mut Case, by: &str, regime: Regime, code: Option<Code>) -> Result<(), String> {
    does(case, by, TUESDAY, |case, asked| change::decide(case, asked, &verdict(regime, code)))
}

pub(super) fn seen(case: &Case, now: &str) -> Outlook {
    outlook(case, at(now), HOUSE)
}

pub(super) fn state(case: &Case, regime: Regime) -> State {
    seen(case, TUESDAY).regimes.iter().find(|one| one.regime == regime).unwrap().state
}

pub(super) fn notice(case: &Case, to: Recipient, sent_on: jiff::civil::Date, recorded: &str) -> Event {
    let notice = Notice {
        report_id: "r1".to_owned(),
        to,
        sent_on,
        method: None,
        proof: Some("receipt".to_owned()),
        units: reportable(case, to, true),
        by: "Ada Berg".to_owned(),
        recorded_at: at(recorded),
    };
    Event::Notified { notice }
}
