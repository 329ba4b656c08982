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
    rejects: u64,
}

impl DecodeSink for Seen {
    fn access(&mut self, event: &AccessEvent<'_>, line: u64) {
        black_box((event, line));
        self.accesses += 1;
    }

    fn context(&mut self, update: ContextUpdate, _: u64) {
        black_box(update);
    }

    fn reject(&mut self, _: Reject) {
        self.rejects += 1;
    }
}

fn zone() -> Zone {
    Zone::named("America/Los_Angeles").unwrap()
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
    for (name, bytes) in logs() {
        let layout = detect::detect(&bytes, true, Expect::Accesses).unwrap();
        let file: Arc<str> = name.into();
        let body = &bytes[layout.header_bytes..];
        let chunk = Chunk { bytes: body, file: &file, first_line: layout.header_lines + 1, layout: &layout };
        let mut seen = Seen::default();
        Decoder::new(zone()).chunk(&chunk, &mut seen);
        assert!(seen.accesses > 0 && seen.rejects == 0, "{name} is not what it was generated as");
        group.throughput(Throughput::ElementsAndBytes { elements: seen.accesses, bytes: body.len() as u64 });
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
