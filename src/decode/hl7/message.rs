//! One HL7 v2 message: segments, fields, repetitions, components, subcomponents and escapes.
//!
//! A lenient reader (HL7 v2.9 chapter 2): it takes the separators that MSH names, the usual ones
//! where it names none, skips lines that are no segments, and knows no table of segments. Bytes that
//! are not UTF-8 are read as Latin-1, so no text is lost.

use std::borrow::Cow;
use std::ops::Range;

use crate::decode::{Fault, clean};
use crate::model::reject::RejectCode;

/// What a field or a part of one says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    /// Nothing: what was known still holds.
    Missing,
    /// `""`: what was known is to be deleted.
    Deleted,
    /// Text without escapes and surrounding white space; never empty.
    Value(String),
}

/// The separators of a message (MSH-1, MSH-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Marks {
    field: char,
    component: char,
    repetition: char,
    escape: char,
    sub: char,
}

impl Marks {
    fn read(header: &str) -> Option<Self> {
        let mut rest = header.get(3..)?.chars();
        let field = rest.next()?;
        let own: Vec<char> = rest.take_while(|mark| *mark != field).take(4).collect();
        // A mark that repeats, as in a doubled escape character, names none.
        let is_new = |place: usize, mark: &char| !own.iter().take(place).any(|former| former == mark);
        let mark = |place: usize, usual: char| {
            let stated = own.get(place).copied();
            stated.filter(|mark| mark.is_ascii_punctuation() && is_new(place, mark)).unwrap_or(usual)
        };
        // Some senders write `^~&` and have no escape character.
        let has_escape = own.get(2) != Some(&'&');
        Some(Self {
            field,
            component: mark(0, '^'),
            repetition: mark(1, '~'),
            escape: if has_escape { mark(2, '\\') } else { '\\' },
            sub: mark(3, '&'),
        })
    }
}

/// A message as it was sent.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    text: Cow<'a, str>,
    segments: Vec<Range<usize>>,
    marks: Marks,
}

impl<'a> Message<'a> {
    /// Reads one message.
    ///
    /// # Errors
    /// `UnknownType` when the bytes hold no segment MSH.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Fault> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => Cow::Owned(latin(bytes)),
        };
        let lines = lines(&text);
        let header = lines.iter().position(|line| is_named(&text, line, "MSH"));
        let marks = header.and_then(|header| Marks::read(text.get(lines.get(header)?.clone())?));
        let (Some(header), Some(marks)) = (header, marks) else {
            return Err(Fault::new(RejectCode::UnknownType, "no HL7 v2 message: expected a segment MSH"));
        };
        let is_one = |line: &Range<usize>| {
            let after = text.get(line.clone()).and_then(|line| line.get(3..));
            after.is_some_and(|after| after.is_empty() || after.starts_with(marks.field))
        };
        let segments = lines.into_iter().skip(header).filter(is_one).collect();
        Ok(Self { text, segments, marks })
    }

    /// Every segment, in order.
    pub fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        let line = |range: &Range<usize>| self.text.get(range.clone());
        self.segments.iter().filter_map(line).map(|line| Segment { line, marks: self.marks })
    }

    /// The first segment of this name.
    #[must_use]
    pub fn segment(&self, name: &str) -> Option<Segment<'_>> {
        self.segments().find(|segment| segment.is(name))
    }

    /// Field `number` of the first segment of this name; blank where there is none.
    #[must_use]
    pub fn field(&self, segment: &str, number: usize) -> Field<'_> {
        self.segment(segment).map_or(Field { text: "", marks: self.marks }, |segment| segment.field(number))
    }

    /// Message code and trigger event in capitals, such as `ADT` and `A08`: MSH-9, and EVN-1 where
    /// MSH-9 names no event. EVN-1 alone is often wrong.
    #[must_use]
    pub fn kind(&self) -> (String, String) {
        let kind = self.field("MSH", 9);
        let code = kind.part(1).value().unwrap_or_default().to_ascii_uppercase();
        let (code, joined) = match code.split_once('_') {
            Some((code, event)) => (code.to_owned(), Some(event.to_owned())),
            None => (code, None),
        };
        let event = kind.part(2).value().or(joined).or_else(|| self.field("EVN", 1).value());
        (code, event.unwrap_or_default().to_ascii_uppercase())
    }
}

/// One segment.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'m> {
    line: &'m str,
    marks: Marks,
}

