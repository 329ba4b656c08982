//! From a handoff to the events of cases.
//!
//! A handoff belongs to the case that knows its units: the same person and chart at times that meet, whatever the
//! incident is called. Where no unit is known, the incident's id decides; where that is unknown too, a case is opened.
//! A unit stays in the case that had it first, so it counts once. What comes a second time, in another order, or from a
//! run with other weights widens a case, and never moves a clock later.

use data_encoding::BASE32_NOPAD;
use sha2::{Digest, Sha256};

use super::change::Refusal;
use super::event::Event;
use super::places::Places;
use super::{Case, CaseIncident, FacilityFacts, UnitKey};
use crate::breach::handoff::{Handoff, RunKind};
use crate::model::incident::{Status, Unit};
use crate::model::time::{DAY, Timestamp, Zone};

/// Who stands in the ledger for what the register does by itself.
pub const REGISTER: &str = "chartsentry";

/// Characters of a case id after its `c`: 130 bits.
const ID_CHARACTERS: usize = 26;

/// What a handoff does to the register.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Intake {
    /// Events, each with the id of its case, in the order in which they are to be written.
    pub events: Vec<(String, Event)>,
    /// The case that it opens.
    pub opened: Option<String>,
}

impl Intake {
    /// Whether the register knew all of it.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.events.is_empty()
    }
}

/// Whether the register may take a handoff at all.
///
/// # Errors
/// For a run whose "now" was given or whose people are invented, unless it is a rehearsal; for a handoff that names no
/// unit, a time zone that does not exist, an impossible score or a clock in the future.
pub fn admit(handoff: &Handoff, is_rehearsal: bool, at: Timestamp) -> Result<(), Refusal> {
    let refuse = |why: String| Err(Refusal(why));
    let id = &handoff.handoff_id;
    if handoff.clock_fixed && !is_rehearsal {
        return refuse(format!(
            "handoff {id} comes from a run whose \"now\" was given with --as-of, so its clocks are not true: run the \
             replay without --as-of, or open it with --rehearsal"
        ));
    }
    if is_rehearsal && !handoff.clock_fixed && handoff.run_kind != RunKind::Demo {
        return refuse(format!(
            "handoff {id} has true clocks: whoever sees it knows of it, so it is no rehearsal; open it without --rehearsal"
        ));
    }
    if handoff.run_kind == RunKind::Demo && !is_rehearsal {
        return refuse(format!("handoff {id} comes from the demo: open it with --rehearsal"));
    }
    if handoff.units.is_empty() || handoff.units.iter().any(|unit| unit.first_event_id.is_empty()) {
        return refuse(format!("handoff {id} names no unit (person, patient and first event) to open a case for"));
    }
    if !(0.0..=1.0).contains(&handoff.score) {
        return refuse(format!("handoff {id} has a score of {}: expected 0 to 1", handoff.score));
    }
    let clocks = [handoff.ingested_at, handoff.flagged_at, handoff.occurred_end];
    if !is_rehearsal && clocks.into_iter().any(|clock| clock > at.plus(DAY)) {
        return refuse(format!("handoff {id} has a clock in the future: check the clock of the machine that made it"));
    }
    match Zone::named(&handoff.detected.timezone) {
        Ok(_) => Ok(()),
        Err(why) => refuse(format!("handoff {id}: {why}")),
    }
}

/// What comes with a handoff.
#[derive(Clone, Copy, Debug)]
pub struct Bringing<'b> {
    pub facility: &'b FacilityFacts,
    pub is_rehearsal: bool,
    pub at: Timestamp,
    /// Whether no later handoff of the same incident comes with it. One that a later one follows says nothing by its
    /// status and score alone.
    pub is_last: bool,
}

