use super::*;
use crate::decode::mapped::FileForm;
use crate::decode::stable_hash;
use crate::model::reject::RejectCode;

/// The path and the text of each leaf.
fn said<'r>(record: &'r [u8], leaves: &'r [Leaf]) -> Vec<(&'r str, &'r str)> {
    let text = |leaf: &Leaf| std::str::from_utf8(&record[leaf.span.clone()]).unwrap();
    leaves.iter().map(|leaf| (leaf.path.as_str(), text(leaf))).collect()
}

/// The record without each of its leaves in turn.
fn without_each(record: &[u8], leaves: &[Leaf]) -> Vec<String> {
    let without = |leaf: &Leaf| [&record[..leaf.span.start], leaf.blank, &record[leaf.span.end..]].concat();
    leaves.iter().map(|leaf| String::from_utf8(without(leaf)).unwrap()).collect()
}

#[test]
fn json_is_split_into_texts_numbers_and_truths() {
    let record = br#" {"a": "x\"}", "b" :[1, {"c":true}, "" ] ,"d":null, "e":" ","f":-2.5e3 , "g":[]} "#;
    let leaves = json::leaves(record, 0);
    assert_eq!(said(record, &leaves), [("a", r#""x\"}""#), ("b[0]", "1"), ("b[1].c", "true"), ("f", "-2.5e3")]);
    for text in without_each(record, &leaves) {
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
    }
}

#[test]
fn broken_and_deep_json_is_split_as_far_as_it_goes() {
    assert_eq!(said(br#"{"a":1,"b":{"#, &json::leaves(br#"{"a":1,"b":{"#, 0)), [("a", "1")]);
    for text in ["", "{", "{\"", "{\"a\"", "{\"a\":", "[", "[,", "[}", "{a", "{\"a\" 1}", "]"] {
        assert!(json::leaves(text.as_bytes(), 0).len() <= 1, "{text}");
    }
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    assert_eq!(json::leaves(deep.as_bytes(), 0).len(), 1);
}

#[test]
fn no_more_leaves_are_kept_than_show_that_there_are_too_many() {
    let long = format!("[{}1]", "1,".repeat(5_000));
    let leaves = json::leaves(long.as_bytes(), 0);
    assert_eq!(leaves.len(), MAX_LEAVES + 1);
    assert!(Alone { bytes: long.into_bytes(), leaves }.is_too_large());
}

#[test]
fn a_record_of_a_document_stands_by_itself_with_the_tags_around_it() {
    let record = "<m:A a = 'x&amp;y'><P id=\"p1\"/>\n<P id=\"p2\">two<![CDATA[</P>]]></P> <E/></m:A>";
    let text = format!("<?xml version=\"1.0\"?><X xmlns:m=\"urn:m\">\n<m:A n=\"0\"/>{record}<m:A/></X>");
    let place = text.find("<m:A a").unwrap()..text.find("<m:A/>").unwrap();
    let alone = xml::alone(&text, 0, &place, Leaves::default()).unwrap();
    let expected = format!("<?xml version=\"1.0\"?><X xmlns:m=\"urn:m\">{record}</X>");
    assert_eq!(String::from_utf8(alone.bytes.clone()).unwrap(), expected);
    let found = [("@a", "x&amp;y"), ("P[1]/@id", "p1"), ("P[2]/@id", "p2"), ("P[2]", "two<![CDATA[</P>]]>")];
    assert_eq!(said(&alone.bytes, &alone.leaves), found);
    for text in without_each(&alone.bytes, &alone.leaves) {
        assert!(roxmltree::Document::parse(&text).is_ok(), "{text}");
    }
}

#[test]
fn a_row_is_split_into_cells_without_their_quotes() {
    let record = b"\"a \"\"q\"\"\",\" x\",,\"two\nlines\",last \"x\"\r";
    let names = ["one", "one", "three", ""].map(str::to_owned);
    let leaves = delimited::leaves(record, delimited::Marks::CSV, &names);
    let found = [("one", "a \"\"q\"\""), ("one[2]", " x"), ("column 4", "two\nlines"), ("column 5", "last \"x\"")];
    assert_eq!(said(record, &leaves), found);
    for text in without_each(record, &leaves) {
        let mut cells = Vec::new();
        assert!(crate::decode::csv::read_record(text.as_bytes(), 0, 5, &mut cells).broken.is_none(), "{text}");
    }
}

#[test]
fn rows_are_found_by_the_line_on_which_they_begin() {
    let form = FileForm { delimiter: Some(';'), comment: vec!["#".to_owned()], ..FileForm::default() };
    let bytes = b"# a \"note\n\na;b\n\"1\n2\";x\r\n3;4";
    let at = |line| delimited::find(bytes, &form, 10, line).map(|place| String::from_utf8_lossy(&bytes[place]));
    let found: Vec<_> = (9..17).map(|line| at(line).unwrap_or_default()).collect();
    assert_eq!(found, ["", "", "", "a;b", "\"1\n2\";x\r", "", "3;4", ""]);
    let bytes = b"a,b\n\n\"1\n2\",3\n4";
    let at = |line| delimited::find_canonical(bytes, 2, 1, line).map(|place| String::from_utf8_lossy(&bytes[place]));
    let found: Vec<_> = (1..7).map(|line| at(line).unwrap_or_default()).collect();
    assert_eq!(found, ["a,b", "", "\"1\n2\",3", "", "4", ""]);
}

#[test]
fn a_header_names_the_columns() {
    let header = b"\xef\xbb\xbfUser , \"Patient, id\",\"x\"\r\n";
    assert_eq!(delimited::names(header, delimited::Marks::CSV), ["User", "\"Patient", "id\"", "x"]);
    assert!(delimited::names(b"", delimited::Marks::CSV).is_empty());
}

#[test]
fn cef_is_split_into_header_and_values() {
    let text = "<85>1 2026-06-01T07:00:00Z h - 1 - - CEF:0|Epic|SIEM|9|SECURE||5|suser=u1 x PATIENT =p1 suser=u2 ";
    let body = text.find("CEF").unwrap();
    let leaves = keyed::leaves(text, body, keyed::header(text, body));
    let found = [
        ("header time", "2026-06-01T07:00:00Z"),
        ("header host", "h"),
        ("header vendor", "Epic"),
        ("header product", "SIEM"),
        ("header version", "9"),
        ("header event", "SECURE"),
        ("header severity", "5"),
        ("suser", "u1 x"),
        ("PATIENT", "p1"),
        ("suser[2]", "u2"),
    ];
    assert_eq!(said(text.as_bytes(), &leaves), found);
    assert!(without_each(text.as_bytes(), &leaves)[0].starts_with("<85>1 - h - 1"));
}

#[test]
fn leef_is_split_by_the_delimiter_that_it_names() {
    for text in ["LEEF:1.0|Epic|S|9|LOGIN|UID=u1\tdevTime= t", "LEEF:2.0|Epic|S|9|LOGIN|x5E|UID=u1^devTime= t"] {
        let leaves = keyed::leaves(text, 0, keyed::header(text, 0));
        assert_eq!(said(text.as_bytes(), &leaves)[3..], [("header event", "LOGIN"), ("UID", "u1"), ("devTime", "t")]);
    }
}

#[test]
fn of_an_old_syslog_header_only_a_time_with_a_year_is_a_leaf() {
    let header = |text: &str| {
        let leaves = keyed::header(text, text.find("CEF").unwrap()).numbered();
        said(text.as_bytes(), &leaves).into_iter().map(|(path, text)| format!("{path}: {text}")).collect::<Vec<_>>()
    };
    assert_eq!(header("<13>2026-06-01T07:00:00Z host CEF:0|"), ["header time: 2026-06-01T07:00:00Z"]);
    assert!(header("<13>Mar  5 12:52:31 host CEF:0|").is_empty());
    assert!(header("CEF:0|").is_empty());
}

#[test]
fn hl7_is_split_into_fields_and_components() {
    let record = b"MSH|^~\\&|A|||x\rPID|1||p1^^^H~p2|\"\"\r\nPV1||I\rPV1||O^a\rnote";
    let leaves = hl7::leaves(record);
    let found = [
        ("MSH-3", "A"),
        ("MSH-6", "x"),
        ("PID-1", "1"),
        ("PID-3.1", "p1"),
        ("PID-3.4", "H"),
        ("PID-3~2", "p2"),
        ("PID-4", "\"\""),
        ("PV1-2", "I"),
        ("PV1[2]-2.1", "O"),
        ("PV1[2]-2.2", "a"),
    ];
    assert_eq!(said(record, &leaves), found);
    for text in without_each(record, &leaves) {
        assert!(crate::decode::hl7::Message::read(text.as_bytes()).is_ok(), "{text}");
    }
}

/// The value of `name` in `name=value;name=value`.
fn value<'t>(text: &'t str, name: &str) -> &'t str {
    let mut pairs = text.split(';').filter_map(|pair| pair.split_once('='));
    pairs.find(|(own, _)| *own == name).map(|(_, value)| value).unwrap_or_default()
}

fn leaves_of(text: &str) -> Vec<Leaf> {
    let mut at = 0;
    let leaf = |pair: &str| {
        let (name, _) = pair.split_once('=')?;
        let span = at + name.len() + 1..at + pair.len();
        at += pair.len() + 1;
        Some(Leaf { path: name.to_owned(), span, blank: b"" })
    };
    text.split(';').filter_map(leaf).collect()
}

fn reject(reason: RejectCode, sentence: &str) -> Vec<Outcome> {
    vec![Outcome { kind: Kind::Reject(reason), fields: vec![("sentence".to_owned(), sentence.to_owned())] }]
}

/// An access for each of the patients `p` and `q`. It needs a `user` and the one known `action`, falls back from
/// `start` to `end`, is marked by `x` or `y`, and is a success where `state` says nothing else.
fn fake(record: &[u8]) -> Vec<Outcome> {
    let text = std::str::from_utf8(record).unwrap();
    let said = |name: &str| Some(value(text, name)).filter(|value| !value.is_empty());
    let Some(user) = said("user") else { return reject(RejectCode::NoActor, "nobody") };
    if said("action") != Some("view") {
        return reject(RejectCode::InvalidValue, "action cannot be read: expected view");
    }
    let time = said("start").or_else(|| said("end")).unwrap_or_default();
    let is_marked = said("x").or_else(|| said("y")).is_some();
    let patients: Vec<Option<&str>> = [said("p"), said("q")].into_iter().filter(Option::is_some).collect();
    let patients = if patients.is_empty() { vec![None] } else { patients };
    let access = |patient: Option<&str>| {
        let parts = [Some(user), patient, Some(time)].map(|part| part.map(str::as_bytes));
        let id = said("id").map_or_else(|| stable_hash("test", parts), str::to_owned);
        let fields = [
            ("event_id", Some(id.as_str())),
            ("user_id", Some(user)),
            ("patient_id", patient),
            ("action", said("action")),
            ("occurred_at", Some(time)),
            ("purpose", is_marked.then_some("marked")),
            ("outcome", said("state").or(Some("success"))),
        ];
        let fields = fields.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.to_owned())));
        Outcome { kind: Kind::Access, fields: fields.collect() }
    };
    patients.into_iter().map(access).collect()
}

