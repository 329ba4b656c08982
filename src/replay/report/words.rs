//! Numbers, dates and names in the words of the report.

use jiff::civil::Date;

use crate::model::time::{Timestamp, Zone};

/// `4,812,331`
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 incident`, `4,812 incidents`
pub(super) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// A part of a whole as `98.7%`; never 0 or 100 where that would be untrue.
#[expect(clippy::cast_precision_loss, reason = "a share for people")]
pub(super) fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    match part as f64 / whole as f64 * 100.0 {
        _ if part == 0 => "0%".to_owned(),
        _ if part == whole => "100%".to_owned(),
        percent if percent < 0.1 => "under 0.1%".to_owned(),
        percent if percent > 99.9 => "over 99.9%".to_owned(),
        percent => format!("{percent:.1}%"),
    }
}

/// A score as `97.3%`, with more digits as it nears certainty.
pub(super) fn score(score: f64) -> String {
    match score * 100.0 {
        percent if percent < 99.0 => format!("{percent:.1}%"),
        percent if percent < 99.9 => format!("{percent:.2}%"),
        percent if percent < 99.99 => format!("{percent:.3}%"),
        _ => "over 99.99%".to_owned(),
    }
}

/// A weight with its sign, as `+2.40`.
pub(super) fn weight(weight: f64) -> String {
    format!("{weight:+.2}").replace('-', "\u{2212}")
}

/// `Jun 1, 2026`
pub(super) fn day(date: Date) -> String {
    date.strftime("%b %-d, %Y").to_string()
}

/// `Jun 1, 2026, 14:03`, on the facility's clock.
pub(super) fn moment(at: Timestamp, zone: &Zone) -> String {
    zone.datetime(at).strftime("%b %-d, %Y, %H:%M").to_string()
}

/// From one moment to another, with the date once when it is the same.
pub(super) fn period(first: Timestamp, last: Timestamp, zone: &Zone) -> String {
    let (from, to) = (moment(first, zone), moment(last, zone));
    if from == to {
        from
    } else if zone.date(first) == zone.date(last) {
        format!("{from} to {}", zone.datetime(last).strftime("%H:%M"))
    } else {
        format!("{from} to {to}")
    }
}

/// Names as a sentence lists them: `a`, `a and b`, `a, b and c`.
pub(super) fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [firsts @ .., last] => format!("{} and {last}", firsts.join(", ")),
    }
}

/// What an explanation's basis rests on.
pub(super) fn basis(name: &str) -> &str {
    match name {
        "direct" => "a care record names the person",
        "department" => "a care record names the person’s department",
        "service" => "an order or consult names the person’s service",
        "duty" => "the role’s work needs the chart, such as coding or release of information",
        "coverage" => "the person worked with many other patients of the unit in that shift",
        "documented" => "the person charted or ordered for the patient",
        _ => "another explanation holds",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_shares_never_overstate() {
        assert_eq!((count(0), count(999), count(1_000)), ("0".into(), "999".into(), "1,000".into()));
        assert_eq!(count(12_345_678), "12,345,678");
        assert_eq!(share(0, 5), "0%");
        assert_eq!(share(1, 1_000_000), "under 0.1%");
        assert_eq!(share(999_999, 1_000_000), "over 99.9%");
        assert_eq!(share(1, 3), "33.3%");
        assert_eq!(share(0, 0), "–");
        assert_eq!(score(0.9), "90.0%");
        assert_eq!(score(0.99957), "99.957%");
        assert_eq!(score(1.0), "over 99.99%");
        assert_eq!(weight(-7.0), "\u{2212}7.00");
        assert_eq!(weight(2.4), "+2.40");
    }

    #[test]
    fn periods_are_told_on_the_local_clock() {
        let zone = Zone::named("America/Los_Angeles").unwrap();
        let at = |text: &str| Timestamp::from(text.parse::<jiff::Timestamp>().unwrap());
        let first = at("2026-06-01T06:59:00Z");
        assert_eq!(period(first, first, &zone), "May 31, 2026, 23:59");
        assert_eq!(period(first, at("2026-06-01T07:01:00Z"), &zone), "May 31, 2026, 23:59 to Jun 1, 2026, 00:01");
        assert_eq!(
            period(at("2026-06-01T07:01:00Z"), at("2026-06-01T08:00:00Z"), &zone),
            "Jun 1, 2026, 00:01 to 01:00"
        );
    }

    #[test]
    fn lists_read_like_sentences() {
        let names = ["a", "b", "c"].map(str::to_owned);
        assert_eq!((listed(&names[..0]), listed(&names[..1])), (String::new(), "a".to_owned()));
        assert_eq!((listed(&names[..2]), listed(&names)), ("a and b".to_owned(), "a, b and c".to_owned()));
    }
}
