//! The data types that matter here: who (XCN, CX, XPN), where (PL, XAD), how to reach them (XTN).

use std::collections::BTreeMap;

use super::message::{Field, Message, Segment, Text};
use super::time;
use crate::decode::time::LocalClock;
use crate::model::time::Timestamp;

/// Identifier types (HL7 table 0203) that name a patient of this hospital, best first.
const PATIENT_TYPES: [&str; 4] = ["MR", "MRN", "PI", "PT"];
/// Identifier types that name something else: documents, insurers, national registers, accounts, anonymous ids.
const OTHER_TYPES: [&str; 21] = [
    "SS", "SSN", "DL", "PPN", "ANON", "ANC", "AN", "ANT", "VN", "NPI", "MC", "MA", "TAX", "CF", "PRC", "NH", "NI",
    "JHN", "HC", "PE", "BSN",
];
/// Address types (XAD-7) that are no home: business, office.
const NO_HOMES: [&str; 2] = ["B", "O"];
/// Telecom types (XTN-2, XTN-3) that are no phones of a home.
const NO_PHONES: [&str; 8] = ["WPN", "NET", "Internet", "X.400", "FX", "BP", "TDD", "BPN"];

/// A name (XPN).
pub(super) struct Name {
    pub given: Option<String>,
    pub family: Option<String>,
    /// Other family names: maiden and birth names, aliases.
    pub others: Vec<String>,
}

/// An address (XAD).
pub(super) struct Address {
    pub street: Option<String>,
    pub city: Option<String>,
    pub postal_code: Option<String>,
}

/// The patient's id: PID-3 by its type, else PID-4, else PID-2.
pub(super) fn patient_id(pid: Segment<'_>) -> Option<String> {
    [3, 4, 2].into_iter().map(|number| pid.field(number)).find_map(|ids| best_id(ids).or_else(|| any_id(ids)))
}

/// The first id of a CX list, whatever its type.
pub(super) fn any_id(ids: Field<'_>) -> Option<String> {
    ids.repetitions().find_map(|id| id.part(1).value())
}

/// The id of a CX list that names a patient: typed as such, else the first that is nothing else.
pub(super) fn best_id(ids: Field<'_>) -> Option<String> {
    typed_id(ids).or_else(|| {
        let mut others = ids.repetitions().filter(|id| !OTHER_TYPES.iter().any(|kind| has_type(*id, kind)));
        others.find_map(|id| id.part(1).value())
    })
}

/// The id of a CX list whose type says that it names a patient.
pub(super) fn typed_id(ids: Field<'_>) -> Option<String> {
    PATIENT_TYPES
        .iter()
        .find_map(|kind| ids.repetitions().filter(|id| has_type(*id, kind)).find_map(|id| id.part(1).value()))
}

fn has_type(id: Field<'_>, wanted: &str) -> bool {
    id.part(5).value().is_some_and(|kind| kind.eq_ignore_ascii_case(wanted))
}

/// Where a message may name its visit: PV1-19, else the account PID-18, else PV1-50.
const VISIT_NUMBERS: [(&str, usize); 3] = [("PV1", 19), ("PID", 18), ("PV1", 50)];

/// The visit number.
pub(super) fn visit_number(message: &Message<'_>) -> Option<String> {
    VISIT_NUMBERS.into_iter().find_map(|(segment, number)| message.field(segment, number).part(1).value())
}

/// The visit number and who assigned it (CX.4), where that is said.
pub(super) fn visit_key(message: &Message<'_>) -> Option<String> {
    VISIT_NUMBERS.into_iter().find_map(|(segment, number)| number_key(message.field(segment, number)))
}

/// A number and who assigned it, where that is said.
pub(super) fn number_key(field: Field<'_>) -> Option<String> {
    let id = field.part(1).value()?;
    Some(field.part(4).value().map_or(id.clone(), |authority| format!("{id}@{authority}")))
}

