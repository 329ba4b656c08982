//! A copy of a store on its way: for its owner alone, under a temporary name until it has proved to be sound.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use super::error::StoreError;
use super::look::Look;
use super::open::{StoreKey, StoreOptions};
use super::place;

/// How the names of drafts end.
const END: &str = ".partial";

/// A copy that is not in its place yet. It vanishes when it is dropped.
#[derive(Debug)]
pub struct Draft {
    temporary: TempPath,
    place: PathBuf,
    key: Option<StoreKey>,
}

impl Draft {
    /// An empty file in the folder of `place`, which is made if it is missing.
    pub(super) fn new(place: &Path, key: Option<StoreKey>) -> Result<Self, StoreError> {
        let folder = folder_of(place);
        place::private_folder(folder).map_err(StoreError::file("create the folder", folder))?;
        let file = tempfile::Builder::new().prefix(&start_of(place)).suffix(END).tempfile_in(folder);
        let file = file.map_err(StoreError::file("write beside", place))?;
        Ok(Self { temporary: file.into_temp_path(), place: place.to_owned(), key })
    }

    /// Where it is, and what opens it.
    pub(super) fn options(&self) -> StoreOptions {
        StoreOptions { path: self.temporary.to_path_buf(), key: self.key.clone() }
    }

    /// Looks at it as at a store.
    ///
    /// # Errors
    /// As for [`Look::open`].
    pub fn look(&self) -> Result<Look, StoreError> {
        Look::open(&self.options())
    }

    /// Gives it its name, which must not be taken; when it returns, a power cut does not undo it.
    ///
    /// # Errors
    /// When the name is taken, or the file cannot be written.
    pub fn keep(self) -> Result<(), StoreError> {
        self.sync()?;
        let Self { temporary, place, .. } = self;
        match temporary.persist_noclobber(&place) {
            Ok(()) => place::sync_folder_of(&place).map_err(StoreError::file("put in place", &place)),
            Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => {
                Err(StoreError::Exists { path: place })
            }
            Err(failed) => Err(StoreError::file("put in place", &place)(failed.error)),
        }
    }

    /// Takes the place of what stands there.
    pub(super) fn replace(self) -> Result<(), StoreError> {
        self.sync()?;
        let Self { temporary, place, .. } = self;
        let renamed = temporary.persist(&place).map_err(|failed| failed.error);
        renamed.and_then(|()| place::sync_folder_of(&place)).map_err(StoreError::file("put in place", &place))
    }

    /// Everything that was written is on the disk.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        let synced = File::open(&self.temporary).and_then(|file| file.sync_all());
        synced.map_err(StoreError::file("write beside", &self.place))
    }
}

fn folder_of(place: &Path) -> &Path {
    place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn start_of(place: &Path) -> String {
    format!(".{}.", place.file_name().unwrap_or_default().to_string_lossy())
}

/// Removes what a process that was killed left of drafts for `place`. The caller holds the store.
pub(super) fn sweep(place: &Path) -> Result<(), StoreError> {
    let (folder, start) = (folder_of(place), start_of(place));
    let wrap = || StoreError::file("look for leftovers in", folder);
    for entry in std::fs::read_dir(folder).map_err(wrap())? {
        let entry = entry.map_err(wrap())?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(&start) && name.ends_with(END) {
            std::fs::remove_file(entry.path()).map_err(StoreError::file("remove", &entry.path()))?;
        }
    }
    Ok(())
}
