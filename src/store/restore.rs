//! A copy takes the place of a store.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

use super::draft::{self, Draft};
use super::error::StoreError;
use super::look::Look;
use super::open::{self, StoreOptions};
use super::place::{self, Lock};
use super::schema::STORE;

/// How long another command may take to let go of the store.
const PATIENCE: Duration = Duration::from_secs(2);
/// What SQLite keeps beside a file.
const SIDE_FILES: [&str; 3] = ["-wal", "-shm", "-journal"];

/// A copy that is about to take the place of a store, which nobody else can open meanwhile.
#[derive(Debug)]
pub struct Restore {
    store: StoreOptions,
    draft: Draft,
    lock: Lock,
}

impl Restore {
    /// Copies the backup `from` beside the store.
    ///
    /// # Errors
    /// When a daemon holds the store, the backup is not whole or not there, or the disk is full. Nothing is changed
    /// then.
    pub fn begin(store: &StoreOptions, from: &Path) -> Result<Self, StoreError> {
        open::refuse_unfinished(&store.path)?;
        if std::fs::metadata(place::log(from)).is_ok_and(|log| log.len() > 0) {
            return Err(StoreError::NotWhole { path: from.to_owned() });
        }
        let mut source = std::fs::File::open(from).map_err(StoreError::file("read the backup", from))?;
        let draft = Draft::new(&store.path, store.key.clone())?;
        let lock = Lock::take(&store.path)?;
        let draft_path = draft.options().path;
        let written = std::fs::OpenOptions::new().write(true).open(&draft_path);
        written
            .and_then(|mut copy| io::copy(&mut source, &mut copy))
            .map_err(StoreError::file("copy the backup to", &draft_path))?;
        Ok(Self { store: store.clone(), draft, lock })
    }

    /// The copy.
    ///
    /// # Errors
    /// When the key is wrong, or it is damaged, no store, or of a newer version.
    pub fn look(&self) -> Result<Look, StoreError> {
        self.draft.look()
    }

    /// What is about to be replaced, where there is anything that opens.
    #[must_use]
    pub fn replaced(&self) -> Option<Look> {
        Look::open(&self.store).ok()
    }

    /// Puts the copy in the place of the store, which goes on under a name that ends in `stamp` and is returned. At
    /// every instant one of the two is the store.
    ///
    /// # Errors
    /// When somebody else uses the store, or a file cannot be moved.
    pub fn finish(mut self, stamp: &str) -> Result<Option<PathBuf>, StoreError> {
        let path = &self.store.path;
        settle_if_it_opens(&self.store)?;
        let kept = place::beside(path, &format!(".replaced-{stamp}"));
        let is_there = std::fs::metadata(path).is_ok_and(|file| file.len() > 0);
        if is_there {
            place::keep_as(path, &kept)?;
        }
        // A log that stays would be taken for the copy's own.
        for end in SIDE_FILES {
            let (from, to) = (place::beside(path, end), place::beside(&kept, end));
            match std::fs::rename(&from, to) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(StoreError::file("move away", &from)(error));
                }
                _ => {}
            }
        }
        self.draft.replace()?;
        self.lock.opened()?;
        // What is left of earlier attempts; the store itself stands.
        let _ = draft::sweep(&self.store.path);
        Ok(is_there.then_some(kept))
    }
}

/// Moves what the log of a store holds into the file, as far as it opens, and refuses if anybody else uses it.
fn settle_if_it_opens(store: &StoreOptions) -> Result<(), StoreError> {
    if !std::fs::metadata(&store.path).is_ok_and(|file| file.len() > 0) {
        return Ok(());
    }
    // One that does not open is kept as it is, with its log.
    let Ok((connection, _)) = open::open_as_it_is(store, &STORE) else { return Ok(()) };
    settle(&connection, &store.path)
}

/// Makes a file whole in itself, without a log beside it.
///
/// # Errors
/// [`StoreError::Shared`] when somebody else has it open.
pub(super) fn settle(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let wrap = StoreError::sql("write the log into the file");
    let shared = || StoreError::Shared { path: path.to_owned() };
    connection.busy_timeout(PATIENCE).map_err(&wrap)?;
    let mode = connection.pragma_update_and_check(None, "journal_mode", "DELETE", |row| row.get::<_, String>(0));
    match mode {
        Ok(mode) if mode.eq_ignore_ascii_case("delete") => Ok(()),
        Ok(_) => Err(shared()),
        Err(error) => match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Err(shared()),
            _ => Err(wrap(error)),
        },
    }
}
