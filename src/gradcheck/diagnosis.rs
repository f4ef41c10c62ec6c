//! Likely causes of a wrong derivative.

use super::compare::JacobianPair;
use super::jacobian::{Entry, Matrix, max_abs};
use super::numerical::FiniteDifferences;
use super::probe::Probe;
use super::wording::Names;

/// The common mistake that explains the difference between the two Jacobians, if one does.
///
/// `numerical` has the Jacobians of the same output with respect to every input.
pub(super) fn diagnose_mismatch(
    jacobians: &JacobianPair,
    numerical: &[Matrix],
    names: &Names,
) -> Option<String> {
    let (n, a) = (&jacobians.numerical, &jacobians.analytical);
    let agree = |expected: &[f64]| jacobians.tolerance.agree(&a.data, expected);
    let is = |f: &dyn Fn(f64) -> f64| agree(&n.data.iter().map(|&n| f(n)).collect::<Vec<_>>());
    if is(&|_| 0.0) {
        return Some("the gradient is zero everywhere".into());
    }
    if is(&|n| -n) {
        return Some("the sign is wrong".into());
    }
    for (other, matrix) in numerical.iter().enumerate() {
        if other != jacobians.input && agree(&matrix.data) {
            return Some(format!("this is the gradient of {}: operands swapped", names.input(other)));
        }
    }
    // The constant and the factor come from the largest entry and must then explain all others.
    let largest = (0..n.data.len()).max_by(|&i, &j| n.data[i].abs().total_cmp(&n.data[j].abs()))?;
    let (offset, factor) = (a.data[largest] - n.data[largest], a.data[largest] / n.data[largest]);
    if n.data.len() > 1 && is(&|n| n + offset) {
        return Some(format!("every entry is off by {offset:.6}"));
    }
    if is(&|n| n * factor) {
        return Some(format!("off by a factor of {factor:.6}"));
    }
    (n.rows > 1 && jacobians.tolerance.agree(&a.column_sums(), &n.column_sums())).then(|| {
        "it is right for an upstream gradient of ones only: is grad_res used element by element?".into()
    })
}

/// Why differences may not approximate the derivative of `entry`, if those to the left and to the right
/// disagree.
///
/// `entry` is at (`row`, `column`) of its Jacobian. If the slope is constant beyond one step on either side,
/// there is a kink in between: the step is halved until the two sides agree, which bounds the distance to the
/// kink.
pub(super) fn diagnose_kink(
    differences: &FiniteDifferences,
    entry: &Entry,
    (row, column): (usize, usize),
) -> Option<String> {
    const HALVINGS: i32 = 12;
    let line = Line::new(differences, entry, (row, column))?;
    let disagree = |[left, right]: [f64; 2]| {
        let scale = left.abs().max(right.abs());
        scale > entry.tolerance && line.differ(left, right, scale)
    };
    let halved = |halvings: i32| line.one_sided(0.5f64.powi(halvings));
    let [left, right] = halved(0)?;
    if !disagree([left, right]) {
        return None;
    }
    // Curvature makes the two sides differ as well, but in proportion to the step.
    let share = |halvings| halved(halvings).map(|[l, r]| (l - r) / (left - right));
    if (share(1)? - 0.5).abs() < 0.1 && (share(2)? - 0.25).abs() < 0.1 {
        return None;
    }
    let eps = line.step;
    let slopes = [line.beyond(-1.0)?, line.beyond(1.0)?];
    let steepest = max_abs(slopes.into_iter().flatten());
    let straight = |[near, far]: &[f64; 2]| steepest.is_finite() && !line.differ(*near, *far, steepest);
    if !slopes.iter().all(straight) {
        // Over a much wider step curvature shows more and rounding less.
        let [left, right] = halved(-8)?;
        let scale = left.abs().max(right.abs());
        return Some(if scale > entry.tolerance && !line.differ(left, right, scale) {
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

/// One element of an output as a function of one element of an input.
struct Line<'a> {
    differences: &'a FiniteDifferences<'a>,
    input: usize,
    direction: Vec<f64>,
    output: usize,
    element: usize,
    step: f64,
    /// The value at the inputs.
    value: f64,
    /// How much rounding may change a slope over one step.
    noise: f64,
}

impl<'a> Line<'a> {
    fn new(
        differences: &'a FiniteDifferences<'a>,
        entry: &Entry,
        (element, column): (usize, usize),
    ) -> Option<Self> {
        let Entry { output, input, .. } = *entry;
        let direction = Probe::Basis(differences.inputs.get(input)?.values.len()).vector(column);
        let step = differences.step(input, &direction);
        let value = *differences.outputs.get(output)?.get(element)?;
        let noise = differences.rounding_noise(value.abs()) / step;
        Some(Self { differences, input, direction, output, element, step, value, noise })
    }

    /// The value `steps` steps away, and the distance.
    fn at(&self, steps: f64) -> Option<(f64, f64)> {
        let (outputs, distance) =
            self.differences.perturbed(self.input, &self.direction, steps * self.step).ok()?;
        Some((*outputs.get(self.output)?.get(self.element)?, distance))
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
        (a - b).abs() > (1e-2 * scale).max(self.noise)
    }
}

/// The slope between two points (value, position).
fn slope((a, x): (f64, f64), (b, y): (f64, f64)) -> f64 {
    (a - b) / (x - y)
}
