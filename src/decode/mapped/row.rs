//! A map put to the header of a file, and its rows read.
//!
//! | field | from |
//! |---|---|
//! | occurred_at | its columns, else the time of recording |
//! | action | its columns through `values`, else a canonical name, else `other`, counted as unmapped |
//! | resource | its columns, else the text of an unmapped action |
//! | patient_id | its columns; several in a cell are one access each |
//! | event_id | its columns, else a hash of the canonical fields |

use std::borrow::Cow;

use super::map::{Column, Field, Map, Take, Times};
use super::normal;
use super::time::TimeFormat;
use super::value::{Cache, Pattern, Unmapped};
use crate::decode::canonical::{self, FIELDS, Row, for_each_patient};
use crate::decode::time::{LocalClock, Written, read_bool};
use crate::decode::{Fault, clean};
use crate::model::access::{AccessEvent, Action, Outcome, SearchTextKind};
use crate::model::reject::RejectCode;
use crate::model::time::Timestamp;

/// Places in [`FIELDS`].
const EVENT_ID: usize = 0;
const OCCURRED_AT: usize = 1;
const RECORDED_AT: usize = 2;
const USER_ID: usize = 3;
const PATIENT_ID: usize = 4;
const ACTION: usize = 5;
const RESOURCE: usize = 6;
const BREAK_GLASS_REASON: usize = 12;
const OUTCOME: usize = 13;
const SEARCH_TEXT_KIND: usize = 14;
/// Of each group one is needed.
const NEEDED: [&[usize]; 3] = [&[OCCURRED_AT, RECORDED_AT], &[USER_ID], &[ACTION]];

/// A map put to the header of a file. Each worker has its own.
#[derive(Clone, Debug)]
pub struct Bound {
    fields: Vec<BoundField>,
    break_glass: Option<BoundField>,
    keep: Option<(BoundField, Pattern)>,
    /// Cells of a row; 0 when there is no header.
    width: usize,
    unmapped: Unmapped,
    /// Columns of the map that the header lacks.
    pub missing: Vec<String>,
    /// Columns of the header that nobody reads.
    pub unread: Vec<String>,
}

/// A field and where its columns stand.
#[derive(Clone, Debug)]
struct BoundField {
    place: usize,
    field: Field,
    columns: Vec<Option<usize>>,
    cache: Cache,
    /// Of the field's own zone.
    clock: Option<LocalClock>,
}

impl Map {
    /// Puts the map to a header; an empty one for a file without.
    ///
    /// # Errors
    /// A sentence when a field that every access needs has none of its columns.
    pub fn bind(&self, header: &[String]) -> Result<Bound, String> {
        let names: Vec<String> = header.iter().map(|name| normal(name)).collect();
        let bind = |place: usize, field: &Field| BoundField::new(place, field, &names);
        let bound = Bound {
            fields: self.fields.iter().map(|(place, field)| bind(*place, field)).collect(),
            break_glass: self.break_glass.as_ref().map(|field| bind(BREAK_GLASS_REASON, field)),
            keep: self.keep.as_ref().map(|(field, pattern)| (bind(FIELDS.len(), field), pattern.clone())),
            width: header.len(),
            unmapped: Unmapped::default(),
            missing: Vec::new(),
            unread: Vec::new(),
        };
        let lacks: Vec<&str> = bound.lacking().collect();
        if !lacks.is_empty() {
            return Err(format!("the file has no column for {} of the map {}", lacks.join(", "), self.name));
        }
        let is_unread = |place: usize| !bound.all().any(|field| field.columns.contains(&Some(place)));
        let unread = header.iter().enumerate().filter(|(place, _)| is_unread(*place));
        let unread: Vec<String> = unread.map(|(_, name)| name.clone()).collect();
        let missing = bound.absent();
        Ok(Bound { missing, unread, ..bound })
    }
}

impl Bound {
    /// Reads a row: hands its accesses to `visit` and returns how many. `clock` is the facility's.
    ///
    /// # Errors
    /// What is missing, or cannot be read; `not_applicable` for a row that the map leaves out.
    pub fn read(
        &mut self,
        cells: &[&str],
        clock: &mut LocalClock,
        visit: &mut dyn FnMut(&AccessEvent<'_>),
    ) -> Result<u64, Fault> {
        let surplus = cells.get(self.width..).ok_or_else(|| self.wrong_width(cells.len()))?;
        if self.width > 0 && surplus.iter().any(|cell| !clean(cell).is_empty()) {
            return Err(self.wrong_width(cells.len()));
        }
        if let Some((field, pattern)) = &self.keep
            && !pattern.is_match(&field.text(cells))
        {
            return Err(Fault::new(RejectCode::NotApplicable, "the map leaves such rows out: they are no accesses"));
        }
        let mut row = Texts::default();
        for field in &mut self.fields {
            row.take(field, cells, clock, &mut self.unmapped)?;
        }
        if let Some(field) = &self.break_glass {
            row.break_glass(field.text(cells));
        }
        row.access(clock, visit)
    }

    /// The actions that no pattern of the map knows and that were read as `other`: the most
    /// frequent 1,000, highest count first.
    #[must_use]
    pub fn unmapped(&self) -> Vec<(String, u64)> {
        self.unmapped.list()
    }

    fn all(&self) -> impl Iterator<Item = &BoundField> {
        self.fields.iter().chain(&self.break_glass).chain(self.keep.iter().map(|(field, _)| field))
    }

    /// Names of the required fields that no column can fill.
    fn lacking(&self) -> impl Iterator<Item = &'static str> {
        let has = |places: &[usize]| self.fields.iter().any(|field| places.contains(&field.place) && field.can_fill());
        NEEDED
            .into_iter()
            .filter(move |places| !has(places))
            .filter_map(|places| places.first().and_then(|place| FIELDS.get(*place).copied()))
    }

