//! The daemon for as long as wanted, at a steady rate with bursts between: how soon an alert is at the SIEM, how far behind it
//! falls, and what memory it takes. With `--backlog N` it first has N events to catch up on.
//!
//! ```sh
//! cargo bench --bench soak -- --seconds 120 --rate 2000 --burst 20000 --lateness 0
//! cargo bench --bench soak -- --seconds 20 --backlog 10000000
//! ```
//!
//! Needs Java and Maven, see `tests/kafka/broker.sh`. Broker, producer and daemon share the cores. Nearly all accesses are
//! explained by an open care relationship; five a second are looks at somebody of the own rare name and address.

#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]

#[path = "../tests/daemon/process.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod process;
#[path = "../tests/support/mod.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod support;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chartsentry::model::time::{SECOND, Timestamp};
use chartsentry::pipeline::clock;
use clap::Parser;
use process::{Process, config_text};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use support::{Broker, Message};

const PARTITIONS: i32 = 3;
const USERS: u32 = 2_000;
/// Patients of each person.
const PANEL: u32 = 40;
/// People who look at somebody of their own name, one after another.
const SNOOPS: u32 = 20_000;
/// Looks of that kind a second.
const LOOKS: u64 = 5;
/// A burst of [`BURST`] begins every so often.
const CYCLE: Duration = Duration::from_secs(30);
const BURST: Duration = Duration::from_secs(5);
const REPORT: Duration = Duration::from_secs(10);

#[derive(Parser)]
struct Args {
    /// How long events are sent.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Events a second between bursts.
    #[arg(long, default_value_t = 2_000)]
    rate: u64,
    /// Events a second in a burst.
    #[arg(long, default_value_t = 20_000)]
    burst: u64,
    /// Seconds that an event may be late.
    #[arg(long, default_value_t = 0)]
    lateness: i64,
    /// Events that wait when the daemon starts.
    #[arg(long, default_value_t = 0)]
    backlog: u64,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let args = Args::parse();
    let Some(broker) = Broker::real() else { return };
    broker.create_topic("soak-audit", PARTITIONS);
    broker.create_compacted_topic("soak-context", 1);
    broker.produce("soak-context", &facts());
    let siem = Siem::listen();
    let folder = tempfile::tempdir().unwrap();
    let text = config_text(&broker, "soak", folder.path(), &format!("{}s", args.lateness), "") + &siem.config();
    let mut source = Source::new(&broker);
    if args.backlog > 0 {
        catch_up(&args, &mut source, folder.path(), &text);
        return;
    }
    let mut process = Process::start(folder.path(), &text);
    process.wait_until_ready();
    soak(&args, &mut source, &mut process, &siem);
    assert!(process.terminate().success());
}

