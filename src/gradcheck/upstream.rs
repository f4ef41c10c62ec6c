//! What every backward pass must satisfy as a function of the upstream gradient: zero for zero, linearity at
//! every magnitude, accumulation.

use candle_core::DType;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::analytical::{AnalyticalJacobian, InputGradient};
use super::failure::Failure;
use super::jacobian::{distance, max_abs, max_difference, within};
use super::probe::{Probe, random_vector};
use super::subject::Subject;

/// The random stream of the upstream gradients, which differs from that of the projections.
const STREAM: u64 = 1;

/// The coefficients of the linear combination: powers of two, so that scaling does not round.
const A: f64 = 0.5;
const B: f64 = -2.0;

/// The powers of two by which a random upstream gradient is scaled, with either sign: some backward passes
/// flush what is small, others clip what is large.
const EXPONENTS: [i32; 6] = [-20, -10, -4, 10, 20, 40];
/// The same where numbers are f16, whose largest is 65,504 and whose smallest with full precision is 2^-14.
const EXPONENTS_F16: [i32; 4] = [-6, -3, 2, 4];

/// A random upstream gradient of an output, and the gradient that it gives each input.
pub(super) struct Reference {
    pub(super) upstream: Vec<f64>,
    pub(super) gradients: Vec<InputGradient>,
}

/// The properties that the backward pass of output number `output` violates, at most one per input, and a
/// pass for comparison, if it did not fail.
///
/// `jacobians` are those by backward passes along `rows`.
pub(super) fn violations(
    subject: &Subject,
    output: usize,
    rows: &Probe,
    jacobians: &[AnalyticalJacobian],
) -> (Vec<Failure>, Option<Reference>) {
    let mut rng = ChaCha8Rng::seed_from_u64(subject.settings.seed);
    rng.set_stream(STREAM);
    let n = subject.graph.outputs[output].elem_count();
    let (first, second) = (random_vector(n, &mut rng), random_vector(n, &mut rng));
    let weights = subject.inputs.iter().map(|input| random_vector(input.values.len(), &mut rng)).collect();
    let passes = match Passes::run(subject, output, (&first, &second), weights) {
        Ok(passes) => passes,
        Err(failure) => return (vec![failure], None),
    };
    let inputs = (0..subject.inputs.len()).filter(|&input| subject.inputs[input].is_differentiated());
    let failures = inputs.filter_map(|input| {
        let place = (output, input);
        passes.violation(subject, place).or_else(|| match rows {
            Probe::Basis(_) => passes.superposition(subject, place, &first, &jacobians[input]),
            Probe::Random(_) => None,
        })
    });
    (failures.collect(), Some(Reference { upstream: first, gradients: passes.first }))
}

/// a first + b second.
fn combined(first: &[f64], second: &[f64], (a, b): (f64, f64)) -> Vec<f64> {
    first.iter().zip(second).map(|(first, second)| a * first + b * second).collect()
}

/// The factors by which an upstream gradient is scaled.
fn scales(subject: &Subject, output: usize) -> impl Iterator<Item = f64> {
    let inputs = subject.inputs.iter().map(|input| input.tensor.dtype());
    let half = inputs.chain([subject.graph.outputs[output].dtype()]).any(|dtype| dtype == DType::F16);
    let exponents = if half { EXPONENTS_F16.as_slice() } else { &EXPONENTS };
    exponents.iter().flat_map(|&exponent| [2f64.powi(exponent), -(2f64.powi(exponent))])
}

/// The gradients of all inputs in every pass.
struct Passes {
    /// For an upstream gradient of zeros.
    zero: Vec<InputGradient>,
    first: Vec<InputGradient>,
    second: Vec<InputGradient>,
    /// For A first + B second.
    sum: Vec<InputGradient>,
    /// For multiples of the first, with their factors.
    scaled: Vec<(f64, Vec<InputGradient>)>,
    /// For the first, with a second use of the inputs.
    two_uses: Vec<InputGradient>,
    /// The gradients of that second use.
    weights: Vec<Vec<f64>>,
}

