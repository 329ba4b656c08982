//! Whole files through maps: bytes, header, rows, accesses. All data is invented.

use std::fmt::Write;

use super::text::decoded;
use super::{Encoding, FileForm, Map, Rows, propose, recognise};
use crate::decode::time::LocalClock;
use crate::model::access::AccessEvent;
use crate::model::reject::RejectCode;
use crate::model::time::Zone;

fn clock() -> LocalClock {
    LocalClock::new(Zone::named("America/Los_Angeles").unwrap())
}

fn shipped(name: &str) -> &'static Map {
    Map::shipped().iter().find(|map| map.name == name).unwrap()
}

fn header(text: &str, form: &FileForm) -> Vec<String> {
    Rows::new(text, form).next().unwrap().1.into_iter().map(String::from).collect()
}

/// One line for each access (time, user, patient, action, resource) or reject.
fn read(map: &Map, text: &str) -> Vec<String> {
    let header = if map.file.has_header { header(text, &map.file) } else { Vec::new() };
    let mut bound = map.bind(&header).unwrap();
    let mut clock = clock();
    let mut lines = Vec::new();
    for (_, cells) in Rows::new(text, &map.file).skip(usize::from(map.file.has_header)) {
        let cells: Vec<&str> = cells.iter().map(|cell| cell.as_ref()).collect();
        let mut found = Vec::new();
        let result = bound.read(&cells, &mut clock, &mut |event| {
            let patient = event.patient_id.as_deref().unwrap_or("-");
            let resource = event.resource.as_deref().unwrap_or("-");
            let at = event.occurred_at.to_string();
            let at = at.trim_end_matches(".000000Z");
            found.push(format!("{at} {} {patient} {} {resource}", event.user_id, event.action));
        });
        match result {
            Ok(count) => assert_eq!(count, found.len() as u64),
            Err(fault) => found.push(format!("{:?}: {}", fault.reason, fault.sentence)),
        }
        lines.append(&mut found);
    }
    lines
}

/// As [`read`], with the map that recognises the file.
fn recognised(name: &str, text: &str) -> Vec<String> {
    let map = recognise(&header(text, &FileForm::default())).unwrap();
    assert_eq!(map.name, name);
    read(map, text)
}

/// A map of when, who, whom and what, with more lines.
fn small(more: &str) -> Map {
    let text = format!(
        "name = 's'\ntitle = 'S'\nsource = 'invented'\n[fields.occurred_at]\ncolumns = ['When']\n\
         [fields.user_id]\ncolumns = ['Who']\n[fields.patient_id]\ncolumns = ['Whom']\nsplit = ';'\n\
         [fields.action]\ncolumns = ['What']\nvalues = [{{ match = 'open*', value = 'view' }}]\n{more}"
    );
    Map::parse("s.toml", &text).unwrap()
}

#[test]
fn every_shipped_map_is_valid_and_says_how_far_it_is_proven() {
    assert_eq!(Map::shipped().len(), super::SHIPPED.len());
    for ((file, text), map) in super::SHIPPED.iter().zip(Map::shipped()) {
        assert!(Map::parse(file, text).is_ok());
        assert_eq!(format!("{}.toml", map.name), *file);
        assert!(map.source.contains("unproven at a live site"), "{file}");
    }
}

#[test]
fn a_purview_file_is_recognised_whatever_its_delimiter() {
    let text = "Creation Time|Event Name|SamAccountName|Email|patient_reg_id|Restricted Access Reason|Event Section\n\
                2026-06-01T07:00:03Z|Chart Printed|u1||p1||labs\n\
                6/1/2026 7:00:03 AM|Open chart||u2@h.example|p2|emergency|\n";
    let expected = ["2026-06-01T07:00:03 u1 p1 print labs", "2026-06-01T07:00:03 u2@h.example p2 break-glass -"];
    assert_eq!(recognised("purview-ehr", text), expected);
    assert_eq!(recognised("purview-ehr", &text.replace('|', "\t")), expected);
}

#[test]
fn an_epic_extract_has_local_times_and_instants_since_1840() {
    let text = "ACCESS_INSTANT,PROCESS_ID,ACCESS_TIME,METRIC_ID,METRIC_NAME,USER_ID,WORKSTATION_ID,PAT_ID,CSN\n\
                5851206003,77,2026-06-01 00:00:03,14,Notes viewed,u1,w1,p1,c1\n\
                5851206003,78,,15,Inpatient system list accessed,u1,NULL,NULL,\n";
    let expected =
        ["2026-06-01T07:00:03 u1 p1 view notes", "2026-06-01T07:00:03 u1 - view Inpatient system list accessed"];
    assert_eq!(recognised("epic-access-log", text), expected);
}

