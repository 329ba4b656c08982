//! A flat JSON object, member by member, without building it: almost every NDJSON line is one.
//! Strings without escapes are borrowed; whatever is nested is skipped and checked.

use std::borrow::Cow;

use memchr::{memchr, memchr2};
use serde::de::IgnoredAny;

use super::scan::string_stop;

/// A member's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    Null,
    Bool(bool),
    /// As written, so that a long numeric id keeps all its digits.
    Number(&'a str),
    Text(Cow<'a, str>),
    /// An object or an array, as written.
    Nested(&'a str),
}

/// The text is not valid JSON, or not an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

/// Walks the members of one object.
pub struct Members<'a> {
    text: &'a str,
    at: usize,
    is_first: bool,
}

impl<'a> Members<'a> {
    /// Starts on `text`, which must hold one object and nothing else.
    ///
    /// # Errors
    /// When no object begins there.
    pub fn new(text: &'a str) -> Result<Self, Broken> {
        let at = skip_space(text.as_bytes(), 0);
        if text.as_bytes().get(at) != Some(&b'{') {
            return Err(Broken);
        }
        Ok(Self { text, at: at + 1, is_first: true })
    }

    /// The next member, or `None` after the last.
    ///
    /// # Errors
    /// When the text is not valid JSON.
    pub fn next_member(&mut self) -> Result<Option<(Cow<'a, str>, Value<'a>)>, Broken> {
        let bytes = self.text.as_bytes();
        self.at = skip_space(bytes, self.at);
        match bytes.get(self.at) {
            Some(b'}') => {
                self.at = skip_space(bytes, self.at + 1);
                return if self.at == bytes.len() { Ok(None) } else { Err(Broken) };
            }
            Some(b',') if !self.is_first => self.at = skip_space(bytes, self.at + 1),
            Some(b'"') if self.is_first => {}
            _ => return Err(Broken),
        }
        self.is_first = false;
        let key = self.string()?;
        self.at = skip_space(bytes, self.at);
        if bytes.get(self.at) != Some(&b':') {
            return Err(Broken);
        }
        self.at = skip_space(bytes, self.at + 1);
        Ok(Some((key, self.value()?)))
    }

    fn value(&mut self) -> Result<Value<'a>, Broken> {
        let start = self.at;
        match self.text.as_bytes().get(start) {
            Some(b'"') => self.string().map(Value::Text),
            Some(b'{' | b'[') => {
                self.at = value_end(self.text.as_bytes(), start).ok_or(Broken)?;
                let nested = &self.text[start..self.at];
                serde_json::from_str::<IgnoredAny>(nested).map_err(|_| Broken)?;
                Ok(Value::Nested(nested))
            }
            Some(_) => self.scalar(),
            None => Err(Broken),
        }
    }

    /// A string whose opening quote stands at the cursor.
    fn string(&mut self) -> Result<Cow<'a, str>, Broken> {
        let bytes = self.text.as_bytes();
        let start = self.at + 1;
        if bytes.get(self.at) != Some(&b'"') {
            return Err(Broken);
        }
        let stop = start + string_stop(&bytes[start..]).ok_or(Broken)?;
        if bytes[stop] == b'"' {
            self.at = stop + 1;
            return Ok(Cow::Borrowed(&self.text[start..stop]));
        }
        let end = string_end(bytes, self.at).ok_or(Broken)?;
        let text = serde_json::from_str::<String>(&self.text[self.at..end]).map_err(|_| Broken)?;
        self.at = end;
        Ok(Cow::Owned(text))
    }

    fn scalar(&mut self) -> Result<Value<'a>, Broken> {
        let rest = &self.text.as_bytes()[self.at..];
        let length = rest.iter().take_while(|byte| !matches!(byte, b',' | b'}' | b' ' | b'\t' | b'\r' | b'\n')).count();
        let word = &self.text[self.at..self.at + length];
        self.at += length;
        match word {
            "null" => Ok(Value::Null),
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            number if is_number(number.as_bytes()) => Ok(Value::Number(number)),
            _ => Err(Broken),
        }
    }
}

/// Whether `text` is a number by the JSON grammar.
fn is_number(text: &[u8]) -> bool {
    fn digits(text: &[u8]) -> (usize, &[u8]) {
        let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        (count, &text[count..])
    }
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let has_leading_zero = text.first() == Some(&b'0');
    let (count, mut rest) = digits(text);
    if count == 0 || (has_leading_zero && count > 1) {
        return false;
    }
    if let Some(after) = rest.strip_prefix(b".") {
        let (count, after) = digits(after);
        if count == 0 {
            return false;
        }
        rest = after;
    }
    if let [b'e' | b'E', after @ ..] = rest {
        let after = after.strip_prefix(b"+").or_else(|| after.strip_prefix(b"-")).unwrap_or(after);
        let (count, after) = digits(after);
        return count > 0 && after.is_empty();
    }
    rest.is_empty()
}

/// The first position from `at` that holds no JSON white space.
#[must_use]
pub fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
        at += 1;
    }
    at
}

