//! `cases show`: everything about one case.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use anyhow::{Context, Result};
use clap::Args;

use super::Desk;
use super::render::{in_days, local, quoted, wrapped};
use crate::breach::case::change::{Change, Decision, Outcome};
use crate::breach::case::clock::ClockField;
use crate::breach::case::facts::Fact;
use crate::breach::case::outlook::{Outlook, RegimeOutlook, State};
use crate::breach::case::{Case, CaseUnit};
use crate::breach::drafts::subject::counted;
use crate::breach::exclusions::{self, Regime};
use crate::breach::{calendar, factors};
use crate::cli::deadlines::{Spoken, parse_spoken};
use crate::cli::style::Paint;
use crate::model::time::Zone;
use crate::pipeline::clock;
use crate::pipeline::register::Who;

/// Characters of a line.
const WIDTH: usize = 120;
/// Units that are listed one by one.
const LISTED: usize = 20;

/// Show one case: evidence, clocks, regimes, exclusions, factors, what waits
#[derive(Args, Debug)]
#[command(after_help = "\
Example: chartsentry cases show c4qk --by \"Ada Berg\"

With --by the first look of a person goes to the ledger: whoever sees a credible hit knows of it.")]
pub(super) struct ShowArgs {
    /// The case: any unique beginning of its id
    #[arg(value_name = "CASE")]
    case: String,
    /// Name or user id of the person who looks; the first one is recorded
    #[arg(long, value_name = "NAME", conflicts_with = "as_of")]
    by: Option<String>,
    /// One JSON object
    #[arg(long)]
    json: bool,
    /// How it will stand, or stood, at this instant
    #[arg(long, value_name = "T", value_parser = parse_spoken)]
    as_of: Option<Spoken>,
}

pub(super) fn run(desk: &mut Desk, args: &ShowArgs) -> Result<()> {
    let id = desk.office.find(&args.case)?;
    let now = desk.moment(args.as_of);
    let past = desk.cases(args.as_of)?.into_iter().find(|case| case.case_id == id);
    let mut case = past.with_context(|| format!("the case {id} did not exist at that time"))?;
    if let Some(by) = &args.by {
        let who = Who { by, outsider: None, at: clock::now() };
        case = desk.office.look(&id, &who)?;
    }
    let outlook = desk.office.outlook(&case, now);
    let mut out = io::stdout().lock();
    if args.json {
        let json = serde_json::json!({
            "case": case,
            "outlook": outlook,
            "exclusions": exclusions::weigh_all(&case.ground()),
            "factors": factors::worksheet(&case),
        });
        writeln!(out, "{}", serde_json::to_string_pretty(&json)?)?;
        return Ok(());
    }
    write!(out, "{}", Page::of(&case, &outlook, Paint::stdout()).text())?;
    if args.by.is_none() && case.first_looked.is_none() && !case.is_rehearsal {
        writeln!(io::stderr(), "nobody is on record as having opened this case: add --by NAME to record who looks")?;
    }
    Ok(())
}

/// A case on a page of text.
struct Page<'p> {
    case: &'p Case,
    outlook: &'p Outlook,
    zone: Zone,
    paint: Paint,
    text: String,
}

impl<'p> Page<'p> {
    fn of(case: &'p Case, outlook: &'p Outlook, paint: Paint) -> Self {
        Self { case, outlook, zone: case.zone(), paint, text: String::new() }
    }

    fn text(mut self) -> String {
        self.head();
        self.attention();
        self.units();
        self.evidence();
        self.clocks();
        self.regimes();
        self.exclusions();
        self.factors();
        self.money();
        self.people();
        self.text
    }

    fn line(&mut self, text: &str) {
        // Colour has no width, and coloured lines are short or dim notes that a terminal may break itself.
        let text = if text.contains('\u{1b}') { text.to_owned() } else { wrapped(text, WIDTH) };
        self.text.push_str(&text);
        self.text.push('\n');
    }

    fn heading(&mut self, text: &str) {
        let text = self.paint.bold(text);
        self.line("");
        self.line(&text);
    }

    fn head(&mut self) {
        let case = self.case;
        let rehearsal = if case.is_rehearsal { ", a rehearsal: no clock runs" } else { "" };
        let title = format!("Case {}", case.case_id);
        let title = self.paint.bold(&title);
        self.line(&format!("{title}  {} severity, score {:.3}{rehearsal}", case.severity().name(), case.score()));
        let opened = local(case.opened_at, &self.zone);
        let assigned = case.assignee.as_deref().unwrap_or("nobody");
        self.line(&format!("opened {opened} ({}), assigned to {assigned}", case.facility.timezone));
        for incident in case.incidents.values() {
            let merged = incident.merged_into.as_deref().map_or_else(String::new, |into| format!(" into {into}"));
            self.line(&format!(
                "incident {} ({}), {}{merged}",
                incident.incident_id,
                incident.kind.name(),
                incident.status.name()
            ));
        }
        let advice = self.paint.dim("Counts and proposals, not legal advice. Software clears nothing here; people do.");
        self.line(&advice);
    }

