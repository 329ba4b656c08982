//! Who has a documented reason to use which chart, by patient, bitemporally.
//!
//! The look-up is the hot path: nearly every access is explained by one of its patient's
//! relationships. They stand together in one sorted list per patient, fixed-size and without text;
//! what only reports need stands aside.

use crate::model::context::RelationshipKind;
use crate::model::time::Timestamp;

use super::dictionary::{NONE, grown};
use super::grace::GraceTable;

/// Marks a holder that is a department.
const DEPARTMENT: u32 = 1 << 31;

/// One version of a relationship, as the look-up needs it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tie {
    pub(super) starts: Timestamp,
    /// `MAX` = open.
    pub(super) ends: Timestamp,
    /// Known in `[known_from, known_to)`.
    pub(super) known_from: Timestamp,
    pub(super) known_to: Timestamp,
    holder: u32,
    /// Number of the record, for its id text and its author.
    pub(super) record: u32,
    pub(super) author: u32,
    pub(super) kind: RelationshipKind,
}

impl Tie {
    pub(super) fn user_holder(user: u32) -> u32 {
        user & !DEPARTMENT
    }

    pub(super) fn department_holder(department: u32) -> u32 {
        department | DEPARTMENT
    }

    #[expect(clippy::too_many_arguments, reason = "one argument for each field of a fixed-size record")]
    pub(super) fn new(
        kind: RelationshipKind,
        holder: u32,
        record: u32,
        author: u32,
        starts: Timestamp,
        ends: Timestamp,
        known_from: Timestamp,
        known_to: Timestamp,
    ) -> Self {
        Self { starts, ends, known_from, known_to, holder, record, author, kind }
    }

    /// Fills room that no relationship uses yet.
    const NOTHING: Self = Self {
        starts: Timestamp::MAX,
        ends: Timestamp::MIN,
        known_from: Timestamp::MAX,
        known_to: Timestamp::MIN,
        holder: NONE,
        record: NONE,
        author: NONE,
        kind: RelationshipKind::Other,
    };

    fn is_known(&self, now: Timestamp) -> bool {
        self.known_from <= now && now < self.known_to
    }
}

/// How firmly a relationship covers an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cover {
    /// In the lead before it starts or the tail after it ends.
    Grace,
    /// Between its start and its end.
    Inside,
}

/// A relationship that covers an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    pub cover: Cover,
    pub kind: RelationshipKind,
    /// Number of the relationship record.
    pub record: u32,
    /// Whether the looker alone wrote it, after the look; somebody else's record shows the patient in care.
    pub is_self_made: bool,
}

/// The best relationship of each basis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hits {
    /// Names the user, for care.
    pub direct: Option<Hit>,
    /// Names one of the user's departments, for care.
    pub department: Option<Hit>,
    /// An order, a consult or a referral names one of the user's departments.
    pub service: Option<Hit>,
    /// A task (billing, release of information, quality review) that names the user or a department.
    pub task: Option<Hit>,
    /// Someone else's record shows the patient in care here at that moment.
    pub supported: bool,
}

/// What a relationship for care rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Basis {
    Direct,
    Department,
    Service,
}

/// Whose access is looked up.
#[derive(Clone, Copy, Debug)]
pub struct Query<'q> {
    pub at: Timestamp,
    /// Only records known by then count.
    pub now: Timestamp,
    pub user: u32,
    /// Where the user belongs, is rostered, or was logged in.
    pub departments: &'q [u32],
}

/// Where the list of a patient stands.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    chunk: u32,
    start: u32,
    length: u32,
    room: u32,
}

impl Place {
    const fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.start as usize + self.length as usize
    }
}

/// The relationships of all patients: lists stand side by side in a few large chunks, so that a look-up
/// takes two steps and growing moves little. A list that outgrows its room moves to the end.
#[derive(Debug, Default)]
pub(super) struct TieTable {
    places: Vec<Place>,
    chunks: Vec<Vec<Tie>>,
    /// Room of all lists, and room that lists left behind.
    room: usize,
    left: usize,
}

/// Relationships of one chunk; a longer list has a chunk of its own.
const CHUNK: usize = 1 << 14;