    /// Columns of the map that the header lacks.
    fn absent(&self) -> Vec<String> {
        let mut names = Vec::new();
        for field in self.all() {
            for (column, found) in field.field.columns.iter().zip(&field.columns) {
                let name = match column {
                    Column::Name(name) => name.clone(),
                    Column::Position(number) => format!("column {number}"),
                };
                if found.is_none() && !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names
    }

    fn wrong_width(&self, found: usize) -> Fault {
        let sentence = format!("the row has {found} cells and the header {}", self.width);
        Fault::new(RejectCode::InvalidCsv, sentence)
    }
}

impl BoundField {
    fn new(place: usize, field: &Field, header: &[String]) -> Self {
        let find = |column: &Column| match column {
            Column::Position(number) => {
                let place = number.checked_sub(1)?;
                (header.is_empty() || place < header.len()).then_some(place)
            }
            Column::Name(name) => {
                let name = normal(name);
                header.iter().position(|column| *column == name)
            }
        };
        let zone = field.times.as_ref().and_then(|times| times.zone.clone());
        Self {
            place,
            columns: field.columns.iter().map(find).collect(),
            field: field.clone(),
            cache: Cache::default(),
            clock: zone.map(LocalClock::new),
        }
    }

    fn can_fill(&self) -> bool {
        let has = |column: &Option<usize>| column.is_some();
        let has_columns = match self.field.take {
            Take::All => self.columns.iter().all(has),
            Take::First | Take::Join => self.columns.iter().any(has),
        };
        !self.field.fallback.is_empty() || has_columns
    }

    /// The field's text in a row; empty = missing.
    fn text<'r>(&'r self, cells: &[&'r str]) -> Cow<'r, str> {
        text(&self.field, &self.columns, cells)
    }
}

fn text<'r>(field: &'r Field, columns: &[Option<usize>], cells: &[&'r str]) -> Cow<'r, str> {
    let mut found = columns.iter().map(|column| match column.and_then(|place| cells.get(place).copied()) {
        Some(cell) if field.split.is_some() => clean(cell),
        Some(cell) => piece(field, cell),
        None => "",
    });
    let text = match field.take {
        Take::First => Cow::Borrowed(found.find(|text| !text.is_empty()).unwrap_or_default()),
        take => {
            let texts: Vec<&str> = found.collect();
            let is_whole = take == Take::Join || !texts.contains(&"");
            let texts: Vec<&str> = texts.into_iter().filter(|text| is_whole && !text.is_empty()).collect();
            Cow::Owned(texts.join(&field.separator))
        }
    };
    if text.is_empty() { Cow::Borrowed(field.fallback.as_str()) } else { text }
}

/// The part of a cell that counts; empty when it says nothing.
fn piece<'r>(field: &Field, cell: &'r str) -> &'r str {
    let picked = match &field.pick {
        Some(pick) => clean(cell).split(pick.separator.as_str()).nth(pick.piece.saturating_sub(1)).unwrap_or_default(),
        None => cell,
    };
    let text = clean(clean(picked).trim_matches(|character: char| field.trim.contains(character)));
    if field.missing.iter().any(|missing| missing == text) { "" } else { text }
}

/// The patients in one cell.
fn patients<'r>(field: &Field, text: Cow<'r, str>) -> Vec<Cow<'r, str>> {
    let Some(separator) = field.split.as_deref() else { return vec![text] };
    let has_text = |text: &&str| !text.is_empty();
    match text {
        Cow::Borrowed(text) => {
            text.split(separator).map(|part| piece(field, part)).filter(has_text).map(Cow::Borrowed).collect()
        }
        Cow::Owned(text) => {
            let parts = text.split(separator).map(|part| piece(field, part)).filter(has_text);
            parts.map(|part| Cow::Owned(part.to_owned())).collect()
        }
    }
}

/// The canonical texts of a row.
#[derive(Default)]
struct Texts<'r> {
    texts: [Cow<'r, str>; FIELDS.len()],
    occurred_at: Option<Timestamp>,
    recorded_at: Option<Timestamp>,
    /// Patients after the first.
    others: Vec<Cow<'r, str>>,
    /// An action that nobody knows.
    unmapped: Cow<'r, str>,
}

