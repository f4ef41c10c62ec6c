//! Predictions against true values.

use super::axis::{Axis, Kind};
use super::bins::{Bins, whole};
use super::numbers::{count, number};
use super::page::{Figure, Key};
use super::picture::{Ink, Picture, Point};
use super::text::{on_axis, short};
use crate::run::{Predicted, Predictions};
use crate::stats;

/// The most targets with plots.
const MOST_TARGETS: usize = 4;
/// The most rows drawn as dots; of more, the density is shown. Shared among the targets, as are the cells.
const MOST_DOTS: usize = 1500;
/// How many density cells a plot is wide.
const CELLS: f64 = 44.;

/// The predictions of each target against its true values, and the residuals.
pub(super) fn fit(predictions: &Predictions) -> Vec<Figure> {
    let targets = predictions.targets();
    let shown = targets.len().min(MOST_TARGETS);
    let more = match targets.len() - shown {
        0 => String::new(),
        _ => format!(" The first {shown} of {} targets are shown.", targets.len()),
    };
    let mut figures = Vec::new();
    for (target, name) in targets.iter().take(shown).enumerate() {
        let pairs = Pairs::new(predictions, target, name, shown);
        if !pairs.points.is_empty() {
            figures.extend([pairs.against(&more), pairs.residuals(), pairs.histogram()]);
        }
    }
    figures
}

/// The true and predicted values of a target.
struct Pairs {
    /// The target's name, in a heading and beside an axis.
    name: String,
    axis: String,
    /// The true and the predicted value of each row.
    points: Vec<Point>,
    /// The prediction and the residual of each row whose residual is finite.
    residuals: Vec<Point>,
    /// The number of targets that share the dots and cells.
    share: usize,
}

impl Pairs {
    fn new(predictions: &Predictions, target: usize, name: &str, share: usize) -> Self {
        let truth = predictions.values(target, Predicted::Truth);
        let points: Vec<_> = truth.zip(predictions.values(target, Predicted::Mean)).collect();
        let residuals = points.iter().map(|(truth, prediction)| (*prediction, truth - prediction));
        let residuals = residuals.filter(|(_, residual)| residual.is_finite()).collect();
        Self { name: short(name), axis: on_axis(name), points, residuals, share }
    }

    fn against(&self, more: &str) -> Figure {
        let Self { name, axis, points, .. } = self;
        let all = points.iter().flat_map(|(truth, prediction)| [*truth, *prediction]);
        let ends = [f64::min, f64::max].map(|end| all.clone().reduce(end).unwrap_or_default());
        let x = Axis::new(Kind::Linear, &format!("true {axis}"), all.clone());
        let y = Axis::new(Kind::Linear, &format!("predicted {axis}"), all);
        let mut picture = Picture::square(x, y);
        let (key, how) = self.scatter(&mut picture, points);
        picture.line(Ink::Second, 1.5, 1., &ends.map(|end| (end, end)));
        let caption = format!(
            "{} rows, each predicted by a network that was not trained on it. {how} On the dashed line predictions \
             are exact.{more}",
            count(points.len())
        );
        let legend = vec![key, (Key::Line(Ink::Second), "predicted = true".to_owned())];
        Figure { title: format!("Predicted against true {name}"), legend, picture, caption }
    }

    fn residuals(&self) -> Figure {
        let Self { name, axis, residuals, .. } = self;
        let x = Axis::new(Kind::Linear, &format!("predicted {axis}"), residuals.iter().map(|point| point.0));
        let heights = residuals.iter().map(|point| point.1).chain([0.]);
        let y = Axis::new(Kind::Linear, "true \u{2212} predicted", heights);
        let ends = [f64::min, f64::max].map(|end| {
            let predictions = residuals.iter().map(|point| point.0);
            (predictions.reduce(end).unwrap_or_default(), 0.)
        });
        let mut picture = Picture::square(x, y);
        let (key, how) = self.scatter(&mut picture, residuals);
        picture.line(Ink::Second, 1.5, 1., &ends);
        let left_out = self.points.len() - residuals.len();
        let left_out = match left_out {
            0 => String::new(),
            _ => format!(" {} are too large for a float and left out.", count(left_out)),
        };
        let caption = format!(
            "A pattern here is something that the network has not learnt. {how} Above the dashed line the true \
             value is larger than the prediction.{left_out}"
        );
        let legend = vec![key, (Key::Line(Ink::Second), "no error".to_owned())];
        Figure { title: format!("Residuals of {name}"), legend, picture, caption }
    }