/// The position after the string that begins at `at`; `None` when it does not end.
fn string_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = at + 1;
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// The position after the value that begins at `at`, found by its brackets alone; `None` when it
/// does not end. Whether what lies between is valid JSON is for the reader of that slice.
#[must_use]
pub fn value_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = at;
    let mut depth = 0_u32;
    loop {
        match bytes.get(at)? {
            b'"' => at = string_end(bytes, at)?,
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                at += 1;
            }
            _ => {
                let rest = &bytes[at..];
                let stop = rest.iter().position(|byte| matches!(byte, b'"' | b'{' | b'}' | b'[' | b']' | b','));
                match stop {
                    Some(0) => at += 1,
                    Some(length) => at += length,
                    None if depth == 0 => return Some(bytes.len()),
                    None => return None,
                }
            }
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

/// The elements of an array that is known to be valid JSON; `None` for an object.
#[must_use]
pub fn elements(text: &str) -> Option<Vec<&str>> {
    let mut found = Vec::new();
    if !text.starts_with('[') {
        return None;
    }
    let visit = &mut |from, to| {
        found.push(text[from..to].trim_end());
        Ok(())
    };
    visit_array(text.as_bytes(), 0, visit).ok()?;
    Some(found)
}

/// A record of a document.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// As written; `None` is an entry of a Bundle that holds none.
    pub record: Option<&'a [u8]>,
    /// The position at which it begins.
    pub start: usize,
    /// `fullUrl` of the entry of a Bundle, as written.
    pub full_url: Option<&'a [u8]>,
}

/// Takes a record of a document.
type Visit<'v, 'a> = &'v mut dyn FnMut(Entry<'a>);

/// Hands every record of a JSON document to `visit`: the values that stand side by side or in one
/// array, and of a FHIR Bundle the resource of each entry, or the Bundle itself where it has none.
///
/// # Errors
/// The position of the first value that does not end; what stands before it has been visited.
pub fn visit_document<'a>(bytes: &'a [u8], visit: Visit<'_, 'a>) -> Result<(), usize> {
    let mut at = skip_space(bytes, 0);
    while at < bytes.len() {
        at = match bytes[at] {
            b'[' => visit_array(bytes, at, &mut |start, end| visit_value(bytes, start, end, visit))?,
            b'{' => {
                let end = value_end(bytes, at);
                visit_value(bytes, at, end.unwrap_or(bytes.len()), visit)?;
                end.ok_or(at)?
            }
            _ => return Err(at),
        };
        at = skip_space(bytes, at);
    }
    Ok(())
}

/// Hands every element of the array at `at` to `visit` as a range; returns the position after it.
fn visit_array(
    bytes: &[u8],
    at: usize,
    visit: &mut dyn FnMut(usize, usize) -> Result<(), usize>,
) -> Result<usize, usize> {
    let mut at = skip_space(bytes, at + 1);
    loop {
        match bytes.get(at) {
            Some(b']') => return Ok(at + 1),
            Some(b',') => at = skip_space(bytes, at + 1),
            Some(_) => {
                let end = value_end(bytes, at).ok_or(at)?;
                visit(at, end)?;
                at = skip_space(bytes, end.max(at + 1));
            }
            None => return Err(bytes.len()),
        }
    }
}

/// A value that is a record itself, or a Bundle of them. `end` is the end of the text when the
/// value is cut off; then only the whole entries of a Bundle are visited.
fn visit_value<'a>(bytes: &'a [u8], start: usize, end: usize, visit: Visit<'_, 'a>) -> Result<(), usize> {
    let Some(entries) = bundle_entries(bytes, start, end) else {
        if value_end(&bytes[..end], start).is_none() {
            return Err(start);
        }
        visit(Entry { record: Some(&bytes[start..end]), start, full_url: None });
        return Ok(());
    };
    let mut is_empty = true;
    let mut take = |from, to| {
        is_empty = false;
        let full_url = member(bytes, from, to, b"fullUrl").map(|(from, to)| &bytes[from..to]);
        let found = member(bytes, from, to, b"resource");
        let record = found.map(|(from, to)| &bytes[from..to]);
        visit(Entry { record, start: found.map_or(from, |(from, _)| from), full_url });
        Ok(())
    };
    if let Some(entries) = entries {
        visit_array(&bytes[..end], entries, &mut take)?;
    }
    if is_empty {
        visit(Entry { record: Some(&bytes[start..end]), start, full_url: None });
    }
    Ok(())
}

/// `Some` for a Bundle: where its entry array begins, if it has one.
fn bundle_entries(bytes: &[u8], start: usize, end: usize) -> Option<Option<usize>> {
    let entries =
        member(bytes, start, end, b"entry").map(|(from, _)| from).filter(|from| bytes.get(*from) == Some(&b'['));
    match member(bytes, start, end, b"resourceType") {
        Some((from, to)) => (&bytes[from..to] == b"\"Bundle\"").then_some(entries),
        // A Bundle cut off within its entries may not have named itself yet.
        None => entries.filter(|_| value_end(&bytes[..end], start).is_none()).map(Some),
    }
}

