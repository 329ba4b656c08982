//! What several integration tests need.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

pub(crate) mod broker;

pub(crate) use broker::{Broker, Message};
