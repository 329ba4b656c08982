//! Handoffs published to a topic: key = incident id, so that one partition keeps an incident's order.

use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::future_producer::DeliveryFuture;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};

use super::kafka_context::{Context, Publishing, words};
use super::{Message, Outcome, Transport};

/// How long librdkafka itself tries to deliver, unless the properties say otherwise.
const DELIVERY_TIMEOUT_MS: &str = "30000";

/// Publishes to one topic with `acks=all` and idempotence.
pub struct KafkaSink {
    config: ClientConfig,
    context: Context,
    topic: String,
    /// Absent after a fatal error, until the next attempt.
    producer: Option<FutureProducer<Context>>,
}

impl KafkaSink {
    /// Readies a producer; nothing is sent yet.
    ///
    /// # Errors
    /// When librdkafka does not accept the properties.
    pub fn new(publishing: &Publishing, topic: &str) -> Result<Self, String> {
        let is_set = |name: &str| publishing.properties.contains_key(name);
        let timeout = [("message.timeout.ms", DELIVERY_TIMEOUT_MS)];
        let has_timeout = is_set("message.timeout.ms") || is_set("delivery.timeout.ms");
        let config = publishing.config(if has_timeout { &[] } else { &timeout });
        let context = Context::new(publishing.token.clone());
        let mut sink = Self { config, context, topic: topic.to_owned(), producer: None };
        sink.producer().map_err(|error| format!("cannot set up the topic {topic}: {}", words(&error)))?;
        Ok(sink)
    }

    /// Asks the brokers for the topic; waits at most `patience`. Blocks.
    ///
    /// # Errors
    /// When no broker answers or the topic is not there.
    pub fn check(&mut self, patience: Duration) -> Result<(), String> {
        let (topic, context) = (self.topic.clone(), self.context.clone());
        let complaint = |error: KafkaError| format!("cannot reach the topic {topic}: {}", context.explain(&error));
        let metadata = self.producer().and_then(|made| made.client().fetch_metadata(Some(&topic), patience));
        match metadata.map_err(complaint)?.topics().first().and_then(|found| found.error()) {
            None => Ok(()),
            Some(error) => Err(complaint(KafkaError::Global(error.into()))),
        }
    }

    fn producer(&mut self) -> Result<&FutureProducer<Context>, KafkaError> {
        if self.producer.is_none() {
            self.producer = Some(self.config.create_with_context(self.context.clone())?);
        }
        self.producer.as_ref().ok_or(KafkaError::Canceled)
    }

    /// Hands over what librdkafka takes at once; an error ends the list.
    fn enqueue(&mut self, batch: &[Message]) -> Vec<Result<DeliveryFuture, KafkaError>> {
        let topic = self.topic.clone();
        let producer = match self.producer() {
            Ok(producer) => producer,
            Err(error) => return vec![Err(error)],
        };
        let mut queued = Vec::with_capacity(batch.len());
        for message in batch {
            let header = Header { key: "message_id", value: Some(message.message_id.as_bytes()) };
            let record = FutureRecord::to(&topic)
                .key(message.incident_id.as_bytes())
                .payload(message.body.as_bytes())
                .headers(OwnedHeaders::new_with_capacity(1).insert(header));
            let sent = producer.send_result(record).map_err(|(error, _)| error);
            let stop = sent.as_ref().is_err_and(|error| !is_permanent(error));
            queued.push(sent);
            if stop {
                break;
            }
        }
        queued
    }
}

impl Transport for KafkaSink {
    async fn send(&mut self, batch: &[Message]) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(batch.len());
        for queued in self.enqueue(batch) {
            let delivered = match queued {
                Ok(delivery) => match delivery.await {
                    Ok(result) => result.map(drop).map_err(|(error, _)| error),
                    Err(_) => Err(KafkaError::Canceled),
                },
                Err(error) => Err(error),
            };
            outcomes.push(match delivered {
                Ok(()) => Outcome::Delivered,
                Err(error) => self.failed(&error),
            });
        }
        outcomes
    }
}

