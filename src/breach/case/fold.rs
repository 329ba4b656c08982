//! From events to the case.

use std::collections::BTreeSet;

use super::change::{Change, Proposal};
use super::clock::{CaseClocks, ClockField, Version};
use super::event::Event;
use super::facts::{Fact, Facts, Stated};
use super::places::Places;
use super::{Case, CaseIncident, CaseUnit, Link, Note, UnitKey};
use crate::breach::handoff::Handoff;
use crate::model::incident::{Unit, UnitKind};
use crate::model::time::Timestamp;

impl Case {
    /// The case that its first event opens; `None` for any other event.
    #[must_use]
    pub fn open(case_id: &str, at: Timestamp, event: &Event) -> Option<Self> {
        let Event::Opened { facility, is_rehearsal } = event else { return None };
        Some(Self {
            case_id: case_id.to_owned(),
            opened_at: at,
            is_rehearsal: *is_rehearsal,
            facility: facility.clone(),
            incidents: Default::default(),
            units: Vec::new(),
            clocks: CaseClocks::default(),
            assignee: None,
            first_looked: None,
            notes: Vec::new(),
            facts: Facts::default(),
            decisions: Vec::new(),
            proposals: Vec::new(),
            proposals_made: 0,
            notices: Vec::new(),
            evidence: Vec::new(),
            links: Vec::new(),
            reminded: Default::default(),
            changed_at: at,
        })
    }

    /// Takes one event in. Whether it was allowed was decided before it was written.
    pub fn apply(&mut self, at: Timestamp, by: &str, event: &Event) {
        self.changed_at = self.changed_at.max(at);
        if event.is_by_a_person() {
            self.first_looked.get_or_insert_with(|| (at, by.to_owned()));
        }
        match event {
            Event::Opened { .. } | Event::Looked => {}
            Event::HandedOver { handoff, units } => self.take(handoff, units, at),
            Event::Assigned { after, .. } => self.assignee = Some(after.clone()),
            Event::Noted { text } => self.notes.push(Note { at, by: by.to_owned(), text: text.clone() }),
            Event::Changed { change } => self.change(change, at, by, None, at),
            Event::Proposed { number, change } => {
                self.proposals_made = self.proposals_made.max(*number);
                self.proposals.push(Proposal { number: *number, change: change.clone(), by: by.to_owned(), at });
            }
            Event::Confirmed { number } => {
                if let Some(proposal) = self.withdraw(*number) {
                    self.change(&proposal.change, at, &proposal.by, Some(by), proposal.at);
                }
            }
            Event::Rejected { number, .. } => drop(self.withdraw(*number)),
            Event::Notified { notice } => self.notices.push(notice.clone()),
            Event::Retracted { report_id, to, .. } => {
                self.notices.retain(|notice| notice.report_id != *report_id || notice.to != *to);
            }
            Event::EvidenceKept { evidence } => self.evidence.push(evidence.clone()),
            Event::LinkProposed { case_id, why } => {
                if !self.links.iter().any(|link| link.case_id == *case_id) {
                    self.links.push(Link { case_id: case_id.clone(), why: why.clone(), decided: None });
                }
            }
            Event::LinkDecided { case_id, is_same, .. } => {
                if let Some(link) = self.links.iter_mut().find(|link| link.case_id == *case_id) {
                    link.decided = Some((by.to_owned(), *is_same));
                }
            }
            Event::Reminded { reminder_id, .. } => {
                self.reminded.entry(reminder_id.clone()).or_insert(at);
            }
        }
    }

    fn withdraw(&mut self, number: u32) -> Option<Proposal> {
        let place = self.proposals.iter().position(|proposal| proposal.number == number)?;
        Some(self.proposals.remove(place))
    }

