//! Weights before and after training.

use super::axis::{Axis, Kind};
use super::bins::{Bins, whole};
use super::numbers::{count, plus_minus};
use super::page::{Figure, Key};
use super::picture::{Ink, Picture, Point};
use super::text::short;
use crate::nn::LayerKind;
use crate::run::Weights;
use crate::stats::Moments;

/// The most bins of a histogram.
const MOST_BINS: usize = 48;

/// The distribution of each layer's weights before and after training; for cos layers also that of their
/// cosines.
pub(super) fn weights(weights: &[Weights], layer: LayerKind) -> Vec<Figure> {
    let mut names: Vec<&str> = Vec::new();
    for weights in weights {
        if !names.contains(&weights.name.as_str()) {
            names.push(&weights.name);
        }
    }
    let mut figures = Vec::new();
    for name in names {
        let of: Vec<_> = weights.iter().filter(|weights| weights.name == name).collect();
        let title = short(name);
        // A skip is linear in any network.
        if matches!(layer, LayerKind::Cos(_)) && name.ends_with("weight") && name != "skip.weight" {
            figures.extend(figure(&of, format!("{title}, W"), "W", |w| w));
            figures.extend(figure(&of, format!("{title}, cos W"), "cos W", f64::cos));
        } else {
            figures.extend(figure(&of, title, "value", |w| w));
        }
    }
    figures
}

/// The distribution of `map` of one layer's weights in all folds, if any is finite. The weights may be many,
/// so they are iterated over several times instead of copied.
fn figure(weights: &[&Weights], title: String, axis: &str, map: fn(f64) -> f64) -> Option<Figure> {
    let values = |which: fn(&Weights) -> &[f32]| {
        let all = weights.iter().flat_map(move |weights| which(weights));
        all.map(move |&w| map(f64::from(w))).filter(|w| w.is_finite())
    };
    let before = || values(|weights| &weights.before);
    let after = || values(|weights| &weights.after);
    let (start, end) = (before().collect::<Moments>(), after().collect::<Moments>());
    let most = start.count().max(end.count());
    if most == 0 {
        return None;
    }
    // Rice's rule.
    let parts = whole(2. * (most as f64).cbrt()).clamp(6, MOST_BINS);
    let bins = Bins::new(parts, before().chain(after()));
    let shares = |counts: Vec<usize>, of: &Moments| -> Vec<_> {
        counts.into_iter().map(|n| 100. * n as f64 / of.count().max(1) as f64).collect()
    };
    let (before, after) = (shares(bins.counts(before()), &start), shares(bins.counts(after()), &end));
    let x = Axis::new(Kind::Linear, axis, [bins.edge(0), bins.edge(parts)]);
    let y = Axis::new(Kind::FromZero, "% of the values", before.iter().chain(&after).copied());
    let mut picture = Picture::new(x, y);
    picture.area(Ink::Muted, 0.4, &outline(&bins, &before));
    picture.area(Ink::First, 0.25, &outline(&bins, &after));
    picture.line(Ink::First, 2., 1., &outline(&bins, &after));

    let folds = if weights.len() == 1 { String::new() } else { format!(" of {} folds", weights.len()) };
    let caption = format!(
        "{} {}{folds}. Mean and standard deviation: {} before, {} after.",
        count(most),
        if most == 1 { "value" } else { "values" },
        plus_minus(start.mean(), start.std()),
        plus_minus(end.mean(), end.std())
    );
    let legend = vec![
        (Key::Area(Ink::Muted), "before training".to_owned()),
        (Key::Line(Ink::First), "after training".to_owned()),
    ];
    Some(Figure { title, legend, picture, caption })
}

/// The outline of a histogram's bars, down to 0 at both ends.
fn outline(bins: &Bins, heights: &[f64]) -> Vec<Point> {
    let tops = heights.iter().enumerate();
    let tops = tops.flat_map(|(bin, height)| [(bins.edge(bin), *height), (bins.edge(bin + 1), *height)]);
    let start = (bins.edge(0), 0.);
    let end = (bins.edge(heights.len()), 0.);
    [start].into_iter().chain(tops).chain([end]).collect()
}
