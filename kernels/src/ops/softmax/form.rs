//! Which of the two functions is computed, and along which elements.

/// What softmax returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Numbers that sum to 1.
    Probabilities,
    /// Their natural logarithms.
    Logarithms,
}

impl Form {
    #[cfg(test)]
    pub(super) const ALL: [Self; 2] = [Self::Probabilities, Self::Logarithms];

    /// The name of its operation.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Probabilities => "softmax",
            Self::Logarithms => "log_softmax",
        }
    }
}

/// The slices of a contiguous tensor along one axis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slices {
    /// The elements of each.
    pub(super) len: usize,
    /// From one of its elements to the next, which is how many slices lie side by side.
    pub(super) stride: usize,
}

impl Slices {
    /// Those of a tensor of shape `dims` along `dim`.
    pub(super) fn new(dims: &[usize], dim: usize) -> Self {
        Self { len: dims[dim], stride: dims[dim + 1..].iter().product() }
    }

    /// The elements of the slices that lie side by side.
    pub(super) fn block(self) -> usize {
        self.len * self.stride
    }
}
