//! Means, deviations and ranks.

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The standard deviation of a sample; 0 of a single value.
pub(crate) fn deviation(values: &[f64]) -> f64 {
    let center = mean(values);
    let squares: f64 = values.iter().map(|value| (value - center).powi(2)).sum();
    (squares / (values.len() - 1).max(1) as f64).sqrt()
}

/// The correlation of the ranks of `x` and `y`, where equal numbers have the mean of theirs; 0 where all of one
/// are equal, so that nothing says which are large.
pub(crate) fn rank_correlation(x: &[f64], y: &[f64]) -> f64 {
    let (x, y) = (ranks(x), ranks(y));
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    let sizes = (dot(&x, &x) * dot(&y, &y)).sqrt();
    if sizes > 0. { dot(&x, &y) / sizes } else { 0. }
}

/// The ranks less their mean.
fn ranks(x: &[f64]) -> Vec<f64> {
    let mut sorted = x.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = |a: &f64| {
        let below = sorted.partition_point(|b| b < a);
        let up_to = sorted.partition_point(|b| b <= a);
        (below + up_to) as f64 / 2. - x.len() as f64 / 2.
    };
    x.iter().map(rank).collect()
}
