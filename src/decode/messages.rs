//! Audit messages one after another: XML documents, syslog messages with or without octet counting, and lines.
//!
//! | a message begins with | and ends |
//! |---|---|
//! | `123 <85>1 ...` (RFC 6587, RFC 5425) | after that many bytes |
//! | `<85>1 ...`, `<13>date host` | with the XML document in it, else with the line |
//! | `<?xml`, `<AuditMessage` ... | with the end tag of its first element |
//! | anything else | with the line |
//!
//! Where a message is cut off, the next one that begins a line ends it.

use memchr::{memchr, memchr_iter};

use super::MAX_RECORD;

/// A message among bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub start: usize,
    pub end: usize,
    /// Its end is in these bytes.
    pub is_whole: bool,
    /// An octet count says how long it is.
    pub is_counted: bool,
}

/// What XML documents inside a syslog message begin with.
const DOCUMENTS: [&[u8]; 5] = [b"<?xml", b"<AuditMessage", b"<AuditEvent", b"<Bundle", b"<EventLog"];

/// Whether these bytes begin like messages and not like a table or JSON.
pub(super) fn looks_like(bytes: &[u8]) -> bool {
    let start = skip(bytes, 0);
    let rest = bytes.get(start..).unwrap_or_default();
    is_start(rest)
        || rest.starts_with(b"<!--")
        || [b"CEF:".as_slice(), b"LEEF:"].iter().any(|mark| rest.starts_with(mark))
}

/// The first message at or after `from`.
pub(super) fn next(bytes: &[u8], from: usize) -> Option<Cut> {
    let start = skip(bytes, from);
    let rest = bytes.get(start..).filter(|rest| !rest.is_empty())?;
    if let Some((digits, count)) = octets(rest) {
        let begin = start + digits + 1;
        let end = begin + count;
        return Some(Cut { start: begin, end: end.min(bytes.len()), is_whole: end <= bytes.len(), is_counted: true });
    }
    let beyond = past_asides(rest);
    if aside(rest).is_some() && beyond == Some(rest.len()) {
        // Comments after the last document are no message.
        return None;
    }
    let end = if beyond.is_none() {
        next_start(rest)
    } else if priority(rest).is_some() {
        syslog_end(rest)
    } else if is_element(rest) {
        document_end(rest)
    } else {
        memchr(b'\n', rest)
    };
    Some(Cut { start, end: start + end.unwrap_or(rest.len()), is_whole: end.is_some(), is_counted: false })
}

/// Whether a message without an end surely goes on: its document or its count says so. A line may end with the bytes.
pub(super) fn is_open(record: &[u8]) -> bool {
    DOCUMENTS.iter().any(|mark| memchr::memmem::find(record, mark).is_some()) || is_element(record)
}

/// Where the last whole message ends; 0 when there is none.
pub fn last_end(bytes: &[u8]) -> usize {
    let mut end = 0;
    // An end that touches the end of the bytes may still go on.
    while let Some(cut) = next(bytes, end).filter(|cut| cut.is_whole && cut.end < bytes.len()) {
        end = cut.end;
    }
    end
}

/// Whether these bytes end with a whole message, as far as they tell.
#[must_use]
pub fn ends_whole(bytes: &[u8]) -> bool {
    let (mut at, mut is_whole) = (0, true);
    while let Some(cut) = next(bytes, at) {
        at = cut.end.max(at + 1);
        is_whole = cut.is_whole || bytes.ends_with(b"\n") && !is_open(bytes.get(cut.start..).unwrap_or_default());
    }
    is_whole
}

/// Past white space, byte order marks and the bytes that frame MLLP.
fn skip(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let mark = [0xef, 0xbb, 0xbf];
        match rest {
            _ if rest.starts_with(&mark) => at += mark.len(),
            [byte, ..] if byte.is_ascii_whitespace() || *byte == 0 => at += 1,
            _ => break,
        }
    }
    at
}

/// The digits of an octet count, and the count, where a syslog message follows.
fn octets(bytes: &[u8]) -> Option<(usize, usize)> {
    let digits = bytes.iter().take(9).take_while(|byte| byte.is_ascii_digit()).count();
    let count: usize = std::str::from_utf8(bytes.get(..digits)?).ok()?.parse().ok()?;
    let is_frame = bytes.get(digits) == Some(&b' ') && priority(bytes.get(digits + 1..)?).is_some();
    (is_frame && count <= MAX_RECORD).then_some((digits, count))
}

/// How long the priority is that a syslog message begins with, such as `<85>`.
#[must_use]
pub fn priority(bytes: &[u8]) -> Option<usize> {
    let rest = bytes.strip_prefix(b"<")?;
    let digits = rest.iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
    ((1..=3).contains(&digits) && rest.get(digits) == Some(&b'>')).then_some(digits + 2)
}

