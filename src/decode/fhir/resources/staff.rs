//! Practitioner and PractitionerRole as members of the workforce.
//!
//! | canonical | Practitioner | PractitionerRole |
//! |---|---|---|
//! | user_id | `identifier` (EI, PRN, official, first), its own id, its NPI | `practitioner`, its own id |
//! | names | `name` | of the contained practitioner, else of `practitioner.display` |
//! | role | DSTU2 `practitionerRole.role`, else `specialty` | `code` (DSTU2 `role`), else `specialty` |
//! | department | DSTU2 `practitionerRole.location`, else `managingOrganization` | `location`, else `organization` |
//! | ended_on | where `active` is false, the day of `meta.lastUpdated` | |
//!
//! A post that begins or ends is no employment: servers keep old posts, and whoever has left one may work in another. One that
//! was over when the resource was written, or is not `active`, gives no role and no department.
//!
//! A member has one id. So each id that relationships and audit logs may name becomes a record, and
//! what another resource says of the person is said under each of them: see the desk.

use serde_json::Value;

use super::human::{Human, STAFF_NUMBER, identifier, national_number};
use super::source::{Source, concept, each, flag, last_day, shown};
use crate::decode::Fault;
use crate::decode::fhir::view::text;
use crate::model::context::{ContextRecord, WorkforceMember};

pub(super) fn practitioner(source: &mut Source<'_, '_>) -> Result<(), Fault> {
    let root = source.root;
    let number = identifier(root, &STAFF_NUMBER);
    let other = national_number(root).filter(|other| number.as_ref() != Some(other)).map(|value| ("npi", value));
    let number = number.map(|value| ("identifier", value));
    let ids: Vec<_> = number.into_iter().chain(source.own_ids()).chain(other).collect();
    if ids.is_empty() {
        return Err(Fault::missing("identifier"));
    }
    let human = Human::of(root, source.told_on());
    let member = match each(root, "practitionerRole").first() {
        Some(post) => employed(human, post, source),
        None => member(human, source),
    };
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
    let told_on = source.told_on();
    let contained = reference.and_then(|reference| source.resolve(reference)).map(|person| Human::of(person, told_on));
    let displayed = || reference.and_then(|reference| text(reference, &["display"])).map(Human::called);
    let member = employed(contained.or_else(displayed).unwrap_or_default(), root, source);
    add_under(source, ids, &member);
    Ok(())
}

/// A person with a post: a PractitionerRole, or what a Practitioner of DSTU2 says of one.
fn employed<'v>(human: Human, post: &'v Value, source: &Source<'v, '_>) -> WorkforceMember {
    let (code, specialty) = (post.get("code").or_else(|| post.get("role")), post.get("specialty"));
    let words = code.and_then(shown).or_else(|| specialty.and_then(shown)).map(str::to_owned);
    let place = |member: &str| post.get(member).and_then(|reference| source.label(reference));
    let organization = || place("organization").or_else(|| place("managingOrganization"));
    let person = member(human, source);
    let last = text(post, &["period", "end"]).filter(|end| !end.starts_with("9999")).and_then(last_day);
    let has_ended = last.zip(source.told_on()).is_some_and(|(last, told_on)| last < told_on);
    if has_ended || flag(post, "active") == Some(false) {
        return person;
    }
    WorkforceMember {
        role: words.or_else(|| code.and_then(concept)).or_else(|| specialty.and_then(concept)),
        department: place("location").or_else(organization),
        ..person
    }
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
        ended_on: source.told_on().filter(|_| source.is("Practitioner") && flag(source.root, "active") == Some(false)),
        recorded: source.recorded(),
        ..WorkforceMember::default()
    }
}

fn add_under(source: &mut Source<'_, '_>, ids: Vec<(&'static str, String)>, member: &WorkforceMember) {
    for (part, user_id) in ids {
        source.add(part, ContextRecord::Workforce(WorkforceMember { user_id, ..member.clone() }));
    }
}