impl<'m> Segment<'m> {
    /// Whether it has this name.
    #[must_use]
    pub fn is(self, name: &str) -> bool {
        self.line.get(..3).is_some_and(|own| own.eq_ignore_ascii_case(name))
    }

    /// Field `number`, from 1, as HL7 counts them; blank where the segment is shorter.
    #[must_use]
    pub fn field(self, number: usize) -> Field<'m> {
        // MSH-1 is the separator itself.
        let place = number.saturating_sub(usize::from(self.is("MSH")));
        Field { text: self.line.split(self.marks.field).nth(place).unwrap_or_default(), marks: self.marks }
    }
}

/// A field, or a repetition, component or subcomponent of one.
#[derive(Clone, Copy, Debug)]
pub struct Field<'m> {
    text: &'m str,
    marks: Marks,
}

impl<'m> Field<'m> {
    /// Its repetitions; at least one.
    pub fn repetitions(self) -> impl Iterator<Item = Field<'m>> {
        self.text.split(self.marks.repetition).map(move |text| Field { text, ..self })
    }

    /// Component `number`, from 1, of the first repetition.
    #[must_use]
    pub fn part(self, number: usize) -> Field<'m> {
        let first = self.text.split(self.marks.repetition).next().unwrap_or_default();
        let text = first.split(self.marks.component).nth(number.saturating_sub(1)).unwrap_or_default();
        Field { text, ..self }
    }

    /// Subcomponent `number`, from 1, of a component.
    #[must_use]
    pub fn subcomponent(self, number: usize) -> Field<'m> {
        let text = self.text.split(self.marks.sub).nth(number.saturating_sub(1)).unwrap_or_default();
        Field { text, ..self }
    }

    /// What its first part says.
    #[must_use]
    pub fn text(self) -> Text {
        let marks = [self.marks.repetition, self.marks.component, self.marks.sub];
        match clean(self.text.split(marks).next().unwrap_or_default()) {
            "" => Text::Missing,
            "\"\"" => Text::Deleted,
            raw => match clean(&unescape(raw, self.marks)) {
                "" => Text::Missing,
                value => Text::Value(value.to_owned()),
            },
        }
    }

    /// The text of its first part; none when missing or deleted.
    #[must_use]
    pub fn value(self) -> Option<String> {
        match self.text() {
            Text::Value(value) => Some(value),
            Text::Missing | Text::Deleted => None,
        }
    }

    /// Whether its first part says `""`.
    #[must_use]
    pub fn is_deleted(self) -> bool {
        self.text() == Text::Deleted
    }
}

/// Bytes of an old sender: Latin-1.
fn latin(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// Lines that may be segments, without white space before them.
fn lines(text: &str) -> Vec<Range<usize>> {
    let mut start = 0;
    let mut found = Vec::new();
    for line in text.split(['\r', '\n', '\u{b}', '\u{1c}']) {
        let end = start + line.len();
        let name = line.trim_start();
        if name.get(..3).is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
            found.push(end - name.len()..end);
        }
        start = end + 1;
    }
    found
}

fn is_named(text: &str, line: &Range<usize>, name: &str) -> bool {
    text.get(line.clone()).and_then(|line| line.get(..3)).is_some_and(|own| own.eq_ignore_ascii_case(name))
}

