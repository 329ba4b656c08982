//! What every producer is given: how to reach Kafka, its tokens, and an ear for what librdkafka says aside.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::ProducerContext;
use rdkafka::util::IntoOpaque;

use crate::model::token::TokenSource;

/// How to reach Kafka to publish, with every secret resolved.
#[derive(Clone, Default)]
pub struct Publishing {
    /// Handed to librdkafka as they are, `bootstrap.servers` among them.
    pub properties: BTreeMap<String, String>,
    /// What SASL OAUTHBEARER shows to the broker; not needed by any other mechanism.
    pub token: Option<TokenSource>,
}

impl Publishing {
    /// librdkafka's configuration of a producer that loses nothing: `defaults` first, then the properties, then what
    /// durability needs.
    pub(super) fn config(&self, defaults: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        for (name, value) in defaults {
            config.set(*name, *value);
        }
        for (name, value) in &self.properties {
            config.set(name, value);
        }
        config.set("acks", "all").set("enable.idempotence", "true");
        config
    }
}

/// Values of properties may be passwords.
impl fmt::Debug for Publishing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.properties.keys().collect();
        f.debug_struct("Publishing").field("properties", &names).field("token", &self.token).finish()
    }
}

/// librdkafka's words for an error. Of a property that it refuses only the name: the value may be a secret.
pub(super) fn words(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(_, _, name, _) => {
            format!("librdkafka does not accept property \"{name}\" of [kafka.properties]; see its list of properties")
        }
        other => other.to_string(),
    }
}

/// Answers librdkafka's callbacks. Clones share what they heard.
#[derive(Clone, Default)]
pub(super) struct Context {
    token: Option<TokenSource>,
    /// The text of the newest error: what a call returns carries only a code.
    reason: Arc<Mutex<Option<String>>>,
}

impl Context {
    pub(super) fn new(token: Option<TokenSource>) -> Self {
        Self { token, reason: Arc::default() }
    }

    /// An error in words, with what librdkafka said aside since this was last asked.
    pub(super) fn explain(&self, error: &KafkaError) -> String {
        let reason = self.reason.lock().unwrap_or_else(PoisonError::into_inner).take();
        match reason.filter(|reason| !reason.is_empty()) {
            Some(reason) => format!("{} ({reason})", words(error)),
            None => words(error),
        }
    }
}

impl ClientContext for Context {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    /// Whoever publishes tells what failed; these lines are for a closer look.
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(facility, "{message}");
    }

    /// That all brokers are away follows from why each of them is, so it takes no other reason's place.
    fn error(&self, error: KafkaError, reason: &str) {
        let is_summary = error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown);
        let mut kept = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_summary || kept.is_none() {
            *kept = Some(reason.to_owned());
        }
    }

    /// Statistics are only made when `statistics.interval.ms` is set, and then wanted in the log.
    fn stats_raw(&self, statistics: &[u8]) {
        tracing::info!("{}", String::from_utf8_lossy(statistics));
    }

    /// Only called for SASL OAUTHBEARER. librdkafka asks again ten seconds after a failure.
    fn generate_oauth_token(&self, _config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        let source = self.token.as_ref().ok_or("[kafka.oauth] token is not set")?;
        let token = source.fetch().inspect_err(|error| tracing::warn!("{error}"))?;
        Ok(OAuthToken {
            token: token.expose().to_owned(),
            principal_name: token.principal().to_owned(),
            lifetime_ms: token.expires_at().0 / 1_000,
        })
    }
}

/// Hears what became of each record that a producer sent.
pub(super) trait Ear: Send + Sync + 'static {
    /// Goes along with a record.
    type Ticket: IntoOpaque;

    fn hear(&self, context: &Context, result: &DeliveryResult<'_>, ticket: Self::Ticket);
}

/// For producers that learn of failures in another way.
impl Ear for () {
    type Ticket = ();

    fn hear(&self, _: &Context, _: &DeliveryResult<'_>, (): ()) {}
}

/// What a producer calls back: the context answers librdkafka, the ear hears of records. Clones share both.
#[derive(Clone, Default)]
pub(super) struct Listening<E> {
    pub(super) context: Context,
    pub(super) ear: E,
}

impl<E: Default> Listening<E> {
    pub(super) fn new(publishing: &Publishing) -> Self {
        Self { context: Context::new(publishing.token.clone()), ear: E::default() }
    }
}

impl<E: Ear> ClientContext for Listening<E> {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = Context::ENABLE_REFRESH_OAUTH_TOKEN;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.context.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.context.error(error, reason);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.context.stats_raw(statistics);
    }

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.context.generate_oauth_token(config)
    }
}

impl<E: Ear> ProducerContext for Listening<E> {
    type DeliveryOpaque = E::Ticket;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: E::Ticket) {
        self.ear.hear(&self.context, result, ticket);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::{SECOND, Timestamp};
    use crate::model::token::Token;

    fn down() -> KafkaError {
        KafkaError::Global(RDKafkaErrorCode::AllBrokersDown)
    }

    #[test]
    fn an_error_is_told_with_what_was_said_aside_and_only_once() {
        let context = Context::default();
        context.error(KafkaError::Global(RDKafkaErrorCode::Authentication), "wrong password");
        context.error(down(), "1/1 brokers are down");
        assert!(context.explain(&KafkaError::Canceled).ends_with("(wrong password)"));
        assert_eq!(context.explain(&KafkaError::Canceled), words(&KafkaError::Canceled));
    }

    #[test]
    fn what_durability_needs_comes_last_and_defaults_come_first() {
        let properties = [("acks", "0"), ("linger.ms", "7")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let publishing = Publishing { properties: properties.into(), token: None };
        let config = publishing.config(&[("linger.ms", "5"), ("message.timeout.ms", "9")]);
        assert_eq!((config.get("acks"), config.get("linger.ms")), (Some("all"), Some("7")));
        assert_eq!(config.get("message.timeout.ms"), Some("9"));
    }

    #[test]
    fn debug_output_holds_no_property_values() {
        let properties = [("sasl.password".to_owned(), "hunter2".to_owned())].into();
        let text = format!("{:?}", Publishing { properties, token: None });
        assert!(text.contains("sasl.password") && !text.contains("hunter2"), "{text}");
    }

    #[test]
    fn a_token_is_given_to_producers_as_well() {
        let fetch = || Token::read("abc", Some("watcher"), Timestamp(SECOND));
        let given = Context::new(Some(TokenSource::new(fetch))).generate_oauth_token(None).unwrap();
        assert_eq!((given.token.as_str(), given.principal_name.as_str()), ("abc", "watcher"));
    }
}
