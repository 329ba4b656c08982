//! Another configuration for a daemon at work: all of it or nothing.
//!
//! ```text
//!  SIGHUP -> read, compare, ready everything that can fail -> the engine's thread commits and takes it
//!                      |                                          '-> sinks, clerk, certificates
//!                      '-> refused: every reason in the log, the one before holds
//! ```

use std::sync::Arc;

use anyhow::{Context as _, Result};
use crossbeam_channel::Sender;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};

use super::clerk::Terms;
use super::life::{Next, Setup};
use super::outlets::{self, Ready};
use super::worker::Command;
use super::{Daemon, Mode, cluster, settings};
use crate::config::{Config, KafkaSettings, Secrets, SourceSettings, StoreSettings};
use crate::decode::crosswalk::Crosswalk;
use crate::engine::Engine;
use crate::source::kafka::Cluster;
use crate::source::syslog::Certificates;

/// What an operator asks of a daemon at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Read the configuration again.
    Reload,
    /// End; with the reason for the log.
    Stop(&'static str),
}

/// Reads the configuration as it is now, or tells everything that is wrong with it.
pub type Read = Arc<dyn Fn() -> Result<(Config, Secrets), Vec<String>> + Send + Sync>;

/// A configuration that holds.
pub(super) struct Standing {
    pub(super) config: Config,
    pub(super) secrets: Secrets,
    pub(super) crosswalk: Option<Arc<Crosswalk>>,
    pub(super) mode: Mode,
    /// Names the run in handoffs, whatever the configuration.
    pub(super) run_id: String,
}

/// What changes beside the engine's thread once that has taken a configuration.
pub(super) struct Changes {
    standing: Standing,
    sinks: Vec<Ready>,
    certificates: Certificates,
    terms: Terms,
}

type Outcome = Result<Changes, Vec<String>>;

impl Daemon {
    /// Works until told to stop or unable to go on. Asked to, it reads its configuration again by `read`.
    ///
    /// # Errors
    /// As for [`Self::stop`].
    pub fn run(mut self, asked: UnboundedReceiver<Asked>, read: Read) -> Result<()> {
        let runtime = self.runtime.handle().clone();
        let why = runtime.block_on(self.attend(asked, &read));
        self.journal.stopped(why);
        self.stop()
    }

    async fn attend(&mut self, mut asked: UnboundedReceiver<Asked>, read: &Read) -> &'static str {
        let ended = self.ended.clone();
        let (mut reload, mut again): (Option<JoinHandle<Outcome>>, bool) = (None, false);
        loop {
            tokio::select! {
                word = asked.recv() => match word {
                    Some(Asked::Stop(why)) => return why,
                    // What is in the file by then counts, so once more is enough.
                    Some(Asked::Reload) if reload.is_some() => again = true,
                    Some(Asked::Reload) => reload = Some(self.begin(read)),
                    None => return "nobody can ask it to stop",
                },
                outcome = finished(&mut reload) => {
                    self.settle(outcome);
                    reload = std::mem::take(&mut again).then(|| self.begin(read));
                }
                () = ended.cancelled() => return "the pipeline ended",
            }
        }
    }

    /// Readies what the configuration is now, and hands it to the engine's thread.
    fn begin(&self, read: &Read) -> JoinHandle<Outcome> {
        let (read, standing, commands) = (Arc::clone(read), Arc::clone(&self.standing), self.commands.clone());
        self.runtime.spawn(reload(read, standing, commands))
    }

    fn settle(&mut self, outcome: Outcome) {
        let Changes { standing, sinks, certificates, terms } = match outcome {
            Ok(changes) => changes,
            Err(problems) => return self.journal.reload_refused(&problems),
        };
        self.outlets.set(sinks);
        if let Some(listeners) = &self.listeners {
            listeners.renew(certificates);
        }
        if let Some(clerk) = &self.clerk {
            clerk.adopt(terms);
        }
        self.standing = Arc::new(standing);
    }
}

/// What came of a reload, once there is one.
async fn finished(reload: &mut Option<JoinHandle<Outcome>>) -> Outcome {
    match reload {
        Some(task) => task.await.unwrap_or_else(|error| Err(vec![error.to_string()])),
        None => std::future::pending().await,
    }
}

