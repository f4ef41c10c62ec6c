//! How a function behaves within a few steps of its inputs, and what that says about a derivative.

use super::jacobian::max_abs;
use super::numerical::FiniteDifferences;
use super::probe::Probe;

/// One entry of a Jacobian as a function of one number: a projection of an output along a direction of an
/// input.
pub(super) struct Line<'a> {
    differences: &'a FiniteDifferences<'a>,
    input: usize,
    direction: Vec<f64>,
    output: usize,
    rows: &'a Probe,
    row: usize,
    step: f64,
    /// The value at the inputs.
    value: f64,
    /// How much rounding and permitted nondeterminism may change a value.
    noise: f64,
}

impl<'a> Line<'a> {
    /// The line of entry (`row`, `column`) of the Jacobian of output number `output` with respect to input
    /// number `input`, probed along `rows` and `columns`; a value jitters by up to `jitter`.
    pub(super) fn new(
        differences: &'a FiniteDifferences<'a>,
        (output, input): (usize, usize),
        (rows, columns): (&'a Probe, &Probe),
        (row, column): (usize, usize),
        jitter: f64,
    ) -> Option<Self> {
        let direction = columns.vector(column);
        let step = differences.step(input, &direction);
        let values = differences.outputs.get(output)?;
        let value = *rows.project(values).get(row)?;
        let noise = differences.rounding_noise(rows.magnitude(row, values)) + jitter * rows.norm1();
        Some(Self { differences, input, direction, output, rows, row, step, value, noise })
    }

    /// By how much the value changes within one step, if that is a jump: twice and four times the distance
    /// change no more.
    ///
    /// `tolerance` is that of the derivative.
    pub(super) fn jump(&self, tolerance: f64) -> Option<f64> {
        let across = |steps: f64| Some(self.at(steps)?.0 - self.at(-steps)?.0);
        let jump = across(1.0)?;
        let same = |other: f64| (other - jump).abs() <= (1e-2 * jump.abs()).max(self.noise);
        let is_large = jump.abs() > (2.0 * self.step * tolerance).max(16.0 * self.noise);
        (is_large && same(across(2.0)?) && same(across(4.0)?)).then_some(jump)
    }

    /// Why differences may not approximate the derivative, if they do not settle as the step shrinks.
    ///
    /// If the slope is constant beyond one step on either side, there is a kink in between: the step is
    /// halved until the two sides agree, which bounds the distance to the kink.
    pub(super) fn diagnose(&self, tolerance: f64) -> Option<String> {
        const HALVINGS: i32 = 12;
        let eps = self.step;
        if let Some(jump) = self.jump(tolerance) {
            return Some(format!(
                "the function is not differentiable there: it jumps by {jump:.6e} within {eps:.1e} of this point"
            ));
        }
        let disagree = |[left, right]: [f64; 2]| {
            let scale = left.abs().max(right.abs());
            scale > tolerance && self.differ(left, right, scale)
        };
        let halved = |halvings: i32| self.one_sided(0.5f64.powi(halvings));
        let [left, right] = halved(0)?;
        if !disagree([left, right]) {
            return self.diagnose_oscillation(tolerance);
        }
        // Curvature makes the two sides differ as well, but in proportion to the step.
        let share = |halvings| halved(halvings).map(|[l, r]| (l - r) / (left - right));
        if (share(1)? - 0.5).abs() < 0.1 && (share(2)? - 0.25).abs() < 0.1 {
            return None;
        }
        let slopes = [self.beyond(-1.0)?, self.beyond(1.0)?];
        let steepest = max_abs(slopes.into_iter().flatten());
        let straight = |[near, far]: &[f64; 2]| steepest.is_finite() && !self.differ(*near, *far, steepest);
        if !slopes.iter().all(straight) {
            // Over a much wider step curvature shows more and rounding less.
            let [left, right] = halved(-8)?;
            let scale = left.abs().max(right.abs());
            return Some(if scale > tolerance && !self.differ(left, right, scale) {
                format!("differences over {eps:.1e} are mostly rounding noise: use a larger eps")
            } else {
                format!("the function curves strongly within {eps:.1e}: use a smaller eps")
            });
        }
        let distance = match (1..=HALVINGS).find(|&k| !halved(k).is_some_and(disagree)) {
            Some(k) => format!("within {:.1e} of this point", eps * 0.5f64.powi(k - 1)),
            None => format!("at this point (or within {:.1e} of it)", eps * 0.5f64.powi(HALVINGS)),
        };
        Some(format!(
            "the function is apparently not differentiable {distance}: difference quotients over {eps:.1e} are \
             {left:.6e} to the left and {right:.6e} to the right"
        ))
    }

    /// Whether the function oscillates within a step: central differences then change with every halving.
    ///
    /// The slopes to the left and to the right show it as well, except where they are equal by symmetry.
    fn diagnose_oscillation(&self, tolerance: f64) -> Option<String> {
        const CHANGE: f64 = 0.1;
        let central = |halvings| {
            let [left, right] = self.one_sided(0.5f64.powi(halvings))?;
            Some(left.midpoint(right))
        };
        let [whole, half, quarter] = [central(0)?, central(1)?, central(2)?];
        let changes = |a: f64, b: f64, halvings: i32| {
            let least = (CHANGE * a.abs().max(b.abs())).max(tolerance);
            (a - b).abs() > least.max(self.noise / self.step * 2f64.powi(halvings))
        };
        (changes(whole, half, 1) && changes(half, quarter, 2)).then(|| {
            format!(
                "difference quotients do not settle, {whole:.3e}, {half:.3e} and {quarter:.3e} over {:.1e}, its \
                 half and its quarter: the function varies strongly within that step; use a smaller eps",
                self.step
            )
        })
    }

    /// The value `steps` steps away, and the distance.
    fn at(&self, steps: f64) -> Option<(f64, f64)> {
        let (outputs, distance) =
            self.differences.perturbed(self.input, &self.direction, steps * self.step).ok()?;
        Some((*self.rows.project(outputs.get(self.output)?).get(self.row)?, distance))
    }

    /// The slopes over `steps` steps to the left and to the right.
    fn one_sided(&self, steps: f64) -> Option<[f64; 2]> {
        let here = (self.value, 0.0);
        Some([slope(self.at(-steps)?, here), slope(self.at(steps)?, here)])
    }

    /// The slopes over the second and the third step on the side of `sign`.
    fn beyond(&self, sign: f64) -> Option<[f64; 2]> {
        let (one, two, three) = (self.at(sign)?, self.at(2.0 * sign)?, self.at(3.0 * sign)?);
        Some([slope(one, two), slope(two, three)])
    }

    /// Whether two slopes differ by more than noise and one percent of `scale`.
    fn differ(&self, a: f64, b: f64, scale: f64) -> bool {
        (a - b).abs() > (1e-2 * scale).max(self.noise / self.step)
    }
}

/// The slope between two points (value, position).
fn slope((a, x): (f64, f64), (b, y): (f64, f64)) -> f64 {
    (a - b) / (x - y)
}
