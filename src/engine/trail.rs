//! What a person did around an access: the rows of the horizon that are theirs.

use crate::model::time::Timestamp;

use super::access::Access;
use super::horizon::Horizon;

/// A person's accesses around an instant, to every chart and to none.
#[derive(Clone, Debug)]
pub struct Trail<'t> {
    horizon: &'t Horizon,
    /// Newest first, with their numbers.
    rows: Vec<(u32, &'t Access)>,
}

impl<'t> Trail<'t> {
    /// The accesses of `user` from `span` before until `span` after `at`, as far as they have come.
    pub(super) fn new(horizon: &'t Horizon, user: u32, at: Timestamp, span: i64) -> Self {
        let (from, until) = (at.minus(span), at.plus(span));
        let rows = horizon.rows_until(user, until).take_while(|(_, row)| row.at >= from);
        Self { horizon, rows: rows.collect() }
    }

    /// The accesses, newest first.
    pub fn accesses(&self) -> impl Iterator<Item = &'t Access> + use<'_, 't> {
        self.rows.iter().map(|(_, row)| *row)
    }

    /// The event id of the earliest access that is wanted.
    pub fn earliest(&self, is_wanted: impl Fn(&Access) -> bool) -> Option<&'t str> {
        let (number, _) = self.rows.iter().rev().find(|(_, row)| is_wanted(row))?;
        self.horizon.find(*number).map(|(_, event_id)| event_id)
    }
}
