//! Configuration: TOML text to checked settings.
//!
//! Reading has two steps. [`Config::parse`] takes text and does no I/O: it finds every problem of a
//! file at once, each with its line, key path, what was found and what was expected.
//! [`Config::resolve`] then fetches the secrets that the file only names, for the commands that
//! connect to something.

mod entry;
mod http;
mod kafka_security;
mod overlay;
mod policy;
mod problem;
mod raw;
mod secret;
mod section;
mod shell;
mod sinks;
mod sources;
mod suppressions;
mod tls;

use std::collections::BTreeMap;
use std::path::Path;

pub use http::HttpSettings;
pub use kafka_security::OauthSettings;
pub use policy::policy_hash;
pub use problem::{Invalid, Problem, nearest};
pub use secret::{Keeper, RunProgram, Secret, SecretRef};
pub use shell::{
    ClusterSettings, FacilitySettings, IdentitySettings, KafkaSettings, Property, RegisterSettings, StoreSettings,
};
pub use sinks::{Format, Identifiers, SinkSettings, Target};
pub use sources::{SourceSettings, SyslogTransport, TlsSettings};
pub use tls::ServerCertificate;

use crate::engine::settings::Policy;
use problem::Problems;
use section::Section;

/// Every setting, checked and complete.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub facility: FacilitySettings,
    /// Everything that can change a verdict.
    pub policy: Policy,
    pub identity: IdentitySettings,
    pub kafka: KafkaSettings,
    pub store: StoreSettings,
    pub register: RegisterSettings,
    pub http: HttpSettings,
    pub cluster: ClusterSettings,
    pub sources: Vec<SourceSettings>,
    pub sinks: Vec<SinkSettings>,
}

/// What the secret references of a configuration stand for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Secrets {
    pub store_key: Option<Secret>,
    /// All of `[kafka.properties]`, ready for librdkafka; plain values too.
    pub kafka_properties: BTreeMap<String, Secret>,
    /// By name of the source.
    pub tls_keys: BTreeMap<String, Secret>,
    /// By name of the sink.
    pub pseudonym_keys: BTreeMap<String, Secret>,
    /// The key of the certificate of `[http]`.
    pub http_key: Option<Secret>,
    pub http_token: Option<Secret>,
}

impl Config {
    /// The settings that hold without a file: a hospital in Los Angeles' time zone, licensed in
    /// California.
    #[must_use]
    pub fn shipped() -> Self {
        Self::read(&raw::Table::new(), &Problems::new(""))
    }

