//! How to reach Kafka.

use std::fmt;

use rdkafka::config::{ClientConfig, RDKafkaLogLevel};

use crate::model::token::TokenSource;

/// librdkafka properties that chartsentry sets itself, whatever `[kafka.properties]` says: positions
/// are kept in the store, and the end of a partition must be seen.
pub const RESERVED_PROPERTIES: [&str; 7] = [
    "bootstrap.servers",
    "group.id",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.partition.eof",
    "auto.offset.reset",
    "allow.auto.create.topics",
];

/// Brokers, group and properties, with every secret resolved.
#[derive(Clone, Default)]
pub struct Connection {
    /// `host:port`, several separated by commas.
    pub brokers: String,
    /// The consumer group.
    pub group_id: String,
    /// Handed to librdkafka as they are, in this order.
    pub properties: Vec<(String, String)>,
    /// What SASL OAUTHBEARER shows to the broker; not needed by any other mechanism.
    pub token: Option<TokenSource>,
}

impl Connection {
    /// A connection without further properties.
    #[must_use]
    pub fn new(brokers: impl Into<String>, group_id: impl Into<String>) -> Self {
        Self { brokers: brokers.into(), group_id: group_id.into(), properties: Vec::new(), token: None }
    }

    /// librdkafka's configuration for a client that is no consumer (producer, administrator).
    #[must_use]
    pub fn client_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        self.apply(&mut config);
        config
    }

    /// librdkafka's configuration for a consumer.
    pub(super) fn consumer_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        // Each partition has a queue of its own, so this bounds one partition, not all of them.
        config.set("queued.max.messages.kbytes", "16384");
        // A full queue is drained within milliseconds; librdkafka would by default look again after a second.
        config.set("fetch.queue.backoff.ms", "20");
        // After a crash the group waits this long for the member that is gone, and a restart with it.
        config.set("session.timeout.ms", "10000");
        // The end of a partition is told when a fetch comes back empty; librdkafka would by default wait half a
        // second for that.
        config.set("fetch.wait.max.ms", "50");
        // New topics and partitions are noticed after so long; librdkafka would by default look every five minutes.
        config.set("topic.metadata.refresh.interval.ms", "10000");
        self.apply(&mut config);
        config
            .set("group.id", &self.group_id)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("allow.auto.create.topics", "false")
            // A position that the broker no longer holds must be told, not skipped.
            .set("auto.offset.reset", "error");
        config
    }

    fn apply(&self, config: &mut ClientConfig) {
        for (key, value) in &self.properties {
            if !RESERVED_PROPERTIES.contains(&key.as_str()) {
                config.set(key, value);
            }
        }
        config.set("bootstrap.servers", &self.brokers);
        // Which lines are wanted is the log's own setting. At the level of debug, reasons name places in librdkafka.
        let is_debug = self.properties.iter().any(|(key, _)| key == "debug");
        config.set_log_level(if is_debug { RDKafkaLogLevel::Debug } else { RDKafkaLogLevel::Info });
    }
}

/// Values of properties may be passwords.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<&str> = self.properties.iter().map(|(key, _)| key.as_str()).collect();
        f.debug_struct("Connection")
            .field("brokers", &self.brokers)
            .field("group_id", &self.group_id)
            .field("properties", &keys)
            .field("token", &self.token)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_reach_librdkafka_but_not_the_reserved_ones() {
        let mut connection = Connection::new("kafka:9092", "watchers");
        for (key, value) in
            [("security.protocol", "SSL"), ("enable.auto.commit", "true"), ("queued.max.messages.kbytes", "99")]
        {
            connection.properties.push((key.to_owned(), value.to_owned()));
        }
        let config = connection.consumer_config();
        assert_eq!(config.get("security.protocol"), Some("SSL"));
        assert_eq!(config.get("queued.max.messages.kbytes"), Some("99"));
        assert_eq!(config.get("enable.auto.commit"), Some("false"));
        assert_eq!(config.get("bootstrap.servers"), Some("kafka:9092"));
        assert_eq!(connection.client_config().get("group.id"), None);
    }

    #[test]
    fn debug_output_holds_no_property_values() {
        let mut connection = Connection::new("kafka:9092", "watchers");
        connection.properties.push(("sasl.password".to_owned(), "hunter2".to_owned()));
        let text = format!("{connection:?}");
        assert!(text.contains("sasl.password") && !text.contains("hunter2"), "{text}");
    }
}
