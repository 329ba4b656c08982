//! Reads Kafka: bytes with positions, never their meaning.
//!
//! A [`KafkaSource`] shares its topics with the other members of a consumer group; a
//! [`ContextReader`] reads all of its topics by itself. Both run librdkafka's blocking client on one
//! thread of their own, which turns everything that client does into one [`KafkaEvent`] after
//! another on a bounded channel.
//!
//! Where to start is the caller's knowledge: positions are stored with the results that they led to,
//! and what is committed to Kafka is only advice for people who watch the group's lag.

mod admin;
mod batch;
mod callbacks;
mod connection;
mod embedded;
mod error;
mod event;
mod fetch;
mod inquiry;
mod partition;
mod reader;
mod source;

pub use admin::{Cluster, NewTopic, TopicInfo};
pub use batch::{BatchBuilder, Record, RecordBatch, RecordTime, print};
pub use connection::{Connection, RESERVED_PROPERTIES};
pub use embedded::EmbeddedBroker;
pub use error::KafkaError;
pub use event::{CatchUp, KafkaEvent, Position, Release, TopicPartition};
pub use fetch::{Fetched, Fetcher};
pub use inquiry::{Keeping, keeping, try_group, try_reading};
pub use source::{ContextReader, Control, KafkaSource, Reading};
