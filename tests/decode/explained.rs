//! `inspect --explain`: where every value of one record came from, in every kind of file.

use super::{Inspected, inspect};
use chartsentry::cli::inspect::InspectArgs;

fn run(content: &str, line: u64, summary: bool) -> Inspected {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, content).unwrap();
    inspect(&InspectArgs {
        crosswalk: None,
        summary,
        explain: Some(line),
        maps: Vec::new(),
        files: vec![path.display().to_string()],
    })
}

/// What is shown of the record at a line.
fn explained(content: &str, line: u64) -> String {
    let shown = run(content, line, false);
    assert!(shown.code, "{}", shown.words);
    shown.out
}

/// Where a field came from, in the first table that has it.
fn origin<'o>(out: &'o str, field: &str) -> &'o str {
    let row = out.lines().find(|row| row.split_whitespace().next() == Some(field));
    row.and_then(|row| row.rsplit("  ").next()).unwrap_or_else(|| panic!("no row for {field} in {out}")).trim()
}

fn assert_origins(out: &str, expected: &[(&str, &str)]) {
    for (field, path) in expected {
        assert_eq!(origin(out, field), *path, "{field} in {out}");
    }
}

/// The paths that are listed as not used.
fn unused(out: &str) -> Vec<&str> {
    out.lines().find_map(|row| row.strip_prefix("Not used: ")).map(|row| row.split(", ").collect()).unwrap_or_default()
}

const BUNDLE: &str = r#"{
"resourceType":"Bundle","entry":[
{"resource":{"resourceType":"AuditEvent","id":"e0","recorded":"2026-06-01T07:00:00Z","agent":[{"name":"u-other"}]}},
{"resource":
{"resourceType":"AuditEvent","id":"e1","action":"R","type":{"code":"rest"},"period":{"start":"2026-06-01T07:00:00Z"},
"recorded":"2026-06-01T07:05:00Z","outcome":"0","agent":[{"requestor":true,"who":{"identifier":{"value":"u1"}},
"name":"Quill"}],"entity":[{"what":{"reference":"Patient/p1"},"role":{"code":"1"}}]}}]}
"#;

#[test]
fn the_entry_of_a_bundle_is_explained_without_its_neighbours() {
    let out = explained(BUNDLE, 5);
    assert!(out.contains("line 5: fhir-auditevent-json"), "{out}");
    assert!(!out.contains("u-other"), "{out}");
    let expected = [
        ("event_id", "id"),
        ("occurred_at", "period.start"),
        ("recorded_at", "recorded"),
        ("user_id", "agent[0].who.identifier.value"),
        ("patient_id", "entity[0].what.reference"),
        ("action", "action"),
        ("outcome", "outcome"),
    ];
    assert_origins(&out, &expected);
    assert_eq!(unused(&out), ["type.code", "agent[0].requestor", "agent[0].name", "entity[0].role.code"]);
    assert!(out.contains("resourceType (not_applicable)"), "{out}");
    assert!(out.contains("without a value: resource, department"), "{out}");
}

#[test]
fn the_full_url_of_an_entry_counts_as_it_does_in_the_file() {
    let bundle = r#"{"resourceType":"Bundle","entry":[
{"fullUrl":"urn:uuid:3f2504e0-4f89-11d3-9a0c-0305e82c3301","resource":
{"resourceType":"Patient","name":[{"family":"Roe"}]}}]}"#;
    let out = explained(bundle, 3);
    assert_origins(&out, &[("patient_id", "fullUrl"), ("family_name", "name[0].family")]);
}

fn atna(user: &str) -> String {
    format!(
        "<85>1 2026-06-01T07:00:09Z h a 1 IHE+RFC-3881 - <AuditMessage><EventIdentification EventActionCode='R' \
         EventDateTime='2026-06-01T07:00:00Z' EventOutcomeIndicator='0'><EventID csd-code='110110'/>\
         </EventIdentification><ActiveParticipant UserID='gateway' UserIsRequestor='false'/>\
         <ActiveParticipant UserID='{user}' UserIsRequestor='true'/><ParticipantObjectIdentification \
         ParticipantObjectID='p1' ParticipantObjectTypeCode='1' ParticipantObjectTypeCodeRole='1'/></AuditMessage>"
    )
}

#[test]
fn an_audit_message_in_syslog_is_explained_by_its_attributes_and_its_header() {
    let out = explained(&format!("{}\n{}\n", atna("u0"), atna("u1")), 2);
    let expected = [
        ("occurred_at", "EventIdentification/@EventDateTime"),
        ("patient_id", "ParticipantObjectIdentification/@ParticipantObjectID"),
        ("event_id", "hash of the record"),
    ];
    assert_origins(&out, &expected);
    assert!(origin(&out, "user_id").split(", ").any(|path| path == "ActiveParticipant[2]/@UserID"), "{out}");
    assert!(unused(&out).contains(&"header time"), "{out}");

    let without = atna("u1").replace("EventDateTime='2026-06-01T07:00:00Z' ", "");
    assert_origins(&explained(&without, 1), &[("occurred_at", "header time")]);
}

