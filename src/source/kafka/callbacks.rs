//! What librdkafka calls back.

use std::collections::VecDeque;
use std::error::Error;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;

use crate::model::token::TokenSource;

/// What the group asks of this member.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rebalance {
    Assign(Vec<(String, i32)>),
    Revoke(Vec<(String, i32)>),
}

/// Keeps what librdkafka says until the reader's loop gets to it. librdkafka lets a rebalance be
/// answered after its callback, so the loop can store what was read before it gives partitions up.
#[derive(Default)]
pub(super) struct Callbacks {
    rebalances: Mutex<VecDeque<Rebalance>>,
    said: Mutex<Said>,
    closing: AtomicBool,
    /// Calls so far: a poll that led to none found nothing more to say.
    calls: AtomicUsize,
    token: Option<TokenSource>,
}

/// What librdkafka said since it was last asked why something failed: the error itself carries only a code.
#[derive(Default)]
struct Said {
    /// The text of the newest error.
    reason: Option<String>,
    /// Why a connection ended, where that is only logged: often it is no fault.
    aside: Option<String>,
    /// That all brokers are away, which follows from why each of them is.
    summary: Option<String>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Callbacks {
    /// `token` is what SASL OAUTHBEARER shows to the broker.
    pub(super) fn new(token: Option<TokenSource>) -> Self {
        Self { token, ..Self::default() }
    }

    pub(super) fn next_rebalance(&self) -> Option<Rebalance> {
        locked(&self.rebalances).pop_front()
    }

    /// Why the last error came.
    pub(super) fn take_reason(&self) -> Option<String> {
        let Said { reason, summary, .. } = std::mem::take(&mut *locked(&self.said));
        reason.or(summary)
    }

    /// Why no broker answers: what a connection ended with counts as well.
    pub(super) fn take_obstacle(&self) -> Option<String> {
        let Said { reason, aside, summary } = std::mem::take(&mut *locked(&self.said));
        reason.or(aside).or(summary)
    }

    pub(super) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    fn called(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// From now on nobody reads: partitions are given up at once.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }
}

impl ClientContext for Callbacks {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.called();
        if facility == "FAIL" {
            let text = message.split_once("]: ").map_or(message, |(_thread, text)| text);
            locked(&self.said).aside = Some(text.to_owned());
        }
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning => tracing::warn!(facility, "{message}"),
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => tracing::info!(facility, "{message}"),
            RDKafkaLogLevel::Debug => tracing::debug!(facility, "{message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.called();
        if reason.is_empty() {
            return;
        }
        let mut said = locked(&self.said);
        let is_summary = error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown);
        *(if is_summary { &mut said.summary } else { &mut said.reason }) = Some(reason.to_owned());
    }

    /// Only called for SASL OAUTHBEARER. librdkafka tells a failure as an error and asks again ten seconds later.
    fn generate_oauth_token(&self, _config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.called();
        let source = self.token.as_ref().ok_or("[kafka.oauth] token is not set")?;
        let token = source.fetch().inspect_err(|error| tracing::warn!("{error}"))?;
        Ok(OAuthToken {
            token: token.expose().to_owned(),
            principal_name: token.principal().to_owned(),
            lifetime_ms: token.expires_at().0 / 1_000,
        })
    }

    /// Statistics are only made when `statistics.interval.ms` is set, and then wanted in the log.
    fn stats_raw(&self, statistics: &[u8]) {
        self.called();
        tracing::info!("{}", String::from_utf8_lossy(statistics));
    }
}

impl ConsumerContext for Callbacks {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, error: RDKafkaRespErr, list: &mut TopicPartitionList) {
        self.called();
        if self.closing.load(Ordering::Acquire) {
            if let Err(error) = give_up(consumer, list) {
                tracing::warn!("cannot give up partitions while closing: {error}");
            }
            return;
        }
        let elements = list.elements();
        let named = elements.iter().map(|element| (element.topic().to_owned(), element.partition())).collect();
        locked(&self.rebalances).push_back(match error {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Rebalance::Assign(named),
            _ => Rebalance::Revoke(named),
        });
    }

    fn commit_callback(&self, result: KafkaResult<()>, _offsets: &TopicPartitionList) {
        self.called();
        if let Err(error) = result {
            tracing::warn!("Kafka did not take the offsets, which are only advice to it: {error}");
        }
    }
}

/// Answers a revocation: under the eager protocol all partitions go, whatever the list says.
pub(super) fn give_up(consumer: &BaseConsumer<Callbacks>, list: &TopicPartitionList) -> KafkaResult<()> {
    match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_unassign(list),
        RebalanceProtocol::Eager | RebalanceProtocol::None => consumer.unassign(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::{SECOND, Timestamp};
    use crate::model::token::Token;

    #[test]
    fn that_all_brokers_are_away_hides_no_better_reason() {
        let callbacks = Callbacks::default();
        callbacks.error(KafkaError::Global(RDKafkaErrorCode::SSL), "wrong authority");
        callbacks.error(KafkaError::Global(RDKafkaErrorCode::AllBrokersDown), "1/1 brokers are down");
        assert_eq!(callbacks.take_reason().unwrap(), "wrong authority");
    }

    #[test]
    fn that_all_brokers_are_away_is_better_than_no_reason() {
        let callbacks = Callbacks::default();
        callbacks.error(KafkaError::Global(RDKafkaErrorCode::AllBrokersDown), "1/1 brokers are down");
        assert_eq!(callbacks.take_reason().unwrap(), "1/1 brokers are down");
    }

    #[test]
    fn what_is_only_logged_counts_where_no_broker_answers() {
        let callbacks = Callbacks::default();
        callbacks.log(RDKafkaLogLevel::Info, "FAIL", "[thrd:kafka:9093/1]: kafka:9093/1: Disconnected");
        callbacks.error(KafkaError::Global(RDKafkaErrorCode::AllBrokersDown), "1/1 brokers are down");
        assert_eq!(callbacks.take_obstacle().unwrap(), "kafka:9093/1: Disconnected");
        assert_eq!(callbacks.take_obstacle(), None);
    }

    #[test]
    fn a_token_is_given_with_its_principal_and_its_end_in_milliseconds() {
        let fetch = || Token::read("abc", Some("watcher"), Timestamp(SECOND));
        let given = Callbacks::new(Some(TokenSource::new(fetch))).generate_oauth_token(None).unwrap();
        assert_eq!((given.token.as_str(), given.principal_name.as_str()), ("abc", "watcher"));
        assert_eq!(given.lifetime_ms, 3_601_000);
    }

    #[test]
    fn without_a_token_the_setting_is_named() {
        let why = Callbacks::default().generate_oauth_token(None).err().unwrap().to_string();
        assert_eq!(why, "[kafka.oauth] token is not set");
    }
}
