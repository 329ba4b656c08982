//! A second count, on plain day numbers, that shares no code with the crate or its date library.

/// Days since 1970-01-01.
pub(super) type Day = i64;

pub(super) fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn length(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The day number of a date from 1970 on, found by walking the years and months.
pub(super) fn number(year: i64, month: i64, day: i64) -> Day {
    let years: i64 = (1970..year).map(|y| if is_leap(y) { 366 } else { 365 }).sum();
    let months: i64 = (1..month).map(|m| length(year, m)).sum();
    years + months + day - 1
}

/// 0 = Monday; 1970-01-01 was a Thursday.
fn weekday(day: Day) -> i64 {
    (day + 3).rem_euclid(7)
}

fn nth(year: i64, month: i64, weekday_wanted: i64, nth: i64) -> Day {
    (1..=length(year, month))
        .map(|day| number(year, month, day))
        .filter(|&day| weekday(day) == weekday_wanted)
        .nth(nth as usize)
        .unwrap()
}

/// The nine holidays of one year.
pub(super) fn holidays(year: i64) -> [Day; 9] {
    let last_monday_of_may = (25..=31).map(|d| number(year, 5, d)).find(|&d| weekday(d) == 0).unwrap();
    [
        number(year, 1, 1),
        nth(year, 1, 0, 2),
        nth(year, 2, 0, 2),
        last_monday_of_may,
        number(year, 7, 4),
        nth(year, 9, 0, 0),
        number(year, 11, 11),
        nth(year, 11, 3, 3),
        number(year, 12, 25),
    ]
}

/// The business days from the first to the last day of `from_year..=to_year`, in order.
pub(super) fn business_days(from_year: i64, to_year: i64) -> Vec<Day> {
    let closed: Vec<Day> = (from_year..=to_year).flat_map(holidays).collect();
    (number(from_year, 1, 1)..number(to_year + 1, 1, 1))
        .filter(|&day| weekday(day) < 5 && !closed.contains(&day))
        .collect()
}

/// The `count`th business day after `from`, looked up in a list of them.
pub(super) fn after(open: &[Day], from: Day, count: usize) -> Day {
    open[open.partition_point(|&day| day <= from) + count - 1]
}
