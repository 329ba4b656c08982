//! Copies of records that could not be used, in the quarantine topic: whole where they fit, cut where they do not.
//!
//! The copies of a batch are made while the batch is at hand, so that what a topic refuses can be cut to what it takes.
//! A topic that does not answer is waited for once; then copies go on in the background and nobody waits.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;

use crate::decode::MAX_RECORD;
use crate::model::time::Timestamp;
use crate::sink::kafka_context::Publishing;
use crate::sink::kafka_posts::{Landing, Post, Poster};
use crate::store::RecordId;
use crate::telemetry::{CopyOutcome, Journal};

/// How long copies are waited for: long for a topic that answers, and short for a daemon that is to end.
const PATIENCE: Duration = Duration::from_secs(3);
/// Longer keys are left out, here and in the store: a key is a name, and this is none.
pub(super) const KEPT_KEY: usize = 1024;
/// What librdkafka and Kafka put around a message, and around a header, at most. In bytes.
const FRAME: usize = 256;
const HEADER_FRAME: usize = 16;
/// librdkafka's own bound of a message.
const USUAL_ROOM: usize = 1_000_000;

const LARGER: &str = "the copy is larger than the topic allows";

/// Where a whole copy stands in the quarantine topic: partition and offset.
pub(super) type Place = (i32, i64);

/// A record that could not be used, while its batch is at hand.
pub(super) struct Draft<'b> {
    pub(super) id: RecordId,
    pub(super) key: Option<&'b [u8]>,
    pub(super) value: Option<&'b [u8]>,
    pub(super) reason: &'static str,
    pub(super) sentence: String,
    /// Its source did not have all of it either.
    pub(super) is_faulty: bool,
}

impl<'b> Draft<'b> {
    /// The key, unless it is none.
    pub(super) fn kept_key(&self) -> Option<&'b [u8]> {
        self.key.filter(|key| key.len() <= KEPT_KEY)
    }

    /// The value, empty where there is none.
    pub(super) fn bytes(&self) -> &'b [u8] {
        self.value.unwrap_or_default()
    }
}

/// A copy on its way.
#[derive(Debug)]
struct Sent {
    id: RecordId,
    /// Its whole length with key and headers, as far as known.
    total: usize,
    is_empty: bool,
    is_whole: bool,
}

/// A copy that was too large.
struct TooLarge {
    ticket: usize,
    sent: Sent,
}

/// Makes the copies.
pub(super) struct Copies {
    topic: String,
    poster: Poster,
    /// The longest message that may be tried, in bytes; learned from what is refused.
    room: usize,
    next_ticket: usize,
    on_the_way: BTreeMap<usize, Sent>,
    /// The topic did not answer in time; until it does, nobody waits.
    is_away: bool,
    /// Whole copies that landed after they were waited for.
    late: Vec<(RecordId, Place)>,
}

impl Copies {
    /// Readies copies to a topic; nothing is connected yet.
    ///
    /// # Errors
    /// When librdkafka does not accept the properties.
    pub(super) fn new(topic: &str, publishing: &Publishing) -> Result<Self> {
        let bound = publishing.properties.get("message.max.bytes").and_then(|bytes| bytes.parse().ok());
        Ok(Self {
            topic: topic.to_owned(),
            poster: Poster::new(publishing).map_err(anyhow::Error::msg)?,
            room: bound.unwrap_or(USUAL_ROOM).min(MAX_RECORD),
            next_ticket: 0,
            on_the_way: BTreeMap::new(),
            is_away: false,
            late: Vec::new(),
        })
    }

