//! What every backward pass must satisfy as a function of the upstream gradient: zero for zero, linearity,
//! accumulation.

use candle_core::DType;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::analytical::InputGradient;
use super::failure::Failure;
use super::jacobian::{max_abs, max_difference};
use super::probe::random_vector;
use super::subject::Subject;

/// The random stream of the upstream gradients, which differs from that of the projections.
const STREAM: u64 = 1;

/// The coefficients of the linear combination: powers of two, so that scaling does not round.
const A: f64 = 0.5;
const B: f64 = -2.0;

/// The factor between a random upstream gradient and one large enough to reveal clipping, again a power of
/// two.
const LARGE: f64 = 1_048_576.0;
/// The same for f16, whose largest number is 65,504.
const LARGE_F16: f64 = 16.0;

/// The properties that the backward pass of output number `output` violates, at most one per input.
pub(super) fn violations(subject: &Subject, output: usize) -> Vec<Failure> {
    let mut rng = ChaCha8Rng::seed_from_u64(subject.settings.seed);
    rng.set_stream(STREAM);
    let y = &subject.graph.outputs[output];
    let n = y.elem_count();
    let (first, second) = (random_vector(n, &mut rng), random_vector(n, &mut rng));
    let mut weights: Vec<_> =
        subject.inputs.iter().map(|input| random_vector(input.values.len(), &mut rng)).collect();
    let large = if y.dtype() == DType::F16 { LARGE_F16 } else { LARGE };

    let mut run_passes = || {
        let backward = |upstream: &[f64], weights| subject.graph.backward(output, upstream, weights);
        let zero = backward(&vec![0.0; n], None)?;
        let first_alone = backward(&first, None)?;
        let second_alone = backward(&second, None)?;
        let sum = backward(&combined(&first, &second, (A, B)), None)?;
        let large = backward(&combined(&first, &second, (large, 0.0)), None)?;
        // A small contribution would be lost to rounding beside a large gradient, and its loss would go
        // unnoticed.
        for (weights, gradient) in weights.iter_mut().zip(&first_alone) {
            let scale = max_abs(gradient.values().into_iter().flatten().copied()).max(1.0);
            *weights = weights.iter().map(|weight| weight * scale).collect();
        }
        let two_uses = backward(&first, Some(weights.as_slice()))?;
        Ok(Passes { zero, first: first_alone, second: second_alone, sum, large, two_uses })
    };
    let passes = match run_passes() {
        Ok(passes) => passes,
        Err(failure) => return vec![failure],
    };
    (0..subject.inputs.len())
        .filter(|&input| subject.inputs[input].is_differentiated())
        .filter_map(|input| passes.violation(subject, (output, input), &weights[input], large))
        .collect()
}

/// a first + b second.
fn combined(first: &[f64], second: &[f64], (a, b): (f64, f64)) -> Vec<f64> {
    first.iter().zip(second).map(|(first, second)| a * first + b * second).collect()
}

/// The gradients of all inputs in every pass.
struct Passes {
    /// For an upstream gradient of zeros.
    zero: Vec<InputGradient>,
    first: Vec<InputGradient>,
    second: Vec<InputGradient>,
    /// For A first + B second.
    sum: Vec<InputGradient>,
    /// For a large multiple of the first.
    large: Vec<InputGradient>,
    /// For the first, with a second use of the inputs.
    two_uses: Vec<InputGradient>,
}

impl Passes {
    /// The first property that the gradients of one input violate.
    fn violation(
        &self,
        subject: &Subject,
        (output, input): (usize, usize),
        weights: &[f64],
        large: f64,
    ) -> Option<Failure> {
        let dtype = subject.inputs[input].tensor.dtype();
        let deviation = |sum: &[f64], x, y| subject.tolerance.deviation_from_linear(sum, x, y, dtype);
        let first = self.first[input].values()?;
        let zeros = vec![0.0; first.len()];
        let for_zero = self.zero[input].values().unwrap_or(&zeros);
        let gradient = max_difference(for_zero, &zeros);
        if gradient != 0.0 {
            return Some(if for_zero == first {
                Failure::UpstreamIgnored { output, input }
            } else {
                Failure::ZeroUpstream { output, input, gradient }
            });
        }
        let second = self.second[input].values()?;
        if let Some(difference) = deviation(self.sum[input].values()?, (A, first), (B, second)) {
            return Some(Failure::NotLinear { output, input, difference });
        }
        // A backward pass is not to blame for a gradient that overflows.
        let scaled = self.large[input].values().filter(|scaled| scaled.iter().all(|g| g.is_finite()));
        let clipped = scaled.and_then(|scaled| deviation(scaled, (large, first), (0.0, second)));
        if let Some(difference) = clipped {
            return Some(Failure::NotLinear { output, input, difference });
        }
        let two_uses = self.two_uses[input].values().unwrap_or(&zeros);
        let difference = deviation(two_uses, (1.0, first), (1.0, weights))?;
        Some(Failure::Overwritten { output, input, difference })
    }
}
