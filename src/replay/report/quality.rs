//! What the data could not say.

use serde::Serialize;

use super::words::{count, counted, listed, period};
use crate::model::time::Zone;
use crate::replay::summary::{Summary, Unnamed};

/// One remark about the input.
#[derive(Debug, Serialize)]
pub(super) struct Remark {
    what: String,
    count: String,
    meaning: String,
}

fn remark(what: &str, number: u64, meaning: impl Into<String>) -> Option<Remark> {
    (number > 0).then(|| Remark { what: what.to_owned(), count: count(number), meaning: meaning.into() })
}

/// Everything about the input that someone should know; counts of nothing are left out.
pub(super) fn remarks(summary: &Summary, zone: &Zone) -> Vec<Remark> {
    let mut remarks = Vec::new();
    for (&reason, &number) in &summary.rejects.by_reason {
        let meaning = format!("{}; each is kept in quarantine.ndjson", rejected(reason));
        remarks.extend(remark(&format!("Not usable: {reason}"), number, meaning));
    }
    let others = [
        ("Copies", summary.duplicates, "the same event and patient again; counted once"),
        ("Late", summary.late, "came after the allowed lateness; decided all the same"),
        (
            "Without a patient",
            summary.without_patient,
            "log-ins, searches without a hit, batch reports; kept out of the accesses",
        ),
        ("Denied or failed", summary.not_successful, "no chart was opened; kept out of the accesses"),
        ("Degraded", summary.degraded, "decided while part of the context was unknown; read these with care"),
        (
            "Local times that occur twice",
            summary.local_times.repeated,
            "written without an offset; the first was taken",
        ),
        ("Local times that do not exist", summary.local_times.skipped, "written without an offset; moved forward"),
    ];
    remarks.extend(others.into_iter().filter_map(|(what, number, meaning)| remark(what, number, meaning)));
    let roles: Vec<String> = summary.unmatched_roles.iter().map(|role| format!("“{role}”")).collect();
    let what = "Roles without a duty class";
    remarks.extend(remark(
        what,
        roles.len() as u64,
        format!("{}: name them in [roles] if their work needs charts", listed(&roles)),
    ));
    let ids = |unnamed: &Unnamed| -> String {
        let first: Vec<String> = unnamed.first.iter().map(|id| format!("“{id}”")).collect();
        let more = if unnamed.count > first.len() as u64 { " and more" } else { "" };
        format!("{}{more}", listed(&first))
    };
    let unnamed = [
        ("People whom no workforce record names", &summary.unknown_actor, "what could explain their work is unknown"),
        ("Charts that no patient record names", &summary.unknown_patient, "whose they are is unknown"),
    ];
    for (what, unnamed, meaning) in unnamed {
        remarks.extend(remark(what, unnamed.count, format!("{}: {meaning}", ids(unnamed))));
    }
    for (table, number) in &summary.context_conflicts {
        let what = format!("Contradictions in {table}");
        remarks.extend(remark(&what, *number, "the same id again with other content; the later row was taken"));
    }
    let gaps: Vec<String> = summary.audit_feed_gap.iter().map(|gap| period(gap.from, gap.until, zone)).collect();
    let meaning = format!("{}: longer than ever in the week before; was every event exported?", listed(&gaps));
    remarks.extend(remark("Hours without any event", gaps.len() as u64, meaning));
    let fields: Vec<String> = summary
        .unknown_fields
        .iter()
        .map(|(name, number)| format!("“{name}” in {}", counted(*number, "record", "records")))
        .collect();
    remarks.extend(remark(
        "Fields without a meaning here",
        fields.len() as u64,
        format!("{}; ignored", listed(&fields)),
    ));
    remarks
}

fn rejected(reason: &str) -> &'static str {
    match reason {
        "invalid_json" => "not valid JSON",
        "invalid_csv" => "not valid CSV",
        "invalid_encoding" => "not UTF-8 text",
        "missing_field" => "a required field is missing or blank",
        "invalid_value" => "a value cannot be read",
        "no_actor" => "nobody acts in the record",
        "too_long" => "longer than the limit",
        "not_applicable" => "readable, but nothing for this review",
        "future" => "later than the run’s “now”",
        "unknown_type" => "of no known type or shape",
        "truncated" => "the file ends in the middle or is damaged",
        _ => "could not be used",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::reject::RejectCode;
    use crate::model::time::Timestamp;
    use crate::replay::summary::FeedGap;

    #[test]
    fn only_what_happened_is_told() {
        let mut summary = Summary { duplicates: 3, ..Summary::default() };
        summary.rejects.add(RejectCode::NoActor);
        summary.unmatched_roles.insert("chaplain".to_owned());
        summary.unknown_actor = Unnamed { count: 30, first: vec!["u1".to_owned(), "u2".to_owned()] };
        let at = |text: &str| Timestamp::from(text.parse::<jiff::Timestamp>().unwrap());
        let gap = FeedGap { from: at("2026-06-09T09:00:00Z"), until: at("2026-06-09T18:00:00Z") };
        summary.audit_feed_gap.push(gap);
        let remarks = remarks(&summary, &Zone::named("America/Los_Angeles").unwrap());
        let told: Vec<(&str, &str)> =
            remarks.iter().map(|remark| (remark.what.as_str(), remark.count.as_str())).collect();
        assert_eq!(
            told,
            [
                ("Not usable: no_actor", "1"),
                ("Copies", "3"),
                ("Roles without a duty class", "1"),
                ("People whom no workforce record names", "30"),
                ("Hours without any event", "1")
            ]
        );
        assert!(remarks[2].meaning.contains("chaplain"));
        assert!(remarks[4].meaning.starts_with("Jun 9, 2026, 02:00 to 11:00: "), "{}", remarks[4].meaning);
        assert!(remarks[3].meaning.contains("“u2” and more"), "{}", remarks[3].meaning);
    }

    #[test]
    fn every_reject_code_has_its_words() {
        use RejectCode as C;
        let codes = [
            C::InvalidJson,
            C::InvalidCsv,
            C::InvalidEncoding,
            C::MissingField,
            C::InvalidValue,
            C::NoActor,
            C::TooLong,
            C::NotApplicable,
            C::Future,
            C::UnknownType,
            C::Truncated,
        ];
        for code in codes {
            assert_ne!(rejected(code.name()), rejected("?"), "{code}");
        }
    }
}
