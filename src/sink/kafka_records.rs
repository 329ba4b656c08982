//! Plain records published to any topic: the demo's log.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};

/// How long to wait when librdkafka's queue is full.
const FULL: Duration = Duration::from_millis(5);
/// How often to try a full queue before the broker counts as away.
const TRIES: u32 = 2_000;

/// Publishes records in the background.
pub struct RecordPublisher {
    producer: ThreadedProducer<Failures>,
    failures: Failures,
}

/// The first failure since it was last asked for, and how many there were.
#[derive(Clone, Default)]
struct Failures(Arc<Mutex<Option<(String, u64)>>>);

impl ClientContext for Failures {}

impl ProducerContext for Failures {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert_with(|| (error.to_string(), 0)).1 += 1;
        }
    }
}

impl RecordPublisher {
    /// `properties` go to librdkafka as they are, `bootstrap.servers` among them.
    ///
    /// # Errors
    /// When librdkafka does not accept the properties.
    pub fn new(properties: &BTreeMap<String, String>) -> Result<Self, String> {
        let mut config = ClientConfig::new();
        config.set("linger.ms", "5");
        for (name, value) in properties {
            config.set(name, value);
        }
        config.set("acks", "all").set("enable.idempotence", "true");
        let failures = Failures::default();
        let producer = ThreadedProducer::from_config_and_context(&config, failures.clone())
            .map_err(|error| format!("cannot set up publishing to Kafka: {error}"))?;
        Ok(Self { producer, failures })
    }

    /// Hands a record to librdkafka; waits while its queue is full.
    ///
    /// # Errors
    /// When it can never be sent, or the queue stays full.
    pub fn publish(
        &self,
        topic: &str,
        key: Option<&[u8]>,
        value: &[u8],
        headers: &[(&str, &str)],
    ) -> Result<(), String> {
        let mut list = OwnedHeaders::new_with_capacity(headers.len());
        for (key, value) in headers {
            list = list.insert(Header { key, value: Some(*value) });
        }
        let mut record = BaseRecord::<[u8], [u8]>::to(topic).payload(value).headers(list);
        if let Some(key) = key {
            record = record.key(key);
        }
        for _ in 0..TRIES {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), refused)) => {
                    record = refused;
                    thread::sleep(FULL);
                }
                Err((error, _)) => return Err(format!("cannot publish to the topic {topic}: {error}")),
            }
        }
        Err(format!("cannot publish to the topic {topic}: the queue stays full"))
    }

    /// Waits until the broker has everything, at most for `patience`.
    ///
    /// # Errors
    /// What it does not have.
    pub fn flush(&self, patience: Duration) -> Result<(), String> {
        let flushed = self.producer.flush(patience);
        let failed = self.failures.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (failed, flushed) {
            (Some((error, count)), _) => Err(format!("{count} records were not published: {error}")),
            (None, Err(error)) => Err(format!("not every record was published in time: {error}")),
            (None, Ok(())) => Ok(()),
        }
    }
}