/// What the context topic holds: open relationships, and people who share a rare name and an address with a patient.
fn facts() -> Vec<Message> {
    let message = |key: String, value: String| Message {
        partition: 0,
        key: Some(key.into_bytes()),
        value: Some(value.into_bytes()),
    };
    let care = (0..USERS * PANEL).map(|number| {
        let user = number / PANEL;
        let value = format!(
            r#"{{"type":"relationship","relationship_id":"r{number}","kind":"care-team","patient_id":"p{number}","user_id":"u{user}","starts_at":"2026-01-01T00:00:00Z"}}"#
        );
        message(format!("r{number}"), value)
    });
    let pairs = (0..SNOOPS).flat_map(|number| {
        let name: String = (0..4).map(|place| char::from(b'a' + (number >> (4 * place) & 15) as u8)).collect();
        let person = format!(r#""family_name":"Rare{name}","street":"{number} Long Road","postal_code":"90001""#);
        [
            message(format!("su{number}"), format!(r#"{{"type":"workforce","user_id":"su{number}",{person}}}"#)),
            message(format!("sp{number}"), format!(r#"{{"type":"patient","patient_id":"sp{number}",{person}}}"#)),
        ]
    });
    care.chain(pairs).collect()
}

/// Sends accesses of the present.
struct Source {
    producer: BaseProducer,
    random: ChaCha8Rng,
    sent: u64,
    looks: u32,
}

impl Source {
    fn new(broker: &Broker) -> Self {
        let mut config = broker.connection("unused").client_config();
        let producer = config.set("linger.ms", "5").set("queue.buffering.max.messages", "200000").create().unwrap();
        Self { producer, random: ChaCha8Rng::seed_from_u64(1), sent: 0, looks: 0 }
    }

    fn send(&mut self, user: &str, patient: &str, at: Timestamp) {
        let value = format!(
            r#"{{"event_id":"e{}","occurred_at":"{at}","user_id":"{user}","patient_id":"{patient}","action":"view","resource":"summary"}}"#,
            self.sent
        );
        let partition = user.bytes().map(i32::from).sum::<i32>() % PARTITIONS;
        let mut record = BaseRecord::to("soak-audit").partition(partition).key(user).payload(&value);
        while let Err((_, refused)) = self.producer.send(record) {
            record = refused;
            self.producer.poll(Duration::from_millis(1));
        }
        self.sent += 1;
    }

    fn usual(&mut self, at: Timestamp) {
        let number = self.random.next_u32() % (USERS * PANEL);
        self.send(&format!("u{}", number / PANEL), &format!("p{number}"), at);
    }

    /// A look that makes an incident; its number.
    fn look(&mut self, at: Timestamp) -> u32 {
        let number = self.looks;
        assert!(number < SNOOPS, "the soak lasts longer than there are people for");
        self.looks += 1;
        self.send(&format!("su{number}"), &format!("sp{number}"), at);
        number
    }
}

/// Takes alerts, and notes when the first of each look came.
struct Siem {
    address: std::net::SocketAddr,
    heard: Arc<Mutex<BTreeMap<u32, Timestamp>>>,
}

impl Siem {
    fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, heard) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(BTreeMap::new())));
        let hearing = Arc::clone(&heard);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                hear(stream.unwrap(), &hearing);
            }
        });
        Self { address, heard }
    }

    fn config(&self) -> String {
        format!(
            "[[sinks]]\nname = \"siem\"\nkind = \"syslog\"\nformat = \"json\"\naddress = \"tcp://{}\"\nmin_severity = \
             \"low\"\npatient_identifiers = \"plain\"\n",
            self.address
        )
    }
}

/// Notes every patient of a look in what comes over a connection.
fn hear(mut stream: TcpStream, heard: &Mutex<BTreeMap<u32, Timestamp>>) {
    let (mut text, mut bytes) = (String::new(), vec![0; 65_536]);
    while let Ok(count @ 1..) = stream.read(&mut bytes) {
        text.push_str(&String::from_utf8_lossy(&bytes[..count]));
        // What comes next may end what begins here.
        let end = text.rfind('"').map_or(0, |place| place + 1);
        for rest in text[..end].split("\"sp").skip(1) {
            let number = rest.split('"').next().and_then(|digits| digits.parse().ok());
            number.into_iter().for_each(|number| {
                heard.lock().unwrap().entry(number).or_insert_with(clock::now);
            });
        }
        text.drain(..text[..end].rfind("\"sp").unwrap_or(end));
    }
}

