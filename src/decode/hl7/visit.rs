//! One visit: where the patient lay and who cared for them, from all messages so far.
//!
//! A visit is kept as moves and clinicians, not as intervals, so that messages out of order give
//! the same stays: a stay lasts from its move to the next one, or to the discharge.

use std::collections::BTreeMap;

use super::fields::{Roles, Tie};
use crate::model::context::{Holder, Recorded, Relationship, RelationshipKind};
use crate::model::time::Timestamp;

/// Relationships by their key.
pub(super) type Facts = BTreeMap<String, Relationship>;

/// What a message does to a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Admit,
    /// A pre-admission.
    Expect,
    /// A transfer, or a change of class.
    Transfer,
    Discharge,
    Update,
    Cancel,
    CancelTransfer,
    CancelDischarge,
}

/// What a message says of a visit.
#[derive(Clone, Debug)]
pub(super) struct News {
    pub change: Change,
    /// When it happened.
    pub at: Timestamp,
    /// When it was said.
    pub heard_at: Timestamp,
    pub patient: String,
    /// PV1-44; of a pre-admission PV2-8.
    pub admitted: Option<Timestamp>,
    /// PV1-45.
    pub discharged: Option<Timestamp>,
    pub place: Option<String>,
    pub earlier_place: Option<String>,
    pub roles: Roles,
    pub ties: Vec<Tie>,
}

impl News {
    /// Whether it takes something back.
    fn undoes(&self) -> bool {
        matches!(self.change, Change::Cancel | Change::CancelTransfer | Change::CancelDischarge)
    }
}

fn kind(role: &str) -> RelationshipKind {
    match role {
        "consulting" => RelationshipKind::Consult,
        "referring" => RelationshipKind::Referral,
        "primary-care" | "team" => RelationshipKind::CareTeam,
        _ => RelationshipKind::Encounter,
    }
}

#[derive(Clone, Debug)]
struct Move {
    starts: Timestamp,
    place: String,
}

#[derive(Clone, Debug)]
struct Clinician {
    role: &'static str,
    user: String,
    starts: Timestamp,
    ends: Option<Timestamp>,
}

/// A visit as known so far.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    patient: String,
    /// The visit number, where there is one.
    number: Option<String>,
    starts: Timestamp,
    ends: Option<Timestamp>,
    /// In the order of time; neighbours differ.
    moves: Vec<Move>,
    clinicians: Vec<Clinician>,
    is_expected: bool,
    is_cancelled: bool,
    /// Nothing was said of it yet.
    is_new: bool,
    /// The newest message.
    pub heard_at: Timestamp,
    /// The newest message that took something back.
    undone_at: Option<Timestamp>,
    /// Ended visits that had the same number.
    former: Vec<Visit>,
}

impl Visit {
    /// A visit that is first heard of with `news`.
    pub(super) fn new(number: Option<String>, news: &News) -> Self {
        Self {
            patient: news.patient.clone(),
            number,
            starts: news.admitted.unwrap_or(news.at),
            ends: None,
            moves: Vec::new(),
            clinicians: Vec::new(),
            is_expected: false,
            is_cancelled: false,
            is_new: true,
            heard_at: news.heard_at,
            undone_at: None,
            former: Vec::new(),
        }
    }

    pub(super) fn is_unnumbered(&self) -> bool {
        self.number.is_none()
    }

    /// Whether it lasts, so that a message without a visit number means it.
    pub(super) fn is_open_for(&self, news: &News) -> bool {
        !self.is_cancelled && self.ends.is_none() && (news.change != Change::Expect || self.is_expected)
    }

    /// Whether it lasted when the event happened.
    pub(super) fn covers(&self, news: &News) -> bool {
        let at = news.discharged.filter(|_| news.change == Change::Discharge).unwrap_or(news.at);
        let is_begin = matches!(news.change, Change::Admit | Change::Expect);
        let is_before = |ends: Timestamp| if is_begin { at < ends } else { at <= ends };
        !self.is_cancelled && self.starts <= at && self.ends.is_some_and(is_before)
    }

    /// Whether the message adds to what has ended: takes something back, or updates the last place.
    pub(super) fn precedes(&self, news: &News) -> bool {
        let is_same_place = || news.place.is_some() && self.moves.last().map(|last| &last.place) == news.place.as_ref();
        let adds = news.undoes() || (news.change == Change::Update && !self.is_cancelled && is_same_place());
        self.starts <= news.at && adds
    }

