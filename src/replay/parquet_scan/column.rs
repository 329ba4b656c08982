//! One column of a batch, turned once from its Parquet type into what a decoder asks for.

use anyhow::{Result, bail};
use jiff::civil::{Date, DateTime};
use polars::prelude::{
    ArrowDataType, BinaryChunked, BooleanChunked, ChunkApply, Column as Frame, DataType, Float64Chunked, Int32Chunked,
    Int64Chunked, NewChunkedArray, StringChunked, TimeUnit,
};

use super::layout::Kind;
use crate::model::time::{LocalKind, Timestamp, Zone};

/// The value of one cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Null, or empty or blank text.
    Missing,
    Text(&'a str),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Micros(i64),
    /// A wall-clock time without a zone: microseconds since 1970-01-01T00:00:00 on that clock.
    Local(i64),
    /// Days since 1970-01-01.
    Date(i32),
    Flag(bool),
}

impl Cell<'_> {
    /// The instant of a cell that is not text. A wall-clock time and a date are taken in `zone`; the
    /// second value says what became of a time that a change of the clocks touched.
    #[must_use]
    pub fn instant(self, zone: &Zone) -> Option<(Timestamp, LocalKind)> {
        match self {
            Self::Micros(micros) => Some((Timestamp(micros), LocalKind::Plain)),
            Self::Local(micros) => Some(zone.resolve(wall_clock(micros)?)),
            Self::Date(days) => Some((zone.start_of(date(days)?), LocalKind::Plain)),
            Self::Missing | Self::Text(_) | Self::Flag(_) => None,
        }
    }

    /// The date of a cell that is not text; an instant's date is the one in `zone`.
    #[must_use]
    pub fn date(self, zone: &Zone) -> Option<Date> {
        match self {
            Self::Micros(micros) => Some(zone.date(Timestamp(micros))),
            Self::Local(micros) => wall_clock(micros).map(DateTime::date),
            Self::Date(days) => date(days),
            Self::Missing | Self::Text(_) | Self::Flag(_) => None,
        }
    }
}

fn wall_clock(micros: i64) -> Option<DateTime> {
    let at = jiff::Timestamp::from_microsecond(micros).ok()?;
    Some(jiff::tz::Offset::UTC.to_datetime(at))
}

fn date(days: i32) -> Option<Date> {
    let epoch = Date::constant(1970, 1, 1);
    epoch.checked_add(jiff::SignedDuration::from_hours(24 * i64::from(days))).ok()
}

/// One column's values for the rows of a batch.
#[derive(Clone, Debug)]
pub struct ColumnView(Values);

#[derive(Clone, Debug)]
enum Values {
    Missing,
    Text(StringChunked),
    Micros(Int64Chunked),
    Local(Int64Chunked),
    Dates(Int32Chunked),
    Flags(BooleanChunked),
}

impl ColumnView {
    /// The text of a cell; `None` when it is missing or not held as text. Columns of kind
    /// [`Kind::Text`] always hold text.
    #[must_use]
    pub fn text(&self, row: usize) -> Option<&str> {
        match &self.0 {
            Values::Text(values) => values.get(row).filter(|text| !is_blank(text)),
            _ => None,
        }
    }

    /// The value of a cell.
    #[must_use]
    pub fn cell(&self, row: usize) -> Cell<'_> {
        let value = match &self.0 {
            Values::Missing => None,
            Values::Text(_) => self.text(row).map(Cell::Text),
            Values::Micros(values) => values.get(row).map(Cell::Micros),
            Values::Local(values) => values.get(row).map(Cell::Local),
            Values::Dates(values) => values.get(row).map(Cell::Date),
            Values::Flags(values) => values.get(row).map(Cell::Flag),
        };
        value.unwrap_or(Cell::Missing)
    }

    /// Turns a decoded column into the form for `kind`.
    pub(super) fn new(column: &Frame, kind: Kind) -> Result<Self> {
        let series = column.as_materialized_series().rechunk();
        let values = match (kind, series.dtype()) {
            (_, DataType::Null) => Values::Missing,
            (_, DataType::String) => Values::Text(series.str()?.clone()),
            (_, DataType::Binary) => Values::Text(binary_as_text(series.binary()?)),
            (Kind::Flag, DataType::Boolean) => Values::Flags(series.bool()?.clone()),
            (Kind::Instant | Kind::Date, DataType::Date) => Values::Dates(series.to_physical_repr().i32()?.clone()),
            (Kind::Instant | Kind::Date, DataType::Datetime(unit, zone)) => {
                let micros = to_micros(series.to_physical_repr().i64()?, *unit);
                if zone.is_some() { Values::Micros(micros) } else { Values::Local(micros) }
            }
            (Kind::Text | Kind::Flag, DataType::Float32 | DataType::Float64) => {
                Values::Text(float_as_text(series.cast(&DataType::Float64)?.f64()?))
            }
            (Kind::Text | Kind::Flag, _) | (_, DataType::Categorical(..) | DataType::Enum(..)) => {
                Values::Text(series.cast(&DataType::String)?.str()?.clone())
            }
            (_, found) => bail!("holds {found:?}; expected {}", kind.expected()),
        };
        Ok(Self(values))
    }
}

