//! What people do to cases: assign, note, set, decide, report.

use std::collections::BTreeSet;
use std::io::{self, Write};

use anyhow::{Result, bail};
use clap::{ArgGroup, Args};
use jiff::civil::Date;

use super::render::short;
use super::show::changed;
use super::{ByArgs, Desk};
use crate::breach::case::Case;
use crate::breach::case::change::{self, Asked, Refusal, Verdict};
use crate::breach::case::clock::ClockField;
use crate::breach::case::event::{Event, Notice, Recipient};
use crate::breach::case::facts::Fact;
use crate::breach::case::outlook::{affected, reportable};
use crate::breach::clocks::HHS_LARGE;
use crate::breach::exclusions::{Code, Regime};
use crate::breach::named::by_name;
use crate::cli::Usage;
use crate::cli::deadlines::{Spoken, parse_date, parse_spoken};
use crate::cli::style::Paint;
use crate::config::nearest;
use crate::pipeline::clock;
use crate::pipeline::register::Who;

/// Give a case to somebody
#[derive(Args, Debug)]
#[command(after_help = "Example: chartsentry cases assign c4qk --to \"Ada Berg\" --by \"Cem Demir\"")]
pub(super) struct AssignArgs {
    /// The case: any unique beginning of its id
    #[arg(value_name = "CASE")]
    case: String,
    /// Who works on it from now on
    #[arg(long, value_name = "NAME")]
    to: String,
    #[command(flatten)]
    by: ByArgs,
}

/// Write a note into a case
#[derive(Args, Debug)]
#[command(after_help = "Example: chartsentry cases note c4qk \"Interviewed on the ward\" --by \"Ada Berg\"")]
pub(super) struct NoteArgs {
    /// The case: any unique beginning of its id
    #[arg(value_name = "CASE")]
    case: String,
    /// What to write down
    #[arg(value_name = "TEXT")]
    text: String,
    #[command(flatten)]
    by: ByArgs,
}

/// Set a clock or state a fact; a later date takes two people
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("what").required(true).args(["fields", "confirm", "reject"]))]
#[command(after_help = "\
Example: a manager knew on Friday already; then what kind of event it was
  chartsentry cases set c4qk known_at=2026-09-18T16:05 known_by=\"Dora Elm\" --by \"Ada Berg\"
  chartsentry cases set c4qk event_kind=access,disclosure --by \"Ada Berg\"

Clocks: known_at belief_at ba_known_at diligence_at source_available_at. Without an offset, local time at
the facility. Facts: known_by known_by_role knower_is_actor ba_is_agent diligence_basis residents
event_kind medium part2 le_kind le_stated le_until le_official elements recipient mitigation corrective
narrative cause contact safeguards.
Values: event_kind access,use,disclosure,loss; medium ehr paper email fax other; le_kind written oral;
part2, ba_is_agent, knower_is_actor yes or no.")]
pub(super) struct SetArgs {
    /// The case: any unique beginning of its id
    #[arg(value_name = "CASE")]
    case: String,
    /// A clock or a fact with its value; may be repeated
    #[arg(value_name = "FIELD=VALUE")]
    fields: Vec<String>,
    /// Why; needed where a date could move later
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Agree, as the second person, to the proposal of this number
    #[arg(long, value_name = "N")]
    confirm: Option<u32>,
    /// Do not agree to it, or take it back; needs --reason
    #[arg(long, value_name = "N")]
    reject: Option<u32>,
    #[command(flatten)]
    by: ByArgs,
}

/// Decide under one regime; excluding takes two people
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("what").required(true).args(["breach", "exclude", "confirm", "reject", "link"]))]
#[command(after_help = "\
Example: a breach in California; under HIPAA excluded by (i), which a second person confirms
  chartsentry cases decide c4qk --regime california --breach --grounds \"Admitted\" --by \"Ada Berg\"
  chartsentry cases decide c4qk --regime hipaa --exclude i --grounds \"Wrong chart, closed at once\" --by \"Ada Berg\"
  chartsentry cases decide c4qk --confirm 1 --by \"Cem Demir\"

