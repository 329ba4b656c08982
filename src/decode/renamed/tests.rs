use super::*;
use crate::decode::{Collected, Expect, detect};
use crate::model::access::{Action, Outcome, SearchTextKind};
use crate::model::context::{
    FeedStatus, Patient, Recorded, RelatedPerson, Relationship, RelationshipKind, Shift, WorkforceMember,
};
use crate::model::reject::Place;
use crate::model::time::Zone;

fn crosswalk() -> Arc<Crosswalk> {
    let text = b"kind,id,alias\nuser,u1,e1\nuser,u2,e2\npatient,p1,m1\npatient,p2,m2\n";
    Arc::new(Crosswalk::read(text).unwrap())
}

/// What a sink hears, and how many ids of users and patients were replaced.
fn through(tell: impl FnOnce(&mut dyn DecodeSink)) -> (Collected, [u64; 2]) {
    let (crosswalk, mut found) = (crosswalk(), Collected::default());
    let mut renaming = Renaming { crosswalk: &crosswalk, sink: &mut found, users: 0, patients: 0 };
    tell(&mut renaming);
    let counts = [renaming.users, renaming.patients];
    (found, counts)
}

fn told(record: ContextRecord) -> (ContextRecord, [u64; 2]) {
    let update = ContextUpdate { key: "e1".to_owned(), record: Some(record), withdrawn_at: Timestamp::MAX };
    let (mut found, counts) = through(|sink| sink.context(update, 7));
    let (update, line) = found.updates.pop().unwrap();
    assert_eq!((update.key.as_str(), line), ("e1", 7), "the record keeps its own identity");
    (update.record.unwrap(), counts)
}

fn event(user_id: &'static str, patient_id: Option<&'static str>) -> AccessEvent<'static> {
    AccessEvent {
        event_id: "e1".into(),
        occurred_at: Timestamp(5),
        recorded_at: Some(Timestamp(6)),
        user_id: user_id.into(),
        patient_id: patient_id.map(Into::into),
        action: Action::Print,
        resource: Some("m1".into()),
        department: Some("4N".into()),
        workstation: Some("w1".into()),
        source_ip: Some("10.0.0.1".into()),
        encounter_id: Some("v1".into()),
        purpose: Some("TREAT".into()),
        break_glass_reason: Some("none".into()),
        outcome: Outcome::Denied,
        search_text_kind: Some(SearchTextKind::Name),
    }
}

#[test]
fn an_access_gets_both_ids_and_keeps_all_else() {
    let (found, counts) = through(|sink| sink.access(&event("E1", Some("m1")), 3));
    assert_eq!((found.accesses, counts), (vec![(event("u1", Some("p1")), 3)], [1, 1]));
    let (found, counts) = through(|sink| sink.access(&event("e1", None), 3));
    assert_eq!((found.accesses, counts), (vec![(event("u1", None), 3)], [1, 0]));
}

#[test]
fn ids_that_are_no_aliases_stay_and_are_not_counted() {
    let (found, counts) = through(|sink| sink.access(&event("u1", Some("p9")), 3));
    assert_eq!((found.accesses, counts), (vec![(event("u1", Some("p9")), 3)], [0, 0]));
}

#[test]
fn people_get_their_ids_wherever_a_record_names_them() {
    let some = |id: &str| Some(id.to_owned());
    let member = WorkforceMember {
        user_id: "e1".to_owned(),
        manager_id: some("e2"),
        patient_id: some("m1"),
        role: some("e1"),
        ..WorkforceMember::default()
    };
    let (record, counts) = told(ContextRecord::Workforce(member.clone()));
    let wanted = WorkforceMember { user_id: "u1".to_owned(), manager_id: some("u2"), patient_id: some("p1"), ..member };
    assert_eq!((record, counts), (ContextRecord::Workforce(wanted), [2, 1]));

    let contact = RelatedPerson {
        patient_id: "m1".to_owned(),
        related_patient_id: some("m2"),
        family_name: some("m1"),
        ..RelatedPerson::default()
    };
    let (record, counts) = told(ContextRecord::RelatedPerson(contact.clone()));
    let wanted = RelatedPerson { patient_id: "p1".to_owned(), related_patient_id: some("p2"), ..contact };
    assert_eq!((record, counts), (ContextRecord::RelatedPerson(wanted), [0, 2]));
}

#[test]
fn a_patient_who_is_merged_into_the_own_id_is_not_merged() {
    let patient = |id: &str, into: Option<&str>| {
        let merged_into = into.map(str::to_owned);
        ContextRecord::Patient(Patient { patient_id: id.to_owned(), merged_into, ..Patient::default() })
    };
    assert_eq!(told(patient("m1", Some("m2"))), (patient("p1", Some("p2")), [0, 2]));
    assert_eq!(told(patient("m1", Some("p1"))), (patient("p1", None), [0, 1]));
}

