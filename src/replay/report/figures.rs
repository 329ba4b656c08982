//! What `detections.parquet` says as a whole, asked with lazy queries over the written file.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use jiff::civil::Date;
use polars::prelude::{DataFrame, DataType, IntoLazy, LazyFrame, col, len, lit};

use crate::model::time::{SECOND, Timestamp, Zone};
use crate::replay::scan::scan;

/// One detector's part in the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DetectorFigures {
    pub detector_id: String,
    /// Accesses that it marked.
    pub accesses: u64,
    /// Those that belong to an incident.
    pub in_incidents: u64,
    /// Incidents with at least one of them.
    pub incidents: u64,
}

/// The detections of a run as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DetectionFigures {
    /// By id.
    pub detectors: Vec<DetectorFigures>,
    /// Detections that belong to an incident, by local day.
    pub by_day: BTreeMap<Date, u64>,
    /// The same by hour of the local day.
    pub by_hour: [u64; 24],
}

/// Every zone's offset is a multiple of this, so its days and hours are made of whole slots.
const SLOT: i64 = 15 * 60 * SECOND;

impl DetectionFigures {
    /// Reads a written `detections.parquet`.
    ///
    /// # Errors
    /// When the file cannot be read; the message names it.
    pub fn read(path: &Path, zone: &Zone) -> Result<Self> {
        let read = || -> Result<Self> {
            let detectors = detectors(&by_detector(scan(path)?)?)?;
            let mut figures = Self { detectors, ..Self::default() };
            for (slot, rows) in slots(&by_slot(scan(path)?)?)? {
                let local = zone.datetime(Timestamp(slot));
                *figures.by_day.entry(local.date()).or_default() += rows;
                if let Some(hour) = usize::try_from(local.hour()).ok().and_then(|hour| figures.by_hour.get_mut(hour)) {
                    *hour += rows;
                }
            }
            Ok(figures)
        };
        read().with_context(|| format!("cannot sum up {}", path.display()))
    }
}

fn by_detector(detections: LazyFrame) -> Result<DataFrame> {
    let incident = col("incident_id").drop_nulls();
    let figures = detections.group_by([col("detector_id")]).agg([
        len().cast(DataType::UInt64).alias("accesses"),
        incident.clone().len().cast(DataType::UInt64).alias("in_incidents"),
        incident.n_unique().cast(DataType::UInt64).alias("incidents"),
    ]);
    Ok(figures.collect()?.lazy().sort(["detector_id"], Default::default()).collect()?)
}

fn by_slot(detections: LazyFrame) -> Result<DataFrame> {
    let at = col("occurred_at").cast(DataType::Int64);
    let slot = (at.clone() - at % lit(SLOT)).alias("slot");
    let held = detections.filter(col("incident_id").is_not_null());
    Ok(held.group_by([slot]).agg([len().cast(DataType::UInt64).alias("rows")]).collect()?)
}

fn detectors(frame: &DataFrame) -> Result<Vec<DetectorFigures>> {
    let number = |name: &str| -> Result<Vec<u64>> { Ok(frame.column(name)?.u64()?.iter().flatten().collect()) };
    let (accesses, in_incidents, incidents) = (number("accesses")?, number("in_incidents")?, number("incidents")?);
    let ids = frame.column("detector_id")?.str()?.iter().flatten();
    let counts = accesses.into_iter().zip(in_incidents).zip(incidents);
    Ok(ids
        .zip(counts)
        .map(|(id, ((accesses, in_incidents), incidents))| DetectorFigures {
            detector_id: id.to_owned(),
            accesses,
            in_incidents,
            incidents,
        })
        .collect())
}

fn slots(frame: &DataFrame) -> Result<Vec<(i64, u64)>> {
    let slots = frame.column("slot")?.i64()?.iter().flatten();
    Ok(slots.zip(frame.column("rows")?.u64()?.iter().flatten()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::tables::{DetectionRow, DetectionsFile};

    #[test]
    fn detections_are_counted_by_detector_local_day_and_hour() {
        let directory = tempfile::tempdir().unwrap();
        let at = |text: &str| Timestamp::from(text.parse::<jiff::Timestamp>().unwrap());
        let row = |when: &str, detector_id, incident_id| DetectionRow {
            event_id: "e",
            occurred_at: at(when),
            user_id: "u",
            patient_id: Some("p"),
            detector_id,
            weight: 1.0,
            incident_id,
        };
        let mut file = DetectionsFile::create(directory.path()).unwrap();
        file.push(&[
            row("2026-06-01T06:59:59Z", "same_surname", Some("i1")),
            row("2026-06-01T07:00:00Z", "same_surname", Some("i1")),
            row("2026-06-01T07:10:00Z", "household", Some("i1")),
            row("2026-06-01T07:10:00Z", "same_surname", None),
            row("2026-06-01T07:20:00Z", "same_surname", Some("i2")),
        ])
        .unwrap();
        file.finish().unwrap();
        let zone = Zone::named("America/Los_Angeles").unwrap();
        let figures = DetectionFigures::read(&directory.path().join(DetectionsFile::NAME), &zone).unwrap();
        let of = |detector_id: &str, accesses, in_incidents, incidents| DetectorFigures {
            detector_id: detector_id.to_owned(),
            accesses,
            in_incidents,
            incidents,
        };
        assert_eq!(figures.detectors, [of("household", 1, 1, 1), of("same_surname", 4, 3, 2)]);
        let days: Vec<_> = figures.by_day.iter().map(|(day, rows)| (day.to_string(), *rows)).collect();
        assert_eq!(days, [("2026-05-31".to_owned(), 1), ("2026-06-01".to_owned(), 3)]);
        assert_eq!((figures.by_hour[23], figures.by_hour[0]), (1, 3));
    }

    #[test]
    fn a_run_without_detections_has_figures_of_nothing() {
        let directory = tempfile::tempdir().unwrap();
        DetectionsFile::create(directory.path()).unwrap().finish().unwrap();
        let zone = Zone::named("UTC").unwrap();
        let figures = DetectionFigures::read(&directory.path().join(DetectionsFile::NAME), &zone).unwrap();
        assert_eq!(figures, DetectionFigures::default());
        let error = DetectionFigures::read(&directory.path().join("other.parquet"), &zone).unwrap_err();
        assert!(format!("{error:#}").contains("other.parquet"));
    }
}
