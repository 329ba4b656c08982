//! A replay of which nothing is kept: what a policy would find in a log.

use std::path::PathBuf;

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::replay::progress_bar;
use crate::config::Config;
use crate::model::incident::Incident;
use crate::model::time::Timestamp;
use crate::pipeline::replay::{Replay, replay};
use crate::replay::tables::DetectionsFile;

/// The log that policies are tried on, and the "now" that they share.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    pub(super) context: PathBuf,
    pub(super) logs: Vec<String>,
    pub(super) now: Timestamp,
}

/// What a policy found. The result files go away with it.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) incidents: Vec<Incident>,
    folder: TempDir,
}

impl Outcome {
    /// The detections of every access.
    pub(super) fn detections(&self) -> PathBuf {
        self.folder.path().join(DetectionsFile::NAME)
    }
}

impl Trial {
    /// Replays the log under a policy; `name` says which, on the progress bar.
    ///
    /// # Errors
    /// As `replay`.
    pub(super) fn run(&self, config: &Config, name: &str) -> Result<Outcome> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder for the results")?;
        let job = Replay {
            maps: &[],
            context: self.context.clone(),
            logs: self.logs.clone(),
            out: folder.path().to_owned(),
            as_of: Some(self.now),
            available_at: None,
            verdicts: false,
        };
        let bar = progress_bar();
        let done = replay(config, &job, &|what, read, all| {
            bar.set_message(format!("{name}: {what}"));
            bar.set_length(all.max(1));
            bar.set_position(read);
        });
        bar.finish_and_clear();
        done?;
        let text = std::fs::read_to_string(folder.path().join("incidents.ndjson"))
            .context("cannot read the incidents of a replay back")?;
        let read = text.lines().map(|line| serde_json::from_str(line).context("an incident does not read back"));
        Ok(Outcome { incidents: read.collect::<Result<_>>()?, folder })
    }
}
