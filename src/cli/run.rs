//! `chartsentry run`: the daemon.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::pipeline::daemon::{Daemon, Mode};
use crate::pipeline::{keeper, rights};
use crate::telemetry::Supervisor;

const EXAMPLE: &str = "\
Example: chartsentry run --config /etc/chartsentry/chartsentry.toml

Ends on SIGTERM or Ctrl-C with everything that was read on disk. `chartsentry check --connect` tries
the same configuration without reading anything.";

/// Watch the audit topics: detect, hand over, alert
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLE)]
pub struct RunArgs {
    /// The configuration.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Which part of the work this daemon does; parts other than all need [cluster] enabled = true.
    #[arg(long, value_enum, value_name = "ROLE", default_value = "all")]
    pub role: Role,
}

/// Which part of the work a daemon does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    All,
    Worker,
    Register,
}

/// Runs until told to stop.
///
/// # Errors
/// Everything that is wrong with the configuration, or what keeps the daemon from going on.
pub fn run(args: &RunArgs) -> Result<()> {
    let config = super::config(Some(&args.config))?;
    if args.role != Role::All || config.cluster.enabled {
        bail!(
            "several daemons with different roles ([cluster] enabled, --role worker, --role register) are not \
             available in this version: leave [cluster] out and run with --role all"
        );
    }
    keeper::keep_out_of_dumps();
    for warning in config.warnings().into_iter().chain(rights::warnings(&config, &args.config)) {
        tracing::warn!("{warning}");
    }
    let keeper = keeper::system();
    let secrets = config.resolve(&args.config.display().to_string(), &keeper)?;
    let supervisor = Supervisor::of(keeper.env).map_err(anyhow::Error::msg)?;
    let mut daemon = Daemon::start(&config, &secrets, Mode::LIVE)?;
    supervisor.into_iter().for_each(|supervisor| daemon.report_to(supervisor));
    daemon.run_until(signal()).context("the daemon stopped")
}

/// Waits for SIGTERM or Ctrl-C.
#[cfg(unix)]
async fn signal() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};

    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return interrupt().await };
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        why = interrupt() => why,
    }
}

#[cfg(not(unix))]
async fn signal() -> &'static str {
    interrupt().await
}

async fn interrupt() -> &'static str {
    match tokio::signal::ctrl_c().await {
        Ok(()) => "interrupt",
        Err(_) => std::future::pending().await,
    }
}
