//! Pictures as SVG.
//!
//! They are drawn by `plotters`: of the crates for plots it is the one in wide use, it draws SVG without fonts, bitmaps or
//! other dependencies (features off, MIT), and lets its caller choose ticks and colours.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, ValueFormatter};
use plotters::prelude::*;

use super::axis::Axis;
use super::text::escape;
use crate::error::{Error, Result};

/// A colour of the light palette. The style sheet replaces each by that of the dark one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    /// Words.
    Text,
    /// The lines of the axes.
    Axis,
    /// The lines of the grid.
    Grid,
    /// What the rest is held against.
    Muted,
    /// The first thing shown.
    First,
    /// The second; its lines are dashed.
    Second,
}

impl Ink {
    const fn rgb(self) -> RGBColor {
        match self {
            Self::Text => RGBColor(0x3D, 0x45, 0x50),
            Self::Axis => RGBColor(0x8C, 0x95, 0x9F),
            Self::Grid => RGBColor(0xE4, 0xE8, 0xEC),
            Self::Muted => RGBColor(0x6E, 0x77, 0x81),
            Self::First => RGBColor(0x00, 0x72, 0xB2),
            Self::Second => RGBColor(0xC2, 0x4E, 0x00),
        }
    }
}

/// A place in the units of the axes.
pub(super) type Point = (f64, f64);

/// What is drawn on a pair of axes, first things below later ones.
#[derive(Debug, Clone)]
pub(super) struct Picture {
    x: Axis,
    y: Axis,
    height: u32,
    marks: Vec<Mark>,
}

#[derive(Debug, Clone)]
struct Mark {
    shape: Shape,
    ink: Ink,
    opacity: f64,
}

#[derive(Debug, Clone)]
enum Shape {
    /// Lines of a width through their points.
    Line(u32, Vec<Point>),
    /// A dot of a radius on every point.
    Dots(i32, Vec<Point>),
    /// The surface that the points enclose.
    Area(Vec<Point>),
    /// The rectangle between two points.
    Cell(Point, Point),
}

/// The library's pixels for one of the page: it knows whole ones only.
const PIXEL: u32 = 4;
/// The size of a picture in pixels of the page, when it is shown as large as it is drawn.
const WIDTH: u32 = 384;
const HEIGHT: u32 = 272;
const TEXT: u32 = 13;
/// About how wide a letter is.
const LETTER: u32 = 7;

impl Picture {
    /// An empty picture.
    pub(super) fn new(x: Axis, y: Axis) -> Self {
        Self { x, y, height: HEIGHT, marks: Vec::new() }
    }

    /// As high as it is wide, for axes that are compared.
    pub(super) fn square(mut self) -> Self {
        self.height = WIDTH;
        self
    }

    /// Adds a line of a width in quarters of a pixel.
    pub(super) fn line(&mut self, ink: Ink, width: u32, opacity: f64, points: Vec<Point>) {
        self.marks.push(Mark { shape: Shape::Line(width, points), ink, opacity });
    }

    /// Adds dots of a radius in quarters of a pixel.
    pub(super) fn dots(&mut self, ink: Ink, radius: i32, opacity: f64, points: Vec<Point>) {
        self.marks.push(Mark { shape: Shape::Dots(radius, points), ink, opacity });
    }

    /// Adds the surface that `points` enclose.
    pub(super) fn area(&mut self, ink: Ink, opacity: f64, points: Vec<Point>) {
        self.marks.push(Mark { shape: Shape::Area(points), ink, opacity });
    }

    /// Adds the rectangle between two points.
    pub(super) fn cell(&mut self, ink: Ink, opacity: f64, from: Point, to: Point) {
        self.marks.push(Mark { shape: Shape::Cell(from, to), ink, opacity });
    }

    /// The `<svg>` element, described by the elements of the page with these ids.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Picture`] when the library does, which in memory it has no cause to.
    pub(super) fn svg(&self, title: &str, described_by: &str) -> Result<String> {
        let size = (WIDTH * PIXEL, self.height * PIXEL);
        let mut svg = String::new();
        self.draw(SVGBackend::with_string(&mut svg, size)).map_err(Error::Picture)?;
        // The library's first tag has a size of its own, which would not follow the page's.
        let inner = svg.split_once('\n').map_or("", |(_, inner)| inner);
        let title = escape(title);
        Ok(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" role=\"img\" \
             aria-describedby=\"{described_by}\">\n<title>{title}</title>\n{inner}",
            size.0, size.1
        ))
    }

    fn draw(&self, backend: SVGBackend) -> Result<(), String> {
        let area = backend.into_drawing_area();
        let longest = self.y.ticks().iter().map(|(_, label)| label.chars().count()).max().unwrap_or(0);
        let left = LETTER * longest as u32 + 28;
        let mut chart = ChartBuilder::on(&area)
            .margin_top(8 * PIXEL)
            .margin_left(4 * PIXEL)
            .margin_right(14 * PIXEL)
            .set_label_area_size(LabelAreaPosition::Left, left * PIXEL)
            .set_label_area_size(LabelAreaPosition::Bottom, 42 * PIXEL)
            .build_cartesian_2d(self.x.clone(), self.y.clone())
            .map_err(message)?;
        chart
            .configure_mesh()
            .bold_line_style(Ink::Grid.rgb().stroke_width(PIXEL))
            .light_line_style(TRANSPARENT)
            .axis_style(Ink::Axis.rgb().stroke_width(PIXEL))
            .set_all_tick_mark_size(4 * PIXEL)
            .label_style(("sans-serif", f64::from(TEXT * PIXEL) * 1.24, &Ink::Text.rgb()))
            .x_desc(self.x.name())
            .y_desc(self.y.name())
            .draw()
            .map_err(message)?;
        let at = |(x, y): &Point| (self.x.place(*x), self.y.place(*y));
        for mark in &self.marks {
            let style = mark.ink.rgb().mix(mark.opacity);
            let drawn = match &mark.shape {
                Shape::Line(width, points) => {
                    let points: Vec<_> = points.iter().map(at).collect();
                    chart.draw_series([PathElement::new(points, style.stroke_width(*width))]).map(drop)
                }
                Shape::Dots(radius, points) => {
                    let dot = |point| Circle::new(at(point), *radius, style.filled());
                    chart.draw_series(points.iter().map(dot)).map(drop)
                }
                Shape::Area(points) => {
                    let points: Vec<_> = points.iter().map(at).collect();
                    chart.draw_series([Polygon::new(points, style.filled())]).map(drop)
                }
                Shape::Cell(from, to) => {
                    chart.draw_series([Rectangle::new([at(from), at(to)], style.filled())]).map(drop)
                }
            };
            drawn.map_err(message)?;
        }
        drop(chart);
        area.present().map_err(message)
    }
}

/// The library's side of an axis, whose numbers are the places between 0 and 1.
impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, place: &f64, (from, to): (i32, i32)) -> i32 {
        from + (place * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // There are no smaller ticks between those with a name.
        let ticks = self.ticks().iter().filter(|_| !hint.weight().allow_light_points());
        ticks.map(|(place, _)| *place).collect()
    }

    fn range(&self) -> Range<f64> {
        0. ..1.
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, place: &f64) -> String {
        let tick = self.ticks().iter().find(|(at, _)| at == place);
        tick.map_or(String::new(), |(_, label)| label.clone())
    }
}

fn message(error: impl ToString) -> String {
    error.to_string()
}
