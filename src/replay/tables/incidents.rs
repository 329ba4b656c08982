//! `incidents.ndjson` and `incidents.parquet`.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use arrow::array::{
    ArrayBuilder, ArrayRef, Float64Builder, ListBuilder, StringBuilder, StructBuilder, TimestampMicrosecondBuilder,
    UInt64Builder,
};
use arrow::datatypes::{DataType, Field, Fields, Schema};

use super::{BATCH_ROWS, ParquetFile, instant, optional, required};
use crate::model::incident::{Contribution, Incident};
use crate::replay::output::NdjsonFile;

/// Puts incidents into the order of the files: highest score first, ties by id.
pub fn sort_incidents(incidents: &mut [Incident]) {
    incidents.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.incident_id.cmp(&b.incident_id)));
}

/// Writes `incidents.ndjson`.
///
/// # Errors
/// When the file cannot be written; the message names it.
pub fn write_incidents_ndjson(directory: &Path, incidents: &[Incident]) -> Result<()> {
    let mut file = NdjsonFile::create(directory, "incidents.ndjson")?;
    for incident in incidents {
        file.push(incident)?;
    }
    file.finish()
}

/// Writes `incidents.parquet`.
///
/// # Errors
/// When the file cannot be written; the message names it.
pub fn write_incidents_parquet(directory: &Path, incidents: &[Incident]) -> Result<()> {
    let mut file = ParquetFile::create(directory, "incidents.parquet", incidents_schema())?;
    for part in incidents.chunks(BATCH_ROWS) {
        file.write(columns(part))?;
    }
    file.finish()
}

fn list_item() -> Arc<Field> {
    Arc::new(required("item", DataType::Utf8))
}

fn contribution_fields() -> Fields {
    vec![required("id", DataType::Utf8), required("weight", DataType::Float64), required("reason", DataType::Utf8)]
        .into()
}

fn contribution_item() -> Arc<Field> {
    Arc::new(required("item", DataType::Struct(contribution_fields())))
}

/// Columns of `incidents.parquet`: the keys of a line of `incidents.ndjson`, in the same order.
#[must_use]
pub fn incidents_schema() -> Schema {
    let texts = || DataType::List(list_item());
    Schema::new(vec![
        required("incident_id", DataType::Utf8),
        required("kind", DataType::Utf8),
        optional("user_id", DataType::Utf8),
        required("patient_ids", texts()),
        required("score", DataType::Float64),
        required("severity", DataType::Utf8),
        required("status", DataType::Utf8),
        optional("merged_into", DataType::Utf8),
        required("occurred_first", instant()),
        required("occurred_last", instant()),
        required("access_count", DataType::UInt64),
        required("prior", DataType::Float64),
        required("contributions", DataType::List(contribution_item())),
        required("degraded", texts()),
        required("accesses", texts()),
    ])
}

fn columns(rows: &[Incident]) -> Vec<ArrayRef> {
    vec![
        texts(rows, |row| Some(&row.incident_id)),
        texts(rows, |row| Some(row.kind.name())),
        texts(rows, |row| row.user_id.as_deref()),
        lists(rows, |row| &row.patient_ids),
        numbers(rows, |row| row.score),
        texts(rows, |row| Some(row.severity.name())),
        texts(rows, |row| Some(row.status.name())),
        texts(rows, |row| row.merged_into.as_deref()),
        instants(rows, |row| row.occurred_first.0),
        instants(rows, |row| row.occurred_last.0),
        counts(rows),
        numbers(rows, |row| row.prior),
        contributions(rows),
        lists(rows, |row| &row.degraded),
        lists(rows, |row| &row.accesses),
    ]
}

fn texts(rows: &[Incident], get: impl Fn(&Incident) -> Option<&str>) -> ArrayRef {
    let mut builder = StringBuilder::new();
    rows.iter().for_each(|row| builder.append_option(get(row)));
    Arc::new(builder.finish())
}

fn numbers(rows: &[Incident], get: impl Fn(&Incident) -> f64) -> ArrayRef {
    let mut builder = Float64Builder::new();
    rows.iter().for_each(|row| builder.append_value(get(row)));
    Arc::new(builder.finish())
}

fn instants(rows: &[Incident], get: impl Fn(&Incident) -> i64) -> ArrayRef {
    let mut builder = TimestampMicrosecondBuilder::new().with_timezone("UTC");
    rows.iter().for_each(|row| builder.append_value(get(row)));
    Arc::new(builder.finish())
}

fn counts(rows: &[Incident]) -> ArrayRef {
    let mut builder = UInt64Builder::new();
    rows.iter().for_each(|row| builder.append_value(row.access_count));
    Arc::new(builder.finish())
}

fn lists(rows: &[Incident], get: impl Fn(&Incident) -> &Vec<String>) -> ArrayRef {
    let mut builder = ListBuilder::new(StringBuilder::new()).with_field(list_item());
    for row in rows {
        get(row).iter().for_each(|text| builder.values().append_value(text));
        builder.append(true);
    }
    Arc::new(builder.finish())
}

fn contributions(rows: &[Incident]) -> ArrayRef {
    let children: Vec<Box<dyn ArrayBuilder>> =
        vec![Box::new(StringBuilder::new()), Box::new(Float64Builder::new()), Box::new(StringBuilder::new())];
    let values = StructBuilder::new(contribution_fields(), children);
    let mut builder = ListBuilder::new(values).with_field(contribution_item());
    for row in rows {
        row.contributions.iter().for_each(|contribution| push_contribution(builder.values(), contribution));
        builder.append(true);
    }
    Arc::new(builder.finish())
}

fn push_contribution(builder: &mut StructBuilder, contribution: &Contribution) {
    if let Some(id) = builder.field_builder::<StringBuilder>(0) {
        id.append_value(&contribution.id);
    }
    if let Some(weight) = builder.field_builder::<Float64Builder>(1) {
        weight.append_value(contribution.weight);
    }
    if let Some(reason) = builder.field_builder::<StringBuilder>(2) {
        reason.append_value(&contribution.reason);
    }
    builder.append(true);
}
