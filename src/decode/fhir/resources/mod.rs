//! FHIR resources that say who is who and who cares for whom, as context records: R4 and R4B, and
//! R5 and STU3 where they say the same thing in another place.
//!
//! | resource | records |
//! |---|---|
//! | Patient | patient under its MRN; again, merged into it, as `Patient/<id>`; contacts; general practitioners |
//! | | each patient that it replaces, merged into it |
//! | Practitioner, PractitionerRole | member of the workforce under each id that others may name; see [`Desk`] |
//! | RelatedPerson | contact of a patient |
//! | Encounter | encounter of each location (else the provider) and each participant |
//! | EpisodeOfCare, CareTeam | care-team of each manager, team and member |
//! | Appointment | appointment of each participant that is staff or a place |
//! | ServiceRequest, ProcedureRequest, ReferralRequest | order, consult or referral of who asks and who is asked |
//!
//! What one resource says in several places becomes several records. The key of each is
//! `fhir/<resourceType>/<id>/<part>`, where the part is a member and its place (`participant/0`),
//! so a later version of the resource replaces an earlier one record by record. Whom it leaves out
//! has left, see `former`.
//!
//! References within a Bundle may name a resource by the `fullUrl` of its entry: then it is known by that name, too.
//! Absolute, versioned and relative references to a resource mean the same, a conditional one means the number that it
//! looks for.

mod appointment;
mod care;
mod desk;
mod former;
mod human;
mod patient;
mod places;
mod request;
mod source;
mod staff;

pub use desk::Desk;

use serde_json::Value;

use crate::decode::Fault;
use crate::decode::fhir::view::text;
use crate::decode::time::LocalClock;
use crate::model::context::ContextUpdate;
use crate::model::reject::RejectCode;
use source::Source;

/// The resource types that [`updates`] reads.
const TYPES: [&str; 11] = [
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "RelatedPerson",
    "Encounter",
    "EpisodeOfCare",
    "CareTeam",
    "Appointment",
    "ServiceRequest",
    "ProcedureRequest",
    "ReferralRequest",
];

/// Whether resources of this type say something for the context.
#[must_use]
pub fn is_context(resource_type: &str) -> bool {
    TYPES.contains(&resource_type)
}

/// The context facts of one resource, in the order in which it names them.
///
/// # Errors
/// When it is of another type, names nobody, or lacks the patient or a start.
pub fn updates(root: &Value, clock: &mut LocalClock) -> Result<Vec<ContextUpdate>, Fault> {
    let kind = text(root, &["resourceType"]).unwrap_or_default();
    let mut source = Source::new(root, kind, clock);
    match kind {
        "Patient" => patient::patient(&mut source)?,
        "RelatedPerson" => patient::related_person(&mut source)?,
        "Practitioner" => staff::practitioner(&mut source)?,
        "PractitionerRole" => staff::role(&mut source)?,
        "Encounter" => care::encounter(&mut source)?,
        "EpisodeOfCare" => care::episode(&mut source)?,
        "CareTeam" => care::team(&mut source)?,
        "Appointment" => appointment::appointment(&mut source)?,
        "ServiceRequest" | "ProcedureRequest" | "ReferralRequest" => request::request(&mut source)?,
        _ => {
            let sentence = "a FHIR resource that says nothing for chartsentry";
            return Err(Fault::new(RejectCode::NotApplicable, sentence));
        }
    }
    if source.found.is_empty() {
        let sentence = "a FHIR resource that ties neither a person nor a department to a patient";
        return Err(Fault::new(RejectCode::NotApplicable, sentence));
    }
    Ok(source.found)
}

#[cfg(test)]
mod tests;
