//! The topics between workers and the register.

use anyhow::{Context as _, Result, bail};

use crate::config::Config;
use crate::model::time::DAY;
use crate::source::kafka::{Cluster, Connection, NewTopic, TopicPartition};

/// How long findings wait for a register that is away, in milliseconds.
const FINDINGS_KEPT: i64 = 30 * DAY / 1_000;

/// Creates the topics that are missing, with as many partitions as the access topic, and checks those that are there.
/// Gives the partitions of the access topic.
///
/// # Errors
/// When no broker answers, it refuses a topic, or one has another number of partitions.
pub(in crate::pipeline::daemon) fn prepare(config: &Config, connection: &Connection) -> Result<Vec<TopicPartition>> {
    let cluster = Cluster::connect(connection)?;
    let accesses = cluster.partitions(&config.kafka.access_topics)?;
    let partitions = i32::try_from(accesses.len()).unwrap_or(i32::MAX);
    let topic = |name: &String, compacted: bool| NewTopic {
        name: name.clone(),
        partitions,
        replicas: -1,
        compacted,
        retention_ms: (!compacted).then_some(FINDINGS_KEPT),
    };
    let own = &config.cluster;
    let wanted = [topic(&own.state_topic, true), topic(&own.findings_topic, false), topic(&own.notices_topic, true)];
    let found = cluster.topics()?;
    let missing: Vec<NewTopic> =
        wanted.iter().filter(|topic| found.iter().all(|known| known.name != topic.name)).cloned().collect();
    if !missing.is_empty() && connection.token.is_some() {
        let name = |topic: &NewTopic| match topic.compacted {
            true => format!("\"{}\" (cleanup.policy=compact)", topic.name),
            false => format!("\"{}\" (retention.ms={FINDINGS_KEPT})", topic.name),
        };
        let names: Vec<String> = missing.iter().map(name).collect();
        bail!(
            "topics of [cluster] are missing, and with [kafka.oauth] they cannot be created from here: create {} with \
             {partitions} partitions each",
            names.join(", ")
        );
    }
    if !missing.is_empty() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(cluster.create_topics(&missing)).context("cannot create the topics of [cluster]")?;
    }
    for known in found.iter().filter(|known| wanted.iter().any(|topic| topic.name == known.name)) {
        if known.partitions != partitions {
            bail!(
                "the topic \"{}\" has {} partitions and the access topic {partitions}: the state of each partition \
                 stands in the same partition of that topic; choose another kafka.group_id, whose topics are then \
                 made anew, and the log is decided again from its beginning",
                known.name,
                known.partitions
            );
        }
    }
    Ok(accesses)
}
