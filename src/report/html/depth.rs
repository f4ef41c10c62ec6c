//! The errors at each depth.

use super::axis::{Axis, Kind};
use super::numbers::number;
use super::page::{Figure, Key};
use super::picture::{Ink, Picture};
use super::text::on_axis;
use crate::evaluate::{Evaluation, ExitReport};
use crate::results::FoldReport;

/// The most depths and dots drawn.
const MOST_DEPTHS: usize = 200;
const MOST_DOTS: usize = 1000;

/// The share of the rows that exit at each depth, of a network that learns its depths.
pub(super) fn exits(folds: &[FoldReport]) -> Option<Figure> {
    let ExitReport { mean_depth, shares, flops, flops_of_all, entropy, .. } =
        Evaluation::mean_over(folds).exits?;
    let x = Axis::new(Kind::Whole, "depth", shares.keys().map(|depth| *depth as f64));
    let mut picture =
        Picture::new(x, Axis::new(Kind::FromZero, "share of the rows", shares.values().copied()));
    for (depth, share) in shares.iter().filter(|(_, share)| **share > 0.) {
        let depth = *depth as f64;
        picture.cell(Ink::First, 0.6, (depth - 0.4, 0.), (depth + 0.4, *share));
    }
    let caption = format!(
        "Rows exit at depth {mean_depth:.2} on average, which takes {:.0} % of the operations of all depths. The entropy of \
         the probabilities of stopping is {} on average; were all depths as probable it would be {}.",
        100. * flops / flops_of_all,
        number(entropy),
        number((shares.len() as f64).ln())
    );
    let legend = vec![(Key::Area(Ink::First), "rows".to_owned())];
    Some(Figure { title: "Where rows exit".to_owned(), legend, picture, caption })
}

/// The error of the output at each depth, beside that of their mean.
pub(super) fn depth(folds: &[FoldReport], targets: &[String]) -> Option<Figure> {
    let (mean, std) = (Evaluation::mean_over(folds), Evaluation::std_over(folds));
    let depths = mean.mse_by_depth.len();
    // The deepest one is always shown.
    let stride = depths.div_ceil(MOST_DEPTHS).max(1);
    let is_shown = |i: usize| (depths - 1 - i).is_multiple_of(stride);
    let errors = mean.mse_by_depth.iter().zip(std.mse_by_depth.values()).enumerate();
    let shown: Vec<_> = errors
        .filter(|(i, ((_, mean), _))| is_shown(*i) && mean.is_finite())
        .map(|(_, ((depth, mean), std))| (*depth, *mean, if std.is_finite() { *std } else { 0. }))
        .collect();
    let (first, last) = (shown.first()?, shown.last()?);
    // Few depths leave room between them: the folds are drawn beside the bars, and the reference line runs
    // past the ends.
    let [aside, room] = if last.0 - first.0 < 12 { [0.1, 0.4] } else { [0.; 2] };
    let has_dots = folds.len() > 1 && folds.len() * shown.len() <= MOST_DOTS;
    let dots: Vec<_> = folds
        .iter()
        .filter(|_| has_dots)
        .flat_map(|fold| {
            shown.iter().filter_map(|(depth, ..)| Some((*depth as f64, *fold.mse_by_depth.get(depth)?)))
        })
        .filter(|(_, mse)| mse.is_finite())
        .map(|(depth, mse)| (depth - aside, mse))
        .collect();

    let together = mean.metrics.mse;
    let ends = shown.iter().flat_map(|(_, mean, std)| [*mean, mean - std, mean + std]);
    let all = ends.chain(dots.iter().map(|dot| dot.1)).chain([together]);
    let unit = match targets {
        [target] => format!("MSE ({}²)", on_axis(target)),
        _ => "MSE (target²)".to_owned(),
    };
    let x = Axis::new(Kind::Whole, "depth", shown.iter().map(|(depth, ..)| *depth as f64));
    let mut picture = Picture::new(x, Axis::log_if_wide(&unit, all));
    let [from, to] = [first.0 as f64 - room, last.0 as f64 + room];
    if together.is_finite() {
        picture.line(Ink::Second, 2., 1., &[(from, together), (to, together)]);
    }
    picture.dots(Ink::Muted, 2.5, 0.7, &dots);
    for (depth, mean, std) in shown.iter().filter(|(.., std)| *std > 0.) {
        let ends = [mean - std, mean + std];
        picture.line(Ink::First, 1.5, 0.8, &ends.map(|end| (*depth as f64, end)));
    }
    let means: Vec<_> = shown.iter().map(|(depth, mean, _)| (*depth as f64, *mean)).collect();
    picture.line(Ink::First, 2.25, 1., &means);
    if means.len() <= 30 {
        picture.dots(Ink::First, 4., 1., &means);
    }

    let mut legend = vec![(Key::Line(Ink::First), "one depth".to_owned())];
    if has_dots {
        legend.push((Key::Dots(Ink::Muted), "a fold".to_owned()));
    }
    let whole = if mean.exits.is_some() { "mean down to the exit" } else { "mean over all depths" };
    legend.push((Key::Line(Ink::Second), whole.to_owned()));
    let best = shown.iter().min_by(|a, b| a.1.total_cmp(&b.1))?;
    let spread = if folds.len() > 1 {
        "Means over the folds; the bars extend one standard deviation to each side. "
    } else {
        ""
    };
    let caption = format!(
        "{spread}The best single depth is {}, with {}; the prediction, the {whole}, has {}.",
        best.0,
        number(best.1),
        number(together)
    );
    Some(Figure { title: "Error by depth".to_owned(), legend, picture, caption })
}
