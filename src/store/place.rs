//! The store's file on disk: owner-only, and held by one process at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use super::error::{Holder, StoreError};

/// What a file turns out to be by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// Nothing yet.
    Empty,
    /// A SQLite database.
    Plain,
    /// Anything else: encrypted, damaged, or no database.
    Opaque,
}

const SQLITE_MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Creates the file and missing folders for the owner alone, takes rights of others on the file away.
pub(super) fn prepare(path: &Path) -> Result<(), StoreError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        private_folder(folder).map_err(StoreError::file("create the folder", folder))?;
    }
    let file = private_file(path).map_err(StoreError::file("open the store", path))?;
    owner_only(&file).map_err(StoreError::file("restrict the rights on the store", path))
}

pub(super) fn content(path: &Path) -> Result<Content, StoreError> {
    let mut head = Vec::with_capacity(SQLITE_MAGIC.len());
    File::open(path)
        .and_then(|file| file.take(SQLITE_MAGIC.len() as u64).read_to_end(&mut head))
        .map_err(StoreError::file("read the store", path))?;
    Ok(match head.as_slice() {
        [] => Content::Empty,
        head if head == SQLITE_MAGIC => Content::Plain,
        _ => Content::Opaque,
    })
}

/// Keeps other processes out for as long as it lives. The operating system lets go of it when the
/// process ends, however it ends, so the file itself may stay.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "held, never read")] File);

impl Lock {
    /// # Errors
    /// [`StoreError::InUse`] when another process (or another store in this one) holds it.
    pub(super) fn take(store: &Path) -> Result<Self, StoreError> {
        let path = lock_path(store);
        let mut file = private_file(&path).map_err(StoreError::file("open the lock file", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let holder = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
                return Err(StoreError::InUse { path: store.to_owned(), holder: Holder(holder) });
            }
            Err(TryLockError::Error(cause)) => {
                return Err(StoreError::File { what: "lock", path, cause });
            }
        }
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(StoreError::file("write the lock file", &path))?;
        Ok(Self(file))
    }
}

fn lock_path(store: &Path) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// Opens a file for reading and writing, creating it for the owner alone.
pub(super) fn private_file(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn private_folder(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(unix)]
fn owner_only(file: &File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if file.metadata()?.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    file.set_permissions(std::fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn owner_only(_file: &File) -> std::io::Result<()> {
    Ok(())
}