    /// Makes a change that was asked for at `asked`.
    fn change(&mut self, change: &Change, at: Timestamp, by: &str, second: Option<&str>, asked: Timestamp) {
        let (by, second) = (by.to_owned(), second.map(str::to_owned));
        match change {
            Change::Clock { field, after, reason, .. } => {
                let version = Version { value: *after, set_at: at, by, reason: reason.clone(), second };
                self.clocks.set(*field, version);
                if *field == ClockField::KnownAt {
                    // Who knew, and whether that counts, was said of the earlier value.
                    for fact in [Fact::KnownBy, Fact::KnownByRole, Fact::KnowerIsActor] {
                        self.facts.unset_before(fact, asked);
                    }
                }
            }
            Change::Fact { fact, after, .. } => {
                self.facts.set(*fact, Stated { value: after.clone(), by, at, second });
            }
            Change::Decision { decision } => {
                let mut decision = decision.clone();
                decision.second = second;
                self.decisions.push(decision);
            }
        }
    }

    fn take(&mut self, handoff: &Handoff, units: &[UnitKey], at: Timestamp) {
        self.clocks.take(handoff, at);
        let newest = self.incidents.get(&handoff.incident_id);
        if newest.is_none_or(|known| known.run_id != handoff.run_id || known.sequence <= handoff.sequence) {
            self.incidents.insert(handoff.incident_id.clone(), incident(handoff));
        }
        let keys: BTreeSet<&UnitKey> = units.iter().collect();
        let mut places = Places::of(&self.units);
        for unit in handoff.units.iter().filter(|unit| keys.contains(&UnitKey::of(unit))) {
            self.take_unit(unit, &mut places, handoff.flagged_at, at);
        }
    }

    /// Takes a unit in that an incident flagged at `flagged` told at `at`. A flag from before an access is none of it.
    fn take_unit(&mut self, unit: &Unit, places: &mut Places, flagged: Timestamp, at: Timestamp) {
        let flag_of = |access: Timestamp| if flagged >= access { flagged } else { at.max(access) };
        let Some(place) = places.find(&self.units, unit) else {
            places.add(&unit.user_id, &unit.patient_id, self.units.len());
            self.units.push(CaseUnit::new(unit, flag_of(unit.occurred_first), at));
            return;
        };
        let known = &mut self.units[place];
        let before = known.clone();
        known.occurred_first = known.occurred_first.min(unit.occurred_first);
        known.occurred_last = known.occurred_last.max(unit.occurred_last);
        known.access_count = known.access_count.max(unit.access_count);
        known.printed_or_exported |= unit.printed_or_exported;
        if unit.unit_kind == UnitKind::Access {
            known.unit_kind = UnitKind::Access;
        }
        for (mine, theirs) in [(&mut known.actions, &unit.actions), (&mut known.resources, &unit.resources)] {
            mine.extend(theirs.iter().cloned());
            mine.sort_unstable();
            mine.dedup();
        }
        if *known != before {
            known.grown_at = at;
            known.growths.push(flag_of(unit.occurred_last));
            known.growths.sort_unstable();
            known.growths.dedup();
        }
    }
}

impl CaseUnit {
    fn new(unit: &Unit, flagged_at: Timestamp, at: Timestamp) -> Self {
        Self {
            key: UnitKey::of(unit),
            occurred_first: unit.occurred_first,
            occurred_last: unit.occurred_last,
            access_count: unit.access_count,
            actions: unit.actions.clone(),
            resources: unit.resources.clone(),
            printed_or_exported: unit.printed_or_exported,
            unit_kind: unit.unit_kind,
            added_at: at,
            grown_at: at,
            flagged_at,
            growths: Vec::new(),
        }
    }

    /// Whether a unit of a handoff is this one: the same person and chart, and the same first access or times that
    /// meet. Under other weights an episode may start with another access.
    #[must_use]
    pub fn is_same(&self, unit: &Unit) -> bool {
        self.key.user_id == unit.user_id
            && self.key.patient_id == unit.patient_id
            && (self.key.first_event_id == unit.first_event_id
                || (self.occurred_first <= unit.occurred_last && unit.occurred_first <= self.occurred_last))
    }
}

fn incident(handoff: &Handoff) -> CaseIncident {
    CaseIncident {
        incident_id: handoff.incident_id.clone(),
        kind: handoff.kind,
        severity: handoff.severity,
        score: handoff.score,
        status: handoff.status,
        merged_into: handoff.merged_into.clone(),
        contributions: handoff.contributions.clone(),
        degraded: handoff.degraded.clone(),
        policy_hash: handoff.policy_hash.clone(),
        run_id: handoff.run_id.clone(),
        sequence: handoff.sequence,
    }
}
