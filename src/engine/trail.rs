//! What a person did around an access: the rows of the horizon that are theirs.

use crate::model::time::Timestamp;

use super::access::Access;
use super::horizon::Horizon;

/// A person's accesses around an instant, to every chart and to none.
#[derive(Clone, Copy, Debug)]
pub struct Trail<'t> {
    horizon: &'t Horizon,
    user: u32,
    from: Timestamp,
    until: Timestamp,
}

impl<'t> Trail<'t> {
    /// The accesses of `user` from `span` before until `span` after `at`, as far as they have come.
    pub(super) fn new(horizon: &'t Horizon, user: u32, at: Timestamp, span: i64) -> Self {
        Self { horizon, user, from: at.minus(span), until: at.plus(span) }
    }

    /// The accesses with their event ids, newest first.
    pub fn accesses(&self) -> impl Iterator<Item = (&'t Access, &'t str)> + use<'t> {
        let (from, until) = (self.from, self.until);
        self.horizon
            .accesses_of(self.user)
            .skip_while(move |(row, _)| row.at > until)
            .take_while(move |(row, _)| row.at >= from)
    }
}