    /// Takes what a message says. One that is older than a cancellation may be what was cancelled,
    /// and one that repeats it cancels nothing more: both say nothing.
    pub(super) fn hear(&mut self, news: &News) {
        if self.former.last().is_some_and(|former| news.heard_at <= former.heard_at) {
            return;
        }
        if self.is_over_before(news) {
            let mut turn = Self::new(self.number.clone(), news);
            turn.former = std::mem::take(&mut self.former);
            let former = std::mem::replace(self, turn);
            self.former.push(former);
        }
        let undoes = news.undoes();
        let is_stale = |undone: Timestamp| news.heard_at < undone || (undoes && news.heard_at == undone);
        if self.undone_at.is_some_and(is_stale) {
            return;
        }
        let is_late = news.heard_at < self.heard_at;
        self.heard_at = self.heard_at.max(news.heard_at);
        if undoes {
            self.undone_at = Some(news.heard_at);
            self.undo(news, is_late);
        } else if !self.is_cancelled || matches!(news.change, Change::Admit | Change::Expect) {
            self.advance(news, is_late);
        }
        self.is_new = false;
    }

    /// The visit goes on under another number, where one is given, and is one of this patient's.
    pub(super) fn move_to(&mut self, patient: &str, number: Option<String>, heard_at: Timestamp) {
        for turn in &mut self.former {
            turn.move_to(patient, number.clone(), turn.heard_at);
        }
        patient.clone_into(&mut self.patient);
        self.number = number.or(self.number.take());
        self.heard_at = self.heard_at.max(heard_at);
    }

    /// Whether the number is used again, for a visit after this one.
    fn is_over_before(&self, news: &News) -> bool {
        let is_after = |ends: Timestamp| news.at > ends && news.admitted.is_none_or(|admitted| admitted >= ends);
        let is_newer = news.change == Change::Admit && news.heard_at > self.heard_at;
        is_newer && !self.is_cancelled && self.ends.is_some_and(is_after)
    }

    fn undo(&mut self, news: &News, is_late: bool) {
        if self.moves.is_empty() {
            self.put(self.starts, news.place.as_ref());
        }
        match news.change {
            Change::Cancel => self.is_cancelled = true,
            Change::CancelTransfer => self.move_back(news.place.as_ref()),
            Change::CancelDischarge => {
                self.ends = None;
                if !is_late {
                    self.follow(news);
                }
            }
            _ => {}
        }
        if news.change != Change::Cancel {
            self.name(news, is_late);
        }
    }

    /// Takes the last move back, unless the patient is said to be where it led: then it was another.
    fn move_back(&mut self, place: Option<&String>) {
        let is_there = self.moves.last().is_some_and(|last| Some(&last.place) == place);
        if self.moves.len() > 1 {
            if !is_there {
                self.moves.pop();
            }
        } else if let (Some(only), Some(place)) = (self.moves.first_mut(), place) {
            only.place.clone_from(place);
        }
    }

    fn advance(&mut self, news: &News, is_late: bool) {
        let place = news.place.as_ref();
        match news.change {
            Change::Expect if self.is_new || self.is_expected || self.is_cancelled => self.restart(news, true),
            Change::Update if self.is_expected && !is_late => self.restart(news, true),
            Change::Admit if (self.is_expected && !is_late) || self.is_cancelled => self.restart(news, false),
            Change::Admit => self.put(news.admitted.unwrap_or(news.at), place),
            Change::Transfer => {
                let is_unknown = self.moves.first().is_none_or(|first| news.at <= first.starts);
                if let Some(admitted) = news.admitted.filter(|admitted| is_unknown && *admitted < news.at) {
                    self.put(admitted, news.earlier_place.as_ref());
                }
                self.is_expected = false;
                self.put(news.at, place);
            }
            _ if self.moves.is_empty() => self.put(self.starts, place),
            Change::Update if !is_late && self.ends.is_none() => self.follow(news),
            _ => {}
        }
        match news.change {
            Change::Discharge => self.ends = Some(news.discharged.unwrap_or(news.at)),
            _ if !is_late => self.ends = news.discharged.or(self.ends),
            _ => {}
        }
        if let Some(admitted) = news.admitted {
            self.begin(admitted);
        }
        if !is_late {
            self.patient.clone_from(&news.patient);
        }
        self.name(news, is_late);
    }

    /// An update that names another unit tells of a transfer.
    fn follow(&mut self, news: &News) {
        if self.moves.last().is_some_and(|last| last.starts < news.at) {
            self.put(news.at, news.place.as_ref());
        }
    }

    /// What was expected is replaced by what is said now.
    fn restart(&mut self, news: &News, is_expected: bool) {
        let usual = if self.is_expected && is_expected { self.starts } else { news.at };
        self.starts = news.admitted.unwrap_or(usual);
        (self.ends, self.is_cancelled, self.is_expected, self.is_new) = (None, false, is_expected, true);
        let former = std::mem::take(&mut self.moves).pop();
        self.clinicians.iter_mut().for_each(|clinician| clinician.starts = self.starts);
        let place = news.place.clone().or(former.map(|former| former.place));
        self.put(self.starts, place.as_ref());
    }

