//! What the register tells by itself: reminders, each once and in the ledger, and checkpoints of the ledger.

use anyhow::Result;
use serde::Serialize;

use super::Office;
use crate::breach::case::event::Event;
use crate::breach::case::outlook::Attention;
use crate::breach::ledger::Checkpoint;
use crate::model::incident::Severity;
use crate::model::time::Timestamp;
use crate::store::BulletinRecord;

/// Where reminders are given. What a person took on a terminal does not silence the sinks, nor the other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    Sinks,
    Terminal,
}

impl Channel {
    fn id(self, reminder_id: &str) -> String {
        match self {
            Self::Sinks => reminder_id.to_owned(),
            Self::Terminal => format!("{reminder_id}:terminal"),
        }
    }
}

/// A reminder about a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Due {
    pub case_id: String,
    pub severity: Severity,
    /// To whom it is addressed.
    pub escalate_to: Vec<String>,
    #[serde(flatten)]
    pub attention: Attention,
}

impl Office {
    /// What needs attention at `now` in any open case, most urgent first; without `again` only what was not said yet on
    /// this channel.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn due(&self, now: Timestamp, again: bool, channel: Channel) -> Result<Vec<Due>> {
        let all = self.attention(now, channel)?.into_iter();
        Ok(all.filter(|(_, is_new)| again || *is_new).map(|(one, _)| one).collect())
    }

    /// What needs attention at `now` in any open case, most urgent first, each with whether it was not said yet on this
    /// channel.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn attention(&self, now: Timestamp, channel: Channel) -> Result<Vec<(Due, bool)>> {
        let mut due = Vec::new();
        for case in self.register.cases()? {
            let outlook = self.outlook(&case, now);
            if outlook.is_closed {
                continue;
            }
            let is_new = |one: &Attention| !case.reminded.contains_key(&channel.id(&one.reminder_id));
            for attention in outlook.attention {
                let is_new = is_new(&attention);
                let (case_id, severity) = (case.case_id.clone(), case.severity());
                due.push((Due { case_id, severity, escalate_to: self.escalate_to.clone(), attention }, is_new));
            }
        }
        due.sort_by(|(a, _), (b, _)| {
            b.attention.alarm.cmp(&a.attention.alarm).then_with(|| a.attention.deadline.cmp(&b.attention.deadline))
        });
        Ok(due)
    }

    /// Writes down that reminders were given, and puts them into the outboxes of `sinks`, all in one transaction. Every
    /// sink hears of every reminder, however low the case stands: a deadline is no matter of severity.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn reminded(&mut self, due: &[Due], by: &str, at: Timestamp, channel: Channel, sinks: &[String]) -> Result<()> {
        self.register.write(|pen| {
            for one in due {
                let Attention { reminder_id, text, .. } = &one.attention;
                let event = Event::Reminded { reminder_id: channel.id(reminder_id), text: text.clone() };
                pen.append(at, by, &one.case_id, event)?;
                let bulletin = Bulletin::Reminder { bulletin_id: reminder_id, at, due: one };
                pen.put_bulletin(&record(&bulletin, reminder_id, &one.case_id, one.severity, at)?, sinks)?;
            }
            Ok::<(), anyhow::Error>(())
        })
    }

    /// Tells every sink the newest entry of the ledger, so that entries taken off its end later are missed. Nothing when
    /// the ledger is empty.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn tell_checkpoint(&mut self, at: Timestamp, sinks: &[String]) -> Result<Option<Checkpoint>> {
        let Some(head) = self.register.head()? else { return Ok(None) };
        let id = format!("ledger:{}:{}", head.sequence, head.hash.get(..16).unwrap_or(&head.hash));
        let text = format!("the newest of {} entries has this hash", head.sequence);
        let bulletin = Bulletin::Checkpoint { bulletin_id: &id, severity: Severity::Low, at, text, head: &head };
        let record = record(&bulletin, &id, "ledger", Severity::Low, at)?;
        self.register.write(|pen| pen.put_bulletin(&record, sinks))?;
        Ok(Some(head))
    }
}

/// A bulletin as sinks get it.
#[derive(Serialize)]
#[serde(tag = "type")]
enum Bulletin<'b> {
    #[serde(rename = "case_reminder")]
    Reminder {
        bulletin_id: &'b str,
        at: Timestamp,
        #[serde(flatten)]
        due: &'b Due,
    },
    #[serde(rename = "ledger_checkpoint")]
    Checkpoint {
        bulletin_id: &'b str,
        severity: Severity,
        at: Timestamp,
        text: String,
        #[serde(flatten)]
        head: &'b Checkpoint,
    },
}

fn record(
    bulletin: &Bulletin<'_>,
    id: &str,
    subject: &str,
    severity: Severity,
    at: Timestamp,
) -> Result<BulletinRecord> {
    Ok(BulletinRecord {
        bulletin_id: id.to_owned(),
        subject: subject.to_owned(),
        severity,
        emitted_at: at,
        json: serde_json::to_string(bulletin)?,
    })
}
