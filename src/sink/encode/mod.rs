//! Encoders: a stored handoff or bulletin in, one line of text out. Pure.

pub mod cef;
pub mod json;

use super::Message;
use super::pseudonym::Identifiers;
use super::settings::Format;
use super::view::View;
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
    /// The message for a waiting handoff or bulletin.
    ///
    /// # Errors
    /// A sentence, free of its values, when it cannot be told in this format.
    pub fn encode(&self, entry: &OutboxEntry) -> Result<Message, String> {
        let view = View::parse(&entry.json)?;
        let limit = self.limit.unwrap_or(usize::MAX);
        let body = match (self.format, &view) {
            (Format::Cef, View::Handoff(view)) => cef::encode(view, &self.identifiers, limit),
            (Format::Cef, View::Bulletin(view)) => cef::encode_bulletin(view, limit),
            (Format::Json, _) => json::encode(&entry.json, &self.identifiers, self.limit)?,
        };
        let kind = match &view {
            View::Handoff(view) => view.kind.name(),
            View::Bulletin(view) => view.kind.name(),
        };
        Ok(Message {
            message_id: entry.message_id.clone(),
            incident_id: entry.incident_id.clone(),
            kind,
            severity: entry.severity,
            emitted_at: entry.emitted_at,
            body,
        })
    }
}
