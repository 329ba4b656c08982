//! How much of the disk the store takes, and how much is left.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// A disk, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    /// What is left for this user.
    pub free: u64,
    pub size: u64,
}

/// The files of a store and of its spool, and what they are called here.
const FILES: [(&str, &str); 4] =
    [("store", ""), ("store_log", "-wal"), ("spool", ".spool"), ("spool_log", ".spool-wal")];

/// The size in bytes of each file of the store at `path`; 0 for one that is not there.
#[must_use]
pub fn file_sizes(path: &Path) -> [(&'static str, u64); 4] {
    FILES.map(|(name, ending)| {
        let mut file: OsString = path.as_os_str().to_owned();
        file.push(ending);
        (name, fs::metadata(PathBuf::from(file)).map_or(0, |found| found.len()))
    })
}

/// The disk that holds a file or folder, where the system tells.
#[cfg(unix)]
#[must_use]
pub fn disk_of(path: &Path) -> Option<Disk> {
    let found = rustix::fs::statvfs(path).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    Some(Disk { free: bytes(found.f_bavail), size: bytes(found.f_blocks) })
}

/// The disk that holds a file or folder, where the system tells.
#[cfg(not(unix))]
#[must_use]
pub fn disk_of(_path: &Path) -> Option<Disk> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_a_store_is_measured() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        fs::write(&path, [0; 100]).unwrap();
        fs::write(folder.path().join("store.db.spool-wal"), [0; 7]).unwrap();
        assert_eq!(file_sizes(&path), [("store", 100), ("store_log", 0), ("spool", 0), ("spool_log", 7)]);
    }

    #[cfg(unix)]
    #[test]
    fn a_disk_has_no_more_room_than_size() {
        let disk = disk_of(&std::env::temp_dir()).unwrap();
        assert!(disk.size > 0 && disk.free <= disk.size, "{disk:?}");
        assert_eq!(disk_of(Path::new("/no/such/folder")), None);
    }
}
