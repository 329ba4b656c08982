//! An identity crosswalk: the ids under which different systems know one user or one patient.
//!
//! CSV with a header, or NDJSON, in one of two forms; other columns are left alone:
//!
//! | form | columns | says |
//! |---|---|---|
//! | long | `kind` (user or patient), `id`, `alias` | `alias` means `id`, which may be an alias itself |
//! | wide | `user_id` and any of `account_id`, `employee_id`, `npi`, `login`, `email` | each means `user_id` |
//! | wide | `patient_id` and any of `mrn`, `enterprise_id`, `fhir_id` | each means `patient_id` |
//!
//! A `fhir_id` is also known as `Patient/<fhir_id>`. In a wide cell several values are separated by `|`. User ids are compared without regard to
//! ASCII case, patient ids exactly. A crosswalk that contradicts itself is an error and never a
//! guess, because a wrong one would blame one person for what another did.

use std::borrow::Cow;
use std::hash::Hasher;

use hashbrown::HashTable;
use memchr::memchr_iter;
use rustc_hash::FxHasher;
use thiserror::Error;

use super::canonical::ndjson::{list, not_json, scalar};
use super::csv::{Broken, Cell, read_record};
use super::json::{Members, Value, skip_space};
use super::rows::not_utf8;
use super::{Fault, clean};
use crate::model::reject::RejectCode;

const LONG: [&str; 3] = ["kind", "id", "alias"];
const USER_ALIASES: [&str; 5] = ["account_id", "employee_id", "npi", "login", "email"];
const FHIR_ID: &str = "fhir_id";
const PATIENT_ALIASES: [&str; 3] = ["mrn", "enterprise_id", FHIR_ID];
/// The wide form: whose ids, the column of the id, the columns of its aliases.
const WIDE: [(Kind, &str, &[&str]); 2] =
    [(Kind::User, "user_id", &USER_ALIASES), (Kind::Patient, "patient_id", &PATIENT_ALIASES)];

/// Why a crosswalk cannot be used. No sentence holds an id.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {}", .fault.sentence)]
pub struct CrosswalkError {
    /// The line, from 1, of the record at fault.
    pub line: u64,
    pub fault: Fault,
}

#[derive(Clone, Copy)]
enum Kind {
    User,
    Patient,
}

/// Which id each alias means.
#[derive(Debug, Default)]
pub struct Crosswalk {
    users: Names,
    patients: Names,
}

impl Crosswalk {
    /// Reads a file that is not compressed.
    ///
    /// # Errors
    /// The first record that cannot be read or contradicts another, and aliases in a circle.
    pub fn read(file: &[u8]) -> Result<Self, CrosswalkError> {
        let text = std::str::from_utf8(file).map_err(|error| {
            let before = file.get(..error.valid_up_to()).unwrap_or_default();
            CrosswalkError { line: 1 + lines(before), fault: not_utf8() }
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut drafts = Drafts::new();
        match text.trim_start().as_bytes().first() {
            None => {
                let fault = Fault::new(RejectCode::MissingField, "the crosswalk is empty");
                return Err(CrosswalkError { line: 1, fault });
            }
            Some(b'{') => drafts.read_ndjson(text)?,
            Some(_) => drafts.read_csv(text)?,
        }
        Ok(Self { users: drafts.users.finish()?, patients: drafts.patients.finish()? })
    }

    /// Whether another one was read from the same rows in the same order.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        let same = |one: &Names, other: &Names| one.texts == other.texts && one.targets == other.targets;
        same(&self.users, &other.users) && same(&self.patients, &other.patients)
    }

    /// How many aliases stand for another id: of users, of patients.
    #[must_use]
    pub fn aliases(&self) -> [usize; 2] {
        [&self.users, &self.patients].map(|names| (0..names.texts.len()).filter_map(|index| names.next(index)).count())
    }

    /// The user's canonical id, or `text` itself when it is no alias.
    #[must_use]
    pub fn user<'a>(&'a self, text: &'a str) -> &'a str {
        self.users.canonical(text).unwrap_or(text)
    }

    /// The patient's canonical id, or `text` itself when it is no alias.
    #[must_use]
    pub fn patient<'a>(&'a self, text: &'a str) -> &'a str {
        self.patients.canonical(text).unwrap_or(text)
    }
}

/// Ids and aliases by number, and the number of the id that each means: its own when it is one.
#[derive(Debug, Default)]
struct Names {
    ignores_case: bool,
    texts: Vec<Box<str>>,
    targets: Vec<u32>,
    table: HashTable<u32>,
}

impl Names {
    fn canonical(&self, text: &str) -> Option<&str> {
        let target = self.targets.get(self.find(text)?)?;
        self.texts.get(*target as usize).map(AsRef::as_ref)
    }