#[test]
fn relationships_and_shifts_name_the_canonical_people() {
    let relationship = |patient: &str, holder: Holder, by: &str| {
        ContextRecord::Relationship(Relationship {
            relationship_id: "e1".to_owned(),
            kind: RelationshipKind::Order,
            patient_id: patient.to_owned(),
            holder,
            starts_at: Timestamp(1),
            ends_at: None,
            recorded_by: Some(by.to_owned()),
            encounter_id: Some("m1".to_owned()),
            recorded: Recorded::default(),
        })
    };
    let user = |id: &str| Holder::User(id.to_owned());
    let told_of_user = told(relationship("m1", user("e1"), "e2"));
    assert_eq!(told_of_user, (relationship("p1", user("u1"), "u2"), [2, 1]));
    let department = || Holder::Department("e1".to_owned());
    assert_eq!(told(relationship("m1", department(), "x")), (relationship("p1", department(), "x"), [0, 1]));
    let shift = |user: &str| {
        ContextRecord::Shift(Shift {
            shift_id: Some("e1".to_owned()),
            user_id: user.to_owned(),
            department: "e1".to_owned(),
            starts_at: Timestamp(1),
            ends_at: Timestamp(2),
            recorded: Recorded::default(),
        })
    };
    assert_eq!(told(shift("e1")), (shift("u1"), [1, 0]));
}

#[test]
fn what_names_nobody_passes_as_it_is() {
    let status = FeedStatus {
        feed: Some("e1".to_owned()),
        department: Some("m1".to_owned()),
        is_up: true,
        starts_at: Timestamp(1),
        ends_at: None,
        recorded: Recorded::default(),
    };
    let status = ContextRecord::FeedStatus(status);
    assert_eq!(told(status.clone()), (status, [0, 0]));
    let withdrawal = ContextUpdate { key: "k".to_owned(), record: None, withdrawn_at: Timestamp(4) };
    let (found, counts) = through(|sink| sink.context(withdrawal.clone(), 1));
    assert_eq!((found.updates, counts), (vec![(withdrawal, 1)], [0, 0]));
}

/// Reads something twice by one decoder; both times every id must be replaced.
fn read_twice(way: &str, read: impl Fn(&mut Decoder, At<'_>, &mut Collected)) {
    let place = Place::Kafka { topic: "t".into(), partition: 0, offset: 1 };
    let mut decoder = Decoder::new(Zone::utc()).with_crosswalk(Some(crosswalk()));
    for times in 1..=2_u64 {
        let mut found = Collected::default();
        read(&mut decoder, At { place: &place, line: 1 }, &mut found);
        let shown = format!("{found:?}");
        assert!(shown.contains("\"u1\"") && shown.contains("\"p1\""), "{way}: {shown}");
        assert!(!shown.contains("\"e1\"") && !shown.contains("\"m1\""), "{way}: {shown}");
        let counters = decoder.counters();
        assert_eq!([counters.users_renamed, counters.patients_renamed], [times, times], "{way}");
    }
}

#[test]
fn every_way_into_a_decoder_leads_through_the_crosswalk() {
    let log = b"occurred_at,user_id,patient_id,action\n2026-06-01T07:00:00Z,e1,m1,view\n";
    read_twice("chunk", |decoder, _, sink| {
        let layout = detect::detect(log, true, Expect::Accesses).unwrap();
        let bytes = &log[layout.header_bytes..];
        decoder.chunk(&Chunk { bytes, file: &"log.csv".into(), first_line: 2, layout: &layout }, sink);
    });
    let event = br#"{"occurred_at":"2026-06-01T07:00:00Z","user_id":"e1","patient_id":"m1","action":"view"}"#;
    read_twice("access message", |decoder, at, sink| decoder.access_message(event, at, sink));
    let staff = br#"{"type":"workforce","user_id":"e1","patient_id":"m1"}"#;
    read_twice("context message", |decoder, at, sink| {
        decoder.context_message(Some(b"k1"), Some(staff), Timestamp(9), at, sink);
    });
    let visit = br#"{"resourceType":"Encounter","id":"v1","status":"in-progress","subject":{"reference":"m1"},
        "period":{"start":"2026-06-01T05:00:00Z"},"participant":[{"individual":{"identifier":{"value":"e1"}}}]}"#;
    read_twice("feed message", |decoder, at, sink| decoder.feed_message(visit, at, sink));
    let mut row = Row::default();
    for (place, text) in [(1, "2026-06-01T07:00:00Z"), (3, "e1"), (4, "m1"), (5, "view")] {
        row.text[place] = text;
    }
    read_twice("access row", |decoder, at, sink| decoder.access_row(&row, at, sink));
    let cell = |column: &&str| match *column {
        "user_id" => "e1",
        "patient_id" => "m1",
        _ => "",
    };
    let cells: Vec<&str> = Table::Workforce.columns().iter().map(cell).collect();
    read_twice("context row", |decoder, at, sink| decoder.context_row(Table::Workforce, &cells, at, sink));
}
