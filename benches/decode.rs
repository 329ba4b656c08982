//! How fast logs are decoded: one thread, from memory, for each format.
//!
//! `cargo bench --bench decode`

#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::hint::black_box;
use std::sync::Arc;

use chartsentry::decode::{Chunk, DecodeSink, Decoder, Expect, detect};
use chartsentry::lab::generate::{Options, generate};
use chartsentry::model::access::AccessEvent;
use chartsentry::model::context::ContextUpdate;
use chartsentry::model::reject::Reject;
use chartsentry::model::time::Zone;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const FILES: [&str; 3] = ["access.csv", "access.ndjson", "access.fhir.ndjson"];

/// Looks at every event and keeps none.
#[derive(Default)]
struct Seen {
    accesses: u64,
    facts: u64,
    rejects: u64,
}

impl DecodeSink for Seen {
    fn access(&mut self, event: &AccessEvent<'_>, line: u64) {
        black_box((event, line));
        self.accesses += 1;
    }

    fn context(&mut self, update: ContextUpdate, _: u64) {
        black_box(update);
        self.facts += 1;
    }

    fn reject(&mut self, _: Reject) {
        self.rejects += 1;
    }
}

fn zone() -> Zone {
    Zone::named("America/Los_Angeles").unwrap()
}

/// Records of other systems, in their own words.
const OTHERS: usize = 20_000;

fn others() -> Vec<(&'static str, Vec<u8>)> {
    let all = |one: &dyn Fn(usize) -> String| (0..OTHERS).map(one).collect::<String>().into_bytes();
    let time = |n: usize| format!("2026-06-01T{:02}:{:02}:{:02}Z", n / 3_600 % 24, n / 60 % 60, n % 60);
    let atna = |n: usize| {
        format!(
            "<85>1 {0} h a 1 IHE+DICOM - <AuditMessage><EventIdentification EventActionCode=\"R\" EventDateTime=\"{0}\" \
             EventOutcomeIndicator=\"0\"><EventID csd-code=\"110110\" codeSystemName=\"DCM\" originalText=\"Patient Record\"/>\
             </EventIdentification><ActiveParticipant UserID=\"u{1}\" UserName=\"Name{1}\" UserIsRequestor=\"true\" \
             NetworkAccessPointID=\"10.0.0.1\" NetworkAccessPointTypeCode=\"2\"/><AuditSourceIdentification AuditSourceID=\"s\"/>\
             <ParticipantObjectIdentification ParticipantObjectID=\"p{2}^^^&amp;1.2.3&amp;ISO\" ParticipantObjectTypeCode=\"1\" \
             ParticipantObjectTypeCodeRole=\"1\"/></AuditMessage>\n",
            time(n),
            n % 300,
            n % 4_000
        )
    };
    let epic = |n: usize| {
        format!(
            "<85>1 {} h Epic 1 - - CEF:0|Epic|Security-SIEM|9|MASKED_DATA_DISPLAY|x|5|suser=u{}^NAME PATIENT=p{} \
             DEP=4^Ward 4 workstationID=ws1 IP=10.0.0.1/10.0.0.2\n",
            time(n),
            n % 300,
            n % 4_000
        )
    };
    let row = |n: usize| format!("{},Chart View,u{},p{},Roe,x,ws{}\n", time(n), n % 300, n % 4_000, n % 50);
    let mut export =
        b"Creation Time,Event Name,SamAccountName,Patient Reg Id,Patient Last Name,Patient Address,Workstation Id\n"
            .to_vec();
    export.extend(all(&row));
    let adt = |n: usize| {
        format!(
            "MSH|^~\\&|ADT|H|||202606{0:02}0800||ADT^A01|{1}|P|2.5\rEVN|A01|202606{0:02}0800\rPID|||p{1}^^^H^MR||Roe^Ann||19800102|F\r\
             PV1||I|4N^1^A||||u{2}|||||||||||v{1}\r",
            1 + n % 28,
            n,
            n % 300
        )
    };
    vec![("atna in syslog", all(&atna)), ("epic cef", all(&epic)), ("mapped csv", export), ("hl7 v2 adt", all(&adt))]
}

/// The texts of one synthetic log in every format.
fn logs() -> Vec<(&'static str, Vec<u8>)> {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        out: dir.path().to_owned(),
        patients: 4_000,
        staff: 300,
        days: 7,
        seed: 1,
        hard: false,
        start: jiff::civil::date(2026, 6, 1),
        zone: zone(),
        formats: ["csv", "ndjson", "fhir"].map(str::to_owned).to_vec(),
        snoops: Some(1),
        snooping_rate: None,
        command: String::new(),
    };
    generate(&options).unwrap();
    FILES.map(|name| (name, std::fs::read(dir.path().join(name)).unwrap())).to_vec()
}

fn decode(bench: &mut Criterion) {
    let mut group = bench.benchmark_group("decode");
    for (name, bytes) in logs().into_iter().chain(others()) {
        let layout = detect::detect(&bytes, true, Expect::Anything).unwrap();
        let file: Arc<str> = name.into();
        let body = &bytes[layout.header_bytes..];
        let chunk = Chunk { bytes: body, file: &file, first_line: layout.header_lines + 1, layout: &layout };
        let mut seen = Seen::default();
        Decoder::new(zone()).chunk(&chunk, &mut seen);
        assert!(seen.accesses + seen.facts > 0 && seen.rejects == 0, "{name} is not what it was generated as");
        group.throughput(Throughput::ElementsAndBytes {
            elements: seen.accesses + seen.facts,
            bytes: body.len() as u64,
        });
        group.bench_function(name, |bencher| {
            let mut decoder = Decoder::new(zone());
            bencher.iter(|| {
                let mut seen = Seen::default();
                decoder.chunk(black_box(&chunk), &mut seen);
                seen.accesses
            });
        });
    }
    group.finish();
}

criterion_group!(benches, decode);
criterion_main!(benches);
