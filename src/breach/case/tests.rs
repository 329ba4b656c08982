//! Cases from handoff to close, by values alone.

use super::change::{self, Asked, Outcome, Refusal, Verdict};
use super::clock::ClockField;
use super::event::{Event, Notice, Recipient};
use super::facts::Fact;
use super::intake;
use super::outlook::{Alarm, Outlook, State, outlook, reportable};
use super::staff::Staff;
use super::testing::{at, facility, handoff, saturday_case, staff, taken, unit};
use super::{Case, links};
use crate::breach::exclusions::{Code, Regime};
use crate::breach::handoff::{Basis, RunKind};
use crate::model::incident::{Status, UnitKind};
use crate::model::time::DAY;
use jiff::civil::date;

const FRIDAY: (&str, &str) = ("2026-09-18T20:00:00Z", "2026-09-18T20:10:00Z");
const FLAGGED: &str = "2026-09-19T21:30:00Z";
const TUESDAY: &str = "2026-09-22T16:00:00Z";

fn house() -> Staff {
    staff(&[
        ("U1", "Uma One", Some("BOSS")),
        ("BOSS", "Bo Chief", None),
        ("A1", "Ada Berg", None),
        ("C1", "Cem Demir", None),
        ("N1", "Nia Low", Some("U1")),
    ])
}

/// Does what `by` asks for on a day, as the register does.
fn does(
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

fn verdict(regime: Regime, code: Option<Code>) -> Verdict<'static> {
    Verdict { regime, code, patients: &[], grounds: "as written", factors: &[] }
}

fn decides(case: &mut Case, by: &str, regime: Regime, code: Option<Code>) -> Result<(), String> {
    does(case, by, TUESDAY, |case, asked| change::decide(case, asked, &verdict(regime, code)))
}

fn seen(case: &Case, now: &str) -> Outlook {
    outlook(case, at(now), DAY)
}

fn state(case: &Case, regime: Regime) -> State {
    seen(case, TUESDAY).regimes.iter().find(|one| one.regime == regime).unwrap().state
}

#[test]
fn a_saturday_flag_gives_both_clocks_their_own_first_day() {
    let case = saturday_case();
    let outlook = seen(&case, TUESDAY);
    assert_eq!(outlook.basis, Basis::Flagged);
    assert_eq!(outlook.deadlines.detected_business_day, Some(date(2026, 9, 21)));
    assert_eq!(outlook.next_duty().unwrap().deadline, date(2026, 10, 12));
    assert_eq!(outlook.deadlines.hipaa_individual_deadline, Some(date(2026, 11, 18)));
    assert_eq!(state(&case, Regime::California), State::Suspected);
    assert_eq!(outlook.exposure.unwrap().max_usd, 25_000);
}

#[test]
fn the_same_handoff_again_or_of_another_run_opens_nothing_and_moves_no_clock_later() {
    let mut cases = Vec::new();
    let first = handoff("i1", 1, vec![unit("U1", "P1", FRIDAY.0, FRIDAY.1)], FLAGGED);
    assert_eq!(taken(&mut cases, &first, FLAGGED), 2);
    assert_eq!(taken(&mut cases, &first, TUESDAY), 0, "the same again");
    let mut again = handoff("i1", 1, first.units.clone(), TUESDAY);
    again.run_id = "another".to_owned();
    assert_eq!(taken(&mut cases, &again, TUESDAY), 0, "a later run of the same log");
    // Other weights: the episode starts with another access, so the incident has another id.
    let other = handoff("i2", 1, vec![unit("U1", "P1", "2026-09-18T20:05:00Z", FRIDAY.1)], TUESDAY);
    taken(&mut cases, &other, TUESDAY);
    assert_eq!((cases.len(), cases[0].units.len()), (1, 1));
    assert_eq!(cases[0].clocks.get(ClockField::FlaggedAt), Some(at(FLAGGED)));
    let earlier = handoff("i1", 2, first.units.clone(), "2026-09-19T10:00:00Z");
    taken(&mut cases, &earlier, TUESDAY);
    assert_eq!(cases[0].clocks.get(ClockField::FlaggedAt), Some(at("2026-09-19T10:00:00Z")), "earlier counts");
}

