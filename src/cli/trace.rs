//! `chartsentry inspect --explain`: where every value of the records at a line came from.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use comfy_table::presets;

use super::style::Paint;
use crate::decode::canonical::FIELDS;
use crate::decode::context::Table;
use crate::decode::provenance::{self, Alone, Explanation, Found, Kind, MAX_LEAVES, Origin, Outcome};
use crate::decode::{Decoder, Format, Layout};
use crate::source::file::{Block, head};

/// As many outcomes of a line are kept where its records cannot be read by themselves.
const MAX_TOLD: usize = 100;

/// What a file holds at one line.
pub(super) struct AtLine {
    /// Counted from 1.
    pub line: u64,
    /// Whether the file is Parquet, whose rows are not split.
    pub is_columnar: bool,
    /// What reading the whole file gave at the line.
    told: Vec<Outcome>,
    /// The last line before it, and the first after it, at which something was told.
    around: [Option<u64>; 2],
    found: Found,
    /// Layout of the file, and what stands before its records; none until a block was seen.
    file: Option<(Arc<Layout>, Vec<u8>)>,
}

impl AtLine {
    pub(super) fn new(line: u64) -> Self {
        Self { line, is_columnar: false, told: Vec::new(), around: [None; 2], found: Found::default(), file: None }
    }

    /// Keeps what was decoded if it stands at the line; whether it does.
    pub(super) fn hear(&mut self, line: u64, outcome: impl FnOnce() -> Outcome) -> bool {
        if line == self.line && self.told.len() < MAX_TOLD {
            self.told.push(outcome());
        }
        let [before, after] = &mut self.around;
        if line < self.line {
            *before = Some(before.map_or(line, |other| other.max(line)));
        } else if line > self.line {
            *after = Some(after.map_or(line, |other| other.min(line)));
        }
        line == self.line
    }

    /// Why nothing is shown, and where to look.
    pub(super) fn absence(&self) -> String {
        let elsewhere = match self.around {
            [_, Some(next)] => format!(": the next one begins at line {next}"),
            [Some(last), None] => format!(": the last one begins at line {last}"),
            [None, None] => String::new(),
        };
        format!("no record begins at line {}{elsewhere}", self.line)
    }

    /// Looks for the line in a block of the file at `path`.
    pub(super) fn look(&mut self, block: &Block, path: &Path) -> io::Result<()> {
        let header = match self.file.take() {
            Some((_, header)) => header,
            None => head(path, block.layout.header_bytes)?.0,
        };
        provenance::find(&block.chunk(), &header, self.line, &mut self.found);
        self.file = Some((block.layout.clone(), header));
        Ok(())
    }

    /// Whether nothing begins at the line.
    pub(super) fn is_empty(&self) -> bool {
        self.told.is_empty() && self.found.records.is_empty()
    }

    /// Prints where everything came from.
    pub(super) fn print(&self, path: &Path, fresh: &Decoder, out: &mut dyn Write) -> io::Result<()> {
        let place = format!("{}, line {}", path.display(), self.line);
        let Some((layout, _)) = self.file.as_ref().filter(|_| !self.found.records.is_empty()) else {
            let sentence = if self.is_columnar {
                "Every value came from the column of its name; chartsentry sets what has no column."
            } else {
                "Its text cannot be set apart, so where its values came from cannot be told."
            };
            return plainly(&place, sentence, &self.told, out);
        };
        for record in &self.found.records {
            self.record(&place, record, layout, fresh, out)?;
        }
        if self.found.more > 0 {
            writeln!(out, "{} more records stand at this line", self.found.more)?;
        }
        Ok(())
    }

    fn record(
        &self,
        place: &str,
        record: &Alone,
        layout: &Layout,
        fresh: &Decoder,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let (told, format) = provenance::decode(&record.bytes, layout, fresh);
        let alone = if format == Format::Hl7 { ", read without the messages before it" } else { "" };
        let place = format!("{place}: {format}{alone}");
        if record.is_too_large() {
            let (bytes, more) = (record.bytes.len(), if record.leaves.len() > MAX_LEAVES { "more than " } else { "" });
            let fields = record.leaves.len().min(MAX_LEAVES);
            let sentence = format!("The record is too large to be explained: {bytes} bytes, {more}{fields} fields.");
            return plainly(&place, &sentence, &told, out);
        }
        if told.is_empty() {
            let sentence = if self.told.is_empty() {
                "The record tells nothing."
            } else {
                "By itself the record tells nothing. After those before it, it tells:"
            };
            return plainly(&place, sentence, &self.told, out);
        }
        let mut decode = |bytes: &[u8]| provenance::decode(bytes, layout, fresh).0;
        let explanation = provenance::explain(&record.bytes, &record.leaves, &mut decode);
        writeln!(out, "{}", Paint::stdout().bold(&shown(&place)))?;
        explained(&explanation, out)
    }
}