    fn find(&self, text: &str) -> Option<usize> {
        if self.texts.is_empty() {
            return None;
        }
        let is_same = |index: &u32| {
            let known = self.texts.get(*index as usize).map_or("", AsRef::as_ref);
            known == text || (self.ignores_case && known.eq_ignore_ascii_case(text))
        };
        self.table.find(hash(text, self.ignores_case), is_same).map(|index| *index as usize)
    }

    /// The number of a text, given out now when it is new.
    fn intern(&mut self, text: &str) -> usize {
        if let Some(index) = self.find(text) {
            return index;
        }
        let index = self.texts.len();
        let number = u32::try_from(index).unwrap_or(u32::MAX);
        self.texts.push(text.into());
        self.targets.push(number);
        let (texts, ignores_case) = (&self.texts, self.ignores_case);
        let hash_of = |index: &u32| hash(texts.get(*index as usize).map_or("", AsRef::as_ref), ignores_case);
        self.table.insert_unique(hash(text, ignores_case), number, hash_of);
        index
    }

    /// What the text of this number means, one step on; `None` when it is an id.
    fn next(&self, index: usize) -> Option<usize> {
        self.targets.get(index).map(|target| *target as usize).filter(|target| *target != index)
    }
}

fn hash(text: &str, ignores_case: bool) -> u64 {
    let mut hasher = FxHasher::default();
    if ignores_case {
        text.bytes().for_each(|byte| hasher.write_u8(byte.to_ascii_lowercase()));
    } else {
        hasher.write(text.as_bytes());
    }
    hasher.finish()
}

/// The names of one kind while they are read. The lines stand beside the names.
#[derive(Default)]
struct Draft {
    names: Names,
    /// Where a name was said to be an alias; 0 = nowhere.
    alias_lines: Vec<u64>,
    /// Where a wide row was said to be this name's; 0 = nowhere.
    id_lines: Vec<u64>,
}

impl Draft {
    fn intern(&mut self, text: &str) -> usize {
        let index = self.names.intern(text);
        self.alias_lines.resize(self.names.texts.len(), 0);
        self.id_lines.resize(self.names.texts.len(), 0);
        index
    }

    /// Takes the id of a wide row.
    fn add_id(&mut self, id: &str, line: u64) {
        let index = self.intern(id);
        self.id_lines[index] = line;
    }

    fn add_alias(&mut self, alias: &str, id: &str, line: u64) -> Result<(), Fault> {
        // The id's own spelling comes first.
        let to = self.intern(id);
        let from = self.intern(alias);
        if from == to {
            return Ok(());
        }
        if self.names.next(from).is_some_and(|other| other != to) {
            let earlier = self.alias_lines[from];
            let sentence =
                format!("an alias means two ids: line {earlier} gives it another; keep one of the two lines");
            return Err(Fault::new(RejectCode::InvalidValue, sentence));
        }
        self.names.targets[from] = u32::try_from(to).unwrap_or(u32::MAX);
        self.alias_lines[from] = line;
        Ok(())
    }

    /// Lets every alias mean its id at once.
    fn finish(mut self) -> Result<Names, CrosswalkError> {
        self.check_ids()?;
        let mut states = vec![State::New; self.names.texts.len()];
        let mut path = Vec::new();
        for start in 0..states.len() {
            let mut at = start;
            while let (State::New, Some(next)) = (states[at], self.names.next(at)) {
                states[at] = State::OnPath;
                path.push(at);
                at = next;
            }
            if matches!(states[at], State::OnPath) {
                return Err(self.circle(path.into_iter().skip_while(|index| *index != at)));
            }
            let id = self.names.targets[at];
            for index in path.drain(..) {
                self.names.targets[index] = id;
                states[index] = State::Done;
            }
        }
        Ok(self.names)
    }

