//! ServiceRequest, and ProcedureRequest and ReferralRequest of STU3.
//!
//! | canonical | request |
//! |---|---|
//! | kind | referral or consult where `category` or `code` says so, else order |
//! | patient_id | `subject` |
//! | holder | `requester` (STU3 `requester.agent`), `performer`, `recipient`, places |
//! | starts_at | the earlier of `authoredOn` and `occurrence[x]`: who asks looks before it happens |
//! | ends_at | end of `occurrencePeriod`; of a request that is over `meta.lastUpdated` |
//! | withdrawn | entered-in-error |

use serde_json::Value;

use super::source::{Care, Period, Source, shown};
use crate::decode::Fault;
use crate::decode::fhir::view::{codes, text};
use crate::model::context::{Holder, RelationshipKind};
use crate::model::reject::RejectCode;

const THEMES: [&str; 5] = ["requester", "performer", "recipient", "locationReference", "location"];
/// SNOMED CT: patient referral, referral to service.
const REFERRALS: [&str; 2] = ["3457005", "306206005"];
/// SNOMED CT: consultation.
const CONSULTATION: &str = "11429006";

pub(super) fn request(source: &mut Source<'_, '_>) -> Result<(), Fault> {
    let status = source.status();
    if status == "entered-in-error" {
        source.withdraw(&THEMES, 1);
        return Ok(());
    }
    if status == "draft" {
        return Err(Fault::new(RejectCode::NotApplicable, "an order that is only drafted"));
    }
    let root = source.root;
    let encounter = root.get("encounter").or_else(|| root.get("context"));
    let care = Care {
        kind: kind(root),
        patients: vec![source.patient(&["subject", "patient"])?],
        period: period(source)?,
        is_over: matches!(status.as_str(), "completed" | "revoked" | "cancelled"),
        start_field: "authoredOn",
        encounter_id: encounter.and_then(|encounter| source.identity(encounter)),
    };
    THEMES.iter().try_for_each(|theme| source.ties(&care, theme, asked))
}

/// The reference itself, in STU3 that of the agent, in R5 that of a CodeableReference.
fn asked<'v>(source: &Source<'v, '_>, element: &'v Value) -> Option<Holder> {
    let inner = element.get("agent").or_else(|| element.get("reference").filter(|inner| inner.is_object()));
    source.holder(inner.unwrap_or(element))
}

fn period(source: &mut Source<'_, '_>) -> Result<Period, Fault> {
    let root = source.root;
    let spans = [
        source.period(root, &["occurrencePeriod"])?,
        match root.get("occurrenceTiming").and_then(|timing| timing.get("repeat")) {
            Some(repeat) => source.period(repeat, &["boundsPeriod"])?,
            None => Period::default(),
        },
    ];
    let instants = [source.instant("authoredOn")?, source.instant("occurrenceDateTime")?];
    let starts = spans.iter().map(|span| span.start).chain(instants).flatten();
    Ok(Period { start: starts.min(), end: spans.iter().find_map(|span| span.end) })
}

fn kind(root: &Value) -> RelationshipKind {
    let code = root.get("code").map(|code| code.get("concept").unwrap_or(code));
    let concepts: Vec<&Value> = root.get("category").into_iter().chain(code).collect();
    let has = |wanted: &str| concepts.iter().any(|concept| codes(concept).contains(&wanted));
    let says = |word: &str| {
        let words = concepts.iter().filter_map(|concept| shown(concept));
        words.map(str::to_ascii_lowercase).any(|words| words.contains(word))
    };
    let is_referral = text(root, &["resourceType"]) == Some("ReferralRequest");
    if is_referral || REFERRALS.into_iter().any(has) || says("referral") {
        RelationshipKind::Referral
    } else if has(CONSULTATION) || says("consult") {
        RelationshipKind::Consult
    } else {
        RelationshipKind::Order
    }
}
