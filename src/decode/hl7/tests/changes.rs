//! What later messages take back, end, move and join.

use super::*;

/// The ids of the contacts that stand.
fn contacts(feed: &Feed) -> Vec<&str> {
    feed.standing.keys().filter_map(|key| key.strip_prefix("hl7/contact/p1/")).collect()
}

fn siu(event: &str, hour: u32, schedule: &str, segments: &[&str]) -> String {
    let header = format!("MSH|^~\\&|S||||20260601{hour:02}00||SIU^{event}|m1|P|2.5\rSCH|{schedule}\r{}", pid("Quill"));
    std::iter::once(header.as_str()).chain(segments.iter().copied()).collect::<Vec<_>>().join("\r")
}

fn mfn(hour: u32, segments: &str) -> String {
    format!("MSH|^~\\&|HR||||20260601{hour:02}00||MFN^M02\rMFI|STF\r{segments}")
}

fn member<'f>(feed: &'f Feed, key: &str) -> Option<&'f crate::model::context::WorkforceMember> {
    match feed.standing.get(key) {
        Some(ContextRecord::Workforce(member)) => Some(member),
        _ => None,
    }
}

#[test]
fn a_list_of_contacts_is_the_whole_list_of_its_kind() {
    let mut feed = Feed::new();
    let contact = |number: u32, name: &str| format!("NK1|{number}|Quill^{name}|SPO");
    let guarantor = "GT1|1||Reed^Cal".to_owned();
    feed.adt("A28", 8, &[pid("Quill^Ada"), contact(1, "Ben"), contact(2, "Cy"), guarantor]);
    assert_eq!(contacts(&feed), ["gt1/1", "nk1/1", "nk1/2"]);
    let found = feed.adt("A08", 9, &[pid("Quill^Ada"), contact(1, "Ben")]);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].key.as_str(), found[0].record.is_none()), ("hl7/contact/p1/nk1/2", true));
    assert_eq!(found[0].withdrawn_at.to_string(), "2026-06-01T09:00:00.000000Z");
    assert_eq!(contacts(&feed), ["gt1/1", "nk1/1"]);
}

#[test]
fn a_message_without_contacts_and_an_older_list_take_none_back() {
    let mut feed = Feed::new();
    feed.adt("A31", 10, &[pid("Quill^Ada"), "NK1|1|Quill^Ben|SPO".to_owned()]);
    feed.adt("A31", 11, &[pid("Quill^Ada")]);
    feed.adt("A31", 9, &[pid("Quill^Ada"), "NK1|2|Quill^Cy".to_owned()]);
    assert_eq!(contacts(&feed), ["nk1/1"]);
}

#[test]
fn a_wrong_clock_does_not_make_what_follows_late() {
    let mut feed = Feed::new();
    feed.adt("A01", 8, &plain("ICU"));
    let wrong = adt("A02", 9, &plain("WARD")).replacen("202606010900", "209906010900", 1);
    feed.take(wrong.as_bytes()).unwrap();
    feed.adt("A03", 12, &plain("WARD"));
    assert_eq!(feed.stays(), [stay("ICU", "08:00", "09:00"), stay("WARD", "09:00", "12:00")]);
    let known: Vec<_> = feed.relationships().map(|fact| fact.recorded.at.unwrap().to_string()).collect();
    assert!(known.iter().all(|at| at.starts_with("2026-06-01")), "{known:?}");
}

#[test]
fn messages_sent_long_after_their_events_are_known_from_when_they_were_sent() {
    let mut feed = Feed::new();
    for event in ["A01", "A03"] {
        let sent_again = adt(event, 8, &plain("ICU")).replacen("202606010800", "202701010800", 1);
        let found = feed.take(sent_again.as_bytes()).unwrap();
        let Some(ContextRecord::Relationship(fact)) = &found.last().unwrap().record else { panic!("a stay") };
        assert_eq!(fact.recorded.at.unwrap().to_string(), "2027-01-01T08:00:00.000000Z", "{event}");
    }
}

#[test]
fn an_identifier_that_is_changed_goes_on_as_the_new_one() {
    for event in ["A18", "A30", "A34", "A36", "A39", "A40", "A46", "A47"] {
        let mut feed = Feed::new();
        feed.adt(event, 9, &[pid("Quill^Ada"), "MRG|p0^^^A^MR".to_owned()]);
        assert_eq!(feed.patient("p0").merged_into.as_deref(), Some("p1"), "{event}");
    }
}

#[test]
fn every_number_of_the_list_that_ends_goes_on() {
    let mut feed = Feed::new();
    feed.adt("A40", 9, &[pid("Quill^Ada"), "MRG|p0^^^A^MR~p2^^^A^MR~s9^^^S^SS".to_owned()]);
    for old in ["p0", "p2"] {
        assert_eq!(feed.patient(old).merged_into.as_deref(), Some("p1"), "{old}");
    }
    assert!(!feed.standing.keys().any(|key| key.contains("s9")), "a number of another kind");
}

