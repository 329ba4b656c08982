//! The same events, whatever they are written in.

mod explained;
mod mangled;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use chartsentry::cli::inspect::{InspectArgs, run};
use chartsentry::decode::canonical::{FIELDS, Row};
use chartsentry::decode::context::Table;
use chartsentry::decode::{At, Collected, Counters, Decoder, Expect, file_place};
use chartsentry::model::access::{Action, Outcome};
use chartsentry::model::context::{ContextRecord, Holder};
use chartsentry::model::reject::{Place, RejectCode};
use chartsentry::model::time::{Timestamp, Zone};
use chartsentry::source::file::{BlockReader, Piece, Sizes};
use proptest::prelude::*;

fn zone() -> Zone {
    Zone::named("America/Los_Angeles").unwrap()
}

fn read(content: &[u8], expect: Expect, block: usize) -> (Collected, Counters) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content).unwrap();
    read_path(file.path(), expect, block)
}

fn read_path(path: &Path, expect: Expect, block: usize) -> (Collected, Counters) {
    let mut decoder = Decoder::new(zone());
    let mut found = Collected::default();
    for piece in BlockReader::new(vec![path.to_owned()], expect, Sizes { block, ..Sizes::default() }) {
        match piece.unwrap() {
            Piece::Block(block) => decoder.chunk(&block.chunk(), &mut found),
            Piece::Reject(reject, layout) => decoder.source_reject(reject, layout.format, &mut found),
            Piece::Columnar { .. } => panic!("no Parquet here"),
        }
    }
    (found, decoder.counters())
}

fn accesses(content: &str) -> (Collected, Counters) {
    read(content.as_bytes(), Expect::Accesses, 4 << 20)
}

fn formats(counters: &Counters) -> Vec<(String, u64)> {
    counters.formats().into_iter().map(|(format, count)| (format.to_string(), count)).collect()
}

#[test]
fn csv_headers_come_in_any_case_and_order_and_unknown_columns_are_counted() {
    let (found, counters) = accesses(
        "\u{feff}Action,ROOM,\"User_ID\",occurred_at,Patient_ID,outcome\r\n\
         View,12,u1,2026-06-01T07:00:00Z,p1,\r\n\
         \r\n\
         PRINT,,\"u\"\"2\",2026-06-01 00:00:00-07,  ,Denied\r\n",
    );
    assert!(found.rejects.is_empty());
    let (first, line) = &found.accesses[0];
    assert_eq!(
        (first.user_id.as_ref(), first.patient_id.as_deref(), first.action, *line),
        ("u1", Some("p1"), Action::View, 2)
    );
    let (second, line) = &found.accesses[1];
    assert_eq!(
        (second.user_id.as_ref(), second.patient_id.as_deref(), second.outcome, *line),
        ("u\"2", None, Outcome::Denied, 4)
    );
    assert_eq!(second.occurred_at, first.occurred_at);
    assert_eq!(counters.unknown_fields.iter().collect::<Vec<_>>(), [(&"room".to_owned(), &2)]);
    assert_eq!(formats(&counters), [("canonical-csv".to_owned(), 2)]);
}

#[test]
fn every_bad_csv_row_is_a_reject_with_its_place_and_the_others_stand() {
    let content = b"occurred_at,user_id,action\n\
        2026-06-01T07:00:00Z,u1,view\n\
        yesterday,u1,view\n\
        2026-06-01T07:00:00Z,,view\n\
        2026-06-01T07:00:00Z,u1,look\n\
        2026-06-01T07:00:00Z,u1\n\
        2026-06-01T07:00:00Z,\xff,view\n\
        2026-06-01T07:00:00Z,\"u\"1,view\n\
        2026-06-01T07:00:00Z,u2,view";
    let (found, counters) = read(content, Expect::Accesses, 4 << 20);
    assert_eq!(found.accesses.len(), 2);
    let rejects: Vec<_> = found
        .rejects
        .iter()
        .map(|reject| match reject.place {
            Place::File { line, .. } => (line, reject.reason),
            Place::Kafka { .. } => panic!("no message here"),
        })
        .collect();
    let expected = [
        (3, RejectCode::InvalidValue),
        (4, RejectCode::MissingField),
        (5, RejectCode::InvalidValue),
        (6, RejectCode::InvalidCsv),
        (7, RejectCode::InvalidEncoding),
        (8, RejectCode::InvalidCsv),
    ];
    assert_eq!(rejects, expected);
    assert_eq!(found.rejects[0].record, "yesterday,u1,view");
    assert_eq!(found.rejects[3].sentence, "the row has 2 cells and the header 3");
    assert_eq!((counters.records, counters.accesses, counters.rejected()), (8, 2, 6));
}

