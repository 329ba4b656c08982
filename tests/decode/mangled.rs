//! Damaged files of every kind: each ends in accesses, facts and rejects, and never in a panic; where files are cut into
//! blocks does not show.

use super::{At, Collected, Counters, Decoder, Expect, Place, read, zone};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

const ATNA: &str = include_str!("../fuzz/seeds/xml/atna.xml");

const FHIR: &str = include_str!("../fuzz/seeds/fhir/bundle.json");

const FHIR_XML: &str = include_str!("../fuzz/seeds/xml/bundle.xml");

const HL7: &str = include_str!("../fuzz/seeds/hl7/admission.hl7");

const EPIC: &str = include_str!("../fuzz/seeds/siem/epic.log");

const EXPORT: &str = include_str!("../fuzz/seeds/mapped/purview.tsv");

const SYNTHEA: &str = include_str!("../fuzz/seeds/synthea/encounters.csv");

const ALL: [&str; 7] = [ATNA, FHIR, FHIR_XML, HL7, EPIC, EXPORT, SYNTHEA];

/// One injury: where, as a share of the file, and what.
#[derive(Clone, Debug)]
enum Injury {
    Cut,
    Drop(usize),
    Put(Vec<u8>),
    Repeat(usize),
}

fn injury() -> impl Strategy<Value = (f64, Injury)> {
    let bytes = prop_oneof![
        proptest::collection::vec(any::<u8>(), 1..4),
        prop::sample::select(vec![
            "<",
            ">",
            "\"",
            "\\",
            "&",
            "|",
            "^",
            "\n",
            "\r",
            "{",
            "]",
            "\u{b}",
            "<!--",
            "99999 <1>",
            "&#0;"
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    let kind = prop_oneof![
        1 => Just(Injury::Cut),
        4 => (1..40_usize).prop_map(Injury::Drop),
        6 => bytes.prop_map(Injury::Put),
        2 => (1..200_usize).prop_map(Injury::Repeat),
    ];
    (0.0..1.0_f64, kind)
}

fn injured(text: &str, injuries: &[(f64, Injury)]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for (place, injury) in injuries {
        let at = (place * bytes.len() as f64) as usize;
        let until = |length: &usize| (at + length).min(bytes.len());
        match injury {
            Injury::Cut => bytes.truncate(at),
            Injury::Drop(length) => drop(bytes.drain(at..until(length))),
            Injury::Put(more) => drop(bytes.splice(at..at, more.iter().copied())),
            Injury::Repeat(length) => {
                let again = bytes[at..until(length)].to_vec();
                drop(bytes.splice(at..at, again));
            }
        }
    }
    bytes
}

/// What a file gives; none where it is nothing at all any more.
fn decoded(bytes: &[u8], block: usize) -> Option<(Collected, Counters)> {
    let is_something = chartsentry::decode::detect::detect(bytes, true, Expect::Anything).is_ok();
    is_something.then(|| read(bytes, Expect::Anything, block))
}

fn adds_up(found: &Collected, counters: &Counters) -> Result<(), TestCaseError> {
    prop_assert_eq!(counters.accesses, found.accesses.len() as u64);
    prop_assert_eq!(counters.context_updates, found.updates.len() as u64);
    prop_assert_eq!(counters.rejected(), found.rejects.len() as u64);
    let bound = (found.accesses.len() + found.rejects.len()) as u64;
    prop_assert!(counters.records <= bound + counters.context_updates + 20, "a record vanished");
    Ok(())
}

#[test]
fn the_files_are_good_before_they_are_damaged() {
    for text in ALL {
        let (found, counters) = decoded(text.as_bytes(), 4 << 20).unwrap();
        assert!(found.rejects.is_empty(), "{:?}", found.rejects);
        assert!(counters.accesses + counters.context_updates >= 2 || text == ATNA, "{text}");
    }
}

#[test]
fn a_header_with_a_quote_that_does_not_close_is_no_header() {
    for text in ["a,\"b\"\n\"c\" d,e\n", "user_id,\"x\ny,\"z\n\",\"a\"b", "\"a\n\"\"b\n\",\"c"] {
        let found = chartsentry::decode::detect::detect(text.as_bytes(), true, Expect::Anything);
        assert!(found.is_err(), "{text}");
    }
}

#[test]
fn a_frame_that_is_cut_off_is_no_shorter_message() {
    let cut = "200 <85>1 2026-06-01T07:00:00Z h Epic 1 - - CEF:0|Epic|Security-SIEM|9|SECURE|n|5|suser=u1 PATIENT=12";
    let (found, _) = read(cut.as_bytes(), Expect::Accesses, 4 << 20);
    assert_eq!((found.accesses.len(), found.rejects.len()), (0, 1), "the patient's number may go on");
}

#[test]
fn a_message_that_holds_nothing_is_a_reject_and_not_nothing() {
    let place = Place::Kafka { topic: "t".into(), partition: 0, offset: 1 };
    let at = At { place: &place, line: 0 };
    for value in [
        r#"{"resourceType":"Bundle"}"#,
        r#"{"resourceType":"Bundle","entry":[]}"#,
        "<!-- x -->",
        "<?x y?>",
        "99 <85>1 - h a - - - CEF:0|Epic|x|1|y|z|5|suser=u1",
        "",
    ] {
        let (mut decoder, mut found) = (Decoder::new(zone()), Collected::default());
        decoder.access_message(value.as_bytes(), at, &mut found);
        assert_eq!((found.accesses.len(), found.rejects.len()), (0, 1), "{value}");
    }
    for value in ["BHS|^~\\&|A", "<!-- x -->", "{\"user_id\":\"u1\"}", "<EventLog/>", ""] {
        let (mut decoder, mut found) = (Decoder::new(zone()), Collected::default());
        decoder.feed_message(value.as_bytes(), at, &mut found);
        assert_eq!((found.updates.len(), found.rejects.len()), (0, 1), "{value}");
    }
}

#[test]
fn what_is_made_to_take_long_does_not() {
    let equals = format!("CEF:0|Epic|a|b|c|d|5|{}", "=".repeat(300_000));
    let openings = format!("<13>{}", "<".repeat(300_000));
    let unclosed = "<a>\n".repeat(100_000);
    let records = format!("<x xmlns=\"http://hl7.org/fhir\">{}</x>", "<AuditEvent/>".repeat(20_000));
    for text in [equals, openings, unclosed, records] {
        let (found, counters) = read(text.as_bytes(), Expect::Accesses, 1 << 16);
        assert_eq!(counters.accesses, 0);
        let kept: usize = found.rejects.iter().map(|reject| reject.record.len()).sum();
        assert!(kept <= 4 * text.len(), "{kept} bytes kept of {}", text.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_damage_breaks_a_decoder(which in 0..ALL.len(), copies in 1..4_usize, injuries in proptest::collection::vec(injury(), 0..6)) {
        let bytes = injured(&ALL[which].repeat(copies), &injuries);
        if let Some((found, counters)) = decoded(&bytes, 4 << 20) {
            adds_up(&found, &counters)?;
        }
    }

    #[test]
    fn blocks_do_not_show(which in prop::sample::select(vec![0, 2, 4, 6]), copies in 1..6_usize, block in 1..400_usize) {
        let text = ALL[which].repeat(copies);
        let ids = |found: &Collected| -> Vec<(String, u64)> {
            let accesses = found.accesses.iter().map(|(event, line)| (event.event_id.to_string(), *line));
            accesses.chain(found.updates.iter().map(|(update, line)| (update.key.clone(), *line))).collect()
        };
        let whole = decoded(text.as_bytes(), 4 << 20).unwrap();
        let cut = decoded(text.as_bytes(), block).unwrap();
        prop_assert_eq!(ids(&whole.0), ids(&cut.0));
        prop_assert_eq!(whole.1.formats(), cut.1.formats());
    }
}
