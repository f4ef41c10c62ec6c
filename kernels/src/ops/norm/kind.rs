//! The normalisations by name.

/// How a matrix is normalised: each of its rows, or each of its columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[doc(hidden)]
pub enum NormKind {
    /// [`rms_norm`](crate::ops::rms_norm()).
    Rms,
    /// [`layer_norm`](crate::ops::layer_norm()).
    Layer,
    /// [`batch_norm`](crate::ops::batch_norm()), of columns.
    Batch,
}

impl NormKind {
    /// All normalisations.
    pub const ALL: [Self; 3] = [Self::Rms, Self::Layer, Self::Batch];

    /// What is added to a mean of squares under the root.
    pub const EPSILON: f64 = super::EPSILON;

    /// The name of its operation.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rms => "rms_norm",
            Self::Layer => "layer_norm",
            Self::Batch => "batch_norm",
        }
    }

    /// Whether the mean is subtracted, and a shift added in the end.
    pub fn is_centred(self) -> bool {
        self != Self::Rms
    }

    /// The floating-point operations for each element, forward and backward.
    pub fn flops(self) -> [usize; 2] {
        match self {
            // Square and sum, two products; then the same sum, two products, the sum of products with the
            // scale, and for the gradient of x four products and a difference.
            Self::Rms => [4, 11],
            // A sum more forward and two backward, and three differences or shifts each.
            Self::Layer | Self::Batch => [8, 18],
        }
    }
}