async fn reload(read: Read, standing: Arc<Standing>, commands: Sender<Command>) -> Outcome {
    let prepared = spawn_blocking(move || prepare(&read, &standing)).await;
    let (setup, rebuilds, changes) = prepared.map_err(|error| vec![error.to_string()])??;
    hand_over(setup, rebuilds, &commands).await.map_err(|why| vec![why])?;
    Ok(changes)
}

async fn hand_over(setup: Setup, rebuilds: bool, commands: &Sender<Command>) -> Result<(), String> {
    let (taken, is_taken) = oneshot::channel();
    // A pipeline that has ended drops it.
    let _ = commands.send(Command::Reload(Box::new(Next { setup, rebuilds, taken })));
    is_taken.await.map_err(|_| "the pipeline has ended".to_owned())
}

/// Reads the configuration and readies all of it that can fail. Nothing of the daemon is touched.
fn prepare(read: &Read, standing: &Standing) -> Result<(Setup, bool, Changes), Vec<String>> {
    if standing.mode.hears_workers {
        return Err(vec![cluster::NO_RELOAD.to_owned()]);
    }
    let (config, secrets) = read()?;
    let fixed = fixed(standing, &config, &secrets);
    if !fixed.is_empty() {
        return Err(fixed);
    }
    let mut problems = Vec::new();
    let policy = Engine::new(&config.policy, 1);
    problems.extend(policy.err().into_iter().flatten());
    let at_work = outlets::plans(&standing.config, &standing.secrets);
    let sinks = settings::check(&config).and_then(|()| outlets::ready(&config, &secrets, &at_work));
    let certificates = certificates(&config, &secrets);
    let terms = Terms::of(&config);
    let setup = setup(standing, &config, &secrets);
    match (sinks, certificates, terms, setup) {
        (Ok(sinks), Ok(certificates), Ok(terms), Ok((setup, rebuilds))) if problems.is_empty() => {
            let crosswalk = setup.crosswalk.clone();
            let (mode, run_id) = (standing.mode, standing.run_id.clone());
            let standing = Standing { config, secrets, crosswalk, mode, run_id };
            Ok((setup, rebuilds, Changes { standing, sinks, certificates, terms }))
        }
        (sinks, certificates, terms, setup) => {
            let errors = [sinks.err(), certificates.err(), terms.err(), setup.err()];
            problems.extend(errors.into_iter().flatten().map(|error| format!("{error:#}")));
            Err(problems)
        }
    }
}

fn certificates(config: &Config, secrets: &Secrets) -> Result<Certificates> {
    Ok(Certificates::of(&settings::endpoints(config, secrets)?)?)
}

/// What the engine's thread needs, and whether the engine has to be made anew.
fn setup(standing: &Standing, config: &Config, secrets: &Secrets) -> Result<(Setup, bool)> {
    let setup = Setup::new(config, secrets, standing.mode, standing.run_id.clone())?;
    let is_same = match (&standing.crosswalk, &setup.crosswalk) {
        (None, None) => true,
        (Some(before), Some(now)) => before.says_the_same(now),
        _ => false,
    };
    let rebuilds = !is_same || standing.config.policy != config.policy;
    let topics = setup.context_topics();
    if rebuilds && !topics.is_empty() {
        let cluster = Cluster::connect(&setup.connection)?;
        cluster.end_offsets(&topics).context("the context would have to be read again")?;
    }
    Ok((setup, rebuilds))
}

