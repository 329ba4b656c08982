//! Staff master files (MFN, PMU) as workforce members.
//!
//! | Field | Said in | | Field | Said in |
//! |---|---|---|---|---|
//! | user id | STF-1, else STF-2 | | role | PRA-5.1, else STF-4, STF-18 |
//! | names, birth | STF-3, STF-6 | | department | STF-8 |
//! | phone, address | STF-10, STF-11 | | hired, ended | STF-12, STF-13, STF-7 = I, MFE-1 = MDL or MDC |

use super::desk::Heading;
use super::message::{Field, Message, Segment};
use super::{fields, time};
use crate::decode::Fault;
use crate::model::context::WorkforceMember;

/// Every member of staff that a message names.
///
/// # Errors
/// `MissingField` when one has no id.
pub(super) fn members(message: &Message<'_>, heading: &Heading) -> Result<Vec<WorkforceMember>, Fault> {
    let mut members: Vec<WorkforceMember> = Vec::new();
    let mut is_removed = false;
    for segment in message.segments() {
        if segment.is("MFE") {
            let event = segment.field(1).value().unwrap_or_default().to_ascii_uppercase();
            is_removed = matches!(event.as_str(), "MDL" | "MDC");
        } else if segment.is("STF") {
            members.push(member(segment, is_removed, heading)?);
        } else if segment.is("PRA")
            && let (Some(member), Some(role)) = (members.last_mut(), segment.field(5).part(1).value())
        {
            member.role = Some(role);
        }
    }
    Ok(members)
}

fn member(stf: Segment<'_>, is_removed: bool, heading: &Heading) -> Result<WorkforceMember, Fault> {
    let id = stf.field(1).part(1).value().or_else(|| fields::people(stf.field(2)).into_iter().next());
    let user_id = id.ok_or_else(|| Fault::missing("STF-1 (the id of the member of staff)"))?;
    let date = |field: Field<'_>| field.value().and_then(|text| time::date(&text));
    let name = fields::name(stf.field(3));
    let address = fields::address(stf.field(11));
    let flag = stf.field(7).value().unwrap_or_default().to_ascii_uppercase();
    let ended_on = match flag.as_str() {
        _ if is_removed => date(stf.field(13)).or(heading.date),
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