#[test]
fn an_id_of_several_columns_needs_all_of_them() {
    let map = shipped("epic-access-log");
    let id = |header: &str, row: &str| {
        let names: Vec<String> = header.split(',').map(str::to_owned).collect();
        let mut id = String::new();
        let cells: Vec<&str> = row.split(',').collect();
        let mut bound = map.bind(&names).unwrap();
        bound.read(&cells, &mut clock(), &mut |event| id = event.event_id.to_string()).unwrap();
        id
    };
    assert_eq!(id("ACCESS_INSTANT,PROCESS_ID,METRIC_ID,USER_ID", "5851206003,7,14,u1"), "5851206003-7-14");
    assert_eq!(id("ACCESS_INSTANT,PROCESS_ID,METRIC_ID,USER_ID", "5851206003,,14,u1").len(), 26);
    assert_eq!(id("ACCESS_INSTANT,METRIC_ID,USER_ID", "5851206003,14,u1").len(), 26);
}

#[test]
fn a_research_extract_names_its_report() {
    let text = "rit_uid,user_deid,metric_id,metric_name,access_time_jittered,REPORT_NAME,PROV_DEPT\n\
                p1,u1,9,Results edited,2026-06-01 00:00:03,Lab summary,Ward 1\n";
    assert_eq!(recognised("epic-research", text), ["2026-06-01T07:00:03 u1 p1 update Lab summary"]);
}

#[test]
fn openemr_events_are_a_category_and_a_verb() {
    let text = "id,date,event,category,user,groupname,comments,patient_id,success\n\
                1,2026-06-01 00:00:03,patient-record-select,patient-record,u1,Default,Zm9v,7,1\n\
                2,2026-06-01 00:00:03,lab-results-update,lab-results,u1,Default,,7,1\n\
                3,2026-06-01 00:00:03,login,login,u1,Default,,0,0\n";
    let expected = [
        "2026-06-01T07:00:03 u1 7 view patient-record",
        "2026-06-01T07:00:03 u1 7 update labs",
        "2026-06-01T07:00:03 u1 - login login",
    ];
    assert_eq!(recognised("openemr-log", text), expected);
}

#[test]
fn openemr_requests_are_actions_by_their_method() {
    let text = "log_id,user_id,patient_id,ip_address,method,request,created_time\n\
                1,4,7,10.0.0.1,GET,Patient,2026-06-01 00:00:03\n";
    assert_eq!(recognised("openemr-api-log", text), ["2026-06-01T07:00:03 4 7 view Patient"]);
}

#[test]
fn openmrs_flags_say_what_was_done() {
    let text = "usage_id,user_id,patient_id,timestamp,created,updated,voided,found_by,query\n\
                1,4,7,2026-06-01 00:00:03,0,0,0,link,Quill\n\
                2,4,7,2026-06-01 00:00:03,1,0,0,link,\n\
                3,4,7,2026-06-01 00:00:03,false,true,false,link,\n\
                4,4,7,2026-06-01 00:00:03,0,0,1,link,\n";
    let actions: Vec<String> =
        recognised("openmrs-usage", text).iter().map(|line| line.split(' ').nth(3).unwrap().to_owned()).collect();
    assert_eq!(actions, ["view", "create", "update", "delete"]);
}

#[test]
fn a_vista_export_has_fileman_times() {
    let text = "Patient^Date/Time Accessed^Accessed By^Option^Inpatient\n\
                100^3150305.1252^11^PATIENT INQUIRY^n\n\
                100^Mar 05, 2015@12:52^11^PATIENT INQUIRY^n\n";
    let expected = "2015-03-05T20:52:00 11 100 view PATIENT INQUIRY";
    assert_eq!(recognised("vista-security-log", text), [expected, expected]);
}

#[test]
fn a_vista_global_is_read_by_position_and_other_nodes_are_left_out() {
    let text = "^DGSL(38.1,0)=\"DG SECURITY LOG^38.1IP^^\"\n\
                ^DGSL(38.1,100,\"D\",6849694.8748,0)=\"3150305.1252^11^PATIENT INQUIRY^n\"\n";
    let found = read(shipped("vista-security-global"), text);
    assert!(found[0].starts_with("NotApplicable"), "{found:?}");
    assert_eq!(found[1], "2015-03-05T20:52:00 11 100 view PATIENT INQUIRY");
}

