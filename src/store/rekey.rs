//! Another key, or the first one, or none: for a store and its spool.
//!
//! ```text
//!  copies under the new key, checked -> mark -> old files kept, copies in their places -> mark and old files removed
//! ```
//!
//! At every instant each file opens with the old or the new key. While the mark stands, nothing but this opens the
//! store, and doing the same again finishes it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::draft::{self, Draft};
use super::error::StoreError;
use super::open::{self, StoreKey, StoreOptions, UNFINISHED};
use super::place::{self, Lock};
use super::restore::settle;
use super::schema::{Layout, SPOOL, STORE};
use super::{look, spool};

/// How the name of an old file ends until all are done.
const BEFORE: &str = ".before-rekey";

/// Gives a store and its spool the key `new`; `None` leaves them readable without one. Returns the files that were
/// written anew: none when all had it already.
///
/// # Errors
/// When there is no store, somebody uses it, it opens with neither key, or the disk is full. When a change was begun
/// and could not be finished, every use of the store says so until this was done again.
pub fn rekey(store: &StoreOptions, new: Option<&StoreKey>) -> Result<Vec<PathBuf>, StoreError> {
    let path = &store.path;
    if !is_there(path) {
        return Err(StoreError::Missing { path: path.clone() });
    }
    let spool = spool::path(path);
    let _store_lock = Lock::take(path)?;
    let _spool_lock = is_there(&spool).then(|| Lock::take(&spool)).transpose()?;
    draft::sweep(path)?;
    let mut lacking = Vec::new();
    for (file, layout) in [(path, &STORE), (&spool, &SPOOL)] {
        let old = StoreOptions { path: file.clone(), key: store.key.clone() };
        if is_there(file) && !has_key(&old, new, layout)? {
            lacking.push((old, layout));
        }
    }
    let changed: Vec<PathBuf> = lacking.iter().map(|(old, _)| old.path.clone()).collect();
    let drafts = if lacking.is_empty() { Vec::new() } else { marked_copies(path, &lacking, new)? };
    for (file, draft) in drafts {
        let before = place::beside(&file, BEFORE);
        remove(&before)?;
        place::keep_as(&file, &before)?;
        draft.replace()?;
    }
    remove(&place::beside(path, BEFORE))?;
    remove(&place::beside(&spool, BEFORE))?;
    remove(&place::beside(path, UNFINISHED))?;
    place::sync_folder_of(path).map_err(StoreError::file("finish the change of the key of", path))?;
    Ok(changed)
}

/// Copies under the new key. The mark comes first: what people wrote beside the copying would be in no file afterwards.
fn marked_copies(
    store: &Path,
    lacking: &[(StoreOptions, &Layout)],
    new: Option<&StoreKey>,
) -> Result<Vec<(PathBuf, Draft)>, StoreError> {
    let was_marked = place::beside(store, UNFINISHED).exists();
    mark(store)?;
    let copies: Result<_, StoreError> =
        lacking.iter().map(|(old, layout)| Ok((old.path.clone(), copy(old, new, layout)?))).collect();
    if copies.is_err() && !was_marked {
        // Nothing was swapped.
        remove(&place::beside(store, UNFINISHED))?;
    }
    copies
}

fn is_there(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.len() > 0)
}

/// Whether a file opens with the new key already.
fn has_key(old: &StoreOptions, new: Option<&StoreKey>, layout: &Layout) -> Result<bool, StoreError> {
    let wanted = StoreOptions { path: old.path.clone(), key: new.cloned() };
    match open::open_as_it_is(&wanted, layout) {
        Ok(_) => Ok(true),
        Err(StoreError::WrongKey { .. } | StoreError::KeyMissing { .. } | StoreError::NotEncrypted { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// A copy under the new key that holds what the old file holds.
fn copy(old: &StoreOptions, new: Option<&StoreKey>, layout: &Layout) -> Result<Draft, StoreError> {
    let (connection, steps) = open::open_as_it_is(old, layout)?;
    settle(&connection, &old.path)?;
    let draft = Draft::new(&old.path, new.cloned())?;
    let options = draft.options();
    export(&connection, &options, layout, steps)?;
    let wanted = look::tables(&connection)?;
    let (written, found) = open::open_as_it_is(&options, layout)?;
    look::check(&written, &options.path)?;
    if found != steps || look::tables(&written)? != wanted {
        let detail = "another number of rows".to_owned();
        return Err(StoreError::Differs { path: options.path, detail });
    }
    draft.sync()?;
    Ok(draft)
}

fn export(connection: &Connection, to: &StoreOptions, layout: &Layout, steps: usize) -> Result<(), StoreError> {
    let wrap = StoreError::sql("write a copy under the new key of what is");
    let name = to.path.to_str().ok_or_else(|| look::unspeakable(&to.path))?;
    let key = to.key.as_ref().map(StoreKey::for_pragma);
    let key = key.as_ref().map_or("", |key| key.as_str());
    connection.execute("ATTACH DATABASE ?1 AS copy KEY ?2", [name, key]).map_err(&wrap)?;
    connection.query_row("SELECT sqlcipher_export('copy')", [], |_| Ok(())).map_err(&wrap)?;
    // What the export leaves out.
    connection.pragma_update(Some("copy"), "application_id", layout.application_id).map_err(&wrap)?;
    connection.pragma_update(Some("copy"), "user_version", steps as i64).map_err(&wrap)?;
    connection.execute("DETACH DATABASE copy", []).map(drop).map_err(&wrap)
}

/// From now on the files may have different keys.
fn mark(store: &Path) -> Result<(), StoreError> {
    let path = place::beside(store, UNFINISHED);
    let written = place::private_file(&path).and_then(|mut file| {
        writeln!(
            file,
            "The key of this store is being changed. If nobody is at it: run \"chartsentry store rekey\" again."
        )?;
        file.sync_all()?;
        place::sync_folder_of(&path)
    });
    written.map_err(StoreError::file("write", &path))
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::file("remove", path)(error)),
        _ => Ok(()),
    }
}