#[test]
fn accounts_that_become_one_merge_nobody() {
    for event in ["A35", "A41"] {
        let mut feed = Feed::new();
        feed.adt(event, 9, &[pid("Quill^Ada"), "MRG|p0^^^A^MR||a0".to_owned()]);
        assert!(!feed.standing.contains_key("hl7/patient/p0"), "{event}");
    }
}

#[test]
fn a_link_is_no_merge() {
    for event in ["A24", "A37"] {
        let text = adt(event, 9, &[pid("Quill^Ada"), "PID|2||p2^^^A^MR||Quill".to_owned()]);
        assert_eq!(Feed::new().take(text.as_bytes()).unwrap_err().reason, RejectCode::NotApplicable, "{event}");
    }
}

#[test]
fn a_visit_may_move_to_another_patient_and_to_another_number() {
    let mut feed = Feed::new();
    feed.adt("A01", 8, &[pid("Quill^Ada"), pv1("ICU", "u1", "", "")]);
    let right = "PID|1||p2^^^A^MR||Roe^Cal".to_owned();
    feed.adt("A45", 9, &[right.clone(), "MRG|p1^^^A^MR||||v1".to_owned(), pv1("ICU", "u1", "", "")]);
    assert!(feed.relationships().all(|fact| fact.patient_id == "p2"));
    let renamed = pv1("ICU", "u1", "", "").replace("v1", "v2");
    feed.adt("A50", 10, &[right.clone(), "MRG|p2^^^A^MR||||v1".to_owned(), renamed.clone()]);
    assert_eq!(feed.of_user("u1").unwrap().encounter_id.as_deref(), Some("v2"));
    assert_eq!(feed.relationships().count(), 2, "nothing stands under the old number");
    feed.adt("A03", 12, &[right, renamed]);
    assert_eq!(feed.stays(), [stay("ICU", "08:00", "12:00")]);
}

#[test]
fn a_deleted_person_is_taken_back_with_the_contacts() {
    let mut feed = Feed::new();
    feed.adt("A28", 8, &[pid("Quill^Ada"), "NK1|1|Quill^Ben".to_owned()]);
    feed.adt("A29", 9, &[pid("Quill^Ada")]);
    assert!(feed.standing.is_empty());
}

#[test]
fn an_earlier_number_of_the_same_authority_goes_on_as_the_first() {
    let ids = |ids: &str| {
        let mut feed = Feed::new();
        feed.adt("A31", 8, &[format!("PID|1||{ids}||Quill^Ada")]);
        let merged = feed.standing.values().filter_map(|record| match record {
            ContextRecord::Patient(patient) => Some((patient.patient_id.clone(), patient.merged_into.clone()?)),
            _ => None,
        });
        merged.collect::<Vec<_>>()
    };
    assert_eq!(ids("p1^^^A^MR~p0^^^A^MR"), [("p0".to_owned(), "p1".to_owned())]);
    for others in ["p1^^^A^MR~p0^^^B^MR", "p1^^^A^MR~p0^^^A^PI", "p1^^^^MR~p0^^^^MR", "p1^^^A~p0^^^A"] {
        assert!(ids(others).is_empty(), "{others}");
    }
}

#[test]
fn an_order_that_is_cancelled_is_no_new_one() {
    let order = |control: &str| {
        let segments = format!("{}\rORC|{control}|o1||||||||||u1^One\rOBR|1|o1||||||||||||||u2", pid("Quill"));
        let mut feed = Feed::new();
        feed.take(format!("MSH|^~\\&|S||||202606010800||ORM^O01\r{segments}").as_bytes()).unwrap();
        feed.relationships().count()
    };
    assert_eq!((order("NW"), order("SC")), (2, 2));
    for control in ["CA", "OC", "DC", "CR"] {
        assert_eq!(order(control), 0, "{control}");
    }
}

#[test]
fn an_appointment_of_a_general_resource_has_its_own_time() {
    let mut feed = Feed::new();
    let person = "AIG|1||u1^One|PROVIDER||||202606020900|||20|MIN";
    let device = "AIG|2||x1^Scanner|EQUIPMENT||||202606020900|||20|MIN";
    feed.take(siu("S12", 8, "a1", &[person, device]).as_bytes()).unwrap();
    let fact = feed.of_user("u1").unwrap();
    assert_eq!(fact.starts_at.to_string(), "2026-06-02T09:00:00.000000Z");
    assert_eq!(fact.ends_at.unwrap().to_string(), "2026-06-02T09:20:00.000000Z");
    assert_eq!(feed.relationships().count(), 1);
}