#[test]
fn a_burst_joins_the_case_that_knows_one_of_its_charts_and_each_unit_counts_once() {
    let mut cases = Vec::new();
    let pair = unit("U1", "P1", FRIDAY.0, FRIDAY.1);
    taken(&mut cases, &handoff("i1", 1, vec![pair.clone()], FLAGGED), FLAGGED);
    let burst = handoff("b1", 1, vec![pair, unit("U1", "P2", FRIDAY.0, FRIDAY.1)], FLAGGED);
    taken(&mut cases, &burst, TUESDAY);
    assert_eq!((cases.len(), cases[0].units.len(), cases[0].incidents.len()), (1, 2, 2));
    let later = handoff(
        "i9",
        1,
        vec![unit("U1", "P1", "2026-10-18T20:00:00Z", "2026-10-18T20:01:00Z")],
        "2026-10-19T00:00:00Z",
    );
    taken(&mut cases, &later, "2026-10-19T01:00:00Z");
    assert_eq!(cases.len(), 2, "a month later is another instance");
}

#[test]
fn out_of_order_and_withdrawn_handoffs_update_and_never_close() {
    let mut cases = Vec::new();
    let units = vec![unit("U1", "P1", FRIDAY.0, FRIDAY.1)];
    let mut withdrawn = handoff("i1", 2, units.clone(), FLAGGED);
    withdrawn.status = Status::Withdrawn;
    taken(&mut cases, &withdrawn, FLAGGED);
    taken(&mut cases, &handoff("i1", 1, units, FLAGGED), TUESDAY);
    assert_eq!(cases[0].incidents["i1"].status, Status::Withdrawn, "sequence 1 is older than sequence 2");
    assert!(cases[0].is_withdrawn() && !seen(&cases[0], TUESDAY).is_closed);
    assert_eq!(state(&cases[0], Regime::California), State::Suspected);
}

#[test]
fn runs_with_a_given_now_and_demos_are_for_rehearsals() {
    let mut fixed = handoff("i1", 1, vec![unit("U1", "P1", FRIDAY.0, FRIDAY.1)], FLAGGED);
    fixed.clock_fixed = true;
    assert!(intake::admit(&fixed, false, at(TUESDAY)).unwrap_err().0.contains("--rehearsal"));
    intake::admit(&fixed, true, at(TUESDAY)).unwrap();
    let mut demo = fixed.clone();
    (demo.clock_fixed, demo.run_kind) = (false, RunKind::Demo);
    assert!(intake::admit(&demo, false, at(TUESDAY)).is_err());
    demo.run_kind = RunKind::Live;
    demo.detected.timezone = "Mars/Olympus".to_owned();
    assert!(intake::admit(&demo, false, at(TUESDAY)).unwrap_err().0.contains("Mars/Olympus"));
    demo.units.clear();
    assert!(intake::admit(&demo, false, at(TUESDAY)).unwrap_err().0.contains("no unit"));

    let rehearsed = intake::take(&fixed, &[saturday_case()], &facility(), true, at(TUESDAY));
    assert!(rehearsed.opened.is_some(), "a rehearsal touches no real case");
}

#[test]
fn a_clock_moves_earlier_at_once_and_later_with_two_people_and_a_reason() {
    let mut case = saturday_case();
    let set = |case: &mut Case, by: &str, value: &str, reason: Option<&str>| {
        does(case, by, TUESDAY, |case, asked| change::set_clock(case, asked, ClockField::KnownAt, at(value), reason))
    };
    set(&mut case, "Ada Berg", "2026-09-19T02:00:00Z", None).unwrap();
    assert_eq!(seen(&case, TUESDAY).basis, Basis::Known);
    assert_eq!(seen(&case, TUESDAY).deadlines.cdph_deadline, Some(date(2026, 10, 9)));
    let later = "2026-09-20T02:00:00Z";
    assert!(set(&mut case, "Ada Berg", later, None).unwrap_err().contains("--reason"));
    set(&mut case, "Ada Berg", later, Some("misread")).unwrap();
    assert_eq!(case.clocks.get(ClockField::KnownAt), Some(at("2026-09-19T02:00:00Z")), "it waits");
    let confirm = |case: &mut Case, by: &str| does(case, by, TUESDAY, |case, asked| change::confirm(case, asked, 1));
    assert!(confirm(&mut case, "a1").unwrap_err().contains("another one"), "the same person by user id");
    confirm(&mut case, "Cem Demir").unwrap();
    assert_eq!(case.clocks.get(ClockField::KnownAt), Some(at(later)));
    let version = case.clocks.versions(ClockField::KnownAt).last().unwrap();
    assert_eq!((version.by.as_str(), version.second.as_deref()), ("Ada Berg", Some("Cem Demir")));
    assert!(set(&mut case, "Ada Berg", "2026-09-23T00:00:00Z", Some("x")).unwrap_err().contains("future"));
    assert!(set(&mut case, "Ada Berg", "2026-09-01T00:00:00Z", None).unwrap_err().contains("before the first access"));
}