/// What has changed and cannot while the daemon runs, each in a sentence.
fn fixed(standing: &Standing, config: &Config, secrets: &Secrets) -> Vec<String> {
    // Written out, so that a new section has to be given its place here.
    let Config { facility: _, policy: _, identity: _, register: _, sinks: _, kafka, store, http, cluster, sources } =
        &standing.config;
    let KafkaSettings {
        brokers,
        group_id,
        access_topics,
        context_topics,
        context_event_topics,
        handoff_topic,
        quarantine_topic,
        properties,
        oauth,
    } = kafka;
    let StoreSettings { path, key, quarantine_mib } = store;
    let new = &config.kafka;
    let has_other_secrets = standing.secrets.kafka_properties != secrets.kafka_properties;
    let has_other_key = standing.secrets.store_key != secrets.store_key;
    let http_secrets = |secrets: &Secrets| (secrets.http_key.clone(), secrets.http_token.clone());
    let has_other_door = *http != config.http || http_secrets(&standing.secrets) != http_secrets(secrets);
    let changes = [
        ("kafka.brokers", *brokers != new.brokers),
        ("kafka.group_id", *group_id != new.group_id),
        ("kafka.access_topics", *access_topics != new.access_topics),
        ("kafka.context_topics", *context_topics != new.context_topics),
        ("kafka.context_event_topics", *context_event_topics != new.context_event_topics),
        ("kafka.handoff_topic", *handoff_topic != new.handoff_topic),
        ("kafka.quarantine_topic", *quarantine_topic != new.quarantine_topic),
        ("kafka.properties", *properties != new.properties || has_other_secrets),
        ("kafka.oauth", *oauth != new.oauth),
        ("store.path", *path != config.store.path),
        ("store.key", *key != config.store.key || has_other_key),
        ("store.quarantine_mib", *quarantine_mib != config.store.quarantine_mib),
        ("http", has_other_door),
        ("cluster", *cluster != config.cluster),
        ("sources (name or address)", places(sources) != places(&config.sources)),
    ];
    let changed = changes.into_iter().filter(|(_, has_changed)| *has_changed);
    let sentence = |(key, _): (&str, bool)| {
        format!("{key} has changed, which needs a restart: restart chartsentry, or set it back")
    };
    changed.map(sentence).collect()
}

/// Names, addresses and ways of sources; their certificates may change.
fn places(sources: &[SourceSettings]) -> Vec<(&str, String)> {
    sources.iter().map(|source| (source.name.as_str(), source.to_string())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: &str = "[store]\npath = \"a.db\"\n[[sources]]\nname = \"ehr\"\nkind = \"syslog\"\n\
                        address = \"tls://127.0.0.1:6514\"\ncertificate = \"a.pem\"\nclient_ca = \"ca.pem\"\n\
                        private_key = \"${KEY}\"\n";

    fn parse(text: &str) -> Config {
        Config::parse("test.toml", text).unwrap()
    }

    fn standing() -> Standing {
        let (config, secrets) = (parse(SITE), Secrets::default());
        Standing { config, secrets, crosswalk: None, mode: Mode::LIVE, run_id: "r1".to_owned() }
    }

    fn refusals(text: &str) -> Vec<String> {
        fixed(&standing(), &parse(text), &Secrets::default())
    }

    #[test]
    fn what_decides_and_whom_it_is_told_may_change() {
        let more = "[engine]\nprior = -6.0\nallowed_lateness = \"1h\"\n[facility]\ntimezone = \"America/New_York\"\n\
                    [identity]\ncrosswalk = \"x.csv\"\n[register]\nunopened_after = \"1h\"\n\
                    [[sinks]]\nname = \"a\"\nkind = \"file\"\naddress = \"a.log\"\npatient_identifiers = \"plain\"\n";
        assert_eq!(refusals(&format!("{SITE}{more}")), [""; 0]);
        assert_eq!(refusals(&SITE.replace("a.pem", "b.pem").replace("${KEY}", "${OTHER}")), [""; 0]);
    }

    #[test]
    fn what_the_daemon_stands_on_needs_a_restart_and_all_of_it_is_told() {
        let text = SITE.replace("a.db", "b.db").replace(":6514", ":6515");
        let found = refusals(&format!("{text}[kafka]\nbrokers = \"k:9092\"\n[http]\nlisten = \"127.0.0.1:9\"\n"));
        let keys: Vec<&str> = found.iter().filter_map(|sentence| sentence.split(' ').next()).collect();
        assert_eq!(keys, ["kafka.brokers", "store.path", "http", "sources"]);
        assert!(found.iter().all(|sentence| sentence.contains("needs a restart")), "{found:?}");
    }

    #[test]
    fn a_secret_of_the_broker_or_the_store_that_has_changed_needs_a_restart() {
        let key = Some(crate::config::Secret::new("other".to_owned()));
        let found = fixed(&standing(), &parse(SITE), &Secrets { store_key: key, ..Secrets::default() });
        assert!(found.len() == 1 && found[0].starts_with("store.key") && !found[0].contains("other"), "{found:?}");
    }
}
