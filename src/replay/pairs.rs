//! What was found between each two people, asked with lazy queries over a written `detections.parquet`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use polars::prelude::{DataFrame, DataType, col};

use super::scan::scan;

/// What detectors said of one person's accesses to one chart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PairDetections {
    /// For each detector its largest weight; what speaks for the person only where it does so for every access.
    pub weights: BTreeMap<String, f64>,
    /// Whether any of it belongs to an incident.
    pub is_in_incident: bool,
}

/// Reads a written `detections.parquet`: by user and patient.
///
/// # Errors
/// When the file cannot be read; the message names it.
pub fn read(path: &Path) -> Result<BTreeMap<(String, String), PairDetections>> {
    by_pair(path).with_context(|| format!("cannot sum up {}", path.display()))
}

fn by_pair(path: &Path) -> Result<BTreeMap<(String, String), PairDetections>> {
    let whole = sums(path, &["user_id", "patient_id"])?;
    let accesses: BTreeMap<(String, String), u64> =
        rows(&whole)?.into_iter().map(|row| ((row.user, row.patient), row.accesses)).collect();
    let mut pairs: BTreeMap<(String, String), PairDetections> = BTreeMap::new();
    let each = sums(path, &["user_id", "patient_id", "detector_id"])?;
    let detectors = each.column("detector_id")?.str()?.iter().map(Option::unwrap_or_default);
    for (row, detector) in rows(&each)?.into_iter().zip(detectors) {
        let pair = (row.user, row.patient);
        let is_of_all = accesses.get(&pair) == Some(&row.accesses);
        let known = pairs.entry(pair).or_default();
        known.is_in_incident |= row.in_incidents > 0;
        if row.weight >= 0.0 || is_of_all {
            known.weights.insert(detector.to_owned(), row.weight);
        }
    }
    Ok(pairs)
}

fn sums(path: &Path, keys: &[&str]) -> Result<DataFrame> {
    let detections = scan(path)?.filter(col("patient_id").is_not_null());
    let keys: Vec<_> = keys.iter().map(|key| col(*key)).collect();
    let sums = detections.group_by(keys).agg([
        col("event_id").n_unique().cast(DataType::UInt64).alias("accesses"),
        col("weight").max(),
        col("incident_id").drop_nulls().len().cast(DataType::UInt64).alias("in_incidents"),
    ]);
    Ok(sums.collect()?)
}

struct Row {
    user: String,
    patient: String,
    accesses: u64,
    weight: f64,
    in_incidents: u64,
}

fn rows(frame: &DataFrame) -> Result<Vec<Row>> {
    let (users, patients) = (frame.column("user_id")?.str()?, frame.column("patient_id")?.str()?);
    let (accesses, in_incidents) = (frame.column("accesses")?.u64()?, frame.column("in_incidents")?.u64()?);
    let weights = frame.column("weight")?.f64()?;
    let people = users.iter().flatten().zip(patients.iter().flatten());
    let numbers = accesses.iter().flatten().zip(weights.iter().flatten()).zip(in_incidents.iter().flatten());
    let row = |((user, patient), ((accesses, weight), in_incidents)): ((&str, &str), _)| Row {
        user: user.to_owned(),
        patient: patient.to_owned(),
        accesses,
        weight,
        in_incidents,
    };
    Ok(people.zip(numbers).map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Timestamp;
    use crate::replay::tables::{DetectionRow, DetectionsFile};

    #[test]
    fn the_largest_weight_counts_and_what_speaks_for_the_person_only_if_it_always_does() {
        let directory = tempfile::tempdir().unwrap();
        let row = |event_id, patient_id, detector_id, weight, incident_id| DetectionRow {
            event_id,
            occurred_at: Timestamp(0),
            user_id: "u1",
            patient_id: Some(patient_id),
            detector_id,
            weight,
            incident_id,
        };
        let mut file = DetectionsFile::create(directory.path()).unwrap();
        file.push(&[
            row("e1", "p1", "no_care_relationship", 3.0, None),
            row("e1", "p1", "brief_look", -2.0, None),
            row("e2", "p1", "no_care_relationship", 4.7, Some("i1")),
            row("e3", "p2", "no_care_relationship", 4.7, None),
            row("e3", "p2", "brief_look", -2.0, None),
        ])
        .unwrap();
        file.finish().unwrap();
        let pairs = read(&directory.path().join(DetectionsFile::NAME)).unwrap();
        let of = |patient: &str| {
            let found = &pairs[&("u1".to_owned(), patient.to_owned())];
            let weights: Vec<(&str, f64)> = found.weights.iter().map(|(id, weight)| (id.as_str(), *weight)).collect();
            (weights, found.is_in_incident)
        };
        assert_eq!(of("p1"), (vec![("no_care_relationship", 4.7)], true));
        assert_eq!(of("p2"), (vec![("brief_look", -2.0), ("no_care_relationship", 4.7)], false));
        let error = read(&directory.path().join("other.parquet")).unwrap_err();
        assert!(format!("{error:#}").contains("other.parquet"));
    }
}
