//! The case pages: `tests/cases/<id>.md`, read by people and run by this file.
//!
//! Each `##` section is one case of up to three blocks. `world` gives context, `events` gives accesses,
//! each with what the engine says of it in the end (`# fires: a b` or `# explained: direct`, which
//! must agree exactly), and `incidents` gives the incidents that remain: user, patient, severity, status, and
//! after `# counts:` what must be among the contributions.
//!
//! Where a world has relationships, each patient was in a clinic three weeks before, unless the line says
//! `dormant`: so no chart of these pages has rested by accident.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use chartsentry::engine::output::{Output, VerdictKind};
use chartsentry::engine::settings::Policy;
use chartsentry::engine::suppression::Suppression;
use chartsentry::engine::{Arrival, Engine};
use chartsentry::model::access::{AccessEvent, Action, Outcome, SearchTextKind};
use chartsentry::model::context::{
    ContextRecord, ContextUpdate, FeedStatus, Holder, Patient, Recorded, RelatedPerson, Relationship, RelationshipKind,
    Shift, WorkforceMember,
};
use chartsentry::model::time::{DAY, Timestamp};

#[test]
fn every_case_page_holds() {
    let mut pages: Vec<_> = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    pages.sort();
    assert!(!pages.is_empty());
    let mut wrong = Vec::new();
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        for case in text.split("\n## ").skip(1) {
            let title = format!("{}: {}", page.file_name().unwrap().to_string_lossy(), case.lines().next().unwrap());
            if let Err(difference) = check(case) {
                wrong.push(format!("{title}\n{difference}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// A line of a block: its plain words, then its `key=value` words.
struct Line {
    words: Vec<String>,
    values: BTreeMap<String, String>,
    mark: Option<String>,
}

impl Line {
    fn parse(line: &str) -> Self {
        let (text, mark) =
            line.split_once(" # ").map_or((line, None), |(text, mark)| (text, Some(mark.trim().to_owned())));
        let mut parsed = Self { words: Vec::new(), values: BTreeMap::new(), mark };
        for word in text.split_whitespace() {
            match word.split_once('=') {
                Some((key, value)) => drop(parsed.values.insert(key.to_owned(), value.replace('_', " "))),
                None => parsed.words.push(word.to_owned()),
            }
        }
        parsed
    }

    fn value(&self, key: &str) -> Option<String> {
        self.values.get(key).cloned()
    }

    fn instant(&self, key: &str) -> Option<Timestamp> {
        self.values.get(key).map(|text| instant(text))
    }

    fn recorded(&self) -> Recorded {
        Recorded { at: self.instant("recorded"), withdrawn_at: self.instant("withdrawn") }
    }
}

fn instant(text: &str) -> Timestamp {
    text.parse::<jiff::Timestamp>().unwrap_or_else(|error| panic!("{text}: {error}")).into()
}

fn block<'t>(case: &'t str, name: &str) -> impl Iterator<Item = Line> + use<'t> {
    let text = case.split_once(&format!("```{name}\n")).map_or("", |(_, rest)| rest.split("```").next().unwrap());
    text.lines().filter(|line| !line.trim().is_empty()).map(Line::parse)
}

fn check(case: &str) -> Result<(), String> {
    let mut policy = Policy::shipped("America/Los_Angeles");
    policy.suppressions = block(case, "world").filter(|line| line.words[0] == "mute").map(|line| mute(&line)).collect();
    let mut engine = Engine::new(&policy, 2).unwrap();
    engine.report_verdicts();
    engine.learn(block(case, "world").enumerate().flat_map(|(number, line)| facts(number, &line)));
    engine.learn(earlier_visits(case));
    let (output, names) = play(&mut engine, case);
    let said = say(&output, &names);
    let expected: Vec<String> = block(case, "events").map(|line| line.mark.unwrap_or_default()).collect();
    let incidents: Vec<String> = engine
        .incidents()
        .iter()
        .map(|incident| {
            let user = incident.user_id.as_deref().unwrap_or("-");
            format!("{user} {} {} {}", incident.patient_ids.join(","), incident.severity.name(), incident.status.name())
        })
        .collect();
    let expected_incidents: Vec<String> = block(case, "incidents").map(|line| line.words.join(" ")).collect();
    if said != expected || incidents != expected_incidents {
        return Err(format!("  expected {expected:?} {expected_incidents:?}\n  found    {said:?} {incidents:?}"));
    }
    for (line, incident) in block(case, "incidents").zip(engine.incidents()) {
        let found: Vec<&str> = incident.contributions.iter().map(|one| one.id.as_str()).collect();
        let wanted = line.mark.as_deref().and_then(|mark| mark.strip_prefix("counts:")).unwrap_or_default();
        if let Some(missing) = wanted.split_whitespace().find(|id| !found.contains(id)) {
            return Err(format!("  expected {missing} among the contributions\n  found    {found:?}"));
        }
    }
    Ok(())
}

/// Feeds the events one by one, as a daemon would, and ends four days after the last (or at `end`).
fn play(engine: &mut Engine, case: &str) -> (Output, Vec<String>) {
    let mut names = Vec::new();
    let mut last = Timestamp::MIN;
    let mut output = Output::default();
    for (number, line) in block(case, "events").enumerate() {
        let [at, user, action, patient] = line.words.as_slice() else {
            panic!("an event is: time user action patient")
        };
        let name = format!("e{number}");
        last = instant(at);
        let event = AccessEvent {
            event_id: name.as_str().into(),
            occurred_at: last,
            recorded_at: None,
            user_id: user.as_str().into(),
            patient_id: (patient != "-").then(|| patient.as_str().into()),
            action: Action::from_name(action).unwrap(),
            resource: line.value("part").map(Into::into),
            department: line.value("department").map(Into::into),
            workstation: line.value("at").map(Into::into),
            source_ip: None,
            encounter_id: None,
            purpose: None,
            break_glass_reason: line.value("reason").map(Into::into),
            outcome: Outcome::Success,
            search_text_kind: line.value("by").and_then(|kind| SearchTextKind::from_name(&kind)),
        };
        let mut intake = engine.intake();
        intake.push(&engine.context().dictionary, &event, Arrival::UNTOLD);
        engine.push(intake);
        merge(&mut output, engine.advance(last.minus(1)));
        names.push(name);
    }
    let end = block(case, "world").find(|line| line.words[0] == "end").map(|line| instant(&line.words[1]));
    merge(&mut output, engine.finish(end.unwrap_or(last.plus(4 * DAY))));
    (output, names)
}

fn merge(all: &mut Output, mut part: Output) {
    all.detections.append(&mut part.detections);
    all.verdicts.append(&mut part.verdicts);
}

fn say(output: &Output, names: &[String]) -> Vec<String> {
    let of = |name: &String| {
        let verdict = output.verdicts.iter().find(|verdict| &*verdict.event_id == name.as_str());
        let Some(verdict) = verdict else { return "nothing".to_owned() };
        if verdict.kind == VerdictKind::Explained {
            return format!("explained: {}", verdict.basis.unwrap_or("-"));
        }
        let detectors = output.detections.iter().filter(|detection| &*detection.event_id == name.as_str());
        format!("fires: {}", detectors.map(|detection| detection.detector_id).collect::<Vec<_>>().join(" "))
            .trim_end()
            .to_owned()
    };
    names.iter().map(of).collect()
}

/// For each patient a visit to a clinic three weeks before the first event, which explains nothing by now.
fn earlier_visits(case: &str) -> Vec<ContextUpdate> {
    let Some(first) = block(case, "events").next().map(|line| instant(&line.words[0])) else { return Vec::new() };
    let is_relationship = |line: &Line| RelationshipKind::from_name(&line.words[0]).is_some();
    if !block(case, "world").any(|line| is_relationship(&line)) {
        return Vec::new();
    }
    let patients = block(case, "world").filter(|line| line.words[0] == "patient");
    let awake = patients.filter(|line| !line.words.iter().any(|word| word == "dormant"));
    let visits = awake.map(|line| {
        let visit = Relationship {
            relationship_id: format!("visit of {}", line.words[1]),
            kind: RelationshipKind::Encounter,
            patient_id: line.words[1].clone(),
            holder: Holder::Department("clinic of long ago".to_owned()),
            starts_at: first.minus(21 * DAY),
            ends_at: Some(first.minus(20 * DAY)),
            recorded_by: None,
            encounter_id: None,
            recorded: Recorded::default(),
        };
        let (key, record) = (visit.relationship_id.clone(), Some(ContextRecord::Relationship(visit)));
        ContextUpdate { key, record, withdrawn_at: Timestamp::MAX }
    });
    visits.collect()
}

fn mute(line: &Line) -> Suppression {
    let day = |key: &str| line.value(key).unwrap().parse().unwrap();
    Suppression {
        id: "s1".into(),
        owner: "Privacy office".to_owned(),
        reason: "A case".to_owned(),
        user: line.value("user"),
        patient: line.value("patient"),
        detector: line.value("detector").map(|id| id.replace(' ', "_")),
        from: day("from"),
        until: day("until"),
    }
}

/// The facts of one line; `population N` makes N people who share nothing with anybody.
fn facts(number: usize, line: &Line) -> Vec<ContextUpdate> {
    let key = line.value("key").unwrap_or_else(|| format!("record {number}"));
    let name = || line.words.get(1).cloned().unwrap_or_default();
    let update = |record| vec![ContextUpdate { key: key.clone(), record: Some(record), withdrawn_at: Timestamp::MAX }];
    match line.words[0].as_str() {
        "end" | "mute" => Vec::new(),
        "population" => (0..name().parse().unwrap()).map(stranger).collect(),
        "residents" => (0..name().parse().unwrap()).map(|number| resident(number, line)).collect(),
        "workforce" => update(ContextRecord::Workforce(member(name(), line))),
        "patient" => update(ContextRecord::Patient(patient(name(), line))),
        "contact" => update(ContextRecord::RelatedPerson(RelatedPerson {
            patient_id: name(),
            related_patient_id: line.value("is"),
            given_name: line.value("given"),
            family_name: line.value("family"),
            phone: line.value("phone"),
            recorded: line.recorded(),
            ..RelatedPerson::default()
        })),
        "shift" => update(ContextRecord::Shift(Shift {
            shift_id: None,
            user_id: name(),
            department: line.value("department").unwrap(),
            starts_at: line.instant("from").unwrap(),
            ends_at: line.instant("to").unwrap(),
            recorded: line.recorded(),
        })),
        "outage" => update(ContextRecord::FeedStatus(FeedStatus {
            feed: None,
            department: line.value("department"),
            is_up: false,
            starts_at: line.instant("from").unwrap(),
            ends_at: line.instant("to"),
            recorded: line.recorded(),
        })),
        kind => update(ContextRecord::Relationship(relationship(&key, kind, name(), line))),
    }
}

fn member(user_id: String, line: &Line) -> WorkforceMember {
    WorkforceMember {
        user_id,
        given_name: line.value("given"),
        phone: line.value("phone"),
        manager_id: line.value("manager"),
        hired_on: line.value("hired").map(|day| day.parse().unwrap()),
        ended_on: line.value("ended").map(|day| day.parse().unwrap()),
        family_name: line.value("family"),
        previous_family_names: line.value("former").into_iter().collect(),
        department: line.value("department"),
        role: line.value("role"),
        patient_id: line.value("patient"),
        street: line.value("street"),
        postal_code: line.value("postal"),
        recorded: line.recorded(),
        ..WorkforceMember::default()
    }
}

fn patient(patient_id: String, line: &Line) -> Patient {
    Patient {
        patient_id,
        family_name: line.value("family"),
        previous_family_names: line.value("former").into_iter().collect(),
        street: line.value("street"),
        postal_code: line.value("postal"),
        is_vip: line.words.iter().any(|word| word == "vip"),
        is_restricted: line.words.iter().any(|word| word == "restricted"),
        is_decoy: line.words.iter().any(|word| word == "decoy"),
        deceased_on: line.value("died").map(|day| day.parse().unwrap()),
        recorded: line.recorded(),
        merged_into: line.value("merged"),
        ..Patient::default()
    }
}

fn relationship(key: &str, kind: &str, patient_id: String, line: &Line) -> Relationship {
    let department =
        || Holder::Department(line.value("department").expect("a relationship names a user or a department"));
    Relationship {
        relationship_id: key.to_owned(),
        kind: RelationshipKind::from_name(kind).unwrap_or_else(|| panic!("no such kind of line: {kind}")),
        patient_id,
        holder: line.value("user").map_or_else(department, Holder::User),
        starts_at: line.instant("from").unwrap(),
        ends_at: line.instant("to"),
        recorded_by: line.value("by"),
        encounter_id: None,
        recorded: line.recorded(),
    }
}

fn stranger(number: usize) -> ContextUpdate {
    let letters: String = format!("{number:05}").bytes().map(|digit| char::from(digit - b'0' + b'a')).collect();
    update_for(Patient {
        patient_id: format!("stranger{number}"),
        family_name: Some(format!("Zz{letters}")),
        street: Some(format!("{number} Faraway Road")),
        postal_code: Some("00001".to_owned()),
        ..Patient::default()
    })
}

fn resident(number: usize, line: &Line) -> ContextUpdate {
    update_for(Patient {
        patient_id: format!("resident{number}"),
        family_name: line.value("family").or_else(|| Some(format!("Resident{number}"))),
        street: line.value("street"),
        postal_code: line.value("postal"),
        ..Patient::default()
    })
}

fn update_for(patient: Patient) -> ContextUpdate {
    ContextUpdate {
        key: patient.patient_id.clone(),
        record: Some(ContextRecord::Patient(patient)),
        withdrawn_at: Timestamp::MAX,
    }
}
