//! Records that become visible all at once, or not at all.
//!
//! Whoever opens a writer under a name ends every other writer of that name: their open transaction is over, and they
//! write nothing more. So what a topic holds after [`TransactionalWriter::open`] is all that they ever wrote.

use std::thread;
use std::time::Duration;

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};

use super::kafka_context::{Context, Listening, Publishing};

/// How long one step may take.
const STEP: Duration = Duration::from_secs(30);
/// How long to wait when librdkafka's queue is full.
const FULL: Duration = Duration::from_millis(5);
/// How often a step is tried again before the broker counts as away, and the wait between.
const TRIES: u32 = 6;
const PAUSE: Duration = Duration::from_secs(1);

/// A record to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub topic: String,
    pub partition: i32,
    pub key: Vec<u8>,
    /// `None` = a tombstone.
    pub value: Option<Vec<u8>>,
}

/// Why a transaction was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Another process writes under this name by now.
    #[error("another process has taken over what {0} writes")]
    Fenced(String),
    /// The broker does not take it.
    #[error("cannot write the transaction of {name} to Kafka: {reason}")]
    Failed { name: String, reason: String },
}

/// Writes transactions under a name.
pub struct TransactionalWriter {
    name: String,
    context: Context,
    /// What fails to be delivered makes the commit fail, so nobody hears of single records.
    producer: ThreadedProducer<Listening<()>>,
}

impl TransactionalWriter {
    /// Opens a writer and ends every earlier one of the same name. Blocks.
    ///
    /// # Errors
    /// When librdkafka does not accept the properties, or no broker answers.
    pub fn open(publishing: &Publishing, name: &str) -> Result<Self, WriteError> {
        // An open transaction of a process that was killed keeps readers waiting for its timeout.
        let defaults = [("linger.ms", "1"), ("compression.type", "zstd"), ("transaction.timeout.ms", "20000")];
        let mut config = publishing.config(&defaults);
        // A record cannot be tried for longer than its transaction lives; librdkafka sees to that where nothing is set.
        config.remove("message.timeout.ms");
        config.remove("delivery.timeout.ms");
        config.set("transactional.id", name);
        let listening = Listening::new(publishing);
        let context = listening.context.clone();
        let producer = ThreadedProducer::from_config_and_context(&config, listening);
        let producer = producer.map_err(|error| failed(name, &error, &context, None))?;
        let writer = Self { name: name.to_owned(), context, producer };
        writer.step(|producer| producer.init_transactions(STEP))?;
        Ok(writer)
    }

    /// Writes records as one transaction. When it returns, readers of committed records see all of them. Blocks.
    ///
    /// # Errors
    /// When another writer of this name was opened meanwhile, or the broker does not take the records; none is
    /// visible then.
    pub fn write(&self, entries: &[Entry]) -> Result<(), WriteError> {
        for attempt in 1.. {
            let written = self.attempt(entries);
            match written {
                Err(KafkaError::Transaction(error)) if error.txn_requires_abort() && attempt < TRIES => {
                    tracing::warn!("a transaction of {} is written again: {error}", self.name);
                    self.step(|producer| producer.abort_transaction(STEP))?;
                    thread::sleep(PAUSE);
                }
                Err(error) => return Err(self.failed(&error)),
                Ok(()) => return Ok(()),
            }
        }
        Ok(())
    }

    fn attempt(&self, entries: &[Entry]) -> Result<(), KafkaError> {
        self.producer.begin_transaction()?;
        for entry in entries {
            let sent = self.send(entry);
            if sent.is_err() {
                self.producer.abort_transaction(STEP)?;
                return sent;
            }
        }
        retried(|| self.producer.commit_transaction(STEP))
    }

    fn send(&self, entry: &Entry) -> Result<(), KafkaError> {
        let mut record = BaseRecord::<[u8], [u8]>::to(&entry.topic).partition(entry.partition).key(&entry.key);
        if let Some(value) = &entry.value {
            record = record.payload(value);
        }
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                // The queue empties as the broker takes records, or they time out.
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), refused)) => {
                    record = refused;
                    thread::sleep(FULL);
                }
                Err((error, _)) => return Err(error),
            }
        }
    }

    fn failed(&self, error: &KafkaError) -> WriteError {
        failed(&self.name, error, &self.context, Some(&self.producer))
    }

    fn step(
        &self,
        step: impl Fn(&ThreadedProducer<Listening<()>>) -> Result<(), KafkaError>,
    ) -> Result<(), WriteError> {
        retried(|| step(&self.producer)).map_err(|error| self.failed(&error))
    }
}

/// Tries again while librdkafka says that this may help.
fn retried(step: impl Fn() -> Result<(), KafkaError>) -> Result<(), KafkaError> {
    let mut tries = 1;
    loop {
        match step() {
            Err(KafkaError::Transaction(error)) if error.is_retriable() && tries < TRIES => {
                tries += 1;
                thread::sleep(PAUSE);
            }
            other => return other,
        }
    }
}

/// What an error means. A client that cannot go on says why aside.
fn failed(
    name: &str,
    error: &KafkaError,
    context: &Context,
    producer: Option<&ThreadedProducer<Listening<()>>>,
) -> WriteError {
    let fatal = producer.and_then(|producer| producer.client().fatal_error());
    let code = match (error, &fatal) {
        (_, Some((code, _))) => Some(*code),
        (KafkaError::Transaction(error), None) => Some(error.code()),
        (other, None) => other.rdkafka_error_code(),
    };
    if code.is_some_and(is_fencing) {
        return WriteError::Fenced(name.to_owned());
    }
    let reason = fatal.map_or_else(|| context.explain(error), |(_, reason)| reason);
    WriteError::Failed { name: name.to_owned(), reason }
}

/// A producer that was fenced hears of it by one of these.
const fn is_fencing(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::{Fenced, InvalidProducerEpoch, ProducerFenced};
    matches!(code, Fenced | ProducerFenced | InvalidProducerEpoch)
}
