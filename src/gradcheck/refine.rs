//! Other steps for entries that disagree.
//!
//! No single step suits every function: close to a singularity the usual one is too wide, beside a large
//! constant it is lost to rounding.

use super::compare::{JacobianPair, Tolerance};
use super::jacobian::within;
use super::numerical::FiniteDifferences;
use super::probe::Probe;

/// Replaces numerical entries that disagree by those at another step, where two steps confirm the analytical
/// entry.
///
/// It stops at the first column in which no entry is confirmed: the derivative is wrong, and more steps cost
/// time.
pub(super) fn refine_step(differences: &FiniteDifferences, jacobians: &mut JacobianPair) {
    let (rows, columns) = (jacobians.numerical.rows, jacobians.numerical.columns);
    for column in 0..columns {
        let disagreeing: Vec<usize> =
            (0..rows).filter(|&row| !jacobians.entry((row, column)).agrees()).collect();
        if disagreeing.is_empty() {
            continue;
        }
        let direction = Probe::Basis(columns).vector(column);
        let ladder = StepLadder::sample(differences, jacobians.input, &direction);
        let mut confirmed = false;
        for row in disagreeing {
            let index = row * columns + column;
            let analytical = jacobians.analytical.data[index];
            let element = (jacobians.output, row);
            if let Some(value) = ladder.confirm(element, analytical, jacobians.tolerance) {
                jacobians.numerical.data[index] = value;
                confirmed = true;
            }
        }
        if !confirmed {
            return;
        }
    }
}

/// Central differences at steps of increasing width, `None` where the function fails.
struct StepLadder(Vec<Option<Vec<Vec<f64>>>>);

impl StepLadder {
    /// The central differences along `direction` at 1/256 to 256 times the usual step.
    fn sample(differences: &FiniteDifferences, input: usize, direction: &[f64]) -> Self {
        let scales = (-4..=4).map(|k| 4f64.powi(k));
        Self(scales.map(|scale| differences.central(input, direction, scale).ok()).collect())
    }

    /// A numerical derivative that confirms `analytical`: those at two neighbouring steps must agree with it.
    ///
    /// A derivative that is zero within atol cannot be confirmed, since a difference quotient also vanishes
    /// if the step is lost to rounding or spans a bounded function.
    fn confirm(
        &self,
        (output, element): (usize, usize),
        analytical: f64,
        tolerance: Tolerance,
    ) -> Option<f64> {
        if within(analytical.abs(), tolerance.atol) || analytical.is_nan() {
            return None;
        }
        let value = |step: &Option<Vec<Vec<f64>>>| step.as_ref().map(|outputs| outputs[output][element]);
        let agrees = |value: f64| within((value - analytical).abs(), tolerance.at(value));
        self.0.windows(2).find_map(|steps| {
            let (narrow, wide) = (value(&steps[0])?, value(&steps[1])?);
            (agrees(narrow) && agrees(wide)).then_some(narrow)
        })
    }
}
