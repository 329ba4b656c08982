//! Any instant, zone and size agrees with the independent count.

use chartsentry::breach::calendar;
use chartsentry::breach::clocks::{Known, LawEnforcementDelay, Regimes, StatementKind, deadlines};
use chartsentry::model::time::Zone;
use jiff::ToSpan;
use jiff::civil::{Date, date};
use proptest::prelude::*;

use super::counter::{self, Day};

const ZONES: [&str; 7] = [
    "America/Los_Angeles",
    "America/Denver",
    "America/Chicago",
    "America/New_York",
    "America/Phoenix",
    "Pacific/Honolulu",
    "Pacific/Guam",
];

fn number(date: Date) -> Day {
    counter::number(date.year().into(), date.month().into(), date.day().into())
}

/// A local date between 2021-07-01 and 2104, with the microseconds since its midnight.
fn moment() -> impl Strategy<Value = (Date, i64)> {
    (0..30_000_i64, 0..86_400_000_000_i64)
        .prop_map(|(days, micros)| (date(2021, 7, 1).checked_add(days.days()).unwrap(), micros))
}

proptest! {
    #[test]
    fn every_deadline_agrees_with_the_independent_count(
        (local, micros) in moment(),
        zone in prop::sample::select(&ZONES[..]),
        affected in prop_oneof![0..1_000_u64, 495..505_u64],
        residents in prop::option::of(495..505_u64),
    ) {
        let zone = Zone::named(zone).unwrap();
        let (at, _) = zone.resolve(local.at(0, 0, 0, 0).checked_add(micros.microseconds()).unwrap());
        let counted = deadlines(Known::from(at), &zone, Regimes::BOTH, affected, residents, None);

        let day = number(local);
        let year = i64::from(local.year());
        let open = counter::business_days(year, year + 1);
        let day_zero = counter::after(&open, day - 1, 1);
        let sixty = Some(day + 60);
        prop_assert_eq!(counted.detected_business_day.map(number), Some(day_zero));
        prop_assert_eq!(counted.cdph_deadline.map(number), Some(counter::after(&open, day_zero, 15)));
        prop_assert_eq!(counted.patient_deadline, counted.cdph_deadline);
        prop_assert!(counted.cdph_safe_alarm <= counted.cdph_deadline);
        prop_assert_eq!(counted.discovered_date, Some(local));
        prop_assert_eq!(counted.hipaa_individual_deadline.map(number), sixty);
        prop_assert_eq!(counted.media_deadline.map(number), sixty.filter(|_| residents > Some(500)));
        let last_of_february = counter::number(year + 1, 2, 29);
        let annual = if counter::is_leap(year + 1) { last_of_february } else { counter::number(year + 1, 3, 1) };
        prop_assert_eq!(counted.hhs_deadline.map(number), if affected >= 500 { sixty } else { Some(annual) });
    }

    #[test]
    fn a_delay_agrees_with_the_independent_count(
        (local, _) in moment(),
        written in any::<bool>(),
        stated_after in 0..40_i64,
        lasts in 0..120_i64,
    ) {
        let zone = Zone::named("America/Los_Angeles").unwrap();
        let stated = local.checked_add(stated_after.days()).unwrap();
        let until = stated.checked_add(lasts.days()).unwrap();
        let kind = if written { StatementKind::Written } else { StatementKind::Oral };
        let delay = Some(LawEnforcementDelay { kind, stated, until });
        let counted = deadlines(Known::from(zone.start_of(local)), &zone, Regimes::BOTH, 1, None, delay);
        let delayed = counted.delayed.unwrap();

        let (day, year) = (number(local), i64::from(local.year()));
        let open = counter::business_days(year, year + 1);
        let ordinary = counter::after(&open, counter::after(&open, day - 1, 1), 15);
        let end_state = number(stated) + lasts.min(if written { 60 } else { 30 });
        let end_federal = number(stated) + if written { lasts } else { lasts.min(30) };
        let notice = counter::after(&open, end_state, 15);
        prop_assert_eq!(counted.cdph_deadline.map(number), Some(ordinary));
        prop_assert_eq!(counted.patient_deadline.map(number), Some(ordinary));
        prop_assert_eq!(delayed.le_delay_end_ca.map(number), Some(end_state));
        prop_assert_eq!(delayed.patient_deadline_delayed.map(number), Some(notice));
        let safe = if end_state < ordinary { ordinary } else { notice };
        prop_assert_eq!(delayed.patient_deadline_safe.map(number), Some(safe));
        prop_assert_eq!(delayed.le_delay_end_hipaa.map(number), Some(end_federal));
        prop_assert_eq!(delayed.hipaa_deadline_delayed.map(number), Some(end_federal.max(day + 60)));
    }
}

#[test]
fn every_day_to_2120_is_open_or_closed_as_the_independent_count_says() {
    let open = counter::business_days(2021, 2120);
    let mut day = date(2021, 1, 1);
    while day.year() <= 2120 {
        assert_eq!(calendar::is_business_day(day), open.binary_search(&number(day)).is_ok(), "{day}");
        day = day.tomorrow().unwrap();
    }
}
