//! Single records by their place, for people who look at what was set aside.

use std::time::Duration;

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::callbacks::Callbacks;
use super::connection::Connection;
use super::error::{KafkaError, words};
use super::event::TopicPartition;
use super::partition::add;

/// How long one question may take.
const ANSWER: Duration = Duration::from_secs(10);
/// One wait for the next record, and how many of them may be in vain.
const TURN: Duration = Duration::from_millis(100);
/// How long a new client is listened to.
const LISTEN: Duration = Duration::from_millis(100);
const SILENT: u32 = 150;
/// Records that are read and thrown away rather than starting anew behind them.
const SKIPPED: i64 = 1_000;

/// A record as its topic has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
}

/// Reads single records; fastest in the order of their places.
pub struct Fetcher {
    consumer: BaseConsumer<Callbacks>,
    brokers: String,
    /// Where it reads, and the offset that comes next.
    at: Option<(TopicPartition, i64)>,
}

impl Fetcher {
    /// Makes the client. Nothing is sent yet, and no group is joined.
    ///
    /// # Errors
    /// When librdkafka refuses a property.
    pub fn connect(connection: &Connection) -> Result<Self, KafkaError> {
        let consumer = BaseConsumer::from_config_and_context(
            &connection.consumer_config(),
            Callbacks::new(connection.token.clone()),
        )
        .map_err(|error| KafkaError::starting(&connection.brokers, error))?;
        // A token is asked for in a poll; nothing else can come yet.
        let _ = consumer.poll(LISTEN);
        Ok(Self { consumer, brokers: connection.brokers.clone(), at: None })
    }

    /// The record at an offset; nothing where the topic or the record is not there any more.
    ///
    /// # Errors
    /// When no broker answers.
    pub fn fetch(&mut self, partition: &TopicPartition, offset: i64) -> Result<Option<Fetched>, KafkaError> {
        let ends = self.consumer.fetch_watermarks(&partition.topic, partition.partition, ANSWER);
        match ends {
            Ok((low, high)) if (low..high).contains(&offset) => {}
            Ok(_) => return Ok(None),
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(self.unreachable(&words(&error))),
        }
        let is_near = |(name, next): &(TopicPartition, i64)| {
            name == partition && (*next..next.saturating_add(SKIPPED)).contains(&offset)
        };
        if !self.at.as_ref().is_some_and(is_near) {
            let mut list = TopicPartitionList::new();
            add(&mut list, partition, Offset::Offset(offset));
            self.consumer.assign(&list).map_err(|error| self.unreachable(&words(&error)))?;
            self.at = Some((partition.clone(), offset));
        }
        self.read_to(partition, offset)
    }

    fn read_to(&mut self, partition: &TopicPartition, offset: i64) -> Result<Option<Fetched>, KafkaError> {
        let mut silent = 0;
        let mut reason = "no record came".to_owned();
        while silent < SILENT {
            match self.consumer.poll(TURN) {
                None => silent += 1,
                Some(Ok(message)) if message.topic() != &*partition.topic => {}
                Some(Ok(message)) if message.partition() != partition.partition => {}
                Some(Ok(message)) => {
                    let found = message.offset();
                    self.at = Some((partition.clone(), found + 1));
                    if found == offset {
                        let own = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
                        return Ok(Some(Fetched { key: own(message.key()), value: own(message.payload()) }));
                    }
                    if found > offset {
                        return Ok(None);
                    }
                }
                Some(Err(ClientError::PartitionEOF(number))) if number == partition.partition => return Ok(None),
                Some(Err(error)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AutoOffsetReset) => {
                    self.at = None;
                    return Ok(None);
                }
                Some(Err(error)) => {
                    silent += 1;
                    reason = words(&error);
                }
            }
        }
        self.at = None;
        Err(self.unreachable(&reason))
    }

    fn unreachable(&self, reason: &str) -> KafkaError {
        let reason = self.consumer.context().take_reason().unwrap_or_else(|| reason.to_owned());
        KafkaError::Unreachable { brokers: self.brokers.clone(), reason }
    }
}

/// Nobody is left to answer when the client gives its partition up.
impl Drop for Fetcher {
    fn drop(&mut self) {
        self.consumer.context().close();
    }
}

fn is_absent(error: &ClientError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownPartition
        )
    )
}
