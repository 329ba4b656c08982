//! Messages of sources that cannot be asked again, on disk until they are part of the store.
//!
//! A file of its own beside the store, under the same key: whoever takes messages in writes here without waiting for the
//! engine's commits. Messages have numbers, and the store remembers the next one to decide, as it does for a topic.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::error::StoreError;
use super::open::{self, StoreOptions};
use super::place::{self, Lock};
use super::schema::SPOOL;
use crate::model::reject::RejectCode;
use crate::model::time::Timestamp;

/// A message as it was taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spooled<'a> {
    /// Which source took it in.
    pub source: &'a str,
    pub received_at: Timestamp,
    /// Why it is not whole.
    pub fault: Option<RejectCode>,
    pub body: &'a [u8],
}

/// What waits in a spool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    pub messages: u64,
    /// Of the messages alone; the file is somewhat larger.
    pub bytes: u64,
}

/// How far a spool is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpoolState {
    pub backlog: Backlog,
    /// Messages before this number have left the spool: they were part of the store.
    pub released: i64,
}

/// Looks at the spool of a store, beside the daemon that uses it or alone; `None` where there is none.
///
/// # Errors
/// As for [`super::Look::open`].
pub fn state(store: &StoreOptions) -> Result<Option<SpoolState>, StoreError> {
    let options = StoreOptions { path: path(&store.path), key: store.key.clone() };
    if !std::fs::metadata(&options.path).is_ok_and(|file| file.len() > 0) {
        return Ok(None);
    }
    let (connection, steps) = open::open_as_it_is(&options, &SPOOL)?;
    if steps == 0 {
        return Ok(None);
    }
    let wrap = StoreError::sql("look at the messages taken in");
    let released = connection.query_row("SELECT until FROM released", [], |row| row.get(0)).map_err(&wrap)?;
    let backlog = connection.query_row(BACKLOG, [], backlog).map_err(&wrap)?;
    Ok(Some(SpoolState { backlog, released }))
}

const BACKLOG: &str = "SELECT count(*), coalesce(sum(length(body)), 0) FROM messages";

/// The spool, as the one thread sees it that writes and reads it.
#[derive(Debug)]
pub struct Spool {
    connection: Connection,
    next: i64,
    backlog: Backlog,
    _lock: Lock,
}

impl Spool {
    /// Opens the spool of a store, creating it (for the owner alone) where there is none. Numbers are never given
    /// out below `resume`, the next one that the store expects. With it comes the next number up to which messages
    /// have left the spool: where the store expects an earlier one, it is older than the spool, and lacks them.
    ///
    /// # Errors
    /// As for [`super::Store::open`].
    pub fn open(store: &StoreOptions, resume: i64) -> Result<(Self, i64), StoreError> {
        let options = StoreOptions { path: path(&store.path), key: store.key.clone() };
        place::prepare(&options.path)?;
        let mut lock = Lock::take(&options.path)?;
        let connection = open::open(&options, &SPOOL, &mut lock)?;
        let wrap = StoreError::sql("read the messages taken in");
        let released: i64 = connection
            .query_row("SELECT until FROM released", [], |row| row.get(0))
            .optional()
            .map_err(&wrap)?
            .unwrap_or(0);
        let last: Option<i64> =
            connection.query_row("SELECT max(sequence) FROM messages", [], |row| row.get(0)).map_err(&wrap)?;
        let next = last.map_or(0, |last| last + 1).max(released).max(resume);
        let mut spool = Self { connection, next, backlog: Backlog::default(), _lock: lock };
        spool.release(resume)?;
        spool.backlog = spool.count()?;
        Ok((spool, released))
    }

    /// Whether a store has a spool.
    #[must_use]
    pub fn is_there(store: &StoreOptions) -> bool {
        path(&store.path).exists()
    }

    fn count(&self) -> Result<Backlog, StoreError> {
        self.connection.query_row(BACKLOG, [], backlog).map_err(StoreError::sql("count the messages taken in"))
    }

    /// The number that the next message gets.
    #[must_use]
    pub const fn next(&self) -> i64 {
        self.next
    }

    /// What waits.
    #[must_use]
    pub const fn backlog(&self) -> Backlog {
        self.backlog
    }

