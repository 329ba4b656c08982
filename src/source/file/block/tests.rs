use std::io::Write;
use std::path::Path;

use super::*;
use crate::decode::{Collected, Counters, Decoder};
use crate::model::time::Zone;

const HEADER: &str = "event_id,occurred_at,user_id,patient_id,action,resource\n";

fn row(number: usize, resource: &str) -> String {
    format!("e{number},2026-06-01T07:00:00Z,u1,p{number},view,{resource}\n")
}

fn small() -> Sizes {
    Sizes { block: 100, document: 4 << 10 }
}

/// Everything in one file, read in blocks of `sizes`.
fn read(path: &Path, sizes: Sizes) -> (Collected, Counters) {
    let mut decoder = Decoder::new(Zone::named("UTC").unwrap());
    let mut found = Collected::default();
    for piece in BlockReader::new(vec![path.to_owned()], Expect::Anything, sizes) {
        match piece.unwrap() {
            Piece::Block(block) => decoder.chunk(&block.chunk(), &mut found),
            Piece::Reject(reject, layout) => decoder.source_reject(reject, layout.format, &mut found),
            Piece::Columnar { .. } => panic!("no Parquet here"),
        }
    }
    (found, decoder.counters())
}

fn ids(found: &Collected) -> Vec<(String, u64)> {
    found.accesses.iter().map(|(event, line)| (event.event_id.clone().into_owned(), *line)).collect()
}

fn file(content: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content).unwrap();
    file
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn rows(count: usize) -> String {
    let rows = (0..count).map(|number| row(number, if number % 3 == 0 { "\"a\nb\"" } else { "labs" }));
    HEADER.to_owned() + &rows.collect::<String>()
}

#[test]
fn blocks_hold_whole_records_and_know_their_lines() {
    let content = rows(40);
    let plain = file(content.as_bytes());
    let (whole, _) = read(plain.path(), Sizes::default());
    assert_eq!(whole.accesses.len(), 40);
    assert_eq!(ids(&whole)[..3], [("e0".to_owned(), 2), ("e1".to_owned(), 4), ("e2".to_owned(), 5)]);
    for block in [1, 7, 60, 100, 333] {
        let (cut, _) = read(plain.path(), Sizes { block, document: 4 << 10 });
        assert_eq!(ids(&cut), ids(&whole), "blocks of {block}");
        assert!(cut.rejects.is_empty());
    }
}

#[test]
fn packed_files_are_told_by_their_content_and_may_have_several_members() {
    let content = rows(40);
    let (first, second) = content.as_bytes().split_at(700);
    let plain = read(file(content.as_bytes()).path(), small());
    let mut members = gzip(first);
    members.extend(gzip(second));
    let mut frames = zstd::encode_all(first, 1).unwrap();
    frames.extend(zstd::encode_all(second, 1).unwrap());
    for packed in [members, frames] {
        let (found, _) = read(file(&packed).path(), small());
        assert_eq!(ids(&found), ids(&plain.0));
    }
}

#[test]
fn a_stream_that_is_cut_off_gives_what_is_whole_and_one_reject() {
    let content = (0..50_000).map(|number| row(number * 7_919 % 50_021, "labs")).collect::<String>();
    let content = HEADER.to_owned() + &content;
    let gz = gzip(content.as_bytes());
    let zst = zstd::encode_all(content.as_bytes(), 1).unwrap();
    for packed in [&gz[..gz.len() / 2], &zst[..zst.len() / 2]] {
        let (found, counters) = read(file(packed).path(), Sizes::default());
        assert!((10_000..50_000).contains(&found.accesses.len()), "{}", found.accesses.len());
        assert_eq!(found.rejects.len(), 1);
        assert_eq!(found.rejects[0].reason, RejectCode::Truncated);
        assert_eq!(counters.records, found.accesses.len() as u64 + 1);
    }
    // Only the check sum at the end is missing.
    let (found, _) = read(file(&gz[..gz.len() - 4]).path(), Sizes::default());
    assert_eq!((found.accesses.len(), found.rejects.len()), (50_000, 1));
    let mut damaged = gz;
    let middle = damaged.len() / 2;
    damaged[middle..middle + 40].fill(0xff);
    let (found, _) = read(file(&damaged).path(), Sizes::default());
    assert_eq!(found.rejects.last().map(|reject| reject.reason), Some(RejectCode::Truncated));
}

#[test]
fn an_unclosed_quote_costs_one_line_wherever_blocks_are_cut() {
    let mut content = HEADER.to_owned();
    for number in 0..60_000 {
        content += &row(number, if number == 20 { "\"open" } else { "labs" });
    }
    for sizes in [small(), Sizes::default()] {
        let (found, _) = read(file(content.as_bytes()).path(), sizes);
        assert_eq!((found.accesses.len(), found.rejects.len()), (59_999, 1));
        assert_eq!(found.rejects[0].reason, RejectCode::InvalidCsv);
        assert_eq!(found.rejects[0].place.to_string().rsplit(':').next(), Some("22"));
    }
}

