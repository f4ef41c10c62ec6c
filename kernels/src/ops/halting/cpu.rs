//! The expected loss on slices.

use super::{ExpectedLoss, MOST_DEPTHS, Operands, PLAIN_SHARE, PriorTable};
use crate::ops::simd::SimdFloat;

/// The probabilities of stopping and of going on, and their logarithms.
#[derive(Clone, Copy)]
struct Hazard {
    stops: f64,
    goes_on: f64,
    log_stops: f64,
    log_goes_on: f64,
}

impl Hazard {
    /// That of the last depth.
    const CERTAIN: Self = Self { stops: 1., goes_on: 0., log_stops: 0., log_goes_on: f64::NEG_INFINITY };

    fn new(logit: f64) -> Self {
        // At most 1, whatever the logit is.
        let small = libm::exp(-logit.abs());
        let [stops, goes_on] = probabilities(logit, small);
        let log = libm::log1p(small);
        let [nearer, farther] = [-log, -log - logit.abs()];
        let [log_stops, log_goes_on] = if logit < 0. { [farther, nearer] } else { [nearer, farther] };
        Self { stops, goes_on, log_stops, log_goes_on }
    }
}

/// What the second pass over the depths of a row needs of each.
#[derive(Clone, Copy, Default)]
struct AtDepth {
    stops: f64,
    goes_on: f64,
    /// The probability times what stopping there costs: the error and the divergence.
    cost: f64,
}

/// The expected error, and the whole loss at the divergence's weight `divergence`: means over rows.
///
/// The gradients are those of the loss. Without a weight the gate is not trained and its gradients are 0, and the
/// plain mean over depths has its share in the loss.
pub(crate) fn expected_loss<T: SimdFloat>(
    loss: ExpectedLoss,
    divergence: Option<f64>,
    operands: Operands<&[T]>,
    outputs_grad: &mut [T],
    gate_grad: &mut [T],
) -> [f64; 2] {
    let ExpectedLoss { depths, targets, prior } = loss;
    let Operands { outputs, gate, bias, target } = operands;
    let PriorTable { logits, logarithms } = prior.of(depths);
    let rows = target.len() / targets;
    let (per_row, beta) = (1. / rows as f64, divergence.unwrap_or(0.));
    let plain = if divergence.is_some() { 0. } else { PLAIN_SHARE / depths as f64 };
    let mut at = [AtDepth::default(); MOST_DEPTHS];
    let mut sums = [0., 0.];
    for (row, target) in target.chunks_exact(targets).enumerate() {
        let (mut going_on, mut log_going_on) = (1., 0.);
        for depth in 0..depths {
            let hazard = if depth + 1 == depths {
                Hazard::CERTAIN
            } else {
                let of_row = gate.map_or(0., |gate| gate[row * (depths - 1) + depth].to_f64());
                Hazard::new(logits[depth] + bias[depth].to_f64() + of_row)
            };
            let probability = going_on * hazard.stops;
            let start = (row * depths + depth) * targets;
            let weight = (probability + plain) * 2. * per_row / targets as f64;
            let mut squares = 0.;
            for ((grad, &y), &t) in
                outputs_grad[start..][..targets].iter_mut().zip(&outputs[start..]).zip(target)
            {
                let difference = (y - t).to_f64();
                squares += difference * difference;
                *grad = T::from_f64(weight * difference);
            }
            let error = squares / targets as f64;
            let log_ratio = log_going_on + hazard.log_stops - logarithms[depth];
            // A depth that is never the last costs nothing, however far its logarithm is.
            let cost = if probability == 0. { 0. } else { probability * (error + beta * log_ratio) };
            at[depth] = AtDepth { stops: hazard.stops, goes_on: hazard.goes_on, cost };
            sums[0] += probability * error;
            sums[1] += cost + plain * error;
            going_on *= hazard.goes_on;
            log_going_on += hazard.log_goes_on;
        }
        let mut later = at[depths - 1].cost;
        for depth in (0..depths - 1).rev() {
            let AtDepth { stops, goes_on, cost } = at[depth];
            let grad = if divergence.is_some() { (goes_on * cost - stops * later) * per_row } else { 0. };
            gate_grad[row * (depths - 1) + depth] = T::from_f64(grad);
            later += cost;
        }
    }
    sums.map(|sum| sum * per_row)
}

/// The probabilities of stopping and of going on where that of stopping has this logit.
pub fn hazard(logit: f64) -> [f64; 2] {
    probabilities(logit, libm::exp(-logit.abs()))
}

/// The same, where e^-|logit| is `small`.
fn probabilities(logit: f64, small: f64) -> [f64; 2] {
    let [nearer, farther] = [1. / (1. + small), small / (1. + small)];
    if logit < 0. { [farther, nearer] } else { [nearer, farther] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_of_extreme_logits_are_distributions() {
        for logit in [0., -1., 40., -40., 800., -800., f64::MAX, -f64::MAX] {
            let Hazard { stops, goes_on, log_stops, log_goes_on } = Hazard::new(logit);
            assert!((stops + goes_on - 1.).abs() <= 1e-15, "{logit}: {stops} and {goes_on}");
            for (probability, logarithm) in [(stops, log_stops), (goes_on, log_goes_on)] {
                assert!(logarithm.is_finite() && logarithm <= 0., "{logit}: {logarithm}");
                // Below the smallest normal number digits are lost.
                assert!((logarithm.exp() - probability).abs() <= 1e-13 * probability + 1e-300, "{logit}");
            }
        }
        assert!((hazard(f64::ln(3.))[0] - 0.75).abs() <= 1e-15);
    }
}
