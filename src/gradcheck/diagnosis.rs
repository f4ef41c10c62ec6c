//! What a wrong Jacobian looks like.

use super::judge::Sides;
use super::numerical::Sampler;
use super::report::{Entry, Matrix};

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

    /// Row and column of `entry`, one of `entries`, in the Jacobian.
    pub(super) fn column_of(&self, entry: &Entry, entries: &[Entry]) -> (usize, usize) {
        let at = entries.iter().position(|e| e == entry).unwrap_or(0);
        (at / self.numerical.columns.max(1), at % self.numerical.columns.max(1))
    }
}

/// The mistake that the two sides look like, if they look like a common one.
pub(super) fn pattern(suspect: &Suspect) -> Option<String> {
    let Suspect { numerical, sides } = suspect;
    if !numerical.largest().is_finite() {
        return Some(
            "the differences are not finite: is the function defined at the inputs and around them?".into(),
        );
    }
    if suspect.is(|_| 0.0) {
        return Some("the gradient is zero everywhere".into());
    }
    if suspect.is(|n| -n) {
        return Some("the sign is wrong".into());
    }
    for (other, jacobian) in sides.numerical.iter().enumerate() {
        if other != sides.input && sides.tolerance.agree(&sides.analytical.data, &jacobian.data) {
            return Some(format!("this is the gradient of input {other}: operands swapped"));
        }
    }
    // The factor and the constant are read off the largest entry and must then hold for all.
    let largest = (0..numerical.data.len())
        .max_by(|&a, &b| numerical.data[a].abs().total_cmp(&numerical.data[b].abs()))?;
    let (n, a) = (numerical.data[largest], sides.analytical.data[largest]);
    if numerical.data.len() > 1 && suspect.is(|n| n + (a - numerical.data[largest])) {
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

/// How near to a kink the point is, if differences from the left and from the right disagree.
///
/// The step is halved until the two sides agree; that far away, at most, the function bends.
pub(super) fn kink(
    sampler: &Sampler,
    entry: &Entry,
    (row, column): (usize, usize),
    eps: f64,
) -> Option<String> {
    let here = *sampler.here().ok()?.get(entry.output)?.get(row)?;
    let direction: Vec<f64> = {
        let columns = sampler.inputs.get(entry.input)?.values.len();
        (0..columns).map(|i| f64::from(u8::from(i == column))).collect()
    };
    let one_sided = |step: f64| {
        let (outputs, way) = sampler.moved(entry.input, &direction, step).ok()?;
        Some((outputs.get(entry.output)?.get(row)? - here) / way)
    };
    // Curvature makes the two sides differ by eps f'' as well; a kink makes them differ by much more.
    let bends = |step: f64| {
        let (left, right) = (one_sided(-step)?, one_sided(step)?);
        let scale = left.abs().max(right.abs());
        ((left - right).abs() > 1e-2 * scale && scale > entry.tolerance).then_some((left, right))
    };
    let (left, right) = bends(eps)?;
    let halvings = (1..=12).find(|&k| bends(eps * 0.5f64.powi(k)).is_none());
    let (near, quotients) = match halvings {
        Some(k) => (format!("within {:.1e} of", eps * 0.5f64.powi(k - 1)), (left, right)),
        None => (format!("at (nearer than {:.1e} to)", eps * 0.5f64.powi(12)), (left, right)),
    };
    let (left, right) = quotients;
    Some(format!(
        "the point seems to lie {near} one where the function is not differentiable: differences over {eps:.1e} are \
         {left:.6e} to the left and {right:.6e} to the right"
    ))
}
