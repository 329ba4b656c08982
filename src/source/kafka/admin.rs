//! Questions to the cluster, and new topics.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic as ClientTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataTopic;

use super::callbacks::Callbacks;
use super::connection::Connection;
use super::error::{KafkaError, words};
use super::event::{Position, TopicPartition};

/// How long one question may take.
const ANSWER: Duration = Duration::from_secs(10);
/// What librdkafka may say before a question.
const MOST_SAYINGS: usize = 1000;

/// A topic that exists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TopicInfo {
    pub name: String,
    pub partitions: i32,
}

/// A topic to create.
#[derive(Clone, Debug)]
pub struct NewTopic {
    pub name: String,
    pub partitions: i32,
    /// How many brokers keep a copy; -1 = as the cluster's default says.
    pub replicas: i32,
    /// Keep the newest record of each key for ever instead of every record for a while.
    pub compacted: bool,
    /// How long records are kept, in milliseconds; none = as the cluster's default says.
    pub retention_ms: Option<i64>,
}

/// Asks a Kafka cluster about its topics.
pub struct Cluster {
    connection: Connection,
    client: BaseConsumer<Callbacks>,
}

impl Cluster {
    /// Makes the client. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// When librdkafka refuses a property.
    pub fn connect(connection: &Connection) -> Result<Self, KafkaError> {
        let mut config = connection.consumer_config();
        // A client without a group may ask everything here, and needs no right to the group.
        config.remove("group.id");
        let client = BaseConsumer::from_config_and_context(&config, Callbacks::new(connection.token.clone()))
            .map_err(|error| KafkaError::starting(&connection.brokers, error))?;
        let cluster = Self { connection: connection.clone(), client };
        cluster.listen();
        Ok(cluster)
    }

    /// Lets librdkafka say what it has to say, one thing at a time, until it is silent. It also asks for tokens here,
    /// and without one no question is answered.
    fn listen(&self) {
        for _ in 0..MOST_SAYINGS {
            let calls = self.client.context().calls();
            let is_silent = self.client.poll(Duration::ZERO).is_none();
            if is_silent && self.client.context().calls() == calls {
                return;
            }
        }
    }

    /// Every topic that this client may see, sorted by name, Kafka's own included.
    ///
    /// # Errors
    ///
    /// When no broker answers.
    pub fn topics(&self) -> Result<Vec<TopicInfo>, KafkaError> {
        self.listen();
        let metadata = self.client.fetch_metadata(None, ANSWER).map_err(|error| self.unreachable(&error))?;
        let found = metadata.topics().iter();
        let mut topics: Vec<TopicInfo> = found.map(info).collect();
        topics.sort();
        Ok(topics)
    }

    /// The partitions of some topics, sorted. Creates no topic, whatever the broker's settings.
    ///
    /// # Errors
    ///
    /// When no broker answers or a topic is missing.
    pub fn partitions(&self, topics: &[String]) -> Result<Vec<TopicPartition>, KafkaError> {
        let mut found = Vec::new();
        for name in topics {
            self.listen();
            let metadata = self.client.fetch_metadata(Some(name), ANSWER).map_err(|error| self.unreachable(&error))?;
            let topic = metadata.topics().iter().find(|topic| topic.name() == name);
            let info = topic.filter(|topic| topic.error().is_none()).map(info);
            match info {
                Some(info) if info.partitions > 0 => {
                    found.extend((0..info.partitions).map(|partition| TopicPartition::new(name.as_str(), partition)));
                }
                _ => return Err(self.missing(name, topic)),
            }
        }
        found.sort();
        found.dedup();
        Ok(found)
    }

    fn missing(&self, name: &str, topic: Option<&MetadataTopic>) -> KafkaError {
        let error = topic.and_then(MetadataTopic::error).map(RDKafkaErrorCode::from);
        let (topic, brokers) = (name.to_owned(), self.connection.brokers.clone());
        match error {
            None | Some(RDKafkaErrorCode::UnknownTopicOrPartition) => KafkaError::NoTopic { topic, brokers },
            Some(other) => KafkaError::Topic { topic, brokers, reason: other.to_string() },
        }
    }

    /// The end offsets of some topics: for each partition, the offset that its next record will have.
    ///
    /// # Errors
    ///
    /// When no broker answers or a topic is missing.
    pub fn end_offsets(&self, topics: &[String]) -> Result<Vec<Position>, KafkaError> {
        let mut ends = Vec::new();
        for partition in self.partitions(topics)? {
            self.listen();
            let (_, offset) = self
                .client
                .fetch_watermarks(&partition.topic, partition.partition, ANSWER)
                .map_err(|error| self.unreachable(&error))?;
            ends.push(Position::at(partition, offset));
        }
        Ok(ends)
    }

    /// Creates topics; one that exists already is left as it is. The embedded broker has its own way.
    ///
    /// # Errors
    ///
    /// When no broker answers or it refuses a topic.
    pub async fn create_topics(&self, topics: &[NewTopic]) -> Result<(), KafkaError> {
        let brokers = &self.connection.brokers;
        let admin: AdminClient<DefaultClientContext> =
            self.connection.client_config().create().map_err(|error| KafkaError::starting(brokers, error))?;
        let retentions: Vec<String> = topics.iter().map(|topic| topic.retention_ms.unwrap_or(-1).to_string()).collect();
        let wanted: Vec<ClientTopic<'_>> =
            topics.iter().zip(&retentions).map(|(topic, retention)| client_topic(topic, retention)).collect();
        let options = AdminOptions::new().request_timeout(Some(ANSWER)).operation_timeout(Some(ANSWER));
        let results = admin.create_topics(&wanted, &options).await.map_err(|error| self.unreachable(&error))?;
        for result in results {
            match result {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, code)) => {
                    return Err(KafkaError::Topic { topic, brokers: brokers.clone(), reason: code.to_string() });
                }
            }
        }
        Ok(())
    }

    /// librdkafka answers only that the transport failed; why, it says aside.
    fn unreachable(&self, error: &ClientError) -> KafkaError {
        self.listen();
        let reason = self.client.context().take_obstacle().unwrap_or_else(|| words(error));
        KafkaError::unreachable(&self.connection.brokers, reason)
    }
}

fn info(topic: &MetadataTopic) -> TopicInfo {
    TopicInfo { name: topic.name().to_owned(), partitions: topic.partitions().len() as i32 }
}

fn client_topic<'t>(topic: &'t NewTopic, retention: &'t str) -> ClientTopic<'t> {
    let created = ClientTopic::new(&topic.name, topic.partitions, TopicReplication::Fixed(topic.replicas));
    let created = if topic.retention_ms.is_some() { created.set("retention.ms", retention) } else { created };
    if topic.compacted { created.set("cleanup.policy", "compact") } else { created }
}
