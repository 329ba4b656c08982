//! Business days as 22 CCR 79901(d) lists them: every day but Saturday, Sunday and nine named
//! holidays.
//!
//! The list is read literally. The regulation names the holidays and no *observed* days, so
//! 5 July 2027 is a business day although 4 July is a Sunday; other state holidays (31 March, the
//! day after Thanksgiving) are business days too. Read this way, every deadline falls on the
//! earlier of the possible dates.

use std::ops::RangeInclusive;

use jiff::civil::{Date, Weekday};

/// Names this calendar in every result that was counted with it; a changed rule gets a new name.
pub const CALENDAR_VERSION: &str = "22-ccr-79901(d)-literal-1";

/// Years whose holidays were compared with published lists. Later years follow the same rules
/// unchecked: the legislature may have moved a day by then.
const CHECKED_YEARS: RangeInclusive<i16> = 2021..=2032;

/// The name of the holiday of 79901(d) that falls on `date`, if one does.
///
/// Dates by Gov. Code 6700; Thanksgiving is the fourth Thursday of November.
#[must_use]
pub fn holiday(date: Date) -> Option<&'static str> {
    match (date.month(), date.day()) {
        (1, 1) => Some("New Year's Day"),
        (1, _) if is_nth(date, 3, Weekday::Monday) => Some("Martin Luther King Jr. Day"),
        (2, _) if is_nth(date, 3, Weekday::Monday) => Some("Presidents' Day"),
        (5, day) if date.weekday() == Weekday::Monday && day + 7 > date.days_in_month() => Some("Memorial Day"),
        (7, 4) => Some("Independence Day"),
        (9, _) if is_nth(date, 1, Weekday::Monday) => Some("Labor Day"),
        (11, 11) => Some("Veterans' Day"),
        (11, _) if is_nth(date, 4, Weekday::Thursday) => Some("Thanksgiving Day"),
        (12, 25) => Some("Christmas Day"),
        _ => None,
    }
}

fn is_nth(date: Date, nth: i8, weekday: Weekday) -> bool {
    date.weekday() == weekday && (date.day() - 1) / 7 + 1 == nth
}

/// Whether 79901(d) counts `date`.
#[must_use]
pub fn is_business_day(date: Date) -> bool {
    !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday) && holiday(date).is_none()
}

/// The first business day on or after `date`.
#[must_use]
pub fn first_business_day(date: Date) -> Date {
    let mut day = date;
    while !is_business_day(day) {
        let Ok(next) = day.tomorrow() else { break };
        day = next;
    }
    day
}

/// The `count`th business day after `date`. `date` itself is day 0 and need not be a business
/// day; the day returned is one (Gov. Code 6800: the first day is excluded, the last included).
///
/// Ends at 9999-12-31, the last date that can be written.
#[must_use]
pub fn add_business_days(date: Date, count: u32) -> Date {
    let mut day = date;
    for _ in 0..count {
        let Ok(next) = day.tomorrow() else { break };
        day = first_business_day(next);
    }
    day
}

/// Whether the holidays of the year of `date` were compared with published lists.
#[must_use]
pub fn is_checked(date: Date) -> bool {
    CHECKED_YEARS.contains(&date.year())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    /// As published, year by year; month and day in the order of the regulation.
    const PUBLISHED: [(i16, [(i8, i8); 9]); 9] = [
        (2024, [(1, 1), (1, 15), (2, 19), (5, 27), (7, 4), (9, 2), (11, 11), (11, 28), (12, 25)]),
        (2025, [(1, 1), (1, 20), (2, 17), (5, 26), (7, 4), (9, 1), (11, 11), (11, 27), (12, 25)]),
        (2026, [(1, 1), (1, 19), (2, 16), (5, 25), (7, 4), (9, 7), (11, 11), (11, 26), (12, 25)]),
        (2027, [(1, 1), (1, 18), (2, 15), (5, 31), (7, 4), (9, 6), (11, 11), (11, 25), (12, 25)]),
        (2028, [(1, 1), (1, 17), (2, 21), (5, 29), (7, 4), (9, 4), (11, 11), (11, 23), (12, 25)]),
        (2029, [(1, 1), (1, 15), (2, 19), (5, 28), (7, 4), (9, 3), (11, 11), (11, 22), (12, 25)]),
        (2030, [(1, 1), (1, 21), (2, 18), (5, 27), (7, 4), (9, 2), (11, 11), (11, 28), (12, 25)]),
        (2031, [(1, 1), (1, 20), (2, 17), (5, 26), (7, 4), (9, 1), (11, 11), (11, 27), (12, 25)]),
        (2032, [(1, 1), (1, 19), (2, 16), (5, 31), (7, 4), (9, 6), (11, 11), (11, 25), (12, 25)]),
    ];

    #[test]
    fn the_holidays_of_each_year_are_the_published_ones_and_no_others() {
        for (year, published) in PUBLISHED {
            let mut day = date(year, 1, 1);
            let mut found = Vec::new();
            while day.year() == year {
                if holiday(day).is_some() {
                    found.push((day.month(), day.day()));
                }
                day = day.tomorrow().unwrap();
            }
            assert_eq!(found, published, "{year}");
        }
    }

    #[test]
    fn state_holidays_outside_the_list_and_observed_days_are_business_days() {
        let listed_elsewhere = [
            date(2026, 3, 31),
            date(2026, 6, 19),
            date(2026, 10, 12),
            date(2026, 11, 27),
            date(2026, 12, 24),
            date(2026, 7, 3),
            date(2027, 7, 5),
            date(2028, 11, 10),
            date(2029, 11, 12),
        ];
        for day in listed_elsewhere {
            assert!(is_business_day(day), "{day}");
        }
    }

    #[test]
    fn day_zero_is_not_counted_and_a_weekend_may_be_day_zero() {
        assert_eq!(add_business_days(date(2026, 9, 18), 0), date(2026, 9, 18));
        assert_eq!(add_business_days(date(2026, 9, 18), 1), date(2026, 9, 21));
        assert_eq!(add_business_days(date(2026, 9, 19), 1), date(2026, 9, 21));
        assert_eq!(first_business_day(date(2026, 1, 1)), date(2026, 1, 2));
        assert_eq!(first_business_day(date(2026, 1, 17)), date(2026, 1, 20));
    }

    #[test]
    fn the_end_of_the_calendar_is_not_passed() {
        assert_eq!(add_business_days(date(9999, 12, 30), 15), Date::MAX);
    }

    #[test]
    fn years_beyond_the_published_lists_are_marked() {
        assert!(is_checked(date(2021, 7, 1)) && is_checked(date(2032, 12, 31)));
        assert!(!is_checked(date(2033, 1, 1)));
    }
}
