//! `chartsentry run`: the daemon.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use super::signals;
use crate::config::{Config, Invalid, Secrets};
use crate::pipeline::daemon::cluster::Member;
use crate::pipeline::daemon::{Daemon, Mode};
use crate::pipeline::{keeper, rights};
use crate::telemetry::Supervisor;

const EXAMPLE: &str = "\
Example: chartsentry run --config /etc/chartsentry/chartsentry.toml

SIGTERM or Ctrl-C ends it with everything that was read on disk, within 20 seconds; a second Ctrl-C at once.
SIGHUP makes it read its configuration again: all of it holds then, or nothing of it, and the log says which; a worker
and the register of [cluster] take another configuration only at a restart.
`chartsentry check --connect` tries the same configuration without reading anything.";

/// Watch the audit topics: detect, hand over, alert
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLE)]
pub struct RunArgs {
    /// The configuration.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Which part of the work this daemon does; a worker and the register need [cluster] enabled = true.
    #[arg(long, value_enum, value_name = "ROLE", default_value = "all")]
    pub role: Role,
}

/// Which part of the work a daemon does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Everything, alone.
    All,
    /// Decide the accesses of some partitions; keep nothing on this machine.
    Worker,
    /// Keep what all workers find, open cases, alert; run exactly one.
    Register,
}

/// Runs until told to stop.
///
/// # Errors
/// Everything that is wrong with the configuration, or what keeps the daemon from going on.
pub fn run(args: &RunArgs) -> Result<()> {
    let ear = signals::listen()?;
    let config = super::config(Some(&args.config))?;
    match (args.role, config.cluster.enabled) {
        (Role::All, true) => bail!(
            "{}: [cluster] enabled = true shares the work between daemons with different roles: give --role worker \
             or --role register, or set it to false",
            args.config.display()
        ),
        (Role::Worker | Role::Register, false) => bail!(
            "{}: --role worker and --role register need [cluster] enabled = true, so that every daemon of the \
             group shares the work the same way",
            args.config.display()
        ),
        _ => {}
    }
    keeper::keep_out_of_dumps();
    warn(&config, &args.config);
    let keeper = keeper::system();
    let secrets = config.resolve(&args.config.display().to_string(), &keeper)?;
    let supervisor = Supervisor::of(keeper.env).map_err(anyhow::Error::msg)?;
    supervisor.iter().for_each(Supervisor::starting);
    let mode = match args.role {
        Role::Worker => {
            let mut worker = Member::start(&config, &secrets, Mode::LIVE)?;
            supervisor.into_iter().for_each(|supervisor| worker.report_to(supervisor));
            return worker.run(ear.into_asked()).context("the worker stopped");
        }
        Role::Register => Mode::REGISTER,
        Role::All => Mode::LIVE,
    };
    let mut daemon = Daemon::start(&config, &secrets, mode)?;
    supervisor.into_iter().for_each(|supervisor| daemon.report_to(supervisor));
    let path = args.config.clone();
    daemon.run(ear.into_asked(), Arc::new(move || read_again(&path))).context("the daemon stopped")
}

fn warn(config: &Config, path: &Path) {
    for warning in config.warnings().into_iter().chain(rights::warnings(config, path)) {
        tracing::warn!("{warning}");
    }
}

/// The configuration as the file has it now, or everything that is wrong with it.
fn read_again(path: &Path) -> Result<(Config, Secrets), Vec<String>> {
    let name = path.display().to_string();
    let lines = |invalid: Invalid| invalid.problems.iter().map(ToString::to_string).collect::<Vec<_>>();
    let text = std::fs::read_to_string(path).map_err(|error| vec![format!("cannot read {name}: {error}")])?;
    let config = Config::parse(&name, &text).map_err(lines)?;
    warn(&config, path);
    let secrets = config.resolve(&name, &keeper::system()).map_err(lines)?;
    Ok((config, secrets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_again_tells_everything_that_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("site.toml");
        assert!(read_again(&path).unwrap_err()[0].contains("cannot read"));
        std::fs::write(&path, "[engine]\nprior = \"x\"\nepisode_gpa = \"1d\"\n").unwrap();
        let problems = read_again(&path).unwrap_err();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems.iter().all(|problem| problem.contains("site.toml:")), "{problems:?}");
    }
}
