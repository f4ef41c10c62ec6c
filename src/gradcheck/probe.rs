//! The vectors along which Jacobians are probed: every basis vector in slow mode, a few random ones in fast
//! mode.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// The vectors along which one side of a Jacobian, its rows or its columns, is probed.
#[derive(Debug, Clone)]
pub(super) enum Probe {
    /// The `n` basis vectors, one for each element.
    Basis(usize),
    /// A few unit vectors that differ only in the signs of their elements.
    Random(Vec<Vec<f64>>),
}

impl Probe {
    /// The number of vectors.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Basis(n) => *n,
            Self::Random(vectors) => vectors.len(),
        }
    }

    /// Vector number `k`.
    pub(super) fn vector(&self, k: usize) -> Vec<f64> {
        match self {
            Self::Basis(n) => (0..*n).map(|i| f64::from(u8::from(i == k))).collect(),
            Self::Random(vectors) => vectors.get(k).cloned().unwrap_or_default(),
        }
    }

    /// The inner product of `values` with every vector.
    pub(super) fn project(&self, values: &[f64]) -> Vec<f64> {
        match self {
            Self::Basis(_) => values.to_vec(),
            Self::Random(vectors) => vectors.iter().map(|vector| dot(vector, values)).collect(),
        }
    }

    /// The size of the terms in the inner product of `values` with vector number `k`: the sum of |v x|.
    pub(super) fn magnitude(&self, k: usize, values: &[f64]) -> f64 {
        match self {
            Self::Basis(_) => values.get(k).map_or(0.0, |value| value.abs()),
            Self::Random(vectors) => vectors.get(k).map_or(0.0, |vector| {
                vector.iter().zip(values).filter(|(_, x)| x.is_finite()).map(|(v, x)| (v * x).abs()).sum()
            }),
        }
    }

    /// The root mean square of independent errors in the inner products, each as large as its element of
    /// `values`.
    pub(super) fn spread(&self, values: &[f64]) -> f64 {
        match self {
            Self::Basis(_) => 0.0,
            Self::Random(vectors) => vectors.first().map_or(0.0, |vector| {
                let terms = vector.iter().zip(values).filter(|(_, x)| x.is_finite());
                terms.map(|(v, x)| (v * x).powi(2)).sum::<f64>().sqrt()
            }),
        }
    }

    /// The 1-norm of the vectors, which is the same for all of them.
    pub(super) fn norm1(&self) -> f64 {
        match self {
            Self::Basis(_) => 1.0,
            Self::Random(vectors) => vectors.first().map_or(0.0, |v| v.iter().map(|x| x.abs()).sum()),
        }
    }
}

/// The inner product.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `n` random numbers of random sign with magnitudes in [0.5, 1), so that no element goes unseen.
pub(super) fn random_vector(n: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    (0..n).map(|_| rng.random_range(0.5..1.0) * if rng.random::<bool>() { 1.0 } else { -1.0 }).collect()
}

/// Up to four random unit vectors of length `n` without small elements; the first is positive.
///
/// A single projection of a Jacobian may be close to zero by chance and hide a relative error; that all
/// sixteen of four vectors by four are is unlikely.
pub(super) fn random_unit_vectors(n: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<f64>> {
    let first = random_vector(n, rng);
    let norm = dot(&first, &first).sqrt();
    let first: Vec<f64> = first.into_iter().map(|v| v.abs() / norm).collect();
    let flip = |v: &f64, rng: &mut ChaCha8Rng| if rng.random::<bool>() { *v } else { -v };
    let flipped: Vec<Vec<f64>> =
        (1..n.min(4)).map(|_| first.iter().map(|v| flip(v, rng)).collect()).collect();
    std::iter::once(first).chain(flipped).collect()
}
