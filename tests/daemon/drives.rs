//! `kill -9` at random moments under load, fifty times: what stands in the end is what an undisturbed run ends with.
//!
//! The moments come from a seed, so a drive can be repeated. Other drives: `CHARTSENTRY_FAULT_SEED`, `..._KILLS`,
//! `..._PARTITIONS` and `..._HOSPITAL` (flags of `chartsentry generate`).

use std::env;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use super::hospital::Hospital;
use super::kill::{handoffs, has_cases_of_all, has_read_all, open, receive, sink, undisturbed};
use super::process::{Process, config_text, free_address};
use crate::support::{Broker, Message};

/// What is killed when, and over what.
struct Drive {
    seed: u64,
    kills: u32,
    partitions: i32,
    hospital: String,
}

impl Drive {
    fn of_environment() -> Self {
        let number = |name: &str, usual: u64| {
            env::var(format!("CHARTSENTRY_FAULT_{name}")).map_or(usual, |text| text.parse().unwrap())
        };
        let usual = "--patients 3000 --staff 200 --days 10 --seed 12 --snoops 4".to_owned();
        Self {
            seed: number("SEED", 1),
            kills: u32::try_from(number("KILLS", 50)).unwrap(),
            partitions: i32::try_from(number("PARTITIONS", 4)).unwrap(),
            hospital: env::var("CHARTSENTRY_FAULT_HOSPITAL").unwrap_or(usual),
        }
    }

    /// A person's accesses stand in one partition.
    fn partition(&self, message: Message) -> Message {
        let key: i32 = message.key.iter().flatten().map(|byte| i32::from(*byte)).sum();
        Message { partition: key % self.partitions, ..message }
    }
}

#[test]
fn fifty_kills_at_random_moments_change_nothing() {
    let Some(broker) = Broker::real() else { return };
    let drive = Drive::of_environment();
    let mut random = ChaCha8Rng::seed_from_u64(drive.seed);
    let hospital = Hospital::generate(&drive.hospital);
    broker.create_topic("drive-audit", drive.partitions);
    broker.create_compacted_topic("drive-context", 1);
    broker.produce("drive-context", &hospital.fact_messages());
    let messages: Vec<Message> =
        hospital.access_messages().into_iter().map(|message| drive.partition(message)).collect();

    let folder = tempfile::tempdir().unwrap();
    let address = free_address();
    // A member that is known takes its partitions up again without waiting for the one that was killed to time out.
    let known = "[kafka.properties]\n\"group.instance.id\" = \"one\"";
    let text = config_text(&broker, "drive", folder.path(), "30m", "").replace("[kafka.properties]", known);
    let text = text + &sink(address);
    let received = receive(address);
    std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            let broker = Broker::real().unwrap();
            for slice in messages.chunks(messages.len().div_ceil(drive.kills as usize * 4).max(1)) {
                broker.produce("drive-audit", slice);
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        for _ in 0..drive.kills {
            let process = Process::start(folder.path(), &text);
            std::thread::sleep(Duration::from_millis(u64::from(random.next_u32() % 2_500)));
            process.kill();
        }
        load.join().unwrap();
    });
    let mut process = Process::start(folder.path(), &text);
    process.wait("all accesses", has_read_all);
    process.wait("the outbox to empty", |process| process.metric("chartsentry_outbox_pending", "siem") == Some(0.0));
    assert!(process.terminate().success());

    let store = open(folder.path());
    let found = (store.incidents().unwrap(), handoffs(&store));
    let wanted = undisturbed(&broker, "drive");
    assert!(wanted.0.len() >= 5 && wanted.1.len() >= 5, "{} incidents, {} handoffs", wanted.0.len(), wanted.1.len());
    assert_eq!(found.0, wanted.0);
    assert_eq!(found.1, wanted.1);
    let received = String::from_utf8_lossy(&received.lock().unwrap()).into_owned();
    let missing: Vec<_> = found.1.keys().filter(|id| !received.contains(id.as_str())).collect();
    assert!(missing.is_empty(), "{} of {} handoffs never arrived: {missing:?}", missing.len(), found.1.len());
    assert_eq!(store.dead_letters("siem").unwrap(), []);
    has_cases_of_all(folder.path(), &store);
    eprintln!("seed {}: {} kills, {} accesses, {} handoffs", drive.seed, drive.kills, messages.len(), found.1.len());
}
