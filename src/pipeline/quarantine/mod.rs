//! The quarantine, for the people who clear it up: what was set aside, whether it can be read now, and feeding it
//! again.

mod bytes;
mod refeed;

pub use bytes::{Origin, Whole, Wholes};
pub use refeed::{Fate, Order, REFED_FROM, Trial};

use anyhow::{Result, bail};

use super::daemon::{SYSLOG_TOPIC, store_options};
use crate::config::{Config, Secrets};
use crate::store::QuarantineDesk;

/// What the daemon makes of a topic's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Accesses, decided as they come.
    Accesses,
    /// Syslog messages, which have no topic of Kafka.
    Syslog,
    /// Context records by key, read from the beginning at each start.
    Context,
    /// HL7 v2 and FHIR messages, read from the beginning at each start.
    Feed,
    /// Nothing: this configuration does not read it.
    Unread,
}

/// The quarantine of a configuration's store.
pub struct Ward {
    pub desk: QuarantineDesk,
    config: Config,
    secrets: Secrets,
}

impl Ward {
    /// Opens it, beside a daemon or alone.
    ///
    /// # Errors
    /// When there is no store, or it cannot be opened.
    pub fn open(config: Config, secrets: Secrets) -> Result<Self> {
        let options = store_options(&config, &secrets);
        if !std::fs::metadata(&options.path).is_ok_and(|file| file.len() > 0) {
            let path = std::path::absolute(&options.path).unwrap_or_else(|_| options.path.clone());
            bail!(
                "there is no store at {}: give the --config that names its [store] path (a relative one counts from the \
                 current folder)",
                path.display()
            );
        }
        Ok(Self { desk: QuarantineDesk::open(&options)?, config, secrets })
    }

    /// What the daemon makes of a topic's records.
    #[must_use]
    pub fn kind(&self, topic: &str) -> Kind {
        let kafka = &self.config.kafka;
        let is_among = |topics: &[String]| topics.iter().any(|name| name == topic);
        match topic {
            SYSLOG_TOPIC => Kind::Syslog,
            _ if is_among(&kafka.access_topics) => Kind::Accesses,
            _ if is_among(&kafka.context_topics) => Kind::Context,
            _ if is_among(&kafka.context_event_topics) => Kind::Feed,
            _ => Kind::Unread,
        }
    }

    /// A way to the whole bytes of records.
    #[must_use]
    pub fn wholes(&self) -> Wholes {
        let connection = super::daemon::connection(&self.config, &self.secrets);
        Wholes::new(connection, self.config.kafka.quarantine_topic.clone())
    }
}