fn is_element(bytes: &[u8]) -> bool {
    matches!(bytes, [b'<', next, ..] if next.is_ascii_alphabetic() || matches!(next, b'?' | b'!' | b'_'))
}

/// Whether a message begins here that nothing else can be.
fn is_start(bytes: &[u8]) -> bool {
    octets(bytes).is_some() || priority(bytes).is_some() || DOCUMENTS.iter().any(|mark| bytes.starts_with(mark)) || {
        matches!(bytes, [b'<', next, ..] if next.is_ascii_alphabetic() || *next == b'?')
    }
}

/// Whether the next message surely begins here, so that an open one ends.
fn interrupts(bytes: &[u8]) -> bool {
    octets(bytes).is_some() || priority(bytes).is_some() || bytes.starts_with(b"<?xml")
}

fn syslog_end(bytes: &[u8]) -> Option<usize> {
    let line_end = memchr(b'\n', bytes);
    let first_line = bytes.get(..line_end.unwrap_or(bytes.len())).unwrap_or_default();
    let is_line = [b"CEF:".as_slice(), b"LEEF:"].iter().any(|mark| memchr::memmem::find(first_line, mark).is_some());
    let (mut lines, mut counted) = (0, 0);
    for at in memchr_iter(b'<', bytes).skip(1) {
        lines += memchr_iter(b'\n', bytes.get(counted..at)?).count();
        counted = at;
        let tag = bytes.get(at..)?;
        // The document stands in the same line, or in the one after the header.
        if lines > 2 || (lines > 0 && (is_line || priority(tag).is_some())) {
            break;
        }
        let is_prefixed = tag.get(1..).is_some_and(|tag| name_at(tag).ends_with(b":AuditMessage"));
        if is_prefixed || DOCUMENTS.iter().any(|mark| tag.starts_with(mark)) {
            return document_end(tag).map(|end| at + end);
        }
    }
    line_end
}

/// Where the XML document ends that begins here.
fn document_end(bytes: &[u8]) -> Option<usize> {
    let root = root_start(bytes)?;
    let name = name_at(bytes.get(root + 1..)?);
    let (mut depth, mut at, mut close) = (0_usize, root, root);
    loop {
        at += memchr(b'<', bytes.get(at..)?)?;
        let rest = bytes.get(at..)?;
        if depth > 0 && bytes.get(at - 1) == Some(&b'\n') && (interrupts(rest) || is_next_of(name, rest)) {
            return Some(at);
        }
        if let Some(closing) = aside(rest) {
            at += memchr::memmem::find(rest, closing)? + closing.len();
            continue;
        }
        let tag = rest.get(1..)?;
        let is_closing = tag.first() == Some(&b'/');
        if name_at(if is_closing { tag.get(1..)? } else { tag }) != name {
            at += 1;
            continue;
        }
        if close <= at {
            close = at + memchr(b'>', rest)?;
        }
        if is_closing {
            depth = depth.saturating_sub(1);
        } else {
            depth += usize::from(bytes.get(close - 1) != Some(&b'/'));
        }
        if depth == 0 {
            return Some(close + 1);
        }
        at += 1;
    }
}

/// Messages do not stand in one another: a second one of the same kind means that the first was cut off.
fn is_next_of(name: &[u8], bytes: &[u8]) -> bool {
    let is_message = name.ends_with(b"AuditMessage") || name == b"AuditEvent" || name == b"EventLog";
    is_message && bytes.get(1..).is_some_and(|tag| name_at(tag) == name)
}

/// Past white space, comments and instructions; `None` where one of them does not end.
fn past_asides(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at = skip(bytes, at);
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(closing) = aside(rest) else { return Some(at) };
        at += memchr::memmem::find(rest, closing)? + closing.len();
    }
}

/// Where the next line stands that surely begins a message.
pub fn next_start(bytes: &[u8]) -> Option<usize> {
    let mut lines = memchr_iter(b'\n', bytes).map(|at| at + 1);
    lines.find(|at| bytes.get(*at..).is_some_and(interrupts))
}

/// What ends the comment, instruction or character data that begins here.
fn aside(bytes: &[u8]) -> Option<&'static [u8]> {
    let kinds: [(&[u8], &[u8]); 3] = [(b"<!--", b"-->"), (b"<![CDATA[", b"]]>"), (b"<?", b"?>")];
    kinds.into_iter().find(|(mark, _)| bytes.starts_with(mark)).map(|(_, closing)| closing)
}

