//! The ticks of dates.

use crate::data::{date_text, first_of_month, month_number, time_text};

/// The distances of ticks, as far as they are parts of a day.
const PARTS_OF_A_DAY: [f64; 9] =
    [1. / 1440., 5. / 1440., 15. / 1440., 1. / 48., 1. / 24., 1. / 12., 1. / 8., 1. / 4., 1. / 2.];
/// In days, of which the labels are long.
const DAYS: [f64; 5] = [1., 2., 5., 10., 20.];
/// In months.
const MONTHS: [i64; 15] = [1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 2400, 6000, 12_000, 24_000];
/// About how many ticks there are, and of long labels.
const TICKS: f64 = 6.;
const LONG: f64 = 3.5;

const DAYS_OF_A_MONTH: f64 = 30.44;

/// The name of an axis between two days since 1970-01-01, with the day where its labels are hours, and its
/// ticks where years, months, days or hours begin.
pub(super) fn ticks(name: &str, low: f64, high: f64) -> (String, Vec<(f64, String)>) {
    let span = high - low;
    let fits = |step: f64, count: f64| span / step <= count;
    let part = PARTS_OF_A_DAY.iter().find(|step| fits(**step, TICKS));
    if let Some(&step) = part.filter(|_| span < 1.) {
        let time = |day: f64| time_text(day).get(11..16).unwrap_or("00:00").to_owned();
        let ticks = multiples(low, high, step, time);
        let first = ticks.first().map_or(low, |(day, _)| *day);
        return (format!("{name}, from {}", date_text(first)), ticks);
    }
    if let Some(&step) = DAYS.iter().find(|step| fits(**step, LONG)) {
        return (name.to_owned(), multiples(low, high, step, date_text));
    }
    let fitting = MONTHS.iter().find(|step| fits(**step as f64 * DAYS_OF_A_MONTH, TICKS));
    let step = fitting.copied().unwrap_or(24_000);
    let first = month_number(low).div_euclid(step);
    let numbers = (first..).map(|i| i * step).take_while(|&month| first_of_month(month) <= high);
    let label = |month: i64| {
        let (year, of_year) = (month.div_euclid(12), month.rem_euclid(12) + 1);
        if step % 12 == 0 { year.to_string() } else { format!("{year:04}-{of_year:02}") }
    };
    let ticks = numbers.map(|month| (first_of_month(month), label(month)));
    (name.to_owned(), ticks.filter(|(day, _)| *day >= low).collect())
}

/// The multiples of `step` from `low` to `high` with their labels.
fn multiples(low: f64, high: f64, step: f64, label: impl Fn(f64) -> String) -> Vec<(f64, String)> {
    let first = (low / step).ceil();
    let all = (0..).map(|i| (first + f64::from(i)) * step);
    all.take_while(|day| *day <= high).map(|day| (day, label(day))).collect()
}
