//! Learning curves and timings.

use std::collections::BTreeMap;

use super::axis::{Axis, Kind};
use super::bins::whole;
use super::numbers::{duration, number};
use super::page::{Figure, Key};
use super::picture::{Ink, Picture, Point};
use crate::config::LossName;
use crate::run::{EpochRecord, RunRecord};
use crate::stats::median;

/// The most folds with lines of their own; of more, the envelope is shown.
const MOST_LINES: usize = 24;
/// The most folds with plots of their own.
const MOST_PICTURES: usize = 8;
/// The most points of all lines of a plot.
const MOST_POINTS: usize = 6000;

/// A number of every epoch of every fold.
struct Curves {
    ink: Ink,
    name: &'static str,
    /// What it is a number of, as the axis says.
    quantity: &'static str,
    /// The points of each fold, by its number.
    folds: BTreeMap<usize, Vec<Point>>,
    /// The median over the folds.
    median: Vec<Point>,
}

impl Curves {
    fn new(
        ink: Ink,
        name: &'static str,
        quantity: &'static str,
        run: &RunRecord,
        value: impl Fn(&EpochRecord) -> Option<f64>,
    ) -> Self {
        let mut folds: BTreeMap<usize, Vec<Point>> = BTreeMap::new();
        let mut epochs: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
        for record in &run.epochs {
            let Some(value) = value(record).filter(|value| value.is_finite()) else { continue };
            let done = record.epoch.saturating_add(1);
            folds.entry(record.fold).or_default().push((done as f64, value));
            epochs.entry(done).or_default().push(value);
        }
        let median = epochs.into_iter().map(|(epoch, values)| (epoch as f64, median(values))).collect();
        Self { ink, name, quantity, folds, median }
    }

    fn values(&self) -> impl Iterator<Item = f64> + Clone {
        self.folds.values().flatten().map(|point| point.1)
    }

    fn epochs(&self) -> impl Iterator<Item = f64> + Clone {
        self.median.iter().map(|point| point.0)
    }

    /// Draws the lines of all folds and their median.
    fn draw(&self, picture: &mut Picture) {
        match self.folds.len() {
            0..=1 => {}
            many @ 2..=MOST_LINES => {
                for points in self.folds.values() {
                    picture.line(self.ink, 1., 0.4, &thin(points, MOST_POINTS / many));
                }
            }
            _ => picture.area(self.ink, 0.25, &self.envelope()),
        }
        draw_line(picture, self.ink, &self.median);
    }

    /// The outline between the smallest and the largest value of the folds.
    fn envelope(&self) -> Vec<Point> {
        let mut ends: BTreeMap<usize, Point> = BTreeMap::new();
        for (epoch, value) in self.folds.values().flatten() {
            let (low, high) = ends.entry(whole(*epoch)).or_insert((*value, *value));
            (*low, *high) = (low.min(*value), high.max(*value));
        }
        let of = |which: fn(Point) -> f64| -> Vec<_> {
            ends.iter().map(|(epoch, ends)| (*epoch as f64, which(*ends))).collect()
        };
        let (low, high) = (of(|ends| ends.0), of(|ends| ends.1));
        let high = thin(&high, MOST_POINTS / 4);
        thin(&low, MOST_POINTS / 4).into_iter().chain(high.into_iter().rev()).collect()
    }
}

/// Draws a bold line, or a dot if there is only one point.
fn draw_line(picture: &mut Picture, ink: Ink, points: &[Point]) {
    if points.len() == 1 {
        picture.dots(ink, 4., 1., points);
    } else {
        picture.line(ink, 2.25, 1., &thin(points, MOST_POINTS / 4));
    }
}

/// Losses of training and validation and errors on the test rows, of all folds together and of each, and those
/// of a second training.
pub(super) fn learning(run: &RunRecord) -> Vec<Figure> {
    let [first, second] = [false, true].map(|refit| learning_of(run, refit));
    first.into_iter().chain(second.into_iter().take(1).map(of_second)).chain(rate(run)).collect()
}

/// The figure of a second training, which is shown for all folds together.
fn of_second(figure: Figure) -> Figure {
    let title = "Second training, on all training rows".to_owned();
    Figure { title, ..figure }
}

