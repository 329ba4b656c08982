//! Accesses as Arrow rows, there and back.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use anyhow::{Result, anyhow};
use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, Int64Builder, StringArray, StringBuilder, UInt8Array, UInt8Builder,
    UInt64Array, UInt64Builder,
};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, UInt8Type, UInt64Type};
use arrow::record_batch::RecordBatch;

use crate::model::access::{AccessEvent, Action, Outcome, SearchTextKind};
use crate::model::time::Timestamp;

const TEXTS: [&str; 10] = [
    "event_id",
    "user_id",
    "patient_id",
    "resource",
    "department",
    "workstation",
    "source_ip",
    "encounter_id",
    "purpose",
    "break_glass_reason",
];

/// Columns before the texts: instants, position and the three closed lists by number.
const FIXED: usize = 6;

/// Bytes of a row apart from its texts: three 8-byte and three 1-byte values, an offset for each
/// text, one index to sort by, and the null bits.
const ROW_BYTES: usize = 3 * 8 + 3 + TEXTS.len() * 4 + 4 + 2;

pub(super) static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let mut fields = vec![
        Field::new("occurred_at", DataType::Int64, false),
        Field::new("recorded_at", DataType::Int64, true),
        Field::new("position", DataType::UInt64, false),
        Field::new("action", DataType::UInt8, false),
        Field::new("outcome", DataType::UInt8, false),
        Field::new("search_text_kind", DataType::UInt8, true),
    ];
    fields.extend(TEXTS.map(|name| Field::new(name, DataType::Utf8, true)));
    Arc::new(Schema::new(fields))
});

/// Gathers accesses into columns.
#[derive(Default)]
pub(super) struct RowBuilder {
    occurred_at: Int64Builder,
    recorded_at: Int64Builder,
    position: UInt64Builder,
    action: UInt8Builder,
    outcome: UInt8Builder,
    search_text_kind: UInt8Builder,
    texts: [StringBuilder; TEXTS.len()],
    rows: usize,
    text_bytes: usize,
}

impl RowBuilder {
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// About how much memory the rows need.
    pub(super) fn bytes(&self) -> usize {
        self.rows * ROW_BYTES + self.text_bytes
    }

    pub(super) fn push(&mut self, event: &AccessEvent<'_>, position: u64) {
        self.occurred_at.append_value(event.occurred_at.0);
        self.recorded_at.append_option(event.recorded_at.map(|at| at.0));
        self.position.append_value(position);
        self.action.append_value(event.action as u8);
        self.outcome.append_value(event.outcome as u8);
        self.search_text_kind.append_option(event.search_text_kind.map(|kind| kind as u8));
        let texts = [
            Some(&event.event_id),
            Some(&event.user_id),
            event.patient_id.as_ref(),
            event.resource.as_ref(),
            event.department.as_ref(),
            event.workstation.as_ref(),
            event.source_ip.as_ref(),
            event.encounter_id.as_ref(),
            event.purpose.as_ref(),
            event.break_glass_reason.as_ref(),
        ];
        for (builder, text) in self.texts.iter_mut().zip(texts) {
            builder.append_option(text);
            self.text_bytes += text.map_or(0, |text| text.len());
        }
        self.rows += 1;
    }

    /// The gathered rows; the builder is empty afterwards.
    pub(super) fn finish(&mut self) -> Result<RecordBatch> {
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(self.occurred_at.finish()),
            Arc::new(self.recorded_at.finish()),
            Arc::new(self.position.finish()),
            Arc::new(self.action.finish()),
            Arc::new(self.outcome.finish()),
            Arc::new(self.search_text_kind.finish()),
        ];
        columns.extend(self.texts.iter_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef));
        (self.rows, self.text_bytes) = (0, 0);
        Ok(RecordBatch::try_new(Arc::clone(&SCHEMA), columns)?)
    }
}

/// The engine's order.
pub(super) type Key<'a> = (i64, &'a str, Option<&'a str>, u64);

/// Rows that follow each other in the engine's order.
#[derive(Clone, Debug)]
pub struct SortedBatch {
    occurred_at: Int64Array,
    recorded_at: Int64Array,
    position: UInt64Array,
    action: UInt8Array,
    outcome: UInt8Array,
    search_text_kind: UInt8Array,
    texts: [StringArray; TEXTS.len()],
}

impl SortedBatch {
    pub(super) fn new(rows: RecordBatch) -> Result<Self> {
        let columns = rows.columns();
        if columns.len() != FIXED + TEXTS.len() {
            return Err(anyhow!("a sorted run has {} columns", columns.len()));
        }
        let small = |place: usize| columns[place].as_primitive_opt::<UInt8Type>().cloned();
        let long = |place: usize| columns[place].as_primitive_opt::<Int64Type>().cloned();
        let build = || {
            let texts: Option<Vec<StringArray>> =
                columns[FIXED..].iter().map(|column| column.as_string_opt::<i32>().cloned()).collect();
            Some(Self {
                occurred_at: long(0)?,
                recorded_at: long(1)?,
                position: columns[2].as_primitive_opt::<UInt64Type>()?.clone(),
                action: small(3)?,
                outcome: small(4)?,
                search_text_kind: small(5)?,
                texts: texts?.try_into().ok()?,
            })
        };
        build().ok_or_else(|| anyhow!("a sorted run has columns of another type"))
    }

    /// How many rows the batch has.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.position.len()
    }

    /// The place of a row in the input, as it was pushed.
    #[must_use]
    pub fn position(&self, row: usize) -> u64 {
        self.position.value(row)
    }

    /// A row, borrowed from the batch.
    ///
    /// # Panics
    /// When the batch has no such row.
    #[must_use]
    pub fn event(&self, row: usize) -> AccessEvent<'_> {
        let number = |values: &UInt8Array| usize::from(values.value(row));
        let text = |place: usize| self.text(place, row).map(Cow::Borrowed);
        AccessEvent {
            event_id: text(0).unwrap_or_default(),
            occurred_at: Timestamp(self.occurred_at.value(row)),
            recorded_at: self.recorded_at.is_valid(row).then(|| Timestamp(self.recorded_at.value(row))),
            user_id: text(1).unwrap_or_default(),
            patient_id: text(2),
            action: Action::ALL.get(number(&self.action)).copied().unwrap_or(Action::Other),
            resource: text(3),
            department: text(4),
            workstation: text(5),
            source_ip: text(6),
            encounter_id: text(7),
            purpose: text(8),
            break_glass_reason: text(9),
            outcome: Outcome::ALL.get(number(&self.outcome)).copied().unwrap_or_default(),
            search_text_kind: self
                .search_text_kind
                .is_valid(row)
                .then(|| SearchTextKind::ALL.get(number(&self.search_text_kind)).copied())
                .flatten(),
        }
    }

    pub(super) fn key(&self, row: usize) -> Key<'_> {
        (self.occurred_at.value(row), self.texts[0].value(row), self.text(2, row), self.position.value(row))
    }

    fn text(&self, place: usize, row: usize) -> Option<&str> {
        let values = &self.texts[place];
        values.is_valid(row).then(|| values.value(row))
    }
}
