//! `deadlines` and `exposure` as they are typed.

use chartsentry::breach::clocks::Deadlines;
use chartsentry::cli::deadlines::DeadlinesArgs;
use chartsentry::cli::exposure::ExposureArgs;
use clap::Parser;
use jiff::civil::date;

#[derive(Parser)]
enum Typed {
    Deadlines(DeadlinesArgs),
    Exposure(ExposureArgs),
}

/// The exit code of wrong usage, or the answer.
pub(super) fn deadlines(words: &[&str]) -> Result<Deadlines, i32> {
    let line = ["chartsentry", "deadlines"].iter().chain(words);
    match Typed::try_parse_from(line).map_err(|error| error.exit_code())? {
        Typed::Deadlines(args) => args.answer().map_err(|error| error.exit_code()),
        Typed::Exposure(_) => unreachable!("typed as deadlines"),
    }
}

pub(super) fn exposure_usd(occurrences: &str, late_days: &str) -> Result<u64, i32> {
    let line = ["chartsentry", "exposure", "--occurrences", occurrences, "--late-days", late_days];
    match Typed::try_parse_from(line).map_err(|error| error.exit_code())? {
        Typed::Exposure(args) => Ok(args.answer().max_usd),
        Typed::Deadlines(_) => unreachable!("typed as exposure"),
    }
}

fn known_at(text: &str) -> Result<Deadlines, i32> {
    deadlines(&["--known-at", text, "--timezone", "America/Los_Angeles", "--affected", "0"])
}

#[test]
fn a_moment_is_read_in_every_usual_spelling() {
    let friday = [
        "2026-09-19T06:59:59Z",
        "2026-09-19T06:59:59z",
        "2026-09-19 06:59:59+00",
        "2026-09-19 06:59:59.123456+0000",
        "2026-09-19T06:59:59+00:00",
        "2026-09-18T23:59:59-07:00",
        "2026-09-18T23:59:59-0700",
        "2026-09-18T23:59:59-07",
        "2026-09-18T23:59:59",
        "2026-09-18 23:59",
        "2026-09-18",
    ];
    for text in friday {
        let found = known_at(text).unwrap_or_else(|_| panic!("{text} is not read"));
        assert_eq!(found.discovered_date, Some(date(2026, 9, 18)), "{text}");
        assert_eq!(found.cdph_deadline, Some(date(2026, 10, 9)), "{text}");
    }
    for text in ["", "yesterday", "2026-02-29T10:00:00Z", "2026-09-18T25:00:00", "2026-09-18T10:00:00[Asia/Tokyo]"] {
        assert_eq!(known_at(text).unwrap_err(), 2, "{text}");
    }
}

#[test]
fn local_times_that_occur_twice_or_never_are_pointed_out() {
    let noted = |text, word| known_at(text).unwrap().notes.iter().any(|note| note.contains(word));
    assert!(noted("2026-11-01T01:30:00", "2026-11-01T08:30:00.000000Z"));
    assert!(noted("2026-03-08T02:30:00", "2026-03-08T10:30:00.000000Z"));
    assert!(!noted("2026-03-08T03:30:00", "known-at"));
}

#[test]
fn the_json_has_the_released_fields_and_null_for_what_does_not_apply() {
    let plain = serde_json::to_value(known_at("2026-09-19T12:00:00-07:00").unwrap()).unwrap();
    let released = [
        ("detected_business_day", Some("2026-09-21")),
        ("cdph_deadline", Some("2026-10-12")),
        ("patient_deadline", Some("2026-10-12")),
        ("discovered_date", Some("2026-09-19")),
        ("hipaa_individual_deadline", Some("2026-11-18")),
        ("media_deadline", None),
        ("hhs_deadline", Some("2027-03-01")),
    ];
    for (field, value) in released {
        assert_eq!(plain.get(field).unwrap_or_else(|| panic!("no {field}")).as_str(), value, "{field}");
    }
    assert!(plain.get("le_delay_end_ca").is_none());
    assert_eq!(plain["timezone"], "America/Los_Angeles");
    assert_eq!(plain["calendar_checked"], true);
}

#[test]
fn a_delay_leaves_the_other_regime_null() {
    let words = |regimes| {
        [
            "--known-at",
            "2026-03-02T12:00:00-08:00",
            "--timezone",
            "America/Los_Angeles",
            "--affected",
            "3",
            "--regimes",
            regimes,
            "--le-kind",
            "oral",
            "--le-stated",
            "2026-03-07",
            "--le-until",
            "2026-12-31",
        ]
    };
    let federal = deadlines(&words("HIPAA")).unwrap();
    let delayed = federal.delayed.unwrap();
    assert!(federal.notes.iter().any(|note| note.starts_with("California: null")));
    assert_eq!((federal.cdph_deadline, delayed.le_delay_end_ca, delayed.patient_deadline_safe), (None, None, None));
    assert_eq!(delayed.le_delay_end_hipaa, Some(date(2026, 4, 6)));
    let state = deadlines(&words("CA")).unwrap();
    let delayed = state.delayed.unwrap();
    assert_eq!((state.discovered_date, state.hhs_deadline, delayed.hipaa_deadline_delayed), (None, None, None));
    assert_eq!(delayed.le_delay_end_ca, Some(date(2026, 4, 6)));
    assert_eq!(delayed.patient_deadline_delayed, Some(date(2026, 4, 27)));
}

#[test]
fn wrong_usage_has_exit_code_2() {
    let base = ["--known-at", "2026-03-02T12:00:00Z", "--timezone", "America/Los_Angeles", "--affected", "1"];
    let with = |more: &[&str]| deadlines(&[&base, more].concat()).unwrap_err();
    assert_eq!(with(&["--le-kind", "oral"]), 2);
    assert_eq!(with(&["--le-kind", "oral", "--le-stated", "2026-03-01"]), 2);
    assert_eq!(with(&["--le-stated", "2026-03-01", "--le-until", "2026-03-02"]), 2);
    assert_eq!(with(&["--le-kind", "whispered", "--le-stated", "2026-03-01", "--le-until", "2026-03-02"]), 2);
    assert_eq!(with(&["--le-kind", "oral", "--le-stated", "2026-03-03", "--le-until", "2026-03-02"]), 2);
    assert_eq!(with(&["--le-kind", "oral", "--le-stated", "3/3/2026", "--le-until", "2026-03-02"]), 2);
    assert_eq!(with(&["--residents", "-1"]), 2);
    assert_eq!(with(&["--regimes", "GDPR"]), 2);
    assert_eq!(deadlines(&base[..4]).unwrap_err(), 2);
    let nowhere = ["--known-at", "2026-03-02T12:00:00Z", "--timezone", "Mars/Olympus", "--affected", "1"];
    assert_eq!(deadlines(&nowhere).unwrap_err(), 2);
    assert_eq!(exposure_usd("0x3", "0"), Err(2));
    assert_eq!(exposure_usd("1", "-1"), Err(2));
}

#[test]
fn lateness_alone_is_an_exposure() {
    assert_eq!(exposure_usd("", "822"), Ok(82_200));
    assert_eq!(exposure_usd("1x204 3", "0"), Ok(250_000));
}

#[test]
fn the_ends_of_time_are_answered_without_a_crash() {
    for text in ["9999-12-30T12:00:00Z", "9999-12-31", "0001-01-01T00:00:00Z", "-009999-01-02T12:00:00Z"] {
        if let Err(code) = known_at(text) {
            assert_eq!(code, 2, "{text}");
        }
    }
}
