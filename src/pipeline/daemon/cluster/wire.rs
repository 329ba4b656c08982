//! What stands in the topics between workers and the register.

use serde::{Deserialize, Serialize};

use super::aside::SetAside;
use crate::engine::Finding;
use crate::model::time::Timestamp;

/// A record's value holds so much at most; longer ones stand in several records that follow each other.
pub(super) const PIECE: usize = 900_000;

/// What a worker says of a partition.
#[derive(Serialize, Deserialize)]
pub(super) enum Said {
    /// Found by the wall clock at an instant.
    Found(Timestamp, Box<Finding>),
    SetAside(SetAside),
    Came(Came),
}

/// Topic, partition and next offset.
pub(super) type Reached = Vec<(String, i32, i64)>;

/// How far a partition has come. Instants are in microseconds: the ends of their range have no text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Came {
    /// Its event time.
    pub(super) clock: i64,
    /// Its newest access.
    pub(super) newest: i64,
    /// Nothing has come for as long as an access may be late: it goes with the others.
    pub(super) is_idle: bool,
    /// The facts that it has acted on.
    pub(super) context: Reached,
}

/// What the register says to every worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hour {
    /// How far the desk of groups has come.
    pub(super) desk: i64,
    /// How far partitions that are idle may go.
    pub(super) input: i64,
    /// The facts that every partition has acted on.
    pub(super) context: Reached,
}

/// The key of the record that holds an [`Hour`].
pub(super) const HOUR_KEY: &[u8] = b"h";

/// The key of the record that says in which group an episode counts.
pub(super) fn episode_key(episode: u64) -> Vec<u8> {
    [b"e".as_slice(), &episode.to_be_bytes()].concat()
}

/// The episode that such a key names.
pub(super) fn episode_of(key: &[u8]) -> Option<u64> {
    let (b'e', number) = key.split_first()? else { return None };
    number.try_into().ok().map(u64::from_be_bytes)
}

/// A value in pieces: each begins with 1 where another follows.
pub(super) fn in_pieces(said: &Said) -> Vec<Vec<u8>> {
    let bytes = serde_json::to_vec(said).unwrap_or_default();
    let pieces = bytes.chunks(PIECE);
    let last = pieces.len().saturating_sub(1);
    pieces.enumerate().map(|(place, piece)| [&[u8::from(place < last)], piece].concat()).collect()
}

/// Puts pieces together again.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    waiting: Vec<u8>,
    /// Where the first of them stood.
    from: Option<i64>,
}

impl Pieces {
    /// Takes a piece; gives the whole and where it began, once it is complete.
    pub(super) fn take(&mut self, offset: i64, value: &[u8]) -> Option<(i64, Result<Said, serde_json::Error>)> {
        let (&goes_on, piece) = value.split_first()?;
        let from = *self.from.get_or_insert(offset);
        self.waiting.extend(piece);
        if goes_on == 1 {
            return None;
        }
        self.from = None;
        let whole = std::mem::take(&mut self.waiting);
        Some((from, serde_json::from_slice(&whole)))
    }

    /// Where a value began that is not complete.
    pub(super) const fn from(&self) -> Option<i64> {
        self.from
    }
}

#[cfg(test)]
mod tests {
    use super::super::aside::Kept;
    use super::*;
    use crate::store::QuarantineRecord;

    fn rejected(bytes: usize) -> Said {
        let record = QuarantineRecord { record: vec![0xFF; bytes], ..QuarantineRecord::default() };
        Said::SetAside(SetAside::Kept(Kept::of(record)))
    }

    #[test]
    fn a_long_value_is_whole_again_after_its_last_piece_and_stands_where_it_began() {
        let parts = in_pieces(&rejected(2_000_000));
        assert!(parts.len() > 2 && parts.iter().all(|part| part.len() <= PIECE + 1));
        let mut pieces = Pieces::default();
        let mut found = (10..).zip(&parts).filter_map(|(offset, part)| pieces.take(offset, part));
        let (from, said) = found.next().unwrap();
        let Said::SetAside(SetAside::Kept(whole)) = said.unwrap() else { panic!("another kind") };
        assert_eq!((from, whole.into_record().record.len()), (10, 2_000_000));
        assert!(found.next().is_none());
    }

    #[test]
    fn keys_of_episodes_are_read_back() {
        assert_eq!(episode_of(&episode_key(77)), Some(77));
        assert_eq!(episode_of(HOUR_KEY), None);
    }
}
