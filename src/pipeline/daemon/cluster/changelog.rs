//! The rows of a partition as records of the state topic.
//!
//! A record's key is the row's key and the number of the piece; the first piece begins with how many there are.

use std::collections::BTreeMap;

use super::wire::PIECE;
use crate::engine::snapshot::StateRow;
use crate::sink::kafka_transactions::Entry;
use crate::store::StateRows;

/// Turns rows into records.
#[derive(Debug, Default)]
pub(super) struct Changelog {
    topic: String,
    partition: i32,
    /// How many pieces each row has that has more than one.
    long: BTreeMap<Vec<u8>, u16>,
}

fn key_of(row: &[u8], piece: u16) -> Vec<u8> {
    [row, &piece.to_be_bytes()].concat()
}

impl Changelog {
    /// The records that keep these rows.
    pub(super) fn entries(&mut self, rows: Vec<StateRow>) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(rows.len());
        for StateRow { key, value } in rows {
            let pieces: Vec<&[u8]> = value.as_deref().map_or_else(Vec::new, |value| match value {
                [] => vec![value],
                _ => value.chunks(PIECE).collect(),
            });
            let count = u16::try_from(pieces.len()).unwrap_or(u16::MAX);
            for (number, piece) in (0..).zip(&pieces) {
                let head = count.to_be_bytes();
                let value = if number == 0 { [&head, *piece].concat() } else { piece.to_vec() };
                entries.push(self.entry(key_of(&key, number), Some(value)));
            }
            let had = self.long.remove(&key).unwrap_or(1);
            for gone in count..had {
                entries.push(self.entry(key_of(&key, gone), None));
            }
            if count > 1 {
                self.long.insert(key, count);
            }
        }
        entries
    }

    fn entry(&self, key: Vec<u8>, value: Option<Vec<u8>>) -> Entry {
        Entry { topic: self.topic.clone(), partition: self.partition, key, value }
    }
}

/// Gathers the records of a partition.
#[derive(Debug, Default)]
pub(super) struct Gathered(BTreeMap<Vec<u8>, Vec<u8>>);

impl Gathered {
    /// Takes a record; a later one of the same key takes its place.
    pub(super) fn take(&mut self, key: &[u8], value: Option<&[u8]>) {
        match value {
            Some(value) => drop(self.0.insert(key.to_vec(), value.to_vec())),
            None => drop(self.0.remove(key)),
        }
    }

    /// The rows, and what writes them on.
    pub(super) fn finish(self, topic: &str, partition: i32) -> (StateRows, Changelog) {
        let mut changelog = Changelog { topic: topic.to_owned(), partition, long: BTreeMap::new() };
        let mut rows = StateRows::new();
        for (key, value) in &self.0 {
            let (Some((row, [0, 0])), Some((head, first))) = (key.split_last_chunk(), value.split_first_chunk()) else {
                continue;
            };
            let count = u16::from_be_bytes(*head);
            let mut whole = first.to_vec();
            (1..count).filter_map(|piece| self.0.get(&key_of(row, piece))).for_each(|piece| whole.extend(piece));
            if count > 1 {
                changelog.long.insert(row.to_vec(), count);
            }
            rows.push((row.to_vec(), whole));
        }
        (rows, changelog)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &[u8], bytes: Option<usize>) -> StateRow {
        StateRow { key: key.to_vec(), value: bytes.map(|bytes| vec![7; bytes]) }
    }

    fn kept(gathered: &mut Gathered, entries: &[Entry]) {
        entries.iter().for_each(|entry| gathered.take(&entry.key, entry.value.as_deref()));
    }

    #[test]
    fn rows_come_back_whole_however_long_and_leave_nothing_behind_when_they_shrink() {
        let (_, mut changelog) = Gathered::default().finish("state", 3);
        let mut topic = Gathered::default();
        let long = 2 * PIECE + 5;
        kept(&mut topic, &changelog.entries(vec![row(b"j1", Some(long)), row(b"m", Some(0)), row(b"e1", Some(9))]));
        assert_eq!(topic.0.len(), 5);
        let (rows, mut changelog) = topic.finish("state", 3);
        let lengths: Vec<(&[u8], usize)> = rows.iter().map(|(key, value)| (&key[..], value.len())).collect();
        assert_eq!(lengths, [(&b"e1"[..], 9), (b"j1", long), (b"m", 0)]);
        let entries = changelog.entries(vec![row(b"j1", Some(1)), row(b"e1", None)]);
        assert_eq!(entries.iter().filter(|entry| entry.value.is_none()).count(), 3);
        assert!(entries.iter().all(|entry| (entry.topic.as_str(), entry.partition) == ("state", 3)));
    }
}