fn traced(text: &str) -> Explanation {
    explain(text.as_bytes(), &leaves_of(text), &mut fake)
}

fn origin_in(explanation: &Explanation, number: usize, name: &str) -> Origin {
    let values = &explanation.traced[number].values;
    values.iter().find(|value| value.name == name).unwrap().origin.clone()
}

/// Where a field of the first access came from.
fn origin(text: &str, name: &str) -> Origin {
    origin_in(&traced(text), 0, name)
}

fn of(paths: &[&str]) -> Origin {
    Origin::Leaves(paths.iter().map(|path| (*path).to_owned()).collect())
}

const LEAST: &str = "user=u1;action=view";

#[test]
fn a_fallback_that_is_not_needed_is_no_origin() {
    let text = format!("{LEAST};start=1;end=2");
    assert_eq!(origin(&text, "occurred_at"), of(&["start"]));
    assert_eq!(traced(&text).unused, ["end"]);
    assert_eq!(origin(&format!("{LEAST};start=;end=2"), "occurred_at"), of(&["end"]));
}

#[test]
fn of_two_fields_that_say_the_same_the_one_that_is_read_is_the_origin() {
    assert_eq!(origin(&format!("{LEAST};start=5;end=5"), "occurred_at"), of(&["start"]));
}

#[test]
fn what_cannot_be_left_out_is_needed_and_the_origin_of_its_value() {
    let found = traced(LEAST);
    let needed: Vec<_> = found.needed.iter().map(|needed| (needed.path.as_str(), needed.reason)).collect();
    assert_eq!(needed, [("user", Some(RejectCode::NoActor)), ("action", Some(RejectCode::InvalidValue))]);
    assert_eq!(origin(LEAST, "user_id"), of(&["user"]));
    assert_eq!(origin(LEAST, "action"), of(&["action"]), "its refusal names it");
}

