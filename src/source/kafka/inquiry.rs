//! Questions before a start: what a topic keeps, and what this client may do.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::callbacks::Callbacks;
use super::connection::Connection;
use super::error::{KafkaError, words};
use super::event::TopicPartition;
use super::partition::add;

/// How long one question may take.
const ANSWER: Duration = Duration::from_secs(10);
/// How long one look for a record may take, and how many looks there are.
const LOOK: Duration = Duration::from_millis(100);
const LOOKS: u32 = 100;

/// What a topic keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keeping {
    /// The newest record of each key.
    pub is_compacted: bool,
    /// Records are deleted after so many milliseconds; none = never because of their age.
    pub retention_ms: Option<i64>,
}

impl Keeping {
    /// As the settings `cleanup.policy` and `retention.ms` have it.
    fn of(cleanup: &str, retention: &str) -> Self {
        let names = |policy: &str| cleanup.split(',').any(|name| name.trim() == policy);
        let retention_ms = retention.trim().parse().ok().filter(|ms| *ms >= 0 && names("delete"));
        Self { is_compacted: names("compact"), retention_ms }
    }
}

/// Asks what a topic keeps. Needs the right to describe its settings, which reading it does not.
///
/// # Errors
/// When no broker answers, or it does not tell.
pub async fn keeping(connection: &Connection, topic: &str) -> Result<Keeping, KafkaError> {
    let brokers = &connection.brokers;
    let admin: AdminClient<DefaultClientContext> =
        connection.client_config().create().map_err(|error| KafkaError::starting(brokers, error))?;
    let untold = |reason: String| KafkaError::Topic { topic: topic.to_owned(), brokers: brokers.clone(), reason };
    let options = AdminOptions::new().request_timeout(Some(ANSWER));
    let wanted = [ResourceSpecifier::Topic(topic)];
    let answer = admin.describe_configs(&wanted, &options).await.map_err(|error| untold(words(&error)))?;
    let settings = match answer.into_iter().next() {
        Some(Ok(settings)) => settings,
        Some(Err(code)) => return Err(untold(code.to_string())),
        None => return Err(untold("the broker says nothing about it".to_owned())),
    };
    let value = |name: &str| settings.get(name).and_then(|entry| entry.value.clone()).unwrap_or_default();
    Ok(Keeping::of(&value("cleanup.policy"), &value("retention.ms")))
}

/// Tries to read some partitions of one topic from their ends; takes part in no group.
///
/// # Errors
/// When this client may not, or no broker answers.
pub fn try_reading(connection: &Connection, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
    let consumer = consumer(connection)?;
    let mut list = TopicPartitionList::new();
    partitions.iter().for_each(|partition| add(&mut list, partition, Offset::End));
    let topic = partitions.first().map_or_else(String::new, |partition| partition.topic.to_string());
    let brokers = &connection.brokers;
    let refused = |reason: String| KafkaError::Topic { topic: topic.clone(), brokers: brokers.clone(), reason };
    consumer.assign(&list).map_err(|error| refused(words(&error)))?;
    for _ in 0..LOOKS {
        match consumer.poll(LOOK) {
            // The right is one to the whole topic.
            Some(Ok(_) | Err(ClientError::PartitionEOF(_))) => return Ok(()),
            Some(Err(error)) if is_refusal(&error) => return Err(refused(words(&error))),
            Some(Err(_)) | None => {}
        }
    }
    let reason = consumer.context().take_reason().unwrap_or_else(|| "nothing came within 10 s".to_owned());
    Err(KafkaError::Unreachable { brokers: brokers.clone(), reason })
}

/// Asks for the offsets of the consumer group; takes no part in it.
///
/// # Errors
/// When this client may not, or no broker answers.
pub fn try_group(connection: &Connection, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
    let consumer = consumer(connection)?;
    let mut list = TopicPartitionList::new();
    partitions.iter().for_each(|partition| add(&mut list, partition, Offset::Invalid));
    let found = consumer.committed_offsets(list, ANSWER);
    let found = found.and_then(|found| found.elements().iter().try_for_each(|element| element.error()));
    found.map_err(|error| KafkaError::Group {
        group: connection.group_id.clone(),
        brokers: connection.brokers.clone(),
        reason: words(&error),
    })
}

fn consumer(connection: &Connection) -> Result<BaseConsumer<Callbacks>, KafkaError> {
    let consumer =
        BaseConsumer::from_config_and_context(&connection.consumer_config(), Callbacks::new(connection.token.clone()))
            .map_err(|error| KafkaError::starting(&connection.brokers, error))?;
    // A token is asked for in a poll; nothing else can come yet.
    let _ = consumer.poll(LOOK);
    Ok(consumer)
}

/// Whether asking again changes nothing.
fn is_refusal(error: &ClientError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::GroupAuthorizationFailed
                | RDKafkaErrorCode::ClusterAuthorizationFailed
                | RDKafkaErrorCode::UnknownTopicOrPartition
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retention_counts_only_where_records_are_deleted() {
        let keeping = |is_compacted, retention_ms| Keeping { is_compacted, retention_ms };
        assert_eq!(Keeping::of("delete", "604800000"), keeping(false, Some(604_800_000)));
        assert_eq!(Keeping::of("delete", "-1"), keeping(false, None));
        assert_eq!(Keeping::of("compact", "604800000"), keeping(true, None));
        assert_eq!(Keeping::of("compact, delete", "1000"), keeping(true, Some(1000)));
    }
}
