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
    /// The third series; its lines are dotted.
    Third,
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
            Self::Third => "#007A5A",
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
    /// The left and the lower edge of the plot within the picture.
    left: f64,
    bottom: f64,
    /// The markup of the marks.
    marks: Vec<String>,
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
        Self::with_height(HEIGHT, x, y)
    }

    /// An empty plot as high as it is wide, for axes to be compared.
    pub(super) fn square(x: Axis, y: Axis) -> Self {
        Self::with_height(WIDTH, x, y)
    }

    /// An empty plot of so many rows, one below the other.
    pub(super) fn rows(count: usize, x: Axis, y: Axis) -> Self {
        const ROW: f64 = 24.;
        Self::with_height((TOP + BOTTOM + ROW * count as f64).max(HEIGHT / 2.), x, y)
    }

    fn with_height(height: f64, x: Axis, y: Axis) -> Self {
        let longest = y.ticks().iter().map(|(_, label)| label.chars().count()).max().unwrap_or(0);
        let (left, bottom) = (DIGIT * longest as f64 + 32., height - BOTTOM);
        Self { x, y, height, left, bottom, marks: Vec::new() }
    }

    /// Adds a line through `points`, `width` pixels wide.
    pub(super) fn line(&mut self, ink: Ink, width: f64, opacity: f64, points: &[Point]) {
        let dashes = match ink {
            Ink::Second => " stroke-dasharray=\"7 3.5\"",
            Ink::Third => " stroke-dasharray=\"2 3\"",
            _ => "",
        };
        self.marks.push(format!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{width}\" \
             stroke-opacity=\"{opacity}\"{dashes}/>\n",
            self.pixels(points),
            ink.hex()
        ));
    }

    /// Adds dots with a radius in pixels.
    pub(super) fn dots(&mut self, ink: Ink, radius: f64, opacity: f64, points: &[Point]) {
        let dot = |&point: &Point| {
            let (x, y) = self.pixel(point);
            format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"/>\n")
        };
        let dots: String = points.iter().map(dot).collect();
        self.marks.push(format!("<g fill=\"{}\" fill-opacity=\"{opacity}\">\n{dots}</g>\n", ink.hex()));
    }

    /// Adds the polygon of `points`.
    pub(super) fn area(&mut self, ink: Ink, opacity: f64, points: &[Point]) {
        self.marks.push(format!(
            "<polygon points=\"{}\" fill=\"{}\" fill-opacity=\"{opacity}\"/>\n",
            self.pixels(points),
            ink.hex()
        ));
    }

    /// Adds the rectangle between two points.
    pub(super) fn cell(&mut self, ink: Ink, opacity: f64, from: Point, to: Point) {
        let ((x0, y0), (x1, y1)) = (self.pixel(from), self.pixel(to));
        self.marks.push(format!(
            "<rect x=\"{}\" y=\"{}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{}\" fill-opacity=\"{opacity}\"/>\n",
            x0.min(x1),
            y0.min(y1),
            (x1 - x0).abs(),
            (y1 - y0).abs(),
            ink.hex()
        ));
    }

    /// The `<svg>` element, described by the element of the page with the id `described_by`.
    pub(super) fn svg(&self, title: &str, described_by: &str) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {}\" role=\"img\" \
             aria-describedby=\"{described_by}\">\n<title>{}</title>\n{}{}</svg>\n",
            self.height,
            escape(title),
            self.axes(),
            self.marks.concat()
        )
    }

    /// The pixel of a point, to a tenth.
    fn pixel(&self, (x, y): Point) -> Point {
        (self.column(self.x.place(x)), self.row(self.y.place(y)))
    }

    /// The pixels of points, as attributes list them.
    fn pixels(&self, points: &[Point]) -> String {
        let pixel = |&point: &Point| {
            let (x, y) = self.pixel(point);
            format!("{x},{y}")
        };
        points.iter().map(pixel).collect::<Vec<_>>().join(" ")
    }

    /// The horizontal pixel at a fraction of the axis.
    fn column(&self, place: f64) -> f64 {
        tenth(self.left + place * (WIDTH - RIGHT - self.left))
    }

    /// The vertical pixel at a fraction of the axis.
    fn row(&self, place: f64) -> f64 {
        tenth(self.bottom - place * (self.bottom - TOP))
    }

    /// The grid, the axes with their ticks, and all labels.
    fn axes(&self) -> String {
        let Self { left, bottom, height, .. } = *self;
        let right = WIDTH - RIGHT;
        let xs: Vec<_> = self.x.ticks().iter().map(|(place, label)| (self.column(*place), label)).collect();
        let ys: Vec<_> = self.y.ticks().iter().map(|(place, label)| (self.row(*place), label)).collect();
        let grid = (xs.iter().map(|(x, _)| format!("M{x} {bottom}V{TOP}")))
            .chain(ys.iter().map(|(y, _)| format!("M{left} {y}H{right}")));
        let lines = (xs.iter().map(|(x, _)| format!("M{x} {bottom}v{TICK}")))
            .chain(ys.iter().map(|(y, _)| format!("M{left} {y}h-{TICK}")))
            .chain([format!("M{left} {TOP}V{bottom}H{right}")]);
        // Turned upwards, the name of the vertical axis has the coordinates that it had before the turn.
        // Long labels, such as those of days, stay within the picture at its right end.
        let within = |x: f64, label: &str| x.min(WIDTH - 0.32 * FONT * label.chars().count() as f64);
        let labels =
            (xs.iter().map(|(x, label)| text("middle", within(*x, label), bottom + TICK + FONT, label)))
                .chain(ys.iter().map(|(y, label)| text("end", left - TICK - 3., y + 0.35 * FONT, label)))
                .chain([
                    text("middle", f64::midpoint(left, right), height - 6., self.x.name()),
                    "<g transform=\"rotate(-90)\">".to_owned(),
                    text("middle", -f64::midpoint(TOP, bottom), FONT, self.y.name()),
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
}

fn tenth(x: f64) -> f64 {
    (x * 10.).round() / 10.
}

/// A text whose `anchor` is at (x, y) on its base line.
fn text(anchor: &str, x: f64, y: f64, text: &str) -> String {
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>\n", escape(text))
}
