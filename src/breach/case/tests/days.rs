//! States, deadlines, what needs attention.

use super::*;

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
                units: reportable(case, to, true),
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
    does(&mut case, "Ada Berg", "2026-09-26T16:00:00Z", |case, asked| {
        change::set_fact(case, asked, Fact::LeOfficial, "Det. Quill", None)
    })
    .unwrap();
    for (number, (fact, value)) in
        [(Fact::LeKind, "oral"), (Fact::LeStated, "2026-09-25"), (Fact::LeUntil, "2026-12-31")].into_iter().enumerate()
    {
        does(&mut case, "Ada Berg", "2026-09-26T16:00:00Z", |case, asked| {
            change::set_fact(case, asked, fact, value, Some("detective called"))
        })
        .unwrap();
        does(&mut case, "Cem Demir", "2026-09-26T16:00:00Z", |case, asked| {
            change::confirm(case, asked, number as u32 + 1)
        })
        .unwrap();
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
    assert_eq!((other.cdph_deadline, other.late_usd), (Some(date(2024, 8, 7)), other.late_days.map(|days| days * 100)));
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
        units: reportable(&first, Recipient::Cdph, true),
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
        units: reportable(&case, Recipient::Residents, true),
        by: "Ada Berg".to_owned(),
        recorded_at: at(TUESDAY),
    };
    case.apply(at(TUESDAY), "Ada Berg", &Event::Notified { notice });
    assert_eq!(civil(&case), [residents], "500 is not more than 500");
    tell(&mut case, "501");
    assert_eq!(civil(&case), [(Recipient::AttorneyGeneral, date(2026, 10, 6)), residents]);
}

#[test]
fn what_is_known_later_has_days_of_its_own() {
    let mut cases = vec![saturday_case()];
    let now = "2026-11-10T18:00:00Z";
    let later = unit("U1", "P2", "2026-11-10T16:00:00Z", "2026-11-10T16:05:00Z");
    let first = unit("U1", "P1", FRIDAY.0, FRIDAY.1);
    taken(&mut cases, &handoff("i1", 2, vec![first, later], FLAGGED), now);
    let outlook = seen(&cases[0], now);
    let reports: Vec<_> = outlook.regimes[0].duties.iter().filter(|duty| duty.to == Recipient::Cdph).collect();
    // Tuesday 10 November, over the 11th and the 26th.
    assert_eq!(reports.iter().map(|duty| duty.deadline).collect::<Vec<_>>(), [date(2026, 10, 12), date(2026, 12, 3)]);
    assert_eq!(reports.iter().map(|duty| duty.units).collect::<Vec<_>>(), [1, 1]);
}

#[test]
fn what_grows_after_it_was_reported_is_open_again_with_a_new_day() {
    let mut cases = vec![saturday_case()];
    for regime in [Regime::California, Regime::Hipaa] {
        decides(&mut cases[0], "Ada Berg", regime, None).unwrap();
    }
    for to in [Recipient::Cdph, Recipient::Patient, Recipient::Hhs] {
        let event = notice(&cases[0], to, date(2026, 10, 8), "2026-10-08T18:00:00Z");
        cases[0].apply(at("2026-10-08T18:00:00Z"), "Ada Berg", &event);
    }
    assert_eq!(seen(&cases[0], "2026-10-09T18:00:00Z").regimes[0].state, State::Reported);
    let mut grown = unit("U1", "P1", FRIDAY.0, "2026-11-10T16:00:00Z");
    grown.access_count = 20;
    let now = "2026-11-10T18:00:00Z";
    taken(&mut cases, &handoff("i1", 2, vec![grown], FLAGGED), now);
    let outlook = seen(&cases[0], now);
    assert_eq!(outlook.regimes[0].state, State::Breach);
    let reports = outlook.regimes[0].duties.iter().filter(|duty| duty.to == Recipient::Cdph);
    let reports: Vec<_> = reports.map(|duty| (duty.deadline, duty.done_on)).collect();
    assert_eq!(reports, [(date(2026, 10, 12), Some(date(2026, 10, 8))), (date(2026, 12, 3), None)]);
    let residents = outlook.regimes[2].duties.iter().map(|duty| duty.deadline).collect::<Vec<_>>();
    assert_eq!(residents, [date(2026, 10, 19)], "a report to one moves nobody else's day");
    let late = notice(&cases[0], Recipient::Cdph, date(2026, 10, 9), "2026-11-11T18:00:00Z");
    cases[0].apply(at("2026-11-11T18:00:00Z"), "Ada Berg", &late);
    assert_eq!(seen(&cases[0], now).regimes[0].state, State::Breach, "a letter from before does not cover it");
}

