//! Records of which the sender learns what became of each: copies of what could not be used, and what is fed again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::Message;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};

use super::kafka_context::{Context, Ear, Listening, Publishing, words};

/// Records of this size and more go alone, so that none is refused for its company. In bytes.
const ALONE: &str = "16384";
/// What may wait in memory, in KiB.
const QUEUE: &str = "65536";

/// A record to publish.
#[derive(Clone, Copy, Debug)]
pub struct Post<'r> {
    /// The sender's own name for it.
    pub ticket: usize,
    pub topic: &'r str,
    /// Without one, the key decides.
    pub partition: Option<i32>,
    pub key: Option<&'r [u8]>,
    /// None is a null value.
    pub value: Option<&'r [u8]>,
    pub headers: &'r [(&'r str, &'r str)],
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Landing {
    /// The topic has it.
    At { partition: i32, offset: i64 },
    /// It is larger than the client or the topic allows.
    TooLarge,
    /// It was given up, with the reason.
    Failed(String),
    /// There is no room in memory; only at once, never later.
    Full,
}

/// Publishes records and collects what became of them.
pub struct Poster {
    producer: ThreadedProducer<Listening<Landings>>,
    landings: Landings,
}

/// What became of the records that are not on their way any more, by ticket.
#[derive(Clone, Default)]
struct Landings(Arc<Mutex<Vec<(usize, Landing)>>>);

impl Ear for Landings {
    type Ticket = usize;

    fn hear(&self, _: &Context, result: &DeliveryResult<'_>, ticket: usize) {
        let landing = match result {
            Ok(message) => Landing::At { partition: message.partition(), offset: message.offset() },
            Err((error, _)) => refused(error),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((ticket, landing));
    }
}

fn refused(error: &KafkaError) -> Landing {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::MessageBatchTooLarge) => Landing::TooLarge,
        Some(RDKafkaErrorCode::QueueFull) => Landing::Full,
        Some(code) => Landing::Failed(code.to_string()),
        None => Landing::Failed(error.to_string()),
    }
}

impl Poster {
    /// Readies a producer; nothing is sent yet.
    ///
    /// # Errors
    /// When librdkafka does not accept the properties.
    pub fn new(publishing: &Publishing) -> Result<Self, String> {
        let mut config = publishing.config(&[("linger.ms", "1"), ("queue.buffering.max.kbytes", QUEUE)]);
        // A record that comes twice does no harm here; a refused one must not end the idempotent producer's epoch.
        config.set("enable.idempotence", "false").set("batch.size", ALONE);
        let listening = Listening::<Landings>::new(publishing);
        let landings = listening.ear.clone();
        let producer = ThreadedProducer::from_config_and_context(&config, listening)
            .map_err(|error| format!("cannot set up publishing to Kafka: {}", words(&error)))?;
        Ok(Self { producer, landings })
    }

    /// Hands a record over without waiting. What is refused at once is told here, everything else by
    /// [`Self::landed`].
    #[must_use]
    pub fn post(&self, post: &Post<'_>) -> Option<Landing> {
        let mut headers = OwnedHeaders::new_with_capacity(post.headers.len());
        for (key, value) in post.headers {
            headers = headers.insert(Header { key, value: Some(*value) });
        }
        let mut record: BaseRecord<'_, [u8], [u8], usize> =
            BaseRecord::with_opaque_to(post.topic, post.ticket).headers(headers);
        (record.partition, record.key, record.payload) = (post.partition, post.key, post.value);
        self.producer.send(record).err().map(|(error, _)| refused(&error))
    }

    /// Waits until nothing is on its way any more, at most for `patience`; whether that is so.
    #[must_use]
    pub fn flush(&self, patience: Duration) -> bool {
        self.producer.flush(patience).is_ok()
    }

    /// What became of records since the last call, by ticket.
    #[must_use]
    pub fn landed(&self) -> Vec<(usize, Landing)> {
        std::mem::take(&mut *self.landings.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::mocking::MockCluster;

    use super::*;

    fn poster(servers: &str) -> Poster {
        let pairs = [("bootstrap.servers", servers), ("message.timeout.ms", "1000"), ("message.max.bytes", "50000")];
        let properties = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Poster::new(&Publishing { properties, token: None }).unwrap()
    }

    fn post(ticket: usize, value: Option<&[u8]>) -> Post<'_> {
        Post { ticket, topic: "copies", partition: Some(0), key: None, value, headers: &[("why", "a test")] }
    }

    #[test]
    fn each_record_is_told_where_it_stands_or_why_not() {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("copies", 1, 1).unwrap();
        let poster = poster(&cluster.bootstrap_servers());
        assert_eq!(poster.post(&post(7, Some(b"one"))), None);
        assert_eq!(poster.post(&post(8, Some(&[b'x'; 60_000]))), Some(Landing::TooLarge));
        assert_eq!(poster.post(&post(9, None)), None);
        assert!(poster.flush(Duration::from_secs(30)));
        let mut landed = poster.landed();
        landed.sort_by_key(|(ticket, _)| *ticket);
        let at = |offset| Landing::At { partition: 0, offset };
        assert_eq!(landed, [(7, at(0)), (9, at(1))]);
        assert_eq!(poster.landed(), []);
    }

    #[test]
    fn a_broker_that_is_away_is_told_once_the_time_is_over() {
        let poster = poster("127.0.0.1:1");
        assert_eq!(poster.post(&post(1, Some(b"one"))), None);
        assert!(!poster.flush(Duration::ZERO));
        assert!(poster.flush(Duration::from_secs(30)));
        assert!(matches!(&poster.landed()[..], [(1, Landing::Failed(_))]));
    }
}
