//! Who works here and who the patients are, from a context directory: for conflicts of interest, and for the papers.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;

use crate::breach::case::staff::Member;
use crate::decode::context::Table;
use crate::decode::{DecodeSink, Decoder, Expect};
use crate::model::access::AccessEvent;
use crate::model::context::{ContextRecord, ContextUpdate, Patient, WorkforceMember};
use crate::model::reject::Reject;
use crate::model::time::Zone;
use crate::pipeline::columnar;
use crate::source::file::{BlockReader, ContextDir, Piece, Sizes};

/// The newest row of each person.
#[derive(Debug, Default)]
pub struct People {
    pub workforce: BTreeMap<String, WorkforceMember>,
    pub patients: BTreeMap<String, Patient>,
    /// Rows that could not be read.
    pub rejects: usize,
}

impl People {
    /// The workforce as the register keeps it.
    #[must_use]
    pub fn members(&self) -> Vec<Member> {
        let members = self.workforce.values().map(|member| Member {
            user_id: member.user_id.clone(),
            name: full_name(member.given_name.as_deref(), member.family_name.as_deref()),
            manager_id: member.manager_id.clone(),
        });
        members.collect()
    }
}

/// Given and family name, as far as they are known.
#[must_use]
pub fn full_name(given: Option<&str>, family: Option<&str>) -> String {
    [given, family].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

impl DecodeSink for People {
    fn access(&mut self, _: &AccessEvent<'_>, _: u64) {}

    fn context(&mut self, update: ContextUpdate, _: u64) {
        match update.record {
            Some(ContextRecord::Workforce(member)) => {
                self.workforce.insert(member.user_id.clone(), member);
            }
            Some(ContextRecord::Patient(patient)) => {
                self.patients.insert(patient.patient_id.clone(), patient);
            }
            _ => {}
        }
    }

    fn reject(&mut self, _: Reject) {
        self.rejects += 1;
    }
}

/// Reads the tables `workforce` and `patients` of a context directory, as far as they are there.
///
/// # Errors
/// When the directory or a table cannot be read.
pub fn read(dir: &Path, zone: &Zone) -> Result<People> {
    let mut people = People::default();
    let ContextDir { files, feeds } = ContextDir::list(dir)?;
    let tables = files.into_iter().filter(|(table, _)| matches!(table, Table::Workforce | Table::Patients));
    let tables = tables.map(|(table, path)| (Expect::Table(table), vec![path]));
    for (expect, paths) in tables.chain([(Expect::Feed, feeds)]) {
        let mut decoder = Decoder::new(zone.clone());
        for piece in BlockReader::new(paths, expect, Sizes::default()) {
            match piece? {
                Piece::Block(block) => decoder.chunk(&block.chunk(), &mut people),
                Piece::Reject(reject, layout) => decoder.source_reject(reject, layout.format, &mut people),
                Piece::Columnar { path, file, .. } => {
                    columnar::read(&path, &file, expect, zone, &mut decoder, &mut people)?;
                }
            }
        }
    }
    Ok(people)
}
