//! Where chartsentry stands and what it is connected to. Of this only `[identity]`, which says who is who, changes a
//! verdict.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use super::kafka_security::{self, OauthSettings};
use super::raw::Value;
use super::secret::SecretRef;
use super::section::{Section, parsed};
use crate::model::span::Span;
use crate::model::time::Zone;
use crate::source::kafka::RESERVED_PROPERTIES;

/// The zone of a facility that names none.
pub(super) const DEFAULT_ZONE: &str = "America/Los_Angeles";

/// `[facility]`
#[derive(Clone, Debug, PartialEq)]
pub struct FacilitySettings {
    /// Name on reports; none by default.
    pub name: Option<String>,
    /// IANA name of the zone whose days count.
    pub timezone: String,
    /// Licensed by CDPH under Health and Safety Code 1204, 1250, 1725 or 1745, so that section
    /// 1280.15 applies.
    pub licensed_in_california: bool,
    /// How often the hospital reviews its audit logs, in days: what reasonable diligence would have
    /// found when.
    pub log_review_interval_days: u32,
}

impl FacilitySettings {
    /// The facility's zone.
    ///
    /// # Errors
    /// When the built-in database does not have it; a validated configuration always names one that it has.
    pub fn zone(&self) -> Result<Zone, String> {
        Zone::named(&self.timezone)
    }
}

/// `[identity]`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IdentitySettings {
    /// The file that says which ids of users and patients are one person's; none by default.
    pub crosswalk: Option<PathBuf>,
}

/// `[kafka]`
#[derive(Clone, Debug, PartialEq)]
pub struct KafkaSettings {
    /// `host:port`, several with commas between.
    pub brokers: String,
    pub group_id: String,
    pub access_topics: Vec<String>,
    /// Compacted topics of context records.
    pub context_topics: Vec<String>,
    /// Topics of HL7 v2 and FHIR event messages, which are not compacted.
    pub context_event_topics: Vec<String>,
    pub handoff_topic: Option<String>,
    pub quarantine_topic: Option<String>,
    /// Handed to librdkafka.
    pub properties: BTreeMap<String, Property>,
    /// The tokens of SASL OAUTHBEARER; none by default.
    pub oauth: Option<OauthSettings>,
}

/// A value of `[kafka.properties]`.
#[derive(Clone, PartialEq, Eq)]
pub enum Property {
    Plain(String),
    Secret(SecretRef),
}

/// What stands plainly in the file may be a password all the same.
impl fmt::Debug for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(_) => f.write_str("Plain(***)"),
            Self::Secret(reference) => f.debug_tuple("Secret").field(reference).finish(),
        }
    }
}

/// `[store]`
#[derive(Clone, Debug, PartialEq)]
pub struct StoreSettings {
    pub path: PathBuf,
    /// Encrypts the file at rest.
    pub key: Option<SecretRef>,
    /// What records that could not be used may take in it, in MiB.
    pub quarantine_mib: u32,
}

impl StoreSettings {
    /// What records that could not be used may take, in bytes.
    #[must_use]
    pub fn quarantine_bytes(&self) -> u64 {
        u64::from(self.quarantine_mib) << 20
    }
}

/// `[register]`
#[derive(Clone, Debug, PartialEq)]
pub struct RegisterSettings {
    /// A case that nobody has opened for so long needs attention.
    pub unopened_after: Span,
    /// The people to whom escalations are addressed, by name or function.
    pub escalate_to: Vec<String>,
    /// How often the newest entry of the ledger is told to the sinks.
    pub checkpoint_every: Span,
}

/// `[cluster]`
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterSettings {
    /// Whether several daemons with different roles share the work.
    pub enabled: bool,
    /// The compacted topic in which workers keep the state of each partition.
    pub state_topic: String,
    /// The topic on which workers tell the register what they found.
    pub findings_topic: String,
    /// The compacted topic on which the register answers.
    pub notices_topic: String,
}