impl TieTable {
    /// The relationships of a patient.
    pub(super) fn of(&self, patient: u32) -> TieList<'_> {
        let place = self.places.get(patient as usize).copied().unwrap_or_default();
        TieList(self.chunks.get(place.chunk as usize).map_or(&[], |chunk| &chunk[place.range()]))
    }

    /// Where the last relationship of a patient stands; a place without meaning where there is none.
    pub(super) fn last_of(&self, patient: u32) -> (u32, u32) {
        self.places.get(patient as usize).map_or((0, 0), |place| (place.chunk, place.range().end.max(1) as u32 - 1))
    }

    /// Reads at such a place, so that it is near when a search begins there.
    pub(super) fn touch(&self, (chunk, last): (u32, u32)) -> u64 {
        let tie = self.chunks.get(chunk as usize).and_then(|chunk| chunk.get(last as usize));
        tie.map_or(0, |tie| tie.starts.0.cast_unsigned())
    }

    pub(super) fn of_record_mut(&mut self, patient: u32, record: u32) -> impl Iterator<Item = &mut Tie> {
        let place = self.places.get(patient as usize).copied().unwrap_or_default();
        let chunk = self.chunks.get_mut(place.chunk as usize);
        chunk.into_iter().flat_map(move |chunk| &mut chunk[place.range()]).filter(move |tie| tie.record == record)
    }

    /// Adds a relationship after those of the patient that come before it.
    pub(super) fn insert(&mut self, patient: u32, tie: Tie, comes_before: impl Fn(&Tie) -> bool) {
        let place = *grown(&mut self.places, patient);
        if place.length == place.room {
            self.make_room(patient);
        }
        let place = &mut self.places[patient as usize];
        let chunk = &mut self.chunks[place.chunk as usize];
        let at = chunk[place.range()].partition_point(comes_before);
        place.length += 1;
        let list = &mut chunk[place.range()];
        list.copy_within(at..list.len() - 1, at + 1);
        list[at] = tie;
    }

    fn make_room(&mut self, patient: u32) {
        if self.left > CHUNK.max(self.room / 2) {
            self.tidy();
        }
        let old = self.places[patient as usize];
        let list: Vec<Tie> = self.of(patient).0.to_vec();
        let place = place_in(&mut self.chunks, &list, (old.room * 2).max(4));
        self.places[patient as usize] = place;
        self.room += (place.room - old.room) as usize;
        self.left += old.room as usize;
    }

    /// Copies all lists together.
    fn tidy(&mut self) {
        let old = std::mem::take(&mut self.chunks);
        for place in self.places.iter_mut().filter(|place| place.room > 0) {
            *place = place_in(&mut self.chunks, &old[place.chunk as usize][place.range()], place.room);
        }
        self.left = 0;
    }
}

/// Copies a list to the end of the last chunk that has room for it.
fn place_in(chunks: &mut Vec<Vec<Tie>>, list: &[Tie], room: u32) -> Place {
    let needed = room as usize;
    if chunks.last().is_none_or(|chunk| chunk.capacity() - chunk.len() < needed) {
        chunks.push(Vec::with_capacity(CHUNK.max(needed)));
    }
    let number = chunks.len() - 1;
    let chunk = &mut chunks[number];
    let start = chunk.len();
    chunk.extend_from_slice(list);
    chunk.resize(start + needed, Tie::NOTHING);
    Place { chunk: number as u32, start: start as u32, length: list.len() as u32, room }
}

/// The relationships of one patient, sorted by start, then by record text (the caller's order).
#[derive(Clone, Copy, Debug)]
pub struct TieList<'t>(&'t [Tie]);

impl<'t> TieList<'t> {
    /// Which basis, if any, covers the access inside its dates: what [`TieList::search`] says of records that were
    /// not self-made, found with fewer steps, since most relationships of a patient name somebody else.
    pub(super) fn inside(self, query: &Query<'_>) -> Option<Basis> {
        let mut best = None;
        for tie in self.0.iter().rev() {
            let names_user = tie.holder == query.user;
            if !names_user && !is_named(tie.holder, query.departments) {
                continue;
            }
            let covers = tie.starts <= query.at && query.at <= tie.ends;
            if !covers || !tie.is_known(query.now) || tie.kind.is_task() {
                continue;
            }
            if tie.author == query.user && tie.known_from > query.at {
                continue;
            }
            if names_user {
                return Some(Basis::Direct);
            }
            if !tie.kind.is_service() {
                best = Some(Basis::Department);
            } else if best.is_none() {
                best = Some(Basis::Service);
            }
        }
        best
    }

