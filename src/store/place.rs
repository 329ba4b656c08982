//! The store's file on disk: owner-only, and held by one process at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
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

/// What the first four bytes of a write-ahead log may be, see <https://sqlite.org/fileformat2.html#walformat>.
const LOG_MAGIC: [[u8; 4]; 2] = [[0x37, 0x7f, 0x06, 0x82], [0x37, 0x7f, 0x06, 0x83]];
/// The second line of the lock file once the store has its tables.
const OPENED: &str = "opened";

/// A file whose name is the store's with an end of its own.
pub(super) fn beside(store: &Path, end: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// The write-ahead log of a store.
pub(super) fn log(store: &Path) -> PathBuf {
    beside(store, "-wal")
}

/// Creates the file and missing folders for the owner alone, takes rights of others on the file and its log away.
pub(super) fn prepare(path: &Path) -> Result<(), StoreError> {
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(StoreError::NotAStore { path: path.to_owned() });
    }
    if is_emptied(path) {
        return Err(StoreError::Emptied { path: path.to_owned() });
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        private_folder(folder).map_err(StoreError::file("create the folder", folder))?;
    }
    let file = private_file(path).map_err(StoreError::file("open the store", path))?;
    owner_only(&file).map_err(StoreError::file("restrict the rights on the store", path))?;
    match File::open(log(path)) {
        Ok(log) => owner_only(&log).map_err(StoreError::file("restrict the rights on the log of the store", path)),
        // There is none, or it is read, and then refused, later.
        Err(_) => Ok(()),
    }
}

/// Whether a file of no bytes once held a store. A new one would begin as if nothing had ever been read.
fn is_emptied(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.len() == 0)
        && std::fs::read_to_string(beside(path, LOCK)).is_ok_and(|text| text.lines().nth(1) == Some(OPENED))
}

/// Refuses a log that is none. SQLite would take it for an empty one, and forget what was committed last. A log of
/// zeros is one of which nothing had reached the disk.
pub(super) fn check_log(path: &Path) -> Result<(), StoreError> {
    let mut head = Vec::with_capacity(4);
    let read = match File::open(log(path)) {
        Ok(file) => file.take(4).read_to_end(&mut head),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => Err(error),
    };
    read.map_err(StoreError::file("read the log of the store", path))?;
    let is_one = head.len() < 4 || head == [0; 4] || LOG_MAGIC.iter().any(|magic| head == magic);
    let detail = || "its write-ahead log is not one".to_owned();
    if is_one { Ok(()) } else { Err(StoreError::Damaged { path: path.to_owned(), detail: detail() }) }
}

/// Gives a file a second name under which it stays when another takes its place.
pub(super) fn keep_as(path: &Path, kept: &Path) -> Result<(), StoreError> {
    let linked = match std::fs::hard_link(path, kept) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(StoreError::Exists { path: kept.to_owned() });
        }
        // A disk that knows no second names.
        Err(_) => std::fs::copy(path, kept).and_then(|_| File::open(kept)?.sync_all()),
        Ok(()) => Ok(()),
    };
    linked.and_then(|()| sync_folder_of(kept)).map_err(StoreError::file("keep the old file as", kept))
}

/// Makes names in a folder last.
pub(super) fn sync_folder_of(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Other systems have no such call, and do not open folders.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
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
pub(super) struct Lock {
    file: File,
    path: PathBuf,
    /// Whether the store had its tables when it was held before.
    was_opened: bool,
}

/// How the name of a lock file ends.
const LOCK: &str = ".lock";

impl Lock {
    /// # Errors
    /// [`StoreError::InUse`] when another process (or another store in this one) holds it.
    pub(super) fn take(store: &Path) -> Result<Self, StoreError> {
        let path = beside(store, LOCK);
        let mut file = private_file(&path).map_err(StoreError::file("open the lock file", &path))?;
        let locked = file.try_lock();
        let mut text = String::new();
        // Whatever else stands there is no number.
        let _ = file.read_to_string(&mut text);
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = text.lines().next().and_then(|line| line.trim().parse().ok());
                return Err(StoreError::InUse { path: store.to_owned(), holder: Holder(holder) });
            }
            Err(TryLockError::Error(cause)) => {
                return Err(StoreError::File { what: "lock", path, cause });
            }
        }
        let mut lock = Self { file, path, was_opened: text.lines().nth(1) == Some(OPENED) };
        lock.write()?;
        Ok(lock)
    }

    /// The store has its tables: from now on a file of no bytes is not a new one.
    pub(super) fn opened(&mut self) -> Result<(), StoreError> {
        if self.was_opened {
            return Ok(());
        }
        self.was_opened = true;
        self.write()
    }

    fn write(&mut self) -> Result<(), StoreError> {
        let mark = if self.was_opened { OPENED } else { "" };
        let text = format!("{}\n{mark}\n", std::process::id());
        let mut write = || {
            self.file.rewind()?;
            self.file.set_len(0)?;
            self.file.write_all(text.as_bytes())
        };
        write().map_err(StoreError::file("write the lock file", &self.path))
    }
}

/// Opens a file for reading and writing, creating it for the owner alone.
pub(super) fn private_file(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

pub(super) fn private_folder(path: &Path) -> std::io::Result<()> {
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