    /// Reads and checks a configuration. `file` names it in messages.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(file: &str, text: &str) -> Result<Self, Invalid> {
        let problems = Problems::new(file);
        let table = raw::parse(text, &problems);
        // What a syntax error leaves behind would only raise misleading complaints.
        let problems = problems.finish(()).map(|()| Problems::new(file))?;
        let config = Self::read(&table, &problems);
        problems.finish(config)
    }

    fn read(table: &raw::Table, problems: &Problems) -> Self {
        let mut root = Section::root(table, problems);
        let facility = shell::facility(root.child("facility"));
        let kafka = shell::kafka(root.child("kafka"));
        let sources = sources::read(&mut root);
        let config = Self {
            policy: policy::read(&mut root, &facility.timezone),
            facility,
            identity: shell::identity(root.child("identity")),
            store: shell::store(root.child("store")),
            register: shell::register(root.child("register")),
            http: http::read(root.child("http")),
            cluster: shell::cluster(root.child("cluster"), &kafka, !sources.is_empty()),
            kafka,
            sources,
            sinks: sinks::read(&mut root),
        };
        root.finish();
        config
    }

    /// Fetches every secret. `file` names the configuration in messages.
    ///
    /// # Errors
    /// Every secret that could not be fetched.
    pub fn resolve(&self, file: &str, keeper: &Keeper<'_>) -> Result<Secrets, Invalid> {
        let problems = Problems::new(file);
        let fetch = |key: &str, reference: &SecretRef| match reference.resolve(keeper) {
            Ok(secret) => Some(secret),
            Err(found) => {
                problems.add(None, key, found, "a secret");
                None
            }
        };
        let secrets = Secrets {
            store_key: self.store.key.as_ref().and_then(|key| fetch("store.key", key)),
            kafka_properties: self
                .kafka
                .properties
                .iter()
                .filter_map(|(key, property)| {
                    let value = match property {
                        Property::Plain(text) => Some(Secret::new(text.clone())),
                        Property::Secret(reference) => fetch(&format!("kafka.properties.{key}"), reference),
                    };
                    value.map(|value| (key.clone(), value))
                })
                .collect(),
            tls_keys: self
                .sources
                .iter()
                .filter_map(|source| {
                    let SyslogTransport::Tls(tls) = &source.transport else { return None };
                    let key = fetch(&format!("sources.{}.private_key", source.name), &tls.private_key);
                    key.map(|key| (source.name.clone(), key))
                })
                .collect(),
            pseudonym_keys: self
                .sinks
                .iter()
                .filter_map(|sink| {
                    let key = fetch(&format!("sinks.{}.pseudonym_key", sink.name), sink.pseudonym_key.as_ref()?);
                    key.map(|key| (sink.name.clone(), key))
                })
                .collect(),
            http_key: self.http.tls.as_ref().and_then(|tls| fetch("http.private_key", &tls.private_key)),
            http_token: self.http.token.as_ref().and_then(|token| fetch("http.token", token)),
        };
        if secrets.http_token.as_ref().is_some_and(|token| !http::is_token(token.expose())) {
            problems.add(None, "http.token", "a text that is no token (not shown)", http::TOKEN);
        }
        problems.finish(secrets)
    }

    /// The files in which secrets are kept, each with the key that names it.
    #[must_use]
    pub fn secret_files(&self) -> Vec<(String, &Path)> {
        let properties = self.kafka.properties.iter().filter_map(|(key, property)| match property {
            Property::Secret(reference) => Some((format!("kafka.properties.{key}"), reference)),
            Property::Plain(_) => None,
        });
        let sources = self.sources.iter().filter_map(|source| match &source.transport {
            SyslogTransport::Tls(tls) => Some((format!("sources.{}.private_key", source.name), &tls.private_key)),
            SyslogTransport::Udp | SyslogTransport::Tcp => None,
        });
        let sinks = self.sinks.iter().filter_map(|sink| {
            let key = sink.pseudonym_key.as_ref()?;
            Some((format!("sinks.{}.pseudonym_key", sink.name), key))
        });
        let tls = self.http.tls.iter().map(|tls| ("http.private_key".to_owned(), &tls.private_key));
        let http = tls.chain(self.http.token.iter().map(|token| ("http.token".to_owned(), token)));
        let oauth = self.kafka.oauth.iter().map(|oauth| ("kafka.oauth.token".to_owned(), &oauth.token));
        let store = self.store.key.iter().map(|key| ("store.key".to_owned(), key));
        let named = store.chain(properties).chain(oauth).chain(sources).chain(sinks).chain(http);
        let files = named.filter_map(|(key, reference)| match reference {
            SecretRef::File(path) => Some((key, path.as_path())),
            SecretRef::Env(_) | SecretRef::Command { .. } => None,
        });
        files.collect()
    }

    /// What is allowed but deserves a second look, each in one sentence.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.policy.severity.medium < self.policy.engine.flag_threshold {
            warnings.push("severity.medium is below engine.flag_threshold: no incident will be low".to_owned());
        }
        if self.kafka.context_topics.is_empty() && self.kafka.context_event_topics.is_empty() {
            warnings.push(
                "kafka has no context topic: every relationship is unknown, and no access can be called unexplained \
                 with certainty"
                    .to_owned(),
            );
        }
        warnings.extend(kafka_security::warnings(&self.kafka));
        warnings.extend(self.cluster_warning());
        if self.register.escalate_to.len() == 1 {
            warnings.push(
                "register.escalate_to names one person: two are needed where a deadline passes unreviewed".to_owned(),
            );
        }
        for source in self.sources.iter().filter(|source| source.is_plain() && !source.is_local()) {
            warnings.push(format!(
                "source \"{}\" takes messages in over {source}: who shares the network can read and forge them; use tls://",
                source.name
            ));
        }
        for sink in &self.sinks {
            if sink.patient_identifiers == Identifiers::Plain {
                warnings.push(format!("sink \"{}\" sends plain patient identifiers to {}", sink.name, sink.target));
            }
        }
        warnings
    }

    fn cluster_warning(&self) -> Option<String> {
        let ClusterSettings { enabled, state_topic, findings_topic, notices_topic } = &self.cluster;
        (*enabled && self.store.key.is_some()).then(|| {
            format!(
                "store.key encrypts the register's store, but not the topics \"{state_topic}\", \"{findings_topic}\" and \
                 \"{notices_topic}\" of [cluster]: let nobody else read them"
            )
        })
    }

    /// Suppressions that deserve a second look on a day, each in one sentence.
    #[must_use]
    pub fn suppression_warnings(&self, today: jiff::civil::Date) -> Vec<String> {
        self.policy.suppressions.iter().filter_map(|suppression| suppression.warning(today)).collect()
    }
}
