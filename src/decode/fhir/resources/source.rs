//! What every reader needs: the resource, whom its references mean, when its dates are, and where
//! its records go.

use jiff::Span;
use jiff::civil::Date;
use serde_json::Value;

use super::human::{RECORD_NUMBER, STAFF_NUMBER, identifier as identifier_of, is_civil};
use crate::decode::fhir::FULL_URL;
use crate::decode::fhir::view::{View, codes, plain, text};
use crate::decode::time::{LocalClock, read_bool, read_date};
use crate::decode::{Fault, INSTANT, stable_hash};
use crate::model::context::{ContextRecord, ContextUpdate, Holder, Recorded, Relationship, RelationshipKind};
use crate::model::reject::RejectCode;
use crate::model::time::Timestamp;

/// The start of a relationship whose source gives none but says that it holds. What limits it then
/// is from when it was known.
pub(super) const SINCE_EVER: Timestamp = Timestamp(0);

/// A FHIR Period. A day, month or year without a time is whole: its end is the start of the next.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Period {
    pub start: Option<Timestamp>,
    pub end: Option<Timestamp>,
}

/// What the relationships of one resource have in common.
pub(super) struct Care {
    pub kind: RelationshipKind,
    /// Most often one; a group appointment has several.
    pub patients: Vec<String>,
    /// Holds where an element has no period of its own.
    pub period: Period,
    /// Whether the status says that it is over: what has no end then ended when that was written.
    pub is_over: bool,
    /// The member that is missing where nothing says a start.
    pub start_field: &'static str,
    pub encounter_id: Option<String>,
}

/// One resource while it is read.
pub(super) struct Source<'v, 'c> {
    pub root: &'v Value,
    /// What was found so far.
    pub found: Vec<ContextUpdate>,
    view: View<'v>,
    kind: &'v str,
    id: Option<String>,
    /// `fullUrl` of the entry of a Bundle.
    url: Option<&'v str>,
    base: String,
    updated: Option<Timestamp>,
    clock: &'c mut LocalClock,
}

impl<'v, 'c> Source<'v, 'c> {
    pub(super) fn new(root: &'v Value, kind: &'v str, clock: &'c mut LocalClock) -> Self {
        let id = word(root, &["id"]);
        let url = text(root, &[FULL_URL]).map(plain);
        let name = id.clone().or_else(|| url.map(str::to_owned)).unwrap_or_else(|| {
            let said = root.to_string();
            stable_hash("chartsentry fhir resource 1", [Some(said.as_bytes())])
        });
        let updated = text(root, &["meta", "lastUpdated"]).and_then(|written| clock.instant(written));
        let base = format!("fhir/{kind}/{name}");
        Self { root, found: Vec::new(), view: View::new(root), kind, id, url, base, updated, clock }
    }

    /// `status`, in lower case.
    pub(super) fn status(&self) -> String {
        text(self.root, &["status"]).unwrap_or_default().to_ascii_lowercase()
    }

    /// When the source wrote the resource: `meta.lastUpdated`.
    pub(super) fn recorded(&self) -> Recorded {
        Recorded { at: self.updated, withdrawn_at: None }
    }

    /// The names that references use for this resource, each with the part that its record is:
    /// `Patient/<id>`, `urn:uuid:<id>` where the id is a UUID, as in Bundles whose entries have no
    /// server yet, and the `fullUrl` of the Bundle's entry where it says something else.
    pub(super) fn own_ids(&self) -> Vec<(&'static str, String)> {
        let mut ids = Vec::new();
        if let Some(id) = &self.id {
            ids.push(("id", format!("{}/{id}", self.kind)));
            if is_uuid(id) {
                ids.push(("urn", format!("urn:uuid:{id}")));
            }
        }
        if let Some(url) = self.url.filter(|url| ids.iter().all(|(_, id)| id != url)) {
            ids.push(("url", url.to_owned()));
        }
        ids
    }

    /// Whether the resource is of a type.
    pub(super) fn is(&self, kind: &str) -> bool {
        self.kind == kind
    }

    /// The day on which the source wrote the resource, as written.
    pub(super) fn told_on(&self) -> Option<Date> {
        days(text(self.root, &["meta", "lastUpdated"])?).map(|(first, _)| first)
    }

    /// The key of a part.
    pub(super) fn key(&self, part: &str) -> String {
        format!("{}/{part}", self.base)
    }

    pub(super) fn add(&mut self, part: &str, record: ContextRecord) {
        let key = self.key(part);
        self.found.push(ContextUpdate { key, record: Some(record), withdrawn_at: Timestamp::MAX });
    }