#[test]
fn several_patients_in_a_cell_are_an_access_each() {
    let found = read(&small(""), "When,Who,Whom,What\n2026-06-01T07:00:03Z,u1,p1; p2;;p1,Open\n");
    assert_eq!(found, ["2026-06-01T07:00:03 u1 p1 view -", "2026-06-01T07:00:03 u1 p2 view -"]);
}

#[test]
fn accesses_of_one_row_without_an_id_have_different_ones() {
    let mut bound = small("").bind(&["When", "Who", "Whom", "What"].map(str::to_owned)).unwrap();
    let mut ids = Vec::new();
    let mut visit = |event: &AccessEvent<'_>| ids.push(event.event_id.to_string());
    bound.read(&["2026-06-01T07:00:03Z", "u1", "p1;p2", "open"], &mut clock(), &mut visit).unwrap();
    assert_eq!(ids.len(), 2);
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn windows_1252_and_utf_16_files_read_like_utf_8() {
    let text = "When,Who,Whom,What\n2026-06-01T07:00:03Z,Jérôme,p1,open\n";
    let latin: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let utf_16: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (bytes, encoding) in [
        (text.as_bytes(), Encoding::Utf8),
        (latin.as_slice(), Encoding::Windows1252),
        (utf_16.as_slice(), Encoding::Utf16),
    ] {
        let (decoded, repaired) = decoded(bytes, encoding);
        assert_eq!(read(&small(""), &decoded), ["2026-06-01T07:00:03 Jérôme p1 view -"], "{encoding:?}");
        assert_eq!(repaired, 0);
    }
}

#[test]
fn ninety_thousand_names_of_actions_are_mapped_and_the_unknown_ones_counted() {
    let map = small("[fields.event_id]\ncolumns = ['Id']\n");
    let mut bound = map.bind(&["When", "Who", "Whom", "What", "Id"].map(str::to_owned)).unwrap();
    let mut clock = clock();
    let (mut views, mut name) = (0, String::new());
    for number in 0..90_000 {
        name.clear();
        write!(name, "{} {number}", if number % 9 == 0 { "Sign" } else { "OPEN" }).unwrap();
        let cells = ["2026-06-01T07:00:03Z", "u1", "p1", name.as_str(), "e1"];
        let mut visit = |event: &AccessEvent<'_>| views += u32::from(event.action.name() == "view");
        bound.read(&cells, &mut clock, &mut visit).unwrap();
    }
    assert_eq!(views, 80_000);
    assert_eq!(bound.unmapped().len(), 1_000);
}

#[test]
fn an_unmapped_action_is_other_and_named_by_its_frequency() {
    let map = small("");
    let text = "When,Who,Whom,What\n2026-06-01T07:00:03Z,u1,p1,Quill seen\n";
    assert_eq!(read(&map, text), ["2026-06-01T07:00:03 u1 p1 other Quill seen"]);
    let mut bound = map.bind(&["When", "Who", "Whom", "What"].map(str::to_owned)).unwrap();
    for action in ["b", "a", "b", "open"] {
        bound.read(&["2026-06-01T07:00:03Z", "u1", "p1", action], &mut clock(), &mut |_| {}).unwrap();
    }
    assert_eq!(bound.unmapped(), [("b".to_owned(), 2), ("a".to_owned(), 1)]);
}

#[test]
fn a_flag_of_break_glass_is_no_reason_and_a_no_is_no_break_glass() {
    let map = small("[break_glass]\ncolumns = ['BTG']\n");
    let mut bound = map.bind(&["When", "Who", "Whom", "What", "BTG"].map(str::to_owned)).unwrap();
    for (cell, expected) in [
        ("N", ("view", None)),
        ("", ("view", None)),
        ("Y", ("break-glass", None)),
        ("on call", ("break-glass", Some("on call"))),
    ] {
        let mut visit = |event: &AccessEvent<'_>| {
            assert_eq!((event.action.name(), event.break_glass_reason.as_deref()), expected);
        };
        bound.read(&["2026-06-01T07:00:03Z", "u1", "p1", "open", cell], &mut clock(), &mut visit).unwrap();
    }
}

