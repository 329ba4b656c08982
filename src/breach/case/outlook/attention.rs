//! What needs somebody's attention: unopened, due soon, due today, overdue.
//!
//! A reminder has an id that follows from the case, the alarm and the date, so each is given once however often the
//! question is asked.

use serde::Serialize;

use super::super::Case;
use super::super::event::Recipient;
use super::{Duty, RegimeOutlook, State};
use crate::breach::exclusions::Regime;
use crate::breach::{calendar, iso_date};
use crate::model::time::{HOUR, Timestamp};
use jiff::civil::Date;

/// From so many business days before a deadline the case escalates while it is undecided.
const SOON: u32 = 5;

/// Why a case needs attention, least urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Alarm {
    /// No proof of sending is on record: then a notice is presumed not made (HSC 1280.15(d)).
    NoProof,
    /// A proposal waits for a second person.
    WaitsForSecond,
    /// Nobody has looked at it in time.
    Unopened,
    /// No date can be counted by the law as it was: a lawyer says what governs.
    AskCounsel,
    /// Five business days or fewer are left.
    DueSoon,
    /// It is the last day.
    DueToday,
    /// The day is over.
    Overdue,
    /// The day has come, nothing is decided, and a person knows or believes: a breach reasonably believed to have
    /// occurred is to be reported (79902(a)).
    ReportOnBelief,
    /// The day has come and no person ever looked: the safe reading says report.
    OverdueUnreviewed,
}

impl Alarm {
    /// Every alarm, least urgent first.
    pub const ALL: [Self; 9] = [
        Self::NoProof,
        Self::WaitsForSecond,
        Self::Unopened,
        Self::AskCounsel,
        Self::DueSoon,
        Self::DueToday,
        Self::Overdue,
        Self::ReportOnBelief,
        Self::OverdueUnreviewed,
    ];

    /// The name used in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoProof => "no_proof",
            Self::AskCounsel => "ask_counsel",
            Self::WaitsForSecond => "waits_for_second",
            Self::Unopened => "unopened",
            Self::DueSoon => "due_soon",
            Self::DueToday => "due_today",
            Self::Overdue => "overdue",
            Self::ReportOnBelief => "report_on_belief",
            Self::OverdueUnreviewed => "overdue_unreviewed",
        }
    }
}

/// One thing that needs attention.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attention {
    /// The same as long as it is the same thing.
    pub reminder_id: String,
    pub alarm: Alarm,
    pub regime: Option<Regime>,
    #[serde(with = "iso_date::optional")]
    pub deadline: Option<Date>,
    /// A sentence without names and ids of patients or staff.
    pub text: String,
}

/// Everything that needs attention at `now`, most urgent first.
pub(super) fn attention(case: &Case, regimes: &[RegimeOutlook], now: Timestamp, unopened_after: i64) -> Vec<Attention> {
    let mut found = Vec::new();
    let today = case.zone().date(now);
    if !case.is_rehearsal {
        let running = regimes.iter().filter(|one| !one.state.is_closed() && one.state != State::NotRunning);
        for one in running {
            let due = one.duties.iter().filter(|duty| duty.done_on.is_none());
            found.extend(due.filter_map(|duty| due_alarm(case, one, duty, today)));
        }
        if case.first_looked.is_none() && now - case.opened_at >= unopened_after {
            let hours = (now - case.opened_at) / HOUR;
            let text = format!("nobody has opened it for {hours} hours since it came");
            found.push(plain(case, Alarm::Unopened, "unopened", text));
        }
    }
    let california = regimes.iter().find(|one| one.regime == Regime::California);
    if california.is_some_and(|one| !one.state.is_closed() && one.state != State::NotRunning && one.duties.is_empty()) {
        found.push(plain(
            case,
            Alarm::AskCounsel,
            "counsel",
            "California: detected before the regulation was in force".to_owned(),
        ));
    }
    let unproven = case.notices.iter().filter(|notice| notice.to == Recipient::Patient && notice.proof.is_none());
    found.extend(unproven.map(|notice| {
        let text = format!("no proof of sending {} to the patient is on record", notice.report_id);
        plain(case, Alarm::NoProof, &format!("proof:{}", notice.report_id), text)
    }));
    found.extend(case.proposals.iter().map(|proposal| {
        let text = format!("proposal {} waits for a second person", proposal.number);
        plain(case, Alarm::WaitsForSecond, &format!("waits:{}", proposal.number), text)
    }));
    found.sort_by(|a, b| b.alarm.cmp(&a.alarm).then(a.deadline.cmp(&b.deadline)));
    found
}

/// Attention that no deadline asks for.
fn plain(case: &Case, alarm: Alarm, what: &str, text: String) -> Attention {
    Attention { reminder_id: format!("{}:{what}", case.case_id), alarm, regime: None, deadline: None, text }
}

fn due_alarm(case: &Case, one: &RegimeOutlook, duty: &Duty, today: Date) -> Option<Attention> {
    let deadline = duty.deadline;
    let is_undecided = one.undecided > 0;
    let person = case.clocks.person_since(super::imputed(case)).is_some() || case.first_looked.is_some();
    let alarm = if today < deadline {
        (calendar::add_business_days(today, SOON) >= deadline).then_some(Alarm::DueSoon)?
    } else if is_undecided && one.regime == Regime::California && person {
        Alarm::ReportOnBelief
    } else if is_undecided && !person && today > deadline {
        Alarm::OverdueUnreviewed
    } else if today == deadline {
        Alarm::DueToday
    } else {
        Alarm::Overdue
    };
    let what = duty.title;
    let decided = if is_undecided { "undecided" } else { "a breach" };
    let was_due = if today == deadline { "is due today".to_owned() } else { format!("was due on {deadline}") };
    let text = match alarm {
        Alarm::DueSoon => format!("{what} is due on {deadline}; the case is {decided}"),
        Alarm::DueToday => format!("{what} is due today; the case is {decided}"),
        Alarm::ReportOnBelief => format!(
            "{what} {was_due} and nothing is decided: a breach reasonably believed to have occurred is to \
             be reported ({}); supplement later",
            duty.citation
        ),
        Alarm::OverdueUnreviewed => {
            format!("{what} was due on {deadline} and nobody ever opened the case: the safe reading says report")
        }
        _ => format!("{what} was due on {deadline}, {} days ago", duty.late_days),
    };
    // What grows after a reminder is reminded of again.
    let grown = case.units.iter().map(|unit| unit.grown_at.0).max().unwrap_or(0);
    let reminder_id = format!("{}:{}:{}:{deadline}:{grown}", case.case_id, alarm.name(), duty.to.name());
    Some(Attention { reminder_id, alarm, regime: Some(one.regime), deadline: Some(deadline), text })
}
