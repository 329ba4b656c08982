//! `quarantine list`: what was set aside, why, and what became of it.

use std::io::{self, Write};

use anyhow::Result;
use clap::Args;
use comfy_table::{Table, presets};
use serde_json::{Value, json};

use super::{Desk, FilterArgs};
use crate::cli::cases::render::local;
use crate::cli::style::Paint;
use crate::model::time::Zone;
use crate::store::{OnlyCounted, Quarantined, Standing, Wanted};

/// List records that could not be used, the newest first
#[derive(Args, Debug)]
#[command(after_help = "\
Example: what came since yesterday noon and still waits
  chartsentry quarantine list --since \"2026-09-18 12:00\" --state waiting")]
pub(super) struct ListArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// Only those that are waiting, re-fed or dropped
    #[arg(long, value_name = "STATE", value_parser = parse_standing)]
    state: Option<Standing>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// The most that are listed
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u32,
}

fn parse_standing(text: &str) -> Result<Standing, String> {
    let plain = text.trim().to_ascii_lowercase().replace(['-', '_', ' '], "");
    let found = Standing::ALL.into_iter().find(|standing| standing.name().replace('-', "") == plain);
    found.ok_or_else(|| "expected waiting, re-fed or dropped".to_owned())
}

pub(super) fn run(desk: &Desk, args: &ListArgs) -> Result<()> {
    let wanted = args.filter.wanted(&desk.zone, args.state);
    let shown = desk.ward.desk.list(&wanted, args.limit)?;
    let mut counted = desk.ward.desk.only_counted()?;
    counted.retain(|one| is_meant(&wanted, one));
    let mut out = io::stdout().lock();
    if args.json {
        let lines = shown.iter().map(as_json).chain(counted.iter().map(counted_as_json));
        for line in lines {
            writeln!(out, "{line}")?;
        }
        return Ok(());
    }
    if !shown.is_empty() {
        writeln!(out, "{}", table(&shown, &desk.zone))?;
    }
    let mut words = io::stderr().lock();
    for OnlyCounted { topic, partition, reason, records, offsets: (first, last), .. } in &counted {
        writeln!(
            words,
            "{} {topic}/{partition}: {records} more, {reason}, offsets {first} to {last}: the quarantine was full",
            Paint::stderr().warning("only counted:")
        )?;
    }
    let all = desk.ward.desk.count(&wanted)?;
    let waiting = desk.ward.desk.count(&Wanted { standing: Some(Standing::Waiting), ..wanted })?;
    let more = if all > shown.len() as u64 { " (see --limit)" } else { "" };
    writeln!(words, "{} of {all} records{more}; {waiting} of those without --state wait", shown.len())?;
    Ok(())
}

fn is_meant(wanted: &Wanted, counted: &OnlyCounted) -> bool {
    wanted.reason.as_ref().is_none_or(|reason| *reason == counted.reason)
        && wanted.topic.as_ref().is_none_or(|topic| *topic == counted.topic)
        && wanted.since.is_none_or(|since| counted.between.1.is_some_and(|last| last >= since))
        && wanted.standing.is_none_or(|standing| standing == Standing::Waiting)
}

fn as_json(one: &Quarantined) -> Value {
    let record = &one.record;
    json!({
        "id": record.id().to_string(),
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "reason": record.reason,
        "sentence": record.sentence,
        "kept_at": record.kept_at,
        "size": record.size,
        "whole": record.is_whole,
        "copied": record.copy.is_some(),
        "state": one.standing.name(),
        "handled_at": one.handled.as_ref().and_then(|handled| handled.at),
        "handled_by": one.handled.as_ref().map(|handled| &handled.by),
        "handled_why": one.handled.as_ref().and_then(|handled| handled.why.as_ref()),
        "refed_to": one.refed_to.as_ref().map(ToString::to_string),
        "former": one.former.as_ref().map(ToString::to_string),
    })
}

fn counted_as_json(one: &OnlyCounted) -> Value {
    json!({
        "only_counted": one.records,
        "topic": one.topic,
        "partition": one.partition,
        "reason": one.reason,
        "first_offset": one.offsets.0,
        "last_offset": one.offsets.1,
        "first_at": one.between.0,
        "last_at": one.between.1,
    })
}

fn table(shown: &[Quarantined], zone: &Zone) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["id", "reason", "when", "bytes", "state", "sentence"]);
    for one in shown {
        let record = &one.record;
        table.add_row([
            record.id().to_string(),
            record.reason.clone(),
            record.kept_at.map_or_else(|| "-".to_owned(), |at| local(at, zone)),
            size(one),
            state(one),
            record.sentence.clone(),
        ]);
    }
    table
}

/// How long the record is, and where no more than its beginning is kept, that.
pub(super) fn size(one: &Quarantined) -> String {
    let size = one.record.size.map_or_else(|| "unknown".to_owned(), |size| size.to_string());
    match (one.record.is_whole, one.record.copy) {
        (true, _) => size,
        (false, Some(_)) => format!("{size} (whole in the copy)"),
        (false, None) => format!("{size} (not whole)"),
    }
}

/// What became of the record, and what it was before.
pub(super) fn state(one: &Quarantined) -> String {
    let by = one.handled.as_ref().map_or_else(String::new, |handled| format!(" by {}", handled.by));
    let to = one.refed_to.as_ref().map_or_else(String::new, |to| format!(" as {to}"));
    let former = one.former.as_ref().map_or_else(String::new, |former| format!(" (was {former})"));
    format!("{}{by}{to}{former}", one.standing.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_read_as_they_are_shown() {
        for standing in Standing::ALL {
            assert_eq!(parse_standing(standing.name()), Ok(standing));
        }
        assert_eq!(parse_standing("refed"), Ok(Standing::Refed));
        assert!(parse_standing("gone").is_err());
    }
}