    /// Writes messages, all or none; when it returns, a power cut does not undo it.
    ///
    /// # Errors
    /// When the disk is full or broken.
    pub fn append<'m>(&mut self, messages: impl IntoIterator<Item = Spooled<'m>>) -> Result<(), StoreError> {
        let wrap = StoreError::sql("keep a message that was taken in");
        let (mut next, mut backlog) = (self.next, self.backlog);
        let transaction = self.connection.transaction().map_err(&wrap)?;
        {
            let mut insert =
                transaction.prepare_cached("INSERT INTO messages VALUES (?1, ?2, ?3, ?4, ?5)").map_err(&wrap)?;
            for Spooled { source, received_at, fault, body } in messages {
                insert
                    .execute(params![next, source, received_at.0, fault.map(RejectCode::name), body])
                    .map_err(&wrap)?;
                next += 1;
                backlog.messages += 1;
                backlog.bytes += body.len() as u64;
            }
        }
        transaction.commit().map_err(&wrap)?;
        (self.next, self.backlog) = (next, backlog);
        Ok(())
    }

    /// Visits the messages from number `from` on, with their numbers, until `visit` has enough.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn visit(&self, from: i64, visit: &mut dyn FnMut(i64, Spooled<'_>) -> bool) -> Result<(), StoreError> {
        let wrap = StoreError::sql("read the messages taken in");
        let sql =
            "SELECT sequence, source, received_at, fault, body FROM messages WHERE sequence >= ?1 ORDER BY sequence";
        let mut select = self.connection.prepare_cached(sql).map_err(&wrap)?;
        let mut rows = select.query([from]).map_err(&wrap)?;
        while let Some(row) = rows.next().map_err(&wrap)? {
            let read = || -> rusqlite::Result<_> {
                let fault = row.get_ref(3)?.as_str_or_null()?;
                let message = Spooled {
                    source: row.get_ref(1)?.as_str()?,
                    received_at: Timestamp(row.get(2)?),
                    fault: fault.and_then(|name| RejectCode::ALL.into_iter().find(|code| code.name() == name)),
                    body: row.get_ref(4)?.as_blob()?,
                };
                Ok((row.get(0)?, message))
            };
            let (sequence, message) = read().map_err(&wrap)?;
            if !visit(sequence, message) {
                break;
            }
        }
        Ok(())
    }

    /// Drops the messages before number `until`: they are part of the store.
    ///
    /// # Errors
    /// When the file cannot be written. The messages then stay until the next time.
    pub fn release(&mut self, until: i64) -> Result<(), StoreError> {
        let wrap = StoreError::sql("drop messages that are done");
        let transaction = self.connection.transaction().map_err(&wrap)?;
        let sql = "SELECT count(*), coalesce(sum(length(body)), 0) FROM messages WHERE sequence < ?1";
        let gone = transaction.query_row(sql, [until], backlog).map_err(&wrap)?;
        transaction.execute("DELETE FROM messages WHERE sequence < ?1", [until]).map_err(&wrap)?;
        transaction.execute("UPDATE released SET until = max(until, ?1)", [until]).map_err(&wrap)?;
        transaction.commit().map_err(&wrap)?;
        self.backlog.messages = self.backlog.messages.saturating_sub(gone.messages);
        self.backlog.bytes = self.backlog.bytes.saturating_sub(gone.bytes);
        Ok(())
    }
}

fn backlog(row: &Row<'_>) -> rusqlite::Result<Backlog> {
    let count = |value: i64| u64::try_from(value).unwrap_or_default();
    Ok(Backlog { messages: count(row.get(0)?), bytes: count(row.get(1)?) })
}

/// Where the spool of a store is.
pub(super) fn path(store: &Path) -> PathBuf {
    place::beside(store, ".spool")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &str) -> Spooled<'_> {
        Spooled { source: "atna", received_at: Timestamp(7), fault: None, body: body.as_bytes() }
    }

    fn bodies(spool: &Spool, from: i64) -> Vec<(i64, String)> {
        let mut found = Vec::new();
        spool
            .visit(from, &mut |sequence, message| {
                found.push((sequence, String::from_utf8(message.body.to_vec()).unwrap()));
                true
            })
            .unwrap();
        found
    }

    #[test]
    fn messages_stay_until_they_are_part_of_the_store_and_numbers_are_not_used_again() {
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions { path: folder.path().join("store.db"), key: None };
        let (mut spool, released) = Spool::open(&options, 0).unwrap();
        assert_eq!(released, 0);
        let cut = Spooled { fault: Some(RejectCode::Truncated), ..message("b") };
        spool.append([message("a"), cut, message("cc")]).unwrap();
        assert_eq!(spool.backlog(), Backlog { messages: 3, bytes: 4 });
        spool.release(1).unwrap();
        drop(spool);

        let (spool, released) = Spool::open(&options, 2).unwrap();
        assert_eq!(released, 1, "the store has the second one");
        assert_eq!(bodies(&spool, 0), [(2, "cc".to_owned())]);
        assert_eq!((spool.next(), spool.backlog()), (3, Backlog { messages: 1, bytes: 2 }));
        drop(spool);

        let (mut spool, _) = Spool::open(&options, 3).unwrap();
        spool.append([message("d")]).unwrap();
        assert_eq!(bodies(&spool, 3), [(3, "d".to_owned())]);
        let mut faults = Vec::new();
        spool
            .visit(0, &mut |_, message| {
                faults.push((message.source.to_owned(), message.received_at, message.fault));
                true
            })
            .unwrap();
        assert_eq!(faults, [("atna".to_owned(), Timestamp(7), None)]);
    }

    #[test]
    fn a_spool_that_was_taken_away_begins_where_the_store_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions { path: folder.path().join("store.db"), key: None };
        let (mut spool, _) = Spool::open(&options, 41).unwrap();
        spool.append([message("a")]).unwrap();
        assert_eq!(bodies(&spool, 41), [(41, "a".to_owned())]);
    }

    #[test]
    fn an_older_store_learns_what_it_lacks() {
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions { path: folder.path().join("store.db"), key: None };
        let (mut spool, _) = Spool::open(&options, 0).unwrap();
        spool.append([message("a"), message("b")]).unwrap();
        spool.release(2).unwrap();
        drop(spool);
        let (spool, released) = Spool::open(&options, 1).unwrap();
        assert_eq!((released, spool.next()), (2, 2));
    }

    #[test]
    fn the_spool_is_encrypted_like_its_store() {
        let folder = tempfile::tempdir().unwrap();
        let key = super::super::StoreKey::new("a passphrase");
        let options = StoreOptions { path: folder.path().join("store.db"), key: Some(key) };
        let (mut spool, _) = Spool::open(&options, 0).unwrap();
        spool.append([message("a name that is easily found")]).unwrap();
        drop(spool);
        let bytes = std::fs::read(folder.path().join("store.db.spool")).unwrap();
        assert!(!bytes.windows(4).any(|window| window == b"name"));
    }
}
