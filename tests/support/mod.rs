//! What several integration tests need.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod broker;

pub(crate) use broker::{Broker, Message};
