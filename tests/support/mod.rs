//! What several integration tests need.

mod broker;

pub(crate) use broker::{Broker, Message};