impl Passes {
    fn run(
        subject: &Subject,
        output: usize,
        (upstream, other): (&[f64], &[f64]),
        mut weights: Vec<Vec<f64>>,
    ) -> Result<Self, Failure> {
        let backward = |upstream: &[f64], weights| subject.graph.backward(output, upstream, weights);
        let zero = backward(&vec![0.0; upstream.len()], None)?;
        let first = backward(upstream, None)?;
        let second = backward(other, None)?;
        let sum = backward(&combined(upstream, other, (A, B)), None)?;
        let multiple = |scale| Ok((scale, backward(&combined(upstream, other, (scale, 0.0)), None)?));
        let scaled = scales(subject, output).map(multiple).collect::<Result<_, _>>()?;
        // A small contribution would be lost to rounding beside a large gradient, and its loss would go
        // unnoticed.
        for (weights, gradient) in weights.iter_mut().zip(&first) {
            let scale = max_abs(gradient.values().into_iter().flatten().copied()).max(1.0);
            *weights = weights.iter().map(|weight| weight * scale).collect();
        }
        let two_uses = backward(upstream, Some(weights.as_slice()))?;
        Ok(Self { zero, first, second, sum, scaled, two_uses, weights })
    }

    /// The first property that the gradients of one input violate.
    fn violation(&self, subject: &Subject, (output, input): (usize, usize)) -> Option<Failure> {
        let jitter = subject.settings.nondeterminism;
        let dtype = subject.inputs[input].tensor.dtype();
        // The deviation of a gradient in which the jitter of a single pass appears so many times.
        let deviation = |sum: &[f64], x, y, passes: f64| {
            subject.tolerance.loosened(jitter * passes).deviation_from_linear(sum, x, y, dtype)
        };
        let first = self.first[input].values()?;
        let zeros = vec![0.0; first.len()];
        let for_zero = self.zero[input].values().unwrap_or(&zeros);
        let gradient = max_difference(for_zero, &zeros);
        if !within(gradient, jitter) {
            return Some(if for_zero == first {
                Failure::UpstreamIgnored { output, input }
            } else {
                Failure::ZeroUpstream { output, input, gradient }
            });
        }
        let second = self.second[input].values()?;
        let sum = self.sum[input].values()?;
        if let Some(difference) = deviation(sum, (A, first), (B, second), 1.0 + A.abs() + B.abs()) {
            return Some(Failure::NotLinear { output, input, difference, scale: 1.0 });
        }
        for (scale, gradients) in &self.scaled {
            let unscaled: Vec<_> =
                gradients[input].values().unwrap_or(&zeros).iter().map(|g| g / scale).collect();
            // A backward pass is not to blame for a gradient that overflows, which none in f64 has reason to.
            let may_overflow = scale.abs() > 1.0 && dtype != DType::F64;
            if may_overflow && unscaled.iter().any(|g| !g.is_finite()) {
                continue;
            }
            let passes = 1.0 + scale.recip().abs();
            if let Some(difference) = deviation(&unscaled, (1.0, first), (0.0, first), passes) {
                return Some(Failure::NotLinear { output, input, difference, scale: *scale });
            }
        }
        let two_uses = self.two_uses[input].values().unwrap_or(&zeros);
        let difference = deviation(two_uses, (1.0, first), (1.0, &self.weights[input]), 2.0)?;
        Some(Failure::Overwritten { output, input, difference })
    }

    /// The failure of a gradient that is not the sum of the rows of its Jacobian, weighted by the upstream
    /// gradient.
    fn superposition(
        &self,
        subject: &Subject,
        (output, input): (usize, usize),
        upstream: &[f64],
        jacobian: &AnalyticalJacobian,
    ) -> Option<Failure> {
        let gradient = self.first[input].values()?;
        let weights: Vec<f64> = upstream.iter().map(|u| u.abs()).collect();
        let jitter = subject.settings.nondeterminism * (1.0 + weights.iter().sum::<f64>());
        let tolerance = subject.tolerance.loosened(jitter);
        let sums = jacobian.matrix.weighted_row_sum(upstream);
        let magnitudes = jacobian.matrix.map(f64::abs).weighted_row_sum(&weights);
        let deviations = gradient.iter().zip(&sums).map(|(&g, &sum)| distance(g, sum));
        let agree = deviations.clone().zip(&magnitudes).all(|(d, &m)| within(d, tolerance.at(m)));
        (!agree).then(|| Failure::NotLinear { output, input, difference: max_abs(deviations), scale: 1.0 })
    }
}
