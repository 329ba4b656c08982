//! Worked cases, row by row, through the commands.

use super::commands;

/// The rows of a file in `tests/vectors`, with a look-up of a cell by column.
fn rows(file: &str) -> Vec<impl Fn(&str) -> String> {
    let path = format!("{}/tests/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    let mut reader = csv::Reader::from_path(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let header = reader.headers().unwrap().clone();
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert!(!records.is_empty(), "{path} has no rows");
    let cell = move |record: csv::StringRecord| {
        let header = header.clone();
        move |column: &str| {
            let place = header.iter().position(|name| name == column).unwrap_or_else(|| panic!("no {column}"));
            record[place].to_owned()
        }
    };
    records.into_iter().map(cell).collect()
}

fn text(date: Option<jiff::civil::Date>) -> String {
    date.map(|date| date.to_string()).unwrap_or_default()
}

#[test]
fn deadlines() {
    for row in rows("deadlines.csv") {
        let case = row("case");
        let words = [
            "--known-at",
            &row("known_at"),
            "--timezone",
            &row("facility_timezone"),
            "--affected",
            &row("affected_count"),
            "--regimes",
            &row("jurisdiction").replace('+', ","),
        ];
        let found = commands::deadlines(&words).unwrap_or_else(|code| panic!("{case}: exit code {code}"));
        assert_eq!(text(found.detected_business_day), row("detected_business_day"), "{case}");
        assert_eq!(text(found.cdph_deadline), row("cdph_deadline_15bd"), "{case}");
        assert_eq!(text(found.patient_deadline), row("cdph_deadline_15bd"), "{case}");
        assert_eq!(text(found.hipaa_individual_deadline), row("hipaa_individual_deadline_60d"), "{case}");
        assert_eq!(text(found.hhs_deadline), row("hhs_deadline"), "{case}");
    }
}

#[test]
fn law_enforcement_delays() {
    for row in rows("law_enforcement_delay.csv") {
        let case = row("case");
        let words = [
            "--known-at",
            &row("known_local_date"),
            "--timezone",
            "America/Los_Angeles",
            "--affected",
            "1",
            "--le-kind",
            &row("kind"),
            "--le-stated",
            &row("statement_date"),
            "--le-until",
            &row("requested_end"),
        ];
        let found = commands::deadlines(&words).unwrap_or_else(|code| panic!("{case}: exit code {code}"));
        assert_eq!(text(found.cdph_deadline), row("cdph_report_deadline_not_delayed"), "{case}");
        let delayed = found.delayed.unwrap_or_else(|| panic!("{case}: no delay"));
        assert_eq!(text(delayed.le_delay_end_ca), row("ca_delay_end_after_cap"), "{case}");
        assert_eq!(text(delayed.patient_deadline_delayed), row("ca_patient_notice_deadline"), "{case}");
        assert_eq!(text(delayed.patient_deadline_safe), row("ca_patient_notice_conservative"), "{case}");
        assert_eq!(text(delayed.le_delay_end_hipaa), row("hipaa_delay_end_after_cap"), "{case}");
        assert_eq!(text(delayed.hipaa_deadline_delayed), row("hipaa_individual_outer_limit_conservative"), "{case}");
    }
}

#[test]
fn exposure() {
    for row in rows("exposure.csv") {
        let found = commands::exposure_usd(&row("occurrences_per_patient"), &row("late_calendar_days"));
        assert_eq!(found.map(|usd| usd.to_string()), Ok(row("max_exposure_usd")), "{}", row("case"));
    }
}