    /// Copies records. Where the whole copy of each stands, as far as that is known in time.
    pub(super) fn copy(&mut self, drafts: &[Draft<'_>], journal: &Journal, now: Timestamp) -> Vec<Option<Place>> {
        let mut run = Run { first: self.next_ticket, places: vec![None; drafts.len()], journal, now };
        self.next_ticket += drafts.len();
        let mut refused = Vec::new();
        for (ticket, draft) in (run.first..).zip(drafts) {
            refused.extend(self.send(ticket, draft, self.room, &run));
        }
        refused.extend(self.settle(&mut run));
        for TooLarge { ticket, sent } in refused {
            match drafts.get(ticket.wrapping_sub(run.first)) {
                Some(draft) => self.send_alone(ticket, sent.total, draft, &mut run),
                // The record of an earlier batch is not at hand any more.
                None => run.failed(LARGER),
            }
        }
        run.places
    }

    /// Whole copies of earlier records that have landed since.
    pub(super) fn late(&mut self, journal: &Journal, now: Timestamp) -> Vec<(RecordId, Place)> {
        let mut run = Run { first: self.next_ticket, places: Vec::new(), journal, now };
        self.land(&mut run).iter().for_each(|_| run.failed(LARGER));
        std::mem::take(&mut self.late)
    }

    /// The end: waits once more, and counts what did not land.
    pub(super) fn close(&mut self, journal: &Journal, now: Timestamp) {
        let mut run = Run { first: self.next_ticket, places: Vec::new(), journal, now };
        let refused = self.settle(&mut run).len() + std::mem::take(&mut self.on_the_way).len();
        (0..refused).for_each(|_| run.failed("it did not land before the end"));
    }

    /// Sends a copy that was too large, perhaps only together with others, until it fits.
    fn send_alone(&mut self, ticket: usize, total: usize, draft: &Draft<'_>, run: &mut Run<'_>) {
        let mut room = total.min(self.room);
        loop {
            let at_once = self.send(ticket, draft, room, run);
            let mut refused = self.settle(run);
            refused.extend(at_once);
            let (own, others): (Vec<_>, Vec<_>) = refused.into_iter().partition(|refused| refused.ticket == ticket);
            others.iter().for_each(|_| run.failed(LARGER));
            let Some(TooLarge { sent, .. }) = own.into_iter().next() else { return };
            if sent.is_empty {
                return run.failed(LARGER);
            }
            room = sent.total / 2;
            self.room = self.room.min(room);
        }
    }

    /// Hands a copy over that is no longer than `room`; gives it back where it is too large all the same.
    fn send(&mut self, ticket: usize, draft: &Draft<'_>, room: usize, run: &Run<'_>) -> Option<TooLarge> {
        let (partition, offset) = (draft.id.partition.to_string(), draft.id.offset.to_string());
        let (key, value) = (draft.kept_key(), draft.bytes());
        let key_size = draft.key.map_or(0, <[u8]>::len).to_string();
        let size = value.len().to_string();
        let mut headers = vec![
            ("topic", draft.id.topic.as_str()),
            ("partition", partition.as_str()),
            ("offset", offset.as_str()),
            ("reason", draft.reason),
            ("sentence", draft.sentence.as_str()),
        ];
        if key.is_none() && draft.key.is_some() {
            headers.push(("key_left_out", key_size.as_str()));
        }
        let frames: usize = headers.iter().map(|(name, text)| name.len() + text.len() + HEADER_FRAME).sum();
        let around = FRAME + frames + key.map_or(0, <[u8]>::len);
        let value = value.get(..room.saturating_sub(around)).unwrap_or(value);
        let is_cut = value.len() < draft.bytes().len();
        if is_cut {
            headers.push(("truncated", size.as_str()));
        }
        let sent = Sent {
            id: draft.id.clone(),
            total: around + value.len(),
            is_empty: value.is_empty(),
            is_whole: !is_cut && key == draft.key && !draft.is_faulty,
        };
        let value = draft.value.map(|_| value);
        let post = Post { ticket, topic: &self.topic, partition: None, key, value, headers: &headers };
        match self.poster.post(&post) {
            None => {
                self.on_the_way.insert(ticket, sent);
            }
            Some(Landing::TooLarge) => return Some(TooLarge { ticket, sent }),
            Some(Landing::Failed(why)) => run.failed(&why),
            Some(Landing::Full | Landing::At { .. }) => run.failed("too many copies wait for the topic"),
        }
        None
    }

    /// Waits for what is on its way, unless the topic does not answer.
    fn settle(&mut self, run: &mut Run<'_>) -> Vec<TooLarge> {
        let patience = if self.is_away { Duration::ZERO } else { PATIENCE };
        let is_settled = self.on_the_way.is_empty() || self.poster.flush(patience);
        if !is_settled && !self.is_away {
            run.journal.copies_wait(&self.topic, run.now);
        }
        self.is_away = !is_settled;
        self.land(run)
    }

    /// Takes in what became of copies; gives back those that were too large.
    fn land(&mut self, run: &mut Run<'_>) -> Vec<TooLarge> {
        let mut refused = Vec::new();
        for (ticket, landing) in self.poster.landed() {
            let Some(sent) = self.on_the_way.remove(&ticket) else { continue };
            self.is_away &= !matches!(landing, Landing::At { .. });
            match landing {
                Landing::At { .. } if !sent.is_whole => run.journal.copied(CopyOutcome::Cut, "", run.now),
                Landing::At { partition, offset } => {
                    run.journal.copied(CopyOutcome::Whole, "", run.now);
                    match run.places.get_mut(ticket.wrapping_sub(run.first)) {
                        Some(place) => *place = Some((partition, offset)),
                        None => self.late.push((sent.id, (partition, offset))),
                    }
                }
                Landing::TooLarge => refused.push(TooLarge { ticket, sent }),
                Landing::Failed(why) => run.failed(&why),
                Landing::Full => run.failed("too many copies wait for the topic"),
            }
        }
        refused
    }
}

/// The copies of one batch.
struct Run<'j> {
    /// The ticket of the first of them.
    first: usize,
    places: Vec<Option<Place>>,
    journal: &'j Journal,
    now: Timestamp,
}

impl Run<'_> {
    fn failed(&self, why: &str) {
        self.journal.copied(CopyOutcome::Failed, why, self.now);
    }
}