#[test]
fn growth_after_growth_moves_no_day_until_something_is_sent() {
    let mut cases = vec![saturday_case()];
    let event = notice(&cases[0], Recipient::Cdph, date(2026, 10, 8), "2026-10-08T18:00:00Z");
    let mut tell = |sequence, last: &str, now| {
        let mut grown = unit("U1", "P1", FRIDAY.0, last);
        grown.access_count = 10 * u64::from(sequence);
        taken(&mut cases, &handoff("i1", sequence, vec![grown], FLAGGED), now);
        cases[0].clone()
    };
    let reports = |mut case: Case, sent: &[&Event], now| -> Vec<_> {
        for event in sent {
            case.apply(at(now), "Ada Berg", event);
        }
        let outlook = seen(&case, now);
        let duties = outlook.regimes[0].duties.iter().filter(|duty| duty.to == Recipient::Cdph);
        duties.map(|duty| (duty.deadline, duty.done_on)).collect()
    };
    tell(2, "2026-11-10T16:00:00Z", "2026-11-10T18:00:00Z");
    let twice = tell(3, "2026-12-15T16:00:00Z", "2026-12-15T18:00:00Z");
    let first = (date(2026, 10, 12), Some(date(2026, 10, 8)));
    let now = "2026-12-16T18:00:00Z";
    assert_eq!(reports(twice.clone(), &[&event], now), [first, (date(2026, 12, 3), None)]);
    // Sent between them, the later growth has days of its own: from 15 December over Christmas and New Year.
    let between = notice(&twice, Recipient::Cdph, date(2026, 12, 1), now);
    let second = (date(2026, 12, 3), Some(date(2026, 12, 1)));
    assert_eq!(reports(twice, &[&event, &between], now), [first, second, (date(2027, 1, 7), None)]);
}

#[test]
fn uncounted_residents_are_not_few() {
    let mut cases = Vec::new();
    let many: Vec<_> = (0..600).map(|n| unit("U1", &format!("P{n}"), FRIDAY.0, FRIDAY.1)).collect();
    taken(&mut cases, &handoff("i1", 1, many, FLAGGED), FLAGGED);
    let titles = |case: &Case| -> Vec<(Recipient, &'static str)> {
        seen(case, TUESDAY).regimes[1].duties.iter().map(|duty| (duty.to, duty.title)).collect()
    };
    assert!(titles(&cases[0]).contains(&(Recipient::Media, "media, unless residents=N says few")));
    does(&mut cases[0], "Ada Berg", TUESDAY, |case, asked| change::set_fact(case, asked, Fact::Residents, "500", None))
        .unwrap();
    assert!(titles(&cases[0]).iter().all(|(to, _)| *to != Recipient::Media));
}

#[test]
fn before_the_regulation_nothing_is_reported_by_itself() {
    let mut cases = Vec::new();
    let old = unit("U1", "P1", "2020-02-01T20:00:00Z", "2020-02-01T20:01:00Z");
    taken(&mut cases, &handoff("i1", 1, vec![old], FLAGGED), FLAGGED);
    does(&mut cases[0], "Ada Berg", TUESDAY, |case, asked| {
        change::set_clock(case, asked, ClockField::KnownAt, at("2021-06-01T00:00:00Z"), None)
    })
    .unwrap();
    decides(&mut cases[0], "Ada Berg", Regime::California, None).unwrap();
    let outlook = seen(&cases[0], TUESDAY);
    assert_eq!(outlook.regimes[0].state, State::Breach);
    assert!(outlook.attention.iter().any(|one| one.alarm == Alarm::AskCounsel));
    assert!(outlook.alternative.unwrap().words().contains("nothing can be counted"));
}

#[test]
fn a_statement_after_the_deadline_cures_nothing() {
    let mut case = saturday_case();
    let now = "2026-11-25T18:00:00Z";
    let facts = [
        (Fact::LeKind, "written"),
        (Fact::LeOfficial, "Det. Quill"),
        (Fact::LeStated, "2026-11-20"),
        (Fact::LeUntil, "2027-01-15"),
    ];
    let mut waiting = 0;
    for (fact, value) in facts {
        does(&mut case, "Ada Berg", now, |case, asked| change::set_fact(case, asked, fact, value, Some("by letter")))
            .unwrap();
        if fact.loosens(None, value) {
            waiting += 1;
            does(&mut case, "Cem Demir", now, |case, asked| change::confirm(case, asked, waiting)).unwrap();
        }
    }
    assert!(case.facts.delay().is_some());
    let outlook = seen(&case, now);
    let patient = outlook.regimes[0].duties.iter().find(|duty| duty.to == Recipient::Patient).unwrap();
    assert_eq!(patient.deadline, date(2026, 10, 12));
    let future = does(&mut case, "Ada Berg", now, |case, asked| {
        change::set_fact(case, asked, Fact::LeStated, "2026-12-20", Some("x"))
    });
    assert!(future.unwrap_err().contains("future"));
}

#[test]
fn a_later_unit_counts_from_its_own_flag_and_own_charts_beside_others_do_not_run() {
    let mut cases = vec![saturday_case()];
    let mut own = unit("U1", "P3", FRIDAY.0, FRIDAY.1);
    own.unit_kind = UnitKind::Policy;
    let later = unit("U1", "P2", "2026-10-26T16:00:00Z", "2026-10-26T16:05:00Z");
    let first = unit("U1", "P1", FRIDAY.0, FRIDAY.1);
    taken(&mut cases, &handoff("i2", 1, vec![first, own, later], "2026-10-27T16:00:00Z"), "2026-11-22T16:00:00Z");
    let outlook = seen(&cases[0], "2026-11-22T16:00:00Z");
    let reports: Vec<_> = outlook.regimes[0].duties.iter().filter(|duty| duty.to == Recipient::Cdph).collect();
    // Tuesday 27 October, over the 11th of November: not the day on which the register heard of it.
    assert_eq!(
        reports.iter().map(|duty| (duty.deadline, duty.units)).collect::<Vec<_>>(),
        [(date(2026, 10, 12), 1), (date(2026, 11, 18), 1)]
    );
}
