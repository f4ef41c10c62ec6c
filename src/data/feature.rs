//! What the features of a row are.

/// What a feature is, and so what it becomes where it is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FeatureKind {
    /// A number: where it is missing, the mean or the median.
    #[default]
    Number,
    /// One of several features of a text or a date: where it is missing, the mean.
    Part,
    /// One of the zeros and ones of a text, beside a feature that says where the text is missing: there 0, so
    /// that being missing is a value of its own.
    MarkedPart,
    /// NaN where the value of its column is missing and 0 elsewhere, which becomes 1 and 0. It stays 0 if no row
    /// to train on is missing: nothing can be learnt of it.
    Missing,
    /// The code of a text among so many `values`, counted from 0; any other is of a text that is not among
    /// them, and NaN is missing. It becomes the mean of a target ([`CategoryMeans`](super::CategoryMeans)).
    Code {
        /// The number of values.
        values: usize,
        /// The index of the target.
        target: usize,
    },
}
