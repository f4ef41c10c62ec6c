//! What every backward owes to the upstream gradient: zero for zero, linearity, accumulation.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::Failure;
use super::analytical::Arrived;
use super::check::{Check, apart};
use super::point::Role;
use super::probe::random;

/// Draws the upstream gradients from another stream than the projections.
const STREAM: u64 = 1;

/// What the backward of output number `output` owes.
pub(super) fn examine(check: &Check, output: usize) -> Vec<Failure> {
    let mut rng = ChaCha8Rng::seed_from_u64(check.settings.seed);
    rng.set_stream(STREAM);
    let n = check.graph.outputs[output].elem_count();
    let (first, second) = (random(n, &mut rng), random(n, &mut rng));
    let weights: Vec<_> = check.inputs.iter().map(|input| random(input.values.len(), &mut rng)).collect();
    let sum: Vec<f64> = first.iter().zip(&second).map(|(a, b)| A * a + B * b).collect();

    let backward = |upstream: &[f64], weights| check.graph.backward(output, upstream, weights);
    let all = || {
        let zero = backward(&vec![0.0; n], None)?;
        let first_alone = backward(&first, None)?;
        let second_alone = backward(&second, None)?;
        let both = backward(&sum, None)?;
        let twice = backward(&first, Some(weights.as_slice()))?;
        Ok(Passes { zero, first: first_alone, second: second_alone, sum: both, twice })
    };
    match all() {
        Ok(passes) => (0..check.inputs.len())
            .filter(|&input| check.inputs[input].role == Role::Differentiated)
            .filter_map(|input| passes.examine(check, (output, input), &weights[input]))
            .collect(),
        Err(failure) => vec![failure],
    }
}

/// The coefficients of the linear combination: powers of two, which round nothing.
const A: f64 = 0.5;
const B: f64 = -2.0;

/// What arrived in every pass, by input.
struct Passes {
    zero: Vec<Arrived>,
    first: Vec<Arrived>,
    second: Vec<Arrived>,
    sum: Vec<Arrived>,
    twice: Vec<Arrived>,
}

impl Passes {
    /// The first debt that is not paid to one input.
    fn examine(&self, check: &Check, (output, input): (usize, usize), weights: &[f64]) -> Option<Failure> {
        let first = self.first[input].values()?;
        let nothing = vec![0.0; first.len()];
        let zero = self.zero[input].values().unwrap_or(&nothing);
        let gradient = apart(zero, &nothing);
        if gradient != 0.0 {
            let ignored = zero == first;
            let constant = Failure::ZeroUpstream { output, input, gradient };
            return Some(if ignored { Failure::UpstreamIgnored { output, input } } else { constant });
        }
        let due: Vec<f64> =
            first.iter().zip(self.second[input].values()?).map(|(a, b)| A * a + B * b).collect();
        let sum = self.sum[input].values()?;
        if !check.tolerance.agree(sum, &due) {
            return Some(Failure::NotLinear { output, input, difference: apart(sum, &due) });
        }
        let due: Vec<f64> = first.iter().zip(weights).map(|(g, w)| g + w).collect();
        let twice = self.twice[input].values().unwrap_or(&nothing);
        let difference = apart(twice, &due);
        (!check.tolerance.agree(twice, &due)).then_some(Failure::Overwritten { output, input, difference })
    }
}
