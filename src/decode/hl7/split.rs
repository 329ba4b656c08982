//! Cuts a file, or one Kafka message, into HL7 v2 messages.
//!
//! A message begins with `MSH` and a separator at the start of a segment. It ends before the next
//! message or batch segment, or at the end of its MLLP frame. What stands between messages (blank
//! lines, comments, batch segments) belongs to none or is trimmed; the reader skips the rest.

/// Segments that enclose messages of a batch file and belong to none (HL7 v2.9 2.10.3).
const BATCH: [&[u8]; 4] = [b"FHS", b"BHS", b"BTS", b"FTS"];
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Hands every message in `bytes` to `visit`, with the offset of its first byte.
pub fn visit_messages<'a>(bytes: &'a [u8], visit: &mut dyn FnMut(&'a [u8], usize)) {
    let mut open: Option<usize> = None;
    let mut at = 0;
    while at < bytes.len() {
        let line = bytes.get(at..).unwrap_or_default();
        let length = line.iter().position(|byte| is_break(*byte)).unwrap_or(line.len());
        let line = line.get(..length).unwrap_or_default();
        let start = at + length - without_lead(line).len();
        let begins = is_segment(without_lead(line), b"MSH");
        if begins || BATCH.iter().any(|name| is_segment(without_lead(line), name)) {
            close(bytes, open.take(), at, visit);
            open = begins.then_some(start);
        }
        at += length;
        if bytes.get(at) == Some(&0x1c) {
            close(bytes, open.take(), at, visit);
        }
        at += 1;
    }
    close(bytes, open, bytes.len(), visit);
}

/// Where the last message begins: a block ends there, since its end shows only with the next one. 0 when there is no
/// second message.
#[must_use]
pub fn last_start(bytes: &[u8]) -> usize {
    let mut last = 0;
    visit_messages(bytes, &mut |_, start| last = start);
    last
}

/// How much text may stand before the first message, in bytes.
const LEAD: usize = 4096;

/// Whether a file begins like HL7 v2: `MSH`, `FHS` or `BHS` and a separator, after a byte order
/// mark, an MLLP start, white space and comments; or `MSH` with all its separators (`|^~\&`) on a
/// line soon after, where other text than JSON or XML goes before.
#[must_use]
pub fn looks_like(head: &[u8]) -> bool {
    let head = without_comments(head);
    [b"MSH", b"FHS", b"BHS"].iter().any(|name| is_segment(head, *name)) || has_header(head)
}

fn has_header(head: &[u8]) -> bool {
    let is_text = !matches!(head.first(), None | Some(b'<' | b'{' | b'[' | b'"')) && !head.starts_with(b"/*");
    let head = head.get(..LEAD).unwrap_or(head);
    is_text
        && head.split(|byte| is_break(*byte)).map(without_lead).any(|line| match line {
            [b'M', b'S', b'H', field, component, repetition, escape, ..] => {
                let marks = [component, repetition, escape];
                is_segment(line, b"MSH") && marks.iter().all(|mark| mark.is_ascii_punctuation() && **mark != *field)
            }
            _ => false,
        })
}

fn close<'a>(bytes: &'a [u8], open: Option<usize>, end: usize, visit: &mut dyn FnMut(&'a [u8], usize)) {
    let Some(start) = open else { return };
    visit(bytes.get(start..end).unwrap_or_default().trim_ascii_end(), start);
}

/// Segments end with CR, often with LF or both; 0x0B and 0x1C enclose a message on the wire.
fn is_break(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | 0x0b | 0x1c)
}

/// The text without white space, framing and byte order mark before it.
fn without_lead(mut text: &[u8]) -> &[u8] {
    loop {
        text = match text {
            [first, rest @ ..] if first.is_ascii_whitespace() || *first == 0x0b => rest,
            _ => match text.strip_prefix(BOM) {
                Some(rest) => rest,
                None => return text,
            },
        }
    }
}

/// The text without comments (`//`, `#`, `/* */`) before it.
fn without_comments(text: &[u8]) -> &[u8] {
    let mut text = without_lead(text);
    loop {
        let end = if text.starts_with(b"/*") {
            text.windows(2).position(|pair| pair == b"*/").map(|place| place + 2)
        } else if text.starts_with(b"//") || text.starts_with(b"#") {
            text.iter().position(|byte| is_break(*byte))
        } else {
            return text;
        };
        let Some(end) = end else { return text };
        text = without_lead(text.get(end..).unwrap_or_default());
    }
}

/// Whether `line` begins with a segment's name and a separator.
fn is_segment(line: &[u8], name: &[u8]) -> bool {
    let rest = line.strip_prefix(name);
    rest.and_then(<[u8]>::first).is_some_and(|mark| mark.is_ascii_punctuation() && !matches!(mark, b',' | b'"' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<(&str, usize)> {
        let mut found = Vec::new();
        visit_messages(text.as_bytes(), &mut |message, at| found.push((std::str::from_utf8(message).unwrap(), at)));
        found
    }

    #[test]
    fn a_message_ends_where_the_next_one_begins_whatever_ends_a_segment() {
        for end in ["\r", "\n", "\r\n"] {
            let one = format!("MSH|^~\\&|a{end}PID|1");
            let file = format!("{one}{end}{end}{one}{end}");
            assert_eq!(cut(&file), [(one.as_str(), 0), (one.as_str(), one.len() + 2 * end.len())]);
        }
    }

    #[test]
    fn frames_and_byte_order_marks_are_no_part_of_a_message() {
        assert_eq!(cut("\u{b}MSH|a\rPID|1\r\u{1c}\r\u{b}MSH|b\r\u{1c}\r"), [("MSH|a\rPID|1", 1), ("MSH|b", 16)]);
        assert_eq!(cut("\u{feff}MSH|a\n"), [("MSH|a", 3)]);
    }

    #[test]
    fn batch_segments_and_what_precedes_the_first_message_belong_to_none() {
        assert_eq!(cut("/*\n * MSH| no\n */\nFHS|^\rBHS|^\rMSH|a\rBTS|1\rFTS|1\r"), [("MSH|a", 30)]);
        assert!(cut("no message\nMSHX|a").is_empty());
    }

    #[test]
    fn a_file_is_known_by_its_first_segment() {
        let noted = ["/* note\n*/\n// two\nMSH|", "Message 1\n---\n; x\nMSH|^~\\&|"];
        for head in ["MSH|^~\\&|", "\u{feff}\r\n MSH|", "\u{b}MSH^", "BHS|", "FHS|"].into_iter().chain(noted) {
            assert!(looks_like(head.as_bytes()), "{head:?}");
        }
        let others = ["{\"MSH\":1}", "/* MSH|", "id\nMSH|a|b|", "<x>\nMSH|^~\\&|"];
        for head in ["", "MSH", "MSHA|", "MSH,id", "PID|1"].into_iter().chain(others) {
            assert!(!looks_like(head.as_bytes()), "{head:?}");
        }
    }
}
