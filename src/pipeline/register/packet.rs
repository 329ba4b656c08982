//! The packet of one case: evidence, papers, the ledger's entries, and an index with hashes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use data_encoding::HEXLOWER;
use jiff::civil::Date;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::Office;
use super::people::{People, full_name};
use crate::breach::case::event::EvidenceSource;
use crate::breach::case::{Case, links};
use crate::breach::drafts::names::{Names, PatientName, StaffName};
use crate::breach::drafts::paper::{Block, Paper};
use crate::breach::drafts::subject::{Subject, counted};
use crate::breach::drafts::{accounting, case_file, cdph, hhs, ics, notice};
use crate::breach::ledger::Entry;
use crate::model::time::Timestamp;
use crate::replay::output::{create_directory, write_text};
use crate::replay::tables::write_evidence;
use crate::store::{EvidenceRow, StoreError};

/// What goes into a packet besides the case.
#[derive(Debug)]
pub struct Given<'g> {
    pub out: &'g Path,
    pub now: Timestamp,
    /// The facility's name, where the configuration has one.
    pub facility: Option<&'g str>,
    /// Demographics for names and addresses.
    pub people: Option<&'g People>,
    /// Rows that were read for this packet, besides those that the register keeps.
    pub rows: Vec<EvidenceRow>,
}

/// What a packet holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    pub index: PathBuf,
    pub files: usize,
    /// Rows of evidence.
    pub rows: usize,
}

/// Each file with what it is.
const FILES: [(&str, &str); 10] = [
    ("case.html", "the case: units, clocks, regimes, exclusions, factors, decisions, history"),
    ("cdph-report.html", "draft of the report to the California Department of Public Health (22 CCR 79902)"),
    ("patient-notices.html", "drafts of the notices, a letter for each patient (45 CFR 164.404(c))"),
    ("hhs-portal.html", "answers for the breach portal of HHS (45 CFR 164.408)"),
    ("accounting.csv", "lines for the accounting of disclosures (45 CFR 164.528); empty where nothing was disclosed"),
    ("deadlines.ics", "the deadlines for a calendar"),
    ("evidence.csv", "the rows behind the units"),
    ("evidence.parquet", "the same rows, typed"),
    ("ledger.ndjson", "the ledger's entries about this case: the text that was hashed, with its hash"),
    ("case.json", "the case for programs"),
];

impl Office {
    /// Writes the packet of a case.
    ///
    /// # Errors
    /// When the store cannot be read or a file cannot be written.
    pub fn packet(&self, case: &Case, given: Given<'_>) -> Result<Packet> {
        create_directory(given.out)?;
        let outlook = self.outlook(case, given.now);
        let names = given.people.map(names).unwrap_or_default();
        let zone = &case.zone();
        let earlier = self.earlier(case, outlook.today)?;
        let subject =
            Subject { case, outlook: &outlook, names: &names, facility: given.facility, zone, earlier: &earlier };
        let (entries, ledger) = self.entries(&case.case_id)?;
        let paper = |name: &str, paper: Paper| write_text(given.out, name, &paper.html()?);
        paper("case.html", case_file::file(&subject, &entries))?;
        paper("cdph-report.html", cdph::report(&subject))?;
        paper("patient-notices.html", notice::letters(&subject))?;
        paper("hhs-portal.html", hhs::answers(&subject))?;
        let shown = [(case, outlook.clone())];
        write_text(given.out, "accounting.csv", &accounting::csv(&shown)?)?;
        write_text(given.out, "deadlines.ics", &ics::calendar(&shown, given.now))?;
        let (rows, of_engine) = self.rows(case, given.rows)?;
        write_evidence(given.out, &rows)?;
        write_text(given.out, "ledger.ndjson", &ledger)?;
        let json = serde_json::json!({ "case": case, "outlook": outlook });
        write_text(given.out, "case.json", &serde_json::to_string_pretty(&json)?)?;
        let index = index(given.out, case, rows.len(), of_engine)?;
        Ok(Packet { index, files: FILES.len(), rows: rows.len() })
    }

    /// Other cases of the same patients that were reported to the Department in the six years before.
    fn earlier(&self, case: &Case, today: Date) -> Result<Vec<(String, Date)>> {
        let patients = case.patients();
        let cases = self.register.cases()?;
        let others = cases.iter().filter(|other| other.case_id != case.case_id && !other.is_rehearsal);
        let same = others.filter(|other| other.patients().iter().any(|patient| patients.contains(patient)));
        Ok(same.filter_map(|other| Some((other.case_id.clone(), links::reported_before(other, today)?))).collect())
    }

