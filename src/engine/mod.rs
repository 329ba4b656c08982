//! The engine: accesses and context in, incidents out. Pure: no clock, no I/O, no randomness.

pub mod detectors;
pub mod explain;
pub mod registry;
pub mod roles;
pub mod settings;
