//! cli
pub mod deadlines;
pub mod exposure;
