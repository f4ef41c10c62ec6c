//! Dates and times as features.

use std::f64::consts::TAU;

use serde::{Deserialize, Serialize};

use super::times::is_date;

const SECONDS_OF_A_DAY: f64 = 86_400.;
/// Sines and cosines that differ by less say nothing: a quarter of a minute of a day, a tenth of a day of a
/// year.
const LEAST_DIFFERENCE: f64 = 1e-3;

/// A feature that is made of a date, with a time of the day or without.
///
/// All are of the date in UTC; one without an offset from UTC is taken as it stands. What comes again, the
/// season and the hour, is a sine and a cosine, so that the last day of a year is beside the first. Weekdays
/// are zeros and ones, since no order is in them. A month would add nothing to the season.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DatePart {
    /// The days since 1970-01-01, with the part of the day that is over.
    Days,
    /// The year.
    Year,
    /// The sine of the angle through the days of the year, 0 on January 1.
    SeasonSine,
    /// The cosine of that angle.
    SeasonCosine,
    /// Whether it is a Monday.
    Monday,
    /// Whether it is a Tuesday.
    Tuesday,
    /// Whether it is a Wednesday.
    Wednesday,
    /// Whether it is a Thursday.
    Thursday,
    /// Whether it is a Friday.
    Friday,
    /// Whether it is a Saturday.
    Saturday,
    /// Whether it is a Sunday.
    Sunday,
    /// The sine of the angle of the time of the day, 0 at midnight.
    HourSine,
    /// The cosine of that angle.
    HourCosine,
}

impl DatePart {
    /// All, in the order in which they are features.
    const ALL: [Self; 13] = [
        Self::Days,
        Self::Year,
        Self::SeasonSine,
        Self::SeasonCosine,
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
        Self::Sunday,
        Self::HourSine,
        Self::HourCosine,
    ];

    /// Those that are not the same at all of these `times`, in seconds since 1970 or NaN; of none or a single
    /// time the days.
    pub(super) fn varying(times: &[f64]) -> Vec<Self> {
        let varies = |part: &Self| {
            let values = times.iter().filter(|time| !time.is_nan()).map(|&time| part.of(time));
            let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            });
            *part == Self::Days || high - low > LEAST_DIFFERENCE
        };
        Self::ALL.into_iter().filter(varies).collect()
    }

    /// The feature at a time in days since 1970.
    pub(crate) fn of_days(self, days: f64) -> f64 {
        self.of(days * SECONDS_OF_A_DAY)
    }

    /// The feature at a `time` in seconds since 1970, NaN of NaN.
    pub(super) fn of(self, time: f64) -> f64 {
        if time.is_nan() {
            return time;
        }
        let days = (time / SECONDS_OF_A_DAY).floor();
        let of_day = TAU * (time - days * SECONDS_OF_A_DAY) / SECONDS_OF_A_DAY;
        #[expect(clippy::cast_possible_truncation, reason = "dates have years of four digits")]
        let day = days as i64;
        match self {
            Self::Days => time / SECONDS_OF_A_DAY,
            Self::Year => year_of(day) as f64,
            Self::SeasonSine => season(day).sin(),
            Self::SeasonCosine => season(day).cos(),
            Self::HourSine => of_day.sin(),
            Self::HourCosine => of_day.cos(),
            // 1970-01-01 was a Thursday.
            weekday => f64::from(u8::from((day + 3).rem_euclid(7) == weekday as i64 - Self::Monday as i64)),
        }
    }

    /// What it is called behind the name of its column.
    pub fn name(self) -> &'static str {
        match self {
            Self::Days => "days",
            Self::Year => "year",
            Self::SeasonSine => "season sine",
            Self::SeasonCosine => "season cosine",
            Self::Monday => "Monday",
            Self::Tuesday => "Tuesday",
            Self::Wednesday => "Wednesday",
            Self::Thursday => "Thursday",
            Self::Friday => "Friday",
            Self::Saturday => "Saturday",
            Self::Sunday => "Sunday",
            Self::HourSine => "hour sine",
            Self::HourCosine => "hour cosine",
        }
    }
}

/// The angle through the days of the year that `day` is in, 0 on January 1.
fn season(day: i64) -> f64 {
    let year = year_of(day);
    let first = days_since_1970(year, 1, 1);
    TAU * (day - first) as f64 / (days_since_1970(year + 1, 1, 1) - first) as f64
}

