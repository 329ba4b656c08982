//! The transactions of several partitions, side by side.

use std::sync::Arc;
use std::thread;

use crate::sink::kafka_transactions::{Entry, TransactionalWriter, WriteError};

/// What is to be written for a partition.
pub(super) struct Write {
    pub(super) partition: i32,
    pub(super) writer: Arc<TransactionalWriter>,
    pub(super) entries: Vec<Entry>,
}

/// Writes one transaction for each partition and waits for all of them.
pub(super) fn write_all(writes: Vec<Write>) -> Vec<(i32, Result<(), WriteError>)> {
    if let [only] = writes.as_slice() {
        return vec![(only.partition, only.writer.write(&only.entries))];
    }
    thread::scope(|scope| {
        let threads: Vec<_> =
            writes.iter().map(|write| (write.partition, scope.spawn(|| write.writer.write(&write.entries)))).collect();
        let panicked = |partition: i32| WriteError::Failed {
            name: format!("partition {partition}"),
            reason: "the thread has panicked".to_owned(),
        };
        let joined = threads
            .into_iter()
            .map(|(partition, thread)| (partition, thread.join().unwrap_or_else(|_| Err(panicked(partition)))));
        joined.collect()
    })
}