Regimes: california hipaa civil_code. Exclusions: A B C D E F; i ii iii low_probability permitted;
not_acquired. Neither person may be the one who looked, nor report to that person.")]
pub(super) struct DecideArgs {
    /// The case: any unique beginning of its id
    #[arg(value_name = "CASE")]
    case: String,
    /// Under which law: california, hipaa or civil_code
    #[arg(long, value_name = "REGIME", required_unless_present_any = ["confirm", "reject", "link"])]
    regime: Option<String>,
    /// It is a breach
    #[arg(long)]
    breach: bool,
    /// It is none, by this exclusion
    #[arg(long, value_name = "CODE")]
    exclude: Option<String>,
    /// Only the units of this patient (may be repeated); without it, all units
    #[arg(long, value_name = "ID")]
    patient: Vec<String>,
    /// Why, in your own words
    #[arg(long, value_name = "TEXT", default_value = "")]
    grounds: String,
    /// One of the four factors, in their order; four times for F and low_probability
    #[arg(long, value_name = "TEXT")]
    factor: Vec<String>,
    /// Agree, as the second person, to the proposal of this number
    #[arg(long, value_name = "N")]
    confirm: Option<u32>,
    /// Do not agree to it, or take it back; needs --grounds
    #[arg(long, value_name = "N")]
    reject: Option<u32>,
    /// This case continues the other one, which was reported (22 CCR 79901(p)); with --not, it does not
    #[arg(long, value_name = "CASE")]
    link: Option<String>,
    /// With --link: it does not
    #[arg(long, requires = "link")]
    not: bool,
    #[command(flatten)]
    by: ByArgs,
}

/// Record that a report or notice was sent; all cases named go into one report
#[derive(Args, Debug)]
#[command(after_help = "\
Example: chartsentry cases report c4qk --to cdph --sent-on 2026-10-09 --method web --proof \"receipt 4711\" --by \"Ada Berg\"

Recipients: cdph patient hhs media residents attorney_general. Nothing is sent by chartsentry.")]
pub(super) struct ReportArgs {
    /// The cases: any unique beginning of their ids
    #[arg(required = true, value_name = "CASE")]
    cases: Vec<String>,
    /// To whom
    #[arg(long, value_name = "WHO")]
    to: String,
    /// Local date of sending
    #[arg(long, value_name = "DATE", value_parser = parse_date, required_unless_present = "retract")]
    sent_on: Option<Date>,
    /// Take the record of this report back, because it was wrong; needs --reason
    #[arg(long, value_name = "REPORT", conflicts_with_all = ["sent_on", "report", "method", "proof"])]
    retract: Option<String>,
    /// Why it is taken back
    #[arg(long, value_name = "TEXT", requires = "retract")]
    reason: Option<String>,
    /// Names the report; all breaches in one report are one reported event. Without it, a new one
    #[arg(long, value_name = "ID")]
    report: Option<String>,
    /// Mail, telephone, web ...
    #[arg(long, value_name = "TEXT")]
    method: Option<String>,
    /// Where the proof of sending is kept
    #[arg(long, value_name = "TEXT")]
    proof: Option<String>,
    #[command(flatten)]
    by: ByArgs,
}