fn is_blank(text: &str) -> bool {
    // Nearly every value starts with a visible ASCII character.
    text.as_bytes().first().is_none_or(|&byte| !byte.is_ascii_graphic() && text.trim().is_empty())
}

fn to_micros(values: &Int64Chunked, unit: TimeUnit) -> Int64Chunked {
    match unit {
        TimeUnit::Microseconds => values.clone(),
        TimeUnit::Milliseconds => values.apply_values(|value| value.saturating_mul(1_000)),
        TimeUnit::Nanoseconds => values.apply_values(|value| value.div_euclid(1_000)),
    }
}

/// Whole numbers without a fraction: `pandas` holds numbers with gaps as floats.
fn float_as_text(values: &Float64Chunked) -> StringChunked {
    let texts = values.iter().map(|value| value.filter(|value| !value.is_nan()).map(|value| value.to_string()));
    StringChunked::from_iter_options(values.name().clone(), texts)
}

fn binary_as_text(values: &BinaryChunked) -> StringChunked {
    let texts = values.iter().map(|value| value.map(String::from_utf8_lossy));
    StringChunked::from_iter_options(values.name().clone(), texts)
}

/// Whether a column of this Arrow type can be read as `kind`.
pub(super) fn fits(kind: Kind, found: &ArrowDataType) -> bool {
    use ArrowDataType as A;
    let text =
        matches!(found, A::Null | A::Utf8 | A::LargeUtf8 | A::Utf8View | A::Binary | A::LargeBinary | A::BinaryView)
            || matches!(found, A::Dictionary(_, values, _) if matches!(**values, A::Utf8 | A::LargeUtf8 | A::Utf8View));
    let time = matches!(found, A::Timestamp(..) | A::Date32 | A::Date64);
    // The reader is built without 8- and 16-bit unsigned numbers.
    let number =
        matches!(found, A::Int8 | A::Int16 | A::Int32 | A::Int64 | A::UInt32 | A::UInt64 | A::Float32 | A::Float64);
    match kind {
        Kind::Text | Kind::Flag => text || number || *found == A::Boolean,
        Kind::Instant | Kind::Date => text || time,
    }
}

/// An Arrow type in words, for errors.
pub(super) fn described(found: &ArrowDataType) -> String {
    use ArrowDataType as A;
    match found {
        A::List(_) | A::LargeList(_) | A::FixedSizeList(..) => "lists".to_owned(),
        A::Struct(_) | A::Map(..) => "nested records".to_owned(),
        A::Boolean => "booleans".to_owned(),
        A::Timestamp(..) | A::Date64 => "timestamps".to_owned(),
        A::Date32 => "dates".to_owned(),
        A::Float16 | A::Float32 | A::Float64 => "decimal numbers".to_owned(),
        A::Int8 | A::Int16 | A::Int32 | A::Int64 | A::UInt32 | A::UInt64 => "whole numbers".to_owned(),
        A::UInt8 | A::UInt16 => "unsigned numbers of 8 or 16 bits".to_owned(),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use polars::prelude::{IntoColumn, NamedFrom, Series};

    use super::*;

    fn view(series: Series, kind: Kind) -> ColumnView {
        ColumnView::new(&series.into_column(), kind).unwrap()
    }

    #[test]
    fn blank_text_is_missing() {
        let column = view(Series::new("a".into(), &["x", "", "  \t", " y"]), Kind::Text);
        assert_eq!((0..4).map(|row| column.text(row)).collect::<Vec<_>>(), [Some("x"), None, None, Some(" y")]);
        assert_eq!(column.cell(2), Cell::Missing);
        assert_eq!(view(Series::new("a".into(), &["\u{a0}", "é"]), Kind::Text).text(0), None);
        assert_eq!(view(Series::new("a".into(), &["\u{a0}", "é"]), Kind::Text).text(1), Some("é"));
    }

    #[test]
    fn numbers_are_read_as_their_text() {
        assert_eq!(view(Series::new("a".into(), &[Some(7_i64), None]), Kind::Text).text(0), Some("7"));
        let floats = view(Series::new("a".into(), &[Some(70_001_234.0_f64), Some(f64::NAN), None]), Kind::Text);
        assert_eq!((floats.text(0), floats.text(1), floats.text(2)), (Some("70001234"), None, None));
        assert_eq!(view(Series::new("a".into(), &[1.0_f64]), Kind::Flag).cell(0), Cell::Text("1"));
    }

    #[test]
    fn wall_clock_cells_are_resolved_in_the_facility_zone() {
        let zone = Zone::named("America/Los_Angeles").unwrap();
        let winter = Cell::Local(1_767_225_600_000_000); // 2026-01-01T00:00
        assert_eq!(winter.instant(&zone).unwrap().0.to_string(), "2026-01-01T08:00:00.000000Z");
        assert_eq!(winter.date(&zone).unwrap().to_string(), "2026-01-01");
        let utc = Cell::Micros(1_767_225_600_000_000);
        assert_eq!(utc.date(&zone).unwrap().to_string(), "2025-12-31");
        assert_eq!(Cell::Date(20_454).instant(&zone).unwrap().0.to_string(), "2026-01-01T08:00:00.000000Z");
        assert_eq!(Cell::Text("2026").instant(&zone), None);
    }
}