    /// From `starts` on the patient is at `place`, until the next move.
    fn put(&mut self, starts: Timestamp, place: Option<&String>) {
        let Some(place) = place else { return };
        match self.moves.binary_search_by_key(&starts, |known| known.starts) {
            Ok(found) => {
                if let Some(known) = self.moves.get_mut(found) {
                    known.place.clone_from(place);
                }
            }
            Err(before) => self.moves.insert(before, Move { starts, place: place.clone() }),
        }
        self.moves.dedup_by(|later, earlier| later.place == earlier.place);
        self.begin(starts);
    }

    /// The visit began no later than this. A later time shortens nothing, because an outpatient who
    /// becomes an inpatient gets a new PV1-44.
    fn begin(&mut self, starts: Timestamp) {
        if starts >= self.starts {
            return;
        }
        let former = std::mem::replace(&mut self.starts, starts);
        if let Some(first) = self.moves.first_mut().filter(|first| first.starts == former) {
            first.starts = starts;
        }
        for clinician in self.clinicians.iter_mut().filter(|clinician| clinician.starts == former) {
            clinician.starts = starts;
        }
    }

    /// Whoever a message does not name any more has left; a late message ends nothing.
    fn name(&mut self, news: &News, is_late: bool) {
        let starts = if self.is_new || is_late { self.starts } else { news.at.max(self.starts) };
        for (&role, people) in &news.roles {
            if is_late && self.clinicians.iter().any(|known| known.role == role) {
                continue;
            }
            let open = |known: &Clinician| known.role == role && known.ends.is_none();
            for known in self.clinicians.iter_mut().filter(|known| open(known) && !people.contains(&known.user)) {
                known.ends = Some(news.at.max(known.starts));
            }
            let is_tied = |user: &String| news.ties.iter().any(|tie| tie.role == role && tie.user == *user);
            for user in people.iter().filter(|user| !is_tied(user)) {
                if !self.clinicians.iter().any(|known| open(known) && known.user == *user) {
                    self.clinicians.push(Clinician { role, user: user.clone(), starts, ends: None });
                }
            }
        }
        self.tie(news, starts, is_late);
    }

    /// Gives people their own begin and end, or deletes them; a late message changes nobody known.
    fn tie(&mut self, news: &News, usual: Timestamp, is_late: bool) {
        for tie in &news.ties {
            let is_same = |known: &Clinician| known.role == tie.role && known.user == tie.user;
            if tie.is_deleted {
                self.clinicians.retain(|known| is_late || !is_same(known));
                continue;
            }
            let fits =
                |known: &Clinician| known.ends.is_none() || known.ends == tie.ends || Some(known.starts) == tie.starts;
            let known = self.clinicians.iter_mut().rev().find(|known| is_same(known) && fits(known));
            let starts = tie.starts.unwrap_or(known.as_ref().map_or(usual, |known| known.starts));
            let ends = tie.ends.map(|ends| ends.max(starts));
            match known {
                Some(known) if !is_late => (known.starts, known.ends) = (starts, ends),
                Some(_) => {}
                None => self.clinicians.push(Clinician { role: tie.role, user: tie.user.clone(), starts, ends }),
            }
        }
    }

    /// The relationships of this visit; `name` is its part of their keys.
    pub(super) fn facts(&self, name: &str) -> Facts {
        let mut facts = Facts::new();
        for turn in self.former.iter().chain([self]).filter(|turn| !turn.is_cancelled) {
            turn.tell(name, &mut facts);
        }
        facts
    }

    fn tell(&self, name: &str, facts: &mut Facts) {
        let next = self.moves.iter().skip(1).map(|next| Some(next.starts)).chain([None]);
        for (stay, next) in self.moves.iter().zip(next) {
            let holder = Holder::Department(stay.place.clone());
            let label = format!("hl7/{name}/at/{}", stay.place);
            self.add(facts, &label, RelationshipKind::Encounter, holder, (stay.starts, next));
        }
        for known in &self.clinicians {
            let holder = Holder::User(known.user.clone());
            let label = format!("hl7/{name}/{}/{}", known.role, known.user);
            self.add(facts, &label, kind(known.role), holder, (known.starts, known.ends));
        }
    }

    /// Adds a relationship under `label` and the number of its turn.
    fn add(
        &self,
        facts: &mut Facts,
        label: &str,
        kind: RelationshipKind,
        holder: Holder,
        (starts_at, ends): (Timestamp, Option<Timestamp>),
    ) {
        let mut turn = 1;
        while facts.contains_key(&format!("{label}/{turn}")) {
            turn += 1;
        }
        let key = format!("{label}/{turn}");
        let relationship = Relationship {
            relationship_id: key.clone(),
            kind,
            patient_id: self.patient.clone(),
            holder,
            starts_at,
            ends_at: [ends, self.ends].into_iter().flatten().min().map(|ends| ends.max(starts_at)),
            recorded_by: None,
            encounter_id: self.number.clone(),
            recorded: Recorded::default(),
        };
        facts.insert(key, relationship);
    }
}
