//! Staff master files (MFN, PMU) as workforce members.
//!
//! | Field | Said in | | Field | Said in |
//! |---|---|---|---|---|
//! | user id | STF-1, else STF-2 | | role | PRA-5.1, else STF-4, STF-18 |
//! | names, birth | STF-3, STF-6 | | department | STF-8 |
//! | phone, address | STF-10, STF-11 | | hired, ended | STF-12, STF-13, STF-7 = I, MFE-1 = MDL or MDC |
//!
//! MDL and MDC end somebody's work on STF-13, else on the day of MFE-3, else of the event; MAC takes that back. Where
//! only MFE-4 names the person, the end is a record of its own beside the one that says who it is.

use super::heading::Heading;
use super::message::{Field, Message, Segment};
use super::{fields, time};
use crate::decode::Fault;
use crate::model::context::{ContextRecord, ContextUpdate, WorkforceMember};
use crate::model::time::Timestamp;

/// What an entry of a master file does (MFE).
#[derive(Clone, Debug, Default)]
struct Entry {
    /// Whether it deletes or deactivates.
    ends: bool,
    /// Whether it reactivates.
    begins: bool,
    /// The day from which it holds.
    date: Option<jiff::civil::Date>,
    /// Whom it is about, while no STF tells more.
    user_id: Option<String>,
}

impl Entry {
    fn read(mfe: Segment<'_>) -> Self {
        let event = mfe.field(1).value().unwrap_or_default().to_ascii_uppercase();
        Self {
            ends: matches!(event.as_str(), "MDL" | "MDC"),
            begins: event == "MAC",
            date: mfe.field(3).value().and_then(|text| time::date(&text)),
            user_id: mfe.field(4).part(1).value(),
        }
    }

    /// The end of a person's work, or that it is none, where no STF told who it is.
    fn alone(&self, heading: &Heading) -> Option<ContextUpdate> {
        let user_id = self.user_id.clone().filter(|_| self.ends || self.begins)?;
        let key = format!("hl7/staff-end/{user_id}");
        if self.begins {
            return Some(ContextUpdate { key, record: None, withdrawn_at: heading.heard_at });
        }
        let member = WorkforceMember {
            user_id,
            ended_on: self.date.or(heading.date),
            recorded: heading.recorded(heading.heard_at),
            ..WorkforceMember::default()
        };
        let record = member.ended_on.is_some().then_some(ContextRecord::Workforce(member))?;
        Some(ContextUpdate { key, record: Some(record), withdrawn_at: Timestamp::MAX })
    }
}

/// Whether a message is about a master file of staff, also where it has no STF.
pub(super) fn is_of_staff(message: &Message<'_>) -> bool {
    let file = message.field("MFI", 1).part(1).value().unwrap_or_default().to_ascii_uppercase();
    matches!(file.as_str(), "STF" | "PRA") && message.segment("MFE").is_some()
}

/// Every member of staff that a message names.
///
/// # Errors
/// `MissingField` when one has no id.
pub(super) fn updates(message: &Message<'_>, heading: &Heading) -> Result<Vec<ContextUpdate>, Fault> {
    let mut found: Vec<ContextUpdate> = Vec::new();
    let mut members: Vec<WorkforceMember> = Vec::new();
    let mut entry = Entry::default();
    for segment in message.segments() {
        if segment.is("MFE") {
            found.extend(entry.alone(heading));
            entry = Entry::read(segment);
        } else if segment.is("STF") {
            let member = member(segment, &entry, heading)?;
            if entry.begins {
                let key = format!("hl7/staff-end/{}", member.user_id);
                found.push(ContextUpdate { key, record: None, withdrawn_at: heading.heard_at });
            }
            entry.user_id = None;
            members.push(member);
        } else if segment.is("PRA")
            && let (Some(member), Some(role)) = (members.last_mut(), segment.field(5).part(1).value())
        {
            member.role = Some(role);
        }
    }
    found.extend(entry.alone(heading));
    found.extend(members.into_iter().map(|member| {
        let key = format!("hl7/staff/{}", member.user_id);
        ContextUpdate { key, record: Some(ContextRecord::Workforce(member)), withdrawn_at: Timestamp::MAX }
    }));
    Ok(found)
}

fn member(stf: Segment<'_>, entry: &Entry, heading: &Heading) -> Result<WorkforceMember, Fault> {
    let id = stf.field(1).part(1).value().or_else(|| fields::people(stf.field(2)).into_iter().next());
    let user_id = id.ok_or_else(|| Fault::missing("STF-1 (the id of the member of staff)"))?;
    let date = |field: Field<'_>| field.value().and_then(|text| time::date(&text));
    let name = fields::name(stf.field(3));
    let address = fields::address(stf.field(11));
    let flag = stf.field(7).value().unwrap_or_default().to_ascii_uppercase();
    let ended_on = match flag.as_str() {
        _ if entry.ends => date(stf.field(13)).or(entry.date).or(heading.date),
        _ if entry.begins => None,
        "A" => None,
        "I" => date(stf.field(13)).or(heading.date),
        _ => date(stf.field(13)),
    };
    let mut member = WorkforceMember {
        user_id,
        role: fields::meaning(stf.field(4)).or_else(|| stf.field(18).value()),
        department: stf.field(8).value().or_else(|| fields::meaning(stf.field(8))),
        phone: fields::phone(stf.field(10)),
        birth_date: date(stf.field(6)),
        hired_on: date(stf.field(12)),
        ended_on,
        recorded: heading.recorded(heading.heard_at),
        ..WorkforceMember::default()
    };
    if let Some(name) = name {
        (member.given_name, member.family_name) = (name.given, name.family);
        member.previous_family_names = name.others;
    }
    if let Some(address) = address {
        (member.street, member.city, member.postal_code) = (address.street, address.city, address.postal_code);
    }
    Ok(member)
}
