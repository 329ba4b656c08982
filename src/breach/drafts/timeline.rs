//! A picture of a case in time: the accesses, the clocks, the deadlines.

use std::fmt::Write as _;

use super::subject::Subject;
use crate::breach::case::clock::ClockField;
use crate::model::time::{DAY, Timestamp};

const WIDTH: f64 = 900.0;
/// Room on the left for the names of the rows.
const LEFT: f64 = 170.0;
const ROW: f64 = 26.0;

/// A moment on the picture, or a span.
struct Mark {
    name: String,
    from: Timestamp,
    until: Timestamp,
    colour: &'static str,
}

/// The picture as SVG. Labels are made by this program; no id stands in it.
#[must_use]
pub(super) fn svg(subject: &Subject<'_>) -> String {
    let marks = marks(subject);
    let (Some(first), Some(last)) =
        (marks.iter().map(|mark| mark.from).min(), marks.iter().map(|mark| mark.until).max())
    else {
        return String::new();
    };
    let span = ((last - first).max(DAY)) as f64;
    let x = |at: Timestamp| LEFT + (at - first) as f64 / span * (WIDTH - LEFT - 90.0);
    let height = ROW * marks.len() as f64 + 34.0;
    let mut svg = format!(
        r#"<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Accesses, clocks and deadlines of the case in time">"#
    );
    for (row, mark) in marks.iter().enumerate() {
        let y = ROW * row as f64 + 18.0;
        let (from, until) = (x(mark.from), x(mark.until));
        let _ = write!(
            svg,
            r##"<line x1="{LEFT}" x2="{}" y1="{y}" y2="{y}" stroke="#e3e7ed"/><text x="0" y="{}">{}</text>"##,
            WIDTH - 90.0,
            y + 4.0,
            mark.name
        );
        let _ = write!(
            svg,
            r#"<rect x="{:.1}" y="{}" width="{:.1}" height="9" rx="3" fill="{}"/><text x="{:.1}" y="{}">{}</text>"#,
            from - 2.0,
            y - 4.5,
            (until - from).max(5.0),
            mark.colour,
            until + 9.0,
            y + 4.0,
            subject.zone.date(mark.until)
        );
    }
    svg.push_str("</svg>");
    svg
}

fn marks(subject: &Subject<'_>) -> Vec<Mark> {
    let case = subject.case;
    let mut marks = Vec::new();
    let mut moment = |name: &str, at: Option<Timestamp>, colour| {
        marks.extend(at.map(|at| Mark { name: name.to_owned(), from: at, until: at, colour }));
    };
    if let Some((first, last)) = case.occurred() {
        moment("first access", Some(first), "#a33b2c");
        moment("last access", Some(last).filter(|last| *last != first), "#a33b2c");
    }
    for (field, name) in [
        (ClockField::SourceAvailableAt, "log available"),
        (ClockField::FlaggedAt, "flagged by software"),
        (ClockField::SurfacedAt, "where people look"),
        (ClockField::KnownAt, "known"),
        (ClockField::BeliefAt, "believed"),
        (ClockField::BaKnownAt, "known to an associate"),
        (ClockField::DiligenceAt, "diligence date"),
    ] {
        moment(name, case.clocks.get(field), "#5a7ca8");
    }
    moment("detected", Some(subject.outlook.detected_at), "#2f4d75");
    let mut sent: Vec<_> = case.notices.iter().map(|notice| (notice.to.name(), notice.sent_on)).collect();
    sent.dedup();
    for (to, day) in sent {
        moment(&format!("sent: {to}"), Some(subject.zone.start_of(day)), "#3d7d54");
    }
    for duty in subject.outlook.regimes.iter().flat_map(|one| &one.duties) {
        moment(&format!("due: {}", duty.title), Some(subject.zone.start_of(duty.deadline)), "#b88a2e");
    }
    marks
}
