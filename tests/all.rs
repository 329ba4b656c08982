//! Every integration test, in one binary.

mod kafka_source;
mod support;
