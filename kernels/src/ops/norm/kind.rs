//! The normalisations by name.

/// How the rows of a matrix are normalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[doc(hidden)]
pub enum NormKind {
    /// [`rms_norm`](crate::ops::rms_norm()).
    Rms,
    /// [`layer_norm`](crate::ops::layer_norm()).
    Layer,
}

impl NormKind {
    /// All normalisations.
    pub const ALL: [Self; 2] = [Self::Rms, Self::Layer];

    /// The name of its operation.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rms => "rms_norm",
            Self::Layer => "layer_norm",
        }
    }

    /// Whether the mean of a row is subtracted, and a shift added in the end.
    pub fn is_centred(self) -> bool {
        self == Self::Layer
    }

    /// The floating-point operations for each element, forward and backward.
    pub fn flops(self) -> [usize; 2] {
        match self {
            // Square and sum, two products; then the same sum, two products, the sum of products with the
            // scale, and for the gradient of x four products and a difference.
            Self::Rms => [4, 11],
            // A sum more forward and two backward, and three differences or shifts each.
            Self::Layer => [8, 18],
        }
    }
}
