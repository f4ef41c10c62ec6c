//! The activations that a layer can apply to its own output.

/// The activation applied to the output of an affine layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Activation {
    /// None: the layer is affine.
    #[default]
    Identity,
    /// Negative elements become 0, as with [`relu`](crate::ops::relu).
    Relu,
}

#[cfg(feature = "cuda")]
impl Activation {
    /// All activations.
    pub const ALL: [Self; 2] = [Self::Identity, Self::Relu];
}