#[test]
fn a_default_is_made_here_unless_the_record_says_it_too() {
    assert_eq!(origin(LEAST, "outcome"), Origin::Made);
    assert_eq!(origin(&format!("{LEAST};state=success"), "outcome"), of(&["state"]));
}

#[test]
fn what_several_fields_say_came_from_all_of_them() {
    let both = Origin::Several(vec!["x".to_owned(), "y".to_owned()]);
    assert_eq!(origin(&format!("{LEAST};x=1;y=1"), "purpose"), both);
    assert_eq!(origin(&format!("{LEAST};x=1"), "purpose"), of(&["x"]));
}

#[test]
fn a_hash_that_the_record_does_not_hold_is_called_one() {
    assert_eq!(origin(&format!("{LEAST};p=p1"), "event_id"), Origin::Hash);
    let own = stable_hash("test", [None]);
    assert_eq!(origin(&format!("{LEAST};id={own}"), "event_id"), of(&["id"]));
}

#[test]
fn of_several_accesses_each_has_its_own_origins() {
    let found = traced(&format!("{LEAST};p=p1;q=q2;id=e"));
    assert_eq!(origin_in(&found, 0, "patient_id"), of(&["p"]));
    assert_eq!(origin_in(&found, 1, "patient_id"), of(&["q"]));
    assert_eq!(origin_in(&found, 1, "user_id"), of(&["user"]));
    assert!(found.unused.is_empty());
}

#[test]
fn of_a_refused_record_it_is_said_without_which_field_it_would_be_read() {
    let mut decode = |record: &[u8]| match value(std::str::from_utf8(record).unwrap(), "late") {
        "" => fake(record),
        _ => reject(RejectCode::InvalidValue, "late cannot be read"),
    };
    let text = format!("{LEAST};late=1");
    let found = explain(text.as_bytes(), &leaves_of(&text), &mut decode);
    assert_eq!((found.cures, found.traced.len(), found.rejects.len()), (vec!["late".to_owned()], 0, 1));
    assert!(found.unused.is_empty() && found.needed.is_empty());
}
