//! Other steps for entries that disagree.
//!
//! No single step suits every function: close to a singularity the usual one is too wide, beside a large
//! constant it is lost to rounding.

use std::ops::RangeInclusive;

use super::compare::{JacobianPair, Tolerance};
use super::jacobian::within;
use super::numerical::FiniteDifferences;
use super::probe::Probe;

/// Replaces numerical entries that disagree by those at another step, where two steps confirm the analytical
/// entry.
///
/// The Jacobians were probed along `rows` and `columns`. It stops at the first column in which no entry is
/// confirmed: the derivative is wrong, and more steps cost time.
pub(super) fn refine_step(
    differences: &FiniteDifferences,
    jacobians: &mut JacobianPair,
    (rows, columns): (&Probe, &Probe),
) {
    let output = jacobians.output;
    for column in 0..jacobians.numerical.columns {
        let disagreeing: Vec<usize> =
            (0..jacobians.numerical.rows).filter(|&row| !jacobians.entry((row, column)).agrees()).collect();
        if disagreeing.is_empty() {
            continue;
        }
        let direction = columns.vector(column);
        // Closer to a pole or kink than eps a projection proves little: slow mode looks there.
        let narrowest = if jacobians.is_projected() { 0 } else { -8 };
        let powers = narrowest..=4;
        let ladder = StepLadder::sample(differences, (output, jacobians.input), (rows, &direction), powers);
        let mut confirmed = false;
        for row in disagreeing {
            let index = row * jacobians.numerical.columns + column;
            let analytical = jacobians.analytical.data[index];
            let noise = differences.rounding_noise(rows.magnitude(row, &differences.outputs[output]));
            if let Some(value) = ladder.confirm((row, noise), analytical, jacobians.tolerance) {
                jacobians.numerical.data[index] = value;
                confirmed = true;
            }
        }
        if !confirmed {
            return;
        }
    }
}

/// Central differences of one output, by row, at steps of increasing width.
struct StepLadder(Vec<Rung>);

struct Rung {
    step: f64,
    /// `None` where the function fails.
    values: Option<Vec<f64>>,
}

impl StepLadder {
    /// The central differences along `direction`, at powers of four of the usual step.
    fn sample(
        differences: &FiniteDifferences,
        (output, input): (usize, usize),
        (rows, direction): (&Probe, &[f64]),
        powers: RangeInclusive<i32>,
    ) -> Self {
        let usual = differences.step(input, direction);
        let rung = |power| {
            let scale = 4f64.powi(power);
            let outputs = differences.central(input, direction, scale).ok();
            Rung { step: scale * usual, values: outputs.map(|outputs| rows.project(&outputs[output])) }
        };
        Self(powers.map(rung).collect())
    }

    /// A numerical derivative that confirms `analytical`: those at two neighbouring steps must agree with it,
    /// where `noise` in the values of the output disturbs neither by more than the tolerance.
    ///
    /// A derivative that is zero within atol cannot be confirmed, since a difference quotient also vanishes
    /// if the step is lost to rounding or spans a bounded function.
    fn confirm(&self, (row, noise): (usize, f64), analytical: f64, tolerance: Tolerance) -> Option<f64> {
        if within(analytical.abs(), tolerance.atol) || analytical.is_nan() {
            return None;
        }
        let value = |rung: &Rung| {
            let value = *rung.values.as_ref()?.get(row)?;
            let agrees = within((value - analytical).abs(), tolerance.at(value));
            (agrees && within(noise / rung.step, tolerance.at(analytical))).then_some(value)
        };
        self.0.windows(2).find_map(|rungs| value(&rungs[0]).filter(|_| value(&rungs[1]).is_some()))
    }
}