/// Other numbers of the patient in PID-3, of the type and authority of the number `id`: earlier ones. Numbers of other
/// authorities may be those of other patients.
pub(super) fn other_numbers(pid: Segment<'_>, id: &str) -> Vec<String> {
    let own = pid.field(3).repetitions().find(|number| number.part(1).value().as_deref() == Some(id));
    let is_certain =
        |own: Field<'_>| PATIENT_TYPES.iter().any(|kind| has_type(own, kind)) && own.part(4).value().is_some();
    if own.is_some_and(is_certain) { alike(pid.field(3), id) } else { Vec::new() }
}

/// The other numbers of a list that have the type and the authority of the number `id`.
pub(super) fn alike(ids: Field<'_>, id: &str) -> Vec<String> {
    let of = |number: &Field<'_>| (number.part(5).value(), number.part(4).value());
    let own = ids.repetitions().find(|number| number.part(1).value().as_deref() == Some(id)).map(|own| of(&own));
    let alike = ids.repetitions().filter(|number| Some(of(number)) == own);
    alike.filter_map(|number| number.part(1).value()).filter(|number| number != id).collect()
}

/// The ids of every person in a field (XCN.1); those without one are left out.
pub(super) fn people(field: Field<'_>) -> Vec<String> {
    let mut ids: Vec<String> = field.repetitions().filter_map(|person| person.part(1).value()).collect();
    ids.dedup();
    ids
}

/// The unit of a location (PL): point of care, else its description, else the facility.
pub(super) fn place(field: Field<'_>) -> Option<String> {
    [1, 9, 4].into_iter().find_map(|part| field.part(part).value())
}

/// What a coded element means: its text, else its code.
pub(super) fn meaning(field: Field<'_>) -> Option<String> {
    field.part(2).value().or_else(|| field.part(1).value())
}

/// A list of names (XPN): the legal one is the name, all others are other names. `None` when the
/// field says nothing.
pub(super) fn name(field: Field<'_>) -> Option<Name> {
    let is_stated = |name: &Field<'_>| [1, 2].iter().any(|part| name.part(*part).text() != Text::Missing);
    let names: Vec<Field<'_>> = field.repetitions().filter(is_stated).collect();
    let rank = |name: &&Field<'_>| match name.part(7).value().as_deref() {
        Some("L" | "l") => 0,
        None | Some("D" | "C" | "U") => 1,
        Some("M" | "A" | "N" | "S" | "B") => 3,
        Some(_) => 2,
    };
    let main = names.iter().min_by_key(rank)?;
    let family = main.part(1).subcomponent(1).value();
    let own = names.iter().map(|name| name.part(1).subcomponent(3).value());
    let others = names.iter().map(|name| name.part(1).subcomponent(1).value()).chain(own).flatten();
    let mut others: Vec<String> = others.filter(|other| Some(other) != family.as_ref()).collect();
    others.sort();
    others.dedup();
    Some(Name { given: main.part(2).value(), family, others })
}

/// The home address of a list (XAD), else the first that may be one. `None` when the field says nothing.
pub(super) fn address(field: Field<'_>) -> Option<Address> {
    let is_stated = |address: &Field<'_>| [1, 3, 5].iter().any(|part| address.part(*part).text() != Text::Missing);
    let home = |address: &Field<'_>| {
        let kind = address.part(7).value().unwrap_or_default();
        ["H", "P", "L"].iter().any(|wanted| wanted.eq_ignore_ascii_case(&kind))
    };
    let may_be_home = |address: &Field<'_>| {
        let kind = address.part(7).value().unwrap_or_default();
        !NO_HOMES.iter().any(|other| other.eq_ignore_ascii_case(&kind))
    };
    let mut stated = field.repetitions().filter(is_stated).filter(may_be_home);
    let first = stated.next()?;
    let chosen = if home(&first) { first } else { stated.find(home).unwrap_or(first) };
    let line = chosen.part(1);
    let (whole, street, house) =
        (line.subcomponent(1).value(), line.subcomponent(2).value(), line.subcomponent(3).value());
    let street = match (whole, street) {
        (Some(number), Some(street)) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(format!("{number} {street}"))
        }
        (None, Some(street)) => Some(house.map_or(street.clone(), |house| format!("{house} {street}"))),
        (whole, _) => whole,
    };
    Some(Address { street, city: chosen.part(3).value(), postal_code: chosen.part(5).value() })
}

