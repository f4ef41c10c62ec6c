//! What predictions depend on.

use super::axis::{Axis, Kind};
use super::numbers::number;
use super::page::{Figure, Key};
use super::picture::{Ink, Picture, Point};
use super::text::{on_axis, short};
use crate::data::days_of;
use crate::explain::{Dependence, Explanation, Interval, TargetExplanation, Values};
use crate::report::explanation::captions;

/// The most columns with a bar, and the most categories with a dot.
const MOST_NAMES: usize = 15;
/// The most targets with pictures.
const MOST_TARGETS: usize = 4;
/// How long a name beside an axis may be.
const LONGEST: usize = 16;

/// A bar for each of the most important columns of each target.
pub(super) fn importance(explanation: &Explanation) -> Vec<Figure> {
    targets(explanation).map(|target| bars(explanation, target)).collect()
}

/// The mean prediction as a function of each of the most important columns.
pub(super) fn dependence(explanation: &Explanation) -> Vec<Figure> {
    let all = targets(explanation).flat_map(|target| target.dependence.iter().map(move |of| (target, of)));
    all.filter_map(|(target, of)| curve(explanation, target, of)).collect()
}

fn targets(explanation: &Explanation) -> impl Iterator<Item = &TargetExplanation> {
    explanation.targets.iter().take(MOST_TARGETS)
}

fn bars(explanation: &Explanation, target: &TargetExplanation) -> Figure {
    let shown = &target.columns[..target.columns.len().min(MOST_NAMES)];
    // The most important one is at the top.
    let place = |i: usize| (shown.len() - 1 - i) as f64;
    let ends = shown.iter().flat_map(|of| [of.increase, of.low, of.high]);
    let error = explanation.error.name().to_uppercase();
    let x = Axis::new(Kind::FromZero, &format!("increase of the {error}"), ends);
    let names = shown.iter().rev().map(|of| beside_axis(&of.column));
    let mut picture = Picture::new(x, Axis::named("", names));
    for (i, of) in shown.iter().enumerate() {
        let middle = place(i);
        picture.cell(Ink::First, 0.6, (0., middle - 0.3), (of.increase, middle + 0.3));
        picture.line(Ink::Text, 1.5, 0.8, &[(of.low, middle), (of.high, middle)]);
    }
    let [measure, intervals] = captions(explanation);
    let more = target.columns.len() - shown.len();
    let more = if more == 0 { String::new() } else { format!(" {more} more columns are in the results.") };
    let caption = format!(
        "By how much the {error} {measure}; without that it is {}. The lines are {}.{more} Of columns that say the same none seems to be \
         worth much.",
        number(target.error),
        intervals.replace("95 %", "95\u{a0}%").trim_start_matches("intervals: ")
    );
    let legend =
        vec![(Key::Area(Ink::First), "mean".to_owned()), (Key::Line(Ink::Text), "interval".to_owned())];
    Figure { title: format!("What {} depends on", short(&target.target)), legend, picture, caption }
}

/// The picture of a column's curve; none of a column without values.
fn curve(explanation: &Explanation, target: &TargetExplanation, of: &Dependence) -> Option<Figure> {
    let Dependence { column, values, mean, low, high } = of;
    let ends = || mean.iter().chain(low).chain(high).copied();
    if mean.is_empty() {
        return None;
    }
    let prediction = format!("mean prediction of {}", on_axis(&target.target));
    let (picture, shown) = match values {
        Values::Numbers(numbers) => {
            let x = Axis::new(Kind::Linear, &short(column), numbers.iter().copied());
            let y = Axis::new(Kind::Linear, &prediction, ends());
            (line(Picture::new(x, y), numbers, of), String::new())
        }
        Values::Dates(dates) => {
            // What is not written as a date has no place.
            let days: Vec<_> = dates.iter().map(|date| days_of(date).unwrap_or(f64::NAN)).collect();
            let x = Axis::dates(&short(column), days.iter().copied());
            let y = Axis::new(Kind::Linear, &prediction, ends());
            let shown = " The season, the weekday and the hour are those of each date.";
            (line(Picture::new(x, y), &days, of), shown.to_owned())
        }
        Values::Categories(categories) => {
            let order = extremes(mean);
            let names = order.iter().filter_map(|&i| categories.get(i)).map(|name| beside_axis(name));
            let mut picture =
                Picture::new(Axis::new(Kind::Linear, &prediction, ends()), Axis::named("", names));
            for (place, &i) in order.iter().enumerate() {
                picture.line(Ink::First, 1.5, 0.8, &[(low[i], place as f64), (high[i], place as f64)]);
            }
            let dots: Vec<_> = order.iter().enumerate().map(|(place, &i)| (mean[i], place as f64)).collect();
            picture.dots(Ink::First, 4., 1., &dots);
            let left_out = categories.len() - order.len();
            let shown = format!(" {left_out} categories between these are not shown.");
            (picture, if left_out == 0 { String::new() } else { shown })
        }
    };
    let (band, meaning) = match explanation.interval {
        Interval::CorrectedStudent => (
            "least and most of the folds",
            "the least and the most that the network of a fold has".to_owned(),
        ),
        Interval::Shuffles => (
            "80 % of the rows",
            "where 80 % of the rows are, each moved so that the mean of its predictions is that of all"
                .to_owned(),
        ),
    };
    let caption = format!(
        "The mean prediction where all rows have the same {}, and {meaning}.{shown} Where columns go together it is of rows that \
         there are not.",
        short(column)
    );
    let legend = vec![(Key::Line(Ink::First), "mean".to_owned()), (Key::Area(Ink::First), band.to_owned())];
    let title = match explanation.targets.len() {
        1 => short(column),
        _ => format!("{} by {}", short(&target.target), short(column)),
    };
    Some(Figure { title, legend, picture, caption })
}

/// The picture with the curve of a column that has these numbers.
fn line(mut picture: Picture, numbers: &[f64], of: &Dependence) -> Picture {
    let points = |y: &[f64]| -> Vec<Point> { numbers.iter().copied().zip(y.iter().copied()).collect() };
    let band: Vec<_> = points(&of.low).into_iter().chain(points(&of.high).into_iter().rev()).collect();
    picture.area(Ink::First, 0.2, &band);
    picture.line(Ink::First, 2.25, 1., &points(&of.mean));
    picture.dots(Ink::First, if numbers.len() > 20 { 1.5 } else { 2.5 }, 1., &points(&of.mean));
    picture
}

/// The places of the numbers in ascending order; of many those of the least and of the largest.
fn extremes(numbers: &[f64]) -> Vec<usize> {
    let mut order: Vec<_> = (0..numbers.len()).collect();
    order.sort_by(|&a, &b| numbers[a].total_cmp(&numbers[b]));
    if order.len() > MOST_NAMES {
        let low = MOST_NAMES / 2;
        order.drain(low..order.len() - (MOST_NAMES - low));
    }
    order
}

/// A name that has room beside an axis.
fn beside_axis(name: &str) -> String {
    let name = short(name);
    if name.chars().count() <= LONGEST {
        return name;
    }
    name.chars().take(LONGEST - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_categories_the_extremes_are_shown() {
        assert_eq!(extremes(&[3., 1., 2.]), [1, 2, 0]);
        let many: Vec<f64> = (0..40).rev().map(f64::from).collect();
        let shown = extremes(&many);
        assert_eq!((shown.len(), shown[0], shown[6], shown[7], shown[14]), (15, 39, 33, 7, 0));
        assert_eq!(beside_axis("a name that is far too long"), "a name that is …");
    }
}