#[test]
fn an_appointment_without_an_end_lasts_as_long_as_is_planned() {
    let mut feed = Feed::new();
    let schedule = format!("a1{}45|MIN|^^^202606020900", "|".repeat(8));
    feed.take(siu("S12", 8, &schedule, &["AIP|1||u1^One"]).as_bytes()).unwrap();
    assert_eq!(feed.of_user("u1").unwrap().ends_at.unwrap().to_string(), "2026-06-02T09:45:00.000000Z");
}

#[test]
fn a_status_may_call_an_appointment_off_and_a_patient_who_did_not_come_was_expected() {
    let resource = "AIP|1||u1^One|||202606020900|||30|MIN";
    let after = |event: &str, status: &str| {
        let mut feed = Feed::new();
        feed.take(siu("S12", 8, "a1", &[resource]).as_bytes()).unwrap();
        let schedule = format!("a1{}{status}", "|".repeat(24));
        feed.take(siu(event, 9, &schedule, &[resource]).as_bytes()).unwrap();
        feed.relationships().count()
    };
    assert_eq!((after("S14", "Cancelled"), after("S15", ""), after("S17", "")), (0, 0, 0));
    assert_eq!((after("S14", "Booked"), after("S26", "Noshow")), (1, 1));
}

#[test]
fn a_resource_may_leave_an_appointment() {
    for gone in ["AIP|1|D|u1^One|||202606020900", "AIP|1||u1^One|||202606020900||||||Cancelled"] {
        let mut feed = Feed::new();
        let both = ["AIP|1||u1^One|||202606020900", "AIP|2||u2^Two|||202606020900"];
        feed.take(siu("S12", 8, "a1", &both).as_bytes()).unwrap();
        feed.take(siu("S20", 9, "a1", &[gone, both[1]]).as_bytes()).unwrap();
        assert!(feed.of_user("u1").is_none() && feed.of_user("u2").is_some(), "{gone}");
    }
}

#[test]
fn an_appointment_that_is_broken_off_had_begun() {
    let resource = |start: &str| format!("AIP|1||u1^One|||2026060109{start}|||30|MIN");
    let mut feed = Feed::new();
    feed.take(siu("S12", 8, "a1", &[&resource("00")]).as_bytes()).unwrap();
    let text = siu("S16", 9, "a1", &[&resource("00")]).replacen("202606010900", "202606010910", 1);
    feed.take(text.as_bytes()).unwrap();
    assert_eq!(feed.of_user("u1").unwrap().ends_at.unwrap().to_string(), "2026-06-01T09:10:00.000000Z");
    let mut feed = Feed::new();
    feed.take(siu("S12", 8, "a1", &[&resource("30")]).as_bytes()).unwrap();
    feed.take(siu("S16", 9, "a1", &[&resource("30")]).as_bytes()).unwrap();
    assert!(feed.of_user("u1").is_none());
}

#[test]
fn a_master_file_ends_somebody_s_work_and_takes_it_up_again() {
    let stf = "STF|u1||Quill^Ada|NUR^Nurse";
    let mut feed = Feed::new();
    feed.take(mfn(8, &format!("MFE|MAD|||u1\r{stf}")).as_bytes()).unwrap();
    assert_eq!(member(&feed, "hl7/staff/u1").unwrap().ended_on, None);
    feed.take(mfn(9, &format!("MFE|MDC||20260531|u1\r{stf}")).as_bytes()).unwrap();
    assert_eq!(member(&feed, "hl7/staff/u1").unwrap().ended_on, Some(jiff::civil::date(2026, 5, 31)));
    feed.take(mfn(10, &format!("MFE|MAC|||u1\r{stf}|||I||||||20260531")).as_bytes()).unwrap();
    assert_eq!(member(&feed, "hl7/staff/u1").unwrap().ended_on, None);
}

#[test]
fn an_end_that_names_nothing_but_the_person_leaves_the_name_as_it_is() {
    let mut feed = Feed::new();
    feed.take(mfn(8, "MFE|MAD|||u1\rSTF|u1||Quill^Ada").as_bytes()).unwrap();
    feed.take(mfn(9, "MFE|MDL|||u1\rMFE|MDL|||u2").as_bytes()).unwrap();
    assert_eq!(member(&feed, "hl7/staff/u1").unwrap().family_name.as_deref(), Some("Quill"));
    let day = Some(jiff::civil::date(2026, 6, 1));
    assert!(["u1", "u2"].iter().all(|id| member(&feed, &format!("hl7/staff-end/{id}")).unwrap().ended_on == day));
    feed.take(mfn(10, "MFE|MAC|||u1").as_bytes()).unwrap();
    assert!(member(&feed, "hl7/staff-end/u1").is_none());
}
