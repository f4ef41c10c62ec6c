//! What intervals cover.

use super::axis::{Axis, Kind};
use super::numbers::number;
use super::page::{Figure, Key};
use super::picture::{Ink, Picture, Point};
use super::text::short;
use crate::metrics::{Intervals, TargetIntervals};

/// The most targets that are told in words.
const MOST_TARGETS: usize = 4;

/// The share of the truths that intervals of each level cover, of each target, against the share that they
/// should.
pub(super) fn intervals(intervals: &Intervals) -> Figure {
    let Intervals { level, targets } = intervals;
    let share = |name| Axis::new(Kind::Linear, name, [0., 1.]);
    let mut picture = Picture::square(share("level"), share("share covered"));
    picture.line(Ink::Second, 1.5, 1., &[(0., 0.), (1., 1.)]);
    for target in targets {
        let points = target.calibration.iter().map(|point| (point.level, point.coverage));
        let points: Vec<Point> = points.collect();
        picture.line(Ink::First, 2., if targets.len() > 1 { 0.6 } else { 1. }, &points);
        picture.dots(Ink::First, 2.5, 0.8, &points);
    }
    let said = |target: &TargetIntervals| {
        let of = if targets.len() > 1 { format!(" of {}", short(&target.target)) } else { String::new() };
        let coverage = 100. * target.coverage;
        let width = number(target.width);
        format!(
            "Intervals{of} of level {level} cover {coverage:.1} % of the truths and are {width} wide on average."
        )
    };
    let said: Vec<_> = targets.iter().take(MOST_TARGETS).map(said).collect();
    let caption = format!(
        "{} Above the dashed line they cover more than they should, and below it less. The width of an interval comes of \
         errors on other rows than its own.",
        said.join(" ")
    );
    let legend = vec![
        (Key::Line(Ink::First), "covered".to_owned()),
        (Key::Line(Ink::Second), "as it should be".to_owned()),
    ];
    Figure { title: "Coverage of the intervals".to_owned(), legend, picture, caption }
}
