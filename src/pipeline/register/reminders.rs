//! Reminders: each is given once, and stands in the ledger.

use anyhow::Result;
use serde::Serialize;

use super::Office;
use crate::breach::case::event::Event;
use crate::breach::case::outlook::Attention;
use crate::model::incident::Severity;
use crate::model::time::Timestamp;
use crate::store::StoreError;

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
    /// What needs attention at `now` in any open case, most urgent first; without `again` only what was not said yet.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn due(&self, now: Timestamp, again: bool) -> Result<Vec<Due>> {
        let mut due = Vec::new();
        for case in self.register.cases()? {
            let outlook = self.outlook(&case, now);
            if outlook.is_closed {
                continue;
            }
            let new =
                outlook.attention.into_iter().filter(|one| again || !case.reminded.contains_key(&one.reminder_id));
            due.extend(new.map(|attention| Due {
                case_id: case.case_id.clone(),
                severity: case.severity(),
                escalate_to: self.escalate_to.clone(),
                attention,
            }));
        }
        due.sort_by(|a, b| {
            b.attention.alarm.cmp(&a.attention.alarm).then_with(|| a.attention.deadline.cmp(&b.attention.deadline))
        });
        Ok(due)
    }

    /// Writes down that reminders were given.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn reminded(&mut self, due: &[Due], by: &str, at: Timestamp) -> Result<()> {
        self.register.write(|pen| {
            for one in due {
                let event = Event::Reminded {
                    reminder_id: one.attention.reminder_id.clone(),
                    text: one.attention.text.clone(),
                };
                pen.append(at, by, &one.case_id, event)?;
            }
            Ok::<(), StoreError>(())
        })?;
        Ok(())
    }
}