/// The curves of the first training, or of the second.
fn learning_of(run: &RunRecord, refit: bool) -> Vec<Figure> {
    let loss = run.config.train.loss;
    let curves = |ink, name, of: LossName, value: fn(&EpochRecord) -> Option<f64>| {
        Curves::new(ink, name, quantity(of), run, |record| value(record).filter(|_| record.refit == refit))
    };
    let train = curves(Ink::First, "training", loss, |record| Some(record.train_loss));
    let validation = curves(Ink::Third, "validation", loss, |record| record.validation_loss);
    let (of_test, error): (_, fn(&EpochRecord) -> Option<f64>) = match loss {
        LossName::Mae => (loss, |record| Some(record.test?.mae)),
        _ => (LossName::Mse, |record| Some(record.test?.mse)),
    };
    let test = curves(Ink::Second, "test", of_test, error);
    let [losses, test, all] = [vec![&train, &validation], vec![&test], vec![&train, &validation, &test]]
        .map(|curves| curves.into_iter().filter(|curves| !curves.folds.is_empty()).collect::<Vec<_>>());
    let mut figures = Vec::new();
    if losses.is_empty() {
        return figures;
    }
    let is_scaled = scales_several_targets(run);
    if is_scaled || loss != of_test {
        // Errors of scaled targets have no common unit, and other losses are no errors of a test, so they do
        // not share an axis with those of the test.
        figures.extend(errors(&losses));
        if is_scaled {
            figures[0].caption += " These are the errors of the scaled targets.";
        }
        if !test.is_empty() {
            figures[0].title += ", training";
            figures.extend(errors(&test));
        }
    } else {
        figures.extend(errors(&all));
    }
    if losses.len() > 1 {
        figures[0].caption += " The rows for validation are a part of the training rows, set aside.";
    }
    figures
}

/// What the axis of a loss says.
fn quantity(loss: LossName) -> &'static str {
    match loss {
        LossName::Mse => "mean squared error",
        LossName::Mae => "mean absolute error",
        LossName::Huber => "Huber's loss",
        LossName::Quantile => "pinball loss",
    }
}

/// Whether several targets are scaled for the training. Without predictions the output layer tells their
/// number.
fn scales_several_targets(run: &RunRecord) -> bool {
    let output = run.weights.iter().find(|weights| weights.name == "output.weight");
    let outputs =
        output.and_then(|output| output.after.len().checked_div(run.config.model.hidden)).unwrap_or_default();
    let outputs = outputs / run.config.train.loss().outputs();
    run.config.data.is_scaled() && outputs.max(run.predictions.targets().len()) > 1
}

/// Errors of all folds together and, if they are few and there are errors on rows that are not trained on, of
/// each.
fn errors(curves: &[&Curves]) -> Vec<Figure> {
    let mut figures = vec![all_folds(curves)];
    let named = |name| curves.iter().find(|curves| curves.name == name);
    let Some(unseen) = named("validation").or_else(|| named("test")) else { return figures };
    if !(2..=MOST_PICTURES).contains(&unseen.folds.len()) {
        return figures;
    }
    for (fold, points) in &unseen.folds {
        let (x, y) = axes(curves);
        let mut picture = Picture::new(x, y);
        for curves in curves {
            let points = curves.folds.get(fold).map(Vec::as_slice).unwrap_or_default();
            draw_line(&mut picture, curves.ink, points);
        }
        let best = points.iter().min_by(|a, b| a.1.total_cmp(&b.1));
        let caption = best.map_or(String::new(), |(epoch, value)| {
            format!("The lowest {} error is {}, after epoch {epoch}.", unseen.name, number(*value))
        });
        figures.push(Figure { title: format!("Fold {fold}"), legend: legend(curves), picture, caption });
    }
    figures
}

/// Errors of all folds in one plot.
fn all_folds(curves: &[&Curves]) -> Figure {
    let (x, y) = axes(curves);
    let mut picture = Picture::new(x, y);
    for curves in curves {
        curves.draw(&mut picture);
    }
    let many = curves.iter().map(|curves| curves.folds.len()).max().unwrap_or_default();
    let last = |c: &&Curves| c.median.last().map(|(_, value)| format!("{} {}", c.name, number(*value)));
    let last: Vec<_> = curves.iter().filter_map(last).collect();
    let of = if many == 1 { "" } else { ", median of the folds" };
    let caption = format!("{} After the last epoch{of}: {}.", how(many), last.join(", "));
    let title = if many == 1 { "Learning curve" } else { "All folds" };
    Figure { title: title.to_owned(), legend: legend(curves), picture, caption }
}

/// Axes that fit all of `curves`.
fn axes(curves: &[&Curves]) -> (Axis, Axis) {
    let quantity = curves.first().map_or("", |curves| curves.quantity);
    let y = Axis::log_if_wide(quantity, curves.iter().flat_map(|curves| curves.values()));
    (Axis::new(Kind::Whole, "epochs", curves.iter().flat_map(|curves| curves.epochs())), y)
}

