//! Which sink hears of which handoff.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::model::incident::{ChangeReason, Severity};
use crate::store::{HandoffRecord, OutboxItem, StoreError};

/// A sink, as far as choosing goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub sink: String,
    pub min_severity: Severity,
}

/// The only field of a handoff's JSON that routing reads.
#[derive(Deserialize)]
struct Reason {
    reason: ChangeReason,
}

/// One outbox item per handoff and sink that wants it: those of at least the sink's severity, and
/// withdrawals and merges of incidents that it was told of before, however low they stand by then.
///
/// `told_before` asks the store ([`crate::store::Store::was_queued`]) about earlier commits; handoffs of
/// this one are taken in order, so an incident that opens and ends in it is told twice.
///
/// # Errors
/// When `told_before` fails.
pub fn outbox_items(
    routes: &[Route],
    handoffs: &[HandoffRecord],
    mut told_before: impl FnMut(&str, &str) -> Result<bool, StoreError>,
) -> Result<Vec<OutboxItem>, StoreError> {
    let mut told = BTreeSet::new();
    let mut items = Vec::new();
    for handoff in handoffs {
        for route in routes {
            let pair = (route.sink.as_str(), handoff.incident_id.as_str());
            let wanted = handoff.severity >= route.min_severity
                || (ends(handoff) && (told.contains(&pair) || told_before(pair.0, pair.1)?));
            if wanted {
                told.insert(pair);
                items.push(OutboxItem {
                    sink: route.sink.clone(),
                    message_id: handoff.handoff_id.clone(),
                    handoff_id: handoff.handoff_id.clone(),
                });
            }
        }
    }
    Ok(items)
}

fn ends(handoff: &HandoffRecord) -> bool {
    serde_json::from_str::<Reason>(&handoff.json)
        .is_ok_and(|found| matches!(found.reason, ChangeReason::Withdrawn | ChangeReason::Merged))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Timestamp;

    fn handoff(id: &str, incident: &str, severity: Severity, reason: &str) -> HandoffRecord {
        HandoffRecord {
            handoff_id: id.to_owned(),
            incident_id: incident.to_owned(),
            sequence: 1,
            severity,
            emitted_at: Timestamp(0),
            json: format!("{{\"reason\":\"{reason}\"}}"),
        }
    }

    #[test]
    fn a_sink_gets_its_severities_and_the_ends_of_what_it_knows() {
        let route = |sink: &str, min_severity| Route { sink: sink.to_owned(), min_severity };
        let routes = [route("siem", Severity::High), route("file", Severity::Low)];
        let handoffs = [
            handoff("h1", "i1", Severity::High, "opened"),
            handoff("h2", "i2", Severity::Medium, "opened"),
            handoff("h3", "i1", Severity::Low, "withdrawn"),
            handoff("h4", "i2", Severity::Low, "withdrawn"),
            handoff("h5", "i3", Severity::Low, "merged"),
            handoff("h6", "i3", Severity::Low, "grew"),
        ];
        let items = outbox_items(&routes, &handoffs, |sink, incident| Ok((sink, incident) == ("siem", "i3"))).unwrap();
        let of = |sink: &str| -> Vec<&str> {
            items.iter().filter(|item| item.sink == sink).map(|item| item.message_id.as_str()).collect()
        };
        assert_eq!(of("siem"), ["h1", "h3", "h5"]);
        assert_eq!(of("file"), ["h1", "h2", "h3", "h4", "h5", "h6"]);
    }
}
