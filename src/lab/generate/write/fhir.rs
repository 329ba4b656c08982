//! The access log as FHIR R4 `AuditEvent` resources, one a line.
//!
//! Every canonical field survives: the user is the requesting agent, the workstation a second
//! agent (DICOM source role), the patient the entity with role 1, the part of the chart an entity's
//! name, the encounter an entity's reference. `print` has no code in the value sets that
//! `subtype` suggests and stands there under this project's own code system.

use std::io::Write;

use anyhow::Result;

use super::Row;

const DCM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const REST: &str = "http://hl7.org/fhir/restful-interaction";
const OWN: &str = "urn:chartsentry:action";
const ENTITY_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const ENTITY_ROLE: &str = "http://terminology.hl7.org/CodeSystem/object-role";

/// `type` code and display, `subtype` system, code and display, `action` letter.
type Codes = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

fn codes(action: &str) -> Codes {
    match action {
        "view" => ("110110", "Patient Record", REST, "read", "read", "R"),
        "search" => ("110112", "Query", REST, "search-type", "search-type", "E"),
        "create" => ("110110", "Patient Record", REST, "create", "create", "C"),
        "update" => ("110110", "Patient Record", REST, "update", "update", "U"),
        "delete" => ("110110", "Patient Record", REST, "delete", "delete", "D"),
        "export" => ("110106", "Export", DCM, "110106", "Export", "R"),
        "print" => ("110110", "Patient Record", OWN, "print", "Print", "R"),
        "break-glass" => ("110113", "Security Alert", DCM, "110127", "Emergency Override Started", "E"),
        "login" => ("110114", "User Authentication", DCM, "110122", "Login", "E"),
        "logout" => ("110114", "User Authentication", DCM, "110123", "Logout", "E"),
        _ => ("110100", "Application Activity", OWN, "other", "Other", "E"),
    }
}

/// FHIR R4 outcome code, and the word that goes with it.
fn outcome(name: &str) -> (&'static str, &'static str) {
    match name {
        "denied" => ("4", "denied"),
        "error" => ("8", "error"),
        _ => ("0", ""),
    }
}