/// Replaces the escape sequences; one that means nothing stays as it is.
fn unescape(text: &str, marks: Marks) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(marks.escape) {
        plain.push_str(before);
        let sequence = after.split_once(marks.escape);
        match sequence.and_then(|(code, next)| Some((meaning(code, marks)?, next))) {
            Some((meaning, next)) => {
                plain.push_str(&meaning);
                rest = next;
            }
            None => {
                plain.push(marks.escape);
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    plain
}

/// The text behind an escape sequence (HL7 v2.9 2.7). Layout and control characters become spaces.
fn meaning(code: &str, marks: Marks) -> Option<String> {
    match code {
        "F" => Some(marks.field.to_string()),
        "S" => Some(marks.component.to_string()),
        "T" => Some(marks.sub.to_string()),
        "R" => Some(marks.repetition.to_string()),
        "E" => Some(marks.escape.to_string()),
        "H" | "N" => Some(String::new()),
        _ if code.starts_with('.') => Some(" ".to_owned()),
        _ => {
            let bytes = data_encoding::HEXUPPER_PERMISSIVE.decode(code.strip_prefix('X')?.as_bytes()).ok()?;
            let text = String::from_utf8(bytes).unwrap_or_else(|error| latin(error.as_bytes()));
            Some(text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(message: &str, segment: &str, number: usize) -> Option<String> {
        Message::read(message.as_bytes()).unwrap().field(segment, number).value()
    }

    #[test]
    fn fields_are_counted_as_hl7_counts_them() {
        let message = Message::read(b"MSH|^~\\&|app|unit|||20260601||ADT^A01\rPID|1||a^b&c~d").unwrap();
        assert_eq!(message.field("MSH", 3).value().as_deref(), Some("app"));
        let ids = message.field("PID", 3);
        assert_eq!(ids.part(2).subcomponent(2).value().as_deref(), Some("c"));
        assert_eq!(ids.repetitions().nth(1).unwrap().value().as_deref(), Some("d"));
        assert_eq!(message.field("PID", 30).text(), Text::Missing);
        assert_eq!(message.field("ZZZ", 1).text(), Text::Missing);
    }

    #[test]
    fn escapes_are_replaced_and_what_is_none_stays() {
        let read = |text: &str| value(&format!("MSH|^~\\&|{text}"), "MSH", 3).unwrap();
        assert_eq!(read("A\\T\\E"), "A&E");
        assert_eq!(read("\\F\\\\S\\\\R\\\\E\\x"), "|^~\\x");
        assert_eq!(read("\\X48C3A9\\ \\XE9\\"), "H\u{e9} \u{e9}");
        assert_eq!(read("one\\.br\\two\\H\\!\\N\\"), "one two!");
        assert_eq!(read("DOM\\user\\x\\"), "DOM\\user\\x\\");
    }

    #[test]
    fn deleted_is_not_missing() {
        let message = Message::read(b"MSH|^~\\&|\"\"||\" \"").unwrap();
        assert_eq!(message.field("MSH", 3).text(), Text::Deleted);
        assert_eq!(message.field("MSH", 4).text(), Text::Missing);
        assert_eq!(message.field("MSH", 5).text(), Text::Value("\" \"".to_owned()));
    }

    #[test]
    fn bytes_that_are_not_utf8_are_latin() {
        let message = Message::read(b"MSH|^~\\&|M\xfcller").unwrap();
        assert_eq!(message.field("MSH", 3).value().as_deref(), Some("M\u{fc}ller"));
        assert_eq!(value("MSH|^~\\&|M\u{fc}ller", "MSH", 3).as_deref(), Some("M\u{fc}ller"));
    }

    #[test]
    fn a_message_names_its_own_separators_and_the_usual_ones_fill_in() {
        assert_eq!(value("MSH$*~!%$a!S!b*c$$", "MSH", 3).as_deref(), Some("a*b"));
        let message = Message::read(b"MSH|^~&|a\\T\\b&c").unwrap();
        assert_eq!(message.field("MSH", 3).value().as_deref(), Some("a&b"));
        let message = Message::read(b"MSH|^~\\\\&|a&b\\T\\c").unwrap();
        assert_eq!(message.field("MSH", 3).subcomponent(2).value().as_deref(), Some("b&c"));
        assert_eq!(Message::read(b"MSH||a^b").unwrap().field("MSH", 3).part(2).value().as_deref(), Some("b"));
    }

    #[test]
    fn the_header_tells_the_event_and_the_event_segment_only_where_it_does_not() {
        let kind = |text: &str, event: &str| {
            Message::read(format!("MSH|^~\\&|||||||{text}\rEVN|{event}").as_bytes()).unwrap().kind()
        };
        let adt = |event: &str| ("ADT".to_owned(), event.to_owned());
        assert_eq!(kind("ADT^A08^ADT_A01", "A01"), adt("A08"));
        assert_eq!(kind("adt", "a01"), adt("A01"));
        assert_eq!(kind("ADT_A03", "A01"), adt("A03"));
    }

    #[test]
    fn lines_that_are_no_segments_are_skipped() {
        let text = "// note\n\u{b}MSH|^~\\&|app\n\n  PID|1||p1\r\nrest of a note\r\nZPV|x\rPV1|1|I\u{1c}\r";
        let message = Message::read(text.as_bytes()).unwrap();
        assert_eq!(message.segments().count(), 4);
        assert_eq!(message.field("PID", 3).value().as_deref(), Some("p1"));
        assert_eq!(message.field("PV1", 2).value().as_deref(), Some("I"));
        assert_eq!(Message::read(b"PID|1").unwrap_err().reason, RejectCode::UnknownType);
    }
}
