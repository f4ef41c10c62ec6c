//! Along what a Jacobian is taken: slow mode looks at every element, fast mode along one random vector.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// The vectors along which one side of a Jacobian is probed.
#[derive(Debug, Clone)]
pub(super) enum Probe {
    /// Along each of `n` elements in turn.
    Each(usize),
    /// Along one unit vector.
    Along(Vec<f64>),
}

impl Probe {
    /// How many vectors there are.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Each(n) => *n,
            Self::Along(_) => 1,
        }
    }

    /// Vector number `k`.
    pub(super) fn vector(&self, k: usize) -> Vec<f64> {
        match self {
            Self::Each(n) => (0..*n).map(|i| f64::from(u8::from(i == k))).collect(),
            Self::Along(vector) => vector.clone(),
        }
    }

    /// The component of `values` along every vector.
    pub(super) fn project(&self, values: &[f64]) -> Vec<f64> {
        match self {
            Self::Each(_) => values.to_vec(),
            Self::Along(vector) => vec![dot(vector, values)],
        }
    }

    /// How large the component along one vector gets when every element is 1 or -1.
    pub(super) fn weight(&self) -> f64 {
        match self {
            Self::Each(_) => 1.0,
            Self::Along(vector) => vector.iter().map(|v| v.abs()).sum(),
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

/// A random unit vector without small elements.
pub(super) fn unit(n: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let vector = random(n, rng);
    let norm = dot(&vector, &vector).sqrt();
    vector.into_iter().map(|v| v / norm).collect()
}
