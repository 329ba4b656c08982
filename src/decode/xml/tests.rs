use super::*;
use crate::decode::fhir;
use crate::decode::time::LocalClock;
use crate::model::access::{AccessEvent, Action, Outcome};
use crate::model::time::Zone;

fn records(text: &str, sent_at: Option<&str>) -> Result<Vec<Value>, Fault> {
    let mut found = Vec::new();
    visit_records(text, sent_at, &mut |record| match record.content {
        Content::Resource(resource) => found.push(resource),
        Content::Epic(_) => found.push(Value::Null),
    })?;
    Ok(found)
}

fn accesses(text: &str, sent_at: Option<&str>) -> Vec<AccessEvent<'static>> {
    let mut clock = LocalClock::new(Zone::named("America/Los_Angeles").unwrap());
    let mut found = Vec::new();
    for record in records(text, sent_at).unwrap() {
        fhir::accesses(&record, &mut clock, &mut |event| found.push(crate::decode::owned(event))).unwrap();
    }
    found
}

/// A message about `p1` and `p2`, requested by a system and a person.
fn message(event: &str) -> String {
    format!(
        r#"<?xml version="1.0"?><AuditMessage>
        <EventIdentification EventActionCode="R" {event} EventOutcomeIndicator="0">
          <EventID csd-code="110110" codeSystemName="DCM" originalText="Patient Record"/>
          <PurposeOfUse csd-code="TREAT" codeSystemName="x" originalText="Treatment"/>
        </EventIdentification>
        <ActiveParticipant UserID="gateway" UserIsRequestor="true" NetworkAccessPointID="10.1.2.3"
            NetworkAccessPointTypeCode="2"><RoleIDCode code="110153" displayName="Source"/></ActiveParticipant>
        <ActiveParticipant UserID="u1" UserName="Ada Quill" UserIsRequestor="true"/>
        <ParticipantObjectIdentification ParticipantObjectID="p1^^^&amp;1.2.3&amp;ISO~x9^^^&amp;4&amp;ISO"
            ParticipantObjectTypeCode="1" ParticipantObjectTypeCodeRole="1"/>
        <ParticipantObjectIdentification ParticipantObjectID="p2" ParticipantObjectTypeCode="1"
            ParticipantObjectTypeCodeRole="1"/>
        <ParticipantObjectIdentification ParticipantObjectID="v7" ParticipantObjectTypeCode="2"
            ParticipantObjectTypeCodeRole="3"><ParticipantObjectIDTypeCode code="3" displayName="Encounter"/>
        </ParticipantObjectIdentification></AuditMessage>"#
    )
}

const TIME: &str = r#"EventDateTime="2026-06-01T07:00:00.1234567+02:00""#;

#[test]
fn a_message_is_an_access_of_the_person_to_each_patient() {
    let found = accesses(&message(TIME), None);
    let patients: Vec<_> = found.iter().map(|event| event.patient_id.as_deref().unwrap()).collect();
    assert_eq!(patients, ["p1", "p2"]);
    let event = &found[0];
    assert_eq!((event.user_id.as_ref(), event.action, event.outcome), ("u1", Action::View, Outcome::Success));
    assert_eq!(event.occurred_at.to_string(), "2026-06-01T05:00:00.123456Z");
    assert_eq!((event.encounter_id.as_deref(), event.purpose.as_deref()), (Some("v7"), Some("TREAT")));
    assert_eq!(event.source_ip.as_deref(), Some("10.1.2.3"));
}

#[test]
fn a_missing_time_is_that_of_the_header_and_said_so() {
    let sent = Some("2026-06-01T07:00:00Z");
    assert_eq!(accesses(&message(""), sent)[0].occurred_at.to_string(), "2026-06-01T07:00:00.000000Z");
    assert!(records(&message(""), sent).unwrap()[0].get(atna::HEADER_TIME).is_some());
    assert!(records(&message(TIME), sent).unwrap()[0].get(atna::HEADER_TIME).is_none());
}