    fn attention(&mut self) {
        if self.outlook.attention.is_empty() {
            return;
        }
        self.heading("Needs attention");
        for one in &self.outlook.attention {
            let words = super::render::waits(one, self.paint);
            let regime = one.regime.map_or("", Regime::name);
            self.line(&format!("  {words}: {regime}{}{}", if regime.is_empty() { "" } else { ": " }, one.text));
        }
    }

    fn units(&mut self) {
        let case = self.case;
        let (users, patients) = (case.actors().len(), case.patients().len());
        let (users, patients) = (counted(users, "person", "people"), counted(patients, "patient", "patients"));
        self.heading(&format!("Units: {} ({users}, {patients})", case.units.len()));
        self.line(
            "  person        patient       first access      last access       accesses  actions; parts of the chart",
        );
        for unit in case.units.iter().take(LISTED) {
            let line = self.unit(unit);
            self.line(&line);
        }
        if case.units.len() > LISTED {
            self.line(&format!("  and {} more (--json lists all)", case.units.len() - LISTED));
        }
    }

    fn unit(&self, unit: &CaseUnit) -> String {
        let taken = if unit.printed_or_exported { "; printed or exported" } else { "" };
        let own = if unit.unit_kind == crate::model::incident::UnitKind::Policy { "; own chart" } else { "" };
        format!(
            "  {:<13} {:<13} {:<17} {:<17} {:>8}  {}; {}{taken}{own}",
            unit.key.user_id,
            unit.key.patient_id,
            local(unit.occurred_first, &self.zone),
            local(unit.occurred_last, &self.zone),
            unit.access_count,
            unit.actions.join(", "),
            if unit.resources.is_empty() { "-".to_owned() } else { unit.resources.join(", ") },
        )
    }

    fn evidence(&mut self) {
        let Some(leading) = self.case.leading() else { return };
        self.heading("Why it was flagged");
        for found in &leading.contributions {
            self.line(&format!("  {:>+7.2}  {}: {}", found.weight, found.id, found.reason));
        }
        for why in &leading.degraded {
            self.line(&format!("  evidence is incomplete: {why}"));
        }
    }

    fn clocks(&mut self) {
        let clocks = &self.case.clocks;
        self.heading("Clocks");
        if let Some((first, last)) = self.case.occurred() {
            self.line(&format!("  {:<20} {} to {}", "occurred", local(first, &self.zone), local(last, &self.zone)));
        }
        for (field, name) in ClockField::ALL {
            let Some(value) = clocks.get(field) else { continue };
            let mut said = local(value, &self.zone);
            if field == ClockField::SourceAvailableAt && clocks.source_available_assumed {
                said.push_str("  (assumed)");
            }
            if field == ClockField::KnownAt {
                let by = self.case.facts.get(Fact::KnownBy).unwrap_or("not stated");
                let _ = write!(said, "  (by: {by})");
            }
            let earlier = clocks.versions(field).len() - 1;
            if earlier > 0 {
                let _ = write!(said, "  ({earlier} earlier values in the ledger)");
            }
            self.line(&format!("  {name:<20} {said}"));
        }
        if let Some((at, by)) = &self.case.first_looked {
            let known = if clocks.get(ClockField::KnownAt).is_none() {
                "  (whoever saw it knew of it: cases set known_at=...)"
            } else {
                ""
            };
            self.line(&format!("  {:<20} {} by {by}{known}", "first opened", local(*at, &self.zone)));
        }
        let day = self.zone.date(self.outlook.detected_at);
        let basis = serde_json::to_value(self.outlook.basis).unwrap_or_default();
        self.line(&format!(
            "  {:<20} {} ({}); first business day {}",
            "detected",
            local(self.outlook.detected_at, &self.zone),
            basis.as_str().unwrap_or_default(),
            calendar::first_business_day(day)
        ));
        if let Some(other) = &self.outlook.alternative {
            self.line(&format!("  alternative reading, needs counsel: {}", other.words()));
        }
        for note in &self.outlook.recounted {
            self.line(&format!("  {note}"));
        }
    }

    fn regimes(&mut self) {
        self.heading("Regimes");
        for one in &self.outlook.regimes {
            self.regime(one);
        }
        for note in &self.outlook.deadlines.notes {
            let note = self.paint.dim(&format!("  {note}"));
            self.line(&note);
        }
    }

