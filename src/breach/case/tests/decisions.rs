//! Who may decide what, and what stands.

use super::*;

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
fn a_breach_decision_stands_against_an_older_proposal() {
    let mut case = saturday_case();
    decides(&mut case, "Ada Berg", Regime::California, Some(Code::D)).unwrap();
    assert!(decides(&mut case, "Ada Berg", Regime::California, Some(Code::D)).unwrap_err().contains("proposal 1"));
    let breach = |case: &Case, asked: &Asked<'_>| change::decide(case, asked, &verdict(Regime::California, None));
    does(&mut case, "Bo Chief", "2026-09-22T17:00:00Z", breach).unwrap();
    let late = does(&mut case, "Cem Demir", "2026-09-22T18:00:00Z", |case, asked| change::confirm(case, asked, 1));
    assert!(late.unwrap_err().contains("another decision"));
    let again = does(&mut case, "Bo Chief", "2026-09-22T19:00:00Z", breach);
    assert!(again.unwrap_err().contains("decided already"));
}

#[test]
fn facts_that_open_an_exclusion_take_two_people_and_close_it_again() {
    let mut case = saturday_case();
    let medium = |case: &mut Case, value: &str, number: u32| {
        does(case, "Ada Berg", TUESDAY, |case, asked| {
            change::set_fact(case, asked, Fact::Medium, value, Some("printed"))
        })
        .unwrap();
        does(case, "Cem Demir", TUESDAY, |case, asked| change::confirm(case, asked, number)).unwrap();
    };
    medium(&mut case, "paper", 1);
    decides(&mut case, "Ada Berg", Regime::California, Some(Code::A)).unwrap();
    does(&mut case, "Cem Demir", TUESDAY, |case, asked| change::confirm(case, asked, 2)).unwrap();
    assert_eq!(state(&case, Regime::California), State::Excluded);
    medium(&mut case, "ehr", 3);
    assert_eq!(state(&case, Regime::California), State::UnderReview, "the words do not reach any more");
}

#[test]
fn a_wrong_sending_date_is_refused_or_taken_back() {
    let mut case = saturday_case();
    let sent = |case: &mut Case, day: jiff::civil::Date| {
        does(case, "Ada Berg", "2026-10-09T18:00:00Z", |case, asked| {
            let Event::Notified { notice } = notice(case, Recipient::Cdph, day, "2026-10-09T18:00:00Z") else {
                return Err(Refusal("no notice".to_owned()));
            };
            change::notify(case, asked, notice)
        })
    };
    assert!(sent(&mut case, date(2026, 1, 22)).unwrap_err().contains("before the breach was detected"));
    sent(&mut case, date(2026, 10, 8)).unwrap();
    let retract = |case: &mut Case, reason: Option<&str>| {
        does(case, "Ada Berg", "2026-10-09T19:00:00Z", |case, asked| {
            change::retract(case, asked, "r1", Recipient::Cdph, reason)
        })
    };
    assert!(retract(&mut case, None).unwrap_err().contains("--reason"));
    retract(&mut case, Some("never left the house")).unwrap();
    assert!(seen(&case, "2026-10-09T19:00:00Z").regimes[0].duties[0].done_on.is_none());
}

#[test]
fn tricks_with_names_and_lines_are_refused() {
    let mut case = saturday_case();
    let forged = does(&mut case, "Ada\nBerg", TUESDAY, |case, asked| change::note(case, asked, "x"));
    assert!(forged.unwrap_err().contains("one line"));
    let painted = does(&mut case, "Ada Berg", TUESDAY, |case, asked| change::note(case, asked, "\u{1b}[31mred"));
    assert!(painted.unwrap_err().contains("plain text"));
    decides(&mut case, "A1", Regime::California, Some(Code::D)).unwrap();
    let same = does(&mut case, "Berg, Ada", TUESDAY, |case, asked| change::confirm(case, asked, 1));
    assert!(same.unwrap_err().contains("another one"));
}