pub(super) fn facility(mut section: Section<'_>) -> FacilitySettings {
    let zone = "an IANA time zone, such as \"America/Los_Angeles\"";
    let settings = FacilitySettings {
        name: section.text("name", "the facility's name"),
        timezone: section
            .get("timezone", zone, |value| match value {
                Value::Text(name) => Zone::named(name).ok().map(|zone| zone.name().to_owned()),
                _ => None,
            })
            .unwrap_or_else(|| DEFAULT_ZONE.to_owned()),
        licensed_in_california: section.truth("licensed_in_california", true),
        log_review_interval_days: section
            .get("log_review_interval_days", "a whole number of days from 1 to 3660", |value| match value {
                Value::Integer(days @ 1..=3660) => u32::try_from(*days).ok(),
                _ => None,
            })
            .unwrap_or(7),
    };
    section.finish();
    settings
}

pub(super) fn identity(mut section: Section<'_>) -> IdentitySettings {
    let crosswalk = section.text("crosswalk", "the path of the crosswalk's file").map(PathBuf::from);
    section.finish();
    IdentitySettings { crosswalk }
}

/// Kafka's own rule: letters, digits, `.`, `_` and `-`, at most 249 of them.
pub(super) fn is_topic(name: &str) -> bool {
    (1..=249).contains(&name.len())
        && !matches!(name, "." | "..")
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

pub(super) const TOPIC: &str = "Kafka topic names (letters, digits, \".\", \"_\", \"-\")";

pub(super) fn kafka(mut section: Section<'_>) -> KafkaSettings {
    let topic = "a Kafka topic name";
    let mut topics = |key: &str, shipped: &[&str]| {
        section.texts(key, TOPIC, is_topic).unwrap_or_else(|| shipped.iter().map(|&name| name.to_owned()).collect())
    };
    let access_topics = topics("access_topics", &["ehr.audit"]);
    let context_topics = topics("context_topics", &["ehr.context"]);
    let context_event_topics = topics("context_event_topics", &[]);
    let as_topic = |value: &Value| parsed::<String>(value).filter(|name| is_topic(name));
    let settings = KafkaSettings {
        brokers: section
            .get("brokers", "one or more host:port with commas between", |value| {
                parsed::<String>(value).filter(|list| list.split(',').all(is_broker))
            })
            .unwrap_or_else(|| "127.0.0.1:9092".to_owned()),
        group_id: section.text("group_id", "a consumer group's name").unwrap_or_else(|| "chartsentry".to_owned()),
        access_topics,
        context_topics,
        context_event_topics,
        handoff_topic: section.get("handoff_topic", topic, as_topic),
        quarantine_topic: section.get("quarantine_topic", topic, as_topic),
        properties: properties(section.child("properties")),
        oauth: kafka_security::oauth(section.child("oauth")),
    };
    kafka_security::check_token(&section, &settings);
    if settings.access_topics.is_empty() {
        section.complain("access_topics", "an empty list", "at least one topic of audit events");
    }
    no_topic_twice(&section, &settings);
    section.finish();
    settings
}

fn is_broker(text: &str) -> bool {
    let address = text.trim().rsplit("://").next().unwrap_or_default();
    match address.rsplit_once(':') {
        Some((host, port)) => !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0),
        None => !address.is_empty(),
    }
}

/// A topic with two jobs would be read as two things, or feed chartsentry its own output.
fn no_topic_twice(section: &Section<'_>, settings: &KafkaSettings) {
    let listed = [
        ("access_topics", settings.access_topics.as_slice()),
        ("context_topics", &settings.context_topics),
        ("context_event_topics", &settings.context_event_topics),
        ("handoff_topic", settings.handoff_topic.as_slice()),
        ("quarantine_topic", settings.quarantine_topic.as_slice()),
    ];
    let mut seen = BTreeSet::new();
    for (key, topics) in listed {
        for topic in topics {
            if !seen.insert(topic) {
                section.complain(key, format!("\"{topic}\" a second time"), "each topic under one key only");
            }
        }
    }
}

/// What to set instead of a property that chartsentry sets itself; `None` for all others.
fn instead_of(key: &str) -> Option<&'static str> {
    match key {
        "bootstrap.servers" | "metadata.broker.list" => Some("kafka.brokers instead"),
        "group.id" => Some("kafka.group_id instead"),
        key if RESERVED_PROPERTIES.contains(&key) => {
            Some("no such property: positions are kept with the results, and nothing may be skipped")
        }
        _ => None,
    }
}

