//! Context records from JSON objects: lines of a table's file, and messages that name their type.

use std::borrow::Cow;

use super::{MAX_COLUMNS, Table, record};
use crate::decode::Fault;
use crate::decode::canonical::ndjson::{list, not_json, scalar};
use crate::decode::json::{Members, Value};
use crate::decode::time::LocalClock;
use crate::model::context::ContextRecord;
use crate::model::reject::RejectCode;

/// A flat JSON object, its values sorted to a table's columns.
pub(in crate::decode) struct Flat<'a> {
    cells: [Cow<'a, str>; MAX_COLUMNS],
    /// Names that are no columns of the table.
    pub unknown: Vec<Cow<'a, str>>,
}

/// Reads the object `text` as a record of `table`, or of the table that its `type` names.
///
/// # Errors
/// When it is no valid JSON object, or belongs to no table.
pub(in crate::decode) fn read<'a>(text: &'a str, table: Option<Table>) -> Result<(Table, Flat<'a>), Fault> {
    let table = match table {
        Some(table) => table,
        None => type_of(text)?,
    };
    let mut flat = Flat { cells: Default::default(), unknown: Vec::new() };
    let mut members = Members::new(text).map_err(|_| not_json(text))?;
    while let Some((key, value)) = members.next_member().map_err(|_| not_json(text))? {
        let place = table.columns().iter().position(|column| column.eq_ignore_ascii_case(&key));
        match place {
            Some(place) => {
                let column = table.columns()[place];
                flat.cells[place] = match value {
                    Value::Nested(_) if column == "previous_family_names" => Cow::Owned(list(column, value)?.join("|")),
                    value => scalar(column, value)?,
                };
            }
            None if key.eq_ignore_ascii_case("type") => {}
            None => flat.unknown.push(key),
        }
    }
    Ok((table, flat))
}

fn type_of(text: &str) -> Result<Table, Fault> {
    let mut members = Members::new(text).map_err(|_| not_json(text))?;
    let mut found = None;
    while let Some((key, value)) = members.next_member().map_err(|_| not_json(text))? {
        if key.eq_ignore_ascii_case("type") {
            found = Some(scalar("type", value)?);
        }
    }
    let names = || {
        let names: Vec<_> = Table::ALL.into_iter().chain([Table::FeedStatus]).map(Table::type_name).collect();
        names.join(", ")
    };
    let Some(name) = found else {
        return Err(Fault::new(RejectCode::UnknownType, format!("type is missing: expected one of {}", names())));
    };
    Table::from_type(&name)
        .ok_or_else(|| Fault::new(RejectCode::UnknownType, format!("type is unknown: expected one of {}", names())))
}

impl Flat<'_> {
    /// The record.
    ///
    /// # Errors
    /// As [`record`].
    pub(in crate::decode) fn record(&self, table: Table, clock: &mut LocalClock) -> Result<ContextRecord, Fault> {
        let cells: [&str; MAX_COLUMNS] = std::array::from_fn(|place| self.cells[place].as_ref());
        record(table, &cells[..table.columns().len()], clock)
    }
}
