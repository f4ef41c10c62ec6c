//! Prior distributions over depths.

use serde::{Deserialize, Serialize};

use super::MOST_DEPTHS;

/// A distribution over the depths of a network that learned ones begin with and are drawn to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Prior {
    /// All depths are as probable.
    #[default]
    Uniform,
    /// Each depth is four fifths as probable as the one before: the geometric distribution of stopping with
    /// the probability 1/5, cut off at the last depth and divided by its sum up to there.
    Geometric,
}

/// A prior for some number of depths; behind the last there are zeros.
#[derive(Debug, Clone, Copy, PartialEq)]
// As a kernel reads it.
#[repr(C)]
#[doc(hidden)]
pub struct PriorTable {
    /// Of the probability of stopping at each depth but the last, given that it has not stopped before.
    pub logits: [f64; MOST_DEPTHS],
    /// Of the probability of each depth.
    pub logarithms: [f64; MOST_DEPTHS],
}

impl Prior {
    /// Its name in a configuration: `uniform` or `geometric`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Geometric => "geometric",
        }
    }

    /// The distribution over `depths` depths, from 1 to [`MOST_DEPTHS`].
    #[doc(hidden)]
    pub fn of(self, depths: usize) -> PriorTable {
        let ratio: f64 = match self {
            Self::Uniform => 1.,
            Self::Geometric => 0.8,
        };
        let mut prior = PriorTable { logits: [0.; MOST_DEPTHS], logarithms: [0.; MOST_DEPTHS] };
        // The sums of the last terms of the series, the last one being 1.
        let (mut later, mut term) = (0., 1.);
        for depth in (0..depths).rev() {
            prior.logarithms[depth] = libm::log(term);
            if depth + 1 < depths {
                prior.logits[depth] = libm::log(term / later);
            }
            later += term;
            term /= ratio;
        }
        for logarithm in &mut prior.logarithms[..depths] {
            *logarithm -= libm::log(later);
        }
        prior
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The probabilities of stopping of the geometric one for 8 depths are those of `PonderNet`'s prior where
    /// it is divided by its sum.
    #[test]
    fn priors_are_distributions() {
        for kind in [Prior::Uniform, Prior::Geometric] {
            for depths in 1..=MOST_DEPTHS {
                let PriorTable { logits, logarithms } = kind.of(depths);
                let sum: f64 = logarithms[..depths].iter().map(|l| l.exp()).sum();
                assert!((sum - 1.).abs() <= 1e-13, "{kind:?} of {depths}: {sum}");
                let mut going_on = 1.;
                for depth in 0..depths - 1 {
                    let stops = 1. / (1. + (-logits[depth]).exp());
                    let difference = (going_on * stops).ln() - logarithms[depth];
                    assert!(difference.abs() <= 1e-12, "{kind:?} of {depths}: {difference}");
                    going_on *= 1. - stops;
                }
            }
        }
        let logits = Prior::Geometric.of(8).logits;
        for (logit, expected) in logits.iter().zip([0.240, 0.253, 0.271, 0.297, 0.339, 0.410, 0.556]) {
            assert!((1. / (1. + (-logit).exp()) - expected).abs() <= 6e-4, "{logits:?}");
        }
    }
}
