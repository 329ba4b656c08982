//! Plain records published to any topic: the demo's log.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};

use super::kafka_context::{Context, Ear, Listening, Publishing, words};

/// How long to wait when librdkafka's queue is full.
const FULL: Duration = Duration::from_millis(5);
/// How often to try a full queue before the broker counts as away.
const TRIES: u32 = 2_000;

/// Publishes records in the background.
pub struct RecordPublisher {
    producer: ThreadedProducer<Listening<Failures>>,
    listening: Listening<Failures>,
}

/// The first failure since it was last asked for, and how many there were.
#[derive(Clone, Default)]
struct Failures(Arc<Mutex<Option<(String, u64)>>>);

impl Ear for Failures {
    type Ticket = ();

    fn hear(&self, context: &Context, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert_with(|| (context.explain(error), 0)).1 += 1;
        }
    }
}

impl RecordPublisher {
    /// Readies a producer; nothing is sent yet.
    ///
    /// # Errors
    /// When librdkafka does not accept the properties.
    pub fn new(publishing: &Publishing) -> Result<Self, String> {
        let config = publishing.config(&[("linger.ms", "5")]);
        let listening = Listening::<Failures>::new(publishing);
        let producer = ThreadedProducer::from_config_and_context(&config, listening.clone())
            .map_err(|error| format!("cannot set up publishing to Kafka: {}", words(&error)))?;
        Ok(Self { producer, listening })
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
        let failed = self.listening.ear.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (failed, flushed) {
            (Some((error, count)), _) => Err(format!("{count} records were not published: {error}")),
            (None, Err(error)) => {
                Err(format!("not every record was published in time: {}", self.listening.context.explain(&error)))
            }
            (None, Ok(())) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_property_that_is_refused_is_named_without_its_value() {
        let properties = [("security.protocol".to_owned(), "hunter2".to_owned())].into();
        let why = RecordPublisher::new(&Publishing { properties, token: None }).err().unwrap();
        assert!(why.contains("security.protocol") && !why.contains("hunter2"), "{why}");
    }
}