#[test]
fn json_numbers_are_ids_and_null_is_missing() {
    let (found, counters) = accesses(
        "{\"occurred_at\":\"2026-06-01T07:00:00Z\",\"USER_ID\":12345678901234567890123,\"patient_id\":17,\"action\":\"view\",\
         \"department\":null,\"resource\":\" \",\"zone\":{\"a\":[1]},\"zone2\":\"x\"}\n\
         {\"occurred_at\":\"2026-06-01T07:00:00Z\",\"user_id\":\"J\\u00fcrgen\\n\",\"action\":\"view\",\"zone2\":1}\n",
    );
    let first = &found.accesses[0].0;
    assert_eq!((first.user_id.as_ref(), first.patient_id.as_deref()), ("12345678901234567890123", Some("17")));
    assert_eq!((&first.department, &first.resource), (&None, &None));
    assert_eq!(found.accesses[1].0.user_id, "Jürgen");
    assert_eq!((counters.unknown_fields["zone"], counters.unknown_fields["zone2"]), (1, 2));
}

#[test]
fn a_record_of_several_patients_is_an_access_for_each() {
    let record = |more: &str| {
        format!("{{\"occurred_at\":\"2026-06-01T07:00:00Z\",\"user_id\":\"u1\",\"action\":\"print\"{more}}}\n")
    };
    let (found, counters) = accesses(
        &[
            record(",\"event_id\":\"e1\",\"patient_ids\":[\"p1\",2,\"p1\"]"),
            record(",\"patient_id\":\"p1\",\"patient_ids\":[\"p2\"]"),
            record(",\"patient_id\":\"p1\""),
            record(",\"patient_id\":\"p2\",\"patient_ids\":[]"),
            record(",\"patient_ids\":[[\"p1\"]]"),
        ]
        .concat(),
    );
    let patients: Vec<_> = found.accesses.iter().map(|(event, _)| event.patient_id.as_deref().unwrap()).collect();
    assert_eq!(patients, ["p1", "2", "p1", "p2", "p1", "p2"]);
    let ids: Vec<_> = found.accesses.iter().map(|(event, _)| event.event_id.as_ref()).collect();
    assert_eq!(ids[..2], ["e1", "e1"]);
    assert_eq!(ids[2..4], ids[4..6], "a hash does not depend on how the patients were listed");
    assert_eq!((counters.records, counters.accesses, counters.rejected()), (5, 6, 1));
}

#[test]
fn broken_json_lines_are_rejects_and_blank_ones_nothing() {
    let good = "{\"occurred_at\":\"2026-06-01T07:00:00Z\",\"user_id\":\"u1\",\"action\":\"view\"}";
    let content = format!("{good}\n\n{{\"user_id\":\"Smith\n[]\n{good}x\n{{\"user_id\":[1]}}\n  \r\n{good}");
    let (found, counters) = accesses(&content);
    let lines: Vec<_> = found.accesses.iter().map(|(_, line)| *line).collect();
    assert_eq!(lines, [1, 8]);
    let reasons: Vec<_> = found.rejects.iter().map(|reject| reject.reason).collect();
    let expected =
        [RejectCode::InvalidJson, RejectCode::UnknownType, RejectCode::InvalidJson, RejectCode::InvalidValue];
    assert_eq!(reasons, expected);
    assert!(found.rejects.iter().all(|reject| !reject.sentence.contains("Smith")));
    assert_eq!(counters.records, 6);
}

