//! Encounter, EpisodeOfCare and CareTeam.
//!
//! | canonical | Encounter (kind encounter) |
//! |---|---|
//! | holder | each `location`, else `serviceProvider`; each `participant.individual` (R5 `actor`) |
//! | starts_at, ends_at | period of the element, else `period` (R5 `actualPeriod`, planned dates) |
//! | withdrawn | cancelled, entered-in-error |
//!
//! | canonical | EpisodeOfCare, CareTeam (kind care-team) |
//! |---|---|
//! | holder | `careManager`, `team` (R5 `careTeam`, DSTU2 `careTeam.member`); `participant.member` |
//! | starts_at, ends_at | period of the element, else `period`; a CareTeam without one is open |
//! | withdrawn | entered-in-error; of an EpisodeOfCare also cancelled |

use serde_json::Value;

use super::source::{Care, Period, SINCE_EVER, Source, undated, word};
use crate::decode::Fault;
use crate::model::context::{Holder, RelationshipKind};

pub(super) fn encounter(source: &mut Source<'_, '_>) -> Result<(), Fault> {
    let status = source.status();
    if matches!(status.as_str(), "cancelled" | "entered-in-error") {
        source.withdraw(&["location", "serviceProvider", "participant"], 1);
        return Ok(());
    }
    let care = Care {
        kind: RelationshipKind::Encounter,
        patients: vec![source.patient(&["subject", "patient"])?],
        period: encounter_period(source)?,
        is_over: matches!(status.as_str(), "finished" | "completed" | "discontinued"),
        start_field: "period",
        encounter_id: encounter_id(source),
    };
    source.ties(&care, "location", place)?;
    if source.found.is_empty() {
        source.ties(&care, "serviceProvider", Source::department)?;
    }
    source.ties(&care, "participant", participant)?;
    let has_start = care.period.start.is_some() || !source.found.is_empty();
    if has_start { Ok(()) } else { Err(undated("period")) }
}

/// What was, else what is planned (R5).
fn encounter_period(source: &mut Source<'_, '_>) -> Result<Period, Fault> {
    let root = source.root;
    let period = source.period(root, &["period", "actualPeriod"])?;
    if period.start.is_some() || period.end.is_some() {
        return Ok(period);
    }
    Ok(Period { start: source.instant("plannedStartDate")?, end: source.instant("plannedEndDate")? })
}

fn encounter_id(source: &Source<'_, '_>) -> Option<String> {
    word(source.root, &["identifier", "value"]).or_else(|| source.own_ids().into_iter().next().map(|(_, id)| id))
}

fn place<'v>(source: &Source<'v, '_>, element: &'v Value) -> Option<Holder> {
    let is_planned = word(element, &["status"]).is_some_and(|status| matches!(status.as_str(), "planned" | "reserved"));
    source.department(element.get("location").filter(|_| !is_planned)?)
}

/// A participant of an encounter may be known by no more than a name.
fn participant<'v>(source: &Source<'v, '_>, element: &'v Value) -> Option<Holder> {
    let reference = element.get("individual").or_else(|| element.get("actor"))?;
    let is_bare = || ["reference", "identifier", "type"].iter().all(|member| reference.get(member).is_none());
    let display = || word(reference, &["display"]).filter(|_| is_bare()).map(Holder::User);
    source.holder(reference).or_else(display)
}

pub(super) fn episode(source: &mut Source<'_, '_>) -> Result<(), Fault> {
    const THEMES: [&str; 3] = ["careManager", "team", "careTeam"];
    let root = source.root;
    let status = source.status();
    if matches!(status.as_str(), "cancelled" | "entered-in-error") {
        source.withdraw(&THEMES, 1);
        return Ok(());
    }
    let care = Care {
        kind: RelationshipKind::CareTeam,
        patients: vec![source.patient(&["patient", "subject"])?],
        period: source.period(root, &["period"])?,
        is_over: status == "finished",
        start_field: "period",
        encounter_id: None,
    };
    THEMES.iter().try_for_each(|theme| source.ties(&care, theme, manager))
}

/// The reference itself; DSTU2 has a member of a team there.
fn manager<'v>(source: &Source<'v, '_>, element: &'v Value) -> Option<Holder> {
    source.holder(element.get("member").unwrap_or(element))
}

pub(super) fn team(source: &mut Source<'_, '_>) -> Result<(), Fault> {
    let root = source.root;
    let status = source.status();
    if status == "entered-in-error" {
        source.withdraw(&["participant"], 1);
        return Ok(());
    }
    let period = source.period(root, &["period"])?;
    let care = Care {
        kind: RelationshipKind::CareTeam,
        patients: vec![source.patient(&["subject", "patient"])?],
        period: Period { start: period.start.or(Some(SINCE_EVER)), end: period.end },
        is_over: status == "inactive",
        start_field: "period",
        encounter_id: root.get("encounter").and_then(|encounter| source.identity(encounter)),
    };
    source.ties(&care, "participant", |source, element| source.holder(element.get("member")?))
}