    /// In a wide file each row is one person. An alias that is the id of another row would merge two.
    fn check_ids(&self) -> Result<(), CrosswalkError> {
        for (alias, id) in self.alias_lines.iter().zip(&self.id_lines) {
            if *alias > 0 && *id > 0 {
                let sentence = format!(
                    "an alias in line {alias} is the id of line {id}: make one row of the two, or take the alias out"
                );
                let fault = Fault::new(RejectCode::InvalidValue, sentence);
                return Err(CrosswalkError { line: *alias.max(id), fault });
            }
        }
        Ok(())
    }

    fn circle(&self, members: impl Iterator<Item = usize>) -> CrosswalkError {
        let line = members.map(|index| self.alias_lines[index]).max().unwrap_or_default();
        let sentence = "aliases go in a circle, which this line closes; take one of its lines out";
        CrosswalkError { line, fault: Fault::new(RejectCode::InvalidValue, sentence) }
    }
}

#[derive(Clone, Copy)]
enum State {
    New,
    OnPath,
    Done,
}

/// A column of a record and its text.
type Field<'a> = (&'a str, Cow<'a, str>);

/// The text of a column; `None` when the record has no such column.
fn field<'f>(fields: &'f [Field<'_>], name: &str) -> Option<&'f str> {
    fields.iter().find(|(column, _)| column.eq_ignore_ascii_case(name)).map(|(_, text)| clean(text))
}

/// Both kinds while they are read.
struct Drafts {
    users: Draft,
    patients: Draft,
}

impl Drafts {
    fn new() -> Self {
        let names = Names { ignores_case: true, ..Names::default() };
        Self { users: Draft { names, ..Draft::default() }, patients: Draft::default() }
    }

    fn of(&mut self, kind: Kind) -> &mut Draft {
        match kind {
            Kind::User => &mut self.users,
            Kind::Patient => &mut self.patients,
        }
    }

    fn read_csv(&mut self, text: &str) -> Result<(), CrosswalkError> {
        let bytes = text.as_bytes();
        let start = skip_space(bytes, 0);
        let mut line = 1 + lines(bytes.get(..start).unwrap_or_default());
        let mut cells = Vec::new();
        // The number of cells is not known before the header has been read once.
        read_record(bytes, start, 0, &mut cells);
        let width = cells.len();
        let mut record = read_record(bytes, start, width, &mut cells);
        let header: Vec<String> = cells.iter().map(|cell| clean(&cell.text(text)).to_owned()).collect();
        let fault = check_header(&header).err().or(record.broken.map(|broken| broken_row(broken, width)));
        let mut at = start;
        if let Some(fault) = fault {
            return Err(CrosswalkError { line, fault });
        }
        loop {
            line += lines(bytes.get(at..record.next).unwrap_or_default());
            at = record.next;
            if at >= bytes.len() {
                return Ok(());
            }
            record = read_record(bytes, at, width, &mut cells);
            if bytes.get(at..record.end).is_some_and(|row| row.trim_ascii().is_empty()) {
                continue;
            }
            let taken = match record.broken {
                Some(broken) => Err(broken_row(broken, width)),
                None => self.take(&row(text, &header, &cells), line),
            };
            taken.map_err(|fault| CrosswalkError { line, fault })?;
        }
    }

    fn read_ndjson(&mut self, text: &str) -> Result<(), CrosswalkError> {
        for (line, text) in (1..).zip(text.lines()) {
            if !text.trim().is_empty() {
                let taken = object(text).and_then(|fields| self.take(&fields, line));
                taken.map_err(|fault| CrosswalkError { line, fault })?;
            }
        }
        Ok(())
    }

    fn take(&mut self, fields: &[Field<'_>], line: u64) -> Result<(), Fault> {
        let has = |name: &str| field(fields, name).is_some();
        let is_wide = WIDE.iter().any(|(_, id_column, _)| has(id_column));
        if has("alias") || (has("kind") && !is_wide) {
            return self.take_long(fields, line);
        }
        for (kind, id_column, aliases) in WIDE {
            let Some(id) = field(fields, id_column) else { continue };
            let draft = self.of(kind);
            if !id.is_empty() {
                draft.add_id(id, line);
            }
            for (column, text) in aliases.iter().filter_map(|alias| Some((*alias, field(fields, alias)?))) {
                for alias in text.split('|').map(clean).filter(|alias| !alias.is_empty()) {
                    if id.is_empty() {
                        return Err(Fault::missing(id_column));
                    }
                    draft.add_alias(alias, id, line)?;
                    // As references write it.
                    if column == FHIR_ID && !alias.contains('/') {
                        draft.add_alias(&format!("Patient/{alias}"), id, line)?;
                    }
                }
            }
        }
        if is_wide { Ok(()) } else { Err(foreign()) }
    }

    fn take_long(&mut self, fields: &[Field<'_>], line: u64) -> Result<(), Fault> {
        let required = |name: &'static str| {
            field(fields, name).filter(|text| !text.is_empty()).ok_or_else(|| Fault::missing(name))
        };
        let kind = match required("kind")? {
            kind if kind.eq_ignore_ascii_case("user") => Kind::User,
            kind if kind.eq_ignore_ascii_case("patient") => Kind::Patient,
            _ => return Err(Fault::invalid("kind", "user or patient")),
        };
        self.of(kind).add_alias(required("alias")?, required("id")?, line)
    }
}

/// Refuses the header of a file that is no crosswalk.
fn check_header(header: &[String]) -> Result<(), Fault> {
    let has = |name: &str| header.iter().any(|column| column.eq_ignore_ascii_case(name));
    let is_long = LONG.iter().all(|name| has(name));
    let is_wide = WIDE.iter().any(|(_, id, aliases)| has(id) && aliases.iter().any(|alias| has(alias)));
    if is_long || is_wide { Ok(()) } else { Err(foreign()) }
}

fn foreign() -> Fault {
    let sentence = format!(
        "no crosswalk: expected kind, id and alias; or user_id and any of {}; or patient_id and any of {}",
        USER_ALIASES.join(", "),
        PATIENT_ALIASES.join(", ")
    );
    Fault::new(RejectCode::UnknownType, sentence)
}

fn broken_row(broken: Broken, width: usize) -> Fault {
    let sentence = match broken {
        Broken::CellCount(count) => format!("the row has {count} cells and the header {width}"),
        Broken::UnclosedQuote | Broken::TextAfterQuote => "a quoted cell does not end as it should".to_owned(),
    };
    Fault::new(RejectCode::InvalidCsv, sentence)
}

fn row<'a>(text: &'a str, header: &'a [String], cells: &[Cell]) -> Vec<Field<'a>> {
    header.iter().zip(cells).map(|(name, cell)| (name.as_str(), cell.text(text))).collect()
}

/// The columns of a crosswalk in a JSON object.
fn object(text: &str) -> Result<Vec<Field<'_>>, Fault> {
    let mut members = Members::new(text).map_err(|_| not_json(text))?;
    let mut fields = Vec::new();
    while let Some((key, value)) = members.next_member().map_err(|_| not_json(text))? {
        let Some((name, is_wide_alias)) = column(&key) else { continue };
        let text = match value {
            value @ Value::Nested(_) if is_wide_alias => Cow::Owned(list(name, value)?.join("|")),
            value => scalar(name, value)?,
        };
        fields.push((name, text));
    }
    Ok(fields)
}

/// The column that a member's name means, and whether it may hold several values.
fn column(key: &str) -> Option<(&'static str, bool)> {
    let is_key = |name: &&str| name.eq_ignore_ascii_case(key);
    let id = LONG.into_iter().chain(["user_id", "patient_id"]).find(is_key).map(|name| (name, false));
    id.or_else(|| USER_ALIASES.into_iter().chain(PATIENT_ALIASES).find(is_key).map(|name| (name, true)))
}

fn lines(bytes: &[u8]) -> u64 {
    memchr_iter(b'\n', bytes).count() as u64
}

#[cfg(test)]
mod tests;
