//! A map for a file that no map knows, guessed from its header and its values. A person checks it.
//!
//! | sign | weight |
//! |---|---|
//! | the column's name is a known name of the field | 200 less its place in the list |
//! | a known name is part of it | 100 less that place; never for columns that tell about a person |
//! | values that fit (a time, addresses, a few repeated texts) | needed for times and ids, 40 without a name |

use super::normal;
use super::time::{TimeFormat, time_of_day};
use crate::decode::canonical::REQUIRED;
use crate::decode::clean;
use crate::decode::time::Written;
use crate::model::time::Timestamp;

/// A map to check and save.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The map as TOML. It holds names of columns and never a value of the file.
    pub toml: String,
    /// Required fields for which no column was found.
    pub missing: Vec<&'static str>,
    /// For each column its name and why it is read as it is, or that nobody reads it.
    pub why: Vec<(String, String)>,
}

/// Names of columns by field, the most telling first, as [`normal`] writes them.
const NAMES: [(&str, &[&str]); 14] = [
    (
        "occurred_at",
        &[
            "occurredat",
            "accesstime",
            "eventtime",
            "accessdatetime",
            "eventdatetime",
            "accessdate",
            "eventdate",
            "timestamp",
            "datetime",
            "creationtime",
            "starttime",
            "start",
            "date",
            "time",
        ],
    ),
    ("recorded_at", &["recordedat", "loggedat", "createdat", "insertedat"]),
    (
        "user_id",
        &[
            "userid",
            "employeeid",
            "empid",
            "loginid",
            "samaccountname",
            "staffid",
            "username",
            "login",
            "logon",
            "userlogin",
            "useremail",
            "employee",
            "accessedby",
            "operator",
            "account",
            "user",
            "duz",
        ],
    ),
    (
        "patient_id",
        &[
            "patientid",
            "patid",
            "mrn",
            "patientmrn",
            "medicalrecordnumber",
            "medicalrecord",
            "patientregid",
            "patientnumber",
            "patient",
            "chart",
            "pid",
            "dfn",
        ],
    ),
    (
        "action",
        &[
            "action",
            "eventname",
            "metricname",
            "eventtype",
            "accessaction",
            "accesstype",
            "activity",
            "operation",
            "event",
            "metric",
            "transaction",
            "function",
        ],
    ),
    ("resource", &["resource", "module", "section", "screen", "reportname", "document", "page", "menu", "option"]),
    ("department", &["department", "userdepartment", "departmentname", "dept", "unit", "ward", "clinic", "location"]),
    ("workstation", &["workstation", "workstationid", "device", "terminal", "computer", "hostname", "machine"]),
    ("source_ip", &["sourceip", "ipaddress", "clientip", "remoteaddress", "ip"]),
    ("encounter_id", &["encounterid", "encounter", "csn", "visitid", "visitnumber", "visit"]),
    ("purpose", &["purposeofuse", "purpose"]),
    ("break_glass_reason", &["breakglassreason", "btgreason", "overridereason", "accessreason", "reason"]),
    ("outcome", &["outcome", "result", "status", "success"]),
    ("event_id", &["eventid", "auditid", "logid", "recordid", "rowid", "id"]),
];

/// Words of columns that tell about a person and name nobody by an id.
const PERSONAL: [&str; 14] = [
    "name", "first", "last", "birth", "dob", "address", "street", "city", "zip", "phone", "ssn", "sex", "gender", "age",
];

