//! From the seconds since 1970 to the features of a date, as [`DatePart`] has them.
//!
//! No operator of a graph reads a date from a text, so the input of such a column is a number. Days and years
//! are doubles that are whole, since whole numbers would be divided towards 0.

use std::f64::consts::TAU;

use super::graph::{Attribute, Graph, Name, Type};
use crate::data::DatePart;

/// What the input of a column of dates is.
pub(super) const UNIT: &str = "seconds since 1970-01-01 00:00 UTC";

const SECONDS_OF_A_DAY: f64 = 86_400.;
/// The mean length of a year of the Gregorian calendar.
const DAYS_OF_A_YEAR: f64 = 365.2425;
/// The days from 0001-01-01 to 1970-01-01.
const TO_1970: f64 = 719_162.;

/// The features `parts` (N, parts) at each `time` (N, 1) in seconds, NaN where `is_missing`.
pub(super) fn features(graph: &mut Graph, parts: &[DatePart], time: &Name, is_missing: &Name) -> Name {
    let mut calendar = Calendar { graph };
    let day = calendar.quotient(time, SECONDS_OF_A_DAY);
    let columns: Vec<_> = parts.iter().map(|&part| calendar.feature(part, time, &day)).collect();
    let columns: Vec<_> = columns.iter().collect();
    let features = graph.node_with("Concat", &columns, &[Attribute::Int("axis", 1)]);
    let nan = graph.number(Type::Double, f64::NAN);
    graph.node("Where", &[is_missing, &nan, &features])
}

/// Arithmetic of days.
struct Calendar<'a> {
    graph: &'a mut Graph,
}

impl Calendar<'_> {
    /// The feature at a `time` that is within the `day` since 1970.
    fn feature(&mut self, part: DatePart, time: &Name, day: &Name) -> Name {
        match part {
            DatePart::Days => self.with("Div", time, SECONDS_OF_A_DAY),
            DatePart::Year => self.year(day),
            DatePart::SeasonSine => self.season("Sin", day),
            DatePart::SeasonCosine => self.season("Cos", day),
            DatePart::HourSine => self.hour("Sin", time, day),
            DatePart::HourCosine => self.hour("Cos", time, day),
            // 1970-01-01 was a Thursday.
            weekday => {
                let days = self.with("Add", day, 3.);
                let weeks = self.quotient(&days, 7.);
                let whole = self.with("Mul", &weeks, 7.);
                let of_week = self.graph.node("Sub", &[&days, &whole]);
                let is_that_day =
                    self.with("Equal", &of_week, f64::from(weekday as i32 - DatePart::Monday as i32));
                self.graph.cast(&is_that_day, Type::Double)
            }
        }
    }

    /// `function` of the angle of the time of the day.
    fn hour(&mut self, function: &str, time: &Name, day: &Name) -> Name {
        let midnight = self.with("Mul", day, SECONDS_OF_A_DAY);
        let seconds = self.graph.node("Sub", &[time, &midnight]);
        let angle = self.with("Mul", &seconds, TAU);
        let angle = self.with("Div", &angle, SECONDS_OF_A_DAY);
        self.graph.node(function, &[&angle])
    }

    /// `function` of the angle through the days of the year.
    fn season(&mut self, function: &str, day: &Name) -> Name {
        let year = self.year(day);
        let next = self.with("Add", &year, 1.);
        let [first, next] = [year, next].map(|year| self.first_of(&year));
        let [through, length] = [day, &next].map(|day| self.graph.node("Sub", &[day, &first]));
        let angle = self.with("Mul", &through, TAU);
        let angle = self.graph.node("Div", &[&angle, &length]);
        self.graph.node(function, &[&angle])
    }

    /// The year of a `day` since 1970.
    fn year(&mut self, day: &Name) -> Name {
        // By the mean length of a year, a day early: that year or the one before.
        let days = self.with("Add", day, TO_1970 - 1.);
        let years = self.quotient(&days, DAYS_OF_A_YEAR);
        let (year, next) = (self.with("Add", &years, 1.), self.with("Add", &years, 2.));
        let (after, first) = (self.with("Add", day, 1.), self.first_of(&next));
        let is_next = self.graph.node("Greater", &[&after, &first]);
        let is_next = self.graph.cast(&is_next, Type::Double);
        self.graph.node("Add", &[&year, &is_next])
    }

    /// The day since 1970 that is January 1 of `year`.
    fn first_of(&mut self, year: &Name) -> Name {
        let years = self.with("Sub", year, 1.);
        let mut days = self.with("Mul", &years, 365.);
        for (op, by) in [("Add", 4.), ("Sub", 100.), ("Add", 400.)] {
            let leap_days = self.quotient(&years, by);
            days = self.graph.node(op, &[&days, &leap_days]);
        }
        self.with("Sub", &days, TO_1970)
    }

    /// `x` divided and rounded down.
    fn quotient(&mut self, x: &Name, by: f64) -> Name {
        let quotient = self.with("Div", x, by);
        self.graph.node("Floor", &[&quotient])
    }

    /// What `op` makes of `x` and a number.
    fn with(&mut self, op: &str, x: &Name, number: f64) -> Name {
        let number = self.graph.number(Type::Double, number);
        self.graph.node(op, &[x, &number])
    }
}
