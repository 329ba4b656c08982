//! Answers for the breach portal of HHS (45 CFR 164.408), in the order of its questions.

use super::paper::{Block, Field, Paper};
use super::subject::Subject;
use crate::breach::case::event::Recipient;
use crate::breach::case::facts::Fact;
use crate::breach::case::outlook::affected;
use crate::breach::exclusions::Regime;

/// The portal takes no longer description.
const DESCRIPTION: usize = 4_000;

/// From so many people without an address on, the notice is posted (164.404(d)(2)(ii)).
const SUBSTITUTE_MANY: usize = 10;

/// The answers as far as they are on record.
#[must_use]
pub fn answers(subject: &Subject<'_>) -> Paper {
    let due = subject.outlook.deadlines.hhs_deadline.map_or_else(String::new, |due| format!(" Due by {due}."));
    let mut blocks = vec![Block::Fields { fields: fields(subject) }];
    if subject.case.facts.is(Fact::Part2) {
        blocks.push(Block::text(
            "A record of a part 2 programme was opened: file the same answers again on the part 2 form.",
        ));
    }
    Paper {
        title: "Answers for the HHS breach portal".to_owned(),
        subtitle: format!("Case {}, 45 CFR 164.408.{due} The portal keeps no drafts.", subject.case.case_id),
        blocks,
    }
}

/// Whether individual notices can reach everybody (45 CFR 164.404(d)).
fn substitute(subject: &Subject<'_>) -> Field {
    let title = "Substitute notice";
    if subject.names.patients.is_empty() {
        return Field::unknown("", title, "no addresses were given (cases packet --context DIR)");
    }
    let has_address = |id: &str| subject.names.patients.get(id).is_some_and(|patient| !patient.address.is_empty());
    let without = affected(subject.case, Regime::Hipaa).into_iter().filter(|id| !has_address(id)).count();
    let line = match without {
        0 => "none needed: every patient has an address on record".to_owned(),
        few if few < SUBSTITUTE_MANY => format!("{few} without an address: in writing or by telephone by other means"),
        many => {
            format!("{many} without an address: 90 days on the web site or in major media, with a toll-free number")
        }
    };
    Field::known("", title, vec![line])
}

fn fields(subject: &Subject<'_>) -> Vec<Field> {
    let case = subject.case;
    let known = |title: &str, text: String| Field::known("", title, vec![text]);
    let stated = |title: &str, fact: Fact| {
        Field::stated("", title, case.facts.get(fact), &format!("cases set {}=...", fact.name()))
    };
    let dates = case.occurred().map(|(first, last)| (subject.zone.date(first), subject.zone.date(last)));
    let sent = |to: Recipient| case.notices.iter().filter(move |notice| notice.to == to).map(|notice| notice.sent_on);
    let individual = match (sent(Recipient::Patient).min(), sent(Recipient::Patient).max()) {
        (Some(first), Some(last)) => known("Individual notices, first and last", format!("{first} to {last}")),
        _ => Field::unknown("", "Individual notices, first and last", "none is on record as sent"),
    };
    let mut description = stated("Description of the breach", Fact::Narrative);
    for line in &mut description.lines {
        line.truncate(line.floor_char_boundary(DESCRIPTION));
    }
    vec![
        known("Report type", "initial report".to_owned()),
        Field::stated("", "Covered entity, address, type", subject.facility, "[facility] name of the configuration"),
        stated("Contact", Fact::Contact),
        known("Breach start and end", dates.map_or_else(String::new, |(first, last)| format!("{first} to {last}"))),
        known("Discovery start and end", subject.zone.date(subject.outlook.discovered_at).to_string()),
        known("Individuals affected", affected(case, Regime::Hipaa).len().to_string()),
        known("Type of breach", "unauthorized access/disclosure".to_owned()),
        known(
            "Location of the information",
            if case.facts.medium() == "ehr" {
                "electronic medical record".to_owned()
            } else {
                case.facts.medium().to_owned()
            },
        ),
        stated("Type of information: clinical, demographic, financial, other", Fact::Elements),
        description,
        stated("Safeguards in place before", Fact::Safeguards),
        individual,
        substitute(subject),
        known(
            "Media notice",
            if sent(Recipient::Media).next().is_some() { "yes" } else { "none on record" }.to_owned(),
        ),
        stated("Actions taken", Fact::Corrective),
        Field::unknown("", "Attestation: name and date", "a person attests"),
    ]
}
