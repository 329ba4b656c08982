//! Feeding records again: each is decoded as the daemon would now, then published to where it came from.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};

use super::{Kind, Ward, Whole, Wholes};
use crate::decode::crosswalk::Crosswalk;
use crate::decode::{At, Collected, Decoder};
use crate::model::access::AccessEvent;
use crate::model::reject::{Place, RejectCode};
use crate::model::time::{DAY, Timestamp, Zone};
use crate::pipeline::daemon::publishing;
use crate::pipeline::identity;
use crate::sink::kafka_posts::{Landing, Post, Poster};
use crate::store::{Quarantined, RecordId, Standing};

/// The header of a record that was fed again: where it stood before, as `topic/partition/offset`.
pub const REFED_FROM: &str = "chartsentry-refed-from";

/// What is published before it is noted: so many records or bytes. A crash between the two feeds them twice, and copies
/// count once.
const RECORDS: usize = 256;
const BYTES: usize = 8 << 20;
/// How long the broker may take for them.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Order<'o> {
    pub ids: &'o [RecordId],
    /// Who asks; nothing is published without.
    pub by: Option<&'o str>,
    /// Also what was fed again or dropped before.
    pub again: bool,
    /// An access topic for records that have none: syslog messages.
    pub to: Option<&'o str>,
    pub now: Timestamp,
}

/// What this version reads in a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    pub accesses: Vec<AccessEvent<'static>>,
    /// Context facts.
    pub facts: usize,
    /// Why something in it cannot be read.
    pub fault: Option<(RejectCode, String)>,
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// It can be read now; nothing was published.
    Readable(Trial),
    /// It was published again, and stands there now.
    Fed { to: RecordId },
    /// It stays as it was, for the reason given.
    Stays(String),
}

/// A record that can be published.
struct Ready {
    id: RecordId,
    whole: Whole,
    topic: String,
    partition: Option<i32>,
}

/// Who hears of each record.
type Told<'t> = &'t mut dyn FnMut(&RecordId, Fate) -> Result<()>;

impl Ward {
    /// Decodes records and, where somebody asks by name, publishes those that can be read.
    ///
    /// # Errors
    /// When the store or Kafka cannot be used; what was published before stays noted.
    pub fn refeed(&mut self, order: &Order<'_>, told: Told<'_>) -> Result<()> {
        let reader = Reader {
            zone: self.config.facility.zone().map_err(anyhow::Error::msg)?,
            crosswalk: identity::load(self.config.identity.crosswalk.as_deref())?,
            now: order.now,
        };
        let (mut wholes, mut ready, mut bytes) = (self.wholes(), Vec::new(), 0);
        let mut poster = None;
        for id in order.ids {
            match self.prepare(id, order, &mut wholes, &reader)? {
                Ok((one, _)) if order.by.is_some() => {
                    bytes += one.whole.value.len();
                    ready.push(one);
                }
                Ok((_, trial)) => told(id, Fate::Readable(trial))?,
                Err(why) => told(id, Fate::Stays(why))?,
            }
            if ready.len() >= RECORDS || bytes >= BYTES {
                self.publish(&std::mem::take(&mut ready), order, &mut poster, told)?;
                bytes = 0;
            }
        }
        self.publish(&ready, order, &mut poster, told)
    }

    /// A record with its whole bytes, and what is read in them; or why it is not for this.
    fn prepare(
        &self,
        id: &RecordId,
        order: &Order<'_>,
        wholes: &mut Wholes,
        reader: &Reader,
    ) -> Result<Result<(Ready, Trial), String>> {
        let Some(kept) = self.desk.find(id)? else {
            return Ok(Err("the quarantine holds no such record".to_owned()));
        };
        if let Some(why) = already(&kept).filter(|_| !order.again) {
            return Ok(Err(why));
        }
        let kind = self.kind(&id.topic);
        let Some(mut whole) = wholes.find(&kept)? else { return Ok(Err(not_whole(&kept))) };
        if kind == Kind::Syslog {
            // It names the source that took the message in.
            whole.key = None;
        }
        let trial = reader.read(id, kind, &whole);
        if let Some((reason, sentence)) = &trial.fault {
            return Ok(Err(format!("still {reason}: {sentence}")));
        }
        if trial.accesses.is_empty() && trial.facts == 0 {
            return Ok(Err("this configuration does not read its topic".to_owned()));
        }
        Ok(self.destination(id, kind, order).map(|(topic, partition)| {
            let id = id.clone();
            (Ready { id, whole, topic, partition }, trial)
        }))
    }

    /// Where a record goes; or why it goes nowhere.
    fn destination(&self, id: &RecordId, kind: Kind, order: &Order<'_>) -> Result<(String, Option<i32>), String> {
        match (kind, order.to) {
            (Kind::Accesses | Kind::Syslog, Some(topic)) if self.kind(topic) == Kind::Accesses => {
                Ok((topic.to_owned(), None))
            }
            (Kind::Accesses | Kind::Syslog, Some(topic)) => {
                Err(format!("--to \"{topic}\" is no topic of kafka.access_topics"))
            }
            (Kind::Accesses, None) => Ok((id.topic.clone(), Some(id.partition))),
            (Kind::Syslog, None) => Err("it came over syslog and has no topic: name one of kafka.access_topics with \
                --to, or \"quarantine export --records\" it and replay that file"
                .to_owned()),
            (Kind::Context | Kind::Feed, _) => Err("it can be read now, but its topic is read from the beginning at \
                each start, and an old record sent again would come after newer ones: restart the daemon, and replay \
                the days that it concerns"
                .to_owned()),
            (Kind::Unread, _) => Err("this configuration does not read its topic".to_owned()),
        }
    }