/// Appends `row` as one AuditEvent, without the line's end.
pub(super) fn push(out: &mut Vec<u8>, row: &Row<'_>) -> Result<()> {
    let (kind, kind_name, system, code, name, letter) = codes(row.action);
    let (outcome, word) = outcome(row.outcome);
    write!(
        out,
        r#"{{"resourceType":"AuditEvent","id":"{}","type":{{"system":"{DCM}","code":"{kind}","display":"{kind_name}"}},"#,
        row.event_id
    )?;
    write!(
        out,
        r#""subtype":[{{"system":"{system}","code":"{code}","display":"{name}"}}],"action":"{letter}","period":{{"start":"{}"}},"recorded":"{}","outcome":"{outcome}""#,
        row.occurred_at, row.recorded_at
    )?;
    let description = if row.break_glass_reason.is_empty() { word } else { row.break_glass_reason };
    if !description.is_empty() {
        out.extend_from_slice(br#","outcomeDesc":"#);
        serde_json::to_writer(&mut *out, description)?;
    }
    if !row.purpose.is_empty() {
        write!(
            out,
            r#","purposeOfEvent":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"{}"}}]}}]"#,
            row.purpose
        )?;
    }
    push_agents(out, row)?;
    out.extend_from_slice(br#","source":{"site":"main","observer":{"display":"EHR"}}"#);
    push_entities(out, row)?;
    out.push(b'}');
    Ok(())
}

fn push_agents(out: &mut Vec<u8>, row: &Row<'_>) -> Result<()> {
    write!(
        out,
        r#","agent":[{{"who":{{"identifier":{{"system":"urn:chartsentry:user","value":"{}"}}}},"requestor":true,"location":{{"display":"#,
        row.user_id
    )?;
    serde_json::to_writer(&mut *out, row.department)?;
    write!(
        out,
        r#"}},"network":{{"address":"{}","type":"2"}}}},{{"type":{{"coding":[{{"system":"{DCM}","code":"110153","display":"Source Role ID"}}]}},"requestor":false,"network":{{"address":"{}","type":"1"}}}}]"#,
        row.source_ip, row.workstation
    )?;
    Ok(())
}

fn push_entities(out: &mut Vec<u8>, row: &Row<'_>) -> Result<()> {
    let mut opening = ",\"entity\":[";
    if !row.patient_id.is_empty() {
        write!(
            out,
            r#"{opening}{{"what":{{"identifier":{{"type":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR"}}]}},"value":"{}"}}}},"type":{{"system":"{ENTITY_TYPE}","code":"1","display":"Person"}},"role":{{"system":"{ENTITY_ROLE}","code":"1","display":"Patient"}}}}"#,
            row.patient_id
        )?;
        opening = ",";
    }
    if !row.resource.is_empty() {
        write!(
            out,
            r#"{opening}{{"type":{{"system":"{ENTITY_TYPE}","code":"2","display":"System Object"}},"role":{{"system":"{ENTITY_ROLE}","code":"3","display":"Report"}},"name":"{}"}}"#,
            row.resource
        )?;
        opening = ",";
    }
    if !row.encounter_id.is_empty() {
        write!(
            out,
            r#"{opening}{{"what":{{"reference":"Encounter/{}"}},"type":{{"system":"http://hl7.org/fhir/resource-types","code":"Encounter"}}}}"#,
            row.encounter_id
        )?;
        opening = ",";
    }
    if !row.search_text_kind.is_empty() {
        write!(
            out,
            r#"{opening}{{"type":{{"system":"{ENTITY_TYPE}","code":"2","display":"System Object"}},"role":{{"system":"{ENTITY_ROLE}","code":"24","display":"Query"}},"detail":[{{"type":"search_text_kind","valueString":"{}"}}]}}"#,
            row.search_text_kind
        )?;
        opening = ",";
    }
    if opening == "," {
        out.push(b']');
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row<'static> {
        Row {
            event_id: "e1",
            occurred_at: "2026-06-01T07:00:03.134000Z",
            recorded_at: "2026-06-01T07:00:05.000000Z",
            user_id: "u1",
            patient_id: "M1",
            action: "break-glass",
            resource: "notes",
            department: "Labor & \"Delivery\"",
            workstation: "WS1",
            source_ip: "10.0.0.1",
            encounter_id: "E1",
            purpose: "BTG",
            break_glass_reason: "patient \"in\" the room",
            outcome: "success",
            search_text_kind: "",
            occurred_micros: 0,
            recorded_micros: 0,
        }
    }

    fn written(row: &Row<'_>) -> serde_json::Value {
        let mut line = Vec::new();
        push(&mut line, row).unwrap();
        serde_json::from_slice(&line).unwrap()
    }

    #[test]
    fn every_field_has_its_place() {
        let event = written(&row());
        assert_eq!(event["period"]["start"], "2026-06-01T07:00:03.134000Z");
        assert_eq!(event["agent"][0]["who"]["identifier"]["value"], "u1");
        assert_eq!(event["agent"][0]["location"]["display"], "Labor & \"Delivery\"");
        assert_eq!(event["agent"][1]["network"]["address"], "WS1");
        assert_eq!(event["entity"][0]["what"]["identifier"]["value"], "M1");
        assert_eq!(event["entity"][1]["name"], "notes");
        assert_eq!(event["entity"][2]["what"]["reference"], "Encounter/E1");
        assert_eq!(event["outcomeDesc"], "patient \"in\" the room");
        assert_eq!(event["subtype"][0]["code"], "110127");
    }

    #[test]
    fn an_event_without_patient_has_no_empty_list() {
        let bare = Row {
            patient_id: "",
            resource: "",
            encounter_id: "",
            purpose: "",
            break_glass_reason: "",
            action: "login",
            outcome: "denied",
            ..row()
        };
        let event = written(&bare);
        assert!(event.get("entity").is_none() && event.get("purposeOfEvent").is_none());
        assert_eq!((event["outcome"].as_str(), event["outcomeDesc"].as_str()), (Some("4"), Some("denied")));
    }
}
