use super::*;
use crate::model::time::Zone;

fn clock() -> LocalClock {
    LocalClock::new(Zone::named("America/Los_Angeles").unwrap())
}

fn of<'s>(siem: &'s Siem<'_>) -> AccessEvent<'s> {
    access(siem, Some("2026-06-01T07:00:00Z"), &mut clock()).unwrap()
}

#[test]
fn cef_is_read_as_its_senders_write_it() {
    let text = "CEF:0|Epic|Security-SIEM|9|AC_BREAK_THE_GLASS_ACCESS|x|5|suser=u7^QUILL, ADA^E1 usrName =ADA PATIENT=p9 \
                DEP=12^Ward 4 IP=10.0.0.7/10.0.0.1 BTGREASON=Direct care BTGEXPLANATION=asked by a = b CSN=33";
    let siem = read(text).unwrap();
    let event = of(&siem);
    assert_eq!((event.user_id.as_ref(), event.patient_id.as_deref()), ("u7", Some("p9")));
    assert_eq!((event.action, event.outcome), (Action::BreakGlass, Outcome::Success));
    assert_eq!((event.department.as_deref(), event.source_ip.as_deref()), (Some("Ward 4"), Some("10.0.0.7")));
    assert_eq!(event.encounter_id.as_deref(), Some("33"));
    assert!(event.break_glass_reason.as_deref().unwrap().starts_with("Direct care; asked by"));
    assert_eq!(event.occurred_at.to_string(), "2026-06-01T07:00:00.000000Z");
}

#[test]
fn leef_has_a_time_of_its_own() {
    let text = "LEEF:1.0|Epic|Security-SIEM|9|FAILEDLOGIN|devTime=Jun 01 2026 08:00:03\tUID=u7^QUILL\tworkstationID=ws1\tLOGINERROR=bad";
    let siem = read(text).unwrap();
    let event = of(&siem);
    assert_eq!((event.action, event.outcome, event.user_id.as_ref()), (Action::Login, Outcome::Denied, "u7"));
    assert_eq!(event.occurred_at.to_string(), "2026-06-01T15:00:03.000000Z");
    assert_eq!(event.workstation.as_deref(), Some("ws1"));
    let text = "LEEF:2.0|Epic|Security-SIEM|9|LOGIN|x5E|UID=u7^devTime=Jun 01 2026 08:00:03";
    assert_eq!(of(&read(text).unwrap()).occurred_at.to_string(), "2026-06-01T15:00:03.000000Z");
}

#[test]
fn xml_carries_the_same_names() {
    let text = "<EventLog><E1Mid>PUL_SEARCH_AUDIT</E1Mid><EMPid>u7^QUILL^E1</EMPid><LWSid>ws1</LWSid><Date>6/1/2026</Date>\
                <Time> 1:05:09 PM</Time><Mnemonics><Mnemonic Name=\"PATIENT\"><Value>p9</Value></Mnemonic></Mnemonics></EventLog>";
    let document = roxmltree::Document::parse(text).unwrap();
    let siem = read_element(document.root_element());
    let event = of(&siem);
    assert_eq!((event.user_id.as_ref(), event.patient_id.as_deref(), event.action), ("u7", Some("p9"), Action::Search));
    assert_eq!(event.occurred_at.to_string(), "2026-06-01T20:05:09.000000Z");
}

#[test]
fn what_is_not_ours_or_names_nobody_is_refused() {
    assert_eq!(read("CEF:0|Other|x|1|y|z|5|a=b").unwrap_err().reason, RejectCode::NotApplicable);
    assert_eq!(read("CEF:0|Epic").unwrap_err().reason, RejectCode::InvalidValue);
    let siem = read("CEF:0|Epic|Security-SIEM|9|SECURE|x|5|PATIENT=p1").unwrap();
    assert_eq!(access(&siem, Some("2026-06-01T07:00:00Z"), &mut clock()).unwrap_err().reason, RejectCode::NoActor);
    let siem = read("CEF:0|Epic|Security-SIEM|9|SECURE|x|5|suser=u1").unwrap();
    assert_eq!(access(&siem, None, &mut clock()).unwrap_err().reason, RejectCode::MissingField);
}
