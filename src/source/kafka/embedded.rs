//! A broker inside this process, for the demo and for tests without Java.

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

use super::error::{KafkaError, words};

/// librdkafka's own broker on a loopback port. It keeps about 5 MB and 100,000 batches of each
/// partition, drops older ones and does not compact: publish no faster than you read. It ends with
/// this value.
pub struct EmbeddedBroker {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

impl EmbeddedBroker {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// When librdkafka cannot listen on a loopback port.
    pub fn start() -> Result<Self, KafkaError> {
        let cluster = MockCluster::new(1)
            .map_err(|error| KafkaError::Client { brokers: "the embedded broker".to_owned(), reason: words(&error) })?;
        Ok(Self { cluster })
    }

    /// `host:port` for `bootstrap.servers`.
    #[must_use]
    pub fn brokers(&self) -> String {
        self.cluster.bootstrap_servers()
    }

    /// Creates a topic.
    ///
    /// # Errors
    ///
    /// When it exists already or its name is not a topic name.
    pub fn create_topic(&self, topic: &str, partitions: i32) -> Result<(), KafkaError> {
        self.cluster.create_topic(topic, partitions, 1).map_err(|error| KafkaError::Topic {
            topic: topic.to_owned(),
            brokers: self.brokers(),
            reason: words(&error),
        })
    }
}
