//! Finds out what a file holds from its content, never from its name.

use super::canonical;
use super::clean;
use super::context::Table;
use super::csv::read_record;
use super::foreign::Foreign;
use super::format::{Body, Columns, Expect, Format, FormatError, Layout};
use super::json::{Members, Value, member, skip_space, value_end, visit_document};
use super::mapped::Map;
use super::time::read_instant;
use super::{hl7, messages};

/// The byte order mark of UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Tells the layout from the beginning of a file; `whole` says that there is nothing after it.
///
/// # Errors
/// When the file is nothing that was expected.
pub fn detect(head: &[u8], whole: bool, expect: Expect) -> Result<Layout, FormatError> {
    detect_with(head, whole, expect, &[])
}

/// As [`detect`], with column maps of the site.
///
/// # Errors
/// When the file is nothing that was expected.
pub fn detect_with(head: &[u8], whole: bool, expect: Expect, maps: &'static [Map]) -> Result<Layout, FormatError> {
    if head.starts_with(b"PAR1") {
        let is_table = matches!(expect, Expect::Table(_));
        let format = if is_table { Format::ContextParquet } else { Format::CanonicalParquet };
        return Ok(Layout { format, body: Body::Columnar, header_bytes: 0, header_lines: 0 });
    }
    let mark = if head.starts_with(MARK) { MARK.len() } else { 0 };
    let start = skip_space(head, mark);
    match head.get(start) {
        None => Err(FormatError::Empty(expect)),
        Some(_) if is_html(&head[start..]) => Err(FormatError::Foreign { found: "is HTML", expected: expect }),
        Some(_) if hl7::looks_like(&head[start..]) => hl7_layout(expect),
        Some(_) if messages::looks_like(&head[start..]) => message_layout(&head[start..], expect),
        Some(b'<') => Err(FormatError::Foreign { found: "looks like XML of no known kind", expected: expect }),
        Some(b'{' | b'[') => json_layout(head, start, mark, whole, expect),
        Some(_) if first_line(head).contains(&0) => Err(FormatError::Foreign { found: "is binary", expected: expect }),
        Some(_) => csv_layout(head, start, expect, maps),
    }
}

fn is_html(text: &[u8]) -> bool {
    let begins = |mark: &[u8]| text.get(..mark.len()).is_some_and(|start| start.eq_ignore_ascii_case(mark));
    begins(b"<html") || begins(b"<!doctype html")
}

/// XML and syslog, whose records say what they are.
fn message_layout(text: &[u8], expect: Expect) -> Result<Layout, FormatError> {
    if matches!(expect, Expect::Table(_)) {
        return Err(FormatError::Foreign { found: "holds XML or syslog messages", expected: expect });
    }
    let is_xml = text.first() == Some(&b'<') && messages::priority(text).is_none();
    let format = if is_xml { Format::AtnaXml } else { Format::AtnaSyslog };
    Ok(Layout { format, body: Body::Messages(expect), header_bytes: 0, header_lines: 0 })
}

fn hl7_layout(expect: Expect) -> Result<Layout, FormatError> {
    match expect {
        Expect::Feed | Expect::Anything => {
            Ok(Layout { format: Format::Hl7, body: Body::Hl7, header_bytes: 0, header_lines: 0 })
        }
        _ => Err(FormatError::Foreign { found: "holds HL7 v2 messages", expected: expect }),
    }
}

fn csv_layout(head: &[u8], start: usize, expect: Expect, maps: &'static [Map]) -> Result<Layout, FormatError> {
    // The number of cells is not known before the header has been read once.
    let mut cells = Vec::new();
    read_record(head, start, 0, &mut cells);
    let columns_found = cells.len();
    let next = read_record(head, start, columns_found, &mut cells).next;
    let Ok(text) = std::str::from_utf8(&head[start..next]) else {
        return Err(FormatError::Foreign { found: "is not UTF-8 text", expected: expect });
    };
    let names: Vec<String> =
        cells.iter().map(|cell| clean(&cell.moved(start).text(text)).to_ascii_lowercase()).collect();
    let header_lines = memchr::memchr_iter(b'\n', &head[..next]).count() as u64;
    let kind = csv_kind(&names, expect);
    if kind.is_err()
        && let Some(foreign) = Foreign::recognise(text, expect, maps)
    {
        let (format, body) = (foreign.format(), Body::Foreign(foreign));
        return Ok(Layout { format, body, header_bytes: next, header_lines });
    }
    let (format, body) = match kind? {
        None => (Format::CanonicalCsv, Body::AccessCsv(columns(&names, &canonical::FIELDS)?)),
        Some(table) => (Format::ContextCsv, Body::TableCsv(table, columns(&names, table.columns())?)),
    };
    Ok(Layout { format, body, header_bytes: next, header_lines })
}