#[test]
fn a_resource_in_xml_keeps_the_namespace_of_its_bundle() {
    let bundle = "<Bundle xmlns=\"http://hl7.org/fhir\">\n<entry><resource>\n<Organization><id value=\"o1\"/>\
                  </Organization></resource></entry><entry><resource>\n<Patient><id value=\"p1\"/><name><family \
                  value=\"Roe\"/><given value=\"Ann\"/></name></Patient></resource></entry></Bundle>\n";
    let out = explained(bundle, 4);
    let expected =
        [("patient_id", "id/@value"), ("family_name", "name/family/@value"), ("given_name", "name/given/@value")];
    assert_origins(&out, &expected);
}

#[test]
fn a_row_of_a_mapped_export_is_explained_by_its_columns() {
    let out = explained(
        "id,date,event,category,user,groupname,patient_id,success\n\
         6,2026-06-01 06:00:00,login,,u0,Default,0,1\n\
         7,2026-06-01 07:00:00,\"patient-record-select\",record,u1,Default,p1,1\n",
        3,
    );
    let expected = [
        ("event_id", "id"),
        ("occurred_at", "date"),
        ("user_id", "user"),
        ("patient_id", "patient_id"),
        ("action", "event"),
        ("resource", "category"),
        ("outcome", "success"),
    ];
    assert_origins(&out, &expected);
    assert_eq!(unused(&out), ["groupname"]);
}

#[test]
fn a_security_event_of_epic_is_explained_by_its_keys_and_headers() {
    let out = explained(
        "<85>1 2026-06-01T07:00:00Z h Epic 1 - - CEF:0|Epic|Security-SIEM|9|AC_BREAK_THE_GLASS_ACCESS|x|5|\
         suser=u7^QUILL PATIENT=p9 DEP=12^Ward 4 BTGREASON=Direct care\n",
        1,
    );
    let expected = [
        ("event_id", "hash of the record"),
        ("occurred_at", "header time"),
        ("user_id", "suser"),
        ("patient_id", "PATIENT"),
        ("action", "header event"),
        ("department", "DEP"),
        ("break_glass_reason", "BTGREASON"),
        ("outcome", "set by chartsentry"),
    ];
    assert_origins(&out, &expected);
    assert!(out.contains("suser (no_actor)"), "{out}");
    assert!(unused(&out).contains(&"header name"), "{out}");
}

const ADT: &str = "MSH|^~\\&|A|H|||20260601080000-0700||ADT^A01^ADT_A01|1|P|2.5\n\
    EVN|A01|20260601080000\n\
    PID|1||p1^^^H^MR~9^^^S^SS||Roe^Ann\n\
    PV1|1|I|4N^1^A||||u1^Quill^Ada||||||||||||v1\n";

#[test]
fn an_admission_is_explained_by_its_fields() {
    let out = explained(&format!("{}{ADT}", ADT.replace("p1^", "p-other^")), 5);
    assert!(out.contains("line 5: hl7-v2, read without the messages before it"), "{out}");
    let expected = [
        ("patient_id", "PID-3.1"),
        ("family_name", "PID-5.1"),
        ("given_name", "PID-5.2"),
        ("department", "PV1-3.1"),
        ("user_id", "PV1-7.1"),
        ("encounter_id", "PV1-19"),
    ];
    assert_origins(&out, &expected);
    assert!(unused(&out).contains(&"PV1-7.2"), "{out}");
    assert!(!out.contains("p-other"), "{out}");
}

#[test]
fn a_canonical_row_names_what_is_wrong_with_it_and_what_would_mend_it() {
    let log = "event_id,occurred_at,recorded_at,user_id,action\n\
               e1,2026-06-01T07:00:00Z,,u1,view\n\
               e2,2026-06-01T07:00:00Z,soon,u1,view\n";
    let out = explained(log, 3);
    assert!(out.contains("refused, invalid_value: recorded_at cannot be read"), "{out}");
    assert!(out.contains("It is read once this is left out: recorded_at"), "{out}");
    let expected = [("event_id", "event_id"), ("user_id", "user_id"), ("action", "action")];
    assert_origins(&explained(log, 2), &expected);
}

#[test]
fn a_summary_wins_over_an_explanation() {
    let shown = run(BUNDLE, 5, true);
    let summary: serde_json::Value = serde_json::from_str(&shown.out).unwrap();
    assert_eq!(summary["accesses"], 2);
}

#[test]
fn a_record_that_is_too_large_is_told_to_be_so_and_still_read() {
    let more: String = (0..2_100).map(|number| format!(",\"x{number}\":1")).collect();
    let record = format!(r#"{{"occurred_at":"2026-06-01T07:00:00Z","user_id":"u1","action":"view"{more}}}"#);
    let out = explained(&record, 1);
    assert!(out.contains("too large to be explained") && out.contains("more than 2000 fields"), "{out}");
    assert!(out.lines().any(|row| row.split_whitespace().eq(["user_id", "u1"])), "{out}");
}
