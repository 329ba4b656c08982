//! People and care relationships as their own systems tell them, and logs as other systems write them.

use std::path::Path;

use super::{Run, program, run, stderr};

const AS_OF: &str = "2026-06-20T00:00:00Z";

/// A directory with these files in it.
fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

fn decided(context: &[(&str, &str)], name: &str, log: &str) -> Run {
    let (context, logs) = (directory(context), directory(&[(name, log)]));
    run(context.path(), &[Path::new(&logs.path().join(name))], AS_OF)
}

fn explained(run: &Run) -> (u64, u64) {
    (run.summary.accesses, run.summary.explained)
}

const STAFF: &str = "user_id,family_name,department\nu1,Quill,4N\nu2,Berg,Lab\n";

fn canonical(rows: &[(&str, &str, &str)]) -> String {
    let rows = rows.iter().map(|(at, user, patient)| format!("2026-06-01T{at}:00-07:00,{user},{patient},view\n"));
    format!("occurred_at,user_id,patient_id,action\n{}", rows.collect::<String>())
}

#[test]
fn a_stay_told_by_adt_messages_explains_the_ward_and_a_merge_both_numbers() {
    let message = |kind: &str, at: &str, id: &str, rest: &str| {
        format!(
            "MSH|^~\\&|ADT|H|||20260601{at}-0700||ADT^{kind}|{at}|P|2.5\rEVN|{kind}|20260601{at}-0700\rPID|||{id}^^^H^MR||Roe^Ann\r{rest}\r"
        )
    };
    let visit = "PV1||I|4N^1^A|||||||||||||||||v1|||||||||||||||||||||||||20260601080000-0700";
    let admitted = message("A01", "080000", "p1", visit);
    let merged = message("A40", "090000", "p1", "MRG|p9^^^H^MR");
    let log = canonical(&[("10:00", "u1", "p1"), ("10:05", "u1", "p9"), ("10:10", "u2", "p1")]);
    let both = format!("{admitted}{merged}");
    let found = decided(&[("workforce.csv", STAFF), ("adt.hl7", &both)], "access.csv", &log);
    assert_eq!(explained(&found), (3, 2), "the laboratory has no reason on record");
    assert_eq!(found.summary.degraded, 0);
    let without = decided(&[("workforce.csv", STAFF), ("adt.hl7", &admitted)], "access.csv", &log);
    assert_eq!(explained(&without), (3, 1));
}

#[test]
fn a_fhir_server_tells_who_treats_whom_and_who_looked() {
    let context = r#"{"resourceType":"Patient","id":"p1","identifier":[{"type":{"coding":[{"code":"MR"}]},"value":"m1"}]}
{"resourceType":"Encounter","id":"v1","status":"in-progress","subject":{"reference":"Patient/p1"},"period":{"start":"2026-06-01T08:00:00-07:00"},"participant":[{"individual":{"reference":"Practitioner/u1"}}]}
"#;
    let event = |id: &str, user: &str, patient: &str| {
        format!(
            r#"<AuditEvent xmlns="http://hl7.org/fhir"><id value="{id}"/><action value="R"/><recorded value="2026-06-01T10:00:00-07:00"/>
            <agent><who><reference value="{user}"/></who><requestor value="true"/></agent>
            <entity><what><reference value="{patient}"/></what><role><code value="1"/></role></entity></AuditEvent>
            "#
        )
    };
    let log = [
        ("a", "Practitioner/u1", "Patient/p1"),
        ("b", "Practitioner/u1", "m1"),
        ("c", "Practitioner/u2", "Patient/p1"),
    ];
    let log: String = log.iter().map(|(id, user, patient)| event(id, user, patient)).collect();
    let found = decided(&[("export.ndjson", context)], "audit.xml", &log);
    assert_eq!(explained(&found), (3, 2), "a chart has one patient under both numbers");
}

const PATIENT: &str = r#"{"resourceType":"Patient","identifier":[{"type":{"coding":[{"code":"MR"}]},"value":"m1"}],"name":[{"family":"Roe"}]}"#;
const PRACTITIONER: &str = r#"{"resourceType":"Practitioner","id":"x1","identifier":[{"type":{"coding":[{"code":"EI"}]},"value":"u1"}],"name":[{"family":"Quill"}]}"#;

fn role(person: &str) -> String {
    format!(
        r#"{{"resourceType":"PractitionerRole","id":"r1","practitioner":{{"reference":"{person}"}},"location":[{{"display":"4N"}}]}}"#
    )
}

fn stay(patient: &str) -> String {
    format!(
        r#"{{"resourceType":"Encounter","id":"v1","status":"in-progress","subject":{{"reference":"{patient}"}},"period":{{"start":"2026-06-01T08:00:00-07:00"}},"location":[{{"location":{{"display":"4N"}}}}]}}"#
    )
}

#[test]
fn a_practitioner_and_a_role_make_one_member_whichever_comes_first() {
    let (role, stay) = (role("https://h/fhir/Practitioner/x1"), stay("m1"));
    let log = canonical(&[("10:00", "u1", "m1"), ("10:10", "u2", "m1")]);
    let (role, stay) = (role.as_str(), stay.as_str());
    for order in [[PRACTITIONER, role, stay], [role, PRACTITIONER, stay]] {
        let found = decided(&[("export.ndjson", &order.join("\n"))], "access.csv", &log);
        assert_eq!(explained(&found), (2, 1), "the department is that of the role, and u2 has none");
    }
    let without = decided(&[("export.ndjson", &[PRACTITIONER, stay].join("\n"))], "access.csv", &log);
    assert_eq!(explained(&without), (2, 0));
}