/// The tables of an explanation, and the lists under them.
fn explained(explanation: &Explanation, out: &mut dyn Write) -> io::Result<()> {
    for traced in &explanation.traced {
        writeln!(out, "\n{}", words(traced.kind))?;
        let row = |value: &provenance::Value| vec![value.name.clone(), value.text.clone(), source(&value.origin)];
        table(&["field", "value", "came from"], traced.values.iter().map(row), out)?;
        let names: Vec<&str> = traced.values.iter().map(|value| value.name.as_str()).collect();
        without_value(traced.kind, &names, out)?;
    }
    for reject in &explanation.rejects {
        refused(reject, out)?;
    }
    let needed = explanation.needed.iter().map(|needed| match needed.reason {
        Some(reason) => format!("{} ({reason})", needed.path),
        None => needed.path.clone(),
    });
    let needed: Vec<String> = needed.collect();
    let lists = [
        ("It is read once this is left out", &explanation.cures),
        ("Needed, because without it nothing is told", &needed),
        ("Not used", &explanation.unused),
    ];
    writeln!(out)?;
    for (title, paths) in lists.into_iter().filter(|(_, paths)| !paths.is_empty()) {
        writeln!(out, "{title}: {}", shown(&paths.join(", ")))?;
    }
    writeln!(out)
}

/// What was decoded, without where it came from.
fn plainly(place: &str, sentence: &str, told: &[Outcome], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", Paint::stdout().bold(&shown(place)))?;
    writeln!(out, "{sentence}")?;
    for outcome in told {
        if outcome.reason().is_some() {
            refused(outcome, out)?;
            continue;
        }
        writeln!(out, "\n{}", words(outcome.kind))?;
        table(&["field", "value"], outcome.fields.iter().map(|(name, text)| vec![name.clone(), text.clone()]), out)?;
    }
    writeln!(out)
}

fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>, out: &mut dyn Write) -> io::Result<()> {
    let mut table = comfy_table::Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    for row in rows {
        table.add_row(row.iter().map(|cell| shown(cell)).collect::<Vec<String>>());
    }
    writeln!(out, "{}", table.trim_fmt())
}

/// Says which canonical fields an access lacks.
fn without_value(kind: Kind, names: &[&str], out: &mut dyn Write) -> io::Result<()> {
    let missing: Vec<&str> = FIELDS.into_iter().filter(|name| kind == Kind::Access && !names.contains(name)).collect();
    if missing.is_empty() { Ok(()) } else { writeln!(out, " without a value: {}", missing.join(", ")) }
}

fn refused(reject: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n{}: {}", words(reject.kind), shown(reject.text("sentence").unwrap_or_default()))
}

/// Where a value came from, in words.
fn source(origin: &Origin) -> String {
    match origin {
        Origin::Leaves(paths) => paths.join(", "),
        Origin::Several(paths) => format!("more than one field says it: {}", paths.join(", ")),
        Origin::Hash => "hash of the record".to_owned(),
        Origin::Made => "set by chartsentry".to_owned(),
    }
}

/// What came of a record, in words.
fn words(kind: Kind) -> String {
    match kind {
        Kind::Access => "an access".to_owned(),
        Kind::Fact(Table::Workforce) => "a member of the workforce".to_owned(),
        Kind::Fact(Table::Patients) => "a patient".to_owned(),
        Kind::Fact(Table::RelatedPersons) => "a related person".to_owned(),
        Kind::Fact(Table::Relationships) => "a relationship".to_owned(),
        Kind::Fact(Table::Shifts) => "a shift".to_owned(),
        Kind::Fact(Table::FeedStatus) => "the status of a feed".to_owned(),
        Kind::Withdrawal => "a withdrawal".to_owned(),
        Kind::Reject(reason) => format!("refused, {reason}"),
    }
}

/// Text of a record as it may be shown: what could move the cursor or break a row is left blank.
fn shown(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_record_cannot_command_a_terminal() {
        assert_eq!(shown("u1\u{1b}[2J\r\np\u{9b}1"), "u1 [2J  p 1");
    }

    #[test]
    fn an_origin_is_said_in_words() {
        let paths = || vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(source(&Origin::Leaves(paths())), "a, b");
        assert_eq!(source(&Origin::Several(paths())), "more than one field says it: a, b");
    }

    #[test]
    fn only_what_begins_at_the_line_is_kept() {
        let mut at = AtLine::new(3);
        let outcome = || Outcome { kind: Kind::Access, fields: Vec::new() };
        assert!(!at.hear(2, outcome) && at.is_empty());
        assert!(at.hear(3, outcome) && !at.is_empty());
    }
}
