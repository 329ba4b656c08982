//! TOML text to plain values that remember their line. Nothing is checked here but the syntax.

use std::collections::BTreeMap;
use std::fmt;

use toml::de::{DeTable, DeValue};

use super::problem::Problems;

/// A table's entries by key.
pub(super) type Table = BTreeMap<String, Node>;

/// A value and the line on which it is set, counted from 1.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) value: Value,
}

/// A TOML value. Dates are kept as the words for them: no key takes one.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Float(f64),
    Bool(bool),
    List(Vec<Node>),
    Table(Table),
    /// A value that no key takes: a date, or a number out of range.
    Other(String),
}

/// Longest piece of a text that a message repeats.
const SHOWN: usize = 60;

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) if text.trim().is_empty() => f.write_str("an empty text"),
            Self::Text(text) if text.chars().count() > SHOWN => {
                write!(f, "{:?} (cut)", text.chars().take(SHOWN).collect::<String>())
            }
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Integer(number) => number.fmt(f),
            Self::Float(number) => write!(f, "{number:?}"),
            Self::Bool(truth) => truth.fmt(f),
            Self::List(_) => f.write_str("a list"),
            Self::Table(_) => f.write_str("a table"),
            Self::Other(words) => f.write_str(words),
        }
    }
}

/// Reads a document. Syntax errors go to `problems`; then what could be read is returned.
pub(super) fn parse(text: &str, problems: &Problems) -> Table {
    let (document, errors) = DeTable::parse_recoverable(text);
    let lines = Lines::of(text);
    for error in errors {
        let line = error.span().map(|span| lines.at(span.start));
        problems.add(line, "", format!("text that is not TOML ({})", error.message()), "a TOML document");
    }
    lines.table(document.get_ref())
}

/// Where each line of a text starts.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect())
    }

    /// The line that holds a byte, counted from 1.
    fn at(&self, byte: usize) -> usize {
        self.0.partition_point(|start| *start <= byte)
    }

    fn table(&self, table: &DeTable<'_>) -> Table {
        table
            .iter()
            .map(|(key, value)| {
                let node = Node { line: self.at(key.span().start), value: self.value(value.get_ref()) };
                (key.get_ref().to_string(), node)
            })
            .collect()
    }

    fn value(&self, value: &DeValue<'_>) -> Value {
        match value {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map_or_else(|_| Value::Other("a number out of range".to_owned()), Value::Integer),
            DeValue::Float(number) => {
                number.as_str().parse().map_or_else(|_| Value::Other("a number out of range".to_owned()), Value::Float)
            }
            DeValue::Boolean(truth) => Value::Bool(*truth),
            DeValue::Datetime(_) => Value::Other("a date or time".to_owned()),
            DeValue::Array(items) => Value::List(
                items
                    .iter()
                    .map(|item| Node { line: self.at(item.span().start), value: self.value(item.get_ref()) })
                    .collect(),
            ),
            DeValue::Table(table) => Value::Table(self.table(table)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_remember_their_lines() {
        let problems = Problems::new("x");
        let table = parse("[a]\nb = 0x1F\n\nc = [\n  \"d\",\n  2.5]\n", &problems);
        problems.finish(()).unwrap();
        let Value::Table(a) = &table["a"].value else { panic!("not a table") };
        assert_eq!((table["a"].line, a["b"].line, a["c"].line), (1, 2, 4));
        assert_eq!(a["b"].value.to_string(), "31");
        let Value::List(items) = &a["c"].value else { panic!("not a list") };
        assert_eq!((items[1].line, items[1].value.to_string().as_str()), (6, "2.5"));
    }

    #[test]
    fn every_syntax_error_is_reported_with_its_line() {
        let problems = Problems::new("x.toml");
        parse("a = \nb = 1\nc = \"open\n", &problems);
        let lines: Vec<_> = problems.finish(()).unwrap_err().problems.iter().map(|p| p.line).collect();
        assert_eq!(lines, [Some(1), Some(3)]);
    }
}
