//! Colour for people: on a terminal only, and never against `NO_COLOR`.

use std::env;
use std::io::{self, IsTerminal};

use clap::builder::styling::{AnsiColor, Style, Styles};

/// Styles text, or leaves it as it is.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    is_on: bool,
}

impl Paint {
    /// For text on standard output.
    #[must_use]
    pub fn stdout() -> Self {
        Self { is_on: io::stdout().is_terminal() && wants_colour() }
    }

    /// For text on standard error.
    #[must_use]
    pub fn stderr() -> Self {
        Self { is_on: io::stderr().is_terminal() && wants_colour() }
    }

    /// For text that goes into a file or a test.
    #[must_use]
    pub const fn off() -> Self {
        Self { is_on: false }
    }

    /// Whether text is styled.
    #[must_use]
    pub const fn is_on(self) -> bool {
        self.is_on
    }

    fn with(self, style: Style, text: &str) -> String {
        if self.is_on { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    /// Headings and names.
    #[must_use]
    pub fn bold(self, text: &str) -> String {
        self.with(Style::new().bold(), text)
    }

    /// What may be skipped.
    #[must_use]
    pub fn dim(self, text: &str) -> String {
        self.with(Style::new().dimmed(), text)
    }

    /// What went well.
    #[must_use]
    pub fn good(self, text: &str) -> String {
        self.with(AnsiColor::Green.on_default(), text)
    }

    /// What needs a look.
    #[must_use]
    pub fn warning(self, text: &str) -> String {
        self.with(AnsiColor::Yellow.on_default().bold(), text)
    }

    /// What went wrong.
    #[must_use]
    pub fn bad(self, text: &str) -> String {
        self.with(AnsiColor::Red.on_default().bold(), text)
    }
}

fn wants_colour() -> bool {
    env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// How help is styled.
pub(super) const HELP: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default())
    .placeholder(AnsiColor::Cyan.on_default());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_left_alone_where_colour_is_off() {
        assert_eq!(Paint::off().bad("error"), "error");
        let red = Paint { is_on: true }.bad("error");
        assert!(red.starts_with("\u{1b}[") && red.ends_with("\u{1b}[0m") && red.contains("error"), "{red:?}");
    }
}
