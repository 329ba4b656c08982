//! Lines appended to a file that only its owner may read; a batch is on the disk when it counts as
//! delivered. The file may be moved away at any time: the next batch begins a new one.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{Message, Outcome, Transport};

/// Appends to one file.
#[derive(Debug)]
pub struct FileSink {
    path: PathBuf,
}

impl FileSink {
    #[must_use]
    pub const fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

impl Transport for FileSink {
    async fn send(&mut self, batch: &[Message]) -> Vec<Outcome> {
        let path = self.path.clone();
        let lines: String = batch.iter().map(|message| format!("{}\n", message.body)).collect();
        let written = tokio::task::spawn_blocking(move || append(&path, &lines)).await;
        match written.map_err(io::Error::other).flatten() {
            Ok(()) => vec![Outcome::Delivered; batch.len()],
            Err(error) => vec![Outcome::Retry(format!("cannot write {}: {error}", self.path.display()))],
        }
    }
}

fn append(path: &Path, lines: &str) -> io::Result<()> {
    let mut file = open(path)?;
    let end = file.seek(SeekFrom::End(0))?;
    // A line that a crash cut short stays apart from the next one.
    let gap = if ends_inside_a_line(&mut file, end)? { "\n" } else { "" };
    let written = file.write_all([gap, lines].concat().as_bytes()).and_then(|()| file.sync_all());
    if written.is_err() {
        // Half a batch would be written a second time: take it back where the disk still lets us.
        let _ = file.set_len(end);
    }
    written
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn ends_inside_a_line(file: &mut File, end: u64) -> io::Result<bool> {
    if end == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::Start(end - 1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}
