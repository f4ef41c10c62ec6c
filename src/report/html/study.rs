//! The page of a study.

use super::axis::{Axis, Kind};
use super::comparison::{beside_axis, sections};
use super::numbers::number;
use super::page::{Figure, Key, Page, Row};
use super::picture::{Ink, Picture, Point};
use super::text::short;
use crate::report::study::costs_table;
use crate::stats::mean;
use crate::study::{Course, Findings};

/// The most pictures of one kind.
const MOST_PICTURES: usize = 12;
/// The points of a curve over the training.
const POINTS: usize = 50;

/// The page of a study: the answer first, then the arms, the differences with their intervals, the ranks,
/// what the arms cost, how they learn, and all tasks, in one self-contained HTML file.
pub fn study_html(findings: &Findings) -> String {
    let mut page = Page::default();
    sections(&mut page, "study", &findings.comparison, |page| {
        page.section("Cost");
        page.figures(&[against_compute(findings)]);
        let (header, rows) = costs_table(&findings.costs);
        let rows: Vec<Row> = rows;
        page.table("What a network costs", &header, &rows, &[]);
        page.paragraph(
            "operations: of training by the plan, and time, as it was on the machines that happened to do it, both over \
             those of the reference.",
        );
        let curves = learning(findings);
        if !curves.is_empty() {
            page.section("Learning");
            page.figures(&curves);
        }
    });
    page.document("taper study: report")
}

/// The change of the error of each arm, in the order of what it computes.
fn against_compute(findings: &Findings) -> Figure {
    let comparison = &findings.comparison;
    let mut rows: Vec<_> = comparison
        .differences
        .iter()
        .filter_map(|of| Some((findings.costs.iter().find(|cost| cost.arm == of.arm)?, of)))
        .collect();
    rows.sort_by(|(a, _), (b, _)| b.operations.total_cmp(&a.operations));
    let change = |ratio: f64| 100. * (ratio - 1.);
    let ends = rows.iter().flat_map(|(_, of)| of.interval.map(change)).chain([0.]);
    let x = Axis::new(Kind::Linear, &format!("change of the {} in %", comparison.metric), ends);
    let names = rows
        .iter()
        .map(|(cost, of)| beside_axis(&format!("{} × {}", number(cost.operations), short(&of.arm))));
    let mut picture = Picture::rows(rows.len(), x, Axis::named("", names));
    picture.line(Ink::Muted, 1., 1., &[(0., -0.5), (0., rows.len() as f64 - 0.5)]);
    for (place, (_, of)) in rows.iter().enumerate() {
        let [low, high] = of.interval.map(change);
        picture.line(Ink::First, 2.25, 1., &[(low, place as f64), (high, place as f64)]);
        picture.dots(Ink::First, 4.5, 1., &[(change(of.ratio), place as f64)]);
    }
    let caption = format!(
        "The arms from the one that computes least, with the operations of its training over those of {}: left of 0 it errs \
         less.",
        short(&comparison.reference)
    );
    Figure { title: "Error against compute".to_owned(), legend: Vec::new(), picture, caption }
}

/// For each arm its training loss over that of the reference, as training goes on.
fn learning(findings: &Findings) -> Vec<Figure> {
    let comparison = &findings.comparison;
    let place = comparison.arms.iter().position(|arm| arm.name == comparison.reference).unwrap_or_default();
    let arms = comparison.arms.iter().zip(&findings.courses).enumerate().filter(|(i, _)| *i != place);
    let figure = |(_, (arm, courses)): (usize, (&crate::compare::Arm, &Vec<Course>))| {
        let beside = |course: &Course| {
            let reference = findings.courses[place].iter().find(|of| of.set == course.set)?;
            let ratio = |point: usize| {
                let share = point as f64 / POINTS as f64;
                (100. * share, after(&course.train_loss, share) / after(&reference.train_loss, share))
            };
            Some((1..=POINTS).map(ratio).filter(|(_, ratio)| *ratio > 0. && ratio.is_finite()).collect())
        };
        let curves: Vec<Vec<Point>> = courses.iter().filter_map(beside).collect();
        course_figure(&short(&arm.name), &short(&comparison.reference), &curves)
    };
    arms.take(MOST_PICTURES).filter_map(figure).collect()
}

/// The loss after this share of the training.
fn after(losses: &[f64], share: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of the number of epochs"
    )]
    let done = ((losses.len() as f64 * share).ceil() as usize).clamp(1, losses.len());
    losses[done - 1]
}

/// The curves of all data sets and their geometric mean.
fn course_figure(arm: &str, reference: &str, curves: &[Vec<Point>]) -> Option<Figure> {
    let values = curves.iter().flatten().map(|point| point.1);
    values.clone().next()?;
    let x = Axis::new(Kind::Linear, "training in %", [0., 100.]);
    let y = Axis::log_if_wide("ratio of training losses", values.chain([1.]).collect::<Vec<_>>());
    let mut picture = Picture::new(x, y);
    picture.line(Ink::Muted, 1., 1., &[(0., 1.), (100., 1.)]);
    for curve in curves.iter().filter(|_| curves.len() > 1) {
        picture.line(Ink::First, 1., 0.4, curve);
    }
    let all: Vec<_> = curves.iter().filter(|curve| curve.len() == POINTS).collect();
    let mean_of = |point: usize| {
        let logs: Vec<_> = all.iter().map(|curve| curve[point].1.ln()).collect();
        (100. * (point + 1) as f64 / POINTS as f64, mean(&logs).exp())
    };
    if !all.is_empty() {
        picture.line(Ink::First, 2.25, 1., &(0..POINTS).map(mean_of).collect::<Vec<_>>());
    }
    let mut legend = vec![(Key::Line(Ink::First), arm.to_owned())];
    legend.push((Key::Line(Ink::Muted), reference.to_owned()));
    let each = if curves.len() > 1 {
        " Thin lines are the data sets, the bold one is their geometric mean."
    } else {
        ""
    };
    let caption = format!(
        "The training loss of {arm} over that of {reference} after the same share of their trainings, the mean over the folds: below \
         1 it is ahead.{each}"
    );
    Some(Figure { title: arm.to_owned(), legend, picture, caption })
}
