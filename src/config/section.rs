//! Reads one table of a configuration, key by key, and notices what was never asked for.

use std::str::FromStr;

use super::problem::{Problems, nearest};
use super::raw::{Node, Table, Value};
use super::secret::SecretRef;
use crate::model::span::Span;

/// The longest span that any key takes: far beyond every use, far below the range of an instant.
const LONGEST: Span = Span::days(3660);

/// A table that is being read. Missing tables read as empty ones.
pub(super) struct Section<'a> {
    path: String,
    line: Option<usize>,
    table: Option<&'a Table>,
    asked: Vec<String>,
    problems: &'a Problems,
}

impl<'a> Section<'a> {
    /// The document itself.
    pub(super) fn root(table: &'a Table, problems: &'a Problems) -> Self {
        Self { path: String::new(), line: None, table: Some(table), asked: Vec::new(), problems }
    }

    pub(super) const fn problems(&self) -> &'a Problems {
        self.problems
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The entries, when the table is there.
    pub(super) const fn table(&self) -> Option<&'a Table> {
        self.table
    }

    /// The full path of a key of this table.
    pub(super) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The line that sets a key, or else the table's own.
    pub(super) fn line_of(&self, key: &str) -> Option<usize> {
        self.table.and_then(|table| table.get(key)).map(|node| node.line).or(self.line)
    }

    /// Adds a problem at a key of this table.
    pub(super) fn complain(&self, key: &str, found: impl Into<String>, expected: impl Into<String>) {
        self.problems.add(self.line_of(key), &self.path_of(key), found, expected);
    }

    /// The node under `key`, which is a valid key from now on.
    pub(super) fn node(&mut self, key: &str) -> Option<&'a Node> {
        self.asked.push(key.to_owned());
        self.table?.get(key)
    }

    /// The value under `key` as `read` understands it. `None` when the key is missing, or when the
    /// value does not fit, which is then a problem.
    pub(super) fn get<T>(&mut self, key: &str, expected: &str, read: impl FnOnce(&Value) -> Option<T>) -> Option<T> {
        let node = self.node(key)?;
        let value = read(&node.value);
        if value.is_none() {
            self.complain(key, node.value.to_string(), expected);
        }
        value
    }

    /// A number that `fits`.
    pub(super) fn number(&mut self, key: &str, default: f64, expected: &str, fits: impl FnOnce(f64) -> bool) -> f64 {
        self.get(key, expected, |value| number(value).filter(|number| fits(*number))).unwrap_or(default)
    }

    /// A length of time from `least` up.
    pub(super) fn span(&mut self, key: &str, default: Span, least: Span) -> Span {
        let expected = format!("a length of time from {least} to {LONGEST}, such as \"{default}\" (units s, m, h, d)");
        self.get(key, &expected, |value| parsed(value).filter(|span| (least..=LONGEST).contains(span)))
            .unwrap_or(default)
    }

    /// A text that is not blank, without the blanks around it.
    pub(super) fn text(&mut self, key: &str, expected: &str) -> Option<String> {
        self.get(key, expected, text)
    }

    pub(super) fn truth(&mut self, key: &str, default: bool) -> bool {
        self.get(key, "true or false", |value| match value {
            Value::Bool(truth) => Some(*truth),
            _ => None,
        })
        .unwrap_or(default)
    }

    /// A list of texts that all `fit`.
    pub(super) fn texts(&mut self, key: &str, expected: &str, fits: impl Fn(&str) -> bool) -> Option<Vec<String>> {
        let node = self.node(key)?;
        let Value::List(items) = &node.value else {
            self.complain(key, node.value.to_string(), format!("a list of {expected}"));
            return None;
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match text(&item.value).filter(|text| fits(text)) {
                Some(text) => texts.push(text),
                None => self.problems.add(Some(item.line), &self.path_of(key), item.value.to_string(), expected),
            }
        }
        Some(texts)
    }

    /// A reference to a secret. What stands there is never repeated: it may be the secret itself.
    pub(super) fn secret(&mut self, key: &str) -> Option<SecretRef> {
        let node = self.node(key)?;
        let reference = text(&node.value).and_then(|text| text.parse().ok());
        if reference.is_none() {
            self.complain(key, "something that is not a reference to a secret (not shown)", SecretRef::FORMS);
        }
        reference
    }

    /// The table under `key`.
    pub(super) fn child(&mut self, key: &str) -> Section<'a> {
        let node = self.node(key);
        let table = node.and_then(|node| match &node.value {
            Value::Table(table) => Some(table),
            other => {
                self.complain(key, other.to_string(), format!("a table: [{}]", self.path_of(key)));
                None
            }
        });
        let line = node.map(|node| node.line);
        Section { path: self.path_of(key), line, table, asked: Vec::new(), problems: self.problems }
    }

    /// The tables under `key`, written as `[[key]]`. Their paths are `key[0]`, `key[1]` ...
    pub(super) fn children(&mut self, key: &str) -> Vec<Section<'a>> {
        let Some(node) = self.node(key) else { return Vec::new() };
        let Value::List(items) = &node.value else {
            self.complain(key, node.value.to_string(), format!("tables, each beginning with [[{key}]]"));
            return Vec::new();
        };
        let mut sections = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let path = format!("{}[{index}]", self.path_of(key));
            match &item.value {
                Value::Table(table) => sections.push(Section {
                    path,
                    line: Some(item.line),
                    table: Some(table),
                    asked: Vec::new(),
                    problems: self.problems,
                }),
                other => self.problems.add(Some(item.line), &path, other.to_string(), format!("a table: [[{key}]]")),
            }
        }
        sections
    }

    /// The keys that are set, in alphabetical order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'a str> {
        self.table.into_iter().flat_map(|table| table.keys().map(String::as_str))
    }

    /// Reports every key that was never asked for.
    pub(super) fn finish(self) {
        for key in self.keys() {
            if self.asked.iter().any(|asked| asked == key) {
                continue;
            }
            let expected = nearest(key, self.asked.iter().map(String::as_str)).map_or_else(
                || "no keys here".to_owned(),
                |nearest| format!("a known key; the nearest is \"{}\"", self.path_of(nearest)),
            );
            self.complain(key, "an unknown key", expected);
        }
    }
}

/// A finite number, written with or without a fraction.
pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "settings are small numbers")]
        Value::Integer(number) => Some(*number as f64),
        Value::Float(number) => Some(*number).filter(|number| number.is_finite()),
        _ => None,
    }
}

pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        _ => None,
    }
}

pub(super) fn parsed<T: FromStr>(value: &Value) -> Option<T> {
    text(value)?.parse().ok()
}