/// Sends for as long as asked, and says every ten seconds how it goes.
fn soak(args: &Args, source: &mut Source, process: &mut Process, siem: &Siem) {
    let (started, mut reported, mut due, mut due_looks) = (Instant::now(), Instant::now(), 0.0, 0.0);
    let mut looks: BTreeMap<u32, Timestamp> = BTreeMap::new();
    let mut all = Vec::new();
    println!("  time        sent     behind   alerts    p50       p99     memory    in the horizon");
    let mut last = Instant::now();
    while started.elapsed() < Duration::from_secs(args.seconds) {
        let in_cycle = started.elapsed().as_secs_f64() % CYCLE.as_secs_f64();
        let is_burst = in_cycle > (CYCLE - BURST).as_secs_f64();
        let passed = last.elapsed().as_secs_f64();
        last = Instant::now();
        due += passed * if is_burst { args.burst } else { args.rate } as f64;
        due_looks += passed * LOOKS as f64;
        while due >= 1.0 {
            source.usual(clock::now());
            due -= 1.0;
        }
        while due_looks >= 1.0 {
            let at = clock::now();
            looks.insert(source.look(at), at);
            due_looks -= 1.0;
        }
        source.producer.poll(Duration::from_millis(1));
        if reported.elapsed() >= REPORT {
            reported = Instant::now();
            report(started.elapsed(), source.sent, process, &mut taken(args, &mut looks, siem, &mut all));
        }
    }
    source.producer.flush(Duration::from_secs(30)).unwrap();
    process.wait("all alerts", |_| siem.heard.lock().unwrap().len() as u32 >= source.looks);
    taken(args, &mut looks, siem, &mut all);
    all.sort_by(f64::total_cmp);
    println!(
        "{} events, {} alerts: from {} to the alert at the SIEM median {:.0} ms, p99 {:.0} ms, longest {:.0} ms",
        source.sent,
        all.len(),
        if args.lateness == 0 { "the access" } else { "the watermark" },
        at_share(&all, 0.5),
        at_share(&all, 0.99),
        at_share(&all, 1.0)
    );
}

/// Milliseconds until the alerts that came since the last time.
fn taken(args: &Args, looks: &mut BTreeMap<u32, Timestamp>, siem: &Siem, all: &mut Vec<f64>) -> Vec<f64> {
    let heard = siem.heard.lock().unwrap();
    let came: Vec<(u32, f64)> = looks
        .iter()
        .filter_map(|(number, at)| Some((*number, (*heard.get(number)? - *at - args.lateness * SECOND) as f64 / 1e3)))
        .collect();
    came.iter().for_each(|(number, _)| {
        looks.remove(number);
    });
    all.extend(came.iter().map(|(_, took)| took));
    came.into_iter().map(|(_, took)| took).collect()
}

fn at_share(sorted: &[f64], share: f64) -> f64 {
    sorted.get(((sorted.len().max(1) - 1) as f64 * share) as usize).copied().unwrap_or(f64::NAN)
}

fn report(passed: Duration, sent: u64, process: &Process, took: &mut [f64]) {
    took.sort_by(f64::total_cmp);
    let metric = |name: &str, label: &str| process.metric(&format!("chartsentry_{name}"), label).unwrap_or(f64::NAN);
    println!(
        "{:>5} s {:>11} {:>10} {:>8} {:>6.0} ms {:>6.0} ms {:>7.0} MB {:>12} rows",
        passed.as_secs(),
        sent,
        metric("consumer_lag", ""),
        took.len(),
        at_share(took, 0.5),
        at_share(took, 0.99),
        metric("process_resident_memory_bytes", "") / 1e6,
        metric("engine_state", "horizon"),
    );
}

/// Lets the daemon catch up on what came while it was away.
fn catch_up(args: &Args, source: &mut Source, folder: &std::path::Path, text: &str) {
    // Three days in the order of time, so that event time moves as it does in life.
    let (now, span) = (clock::now(), 72 * 3_600 * SECOND);
    for number in 0..args.backlog {
        let passed = span / args.backlog as i64 * number as i64;
        source.usual(now.minus(span - passed));
    }
    source.producer.flush(Duration::from_secs(600)).unwrap();
    let mut process = Process::start(folder, text);
    let started = Instant::now();
    let all = source.sent as f64;
    process.wait_until_ready();
    // Longer than a test would wait.
    while process.metric("chartsentry_accesses_total", "").expect("the daemon answers") < all * 0.99 {
        std::thread::sleep(Duration::from_millis(500));
    }
    let took = started.elapsed().as_secs_f64();
    let metric = |name: &str, label: &str| process.metric(&format!("chartsentry_{name}"), label).unwrap_or(f64::NAN);
    println!(
        "{} events caught up in {took:.1} s, start included: {:.0} a second; peak memory {:.0} MB with {} rows in the horizon",
        args.backlog,
        all / took,
        metric("process_peak_memory_bytes", "") / 1e6,
        metric("engine_state", "horizon"),
    );
    assert!(process.terminate().success());
}
