//! Where one message of a stream ends and the next begins.
//!
//! | the stream begins with | a message ends |
//! |---|---|
//! | `123 <85>1 ...` (RFC 5425 section 4.3; RFC 6587 section 3.4.1) | after that many bytes |
//! | anything else (RFC 6587 section 3.4.2) | where whoever decodes it says so, or when the sender is silent |
//!
//! The second way hands over several messages at once; whoever decodes them takes them apart. After a message with a count
//! comes another one, or the counts are wrong and nothing that follows can be believed.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr2_iter;

use crate::decode::messages;
use crate::model::reject::{Reject, RejectCode};

/// The longest message that is taken whole. RFC 5425 section 4.3.1 asks for 8 KiB.
pub(super) const MAX_MESSAGE: usize = 1 << 20;
/// What is kept of a longer one.
const KEPT: usize = Reject::KEPT_BYTES;
/// A count above this is none.
const MAX_COUNT: u64 = 64 << 20;
/// After a line end, so many bytes tell whether a message begins: a count, a space and a priority.
const UNDECIDED: usize = 16;
/// Up to so many bytes are looked at for whether they end with a whole message.
const GLANCE: usize = 64 << 10;

/// A message as it came, or several that no count precedes.
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
    /// What follows belongs to a message that is too long and has no count.
    is_overlong: bool,
    /// The last message had a count.
    was_counted: bool,
    /// The counts are wrong.
    is_lost: bool,
    /// Below this length the buffer need not be looked at again.
    unchanged: usize,
}

impl Framer {
    /// Where received bytes are put.
    pub(super) fn room(&mut self) -> &mut BytesMut {
        self.buffer.reserve(16 << 10);
        &mut self.buffer
    }

    /// Whether nothing is waited for.
    pub(super) fn is_idle(&self) -> bool {
        self.buffer.is_empty() && !self.is_overlong && self.dropped == 0
    }

    /// Whether nothing that follows can be believed: the connection is to begin anew.
    pub(super) const fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// Whether what waits looks like whole messages.
    pub(super) fn looks_whole(&self) -> bool {
        self.buffer.len() <= GLANCE && matches!(head(&self.buffer), Head::Plain) && messages::ends_whole(&self.buffer)
    }

