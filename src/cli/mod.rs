//! The command line: one file for each command. Words for people go to standard error, results to
//! standard output or files.

pub mod backtest;
pub mod cases;
pub mod check;
pub mod deadlines;
pub mod demo;
pub mod evaluate;
pub mod explain;
pub mod exposure;
pub mod generate;
pub mod inspect;
pub mod map;
pub mod quarantine;
pub mod replay;
pub mod run;
mod signals;
pub mod store;
pub mod style;
mod trace;
mod trial;
pub mod tune;
pub mod verify;

use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::LazyLock;

use anyhow::Context;
use clap::{ArgAction, Parser, Subcommand};

use crate::config::{Config, Secrets};
use crate::model::time::Zone;
use crate::pipeline::{columnar, connect};
use crate::telemetry::{self, LogFormat};

/// Watches who opens which patient's chart.
#[derive(Debug, Parser)]
#[command(name = "chartsentry", version = version(), styles = style::HELP, max_term_width = 100)]
#[command(arg_required_else_help = true, disable_help_subcommand = true, infer_long_args = false)]
#[command(after_help = "Example: chartsentry check --config /etc/chartsentry/chartsentry.toml")]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// How log lines are written: for people, or one JSON object a line.
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value = "text", help_heading = "Logging")]
    log_format: LogFormat,
    /// What to log; without it RUST_LOG decides.
    #[arg(long, global = true, value_name = "LEVEL", help_heading = "Logging")]
    #[arg(value_parser = ["off", "error", "warn", "info", "debug", "trace"])]
    log: Option<String>,
    /// Log more (-vv: everything).
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Logging", conflicts_with = "log")]
    verbose: u8,
    /// Log errors only.
    #[arg(short, long, global = true, help_heading = "Logging", conflicts_with_all = ["log", "verbose"])]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Replay(replay::ReplayArgs),
    Check(check::CheckArgs),
    Explain(explain::ExplainArgs),
    Deadlines(deadlines::DeadlinesArgs),
    Exposure(exposure::ExposureArgs),
    Generate(generate::GenerateArgs),
    Evaluate(evaluate::EvaluateArgs),
    Backtest(backtest::BacktestArgs),
    Tune(tune::TuneArgs),
    Inspect(inspect::InspectArgs),
    Map(map::MapArgs),
    Run(run::RunArgs),
    Demo(demo::DemoArgs),
    Cases(cases::CasesArgs),
    Verify(verify::VerifyArgs),
    Quarantine(quarantine::QuarantineArgs),
    Store(store::StoreArgs),
}

impl Command {
    /// What to log unless told otherwise: the demo's own words are enough.
    const fn usual_directives(&self) -> Option<&'static str> {
        if matches!(self, Self::Demo(_)) { Some("error") } else { None }
    }

    fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Replay(args) => replay::run(&args).map(|()| ExitCode::SUCCESS),
            Self::Check(args) => check::run(&args, probes),
            Self::Demo(args) => demo::run(&args).map(|()| ExitCode::SUCCESS),
            Self::Run(args) => run::run(&args).map(|()| ExitCode::SUCCESS),
            Self::Explain(args) => explain::run(&args),
            Self::Deadlines(args) => deadlines::run(&args).map(|()| ExitCode::SUCCESS),
            Self::Exposure(args) => exposure::run(&args).map(|()| ExitCode::SUCCESS),
            Self::Generate(args) => generate::run(&args).map(|()| ExitCode::SUCCESS),
            Self::Evaluate(args) => evaluate::run(&args).map(|()| ExitCode::SUCCESS),
            Self::Backtest(args) => backtest::run(&args).map(|()| ExitCode::SUCCESS),
            Self::Cases(args) => cases::run(&args).map(|()| ExitCode::SUCCESS),
            Self::Verify(args) => verify::run(&args).map(|()| ExitCode::SUCCESS),
            Self::Quarantine(args) => quarantine::run(&args).map(|()| ExitCode::SUCCESS),
            Self::Store(args) => store::run(&args).map(|()| ExitCode::SUCCESS),
            Self::Tune(args) => tune::run(&args).map(|()| ExitCode::SUCCESS),
            Self::Map(args) => map::run(&args, &Config::shipped().facility.zone().map_err(anyhow::Error::msg)?),
            Self::Inspect(args) => {
                let zone = Config::shipped().facility.zone().map_err(anyhow::Error::msg)?;
                let columnar: inspect::ReadColumnar<'_> =
                    &|path, file, expect, decoder, sink| columnar::read(path, file, expect, &zone, decoder, sink);
                inspect::run(&args, &zone, columnar, &mut io::stdout().lock(), &mut io::stderr().lock())
            }
        }
    }
}