#[test]
fn a_local_time_is_read_in_the_facilitys_zone_and_doubtful_ones_are_counted() {
    let times = ["2026-11-01T01:30:00", "2026-03-08 02:30:00", "2026-06-01T00:00:00"];
    let rows: String = times.iter().map(|time| format!("{time},u1,view\n")).collect();
    let (found, counters) = accesses(&format!("occurred_at,user_id,action\n{rows}"));
    let read: Vec<_> = found.accesses.iter().map(|(event, _)| event.occurred_at.to_string()).collect();
    assert_eq!(read, ["2026-11-01T08:30:00.000000Z", "2026-03-08T10:30:00.000000Z", "2026-06-01T07:00:00.000000Z"]);
    assert_eq!((counters.local_repeated, counters.local_skipped), (1, 1));
}

#[test]
fn fhir_comes_single_bundled_and_by_line() {
    for (name, format, records, ids) in [
        ("auditevent-r4.json", "fhir-auditevent-json", 1, &["view-1"][..]),
        ("auditevent-bundle-r4.json", "fhir-auditevent-json", 4, &["b-1", "b-2", "b-2"]),
        ("auditevent-r4.ndjson", "fhir-auditevent-ndjson", 3, &["n-1", "n-2"]),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/decode").join(name);
        for block in [1, 4 << 20] {
            let (found, counters) = read_path(&path, Expect::Accesses, block);
            let read: Vec<_> = found.accesses.iter().map(|(event, _)| event.event_id.as_ref()).collect();
            assert_eq!(read, ids, "{name}");
            assert_eq!(formats(&counters), [(format.to_owned(), records)], "{name}");
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/decode/auditevent-bundle-r4.json");
    let (found, _) = read_path(&path, Expect::Accesses, 4 << 20);
    let lines: Vec<_> = found.accesses.iter().map(|(_, line)| *line).collect();
    assert_eq!(lines, [7, 23, 23]);
    let rejects: Vec<_> = found
        .rejects
        .iter()
        .map(|reject| (reject.place.to_string().rsplit(':').next().unwrap().to_owned(), reject.reason))
        .collect();
    assert_eq!(rejects, [("19".to_owned(), RejectCode::NotApplicable), ("37".to_owned(), RejectCode::NoActor)]);
}

#[test]
fn a_bundle_that_is_cut_off_keeps_its_whole_entries() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/decode/auditevent-bundle-r4.json");
    let whole = std::fs::read(path).unwrap();
    let (found, counters) = read(&whole[..whole.len() - 40], Expect::Accesses, 4 << 20);
    assert_eq!(found.accesses.len(), 3);
    assert_eq!(found.rejects.last().unwrap().reason, RejectCode::InvalidJson);
    assert_eq!(counters.records, 4);
}

#[test]
fn context_tables_read_alike_from_csv_and_ndjson() {
    let relationships = (
        "relationship_id,kind,patient_id,user_id,department,starts_at,ends_at,recorded_at\n\
         r1,encounter,p1,,ICU,2026-06-01T07:00:00Z,,2026-06-01T08:00:00Z\n\
         \"r2\",Consult,p1,u1,,2026-06-01T07:00:00Z,2026-06-02T07:00:00Z,\n\
         r3,consult,p1,u1,ICU,2026-06-01T07:00:00Z,,\n\
         r4,friend,p1,u1,,2026-06-01T07:00:00Z,,\n",
        "{\"relationship_id\":\"r1\",\"kind\":\"encounter\",\"patient_id\":\"p1\",\"department\":\"ICU\",\"starts_at\":\"2026-06-01T07:00:00Z\",\"recorded_at\":\"2026-06-01T01:00:00-07\"}\n\
         {\"type\":\"relationship\",\"relationship_id\":\"r2\",\"kind\":\"consult\",\"patient_id\":\"p1\",\"user_id\":\"u1\",\"starts_at\":\"2026-06-01T07:00:00Z\",\"ends_at\":\"2026-06-02T07:00:00Z\"}\n\
         {\"relationship_id\":\"r3\",\"kind\":\"consult\",\"patient_id\":\"p1\",\"user_id\":\"u1\",\"department\":\"ICU\",\"starts_at\":\"2026-06-01T07:00:00Z\"}\n\
         {\"relationship_id\":\"r4\",\"kind\":\"friend\",\"patient_id\":\"p1\",\"user_id\":\"u1\",\"starts_at\":\"2026-06-01T07:00:00Z\"}\n",
    );
    for expect in [Expect::Table(Table::Relationships), Expect::Anything] {
        let csv = read(relationships.0.as_bytes(), expect, 4 << 20).0;
        let ndjson = read(relationships.1.as_bytes(), expect, 4 << 20).0;
        let updates = |found: &Collected| found.updates.iter().map(|(update, _)| update.clone()).collect::<Vec<_>>();
        let reasons =
            |found: &Collected| found.rejects.iter().map(|reject| reject.sentence.clone()).collect::<Vec<_>>();
        assert_eq!(updates(&csv), updates(&ndjson));
        assert_eq!(reasons(&csv), reasons(&ndjson));
        assert_eq!((csv.updates.len(), csv.rejects.len()), (2, 2));
        assert_eq!(csv.updates[0].0.key, "relationships/r1");
        let Some(ContextRecord::Relationship(first)) = &csv.updates[0].0.record else { panic!("a relationship") };
        assert_eq!(first.holder, Holder::Department("ICU".to_owned()));
        assert_eq!(first.recorded.at.unwrap().to_string(), "2026-06-01T08:00:00.000000Z");
    }
}

#[test]
fn tables_are_told_apart_by_their_columns() {
    for (header, row, kind) in [
        ("user_id,family_name,role,hired_on", "u1,Abe,nurse,2020-01-01", "Workforce"),
        ("patient_id,family_name,birth_date,is_vip", "p1,Abe,2020-01-01,y", "Patient("),
        ("patient_id,relation,family_name", "p1,mother,Abe", "RelatedPerson"),
        ("user_id,department,starts_at,ends_at", "u1,ICU,2026-06-01T07:00:00,2026-06-01T19:00:00", "Shift"),
    ] {
        let (found, _) = read(format!("{header}\n{row}\n").as_bytes(), Expect::Anything, 4 << 20);
        let shown = format!("{:?}", found.updates[0].0.record);
        assert!(shown.contains(kind), "{header}: {shown}");
    }
}

#[test]
fn context_messages_are_known_by_their_key() {
    let place = Place::Kafka { topic: "ehr.context".into(), partition: 2, offset: 9 };
    let at = At { place: &place, line: 9 };
    let mut decoder = Decoder::new(zone());
    let mut found = Collected::default();
    let now = Timestamp(1_000_000);
    let shift = "{\"type\":\"shift\",\"user_id\":\"u1\",\"department\":\"ICU\",\"starts_at\":\"2026-06-01T07:00:00Z\",\"ends_at\":\"2026-06-01T19:00:00Z\"}";
    let down = "{\"type\":\"feed_status\",\"feed\":\"adt\",\"status\":\"DOWN\",\"starts_at\":\"2026-06-01T07:00:00Z\"}";
    let patient =
        "{\"type\":\"Patient\",\"patient_id\":7,\"is_vip\":true,\"previous_family_names\":[\"Abe\",\"Cole\"]}";
    for (key, value) in [
        (Some("k1"), Some(shift)),
        (Some("k1"), None),
        (None, Some(down)),
        (None, Some(patient)),
        (None, None),
        (Some("k2"), Some("{\"type\":\"visit\"}")),
        (Some("k2"), Some("{\"user_id\":\"u1\"}")),
    ] {
        decoder.context_message(key.map(str::as_bytes), value.map(str::as_bytes), now, at, &mut found);
    }
    let keys: Vec<_> = found.updates.iter().map(|(update, _)| (update.key.as_str(), update.record.is_some())).collect();
    assert_eq!(keys[..2], [("ehr.context/k1", true), ("ehr.context/k1", false)]);
    assert!(keys[2].0.starts_with("feed_status/"));
    assert_eq!(keys[3].0, "patients/7");
    assert_eq!(found.updates[1].0.withdrawn_at, now);
    let Some(ContextRecord::Patient(patient)) = &found.updates[3].0.record else { panic!("a patient") };
    assert_eq!((patient.is_vip, patient.previous_family_names.join("+")), (true, "Abe+Cole".to_owned()));
    let reasons: Vec<_> = found.rejects.iter().map(|reject| reject.reason).collect();
    assert_eq!(reasons, [RejectCode::MissingField, RejectCode::UnknownType, RejectCode::UnknownType]);
    assert!(found.rejects[1].sentence.contains("feed_status"));
    assert_eq!(found.rejects[0].place, place);
}

struct Inspected {
    code: bool,
    out: String,
    words: String,
}

fn inspect(args: &InspectArgs) -> Inspected {
    let (mut out, mut words) = (Vec::new(), Vec::new());
    let code = run(args, &zone(), &|_, _, _, _, _| anyhow::bail!("no reader here"), &mut out, &mut words).unwrap();
    Inspected {
        code: code == ExitCode::SUCCESS,
        out: String::from_utf8(out).unwrap(),
        words: String::from_utf8(words).unwrap(),
    }
}

#[test]
fn inspect_prints_events_and_says_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str, content: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let log = path("log.csv", "event_id,occurred_at,user_id,action\ne1,2026-06-01T07:00:00Z,u1,login\ne2,x,u1,view\n");
    let organization = path("o.json", "{\n\"resourceType\": \"Organization\"\n}");
    let bad = path("bad.ndjson", "{\"user_id\":\"u1\"}\n");
    let parquet = path("a.parquet", "PAR1");
    let args = |files: &[&String], summary| InspectArgs {
        crosswalk: None,
        maps: Vec::new(),
        files: files.iter().map(|file| (*file).clone()).collect(),
        summary,
        explain: None,
    };

    let shown = inspect(&args(&[&log], false));
    assert!(shown.code);
    assert_eq!(
        shown.out,
        "{\"event_id\":\"e1\",\"occurred_at\":\"2026-06-01T07:00:00.000000Z\",\"user_id\":\"u1\",\"action\":\"login\",\"outcome\":\"success\"}\n"
    );
    assert!(shown.words.contains("log.csv:3: invalid_value: occurred_at cannot be read"), "{}", shown.words);

    let shown = inspect(&args(&[&organization], true));
    let summary: serde_json::Value = serde_json::from_str(&shown.out).unwrap();
    assert!(shown.code);
    assert_eq!((&summary["records"], &summary["rejects"]), (&1.into(), &1.into()));
    assert_eq!(summary["rejects_by_reason"]["not_applicable"], 1);

    let shown = inspect(&args(&[&log, &bad], true));
    let summary: serde_json::Value = serde_json::from_str(&shown.out).unwrap();
    assert!(!shown.code);
    assert!(shown.words.contains("bad.ndjson: none of its 1 records decodes"));
    assert_eq!((&summary["files"], &summary["accesses"]), (&2.into(), &1.into()));
    assert_eq!((&summary["formats"]["canonical-csv"], &summary["formats"]["canonical-ndjson"]), (&2.into(), &1.into()));

    let missing = "/no/such/log.csv".to_owned();
    let shown = inspect(&args(&[&missing, &parquet], true));
    assert!(!shown.code);
    assert!(shown.words.contains("/no/such/log.csv: no such file") && shown.words.contains("no reader here"));

    let shown = inspect(&InspectArgs { explain: Some(3), ..args(&[&log], false) });
    assert!(shown.words.contains("as it came: e2,x,u1,view"), "{}", shown.words);
    let shown = inspect(&InspectArgs { explain: Some(9), ..args(&[&log], false) });
    assert!(shown.words.contains("no record begins at line 9"));
}