    /// The departments that have the patient in care at an instant.
    pub(super) fn units(
        self,
        at: Timestamp,
        now: Timestamp,
        graces: &'t GraceTable,
    ) -> impl Iterator<Item = u32> + use<'t> {
        let in_care = move |tie: &&Tie| {
            let is_unit = tie.holder & DEPARTMENT != 0 && !tie.kind.is_task() && !tie.kind.is_service();
            is_unit && tie.is_known(now) && graces.cover(tie, at).is_some()
        };
        self.0.iter().filter(in_care).map(|tie| tie.holder & !DEPARTMENT)
    }

    /// Whether a record known by now, not made by the looker, tells of care that touches the time between two
    /// instants.
    pub(super) fn has_care(self, looker: u32, from: Timestamp, until: Timestamp, now: Timestamp) -> bool {
        self.0.iter().rev().any(|tie| {
            let is_near = tie.starts <= until && from <= tie.ends;
            is_near && !tie.kind.is_task() && tie.author != looker && tie.is_known(now)
        })
    }

    /// The best relationship of each basis. A record that only the looker wrote, after the look, counts
    /// only where somebody else's shows the patient in care at that moment, and never as a task: people
    /// do not give themselves the right to look. Newest first, so that most look-ups end after a few steps:
    /// a direct hit inside its interval ends the search at once.
    #[must_use]
    pub fn search(self, query: &Query<'_>, graces: &GraceTable) -> Hits {
        Self::search_all([self], query, graces)
    }

    /// Like [`TieList::search`], in the lists of a patient who has several numbers.
    #[must_use]
    pub fn search_all(lists: impl IntoIterator<Item = Self>, query: &Query<'_>, graces: &GraceTable) -> Hits {
        let mut hits = Hits::default();
        let mut self_made = Hits::default();
        for tie in lists.into_iter().flat_map(|list| list.0.iter().rev()) {
            if !tie.is_known(query.now) {
                continue;
            }
            let Some(cover) = graces.cover(tie, query.at) else { continue };
            let names_user = tie.holder == query.user;
            let is_others = tie.author != query.user;
            hits.supported |= is_others && !tie.kind.is_task() && !names_user;
            if !names_user && !is_named(tie.holder, query.departments) {
                continue;
            }
            let is_self_made = !is_others && tie.known_from > query.at;
            let hit = Hit { cover, kind: tie.kind, record: tie.record, is_self_made };
            let of_this_author = if is_self_made { &mut self_made } else { &mut hits };
            of_this_author.note(hit, names_user);
            if names_user && cover == Cover::Inside && hits.direct == Some(hit) {
                break;
            }
        }
        if hits.supported {
            hits.direct = better(hits.direct, self_made.direct);
            hits.department = better(hits.department, self_made.department);
            hits.service = better(hits.service, self_made.service);
        }
        hits
    }
}

impl Hits {
    fn note(&mut self, hit: Hit, names_user: bool) {
        let slot = match (hit.kind.is_task(), names_user) {
            (true, _) => &mut self.task,
            (false, true) => &mut self.direct,
            (false, false) if hit.kind.is_service() => &mut self.service,
            (false, false) => &mut self.department,
        };
        *slot = better(*slot, Some(hit));
    }
}

/// The first, unless the second covers more firmly.
fn better(first: Option<Hit>, second: Option<Hit>) -> Option<Hit> {
    match (first, second) {
        (Some(one), Some(other)) if one.cover < other.cover => second,
        _ => first.or(second),
    }
}