    /// The next message, if it is there.
    pub(super) fn next(&mut self, outlook: Outlook) -> Option<Frame> {
        self.skip();
        if self.is_overlong {
            self.skip_message(outlook);
        }
        if self.is_overlong || self.is_lost || self.buffer.is_empty() {
            return None;
        }
        let head = head(&self.buffer);
        let is_stray = self.was_counted && matches!(head, Head::Plain) && !self.buffer.starts_with(b"<");
        match head {
            Head::Counted(_, count) if count > MAX_COUNT => Some(self.lose()),
            Head::Counted(start, count) if count > MAX_MESSAGE as u64 => self.overlong(start, count, outlook),
            Head::Counted(start, count) => self.counted(start, usize::try_from(count).unwrap_or(MAX_MESSAGE), outlook),
            Head::Open if outlook == Outlook::Open => None,
            Head::Plain if is_stray => Some(self.lose()),
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

    /// Past the rest of a message that is too long. Its end may be told only by what has not come yet.
    fn skip_message(&mut self, outlook: Outlook) {
        let end = next_begin(&self.buffer).or((outlook != Outlook::Open).then_some(self.buffer.len()));
        self.is_overlong = end.is_none();
        let last = self.buffer.iter().rev().take(UNDECIDED).position(|byte| matches!(byte, b'\n' | 0));
        let kept = last.map_or(0, |behind| behind + 1);
        self.buffer.advance(end.unwrap_or(self.buffer.len() - kept));
        if !self.is_overlong {
            self.skip_blank();
        }
    }

    /// The first `length` bytes. A copy, since a part of the buffer would keep all of it.
    fn cut(&mut self, length: usize, fault: Option<RejectCode>) -> Frame {
        let length = length.min(self.buffer.len());
        let body = Bytes::copy_from_slice(self.buffer.get(..length).unwrap_or_default());
        self.buffer.advance(length);
        self.unchanged = 0;
        Frame { body, fault }
    }

    fn counted(&mut self, start: usize, count: usize, outlook: Outlook) -> Option<Frame> {
        let is_whole = self.buffer.len() >= start + count;
        if !is_whole && outlook == Outlook::Open {
            return None;
        }
        self.buffer.advance(start);
        self.was_counted = true;
        Some(self.cut(count, (!is_whole).then_some(RejectCode::Truncated)))
    }

    fn overlong(&mut self, start: usize, count: u64, outlook: Outlook) -> Option<Frame> {
        if self.buffer.len() < start + KEPT && outlook == Outlook::Open {
            return None;
        }
        self.buffer.advance(start);
        let frame = self.cut(KEPT, Some(RejectCode::TooLong));
        self.dropped = count - frame.body.len() as u64;
        self.was_counted = true;
        Some(frame)
    }

    /// What stands where a count should.
    fn lose(&mut self) -> Frame {
        self.is_lost = true;
        let frame = self.cut(KEPT, Some(RejectCode::InvalidValue));
        self.buffer.clear();
        frame
    }

    fn plain(&mut self, outlook: Outlook) -> Option<Frame> {
        let length = self.buffer.len();
        if outlook == Outlook::Open && length < self.unchanged {
            return None;
        }
        let end = if outlook == Outlook::Open { messages::last_end(&self.buffer) } else { length };
        if (1..=MAX_MESSAGE).contains(&end) {
            return Some(self.cut(end, None));
        }
        if length > MAX_MESSAGE {
            self.is_overlong = true;
            return Some(self.cut(KEPT, Some(RejectCode::TooLong)));
        }
        // A sender of single bytes does not have the whole looked at for each.
        self.unchanged = (length + length / 4).min(MAX_MESSAGE + 1);
        None
    }
}

fn head(bytes: &[u8]) -> Head {
    let digits = bytes.iter().take(11).take_while(|byte| byte.is_ascii_digit()).count();
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

/// Where, after a line end, a message surely begins.
fn next_begin(bytes: &[u8]) -> Option<usize> {
    let ends = memchr2_iter(b'\n', 0, bytes);
    ends.map(|at| at + 1).find(|at| bytes.get(*at..).is_some_and(begins))
}

fn begins(bytes: &[u8]) -> bool {
    let is_message = |bytes: &[u8]| {
        let marks = [b"CEF:".as_slice(), b"LEEF:", b"<?xml", b"<AuditMessage"];
        messages::priority(bytes).is_some() || marks.iter().any(|mark| bytes.starts_with(mark))
    };
    match head(bytes) {
        Head::Counted(start, _) => bytes.get(start..).is_some_and(is_message),
        Head::Plain => is_message(bytes),
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
        assert!(framer.is_idle());
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
    fn lines_and_documents_end_where_they_end_for_the_decoder() {
        let all = |bytes: &[u8]| {
            let whole = String::from_utf8(bytes.to_vec()).unwrap();
            for step in [1, 2, 3, 5, 8, 40, bytes.len()] {
                let found = frames(bytes, step);
                let joined: String = found.iter().map(|(text, _)| text.as_str()).collect();
                assert_eq!(joined.replace(['\n', '\0'], ""), whole.replace(['\n', '\0'], ""), "{step} bytes at a time");
                let cuts = found.iter().all(|(text, fault)| fault.is_none() && text.starts_with(['<', 'C']));
                assert!(cuts, "each begins with a message: {found:?}");
            }
        };
        all(b"<1>a\n<AuditMessage>\n</AuditMessage>\n<85>1 b\n<1>c");
        all(b"<1>a <AuditMessage><x/></AuditMessage><1>a <AuditMessage>\n</AuditMessage><1>c\n");
        all(b"CEF:0|a\nCEF:0|b\nCEF:0|c\n");
    }

    #[test]
    fn a_busy_sender_of_lines_is_not_waited_for() {
        let mut framer = Framer::default();
        let mut taken = 0;
        for _ in 0..20_000 {
            framer.room().extend_from_slice(b"CEF:0|Epic|Security-SIEM|9|SECURE|n|5|suser=u1 PATIENT=p1\n");
            while let Some(frame) = framer.next(Outlook::Open) {
                assert_eq!(frame.fault, None);
                taken += String::from_utf8(frame.body.to_vec()).unwrap().matches("CEF:").count();
            }
            assert!(framer.buffer.len() < 1_000);
        }
        assert!(taken >= 19_990, "{taken}");
    }

    #[test]
    fn counts_that_do_not_fit_end_the_connection() {
        for text in ["5 <1>abc 7 <1>abcd", "9999999999 <1>a"] {
            let mut framer = Framer::default();
            framer.room().extend_from_slice(text.as_bytes());
            let mut faults = Vec::new();
            while let Some(frame) = framer.next(Outlook::Open) {
                faults.push(frame.fault);
            }
            assert_eq!(faults.last(), Some(&Some(RejectCode::InvalidValue)), "{text}");
            assert!(framer.is_lost());
        }
    }

    #[test]
    fn a_silent_sender_has_said_what_it_had_to_say() {
        let mut framer = Framer::default();
        framer.room().extend_from_slice(b"<1>a <AuditMessage/>");
        assert!(framer.next(Outlook::Open).is_none() && framer.looks_whole());
        assert_eq!(&framer.next(Outlook::Silent).unwrap().body[..], b"<1>a <AuditMessage/>");
        framer.room().extend_from_slice(b"<1>a <AuditMessage>\n");
        assert!(framer.next(Outlook::Open).is_none() && !framer.looks_whole(), "the document goes on");
        framer.next(Outlook::Closed).unwrap();
        framer.room().extend_from_slice(b"9 <1>a>");
        assert!(framer.next(Outlook::Open).is_none() && !framer.looks_whole(), "a count promises more");
        let cut = framer.next(Outlook::Silent).unwrap();
        assert_eq!((&cut.body[..], cut.fault), (&b"<1>a>"[..], Some(RejectCode::Truncated)));
    }

    #[test]
    fn after_a_message_that_was_too_long_a_pause_ends_the_skipping() {
        let mut framer = Framer::default();
        framer.room().extend_from_slice(&vec![b'x'; MAX_MESSAGE + 10]);
        assert_eq!(framer.next(Outlook::Open).unwrap().fault, Some(RejectCode::TooLong));
        assert!(framer.next(Outlook::Open).is_none() && !framer.is_idle());
        assert!(framer.next(Outlook::Silent).is_none() && framer.is_idle());
        framer.room().extend_from_slice(b"<1>a\n");
        assert_eq!(&framer.next(Outlook::Silent).unwrap().body[..], b"<1>a\n");
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
        assert_eq!(frames(b"GET / HTTP/1.1\r\n\r\n", 99)[0], ("GET / HTTP/1.1\r".to_owned(), None));
        assert_eq!(texts(b"12"), ["12"]);
        assert_eq!(texts(b"99999999999999999999 <1>a"), ["99999999999999999999 <1>a"]);
    }
}
