//! What every backward owes to the upstream gradient: zero for zero, linearity, accumulation.

use candle_core::DType;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::Failure;
use super::analytical::Arrived;
use super::check::{Check, apart};
use super::point::Role;
use super::probe::random;
use super::report::largest;

/// Draws the upstream gradients from another stream than the projections.
const STREAM: u64 = 1;

/// What the backward of output number `output` owes.
pub(super) fn examine(check: &Check, output: usize) -> Vec<Failure> {
    let mut rng = ChaCha8Rng::seed_from_u64(check.settings.seed);
    rng.set_stream(STREAM);
    let y = &check.graph.outputs[output];
    let n = y.elem_count();
    let (first, second) = (random(n, &mut rng), random(n, &mut rng));
    let mut weights: Vec<_> = check.inputs.iter().map(|input| random(input.values.len(), &mut rng)).collect();
    let large = if y.dtype() == DType::F16 { LARGE_F16 } else { LARGE };

    let mut all = || {
        let backward = |upstream: &[f64], weights| check.graph.backward(output, upstream, weights);
        let zero = backward(&vec![0.0; n], None)?;
        let first_alone = backward(&first, None)?;
        let second_alone = backward(&second, None)?;
        let both = backward(&combined(&first, &second, (A, B)), None)?;
        let large = backward(&combined(&first, &second, (large, 0.0)), None)?;
        // Beside a large gradient a small one is lost to rounding, and nobody sees it overwritten.
        for (weights, arrived) in weights.iter_mut().zip(&first_alone) {
            let scale = largest(arrived.values().into_iter().flatten().copied()).max(1.0);
            *weights = weights.iter().map(|weight| weight * scale).collect();
        }
        let twice = backward(&first, Some(weights.as_slice()))?;
        Ok(Passes { zero, first: first_alone, second: second_alone, sum: both, large, twice })
    };
    let passes = match all() {
        Ok(passes) => passes,
        Err(failure) => return vec![failure],
    };
    (0..check.inputs.len())
        .filter(|&input| check.inputs[input].role == Role::Differentiated)
        .filter_map(|input| passes.examine(check, (output, input), &weights[input], large))
        .collect()
}

/// The coefficients of the linear combination: powers of two, which round nothing.
const A: f64 = 0.5;
const B: f64 = -2.0;

/// How much larger than a random upstream gradient one is that shows clipping, again a power of two.
const LARGE: f64 = 1_048_576.0;
/// The same where the largest number is 65,504.
const LARGE_F16: f64 = 16.0;

/// a first + b second.
fn combined(first: &[f64], second: &[f64], (a, b): (f64, f64)) -> Vec<f64> {
    first.iter().zip(second).map(|(first, second)| a * first + b * second).collect()
}

/// What arrived in every pass, by input.
struct Passes {
    zero: Vec<Arrived>,
    first: Vec<Arrived>,
    second: Vec<Arrived>,
    sum: Vec<Arrived>,
    large: Vec<Arrived>,
    twice: Vec<Arrived>,
}

impl Passes {
    /// The first debt that is not paid to one input.
    fn examine(
        &self,
        check: &Check,
        (output, input): (usize, usize),
        weights: &[f64],
        large: f64,
    ) -> Option<Failure> {
        let dtype = check.inputs[input].tensor.dtype();
        let differs = |sum: &[f64], x, y| check.tolerance.differ_from_sum(sum, x, y, dtype);
        let first = self.first[input].values()?;
        let nothing = vec![0.0; first.len()];
        let zero = self.zero[input].values().unwrap_or(&nothing);
        let gradient = apart(zero, &nothing);
        if gradient != 0.0 {
            let ignored = zero == first;
            let constant = Failure::ZeroUpstream { output, input, gradient };
            return Some(if ignored { Failure::UpstreamIgnored { output, input } } else { constant });
        }
        let second = self.second[input].values()?;
        let linear = |difference| Failure::NotLinear { output, input, difference };
        if let Some(difference) = differs(self.sum[input].values()?, (A, first), (B, second)) {
            return Some(linear(difference));
        }
        // That a gradient overflows is no fault of its backward.
        let scaled = self.large[input].values().filter(|scaled| scaled.iter().all(|g| g.is_finite()));
        let clipped = scaled.and_then(|scaled| differs(scaled, (large, first), (0.0, second)));
        if let Some(difference) = clipped {
            return Some(linear(difference));
        }
        let twice = self.twice[input].values().unwrap_or(&nothing);
        let difference = differs(twice, (1.0, first), (1.0, weights))?;
        Some(Failure::Overwritten { output, input, difference })
    }
}