/// The range of a member's value in the object at `start`; the value may be cut off at `end`.
#[must_use]
pub fn member(bytes: &[u8], start: usize, end: usize, name: &[u8]) -> Option<(usize, usize)> {
    let bytes = &bytes[..end];
    let mut at = skip_space(bytes, start);
    if bytes.get(at) != Some(&b'{') {
        return None;
    }
    at += 1;
    loop {
        at += memchr(b'"', bytes.get(at..)?)?;
        let key_end = string_end(bytes, at)?;
        let key = &bytes[at + 1..key_end - 1];
        at = skip_space(bytes, key_end);
        if bytes.get(at) != Some(&b':') {
            return None;
        }
        at = skip_space(bytes, at + 1);
        let value_end = value_end(bytes, at);
        if key == name {
            return Some((at, value_end.unwrap_or(end)));
        }
        at = skip_space(bytes, value_end?);
        if bytes.get(at) != Some(&b',') {
            return None;
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(text: &str) -> Result<Vec<(String, Value<'_>)>, Broken> {
        let mut members = Members::new(text)?;
        let mut found = Vec::new();
        while let Some((key, value)) = members.next_member()? {
            found.push((key.into_owned(), value));
        }
        Ok(found)
    }

    #[test]
    fn members_come_with_their_values() {
        let text = r#" { "a" : "x" ,"b":12345678901234567890123,"c":true,"d":null,"e":{"f":["}"]},"g":"\u00e9\n"} "#;
        let found = all(text).unwrap();
        let values: Vec<_> = found.into_iter().map(|(_, value)| value).collect();
        assert_eq!(
            values,
            [
                Value::Text("x".into()),
                Value::Number("12345678901234567890123"),
                Value::Bool(true),
                Value::Null,
                Value::Nested(r#"{"f":["}"]}"#),
                Value::Text("é\n".into()),
            ]
        );
        assert_eq!(all("{}").unwrap(), []);
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in [
            "",
            "[]",
            "{",
            "{]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{,\"a\":1}",
            "{\"a\":01}",
            "{\"a\":1 2}",
            "{\"a\":\"x}",
            "{\"a\":\"x\ty\"}",
            "{\"a\":\"\\q\"}",
            "{\"a\":[1,]}",
            "{\"a\":1} x",
            "{\"a\":nul}",
            "{\"a\":1.}",
            "{\"a\":+1}",
            "{a:1}",
        ] {
            assert_eq!(all(text), Err(Broken), "{text}");
            assert!(serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text).is_err(), "{text}");
        }
    }

    fn records(text: &str) -> (Vec<String>, Result<(), usize>) {
        let mut found = Vec::new();
        let end = visit_document(text.as_bytes(), &mut |entry| {
            found.push(entry.record.map_or("-".to_owned(), |text| String::from_utf8_lossy(text).into_owned()));
        });
        (found, end)
    }

    #[test]
    fn a_document_is_its_records() {
        assert_eq!(records("{\"a\":1}\n{\"a\":2}").0, ["{\"a\":1}", "{\"a\":2}"]);
        assert_eq!(records("[{\"a\":1},\n {\"a\":2} ]").0, ["{\"a\":1}", "{\"a\":2}"]);
        let bundle = r#"{"entry":[{"fullUrl":"u","resource":{"a":1}},{"request":{}}],"resourceType":"Bundle"}"#;
        assert_eq!(records(bundle), (vec!["{\"a\":1}".into(), "-".into()], Ok(())));
        let mut urls = Vec::new();
        let end = visit_document(bundle.as_bytes(), &mut |entry| urls.push(entry.full_url));
        assert_eq!((urls, end), (vec![Some(&b"\"u\""[..]), None], Ok(())));
        assert_eq!(records(r#"{"resourceType":"Bundle"}"#), (vec![r#"{"resourceType":"Bundle"}"#.into()], Ok(())));
    }

    #[test]
    fn a_document_that_is_cut_off_gives_what_is_whole() {
        let bundle = r#"{"resourceType":"Bundle","entry":[{"resource":{"a":1}},{"resource":{"a""#;
        let (found, end) = records(bundle);
        assert_eq!(found, ["{\"a\":1}"]);
        assert!(end.is_err());
        assert_eq!(records("{\"a\":1}{\"b").0, ["{\"a\":1}"]);
        assert_eq!(records("{\"a\":1} nonsense").1, Err(8));
    }

    proptest! {
        #[test]
        fn agrees_with_serde_on_what_is_valid(text in r#"\{("[ab\\"]{0,2}" ?: ?("[a\\n"]{0,3}"|-?[0-9.e]{1,4}|true|null|\[[0-9,]{0,3}\]),?){0,3}\}"#) {
            let expected = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text);
            let overflows = matches!(&expected, Err(error) if error.to_string().starts_with("number out of range"));
            prop_assume!(!overflows);
            prop_assert_eq!(all(&text).is_ok(), expected.is_ok(), "{}", text);
        }

        #[test]
        fn no_text_breaks_it(text in r#"[\{\}\[\]",:a1\\ ]{0,40}"#) {
            let _ = (all(&text), records(&text));
        }
    }
}