/// Actions by words that many products use.
const ACTIONS: &str = "values = [
  { match = \"*break*glass*|*btg*|*emergency override*\", value = \"break-glass\" },
  { match = \"*print*\", value = \"print\" },
  { match = \"*export*|*download*|*fax*|*release*\", value = \"export\" },
  { match = \"*log*out*|*logoff*|*sign*off*\", value = \"logout\" },
  { match = \"*login*|*log in*|*logon*\", value = \"login\" },
  { match = \"*search*|*lookup*|*look up*|find*\", value = \"search\" },
  { match = \"*delete*|*remove*\", value = \"delete\" },
  { match = \"*create*|add*|new*|insert*\", value = \"create\" },
  { match = \"*update*|*edit*|*modif*|*change*|*sign*\", value = \"update\" },
  { match = \"*view*|*access*|open*|read*|*display*|inquir*|*query*|select*\", value = \"view\" },
]
";

/// Outcomes by words that many products use.
const OUTCOMES: &str = "values = [
  { match = \"success*|ok|y|yes|true\", value = \"success\" },
  { match = \"*denied*|*block*|*refus*\", value = \"denied\" },
  { match = \"*fail*|*error*|n|no|false\", value = \"error\" },
]
";

/// What the values of a column look like.
#[derive(Debug, PartialEq)]
enum Kind {
    Empty,
    Instant(TimeFormat),
    /// A date, which this format reads with a time behind it.
    Date(TimeFormat),
    Clock,
    Address,
    /// Each value once.
    Unique,
    /// A few texts that repeat.
    Few,
    Other,
}

/// A field and the columns that it is read from.
struct Guess {
    field: &'static str,
    columns: Vec<usize>,
    format: Option<TimeFormat>,
    why: String,
}

/// Guesses a map for a file with this header and some of its rows.
#[must_use]
pub fn propose(header: &[String], rows: &[Vec<String>]) -> Proposal {
    let names: Vec<String> = header.iter().map(|name| normal(name)).collect();
    let kinds: Vec<Kind> = (0..header.len()).map(|column| kind(rows, column)).collect();
    let mut guesses = by_score(&names, &kinds);
    if !guesses.iter().any(|guess| guess.field == "occurred_at") {
        let pair = date_and_clock(&kinds, &guesses);
        guesses.extend(pair);
    }
    let has = |field: &str| guesses.iter().any(|guess| guess.field == field);
    let missing: Vec<&'static str> = REQUIRED.into_iter().filter(|field| !has(field)).collect();
    let why = header.iter().enumerate().map(|(column, name)| {
        let guess = guesses.iter().find(|guess| guess.columns.contains(&column));
        (name.clone(), guess.map_or_else(|| "not read: no field fits".to_owned(), |guess| guess.why.clone()))
    });
    let why = why.collect();
    Proposal { toml: written(header, &guesses, &missing), missing, why }
}

/// Gives columns to fields, the best fit first.
fn by_score(names: &[String], kinds: &[Kind]) -> Vec<Guess> {
    let mut scores = Vec::new();
    for (field, known) in NAMES {
        for (column, (name, kind)) in names.iter().zip(kinds).enumerate() {
            if let Some((score, why)) = score(field, known, name, kind) {
                scores.push((score, field, column, why));
            }
        }
    }
    scores.sort_by_key(|(score, _, column, _)| (std::cmp::Reverse(*score), *column));
    let mut guesses: Vec<Guess> = Vec::new();
    for (_, field, column, why) in scores {
        if guesses.iter().any(|guess| guess.field == field || guess.columns.contains(&column)) {
            continue;
        }
        let format = match kinds.get(column) {
            Some(Kind::Instant(format)) if field.ends_with("_at") => Some(format.clone()),
            _ => None,
        };
        guesses.push(Guess { field, columns: vec![column], format, why: format!("{field}: {why}") });
    }
    guesses
}

/// How well a column fits a field, and why.
fn score(field: &str, known: &[&str], name: &str, kind: &Kind) -> Option<(usize, &'static str)> {
    let is_time = matches!(field, "occurred_at" | "recorded_at");
    let fits = match kind {
        Kind::Empty => !is_time,
        // Numbers of ten digits may be ids as well.
        Kind::Instant(format) => is_time || (is_number(format) && field.ends_with("_id")),
        Kind::Date(_) | Kind::Clock => false,
        Kind::Address => matches!(field, "source_ip" | "workstation"),
        Kind::Few | Kind::Other => !is_time && field != "event_id",
        Kind::Unique => !is_time && field != "outcome",
    };
    if !fits {
        return None;
    }
    if let Some(place) = known.iter().position(|word| *word == name) {
        return Some((200 - place, "its name says so"));
    }
    let is_personal = PERSONAL.iter().any(|word| name.contains(*word));
    let part = known.iter().position(|word| word.len() > 2 && name.contains(*word));
    match (part, kind, field) {
        (Some(place), ..) if !is_personal => Some((100 - place, "a part of its name says so")),
        (_, Kind::Instant(_), "occurred_at") => Some((40, "its values are times")),
        (_, Kind::Address, "source_ip") => Some((40, "its values are network addresses")),
        (_, Kind::Few, "action") if !is_personal => Some((20, "its values are a few texts that repeat")),
        _ => None,
    }
}

fn is_number(format: &TimeFormat) -> bool {
    !matches!(format, TimeFormat::Iso | TimeFormat::Us | TimeFormat::European | TimeFormat::Pattern(_))
}

/// A column of dates and one of times of day, where no column has both.
fn date_and_clock(kinds: &[Kind], guesses: &[Guess]) -> Option<Guess> {
    let free = |column: &usize| !guesses.iter().any(|guess| guess.columns.contains(column));
    let clock = kinds.iter().position(|kind| *kind == Kind::Clock).filter(free)?;
    let (date, format) = kinds.iter().enumerate().find_map(|(column, kind)| match kind {
        Kind::Date(format) => Some((column, format.clone())),
        _ => None,
    })?;
    let why = "occurred_at: a date in one column, the time of day in another".to_owned();
    Some(Guess { field: "occurred_at", columns: vec![date, clock], format: Some(format), why })
}

/// What the values of a column look like.
fn kind(rows: &[Vec<String>], column: usize) -> Kind {
    let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| clean(cell));
    let values: Vec<&str> = cells.filter(|cell| !cell.is_empty()).collect();
    if values.is_empty() {
        return Kind::Empty;
    }
    if let Some(format) = TimeFormat::NAMED.into_iter().find(|format| values.iter().all(|text| in_life(format, text))) {
        return Kind::Instant(format);
    }
    let is_date = |format: &TimeFormat| values.iter().all(|text| in_life(format, &format!("{text} 00:00:00")));
    if let Some(format) = TimeFormat::NAMED.into_iter().find(is_date) {
        return Kind::Date(format);
    }
    if values.iter().all(|text| time_of_day(text).is_some()) {
        return Kind::Clock;
    }
    if values.iter().all(|text| text.parse::<std::net::IpAddr>().is_ok()) {
        return Kind::Address;
    }
    let mut distinct = values.clone();
    distinct.sort_unstable();
    distinct.dedup();
    let has_letters = values.iter().all(|text| text.chars().any(char::is_alphabetic));
    match distinct.len() {
        count if count == values.len() && count > 1 => Kind::Unique,
        count if has_letters && values.len() >= 4 && count <= values.len() / 2 => Kind::Few,
        _ => Kind::Other,
    }
}

/// Whether a text is a time between 1990 and 2100, as those of a log are.
fn in_life(format: &TimeFormat, text: &str) -> bool {
    const FROM: Timestamp = Timestamp(631_152_000_000_000);
    const TO: Timestamp = Timestamp(4_102_444_800_000_000);
    let at = match format.read(text) {
        Some(Written::Absolute(at)) => at,
        Some(Written::Local(micros)) => Timestamp(micros),
        None => return false,
    };
    (FROM..TO).contains(&at)
}

/// The map as a person would write it.
fn written(header: &[String], guesses: &[Guess], missing: &[&str]) -> String {
    let quoted = |column: &usize| header.get(*column).map(|name| toml::Value::from(name.as_str()).to_string());
    let list = |columns: &[usize]| columns.iter().filter_map(quoted).collect::<Vec<_>>().join(", ");
    let needed = |guess: &&Guess| REQUIRED.contains(&guess.field) || guess.field == "patient_id";
    let matches: Vec<usize> = guesses.iter().filter(needed).flat_map(|guess| guess.columns.clone()).collect();
    let mut text = format!(
        "name = \"proposed\"\ntitle = \"A proposed map\"\nsource = \"guessed from a header and some rows; check every \
         line\"\nmatch = [{}]\n",
        list(&matches)
    );
    for field in missing {
        text.push_str(&format!("\n# No column was found for {field}, which is required.\n"));
    }
    for guess in guesses {
        text.push_str(&format!("\n[fields.{}]\ncolumns = [{}]\n", guess.field, list(&guess.columns)));
        if guess.columns.len() > 1 {
            text.push_str("take = \"join\"\n");
        }
        if let Some(format) = &guess.format {
            let is_utc = |column: &usize| header.get(*column).is_some_and(|name| normal(name).contains("utc"));
            let zone = if guess.columns.iter().any(is_utc) { "utc" } else { "local" };
            text.push_str(&format!("format = \"{}\"\nzone = \"{zone}\"\n", format.name()));
        }
        match guess.field {
            "action" => text.push_str(ACTIONS),
            "outcome" => text.push_str(OUTCOMES),
            _ => {}
        }
    }
    text
}
