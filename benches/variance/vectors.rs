//! Sums and means.

/// Panics unless `a` and `b` differ by rounding alone.
pub(crate) fn same(what: &str, a: f64, b: f64) {
    let difference = (a - b).abs();
    assert!(difference <= 1e-12 + 1e-9 * b.abs(), "{what}: {a} and {b} differ");
}

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The squared distance.
pub(crate) fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}

pub(crate) fn mean(vectors: &[Vec<f64>]) -> Vec<f64> {
    (0..vectors[0].len()).map(|i| vectors.iter().map(|v| v[i]).sum::<f64>() / vectors.len() as f64).collect()
}

pub(crate) fn average(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    f64::midpoint(values[(values.len() - 1) / 2], values[values.len() / 2])
}

/// The median, the least and the largest.
pub(crate) fn spread(values: Vec<f64>) -> String {
    let (least, largest) = values.iter().fold((f64::MAX, f64::MIN), |(a, b), &v| (a.min(v), b.max(v)));
    format!("{:.4} ({least:.4} to {largest:.4})", median(values))
}
