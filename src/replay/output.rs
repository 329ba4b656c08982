//! Result files: complete or absent, and readable by their owner only.

use std::fs::{DirBuilder, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;
use tempfile::{NamedTempFile, TempPath};

/// Creates the directory of the results with its parents; directories that it creates are open to
/// their owner only.
///
/// # Errors
/// When the directory cannot be created; the message names it.
pub fn create_directory(path: &Path) -> Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).with_context(|| format!("cannot create the output directory {}", path.display()))
}

/// A result file on its way: written under a temporary name in the same directory, renamed by
/// [`ResultFile::finish`], and removed when it is dropped before that.
#[derive(Debug)]
pub struct ResultFile {
    out: BufWriter<File>,
    temporary: TempPath,
    path: PathBuf,
}

impl ResultFile {
    /// Starts `name` in `directory`.
    ///
    /// # Errors
    /// When the file cannot be created; the message names it.
    pub fn create(directory: &Path, name: &str) -> Result<Self> {
        let path = directory.join(name);
        let (file, temporary) =
            owner_only(directory, name).with_context(|| format!("cannot create {}", path.display()))?.into_parts();
        Ok(Self { out: BufWriter::with_capacity(1 << 16, file), temporary, path })
    }

    /// The final path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the file its final name; what stood there is replaced.
    ///
    /// # Errors
    /// When the last bytes cannot be written or the file cannot be renamed.
    pub fn finish(self) -> Result<()> {
        let Self { mut out, temporary, path } = self;
        out.flush().with_context(|| format!("cannot write {}", path.display()))?;
        temporary.persist(&path).with_context(|| format!("cannot put {} in place", path.display()))
    }
}

impl Write for ResultFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn owner_only(directory: &Path, name: &str) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    let prefix = format!(".{name}.");
    builder.prefix(&prefix).suffix(".partial");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600));
    builder.tempfile_in(directory)
}

/// Writes a whole file at once.
///
/// # Errors
/// When the file cannot be written; the message names it.
pub fn write_text(directory: &Path, name: &str, text: &str) -> Result<()> {
    let mut file = ResultFile::create(directory, name)?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", file.path().display()))?;
    file.finish()
}

/// Removes a result of an earlier run that this one does not write, so that files beside each other
/// belong together.
///
/// # Errors
/// When it is there and cannot be removed; the message names it.
pub fn remove_result(directory: &Path, name: &str) -> Result<()> {
    let path = directory.join(name);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove the earlier {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// A file of JSON objects, one a line, written as they come.
#[derive(Debug)]
pub struct NdjsonFile {
    file: ResultFile,
    line: Vec<u8>,
    written: u64,
}

impl NdjsonFile {
    /// Starts `name` in `directory`.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub fn create(directory: &Path, name: &str) -> Result<Self> {
        Ok(Self { file: ResultFile::create(directory, name)?, line: Vec::new(), written: 0 })
    }

    /// Adds one record.
    ///
    /// # Errors
    /// When the line cannot be written; the message names the file.
    pub fn push<T: Serialize>(&mut self, record: &T) -> Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, record)
            .with_context(|| format!("cannot put a record into {} as JSON", self.file.path().display()))?;
        self.line.push(b'\n');
        self.file.write_all(&self.line).with_context(|| format!("cannot write {}", self.file.path().display()))?;
        self.written += 1;
        Ok(())
    }

    /// How many records were added.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Gives the file its final name.
    ///
    /// # Errors
    /// When the last bytes cannot be written or the file cannot be renamed.
    pub fn finish(self) -> Result<()> {
        self.file.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn an_unfinished_file_leaves_nothing_and_keeps_the_old_one() {
        let directory = tempfile::tempdir().unwrap();
        write_text(directory.path(), "a.txt", "old").unwrap();
        let mut file = ResultFile::create(directory.path(), "a.txt").unwrap();
        file.write_all(b"new").unwrap();
        file.flush().unwrap();
        assert_eq!(names(directory.path()).len(), 2);
        drop(file);
        assert_eq!(names(directory.path()), ["a.txt"]);
        assert_eq!(std::fs::read_to_string(directory.path().join("a.txt")).unwrap(), "old");
        write_text(directory.path(), "a.txt", "new").unwrap();
        assert_eq!(std::fs::read_to_string(directory.path().join("a.txt")).unwrap(), "new");
    }

    #[cfg(unix)]
    #[test]
    fn files_and_new_directories_are_for_their_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("a/b");
        create_directory(&directory).unwrap();
        create_directory(&directory).unwrap();
        write_text(&directory, "x.json", "{}").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&root.path().join("a")), 0o700);
        assert_eq!(mode(&directory), 0o700);
        assert_eq!(mode(&directory.join("x.json")), 0o600);
    }

    #[test]
    fn errors_name_the_file() {
        let missing = Path::new("/nonexistent-directory");
        let error = NdjsonFile::create(missing, "handoffs.ndjson").unwrap_err();
        assert!(format!("{error:#}").contains("/nonexistent-directory/handoffs.ndjson"), "{error:#}");
    }
}
