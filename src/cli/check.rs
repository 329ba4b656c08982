//! `chartsentry check`: is this configuration right, and does everything in it answer?

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use super::style::Paint;
use crate::config::{Config, Secrets, policy_hash};
use crate::decode::crosswalk::Crosswalk;
use crate::engine::registry::is_enabled;
use crate::pipeline::{clock, identity, keeper, rights};

const EXAMPLE: &str = "\
Example: chartsentry check --config /etc/chartsentry/chartsentry.toml --connect

Each line of --connect begins with ok, warn or failed. What failed keeps `run` from working, and the exit code is 1; what
warns deserves a second look. Beside a running daemon its store, sources and HTTP address are in use, and fail.";

/// Check a configuration, and with --connect everything that it names
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct CheckArgs {
    /// The configuration to check; the identity crosswalk that it names is read, too.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Also fetch the secrets and try the broker, topics, rights, sources, sinks and store.
    #[arg(long)]
    connect: bool,
}

/// One thing to try.
pub struct Probe {
    /// What is tried, such as `sink siem`.
    pub item: String,
    /// Whether a daemon cannot work while it fails; else a failure deserves a second look.
    pub is_needed: bool,
    /// Tries it: what answered, or why nothing did.
    pub attempt: Box<dyn FnOnce() -> Result<String, String>>,
}

/// Runs the command. `probes` lists what `--connect` tries, in order.
///
/// # Errors
/// Everything that is wrong with the configuration, the first thing that is wrong with its crosswalk, or a secret that
/// cannot be fetched.
pub fn run(args: &CheckArgs, probes: impl FnOnce(&Config, &Secrets) -> Vec<Probe>) -> anyhow::Result<ExitCode> {
    let config = super::config(Some(&args.config))?;
    let crosswalk = identity::load(config.identity.crosswalk.as_deref())?;
    let mut stdout = io::stdout().lock();
    write!(stdout, "{}", summary(&config, crosswalk.as_deref()))?;
    let paint = Paint::stderr();
    let today = config.facility.zone().map_err(anyhow::Error::msg)?.date(clock::now());
    let rights = rights::warnings(&config, &args.config);
    for warning in config.warnings().into_iter().chain(config.suppression_warnings(today)).chain(rights) {
        writeln!(io::stderr(), "{} {warning}", paint.warning("warning:"))?;
    }
    if !args.connect {
        return Ok(ExitCode::SUCCESS);
    }
    let secrets = config.resolve(&args.config.display().to_string(), &keeper::system())?;
    writeln!(stdout, "secrets     all fetched")?;
    let (report, failures) = attempt(probes(&config, &secrets), Paint::stdout());
    write!(stdout, "{report}")?;
    Ok(if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Tries everything, whatever fails. The report, and how many failed that a daemon needs.
fn attempt(probes: Vec<Probe>, paint: Paint) -> (String, usize) {
    let width = probes.iter().map(|probe| probe.item.len()).max().unwrap_or_default();
    let mut report = String::new();
    let mut failures = 0;
    for probe in probes {
        let (word, said) = match (probe.attempt)() {
            Ok(said) => (paint.good("ok    "), said),
            Err(said) if probe.is_needed => {
                failures += 1;
                (paint.bad("failed"), said)
            }
            Err(said) => (paint.warning("warn  "), said),
        };
        let _ = writeln!(report, "{word} {:<width$}  {said}", probe.item);
    }
    (report, failures)
}

/// What the configuration comes to, in a few lines.
fn summary(config: &Config, crosswalk: Option<&Crosswalk>) -> String {
    let Config { facility, policy, identity, kafka, store, http, sources, sinks, .. } = config;
    let california =
        if facility.licensed_in_california { "licensed in California" } else { "not licensed in California" };
    let on = policy.detectors.values().filter(|settings| is_enabled(settings)).count();
    let engine = &policy.engine;
    let name = facility.name.as_deref().unwrap_or("(no name)");
    let mut lines = vec![
        ("facility", format!("{name}, {}, {california}", facility.timezone)),
        ("policy", format!("{}, {on} of {} detectors on", policy_hash(policy), policy.detectors.len())),
        (
            "engine",
            format!(
                "prior {}, flagged from {}, settles after {}, lateness {}",
                engine.prior, engine.flag_threshold, engine.settle_window, engine.allowed_lateness
            ),
        ),
        ("kafka", format!("{} as {}, reads {}", kafka.brokers, kafka.group_id, kafka.access_topics.join(" "))),
        (
            "store",
            format!(
                "{}, {}",
                store.path.display(),
                if store.key.is_some() { "encrypted" } else { "not encrypted by chartsentry" }
            ),
        ),
        ("http", http.to_string()),
    ];
    if let Some((file, crosswalk)) = identity.crosswalk.as_deref().zip(crosswalk) {
        let [users, patients] = crosswalk.aliases();
        lines.push(("identity", format!("{}: {users} aliases of users, {patients} of patients", file.display())));
    }
    lines.extend(sources.iter().map(|source| ("source", format!("{}: syslog on {source}", source.name))));
    lines.extend(sinks.iter().map(|sink| {
        let said = format!(
            "{}: {} {} to {}, from {}",
            sink.name,
            sink.target.kind(),
            sink.format.name(),
            sink.target,
            sink.min_severity.name()
        );
        ("sink", said)
    }));
    lines.into_iter().fold(String::new(), |mut text, (key, said)| {
        let _ = writeln!(text, "{key:<10}  {said}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_tried_and_each_answer_is_shown() {
        let probe = |item: &str, is_needed: bool, answer: Result<&str, &str>| {
            let answer = answer.map(str::to_owned).map_err(str::to_owned);
            Probe { item: item.to_owned(), is_needed, attempt: Box::new(|| answer) }
        };
        let probes = vec![
            probe("broker", true, Err("no answer from 127.0.0.1:9092")),
            probe("store", true, Ok("writable")),
            probe("disk", false, Err("1.0 GB free")),
        ];
        let (report, failures) = attempt(probes, Paint::off());
        assert_eq!(
            report,
            "failed broker  no answer from 127.0.0.1:9092\nok     store   writable\nwarn   disk    1.0 GB free\n"
        );
        assert_eq!(failures, 1);
    }

    #[test]
    fn the_summary_names_what_matters() {
        let text = summary(&Config::shipped(), None);
        assert!(text.contains("facility    (no name), America/Los_Angeles, licensed in California\n"), "{text}");
        assert!(text.contains("settles after 72h") && text.contains("reads ehr.audit\n"), "{text}");
    }
}
