//! HL7 v2 messages (ADT, SIU, ORM, MFN) as context facts.
//!
//! | Message | Said in | Becomes |
//! |---|---|---|
//! | ADT A01 A04 A05 A14 | PV1-3, PV1-44, PV2-8 | a stay of the patient in a department |
//! | ADT A02 A06 A07 | PV1-3, PV1-6, EVN-6 | the end of one stay, the start of the next |
//! | ADT A03 | PV1-45, else EVN-6 | the end of stays and clinicians |
//! | ADT A11 A23 A27 A38; A12; A13 | | withdrawal; the stay before; a visit open again |
//! | any ADT of a visit | PV1-7, 8, 9, 17, 52; PD1-4; ROL, PRT | clinicians, as long as the visit or as ROL-5, 6 say |
//! | any ADT | PID, PD1, PV1-16, ARV; NK1, GT1 | patient; contacts, of which each list is the whole |
//! | ADT A18 A30 A34 A36 A39 A40, A46 A47 | MRG-1 | the old id, merged into PID-3 |
//! | ADT A44 A45 A49 A50 | MRG-3, MRG-5 | the visit, moved to another number or patient |
//! | ADT A29 | PID-3 | withdrawal of the patient and the contacts |
//! | SIU S12-S22, S26 | SCH, AIS, AIP, AIL, AIG | appointment of a person or a department |
//! | ORM, OMB, OMD, OMG, OMI, OML, OMN, OMP, OMS, RDE | ORC-12, OBR-16; PV1 | an order, for a day; clinicians |
//! | MFN, PMU | STF, PRA, MFE | member of the workforce |
//!
//! Links (A24, A37) join nobody's records, and bytes that are not UTF-8 are Latin-1 whatever MSH-18 says.
//!
//! A fact is known from MSH-7 on, else EVN-2, else from the start. MSH-9 names the event, because EVN-1 is often wrong.

mod appointment;
mod desk;
mod fields;
mod heading;
mod message;
mod patient;
mod split;
mod staff;
#[cfg(test)]
mod tests;
mod time;
mod visit;

pub use desk::Desk;
pub use message::{Field, Message, Segment, Text};
pub use split::{last_start, looks_like, visit_messages};

use super::Fault;
use super::time::LocalClock;
use crate::model::context::ContextUpdate;

/// What one message changes. Messages of one feed go to one desk, in their order.
///
/// # Errors
/// `UnknownType` when the bytes are no HL7 v2, and the faults of [`Desk::take`].
pub fn updates(desk: &mut Desk, bytes: &[u8], clock: &mut LocalClock) -> Result<Vec<ContextUpdate>, Fault> {
    desk.take(&Message::read(bytes)?, clock)
}