fn act(
    desk: &mut Desk,
    case: &str,
    by: &ByArgs,
    ask: impl FnOnce(&Case, &Asked<'_>) -> Result<Event, Refusal>,
) -> Result<()> {
    let id = desk.office.find(case)?;
    let who = Who { by: &by.by, outsider: by.outsider.as_deref(), at: clock::now() };
    let (case, event) = desk.office.act(&id, &who, ask)?;
    tell(desk, &case, &event)
}

/// What became of it.
fn tell(desk: &Desk, case: &Case, event: &Event) -> Result<()> {
    let paint = Paint::stderr();
    let zone = case.zone();
    let case = short(&case.case_id);
    let config = desk.config.as_deref().map_or_else(String::new, |path| format!(" --config {}", path.display()));
    let mut out = io::stderr().lock();
    match event {
        Event::Proposed { number, change } => writeln!(
            out,
            "{} {case}: {}\n  the second person: chartsentry cases{config} decide {case} --confirm {number} --by NAME",
            paint.warning("waits for a second person:"),
            changed(change, &zone)
        )?,
        Event::Changed { change } => writeln!(out, "{} {case}: {}", paint.good("done:"), changed(change, &zone))?,
        event => writeln!(out, "{} {case}: {}", paint.good("done:"), event.name().replace('_', " "))?,
    }
    Ok(())
}

pub(super) fn assign(desk: &mut Desk, args: &AssignArgs) -> Result<()> {
    act(desk, &args.case, &args.by, |case, asked| change::assign(case, asked, &args.to))
}

pub(super) fn note(desk: &mut Desk, args: &NoteArgs) -> Result<()> {
    act(desk, &args.case, &args.by, |case, asked| change::note(case, asked, &args.text))
}

/// A field and its value, as typed.
enum Field {
    Clock(ClockField, Spoken),
    Fact(Fact, String),
}

pub(super) fn set(desk: &mut Desk, args: &SetArgs) -> Result<()> {
    let reason = args.reason.as_deref();
    if let Some(number) = args.confirm {
        return act(desk, &args.case, &args.by, |case, asked| change::confirm(case, asked, number));
    }
    if let Some(number) = args.reject {
        return act(desk, &args.case, &args.by, |case, asked| change::reject(case, asked, number, reason));
    }
    let mut fields: Vec<Field> = args.fields.iter().map(|text| field(text)).collect::<Result<_>>()?;
    // What is said of a clock's value comes after the value.
    fields.sort_by_key(|field| matches!(field, Field::Fact(..)));
    for field in fields {
        act(desk, &args.case, &args.by, |case, asked| match &field {
            Field::Clock(field, spoken) => change::set_clock(case, asked, *field, spoken.at(&case.zone()), reason),
            Field::Fact(fact, value) => change::set_fact(case, asked, *fact, value, reason),
        })?;
    }
    Ok(())
}

fn field(text: &str) -> Result<Field> {
    let usage = |why: String| anyhow::Error::from(Usage(why));
    let (name, value) =
        text.split_once('=').ok_or_else(|| usage(format!("\"{text}\": expected FIELD=VALUE, such as part2=no")))?;
    let name = name.trim();
    if let Some(field) = by_name(&ClockField::ALL, name) {
        let spoken = parse_spoken(value).map_err(|why| usage(format!("{name} \"{value}\": {why}")))?;
        return Ok(Field::Clock(field, spoken));
    }
    if let Some(fact) = by_name(&Fact::ALL, name) {
        return Ok(Field::Fact(fact, fact.read(value).map_err(usage)?));
    }
    let known = ClockField::ALL.iter().map(|(_, name)| *name).chain(Fact::ALL.iter().map(|(_, name)| *name));
    let near = nearest(name, known).map_or_else(String::new, |near| format!("; did you mean {near}?"));
    Err(usage(format!("\"{name}\" is no field of a case{near} (see --help)")))
}

pub(super) fn decide(desk: &mut Desk, args: &DecideArgs) -> Result<()> {
    if let Some(number) = args.confirm {
        return act(desk, &args.case, &args.by, |case, asked| change::confirm(case, asked, number));
    }
    if let Some(number) = args.reject {
        let reason = Some(args.grounds.as_str());
        return act(desk, &args.case, &args.by, |case, asked| {
            change::reject(case, asked, number, reason)
                .map_err(|Refusal(why)| Refusal(why.replace("--reason", "--grounds")))
        });
    }
    if let Some(other) = &args.link {
        let other = desk.office.find(other)?;
        return act(desk, &args.case, &args.by, |case, asked| {
            change::decide_link(case, asked, &other, !args.not, &args.grounds)
        });
    }
    let regime = regime(args.regime.as_deref().unwrap_or_default())?;
    let code = args.exclude.as_deref().map(|name| code(regime, name)).transpose()?;
    let verdict = Verdict { regime, code, patients: &args.patient, grounds: &args.grounds, factors: &args.factor };
    act(desk, &args.case, &args.by, |case, asked| change::decide(case, asked, &verdict))
}

fn regime(name: &str) -> Result<Regime> {
    let found =
        by_name(&Regime::ALL, name).or_else(|| name.trim().eq_ignore_ascii_case("ca").then_some(Regime::California));
    found.ok_or_else(|| Usage(format!("--regime \"{name}\": expected california, hipaa or civil_code")).into())
}

fn code(regime: Regime, name: &str) -> Result<Code> {
    Code::named(regime, name).ok_or_else(|| {
        let known: Vec<&str> =
            Code::ALL.iter().filter(|(_, of, ..)| *of == regime).map(|(.., name, _)| *name).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Usage(format!("--exclude \"{name}\" is no exclusion of {}: it has {known}", regime.title())).into()
    })
}

pub(super) fn report(desk: &mut Desk, args: &ReportArgs) -> Result<()> {
    let Some(to) = by_name(&Recipient::ALL, &args.to) else {
        let known: Vec<&str> = Recipient::ALL.iter().map(|(_, name)| *name).collect();
        return Err(Usage(format!("--to \"{}\": expected one of {}", args.to, known.join(", "))).into());
    };
    let ids: Vec<String> = args.cases.iter().map(|case| desk.office.find(case)).collect::<Result<_>>()?;
    if let Some(report_id) = &args.retract {
        for id in ids {
            act(desk, &id, &args.by, |case, asked| {
                change::retract(case, asked, report_id, to, args.reason.as_deref())
            })?;
        }
        return Ok(());
    }
    let Some(sent_on) = args.sent_on else { return Err(Usage("--sent-on is missing".to_owned()).into()) };
    let (now, licensed) = (clock::now(), desk.office.facility.california);
    let report_id = match args.report.as_deref().map(str::trim) {
        Some("") => bail!("--report is empty: give the report a name, or leave it out"),
        Some(name) => name.to_owned(),
        None => format!("r-{}-{}-{}", to.name(), sent_on, short(&ids[0])),
    };
    for id in ids {
        act(desk, &id, &args.by, |case, asked| {
            let notice = Notice {
                report_id: report_id.clone(),
                to,
                sent_on,
                method: args.method.clone(),
                proof: args.proof.clone(),
                units: reportable(case, to, licensed),
                by: asked.signature(),
                recorded_at: now,
            };
            change::notify(case, asked, notice)
        })?;
    }
    warn_of_many(desk, &report_id)
}

/// Deadlines are counted case by case; cases of one report may be many together.
fn warn_of_many(desk: &Desk, report_id: &str) -> Result<()> {
    let cases = desk.office.register.cases()?;
    let of: Vec<&Case> =
        cases.iter().filter(|case| case.notices.iter().any(|notice| notice.report_id == report_id)).collect();
    let patients: BTreeSet<&str> = of.iter().flat_map(|case| affected(case, Regime::Hipaa)).collect();
    let is_many = |count: usize| count as u64 >= HHS_LARGE;
    if is_many(patients.len()) && !of.iter().any(|case| is_many(affected(case, Regime::Hipaa).len())) {
        let paint = Paint::stderr();
        writeln!(
            io::stderr(),
            "{} the {} cases of report {report_id} concern {} patients together: from {HHS_LARGE} on HHS is told with the \
             individuals (45 CFR 164.408(b)), though each case alone shows the yearly date",
            paint.warning("look:"),
            of.len(),
            patients.len()
        )?;
    }
    Ok(())
}
