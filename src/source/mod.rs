//! source

pub mod kafka;