    fn publish(
        &mut self,
        ready: &[Ready],
        order: &Order<'_>,
        poster: &mut Option<Poster>,
        told: Told<'_>,
    ) -> Result<()> {
        let (false, Some(by)) = (ready.is_empty(), order.by) else { return Ok(()) };
        let poster = match poster {
            Some(poster) => poster,
            none => {
                let publishing = publishing(&self.config, &self.secrets);
                none.insert(Poster::new(&publishing).map_err(anyhow::Error::msg)?)
            }
        };
        let landed = post_all(ready, poster);
        let fate = |ticket: usize, one: &Ready| match landed.get(&ticket) {
            Some(Landing::At { partition, offset }) => {
                Fate::Fed { to: RecordId { topic: one.topic.clone(), partition: *partition, offset: *offset } }
            }
            Some(Landing::TooLarge) => Fate::Stays(format!(
                "it is larger than {} or message.max.bytes of [kafka.properties] allows",
                one.topic
            )),
            Some(Landing::Failed(why)) => Fate::Stays(format!("Kafka did not take it: {why}")),
            Some(Landing::Full) => Fate::Stays("Kafka takes records too slowly: try again".to_owned()),
            None => Fate::Stays(
                "Kafka has not confirmed it in time; it may come all the same, and copies count once".to_owned(),
            ),
        };
        let fates: Vec<Fate> = (0..).zip(ready).map(|(ticket, one)| fate(ticket, one)).collect();
        let fed = ready.iter().zip(&fates).filter_map(|(one, fate)| match fate {
            Fate::Fed { to } => Some((one.id.clone(), to.clone())),
            Fate::Readable(_) | Fate::Stays(_) => None,
        });
        self.desk.refed(&fed.collect::<Vec<_>>(), by, order.now)?;
        ready.iter().zip(fates).try_for_each(|(one, fate)| told(&one.id, fate))?;
        // What did not land now may land later, under a ticket that then means another record.
        if landed.len() < ready.len() {
            return Err(anyhow!("Kafka does not take records in time: nothing more was published"));
        }
        Ok(())
    }
}

/// Publishes records; what became of each, by its place in the list.
fn post_all(ready: &[Ready], poster: &Poster) -> BTreeMap<usize, Landing> {
    let mut landed = BTreeMap::new();
    for (ticket, one) in (0..).zip(ready) {
        let from = one.id.to_string();
        let post = Post {
            ticket,
            topic: &one.topic,
            partition: one.partition,
            key: one.whole.key.as_deref(),
            value: Some(one.whole.value.as_slice()),
            headers: &[(REFED_FROM, from.as_str())],
        };
        landed.extend(poster.post(&post).map(|landing| (ticket, landing)));
    }
    // What did not land in time is missing from the list.
    let _ = poster.flush(PATIENCE);
    landed.extend(poster.landed());
    landed
}

/// Why a record that somebody was done with is not taken once more.
fn already(kept: &Quarantined) -> Option<String> {
    let by = kept.handled.as_ref().map_or("", |handled| handled.by.as_str());
    match (kept.standing, &kept.refed_to) {
        (Standing::Waiting, _) => None,
        (Standing::Refed, Some(to)) => Some(format!("{by} re-fed it as {to}: give --again to do it once more")),
        (Standing::Refed, None) => Some(format!("{by} re-fed it: give --again to do it once more")),
        (Standing::Dropped, _) => Some(format!("{by} dropped it: give --again to feed it all the same")),
    }
}

fn not_whole(kept: &Quarantined) -> String {
    let size = kept.record.size.map_or_else(|| "more".to_owned(), |size| size.to_string());
    format!(
        "the store has {} of {size} bytes, and neither its topic nor kafka.quarantine_topic holds it any more: take it \
         from its source and replay it",
        kept.record.record.len()
    )
}

/// Reads records as the daemon would now.
struct Reader {
    zone: Zone,
    crosswalk: Option<Arc<Crosswalk>>,
    now: Timestamp,
}

impl Reader {
    /// Each record by itself: a message of a feed is read without those before it.
    fn read(&self, id: &RecordId, kind: Kind, whole: &Whole) -> Trial {
        let place = Place::Kafka { topic: id.topic.as_str().into(), partition: id.partition, offset: id.offset };
        let at = At { place: &place, line: 0 };
        let mut decoder = Decoder::new(self.zone.clone()).with_crosswalk(self.crosswalk.clone());
        let mut found = Collected::default();
        match kind {
            Kind::Accesses | Kind::Syslog => decoder.access_message(&whole.value, at, &mut found),
            Kind::Feed => decoder.feed_message(&whole.value, at, &mut found),
            Kind::Context => {
                let (key, value) = (whole.key.as_deref(), Some(whole.value.as_slice()));
                decoder.context_message(key, value, self.now, at, &mut found);
            }
            Kind::Unread => {}
        }
        let accesses: Vec<AccessEvent<'static>> = found.accesses.into_iter().map(|(event, _)| event).collect();
        let fault = found.rejects.into_iter().next().map(|reject| (reject.reason, reject.sentence.into_owned()));
        let is_ahead = accesses.iter().any(|event| event.occurred_at > self.now.plus(DAY));
        let ahead = || (RejectCode::Future, "occurred_at lies more than a day after the present".to_owned());
        Trial { facts: found.updates.len(), fault: fault.or_else(|| is_ahead.then(ahead)), accesses }
    }
}
