//! A store looked at as it is: what it holds, whether it is sound, and a copy of it. Nothing in it is changed, also not
//! to the layout of this version.

use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::types::Value;

use super::draft::Draft;
use super::error::StoreError;
use super::open::{self, StoreOptions};
use super::records::{OutboxDepth, Position};
use super::register::Register;
use super::schema::STORE;
use super::{outbox, place, read};

/// How often whoever waits for a copy hears of it.
const TURN: Duration = Duration::from_millis(100);

/// Hears how many bytes of a copy are written, and how many it will have at most.
pub type Watch<'w> = &'w mut (dyn FnMut(u64, u64) + Send);

/// A store as it is, beside the daemon that uses it or alone.
#[derive(Debug)]
pub struct Look {
    connection: Connection,
    options: StoreOptions,
    layout: usize,
}

/// The size of a store, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub file: u64,
    /// Of its write-ahead log.
    pub log: u64,
}

impl Look {
    /// The layout that this version writes.
    pub const NEWEST: usize = STORE.migrations.len();

    /// Opens a store of any layout that this version knows.
    ///
    /// # Errors
    /// When there is none, the key is wrong, or the file is damaged or no store. It is then left as it was.
    pub fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        let path = &options.path;
        if !std::fs::metadata(path).is_ok_and(|file| file.len() > 0) {
            return Err(StoreError::Missing { path: std::path::absolute(path).unwrap_or_else(|_| path.clone()) });
        }
        open::refuse_unfinished(path)?;
        let (connection, layout) = open::open_as_it_is(options, &STORE)?;
        Ok(Self { connection, options: options.clone(), layout })
    }

    /// The number of its layout; [`Self::NEWEST`] is the one of this version.
    #[must_use]
    pub const fn layout(&self) -> usize {
        self.layout
    }

    /// Whether it takes a key to read it.
    #[must_use]
    pub const fn is_encrypted(&self) -> bool {
        self.options.key.is_some()
    }

    /// How large it is now.
    #[must_use]
    pub fn size(&self) -> Size {
        let path = &self.options.path;
        Size { file: length(path), log: length(&place::log(path)) }
    }

    /// How many rows each table has, by name.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn tables(&self) -> Result<Vec<(String, u64)>, StoreError> {
        tables(&self.connection)
    }

    /// How far each input partition was read, ordered by topic and partition.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn positions(&self) -> Result<Vec<Position>, StoreError> {
        read::positions(&self.connection)
    }

    /// How much waits for each sink that has anything waiting or dead; `None` for an older layout.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn outbox(&self) -> Result<Option<Vec<OutboxDepth>>, StoreError> {
        self.is_newest().then(|| outbox::depths(&self.connection)).transpose()
    }

    /// Reads all of it and looks whether it fits together.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] with the first thing that does not, or when the file cannot be read.
    pub fn check(&self) -> Result<(), StoreError> {
        check(&self.connection, &self.options.path)
    }

    /// Its register; `None` for an older layout.
    #[must_use]
    pub fn register(self) -> Option<Register> {
        self.is_newest().then(|| Register::on(self.connection))
    }

    const fn is_newest(&self) -> bool {
        self.layout == Self::NEWEST
    }

    /// Writes a copy of what is committed now, for `out`, encrypted with the same key. The store stays in use
    /// meanwhile.
    ///
    /// # Errors
    /// When `out` is there, or the copy cannot be written.
    pub fn copy(&self, out: &Path, watch: Watch<'_>) -> Result<Draft, StoreError> {
        if std::fs::symlink_metadata(out).is_ok() {
            return Err(StoreError::Exists { path: out.to_owned() });
        }
        let wrap = StoreError::sql("copy what is");
        let pages: u64 = number(&self.connection, "PRAGMA page_count").map_err(&wrap)?;
        let all = pages * number(&self.connection, "PRAGMA page_size").map_err(&wrap)?;
        let draft = Draft::new(out, self.options.key.clone())?;
        let path = draft.options().path;
        let name = path.to_str().ok_or_else(|| unspeakable(&path))?;
        thread::scope(|scope| {
            let (copying, over) = mpsc::channel::<()>();
            let growing = path.as_path();
            scope.spawn(move || {
                while let Err(RecvTimeoutError::Timeout) = over.recv_timeout(TURN) {
                    watch(length(growing), all);
                }
            });
            // What is committed meanwhile waits in the log of the store.
            let copied = self.connection.execute("VACUUM INTO ?1", [name]);
            drop(copying);
            copied.map(drop).map_err(wrap)
        })?;
        draft.sync()?;
        Ok(draft)
    }
}

/// SQLite takes names in UTF-8 only.
pub(super) fn unspeakable(path: &Path) -> StoreError {
    StoreError::file("write", path)(std::io::ErrorKind::InvalidFilename.into())
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |file| file.len())
}

/// SQLCipher answers some pragmas of an encrypted file with text.
fn number(connection: &Connection, sql: &str) -> rusqlite::Result<u64> {
    let number = connection.query_row(sql, [], |row| row.get::<_, Value>(0))?;
    Ok(match number {
        Value::Integer(number) => u64::try_from(number).unwrap_or(0),
        Value::Text(text) => text.parse().unwrap_or(0),
        Value::Null | Value::Real(_) | Value::Blob(_) => 0,
    })
}

/// How many rows each table of a file has.
pub(super) fn tables(connection: &Connection) -> Result<Vec<(String, u64)>, StoreError> {
    let wrap = StoreError::sql("count the rows");
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name";
    let mut statement = connection.prepare(sql).map_err(&wrap)?;
    let names = statement.query_map([], |row| row.get::<_, String>(0)).map_err(&wrap)?;
    let counted = names.map(|name| -> rusqlite::Result<(String, u64)> {
        let name = name?;
        let rows = number(connection, &format!("SELECT count(*) FROM \"{name}\""))?;
        Ok((name, rows))
    });
    counted.collect::<rusqlite::Result<_>>().map_err(&wrap)
}

/// Reads every page of a file; each of an encrypted one carries a keyed digest of its own.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let unreadable = |error: rusqlite::Error| {
        let detail = error.to_string();
        let error = StoreError::sql("read the file")(error);
        if error.is_damage() { StoreError::Damaged { path: path.to_owned(), detail } } else { error }
    };
    let verdict: String =
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(unreadable)?;
    if verdict != "ok" {
        return Err(StoreError::Damaged { path: path.to_owned(), detail: verdict });
    }
    let mut dangling = connection.prepare("PRAGMA foreign_key_check").map_err(unreadable)?;
    if dangling.exists([]).map_err(unreadable)? {
        let detail = "a row names another one that is not there".to_owned();
        return Err(StoreError::Damaged { path: path.to_owned(), detail });
    }
    Ok(())
}
