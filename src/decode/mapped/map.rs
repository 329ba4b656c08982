//! A column map: how the columns of one export become canonical fields. TOML, checked as a whole.
//!
//! | key | meaning |
//! |---|---|
//! | `name`, `title`, `source` | how it is called, what it reads, where its columns are known from |
//! | `match` | columns that a file must have to be recognised |
//! | `[file]` | `delimiter` `quote` `has_header` `encoding` `comment`; `missing` = texts that say nothing |
//! | `[fields.NAME]` | a canonical field: `columns` by name or number from 1, or `constant` |
//! | `take` | `first` column with a value, `join` of those with one, or `all` joined, else none |
//! | `separator` | between joined values; a space when not given |
//! | `pick` | a piece of the cell, such as `{ separator = "^", piece = 1 }` |
//! | `trim` | characters to take off both ends of a cell |
//! | `split` | patients only: the text between several in one cell |
//! | `values` | `{ match, value }` tried in order, see [`super::value`] |
//! | `format`, `zone` | times only, see [`super::time`]; `local` (the facility's), `utc` or an IANA name |
//! | `default` | the value where there is none; `missing` = more texts that say nothing |
//! | `[break_glass]` | as a field: any value but a no makes the access a break-glass and is its reason |
//! | `[keep]` | `columns` and `match`: other rows are not about access and are left out |

use std::collections::BTreeMap;

use serde::Deserialize;

use super::text::{Encoding, FileForm};
use super::time::TimeFormat;
use super::value::{Pattern, ValueRule};
use crate::decode::canonical::FIELDS;
use crate::model::access::{Action, Outcome, SearchTextKind};
use crate::model::time::Zone;

/// A column map, checked. [`Map::bind`] puts it to a header.
#[derive(Clone, Debug)]
pub struct Map {
    /// Its name on the command line: the stem of its file.
    pub name: String,
    /// What it reads, in a few words.
    pub title: String,
    /// Which system and which document the columns come from, and how far that is proven.
    pub source: String,
    /// Columns that a file must have to be recognised; empty = never recognised by itself.
    pub matches: Vec<String>,
    /// How rows stand in the file.
    pub file: FileForm,
    /// Each with its place in [`FIELDS`].
    pub(super) fields: Vec<(usize, Field)>,
    pub(super) break_glass: Option<Field>,
    pub(super) keep: Option<(Field, Pattern)>,
}

/// A column of the file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Column {
    /// Counted from 1.
    Position(usize),
    /// In any case; blanks, underscores and dashes do not count.
    Name(String),
}

/// What becomes of several columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Take {
    /// The first that has a value.
    #[default]
    First,
    /// Those that have one, joined.
    Join,
    /// Joined when each has one.
    All,
}

/// A piece of a cell.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pick {
    pub(super) separator: String,
    /// Counted from 1.
    pub(super) piece: usize,
}

/// Formats of a time, tried in order, and the zone of those without an offset; none = the
/// facility's.
#[derive(Clone, Debug)]
pub(super) struct Times {
    pub(super) formats: Vec<TimeFormat>,
    pub(super) zone: Option<Zone>,
}

