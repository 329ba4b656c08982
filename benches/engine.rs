//! How fast accesses are decided once they are decoded: one shard, against a hospital's context.
//!
//! `cargo bench --bench engine`
//!
//! Reading the context and decoding the log happen before the clock starts.

#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::path::Path;
use std::sync::Arc;

use chartsentry::decode::{Chunk, Collected, Decoder, Expect, detect};
use chartsentry::engine::settings::Policy;
use chartsentry::engine::{Arrival, Engine};
use chartsentry::lab::generate::{Options, generate};
use chartsentry::model::access::AccessEvent;
use chartsentry::model::time::{HOUR, Zone};
use chartsentry::pipeline::context;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

const ZONE: &str = "America/Los_Angeles";
/// Events between two advances of the engine.
const BATCH: usize = 4_096;

fn zone() -> Zone {
    Zone::named(ZONE).unwrap()
}

fn hospital(out: &Path) {
    let options = Options {
        out: out.to_owned(),
        patients: 10_000,
        staff: 600,
        days: 7,
        seed: 1,
        hard: false,
        start: jiff::civil::date(2026, 6, 1),
        zone: zone(),
        formats: vec!["csv".to_owned()],
        snoops: Some(1),
        snooping_rate: None,
        command: String::new(),
    };
    generate(&options).unwrap();
}

fn events(path: &Path) -> Vec<AccessEvent<'static>> {
    let bytes = std::fs::read(path).unwrap();
    let layout = detect::detect(&bytes, true, Expect::Accesses).unwrap();
    let file: Arc<str> = "access.csv".into();
    let body = &bytes[layout.header_bytes..];
    let mut found = Collected::default();
    let chunk = Chunk { bytes: body, file: &file, first_line: layout.header_lines + 1, layout: &layout };
    Decoder::new(zone()).chunk(&chunk, &mut found);
    found.accesses.into_iter().map(|(event, _)| event).collect()
}

/// An engine that knows the context and has seen no access.
fn fresh(dir: &Path) -> Engine {
    let mut engine = Engine::new(&Policy::shipped(ZONE), 1).unwrap();
    context::load(&dir.join("context"), &zone(), None, &mut engine).unwrap();
    engine
}

/// Decides a log in the order of time, as a replay does.
fn live(mut engine: Engine, events: &[AccessEvent<'_>]) -> Engine {
    for batch in events.chunks(BATCH) {
        let mut intake = engine.intake();
        for event in batch {
            intake.push(&engine.context().dictionary, event, Arrival::UNTOLD);
        }
        engine.push(intake);
        engine.advance(engine.newest().minus(1));
    }
    engine.finish(engine.newest().plus(80 * HOUR));
    engine
}

fn decide(bench: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    hospital(dir.path());
    let events = events(&dir.path().join("access.csv"));
    let tally = live(fresh(dir.path()), &events).tally();
    assert!(tally.explained() > 0 && tally.suspicious > 0, "a week without work or without incidents");
    let mut group = bench.benchmark_group("engine");
    group.sample_size(20).throughput(Throughput::Elements(events.len() as u64));
    group.bench_function("push and advance", |bencher| {
        bencher.iter_batched(|| fresh(dir.path()), |engine| live(engine, &events), BatchSize::PerIteration);
    });
    group.finish();
}

criterion_group!(benches, decide);
criterion_main!(benches);
