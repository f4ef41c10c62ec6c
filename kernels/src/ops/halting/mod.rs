//! Learned depths: the probability of stopping after each application of a layer, and the expected loss.
//!
//! After depth d = 1 .. D a row stops with some probability if it has not stopped before, and after the last
//! one for certain:
//!
//! ```text
//! lambda_d = sigmoid(z_d)
//! p_d = lambda_d (1 - lambda_1) ... (1 - lambda_(d-1))
//! z_d = prior's logit + bias_d + gate_d       a bias for all rows, and of a row its own gate
//! ```
//!
//! Training minimises, for each row of outputs `y_d` and targets y, both of T numbers,
//!
//! ```text
//! sum_d p_d |y - y_d|^2 / T + beta KL(p || prior)
//! ```
//!
//! the squared error that is expected over the depths at which the row stops, and the divergence of their
//! distribution from a prior. With beta = 2 s^2 / T for residuals of variance s^2 in each target, this is,
//! up to a factor, the negative evidence lower bound of a Gaussian model in which the depth is latent. Where the
//! gate is not trained yet, p is a constant, there is no divergence, and a share of the plain mean over depths,
//! `1/4 mean_d |y - y_d|^2 / T`, trains those depths that the prior makes rare. It ends there: to make all depths
//! predict all rows is what rows with depths of their own are meant to be spared.
//! (`PonderNet`, Banino and others, 2021; implementations of it often have the divergence the wrong way round,
//! or that from a prior whose sum is not 1.) Where the bias and the gate are 0, p is the prior.

pub(super) mod cpu;
#[cfg(feature = "cuda")]
pub(super) mod cuda;
mod prior;

pub use prior::{Prior, PriorTable};

/// The most depths of a network that learns them; as in `halting.cu`.
pub const MOST_DEPTHS: usize = 64;

/// The weight of the plain mean over depths where the gate is not trained; as in `halting.cu`.
#[doc(hidden)]
pub const PLAIN_SHARE: f64 = 0.25;

/// The shape of an expected loss, and its prior.
#[derive(Debug, Clone, Copy, PartialEq)]
#[doc(hidden)]
pub struct ExpectedLoss {
    /// The depths D, from 2 to [`MOST_DEPTHS`].
    pub depths: usize,
    /// The targets T of a row.
    pub targets: usize,
    /// The distribution that the divergence is from.
    pub prior: Prior,
}

impl ExpectedLoss {
    /// The floating-point operations for each row, with those of the gradient.
    pub fn flops(self) -> usize {
        // A difference, its square, their sum and the gradient; an exponential, a logarithm, and some twenty
        // sums and products for the probability, the divergence and the gradient.
        self.depths * (4 * self.targets + 22)
    }
}

/// What an expected loss is computed from.
#[derive(Debug, Clone, Copy, PartialEq)]
#[doc(hidden)]
pub struct Operands<B> {
    /// (rows, depths, targets).
    pub outputs: B,
    /// (rows, depths - 1), if rows have gates of their own.
    pub gate: Option<B>,
    /// (depths - 1).
    pub bias: B,
    /// (rows, targets).
    pub target: B,
}
