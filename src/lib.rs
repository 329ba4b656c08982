//! chartsentry watches who opens which patient's chart.

pub mod breach;
pub mod cli;
pub mod config;
pub mod decode;
pub mod engine;
pub mod lab;
pub mod model;
pub mod pipeline;
pub mod replay;
pub mod sink;
pub mod source;
pub mod store;
pub mod telemetry;