/// The first phone number of a list (XTN): as text, else area and number, else unformatted.
pub(super) fn phone(field: Field<'_>) -> Option<String> {
    let is_phone = |entry: &Field<'_>| {
        let kinds = [entry.part(2).value(), entry.part(3).value()];
        !kinds.iter().flatten().any(|kind| NO_PHONES.iter().any(|other| other.eq_ignore_ascii_case(kind)))
    };
    field.repetitions().filter(is_phone).find_map(|entry| {
        let split = || Some(format!("{}{}", entry.part(6).value().unwrap_or_default(), entry.part(7).value()?));
        entry.part(1).value().or_else(split).or_else(|| entry.part(12).value())
    })
}

/// What a message says of one person besides the role.
#[derive(Clone, Debug)]
pub(super) struct Tie {
    pub role: &'static str,
    pub user: String,
    /// ROL-5 or PRT-11.
    pub starts: Option<Timestamp>,
    /// ROL-6 or PRT-12.
    pub ends: Option<Timestamp>,
    pub is_deleted: bool,
}

/// The people of each role that a message speaks of; nobody where it deletes them.
pub(super) type Roles = BTreeMap<&'static str, Vec<String>>;

/// Who has which role: PV1-7, 8, 9, 17, 52; PD1-4; ROL-4 and PRT-5.
pub(super) fn roles(message: &Message<'_>) -> Roles {
    let mut roles = Roles::new();
    let fields = [
        ("attending", "PV1", 7),
        ("referring", "PV1", 8),
        ("consulting", "PV1", 9),
        ("admitting", "PV1", 17),
        ("other", "PV1", 52),
        ("primary-care", "PD1", 4),
    ];
    for (role, segment, number) in fields {
        let field = message.field(segment, number);
        let people = people(field);
        if !people.is_empty() || field.is_deleted() {
            roles.insert(role, people);
        }
    }
    for segment in message.segments() {
        let Some((role, person)) = participation(segment).filter(|_| !is_deletion(segment)) else { continue };
        for id in people(person) {
            let people = roles.entry(role).or_default();
            if !people.contains(&id) {
                people.push(id);
            }
        }
    }
    roles
}

/// Who is said to begin, to end or to be deleted: ROL-2, 5, 6 and PRT-2, 11, 12.
pub(super) fn ties(message: &Message<'_>, clock: &mut LocalClock) -> Vec<Tie> {
    let mut ties = Vec::new();
    for segment in message.segments() {
        let Some((role, person)) = participation(segment) else { continue };
        let (from, to) = if segment.is("ROL") { (5, 6) } else { (11, 12) };
        let mut period = |number| segment.field(number).value().and_then(|text| time::period(&text, clock));
        let starts = period(from).map(|(start, _)| start);
        let ends = period(to).map(|(_, end)| end);
        let is_deleted = is_deletion(segment);
        if starts.is_some() || ends.is_some() || is_deleted {
            let tie = |user| Tie { role, user, starts, ends, is_deleted };
            ties.extend(people(person).into_iter().map(tie));
        }
    }
    ties
}

/// The role and the people of ROL or PRT; none of other segments.
fn participation(segment: Segment<'_>) -> Option<(&'static str, Field<'_>)> {
    let (code, person) = if segment.is("ROL") {
        (segment.field(3), segment.field(4))
    } else if segment.is("PRT") {
        (segment.field(4), segment.field(5))
    } else {
        return None;
    };
    Some((role(&code.part(1).value().unwrap_or_default()), person))
}

fn is_deletion(segment: Segment<'_>) -> bool {
    let action = segment.field(2).value().unwrap_or_default().to_ascii_uppercase();
    matches!(action.as_str(), "DE" | "D" | "DELETE")
}

/// A role of HL7 table 0443.
fn role(code: &str) -> &'static str {
    match code.to_ascii_uppercase().as_str() {
        "AT" => "attending",
        "AD" => "admitting",
        "CP" => "consulting",
        "RP" | "RT" => "referring",
        "PP" | "FHCP" => "primary-care",
        _ => "team",
    }
}
