use std::borrow::Cow;

use proptest::prelude::*;

use super::*;
use crate::model::access::{Action, Outcome, SearchTextKind};
use crate::model::time::Timestamp;

fn owned(event: AccessEvent<'_>) -> AccessEvent<'static> {
    let own = |text: Cow<'_, str>| Cow::<'static, str>::Owned(text.into_owned());
    AccessEvent {
        event_id: own(event.event_id),
        occurred_at: event.occurred_at,
        recorded_at: event.recorded_at,
        user_id: own(event.user_id),
        patient_id: event.patient_id.map(own),
        action: event.action,
        resource: event.resource.map(own),
        department: event.department.map(own),
        workstation: event.workstation.map(own),
        source_ip: event.source_ip.map(own),
        encounter_id: event.encounter_id.map(own),
        purpose: event.purpose.map(own),
        break_glass_reason: event.break_glass_reason.map(own),
        outcome: event.outcome,
        search_text_kind: event.search_text_kind,
    }
}

fn text() -> impl Strategy<Value = Option<Cow<'static, str>>> {
    prop::option::of("[a-zé]{0,3}".prop_map(Cow::Owned))
}

prop_compose! {
    fn event()(
        at in -3_i64..3,
        id in "[a-c]{1,2}",
        patient_id in text(),
        resource in text(),
        break_glass_reason in text(),
        action in prop::sample::select(&Action::ALL[..]),
        outcome in prop::sample::select(&Outcome::ALL[..]),
        search_text_kind in prop::option::of(prop::sample::select(&SearchTextKind::ALL[..])),
        recorded in prop::option::of(0_i64..5),
    ) -> AccessEvent<'static> {
        AccessEvent {
            event_id: Cow::Owned(id),
            occurred_at: Timestamp(at),
            recorded_at: recorded.map(Timestamp),
            user_id: Cow::Borrowed("u"),
            patient_id,
            action,
            resource,
            department: None,
            workstation: Some(Cow::Borrowed("w")),
            source_ip: None,
            encounter_id: None,
            purpose: None,
            break_glass_reason,
            outcome,
            search_text_kind,
        }
    }
}

fn sorted(events: &[AccessEvent<'_>], budget: usize, directory: &Path) -> Vec<(AccessEvent<'static>, u64)> {
    let mut sorter = Sorter::new(budget, directory);
    for (position, event) in events.iter().enumerate() {
        sorter.push(event, position as u64).unwrap();
    }
    let mut out = Vec::new();
    for batch in sorter.finish().unwrap() {
        let batch = batch.unwrap();
        out.extend((0..batch.rows()).map(|row| (owned(batch.event(row)), batch.position(row))));
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_budget_gives_the_order_of_a_sort_in_memory(
        events in prop::collection::vec(event(), 0..200),
        budget in prop::sample::select(vec![1_usize, 500, 5_000, 1 << 30]),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let mut expected: Vec<(AccessEvent<'_>, u64)> = events.iter().cloned().zip(0..).collect();
        expected.sort_by(|(a, x), (b, y)| {
            (a.occurred_at, &a.event_id, &a.patient_id, x).cmp(&(b.occurred_at, &b.event_id, &b.patient_id, y))
        });
        prop_assert_eq!(sorted(&events, budget, directory.path()), expected);
        prop_assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}

/// One row a run, and more runs than a merge takes at once: larger runs must form in between.
#[test]
fn many_runs_are_merged_in_stages() {
    let directory = tempfile::tempdir().unwrap();
    let count = FAN_IN * FAN_IN + FAN_IN + 7;
    let mut sorter = Sorter::new(1, directory.path());
    for n in 0..count {
        let at = (n * 7_919) % count;
        let event = AccessEvent {
            event_id: Cow::Owned(format!("e{at}")),
            occurred_at: Timestamp(i64::try_from(at).unwrap()),
            recorded_at: None,
            user_id: Cow::Borrowed("u"),
            patient_id: None,
            action: Action::View,
            resource: None,
            department: None,
            workstation: None,
            source_ip: None,
            encounter_id: None,
            purpose: None,
            break_glass_reason: None,
            outcome: Outcome::Success,
            search_text_kind: None,
        };
        sorter.push(&event, n as u64).unwrap();
        assert!(sorter.levels.iter().map(Vec::len).sum::<usize>() < 3 * FAN_IN);
    }
    let batches: Vec<SortedBatch> = sorter.finish().unwrap().map(Result::unwrap).collect();
    let times: Vec<i64> =
        batches.iter().flat_map(|batch| (0..batch.rows()).map(|row| batch.event(row).occurred_at.0)).collect();
    assert_eq!(times, (0..i64::try_from(count).unwrap()).collect::<Vec<_>>());
}

#[test]
fn a_missing_directory_is_named() {
    let mut sorter = Sorter::new(1, Path::new("/nonexistent-directory"));
    let event = AccessEvent {
        event_id: Cow::Borrowed("e"),
        occurred_at: Timestamp(0),
        recorded_at: None,
        user_id: Cow::Borrowed("u"),
        patient_id: None,
        action: Action::View,
        resource: None,
        department: None,
        workstation: None,
        source_ip: None,
        encounter_id: None,
        purpose: None,
        break_glass_reason: None,
        outcome: Outcome::Success,
        search_text_kind: None,
    };
    let error = sorter.push(&event, 0).unwrap_err();
    assert!(format!("{error:#}").contains("/nonexistent-directory"), "{error:#}");
}
