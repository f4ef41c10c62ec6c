//! The depths that training is made at.

use serde::{Deserialize, Serialize};

/// How the depth of a training step is chosen among those of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Depths {
    /// It is drawn, each depth with the same probability.
    #[default]
    Uniform,
    /// It is drawn, and the excess over the least depth is of a Poisson distribution whose mean is log-normal
    /// with a standard deviation of its logarithm of 1/2; drawn again while it is above the largest depth.
    /// The mean before that is the middle of the depths, so shallow ones are more frequent, and deep ones are
    /// not rare. (Geiping and others, "Scaling up Test-Time Compute with Latent Reasoning", 2025.)
    Poisson,
    /// All of them in each step, which minimises the mean of their losses, or a weighted one
    /// ([`TrainConfig::depth_weights`](super::TrainConfig::depth_weights)). With equal weights it is what
    /// drawing them estimates, without the variance of the draw and at the cost of the deepest step.
    All,
}