    /// Adds a relationship for each element of the member `theme` in which `pick` finds a holder. An element without a
    /// time, or with one that cannot be read, spoils no other; only where all do, that is the fault.
    pub(super) fn ties(
        &mut self,
        care: &Care,
        theme: &str,
        pick: fn(&Self, &'v Value) -> Option<Holder>,
    ) -> Result<(), Fault> {
        let root = self.root;
        let (before, mut fault) = (self.found.len(), None);
        for (index, element) in each(root, theme).iter().enumerate() {
            let Some(holder) = pick(self, element) else { continue };
            // A team lists its patient, too.
            if matches!(&holder, Holder::User(id) if care.patients.contains(id)) {
                continue;
            }
            let own = match self.period(element, &["period", "coveragePeriod"]) {
                Ok(own) => own,
                Err(found) => {
                    fault.get_or_insert(found);
                    continue;
                }
            };
            let Some(starts_at) = own.start.or(care.period.start) else {
                fault.get_or_insert_with(|| undated(care.start_field));
                continue;
            };
            let over = care.is_over.then(|| self.updated.unwrap_or(starts_at));
            let ends_at = own.end.or(care.period.end).or(over).map(|end| end.max(starts_at));
            for (copy, patient_id) in care.patients.iter().enumerate() {
                let part = part(theme, index, copy);
                let relationship = Relationship {
                    relationship_id: self.key(&part),
                    kind: care.kind,
                    patient_id: patient_id.clone(),
                    holder: holder.clone(),
                    starts_at,
                    ends_at,
                    recorded_by: None,
                    encounter_id: care.encounter_id.clone(),
                    recorded: self.recorded(),
                };
                self.add(&part, ContextRecord::Relationship(relationship));
            }
        }
        fault.filter(|_| self.found.len() == before).map_or(Ok(()), Err)
    }

    /// Takes back what the resource said in the members `themes`, as of `meta.lastUpdated`; without
    /// one it never held. Where it names nothing any more, the first of each is taken back.
    pub(super) fn withdraw(&mut self, themes: &[&str], patients: usize) {
        let root = self.root;
        let names_any = themes.iter().any(|theme| !each(root, theme).is_empty());
        let withdrawn_at = self.updated.unwrap_or(Timestamp::MIN);
        for theme in themes {
            let count = if names_any { each(root, theme).len() } else { 1 };
            for index in 0..count {
                for copy in 0..patients.max(1) {
                    let key = self.key(&part(theme, index, copy));
                    self.found.push(ContextUpdate { key, record: None, withdrawn_at });
                }
            }
        }
    }

    /// Whom or what a Reference means, in the words that AuditEvents are read with: its identifier, else what it points
    /// to. A number that a state gave means nobody here where there is something else.
    pub(super) fn identity(&self, reference: &'v Value) -> Option<String> {
        let target = text(reference, &["reference"]);
        let identifier = reference.get("identifier").filter(|identifier| target.is_none() || !is_civil(identifier));
        let contained = || match self.kind_of(reference)? {
            "Patient" => identifier_of(self.resolve(reference)?, &RECORD_NUMBER),
            "Practitioner" => identifier_of(self.resolve(reference)?, &STAFF_NUMBER),
            _ => None,
        };
        identifier
            .and_then(|identifier| word(identifier, &["value"]))
            .or_else(contained)
            .or_else(|| target.filter(|target| !target.starts_with('#')).map(|target| plain(target).to_owned()))
            .or_else(|| self.view.identity(reference).map(str::to_owned))
    }

    /// The resource type that a Reference names or points to.
    pub(super) fn kind_of(&self, reference: &'v Value) -> Option<&'v str> {
        self.view.type_of(reference)
    }

    /// The contained resource that a Reference points to.
    pub(super) fn resolve(&self, reference: &'v Value) -> Option<&'v Value> {
        self.view.resolve(text(reference, &["reference"])?)
    }

    /// A place or an organization as people would call it.
    pub(super) fn label(&self, reference: &'v Value) -> Option<String> {
        let named = || {
            let resource = self.resolve(reference)?;
            word(resource, &["name"]).or_else(|| word(resource, &["description"]))
        };
        word(reference, &["display"]).or_else(named).or_else(|| self.identity(reference))
    }

    /// Whom a Reference ties to the patient: a person of the staff, or a place or organization as a
    /// department. Patients, relatives and devices are none.
    pub(super) fn holder(&self, reference: &'v Value) -> Option<Holder> {
        match self.kind_of(reference) {
            Some("Practitioner" | "PractitionerRole" | "Person") => {
                let named = || self.view.named(reference).map(str::to_owned);
                self.identity(reference).or_else(|| word(reference, &["display"])).or_else(named).map(Holder::User)
            }
            Some("Location" | "Organization" | "HealthcareService" | "CareTeam") => self.department(reference),
            Some(_) => None,
            None => self.identity(reference).map(Holder::User),
        }
    }

    /// A place or an organization as the holder of a relationship.
    pub(super) fn department(&self, reference: &'v Value) -> Option<Holder> {
        self.label(reference).map(Holder::Department)
    }

    /// The patient that the first of the members `names` means.
    pub(super) fn patient(&self, names: &[&str]) -> Result<String, Fault> {
        let root = self.root;
        let reference = names.iter().find_map(|name| root.get(name));
        if reference.and_then(|reference| self.kind_of(reference)).is_some_and(|kind| kind != "Patient") {
            return Err(Fault::new(RejectCode::NotApplicable, "a FHIR resource about a group or a thing"));
        }
        let found = reference.and_then(|reference| self.identity(reference));
        found.ok_or_else(|| nobody(names.first().copied().unwrap_or_default()))
    }

    /// The first Period among the members `names`. An end in the year 9999 is none.
    pub(super) fn period(&mut self, value: &Value, names: &[&str]) -> Result<Period, Fault> {
        let found = names.iter().find_map(|name| value.get(name).filter(|period| !period.is_null()));
        let Some(period) = found else { return Ok(Period::default()) };
        let mut bounds = |member: &str| match text(period, &[member]) {
            Some(written) if !written.starts_with("9999") => self.bounds(written, "period").map(Some),
            _ => Ok(None),
        };
        let start = bounds("start")?.map(|(first, _)| first);
        let end = bounds("end")?.map(|(_, next)| next);
        match (start, end) {
            (Some(start), Some(end)) if end < start => {
                Err(Fault::new(RejectCode::InvalidValue, "a period ends before it starts"))
            }
            _ => Ok(Period { start, end }),
        }
    }

    /// The instant of a dateTime member; the first one of a day, month or year.
    pub(super) fn instant(&mut self, member: &str) -> Result<Option<Timestamp>, Fault> {
        let Some(written) = text(self.root, &[member]) else { return Ok(None) };
        self.bounds(written, member).map(|(first, _)| Some(first))
    }

    /// The first instant of a dateTime and the first one after it; one instant where it has a time.
    fn bounds(&mut self, written: &str, field: &str) -> Result<(Timestamp, Timestamp), Fault> {
        let instant = self.clock.instant(written).or_else(|| self.clock.instant(&with_seconds(written)?));
        let found = match instant {
            Some(at) => Some((at, at)),
            None => days(written).map(|(first, next)| (self.clock.start_of(first), self.clock.start_of(next))),
        };
        found.ok_or_else(|| Fault::invalid(field, INSTANT))
    }
}

/// The part of the record for one element and, of several patients, one of them.
fn part(theme: &str, index: usize, copy: usize) -> String {
    if copy == 0 { format!("{theme}/{index}") } else { format!("{theme}/{index}/{copy}") }
}

fn is_uuid(id: &str) -> bool {
    let is_hyphen = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    id.len() == 36
        && id.bytes().enumerate().all(|(at, byte)| if is_hyphen(at) { byte == b'-' } else { byte.is_ascii_hexdigit() })
}

/// `2026-06-01T07:00` and what follows, with the seconds that it lacks.
fn with_seconds(written: &str) -> Option<String> {
    let (minutes, rest) = (written.get(..16)?, written.get(16..)?);
    (!rest.starts_with(':')).then(|| format!("{minutes}:00{rest}"))
}

/// The first day of a date, month or year, and the first day after it. Of a dateTime its date.
pub(super) fn days(written: &str) -> Option<(Date, Date)> {
    let (date, length) = match written.len() {
        4 => (format!("{written}-01-01"), Span::new().years(1)),
        7 => (format!("{written}-01"), Span::new().months(1)),
        _ => (written.get(..10)?.to_owned(), Span::new().days(1)),
    };
    let first = read_date(&date)?;
    Some((first, first.checked_add(length).ok()?))
}

/// The last day of a date, month or year.
pub(super) fn last_day(written: &str) -> Option<Date> {
    days(written)?.1.yesterday().ok()
}

/// A resource may leave out when it holds (FHIR: cardinality 0..1); then it ties nobody to anybody.
pub(super) fn undated(field: &str) -> Fault {
    Fault::new(RejectCode::NotApplicable, format!("{field} is missing: nothing says when this holds"))
}

/// As [`undated`], for the patient.
pub(super) fn nobody(field: &str) -> Fault {
    Fault::new(RejectCode::NotApplicable, format!("{field} is missing: no patient is named"))
}

/// The elements of a member: of an array each, of a single value that, of a missing one none.
pub(super) fn each<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    match value.get(name) {
        Some(Value::Array(values)) => values,
        Some(Value::Null) | None => &[],
        Some(one) => std::slice::from_ref(one),
    }
}

/// As [`text`], and of a number its digits.
pub(super) fn word(value: &Value, path: &[&str]) -> Option<String> {
    match (value, path) {
        (Value::Array(values), _) => values.iter().find_map(|value| word(value, path)),
        (Value::Number(number), []) => Some(number.to_string()),
        (Value::Object(members), [name, rest @ ..]) => word(members.get(*name)?, rest),
        _ => text(value, path).map(str::to_owned),
    }
}

/// A boolean member, also as text.
pub(super) fn flag(value: &Value, name: &str) -> Option<bool> {
    let found = value.get(name)?;
    found.as_bool().or_else(|| text(found, &[]).and_then(read_bool))
}

/// The words of a concept or of the first of several that has some.
pub(super) fn shown(concept: &Value) -> Option<&str> {
    text(concept, &["text"]).or_else(|| text(concept, &["coding", "display"])).or_else(|| text(concept, &["display"]))
}

/// The words of a concept, else its first code.
pub(super) fn concept(concept: &Value) -> Option<String> {
    shown(concept).or_else(|| codes(concept).first().copied()).map(str::to_owned)
}
