//! Where one message of a stream ends and the next begins.
//!
//! | the stream begins with | a message ends |
//! |---|---|
//! | `123 <85>1 ...` (RFC 5425 section 4.3; RFC 6587 section 3.4.1) | after that many bytes |
//! | anything else (RFC 6587 section 3.4.2) | with a line end or NUL after which another message begins, or when the sender is silent |
//!
//! The second way cannot tell a line end within a message from one after it, and audit messages have line ends. So what was
//! taken at once may hold several messages; whoever decodes it takes them apart.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr2_iter;

use crate::model::reject::{Reject, RejectCode};

/// The longest message that is taken whole. RFC 5425 section 4.3.1 asks for 8 KiB.
pub(super) const MAX_MESSAGE: usize = 1 << 20;
/// What is kept of a longer one.
const KEPT: usize = Reject::KEPT_BYTES;
/// After a line end, so many bytes tell whether a message begins: a count, a space and a priority.
const UNDECIDED: usize = 16;

/// A message as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) body: Bytes,
    /// Why it is not whole.
    pub(super) fault: Option<RejectCode>,
}

/// What is known of the bytes to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outlook {
    /// More may follow at once.
    Open,
    /// The sender has been silent for a while.
    Silent,
    /// Nothing follows.
    Closed,
}

/// How a message begins.
enum Head {
    /// After so many bytes follow so many.
    Counted(usize, u64),
    /// With text that no count precedes.
    Plain,
    /// Cannot be told yet.
    Open,
}

/// Cuts a stream into messages.
#[derive(Debug, Default)]
pub(super) struct Framer {
    buffer: BytesMut,
    /// Bytes of a counted message that are dropped when they come.
    dropped: u64,
    /// What follows belongs to a line that is too long.
    is_overlong: bool,
}

impl Framer {
    /// Where received bytes are put.
    pub(super) fn room(&mut self) -> &mut BytesMut {
        self.buffer.reserve(64 << 10);
        &mut self.buffer
    }

    pub(super) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Whether what waits looks like a whole message.
    pub(super) fn looks_whole(&self) -> bool {
        self.buffer.ends_with(b"\n") || self.buffer.ends_with(b"\0") || self.buffer.ends_with(b">")
    }

    /// The next message, if it is there.
    pub(super) fn next(&mut self, outlook: Outlook) -> Option<Frame> {
        self.skip();
        if self.is_overlong {
            self.skip_line(outlook);
        }
        if self.is_overlong || self.buffer.is_empty() {
            return None;
        }
        let most = MAX_MESSAGE as u64;
        match head(&self.buffer) {
            Head::Counted(start, count) if count > most => self.overlong(start, count, outlook),
            Head::Counted(start, count) => self.counted(start, usize::try_from(count).unwrap_or(MAX_MESSAGE), outlook),
            Head::Open if outlook == Outlook::Open => None,
            Head::Open | Head::Plain => self.plain(outlook),
        }
    }

    /// Past what is dropped, and past what may stand between messages.
    fn skip(&mut self) {
        let gone = self.dropped.min(self.buffer.len() as u64);
        self.dropped -= gone;
        self.buffer.advance(usize::try_from(gone).unwrap_or_default());
        if !self.is_overlong {
            self.skip_blank();
        }
    }

    fn skip_blank(&mut self) {
        let blank = self.buffer.iter().take_while(|byte| matches!(**byte, b'\n' | b'\r' | b' ' | b'\t' | 0)).count();
        self.buffer.advance(blank);
    }

    /// Past the rest of a line that is too long. Its end may be told only by what has not come yet.
    fn skip_line(&mut self, outlook: Outlook) {
        let end = line_end(&self.buffer, outlook);
        self.is_overlong = end.is_none();
        let last = self.buffer.iter().rev().take(UNDECIDED).position(|byte| matches!(byte, b'\n' | 0));
        let kept = last.map_or(0, |behind| behind + 1);
        self.buffer.advance(end.unwrap_or(self.buffer.len() - kept));
        if !self.is_overlong {
            self.skip_blank();
        }
    }

    fn counted(&mut self, start: usize, count: usize, outlook: Outlook) -> Option<Frame> {
        if self.buffer.len() >= start + count {
            self.buffer.advance(start);
            return Some(Frame { body: self.buffer.split_to(count).freeze(), fault: None });
        }
        if outlook != Outlook::Closed {
            return None;
        }
        self.buffer.advance(start);
        Some(Frame { body: self.buffer.split().freeze(), fault: Some(RejectCode::Truncated) })
    }

    fn overlong(&mut self, start: usize, count: u64, outlook: Outlook) -> Option<Frame> {
        if self.buffer.len() < start + KEPT && outlook != Outlook::Closed {
            return None;
        }
        self.buffer.advance(start);
        let body = self.buffer.split_to(KEPT.min(self.buffer.len())).freeze();
        self.dropped = count - body.len() as u64;
        Some(Frame { body, fault: Some(RejectCode::TooLong) })
    }

    fn plain(&mut self, outlook: Outlook) -> Option<Frame> {
        if let Some(end) = line_end(&self.buffer, outlook).filter(|end| *end <= MAX_MESSAGE) {
            return Some(Frame { body: self.buffer.split_to(end).freeze(), fault: None });
        }
        if self.buffer.len() <= MAX_MESSAGE {
            return None;
        }
        let body = self.buffer.split_to(KEPT).freeze();
        self.is_overlong = true;
        Some(Frame { body, fault: Some(RejectCode::TooLong) })
    }
}