#[test]
fn what_the_log_recorded_is_not_for_people_and_the_actors_own_knowledge_does_not_count() {
    let mut case = saturday_case();
    let refused = does(&mut case, "Ada Berg", TUESDAY, |case, asked| {
        change::set_clock(case, asked, ClockField::FlaggedAt, at("2026-09-19T02:00:00Z"), None)
    });
    assert!(refused.unwrap_err().contains("no person sets it"));
    does(&mut case, "Ada Berg", TUESDAY, |case, asked| {
        change::set_clock(case, asked, ClockField::KnownAt, at(FRIDAY.0), None)
    })
    .unwrap();
    let own = |case: &mut Case, by: &str| {
        does(case, by, TUESDAY, |case, asked| {
            change::set_fact(case, asked, Fact::KnowerIsActor, "yes", Some("it was U1"))
        })
    };
    own(&mut case, "Ada Berg").unwrap();
    assert_eq!(seen(&case, TUESDAY).basis, Basis::Known, "it takes two");
    does(&mut case, "Cem Demir", TUESDAY, |case, asked| change::confirm(case, asked, 1)).unwrap();
    assert_eq!(seen(&case, TUESDAY).basis, Basis::Flagged);
}

#[test]
fn the_actor_and_whoever_reports_to_the_actor_decide_nothing() {
    let mut case = saturday_case();
    for by in ["U1", "uma one"] {
        assert!(decides(&mut case, by, Regime::California, None).unwrap_err().contains("conflict of interest"));
        let noted = does(&mut case, by, TUESDAY, |case, asked| change::note(case, asked, "it was fine"));
        assert!(noted.unwrap_err().contains("conflict of interest"));
    }
    assert!(decides(&mut case, "Nia Low", Regime::California, Some(Code::D)).unwrap_err().contains("reports to"));
    does(&mut case, "Nia Low", TUESDAY, |case, asked| change::note(case, asked, "seen on the ward")).unwrap();
    let assigned = does(&mut case, "Ada Berg", TUESDAY, |case, asked| change::assign(case, asked, "Nia Low"));
    assert!(assigned.unwrap_err().contains("--to"));
    decides(&mut case, "Bo Chief", Regime::California, None).unwrap();
}

#[test]
fn clearing_takes_two_known_people_and_a_code_that_the_words_allow() {
    let mut case = saturday_case();
    assert!(decides(&mut case, "Ada Berg", Regime::California, Some(Code::A)).unwrap_err().contains("paper record"));
    assert!(decides(&mut case, "Ada Berg", Regime::California, Some(Code::F)).unwrap_err().contains("impossible"));
    assert!(decides(&mut case, "Stranger", Regime::California, Some(Code::D)).unwrap_err().contains("--outsider"));
    assert!(
        decides(&mut case, "Ada Berg", Regime::Hipaa, Some(Code::LowProbability)).unwrap_err().contains("four factors")
    );
    assert!(decides(&mut case, "Ada Berg", Regime::Part2, None).unwrap_err().contains("follows HIPAA"));

    decides(&mut case, "Ada Berg", Regime::California, Some(Code::D)).unwrap();
    assert_eq!(state(&case, Regime::California), State::UnderReview, "it waits for the second person");
    assert!(seen(&case, TUESDAY).attention.iter().any(|one| one.alarm == Alarm::WaitsForSecond));
    does(&mut case, "Cem Demir", TUESDAY, |case, asked| change::confirm(case, asked, 1)).unwrap();
    assert_eq!(state(&case, Regime::California), State::Excluded);
    assert_eq!(state(&case, Regime::Hipaa), State::UnderReview, "each regime by itself");
    let decision = &case.decisions[0];
    assert_eq!(
        (decision.outcome, decision.second.as_deref()),
        (Outcome::Excluded { code: Code::D }, Some("Cem Demir"))
    );
}

#[test]
fn what_was_cleared_does_not_cover_what_came_after() {
    let mut cases = vec![saturday_case()];
    decides(&mut cases[0], "Ada Berg", Regime::California, Some(Code::D)).unwrap();
    let mut grown = unit("U1", "P1", FRIDAY.0, "2026-09-20T20:00:00Z");
    grown.access_count = 9;
    taken(&mut cases, &handoff("i1", 2, vec![grown.clone()], FLAGGED), "2026-09-23T00:00:00Z");
    let late = does(&mut cases[0], "Cem Demir", "2026-09-23T01:00:00Z", |case, asked| change::confirm(case, asked, 1));
    assert!(late.unwrap_err().contains("grown"));
    does(&mut cases[0], "Ada Berg", "2026-09-23T02:00:00Z", |case, asked| {
        change::decide(case, asked, &verdict(Regime::California, Some(Code::D)))
    })
    .unwrap();
    does(&mut cases[0], "Cem Demir", "2026-09-23T03:00:00Z", |case, asked| change::confirm(case, asked, 2)).unwrap();
    assert_eq!(state(&cases[0], Regime::California), State::Excluded);
    grown.access_count = 12;
    taken(&mut cases, &handoff("i1", 3, vec![grown], FLAGGED), "2026-09-24T00:00:00Z");
    assert_eq!(state(&cases[0], Regime::California), State::UnderReview, "it is open again");
}

