//! Whether the broker lets this user do what a daemon does. Nothing is read, written or joined for it.

use super::{Attempt, PATIENCE};
use crate::config::{Config, Secrets, Target};
use crate::pipeline::daemon::{connection, publishing};
use crate::sink::kafka_rights::may_write;
use crate::source::kafka::{Cluster, Connection, TopicPartition, try_group, try_reading};

/// What to try, in order, each with its name.
pub(super) fn probes(config: &Config, secrets: &Secrets) -> Vec<(String, Attempt)> {
    let connection = connection(config, secrets);
    let kafka = &config.kafka;
    let mut probes = vec![("group".to_owned(), group(connection.clone(), kafka.access_topics.clone()))];
    let read = kafka.access_topics.iter().chain(&kafka.context_topics).chain(&kafka.context_event_topics);
    probes.extend(read.map(|topic| (format!("read {topic}"), reading(connection.clone(), topic.clone()))));
    let sinks = config.sinks.iter().filter_map(|sink| match &sink.target {
        Target::Kafka(topic) => Some(topic),
        Target::SyslogUdp(_) | Target::SyslogTcp(_) | Target::File(_) => None,
    });
    let written = kafka.handoff_topic.iter().chain(&kafka.quarantine_topic).chain(sinks);
    probes.extend(written.map(|topic| (format!("write {topic}"), writing(config, secrets, topic.clone()))));
    probes
}

fn partitions(connection: &Connection, topics: &[String]) -> Result<Vec<TopicPartition>, String> {
    let found = Cluster::connect(connection).and_then(|cluster| cluster.partitions(topics));
    found.map_err(|error| error.to_string())
}

fn group(connection: Connection, topics: Vec<String>) -> Attempt {
    Box::new(move || {
        let partitions = partitions(&connection, &topics)?;
        try_group(&connection, &partitions).map_err(|error| error.to_string())?;
        Ok(format!("{} may be asked for its offsets", connection.group_id))
    })
}

fn reading(connection: Connection, topic: String) -> Attempt {
    Box::new(move || {
        let partitions = partitions(&connection, &[topic])?;
        try_reading(&connection, &partitions).map_err(|error| error.to_string())?;
        Ok("may be read".to_owned())
    })
}

fn writing(config: &Config, secrets: &Secrets, topic: String) -> Attempt {
    let publishing = publishing(config, secrets);
    Box::new(move || {
        super::block_on(may_write(&publishing, &topic, PATIENCE))??;
        Ok("may be written".to_owned())
    })
}