#[test]
fn a_service_is_nobody_and_an_assertion_names_its_user() {
    let text = message(TIME)
        .replace(r#"UserID="u1" UserName="Ada Quill""#, r#"UserID="https://h/ws" UserName="q&lt;u5@https://idp&gt;""#);
    assert_eq!(accesses(&text, None)[0].user_id, "u5");
}

#[test]
fn a_resource_in_xml_says_what_it_says_in_json() {
    let text = r##"<Bundle xmlns="http://hl7.org/fhir"><entry><resource><AuditEvent>
        <id value="e1"/><contained><Practitioner><id value="x"/><identifier><value value="u1"/></identifier></Practitioner>
        </contained><type><code value="rest"/></type><subtype><code value="read"/></subtype><action value="R"/>
        <recorded value="2026-06-01T07:00:00Z"/><agent><who><reference value="#x"/></who><requestor value="true"/></agent>
        <entity><what><reference value="Patient/p1"/></what><role><code value="1"/></role></entity>
        </AuditEvent></resource></entry><entry><resource><Patient><id value="p1"/></Patient></resource></entry></Bundle>"##;
    let found = records(text, None).unwrap();
    let kinds: Vec<_> = found.iter().map(|record| record["resourceType"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["AuditEvent", "Patient"]);
    let mut clock = LocalClock::new(Zone::named("UTC").unwrap());
    let mut events = Vec::new();
    fhir::accesses(&found[0], &mut clock, &mut |event| events.push(crate::decode::owned(event))).unwrap();
    assert_eq!((events[0].event_id.as_ref(), events[0].user_id.as_ref()), ("e1", "u1"));
    assert_eq!((events[0].patient_id.as_deref(), events[0].action), (Some("Patient/p1"), Action::View));
}

#[test]
fn the_entry_of_a_bundle_tells_the_url_of_its_own_resource_only() {
    let text = r#"<Bundle xmlns="http://hl7.org/fhir"><entry><fullUrl value="urn:uuid:a"/><resource><Patient/></resource></entry>
        <entry><resource><Patient/></resource></entry></Bundle>"#;
    let found = records(text, None).unwrap();
    assert_eq!(found[0].get("fullUrl").and_then(Value::as_str), Some("urn:uuid:a"));
    assert_eq!(found[1].get("fullUrl"), None);
}

#[test]
fn each_record_comes_with_its_own_line_and_text() {
    let mut found = Vec::new();
    visit_records("<x>\n<AuditMessage a='1'/>\n\n<AuditMessage a='2'/></x>", None, &mut |record| {
        found.push((record.line, record.text.to_owned()));
    })
    .unwrap();
    assert_eq!(found, [(2, "<AuditMessage a='1'/>".to_owned()), (4, "<AuditMessage a='2'/>".to_owned())]);
}

#[test]
fn entities_and_other_documents_are_refused_with_a_reason() {
    let bomb = r#"<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><AuditMessage>&b;</AuditMessage>"#;
    assert_eq!(records(bomb, None).unwrap_err().reason, RejectCode::InvalidXml);
    assert_eq!(records("<AuditMessage><a></AuditMessage>", None).unwrap_err().reason, RejectCode::InvalidXml);
    assert_eq!(records("<note>Quill</note>", None).unwrap_err().reason, RejectCode::UnknownType);
    let deep = format!("{}{}", "<a>".repeat(50_000), "</a>".repeat(50_000));
    assert!(records(&deep, None).is_err());
}

#[test]
fn who_says_nothing_requested_it_and_a_user_or_encounter_is_no_patient() {
    let text = message(TIME)
        .replace(r#"UserName="Ada Quill" UserIsRequestor="true""#, r#"UserName="Ada Quill""#)
        .replace(r#"UserID="gateway""#, r#"UserID="unknown""#);
    assert_eq!(accesses(&text, None)[0].user_id, "u1");
    let other = r#"<ParticipantObjectIDTypeCode code="11"/></ParticipantObjectIdentification></AuditMessage>"#;
    let more = r#"<ParticipantObjectIdentification ParticipantObjectID="u1" ParticipantObjectTypeCode="1">"#;
    let unknown = r#"<ParticipantObjectIdentification ParticipantObjectID="&lt;none>" ParticipantObjectTypeCode="1" ParticipantObjectTypeCodeRole="1"/>"#;
    let text = message(TIME).replace("</AuditMessage>", &format!("{unknown}{more}{other}"));
    assert_eq!(accesses(&text, None).len(), 2);
}

#[test]
fn the_address_is_that_of_the_side_where_the_person_sits() {
    let text = message(TIME).replace(
        r#"<ActiveParticipant UserID="u1""#,
        r#"<ActiveParticipant UserID="client" UserIsRequestor="false" NetworkAccessPointID="10.9.9.9"
            NetworkAccessPointTypeCode="2"><RoleIDCode code="110152" displayName="Destination"/></ActiveParticipant>
           <ActiveParticipant UserID="u1""#,
    );
    let reads =
        text.replace(r#"UserID="gateway" UserIsRequestor="true""#, r#"UserID="gateway" UserIsRequestor="false""#);
    assert_eq!(accesses(&reads, None)[0].source_ip.as_deref(), Some("10.9.9.9"));
    let writes = reads.replace(r#"EventActionCode="R""#, r#"EventActionCode="C""#);
    assert_eq!(accesses(&writes, None)[0].source_ip.as_deref(), Some("10.1.2.3"));
}