#[test]
fn nothing_decided_on_the_day_means_report_or_unreviewed() {
    let mut case = saturday_case();
    let alarm = |case: &Case, now: &str| seen(case, now).attention.first().map(|one| one.alarm);
    assert_eq!(alarm(&case, "2026-09-19T22:00:00Z"), None);
    assert_eq!(alarm(&case, TUESDAY), Some(Alarm::Unopened));
    assert_eq!(alarm(&case, "2026-10-05T16:00:00Z"), Some(Alarm::DueSoon), "five business days before");
    assert_eq!(alarm(&case, "2026-10-02T16:00:00Z"), Some(Alarm::Unopened), "six");
    assert_eq!(alarm(&case, "2026-10-12T16:00:00Z"), Some(Alarm::DueToday));
    assert_eq!(alarm(&case, "2026-10-13T16:00:00Z"), Some(Alarm::OverdueUnreviewed));
    does(&mut case, "Ada Berg", TUESDAY, |case, asked| Ok(change::look(case, asked)?.unwrap())).unwrap();
    assert_eq!(alarm(&case, TUESDAY), None);
    assert_eq!(alarm(&case, "2026-10-12T16:00:00Z"), Some(Alarm::ReportOnBelief));
}

#[test]
fn a_breach_is_closed_when_everything_was_sent_and_late_days_are_counted() {
    let mut case = saturday_case();
    for regime in [Regime::California, Regime::Hipaa] {
        decides(&mut case, "Ada Berg", regime, None).unwrap();
    }
    decides(&mut case, "Ada Berg", Regime::CivilCode, Some(Code::NotAcquired)).unwrap();
    does(&mut case, "Cem Demir", TUESDAY, |case, asked| change::confirm(case, asked, 1)).unwrap();
    let send = |case: &mut Case, to: Recipient, day: jiff::civil::Date| {
        does(case, "Ada Berg", "2026-12-01T20:00:00Z", |case, asked| {
            let notice = Notice {
                report_id: "r1".to_owned(),
                to,
                sent_on: day,
                method: None,
                proof: None,
                units: reportable(case, to),
                by: asked.signature(),
                recorded_at: asked.at,
            };
            change::notify(case, asked, notice)
        })
    };
    assert!(send(&mut case, Recipient::Cdph, date(2027, 1, 1)).unwrap_err().contains("future"));
    send(&mut case, Recipient::Cdph, date(2026, 10, 15)).unwrap();
    send(&mut case, Recipient::Patient, date(2026, 10, 9)).unwrap();
    assert_eq!(state(&case, Regime::California), State::Reported);
    let outlook = seen(&case, "2026-12-01T20:00:00Z");
    assert_eq!(outlook.exposure.unwrap().late_days, 3);
    assert!(!outlook.is_closed, "HHS is still to be told");
    send(&mut case, Recipient::Hhs, date(2026, 11, 1)).unwrap();
    assert!(seen(&case, "2026-12-01T20:00:00Z").is_closed);
}

#[test]
fn ones_own_chart_does_not_run_until_something_else_is_on_the_unit() {
    let mut cases = Vec::new();
    let mut own = unit("U1", "P1", FRIDAY.0, FRIDAY.1);
    own.unit_kind = UnitKind::Policy;
    taken(&mut cases, &handoff("i1", 1, vec![own.clone()], FLAGGED), FLAGGED);
    assert_eq!(state(&cases[0], Regime::California), State::NotRunning);
    assert!(seen(&cases[0], "2026-12-01T00:00:00Z").next_duty().is_none());
    own.unit_kind = UnitKind::Access;
    taken(&mut cases, &handoff("i1", 2, vec![own], FLAGGED), TUESDAY);
    assert_eq!(state(&cases[0], Regime::California), State::Suspected);
}

