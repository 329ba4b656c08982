//! What works and deserves a second look: topics that forget too soon, and a disk that will be full.

use std::path::{Path, PathBuf};

use super::{Attempt, block_on, nearest_folder};
use crate::config::{Config, Secrets};
use crate::model::span::Span;
use crate::pipeline::daemon::connection;
use crate::source::kafka::{Connection, Keeping, keeping};
use crate::store::disk_of;

/// Below so much free room a store has no room for growth and a copy.
const ROOM: u64 = 1 << 30;
/// What syslog messages may take beside it while they wait.
const SPOOL_ROOM: u64 = 4 << 30;

/// What a topic is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Accesses,
    Context,
    /// Messages that bring context.
    Messages,
}

/// What to look at, in order, each with its name. What fails here keeps no daemon from working.
#[must_use]
pub fn advice(config: &Config, secrets: &Secrets) -> Vec<(String, Attempt)> {
    let connection = connection(config, secrets);
    let settle_window = config.policy.engine.settle_window;
    let kafka = &config.kafka;
    let purposes = [
        (Purpose::Accesses, &kafka.access_topics),
        (Purpose::Context, &kafka.context_topics),
        (Purpose::Messages, &kafka.context_event_topics),
    ];
    let topics = purposes.into_iter().flat_map(|(purpose, topics)| topics.iter().map(move |topic| (purpose, topic)));
    let mut looks: Vec<(String, Attempt)> = topics
        .map(|(purpose, topic)| {
            (format!("keeps {topic}"), look(connection.clone(), topic.clone(), purpose, settle_window))
        })
        .collect();
    let needed = if config.sources.is_empty() { ROOM } else { ROOM + SPOOL_ROOM };
    looks.push(("disk".to_owned(), room(config.store.path.clone(), needed)));
    looks
}

fn look(connection: Connection, topic: String, purpose: Purpose, settle_window: Span) -> Attempt {
    Box::new(move || {
        if connection.token.is_some() {
            return Err("not asked, because that question cannot be asked with a token: see cleanup.policy and \
                        retention.ms yourself"
                .to_owned());
        }
        let found = block_on(keeping(&connection, &topic))?;
        let found = found.map_err(|error| format!("cannot tell what it keeps: {error}"))?;
        judge(found, purpose, settle_window)
    })
}

/// What a topic keeps, or why that is too little.
fn judge(found: Keeping, purpose: Purpose, settle_window: Span) -> Result<String, String> {
    let retention = found.retention_ms.map(|ms| Span::seconds(ms / 1_000));
    let is_short = retention.is_some_and(|retention| retention < settle_window);
    match (purpose, found.is_compacted, retention) {
        (Purpose::Accesses, true, _) => {
            Err("compacted: of each key only the newest access is kept; set cleanup.policy to delete".to_owned())
        }
        (Purpose::Accesses, false, Some(kept)) if is_short => Err(format!(
            "records are kept for {kept}, less than settle_window ({settle_window}): what comes while chartsentry stands \
             still for longer is never read"
        )),
        (Purpose::Context, false, Some(kept)) => Err(format!(
            "not compacted: records are kept for {kept} only, and after a start older ones are unknown; set \
             cleanup.policy to compact"
        )),
        (Purpose::Context, false, None) => {
            Err("not compacted: it grows for ever, and so does every start; set cleanup.policy to compact".to_owned())
        }
        (Purpose::Context, true, Some(kept)) => Err(format!(
            "compacted, but records are also deleted after {kept}: after a start older ones are unknown; set \
             cleanup.policy to compact alone"
        )),
        (Purpose::Messages, true, _) => {
            Err("compacted: of each key only the newest message is kept; set cleanup.policy to delete".to_owned())
        }
        (Purpose::Messages, false, Some(kept)) if is_short => Err(format!(
            "messages are kept for {kept}, less than settle_window ({settle_window}): after a start care that is still \
             open is unknown"
        )),
        (_, _, Some(kept)) => Ok(format!("records for {kept}")),
        (_, true, None) => Ok("the newest record of each key".to_owned()),
        (_, false, None) => Ok("every record".to_owned()),
    }
}

fn room(store: PathBuf, needed: u64) -> Attempt {
    Box::new(move || {
        let folder = nearest_folder(&store)?;
        let Some(disk) = disk_of(Path::new(&folder)) else {
            return Err(format!("{folder}: the system does not tell how much room its disk has"));
        };
        // The file's own size again: a copy of it is made when it is backed up or its layout changes.
        let size = store.metadata().map_or(0, |file| file.len());
        enough(disk.free, needed.saturating_add(size)).map(|said| format!("{folder}: {said}"))
    })
}

fn enough(free: u64, needed: u64) -> Result<String, String> {
    let [free_gb, needed_gb] = [free, needed].map(|bytes| format!("{:.1} GB", bytes as f64 / 1e9));
    if free < needed {
        return Err(format!(
            "{free_gb} free on the disk of the store, which may come to need {needed_gb}: make room, or put it elsewhere"
        ));
    }
    Ok(format!("{free_gb} free"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Span = Span::hours(72);

    fn judged(purpose: Purpose, is_compacted: bool, hours: Option<i64>) -> Result<String, String> {
        let retention_ms = hours.map(|hours| hours * 3_600_000);
        judge(Keeping { is_compacted, retention_ms }, purpose, WINDOW)
    }

    #[test]
    fn a_context_topic_that_forgets_is_told() {
        assert!(judged(Purpose::Context, true, None).is_ok());
        assert!(judged(Purpose::Context, false, Some(168)).unwrap_err().contains("7d"));
        assert!(judged(Purpose::Context, true, Some(168)).unwrap_err().contains("also deleted"));
        assert!(judged(Purpose::Context, false, None).unwrap_err().contains("grows"));
    }

    #[test]
    fn an_audit_topic_keeps_every_access_for_the_settle_window_at_least() {
        assert!(judged(Purpose::Accesses, false, None).is_ok());
        assert!(judged(Purpose::Accesses, false, Some(72)).is_ok());
        assert!(judged(Purpose::Accesses, false, Some(71)).unwrap_err().contains("71h"));
        assert!(judged(Purpose::Accesses, true, None).unwrap_err().contains("compacted"));
        assert!(judged(Purpose::Messages, false, Some(24)).unwrap_err().contains("24h"));
    }

    #[test]
    fn a_disk_with_too_little_room_is_told_with_both_numbers() {
        let said = enough(500_000_000, 1 << 30).unwrap_err();
        assert!(said.contains("0.5 GB") && said.contains("1.1 GB"), "{said}");
        assert!(enough(2 << 30, 1 << 30).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn the_disk_of_a_store_that_is_not_there_yet_is_measured() {
        let folder = tempfile::tempdir().unwrap();
        assert!(room(folder.path().join("a/b/store.db"), 0)().unwrap().contains("free"));
    }
}
