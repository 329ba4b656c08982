//! An access as the engine holds it: one cache line, ids instead of text.

use crate::model::access::{AccessEvent, Action, Outcome, SearchTextKind};
use crate::model::time::Timestamp;

use super::dictionary::NONE;
use super::evidence::{Decision, RolePart};

/// What the engine knows of an access by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Standing {
    /// Not looked at: without a patient, denied or failed.
    Aside,
    /// Explained and in no episode; the number of its basis stands beside it.
    Explained,
    /// Explained like that, by nothing but the person's role.
    ByRole,
    /// Held by an episode: unexplained, or over the threshold in spite of an explanation.
    Held,
}

impl Standing {
    /// Whether it is explained and in no episode.
    pub(super) const fn is_explained(self) -> bool {
        matches!(self, Self::Explained | Self::ByRole)
    }
}

/// What was done, in one byte: the action, and the little of search, purpose and reason that detectors
/// ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Act(u8);

impl Act {
    const ACTION: u8 = 0x0F;
    const BREAKS_GLASS: u8 = 0x20;
    const GIVES_REASON: u8 = 0x40;
    const BY_NAME: u8 = 0x80;

    /// Takes what matters from an event; `fits` tells whether a reason for breaking the glass speaks of care.
    pub(super) fn of(event: &AccessEvent<'_>, fits: impl Fn(&str) -> bool) -> Self {
        let mark = |is_so: bool, bit: u8| if is_so { bit } else { 0 };
        let purpose = event.purpose.as_deref().unwrap_or_default();
        let breaks_glass = event.action == Action::BreakGlass || ["BTG", "ETREAT"].contains(&purpose);
        let gives_reason = event.break_glass_reason.as_deref().is_some_and(fits);
        let by_name = event.action == Action::Search && event.search_text_kind == Some(SearchTextKind::Name);
        Self(
            event.action as u8
                | mark(breaks_glass, Self::BREAKS_GLASS)
                | mark(gives_reason, Self::GIVES_REASON)
                | mark(by_name, Self::BY_NAME),
        )
    }

    /// The byte, to be saved.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Reads a saved byte.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// The action.
    #[must_use]
    pub fn action(self) -> Action {
        Action::ALL.get(usize::from(self.0 & Self::ACTION)).copied().unwrap_or(Action::Other)
    }

    /// Whether it is an emergency override, or was done under one.
    #[must_use]
    pub const fn breaks_glass(self) -> bool {
        self.0 & Self::BREAKS_GLASS != 0
    }

    /// Whether a reason that speaks of care was given for it.
    #[must_use]
    pub const fn gives_reason(self) -> bool {
        self.0 & Self::GIVES_REASON != 0
    }

    /// Whether it is a search for a name.
    #[must_use]
    pub const fn is_name_search(self) -> bool {
        self.0 & Self::BY_NAME != 0
    }
}

const _: () = assert!(Action::ALL.len() <= Act::ACTION as usize);

/// One access: 64 bytes.
#[derive(Clone, Copy, Debug)]
pub struct Access {
    pub at: Timestamp,
    /// `MIN` = the source does not say.
    pub recorded_at: Timestamp,
    /// When the hospital could first review it; `MIN` = the source does not say.
    pub available_at: Timestamp,
    /// When the pipeline received it; `MIN` = with the rest of the run.
    pub ingested_at: Timestamp,
    pub user: u32,
    /// [`NONE`] for a log-in or a search without a hit.
    pub patient: u32,
    pub(super) event_start: u32,
    pub(super) event_len: u16,
    /// Where the user was logged in, or `u16::MAX`.
    pub(super) department: u16,
    /// Part of the chart, or `u16::MAX`.
    pub(super) resource: u16,
    /// Two bytes of a hash of the workstation; 0 = the source does not say.
    pub workstation: u16,
    pub act: Act,
    pub outcome: Outcome,
    pub(super) standing: Standing,
    /// Basis of the explanation while `standing` is `Explained`.
    pub(super) basis: u8,
    /// Earlier rows of the horizon with the same patient and the same user.
    pub(super) previous_of_patient: u32,
    pub(super) previous_of_user: u32,
}

const _: () = assert!(size_of::<Access>() == 64);

impl Access {
    /// Notes what was decided about it.
    pub(super) fn stand(&mut self, decision: &Decision) {
        self.stand_explained(decision);
        if decision.is_kept() {
            self.standing = Standing::Held;
        }
    }

    /// Notes what explains it, in no episode.
    pub(super) fn stand_explained(&mut self, decision: &Decision) {
        let is_by_role = decision.role == RolePart::Explains;
        self.standing = if is_by_role { Standing::ByRole } else { Standing::Explained };
        self.basis = decision.explained.map_or(0, |explained| explained.basis);
    }

    /// Whether it counts as an access to a chart: a patient, and success.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.patient != NONE && self.outcome == Outcome::Success
    }

    /// What was done.
    #[must_use]
    pub fn action(&self) -> Action {
        self.act.action()
    }

    /// The number of the department where the user was logged in, or [`NONE`].
    #[must_use]
    pub fn department(&self) -> u32 {
        if self.department == u16::MAX { NONE } else { u32::from(self.department) }
    }

    /// The resource's number in the dictionary.
    #[must_use]
    pub fn resource(&self) -> u32 {
        if self.resource == u16::MAX { NONE } else { u32::from(self.resource) }
    }
}

/// Rows and the text of their event ids.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    pub(super) rows: Vec<Access>,
    pub(super) text: String,
}

impl Rows {
    /// How many rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The event id of one of these rows.
    #[must_use]
    pub fn event_id(&self, row: &Access) -> &str {
        let start = row.event_start as usize;
        self.text.get(start..start + usize::from(row.event_len)).unwrap_or("")
    }

    /// Appends a copy of a row under its event id.
    pub(super) fn push(&mut self, mut row: Access, event_id: &str) {
        row.event_start = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        row.event_len = u16::try_from(event_id.len()).unwrap_or(u16::MAX);
        self.text.push_str(event_id);
        self.rows.push(row);
    }

    /// Puts the rows in the total order: time, event id, patient id, then as they came.
    pub(super) fn sort(&mut self, patient_text: impl Fn(u32) -> String) {
        let text = std::mem::take(&mut self.text);
        let id = |row: &Access| {
            text.get(row.event_start as usize..row.event_start as usize + usize::from(row.event_len)).unwrap_or("")
        };
        let order = |one: &Access, other: &Access| {
            one.at.cmp(&other.at).then_with(|| id(one).cmp(id(other))).then_with(|| {
                if one.patient == other.patient {
                    std::cmp::Ordering::Equal
                } else {
                    patient_text(one.patient).cmp(&patient_text(other.patient))
                }
            })
        };
        if !self.rows.is_sorted_by(|one, other| order(one, other).is_le()) {
            self.rows.sort_by(order);
        }
        self.text = text;
    }

    /// Appends copies of rows that came later.
    pub(super) fn append(&mut self, later: &Self) {
        let offset = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        self.text.push_str(&later.text);
        self.rows.extend(
            later.rows.iter().map(|&row| Access { event_start: row.event_start.saturating_add(offset), ..row }),
        );
    }

    /// Moves the rows after `until`, usually few, to `later`.
    pub(super) fn split_after(&mut self, until: Timestamp, later: &mut Self) {
        for row in self.rows.iter().filter(|row| row.at > until) {
            later.push(*row, self.event_id(row));
        }
        if !later.is_empty() {
            self.rows.retain(|row| row.at <= until);
        }
    }

    /// Forgets the rows and keeps their memory.
    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.text.clear();
    }
}