/// The seconds from 1970-01-01 in UTC to the date `text`, from the year down, with a time of the day or
/// without, such as 2024-01-31, 2024-01 or 2024-01-31T12:30:00.5+01:00. `None` of anything else, such as a
/// day that its month does not have.
pub(super) fn seconds(text: &str) -> Option<f64> {
    if !is_date(text) {
        return None;
    }
    // What `is_date` accepts has fixed places.
    let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<i64>().ok());
    let (year, month) = (number(date.get(..4))?, number(date.get(5..7))?);
    let day = number(date.get(8..)).unwrap_or(1);
    let days = days_since_1970(year, month, day);
    if day > 28 && month_of(days) != month {
        return None;
    }
    let (time, offset) = time.split_at(time.find(['+', '-', 'Z']).unwrap_or(time.len()));
    let minutes = 60 * number(time.get(..2))? + number(time.get(3..5))?;
    let rest: f64 = time.get(6..).map_or(Some(0.), |rest| rest.parse().ok())?;
    let digits = offset.trim_start_matches(['+', '-', 'Z']).replacen(':', "", 1);
    let ahead = 60 * number(digits.get(..2)).unwrap_or(0) + number(digits.get(2..4)).unwrap_or(0);
    let minutes = if offset.starts_with('-') { minutes + ahead } else { minutes - ahead };
    Some((days * 86_400 + 60 * minutes) as f64 + rest)
}

/// The day in UTC that is so many `days` after 1970-01-01, such as 2024-01-31.
pub(crate) fn date_text(days: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "dates have years of four digits")]
    let day = days.floor() as i64;
    let (year, month) = (year_of(day), month_of(day));
    format!("{year:04}-{month:02}-{:02}", day - days_since_1970(year, month, 1) + 1)
}

/// The date that is so many `days` after 1970-01-01, with the time of the day to the second where that is not
/// midnight, such as 2024-01-31 17:30:00.
pub(crate) fn time_text(days: f64) -> String {
    let seconds = (days * SECONDS_OF_A_DAY).round();
    let day = (seconds / SECONDS_OF_A_DAY).floor();
    let seconds = seconds - day * SECONDS_OF_A_DAY;
    let [hours, minutes] = [(seconds / 3600.).floor(), (seconds % 3600. / 60.).floor()];
    match seconds {
        0. => date_text(day),
        _ => format!("{} {hours:02}:{minutes:02}:{:02}", date_text(day), seconds % 60.),
    }
}

/// The days from 1970-01-01 to a date that [`time_text`] has written; `None` of another text.
pub(crate) fn days_of(text: &str) -> Option<f64> {
    Some(seconds(text)? / SECONDS_OF_A_DAY)
}

/// The number of the month that a day since 1970-01-01 is in, counted from January of the year 0.
pub(crate) fn month_number(days: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "dates have years of four digits")]
    let day = days.floor() as i64;
    12 * year_of(day) + month_of(day) - 1
}

/// The first day of the month of this number, in days since 1970-01-01.
pub(crate) fn first_of_month(number: i64) -> f64 {
    days_since_1970(number.div_euclid(12), number.rem_euclid(12) + 1, 1) as f64
}

/// The days from 1970-01-01 to a day of the Gregorian calendar (`days_from_civil` in Howard Hinnant,
/// "chrono-Compatible Low-Level Date Algorithms"). The year begins in March, so that a leap day is its last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year.div_euclid(400) * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The day of the year that begins in March, and that year (`civil_from_days`, as above).
fn from_march(day: i64) -> (i64, i64) {
    let day = day + 719_468;
    let of_era = day.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    (of_era - (365 * year + year / 4 - year / 100), day.div_euclid(146_097) * 400 + year)
}

/// The month of a day since 1970-01-01, from 1.
fn month_of(day: i64) -> i64 {
    ((5 * from_march(day).0 + 2) / 153 + 2) % 12 + 1
}

