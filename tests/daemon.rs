//! The daemon against librdkafka's own broker and against a real Apache Kafka.

#[path = "daemon/certificates.rs"]
pub(crate) mod certificates;
#[path = "daemon/cluster.rs"]
mod cluster;
#[path = "daemon/discretion.rs"]
mod discretion;
#[path = "daemon/drives.rs"]
mod drives;
#[path = "daemon/ending.rs"]
mod ending;
#[path = "daemon/faults.rs"]
mod faults;
#[path = "daemon/hospital.rs"]
mod hospital;
#[path = "daemon/http.rs"]
mod http;
#[path = "daemon/kill.rs"]
mod kill;
#[path = "daemon/own_broker.rs"]
mod own_broker;
#[path = "daemon/parity.rs"]
mod parity;
#[path = "daemon/poison.rs"]
mod poison;
#[path = "daemon/process.rs"]
pub(crate) mod process;
#[path = "daemon/reload.rs"]
mod reload;
#[path = "daemon/service.rs"]
mod service;
#[path = "daemon/syslog.rs"]
mod syslog;
#[path = "daemon/three_brokers.rs"]
mod three_brokers;

/// Runs a test against both brokers.
macro_rules! on_both_brokers {
    ($($test:ident),* $(,)?) => {
        mod embedded_broker {
            $(#[test] fn $test() { super::$test(&crate::support::Broker::mock()); })*
        }
        mod real_broker {
            $(#[test] fn $test() { if let Some(broker) = crate::support::Broker::real() { super::$test(&broker); } })*
        }
    };
}
use on_both_brokers;