#[test]
fn a_zone_of_the_map_wins_over_the_facility() {
    let map = small("[fields.recorded_at]\ncolumns = ['Logged']\nzone = 'Europe/Berlin'\n");
    let text = "When,Who,Whom,What,Logged\n,u1,p1,open,2026-06-01 09:00:03\n";
    assert_eq!(read(&map, text), ["2026-06-01T07:00:03 u1 p1 view -"]);
}

#[test]
fn a_row_of_another_width_is_refused_unless_the_rest_is_blank() {
    let mut bound = small("").bind(&["When", "Who", "Whom", "What"].map(str::to_owned)).unwrap();
    let row = ["2026-06-01T07:00:03Z", "u1", "p1", "open", "", "x"];
    let refused = Some(RejectCode::InvalidCsv);
    for (width, expected) in [(3, refused), (4, None), (5, None), (6, refused)] {
        let result = bound.read(&row[..width], &mut clock(), &mut |_| {});
        assert_eq!(result.err().map(|fault| fault.reason), expected, "{width}");
    }
}

#[test]
fn a_fault_names_the_field_and_never_the_value() {
    let text = "When,Who,Whom,What\nQuill,u1,p1,open\n2026-06-01T07:00:03Z,,p1,open\n2026-06-01T07:00:03Z,u1,p1,\n";
    let expected = [
        "InvalidValue: occurred_at cannot be read: expected a time in the format iso",
        "MissingField: user_id is missing or blank",
        "MissingField: action is missing or blank",
    ];
    assert_eq!(read(&small(""), text), expected);
}

#[test]
fn binding_says_which_columns_are_missing_and_unread() {
    let map = small("[fields.purpose]\ncolumns = ['Why']\n");
    let bound = map.bind(&["when", "WHO", "Whom", "What", "Colour"].map(str::to_owned)).unwrap();
    assert_eq!((bound.missing, bound.unread), (vec!["Why".to_owned()], vec!["Colour".to_owned()]));
    let refused = map.bind(&["When", "What"].map(str::to_owned)).unwrap_err();
    assert_eq!(refused, "the file has no column for user_id of the map s");
}

#[test]
fn a_header_that_no_map_knows_is_not_recognised() {
    assert!(recognise(&["When", "Who", "Whom", "What"].map(str::to_owned)).is_none());
    // The words of a map without its required columns.
    assert!(recognise(&["METRIC_NAME".to_owned()]).is_none());
}

#[test]
fn a_proposed_map_reads_the_file_that_it_was_guessed_from() {
    let text = "Access Date,Access Hour,Emp ID,Emp Name,Patient MRN,Patient Name,Activity,Dept,Client\n\
                6/1/2026,12:00:03 AM,u1,Quill,1780297203,Vex,Opened chart,Ward 1,10.0.0.1\n\
                6/1/2026,12:00:04 AM,u2,Rook,1780297204,Wren,Printed labs,Ward 1,10.0.0.2\n";
    let header = header(text, &FileForm::default());
    let rows: Vec<Vec<String>> = Rows::new(text, &FileForm::default())
        .skip(1)
        .map(|(_, cells)| cells.into_iter().map(String::from).collect())
        .collect();
    let proposal = propose(&header, &rows);
    assert_eq!(proposal.missing, Vec::<&str>::new());
    let map = Map::parse("proposed.toml", &proposal.toml).unwrap();
    let expected = ["2026-06-01T07:00:03 u1 1780297203 view -", "2026-06-01T07:00:04 u2 1780297204 print -"];
    assert_eq!(read(&map, text), expected);
    let unread: Vec<&str> =
        proposal.why.iter().filter(|(_, why)| why.starts_with("not read")).map(|(name, _)| name.as_str()).collect();
    assert_eq!(unread, ["Emp Name", "Patient Name"]);
    assert!(["Quill", "1780297203", "10.0.0.1"].iter().all(|value| !proposal.toml.contains(*value)));
}

#[test]
fn a_proposal_names_the_required_fields_that_it_cannot_find() {
    let proposal = propose(&["Time".to_owned(), "Colour".to_owned()], &[vec!["soon".to_owned(), "red".to_owned()]]);
    assert_eq!(proposal.missing, ["occurred_at", "user_id", "action"]);
    assert!(Map::parse("proposed.toml", &proposal.toml).is_err());
}
