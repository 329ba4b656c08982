//! What handoffs do, and which clock holds.

use super::*;

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
fn runs_with_a_given_now_and_demos_are_for_rehearsals_and_nothing_else_is() {
    let facility = facility();
    let mut fixed = handoff("i1", 1, vec![unit("U1", "P1", FRIDAY.0, FRIDAY.1)], FLAGGED);
    fixed.clock_fixed = true;
    assert!(intake::admit(&fixed, false, at(TUESDAY)).unwrap_err().0.contains("--rehearsal"));
    intake::admit(&fixed, true, at(TUESDAY)).unwrap();
    let mut demo = fixed.clone();
    (demo.clock_fixed, demo.run_kind) = (false, RunKind::Demo);
    assert!(intake::admit(&demo, false, at(TUESDAY)).is_err());
    intake::admit(&demo, true, at(TUESDAY)).unwrap();
    demo.run_kind = RunKind::Live;
    assert!(intake::admit(&demo, true, at(TUESDAY)).unwrap_err().0.contains("without --rehearsal"));
    assert!(intake::admit(&demo, false, at("2026-09-01T00:00:00Z")).unwrap_err().0.contains("future"));
    demo.detected.timezone = "Mars/Olympus".to_owned();
    assert!(intake::admit(&demo, false, at(TUESDAY)).unwrap_err().0.contains("Mars/Olympus"));
    demo.units.clear();
    assert!(intake::admit(&demo, false, at(TUESDAY)).unwrap_err().0.contains("no unit"));

    let rehearsal = Bringing { is_rehearsal: true, ..bringing(&facility, TUESDAY) };
    let rehearsed = intake::take(&fixed, &[saturday_case()], &rehearsal);
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
fn somebody_elses_knowledge_is_not_the_actors() {
    let mut case = saturday_case();
    let known = |case: &mut Case, value: &str| {
        does(case, "Ada Berg", TUESDAY, |case, asked| {
            change::set_clock(case, asked, ClockField::KnownAt, at(value), None)
        })
    };
    known(&mut case, "2026-09-19T02:00:00Z").unwrap();
    does(&mut case, "Ada Berg", TUESDAY, |case, asked| {
        change::set_fact(case, asked, Fact::KnowerIsActor, "yes", Some("own words"))
    })
    .unwrap();
    does(&mut case, "Cem Demir", TUESDAY, |case, asked| change::confirm(case, asked, 1)).unwrap();
    assert_eq!(seen(&case, TUESDAY).basis, Basis::Flagged);
    known(&mut case, "2026-09-18T22:00:00Z").unwrap();
    assert_eq!(seen(&case, TUESDAY).basis, Basis::Known, "another person knew, and earlier");
}

#[test]
fn a_unit_that_spans_two_cases_is_told_and_not_hidden() {
    let mut cases = Vec::new();
    let of = |first: &str, last: &str| vec![unit("U1", "P1", first, last)];
    let (march, april) = ("2026-03-01T20:00:00Z", "2026-04-20T20:00:00Z");
    taken(&mut cases, &handoff("i1", 1, of(march, march), march), march);
    taken(&mut cases, &handoff("i2", 1, of(april, april), april), april);
    assert_eq!(cases.len(), 2);
    taken(&mut cases, &handoff("i3", 1, of(march, april), april), "2026-05-01T00:00:00Z");
    assert_eq!(cases.len(), 2);
    assert_eq!(cases[0].links.iter().map(|link| &link.case_id).collect::<Vec<_>>(), [&cases[1].case_id]);
    assert_eq!(taken(&mut cases, &handoff("i3", 1, of(march, april), april), "2026-05-02T00:00:00Z"), 0, "told once");
}
