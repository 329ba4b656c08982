//! Papers that a case brings with it: calendar, yearly log, accounting lines, report and notices.
//!
//! Drafts only. What is not on record says "unknown so far" and why; a person completes, signs and sends.

pub mod accounting;
pub mod case_file;
pub mod cdph;
pub mod hhs;
pub mod hhs_log;
pub mod ics;
pub mod labels;
pub mod names;
pub mod notice;
pub mod paper;
pub mod reported_events;
pub mod subject;
mod timeline;

use anyhow::Result;

/// Rows as CSV, with a header.
fn csv_text(header: &[&str], rows: &[Vec<String>]) -> Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(header)?;
    for row in rows {
        writer.write_record(row)?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}