/// What `check --connect` tries.
fn probes(config: &Config, secrets: &Secrets) -> Vec<check::Probe> {
    let probe = |is_needed| move |(item, attempt)| check::Probe { item, is_needed, attempt };
    let needed = connect::probes(config, secrets).into_iter().map(probe(true));
    needed.chain(connect::advice(config, secrets).into_iter().map(probe(false))).collect()
}

impl Cli {
    /// The level that a flag asks for.
    fn level(&self) -> Option<&str> {
        match (self.quiet, self.verbose) {
            (true, _) => Some("error"),
            (false, 0) => self.log.as_deref(),
            (false, 1) => Some("debug"),
            (false, _) => Some("trace"),
        }
    }

    fn run(self) -> anyhow::Result<ExitCode> {
        let rust_log = std::env::var("RUST_LOG").ok().or(self.command.usual_directives().map(str::to_owned));
        let directives = telemetry::directives(self.level(), rust_log.as_deref());
        telemetry::init(self.log_format, &directives).map_err(anyhow::Error::msg)?;
        self.command.run()
    }
}

/// The version, and that of the built-in time-zone database, on which dates and deadlines rest.
fn version() -> &'static str {
    static TEXT: LazyLock<String> =
        LazyLock::new(|| format!("{} (tz database {})", env!("CARGO_PKG_VERSION"), Zone::database_version()));
    &TEXT
}

/// Parses the command line, runs the command and says how it ended: 0 done, 1 failed, 2 wrong usage.
#[must_use]
pub fn main() -> ExitCode {
    Cli::parse().run().unwrap_or_else(|error| ended_by(&error))
}

/// A command line that the parser could not see to be wrong. Ends the program with code 2.
#[derive(Debug)]
pub struct Usage(pub String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

fn ended_by(error: &anyhow::Error) -> ExitCode {
    let code = exit_code(error);
    if code != 0 {
        let label = style::Paint::stderr().bad("error:");
        // Nothing can be said about a standard error that is closed.
        let _ = writeln!(io::stderr(), "{label} {}", sentence(error));
    }
    ExitCode::from(code)
}

fn exit_code(error: &anyhow::Error) -> u8 {
    if error.chain().any(is_closed_pipe) {
        // Whoever read the output has seen enough, as `head` does.
        return 0;
    }
    if error.is::<Usage>() || error.is::<clap::Error>() { 2 } else { 1 }
}

fn is_closed_pipe(cause: &(dyn std::error::Error + 'static)) -> bool {
    cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// An error and its causes in one sentence. Causes that the sentence already holds are left out:
/// many libraries repeat them.
fn sentence(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |text, cause| match text {
        text if text.is_empty() => cause,
        text if text.contains(&cause) => text,
        text => format!("{text}: {cause}"),
    })
}

/// Reads and checks the configuration that `--config` names; without it the shipped settings hold.
///
/// # Errors
/// A file that cannot be read, or everything that is wrong with it.
pub fn config(path: Option<&Path>) -> anyhow::Result<Config> {
    let Some(path) = path else { return Ok(Config::shipped()) };
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the configuration {name}"))?;
    Ok(Config::parse(&name, &text)?)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent_and_every_command_shows_an_example() {
        Cli::command().debug_assert();
        for command in Cli::command().get_subcommands() {
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let example = format!("chartsentry {}", command.get_name());
            assert!(after.contains(&example), "{}: no example in its help", command.get_name());
        }
    }

    #[test]
    fn causes_are_joined_once_each() {
        let error = anyhow::anyhow!("no such file").context("cannot read x: no such file").context("replay stopped");
        assert_eq!(sentence(&error), "replay stopped: cannot read x: no such file");
    }

    #[test]
    fn a_closed_pipe_is_not_a_failure_and_wrong_usage_is_2() {
        let closed = anyhow::Error::from(io::Error::from(io::ErrorKind::BrokenPipe)).context("cannot write");
        assert_eq!(exit_code(&closed), 0);
        assert_eq!(exit_code(&Usage("--late-days must be 0 or more".to_owned()).into()), 2);
        assert_eq!(exit_code(&anyhow::anyhow!("the disk is full")), 1);
    }

    #[test]
    fn flags_choose_the_level() {
        let level = |line: &str| Cli::parse_from(line.split(' ')).level().map(str::to_owned);
        assert_eq!(level("chartsentry explain"), None);
        assert_eq!(level("chartsentry explain -vv").as_deref(), Some("trace"));
        assert_eq!(level("chartsentry -q explain").as_deref(), Some("error"));
        assert_eq!(level("chartsentry explain --log warn").as_deref(), Some("warn"));
        assert!(Cli::try_parse_from(["chartsentry", "explain", "-q", "-v"]).is_err());
    }
}
