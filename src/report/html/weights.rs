//! The weights before and after training.

use super::axis::{Axis, Kind};
use super::bins::{Bins, whole};
use super::numbers::{count, plus_minus};
use super::page::{Figure, Key};
use super::picture::{Ink, Picture, Point};
use super::text::short;
use crate::config::LayerName;
use crate::run::Weights;

/// The most parts that the range of the weights has.
const MOST_BINS: usize = 48;

/// How the weights of each layer are distributed before and after training, and of cos layers their cosines.
pub(super) fn weights(weights: &[Weights], layer: LayerName) -> Vec<Figure> {
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
        if layer == LayerName::Cos && name.ends_with("weight") {
            figures.extend(figure(&of, format!("{title}, W"), "W", |w| w));
            figures.extend(figure(&of, format!("{title}, cos W"), "cos W", f64::cos));
        } else {
            figures.extend(figure(&of, title, "value", |w| w));
        }
    }
    figures
}

/// The distribution of `map` of one layer's weights in all folds; none where there is no number.
fn figure(weights: &[&Weights], title: String, axis: &str, map: fn(f64) -> f64) -> Option<Figure> {
    let values = |which: fn(&Weights) -> &[f32]| -> Vec<_> {
        let all = weights.iter().flat_map(|weights| which(weights));
        all.map(|&w| map(f64::from(w))).filter(|w| w.is_finite()).collect()
    };
    let (before, after) = (values(|weights| &weights.before), values(|weights| &weights.after));
    if before.is_empty() && after.is_empty() {
        return None;
    }
    let all = || before.iter().chain(&after).copied();
    // Rice's rule.
    let most = whole(2. * (before.len().max(after.len()) as f64).cbrt()).clamp(6, MOST_BINS);
    let bins = Bins::new(most, all());
    let shares = |values: &[f64]| -> Vec<_> {
        let counts = bins.counts(values.iter().copied());
        counts.into_iter().map(|n| 100. * n as f64 / values.len().max(1) as f64).collect()
    };
    let (start, end) = (shares(&before), shares(&after));
    let x = Axis::new(Kind::Linear, axis, all().chain([bins.edge(0), bins.edge(most)]));
    let y = Axis::new(Kind::FromZero, "% of the values", start.iter().chain(&end).copied());
    let mut picture = Picture::new(x, y);
    picture.area(Ink::Muted, 0.4, outline(&bins, &start));
    picture.area(Ink::First, 0.25, outline(&bins, &end));
    picture.line(Ink::First, 8, 1., outline(&bins, &end));

    let of = |values: &[f64]| {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let std = (values.iter().map(|w| (w - mean).powi(2)).sum::<f64>() / n).sqrt();
        plus_minus(mean, std)
    };
    let folds = if weights.len() == 1 { String::new() } else { format!(" of {} folds", weights.len()) };
    let caption = format!(
        "{} values{folds}. Mean and standard deviation: {} before, {} after.",
        count(before.len().max(after.len())),
        of(&before),
        of(&after)
    );
    let legend = vec![
        (Key::Area(Ink::Muted), "before training".to_owned()),
        (Key::Line(Ink::First), "after training".to_owned()),
    ];
    Some(Figure { title, legend, picture, caption })
}

/// The upper edge of the bars of a histogram, down to 0 at both ends.
fn outline(bins: &Bins, heights: &[f64]) -> Vec<Point> {
    let tops = heights.iter().enumerate();
    let tops = tops.flat_map(|(bin, height)| [(bins.edge(bin), *height), (bins.edge(bin + 1), *height)]);
    let start = (bins.edge(0), 0.);
    let end = (bins.edge(heights.len()), 0.);
    [start].into_iter().chain(tops).chain([end]).collect()
}