fn properties(mut section: Section<'_>) -> BTreeMap<String, Property> {
    let mut properties = BTreeMap::from([("security.protocol".to_owned(), Property::Plain("PLAINTEXT".to_owned()))]);
    let keys: Vec<_> = section.keys().collect();
    for key in keys {
        if let Some(instead) = instead_of(key) {
            section.complain(key, "a property that chartsentry sets itself", instead);
        }
        let is_reference = matches!(section.node(key).map(|node| &node.value),
            Some(Value::Text(text)) if SecretRef::is_meant(text));
        let property = if is_reference {
            section.secret(key).map(Property::Secret)
        } else {
            section.get(key, "a text, a number, true or false", property).map(Property::Plain)
        };
        properties.extend(property.map(|property| (key.to_owned(), property)));
    }
    kafka_security::check_properties(&section, &properties);
    section.finish();
    properties
}

fn property(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Integer(_) | Value::Float(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

pub(super) fn store(mut section: Section<'_>) -> StoreSettings {
    let settings = StoreSettings {
        path: section
            .text("path", "the path of the store's file")
            .map_or_else(|| "state/chartsentry.db".into(), PathBuf::from),
        key: section.secret("key"),
        quarantine_mib: section
            .get("quarantine_mib", "a whole number of MiB from 1 to 1000000", |value| match value {
                Value::Integer(mib @ 1..=1_000_000) => u32::try_from(*mib).ok(),
                _ => None,
            })
            .unwrap_or(256),
    };
    section.finish();
    settings
}

pub(super) fn register(mut section: Section<'_>) -> RegisterSettings {
    let settings = RegisterSettings {
        unopened_after: section.span("unopened_after", Span::hours(24), Span::minutes(1)),
        escalate_to: section.texts("escalate_to", "names or functions of people", |_| true).unwrap_or_default(),
        checkpoint_every: section.span("checkpoint_every", Span::hours(24), Span::minutes(1)),
    };
    section.finish();
    settings
}

/// Reads `[cluster]`; its topics are named after the group where they have no name.
pub(super) fn cluster(mut section: Section<'_>, kafka: &KafkaSettings, has_sources: bool) -> ClusterSettings {
    let enabled = section.truth("enabled", false);
    let mut topic = |key: &str, ending: &str| {
        let is_named = |value: &Value| parsed::<String>(value).filter(|name| is_topic(name));
        let own = format!("{}.{ending}", kafka.group_id);
        let named = section.get(key, "a Kafka topic name", is_named);
        if named.is_none() && enabled && !is_topic(&own) {
            section.complain(key, format!("nothing, and \"{own}\" is no topic name"), "a Kafka topic name");
        }
        named.unwrap_or(own)
    };
    let settings = ClusterSettings {
        enabled,
        state_topic: topic("state_topic", "state"),
        findings_topic: topic("findings_topic", "findings"),
        notices_topic: topic("notices_topic", "notices"),
    };
    if enabled {
        check_cluster(&section, &settings, kafka, has_sources);
    }
    section.finish();
    settings
}

fn check_cluster(section: &Section<'_>, cluster: &ClusterSettings, kafka: &KafkaSettings, has_sources: bool) {
    let own = [
        ("state_topic", &cluster.state_topic),
        ("findings_topic", &cluster.findings_topic),
        ("notices_topic", &cluster.notices_topic),
    ];
    let others = [kafka.handoff_topic.as_slice(), kafka.quarantine_topic.as_slice()].into_iter().flatten();
    let others =
        others.chain(kafka.access_topics.iter().chain(&kafka.context_topics).chain(&kafka.context_event_topics));
    let mut seen: BTreeSet<&String> = others.collect();
    for (key, name) in own {
        if !seen.insert(name) {
            section.complain(key, format!("\"{name}\", which is used for something else"), "a topic of its own");
        }
    }
    if kafka.access_topics.len() > 1 {
        let found = format!("true, with {} topics in kafka.access_topics", kafka.access_topics.len());
        section.complain("enabled", found, "one access topic: several daemons share the partitions of one");
    }
    if has_sources {
        let expected =
            "no [[sources]]: run a daemon without [cluster] for them, or send the messages to the access topic";
        section.complain("enabled", "true, with [[sources]]", expected);
    }
}