/// Which table a header belongs to; `None` = the access log.
fn csv_kind(names: &[String], expect: Expect) -> Result<Option<Table>, FormatError> {
    let lacks = |required: &[&'static str]| -> Vec<&'static str> {
        required.iter().copied().filter(|column| !names.iter().any(|name| name == column)).collect()
    };
    let found = match expect {
        Expect::Accesses => lacks(&canonical::REQUIRED).is_empty().then_some(None),
        Expect::Table(table) => lacks(table.required()).is_empty().then_some(Some(table)),
        Expect::Feed => None,
        Expect::Anything if lacks(&canonical::REQUIRED).is_empty() => Some(None),
        Expect::Anything => best_table(names).map(Some),
    };
    found.ok_or_else(|| {
        let required = if let Expect::Table(table) = expect { table.required() } else { &canonical::REQUIRED };
        FormatError::MissingColumns { missing: lacks(required), found: described(names), expected: expect }
    })
}

/// The table that has most of these columns, all that it requires, and more of them than the access
/// log has.
fn best_table(names: &[String]) -> Option<Table> {
    let has = |column: &str| names.iter().any(|name| name == column);
    let known = |columns: &[&str]| columns.iter().filter(|column| has(column)).count();
    let of_access = known(&canonical::FIELDS);
    Table::ALL
        .into_iter()
        .filter(|table| table.required().iter().all(|column| has(column)) && known(table.columns()) > of_access)
        .max_by_key(|table| (known(table.columns()), std::cmp::Reverse(*table)))
}

/// The names of a header for an error, unless the line holds values and may hold people.
fn described(names: &[String]) -> String {
    let is_value = |name: &String| {
        let has_letter = name.bytes().any(|byte| byte.is_ascii_alphabetic());
        !has_letter || name.len() > 60 || name.contains('@') || read_instant(name).is_some()
    };
    if names.iter().any(is_value) {
        return "a first line that looks like values and not like a header".to_owned();
    }
    let list = names.join(", ");
    match [';', '\t', '|'].into_iter().find(|other| list.contains(*other)) {
        Some(other) => format!("{list} (separated by {other:?}, where a comma is expected)"),
        None => list,
    }
}

fn columns(names: &[String], known: &[&str]) -> Result<Columns, FormatError> {
    let mut columns = Columns { slots: Vec::with_capacity(names.len()), unknown: Vec::new() };
    for (number, name) in names.iter().enumerate() {
        let slot = known.iter().position(|column| column == name);
        if slot.is_some() && names[..number].contains(name) {
            return Err(FormatError::DuplicateColumn(name.clone()));
        }
        if slot.is_none() {
            columns.unknown.push(if name.is_empty() { "(unnamed)".to_owned() } else { name.clone() });
        }
        // At most 20 fields of one table; the place after them is nobody's.
        columns.slots.push(u8::try_from(slot.unwrap_or(known.len())).unwrap_or(u8::MAX));
    }
    Ok(columns)
}

fn json_layout(head: &[u8], start: usize, mark: usize, whole: bool, expect: Expect) -> Result<Layout, FormatError> {
    let is_document = is_document(&head[start..], whole);
    let mut first = None;
    if is_document {
        // The first record is enough; what follows may be cut off here.
        let _ = visit_document(&head[start..], &mut |entry| {
            if first.is_none() {
                first = entry.record;
            }
        });
    } else {
        first = Some(first_line(&head[start..]));
    }
    let first = first.and_then(|text| std::str::from_utf8(text).ok());
    let is_bundle = member(head, start, head.len(), b"resourceType").is_some();
    let records = match first.map(|text| json_kind(text, expect)).transpose()?.flatten() {
        Some(kind) => kind,
        None if is_bundle => JsonKind::Fhir,
        None => JsonKind::of(expect),
    };
    let format = match (records, is_document) {
        (JsonKind::Fhir, true) => Format::FhirJson,
        (JsonKind::Fhir, false) => Format::FhirNdjson,
        (JsonKind::Access, true) => Format::CanonicalJson,
        (JsonKind::Access, false) => Format::CanonicalNdjson,
        (JsonKind::Table(_), _) => Format::ContextNdjson,
    };
    let records = match (records, expect) {
        (JsonKind::Table(table), Expect::Anything) => Expect::Table(table),
        _ => expect,
    };
    let body = if is_document { Body::Document(records) } else { Body::Lines(records) };
    Ok(Layout { format, body, header_bytes: mark, header_lines: 0 })
}

/// What the records of a JSON file are.
#[derive(Clone, Copy)]
enum JsonKind {
    Access,
    Fhir,
    Table(Table),
}

impl JsonKind {
    const fn of(expect: Expect) -> Self {
        match expect {
            Expect::Table(table) => Self::Table(table),
            Expect::Feed => Self::Fhir,
            Expect::Accesses | Expect::Anything => Self::Access,
        }
    }
}

/// What a first record is; `None` when it is not valid JSON and says nothing about the others.
fn json_kind(text: &str, expect: Expect) -> Result<Option<JsonKind>, FormatError> {
    let Ok(mut members) = Members::new(text) else { return Ok(None) };
    let mut names = Vec::new();
    let mut typed = None;
    loop {
        match members.next_member() {
            Ok(Some((key, _))) if key == "resourceType" => {
                return match expect {
                    Expect::Table(_) => Err(FormatError::Foreign { found: "holds FHIR resources", expected: expect }),
                    _ => Ok(Some(JsonKind::Fhir)),
                };
            }
            Ok(Some((key, value))) => {
                if let (true, Value::Text(name)) = (key.eq_ignore_ascii_case("type"), &value) {
                    typed = Table::from_type(name);
                }
                names.push(key.to_ascii_lowercase());
            }
            Ok(None) => break,
            Err(_) => return Ok(None),
        }
    }
    let has_any = |columns: &[&str]| names.iter().any(|name| columns.contains(&name.as_str()));
    let kind = match expect {
        Expect::Table(table) => has_any(table.columns()).then_some(JsonKind::Table(table)),
        Expect::Accesses => has_any(&canonical::REQUIRED).then_some(JsonKind::Access),
        Expect::Feed => None,
        Expect::Anything if typed.is_some() && !names.iter().any(|name| name == "occurred_at") => {
            // Every record names its type.
            return Ok(Some(JsonKind::Access));
        }
        Expect::Anything if has_any(&["occurred_at", "action"]) => Some(JsonKind::Access),
        Expect::Anything => best_table(&names)
            .map(JsonKind::Table)
            .or_else(|| has_any(&canonical::REQUIRED).then_some(JsonKind::Access)),
    };
    kind.map(Some).ok_or_else(|| FormatError::ForeignRecord {
        found: if names.is_empty() { "no fields".to_owned() } else { names.join(", ") },
        expected: expect,
    })
}

fn first_line(text: &[u8]) -> &[u8] {
    let end = memchr::memchr(b'\n', text).unwrap_or(text.len());
    text[..end].trim_ascii_end()
}

/// Whether JSON that begins with `text` is one document and not an object in each line.
fn is_document(text: &[u8], whole: bool) -> bool {
    if text[0] == b'[' {
        return true;
    }
    let first = first_line(text);
    let rest = text[first.len()..].trim_ascii_start();
    let is_bundle =
        member(text, 0, text.len(), b"resourceType").is_some_and(|(from, to)| &text[from..to] == b"\"Bundle\"");
    if value_end(first, 0) == Some(first.len()) {
        // One line: a file of one resource, or the first of many lines.
        let is_resource = member(first, 0, first.len(), b"resourceType").is_some();
        return rest.is_empty() && (is_bundle || (whole && is_resource));
    }
    if rest.is_empty() {
        // A first line longer than what was read.
        return is_bundle;
    }
    // A broken first line of NDJSON is followed by a line that opens an object of its own.
    !rest.starts_with(b"{") || matches!(first.last(), Some(b'{' | b'[' | b',' | b':'))
}