fn legend(curves: &[&Curves]) -> Vec<(Key, String)> {
    curves.iter().map(|c| (Key::Line(c.ink), c.name.to_owned())).collect()
}

/// The learning rate, if it changes.
fn rate(run: &RunRecord) -> Option<Figure> {
    let rate = Curves::new(Ink::First, "learning rate", "learning rate", run, |record| {
        (!record.refit).then_some(record.lr)
    });
    let first = rate.median.first()?.1;
    if rate.values().all(|lr| lr == first) {
        return None;
    }
    let x = Axis::new(Kind::Whole, "epochs", rate.epochs());
    let mut picture = Picture::new(x, Axis::new(Kind::FromZero, rate.quantity, rate.values()));
    rate.draw(&mut picture);
    let caption = "The learning rate of the last step of each epoch.".to_owned();
    Some(Figure { title: "Learning rate".to_owned(), legend: Vec::new(), picture, caption })
}

/// The seconds of each epoch and each fold.
pub(super) fn timing(run: &RunRecord) -> Vec<Figure> {
    let mut figures = Vec::new();
    let epochs = Curves::new(Ink::First, "seconds", "seconds", run, |record| {
        (!record.refit).then_some(record.seconds)
    });
    if !epochs.folds.is_empty() {
        let x = Axis::new(Kind::Whole, "epochs", epochs.epochs());
        let mut picture = Picture::new(x, Axis::new(Kind::FromZero, "seconds per epoch", epochs.values()));
        epochs.draw(&mut picture);
        let typical = median(epochs.values().collect());
        let caption =
            format!("{} Half of the epochs took {} or less.", how(epochs.folds.len()), duration(typical));
        figures.push(Figure { title: "Epochs".to_owned(), legend: Vec::new(), picture, caption });
    }
    let mut folds: BTreeMap<usize, f64> = BTreeMap::new();
    for record in &run.epochs {
        *folds.entry(record.fold).or_default() += record.seconds;
    }
    folds.extend(run.folds.iter().map(|fold| (fold.fold, fold.seconds)));
    folds.retain(|_, seconds| seconds.is_finite());
    if folds.len() > 1 {
        let at = |fold: usize| fold as f64;
        let x = Axis::new(Kind::Whole, "fold", folds.keys().map(|&fold| at(fold)));
        let mut picture =
            Picture::new(x, Axis::new(Kind::FromZero, "seconds per fold", folds.values().copied()));
        for (&fold, &seconds) in &folds {
            picture.cell(Ink::First, 0.8, (at(fold) - 0.35, 0.), (at(fold) + 0.35, seconds));
        }
        let sum: f64 = folds.values().sum();
        let caption = format!("All folds together: {}. Folds may have run in parallel.", duration(sum));
        figures.push(Figure { title: "Folds".to_owned(), legend: Vec::new(), picture, caption });
    }
    figures
}

/// How the folds are drawn.
fn how(folds: usize) -> &'static str {
    match folds {
        1 => "One network.",
        2..=MOST_LINES => "Thin lines are the folds, the bold one is their median.",
        _ => "The band spans all folds, the bold line is their median.",
    }
}

/// About `most` of the points at most: the smallest and the largest of each block, so that no spike is lost.
fn thin(points: &[Point], most: usize) -> Vec<Point> {
    if points.len() <= most.max(4) {
        return points.to_vec();
    }
    let block = (2 * points.len()).div_ceil(most.max(4));
    let ends = points.chunks(block).flat_map(|block| {
        let by_height = |a: &&Point, b: &&Point| a.1.total_cmp(&b.1);
        let mut ends = [block.iter().min_by(by_height), block.iter().max_by(by_height)];
        ends.sort_by(|a, b| a.map(|p| p.0).partial_cmp(&b.map(|p| p.0)).unwrap_or(std::cmp::Ordering::Equal));
        ends.into_iter().flatten().copied()
    });
    let mut thinned: Vec<_> = ends.collect();
    thinned.dedup();
    thinned.extend(points.last().filter(|last| thinned.last() != Some(last)));
    thinned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinned_lines_keep_their_spikes_and_ends() {
        let mut points: Vec<_> = (0..10_000).map(|i| (f64::from(i), f64::from(i % 7))).collect();
        points[5432].1 = 99.;
        points[6543].1 = -99.;
        let thinned = thin(&points, 100);
        assert!(thinned.len() <= 102, "{}", thinned.len());
        assert!(thinned.contains(&points[5432]) && thinned.contains(&points[6543]));
        assert_eq!((thinned[0].0, thinned.last()), (0., points.last()));
        assert!(thinned.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(thin(&points[..3], 0), points[..3]);
    }
}
