//! Practitioner and PractitionerRole as members of the workforce.
//!
//! | canonical | Practitioner | PractitionerRole |
//! |---|---|---|
//! | user_id | `identifier` (EI, PRN, official, first), its own id | `practitioner`, its own id |
//! | names | `name` | of the contained practitioner, else of `practitioner.display` |
//! | role | | `code`, else `specialty` |
//! | department | | `location`, else `organization` |
//! | hired_on, ended_on | | `period` |
//!
//! A member has one id. So each id that relationships and audit logs may name becomes a record.

use super::human::{Human, identifier};
use super::source::{Source, concept, days, last_day, shown};
use crate::decode::Fault;
use crate::decode::fhir::view::text;
use crate::model::context::{ContextRecord, WorkforceMember};

pub(super) fn practitioner(source: &mut Source<'_, '_>) -> Result<(), Fault> {
    let number = identifier(source.root, &["EI", "PRN"]).map(|value| ("identifier", value));
    let ids: Vec<_> = number.into_iter().chain(source.own_ids()).collect();
    if ids.is_empty() {
        return Err(Fault::missing("identifier"));
    }
    let member = member(Human::of(source.root), source);
    add_under(source, ids, &member);
    Ok(())
}

pub(super) fn role(source: &mut Source<'_, '_>) -> Result<(), Fault> {
    let root = source.root;
    let reference = root.get("practitioner");
    let person = reference.and_then(|reference| source.identity(reference)).map(|id| ("practitioner", id));
    let ids: Vec<_> = person.into_iter().chain(source.own_ids()).collect();
    if ids.is_empty() {
        return Err(Fault::missing("practitioner"));
    }
    let contained = reference.and_then(|reference| source.resolve(reference)).map(Human::of);
    let displayed = || reference.and_then(|reference| text(reference, &["display"])).map(Human::called);
    let human = contained.or_else(displayed).unwrap_or_default();
    let (code, specialty) = (root.get("code"), root.get("specialty"));
    let words = code.and_then(shown).or_else(|| specialty.and_then(shown)).map(str::to_owned);
    let place = |member: &str| root.get(member).and_then(|reference| source.label(reference));
    let member = WorkforceMember {
        role: words.or_else(|| code.and_then(concept)).or_else(|| specialty.and_then(concept)),
        department: place("location").or_else(|| place("organization")),
        hired_on: text(root, &["period", "start"]).and_then(days).map(|(first, _)| first),
        ended_on: text(root, &["period", "end"]).and_then(last_day),
        ..member(human, source)
    };
    add_under(source, ids, &member);
    Ok(())
}

fn member(human: Human, source: &Source<'_, '_>) -> WorkforceMember {
    WorkforceMember {
        given_name: human.given_name,
        family_name: human.family_name,
        previous_family_names: human.previous_family_names,
        street: human.street,
        city: human.city,
        postal_code: human.postal_code,
        phone: human.phone,
        birth_date: human.birth_date,
        recorded: source.recorded(),
        ..WorkforceMember::default()
    }
}

fn add_under(source: &mut Source<'_, '_>, ids: Vec<(&'static str, String)>, member: &WorkforceMember) {
    for (part, user_id) in ids {
        source.add(part, ContextRecord::Workforce(WorkforceMember { user_id, ..member.clone() }));
    }
}
