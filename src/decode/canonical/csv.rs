//! Canonical events from CSV: the path that must be fast. A line without quotes is split in place
//! and its cells are borrowed.

use std::borrow::Cow;

use super::{IGNORED, Row, event};
use crate::decode::format::Columns;
use crate::decode::rows::{Found, Records};
use crate::decode::{At, Chunk, DecodeSink, Decoder, Format};

/// Reads every record of a chunk.
pub(in crate::decode) fn read_chunk<S: DecodeSink + ?Sized>(
    decoder: &mut Decoder,
    chunk: &Chunk<'_>,
    columns: &Columns,
    sink: &mut S,
) {
    let place = chunk.place();
    let mut records = Records::new(chunk, columns);
    let mut row = Row::default();
    let mut count = 0;
    while let Some((line, bytes, found)) = records.next_record(&mut row.text) {
        count += 1;
        let at = At { place: &place, line };
        let result = match found {
            Found::Plain => event(&row, &mut decoder.clock).map(|event| sink.access(&event, line)),
            Found::Quoted(text) => {
                let mut cells: [Cow<'_, str>; IGNORED + 1] = Default::default();
                for (slot, cell) in records.texts(text) {
                    cells[slot as usize] = cell;
                }
                let mut row = Row::default();
                for (text, cell) in row.text[..IGNORED].iter_mut().zip(&cells) {
                    *text = cell;
                }
                event(&row, &mut decoder.clock).map(|event| sink.access(&event, line))
            }
            Found::Broken(fault) => Err(fault),
        };
        match result {
            Ok(()) => decoder.counters.accesses += 1,
            Err(fault) => decoder.refuse(at, fault, bytes, sink),
        }
    }
    decoder.counters.add_records(Format::CanonicalCsv, count);
    for name in &columns.unknown {
        decoder.counters.add_unknown(name, count);
    }
}
