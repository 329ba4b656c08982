//! Why the store could not do something, for the person who reads it.

use std::path::{Path, PathBuf};

/// Why the store could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(
        "the store {path} is in use by another chartsentry{holder}: stop that one first, or name another file as [store] path"
    )]
    InUse { path: PathBuf, holder: Holder },
    #[error(
        "the store {path} does not open with this key: it was written with another one, or the file is damaged; check [store] key, or restore a backup (the file was not changed)"
    )]
    WrongKey { path: PathBuf },
    #[error(
        "the store {path} is encrypted, or no store at all: set [store] key to the key it was written with, or name another file as [store] path"
    )]
    KeyMissing { path: PathBuf },
    #[error(
        "the store {path} is not encrypted, but [store] key is set: remove the key, or name a new file as [store] path"
    )]
    NotEncrypted { path: PathBuf },
    #[error(
        "the store {path} is damaged ({detail}): restore a backup, or move the file away to begin anew (the file was not changed)"
    )]
    Damaged { path: PathBuf, detail: String },
    #[error("{path} is something else, not a store: name another file as [store] path")]
    NotAStore { path: PathBuf },
    #[error(
        "the store {path} was written by a newer chartsentry (layout {found}, this one knows {known}): install that version again, or restore a backup"
    )]
    Newer { path: PathBuf, found: i64, known: i64 },
    #[error("the store {path} is held by an older chartsentry: stop it, and start this version once")]
    Older { path: PathBuf },
    #[error(
        "the store {path} is empty, but it was not when it was used last: restore a backup, or move it away to begin anew"
    )]
    Emptied { path: PathBuf },
    #[error(
        "a change of the key of {path} was not finished, and some of its files may have the old key and some the new one: run \"chartsentry store rekey\" again with the same --new-key"
    )]
    Unfinished { path: PathBuf },
    #[error("there is no store at {path}: check [store] path (a relative one counts from the current folder)")]
    Missing { path: PathBuf },
    #[error("{path} is there already: move it away, or give another name")]
    Exists { path: PathBuf },
    #[error("another chartsentry command is using the store {path}: let it end, and try again (nothing was changed)")]
    Shared { path: PathBuf },
    #[error(
        "{path} is no backup: beside it stands a write-ahead log that may hold the newest part; make one with \"chartsentry store backup\", which takes it along"
    )]
    NotWhole { path: PathBuf },
    #[error("the copy {path} does not hold what was copied ({detail}): nothing was changed; try again")]
    Differs { path: PathBuf, detail: String },
    #[error("the key of the store {path} is empty: put a passphrase or 64 hexadecimal digits where [store] key points")]
    EmptyKey { path: PathBuf },
    #[error("cannot {what} {path}: {cause}")]
    File { what: &'static str, path: PathBuf, cause: std::io::Error },
    #[error("cannot {what} in the store: {cause}{}", advice(cause))]
    Sql { what: &'static str, cause: rusqlite::Error },
    #[error("cannot {what}: row {row} of the store does not read back ({detail}): restore a backup")]
    Row { what: &'static str, row: String, detail: String },
}

/// The process that holds the store, where it left its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder(pub Option<u32>);

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(process) => write!(f, " (process {process})"),
            None => Ok(()),
        }
    }
}

impl StoreError {
    pub(super) fn file(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |cause| Self::File { what, path, cause }
    }

    pub(super) fn sql(what: &'static str) -> impl Fn(rusqlite::Error) -> Self {
        move |cause| Self::Sql { what, cause }
    }

    /// Whether the same may well be done later: the disk is full or out of reach, or somebody else is writing.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked, DiskFull, SystemIoFailure};
        let Self::Sql { cause, .. } = self else { return false };
        let code = cause.sqlite_error_code();
        matches!(code, Some(DiskFull | SystemIoFailure | DatabaseBusy | DatabaseLocked)) && !self.is_damage()
    }

    /// Whether the file itself is broken, so that trying again is of no use. SQLCipher calls an encrypted page that it
    /// cannot use a lack of memory; after a true one, trying again in this process is of no use either.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase, OutOfMemory};
        use rusqlite::ffi::{SQLITE_IOERR_CORRUPTFS, SQLITE_IOERR_SHORT_READ};
        let Self::Sql { cause, .. } = self else { return matches!(self, Self::Damaged { .. }) };
        matches!(cause.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase | OutOfMemory))
            || matches!(cause.sqlite_extended_error_code(), Some(SQLITE_IOERR_SHORT_READ | SQLITE_IOERR_CORRUPTFS))
    }
}

fn advice(error: &rusqlite::Error) -> &'static str {
    use rusqlite::ErrorCode;
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => ": make room on its disk; nothing was changed",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            ": another process has been writing to it for too long; nothing was changed, try again"
        }
        Some(ErrorCode::ReadOnly) => ": allow chartsentry to write the file and its folder",
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => ": the file is damaged; restore a backup",
        Some(ErrorCode::SystemIoFailure) => ": look at the disk and its messages",
        Some(ErrorCode::OutOfMemory) => ": if memory is there, the file is damaged; restore a backup",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    fn failed(code: i32) -> StoreError {
        StoreError::sql("commit a batch")(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None))
    }

    #[test]
    fn a_full_disk_passes_and_damage_does_not() {
        for code in [ffi::SQLITE_FULL, ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_BUSY] {
            assert!(failed(code).may_pass() && !failed(code).is_damage(), "{code}");
        }
        for code in [ffi::SQLITE_CORRUPT, ffi::SQLITE_NOTADB, ffi::SQLITE_NOMEM, ffi::SQLITE_IOERR_SHORT_READ] {
            assert!(failed(code).is_damage() && !failed(code).may_pass(), "{code}");
        }
        for code in [ffi::SQLITE_CONSTRAINT, ffi::SQLITE_READONLY] {
            assert!(!failed(code).is_damage() && !failed(code).may_pass(), "{code}");
        }
    }
}