/// Where the first element (or the document type) begins, after declaration, comments and instructions.
fn root_start(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr(b'<', bytes.get(at..)?)?;
        let rest = bytes.get(at..)?;
        let Some(closing) = aside(rest) else { return Some(at) };
        at += memchr::memmem::find(rest, closing)? + closing.len();
    }
}

fn name_at(bytes: &[u8]) -> &[u8] {
    let is_part = |byte: &&u8| !byte.is_ascii_whitespace() && !matches!(byte, b'>' | b'/' | b'<');
    let length = bytes.iter().take(256).take_while(is_part).count();
    bytes.get(..length).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<&str> {
        let (mut at, mut found) = (0, Vec::new());
        while let Some(cut) = next(text.as_bytes(), at) {
            found.push(&text[cut.start..cut.end]);
            at = cut.end;
        }
        found
    }

    #[test]
    fn documents_follow_one_another() {
        let one = "<?xml version=\"1.0\"?>\n<!-- x --><AuditMessage>\n<a/></AuditMessage>";
        let two = "<AuditMessage a='>'></AuditMessage>";
        assert_eq!(all(&format!("\u{feff}{one}\n\n{two}{two}")), [one, two, two]);
        assert_eq!(all("<Bundle><e><Bundle/></e></Bundle><x/>"), ["<Bundle><e><Bundle/></e></Bundle>", "<x/>"]);
    }

    #[test]
    fn octets_are_counted_in_bytes() {
        let message = "<85>1 - - - - - - \u{feff}<?xml?>\n<AuditMessage>é</AuditMessage>";
        let text = format!("{} {message}{} {message}\n", message.len(), message.len());
        assert_eq!(all(&text), [message, message]);
    }

    #[test]
    fn a_document_may_stand_in_the_line_after_the_header() {
        let message = "<13>Mar  5 12:52:31 host\n<?xml version=\"1.0\"?>\n<AuditMessage>\n</AuditMessage>";
        assert_eq!(all(&format!("{message}\n{message}")), [message, message]);
        assert_eq!(all("<13>1 - h CEF:0|a=<b\n<13>1 - h x\n<13>z"), ["<13>1 - h CEF:0|a=<b", "<13>1 - h x", "<13>z"]);
    }

    #[test]
    fn a_message_that_is_cut_off_does_not_take_the_next_one_with_it() {
        let whole = "<AuditMessage><a/></AuditMessage>";
        assert_eq!(
            all(&format!("<AuditMessage><b>\n<85>1 x {whole}")),
            ["<AuditMessage><b>\n", &format!("<85>1 x {whole}")]
        );
        assert!(next(b"<AuditMessage><b>", 0).is_some_and(|cut| !cut.is_whole));
        assert!(next(b"99 <85>1 x", 0).is_some_and(|cut| !cut.is_whole && cut.end == 10));
    }

    #[test]
    fn comments_name_no_element_and_are_no_message() {
        let one =
            "<!-- <AuditMessage> --><AuditMessage><!-- </AuditMessage> --><![CDATA[</AuditMessage>]]></AuditMessage>";
        assert_eq!(all(&format!("{one}\n<!-- the end -->\n")), [one]);
        let wrapped = "<Envelope>\n<AuditMessage>\n</AuditMessage>\n<AuditMessage/>\n</Envelope>";
        assert_eq!(all(wrapped), [wrapped]);
        let prefixed = "<85>1 - h a - - - <a:AuditMessage>\n</a:AuditMessage>";
        assert_eq!(all(&format!("{prefixed}\n{prefixed}")), [prefixed, prefixed]);
        assert_eq!(all("<AuditMessage><b>\n<AuditMessage></AuditMessage>").len(), 2, "the first is cut off");
    }

    #[test]
    fn an_unclosed_declaration_or_comment_takes_nothing_with_it() {
        let whole = "<85>1 - h a - - - <AuditMessage></AuditMessage>";
        for open in ["<?xml version=\"1.0\"\n", "<!-- never\n", "<AuditEvent><id>\n"] {
            assert_eq!(all(&format!("{open}{whole}")), [open, whole]);
        }
        assert_eq!(all("<13>1 - h CEF:0|a\n<AuditMessage></AuditMessage>").len(), 2);
    }

    #[test]
    fn a_block_ends_after_its_last_whole_message() {
        let text = "<a></a>\n<a></a>\n<a>";
        assert_eq!(last_end(text.as_bytes()), 15);
        assert_eq!(last_end(b"<a>"), 0);
    }

    #[test]
    fn no_bytes_break_it() {
        for text in ["<", "<?", "<!--", "1 <", "<85>", "<a", "</a>", "<!DOCTYPE", "9 <1>", "<a b='", "<é>"] {
            let found = all(text);
            assert!(found.concat().len() <= text.len(), "{text}");
        }
    }
}
