//! A paper: headings, fields, tables and pictures as one HTML file that prints well and needs nothing else.

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;

const TEMPLATE: &str = include_str!("paper.html");

/// One question of a form, and what is on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Field {
    /// The item of the form, such as `(B)`.
    pub item: String,
    pub title: String,
    pub lines: Vec<String>,
    /// Why nothing is on record.
    pub unknown: Option<String>,
}

impl Field {
    /// A field with what is on record.
    #[must_use]
    pub fn known(item: &str, title: &str, lines: Vec<String>) -> Self {
        Self { item: item.to_owned(), title: title.to_owned(), lines, unknown: None }
    }

    /// A field of which nothing is known, and why.
    #[must_use]
    pub fn unknown(item: &str, title: &str, why: &str) -> Self {
        Self { item: item.to_owned(), title: title.to_owned(), lines: Vec::new(), unknown: Some(why.to_owned()) }
    }

    /// A field with what a person stated, or that nobody has, and how to.
    #[must_use]
    pub fn stated(item: &str, title: &str, stated: Option<&str>, how: &str) -> Self {
        match stated {
            Some(text) => Self::known(item, title, vec![text.to_owned()]),
            None => Self::unknown(item, title, &format!("nobody has stated it ({how})")),
        }
    }
}

/// A piece of a paper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Block {
    Heading {
        text: String,
    },
    Text {
        text: String,
    },
    Note {
        text: String,
    },
    Fields {
        fields: Vec<Field>,
    },
    Table {
        head: Vec<String>,
        rows: Vec<Vec<String>>,
    },
    /// A picture made by this program.
    Picture {
        svg: String,
    },
    PageBreak,
}

impl Block {
    /// A heading.
    #[must_use]
    pub fn heading(text: &str) -> Self {
        Self::Heading { text: text.to_owned() }
    }

    /// A paragraph.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into() }
    }

    /// A table.
    #[must_use]
    pub fn table(head: &[&str], rows: Vec<Vec<String>>) -> Self {
        Self::Table { head: head.iter().map(|&head| head.to_owned()).collect(), rows }
    }
}

/// A whole paper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Paper {
    pub title: String,
    pub subtitle: String,
    pub blocks: Vec<Block>,
}

impl Paper {
    /// The paper as HTML.
    ///
    /// # Errors
    /// When the template fails, which is a fault of this program.
    pub fn html(&self) -> Result<String, minijinja::Error> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.add_template("paper.html", TEMPLATE)?;
        environment.get_template("paper.html")?.render(Serde(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_and_what_is_unknown_says_so() {
        let fields = vec![
            Field::known("(A)", "Name", vec!["<b>O'Brien</b>".to_owned()]),
            Field::unknown("(B)", "When", "no log"),
        ];
        let paper = Paper { title: "T".to_owned(), subtitle: String::new(), blocks: vec![Block::Fields { fields }] };
        let html = paper.html().unwrap();
        assert!(html.contains("&lt;b&gt;O&#x27;Brien") && !html.contains("<b>O'Brien"), "{html}");
        assert!(html.contains("unknown so far: no log"));
    }
}
