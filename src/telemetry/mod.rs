//! What the operator of a running chartsentry sees: logs, metrics and health.
//!
//! Logs go to standard error. No line and no label holds a name, an address, a record number or a
//! record's content; a record is named by its place.

mod health;
mod http;
mod journal;
mod labels;
mod metrics;
mod supervisor;
mod throttle;
mod usage;

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

pub use health::Health;
pub use http::{Desk, Token, serve};
pub use journal::Journal;
pub use labels::{CopyOutcome, FeedTrouble, HttpTrouble, ReloadOutcome};
pub use metrics::{DiskState, EngineState, Metrics, OutboxState, Stream, Verdicts};
pub use supervisor::Supervisor;
pub use usage::Usage;

/// How log lines are written: `text` for people, or one JSON object a line for machines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// What to log: `level` (as from a flag) where given, else the directives of `RUST_LOG`, else what
/// matters to an operator. A level concerns chartsentry itself; libraries only warn.
#[must_use]
pub fn directives(level: Option<&str>, rust_log: Option<&str>) -> String {
    match (level, rust_log.map(str::trim).filter(|text| !text.is_empty())) {
        (Some(level @ ("off" | "error")), _) => level.to_owned(),
        (Some(level), _) => format!("warn,chartsentry={level}"),
        (None, Some(directives)) => directives.to_owned(),
        (None, None) => "warn,chartsentry=info".to_owned(),
    }
}

/// Sends log lines to standard error from now on.
///
/// # Errors
/// Directives that cannot be read, or a process that logs already.
pub fn init(format: LogFormat, directives: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(directives)
        .map_err(|error| format!("cannot read the log filter \"{directives}\" (RUST_LOG): {error}"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_target(false);
    let outcome = match format {
        LogFormat::Text => {
            let is_plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            builder.with_ansi(io::stderr().is_terminal() && !is_plain).try_init()
        }
        LogFormat::Json => builder.json().flatten_event(true).with_ansi(false).try_init(),
    };
    outcome.map_err(|error| format!("cannot start logging: {error}"))
}

#[cfg(test)]
mod tests {
    use super::directives;

    #[test]
    fn a_flag_wins_over_the_environment() {
        assert_eq!(directives(None, None), "warn,chartsentry=info");
        assert_eq!(directives(None, Some("rdkafka=debug")), "rdkafka=debug");
        assert_eq!(directives(None, Some(" ")), "warn,chartsentry=info");
        assert_eq!(directives(Some("debug"), Some("off")), "warn,chartsentry=debug");
        assert_eq!(directives(Some("error"), None), "error");
    }
}