#[test]
fn law_enforcement_delays_the_patient_notice_with_two_people_and_never_the_report() {
    let mut case = saturday_case();
    for (number, (fact, value)) in
        [(Fact::LeKind, "oral"), (Fact::LeStated, "2026-09-25"), (Fact::LeUntil, "2026-12-31")].into_iter().enumerate()
    {
        does(&mut case, "Ada Berg", TUESDAY, |case, asked| {
            change::set_fact(case, asked, fact, value, Some("detective called"))
        })
        .unwrap();
        does(&mut case, "Cem Demir", TUESDAY, |case, asked| change::confirm(case, asked, number as u32 + 1)).unwrap();
    }
    let outlook = seen(&case, TUESDAY);
    let california = &outlook.regimes[0];
    let deadline = |to| california.duties.iter().find(|duty| duty.to == to).unwrap().deadline;
    assert_eq!(deadline(Recipient::Cdph), date(2026, 10, 12));
    // Oral: at most 30 days, to 25 October; 15 business days after that.
    assert_eq!(deadline(Recipient::Patient), date(2026, 11, 16));
}

#[test]
fn a_backlog_raises_the_diligence_question() {
    let mut cases = Vec::new();
    let old = unit("U1", "P1", "2024-07-10T20:00:00Z", "2024-07-10T20:01:00Z");
    taken(&mut cases, &handoff("i1", 1, vec![old], "2026-11-21T20:00:00Z"), "2026-11-21T20:00:00Z");
    let outlook = seen(&cases[0], "2026-11-21T20:00:00Z");
    assert_eq!(outlook.deadlines.detected_business_day, Some(date(2026, 11, 23)));
    let other = outlook.alternative.unwrap();
    assert_eq!(other.diligence_date, date(2024, 7, 17));
    assert_eq!((other.cdph_deadline, other.late_usd), (Some(date(2024, 8, 7)), other.late_days * 100));
}

#[test]
fn a_second_access_after_a_report_is_proposed_as_a_subsequent_occurrence() {
    let mut first = saturday_case();
    let notice = Notice {
        report_id: "r1".to_owned(),
        to: Recipient::Cdph,
        sent_on: date(2026, 10, 1),
        method: None,
        proof: None,
        units: reportable(&first, Recipient::Cdph),
        by: "Ada Berg".to_owned(),
        recorded_at: at(TUESDAY),
    };
    first.apply(at(TUESDAY), "Ada Berg", &Event::Notified { notice });
    let mut cases = vec![first.clone()];
    let again = |user, day: &str| {
        let time = format!("{day}T20:00:00Z");
        handoff("i5", 1, vec![unit(user, "P1", &time, &time)], &time)
    };
    taken(&mut cases, &again("U1", "2026-10-20"), "2026-10-20T21:00:00Z");
    let events = links::propose(&cases[1], &cases);
    assert!(matches!(&events[..], [Event::LinkProposed { case_id, .. }] if *case_id == first.case_id), "{events:?}");
    for (user, day) in [("U1", "2026-09-25"), ("U7", "2026-10-20"), ("U1", "2033-01-01")] {
        let mut cases = vec![first.clone()];
        taken(&mut cases, &again(user, day), "2033-02-01T21:00:00Z");
        assert_eq!(links::propose(&cases[1], &cases), [], "{user} {day}");
    }
}

#[test]
fn residents_have_thirty_days_and_the_attorney_general_fifteen_more_above_500() {
    let mut case = saturday_case();
    let civil = |case: &Case| {
        let outlook = seen(case, TUESDAY);
        let one = outlook.regimes.into_iter().find(|one| one.regime == Regime::CivilCode).unwrap();
        one.duties.into_iter().map(|duty| (duty.to, duty.deadline)).collect::<Vec<_>>()
    };
    let residents = (Recipient::Residents, date(2026, 10, 19));
    assert_eq!(civil(&case), [residents]);
    let tell = |case: &mut Case, count: &str| {
        does(case, "Ada Berg", TUESDAY, |case, asked| change::set_fact(case, asked, Fact::Residents, count, None))
            .unwrap();
    };
    tell(&mut case, "500");
    let notice = Notice {
        report_id: "r1".to_owned(),
        to: Recipient::Residents,
        sent_on: date(2026, 9, 21),
        method: None,
        proof: None,
        units: reportable(&case, Recipient::Residents),
        by: "Ada Berg".to_owned(),
        recorded_at: at(TUESDAY),
    };
    case.apply(at(TUESDAY), "Ada Berg", &Event::Notified { notice });
    assert_eq!(civil(&case), [residents], "500 is not more than 500");
    tell(&mut case, "501");
    assert_eq!(civil(&case), [(Recipient::AttorneyGeneral, date(2026, 10, 6)), residents]);
}
