//! When a message was sent, when its event happened, who entered it.
//!
//! A sender's clock may be wrong by years. There is no clock here to hold it against, and no need: what is recorded in
//! the future is unknown until then. But every message after it would count as late, so a time far ahead of both the
//! message's own event and the message before it is not believed; EVN-2 takes its place.

use jiff::civil::Date;

use super::message::Message;
use super::time;
use crate::decode::Fault;
use crate::decode::time::LocalClock;
use crate::model::context::Recorded;
use crate::model::time::{DAY, Timestamp};

/// How far MSH-7 may be ahead of everything else.
const AHEAD: i64 = 31 * DAY;

/// When a message was sent, when its event happened, who entered it.
#[derive(Clone, Debug)]
pub(super) struct Heading {
    /// MSH-7, else EVN-2; where neither tells it, the event's own time.
    pub heard_at: Timestamp,
    /// Whether MSH-7 or EVN-2 tells when it was sent.
    pub is_dated: bool,
    /// EVN-6, else EVN-2, else MSH-7. Of a day only, MSH-7 held within it.
    pub at: Timestamp,
    /// The day of the event as it was written.
    pub date: Option<Date>,
    /// EVN-5, SCH-20 or ORC-10.
    pub author: Option<String>,
}

impl Heading {
    /// Reads the heading; `last` is when the message before it was sent.
    ///
    /// # Errors
    /// `MissingField` or `InvalidValue` when nothing tells a time.
    pub(super) fn read(message: &Message<'_>, last: Option<Timestamp>, clock: &mut LocalClock) -> Result<Self, Fault> {
        let text = |segment, number| message.field(segment, number).value();
        let (sent, entered, occurred) = (text("MSH", 7), text("EVN", 2), text("EVN", 6));
        let (admitted, booked) = (text("PV1", 44), message.field("SCH", 11).part(4).value());
        let mut first = |texts: [&Option<String>; 3]| {
            texts.into_iter().flatten().find_map(|text| Some((time::instant(text, clock)?, time::date(text))))
        };
        let stated = first([&sent, &entered, &None]);
        let Some((heard_at, day)) = stated.or_else(|| first([&occurred, &admitted, &booked])) else {
            return Err(match (&sent, &entered) {
                (None, None) => Fault::missing("MSH-7 (when the message was sent)"),
                _ => Fault::invalid("MSH-7", "a time such as 20260601070003"),
            });
        };
        let noted = first([&entered, &occurred, &None]);
        let is_ahead = |of: Timestamp| heard_at > of.plus(AHEAD);
        let (heard_at, day) = match noted {
            Some(noted) if is_ahead(noted.0) && last.is_some_and(is_ahead) => noted,
            _ => (heard_at, day),
        };
        let event = [&occurred, &entered].into_iter().flatten().find_map(|text| {
            let (start, end) = time::period(text, clock)?;
            Some((heard_at.max(start).min(end), time::date(text)))
        });
        let (at, date) = event.unwrap_or((heard_at, day));
        let mut people = [("EVN", 5), ("SCH", 20), ("ORC", 10)].into_iter();
        let author = people.find_map(|(segment, number)| message.field(segment, number).part(1).value());
        Ok(Self { heard_at, is_dated: stated.is_some(), at, date, author })
    }

    /// Recorded at `at`; known from the start where the message has no time of its own.
    pub(super) fn recorded(&self, at: Timestamp) -> Recorded {
        Recorded { at: self.is_dated.then_some(at), withdrawn_at: None }
    }
}
