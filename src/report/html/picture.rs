//! Plots as SVG.

use super::axis::Axis;
use super::text::escape;

/// A colour of the light palette. The style sheet replaces each by that of the dark one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    /// Words.
    Text,
    /// The lines of the axes.
    Axis,
    /// The lines of the grid.
    Grid,
    /// A reference for the rest.
    Muted,
    /// The first series.
    First,
    /// The second series; its lines are dashed.
    Second,
}

impl Ink {
    const fn hex(self) -> &'static str {
        match self {
            Self::Text => "#3D4550",
            Self::Axis => "#8C959F",
            Self::Grid => "#E4E8EC",
            Self::Muted => "#6E7781",
            Self::First => "#0072B2",
            Self::Second => "#C24E00",
        }
    }
}

/// A point in the units of the axes.
pub(super) type Point = (f64, f64);

/// A plot: what is drawn on a pair of axes, later marks above earlier ones.
#[derive(Debug, Clone)]
pub(super) struct Picture {
    x: Axis,
    y: Axis,
    height: f64,
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
    /// A line of a width through its points.
    Line(f64, Vec<Point>),
    /// A dot of a radius on every point.
    Dots(f64, Vec<Point>),
    /// The polygon of the points.
    Area(Vec<Point>),
    /// The rectangle between two points.
    Cell(Point, Point),
}

/// The size of a picture in pixels, at its natural size.
const WIDTH: f64 = 384.;
const HEIGHT: f64 = 272.;
/// What is left free above and to the right of the plot, for half a label.
const TOP: f64 = 8.;
const RIGHT: f64 = 14.;
/// What the tick labels and the name of the horizontal axis take below the plot.
const BOTTOM: f64 = 42.;
const TICK: f64 = 4.;
const FONT: f64 = 13.;
/// About how wide a digit is.
const DIGIT: f64 = 7.;

impl Picture {
    /// An empty plot.
    pub(super) fn new(x: Axis, y: Axis) -> Self {
        Self { x, y, height: HEIGHT, marks: Vec::new() }
    }

    /// As high as it is wide, for axes to be compared.
    pub(super) fn square(mut self) -> Self {
        self.height = WIDTH;
        self
    }

    /// Adds a line through `points`, `width` pixels wide.
    pub(super) fn line(&mut self, ink: Ink, width: f64, opacity: f64, points: Vec<Point>) {
        self.marks.push(Mark { shape: Shape::Line(width, points), ink, opacity });
    }

    /// Adds dots with a radius in pixels.
    pub(super) fn dots(&mut self, ink: Ink, radius: f64, opacity: f64, points: Vec<Point>) {
        self.marks.push(Mark { shape: Shape::Dots(radius, points), ink, opacity });
    }

    /// Adds the polygon of `points`.
    pub(super) fn area(&mut self, ink: Ink, opacity: f64, points: Vec<Point>) {
        self.marks.push(Mark { shape: Shape::Area(points), ink, opacity });
    }

    /// Adds the rectangle between two points.
    pub(super) fn cell(&mut self, ink: Ink, opacity: f64, from: Point, to: Point) {
        self.marks.push(Mark { shape: Shape::Cell(from, to), ink, opacity });
    }

    /// The `<svg>` element, described by the element of the page with the id `described_by`.
    pub(super) fn svg(&self, title: &str, described_by: &str) -> String {
        let longest = self.y.ticks().iter().map(|(_, label)| label.chars().count()).max().unwrap_or(0);
        let plot = Plot { picture: self, left: DIGIT * longest as f64 + 32., bottom: self.height - BOTTOM };
        let marks: Vec<_> = self.marks.iter().map(|mark| plot.mark(mark)).collect();
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {}\" role=\"img\" \
             aria-describedby=\"{described_by}\">\n<title>{}</title>\n{}{}</svg>\n",
            self.height,
            escape(title),
            plot.axes(),
            marks.concat()
        )
    }
}

/// A picture with the rectangle that it is plotted in.
struct Plot<'a> {
    picture: &'a Picture,
    left: f64,
    bottom: f64,
}