#[test]
fn the_entries_of_a_bundle_name_each_other_by_their_urls() {
    let (role, stay) = (role("urn:uuid:w1"), stay("urn:uuid:p1"));
    let entries = [("p1", PATIENT), ("w1", PRACTITIONER), ("r1", role.as_str()), ("e1", stay.as_str())];
    let json =
        entries.map(|(url, resource)| format!(r#"{{"fullUrl":"urn:uuid:{url}","resource":{resource}}}"#)).join(",");
    let bundle = format!(r#"{{"resourceType":"Bundle","type":"transaction","entry":[{json}]}}"#);
    let log = canonical(&[("10:00", "u1", "m1")]);
    let found = decided(&[("export.json", &bundle)], "access.csv", &log);
    assert_eq!(explained(&found), (1, 1));
}

#[test]
fn a_population_of_synthea_is_context_as_it_is() {
    let files = [
        (
            "patients.csv",
            "Id,BIRTHDATE,DEATHDATE,FIRST,LAST,MAIDEN,ADDRESS,CITY,ZIP\np1,1980-01-02,,Ann1,Roe2,,1 Oak St,Salem,01970\n",
        ),
        (
            "providers.csv",
            "Id,ORGANIZATION,NAME,GENDER,SPECIALITY,ADDRESS,CITY,STATE,ZIP,LAT,LON\nu1,o1,Ada3 Quill4,F,NURSE,x,y,z,1,2,3\nu2,o2,Bo5 Berg6,M,NURSE,x,y,z,1,2,3\n",
        ),
        (
            "organizations.csv",
            "Id,NAME,ADDRESS,CITY,STATE,ZIP,LAT,LON,PHONE,REVENUE,UTILIZATION\no1,Ward,x,y,z,1,2,3,4,5,6\n",
        ),
        (
            "encounters.csv",
            "Id,START,STOP,PATIENT,ORGANIZATION,PROVIDER,PAYER,ENCOUNTERCLASS\nv1,2026-06-01T15:00:00Z,2026-06-01T18:00:00Z,p1,o1,u1,x,inpatient\n",
        ),
    ];
    let log = canonical(&[("10:00", "u1", "p1"), ("10:10", "u2", "p1")]);
    let found = decided(&files, "access.csv", &log);
    assert_eq!(explained(&found), (2, 1));
    assert_eq!((found.summary.unknown_actor.count, found.summary.unknown_patient.count), (0, 0));
}

#[test]
fn exports_and_security_events_of_other_products_are_logs() {
    let context = [
        ("workforce.csv", STAFF),
        (
            "relationships.csv",
            "relationship_id,kind,patient_id,user_id,starts_at\nr1,encounter,p1,u1,2026-06-01T00:00:00Z\n",
        ),
    ];
    let purview = "Creation Time,Event Name,SamAccountName,Patient Reg Id,Patient Last Name,Patient Address\n\
                   2026-06-01T17:00:00Z,Chart View,u1,p1,Roe,x\n";
    let found = decided(&context, "ehr.csv", purview);
    assert_eq!(explained(&found), (1, 1));
    let epic = "<85>1 2026-06-01T17:00:00Z h Epic 1 - - CEF:0|Epic|Security-SIEM|9|MASKED_DATA_DISPLAY|x|5|suser=u1^QUILL PATIENT=p1\n\
                <85>1 2026-06-01T17:01:00Z h Epic 1 - - CEF:0|Epic|Security-SIEM|9|MASKED_DATA_DISPLAY|x|5|suser=u2^BERG PATIENT=p1\n";
    let found = decided(&context, "siem.log", epic);
    assert_eq!(explained(&found), (2, 1));
}

#[test]
fn a_map_is_proposed_for_an_unknown_export_and_reads_it() {
    let rows = "Access Date;Access Time;Employee ID;MRN;Activity\n06/01/2026;07:00:03 AM;u1;p1;Open chart\n\
                06/01/2026;07:05:03 AM;u2;p2;Frobnicate\n";
    let dir = directory(&[("export.csv", rows)]);
    let (export, map) = (dir.path().join("export.csv"), dir.path().join("site.toml"));
    let (export, map) = (export.to_str().unwrap(), map.to_str().unwrap());
    let proposed = program(&["map", export]);
    assert!(proposed.status.success(), "{}", stderr(&proposed));
    let words = stderr(&proposed);
    assert!(words.contains("2 of 2 rows can be read") && words.contains("1  Frobnicate"), "{words}");
    assert_eq!(program(&["inspect", export]).status.code(), Some(1), "no map knows it");
    std::fs::write(map, &proposed.stdout).unwrap();
    let read = program(&["inspect", "--map", map, export]);
    assert!(stderr(&read).contains("1  Frobnicate"), "{}", stderr(&read));
    let events = String::from_utf8(read.stdout).unwrap();
    assert!(events.contains("\"occurred_at\":\"2026-06-01T14:00:03.000000Z\",\"user_id\":\"u1\""), "{events}");
    let wrong = program(&["inspect", "--map", export, export]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(stderr(&wrong).contains("the map "), "{}", stderr(&wrong));
}
