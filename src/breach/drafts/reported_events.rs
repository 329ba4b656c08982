//! Exposure by reported event: all breaches in one report are one event, and the cap is one (22 CCR 79901(o); HSC
//! 1280.15). A planning estimate, and never a reason to group one way or another.

use std::collections::{BTreeMap, BTreeSet};

use super::csv_text;
use crate::breach::case::event::Recipient;
use crate::breach::case::outlook::{Outlook, reportable, standing};
use crate::breach::case::{Case, CaseUnit, UnitKey};
use crate::breach::exposure::{self, Occurrences};
use anyhow::Result;

const HEADER: [&str; 9] = [
    "report_id",
    "cases",
    "patients",
    "occurrences",
    "report_late_days",
    "notice_late_days",
    "least_usd",
    "most_usd",
    "reading",
];

/// What goes into one report.
#[derive(Default)]
struct Event<'c> {
    cases: Vec<&'c str>,
    units: Vec<UnitKey>,
    report_late: u64,
    notice_late: u64,
}

/// One row for each report to the Department; a case without one is an event of its own, as if reported today.
///
/// # Errors
/// When the text cannot be written.
pub fn csv(cases: &[(&Case, Outlook)]) -> Result<String> {
    let mut events: BTreeMap<String, Event<'_>> = BTreeMap::new();
    for (case, outlook) in cases.iter().filter(|(case, outlook)| outlook.exposure.is_some() && !case.is_rehearsal) {
        let mut reports: BTreeMap<String, BTreeSet<UnitKey>> = BTreeMap::new();
        let mut open = reportable(case, Recipient::Cdph, outlook.licensed);
        for notice in case.notices.iter().filter(|notice| notice.to == Recipient::Cdph) {
            let covered: BTreeSet<UnitKey> = notice.units.intersection(&open).cloned().collect();
            open.retain(|key| !covered.contains(key));
            reports.entry(notice.report_id.clone()).or_default().extend(covered);
        }
        if !open.is_empty() {
            reports.insert(format!("not reported: {}", case.case_id), open);
        }
        for (report_id, units) in reports {
            let event = events.entry(report_id).or_default();
            event.cases.push(&case.case_id);
            for unit in case.units.iter().filter(|unit| units.contains(&unit.key)) {
                event.report_late = event.report_late.max(late(case, unit, Recipient::Cdph, outlook));
                event.notice_late = event.notice_late.max(late(case, unit, Recipient::Patient, outlook));
            }
            event.units.extend(units);
        }
    }
    csv_text(&HEADER, &events.into_iter().map(row).collect::<Vec<_>>())
}

/// How late the first report or notice about a unit was, or is today.
fn late(case: &Case, unit: &CaseUnit, to: Recipient, outlook: &Outlook) -> u64 {
    let deadlines = standing::deadlines(case, standing::known(case, unit), outlook.licensed);
    let deadline = if to == Recipient::Cdph { deadlines.cdph_deadline } else { deadlines.patient_deadline };
    let sent = case.notices.iter().filter(|notice| notice.to == to && notice.units.contains(&unit.key));
    let sent = sent.map(|notice| notice.sent_on).min().unwrap_or(outlook.today);
    deadline.map_or(0, |deadline| exposure::late_days(deadline, sent))
}

fn row((report_id, event): (String, Event<'_>)) -> Vec<String> {
    let occurrences = Occurrences::of_patients(event.units.iter().map(|key| key.patient_id.as_str()));
    let one = exposure::exposure(&occurrences, event.report_late.max(event.notice_late));
    let both = exposure::exposure(&occurrences, event.report_late + event.notice_late);
    vec![
        report_id,
        event.cases.join(" "),
        one.patients.to_string(),
        one.occurrences.to_string(),
        event.report_late.to_string(),
        event.notice_late.to_string(),
        one.first_occurrences_only_usd.to_string(),
        both.max_usd.to_string(),
        one.reading,
    ]
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::breach::case::event::{Event as CaseEvent, Notice};
    use crate::breach::case::outlook::outlook;
    use crate::breach::case::testing::{HOUSE, at, handoff, saturday_case, taken, unit};

    #[test]
    fn cases_of_one_report_share_one_cap() {
        let mut cases = vec![saturday_case()];
        let many: Vec<_> =
            (0..12).map(|n| unit("U2", &format!("Q{n}"), "2026-09-18T20:00:00Z", "2026-09-18T20:01:00Z")).collect();
        taken(&mut cases, &handoff("i2", 1, many, "2026-09-19T21:30:00Z"), "2026-09-19T21:31:00Z");
        let now = at("2026-10-20T12:00:00Z");
        let rows = |cases: &[Case]| -> Vec<Vec<String>> {
            let shown: Vec<_> = cases.iter().map(|case| (case, outlook(case, now, HOUSE))).collect();
            let text = csv(&shown).unwrap();
            csv::Reader::from_reader(text.as_bytes())
                .records()
                .map(|row| row.unwrap().iter().map(str::to_owned).collect())
                .collect()
        };
        assert_eq!(rows(&cases).len(), 2, "not reported: each for itself");
        for case in &mut cases {
            let units = reportable(case, Recipient::Cdph, true);
            let notice = Notice {
                report_id: "r1".to_owned(),
                to: Recipient::Cdph,
                sent_on: date(2026, 10, 14),
                method: None,
                proof: None,
                units,
                by: "A".to_owned(),
                recorded_at: now,
            };
            case.apply(now, "A", &CaseEvent::Notified { notice });
        }
        let rows = rows(&cases);
        assert_eq!(rows.len(), 1);
        let of = |column: &str| rows[0][HEADER.iter().position(|head| *head == column).unwrap()].as_str();
        assert_eq!((of("report_id"), of("patients"), of("most_usd")), ("r1", "13", "250000"));
        assert_eq!((of("report_late_days"), of("notice_late_days")), ("2", "8"), "the notice is late until today");
    }
}
