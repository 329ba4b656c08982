//! A chunk of the journal: accesses with a table of the texts that they use.

use std::collections::BTreeMap;

use crate::engine::access::{Access, Act, Rows, Standing};
use crate::engine::dictionary::{Dictionary, Interner, NONE};
use crate::model::access::Outcome;
use crate::model::time::Timestamp;

use super::StateError;

/// Key of a chunk: in the order of its number.
pub(super) fn key_of(number: u64) -> Vec<u8> {
    [b"j".as_slice(), &number.to_be_bytes()].concat()
}

/// Number of a chunk, from its key without the first byte.
pub(super) fn number_of(key: &[u8]) -> Result<u64, StateError> {
    key.try_into()
        .map(u64::from_be_bytes)
        .map_err(|_| StateError::Damaged("a journal key of a wrong length".to_owned()))
}

/// The texts of one id space that a chunk uses, numbered anew.
#[derive(Default)]
struct Table {
    numbers: BTreeMap<u32, u32>,
    texts: Vec<u32>,
}

impl Table {
    fn number(&mut self, index: u32) -> u32 {
        if index == NONE {
            return NONE;
        }
        *self.numbers.entry(index).or_insert_with(|| {
            self.texts.push(index);
            self.texts.len() as u32 - 1
        })
    }

    fn write(&self, interner: &Interner, out: &mut Vec<u8>) {
        out.extend((self.texts.len() as u32).to_le_bytes());
        self.texts.iter().for_each(|&index| write_text(interner.text(index), out));
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
}

/// Writes rows as a chunk.
pub(super) fn encode(rows: &Rows, dictionary: &Dictionary) -> Vec<u8> {
    let mut tables: [Table; 4] = std::array::from_fn(|_| Table::default());
    let mut body = Vec::with_capacity(rows.len() * 80);
    for row in &rows.rows {
        for instant in [row.at, row.recorded_at, row.available_at, row.ingested_at] {
            body.extend(instant.0.to_le_bytes());
        }
        for (table, index) in tables.iter_mut().zip([row.user, row.patient, row.department(), row.resource()]) {
            body.extend(table.number(index).to_le_bytes());
        }
        let [low, high] = row.workstation.to_le_bytes();
        body.extend([row.act.bits(), row.outcome as u8, low, high]);
        write_text(rows.event_id(row), &mut body);
    }
    let interners = [&dictionary.users, &dictionary.patients, &dictionary.departments, &dictionary.resources];
    let mut out = Vec::with_capacity(body.len() + 4096);
    tables.iter().zip(interners).for_each(|(table, interner)| table.write(interner, &mut out));
    out.extend((rows.len() as u32).to_le_bytes());
    out.extend(body);
    out
}

/// Reads a chunk onto the end of `rows`; gives its newest access.
pub(super) fn decode(bytes: &[u8], dictionary: &mut Dictionary, rows: &mut Rows) -> Result<Timestamp, StateError> {
    let mut reader = Reader(bytes);
    let mut table = |interner: &mut Interner| -> Result<Vec<u32>, StateError> {
        let count = reader.u32()?;
        (0..count).map(|_| reader.text().map(|text| interner.intern(text))).collect()
    };
    let users = table(&mut dictionary.users)?;
    let patients = table(&mut dictionary.patients)?;
    let departments = table(&mut dictionary.departments)?;
    let resources = table(&mut dictionary.resources)?;
    let of = |table: &[u32], number: u32| table.get(number as usize).copied().unwrap_or(NONE);
    let mut newest = Timestamp::MIN;
    for _ in 0..reader.u32()? {
        let [at, recorded_at, available_at, ingested_at] =
            [reader.instant()?, reader.instant()?, reader.instant()?, reader.instant()?];
        let [user, patient, department, resource] = [reader.u32()?, reader.u32()?, reader.u32()?, reader.u32()?];
        let [act, outcome] = [reader.byte()?, reader.byte()?];
        let workstation = u16::from_le_bytes([reader.byte()?, reader.byte()?]);
        let row = Access {
            at,
            recorded_at,
            available_at,
            ingested_at,
            user: of(&users, user),
            patient: of(&patients, patient),
            event_start: 0,
            event_len: 0,
            department: u16::try_from(of(&departments, department)).unwrap_or(u16::MAX),
            resource: u16::try_from(of(&resources, resource)).unwrap_or(u16::MAX),
            workstation,
            act: Act::from_bits(act),
            outcome: Outcome::ALL.get(usize::from(outcome)).copied().unwrap_or_default(),
            standing: Standing::Aside,
            basis: 0,
            previous_of_patient: NONE,
            previous_of_user: NONE,
        };
        newest = newest.max(at);
        rows.push(row, reader.text()?);
    }
    Ok(newest)
}

struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn take(&mut self, count: usize) -> Result<&'b [u8], StateError> {
        let (head, tail) = self
            .0
            .split_at_checked(count)
            .ok_or_else(|| StateError::Damaged("a journal chunk is cut short".to_owned()))?;
        self.0 = tail;
        Ok(head)
    }

    fn byte(&mut self) -> Result<u8, StateError> {
        Ok(self.take(1)?[0])
    }

    fn u32(&mut self) -> Result<u32, StateError> {
        Ok(self.take(4)?.iter().rev().fold(0, |number, &byte| number << 8 | u32::from(byte)))
    }

    fn instant(&mut self) -> Result<Timestamp, StateError> {
        Ok(Timestamp(
            self.take(8)?.iter().rev().fold(0_u64, |number, &byte| number << 8 | u64::from(byte)).cast_signed(),
        ))
    }

    fn text(&mut self) -> Result<&'b str, StateError> {
        let length = self.u32()? as usize;
        std::str::from_utf8(self.take(length)?)
            .map_err(|_| StateError::Damaged("a journal text is not UTF-8".to_owned()))
    }
}
