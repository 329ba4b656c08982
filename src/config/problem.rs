//! What is wrong with a configuration: every finding at once, each with its place.

use std::cell::RefCell;
use std::fmt;

/// One thing that is wrong in a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, as the user named it.
    pub file: String,
    /// Line in the file, counted from 1; `None` for a key that is missing.
    pub line: Option<usize>,
    /// Path of the key, such as `severity.high`; empty when the text is not TOML at all.
    pub key: String,
    /// What stands there.
    pub found: String,
    /// What may stand there.
    pub expected: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": found {}, expected {}", self.found, self.expected)
    }
}

/// A configuration that cannot be used, with all its problems in the order of their lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// Never empty.
    pub problems: Vec<Problem>,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.as_slice() {
            [only] => only.fmt(f),
            many => {
                write!(f, "{} problems in the configuration", many.len())?;
                many.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
            }
        }
    }
}

impl std::error::Error for Invalid {}

/// Collects problems while the sections of one file are read.
pub(super) struct Problems {
    file: String,
    list: RefCell<Vec<Problem>>,
}

impl Problems {
    pub(super) fn new(file: &str) -> Self {
        Self { file: file.to_owned(), list: RefCell::default() }
    }

    pub(super) fn add(&self, line: Option<usize>, key: &str, found: impl Into<String>, expected: impl Into<String>) {
        self.list.borrow_mut().push(Problem {
            file: self.file.clone(),
            line,
            key: key.to_owned(),
            found: found.into(),
            expected: expected.into(),
        });
    }

    /// `value`, unless anything was found.
    pub(super) fn finish<T>(self, value: T) -> Result<T, Invalid> {
        let mut problems = self.list.into_inner();
        if problems.is_empty() {
            return Ok(value);
        }
        problems.sort_by_key(|problem| problem.line);
        Err(Invalid { problems })
    }
}

/// The entry of `valid` that is spelled most like `word`, or `None` when there is nothing to choose
/// from. Of equally near ones the first in the order of `valid`.
pub fn nearest<'a>(word: &str, valid: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    valid.into_iter().min_by_key(|candidate| strsim::damerau_levenshtein(word, candidate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_says_where_what_and_what_else() {
        let problems = Problems::new("site.toml");
        problems.add(Some(7), "severity.high", "1.5", "a number between 0 and 1");
        problems.add(None, "sinks.name", "nothing", "a name");
        let text = problems.finish(()).unwrap_err().to_string();
        assert_eq!(
            text,
            "2 problems in the configuration\n  \
             site.toml: sinks.name: found nothing, expected a name\n  \
             site.toml:7: severity.high: found 1.5, expected a number between 0 and 1"
        );
    }

    #[test]
    fn the_nearest_word_allows_for_swapped_letters() {
        assert_eq!(nearest("settle_widnow", ["episode_gap", "settle_window"]), Some("settle_window"));
        assert_eq!(nearest("anything", []), None);
    }
}
