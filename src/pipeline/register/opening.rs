//! From files of handoffs to cases, with the workforce for conflicts of interest and the rows behind the units.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::evidence::{self, Reading};
use super::{Bringing, Office, Taken, handoffs, people};
use crate::breach::case::Case;
use crate::breach::case::event::{Event, EvidenceSource};
use crate::store::StoreError;

/// What is given.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'o> {
    pub handoffs: &'o [PathBuf],
    /// Context directory with the workforce.
    pub context: Option<&'o Path>,
    /// Access logs with the rows behind the units: files or globs.
    pub evidence: &'o [String],
    /// How logs and context are read.
    pub reading: Reading<'o>,
    pub bringing: Bringing<'o>,
}

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    pub taken: Taken,
    /// Why a line or a handoff was refused.
    pub refused: Vec<String>,
    /// Rows of evidence that are new; `None` where no log was given.
    pub rows: Option<usize>,
}

impl Office {
    /// Takes handoffs in from files. What cannot be used is kept with its reason.
    ///
    /// # Errors
    /// When a file cannot be read, or the store cannot be written.
    pub fn open_files(&mut self, opening: &Opening<'_>) -> Result<Opened> {
        let (mut found, mut lines) = (Vec::new(), Vec::new());
        for path in opening.handoffs {
            let read = handoffs::read(path)?;
            found.extend(read.handoffs);
            lines.extend(read.refused);
        }
        let taken = self.take(&found, opening.bringing)?;
        self.register.write(|pen| pen.put_refused(&lines))?;
        if let Some(dir) = opening.context {
            let members = people::read(dir, opening.reading.zone, opening.reading.crosswalk)?.members();
            // A directory without a workforce says nothing about who works here.
            if !members.is_empty() {
                self.register.write(|pen| pen.put_staff(&members))?;
            }
        }
        let rows = match opening.evidence.is_empty() {
            true => None,
            false => Some(self.keep_evidence(&taken, opening)?),
        };
        let refused = lines.into_iter().map(|line| line.sentence).chain(taken.refused.clone()).collect();
        Ok(Opened { taken, refused, rows })
    }

    fn keep_evidence(&mut self, taken: &Taken, opening: &Opening<'_>) -> Result<usize> {
        let cases: Vec<Case> = taken.concerned.iter().map(|id| self.case(id)).collect::<Result<_>>()?;
        let rows = evidence::collect(&cases, opening.evidence, opening.reading)?;
        Ok(self.register.write(|pen| {
            let added = pen.put_evidence(&rows)?;
            for case in &cases {
                let of = evidence::of_case(case, EvidenceSource::Log, &rows, pen)?;
                if !of.rows.is_empty() && !case.evidence.contains(&of) {
                    let event = Event::EvidenceKept { evidence: of };
                    pen.append(opening.bringing.at, opening.bringing.by, &case.case_id, event)?;
                }
            }
            Ok::<usize, StoreError>(added)
        })?)
    }
}