    /// The ledger's entries about a case, read and as lines.
    fn entries(&self, case_id: &str) -> Result<(Vec<Entry>, String)> {
        let (mut entries, mut lines) = (Vec::new(), String::new());
        self.register.ledger(|kept| {
            let read = serde_json::from_str::<Entry>(&kept.body).ok().filter(|entry| entry.case_id == case_id);
            if let Some(entry) = read {
                entries.push(entry);
                let line = serde_json::json!({ "sequence": kept.sequence, "hash": kept.hash, "body": kept.body });
                lines.push_str(&line.to_string());
                lines.push('\n');
            }
            Ok::<(), StoreError>(())
        })?;
        Ok((entries, lines))
    }

    /// The rows behind the units, in order of time, each once: as the log tells it, else as the engine held it. Also how
    /// many are of the engine.
    fn rows(&self, case: &Case, more: Vec<EvidenceRow>) -> Result<(Vec<Map<String, Value>>, usize)> {
        let mut rows = more;
        for unit in &case.units {
            let kept = self.register.evidence(&unit.key.user_id, &unit.key.patient_id)?;
            let is_inside = |row: &EvidenceRow| (unit.occurred_first..=unit.occurred_last).contains(&row.occurred_at);
            rows.extend(kept.into_iter().filter(is_inside));
        }
        let key = |row: &EvidenceRow| (row.occurred_at, row.event_id.clone(), row.patient_id.clone());
        rows.sort_by_key(key);
        rows.dedup_by_key(|row| key(row));
        let read = rows.iter().map(|row| match serde_json::from_str(&row.json)? {
            Value::Object(fields) => Ok(fields),
            _ => Ok(Map::new()),
        });
        let of_engine = rows.iter().filter(|row| row.source == EvidenceSource::Engine).count();
        Ok((read.collect::<Result<_>>()?, of_engine))
    }
}

fn names(people: &People) -> Names {
    let patients = people.patients.values().map(|patient| {
        let place = [patient.city.as_deref(), patient.postal_code.as_deref()];
        let place = place.into_iter().flatten().collect::<Vec<_>>().join(" ");
        let address = [patient.street.clone(), Some(place).filter(|place| !place.is_empty())];
        let name = full_name(patient.given_name.as_deref(), patient.family_name.as_deref());
        (patient.patient_id.clone(), PatientName { name, address: address.into_iter().flatten().collect() })
    });
    let staff = people.workforce.values().map(|member| {
        let name = full_name(member.given_name.as_deref(), member.family_name.as_deref());
        let named = StaffName { name, role: member.role.clone(), department: member.department.clone() };
        (member.user_id.clone(), named)
    });
    Names { patients: patients.collect(), staff: staff.collect() }
}

/// Writes `index.html` and `SHA256SUMS`.
fn index(out: &Path, case: &Case, rows: usize, of_engine: usize) -> Result<PathBuf> {
    let (mut listed, mut sums) = (Vec::new(), String::new());
    for (name, what) in FILES {
        let bytes = std::fs::read(out.join(name)).with_context(|| format!("cannot read {name} again"))?;
        let hash = HEXLOWER.encode(&Sha256::digest(&bytes));
        sums.push_str(&format!("{hash}  {name}\n"));
        // A place where a narrow column may break it.
        let shown = format!("{}\u{200b}{}", &hash[..32], &hash[32..]);
        listed.push(vec![name.to_owned(), what.to_owned(), format!("{} bytes", bytes.len()), shown]);
    }
    let mut blocks = vec![Block::table(&["file", "what it is", "size", "SHA-256"], listed)];
    if rows == 0 {
        blocks.push(Block::text(
            "Rows of evidence: unknown so far, because no log was given (cases open --evidence LOG, or cases packet \
             --evidence LOG).",
        ));
    }
    if of_engine > 0 {
        blocks.push(Block::text(format!(
            "{of_engine} of {rows} rows are as the running engine held them: time, action, part of the chart, department. \
             Workstation, address, encounter, purpose and reason: unknown so far, because no log was given (cases packet \
             --evidence LOG)."
        )));
    }
    blocks.push(Block::Note { text: "Check the files with: sha256sum -c SHA256SUMS".to_owned() });
    let paper = Paper {
        title: format!("Packet of case {}", case.case_id),
        subtitle: format!(
            "{}, {}, {}",
            counted(case.units.len(), "unit", "units"),
            counted(case.patients().len(), "patient", "patients"),
            counted(rows, "row of evidence", "rows of evidence")
        ),
        blocks,
    };
    write_text(out, "SHA256SUMS", &sums)?;
    write_text(out, "index.html", &paper.html()?)?;
    Ok(out.join("index.html"))
}
