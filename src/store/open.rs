//! Opening: look at the file before changing anything in it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use zeroize::Zeroizing;

use super::error::StoreError;
use super::place::{self, Content, Lock};
use super::schema::{self, Layout};

/// Which file, and how to read it.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    pub path: PathBuf,
    /// Encrypts the file; `None` leaves it readable for whoever can read the disk.
    pub key: Option<StoreKey>,
}

/// The store's secret: a passphrase, or 64 hexadecimal digits that are the key itself (which opens
/// faster). Never shown.
#[derive(Clone)]
pub struct StoreKey(Zeroizing<String>);

impl StoreKey {
    /// Spaces and line ends around the text do not count, so that it may come from a file.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.trim().to_owned()))
    }

    /// As SQLCipher takes it.
    pub(super) fn for_pragma(&self) -> Zeroizing<String> {
        let is_raw = self.0.len() == 64 && self.0.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_raw { Zeroizing::new(format!("x'{}'", self.0.as_str())) } else { self.0.clone() }
    }
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreKey(..)")
    }
}

/// How the name of the file ends that stands there while the key is changed.
pub(super) const UNFINISHED: &str = ".rekeying";
/// How long a statement waits for the other connection of this process before it fails.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
/// More than the distinct statements of this module.
const CACHED_STATEMENTS: usize = 64;
/// What the write-ahead log may keep on disk after a checkpoint.
const LOG_BYTES: i64 = 64 << 20;

/// Opens the file, creating or migrating it where needed. The caller holds the lock.
pub(super) fn open(options: &StoreOptions, layout: &Layout, lock: &mut Lock) -> Result<Connection, StoreError> {
    refuse_unfinished(&options.path)?;
    let (mut connection, found) = open_as_it_is(options, layout)?;
    configure(&connection)?;
    schema::migrate(&mut connection, layout, found)?;
    lock.opened()?;
    Ok(connection)
}

/// Opens the file beside the process that holds it, which has prepared the tables.
pub(super) fn open_beside(options: &StoreOptions) -> Result<Connection, StoreError> {
    refuse_unfinished(&options.path)?;
    let (connection, found) = open_as_it_is(options, &schema::STORE)?;
    if found < schema::STORE.migrations.len() {
        return Err(StoreError::Older { path: options.path.clone() });
    }
    configure(&connection)?;
    Ok(connection)
}

/// Opens a sound file without changing anything in it, with the number of steps that its layout has.
pub(super) fn open_as_it_is(options: &StoreOptions, layout: &Layout) -> Result<(Connection, usize), StoreError> {
    let content = check_key(options)?;
    place::check_log(&options.path)?;
    let connection = connect(options)?;
    // Until the file has proved to be sound, not even closing it may move the log into it.
    no_checkpoint_on_close(&connection, true)?;
    let found = inspect(&connection, &options.path, content, layout)?;
    no_checkpoint_on_close(&connection, false)?;
    Ok((connection, found))
}

/// Nobody but `rekey` touches a store whose files may have different keys.
pub(super) fn refuse_unfinished(path: &Path) -> Result<(), StoreError> {
    if place::beside(path, UNFINISHED).exists() {
        return Err(StoreError::Unfinished { path: path.to_owned() });
    }
    Ok(())
}

/// A second connection to a store that [`open`] has opened.
pub(super) fn open_again(options: &StoreOptions) -> Result<Connection, StoreError> {
    let connection = connect(options)?;
    configure(&connection)?;
    Ok(connection)
}

/// What the file is, when the key fits that.
fn check_key(StoreOptions { path, key }: &StoreOptions) -> Result<Content, StoreError> {
    let content = place::content(path)?;
    match (content, key) {
        (_, Some(key)) if key.0.is_empty() => Err(StoreError::EmptyKey { path: path.clone() }),
        (Content::Plain, Some(_)) => Err(StoreError::NotEncrypted { path: path.clone() }),
        (Content::Opaque, None) => Err(StoreError::KeyMissing { path: path.clone() }),
        _ => Ok(content),
    }
}

fn connect(options: &StoreOptions) -> Result<Connection, StoreError> {
    let wrap = StoreError::sql("open the file");
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&options.path, flags).map_err(&wrap)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(&wrap)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    if let Some(key) = &options.key {
        connection.pragma_update(None, "cipher_log_level", "NONE").map_err(&wrap)?;
        connection.pragma_update(None, "key", key.for_pragma().as_str()).map_err(&wrap)?;
    }
    Ok(connection)
}

/// Checks that the file is sound and what it should be, and returns how many steps of its layout it has; 0 for a new one.
fn inspect(connection: &Connection, path: &Path, content: Content, layout: &Layout) -> Result<usize, StoreError> {
    let unreadable = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) if content == Content::Opaque => StoreError::WrongKey { path: path.to_owned() },
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            StoreError::Damaged { path: path.to_owned(), detail: error.to_string() }
        }
        _ => StoreError::Sql { what: "read the file", cause: error },
    };
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(unreadable);

    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    let (application, version) = (number("PRAGMA application_id")?, number("PRAGMA user_version")?);
    let known = layout.migrations.len();
    match (application, usize::try_from(version)) {
        (id, Ok(steps)) if id == layout.application_id && (1..=known).contains(&steps) => {
            let verdict: String =
                connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(unreadable)?;
            if verdict != "ok" {
                return Err(StoreError::Damaged { path: path.to_owned(), detail: verdict });
            }
            Ok(steps)
        }
        (id, _) if id == layout.application_id => {
            Err(StoreError::Newer { path: path.to_owned(), found: version, known: known as i64 })
        }
        (0, Ok(0)) if tables == 0 => Ok(0),
        _ => Err(StoreError::NotAStore { path: path.to_owned() }),
    }
}

fn configure(connection: &Connection) -> Result<(), StoreError> {
    let wrap = StoreError::sql("configure the file");
    connection.pragma_update(None, "journal_mode", "WAL").map_err(&wrap)?;
    // A commit returns when it is on the disk: an incident must survive a power cut.
    connection.pragma_update(None, "synchronous", "FULL").map_err(&wrap)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(&wrap)?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES).map_err(&wrap)
}

fn no_checkpoint_on_close(connection: &Connection, on: bool) -> Result<(), StoreError> {
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, on)
        .map(drop)
        .map_err(StoreError::sql("open the file"))
}
