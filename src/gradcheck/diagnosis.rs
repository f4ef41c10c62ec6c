//! What a wrong Jacobian looks like.

use super::judge::Sides;
use super::names::Names;
use super::numerical::Sampler;
use super::probe::Probe;
use super::report::{Entry, Matrix, largest};

/// A Jacobian that does not hold.
pub(super) struct Suspect<'a> {
    pub(super) numerical: &'a Matrix,
    pub(super) sides: &'a Sides<'a>,
}

impl Suspect<'_> {
    fn analytical(&self) -> &Matrix {
        &self.sides.analytical
    }

    /// Whether the analytical side is f(numerical side).
    fn is(&self, f: impl Fn(f64) -> f64) -> bool {
        let mapped: Vec<f64> = self.numerical.data.iter().map(|&n| f(n)).collect();
        self.sides.tolerance.agree(&self.analytical().data, &mapped)
    }

    /// The sums over the rows of a side: what an upstream gradient of ones gives.
    fn column_sums(matrix: &Matrix) -> Vec<f64> {
        (0..matrix.columns)
            .map(|column| (0..matrix.rows).filter_map(|row| matrix.get(row, column)).sum())
            .collect()
    }
}

/// The mistake that the two sides look like, if they look like a common one.
pub(super) fn pattern(suspect: &Suspect, names: &Names) -> Option<String> {
    let Suspect { numerical, sides } = suspect;
    if suspect.is(|_| 0.0) {
        return Some("the gradient is zero everywhere".into());
    }
    if suspect.is(|n| -n) {
        return Some("the sign is wrong".into());
    }
    for (other, jacobian) in sides.numerical.iter().enumerate() {
        if other != sides.input && sides.tolerance.agree(&sides.analytical.data, &jacobian.data) {
            return Some(format!("this is the gradient of {}: operands swapped", names.input(other)));
        }
    }
    // The factor and the constant are read off the largest entry and must then hold for all.
    let largest = (0..numerical.data.len())
        .max_by(|&a, &b| numerical.data[a].abs().total_cmp(&numerical.data[b].abs()))?;
    let (n, a) = (numerical.data[largest], sides.analytical.data[largest]);
    if numerical.data.len() > 1 && suspect.is(|value| value + (a - n)) {
        return Some(format!("every entry is off by {:.6}", a - n));
    }
    if suspect.is(|value| value * (a / n)) {
        return Some(format!("off by a factor of {:.6}", a / n));
    }
    let (by_ones, due) = (Suspect::column_sums(&sides.analytical), Suspect::column_sums(numerical));
    (numerical.rows > 1 && sides.tolerance.agree(&by_ones, &due)).then(|| {
        "it is right for an upstream gradient of ones only: is grad_res used element by element?".into()
    })
}

/// What keeps differences from being derivatives at the point, if those from the left and from the right disagree.
///
/// `entry` is number (`row`, `column`) of its Jacobian. Where the slopes beyond one step do not change, what lies between
/// is a kink: the step is halved until the two sides agree, and that far away, at most, the function bends.
pub(super) fn bend(sampler: &Sampler, entry: &Entry, (row, column): (usize, usize)) -> Option<String> {
    const MOST: i32 = 12;
    let columns = sampler.inputs.get(entry.input)?.values.len();
    let direction = Probe::Each(columns).vector(column);
    let eps = sampler.step(entry.input, &direction);
    let here = (*sampler.values.get(entry.output)?.get(row)?, 0.0);
    let at = |steps: f64| {
        let (outputs, way) = sampler.moved(entry.input, &direction, steps * eps).ok()?;
        Some((*outputs.get(entry.output)?.get(row)?, way))
    };
    let slope = |(a, x): (f64, f64), (b, y): (f64, f64)| (a - b) / (x - y);
    let sides = |halvings: i32| {
        let steps = 0.5f64.powi(halvings);
        Some((slope(at(-steps)?, here), slope(at(steps)?, here)))
    };
    let noise = sampler.noise(here.0.abs()) / eps;
    let differ = |a: f64, b: f64, scale: f64| (a - b).abs() > (1e-2 * scale).max(noise);
    let disagree = |(left, right): (f64, f64)| {
        let scale = left.abs().max(right.abs());
        scale > entry.tolerance && differ(left, right, scale)
    };
    let (left, right) = sides(0)?;
    if !disagree((left, right)) {
        return None;
    }
    // Curvature makes the two sides differ as well, but in proportion to the step.
    let share = |halvings| sides(halvings).map(|(l, r)| (l - r) / (left - right));
    if (share(1)? - 0.5).abs() < 0.1 && (share(2)? - 0.25).abs() < 0.1 {
        return None;
    }
    let beyond = |side: f64| {
        let (one, two, three) = (at(side)?, at(2.0 * side)?, at(3.0 * side)?);
        Some([slope(one, two), slope(two, three)])
    };
    let slopes = [beyond(-1.0)?, beyond(1.0)?];
    let steepest = largest(slopes.into_iter().flatten());
    if !slopes.iter().all(|[near, far]| steepest.is_finite() && !differ(*near, *far, steepest)) {
        // Over a much wider step curvature shows more, and rounding less.
        let (left, right) = sides(-8)?;
        let scale = left.abs().max(right.abs());
        return Some(if scale > entry.tolerance && !differ(left, right, scale) {
            format!("differences over {eps:.1e} are mostly rounding noise: use a larger eps")
        } else {
            format!("the function curves strongly within {eps:.1e}: use a smaller eps")
        });
    }
    let near = match (1..=MOST).find(|&k| !sides(k).is_some_and(disagree)) {
        Some(k) => format!("within {:.1e} of", eps * 0.5f64.powi(k - 1)),
        None => format!("at (nearer than {:.1e} to)", eps * 0.5f64.powi(MOST)),
    };
    Some(format!(
        "the point seems to lie {near} one where the function is not differentiable: differences over {eps:.1e} are \
         {left:.6e} to the left and {right:.6e} to the right"
    ))
}