    fn regime(&mut self, one: &RegimeOutlook) {
        let decided = match (one.undecided, one.breaches, one.excluded) {
            (_, 0, 0) => String::new(),
            (undecided, breaches, excluded) => {
                format!(" ({undecided} undecided, {breaches} breaches, {excluded} excluded)")
            }
        };
        if one.regime == Regime::Part2 {
            self.line(&format!("  {}: {}", one.regime.title(), one.note.as_deref().unwrap_or_default()));
            return;
        }
        self.line(&format!("  {}: {}{decided}", one.regime.title(), one.state.words()));
        for duty in &one.duties {
            let when = match duty.done_on {
                Some(day) if duty.late_days > 0 => format!("done on {day}, {} days late", duty.late_days),
                Some(day) => format!("done on {day}"),
                None if matches!(one.state, State::NotRunning | State::Excluded) => "not running".to_owned(),
                None => in_days(duty.deadline, self.outlook.today),
            };
            let units =
                if duty.units == self.case.units.len() { String::new() } else { format!("  {} units", duty.units) };
            self.line(&format!("    {:<29} {}  {when}  {}{units}", duty.title, duty.deadline, duty.citation));
        }
        if let Some(note) = &one.note {
            self.line(&format!("    {note}"));
        }
    }

    fn exclusions(&mut self) {
        self.heading("Exclusions, by their words");
        for found in exclusions::weigh_all(&self.case.ground()) {
            let (regime, code, reach) = (found.regime.name(), found.code.name(), found.reach.words());
            self.line(&format!("  {regime} {code}: {reach}; {}", found.why));
        }
        for decision in &self.case.decisions {
            let when = local(decision.at, &self.zone);
            self.line(&format!("  {when} {}", decided(decision)));
            if !decision.grounds.is_empty() {
                self.line(&format!("      grounds: {}", quoted(&decision.grounds)));
            }
        }
        for proposal in &self.case.proposals {
            let what = changed(&proposal.change, &self.zone);
            self.line(&format!("  proposal {} by {} waits for a second person: {what}", proposal.number, proposal.by));
        }
    }

    fn factors(&mut self) {
        self.heading("The four factors: facts on record, no score");
        for factor in factors::worksheet(self.case) {
            self.line(&format!("  {} {}", factor.number, factor.title));
            for fact in &factor.on_record {
                self.line(&format!("      {fact}"));
            }
            self.line(&format!("      for a person: {}", factor.for_a_person));
        }
    }

    fn money(&mut self) {
        let (Some(one), Some(both)) = (&self.outlook.exposure, &self.outlook.exposure_both_late) else { return };
        self.heading("Planning estimate (California)");
        self.line(&format!("  {} to {} USD", one.first_occurrences_only_usd, both.max_usd));
        let reading = self.paint.dim(&format!("  {}", one.reading));
        self.line(&reading);
    }

    fn people(&mut self) {
        let case = self.case;
        if !case.notices.is_empty() {
            self.heading("Sent");
            for notice in &case.notices {
                let proof = notice.proof.as_deref().unwrap_or("no proof of sending on record");
                self.line(&format!(
                    "  {} to {} on {} ({} units): {proof}",
                    notice.report_id,
                    notice.to.name(),
                    notice.sent_on,
                    notice.units.len()
                ));
            }
        }
        if !case.links.is_empty() {
            self.heading("May belong with (22 CCR 79901(p))");
            for link in &case.links {
                let said = match &link.decided {
                    Some((by, true)) => format!("confirmed by {by}"),
                    Some((by, false)) => format!("not so, says {by}"),
                    None => "proposed: decide --link".to_owned(),
                };
                self.line(&format!("  {}: {}; {said}", link.case_id, link.why));
            }
        }
        if case.facts.iter().next().is_some() {
            self.heading("Stated");
            for (fact, stated) in case.facts.iter() {
                let second = stated.second.as_deref().map_or_else(String::new, |second| format!(" and {second}"));
                self.line(&format!("  {}: {} ({}{second})", fact.name(), quoted(&stated.value), stated.by));
            }
        }
        if !case.notes.is_empty() {
            self.heading("Notes");
            for note in &case.notes {
                self.line(&format!("  {} {}: {}", local(note.at, &self.zone), note.by, quoted(&note.text)));
            }
        }
    }
}

fn decided(decision: &Decision) -> String {
    let what = match decision.outcome {
        Outcome::Breach => "a breach".to_owned(),
        Outcome::Excluded { code } => format!("excluded by {} ({})", code.name(), code.citation()),
    };
    let second = decision.second.as_deref().map_or_else(String::new, |second| format!(" and {second}"));
    format!(
        "decided: {} {what}, {}, by {}{second}",
        decision.regime.name(),
        counted(decision.units.len(), "unit", "units"),
        decision.by
    )
}

/// A change in words, with instants on the facility's clock.
pub(super) fn changed(change: &Change, zone: &Zone) -> String {
    let because =
        |reason: &Option<String>| reason.as_deref().map_or_else(String::new, |why| format!(" ({})", quoted(why)));
    match change {
        Change::Clock { field, after, reason, .. } => {
            format!("{} is {}{}", field.name(), local(*after, zone), because(reason))
        }
        Change::Fact { fact, after, reason, .. } => format!("{} is {}{}", fact.name(), quoted(after), because(reason)),
        Change::Decision { decision } => decided(decision),
    }
}
