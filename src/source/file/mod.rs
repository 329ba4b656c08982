//! Access logs and context tables in files: plain, gzip or zstd, in blocks of whole records.
//!
//! [`paths`] turns paths and globs into a list of files, and a [`BlockReader`] reads them one after
//! another. What a file is compressed with and what it holds is found from its content. [`crosswalk`] reads the file
//! that says which ids are one person.

mod block;
mod context_dir;
mod identity;
mod input;

use std::path::{Path, PathBuf};

use thiserror::Error;

pub use block::{Block, BlockReader, Piece, Sizes};
pub use context_dir::ContextDir;
pub use identity::{IdentityError, crosswalk};
pub use input::{Progress, head};

use crate::decode::Expect;
use crate::decode::format::FormatError;

/// A file that cannot be read, or is not what it was opened for.
#[derive(Debug, Error)]
pub enum SourceError {
    #[error("{path}: no such file: expected {expected}")]
    Missing { path: String, expected: Expect },
    #[error("{pattern}: no file matches: expected {expected}")]
    NoMatch { pattern: String, expected: Expect },
    #[error("{pattern} is not a valid pattern: {error}")]
    Pattern { pattern: String, error: String },
    #[error("{path} is a directory: expected {expected}; to read all its files, write {path}/*")]
    Directory { path: String, expected: Expect },
    #[error("{path} cannot be read: {error}; expected {expected}")]
    Unreadable { path: String, error: String, expected: Expect },
    #[error("{path}: {error}")]
    Format { path: String, error: FormatError },
    #[error("{path} is no context directory: {error}")]
    ContextDirectory { path: String, error: String },
}

/// The files that `patterns` name, each once, in the order of the patterns and sorted within a
/// glob. A name that exists is taken as it is, whatever characters it holds.
///
/// # Errors
/// The first pattern that names nothing, or a directory.
pub fn paths<S: AsRef<str>>(patterns: &[S], expected: Expect) -> Result<Vec<PathBuf>, SourceError> {
    let mut found: Vec<PathBuf> = Vec::new();
    for pattern in patterns {
        for path in matches(pattern.as_ref(), expected)? {
            if !found.contains(&path) {
                found.push(path);
            }
        }
    }
    Ok(found)
}

fn matches(pattern: &str, expected: Expect) -> Result<Vec<PathBuf>, SourceError> {
    let path = Path::new(pattern);
    if path.is_dir() {
        let path = pattern.trim_end_matches('/').to_owned();
        return Err(SourceError::Directory { path, expected });
    }
    if path.exists() {
        return Ok(vec![path.to_owned()]);
    }
    if !pattern.contains(['*', '?', '[']) {
        return Err(SourceError::Missing { path: pattern.to_owned(), expected });
    }
    let complaint = |error: String| SourceError::Pattern { pattern: pattern.to_owned(), error };
    let mut found = Vec::new();
    for path in glob::glob(pattern).map_err(|error| complaint(error.to_string()))? {
        let path = path.map_err(|error| complaint(error.to_string()))?;
        if !path.is_dir() {
            found.push(path);
        }
    }
    if found.is_empty() {
        return Err(SourceError::NoMatch { pattern: pattern.to_owned(), expected });
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(pattern: &str) -> String {
        paths(&[pattern], Expect::Accesses).unwrap_err().to_string()
    }

    #[test]
    fn patterns_name_files_once_in_order() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.csv", "a.csv", "c[1].csv"] {
            std::fs::write(dir.path().join(name), "x").unwrap();
        }
        let at = |name: &str| format!("{}/{name}", dir.path().display());
        let found = paths(&[at("c[1].csv"), at("*.csv"), at("a.csv")], Expect::Accesses).unwrap();
        let names: Vec<_> = found.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["c[1].csv", "a.csv", "b.csv"]);
    }

    #[test]
    fn errors_name_the_file_and_what_was_expected() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| format!("{}/{name}", dir.path().display());
        assert!(message(&at("none.csv")).contains("none.csv: no such file: expected an access log"));
        assert!(message(&at("*.csv")).contains("no file matches: expected an access log"));
        assert!(message(&at("")).contains("is a directory"));
        assert!(message("[").contains('['));
    }
}