impl Plot<'_> {
    /// The pixel at these fractions of the axes, to a tenth.
    fn pixel(&self, x: f64, y: f64) -> Point {
        let tenth = |x: f64| (x * 10.).round() / 10.;
        (tenth(self.left + x * (WIDTH - RIGHT - self.left)), tenth(self.bottom - y * (self.bottom - TOP)))
    }

    fn at(&self, (x, y): Point) -> Point {
        self.pixel(self.picture.x.place(x), self.picture.y.place(y))
    }

    /// The grid, the axes with their ticks, and all labels.
    fn axes(&self) -> String {
        let Self { picture: Picture { x: x_axis, y: y_axis, height, .. }, left, bottom } = *self;
        let right = WIDTH - RIGHT;
        let xs: Vec<_> =
            x_axis.ticks().iter().map(|(place, label)| (self.pixel(*place, 0.).0, label)).collect();
        let ys: Vec<_> =
            y_axis.ticks().iter().map(|(place, label)| (self.pixel(0., *place).1, label)).collect();
        let grid = (xs.iter().map(|(x, _)| format!("M{x} {bottom}V{TOP}")))
            .chain(ys.iter().map(|(y, _)| format!("M{left} {y}H{right}")));
        let lines = (xs.iter().map(|(x, _)| format!("M{x} {bottom}v{TICK}")))
            .chain(ys.iter().map(|(y, _)| format!("M{left} {y}h-{TICK}")))
            .chain([format!("M{left} {TOP}V{bottom}H{right}")]);
        // Turned upwards, the name of the vertical axis has the coordinates that it had before the turn.
        let labels = (xs.iter().map(|(x, label)| text("middle", *x, bottom + TICK + FONT, label)))
            .chain(ys.iter().map(|(y, label)| text("end", left - TICK - 3., y + 0.35 * FONT, label)))
            .chain([
                text("middle", f64::midpoint(left, right), height - 6., x_axis.name()),
                "<g transform=\"rotate(-90)\">".to_owned(),
                text("middle", -f64::midpoint(TOP, bottom), FONT, y_axis.name()),
                "</g>\n".to_owned(),
            ]);
        format!(
            "<path d=\"{}\" fill=\"none\" stroke=\"{}\"/>\n<path d=\"{}\" fill=\"none\" stroke=\"{}\"/>\n\
             <g fill=\"{}\" font-family=\"sans-serif\" font-size=\"{FONT}\">\n{}</g>\n",
            grid.collect::<String>(),
            Ink::Grid.hex(),
            lines.collect::<String>(),
            Ink::Axis.hex(),
            Ink::Text.hex(),
            labels.collect::<String>()
        )
    }

    fn mark(&self, Mark { shape, ink, opacity }: &Mark) -> String {
        let color = ink.hex();
        let points = |points: &[Point]| {
            let point = |&point: &Point| {
                let (x, y) = self.at(point);
                format!("{x},{y}")
            };
            points.iter().map(point).collect::<Vec<_>>().join(" ")
        };
        match shape {
            Shape::Line(width, line) => {
                let dashes = if *ink == Ink::Second { " stroke-dasharray=\"7 3.5\"" } else { "" };
                format!(
                    "<polyline points=\"{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"{width}\" \
                     stroke-opacity=\"{opacity}\"{dashes}/>\n",
                    points(line)
                )
            }
            Shape::Dots(radius, dots) => {
                let dot = |&point: &Point| {
                    let (x, y) = self.at(point);
                    format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"/>\n")
                };
                let dots: String = dots.iter().map(dot).collect();
                format!("<g fill=\"{color}\" fill-opacity=\"{opacity}\">\n{dots}</g>\n")
            }
            Shape::Area(area) => {
                format!(
                    "<polygon points=\"{}\" fill=\"{color}\" fill-opacity=\"{opacity}\"/>\n",
                    points(area)
                )
            }
            Shape::Cell(from, to) => {
                let ((x0, y0), (x1, y1)) = (self.at(*from), self.at(*to));
                format!(
                    "<rect x=\"{}\" y=\"{}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{color}\" \
                     fill-opacity=\"{opacity}\"/>\n",
                    x0.min(x1),
                    y0.min(y1),
                    (x1 - x0).abs(),
                    (y1 - y0).abs()
                )
            }
        }
    }
}

/// A text whose `anchor` is at (x, y) on its base line.
fn text(anchor: &str, x: f64, y: f64, text: &str) -> String {
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>\n", escape(text))
}