/// Values that a field may hold, blank ones and awkward ones included.
fn value(field: &'static str) -> BoxedStrategy<String> {
    match field {
        "occurred_at" => "2026-(0[1-9]|1[0-2])-[012][1-8][T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|-07:00|\\+0530|)".boxed(),
        "recorded_at" => prop_oneof![Just(String::new()), Just("2026-06-01T07:00:00Z".to_owned())].boxed(),
        "action" => proptest::sample::select(Action::ALL.to_vec()).prop_map(|action| action.to_string()).boxed(),
        "outcome" => proptest::sample::select(vec!["", "success", "Denied", "ERROR"]).prop_map(str::to_owned).boxed(),
        "search_text_kind" => proptest::sample::select(vec!["", "name", "dob"]).prop_map(str::to_owned).boxed(),
        "user_id" => "[a-z0-9][a-z\",é\\\\ |]{0,6}".boxed(),
        _ => "[a-z\",é\\\\\n\t |]{0,6}".boxed(),
    }
}

fn rows() -> impl Strategy<Value = Vec<Vec<String>>> {
    let row = FIELDS.map(value).to_vec();
    proptest::collection::vec(row, 1..12)
}

fn as_csv(rows: &[Vec<String>]) -> String {
    let quoted = |cell: &String| {
        if cell.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.clone() }
    };
    let lines = rows.iter().map(|row| row.iter().map(quoted).collect::<Vec<_>>().join(",") + "\n");
    FIELDS.join(",") + "\n" + &lines.collect::<String>()
}

