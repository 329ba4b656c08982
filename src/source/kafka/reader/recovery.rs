//! Partitions that cannot be read on where they stand, and partitions that are new.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{Consumer, RebalanceProtocol};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};

use super::{Session, now};
use crate::source::kafka::event::{KafkaEvent, TopicPartition};
use crate::source::kafka::partition::Lost;

/// How often a reader without a group looks for partitions that were added to its topics.
pub(super) const LOOK_FOR_PARTITIONS: Duration = Duration::from_secs(60);
/// Pause between attempts to find out where to read on after lost records.
const RETRY: Duration = Duration::from_secs(2);
/// How long one question to the broker may take.
const ANSWER: Duration = Duration::from_secs(3);

impl Session {
    /// What librdkafka says is wrong with a partition.
    pub(super) fn fault(&mut self, place: usize, error: &ClientError) {
        let partition = &mut self.partitions[place];
        partition.lost = match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AutoOffsetReset) => Some(Lost::Place),
            _ if is_unknown(error) => Some(Lost::Topic),
            _ => partition.lost,
        };
        if partition.lost == Some(Lost::Place) {
            self.reader.consumer.context().take_reason();
        } else {
            let name = partition.name.clone();
            self.complain(Some(&name), error);
        }
    }

    /// Reads on where the broker's records begin, for partitions whose position it no longer holds.
    pub(super) fn recover(&mut self) {
        let is_any_lost = self.partitions.iter().any(|partition| partition.lost.is_some());
        if !is_any_lost || self.retry_at.is_some_and(|at| now() < at) {
            return;
        }
        self.close_batch();
        self.retry_at = None;
        let mut recovered = false;
        let consumer = Arc::clone(&self.reader.consumer);
        for place in 0..self.partitions.len() {
            let partition = &mut self.partitions[place];
            let Some(lost) = partition.lost else { continue };
            match consumer.fetch_watermarks(&partition.name.topic, partition.name.partition, ANSWER) {
                Ok((low, high)) => {
                    recovered = true;
                    let gap = partition.find_again(lost, low, high);
                    self.outbox.extend(gap.map(|(from, to)| {
                        let partition = partition.name.clone();
                        KafkaEvent::Gap { partition, from, to }
                    }));
                }
                Err(error) => {
                    let name = partition.name.clone();
                    self.retry_at = Some(now() + RETRY);
                    self.complain(Some(&name), &error);
                    // Who does not answer for one partition does not for the others, and a stop must not wait.
                    if !is_unknown(&error) {
                        break;
                    }
                }
            }
        }
        if recovered {
            self.reassign();
        }
    }

    /// Makes librdkafka start again where this reader stands.
    fn reassign(&mut self) {
        let consumer = Arc::clone(&self.reader.consumer);
        let list = self.list(|partition| partition.lost.is_none());
        let answer = match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => {
                consumer.incremental_unassign(&list).and_then(|()| consumer.incremental_assign(&list))
            }
            RebalanceProtocol::Eager | RebalanceProtocol::None => consumer.assign(&self.list(|_| true)),
        };
        self.check(answer, "read on after lost records");
    }

    /// A group learns of new partitions by itself; a reader without one has to look.
    pub(super) fn look_for_partitions(&mut self) {
        let Some(at) = self.look_at else { return };
        if now() < at {
            return;
        }
        self.look_at = Some(now() + LOOK_FOR_PARTITIONS);
        let mut added = Vec::new();
        for topic in self.reader.topics.iter() {
            // A broker that does not answer is told of by librdkafka itself.
            let Ok(metadata) = self.reader.consumer.fetch_metadata(Some(topic), ANSWER) else { continue };
            let found = metadata.topics().iter().flat_map(|topic| topic.partitions());
            let found = found.map(|partition| TopicPartition::new(Arc::clone(topic), partition.id()));
            added.extend(found.filter(|name| self.partitions.iter().all(|known| known.name != *name)));
        }
        if !added.is_empty() {
            self.close_batch();
            self.take_over(added);
        }
    }
}

/// Whether a broker answers, and says that there is no such topic or partition.
fn is_unknown(error: &ClientError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownPartition
        )
    )
}
