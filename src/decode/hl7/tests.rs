//! Sequences of messages and what they change. People and ids are made up.

mod changes;

use super::*;
use crate::model::context::{ContextRecord, Holder, Patient, Relationship, RelationshipKind};
use crate::model::reject::RejectCode;
use crate::model::time::{Timestamp, Zone};

/// A desk with its clock.
struct Feed {
    desk: Desk,
    clock: LocalClock,
    /// What stands after all updates, by key, in the order of the keys.
    standing: std::collections::BTreeMap<String, ContextRecord>,
}

impl Feed {
    fn new() -> Self {
        Self { desk: Desk::default(), clock: LocalClock::new(Zone::utc()), standing: Default::default() }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<Vec<ContextUpdate>, Fault> {
        let found = updates(&mut self.desk, bytes, &mut self.clock)?;
        for update in &found {
            match &update.record {
                Some(record) => self.standing.insert(update.key.clone(), record.clone()),
                None => self.standing.remove(&update.key),
            };
        }
        Ok(found)
    }

    /// Sends an ADT event of 1 June at `hour`:00 with further segments.
    fn adt(&mut self, event: &str, hour: u32, segments: &[String]) -> Vec<ContextUpdate> {
        self.take(adt(event, hour, segments).as_bytes()).unwrap()
    }

    /// Department stays: department, hours from and to.
    fn stays(&self) -> Vec<(String, String, String)> {
        let mut stays: Vec<_> = self
            .relationships()
            .filter_map(|fact| match &fact.holder {
                Holder::Department(place) => Some((fact.starts_at, place.clone(), fact.ends_at)),
                Holder::User(_) => None,
            })
            .collect();
        stays.sort();
        let hour = |at: Timestamp| at.to_string().get(11..16).unwrap().to_owned();
        let shown = |(starts, place, ends): (Timestamp, String, Option<Timestamp>)| {
            (place, hour(starts), ends.map(hour).unwrap_or_default())
        };
        stays.into_iter().map(shown).collect()
    }

    fn relationships(&self) -> impl Iterator<Item = &Relationship> {
        self.standing.values().filter_map(|record| match record {
            ContextRecord::Relationship(fact) => Some(fact),
            _ => None,
        })
    }

    /// The one relationship of a user.
    fn of_user(&self, user: &str) -> Option<&Relationship> {
        self.relationships().find(|fact| fact.holder == Holder::User(user.to_owned()))
    }

    fn patient(&self, id: &str) -> &Patient {
        match self.standing.get(&format!("hl7/patient/{id}")) {
            Some(ContextRecord::Patient(patient)) => patient,
            other => panic!("no patient but {other:?}"),
        }
    }
}

fn adt(event: &str, hour: u32, segments: &[String]) -> String {
    let time = format!("20260601{hour:02}00");
    let header = format!("MSH|^~\\&|EHR|A|||{time}||ADT^{event}|m1|P|2.5\rEVN|A01|{time}|||u9^Entry\r");
    header + &segments.join("\r")
}

/// PID of patient p1.
fn pid(rest: &str) -> String {
    format!("PID|1||x^^^A^SS~p1^^^A^MR||{rest}")
}

/// PV1 of visit v1: unit, attending physician, admitted at, discharged at.
fn pv1(place: &str, attending: &str, admitted: &str, discharged: &str) -> String {
    format!("PV1|1|I|{place}||||{attending}||||||||||||v1{}{admitted}|{discharged}", "|".repeat(25))
}

fn plain(place: &str) -> [String; 2] {
    [pid("Quill^Ada"), pv1(place, "", "", "")]
}

fn stay(place: &str, from: &str, to: &str) -> (String, String, String) {
    (place.to_owned(), from.to_owned(), to.to_owned())
}

/// Admitted at 8 to ICU, at 10 to WARD, discharged at 12.
fn whole_visit() -> [String; 3] {
    [adt("A01", 8, &plain("ICU^1^2")), adt("A02", 10, &plain("WARD")), adt("A03", 12, &plain("WARD"))]
}

#[test]
fn admit_transfer_and_discharge_give_two_stays() {
    let mut feed = Feed::new();
    whole_visit().iter().for_each(|message| drop(feed.take(message.as_bytes()).unwrap()));
    assert_eq!(feed.stays(), [stay("ICU", "08:00", "10:00"), stay("WARD", "10:00", "12:00")]);
    let fact = feed.relationships().next().unwrap();
    assert_eq!(fact.relationship_id, "hl7/v1/at/ICU/1");
    assert_eq!((fact.patient_id.as_str(), fact.encounter_id.as_deref()), ("p1", Some("v1")));
    assert_eq!((fact.kind, fact.recorded_by.as_deref()), (RelationshipKind::Encounter, Some("u9")));
    assert_eq!(fact.recorded.at.unwrap().to_string(), "2026-06-01T10:00:00.000000Z");
}

#[test]
fn the_order_of_messages_does_not_matter_for_stays() {
    let [admit, transfer, discharge] = whole_visit();
    for order in [[&discharge, &transfer, &admit], [&transfer, &admit, &discharge], [&admit, &discharge, &transfer]] {
        let mut feed = Feed::new();
        order.iter().for_each(|message| drop(feed.take(message.as_bytes()).unwrap()));
        assert_eq!(feed.stays().last().unwrap(), &stay("WARD", "10:00", "12:00"));
        assert_eq!(feed.stays().first().unwrap(), &stay("ICU", "08:00", "10:00"));
    }
}

#[test]
fn a_message_that_comes_twice_changes_nothing() {
    let mut feed = Feed::new();
    whole_visit().iter().for_each(|message| drop(feed.take(message.as_bytes()).unwrap()));
    for message in whole_visit() {
        assert!(feed.take(message.as_bytes()).unwrap().is_empty());
    }
}

#[test]
fn a_cancelled_admission_takes_everything_back_even_from_an_earlier_run() {
    let mut feed = Feed::new();
    let segments = [pid("Quill^Ada"), pv1("ICU", "u1", "", "")];
    feed.adt("A01", 8, &segments);
    assert_eq!(feed.relationships().count(), 2);
    for feed in [&mut feed, &mut Feed::new()] {
        let found = feed.adt("A11", 9, &segments);
        let gone: Vec<_> = found.iter().filter(|update| update.record.is_none()).collect();
        assert_eq!(
            gone.iter().map(|update| update.key.as_str()).collect::<Vec<_>>(),
            ["hl7/v1/at/ICU/1", "hl7/v1/attending/u1/1"]
        );
        assert_eq!(gone[0].withdrawn_at.to_string(), "2026-06-01T09:00:00.000000Z");
        assert_eq!(feed.relationships().count(), 0);
    }
}

#[test]
fn a_cancelled_transfer_brings_the_stay_before_back() {
    let mut feed = Feed::new();
    feed.adt("A01", 8, &plain("ICU"));
    feed.adt("A02", 10, &plain("WARD"));
    for _ in 0..2 {
        feed.adt("A12", 11, &plain("ICU"));
        assert_eq!(feed.stays(), [stay("ICU", "08:00", "")]);
    }
}

#[test]
fn a_cancelled_discharge_opens_the_visit_again() {
    let mut feed = Feed::new();
    let segments = [pid("Quill^Ada"), pv1("ICU", "u1", "", "")];
    feed.adt("A01", 8, &segments);
    feed.adt("A03", 12, &segments);
    assert_eq!(feed.of_user("u1").unwrap().ends_at.unwrap().to_string(), "2026-06-01T12:00:00.000000Z");
    feed.adt("A13", 13, &segments);
    assert_eq!(feed.stays(), [stay("ICU", "08:00", "")]);
    assert_eq!(feed.of_user("u1").unwrap().ends_at, None);
}

#[test]
fn a_discharge_without_an_admission_starts_when_it_says_that_it_did() {
    let mut feed = Feed::new();
    feed.adt("A03", 12, &[pid("Quill"), pv1("ICU", "", "202606010730", "202606011145")]);
    assert_eq!(feed.stays(), [stay("ICU", "07:30", "11:45")]);
    let mut feed = Feed::new();
    feed.adt("A03", 12, &[pid("Quill"), pv1("ICU", "", "202606010730", "20260601")]);
    assert_eq!(feed.stays(), [stay("ICU", "07:30", "12:00")]);
}

#[test]
fn a_transfer_without_an_admission_tells_of_the_unit_before() {
    let mut feed = Feed::new();
    let pv1 = pv1("WARD", "", "202606010730", "").replace("|WARD||||", "|WARD|||ER|");
    feed.adt("A02", 10, &[pid("Quill"), pv1]);
    assert_eq!(feed.stays(), [stay("ER", "07:30", "10:00"), stay("WARD", "10:00", "")]);
}

#[test]
fn a_preadmission_gives_way_to_the_admission() {
    let mut feed = Feed::new();
    let expected = format!("PV2|{}20260601150000", "|".repeat(7));
    feed.adt("A05", 8, &[pid("Quill"), pv1("DAY", "u1", "", ""), expected]);
    assert_eq!(feed.stays(), [stay("DAY", "15:00", "")]);
    feed.adt("A01", 14, &[pid("Quill"), pv1("WARD", "u1", "", "")]);
    assert_eq!(feed.stays(), [stay("WARD", "14:00", "")]);
    assert_eq!(feed.of_user("u1").unwrap().starts_at.to_string(), "2026-06-01T14:00:00.000000Z");
}

#[test]
fn an_update_replaces_the_clinicians_it_names_and_no_others() {
    let mut feed = Feed::new();
    let ward = |attending: &str| [pid("Quill"), pv1("ICU", attending, "", ""), "ROL|1|AD|CP|u3^Con".to_owned()];
    feed.adt("A01", 8, &ward("u1^One~^NoId"));
    feed.adt("A08", 10, &ward("u2")[..2]);
    assert_eq!(feed.of_user("u1").unwrap().ends_at.unwrap().to_string(), "2026-06-01T10:00:00.000000Z");
    assert_eq!(feed.of_user("u2").unwrap().starts_at.to_string(), "2026-06-01T10:00:00.000000Z");
    let consultant = feed.of_user("u3").unwrap();
    assert_eq!((consultant.kind, consultant.ends_at), (RelationshipKind::Consult, None));
}

#[test]
fn a_merge_names_both_ids() {
    let mut feed = Feed::new();
    feed.adt("A40", 9, &[pid("Quill^Ada"), "MRG|p0^^^A^MR".to_owned()]);
    assert_eq!(feed.patient("p0").merged_into.as_deref(), Some("p1"));
    assert_eq!(feed.patient("p1").family_name.as_deref(), Some("Quill"));
    let fault = feed.take(adt("A40", 9, &[pid("Quill")]).as_bytes()).unwrap_err();
    assert_eq!(fault.reason, RejectCode::MissingField);
}

#[test]
fn a_patient_keeps_what_a_message_does_not_mention_and_loses_what_it_deletes() {
    let mut feed = Feed::new();
    let all = "Quill^Ada^^^^^L~Reed^Ada^^^^^M||19700203|F|||1 Elm St^^Ames^IA^50010^^H||^PRN^PH^^^515^5550100";
    feed.adt("A31", 8, &[pid(all), "PD1||||||||||||Y".to_owned()]);
    feed.adt("A31", 9, &[pid("Quill^Ada||\"\"")]);
    let patient = feed.patient("p1");
    assert_eq!(patient.previous_family_names, ["Reed"]);
    assert_eq!((patient.birth_date, patient.is_restricted), (None, true));
    assert_eq!((patient.street.as_deref(), patient.postal_code.as_deref()), (Some("1 Elm St"), Some("50010")));
    assert_eq!(patient.phone.as_deref(), Some("5155550100"));
}

#[test]
fn a_contact_has_an_id_within_its_patient() {
    let mut feed = Feed::new();
    feed.adt("A31", 8, &[pid("Quill^Ada"), "NK1|1|Quill^Ben|SPO^Spouse||5550101".to_owned()]);
    let Some(ContextRecord::RelatedPerson(person)) = feed.standing.get("hl7/contact/p1/nk1/1") else {
        panic!("a contact")
    };
    assert_eq!((person.given_name.as_deref(), person.relation.as_deref()), (Some("Ben"), Some("Spouse")));
}

#[test]
fn every_framing_reads_alike() {
    let text = adt("A03", 12, &plain("ICU"));
    let expected = Feed::new().take(text.as_bytes()).unwrap();
    for other in [
        text.replace('\r', "\n"),
        text.replace('\r', "\r\n"),
        format!("\u{b}{text}\r\u{1c}\r"),
        format!("\u{feff}{text}"),
    ] {
        assert_eq!(Feed::new().take(other.as_bytes()).unwrap(), expected);
    }
}

#[test]
fn a_latin_name_is_kept() {
    let mut feed = Feed::new();
    let text = adt("A31", 8, &[pid("M#ller^Ada")]);
    let bytes: Vec<u8> = text.bytes().map(|byte| if byte == b'#' { 0xfc } else { byte }).collect();
    feed.take(&bytes).unwrap();
    assert_eq!(feed.patient("p1").family_name.as_deref(), Some("M\u{fc}ller"));
}

#[test]
fn an_appointment_moves_and_is_cancelled() {
    let mut feed = Feed::new();
    let siu = |event: &str, hour: u32, start: &str| {
        let header = format!("MSH|^~\\&|S||||20260601{hour:02}00||SIU^{event}|m1|P|2.5\rSCH|a1|f1\r{}", pid("Quill"));
        format!("{header}\rAIP|1||u1^One|||{start}|||30|min\rAIL|1||CLINIC^R1|||{start}|||30|min")
    };
    feed.take(siu("S12", 8, "202606020900").as_bytes()).unwrap();
    feed.take(siu("S13", 9, "202606021000").as_bytes()).unwrap();
    let fact = feed.of_user("u1").unwrap();
    assert_eq!(
        (fact.starts_at.to_string().as_str(), fact.kind),
        ("2026-06-02T10:00:00.000000Z", RelationshipKind::Appointment)
    );
    assert_eq!(feed.stays(), [stay("CLINIC", "10:00", "10:30")]);
    feed.take(siu("S15", 10, "202606021000").as_bytes()).unwrap();
    assert_eq!(feed.relationships().count(), 0);
}

#[test]
fn an_order_lasts_a_day() {
    let mut feed = Feed::new();
    let order = format!("MSH|^~\\&|S||||202606010800||ORM^O01\r{}\rORC|NW|o1||||||||||u1^One", pid("Quill"));
    feed.take(order.as_bytes()).unwrap();
    let fact = feed.of_user("u1").unwrap();
    assert_eq!(fact.kind, RelationshipKind::Order);
    assert_eq!(fact.ends_at.unwrap().to_string(), "2026-06-02T08:00:00.000000Z");
}

#[test]
fn a_staff_record_is_a_member_of_the_workforce() {
    let mut feed = Feed::new();
    let header = "MSH|^~\\&|HR||||202606010800||MFN^M02\rMFE|MUP";
    let staff =
        "STF|u1|u1^^^A|Quill^Ada|NUR^Nurse||19800101|I|ICU^Critical||||20200101|20260531\rPRA|u1||||Nurse ICU^Board";
    feed.take(format!("{header}\r{staff}").as_bytes()).unwrap();
    let Some(ContextRecord::Workforce(member)) = feed.standing.get("hl7/staff/u1") else { panic!("a member") };
    assert_eq!((member.role.as_deref(), member.department.as_deref()), (Some("Nurse ICU"), Some("ICU")));
    assert_eq!(member.ended_on, Some(jiff::civil::date(2026, 5, 31)));
}

#[test]
fn what_says_nothing_about_care_is_not_applicable_and_what_lacks_an_id_is_named() {
    let reason = |text: &str| Feed::new().take(text.as_bytes()).unwrap_err().reason;
    let header = |kind: &str| format!("MSH|^~\\&|S||||202606010800||{kind}\r");
    assert_eq!(reason(&(header("ORU^R01") + &pid("Quill"))), RejectCode::NotApplicable);
    assert_eq!(reason(&(header("ADT^A24") + &pid("Quill"))), RejectCode::NotApplicable);
    assert_eq!(reason(&(header("ADT^A01") + "PID|1||\"\"")), RejectCode::MissingField);
    assert_eq!(reason(&format!("MSH|^~\\&|S||||soon||ADT^A01\r{}", pid("Quill"))), RejectCode::InvalidValue);
    assert_eq!(reason("PID|1||p1"), RejectCode::UnknownType);
}

#[test]
fn a_message_without_a_time_of_its_own_happened_when_its_visit_began() {
    let mut feed = Feed::new();
    let segments = [pid("Quill"), pv1("ICU", "", "202606010730", "")].join("\r");
    feed.take(format!("MSH|^~\\&|EHR||||||ADT^A01\r{segments}").as_bytes()).unwrap();
    assert_eq!(feed.stays(), [stay("ICU", "07:30", "")]);
    assert_eq!(feed.relationships().next().unwrap().recorded.at, None);
}

#[test]
fn an_event_of_a_day_happened_when_it_was_told_that_day() {
    let mut feed = Feed::new();
    let text = adt("A01", 8, &plain("ICU")).replace("EVN|A01|202606010800", "EVN|A01|20260601");
    feed.take(text.as_bytes()).unwrap();
    assert_eq!(feed.stays(), [stay("ICU", "08:00", "")]);
}

#[test]
fn messages_without_a_visit_number_mean_the_open_visit() {
    let mut feed = Feed::new();
    let ward = |place: &str, admitted: &str| [pid("Quill"), pv1(place, "", admitted, "").replace("v1", "")];
    for _ in 0..2 {
        feed.adt("A01", 8, &ward("ICU", ""));
        feed.adt("A02", 10, &ward("WARD", "202606010755"));
        feed.adt("A03", 12, &ward("WARD", ""));
        assert_eq!(feed.stays(), [stay("ICU", "07:55", "10:00"), stay("WARD", "10:00", "12:00")]);
    }
}

#[test]
fn a_merge_the_other_way_round_revives_the_id() {
    let mut feed = Feed::new();
    feed.adt("A40", 9, &[pid("Quill"), "MRG|p0^^^A^MR".to_owned()]);
    feed.adt("A40", 10, &["PID|1||p0^^^A^MR||Quill".to_owned(), "MRG|p1^^^A^MR".to_owned()]);
    assert_eq!(feed.patient("p0").merged_into, None);
    assert_eq!(feed.patient("p1").merged_into.as_deref(), Some("p0"));
}

#[test]
fn a_visit_number_used_again_leaves_the_visit_before_as_it_was() {
    let mut feed = Feed::new();
    whole_visit().iter().for_each(|message| drop(feed.take(message.as_bytes()).unwrap()));
    feed.adt("A01", 14, &plain("ICU"));
    feed.adt("A03", 15, &plain("ICU"));
    let former = [stay("ICU", "08:00", "10:00"), stay("WARD", "10:00", "12:00")];
    assert_eq!(feed.stays(), [former.as_slice(), &[stay("ICU", "14:00", "15:00")]].concat());
}

#[test]
fn a_cancelled_bed_move_undoes_no_transfer() {
    let mut feed = Feed::new();
    feed.adt("A01", 8, &plain("ICU"));
    feed.adt("A02", 10, &plain("WARD^1"));
    feed.adt("A02", 11, &plain("WARD^2"));
    feed.adt("A12", 12, &plain("WARD^1"));
    assert_eq!(feed.stays(), [stay("ICU", "08:00", "10:00"), stay("WARD", "10:00", "")]);
    let mut feed = Feed::new();
    feed.adt("A02", 10, &plain("WARD"));
    feed.adt("A12", 11, &plain("ICU"));
    assert_eq!(feed.stays(), [stay("ICU", "10:00", "")]);
}

#[test]
fn a_visit_open_again_has_the_place_and_the_people_it_names() {
    let mut feed = Feed::new();
    feed.adt("A01", 8, &[pid("Quill"), pv1("ICU", "u1", "", "")]);
    feed.adt("A03", 12, &[pid("Quill"), pv1("ICU", "u1", "", "")]);
    feed.adt("A13", 13, &[pid("Quill"), pv1("WARD", "u2", "", "")]);
    assert_eq!(feed.stays(), [stay("ICU", "08:00", "13:00"), stay("WARD", "13:00", "")]);
    assert_eq!(feed.of_user("u2").unwrap().starts_at.to_string(), "2026-06-01T13:00:00.000000Z");
}

#[test]
fn a_person_may_begin_end_and_be_deleted_apart_from_the_visit() {
    let mut feed = Feed::new();
    let with = |role: &str| [pid("Quill"), pv1("ICU", "", "", ""), role.to_owned()];
    feed.adt("A01", 8, &with("ROL|1|AD|CP|u3|202606010900|202606011100"));
    let fact = feed.of_user("u3").unwrap();
    assert_eq!(fact.starts_at.to_string(), "2026-06-01T09:00:00.000000Z");
    assert_eq!(fact.ends_at.unwrap().to_string(), "2026-06-01T11:00:00.000000Z");
    assert!(feed.adt("A01", 8, &with("ROL|1|AD|CP|u3|202606010900|202606011100")).is_empty());
    feed.adt("A08", 10, &with("ROL|1|DE|CP|u3"));
    assert!(feed.of_user("u3").is_none());
}

#[test]
fn the_patient_s_id_is_the_best_that_a_message_has() {
    let mut feed = Feed::new();
    let typed = [("||s1^^^^SS~m1^^^^MRN", "m1"), ("|e2|h1^^^^HC~x1^^^^X", "x1")];
    for (ids, id) in typed.into_iter().chain([("|e2|h1^^^^HC", "h1"), ("|e2||a4", "a4")]) {
        feed.adt("A31", 8, &[format!("PID|1{ids}|Quill")]);
        assert_eq!(feed.patient(id).patient_id, id);
    }
}

#[test]
fn one_visit_number_of_two_authorities_is_two_visits() {
    let mut feed = Feed::new();
    for (place, number) in [("ICU", "v1^^^A"), ("WARD", "v1^^^B")] {
        feed.adt("A01", 8, &plain(place).map(|segment| segment.replace("v1", number)));
    }
    assert_eq!(feed.stays(), [stay("ICU", "08:00", ""), stay("WARD", "08:00", "")]);
    let fact = feed.relationships().next().unwrap();
    assert_eq!((fact.relationship_id.as_str(), fact.encounter_id.as_deref()), ("hl7/v1@A/at/ICU/1", Some("v1")));
}

#[test]
fn an_address_and_a_phone_of_work_are_no_home() {
    let mut feed = Feed::new();
    feed.adt("A31", 8, &[pid("Quill||||||1 Mill Rd^^Ames^IA^50010^^B||^WPN^PH^^^515^5550100")]);
    assert_eq!((&feed.patient("p1").street, &feed.patient("p1").phone), (&None, &None));
}

#[test]
fn an_order_names_the_clinicians_of_its_visit() {
    let mut feed = Feed::new();
    let segments = [pid("Quill"), pv1("WARD", "u2", "", "")].join("\r");
    let order = format!("MSH|^~\\&|S||||202606010800||OMP^O09\r{segments}\rORC|NW|o1||||||||||u1");
    feed.take(order.as_bytes()).unwrap();
    assert_eq!(feed.of_user("u1").unwrap().kind, RelationshipKind::Order);
    assert_eq!(feed.of_user("u2").unwrap().kind, RelationshipKind::Encounter);
    assert_eq!(feed.stays(), [stay("WARD", "08:00", "")]);
}