fn as_ndjson(rows: &[Vec<String>]) -> String {
    let object = |row: &Vec<String>| {
        let members: serde_json::Map<_, _> =
            FIELDS.iter().zip(row).map(|(field, value)| ((*field).to_owned(), value.clone().into())).collect();
        serde_json::Value::Object(members).to_string() + "\n"
    };
    rows.iter().map(object).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_same_events_decode_alike_from_csv_ndjson_and_rows(rows in rows(), block in 1_usize..400) {
        let (csv, csv_counters) = read(as_csv(&rows).as_bytes(), Expect::Accesses, 4 << 20);
        let (ndjson, ndjson_counters) = read(as_ndjson(&rows).as_bytes(), Expect::Accesses, 4 << 20);
        let place = file_place(&"rows".into());
        let (mut decoder, mut columnar) = (Decoder::new(zone()), Collected::default());
        for (number, row) in rows.iter().enumerate() {
            let mut cells = Row::default();
            for (cell, value) in cells.text.iter_mut().zip(row) {
                *cell = value;
            }
            decoder.access_row(&cells, At { place: &place, line: number as u64 }, &mut columnar);
        }
        let events = |found: &Collected| found.accesses.iter().map(|(event, _)| event.clone()).collect::<Vec<_>>();
        prop_assert_eq!(csv.accesses.len(), rows.len());
        prop_assert_eq!(events(&csv), events(&ndjson));
        prop_assert_eq!(events(&csv), events(&columnar));
        prop_assert_eq!(csv_counters.local_repeated, ndjson_counters.local_repeated);

        // Wherever the blocks are cut.
        let (cut, cut_counters) = read(as_csv(&rows).as_bytes(), Expect::Accesses, block);
        prop_assert_eq!(cut.accesses, csv.accesses);
        prop_assert_eq!(cut_counters, csv_counters);
        let (cut, _) = read(as_ndjson(&rows).as_bytes(), Expect::Accesses, block);
        prop_assert_eq!(cut.accesses, ndjson.accesses);
    }

    #[test]
    fn no_bytes_break_a_decoder(bytes in proptest::collection::vec(any::<u8>(), 0..300), block in 1_usize..90) {
        for head in ["occurred_at,user_id,action\n", "{\"user_id\":1}\n", "{\"resourceType\":\"Bundle\",\n\"entry\":[", "[{\"user_id\":1},"] {
            let content = [head.as_bytes(), &bytes].concat();
            let (cut, counters) = read(&content, Expect::Accesses, block);
            let (whole, whole_counters) = read(&content, Expect::Accesses, 4 << 20);
            prop_assert_eq!(counters, whole_counters);
            prop_assert_eq!(cut.rejects.len(), whole.rejects.len());
        }
    }
}