    fn histogram(&self) -> Figure {
        let residuals: Vec<_> = self.residuals.iter().map(|point| point.1).collect();
        // Rice's rule.
        let most = whole(2. * (residuals.len() as f64).cbrt()).clamp(5, 60);
        let bins = Bins::new(most, residuals.iter().copied());
        let x = Axis::new(Kind::Linear, "true \u{2212} predicted", residuals.iter().copied().chain([0.]));
        let counts = bins.counts(residuals.iter().copied());
        let counts: Vec<_> = counts.into_iter().map(|rows| rows as f64).collect();
        let most = counts.iter().copied().fold(1., f64::max);
        let mut picture = Picture::square(x, Axis::new(Kind::FromZero, "rows", counts.clone()));
        for (bin, rows) in counts.iter().enumerate().filter(|(_, rows)| **rows > 0.) {
            picture.cell(Ink::First, 0.6, (bins.edge(bin), 0.), (bins.edge(bin + 1), *rows));
        }
        picture.line(Ink::Second, 1.5, 1., &[(0., 0.), (0., most)]);
        let within = stats::median(residuals.iter().map(|residual| residual.abs()).collect());
        let caption = format!(
            "The mean is {}, and half of the rows are within ±{}. Each bar is {} wide.",
            number(stats::mean(&residuals)),
            number(within),
            number(bins.width())
        );
        let legend =
            vec![(Key::Area(Ink::First), "rows".to_owned()), (Key::Line(Ink::Second), "no error".to_owned())];
        Figure { title: format!("Distribution of the residuals of {}", self.name), legend, picture, caption }
    }

    /// Draws a dot for each point, or the density of many; gives the legend's entry and how to read it.
    fn scatter(&self, picture: &mut Picture, points: &[Point]) -> ((Key, String), String) {
        if points.len() <= MOST_DOTS / self.share {
            picture.dots(Ink::First, 2.5, 0.55, points);
            return ((Key::Dots(Ink::First), "a row".to_owned()), String::new());
        }
        let cells = whole(CELLS / (self.share as f64).sqrt());
        let [x, y] = [|point: &Point| point.0, |point: &Point| point.1]
            .map(|side| Bins::new(cells, points.iter().map(side)));
        let mut counts = vec![0usize; cells * cells];
        for point in points {
            counts[y.of(point.1) * cells + x.of(point.0)] += 1;
        }
        let most = counts.iter().copied().max().unwrap_or(1);
        for (row, counts) in counts.chunks(cells).enumerate() {
            let shades: Vec<_> = counts.iter().map(|&rows| shade(rows, most)).collect();
            let mut start = 0;
            // Neighbours of the same shade make one rectangle.
            for run in shades.chunk_by(|a, b| a == b) {
                let end = start + run.len();
                if run[0] > 0 {
                    let opacity = run[0] as f64 / SHADES as f64;
                    picture.cell(
                        Ink::First,
                        opacity,
                        (x.edge(start), y.edge(row)),
                        (x.edge(end), y.edge(row + 1)),
                    );
                }
                start = end;
            }
        }
        let how = format!("The more rows in a cell, the stronger its colour: up to {} rows.", count(most));
        ((Key::Area(Ink::First), "rows".to_owned()), how)
    }
}

/// How many shades of density there are.
const SHADES: usize = 8;

/// The shade of a cell with `rows` of at most `most`: 0 for none, and logarithmic.
fn shade(rows: usize, most: usize) -> usize {
    if rows == 0 {
        return 0;
    }
    let strength = (rows as f64).ln_1p() / (most as f64).ln_1p();
    whole((strength * SHADES as f64).round()).clamp(1, SHADES)
}
