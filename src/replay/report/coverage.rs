//! How much of the log is explained, and by what.

use serde::Serialize;

use super::words::{basis, count, share};
use crate::replay::summary::Summary;

/// One part of all accesses.
#[derive(Debug, Serialize)]
pub(super) struct Part {
    name: String,
    /// What it means, in a few words.
    meaning: String,
    count: String,
    share: String,
    /// Left edge and width in the bar, of 100.
    x: String,
    width: String,
    /// CSS class of its colour.
    class: String,
}

/// The parts of all accesses: each basis, largest first, then what nothing explains.
pub(super) fn parts(summary: &Summary) -> Vec<Part> {
    let mut bases: Vec<(&String, u64)> = summary.explained_by.iter().map(|(name, count)| (name, *count)).collect();
    bases.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    let mut parts = Vec::new();
    let mut left = 0.0;
    let mut push = |name: String, meaning: &str, number: u64, class: String| {
        let width = percent(number, summary.accesses);
        parts.push(Part {
            name,
            meaning: meaning.to_owned(),
            count: count(number),
            share: share(number, summary.accesses),
            x: format!("{left:.3}"),
            width: format!("{width:.3}"),
            class,
        });
        left += width;
    };
    for (place, (name, number)) in bases.into_iter().enumerate() {
        push(format!("Explained: {name}"), basis(name), number, format!("b{}", place.min(5)));
    }
    let unexplained = "no record explains it, and nothing else stands out";
    push("Unexplained".to_owned(), unexplained, summary.unexplained, "unexplained".to_owned());
    push("Suspicious".to_owned(), "part of an incident below", summary.suspicious, "suspicious".to_owned());
    parts
}

#[expect(clippy::cast_precision_loss, reason = "a width in a picture")]
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 * 100.0 }
}
