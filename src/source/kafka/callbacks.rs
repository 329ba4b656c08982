//! What librdkafka calls back.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;

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
    /// The text of the newest error: the error itself carries only a code.
    reason: Mutex<Option<String>>,
    closing: AtomicBool,
    /// Calls so far: a poll that led to none found nothing more to say.
    calls: AtomicUsize,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Callbacks {
    pub(super) fn next_rebalance(&self) -> Option<Rebalance> {
        locked(&self.rebalances).pop_front()
    }

    pub(super) fn take_reason(&self) -> Option<String> {
        locked(&self.reason).take().filter(|reason| !reason.is_empty())
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
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.called();
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

    fn error(&self, _error: KafkaError, reason: &str) {
        self.called();
        *locked(&self.reason) = Some(reason.to_owned());
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