impl KafkaSink {
    fn failed(&mut self, error: &KafkaError) -> Outcome {
        let about = format!("cannot publish to the topic {}", self.topic);
        if is_permanent(error) {
            return Outcome::Refused(format!("{about}: {}", words(error)));
        }
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
            self.producer = None;
        }
        Outcome::Retry(format!("{about}: {}", self.context.explain(error)))
    }
}

/// Whether the same message will fail again however often it is sent.
fn is_permanent(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::MessageSizeTooLarge
                | RDKafkaErrorCode::MessageBatchTooLarge
                | RDKafkaErrorCode::InvalidRecord
        )
    )
}

#[cfg(test)]
mod tests {
    use rdkafka::Message as _;
    use rdkafka::consumer::{BaseConsumer, Consumer};
    use rdkafka::message::Headers;
    use rdkafka::mocking::MockCluster;

    use super::*;
    use crate::model::incident::Severity;
    use crate::model::time::Timestamp;

    fn message(incident: &str, body: &str) -> Message {
        Message {
            message_id: format!("{incident}-1"),
            incident_id: incident.to_owned(),
            kind: "pair",
            severity: Severity::High,
            emitted_at: Timestamp(0),
            body: body.to_owned(),
        }
    }

    fn publishing(properties: &[(&str, &str)]) -> Publishing {
        let pairs = properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Publishing { properties: pairs.collect(), token: None }
    }

    fn to(servers: &str) -> Publishing {
        publishing(&[("bootstrap.servers", servers), ("message.timeout.ms", "1000"), ("acks", "0")])
    }

    #[tokio::test]
    async fn messages_arrive_with_their_key_and_id() {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("handoffs", 1, 1).unwrap();
        let mut sink = KafkaSink::new(&to(&cluster.bootstrap_servers()), "handoffs").unwrap();
        sink.check(Duration::from_secs(10)).unwrap();
        let batch = [message("i1", "one"), message("i2", &"x".repeat(2_000_000)), message("i3", "three")];
        let outcomes = sink.send(&batch).await;
        assert!(matches!(&outcomes[..], [Outcome::Delivered, Outcome::Refused(_), Outcome::Delivered]), "{outcomes:?}");

        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", cluster.bootstrap_servers())
            .set("group.id", "test")
            .set("auto.offset.reset", "earliest")
            .create()
            .unwrap();
        consumer.subscribe(&["handoffs"]).unwrap();
        for (incident, body) in [("i1", "one"), ("i3", "three")] {
            let received = consumer.iter().next().unwrap().unwrap();
            assert_eq!(received.key(), Some(incident.as_bytes()));
            assert_eq!(received.payload(), Some(body.as_bytes()));
            let id = format!("{incident}-1");
            assert_eq!(received.headers().unwrap().get(0).value, Some(id.as_bytes()));
        }
    }

    #[tokio::test]
    async fn a_broker_that_is_away_is_tried_again() {
        let mut sink = KafkaSink::new(&to("127.0.0.1:1"), "handoffs").unwrap();
        let outcomes = sink.send(&[message("i1", "one")]).await;
        assert!(matches!(&outcomes[..], [Outcome::Retry(why)] if why.contains("handoffs")), "{outcomes:?}");
        assert!(sink.check(Duration::from_millis(100)).unwrap_err().contains("handoffs"));
    }

    #[tokio::test]
    async fn a_message_that_does_not_arrive_is_told_with_the_reason() {
        let mut sink = KafkaSink::new(&to("127.0.0.1:1"), "handoffs").unwrap();
        let outcomes = sink.send(&[message("i1", "one")]).await;
        assert!(matches!(&outcomes[..], [Outcome::Retry(why)] if why.contains("Connect to")), "{outcomes:?}");
    }

    #[test]
    fn unknown_properties_are_named() {
        let wrong = publishing(&[("no.such.property", "1")]);
        assert!(KafkaSink::new(&wrong, "handoffs").err().unwrap().contains("no.such.property"));
    }

    #[test]
    fn a_property_that_is_refused_is_named_without_its_value() {
        let wrong = publishing(&[("security.protocol", "hunter2")]);
        let why = KafkaSink::new(&wrong, "handoffs").err().unwrap();
        assert!(why.contains("security.protocol") && !why.contains("hunter2"), "{why}");
    }
}
