//! `quarantine show`: one record as it came.

use std::io::{self, IsTerminal, Write};

use anyhow::{Context, Result};
use clap::Args;

use super::Desk;
use super::list::{size, state};
use crate::cli::cases::render::local;
use crate::cli::style::Paint;
use crate::store::RecordId;

/// Print a record as it came, and why it could not be used
#[derive(Args, Debug)]
#[command(after_help = "\
Example: chartsentry quarantine show ehr.audit/0/4711

It may hold patient data. On a terminal control characters are shown as escapes; in a file or a pipe the bytes are
those that are kept, up to 16 KiB. \"quarantine export --records\" finds all of a longer one.")]
pub(super) struct ShowArgs {
    /// The record, as "quarantine list" names it
    #[arg(value_name = "ID")]
    id: RecordId,
}

pub(super) fn run(desk: &Desk, args: &ShowArgs) -> Result<()> {
    let found = desk.ward.desk.find(&args.id)?;
    let one = found.with_context(|| format!("the quarantine holds no {}: see \"quarantine list\"", args.id))?;
    let record = &one.record;
    let mut words = io::stderr().lock();
    writeln!(words, "{} what follows may hold patient data", Paint::stderr().warning("note:"))?;
    writeln!(words, "reason    {}: {}", record.reason, record.sentence)?;
    if let Some(at) = record.kept_at {
        writeln!(words, "when      {} {}", local(at, &desk.zone), desk.zone.name())?;
    }
    writeln!(words, "bytes     {}, {} of them here", size(&one), record.record.len())?;
    writeln!(words, "state     {}", state(&one))?;
    if let Some(why) = one.handled.as_ref().and_then(|handled| handled.why.as_ref()) {
        writeln!(words, "why       {}", escaped(why.as_bytes()))?;
    }
    if let Some(key) = &record.key {
        writeln!(words, "key       {}", escaped(key))?;
    }
    let mut out = io::stdout().lock();
    if out.is_terminal() {
        writeln!(out, "{}", escaped(&record.record))?;
    } else {
        out.write_all(&record.record)?;
    }
    Ok(())
}

/// Text that cannot steer a terminal: everything but line ends, tabs and visible characters is escaped.
fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\n' | '\t' => text.push(character),
                _ if character.is_control() || turns_text(character) => text.extend(character.escape_unicode()),
                _ => text.push(character),
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

/// Marks that change in which direction text runs.
const fn turns_text(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_record_steers_the_terminal() {
        assert_eq!(escaped(b"a\tb\r\n\x1b[31m\xff\x00"), "a\tb\\u{d}\n\\u{1b}[31m\\xff\\u{0}");
        assert_eq!(escaped("é\u{202e}x".as_bytes()), "é\\u{202e}x");
    }
}