/// What `handoff` does to the cases that share a unit's person and patient, or the incident, with it.
#[must_use]
pub fn take(handoff: &Handoff, known: &[Case], bringing: &Bringing<'_>) -> Intake {
    let Bringing { facility, is_rehearsal, at, is_last } = *bringing;
    let mut cases: Vec<&Case> = known.iter().filter(|case| case.is_rehearsal == is_rehearsal).collect();
    cases.sort_by(|a, b| (a.opened_at, &a.case_id).cmp(&(b.opened_at, &b.case_id)));
    let places: Vec<Places> = cases.iter().map(|case| Places::of(&case.units)).collect();
    let has = |place: usize, unit: &Unit| places[place].find(&cases[place].units, unit).is_some();
    let owner = |unit: &Unit| (0..cases.len()).find(|place| has(*place, unit));
    let owners: Vec<Option<usize>> = handoff.units.iter().map(owner).collect();
    let by_unit = owners.iter().flatten().min().copied();
    let by_id = || cases.iter().position(|case| case.incidents.contains_key(&handoff.incident_id));
    let home = by_unit.or_else(by_id);

    let mut intake = Intake::default();
    let Some(home) = home else {
        let case_id = case_id(&handoff.units, is_rehearsal);
        let opened = Event::Opened { facility: facility.clone(), is_rehearsal };
        intake.events.push((case_id.clone(), opened));
        intake.events.push((case_id.clone(), handed_over(handoff, handoff.units.iter().map(UnitKey::of).collect())));
        intake.opened = Some(case_id);
        return intake;
    };
    let meets = |place: usize| place != home && handoff.units.iter().any(|unit| has(home, unit) && has(place, unit));
    let joined = (0..cases.len()).filter(|place| meets(*place)).map(|place| cases[place]);
    intake.events.extend(overlaps(cases[home], joined));
    for (place, case) in cases.iter().enumerate() {
        let is_its = |(_, owner): &(&Unit, &Option<usize>)| owner.unwrap_or(home) == place;
        let units: Vec<UnitKey> =
            handoff.units.iter().zip(&owners).filter(is_its).map(|(unit, _)| UnitKey::of(unit)).collect();
        if units.is_empty() && place != home {
            continue;
        }
        let event = handed_over(handoff, units);
        if says_something(case, &event, at, is_last) {
            intake.events.push((case.case_id.clone(), event));
        }
    }
    intake
}

/// Under other weights one unit may span what were two, in two cases. The first one has it; that the same accesses may
/// stand in the other is for a person to see.
fn overlaps<'c>(home: &Case, joined: impl Iterator<Item = &'c Case>) -> Vec<(String, Event)> {
    let is_new = |other: &&Case| !home.links.iter().any(|link| link.case_id == other.case_id);
    let propose = |other: &Case| {
        let why = "the same accesses may stand in both: a run with other weights joined their times".to_owned();
        (home.case_id.clone(), Event::LinkProposed { case_id: other.case_id.clone(), why })
    };
    joined.filter(is_new).map(propose).collect()
}

fn handed_over(handoff: &Handoff, units: Vec<UnitKey>) -> Event {
    Event::HandedOver { handoff: Box::new(handoff.clone()), units }
}

/// Whether an event would change more of a case than which run told it. Another run begins with incidents that are
/// provisional; that is no news about one that stands.
fn says_something(case: &Case, event: &Event, at: Timestamp, is_last: bool) -> bool {
    let mut after = case.clone();
    after.apply(at, REGISTER, event);
    after.changed_at = case.changed_at;
    for (id, incident) in &mut after.incidents {
        match case.incidents.get(id) {
            Some(before) if is_last => forget_run(incident, before),
            Some(before) => *incident = before.clone(),
            None => {}
        }
    }
    after != *case
}

fn forget_run(incident: &mut CaseIncident, before: &CaseIncident) {
    if incident.run_id != before.run_id && incident.status == Status::Provisional && before.status == Status::Open {
        incident.status = Status::Open;
    }
    incident.run_id.clone_from(&before.run_id);
    incident.policy_hash.clone_from(&before.policy_hash);
    incident.sequence = before.sequence;
}

/// `c` and 26 lower-case base-32 characters of a hash of the earliest unit; the same in every register.
fn case_id(units: &[Unit], is_rehearsal: bool) -> String {
    let first = units.iter().map(|unit| (unit.occurred_first, UnitKey::of(unit))).min().map(|(_, key)| key);
    let text = first.map_or_else(String::new, |key| {
        format!("{}\n{}\n{}\n{is_rehearsal}", key.user_id, key.patient_id, key.first_event_id)
    });
    let mut id = BASE32_NOPAD.encode(&Sha256::digest(text)).to_ascii_lowercase();
    id.truncate(ID_CHARACTERS);
    id.insert(0, 'c');
    id
}
