//! Along what a Jacobian is taken: slow mode looks at every element, fast mode along a few random vectors.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// The vectors along which one side of a Jacobian is probed.
#[derive(Debug, Clone)]
pub(super) enum Probe {
    /// Along each of `n` elements in turn.
    Each(usize),
    /// Along a few unit vectors, whose elements differ in sign only.
    Along(Vec<Vec<f64>>),
}

impl Probe {
    /// How many vectors there are.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Each(n) => *n,
            Self::Along(vectors) => vectors.len(),
        }
    }

    /// Vector number `k`.
    pub(super) fn vector(&self, k: usize) -> Vec<f64> {
        match self {
            Self::Each(n) => (0..*n).map(|i| f64::from(u8::from(i == k))).collect(),
            Self::Along(vectors) => vectors.get(k).cloned().unwrap_or_default(),
        }
    }

    /// The component of `values` along every vector.
    pub(super) fn project(&self, values: &[f64]) -> Vec<f64> {
        match self {
            Self::Each(_) => values.to_vec(),
            Self::Along(vectors) => vectors.iter().map(|vector| dot(vector, values)).collect(),
        }
    }

    /// How large the component along vector number `k` gets when an element of `values` has either sign.
    pub(super) fn size(&self, k: usize, values: &[f64]) -> f64 {
        match self {
            Self::Each(_) => values.get(k).map_or(0.0, |value| value.abs()),
            Self::Along(vectors) => vectors.get(k).map_or(0.0, |vector| {
                vector.iter().zip(values).filter(|(_, x)| x.is_finite()).map(|(v, x)| (v * x).abs()).sum()
            }),
        }
    }

    /// How large the component along one vector gets when every element is 1 or -1.
    pub(super) fn weight(&self) -> f64 {
        match self {
            Self::Each(_) => 1.0,
            Self::Along(vectors) => vectors.first().map_or(0.0, |v| v.iter().map(|x| x.abs()).sum()),
        }
    }
}

/// The inner product.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `n` random numbers of either sign whose magnitude lies in [0.5, 1): no element goes unseen.
pub(super) fn random(n: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    (0..n).map(|_| rng.random_range(0.5..1.0) * if rng.random::<bool>() { 1.0 } else { -1.0 }).collect()
}

/// Up to four random unit vectors of length `n` without small elements, the first of them positive.
///
/// One projection of a Jacobian may be near zero by chance, and hide an error that is relative to it; the sixteen of
/// four vectors by four hardly are all at once.
pub(super) fn units(n: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<f64>> {
    let first = random(n, rng);
    let norm = dot(&first, &first).sqrt();
    let first: Vec<f64> = first.into_iter().map(|v| v.abs() / norm).collect();
    let flip = |v: &f64, rng: &mut ChaCha8Rng| if rng.random::<bool>() { *v } else { -v };
    let flipped: Vec<Vec<f64>> =
        (1..n.min(4)).map(|_| first.iter().map(|v| flip(v, rng)).collect()).collect();
    std::iter::once(first).chain(flipped).collect()
}