fn head(bytes: &[u8]) -> Head {
    let digits = bytes.iter().take(10).take_while(|byte| byte.is_ascii_digit()).count();
    let count = bytes.get(..digits).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    match (count, bytes.get(digits)) {
        (Some(count), Some(b' ')) if count > 0 => match bytes.get(digits + 1) {
            Some(b'<') => Head::Counted(digits + 1, count),
            Some(_) => Head::Plain,
            None => Head::Open,
        },
        (Some(_), None) => Head::Open,
        _ => Head::Plain,
    }
}

/// Where a message without a count ends.
fn line_end(bytes: &[u8], outlook: Outlook) -> Option<usize> {
    if outlook != Outlook::Open {
        return Some(bytes.len());
    }
    let ends = memchr2_iter(b'\n', 0, bytes);
    ends.map(|at| at + 1).find(|at| bytes.get(*at..).is_some_and(begins))
}

/// Whether a message surely begins here.
fn begins(bytes: &[u8]) -> bool {
    let priority = |bytes: &[u8]| {
        let digits = bytes.iter().skip(1).take(3).take_while(|byte| byte.is_ascii_digit()).count();
        bytes.first() == Some(&b'<') && digits > 0 && bytes.get(digits + 1) == Some(&b'>')
    };
    match head(bytes) {
        Head::Counted(start, _) => bytes.get(start..).is_some_and(priority),
        Head::Plain => priority(bytes),
        Head::Open => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of bytes that arrive `step` at a time.
    fn frames(bytes: &[u8], step: usize) -> Vec<(String, Option<RejectCode>)> {
        let mut framer = Framer::default();
        let mut found = Vec::new();
        let mut take = |framer: &mut Framer, outlook| {
            while let Some(frame) = framer.next(outlook) {
                found.push((String::from_utf8(frame.body.to_vec()).unwrap(), frame.fault));
            }
        };
        for piece in bytes.chunks(step) {
            framer.room().extend_from_slice(piece);
            take(&mut framer, Outlook::Open);
        }
        take(&mut framer, Outlook::Closed);
        assert!(framer.is_empty());
        found
    }

    fn texts(bytes: &[u8]) -> Vec<String> {
        let whole = frames(bytes, bytes.len());
        for step in 1..8 {
            assert_eq!(frames(bytes, step), whole, "{step} bytes at a time");
        }
        assert!(whole.iter().all(|(_, fault)| fault.is_none()), "{whole:?}");
        whole.into_iter().map(|(text, _)| text).collect()
    }

    #[test]
    fn counted_messages_keep_their_line_ends_and_may_be_followed_by_one() {
        assert_eq!(texts(b"7 <1>a\n\nb\n9 <1>1 - \xc3\xa9"), ["<1>a\n\nb", "<1>1 - \u{e9}"]);
    }

    #[test]
    fn lines_end_where_the_next_message_begins() {
        let lines = b"<1>a\n<Audit>\n</Audit>\n<85>1 b\0<1>c";
        assert_eq!(texts(lines), ["<1>a\n<Audit>\n</Audit>\n", "<85>1 b\0", "<1>c"]);
        assert_eq!(texts(b"<1>a\n6 <1>b c\n"), ["<1>a\n", "<1>b c"]);
        assert_eq!(texts(b"CEF:0|a\nCEF:0|b\n"), ["CEF:0|a\nCEF:0|b\n"], "whoever decodes takes them apart");
    }

    #[test]
    fn a_silent_sender_has_said_what_it_had_to_say_unless_a_count_promises_more() {
        let mut framer = Framer::default();
        framer.room().extend_from_slice(b"<1>a <x/>");
        assert!(framer.next(Outlook::Open).is_none() && framer.looks_whole());
        assert_eq!(&framer.next(Outlook::Silent).unwrap().body[..], b"<1>a <x/>");
        framer.room().extend_from_slice(b"9 <1>a");
        assert!(framer.next(Outlook::Silent).is_none());
        let cut = framer.next(Outlook::Closed).unwrap();
        assert_eq!((&cut.body[..], cut.fault), (&b"<1>a"[..], Some(RejectCode::Truncated)));
    }

    #[test]
    fn of_a_message_that_is_too_long_the_beginning_is_kept_and_the_next_is_found() {
        let long = "x".repeat(MAX_MESSAGE);
        let counted = format!("{} <1>{long}6 <1>end", long.len() + 3);
        let line = format!("<1>{long}\n<1>end");
        for text in [counted, line] {
            for step in [1000, 65_536, MAX_MESSAGE + 4, MAX_MESSAGE + 6, text.len()] {
                let found = frames(text.as_bytes(), step);
                assert_eq!(found.len(), 2, "{step}");
                assert_eq!((found[0].0.len(), found[0].1), (KEPT, Some(RejectCode::TooLong)));
                assert_eq!(found[1], ("<1>end".to_owned(), None));
            }
        }
    }

    #[test]
    fn what_is_no_syslog_is_passed_on_as_it_is() {
        assert_eq!(texts(b"GET / HTTP/1.1\r\n\r\n"), ["GET / HTTP/1.1\r\n\r\n"]);
        assert_eq!(texts(b"12"), ["12"]);
        assert_eq!(texts(b"0 <1>a"), ["0 <1>a"]);
        assert_eq!(texts(b"99999999999999999999 <1>a"), ["99999999999999999999 <1>a"]);
    }
}
