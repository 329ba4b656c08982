//! Why Kafka cannot be read, in a sentence.

use rdkafka::error::KafkaError as ClientError;
use thiserror::Error;

/// A fault that keeps a source from starting or a question to the cluster from being answered.
#[derive(Debug, Error)]
pub enum KafkaError {
    /// librdkafka refuses a property. Its value may be a secret and is left out.
    #[error("librdkafka does not accept property \"{key}\" of [kafka.properties]; see its list of properties")]
    Property {
        /// The property's name.
        key: String,
    },
    /// The client could not be made.
    #[error("cannot start the client for Kafka at {brokers}: {reason}")]
    Client {
        /// As configured.
        brokers: String,
        /// librdkafka's words.
        reason: String,
    },
    /// No broker answers.
    #[error("Kafka at {brokers} does not answer: {reason}; check [kafka] brokers and that a broker is running there")]
    Unreachable {
        /// As configured.
        brokers: String,
        /// librdkafka's words.
        reason: String,
    },
    /// A topic is missing.
    #[error("topic \"{topic}\" does not exist at {brokers}; create it or correct its name in [kafka]")]
    NoTopic {
        /// Its name.
        topic: String,
        /// As configured.
        brokers: String,
    },
    /// A topic cannot be used.
    #[error("topic \"{topic}\" at {brokers}: {reason}")]
    Topic {
        /// Its name.
        topic: String,
        /// As configured.
        brokers: String,
        /// librdkafka's or the broker's words.
        reason: String,
    },
    /// The thread could not be made.
    #[error("cannot start the thread that reads Kafka: {0}")]
    Thread(#[from] std::io::Error),
}

impl KafkaError {
    /// Says why a client could not be made.
    pub(super) fn starting(brokers: &str, error: ClientError) -> Self {
        match error {
            ClientError::ClientConfig(_, _, key, _) => Self::Property { key },
            other => Self::Client { brokers: brokers.to_owned(), reason: words(&other) },
        }
    }
}

/// librdkafka's words without the kind of call that failed.
pub(super) fn words(error: &ClientError) -> String {
    match error {
        ClientError::ClientCreation(text) | ClientError::Subscription(text) | ClientError::AdminOpCreation(text) => {
            text.clone()
        }
        other => other.rdkafka_error_code().map_or_else(|| other.to_string(), |code| code.to_string()),
    }
}

/// The code of an error: a closed set, fit for a metric's label.
pub(super) fn code(error: &ClientError) -> String {
    error.rdkafka_error_code().map_or_else(|| "Client".to_owned(), |code| format!("{code:?}"))
}
