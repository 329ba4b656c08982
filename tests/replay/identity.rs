//! One person under the ids of several systems: decided as one with an identity crosswalk, as strangers without.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use chartsentry::config::Config;
use chartsentry::pipeline::replay::replay;

use super::{Hospital, Run, SATURDAY, job, program, stderr};

/// The directory knows people by log-in and the log tells these; the staff office numbers them.
const CROSSWALK: &str = "user_id,login\ne1,nquill\n";
const BOTH: &str = "kind,id,alias\nuser,e1,nquill\npatient,p1,mrn1\n";
const LOG: &str = "occurred_at,user_id,patient_id,action\n2026-06-01T10:00:00Z,NQuill,p1,view\n";

/// Context under employee ids and record numbers, and a log.
struct House(tempfile::TempDir);

impl House {
    fn new(log: &str) -> Self {
        let house = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(house.path("context")).unwrap();
        house.write("context/workforce.csv", "user_id,family_name,department\ne1,Quill,4N\n");
        house.write("context/patients.csv", "patient_id,family_name\nmrn1,Roe\n");
        let care = "relationship_id,kind,patient_id,user_id,starts_at\nr1,encounter,mrn1,e1,2026-06-01T00:00:00Z\n";
        house.write("context/relationships.csv", care);
        house.write("log.csv", log);
        house
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    fn run(&self, crosswalk: Option<&str>) -> Run {
        self.run_logs(crosswalk, &[&self.path("log.csv")]).0
    }

    /// Replays logs; tells whether they were sorted first.
    fn run_logs(&self, crosswalk: Option<&str>, logs: &[&Path]) -> (Run, bool) {
        let (out, job) = job(&self.path("context"), logs, SATURDAY);
        let mut config = Config::shipped();
        config.identity.crosswalk = crosswalk.map(|text| self.write("identity.csv", text));
        let was_sorted = Cell::new(false);
        let summary = replay(&config, &job, &|what, _, _| was_sorted.set(was_sorted.get() || what == "sorting"));
        (Run { out, summary: summary.unwrap() }, was_sorted.get())
    }
}

/// Accesses and how many of them are explained; people and charts that no record names.
fn told(run: &Run) -> ([u64; 2], [u64; 2]) {
    let summary = &run.summary;
    ([summary.accesses, summary.explained], [summary.unknown_actor.count, summary.unknown_patient.count])
}

#[test]
fn log_ins_and_employee_ids_mean_one_person_with_a_crosswalk_only() {
    let house = House::new(LOG);
    assert_eq!(told(&house.run(None)), ([1, 0], [1, 1]));
    assert_eq!(told(&house.run(Some(CROSSWALK))), ([1, 0], [0, 1]), "the chart is still another's");
    assert_eq!(told(&house.run(Some(BOTH))), ([1, 1], [0, 0]));
}

#[test]
fn a_log_that_is_sorted_first_is_renamed_as_well() {
    let house = House::new(LOG);
    // More files than are decoded at once, each older than the one before.
    let count = 2 * rayon::current_num_threads() + 8;
    let logs: Vec<PathBuf> = (0..count)
        .map(|number| {
            let minute = 6 * (count - number);
            let at = format!("2026-06-02T{:02}:{:02}:00Z", minute / 60, minute % 60);
            let row = format!("occurred_at,user_id,patient_id,action\n{at},nquill,p1,view\n");
            house.write(&format!("log{number:03}.csv"), &row)
        })
        .collect();
    let logs: Vec<&Path> = logs.iter().map(AsRef::as_ref).collect();
    let (run, was_sorted) = house.run_logs(Some(BOTH), &logs);
    assert!(was_sorted);
    assert_eq!(told(&run), ([count as u64; 2], [0, 0]));
}

#[test]
fn two_records_of_one_person_both_count() {
    let house = House::new(LOG);
    let header = "relationship_id,kind,patient_id,department,starts_at\n";
    let of_unit = |patient: &str| format!("{header}r1,encounter,{patient},4N,2026-06-01T00:00:00Z\n");
    house.write("context/workforce.csv", "user_id,family_name,department,patient_id\ne1,Quill,,m9\nnquill,,4N,\n");
    house.write("context/relationships.csv", &of_unit("mrn1"));
    let run = house.run(Some(BOTH));
    assert_eq!(run.summary.explained_by.get("department"), Some(&1), "the log-in's record tells the department");

    house.write("context/workforce.csv", "user_id,family_name,department,patient_id\ne1,Quill,,mrn1\nnquill,,4N,\n");
    house.write("context/relationships.csv", &of_unit("m9"));
    let incidents = house.run(Some(BOTH)).lines("incidents.ndjson");
    let [incident] = &incidents[..] else { panic!("one incident: {incidents:?}") };
    let has = |id: &str| incident["contributions"].as_array().unwrap().iter().any(|one| one["id"] == id);
    assert!(has("self_access"), "the staff office's record tells the own record number: {incident}");
}

/// A hospital in which a log-in looks at a namesake's chart without a reason.
fn namesake() -> (Hospital, PathBuf) {
    let care = "r1,order,p2,u2,,2026-06-01T16:30:00Z,,2026-06-01T16:30:00Z,u2\n";
    let hospital = Hospital::new(care, "e1,2026-06-01T17:00:00Z,2026-06-01T17:00:05Z,nquill,m-1,view\n");
    let crosswalk = hospital.0.path().join("identity.csv");
    std::fs::write(&crosswalk, "kind,id,alias\nuser,u1,nquill\npatient,p1,m-1\n").unwrap();
    (hospital, crosswalk)
}

fn words(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn incidents_speak_of_canonical_ids_and_the_run_names_its_crosswalk() {
    let (hospital, crosswalk) = namesake();
    assert!(hospital.run(SATURDAY).lines("incidents.ndjson").is_empty(), "nobody knows whose log-in it is");
    let run = || {
        let (out, job) = job(&hospital.context(), &[&hospital.log()], SATURDAY);
        let mut config = Config::shipped();
        config.identity.crosswalk = Some(crosswalk.clone());
        let summary = replay(&config, &job, &|_, _, _| {}).unwrap();
        Run { out, summary }
    };
    let first = run();
    let [incident] = &first.lines("incidents.ndjson")[..] else { panic!("one incident") };
    assert_eq!((&incident["user_id"], &incident["patient_ids"][0]), (&"u1".into(), &"p1".into()));
    let id = |run: &Run| run.lines("handoffs.ndjson")[0]["run_id"].as_str().unwrap().to_owned();
    assert_eq!(id(&first), id(&run()));
    std::fs::write(&crosswalk, "kind,id,alias\nuser,u1,nquill\nuser,u2,obyrd\npatient,p1,m-1\n").unwrap();
    assert_ne!(id(&first), id(&run()), "another crosswalk is another input");
}

#[test]
fn the_flag_comes_before_the_configuration_and_what_it_did_is_said() {
    let (hospital, crosswalk) = namesake();
    let path = |name: &str| hospital.0.path().join(name);
    let (config, out, context, log) = (path("site.toml"), path("out"), hospital.context(), hospital.log());
    std::fs::write(&config, "[identity]\ncrosswalk = \"/no/such/identity.csv\"\n").unwrap();
    let mut arguments = vec!["replay", "--config", words(&config), "--context", words(&context)];
    arguments.extend(["--out", words(&out), "--as-of", SATURDAY, words(&log)]);
    let refused = program(&arguments);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("/no/such/identity.csv cannot be read: No such file"), "{}", stderr(&refused));
    arguments.extend(["--crosswalk", words(&crosswalk)]);
    let done = program(&arguments);
    assert!(done.status.success(), "{}", stderr(&done));
    let said = stderr(&done);
    assert!(said.contains("ids of the input took the form") && said.contains("users=1 patients=1"), "{said}");
    std::fs::write(&crosswalk, "user_id,login\nu1,somebody\n").unwrap();
    let useless = program(&arguments);
    assert!(stderr(&useless).contains("is it the right file?"), "{}", stderr(&useless));
}

#[test]
fn a_crosswalk_that_contradicts_itself_ends_a_run_with_its_line() {
    let house = House::new(LOG);
    let crosswalk = house.write("identity.csv", "kind,id,alias\nuser,zz1,zz\nuser,zz2,zz\n");
    let (_out, job) = job(&house.path("context"), &[&house.path("log.csv")], SATURDAY);
    let mut config = Config::shipped();
    config.identity.crosswalk = Some(crosswalk);
    let message = format!("{:#}", replay(&config, &job, &|_, _, _| {}).unwrap_err());
    assert!(message.contains("identity.csv, line 3: an alias means two ids"), "{message}");
    assert!(!message.contains("zz"), "{message}");
}

#[test]
fn inspect_shows_canonical_ids_and_counts_them() {
    let house = House::new(LOG);
    let (log, crosswalk) = (house.path("log.csv"), house.write("identity.csv", BOTH));
    let shown = program(&["inspect", "--crosswalk", words(&crosswalk), words(&log)]);
    let events = String::from_utf8(shown.stdout).unwrap();
    assert!(events.contains("\"user_id\":\"e1\",\"patient_id\":\"p1\""), "{events}");
    let shown = program(&["inspect", "--summary", "--crosswalk", words(&crosswalk), words(&log)]);
    let summary: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!((&summary["users_renamed"], &summary["patients_renamed"]), (&1.into(), &0.into()));
}

#[test]
fn cases_find_their_evidence_under_the_ids_of_the_log() {
    let (hospital, crosswalk) = namesake();
    let path = |name: &str| hospital.0.path().join(name);
    let (config, context, log) = (path("site.toml"), hospital.context(), hospital.log());
    let store = path("register.db");
    std::fs::write(&config, format!("[store]\npath = {:?}\n", words(&store))).unwrap();
    let (out, job) = job(&context, &[&log], SATURDAY);
    let mut site = Config::shipped();
    site.identity.crosswalk = Some(crosswalk.clone());
    replay(&site, &job, &|_, _, _| {}).unwrap();
    let handoffs = out.path().join("handoffs.ndjson");

    let open = ["cases", "--config", words(&config), "open", "--rehearsal", "--evidence", words(&log)];
    let without = program(&[&open[..], &[words(&handoffs)]].concat());
    assert!(stderr(&without).contains(" 0 rows of evidence kept"), "{}", stderr(&without));
    let with = program(&[&open[..], &["--crosswalk", words(&crosswalk), words(&handoffs)]].concat());
    assert!(stderr(&with).contains(" 1 rows of evidence kept"), "{}", stderr(&with));

    std::fs::write(&config, format!("[store]\npath = {:?}\n", words(&path("other.db")))).unwrap();
    let opened = program(&["cases", "--config", words(&config), "open", "--rehearsal", words(&handoffs)]);
    let case = String::from_utf8(opened.stdout).unwrap().trim().to_owned();
    let packet = path("packet");
    let arguments = ["cases", "--config", words(&config), "packet", &case, "--out", words(&packet)];
    let given = ["--evidence", words(&log), "--context", words(&context), "--crosswalk", words(&crosswalk)];
    let written = program(&[&arguments[..], &given].concat());
    assert!(stderr(&written).contains("1 rows of evidence"), "{}", stderr(&written));
    let rows = std::fs::read_to_string(packet.join("evidence.csv")).unwrap();
    assert!(rows.contains("u1") && !rows.contains("nquill"), "{rows}");
}