/// How one field is read.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) columns: Vec<Column>,
    pub(super) take: Take,
    pub(super) separator: String,
    /// The value in every row, or where there is none.
    pub(super) fallback: String,
    pub(super) pick: Option<Pick>,
    pub(super) trim: String,
    pub(super) split: Option<String>,
    pub(super) missing: Vec<String>,
    pub(super) values: Vec<ValueRule>,
    pub(super) times: Option<Times>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMap {
    name: String,
    title: String,
    source: String,
    #[serde(default, rename = "match")]
    matches: Vec<String>,
    #[serde(default)]
    file: RawFile,
    #[serde(default)]
    fields: BTreeMap<String, RawField>,
    break_glass: Option<RawField>,
    keep: Option<RawKeep>,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawFile {
    delimiter: String,
    quote: String,
    has_header: bool,
    encoding: Encoding,
    comment: Vec<String>,
    missing: Vec<String>,
}

impl Default for RawFile {
    fn default() -> Self {
        Self {
            delimiter: "auto".to_owned(),
            quote: "\"".to_owned(),
            has_header: true,
            encoding: Encoding::Utf8,
            comment: Vec::new(),
            missing: Vec::new(),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawField {
    columns: Vec<Column>,
    take: Take,
    separator: Option<String>,
    constant: Option<String>,
    default: Option<String>,
    pick: Option<Pick>,
    trim: String,
    split: Option<String>,
    missing: Vec<String>,
    values: Vec<RawRule>,
    format: Option<Texts>,
    zone: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    #[serde(rename = "match")]
    pattern: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKeep {
    columns: Vec<Column>,
    #[serde(rename = "match")]
    pattern: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Texts {
    One(String),
    Many(Vec<String>),
}

impl Map {
    /// Reads a map from TOML; `name` is the file's, for the words about what is wrong.
    ///
    /// # Errors
    /// Everything that is wrong, each with its place and what to do.
    pub fn parse(name: &str, text: &str) -> Result<Self, Vec<String>> {
        let raw: RawMap = toml::from_str(text).map_err(|error| vec![syntax(name, text, &error)])?;
        let mut check = Check { file: name, problems: Vec::new(), missing: &raw.file.missing };
        let form = check.form(&raw.file);
        let mut fields = Vec::new();
        for (key, field) in raw.fields {
            match FIELDS.iter().position(|known| *known == key) {
                Some(place) => fields.push((place, check.field(&format!("fields.{key}"), &key, field))),
                None => check.add(&format!("fields.{key}"), &format!("no such field{}", nearest(&key, &FIELDS))),
            }
        }
        fields.sort_by_key(|(place, _)| *place);
        let break_glass = raw.break_glass.map(|field| check.field("break_glass", "break_glass_reason", field));
        let keep = raw.keep.and_then(|keep| check.keep(keep));
        let kept = keep.iter().map(|(field, _)| field);
        let all = fields.iter().map(|(_, field)| field).chain(&break_glass).chain(kept);
        let has_names = all.flat_map(|field| &field.columns).any(|column| matches!(column, Column::Name(_)));
        if has_names && !form.has_header {
            check.add("file.has_header", "without a header, columns must be numbers counted from 1");
        }
        check.required(&fields);
        if !check.problems.is_empty() {
            return Err(check.problems);
        }
        let RawMap { name, title, source, matches, .. } = raw;
        Ok(Self { name, title, source, matches, file: form, fields, break_glass, keep })
    }
}

/// Collects what is wrong in a map.
struct Check<'a> {
    file: &'a str,
    problems: Vec<String>,
    missing: &'a [String],
}

impl Check<'_> {
    fn add(&mut self, key: &str, sentence: &str) {
        self.problems.push(format!("{}: {key}: {sentence}", self.file));
    }

    fn form(&mut self, raw: &RawFile) -> FileForm {
        let delimiter = (!raw.delimiter.eq_ignore_ascii_case("auto"))
            .then(|| self.character("file.delimiter", &raw.delimiter, "\"auto\" or one character, such as \"|\""));
        let quote = (!raw.quote.is_empty())
            .then(|| self.character("file.quote", &raw.quote, "one character, or nothing between quotes"));
        if raw.comment.iter().any(String::is_empty) {
            self.add("file.comment", "an empty text would leave out every line; write how such lines begin");
        }
        FileForm {
            delimiter: delimiter.flatten(),
            quote: quote.flatten(),
            has_header: raw.has_header,
            encoding: raw.encoding,
            comment: raw.comment.clone(),
        }
    }

    fn character(&mut self, key: &str, text: &str, expected: &str) -> Option<char> {
        let mut characters = text.chars();
        let found = characters.next().filter(|first| first.is_ascii() && *first != '\n');
        if found.is_none() || characters.next().is_some() {
            self.add(key, &format!("expected {expected}"));
        }
        found
    }

    fn field(&mut self, key: &str, name: &str, raw: RawField) -> Field {
        if raw.columns.is_empty() && raw.constant.is_none() {
            self.add(key, "names neither columns nor a constant; write columns = [\"...\"]");
        }
        if raw.columns.contains(&Column::Position(0)) || raw.pick.as_ref().is_some_and(|pick| pick.piece == 0) {
            self.add(key, "columns and pieces are counted from 1");
        }
        let separators = [raw.split.as_ref(), raw.pick.as_ref().map(|pick| &pick.separator)];
        if separators.into_iter().flatten().any(String::is_empty) {
            self.add(key, "the separator of pick or split is empty");
        }
        if raw.split.is_some() && name != "patient_id" {
            self.add(key, "only patient_id can be split into several");
        }
        let values = raw.values.iter().filter_map(|rule| self.rule(key, name, rule)).collect();
        let times = self.times(key, name, raw.format, raw.zone.as_deref());
        Field {
            columns: raw.columns,
            take: raw.take,
            separator: raw.separator.unwrap_or_else(|| " ".to_owned()),
            fallback: raw.constant.or(raw.default).unwrap_or_default(),
            pick: raw.pick,
            trim: raw.trim,
            split: raw.split,
            missing: self.missing.iter().cloned().chain(raw.missing).collect(),
            values,
            times,
        }
    }

    fn rule(&mut self, key: &str, name: &str, raw: &RawRule) -> Option<ValueRule> {
        let known: Vec<&str> = match name {
            "action" => Action::ALL.map(Action::name).to_vec(),
            "outcome" => Outcome::ALL.map(Outcome::name).to_vec(),
            "search_text_kind" => SearchTextKind::ALL.map(SearchTextKind::name).to_vec(),
            _ => vec![raw.value.as_str()],
        };
        if !known.iter().any(|word| *word == raw.value) {
            let hint = nearest(&raw.value, &known);
            self.add(key, &format!("value \"{}\" is none of {}{hint}", raw.value, known.join(", ")));
        }
        let pattern = Pattern::parse(&raw.pattern);
        if pattern.is_none() {
            self.add(key, &format!("match \"{}\" has an empty alternative; write * for any text", raw.pattern));
        }
        pattern.map(|pattern| ValueRule { pattern, value: raw.value.clone() })
    }

    fn times(&mut self, key: &str, name: &str, format: Option<Texts>, zone: Option<&str>) -> Option<Times> {
        if !matches!(name, "occurred_at" | "recorded_at") {
            if format.is_some() || zone.is_some() {
                self.add(key, "only times have a format and a zone");
            }
            return None;
        }
        let names = match format {
            None => vec!["iso".to_owned()],
            Some(Texts::One(name)) => vec![name],
            Some(Texts::Many(names)) => names,
        };
        let mut formats = Vec::new();
        for name in &names {
            match TimeFormat::parse(name) {
                Some(format) => formats.push(format),
                None => {
                    let named = TimeFormat::NAMED;
                    let known: Vec<&str> = named.iter().map(TimeFormat::name).collect();
                    let (list, hint) = (known.join(", "), nearest(name, &known));
                    let sentence = format!("format \"{name}\" is none of {list}, nor a strftime date and time{hint}");
                    self.add(key, &sentence);
                }
            }
        }
        let zone = match zone {
            None => None,
            Some(name) if name.eq_ignore_ascii_case("local") => None,
            Some(name) if name.eq_ignore_ascii_case("utc") => Some(Zone::utc()),
            Some(name) => Zone::named(name).map_err(|sentence| self.add(key, &sentence)).ok(),
        };
        Some(Times { formats, zone })
    }

    fn keep(&mut self, raw: RawKeep) -> Option<(Field, Pattern)> {
        let pattern = Pattern::parse(&raw.pattern);
        if pattern.is_none() {
            self.add("keep.match", "has an empty alternative; write * for any text");
        }
        let field = self.field("keep", "keep", RawField { columns: raw.columns, ..RawField::default() });
        pattern.map(|pattern| (field, pattern))
    }

    fn required(&mut self, fields: &[(usize, Field)]) {
        let has = |name: &str| fields.iter().any(|(place, _)| FIELDS.get(*place) == Some(&name));
        let lacks: Vec<&str> = [
            ("occurred_at", has("occurred_at") || has("recorded_at")),
            ("user_id", has("user_id")),
            ("action", has("action")),
        ]
        .into_iter()
        .filter_map(|(name, has)| (!has).then_some(name))
        .collect();
        for name in lacks {
            self.add("fields", &format!("{name} is missing; add [fields.{name}] with its columns"));
        }
    }
}

/// A TOML error as a sentence with its line and the nearest known key.
fn syntax(name: &str, text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let message = error.message();
    let words: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let hint = match words.split_first() {
        Some((word, known)) if message.starts_with("unknown") => nearest(word, known),
        _ => String::new(),
    };
    format!("{name}:{line}: {message}{hint}")
}

/// The end of a sentence that names the entry of `known` spelled most like `word`.
fn nearest(word: &str, known: &[&str]) -> String {
    let best = known.iter().min_by_key(|candidate| strsim::damerau_levenshtein(word, candidate));
    best.map(|best| format!("; did you mean {best}?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "name = 'x'\ntitle = 'X'\nsource = 'invented'\n[fields.occurred_at]\ncolumns = ['When']\n\
                         [fields.user_id]\ncolumns = ['Who']\n[fields.action]\nconstant = 'view'\n";

    /// What is wrong with the least map and some more lines.
    fn problems(more: &str) -> String {
        Map::parse("x.toml", &format!("{LEAST}{more}")).map(|_| ()).unwrap_err().join("\n")
    }

    #[test]
    fn three_fields_make_a_map() {
        let map = Map::parse("x.toml", LEAST).unwrap();
        assert_eq!((map.name.as_str(), map.fields.len(), map.file), ("x", 3, FileForm::default()));
    }

    #[test]
    fn a_wrong_field_name_is_refused_with_the_nearest() {
        let found = problems("[fields.patient]\ncolumns = ['P']\n");
        assert_eq!(found, "x.toml: fields.patient: no such field; did you mean patient_id?");
    }

    #[test]
    fn a_wrong_key_is_refused_with_its_line_and_the_nearest() {
        let found = problems("[fields.patient_id]\ncolums = ['P']\n");
        assert!(found.starts_with("x.toml:11: unknown field `colums`"), "{found}");
        assert!(found.ends_with("did you mean columns?"), "{found}");
    }

    #[test]
    fn each_mistake_is_named() {
        for (more, part) in [
            ("values = [{ match = '*', value = 'veiw' }]", "did you mean view?"),
            ("values = [{ match = 'a||b', value = 'view' }]", "empty alternative"),
            ("format = 'iso'", "only times"),
            ("split = ';'", "only patient_id"),
            ("[fields.recorded_at]\ncolumns = ['R']\nformat = 'amercian'", "none of iso, us"),
            ("[fields.recorded_at]\ncolumns = ['R']\nzone = 'Mars'", "unknown time zone"),
            ("[fields.purpose]", "neither columns nor a constant"),
            ("[fields.purpose]\ncolumns = [0]", "counted from 1"),
            ("[file]\nhas_header = false", "columns must be numbers"),
            ("[file]\ndelimiter = '||'", "one character"),
            ("[file]\nencoding = 'ebcdic'", "did you mean"),
        ] {
            let found = problems(more);
            assert!(found.contains(part), "{more}: {found}");
        }
    }

    #[test]
    fn missing_required_fields_are_all_named() {
        let found = Map::parse("x.toml", "name = 'x'\ntitle = 'X'\nsource = 's'\n").unwrap_err();
        assert_eq!(found.len(), 3);
        assert!(found[0].contains("[fields.occurred_at]"), "{found:?}");
    }
}
