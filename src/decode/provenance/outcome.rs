//! What a record says, as names and texts that can be compared.

use serde_json::Value;

use crate::decode::DecodeSink;
use crate::decode::canonical::FIELDS;
use crate::decode::context::{self, Table};
use crate::model::access::AccessEvent;
use crate::model::context::ContextUpdate;
use crate::model::reject::{Reject, RejectCode};

/// What came of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Access,
    /// A context record of this table.
    Fact(Table),
    /// A context record that is taken back.
    Withdrawal,
    Reject(RejectCode),
}

/// One thing that came of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub kind: Kind,
    /// Names and texts of what is said, in the order of the canonical fields or of the table's columns. Of a reject the
    /// sentence, of a context record first its key.
    pub fields: Vec<(String, String)>,
}

impl Outcome {
    /// An access, with the fields that it has.
    #[must_use]
    pub fn access(event: &AccessEvent<'_>) -> Self {
        let written = serde_json::to_value(event).unwrap_or_default();
        Self { kind: Kind::Access, fields: said(&written, &FIELDS).collect() }
    }

    /// A context record, with the columns that it fills, or its withdrawal.
    #[must_use]
    pub fn fact(update: &ContextUpdate) -> Self {
        let mut fields = vec![("key".to_owned(), update.key.clone())];
        let Some(record) = &update.record else {
            let at = Some(update.withdrawn_at).filter(|at| at.is_finite());
            fields.extend(at.map(|at| ("withdrawn_at".to_owned(), at.to_string())));
            return Self { kind: Kind::Withdrawal, fields };
        };
        let table = Table::of(record);
        fields.extend(said(&context::message(record), table.columns()));
        Self { kind: Kind::Fact(table), fields }
    }

    /// A record that cannot be used.
    #[must_use]
    pub fn reject(reject: &Reject) -> Self {
        Self { kind: Kind::Reject(reject.reason), fields: vec![("sentence".to_owned(), reject.sentence.to_string())] }
    }

    /// Why the record was refused; none when it was not.
    #[must_use]
    pub const fn reason(&self) -> Option<RejectCode> {
        match self.kind {
            Kind::Reject(reason) => Some(reason),
            Kind::Access | Kind::Fact(_) | Kind::Withdrawal => None,
        }
    }

    /// What it says in a field.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(own, _)| own == name).map(|(_, text)| text.as_str())
    }

    /// The outcome of another reading that is most like this one; none when there is none of its kind.
    pub(super) fn kin<'o>(&self, among: &'o [Self]) -> Option<&'o Self> {
        let same = |other: &&Self| other.fields.iter().filter(|field| self.fields.contains(field)).count();
        // Of equals `max_by_key` takes the last.
        let of_kind = among.iter().rev().filter(|other| other.kind == self.kind);
        among.iter().find(|other| *other == self).or_else(|| of_kind.max_by_key(same))
    }

    /// Whether it is a reject because of this field: then its sentence begins with the name.
    pub(super) fn blames(&self, name: &str) -> bool {
        let sentence = self.reason().and_then(|_| self.text("sentence")).unwrap_or_default();
        sentence.strip_prefix(name).is_some_and(|rest| rest.starts_with(' '))
    }
}

/// The members of an object that have one of these names, in the order of the names.
fn said<'w>(written: &'w Value, names: &'w [&'static str]) -> impl Iterator<Item = (String, String)> + 'w {
    names.iter().filter_map(move |name| {
        let text = match written.get(*name)? {
            Value::Null => return None,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        Some(((*name).to_owned(), text))
    })
}

/// Keeps everything that is decoded, in order.
#[derive(Debug, Default)]
pub struct Told(pub Vec<Outcome>);

impl DecodeSink for Told {
    fn access(&mut self, event: &AccessEvent<'_>, _line: u64) {
        self.0.push(Outcome::access(event));
    }

    fn context(&mut self, update: ContextUpdate, _line: u64) {
        self.0.push(Outcome::fact(&update));
    }

    fn reject(&mut self, reject: Reject) {
        self.0.push(Outcome::reject(&reject));
    }
}
