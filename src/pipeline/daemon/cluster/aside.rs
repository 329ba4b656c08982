//! What a worker could not use, on its way to the register's quarantine.

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

use super::super::quarantine::Aside;
use crate::model::time::Timestamp;
use crate::store::{OnlyCounted, QuarantineRecord, RecordId};

/// One thing that was set aside.
#[derive(Serialize, Deserialize)]
pub(super) enum SetAside {
    Kept(Kept),
    Counted(Counted),
    /// A whole copy of an earlier record stands at this partition and offset of the quarantine topic.
    Copied(Named, (i32, i64)),
}

/// Where a record stood.
#[derive(Serialize, Deserialize)]
pub(super) struct Named {
    topic: String,
    partition: i32,
    offset: i64,
}

/// A record, or its beginning.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    at: Named,
    reason: String,
    sentence: String,
    record: String,
    key: Option<String>,
    size: Option<u64>,
    is_whole: bool,
    kept_at: Option<Timestamp>,
    copy: Option<(i32, i64)>,
}

/// Records for which there was no room.
#[derive(Serialize, Deserialize)]
pub(super) struct Counted {
    topic: String,
    partition: i32,
    reason: String,
    records: u64,
    offsets: (i64, i64),
    between: (Option<Timestamp>, Option<Timestamp>),
}

impl SetAside {
    /// Everything that was set aside, each with its partition.
    pub(super) fn all(aside: Aside) -> Vec<(i32, Self)> {
        let Aside { records, only_counted, copies } = aside;
        let kept = records.into_iter().map(|record| (record.partition, Self::Kept(Kept::of(record))));
        let counted = only_counted.iter().map(|counted| (counted.partition, Self::Counted(Counted::of(counted))));
        let copied = copies.into_iter().map(|(id, place)| (id.partition, Self::Copied(Named::of(id), place)));
        kept.chain(counted).chain(copied).collect()
    }

    /// Adds it to what is to be committed.
    pub(super) fn put(self, aside: &mut Aside) {
        match self {
            Self::Kept(kept) => aside.records.push(kept.into_record()),
            Self::Counted(counted) => aside.only_counted.join(counted.into_counted()),
            Self::Copied(named, place) => aside.copies.push((named.into_id(), place)),
        }
    }
}

impl Named {
    fn of(id: RecordId) -> Self {
        let RecordId { topic, partition, offset } = id;
        Self { topic, partition, offset }
    }

    fn into_id(self) -> RecordId {
        let Self { topic, partition, offset } = self;
        RecordId { topic, partition, offset }
    }
}

impl Kept {
    pub(super) fn of(record: QuarantineRecord) -> Self {
        let at = Named::of(record.id());
        let QuarantineRecord { reason, sentence, record, key, size, is_whole, kept_at, copy, .. } = record;
        let (record, key) = (BASE64.encode(&record), key.map(|key| BASE64.encode(&key)));
        Self { at, reason, sentence, record, key, size, is_whole, kept_at, copy }
    }

    pub(super) fn into_record(self) -> QuarantineRecord {
        let Self { at, reason, sentence, record, key, size, is_whole, kept_at, copy } = self;
        let Named { topic, partition, offset } = at;
        let record = BASE64.decode(record.as_bytes()).unwrap_or_default();
        let key = key.and_then(|key| BASE64.decode(key.as_bytes()).ok());
        QuarantineRecord { topic, partition, offset, reason, sentence, record, key, size, is_whole, kept_at, copy }
    }
}

impl Counted {
    fn of(counted: &OnlyCounted) -> Self {
        let OnlyCounted { topic, partition, reason, records, offsets, between } = counted.clone();
        Self { topic, partition, reason, records, offsets, between }
    }

    fn into_counted(self) -> OnlyCounted {
        let Self { topic, partition, reason, records, offsets, between } = self;
        OnlyCounted { topic, partition, reason, records, offsets, between }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Overflow;

    #[test]
    fn the_register_keeps_what_a_worker_would_have_kept() {
        let record = |offset| QuarantineRecord {
            topic: "audit".to_owned(),
            partition: 3,
            offset,
            reason: "r".to_owned(),
            sentence: "s".to_owned(),
            record: vec![0xFF, 0],
            key: Some(vec![1, 0xFE]),
            size: Some(9),
            is_whole: offset == 7,
            kept_at: Some(Timestamp(5)),
            copy: Some((1, 2)),
        };
        let mut only_counted = Overflow::default();
        [8, 9].into_iter().for_each(|offset| only_counted.add(&record(offset)));
        let copies = vec![(record(6).id(), (0, 44))];
        let told = |only_counted: &Overflow| Aside {
            records: vec![record(7)],
            only_counted: only_counted.clone(),
            copies: copies.clone(),
        };
        let mut heard = Aside::default();
        for (partition, one) in SetAside::all(told(&only_counted)) {
            assert_eq!(partition, 3);
            let text = serde_json::to_string(&one).unwrap();
            serde_json::from_str::<SetAside>(&text).unwrap().put(&mut heard);
        }
        assert_eq!((heard.records, heard.copies), (vec![record(7)], copies.clone()));
        assert_eq!(heard.only_counted, only_counted);
    }
}
