//! Handoffs from files, as `replay` writes them and the handoff topic carries them.

use std::path::Path;

use anyhow::{Context, Result};

use crate::breach::handoff::Handoff;
use crate::store::QuarantineRecord;

/// What one file held.
#[derive(Debug, Default)]
pub struct Read {
    pub handoffs: Vec<Handoff>,
    /// Lines that are no handoff, with the reason.
    pub refused: Vec<QuarantineRecord>,
}

/// Reads a file of handoffs: one JSON object a line.
///
/// # Errors
/// When the file cannot be read.
pub fn read(path: &Path) -> Result<Read> {
    let name = path.display().to_string();
    let text = std::fs::read(path).with_context(|| format!("cannot read the handoffs {name}"))?;
    let mut read = Read::default();
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match serde_json::from_slice::<Handoff>(line) {
            Ok(handoff) => read.handoffs.push(handoff),
            Err(error) => read.refused.push(QuarantineRecord {
                topic: name.clone(),
                partition: -1,
                offset: index as i64 + 1,
                reason: "not_a_handoff".to_owned(),
                sentence: format!(
                    "{name}: line {} is no handoff: {}; expected a line of handoffs.ndjson as replay writes it",
                    index + 1,
                    plain(&error)
                ),
                size: Some(line.len() as u64),
                record: line.to_vec(),
                is_whole: true,
                ..QuarantineRecord::default()
            }),
        }
    }
    Ok(read)
}

/// What is wrong, without values of the record and without the place inside the line.
pub(super) fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    // "invalid type: string \"...\", expected ..." repeats the record.
    match text.split_once(", expected ") {
        Some((_, expected)) => format!("expected {expected}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_handoff_is_named_by_line_and_kept() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "\n{\"handoff_id\":\"h1\"}\nMrs Smith\n").unwrap();
        let read = read(file.path()).unwrap();
        assert!(read.handoffs.is_empty());
        let sentences: Vec<&str> = read.refused.iter().map(|refused| refused.sentence.as_str()).collect();
        assert!(sentences[0].contains("line 2 is no handoff: missing field `sequence`"), "{sentences:?}");
        assert!(sentences[1].contains("line 3") && !sentences[1].contains("Smith"), "{sentences:?}");
        assert_eq!(read.refused[1].record, b"Mrs Smith");
    }
}
