//! Which context tables a directory holds, and which feeds of other systems.

use std::path::{Path, PathBuf};

use super::SourceError;
use super::input::head;
use crate::decode::context::Table;
use crate::decode::{Expect, detect};

const KINDS: [&str; 4] = ["csv", "ndjson", "jsonl", "parquet"];
const PACKED: [&str; 2] = ["gz", "zst"];
/// What files of feeds are called; whether they are, their content says.
const FEEDS: [&str; 8] = ["hl7", "er7", "txt", "json", "ndjson", "jsonl", "xml", "csv"];
/// How much of a file is looked at.
const HEAD: usize = 64 << 10;

/// The tables of a context directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextDir {
    /// The tables that exist, in the order in which they are read.
    pub files: Vec<(Table, PathBuf)>,
    /// Files of other systems: HL7 v2 messages, FHIR resources, Synthea's tables. Sorted by name: messages are read in
    /// that order.
    pub feeds: Vec<PathBuf>,
}

impl ContextDir {
    /// Looks `dir` through: `workforce.csv`, `patients.ndjson`, `relationships.csv.gz` ..., and whatever holds HL7 v2
    /// messages, FHIR resources or Synthea's tables. Other files are left alone.
    ///
    /// # Errors
    /// When it is no directory, holds neither table nor feed, or a table twice.
    pub fn list(dir: &Path) -> Result<Self, SourceError> {
        let complaint = |error: String| SourceError::ContextDirectory { path: dir.display().to_string(), error };
        let entries = std::fs::read_dir(dir).map_err(|error| complaint(error.to_string()))?;
        let mut paths = Vec::new();
        for entry in entries {
            paths.push(entry.map_err(|error| complaint(error.to_string()))?.path());
        }
        paths.sort();
        let mut files: Vec<(Table, PathBuf)> = Vec::new();
        let mut feeds = Vec::new();
        for path in paths.into_iter().filter(|path| path.is_file()) {
            let Some(table) = path.file_name().and_then(|name| table_of(name.to_str()?)) else {
                if is_feed(&path) {
                    feeds.push(path);
                }
                continue;
            };
            if let Some((_, other)) = files.iter().find(|(found, _)| *found == table) {
                return Err(complaint(format!(
                    "the table {table} stands in it twice ({} and {}): keep one",
                    other.display(),
                    path.display()
                )));
            }
            files.push((table, path));
        }
        if files.is_empty() && feeds.is_empty() {
            let names: Vec<_> = Table::ALL.into_iter().map(Table::name).collect();
            return Err(complaint(format!(
                "it holds no context table: expected any of {} as .csv, .ndjson or .parquet, or HL7 v2, FHIR or Synthea \
                 files (.gz and .zst too)",
                names.join(", ")
            )));
        }
        files.sort();
        Ok(Self { files, feeds })
    }

    /// The tables that the directory lacks.
    #[must_use]
    pub fn missing(&self) -> Vec<Table> {
        Table::ALL.into_iter().filter(|table| self.files.iter().all(|(found, _)| found != table)).collect()
    }
}

/// Whether a file is called like a feed and begins like one. One that cannot be read is none.
fn is_feed(path: &Path) -> bool {
    let is_called_so =
        path.file_name().and_then(|name| stem_of(&name.to_str()?.to_ascii_lowercase(), &FEEDS)).is_some();
    let begins_so = |(head, is_whole): (Vec<u8>, bool)| detect::detect(&head, is_whole, Expect::Feed).is_ok();
    is_called_so && head(path, HEAD).is_ok_and(begins_so)
}

/// A file name without its kind and without what it is packed with.
fn stem_of(name: &str, kinds: &[&str]) -> Option<String> {
    let name = PACKED.iter().find_map(|packed| name.strip_suffix(packed)?.strip_suffix('.')).unwrap_or(name);
    kinds.iter().find_map(|kind| name.strip_suffix(kind)?.strip_suffix('.')).map(str::to_owned)
}

/// The table that a file name stands for, in any case.
fn table_of(name: &str) -> Option<Table> {
    let stem = stem_of(&name.to_ascii_lowercase(), &KINDS)?;
    Table::ALL.into_iter().find(|table| table.name() == stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(names: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in names {
            std::fs::write(dir.path().join(name), "x").unwrap();
        }
        dir
    }

    #[test]
    fn tables_are_found_and_missing_ones_are_told() {
        let dir = directory(&["shifts.csv", "Workforce.NDJSON.gz", "patients.parquet", "labels.csv", "patients.bak"]);
        let found = ContextDir::list(dir.path()).unwrap();
        let tables: Vec<_> = found.files.iter().map(|(table, _)| *table).collect();
        assert_eq!(tables, [Table::Workforce, Table::Patients, Table::Shifts]);
        assert_eq!(found.missing(), [Table::RelatedPersons, Table::Relationships]);
    }

    #[test]
    fn a_directory_without_tables_or_with_one_twice_is_an_error() {
        let dir = directory(&["labels.csv"]);
        let message = ContextDir::list(dir.path()).unwrap_err().to_string();
        assert!(message.contains("expected any of workforce, patients"), "{message}");
        let dir = directory(&["shifts.csv", "shifts.jsonl"]);
        assert!(ContextDir::list(dir.path()).unwrap_err().to_string().contains("twice"));
        assert!(ContextDir::list(Path::new("/no/such/place")).is_err());
    }
}
