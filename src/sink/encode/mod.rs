//! Encoders: a stored handoff in, one line of text out. Pure.

pub mod cef;
pub mod json;

use super::Message;
use super::pseudonym::Identifiers;
use super::settings::Format;
use super::view::HandoffView;
use crate::store::OutboxEntry;

/// Encodes for one sink.
#[derive(Clone, Debug)]
pub struct Encoder {
    pub format: Format,
    pub identifiers: Identifiers,
    /// Bytes that a body may have; `None` = any number.
    pub limit: Option<usize>,
}

impl Encoder {
    /// The message for a waiting handoff.
    ///
    /// # Errors
    /// A sentence, free of the handoff's values, when it cannot be told in this format.
    pub fn encode(&self, entry: &OutboxEntry) -> Result<Message, String> {
        let view = HandoffView::parse(&entry.json)?;
        let body = match self.format {
            Format::Cef => cef::encode(&view, &self.identifiers, self.limit.unwrap_or(usize::MAX)),
            Format::Json => json::encode(&entry.json, &self.identifiers, self.limit)?,
        };
        Ok(Message {
            message_id: entry.message_id.clone(),
            incident_id: entry.incident_id.clone(),
            kind: view.kind,
            severity: entry.severity,
            emitted_at: entry.emitted_at,
            body,
        })
    }
}