fn is_named(holder: u32, departments: &[u32]) -> bool {
    holder & DEPARTMENT != 0
        && departments.iter().any(|&department| department != NONE && (department | DEPARTMENT) == holder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::HOUR;
    use std::collections::BTreeMap;

    const NURSE: u32 = 5;
    const WARD: u32 = 3;

    fn tie(kind: RelationshipKind, holder: u32, starts: i64, ends: i64) -> Tie {
        Tie::new(
            kind,
            holder,
            1,
            NONE,
            Timestamp(starts * HOUR),
            Timestamp(ends * HOUR),
            Timestamp::MIN,
            Timestamp::MAX,
        )
    }

    fn search(ties: &[Tie], at: i64, now: i64) -> Hits {
        let mut table = TieTable::default();
        for tie in ties {
            table.insert(0, *tie, |old| old.starts <= tie.starts);
        }
        let query =
            Query { at: Timestamp(at * HOUR), now: Timestamp(now * HOUR), user: NURSE, departments: &[NONE, WARD] };
        table.of(0).search(&query, &GraceTable::new(&BTreeMap::new()))
    }

    #[test]
    fn inside_beats_grace_and_outside_is_nothing() {
        let order = tie(RelationshipKind::Order, Tie::user_holder(NURSE), 100, 110);
        assert_eq!(search(&[order], 105, 105).direct.map(|hit| hit.cover), Some(Cover::Inside));
        assert_eq!(search(&[order], 98, 98).direct.map(|hit| hit.cover), Some(Cover::Grace));
        assert_eq!(search(&[order], 134, 134).direct.map(|hit| hit.cover), Some(Cover::Grace));
        assert_eq!(search(&[order], 97, 97), Hits::default());
        assert_eq!(search(&[order], 135, 135), Hits::default());
    }

    #[test]
    fn a_stay_has_a_longer_tail_and_names_departments() {
        let stay = tie(RelationshipKind::Encounter, Tie::department_holder(WARD), 100, 110);
        assert_eq!(search(&[stay], 182, 182).department.map(|hit| hit.cover), Some(Cover::Grace));
        assert!(search(&[stay], 183, 183).department.is_none());
    }

    #[test]
    fn a_task_is_never_care() {
        let task = tie(RelationshipKind::Billing, Tie::department_holder(WARD), 100, 110);
        let hits = search(&[task], 105, 105);
        assert!(hits.task.is_some() && hits.department.is_none() && hits.direct.is_none());
    }

    #[test]
    fn only_what_is_known_counts() {
        let mut order = tie(RelationshipKind::Order, Tie::user_holder(NURSE), 100, 110);
        order.known_from = Timestamp(120 * HOUR);
        order.known_to = Timestamp(140 * HOUR);
        assert!(search(&[order], 105, 119).direct.is_none());
        assert!(search(&[order], 105, 120).direct.is_some());
        assert!(search(&[order], 105, 140).direct.is_none());
    }

    #[test]
    fn what_the_looker_alone_wrote_afterwards_stands_apart() {
        let mut order = tie(RelationshipKind::Consult, Tie::user_holder(NURSE), 100, 110);
        order.author = NURSE;
        order.known_from = Timestamp(106 * HOUR);
        assert_eq!(search(&[order], 105, 106), Hits::default());
        let stay = tie(RelationshipKind::Encounter, Tie::department_holder(WARD + 1), 100, 110);
        assert!(search(&[order, stay], 105, 106).direct.is_some());
        let mut task = tie(RelationshipKind::Billing, Tie::user_holder(NURSE), 100, 110);
        (task.author, task.known_from) = (NURSE, order.known_from);
        let hits = search(&[task, stay], 105, 106);
        assert!(hits.task.is_none() && hits.direct.is_none());
    }

    #[test]
    fn lists_stay_whole_while_they_move_and_are_tidied() {
        let mut table = TieTable::default();
        for round in 0..400 {
            for patient in 0..1000 {
                let mut order = tie(RelationshipKind::Order, Tie::user_holder(NURSE), (round * 7) % 400, 1_000);
                order.record = patient;
                table.insert(patient, order, |old| old.starts < order.starts);
            }
        }
        for patient in 0..1000 {
            let starts: Vec<i64> = table.of(patient).0.iter().map(|tie| tie.starts.0 / HOUR).collect();
            assert_eq!(starts, (0..400).collect::<Vec<_>>());
            assert_eq!(table.of_record_mut(patient, patient).count(), 400);
        }
        assert_eq!(table.of(1000).0.len(), 0);
    }

    #[test]
    fn the_short_way_says_what_the_search_says() {
        let graces = GraceTable::new(&BTreeMap::new());
        let mut dice = 1_u64;
        let mut roll = |sides: u64| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (dice >> 33) % sides
        };
        let firm = |hit: Option<Hit>| hit.is_some_and(|hit| hit.cover == Cover::Inside && !hit.is_self_made);
        let mut seen = [0; 4];
        for _ in 0..20_000 {
            let mut table = TieTable::default();
            for _ in 0..roll(5) {
                let holder = if roll(2) == 0 {
                    Tie::user_holder(NURSE + roll(2) as u32)
                } else {
                    Tie::department_holder(WARD + roll(2) as u32)
                };
                let kind = RelationshipKind::ALL[roll(10) as usize];
                let mut one = tie(kind, holder, roll(200) as i64, 100 + roll(200) as i64);
                one.author = if roll(2) == 0 { NURSE } else { NONE };
                one.known_from = Timestamp(roll(200) as i64 * HOUR);
                table.insert(0, one, |old| old.starts <= one.starts);
            }
            let at = Timestamp(100 * HOUR);
            let query = Query { at, now: Timestamp(110 * HOUR), user: NURSE, departments: &[NONE, WARD] };
            let found = table.of(0).inside(&query);
            let hits = table.of(0).search(&query, &graces);
            let bases =
                [(hits.direct, Basis::Direct), (hits.department, Basis::Department), (hits.service, Basis::Service)];
            assert_eq!(found, bases.into_iter().find(|(hit, _)| firm(*hit)).map(|(_, basis)| basis));
            seen[found.map_or(0, |basis| 1 + basis as usize)] += 1;
        }
        assert!(seen.iter().all(|&count| count > 500), "{seen:?}");
    }
}