/// The year of a day since 1970-01-01.
fn year_of(day: i64) -> i64 {
    from_march(day).1 + i64::from(month_of(day) <= 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By Python's `datetime.fromisoformat(text).timestamp()`, of UTC where there is no offset.
    #[test]
    fn dates_are_seconds_since_1970() {
        for (text, expected) in [
            ("1970-01-01", 0.),
            ("2024-01-31", 1_706_659_200.),
            ("2024/02/29", 1_709_164_800.),
            ("2024-01", 1_704_067_200.),
            ("1969-12-31 23:59:59", -1.),
            ("1900-03-01", -2_203_891_200.),
            ("0001-01-01", -62_135_596_800.),
            ("9999-12-31T23:59:59", 253_402_300_799.),
            ("2024-01-31T12:30:00.5+01:00", 1_706_700_600.5),
            ("2024-01-31 12:30-0530", 1_706_724_000.),
            ("2024-01-31T12:30Z", 1_706_704_200.),
            ("2024-01-31T12:30+02", 1_706_697_000.),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        for text in
            ["2023-02-29", "2024-04-31", "2024-13-01", "1900-02-29", "31.01.2024", "12:30", "2024-01-31T", ""]
        {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    /// Each day of eight centuries, the days of whose years and months are counted one by one.
    #[test]
    fn the_calendar_has_every_day_once() {
        let mut day = days_since_1970(1600, 1, 1);
        for year in 1600..2400 {
            let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let lengths = [31, if is_leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
            for (month, length) in (1..).zip(lengths) {
                for of_month in 1..=length {
                    assert_eq!(days_since_1970(year, month, of_month), day);
                    assert_eq!((year_of(day), month_of(day)), (year, month));
                    let text = format!("{year:04}-{month:02}-{of_month:02}");
                    assert_eq!(date_text(day as f64 + 0.5), text);
                    day += 1;
                }
            }
        }
    }

    /// 2024-01-31 12:30 was a Wednesday, day 30 of 366, and 12.5 hours of 24 were over.
    #[test]
    fn parts_have_their_closed_forms() {
        let time = seconds("2024-01-31 12:30").unwrap();
        let (season, hour) = (TAU * 30. / 366., TAU * 12.5 / 24.);
        let days = 19_753. + 12.5 / 24.;
        let mut expected = vec![days, 2024., season.sin(), season.cos()];
        expected.extend([0., 0., 1., 0., 0., 0., 0., hour.sin(), hour.cos()]);
        let mut largest = 0f64;
        for (part, expected) in DatePart::ALL.into_iter().zip(expected) {
            let difference = (part.of(time) - expected).abs();
            largest = if difference <= largest { largest } else { difference };
            assert!(part.of(f64::NAN).is_nan());
        }
        println!("largest difference {largest:e}");
        assert!(largest <= 1e-12);
    }

    #[test]
    fn times_are_written_as_they_are_read() {
        for text in ["2024-01-31", "1969-12-31 23:59:59", "0001-03-01 00:00:01", "9999-12-31 17:30:00"] {
            let days = days_of(text).unwrap();
            assert_eq!(time_text(days), text);
            let month = month_number(days);
            let [first, next] = [month, month + 1].map(first_of_month);
            assert!(first <= days && days < next && date_text(first).ends_with("-01"), "{text}");
        }
        // A second early by rounding is the next minute all the same.
        assert_eq!(time_text(days_of("2024-01-31 17:30:00").unwrap() - 1e-6), "2024-01-31 17:30:00");
        assert_eq!(days_of("soon"), None);
    }

    #[test]
    fn parts_that_are_constant_are_left_out() {
        let varying = |dates: &[&str]| {
            let times: Vec<_> = dates.iter().map(|date| seconds(date).unwrap_or(f64::NAN)).collect();
            DatePart::varying(&times).iter().map(|part| part.name()).collect::<Vec<_>>()
        };
        let season = ["season sine", "season cosine"];
        assert_eq!(varying(&["2024-01-01", "2024-02-05"]), [&["days"], &season[..]].concat());
        assert_eq!(varying(&["2024-01-01", "", "2024-01-01"]), ["days"]);
        assert_eq!(varying(&[]), ["days"]);
        // The last day of a year is one more of 366 than of 365.
        let years = varying(&["2023-12-31", "2024-12-31"]);
        assert_eq!(years, ["days", "year", "Tuesday", "Sunday"]);
        let hours = varying(&["2024-01-01 00:00", "2024-01-01 06:00"]);
        assert_eq!(hours, ["days", "hour sine", "hour cosine"]);
    }
}
