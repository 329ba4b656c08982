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
    /// A broker is there, but does not take this client, or is not one that it may trust.
    #[error("no connection to Kafka at {brokers}: {reason}; {advice}")]
    Refused {
        /// As configured.
        brokers: String,
        /// librdkafka's words.
        reason: String,
        /// What to look at.
        advice: &'static str,
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
    /// The consumer group cannot be used.
    #[error("consumer group \"{group}\" at {brokers}: {reason}; allow it to this user, or change [kafka] group_id")]
    Group {
        /// As configured.
        group: String,
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

    /// Says why no question is answered.
    pub(super) fn unreachable(brokers: &str, reason: String) -> Self {
        let brokers = brokers.to_owned();
        match ADVICE.iter().find(|(sign, _)| reason.contains(sign)) {
            Some(&(_, advice)) => Self::Refused { brokers, reason, advice },
            None => Self::Unreachable { brokers, reason },
        }
    }
}

/// What librdkafka's reasons hold, and what to look at then. The first that fits counts.
const ADVICE: [(&str, &str); 12] = [
    ("certificate verify failed", "check ssl.ca.location, and that the broker's certificate names its host"),
    ("alert bad certificate", CERTIFICATE),
    ("alert certificate required", CERTIFICATE),
    ("alert unknown ca", CERTIFICATE),
    ("alert certificate unknown", CERTIFICATE),
    ("mechanism handshake failed", "check sasl.mechanism"),
    ("OAUTHBEARER", "check [kafka.oauth] token"),
    // RFC 7628, section 3.2.2: all that a broker says of a token that it does not take.
    ("invalid_token", "check [kafka.oauth] token"),
    ("SASL authentication error", "check sasl.mechanism, sasl.username and sasl.password"),
    ("security.protocol", PROTOCOL),
    ("PLAINTEXT broker listener", PROTOCOL),
    ("in state APIVERSION_QUERY", PROTOCOL),
];

const CERTIFICATE: &str = "the broker asks for a certificate of an authority that it trusts: set \
                           ssl.certificate.location and ssl.key.location";

const PROTOCOL: &str = "check security.protocol: the broker expects another one at this port";

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

#[cfg(test)]
mod tests {
    use rdkafka::types::RDKafkaConfRes;

    use super::*;

    #[test]
    fn a_property_that_is_refused_is_named_without_its_value() {
        let text = |text: &str| text.to_owned();
        let refused = RDKafkaConfRes::RD_KAFKA_CONF_INVALID;
        let error = ClientError::ClientConfig(refused, text("hunter2?"), text("ssl.key.password"), text("hunter2"));
        let said = KafkaError::starting("kafka:9092", error).to_string();
        assert!(said.contains("ssl.key.password") && !said.contains("hunter2"), "{said}");
    }

    #[test]
    fn a_refusal_says_what_to_look_at() {
        for (reason, advice) in [
            ("SSL handshake failed: SSL routines::certificate verify failed: no authority", "ssl.ca.location"),
            ("Receive failed: SSL routines::ssl/tls alert bad certificate: SSL alert number 42", "ssl.key.location"),
            ("SASL authentication error: Authentication failed: SCRAM-SHA-512", "sasl.password"),
            ("SASL authentication error: {\"status\":\"invalid_token\"}", "[kafka.oauth] token"),
            ("Failed to acquire SASL OAUTHBEARER token: the token expired", "[kafka.oauth] token"),
            ("might be caused by incorrect security.protocol configuration", "the broker expects another one"),
            (
                "Disconnected: connection closed by peer (after 0ms in state APIVERSION_QUERY)",
                "check security.protocol",
            ),
        ] {
            let said = KafkaError::unreachable("kafka:9093", reason.to_owned()).to_string();
            assert!(said.contains(reason) && said.contains(advice), "{said}");
        }
    }

    #[test]
    fn a_broker_that_is_away_is_not_said_to_refuse() {
        let said = KafkaError::unreachable("kafka:9092", "Connect failed: Connection refused".to_owned()).to_string();
        assert!(said.contains("check [kafka] brokers"), "{said}");
    }
}
