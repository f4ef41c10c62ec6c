//! What happens to gradients before an optimiser's update and to parameters after it: clipping, penalties and
//! averages.

mod cpu;
#[cfg(feature = "cuda")]
pub mod cuda;

#[cfg(feature = "cuda")]
use crate::ops::kernels::cuda::{Kernel, kernel};

pub(super) use cpu::{apply, sum_of_squares};

/// A pass over a gradient or a parameter x, elementwise, with another array y where it says so.
#[derive(Debug, Clone, Copy, PartialEq)]
#[doc(hidden)]
pub enum Pass {
    /// x <- x min(1, bound / (norm + 1e-6)), where the norm is the root of a sum of squares: that of all
    /// gradients together. PyTorch's equivalent is `torch.nn.utils.clip_grad_norm_`.
    ClipNorm(f64),
    /// x <- x, but from -bound to bound. PyTorch's equivalent is `torch.nn.utils.clip_grad_value_`.
    ClipValue(f64),
    /// x <- x + factor y.
    AddScaled(f64),
    /// x <- x nearer to 0 by the threshold, and 0 where it was nearer than that: the proximal step of an L1
    /// penalty. NaN stays NaN.
    Shrink(f64),
    /// x <- x + weight (y - x).
    Average(f64),
}

impl Pass {
    /// All passes, whatever their factors.
    pub const ALL: [Self; 5] =
        [Self::ClipNorm(0.), Self::ClipValue(0.), Self::AddScaled(0.), Self::Shrink(0.), Self::Average(0.)];

    /// The bound, threshold, factor or weight.
    pub fn factor(self) -> f64 {
        match self {
            Self::ClipNorm(factor)
            | Self::ClipValue(factor)
            | Self::AddScaled(factor)
            | Self::Shrink(factor)
            | Self::Average(factor) => factor,
        }
    }

    /// Whether it reads y.
    pub fn reads_another(self) -> bool {
        matches!(self, Self::AddScaled(_) | Self::Average(_))
    }

    /// Its kernel.
    #[cfg(feature = "cuda")]
    pub fn kernel(self) -> Kernel {
        match self {
            Self::ClipNorm(_) => kernel!("passes", PASSES, "clip_norm"),
            Self::ClipValue(_) => kernel!("passes", PASSES, "clip_value"),
            Self::AddScaled(_) => kernel!("passes", PASSES, "add_scaled"),
            Self::Shrink(_) => kernel!("passes", PASSES, "shrink"),
            Self::Average(_) => kernel!("passes", PASSES, "average"),
        }
    }
}

/// Adds the squares of an array to a sum, by one block.
#[cfg(feature = "cuda")]
#[doc(hidden)]
pub const ADD_SQUARES: Kernel = kernel!("passes", PASSES, "add_squares");
