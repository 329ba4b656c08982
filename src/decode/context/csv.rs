//! Context tables from CSV.

use std::borrow::Cow;

use super::{MAX_COLUMNS, Table, record, update};
use crate::decode::format::Columns;
use crate::decode::rows::{Found, Records};
use crate::decode::{At, Chunk, DecodeSink, Decoder, Format};

/// Reads every record of a chunk.
pub(in crate::decode) fn read_chunk<S: DecodeSink + ?Sized>(
    decoder: &mut Decoder,
    chunk: &Chunk<'_>,
    table: Table,
    columns: &Columns,
    sink: &mut S,
) {
    let place = chunk.place();
    let width = table.columns().len();
    let mut records = Records::new(chunk, columns);
    let mut row = [""; MAX_COLUMNS + 1];
    let mut count = 0;
    while let Some((line, bytes, found)) = records.next_record(&mut row) {
        count += 1;
        let result = match found {
            Found::Plain => record(table, &row[..width], &mut decoder.clock),
            Found::Quoted(text) => {
                let mut cells: [Cow<'_, str>; MAX_COLUMNS + 1] = Default::default();
                for (slot, cell) in records.texts(text) {
                    cells[slot as usize] = cell;
                }
                let cells: [&str; MAX_COLUMNS + 1] = std::array::from_fn(|place| cells[place].as_ref());
                record(table, &cells[..width], &mut decoder.clock)
            }
            Found::Broken(fault) => Err(fault),
        };
        match result {
            Ok(record) => decoder.found_context(update(table, record), line, sink),
            Err(fault) => decoder.refuse(At { place: &place, line }, fault, bytes, sink),
        }
    }
    decoder.counters.add_records(Format::ContextCsv, count);
    for name in &columns.unknown {
        decoder.counters.add_unknown(name, count);
    }
}