#[test]
fn a_line_without_end_is_skipped_without_being_kept() {
    let line =
        "{\"event_id\":\"e1\",\"occurred_at\":\"2026-06-01T07:00:00Z\",\"user_id\":\"u1\",\"action\":\"view\"}\n";
    let long = format!("{{\"event_id\":\"{}\"}}\n", "x".repeat(MAX_RECORD + 10));
    let barely = format!("{{\"event_id\":\"{}\"}}\n", "x".repeat(MAX_RECORD - 14));
    for too_long in [long.clone(), long.repeat(2), "y".repeat(3 * MAX_RECORD) + "\n", barely] {
        let content = line.to_owned() + &too_long + line;
        let (found, _) = read(file(content.as_bytes()).path(), Sizes::default());
        let lines: Vec<u64> = found.accesses.iter().map(|(_, line)| *line).collect();
        let rejects = too_long.matches('\n').count() as u64;
        assert_eq!(lines, [1, 2 + rejects]);
        assert_eq!(found.rejects.len() as u64, rejects);
        for reject in &found.rejects {
            assert_eq!(reject.reason, RejectCode::TooLong);
            assert_eq!(reject.record.len(), Reject::KEPT_BYTES);
        }
    }
}

#[test]
fn a_document_is_bounded_too() {
    let bundle = format!("{{\"resourceType\":\"Bundle\",\n\"entry\":[{}{{}}]}}", "{},\n".repeat(2_000));
    let (found, _) = read(file(bundle.as_bytes()).path(), small());
    assert_eq!(found.rejects.len(), 1);
    assert_eq!(found.rejects[0].reason, RejectCode::TooLong);
    assert!(found.rejects[0].sentence.contains("NDJSON"));
}

#[test]
fn what_cannot_be_used_at_all_is_an_error_that_says_why() {
    let message = |content: &[u8], expect: Expect| {
        let file = file(content);
        let mut reader = BlockReader::new(vec![file.path().to_owned()], expect, Sizes::default());
        let error = reader.next().unwrap().unwrap_err().to_string();
        assert!(error.contains(file.path().to_str().unwrap()), "{error}");
        assert!(reader.next().is_none());
        error
    };
    assert!(message(b"", Expect::Accesses).contains("is empty: expected an access log"));
    assert!(message(b"\xef\xbb\xbf \n", Expect::Accesses).contains("is empty"));
    assert!(message(&gzip(b""), Expect::Accesses).contains("is empty"));
    assert!(message(&gzip(HEADER.as_bytes())[..12], Expect::Accesses).contains("ends early"));
    let lacking = message(b"occurred_at,who,patient_id\n", Expect::Accesses);
    assert!(
        lacking.contains("lacks user_id, action; found occurred_at, who, patient_id; expected an access log"),
        "{lacking}"
    );
    let values = message(b"2026-06-01T07:00:00Z,Smith,17\n", Expect::Accesses);
    assert!(values.contains("looks like values") && !values.contains("Smith"), "{values}");
    assert!(message(b"a;b\n", Expect::Accesses).contains("';', where a comma is expected"));
    assert!(message(b"<!doctype HTML><p>", Expect::Accesses).contains("is HTML"));
    assert!(message(b"<AuditEvent/>", Expect::Table(crate::decode::context::Table::Patients)).contains("holds XML"));
    assert!(message(b"a\0b", Expect::Accesses).contains("binary"));
    let table = message(b"user_id,occurred_at,action\n", Expect::Table(crate::decode::context::Table::Shifts));
    assert!(table.contains("lacks department, starts_at, ends_at") && table.contains("table shifts"), "{table}");
    let twice = message(b"user_id,occurred_at,action,User_ID\n", Expect::Accesses);
    assert!(twice.contains("names the column user_id twice"), "{twice}");
    let record = message(b"{\"name\":\"x\"}\n{}\n", Expect::Accesses);
    assert!(record.contains("found name; expected an access log"), "{record}");
}

#[test]
fn utf_16_reads_like_utf_8() {
    let text = format!("\u{feff}{HEADER}2026-06-01T07:00:00Z,ß😀,view,p1\n");
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for bytes in [text.clone().into_bytes(), little.clone(), big, gzip(&little)] {
        let file = file(&bytes);
        let mut reader = BlockReader::new(vec![file.path().to_owned()], Expect::Accesses, Sizes::default());
        let Some(Ok(Piece::Block(block))) = reader.next() else { panic!("no block") };
        let read = String::from_utf8(block.chunk().bytes.to_vec()).unwrap();
        assert_eq!(read, text.split_inclusive('\n').nth(1).unwrap());
        assert!(reader.next().is_none());
    }
}

#[test]
fn a_reader_goes_on_after_an_error_and_counts_its_progress() {
    let good = file(rows(3).as_bytes());
    let files = vec!["/no/such/file".into(), good.path().to_owned()];
    let mut reader = BlockReader::new(files, Expect::Accesses, Sizes::default());
    let progress = reader.progress();
    assert!(matches!(reader.next(), Some(Err(SourceError::Missing { .. }))));
    assert!(matches!(reader.next(), Some(Ok(Piece::Block(Block { file_number: 1, first_line: 2, .. })))));
    assert!(reader.next().is_none());
    assert_eq!((progress.consumed(), progress.total()), (rows(3).len() as u64, rows(3).len() as u64));
}