impl<'r> Texts<'r> {
    /// Reads one field of a row.
    fn take(
        &mut self,
        bound: &'r mut BoundField,
        cells: &[&'r str],
        clock: &mut LocalClock,
        unmapped: &mut Unmapped,
    ) -> Result<(), Fault> {
        let BoundField { place, field, columns, cache, clock: own } = bound;
        let place = *place;
        let field: &'r Field = field;
        let text = text(field, columns, cells);
        if text.is_empty() {
            return Ok(());
        }
        if let Some(times) = &field.times {
            let at = instant(times, &text, clock, own.as_mut()).ok_or_else(|| wrong_time(place, times))?;
            if place == OCCURRED_AT {
                self.occurred_at = Some(at);
            } else {
                self.recorded_at = Some(at);
            }
            return Ok(());
        }
        if place == PATIENT_ID {
            let mut found = patients(field, text).into_iter();
            self.set(place, found.next().unwrap_or_default());
            self.others = found.collect();
            return Ok(());
        }
        let word = if field.values.is_empty() { None } else { cache.find(&field.values, &text) };
        match (word, place) {
            (Some(word), _) => self.set(place, Cow::Borrowed(word)),
            (None, ACTION) if Action::from_name(&text).is_none() => {
                unmapped.add(&text);
                self.unmapped = text;
                self.set(place, Cow::Borrowed(Action::Other.name()));
            }
            (None, OUTCOME) if Outcome::from_name(&text).is_none() => {}
            (None, SEARCH_TEXT_KIND) if SearchTextKind::from_name(&text).is_none() => {}
            (None, _) => self.set(place, text),
        }
        Ok(())
    }

    fn set(&mut self, place: usize, text: Cow<'r, str>) {
        if let Some(slot) = self.texts.get_mut(place) {
            *slot = text;
        }
    }

    /// Takes what stands in the column of break-glass.
    fn break_glass(&mut self, text: Cow<'r, str>) {
        let flag = read_bool(&text);
        if text.is_empty() || flag == Some(false) {
            return;
        }
        self.set(ACTION, Cow::Borrowed(Action::BreakGlass.name()));
        if flag.is_none() && self.texts[BREAK_GLASS_REASON].is_empty() {
            self.set(BREAK_GLASS_REASON, text);
        }
    }

    /// Hands the accesses of the row to `visit`.
    fn access(mut self, clock: &mut LocalClock, visit: &mut dyn FnMut(&AccessEvent<'_>)) -> Result<u64, Fault> {
        if self.texts[RESOURCE].is_empty() {
            self.texts[RESOURCE] = std::mem::take(&mut self.unmapped);
        }
        let occurred_at = self.occurred_at.or(self.recorded_at);
        let mut row = Row { occurred_at, recorded_at: self.recorded_at, ..Row::default() };
        for (slot, text) in row.text.iter_mut().zip(&self.texts) {
            *slot = text;
        }
        let mut event = canonical::event(&row, clock)?;
        if self.others.is_empty() {
            visit(&event);
            return Ok(1);
        }
        if clean(&self.texts[EVENT_ID]).is_empty() {
            event.event_id = Cow::Borrowed("");
        }
        let others = self.others.iter().map(|patient| Cow::Borrowed(patient.as_ref())).collect();
        Ok(for_each_patient(event, others, visit))
    }
}

/// The instant of a text, by the field's own clock or the facility's.
fn instant(times: &Times, text: &str, clock: &mut LocalClock, own: Option<&mut LocalClock>) -> Option<Timestamp> {
    match times.formats.iter().find_map(|format| format.read(text))? {
        Written::Absolute(at) => Some(at),
        Written::Local(micros) => match own {
            None => clock.local(micros),
            Some(own) => {
                let at = own.local(micros);
                clock.repeated += std::mem::take(&mut own.repeated);
                clock.skipped += std::mem::take(&mut own.skipped);
                at
            }
        },
    }
}

fn wrong_time(place: usize, times: &Times) -> Fault {
    let formats: Vec<&str> = times.formats.iter().map(TimeFormat::name).collect();
    let field = FIELDS.get(place).copied().unwrap_or_default();
    Fault::invalid(field, &format!("a time in the format {}", formats.join(" or ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_the_canonical_fields() {
        for (place, name) in [
            (EVENT_ID, "event_id"),
            (OCCURRED_AT, "occurred_at"),
            (RECORDED_AT, "recorded_at"),
            (USER_ID, "user_id"),
            (PATIENT_ID, "patient_id"),
            (ACTION, "action"),
            (RESOURCE, "resource"),
            (BREAK_GLASS_REASON, "break_glass_reason"),
            (OUTCOME, "outcome"),
            (SEARCH_TEXT_KIND, "search_text_kind"),
        ] {
            assert_eq!(FIELDS[place], name);
        }
    }
}
